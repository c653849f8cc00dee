"""A probe of servers that others wrote: it finds paging, records, total and key, and its draft holds no value of a record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import yaml

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs.survey import Target, survey
from opg_pipeline.probe.draft import draft

from .conftest import Start
from .running import USER

QUERY = """query ($first: Int, $after: String) {
  incidents(first: $first, after: $after) {
    pageInfo { endCursor hasNextPage } edges { node { number hazard severity onset response houses loss } }
  }
}"""


@dataclass(frozen=True)
class Expected:
    """What a probe must find behind ``path``. ``key`` are the paths that identify a record."""

    app: str
    path: str
    paginate: dict[str, Any] | None
    key: list[str]
    records: str = ""
    total: int | None = None
    format: str = "json"
    call: dict[str, Any] = field(default_factory=dict)


SERVERS = {
    "datasette": Expected("datasette", "/pasar/harga.json?_shape=objects", {"type": "link_header"}, ["rowid"], "rows"),
    "pygeoapi": Expected(
        "pygeoapi", "/collections/tempat/items?f=json", {"type": "ogc_api"}, ["id"], total=307, format="geojson"
    ),
    "json_server": Expected("json_server", "/laporan?_page=1&_limit=10", {"type": "link_header"}, ["id"]),
    "json_server_whole": Expected("json_server", "/laporan", None, ["id"]),
    "drf": Expected("drf", "/incidents/", {"type": "next_link", "next": "next"}, ["number"], "results", 231),
    "drf_cursor": Expected("drf", "/requests/", {"type": "next_link", "next": "next"}, ["number"], "results"),
    "cds": Expected("cds", "/odata/v4/hydrology/Readings", {"type": "odata"}, ["station", "at"], "value"),
    "cds_counted": Expected(
        "cds", "/odata/v4/hydrology/Readings?$count=true", {"type": "odata"}, ["station", "at"], "value", 367
    ),
    "strawberry": Expected(
        "strawberry", "/graphql", {"type": "relay", "connection": "data.incidents"}, ["node.number"],
        "data.incidents.edges", call={"method": "POST", "json": {"query": QUERY}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SERVERS)
async def test_finds_paging_records_total_and_key(
    name: str, city: Deployment, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = SERVERS[name]
    url = start(expected.app).url
    auth: tuple[dict[str, str], ...] = ()
    if expected.app == "drf":
        token = httpx.post(f"{url}/token/", json=USER).json()["token"]
        monkeypatch.setenv("DRF_TOKEN", f"Token {token}")
        auth = ({"type": "api_key", "in": "header", "name": "Authorization", "secret": "DRF_TOKEN"},)
    target = Target(url + expected.path, id=name, auth=auth, requests_per_second=500, **expected.call)
    found = await survey(city, target)
    assert found.dataset.get("paginate") == expected.paginate
    assert found.dataset.get("records", "") == expected.records
    assert found.dataset.get("format", "json") == expected.format
    assert found.total == expected.total
    assert found.requests <= 4
    text = draft(found)
    written = yaml.safe_load(text)
    assert written["datasets"][0]["key"] == expected.key
    assert (written["status"], "Token " in text) == ("paused", False)
    assert not [value for column in found.columns if column.kind == "text" for value in column.values if len(value) > 12 and value in text]  # fmt: skip
