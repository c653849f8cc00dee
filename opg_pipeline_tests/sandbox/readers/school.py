"""Readers of the education office's apps."""

from __future__ import annotations

import re
from collections.abc import Mapping

import httpx

from . import Answers, Reader


async def dapodik(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    office = {"Authorization": f"Bearer {keys['DAPODIK_TOKEN']}"}
    listed = (await client.get("/dapodik/WebService/getSekolah", headers=office)).raise_for_status()
    for school in listed.json()["rows"]:
        npsn, start, results = school["npsn"], 0, 1
        own = {"Authorization": f"Bearer {keys[f'DAPODIK_TOKEN_{npsn}']}"}
        while start < results:
            params = {"npsn": npsn, "start": start, "limit": 500}
            answer = await client.get("/dapodik/WebService/getPesertaDidik", headers=own, params=params)
            found = answer.raise_for_status().json()
            results = found["results"]
            yield answer.text, [row[found["id"]] for row in found["rows"]]
            start += 500


async def spmb(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    form = await client.get("/spmb/login")
    token = re.search(r'name="_token" value="([^"]+)"', form.text)
    assert token is not None
    fields = {"_token": token[1], "username": keys["SPMB_USER"], "password": keys["SPMB_PASSWORD"]}
    assert (await client.post("/spmb/login", data=fields)).status_code == 302
    url: str | None = "/spmb/pendaftar?per_page=200"
    while url:
        answer = (await client.get(url)).raise_for_status()
        yield answer.text, [row["no_pendaftaran"] for row in answer.json()["data"]]
        url = answer.json()["next_page_url"]


async def beasiswa(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    offset, total = 0, 1
    while offset < total:
        params = {"offset": offset, "limit": 250}
        headers = {"X-Beasiswa-Key": keys["BEASISWA_KEY"]}
        answer = (await client.get("/beasiswa/api/penerima", headers=headers, params=params)).raise_for_status()
        total = answer.json()["jumlah"]
        yield answer.text, [row["id_pengajuan"] for row in answer.json()["penerima"]]
        offset += 250


READERS: dict[str, Reader] = {"dapodik": dapodik, "spmb": spmb, "beasiswa": beasiswa}
