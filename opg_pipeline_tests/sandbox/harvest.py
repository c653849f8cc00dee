"""Reads each service as its documentation says and gives the bodies and the delivered identifiers.

Assertions belong in the tests.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from xml.etree import ElementTree

import httpx
import openpyxl  # type: ignore[import-untyped,unused-ignore]

from .conftest import ask


async def bodies(client: httpx.AsyncClient, app: str) -> AsyncIterator[httpx.Response]:
    """Every answer needed to read the app whole."""
    if app in ("e_pbb", "ekatalog_v6"):
        offset, size = 0, 500 if app == "e_pbb" else 100
        while True:
            answer = await ask(client, app, limit=size, offset=offset)
            yield answer
            found = answer.json()
            offset += size
            if offset >= (found["meta"]["total"] if app == "e_pbb" else found["total"]):
                return
    elif app in ("e_bphtb", "si_nduk", "damkar"):
        names = {
            "e_bphtb": ("halaman", "per_halaman", 200),
            "si_nduk": ("page", "per_page", 200),
            "damkar": ("halaman", "ukuran", 50),
        }
        parameter, size_parameter, most = names[app]
        page = pages = 1
        while page <= pages:
            answer = await ask(client, app, **{parameter: page, size_parameter: most})
            yield answer
            pages = pages_of(app, answer)
            page += 1
    elif app == "e_puskesmas":
        cursor: dict[str, str] = {}
        while True:
            answer = await ask(client, app, limit=200, **cursor)
            yield answer
            if not answer.json()["has_more"]:
                return
            cursor = {"cursor": answer.json()["next_cursor"]}
    elif app == "tma_bengawan_solo":
        answer = await ask(client, app, **{"$top": 400})
        while True:
            yield answer
            if "@iot.nextLink" not in answer.json():
                return
            answer = await client.get(answer.json()["@iot.nextLink"])
    else:
        yield await ask(client, app)


def sheet_of(answer: httpx.Response) -> Any:
    """The first sheet of a workbook."""
    book: Any = openpyxl.load_workbook(io.BytesIO(answer.content))
    return book.active


def pages_of(app: str, answer: httpx.Response) -> int:
    """How many pages the answer says there are."""
    if app == "e_bphtb":
        return int(ElementTree.fromstring(answer.text).attrib["total_halaman"])
    found = answer.json()
    return int(found["jumlah_halaman"] if app == "damkar" else found["pagination"]["total_pages"])


def identifiers(app: str, answer: httpx.Response) -> list[str]:
    """The identifiers of the records in one answer, in order."""
    if app == "e_bphtb":
        return [slip.attrib["no"] for slip in ElementTree.fromstring(answer.text).iter("sspd")]
    if app == "portal_berita":
        return [str(item.findtext("guid")) for item in ElementTree.fromstring(answer.text).iter("item")]
    if app == "sispan_sismon":
        rows = list(sheet_of(answer).iter_rows(values_only=True))
        return [f"{row[0]}/{row[1]}/{row[4]}" for row in rows[3:-1]]
    if app == "sapa_bupati":
        return [row[2] for row in list(csv.reader(io.StringIO(answer.text)))[2:]]
    if app == "wizztara":
        return [match[1] for line in answer.text.splitlines() if (match := re.match(r'\{"id": "([^"]+)"', line))]
    found = json.loads(answer.text)
    where, key = {
        "e_pbb": ("data", "ntpd"),
        "si_nduk": ("data", "no_registrasi"),
        "e_puskesmas": ("data", "id_kunjungan"),
        "tma_bengawan_solo": ("value", "@iot.id"),
        "gis_cctv": ("features", "id"),
        "ekatalog_v6": ("data", "kode_paket"),
        "damkar": ("laporan", "no_laporan"),
    }[app]
    return [str(row[key]) for row in found[where]]


def text_of(app: str, answer: httpx.Response) -> str:
    """The answer as text, a workbook as the text of its cells."""
    if app != "sispan_sismon":
        return answer.text
    rows = sheet_of(answer).iter_rows(values_only=True)
    return "\n".join("\t".join(str(cell) for cell in row) for row in rows)
