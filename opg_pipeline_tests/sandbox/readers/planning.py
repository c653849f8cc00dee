"""Readers of the apps for planning: figures, goals, satisfaction, the map, households."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from . import Answers, Reader

QUERY = """query Capaian($first: Int = 100, $after: String) {
  capaianKinerja(first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    edges { cursor node { id tahun triwulan opd { kode nama } indikator { kode uraian satuan } target realisasi } }
  }
}"""


async def satu_data_bojonegoro(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    base, start = "/satu_data_bojonegoro/api/3/action", 0
    while True:
        listed = await client.get(f"{base}/package_search", params={"rows": 4, "start": start})
        listed.raise_for_status()
        result = listed.json()["result"]
        for resource in [entry for package in result["results"] for entry in package["resources"]]:
            offset = 0
            while True:
                answer = await client.get(
                    f"{base}/datastore_search", params={"resource_id": resource["id"], "limit": 60, "offset": offset}
                )
                answer.raise_for_status()
                found = answer.json()["result"]
                yield answer.text, [row["kode_data"] for row in found["records"]]
                offset += 60
                if offset >= found["total"]:
                    break
        start += 4
        if start >= result["count"]:
            return


async def bps_webapi(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    base, key = "/bps_webapi/v1/api/list", keys["BPS_WEBAPI_KEY"]
    listed = (await client.get(base, params={"model": "var", "lang": "ind", "domain": "3522", "key": key})).json()
    assert (listed["status"], listed["data-availability"]) == ("OK", "available"), listed
    head, variables = listed["data"]
    assert head["pages"] == 1
    for variable in variables:
        answer = await client.get(f"{base}/model/data/lang/ind/domain/3522/var/{variable['var_id']}/key/{key}/")
        cube = answer.json()
        assert cube["status"] == "OK"
        if cube["data-availability"] != "available":
            continue
        found = [
            f"{area['val']}{variable['var_id']}{part['val']}{year['val']}{season['val']}"
            for area in cube["vervar"]
            for part in cube["turvar"]
            for year in cube["tahun"]
            for season in cube["turtahun"]
        ]
        assert len(set(found)) == len(found)
        yield answer.text, [name for name in found if name in cube["datacontent"]]


async def e_sakip(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    after = None
    while True:
        answer = await client.post(
            "/e_sakip/graphql",
            json={"query": QUERY, "variables": {"first": 250, "after": after}},
            headers={"Authorization": f"Bearer {keys['E_SAKIP_TOKEN']}"},
        )
        answer.raise_for_status()
        assert "errors" not in answer.json(), answer.text
        found = answer.json()["data"]["capaianKinerja"]
        yield answer.text, [edge["node"]["id"] for edge in found["edges"]]
        if not found["pageInfo"]["hasNextPage"]:
            return
        after = found["pageInfo"]["endCursor"]


async def skm_online(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    page = 1
    while True:
        answer = await client.get(
            "/skm_online/api/responden",
            params={"hal": page, "jml": 250},
            headers={"X-Api-Key": keys["SKM_ONLINE_KEY"]},
        )
        answer.raise_for_status()
        rows = answer.json()["responden"]
        if not rows:
            return
        yield answer.text, [str(row["id"]) for row in rows]
        page += 1


async def geoportal(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    layers = await client.get("/geoportal/api/layer")
    layers.raise_for_status()
    for layer in layers.json():
        start = 0
        while True:
            answer = await client.get(
                "/geoportal/geoserver/palapa/ows",
                params={
                    "service": "WFS",
                    "version": "2.0.0",
                    "request": "GetFeature",
                    "typeNames": layer["layer"],
                    "outputFormat": "application/json",
                    "srsName": "EPSG:4326",
                    "startIndex": start,
                    "count": 50,
                },
            )
            answer.raise_for_status()
            found = answer.json()
            yield answer.text, [feature["properties"]["kode"] for feature in found["features"]]
            start += 50
            if start >= found["numberMatched"]:
                break


async def dasawisma(client: httpx.AsyncClient, keys: Mapping[str, str]) -> Answers:
    given = await client.post(
        "/dasawisma/oauth/token",
        data={
            "grant_type": "client_credentials",
            "client_id": keys["DASAWISMA_CLIENT_ID"],
            "client_secret": keys["DASAWISMA_CLIENT_SECRET"],
        },
    )
    given.raise_for_status()
    headers = {"Authorization": f"Bearer {given.json()['access_token']}", "Prefer": "odata.maxpagesize=900"}
    address = "/dasawisma/odata/v4/KeluargaBinaan?$count=true"
    while address:
        answer = await client.get(address, headers=headers)
        answer.raise_for_status()
        found = answer.json()
        yield answer.text, [member["IdAnggota"] for card in found["value"] for member in card["Anggota"]]
        address = found.get("@odata.nextLink", "")


READERS: dict[str, Reader] = {
    "satu_data_bojonegoro": satu_data_bojonegoro,
    "bps_webapi": bps_webapi,
    "e_sakip": e_sakip,
    "skm_online": skm_online,
    "geoportal": geoportal,
    "dasawisma": dasawisma,
}
