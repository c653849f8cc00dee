"""Readers of the whistleblowing system, the procurement plan, the tenders and the open contracting portal."""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Mapping
from hashlib import sha256

import httpx

from . import Answers, Reader


async def wbs(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    page = pages = 1
    path = "/wbs/api/v1/pengaduan"
    while page <= pages:
        query, stamp = f"halaman={page}&per_halaman=50", str(int(time.time()))
        message = f"GET\n{path}\n{query}\n{stamp}"
        signature = hmac.new(keys["WBS_KEY_SECRET"].encode(), message.encode(), sha256).hexdigest()
        headers = {"X-WBS-Key": keys["WBS_KEY_ID"], "X-WBS-Timestamp": stamp, "X-WBS-Signature": signature}
        answer = (await client.get(f"{path}?{query}", headers=headers)).raise_for_status()
        pages = answer.json()["jumlah_halaman"]
        yield answer.text, [row["nomor"] for row in answer.json()["data"]]
        page += 1


async def sirup(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    head = f"/sirup/isb-2/api/{keys['SIRUP_KEY']}/json/736987732/RUP-PaketPenyedia-Terumumkan/tipe/4:12/parameter"
    for year in (2024, 2025, 2026):
        answer = (await client.get(f"{head}/{year}:D162")).raise_for_status()
        yield answer.text, [row["kd_rup"] for row in answer.json()]


async def spse_lpse(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    page = (await client.get("/spse_lpse/eproc4/lelang")).raise_for_status()
    token = re.search(r'name="authenticityToken" value="([^"]+)"', page.text)
    assert token is not None
    start, total = 0, 1
    while start < total:
        form = {"draw": "1", "start": str(start), "length": "250", "authenticityToken": token[1]}
        answer = (await client.post("/spse_lpse/eproc4/dt/lelang", data=form)).raise_for_status()
        total = answer.json()["recordsFiltered"]
        yield answer.text, [row[0] for row in answer.json()["data"]]
        start += 250


async def bos_open_contract(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    url: str | None = "/bos_open_contract/api/releases.json?pageSize=250"
    while url:
        answer = (await client.get(url)).raise_for_status()
        yield answer.text, [release["id"] for release in answer.json()["releases"]]
        url = answer.json()["links"].get("next")


READERS: dict[str, Reader] = {
    "wbs": wbs,
    "sirup": sirup,
    "spse_lpse": spse_lpse,
    "bos_open_contract": bos_open_contract,
}
