"""Readers of the apps of money: taxes, payments, budgets, assets."""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import io
import re
import time
from collections.abc import Mapping
from html import unescape
from typing import Any
from urllib.parse import urlencode

import httpx
import openpyxl  # type: ignore[import-untyped,unused-ignore]

from . import Answers, Reader


def sheets_of(content: bytes) -> dict[str, list[tuple[Any, ...]]]:
    """The cells of each sheet of a workbook."""
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}


def cells_text(rows: list[tuple[Any, ...]]) -> str:
    """The cells as lines of text."""
    return "\n".join("\t".join("" if cell is None else str(cell) for cell in row) for row in rows)


async def log_in(client: httpx.AsyncClient, path: str, user: str, password: str) -> None:
    """Go through a Laravel login; the client keeps the cookie."""
    page = (await client.get(path)).text
    token = re.search(r'name="_token" value="([^"]+)"', page)
    assert token is not None
    form = {"_token": token[1], "username": user, "password": password}
    answer = await client.post(path, data=form)
    assert answer.status_code == 302


async def simpatdu(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    login = {"username": keys["SIMPATDU_USER"], "password": keys["SIMPATDU_PASSWORD"]}
    answer = (await client.post("/simpatdu/api/login", json=login)).raise_for_status()
    headers = {"Authorization": f"Bearer {answer.json()['data']['token']}"}
    page = pages = 1
    while page <= pages:
        params = {"page": page, "per_page": 500}
        answer = await client.get("/simpatdu/api/pembayaran", params=params, headers=headers)
        found = answer.raise_for_status().json()
        yield answer.text, [row["id_transaksi"] for row in found["data"]]
        page, pages = page + 1, found["last_page"]


async def dijamin_minul(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    headers = {"Authorization": f"Bearer {keys['DIJAMIN_MINUL_TOKEN']}"}
    address: str | None = "/dijamin_minul/api/v2/sptpd?per_page=70"
    while address:
        answer = (await client.get(address, headers=headers)).raise_for_status()
        yield answer.text, [row["nomor_sptpd"] for row in answer.json()]
        address = answer.links.get("next", {}).get("url")


async def epayment_qris(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    cursor = ""
    while True:
        target = f"/epayment_qris/v1/transaksi?{urlencode({'limit': 1000, 'cursor': cursor})}"
        stamp = str(int(time.time()))
        message = f"GET\n{target}\n{stamp}".encode()
        headers = {
            "X-CLIENT-ID": keys["EPAYMENT_QRIS_CLIENT"],
            "X-TIMESTAMP": stamp,
            "X-SIGNATURE": hmac.new(keys["EPAYMENT_QRIS_SECRET"].encode(), message, hashlib.sha256).hexdigest(),
        }
        answer = (await client.get(target, headers=headers)).raise_for_status()
        found = answer.json()
        yield answer.text, [row["id_pembayaran"] for row in found["transaksi"]]
        cursor = found["cursor_berikut"]
        if not cursor:
            return


async def smart_report(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    await log_in(client, "/smart_report/login", keys["SMART_REPORT_USER"], keys["SMART_REPORT_PASSWORD"])
    for month in (await client.get("/smart_report/bulan")).raise_for_status().json()["bulan"]:
        answer = (await client.get("/smart_report/rekap", params={"bulan": month})).raise_for_status()
        rows = re.findall(r"<tr>(<td>.*?)</tr>", answer.json()["html"])
        yield unescape("\n".join(rows)), [row.split("</td>")[0].removeprefix("<td>") for row in rows]


async def sipd_ri(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    headers = {"Authorization": f"Bearer {keys['SIPD_RI_TOKEN']}"}
    page, read, total = 1, 0, 1
    while read < total:
        form = {"page": str(page), "limit": "1000"}
        answer = await client.post("/sipd_ri/penatausahaan/rincian/list", data=form, headers=headers)
        (found,) = answer.raise_for_status().json()
        yield answer.text, [str(row["id_rincian"]) for row in found["data"]]
        page, read, total = page + 1, read + len(found["data"]), found["total"]


async def siskeudes(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    pair = f"{keys['SISKEUDES_USER']}:{keys['SISKEUDES_PASSWORD']}".encode()
    headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    async def table(name: str) -> tuple[str, list[dict[str, str]]]:
        answer = (await client.get(f"/siskeudes/ekspor/{name}", headers=headers)).raise_for_status()
        assert answer.content.startswith(b"\xff\xfe")
        text = answer.content.decode("utf-16")
        return text, list(csv.DictReader(io.StringIO(text), delimiter=";"))

    for village in (await table("indeks.csv"))[1]:
        text, rows = await table(village["Berkas"])
        assert len(rows) == int(village["Jumlah_Baris"])
        yield text, [row["Id_Baris"] for row in rows]


async def simda_bmd(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    auth = httpx.BasicAuth(keys["SIMDA_BMD_USER"], keys["SIMDA_BMD_PASSWORD"])
    answer = (await client.get("/simda_bmd/drop/KIB.xlsx", auth=auth)).raise_for_status()
    for title, rows in sheets_of(answer.content).items():
        assert title.startswith("KIB ")
        assert rows[3][0] == "ID Barang"
        yield cells_text(rows), [row[0] for row in rows[4:]]


READERS: dict[str, Reader] = {
    "simpatdu": simpatdu,
    "dijamin_minul": dijamin_minul,
    "epayment_qris": epayment_qris,
    "smart_report": smart_report,
    "sipd_ri": sipd_ri,
    "siskeudes": siskeudes,
    "simda_bmd": simda_bmd,
}
