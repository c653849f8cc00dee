"""Every way of paging, on servers that follow it: the probe finds it, and what it declares pulls every record once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs.survey import Target, survey
from opg_pipeline.probe.draft import Survey
from opg_pipeline.settings import Settings
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull

ALL: list[dict[str, Any]] = [{"id": f"T-{n:04}", "uraian": f"benda nomor {n}", "berat": n * 3 % 50} for n in range(230)]
CAP = 60
"""Most records the servers give at once, whatever they are asked for."""

Handler = Callable[[Request, str], Any]


@pytest.fixture
def asked(tmp_path: Path) -> Deployment:
    return Deployment(Settings(home=tmp_path))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


async def probed(asked: Deployment, server: Server, handler: Handler, path: str = "/things", **call: Any) -> Survey:
    server.asked.clear()
    server.handler = lambda request: handler(request, server.url)
    return await survey(asked, Target(server.url + path, id="e_test", requests_per_second=500, **call))


async def everything(server: Server, found: Survey) -> list[Any]:
    """What a pull by the draft's own declaration gives."""
    result = await pull(server.url, make_dataset(**found.dataset))
    assert result.error is None, result.error
    return result.records


def part(request: Request, start: str, size: str, default: int) -> list[Any]:
    at = int(request.query_params.get(start, 0))
    return ALL[at : at + min(CAP, int(request.query_params.get(size, default)))]


def numbered(request: Request, page: str, size: str, first: int = 1) -> list[Any]:
    rows = min(CAP, int(request.query_params.get(size, 20)))
    at = (int(request.query_params.get(page, first)) - first) * rows
    return ALL[at : at + rows]


def page_total(request: Request, url: str) -> Any:
    return {"data": numbered(request, "page", "per_page"), "meta": {"total": len(ALL)}}


