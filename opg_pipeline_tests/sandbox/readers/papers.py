"""Readers of the apps that hold papers: regulations, letters, wishes, the counters of the districts, associations."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import httpx
import openpyxl  # type: ignore[import-untyped,unused-ignore]

from . import Answers, Reader


async def jdih(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    answer = await client.get("/jdih/integrasi")
    answer.raise_for_status()
    yield answer.text, [row["idData"] for row in answer.json()]


async def srikandi(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    given = await client.post(
        "/srikandi/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(keys["SRIKANDI_CLIENT_ID"], keys["SRIKANDI_CLIENT_SECRET"]),
    )
    given.raise_for_status()
    headers = {"Authorization": f"Bearer {given.json()['access_token']}"}
    page = pages = 1
    while page <= pages:
        answer = await client.get("/srikandi/api/v1/naskah", params={"page": page, "limit": 500}, headers=headers)
        answer.raise_for_status()
        yield answer.text, [row["uuid"] for row in answer.json()["data"]]
        pages = answer.json()["meta"]["last_page"]
        page += 1


async def aspirasi_dprd(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    auth = (keys["ASPIRASI_DPRD_USER"], keys["ASPIRASI_DPRD_PASSWORD"])
    answer = await client.get("/aspirasi_dprd/ekspor/pokir.csv", auth=auth)
    answer.raise_for_status()
    text = answer.content.decode("iso-8859-1")
    assert "²" in text
    yield text, [row["ID_USULAN"] for row in csv.DictReader(io.StringIO(text, newline=""))]


async def paten(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    folder = await client.get("/paten/drop/")
    folder.raise_for_status()
    for name in re.findall(r'<a href="([^"]+\.xlsx)">', folder.text):
        answer = await client.get(f"/paten/drop/{name}")
        answer.raise_for_status()
        book: Any = openpyxl.load_workbook(io.BytesIO(answer.content))
        rows = [list(row) for row in book.active.iter_rows(values_only=True)]
        head = next(place for place, row in enumerate(rows) if sum(cell is not None for cell in row) == 12)
        key = next(rows[head].index(word) for word in ("No. Register", "NOMOR REG", "No Agenda") if word in rows[head])
        text = "\n".join("\t".join(str(cell) for cell in row) for row in rows)
        yield text, [str(row[key]) for row in rows[head + 1 :] if "JUMLAH" not in row]


async def siormas(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    answer = await client.get("/siormas/data/ormas.xml", auth=(keys["SIORMAS_USER"], keys["SIORMAS_PASSWORD"]))
    answer.raise_for_status()
    yield answer.text, [entry.attrib["nomor_skt"] for entry in ElementTree.fromstring(answer.text).iter("ormas")]


READERS: dict[str, Reader] = {
    "jdih": jdih,
    "srikandi": srikandi,
    "aspirasi_dprd": aspirasi_dprd,
    "paten": paten,
    "siormas": siormas,
}
