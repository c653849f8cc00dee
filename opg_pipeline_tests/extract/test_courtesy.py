"""Retries, waits, and budgets that the apps of a host share."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from starlette.requests import Request

from opg_pipeline.extract import Access, Puller
from opg_pipeline.extract.address import Call
from opg_pipeline.extract.pace import Pace, host_key, may_ask
from opg_pipeline.model.handover import PullFacts
from opg_pipeline.model.source import Budget
from opg_pipeline_tests.extract.conftest import (
    LOCALE,
    Result,
    Server,
    archive_into,
    failing,
    make_app,
    make_dataset,
    pull,
    rows,
    transport,
)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_passing_failure_is_survived(server: Server, status: int) -> None:
    server.handler = failing(status, 2)
    result = await pull(server.url)
    assert result.error is None
    assert len(result.records) == 3
    assert (result.facts.requests, result.facts.retries) == (3, 2)
    assert len(result.archive) == 1


async def test_retry_after_in_seconds(server: Server) -> None:
    server.handler = failing(503, 1, retry_after="1")
    result = await pull(server.url)
    assert result.error is None
    assert server.asked[1].at - server.asked[0].at >= 0.95
    assert 1.0 <= result.facts.waited_seconds < 1.2


async def test_retry_after_as_date(server: Server) -> None:
    server.handler = failing(429, 1, retry_after=format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True))
    result = await pull(server.url, longest_wait=0.7)
    assert result.error is None
    assert result.facts.waited_seconds == pytest.approx(0.7), "the cap holds"


@pytest.mark.parametrize(
    "value", ["soon", "", "Wed, 99 Foo", "-5", format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True)]
)
async def test_retry_after_that_says_nothing(server: Server, value: str) -> None:
    server.handler = failing(503, 1, retry_after=value)
    result = await pull(server.url)
    assert result.error is None
    assert result.facts.waited_seconds < 0.1


async def test_rate_is_kept_from_the_first_request_on(server: Server) -> None:
    server.handler = lambda request: {"data": rows(int(request.query_params["page"]), 6)}
    dataset = make_dataset(records="data", paginate={"type": "page", "stop": "empty"})
    result = await pull(server.url, dataset, source={"budget": {"requests_per_second": 20}})
    assert result.error is None
    moments = [item.at for item in server.asked]
    assert len(moments) == 6
    assert moments[-1] - moments[0] >= 5 / 20 * 0.7


async def test_concurrency_holds_over_all_datasets_of_an_app(server: Server) -> None:
    running = [0, 0]

    async def handler(request: Request) -> Any:
        running[0] += 1
        running[1] = max(running)
        await asyncio.sleep(0.08)
        running[0] -= 1
        return rows(0, 1)

    server.handler = handler
    dataset = make_dataset()
    app = make_app(server.url, dataset, {"budget": {"requests_per_second": 1000, "concurrent": 2}})
    async with Puller(app, Access(server.url), locale=LOCALE) as puller:

        async def one() -> int:
            facts = PullFacts()
            return sum([len(p.records) async for p in puller.pages(dataset, store=archive_into(Result()), facts=facts)])

        assert await asyncio.gather(*(one() for _ in range(6))) == [1] * 6
    assert running[1] == 2


# -- the budget of a host ----------------------------------------------------------------------------------------------


async def ask(server: Server, places: int, times: int, rate: float = 1000, host: str | None = None) -> None:
    budget = {"requests_per_second": rate, "concurrent": places}
    async with transport(server.url, {"budget": budget}, host=host) as line:
        calls = [line.send(Call("GET", f"{server.url}/{number}"), PullFacts()) for number in range(times)]
        await asyncio.gather(*calls)


def counting(running: list[int]) -> Any:
    """A handler that keeps in ``running`` how many calls it has at once, and the most there were."""

    async def handler(request: Request) -> Any:
        running[0] += 1
        running[1] = max(running)
        await asyncio.sleep(0.02)
        running[0] -= 1
        return []

    return handler


@pytest.mark.parametrize(("hosts", "most"), [((None, None), 2), (("h", "h"), 2), (("sandbox://a", "sandbox://b"), 7)])
async def test_apps_of_a_host_share_its_places(server: Server, hosts: tuple[str | None, str | None], most: int) -> None:
    running = [0, 0]
    server.handler = counting(running)
    await asyncio.gather(ask(server, 5, 8, host=hosts[0]), ask(server, 2, 20, host=hosts[1]))
    assert running[1] == most
    assert len(server.asked) == 28


async def test_strict_budget_counts_only_while_in_use(server: Server) -> None:
    running = [0, 0]
    server.handler = counting(running)
    await asyncio.gather(ask(server, 1, 2), ask(server, 5, 20))
    assert running[1] == 5, "once the strict app is done the other has its own places"


async def test_apps_of_a_host_share_its_rate(server: Server) -> None:
    server.handler = lambda request: []
    await asyncio.gather(ask(server, 4, 3, rate=30), ask(server, 4, 3, rate=1000))
    moments = sorted(item.at for item in server.asked)
    assert moments[3] - moments[0] >= 3 / 30 * 0.7
    before = moments[-1]
    await ask(server, 4, 2, rate=10)
    await ask(server, 4, 1, rate=10)
    assert server.asked[-1].at - before >= 2 / 10 * 0.7, "a new connection does not begin anew"


async def test_place_is_given_back_by_calls_that_end_early() -> None:
    pace = Pace()
    pace.join(Budget(requests_per_second=1000, concurrent=1))
    inside = asyncio.Event()

    async def hold() -> None:
        async with pace.turn():
            inside.set()
            await asyncio.sleep(60)

    holding = asyncio.create_task(hold())
    await inside.wait()
    waiting = [asyncio.create_task(hold()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    holding.cancel()
    await asyncio.sleep(0)
    waiting[1].cancel()  # in the moment it has been given the place
    inside.clear()
    await asyncio.wait_for(inside.wait(), 1)
    waiting[2].cancel()
    await asyncio.gather(holding, *waiting, return_exceptions=True)
    async with asyncio.timeout(1), pace.turn():
        pass


@pytest.mark.parametrize(
    ("url", "key"),
    [("http://h/a", "h:80"), ("https://H/b", "h:443"), ("https://h:8443/", "h:8443"), ("http://[::1]:8/", "::1:8")],
)
def test_what_a_host_is(url: str, key: str) -> None:
    assert host_key(url) == key


# -- hours -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "now", "opens"),
    [
        (None, "12:00", None), ("08:00-16:00", "08:00", None), ("08:00-16:00", "15:59", None), ("08:00-16:00", "16:00", "24T08:00"),
        ("08:00-16:00", "07:59", "23T08:00"), ("08:00-16:00", "23:30", "24T08:00"), ("21:00-05:00", "21:00", None),
        ("21:00-05:00", "23:59", None), ("21:00-05:00", "00:00", None), ("21:00-05:00", "04:59", None), ("21:00-05:00", "05:00", "23T21:00"),
        ("21:00-05:00", "12:00", "23T21:00"), ("00:00-06:00", "06:00", "24T00:00"), ("18:00-00:00", "23:59", None),
        ("18:00-00:00", "00:00", "23T18:00"), ("07:00-07:00", "03:00", None),
    ],
)  # fmt: skip
def test_hours(hours: str | None, now: str, opens: str | None) -> None:
    """In the city's wall-clock time, whatever the offset of the clock that is asked."""
    zone = ZoneInfo("Asia/Jakarta")
    moment = datetime.fromisoformat(f"2026-11-23T{now}").replace(tzinfo=zone)
    expected = None if opens is None else datetime.fromisoformat(f"2026-11-{opens}").replace(tzinfo=zone)
    for offset in (zone, UTC, ZoneInfo("America/New_York")):
        assert may_ask(Budget(hours=hours), moment.astimezone(offset), "Asia/Jakarta") == expected
