"""Going through one list: asking ahead, and shrinking pages."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from opg_pipeline.extract import Access, Puller
from opg_pipeline.model.handover import Outcome
from opg_pipeline_tests.extract.conftest import (
    LOCALE,
    Result,
    Server,
    archive_into,
    make_app,
    make_dataset,
    pull,
    rows,
)

ALL = rows(0, 100)
BUDGET = {"requests_per_second": 1000, "concurrent": 4}


def numbers(request: Request, *names: str) -> tuple[int, ...]:
    return tuple(int(request.query_params[name]) for name in names)


# -- asking ahead ------------------------------------------------------------------------------------------------------


class Busy:
    """Counts how many requests are answered at the same time."""

    def __init__(self, answer: Any, delay: float = 0.03) -> None:
        self.answer, self.delay, self.now, self.most = answer, delay, 0, 0

    async def __call__(self, request: Request) -> Any:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self.delay)
        self.now -= 1
        return self.answer(request)


def by_offset(request: Request) -> Any:
    start, limit = numbers(request, "offset", "limit")
    return {"data": ALL[start : start + limit], "total": 100}


def by_page(request: Request) -> Any:
    (page,) = numbers(request, "page")
    return {"data": ALL[page * 10 - 10 : page * 10], "pages": 10, "total": 100}


OFFSET = {"type": "offset", "limit": 10, "total": "total"}


@pytest.mark.parametrize(
    ("paginate", "answer"),
    [
        (OFFSET, by_offset),
        ({"type": "page", "pages": "pages"}, by_page),
        ({"type": "page", "total": "total"}, by_page),
    ],
)
async def test_known_pages_are_asked_ahead(server: Server, paginate: dict[str, Any], answer: Any) -> None:
    """Within the budget and in order, each page once."""
    server.handler = busy = Busy(answer)
    result = await pull(server.url, make_dataset(records="data", paginate=paginate))
    assert result.error is None
    assert result.records == ALL
    assert [page.number for page in result.pages] == list(range(10))
    assert result.facts.requests == len(server.asked) == 10
    assert busy.most == 4


async def test_next_page_is_asked_while_the_caller_works(server: Server) -> None:
    """A link is known as soon as its page is read."""

    def handler(request: Request) -> Any:
        start = int(request.query_params.get("from", 0))
        return {"data": ALL[start : start + 10], "next": f"?from={start + 10}" if start < 90 else None}

    server.handler = handler
    dataset = make_dataset(records="data", paginate={"type": "next_link", "next": "next"})
    app, result = make_app(server.url, dataset), Result()
    async with Puller(app, Access(server.url), locale=LOCALE) as puller:
        async for page in puller.pages(dataset, store=archive_into(result), facts=result.facts):
            await asyncio.sleep(0.02)
            assert len(server.asked) == min(10, page.number + 2)


async def test_bounded_when_the_caller_is_slow(server: Server) -> None:
    """No more answers wait than requests may be under way."""
    server.handler = by_offset
    dataset = make_dataset(records="data", paginate=OFFSET)
    app, result = make_app(server.url, dataset), Result()
    async with Puller(app, Access(server.url), locale=LOCALE) as puller:
        async for page in puller.pages(dataset, store=archive_into(result), facts=result.facts):
            await asyncio.sleep(0.02)
            assert len(server.asked) <= page.number + 1 + 4
            assert len(result.archive) == page.number + 1


async def test_pages_that_are_other_than_promised(server: Server) -> None:
    """A source whose pages have any length: nothing is lost or doubled, little is asked in vain, conditions are sent once."""

    def handler(request: Request) -> Any:
        start, limit = numbers(request, "offset", "limit")
        return {"data": ALL[start : start + limit - start * 3 % 7], "total": 100}

    server.handler = handler
    dataset = make_dataset(records="data", paginate=OFFSET, conditional="collection")
    result = await pull(server.url, dataset, validators={"etag": '"v0"'})
    assert result.error is None
    assert result.records == ALL
    assert result.facts.requests <= result.facts.pages + 4
    assert [item.headers.get("if-none-match") for item in server.asked].count('"v0"') == 1


async def test_leaving_early_ends_what_is_under_way(server: Server) -> None:
    server.handler = Busy(by_offset)
    dataset = make_dataset(records="data", paginate=OFFSET)
    app, result = make_app(server.url, dataset), Result()
    async with (
        Puller(app, Access(server.url), locale=LOCALE) as puller,
        aclosing(puller.pages(dataset, store=archive_into(result), facts=result.facts)) as pages,
    ):
        async for _ in pages:
            break
    assert len(result.archive) == 1
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_failure_ahead_is_told_in_its_place(server: Server) -> None:
    def handler(request: Request) -> Any:
        return Response(status_code=404) if request.query_params["offset"] == "30" else by_offset(request)

    server.handler = handler
    result = await pull(server.url, make_dataset(records="data", paginate=OFFSET))
    assert result.failure.outcome is Outcome.VANISHED
    assert result.records == ALL[:30], "the pages before it came"
    assert "page 4 (GET" in result.failure.what


# -- pages that shrink -------------------------------------------------------------------------------------------------


def weak(strength: int, size_name: str, answer: Any, status: int = 500) -> Any:
    """A server that cannot give more than ``strength`` records at once."""

    def handler(request: Request) -> Any:
        if int(request.query_params[size_name]) > strength:
            return Response(status_code=status)
        return answer(request)

    return handler


def sized_page(request: Request) -> Any:
    page, size = numbers(request, "page", "size")
    return {"data": ALL[page * size - size : page * size], "total": 100}


def sized_cursor(request: Request) -> Any:
    start, size = int(request.query_params.get("after", 0)), int(request.query_params["size"])
    return {"data": ALL[start : start + size], "next": start + size if start + size < 100 else None}


PAGE = {"type": "page", "size": 40, "size_param": "size", "total": "total"}
CURSOR = {"type": "cursor", "param": "after", "next": "next", "size": 40, "size_param": "size"}


@pytest.mark.parametrize(
    ("paginate", "answer", "size"),
    [({**OFFSET, "limit": 40}, by_offset, "limit"), (PAGE, sized_page, "size"), (CURSOR, sized_cursor, "size")],
)
async def test_page_shrinks(server: Server, paginate: dict[str, Any], answer: Any, size: str) -> None:
    server.handler = weak(10, size, answer)
    result = await pull(server.url, make_dataset(records="data", paginate=paginate), source={"retries": 1})
    assert result.error is None
    assert result.records == ALL
    assert result.facts.pages_shrunk == 2
    assert [item.query[size] for item in server.asked[:5]] == ["40", "40", "20", "20", "10"]


async def test_page_shrinks_to_an_eighth_and_no_further(server: Server) -> None:
    server.handler = weak(4, "limit", by_offset)
    dataset = make_dataset(records="data", paginate={**OFFSET, "limit": 40})
    result = await pull(server.url, dataset, source={"retries": 0})
    assert result.failure.outcome is Outcome.SERVER_ERROR
    assert [item.query["limit"] for item in server.asked] == ["40", "20", "10", "5"]


@pytest.mark.parametrize("size", [40, 30, 25])
async def test_numbered_pages_are_counted_anew_in_the_middle(server: Server, size: int) -> None:
    """The second page fails at its size: those that follow are counted in pages of a size that divides what came."""
    asked: list[tuple[int, int]] = []

    def handler(request: Request) -> Any:
        page, wanted = numbers(request, "page", "size")
        asked.append((page, wanted))
        return Response(status_code=503) if page > 1 and wanted > size / 2 else sized_page(request)

    server.handler = handler
    dataset = make_dataset(records="data", paginate={**PAGE, "size": size})
    result = await pull(server.url, dataset, source={"retries": 0, "budget": {**BUDGET, "concurrent": 1}})
    assert result.error is None
    assert result.records == ALL
    assert (
        asked[:3]
        == {
            40: [(1, 40), (2, 40), (3, 20)],
            30: [(1, 30), (2, 30), (3, 15)],
            25: [(1, 25), (2, 25), (6, 5)],
        }[size]
    )


async def test_numbered_pages_of_another_size_are_not_counted_anew(server: Server) -> None:
    """A source that gives less than the declared size: nobody knows where a smaller page begins."""

    def handler(request: Request) -> Any:
        (page,) = numbers(request, "page")
        return Response(status_code=500) if page == 2 else {"data": ALL[:30], "total": 100}

    server.handler = handler
    result = await pull(server.url, make_dataset(records="data", paginate=PAGE), source={"retries": 0})
    assert result.failure.outcome is Outcome.SERVER_ERROR
    assert result.facts.pages_shrunk == 0


async def test_page_shrinks_on_a_time_out(server: Server) -> None:
    async def handler(request: Request) -> Any:
        if int(request.query_params["limit"]) > 20:
            await asyncio.sleep(0.2)
        return by_offset(request)

    server.handler = handler
    dataset = make_dataset(records="data", paginate={**OFFSET, "limit": 40})
    result = await pull(server.url, dataset, source={"retries": 0}, timeout_seconds=0.1)
    assert result.error is None
    assert result.records == ALL
    assert result.facts.pages_shrunk == 1


@pytest.mark.parametrize("status", [400, 401, 404, 429])
async def test_other_failures_do_not_shrink(server: Server, status: int) -> None:
    server.handler = weak(10, "limit", by_offset, status)
    dataset = make_dataset(records="data", paginate={**OFFSET, "limit": 40})
    result = await pull(server.url, dataset, source={"retries": 0})
    assert result.failure.status == status
    assert result.facts.requests == 1
