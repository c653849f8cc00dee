"""Readers of the apps of villages and of officers in the field."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

import httpx

from . import Answers, Reader

SOAP = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:pkb="urn:pkb:layanan:v2">'
    "<soapenv:Header>{header}</soapenv:Header><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
)


async def opensid(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    auth = httpx.BasicAuth(keys["OPENSID_USER"], keys["OPENSID_PASSWORD"])
    directory = (await client.get("/opensid/direktori/desa", auth=auth)).raise_for_status().json()["data"]
    absent = 0
    for village in directory:
        address: str | None = f"/opensid/webdesa/{village['kode']}/internal_api/inventaris"
        while address:
            answer = await client.get(address, auth=auth)
            if answer.status_code in (404, 503):
                absent += 1
                break
            found = answer.raise_for_status().json()
            yield answer.text, [row["id"] for row in found["data"]]
            address = found["links"]["next"]
    assert 0 < absent < len(directory) / 5


async def pju(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    for table in ("lampu", "panel"):
        first, total = 0, 1
        while first < total:
            headers = {"apikey": keys["PJU_KEY"], "Range": f"{first}-{first + 199}", "Prefer": "count=exact"}
            answer = (await client.get(f"/pju/rest/v1/{table}", headers=headers)).raise_for_status()
            yield answer.text, [str(row["id"]) for row in answer.json()]
            total, first = int(answer.headers["content-range"].split("/")[1]), first + 200


async def e_kir(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    path, headers = "/e_kir/services/UjiBerkala", {"Content-Type": "text/xml; charset=utf-8"}
    auth = httpx.BasicAuth(keys["E_KIR_USER"], keys["E_KIR_PASSWORD"])
    answer = await client.post(path, content=SOAP.format(header="", body="<pkb:Login/>"), headers=headers, auth=auth)
    session = ElementTree.fromstring(answer.raise_for_status().text).findtext(".//{*}SessionId")
    page = pages = 1
    while page <= pages:
        wanted = f"<pkb:Halaman>{page}</pkb:Halaman><pkb:JumlahPerHalaman>250</pkb:JumlahPerHalaman>"
        text = SOAP.format(
            header=f"<pkb:SessionId>{session}</pkb:SessionId>", body=f"<pkb:DaftarUji>{wanted}</pkb:DaftarUji>"
        )
        answer = (await client.post(path, content=text, headers=headers)).raise_for_status()
        found = ElementTree.fromstring(answer.text)
        yield answer.text, [str(test.findtext("{*}NoPendaftaran")) for test in found.iter("{urn:pkb:layanan:v2}Uji")]
        page, pages = page + 1, int(found.findtext(".//{*}JumlahHalaman") or 0)


async def isikhnas(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    after = 0
    while True:
        params = {"api_key": keys["ISIKHNAS_KEY"], "setelah_id": after, "baris": 250}
        answer = (await client.get("/isikhnas/api/laporan", params=params)).raise_for_status()
        found = answer.json()["hasil"]
        if not found:
            return
        yield answer.text, [str(row["id_laporan"]) for row in found]
        after = found[-1]["id_laporan"]


async def sipsn_dlh(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    auth = httpx.BasicAuth(keys["SIPSN_DLH_USER"], keys["SIPSN_DLH_PASSWORD"])
    for kind in ("sampah", "ispu"):
        page = last = 1
        while page <= last:
            answer = await client.get(f"/sipsn_dlh/api/{kind}", params={"page": page, "limit": 150}, auth=auth)
            found = answer.raise_for_status().json()
            yield answer.text, [row["id"] for row in found["data"]]
            page, last = page + 1, found["last_page"]


READERS: dict[str, Reader] = {
    "opensid": opensid,
    "pju": pju,
    "e_kir": e_kir,
    "isikhnas": isikhnas,
    "sipsn_dlh": sipsn_dlh,
}