def page_pages(request: Request, url: str) -> Any:
    size = min(CAP, int(request.query_params.get("ukuran", 20)))
    return {"hasil": numbered(request, "halaman", "ukuran"), "jumlah_halaman": -(-len(ALL) // size)}


def page_from_zero(request: Request, url: str) -> Any:
    return {"content": numbered(request, "page", "size", 0), "totalElements": len(ALL), "number": 0, "size": 20}


def page_fixed(request: Request, url: str) -> Any:
    at = (int(request.query_params.get("page", 1)) - 1) * 50
    return ALL[at : at + 50]


def page_refused(request: Request, url: str) -> Any:
    """No more than 37 at once, no total, and a refusal behind the last page, as a Django REST framework view has it."""
    size = min(37, int(request.query_params.get("page_size", 20)))
    at = (int(request.query_params.get("page", 1)) - 1) * size
    return ALL[at : at + size] or JSONResponse({"detail": "Invalid page."}, 404)


def offset(request: Request, url: str) -> Any:
    return {"rows": part(request, "offset", "limit", 20), "total": len(ALL)}


def cursor(request: Request, url: str) -> Any:
    at = int(request.query_params.get("cursor", "c0").removeprefix("c"))
    size = min(CAP, int(request.query_params.get("limit", 20)))
    more = at + size < len(ALL)
    return {"data": ALL[at : at + size], "has_more": more, "next_cursor": f"c{at + size}" if more else None}


def next_link(request: Request, url: str) -> Any:
    at = int(request.query_params.get("from", 0))
    return {"results": ALL[at : at + 40], "next": f"{url}/things?from={at + 40}" if at + 40 < len(ALL) else None}


def link_header(request: Request, url: str) -> Any:
    at = int(request.query_params.get("from", 0))
    headers = {"link": f'<{url}/things?from={at + 40}>; rel="next"'} if at + 40 < len(ALL) else {}
    return JSONResponse(ALL[at : at + 40], headers=headers)


def linked(value: str, name: str) -> Handler:
    """A server that names its next page in a key of its own."""

    def handler(request: Request, url: str) -> Any:
        at = int(request.query_params.get("$skip", 0))
        more = {name: f"{url}/things?$skip={at + 40}"} if at + 40 < len(ALL) else {}
        return {value: ALL[at : at + 40], **more}

    return handler


def odata_v2(request: Request, url: str) -> Any:
    at = int(request.query_params.get("$skiptoken", 0))
    more = {"__next": f"{url}/things?$skiptoken={at + 40}"} if at + 40 < len(ALL) else {}
    return {"d": {"results": ALL[at : at + 40], **more}}


def json_api(as_object: bool) -> Handler:
    def handler(request: Request, url: str) -> Any:
        at = int(request.query_params.get("page[number]", 1)) * 40
        address = f"{url}/things?page[number]={at // 40 + 1}"
        following = None if at >= len(ALL) else {"href": address} if as_object else address
        return {"data": ALL[at - 40 : at], "links": {"self": f"{url}/things", "next": following}}

    return handler


def relations(records: str, links: str, word: str, href: str, **more: Any) -> Handler:
    """A server with a list of links, one of them to the next page."""

    def handler(request: Request, url: str) -> Any:
        at = int(request.query_params.get("at", 0))
        listed = [{word: "self", href: f"{url}/things"}]
        if at + 40 < len(ALL):
            listed.append({word: "next", href: f"{url}/things?at={at + 40}"})
        return {**more, links: listed, records: ALL[at : at + 40]}

    return handler


def arcgis(request: Request, url: str) -> Any:
    rows = part(request, "resultOffset", "resultRecordCount", CAP)
    features = [{"attributes": row} for row in rows]
    return {
        "objectIdFieldName": "id",
        "features": features,
        "exceededTransferLimit": not rows or rows[-1] is not ALL[-1],
    }


def datatables(request: Request, url: str) -> Any:
    return {
        "draw": 1,
        "recordsTotal": 900,
        "recordsFiltered": len(ALL),
        "data": part(request, "start", "length", 10),
    }


def ckan(request: Request, url: str) -> Any:
    return {
        "help": "x",
        "success": True,
        "result": {"records": part(request, "offset", "limit", 100), "total": len(ALL)},
    }


def postgrest(request: Request, url: str) -> Any:
    asked = re.fullmatch(r"(\d+)-(\d+)", request.headers.get("range", ""))
    first, last = (int(asked[1]), int(asked[2])) if asked else (0, len(ALL) - 1)
    rows = ALL[first : last + 1]
    headers = {"content-range": f"{first}-{first + len(rows) - 1}/{len(ALL)}"}
    return JSONResponse(rows, 206 if len(rows) < len(ALL) else 200, headers=headers)


def oai_pmh(request: Request, url: str) -> Any:
    at = int(request.query_params.get("resumptionToken", 0))
    records = "".join(
        f"<record><id>{row['id']}</id><uraian>{row['uraian']}</uraian></record>" for row in ALL[at : at + 40]
    )
    token = str(at + 40) if at + 40 < len(ALL) else ""
    text = f"<OAI-PMH><ListRecords>{records}<resumptionToken completeListSize='230'>{token}</resumptionToken></ListRecords></OAI-PMH>"
    return Response(text, media_type="text/xml")


KINDS: dict[str, tuple[Handler, dict[str, Any]]] = {
    "page_total": (page_total, {"type": "page", "size": CAP, "size_param": "per_page", "total": "meta.total"}),
    "page_pages": (page_pages, {"type": "page", "param": "halaman", "size": CAP, "size_param": "ukuran", "pages": "jumlah_halaman"}),
    "page_from_zero": (page_from_zero, {"type": "page", "start": 0, "size": CAP, "size_param": "size", "total": "totalElements"}),
    "page_of_fixed_size": (page_fixed, {"type": "page", "param": "page", "stop": "empty"}),
    "page_that_is_refused": (
        page_refused, {"type": "page", "param": "page", "size": 37, "size_param": "page_size", "stop": "short", "end_on": [404]},
    ),
    "offset": (offset, {"type": "offset", "limit": CAP, "limit_param": "limit", "total": "total"}),
    "cursor": (cursor, {"type": "cursor", "param": "cursor", "next": "next_cursor", "more": "has_more", "size": CAP, "size_param": "limit"}),
    "next_link": (next_link, {"type": "next_link", "next": "next"}),
    "link_header": (link_header, {"type": "link_header"}),
    "odata": (linked("value", "@odata.nextLink"), {"type": "odata"}),
    "sensorthings": (linked("value", "@iot.nextLink"), {"type": "sensorthings"}),
    "odata_v2": (odata_v2, {"type": "odata_v2"}),
    "json_api": (json_api(False), {"type": "json_api"}),
    "json_api_of_objects": (json_api(True), {"type": "json_api"}),
    "ogc_api": (relations("items", "links", "rel", "href"), {"type": "ogc_api"}),
    "fhir": (relations("entry", "link", "relation", "url", resourceType="Bundle"), {"type": "fhir"}),
    "arcgis": (arcgis, {"type": "arcgis", "limit": CAP}),
    "datatables": (datatables, {"type": "datatables", "limit": CAP}),
    "ckan": (ckan, {"type": "ckan", "limit": CAP}),
    "postgrest": (postgrest, {"type": "postgrest"}),
    "oai_pmh": (oai_pmh, {"type": "oai_pmh"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_finds_the_way_to_every_record(asked: Deployment, server: Server, kind: str) -> None:
    handler, expected = KINDS[kind]
    found = await probed(asked, server, handler)
    paginate = found.dataset.get("paginate") or {}
    assert expected.items() <= paginate.items(), found.notes
    assert "has other records" in found.reasons["paginate"]
    assert len(server.asked) <= 30
    told = str(await everything(server, found))
    assert [told.count(row["id"]) for row in ALL] == [1] * len(ALL)


async def test_finds_the_way_through_a_relay_connection(asked: Deployment, server: Server) -> None:
    def handler(request: Request, url: str) -> Any:
        variables = orjson.loads(server.asked[-1].body).get("variables") or {}
        at, size = int(variables.get("after") or 0), min(CAP, int(variables.get("first") or 20))
        info = {"endCursor": str(at + size), "hasNextPage": at + size < len(ALL)}
        return {"data": {"things": {"pageInfo": info, "edges": [{"node": row} for row in ALL[at : at + size]]}}}

    found = await probed(asked, server, handler, method="POST", json={"query": "query things"})
    assert found.dataset["paginate"]["connection"] == "data.things"
    assert [item["node"]["id"] for item in await everything(server, found)] == [row["id"] for row in ALL]


async def test_a_list_in_one_answer_is_not_asked_for_more(asked: Deployment, server: Server) -> None:
    found = await probed(asked, server, lambda request, url: {"data": ALL[:33]})
    assert ("paginate" in found.dataset, len(server.asked)) == (False, 1)
    assert "one answer" in found.reasons["paginate"]


async def test_a_page_that_has_no_second_is_told_not_hidden(asked: Deployment, server: Server) -> None:
    found = await probed(asked, server, lambda request, url: {"data": ALL[:20], "total": len(ALL)})
    assert "paginate" not in found.dataset
    assert any("20 records of 230" in note and "paginate" in note for note in found.notes)


async def test_a_next_link_that_leads_back_is_not_taken(asked: Deployment, server: Server) -> None:
    found = await probed(asked, server, lambda request, url: {"data": ALL[:7], "next": f"{url}/things"})
    assert "paginate" not in found.dataset
