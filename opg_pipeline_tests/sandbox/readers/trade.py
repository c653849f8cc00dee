"""Readers of the apps of trade: prices, small businesses, visitors."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import date, timedelta

import httpx

from . import Answers, Reader

BROWSER = {
    "X-Requested-With": "XMLHttpRequest",
    "Referer": "https://siskaperbapo.example/harga/tabel",
    "User-Agent": "reader/1 (+mailto:data@kabupaten.example)",
}
MONTHS = "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember".split()  # noqa: SIM905


async def disdag_online(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    for district in (await client.get("/disdag_online/trend/kecamatan")).json():
        day = date(2025, 6, 25)
        while day <= date(2026, 6, 30):
            form = {
                "id_skpd": district["id_skpd"],
                "tgl_awal": day.isoformat(),
                "tgl_akhir": (day + timedelta(days=30)).isoformat(),
            }
            answer = await client.post("/disdag_online/trend/generate_content_tabel_harga", data=form)
            assert answer.json()["success"]
            prices = re.findall(r'data-kode="([^"]+)" data-tgl="([^"]+)"', answer.json()["konten_harga"])
            yield answer.text, [f"{district['id_skpd']}/{asked}/{code}" for code, asked in prices]
            day += timedelta(days=31)


async def siskaperbapo(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    assert (await client.get("/siskaperbapo/harga/pasar.json/bojonegorokab")).status_code == 403
    markets = await client.get("/siskaperbapo/harga/pasar.json/bojonegorokab", headers=BROWSER)
    days = await client.get("/siskaperbapo/harga/tanggal.json/bojonegorokab", headers=BROWSER)
    for market in markets.raise_for_status().json():
        for day in days.raise_for_status().json():
            form = {"tanggal": day, "kabkota": "bojonegorokab", "pasar": market["psr_id"]}
            answer = await client.post("/siskaperbapo/harga/tabel.nodesign/", data=form, headers=BROWSER)
            codes = re.findall(r'data-kode="([^"]+)"', answer.raise_for_status().text)
            yield answer.text, [f"{market['psr_id']}/{day}/{code}" for code in codes]


async def umkm_sidt(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    auth = httpx.BasicAuth(keys["UMKM_SIDT_CLIENT_ID"], keys["UMKM_SIDT_CLIENT_SECRET"])
    token = await client.post("/umkm_sidt/oauth2/token", data={"grant_type": "client_credentials"}, auth=auth)
    headers = {
        "Authorization": f"Bearer {token.raise_for_status().json()['access_token']}",
        "Prefer": "odata.maxpagesize=250",
    }
    address: str | None = "/umkm_sidt/odata/v4/Usaha?$count=true"
    while address:
        answer = (await client.get(address, headers=headers)).raise_for_status()
        yield answer.text, [row["IdUsaha"] for row in answer.json()["value"]]
        address = answer.json().get("@odata.nextLink")


async def wisata_kunjungan(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    text = (await client.get("/wisata_kunjungan/unduh/kunjungan.csv")).raise_for_status().text
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";")
    yield (
        text,
        [
            f"{row['Tahun']}-{MONTHS.index(row['Bulan']) + 1:02d}/{row['Destinasi']}/{origin}"
            for row in rows
            if row["Tahun"] != "JUMLAH"
            for origin, column in (("domestic", "Wisnus"), ("foreign", "Wisman"))
            if row[column] != ""
        ],
    )


READERS: dict[str, Reader] = {
    "disdag_online": disdag_online,
    "siskaperbapo": siskaperbapo,
    "umkm_sidt": umkm_sidt,
    "wisata_kunjungan": wisata_kunjungan,
}
