"""What one pull makes of its answers: conditional requests, what success is, the time limit, positions and parameters."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from opg_pipeline.model.handover import Outcome
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull, rows

ALL = rows(0, 100)
OFFSET = {"type": "offset", "limit": 10, "total": "total"}


async def slowly(request: Request) -> Any:
    await asyncio.sleep(0.05)
    start, limit = int(request.query_params["offset"]), int(request.query_params["limit"])
    return {"data": ALL[start : start + limit], "total": 100}


# -- conditional -------------------------------------------------------------------------------------------------------

KNOWN = {"etag": '"v1"', "last_modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
VERSION = {"ETag": '"v1"', "Last-Modified": KNOWN["last_modified"]}


def tagged(request: Request) -> Response:
    start = int(request.query_params.get("offset", 0))
    if request.headers.get("if-none-match") == '"v1"':
        return Response(status_code=304)
    return JSONResponse(
        {"data": ALL[start : start + 50], "total": 100}, headers=VERSION if start == 0 else {"ETag": "x"}
    )


def paged(**changes: Any) -> Any:
    return make_dataset(**{"records": "data", "paginate": {**OFFSET, "limit": 50}, **changes})


async def test_collection_keeps_the_first_answers_validators(server: Server) -> None:
    server.handler = tagged
    result = await pull(server.url, paged(conditional="collection"))
    assert result.error is None
    assert result.facts.validators == KNOWN
    assert [item.headers.get("if-none-match") for item in server.asked] == [None, None]


async def test_collection_that_has_not_changed(server: Server) -> None:
    server.handler = tagged
    result = await pull(server.url, paged(conditional="collection"), validators=KNOWN)
    assert result.error is None
    assert result.facts.not_modified
    assert (result.facts.requests, result.pages, result.archive) == (1, [], [])
    assert server.asked[0].headers["if-modified-since"] == KNOWN["last_modified"]


async def test_collection_that_has_changed_is_conditional_once(server: Server) -> None:
    server.handler = tagged
    result = await pull(server.url, paged(conditional="collection"), validators={"etag": '"v0"'})
    assert result.records == ALL
    assert [item.headers.get("if-none-match") for item in server.asked] == ['"v0"', None]


async def test_page_that_shrinks_in_the_middle_is_not_conditional(server: Server) -> None:
    def handler(request: Request) -> Any:
        start, limit = int(request.query_params["offset"]), int(request.query_params["limit"])
        return Response(status_code=500) if start and limit > 25 else tagged(request)

    server.handler = handler
    result = await pull(server.url, paged(conditional="collection"), validators={"etag": '"v0"'}, source={"retries": 0})
    assert result.records == ALL
    assert [item.headers.get("if-none-match") for item in server.asked] == ['"v0"', None, None]


async def test_collection_of_a_post(server: Server) -> None:
    server.handler = tagged
    dataset = paged(method="POST", json={"q": 1}, paginate={"type": "none"}, conditional="collection")
    result = await pull(server.url, dataset, validators=KNOWN)
    assert result.facts.not_modified


@pytest.mark.parametrize(
    "changes",
    [
        {"conditional": "answer"},
        {"conditional": "never"},
        {"conditional": "never", "paginate": {"type": "none"}},
        {"conditional": "collection", "for_each": {"params": {"jenis": {"values": ["a"]}}}},
        {"paginate": {"type": "none"}, "for_each": {"params": {"jenis": {"values": ["a"]}}}},
        {
            "conditional": "collection",
            "incremental": {
                "field": "t",
                "param": "a",
                "until_param": "b",
                "window": "1d",
                "start": "2024-01-01",
                "format": "yyyy-mm-dd",
            },
        },
    ],
)
async def test_validators_that_speak_for_less_are_not_used(server: Server, changes: dict[str, Any]) -> None:
    server.handler = tagged
    until = {"until": datetime(2024, 1, 2)}
    result = await pull(server.url, paged(**changes), validators=KNOWN, span=until)
    assert result.error is None
    assert result.facts.validators == {}
    assert not any("if-none-match" in item.headers or "if-modified-since" in item.headers for item in server.asked)


# -- success -----------------------------------------------------------------------------------------------------------


async def test_all_conditions_hold_together(server: Server) -> None:
    conditions = [{"path": "status", "equals": ["ok", 1]}, {"path": "error", "absent": True}]
    server.handler = lambda request: {"status": 1, "error": None, "data": ALL}
    result = await pull(server.url, make_dataset(records="data"), source={"success": conditions})
    assert result.records == ALL
    server.handler = lambda request: {"status": "ok", "error": "habis", "data": ALL}
    result = await pull(server.url, make_dataset(records="data"), source={"success": conditions})
    assert result.failure.outcome is Outcome.UNSUCCESSFUL
    assert "`success.path: error` holds a text" in result.failure.what


async def test_empty_is_success_without_records(server: Server) -> None:
    """The records are not looked for, nor the total: there is nothing, and the list ends."""
    server.handler = lambda request: {"status": 404, "message": "data tidak ditemukan"}
    success = {"path": "status", "equals": 200, "empty": [404, "kosong"]}
    result = await pull(server.url, paged(), source={"success": success})
    assert result.error is None
    assert (result.facts.requests, result.facts.pages, result.facts.records) == (1, 1, 0)
    assert len(result.archive) == 1
    server.handler = lambda request: {"status": 500}
    result = await pull(server.url, paged(), source={"success": success})
    assert result.failure.outcome is Outcome.UNSUCCESSFUL


# -- time limit, parameters --------------------------------------------------------------------------------------------


async def test_time_limit(server: Server) -> None:
    """It counts over all requests and says how far the pull came; smaller pages are no way out."""
    server.handler = slowly
    budget = {"requests_per_second": 1000, "concurrent": 1}
    result = await pull(server.url, paged(paginate=OFFSET), source={"budget": budget}, time_limit_seconds=0.13)
    assert result.failure.outcome is Outcome.TIMED_OUT
    assert "`time_limit: 2h`; it came to 2 pages with 20 records" in result.failure.what
    assert result.records == ALL[:20]
    assert result.facts.pages_shrunk == 0


async def test_params_of_a_page(server: Server) -> None:
    server.handler = tagged
    dataset = paged(incremental={"field": "t", "param": "sejak", "start": "2024-01-31"})
    result = await pull(server.url, dataset)
    for page in result.pages:
        assert page.params["sejak"] == "31/01/2024"
        asked = datetime.fromisoformat(str(page.params["pulled_at"]))
        assert asked == page.raw.fetched_at
        assert asked.utcoffset() is not None
        assert str(page.params["pulled_at"]).endswith("+07:00")


async def test_number_position(server: Server) -> None:
    server.handler = lambda request: [row for row in ALL if row["id"] > int(request.query_params.get("since_id", -1))]
    following = {"field": "id", "kind": "number", "param": "since_id"}
    result = await pull(server.url, make_dataset(incremental=following))
    assert len(result.records) == 100
    result = await pull(server.url, make_dataset(incremental=following), position=97)
    assert result.records == ALL[98:]
    assert result.pages[0].params["since_id"] == "97"
    result = await pull(server.url, make_dataset(incremental={**following, "start": "49"}))
    assert result.records == ALL[50:]


@pytest.mark.parametrize(
    ("start", "position", "words"),
    [("x", None, "no whole number"), (None, datetime(2024, 1, 1), "a number is declared")],
)
async def test_number_position_that_is_none(server: Server, start: Any, position: Any, words: str) -> None:
    following = {"field": "id", "kind": "number", "param": "since_id", "start": start}
    result = await pull(server.url, make_dataset(incremental=following), position=position)
    assert words in result.failure.what
    assert server.asked == []


async def test_json_body_pages(server: Server) -> None:
    def handler(request: Request) -> Any:
        asked = orjson.loads(server.asked[-1].body)
        start = asked["from"]
        return {"data": ALL[start : start + asked["size"]], "total": 100}

    server.handler = handler
    paginate = {"type": "offset", "param": "from", "limit": 50, "limit_param": "size", "total": "total"}
    result = await pull(server.url, make_dataset(method="POST", json={"q": {}}, records="data", paginate=paginate))
    assert result.error is None
    assert result.records == ALL
    assert orjson.loads(server.asked[1].body) == {"q": {}, "from": 50, "size": 50}
