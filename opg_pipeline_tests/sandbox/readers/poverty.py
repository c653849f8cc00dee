"""Readers of the apps of planning against poverty and of the inspectorate."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from . import Answers, Reader
from .money import cells_text, log_in, sheets_of


async def damisda(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    form = {
        "grant_type": "client_credentials",
        "client_id": keys["DAMISDA_CLIENT_ID"],
        "client_secret": keys["DAMISDA_CLIENT_SECRET"],
    }
    token = (await client.post("/damisda/oauth2/token", data=form)).raise_for_status().json()
    headers = {"Authorization": f"Bearer {token['access_token']}", "Prefer": "odata.maxpagesize=1000"}
    address: str | None = "/damisda/odata/v4/DasimdaKK?$count=true"
    while address:
        answer = (await client.get(address, headers=headers)).raise_for_status()
        found = answer.json()
        yield answer.text, [row["IdKeluarga"] for row in found["value"]]
        address = found.get("@odata.nextLink")


async def e_musrenbang(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    await log_in(client, "/e_musrenbang/login", keys["E_MUSRENBANG_USER"], keys["E_MUSRENBANG_PASSWORD"])
    address: str | None = "/e_musrenbang/usulan/data?per_page=250"
    while address:
        answer = (await client.get(address)).raise_for_status()
        found = answer.json()
        yield answer.text, [row["kode_usulan"] for row in found["data"]]
        address = found["next_page_url"]


async def e_tlhp(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    auth = httpx.BasicAuth(keys["E_TLHP_USER"], keys["E_TLHP_PASSWORD"])
    answer = (await client.get("/e_tlhp/berkas/tlhp.xlsx", auth=auth)).raise_for_status()
    rows = sheets_of(answer.content)["TLHP"]
    assert rows[2][0] == "Nomor"
    yield cells_text(rows), [row[2] for row in rows[3:]]


READERS: dict[str, Reader] = {"damisda": damisda, "e_musrenbang": e_musrenbang, "e_tlhp": e_tlhp}
