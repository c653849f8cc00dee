"""Readers of the works office's maps, of the weather and of the disasters."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

import httpx

from opg_pipeline.sandbox.truth.geography import geography

from . import Answers, Reader
from .permit import client_token

LAYER = "/leger_jalan/arcgis/rest/services/BinaMarga/LegerJalan/FeatureServer/0/query"


async def leger_jalan(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    offset, more = 0, True
    while more:
        query: dict[str, str | int] = {"where": "1=1", "outFields": "*", "f": "json", "resultOffset": offset}
        query |= {"resultRecordCount": 250, "token": keys["LEGER_JALAN_TOKEN"]}
        answer = (await client.get(LAYER, params=query)).raise_for_status()
        found = answer.json()
        numbers = [feature["attributes"]["OBJECTID"] for feature in found["features"]]
        assert numbers == sorted(set(numbers))
        yield answer.text, [feature["attributes"]["KODE_SEGMEN"] for feature in found["features"]]
        offset, more = offset + 250, found.get("exceededTransferLimit", False)


async def gis_drainase(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    login = {"username": keys["GIS_DRAINASE_USER"], "password": keys["GIS_DRAINASE_PASSWORD"]}
    token = (await client.post("/gis_drainase/auth/login", json=login)).raise_for_status().json()["token"]
    assert token.count(".") == 2
    headers = {"Authorization": f"Bearer {token}"}
    page = pages = 1
    while page <= pages:
        answer = await client.get("/gis_drainase/api/drainase", params={"page": page, "limit": 100}, headers=headers)
        found = answer.raise_for_status().json()
        yield answer.text, [row["id"] for row in found["data"]]
        page, pages = page + 1, found["meta"]["total_pages"]


async def sipetak(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    headers = await client_token(client, "sipetak", keys)
    answer = (await client.get("/sipetak/api/bidang.geojson", headers=headers)).raise_for_status()
    yield answer.text, [feature["properties"]["nomor_bidang"] for feature in answer.json()["features"]]


async def bmkg_cuaca(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    for village in geography().villages:
        answer = await client.get("/bmkg_cuaca/publik/prakiraan-cuaca", params={"adm4": village.code})
        found = answer.raise_for_status().json()
        place = found["lokasi"]["adm4"]
        yield (
            answer.text,
            [f"{place}/{step['datetime']}" for entry in found["data"] for day in entry["cuaca"] for step in day],
        )


async def bpbd_kejadian(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    answer = (await client.get("/bpbd_kejadian/pub", params={"output": "csv"})).raise_for_status()
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[1][0] == "No Kejadian"
    yield answer.text, [row[0] for row in rows[2:]]


READERS: dict[str, Reader] = {
    "leger_jalan": leger_jalan,
    "gis_drainase": gis_drainase,
    "sipetak": sipetak,
    "bmkg_cuaca": bmkg_cuaca,
    "bpbd_kejadian": bpbd_kejadian,
}
