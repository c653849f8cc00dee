"""Readers of permits, of the service mall and of the guest book."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Mapping

import httpx

from . import Answers, Reader
from .social import log_in


async def client_token(client: httpx.AsyncClient, app: str, keys: Mapping[str, str]) -> dict[str, str]:
    """The header that OAuth 2.0 client credentials give."""
    form = {
        "grant_type": "client_credentials",
        "client_id": keys[f"{app.upper()}_CLIENT_ID"],
        "client_secret": keys[f"{app.upper()}_CLIENT_SECRET"],
    }
    found = (await client.post(f"/{app}/oauth/token", data=form)).raise_for_status().json()
    return {"Authorization": f"{found['token_type']} {found['access_token']}"}


async def oss_rba(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    headers = await client_token(client, "oss_rba", keys)
    page = last = 1
    while page <= last:
        answer = await client.get("/oss_rba/v1/proyek", params={"page": page, "per_page": 200}, headers=headers)
        found = answer.raise_for_status().json()
        yield answer.text, [row["id_proyek"] for row in found["dataProyek"]]
        page, last = page + 1, found["lastPage"]


async def simbg(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    headers = {"Authorization": f"Bearer {keys['SIMBG_TOKEN']}"}
    offset = count = 0
    while offset <= count:
        answer = await client.get("/simbg/api/permohonan", params={"offset": offset, "limit": 500}, headers=headers)
        found = answer.raise_for_status().json()
        yield answer.text, [row["nomor_registrasi"] for row in found["results"]]
        offset, count = offset + 500, found["count"]


async def mpp_antrian(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    headers = {"X-API-Key": keys["MPP_ANTRIAN_KEY"]}
    address = "/mpp_antrian/api/v1/tiket?per_page=300"
    while address:
        answer = (await client.get(address, headers=headers)).raise_for_status()
        yield answer.text, [str(row["id_tiket"]) for row in answer.json()]
        address = answer.links.get("next", {}).get("url", "")


async def bukutamu_dpmptsp(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    user, password = keys["BUKUTAMU_DPMPTSP_USER"], keys["BUKUTAMU_DPMPTSP_PASSWORD"]
    cookie = await log_in(client, "/bukutamu_dpmptsp/admin/login", user, password)
    address = "/bukutamu_dpmptsp/admin/bukutamu?per_page=200"
    pages: list[str] = []
    while address:
        answer = (await client.get(address, headers=cookie)).raise_for_status()
        body = answer.text.split('id="tabel-bukutamu"')[1].split("<tbody>")[1].split("</tbody>")[0]
        found = re.findall(r"<tr><td>\d+</td><td>(\d+)</td>", body)
        pages += found
        yield answer.text, found
        following = re.search(r'rel="next" href="([^"]+)"', answer.text)
        address = html.unescape(following[1]) if following else ""
    export = await client.get("/bukutamu_dpmptsp/admin/bukutamu/ekspor.csv", headers=cookie)
    rows = list(csv.DictReader(io.StringIO(export.raise_for_status().text), delimiter=";"))
    assert [row["ID"] for row in rows] == pages


READERS: dict[str, Reader] = {
    "oss_rba": oss_rba,
    "simbg": simbg,
    "mpp_antrian": mpp_antrian,
    "bukutamu_dpmptsp": bukutamu_dpmptsp,
}
