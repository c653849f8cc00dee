"""The presets of paging, each against a server that follows the published standard; and what happens where one does not."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from opg_pipeline.model.handover import Outcome
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull, rows

ALL = rows(0, 25)


def taken(request: Request, name: str, default: int = 0) -> int:
    return int(request.query_params.get(name, default))


# -- OData, SensorThings, JSON:API, FHIR, OGC API: the answer holds the next address -----------------------------------


async def test_odata_v4(server: Server) -> None:
    """OData JSON 4.01, 11.2.6.7: the link may be relative to the context, and carries $skiptoken; the last page has none."""

    def handler(request: Request) -> Any:
        start = taken(request, "$skiptoken")
        link = {"@odata.nextLink": f"things?$skiptoken={start + 10}"} if start < 20 else {}
        return {"@odata.context": f"{server.url}/v4/$metadata#things", "value": ALL[start : start + 10], **link}

    server.handler = handler
    result = await pull(server.url + "/v4", make_dataset(records="value", paginate={"type": "odata"}))
    assert result.error is None
    assert result.records == ALL
    assert [item.query for item in server.asked] == [{}, {"$skiptoken": "10"}, {"$skiptoken": "20"}]


async def test_odata_v2(server: Server) -> None:
    def handler(request: Request) -> Any:
        start = taken(request, "$skiptoken")
        link = {"__next": f"{server.url}/things?$skiptoken={start + 10}"} if start < 20 else {}
        return {"d": {"results": ALL[start : start + 10], **link}}

    server.handler = handler
    result = await pull(server.url, make_dataset(records="d.results", paginate={"type": "odata_v2"}))
    assert result.error is None
    assert result.records == ALL


async def test_sensorthings(server: Server) -> None:
    """OGC SensorThings 1.1, 9.3.3.4: $top and $skip, @iot.nextLink until the last page."""

    def handler(request: Request) -> Any:
        start, top = taken(request, "$skip"), taken(request, "$top", 100)
        link = {"@iot.nextLink": f"{server.url}/things?$top={top}&$skip={start + top}"} if start + top < 25 else {}
        return {"@iot.count": 25, "value": ALL[start : start + top], **link}

    server.handler = handler
    dataset = make_dataset(query={"$top": 10}, records="value", paginate={"type": "sensorthings"})
    result = await pull(server.url, dataset)
    assert result.error is None
    assert result.records == ALL
    assert [item.query.get("$skip") for item in server.asked] == [None, "10", "20"]


@pytest.mark.parametrize("as_object", [False, True])
async def test_json_api(server: Server, as_object: bool) -> None:
    """JSON:API 1.1: `links.next` is an address, an object with `href`, or null."""

    def handler(request: Request) -> Any:
        page = taken(request, "page[number]", 1)
        address = f"/things?page[number]={page + 1}"
        link = None if page == 3 else {"href": address} if as_object else address
        records = [{"type": "thing", "id": str(row["id"])} for row in ALL[page * 10 - 10 : page * 10]]
        return {"data": records, "links": {"self": "/things", "next": link}}

    server.handler = handler
    result = await pull(server.url, make_dataset(records="data", paginate={"type": "json_api"}))
    assert result.error is None
    assert [record["id"] for record in result.records] == [str(row["id"]) for row in ALL]


async def test_fhir(server: Server) -> None:
    """FHIR R4, 3.1.0.1: a searchset Bundle whose `link` has relation next."""

    def handler(request: Request) -> Any:
        start = taken(request, "_offset")
        links = [{"relation": "self", "url": f"{server.url}/Encounter"}]
        if start < 20:
            links.append({"relation": "next", "url": f"{server.url}/Encounter?_offset={start + 10}"})
        entry = [{"fullUrl": "x", "resource": row} for row in ALL[start : start + 10]]
        return {"resourceType": "Bundle", "type": "searchset", "total": 25, "link": links, "entry": entry}

    server.handler = handler
    result = await pull(server.url, make_dataset(path="/Encounter", records="entry", paginate={"type": "fhir"}))
    assert result.error is None
    assert [record["resource"] for record in result.records] == ALL


async def test_ogc_api(server: Server) -> None:
    """OGC API Features 1.0, 7.15.7: links with rel=next."""

    def handler(request: Request) -> Any:
        start = taken(request, "offset")
        links = [{"rel": "self", "href": "/collections/things/items"}]
        if start < 20:
            links.append(
                {
                    "rel": "next",
                    "type": "application/geo+json",
                    "href": f"{server.url}/things?offset={start + 10}&f=json",
                }
            )
        features = [{"type": "Feature", "id": row["id"], "properties": row} for row in ALL[start : start + 10]]
        return {
            "type": "FeatureCollection",
            "numberMatched": 25,
            "numberReturned": len(features),
            "features": features,
            "links": links,
        }

    server.handler = handler
    result = await pull(server.url, make_dataset(format="geojson", paginate={"type": "ogc_api"}))
    assert result.error is None
    assert [record["properties"] for record in result.records] == ALL


# -- Relay, DataTables, ArcGIS, CKAN -----------------------------------------------------------------------------------

RELAY = {"type": "relay", "connection": "data.things", "size": 10}
QUERY = "query($first: Int, $after: String) { things(first: $first, after: $after) { nodes { id } } }"


def relay(server: Server) -> Any:
    """A connection of the Relay specification: cursors are opaque, endCursor is null where there is nothing."""

    def handler(request: Request) -> Any:
        asked = orjson.loads(server.asked[-1].body)
        assert asked["query"] == QUERY
        start = int(asked["variables"].get("after") or "0")
        nodes = ALL[start : start + asked["variables"]["first"]]
        info = {"hasNextPage": start + len(nodes) < 25, "endCursor": str(start + len(nodes))}
        return {"data": {"things": {"nodes": nodes, "pageInfo": info}}}

    return handler


async def test_relay(server: Server) -> None:
    server.handler = relay(server)
    dataset = make_dataset(
        method="POST", json={"query": QUERY, "variables": {}}, records="data.things.nodes", paginate=RELAY
    )
    result = await pull(server.url, dataset, source={"success": {"path": "errors", "absent": True}})
    assert result.error is None
    assert result.records == ALL
    variables = [orjson.loads(item.body)["variables"] for item in server.asked]
    assert variables == [{"first": 10}, {"first": 10, "after": "10"}, {"first": 10, "after": "20"}]


async def test_relay_with_places(server: Server) -> None:
    server.handler = relay(server)
    variables = {"first": "{first}", "after": "{after}"}
    dataset = make_dataset(
        method="POST",
        json={"query": QUERY, "variables": variables},
        records="data.things.nodes",
        paginate={**RELAY, "param": "after", "size_param": "first"},
    )
    result = await pull(server.url, dataset)
    assert result.error is None
    assert result.records == ALL
    assert orjson.loads(server.asked[0].body)["variables"] == {"first": 10, "after": None}


async def test_graphql_error(server: Server) -> None:
    server.handler = lambda request: {"data": None, "errors": [{"message": "no"}]}
    dataset = make_dataset(method="POST", json={"query": QUERY}, records="data.things.nodes", paginate=RELAY)
    result = await pull(server.url, dataset, source={"success": {"path": "errors", "absent": True}})
    assert result.failure.outcome is Outcome.UNSUCCESSFUL
    assert "`success.path: errors` holds a list" in result.failure.what


async def test_datatables(server: Server) -> None:
    def handler(request: Request) -> Any:
        start, length = taken(request, "start"), taken(request, "length")
        return {"draw": 1, "recordsTotal": 90, "recordsFiltered": 25, "data": ALL[start : start + length]}

    server.handler = handler
    result = await pull(server.url, make_dataset(records="data", paginate={"type": "datatables", "limit": 10}))
    assert result.error is None
    assert result.records == ALL
    assert sorted(int(item.query["start"]) for item in server.asked) == [0, 10, 20]


async def test_arcgis(server: Server) -> None:
    """exceededTransferLimit is there, and true, as long as more follows; a server gives no more than its maxRecordCount."""

    def handler(request: Request) -> Any:
        start, count = taken(request, "resultOffset"), min(7, taken(request, "resultRecordCount"))
        more = {"exceededTransferLimit": True} if start + count < 25 else {}
        return {"features": [{"attributes": row} for row in ALL[start : start + count]], **more}

    server.handler = handler
    dataset = make_dataset(query={"where": "1=1"}, records="features", paginate={"type": "arcgis", "limit": 10})
    result = await pull(server.url, dataset)
    assert result.error is None
    assert [record["attributes"] for record in result.records] == ALL
    assert [item.query["resultOffset"] for item in server.asked] == ["0", "7", "14", "21"]


async def test_arcgis_that_says_more_but_gives_none(server: Server) -> None:
    def handler(request: Request) -> Any:
        return {"features": ALL[:10] if taken(request, "resultOffset") == 0 else [], "exceededTransferLimit": True}

    server.handler = handler
    result = await pull(server.url, make_dataset(records="features", paginate={"type": "arcgis", "limit": 10}))
    assert result.failure.outcome is Outcome.MALFORMED
    assert "more follows, but its page is empty" in result.failure.what


async def test_ckan(server: Server) -> None:
    def handler(request: Request) -> Any:
        start, limit = taken(request, "offset"), taken(request, "limit", 100)
        return {"success": True, "result": {"records": ALL[start : start + limit], "total": 25}}

    server.handler = handler
    dataset = make_dataset(query={"resource_id": "r"}, records="result.records", paginate={"type": "ckan", "limit": 10})
    result = await pull(server.url, dataset, source={"success": {"path": "success", "equals": True}})
    assert result.error is None
    assert result.records == ALL


# -- PostgREST ---------------------------------------------------------------------------------------------------------


def postgrest(counted: bool, cap: int = 1000) -> Any:
    """As PostgREST 12: 206 for a part (with a count), 200 without, 416 beyond the end of a counted list."""

    def handler(request: Request) -> Response:
        assert request.headers["range-unit"] == "items"
        first, last = map(int, request.headers["range"].split("-"))
        if counted and first > len(ALL):
            return JSONResponse({"code": "PGRST103"}, 416, {"Content-Range": f"*/{len(ALL)}"})
        part = ALL[first : min(last + 1, first + cap)]
        span = f"{first}-{first + len(part) - 1}" if part else "*"
        total = str(len(ALL)) if counted else "*"
        return JSONResponse(
            part, 206 if counted and len(part) < len(ALL) else 200, {"Content-Range": f"{span}/{total}"}
        )

    return handler


@pytest.mark.parametrize(
    ("counted", "cap", "requests"), [(True, 1000, 3), (True, 4, 7), (False, 1000, 4), (False, 4, 8)]
)
async def test_postgrest(server: Server, counted: bool, cap: int, requests: int) -> None:
    server.handler = postgrest(counted, cap)
    result = await pull(server.url, make_dataset(paginate={"type": "postgrest", "size": 10}))
    assert result.error is None
    assert result.records == ALL
    assert result.facts.pages == requests
    assert server.asked[0].headers["range"] == "0-9"
    assert server.asked[0].query == {}


async def test_range_beyond_the_end_is_the_end(server: Server) -> None:
    def handler(request: Request) -> Response:
        first = int(request.headers["range"].split("-")[0])
        if first >= 20:
            return Response(status_code=416, headers={"Content-Range": "items */20"})
        return JSONResponse(ALL[first : first + 10], 206, {"Content-Range": f"items {first}-{first + 9}/*"})

    server.handler = handler
    result = await pull(server.url, make_dataset(paginate={"type": "range", "size": 10}))
    assert result.error is None
    assert result.records == ALL[:20]


@pytest.mark.parametrize(
    ("status", "headers", "outcome", "words"),
    [
        (200, {}, Outcome.MALFORMED, "no `Content-Range`"),
        (200, {"Content-Range": "bytes"}, Outcome.MALFORMED, "that can be read"),
        (206, {"Content-Range": "5-14/25"}, Outcome.MALFORMED, "says otherwise"),
        (416, {}, Outcome.REFUSED, "HTTP 416"),
    ],
)
async def test_source_that_does_not_read_ranges(
    server: Server, status: int, headers: dict[str, str], outcome: Outcome, words: str
) -> None:
    server.handler = lambda request: JSONResponse(ALL[:10], status, headers)
    result = await pull(server.url, make_dataset(paginate={"type": "postgrest", "size": 10}))
    assert result.failure.outcome is outcome
    assert words in result.failure.what


async def test_range_that_ends_before_its_total(server: Server) -> None:
    def handler(request: Request) -> Response:
        first = int(request.headers["range"].split("-")[0])
        part = ALL[first : first + 10]
        span = f"{first}-{first + len(part) - 1}" if part else "*"
        return JSONResponse(part, 206, {"Content-Range": f"{span}/40"})

    server.handler = handler
    result = await pull(server.url, make_dataset(paginate={"type": "postgrest", "size": 10}))
    assert result.failure.outcome is Outcome.MALFORMED
    assert "40 records" in result.failure.what


# -- keyset, more, path ------------------------------------------------------------------------------------------------


async def test_keyset(server: Server) -> None:
    """The position is the last record's; the list ends at an empty page."""
    server.handler = lambda request: [row for row in ALL if row["id"] > taken(request, "since_id", -1)][:10]
    dataset = make_dataset(paginate={"type": "cursor", "param": "since_id", "last": "id"})
    result = await pull(server.url, dataset)
    assert result.error is None
    assert result.records == ALL
    assert [item.query.get("since_id") for item in server.asked] == [None, "9", "19", "24"]


