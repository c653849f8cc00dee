"""Readers of the library's members and of social aid."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping
from xml.etree import ElementTree

import httpx

from . import Answers, Reader

OAI = "{http://www.openarchives.org/OAI/2.0/}"
QUERY = """query ($limit: Int = 500, $offset: Int) { kepesertaan(limit: $limit, offset: $offset) { total adaLagi # pages
  items { id status tanggalUsulan nominalPerTahap program { kode } tahap { ke nominal tanggalSalur }
    penerima { nik noKk nama alamat desa } } } }"""


async def log_in(client: httpx.AsyncClient, path: str, user: str, password: str) -> dict[str, str]:
    """The cookie header of a session in the manner of Laravel."""
    token = re.search(r'name="_token" value="([^"]+)"', (await client.get(path)).raise_for_status().text)
    assert token
    form = {"_token": token[1], "username": user, "password": password}
    answer = await client.post(path, data=form, follow_redirects=False)
    assert answer.status_code == 302
    return {"Cookie": answer.headers["set-cookie"].split(";")[0]}


async def inlislite(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    query = {"verb": "ListRecords", "metadataPrefix": "oai_dc"}
    while True:
        answer = (await client.get("/inlislite/oai", params=query)).raise_for_status()
        root = ElementTree.fromstring(answer.text)
        yield answer.text, [element.text or "" for element in root.iterfind(f".//{OAI}header/{OAI}identifier")]
        token = root.findtext(f".//{OAI}resumptionToken")
        if not token:
            return
        query = {"verb": "ListRecords", "resumptionToken": token}


async def si_bantu(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    headers = {"Authorization": f"Bearer {keys['SI_BANTU_TOKEN']}"}
    offset, more = 0, True
    while more:
        asked = {"query": QUERY, "variables": {"offset": offset}}
        answer = (await client.post("/si_bantu/graphql", json=asked, headers=headers)).raise_for_status()
        found = answer.json()["data"]["kepesertaan"]
        yield answer.text, [item["id"] for item in found["items"]]
        offset, more = offset + 500, found["adaLagi"]


async def siks_ng(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    cookie = await log_in(client, "/siks_ng/login", keys["SIKS_NG_USER"], keys["SIKS_NG_PASSWORD"])
    listed = (await client.get("/siks_ng/unduh/rilis", headers=cookie)).raise_for_status().json()
    for release in listed["rilis"]:
        answer = await client.get("/siks_ng/unduh/dtsen.zip", params={"rilis": release["kode"]}, headers=cookie)
        with zipfile.ZipFile(io.BytesIO(answer.raise_for_status().content)) as archive:
            text = archive.read(archive.namelist()[0], keys["SIKS_NG_ZIP_PASSWORD"].encode()).decode()
        lines = text.splitlines()
        assert lines[0].split(";")[0] in ("IDKPM", "id_kepesertaan")
        assert len({line.count(";") for line in lines}) == 1
        yield text, [line.split(";")[0] for line in lines[1:]]


async def rumah_singgah(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    answer = (await client.get("/rumah_singgah/pub", params={"output": "csv"})).raise_for_status()
    yield answer.text, [row["No. Permohonan"] for row in csv.DictReader(io.StringIO(answer.text))]


READERS: dict[str, Reader] = {
    "inlislite": inlislite,
    "si_bantu": si_bantu,
    "siks_ng": siks_ng,
    "rumah_singgah": rumah_singgah,
}
