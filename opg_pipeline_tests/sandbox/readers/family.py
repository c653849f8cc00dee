"""Readers of the apps about families: care, planning, farmers' cards, vacancies."""

from __future__ import annotations

import hashlib
import hmac
import io
import re
import time
from collections.abc import Mapping
from typing import Any

import httpx
import openpyxl  # type: ignore[import-untyped,unused-ignore]

from . import Answers, Reader


def rows_of(content: bytes) -> list[tuple[Any, ...]]:
    """The cells of the one sheet of a workbook."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    return list(book.active.iter_rows(values_only=True))


def cells_text(rows: list[tuple[Any, ...]]) -> str:
    """The cells as lines of text."""
    return "\n".join("\t".join("" if cell is None else str(cell) for cell in row) for row in rows)


async def simfoni_ppa(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    path, page, total = "/simfoni_ppa/api/v2/kasus", 1, 1
    while (page - 1) * 60 < total:
        query, stamp = f"halaman={page}&per_halaman=60", str(int(time.time()))
        message = f"GET\n{path}\n{query}\n{stamp}"
        signature = hmac.new(keys["SIMFONI_PPA_SECRET"].encode(), message.encode(), hashlib.sha256).hexdigest()
        headers = {"X-Client-Id": keys["SIMFONI_PPA_CLIENT"], "X-Timestamp": stamp, "X-Signature": signature}
        answer = (await client.get(f"{path}?{query}", headers=headers)).raise_for_status()
        yield answer.text, [row["no_kasus"] for row in answer.json()["data"]]
        total, page = answer.json()["total"], page + 1


async def elsimil_siga(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    token = re.search(r'name="_token" value="([^"]+)"', (await client.get("/elsimil_siga/login")).text)
    assert token is not None
    form = {
        "_token": token[1],
        "username": keys["ELSIMIL_SIGA_USER"],
        "password": keys["ELSIMIL_SIGA_PASSWORD"],
    }
    assert (await client.post("/elsimil_siga/login", data=form)).status_code == 302
    for year in (await client.get("/elsimil_siga/ekspor/tahun")).raise_for_status().json()["tahun"]:
        answer = await client.get("/elsimil_siga/ekspor/kecamatan", params={"tahun": year})
        rows = rows_of(answer.raise_for_status().content)
        assert rows[2][1:7] == ("Kode Kecamatan", "Kecamatan", "Kode Indikator", "Indikator", "Satuan", "Jan")
        yield (
            cells_text(rows),
            [
                f"{year}/{row[1]}/{row[3]}/{month:02d}"
                for row in rows[3:]
                for month, cell in enumerate(row[6:18], 1)
                if cell is not None
            ],
        )


async def kpm_petani(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    rows = rows_of((await client.get("/kpm_petani/bagi/erdkk/KPM_eRDKK.xlsx")).raise_for_status().content)
    assert rows[2][:3] == ("No RDKK", "NIK", "Nama Petani")
    yield cells_text(rows), [row[0] for row in rows[3:]]


async def siapkerja_loker(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    page = last = 1
    headers = {"X-API-KEY": keys["SIAPKERJA_LOKER_KEY"]}
    while page <= last:
        params = {"page": page, "per_page": 250}
        answer = await client.get("/siapkerja_loker/api/v1/lowongan", params=params, headers=headers)
        found = answer.raise_for_status().json()
        yield answer.text, [row["id_loker"] for row in found["data"]]
        page, last = page + 1, found["meta"]["last_page"]


READERS: dict[str, Reader] = {
    "simfoni_ppa": simfoni_ppa,
    "elsimil_siga": elsimil_siga,
    "kpm_petani": kpm_petani,
    "siapkerja_loker": siapkerja_loker,
}
