"""Readers of the apps of Dinas Kominfo that hear residents: complaints, requests for information, incidents."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from hashlib import sha256
from hmac import new as new_hmac
from urllib.parse import urlencode
from xml.etree import ElementTree

import httpx

from . import Answers, Reader

SPACE = "{http://lapor.example/ws/v3}"
ENVELOPE = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ws="http://lapor.example/ws/v3">'
    "<soapenv:Body><ws:daftarLaporan><ws:token>{}</ws:token><ws:halaman>{}</ws:halaman><ws:jumlah>250</ws:jumlah>"
    "</ws:daftarLaporan></soapenv:Body></soapenv:Envelope>"
)


async def lapor_sp4n(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    page = pages = 1
    while page <= pages:
        answer = await client.post(
            "/lapor_sp4n/ws/v3/laporan",
            content=ENVELOPE.format(keys["LAPOR_SP4N_TOKEN"], page),
            headers={"Content-Type": "text/xml"},
        )
        answer.raise_for_status()
        root = ElementTree.fromstring(answer.text)
        assert root.tag != "error", root.findtext("pesan")
        yield answer.text, [entry.attrib["id"] for entry in root.iter(f"{SPACE}laporan")]
        pages = int(next(root.iter(f"{SPACE}jumlah_halaman")).text or 0)
        page += 1


async def ppid_bojonegoro(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    form = await client.get("/ppid_bojonegoro/login")
    token = re.search(r'name="_token" value="([^"]+)"', form.text)
    assert token
    entered = await client.post(
        "/ppid_bojonegoro/login",
        data={
            "_token": token[1],
            "username": keys["PPID_BOJONEGORO_USER"],
            "password": keys["PPID_BOJONEGORO_PASSWORD"],
        },
    )
    assert entered.status_code == 302, entered.status_code
    page = pages = 1
    while page <= pages:
        answer = await client.get("/ppid_bojonegoro/api/permohonan", params={"page": page, "per_page": 100})
        answer.raise_for_status()
        found = answer.json()
        yield answer.text, [row["no_pendaftaran"] for row in found["data"]]
        pages = found["last_page"]
        page += 1


async def ttis_csirt(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    path, cursor = "/ttis_csirt/api/v2/insiden", ""
    while True:
        query = urlencode(
            {"limit": 200, "updated_after": "2001-01-01 00:00:00", **({"cursor": cursor} if cursor else {})}
        )
        moment = str(int(time.time()))
        message = "\n".join(("GET", path, query, moment))
        signature = new_hmac(keys["TTIS_CSIRT_SECRET"].encode(), message.encode(), sha256).hexdigest()
        headers = {
            "X-CSIRT-Id": keys["TTIS_CSIRT_ID"],
            "X-CSIRT-Timestamp": moment,
            "X-CSIRT-Signature": signature,
        }
        answer = await client.get(f"{path}?{query}", headers=headers)
        answer.raise_for_status()
        found = answer.json()
        yield answer.text, [row["tiket"] for row in found["items"]]
        if found["next_cursor"] is None:
            return
        cursor = found["next_cursor"]


READERS: dict[str, Reader] = {
    "lapor_sp4n": lapor_sp4n,
    "ppid_bojonegoro": ppid_bojonegoro,
    "ttis_csirt": ttis_csirt,
}
