"""Readers of the apps about the city's employees."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping

import httpx

from . import Answers, Reader
from .money import cells_text, sheets_of


async def simpeg(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    headers = {"Authorization": f"Bearer {keys['SIMPEG_TOKEN']}"}
    page = pages = 1
    while page <= pages:
        answer = await client.get("/simpeg/api/v1/pegawai", params={"page": page, "per_page": 500}, headers=headers)
        data = answer.raise_for_status().json()["data"]
        yield answer.text, [str(row["nipBaru"]) for row in data["items"]]
        page, pages = page + 1, data["pagination"]["total_pages"]


async def e_presensi(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    path, since, more = "/e_presensi/v1/presensi", 0, True
    while more:
        stamp = str(time.time_ns() // 1_000_000)
        message = f"{keys['E_PRESENSI_ID']}&{stamp}&{path}".encode()
        digest = hmac.new(keys["E_PRESENSI_SECRET"].encode(), message, hashlib.sha256).digest()
        headers = {
            "X-Api-Id": keys["E_PRESENSI_ID"],
            "X-Api-Timestamp": stamp,
            "X-Api-Signature": base64.b64encode(digest).decode(),
        }
        answer = await client.get(path, params={"since_id": since, "limit": 1000}, headers=headers)
        found = answer.raise_for_status().json()
        yield answer.text, [str(row["id"]) for row in found["data"]]
        since, more = found["last_id"], found["more"]


async def e_kinerja_bkn(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    pair = httpx.BasicAuth(keys["E_KINERJA_BKN_CLIENT_ID"], keys["E_KINERJA_BKN_CLIENT_SECRET"])
    form = {"grant_type": "client_credentials"}
    token = (await client.post("/e_kinerja_bkn/oauth/token", data=form, auth=pair)).raise_for_status().json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    page, last = 0, False
    while not last:
        answer = await client.get("/e_kinerja_bkn/api/penilaian", params={"page": page, "size": 500}, headers=headers)
        found = answer.raise_for_status().json()
        yield answer.text, [row["idPenilaian"] for row in found["content"]]
        page, last = page + 1, found["last"]


async def siladiklat(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    answer = (await client.get("/siladiklat/share/Rekap_Diklat.xlsx")).raise_for_status()
    rows = sheets_of(answer.content)["Rekap"]
    assert rows[1][0] == "No Sertifikat"
    yield cells_text(rows), [row[0] for row in rows[2:]]


READERS: dict[str, Reader] = {
    "simpeg": simpeg,
    "e_presensi": e_presensi,
    "e_kinerja_bkn": e_kinerja_bkn,
    "siladiklat": siladiklat,
}