async def test_keyset_that_says_when_it_ends(server: Server) -> None:
    def handler(request: Request) -> Any:
        start = taken(request, "after", -1) + 1
        return {"data": ALL[start : start + 10], "more": start < 20}

    server.handler = handler
    dataset = make_dataset(records="data", paginate={"type": "cursor", "param": "after", "last": "id", "more": "more"})
    result = await pull(server.url, dataset)
    assert result.error is None
    assert result.records == ALL
    assert result.facts.requests == 3


async def test_keyset_that_gives_the_last_record_again(server: Server) -> None:
    server.handler = lambda request: [row for row in ALL if row["id"] >= taken(request, "since_id", -1)][:10]
    result = await pull(server.url, make_dataset(paginate={"type": "cursor", "param": "since_id", "last": "id"}))
    assert result.failure.outcome is Outcome.PAGING_LOOP


async def test_keyset_without_its_key(server: Server) -> None:
    server.handler = lambda request: ALL[:10]
    result = await pull(server.url, make_dataset(paginate={"type": "cursor", "param": "since_id", "last": "nomor"}))
    assert result.failure.outcome is Outcome.MALFORMED
    assert "`paginate.last: nomor`" in result.failure.what


@pytest.mark.parametrize("kind", ["page", "offset"])
@pytest.mark.parametrize("last", [False, None, "false"])
async def test_more_on_pages_and_offsets(server: Server, kind: str, last: Any) -> None:
    def handler(request: Request) -> Any:
        start = taken(request, "at") * (10 if kind == "page" else 1)
        more = {"more": start < 20} if start < 20 or last is not None else {}
        return {"data": ALL[start : start + 10], **({"more": str(more["more"]).lower()} if last == "false" else more)}

    server.handler = handler
    sizes = {"start": 0} if kind == "page" else {"limit": 10}
    dataset = make_dataset(records="data", paginate={"type": kind, "param": "at", "more": "more", **sizes})
    result = await pull(server.url, dataset)
    assert result.error is None
    assert result.records == ALL
    assert result.facts.requests == 3


async def test_page_in_the_path(server: Server) -> None:
    def handler(request: Request) -> Any:
        page, size = map(int, request.url.path.rpartition("/")[2].split("-"))
        return {"data": ALL[page * size - size : page * size]}

    server.handler = handler
    paginate = {"type": "page", "param": "halaman", "size": 10, "size_param": "per", "stop": "short"}
    dataset = make_dataset(path="/things/{halaman}-{per}", records="data", paginate=paginate)
    result = await pull(server.url, dataset)
    assert result.error is None
    assert result.records == ALL
    assert [item.path for item in server.asked] == ["/things/1-10", "/things/2-10", "/things/3-10"]
    assert server.asked[0].raw_query == ""
