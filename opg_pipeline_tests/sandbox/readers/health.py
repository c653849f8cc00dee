"""Readers of the health services and of the population figures."""

from __future__ import annotations

import base64
import csv
import hmac
import io
import re
import time
from collections.abc import Mapping
from datetime import date, timedelta
from hashlib import sha256

import httpx
import openpyxl  # type: ignore[import-untyped,unused-ignore]

from . import Answers, Reader


def cells_of(answer: httpx.Response) -> list[tuple[str, ...]]:
    """The rows of the only sheet, empty cells as empty text."""
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    return [tuple(str(cell or "") for cell in row) for row in book.active.iter_rows(values_only=True)]


async def pcare_bpjs(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    first = date(2025, 6, 1)
    while first <= date(2026, 6, 30):
        last, start, total = first + timedelta(days=30), 0, 1
        while start < total:
            stamp = str(int(time.time()))
            message = f"{keys['PCARE_BPJS_CONS_ID']}&{stamp}"
            digest = hmac.new(keys["PCARE_BPJS_SECRET"].encode(), message.encode(), sha256).digest()
            headers = {
                "X-cons-id": keys["PCARE_BPJS_CONS_ID"],
                "X-timestamp": stamp,
                "X-signature": base64.b64encode(digest).decode(),
            }
            path = f"/pcare_bpjs/pcare-rest/kunjungan/tanggal/{first:%d-%m-%Y}/{last:%d-%m-%Y}/{start}/500"
            answer = (await client.get(path, headers=headers)).raise_for_status()
            code = answer.json()["metaData"]["code"]
            assert code in (200, 204)
            if code == 204:
                break
            total = answer.json()["response"]["count"]
            yield answer.text, [row["noKunjungan"] for row in answer.json()["response"]["list"]]
            start += 500
        first = last + timedelta(days=1)


async def satusehat(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    form = {
        "grant_type": "client_credentials",
        "client_id": keys["SATUSEHAT_CLIENT_ID"],
        "client_secret": keys["SATUSEHAT_CLIENT_SECRET"],
    }
    token = (await client.post("/satusehat/oauth2/v1/accesstoken", data=form)).raise_for_status().json()["access_token"]
    url: str | None = "/satusehat/fhir-r4/v1/Encounter?_count=500"
    while url:
        answer = (await client.get(url, headers={"Authorization": f"Bearer {token}"})).raise_for_status()
        bundle = answer.json()
        assert bundle["resourceType"] == "Bundle"
        yield answer.text, [entry["resource"]["id"] for entry in bundle["entry"]]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)


async def rsud_antrean(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    headers = {"X-Api-Key": keys["RSUD_ANTREAN_KEY"], "Authorization": f"Bearer {keys['RSUD_ANTREAN_TOKEN']}"}
    page = last = 1
    while page <= last:
        params = {"page": page, "per_page": 1000}
        answer = (await client.get("/rsud_antrean/api/v1/antrean", headers=headers, params=params)).raise_for_status()
        last = answer.json()["halaman"]["terakhir"]
        yield answer.text, [row["kode_booking"] for row in answer.json()["response"]]
        page += 1


async def e_ppgbm(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    form = await client.get("/e_ppgbm/login")
    token = re.search(r'name="_token" value="([^"]+)"', form.text)
    assert token is not None
    fields = {"_token": token[1], "username": keys["E_PPGBM_USER"], "password": keys["E_PPGBM_PASSWORD"]}
    assert (await client.post("/e_ppgbm/login", data=fields)).status_code == 302
    answer = (await client.get("/e_ppgbm/ekspor/balita.xlsx")).raise_for_status()
    rows = cells_of(answer)
    assert rows[2][0] == "ID Ukur"
    yield "\n".join("\t".join(row) for row in rows), [row[0] for row in rows[3:]]


async def siak_dkb(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    door = httpx.BasicAuth(keys["SIAK_DKB_USER"], keys["SIAK_DKB_PASSWORD"])
    answer = (await client.get("/siak_dkb/sftp/dkb/DKB_3522.xlsx", auth=door)).raise_for_status()
    rows = cells_of(answer)
    assert rows[2][4] == "Laki-laki"
    yield (
        "\n".join("\t".join(row) for row in rows),
        [f"{row[0]}/{row[1]}" for row in rows[3:] if not row[2].startswith("JUMLAH")],
    )


async def skdr(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    answer = await client.get("/skdr/ekspor/mingguan.csv", params={"api_key": keys["SKDR_KEY"]})
    rows = list(csv.DictReader(io.StringIO(answer.raise_for_status().text), delimiter=";"))
    names = ("tahun", "minggu", "kode_faskes", "kode_penyakit")
    yield answer.text, ["/".join(row[name] for name in names) for row in rows]


async def psc119(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    page, full = 1, True
    while full:
        params: dict[str, str | int] = {
            "api_key": keys["PSC119_KEY"],
            "updated_after": "2025-01-01T00:00:00Z",
            "page": page,
            "page_size": 250,
        }
        answer = (await client.get("/psc119/open311/v2/requests.json", params=params)).raise_for_status()
        yield answer.text, [row["service_request_id"] for row in answer.json()]
        full = len(answer.json()) == 250
        page += 1


READERS: dict[str, Reader] = {
    "pcare_bpjs": pcare_bpjs,
    "satusehat": satusehat,
    "rsud_antrean": rsud_antrean,
    "e_ppgbm": e_ppgbm,
    "siak_dkb": siak_dkb,
    "skdr": skdr,
    "psc119": psc119,
}
