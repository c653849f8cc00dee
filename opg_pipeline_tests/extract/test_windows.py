"""Windows of time: no gap, nothing asked twice, halved where the source cannot bear them; and backfills."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from opg_pipeline.extract.windows import halves, stretches
from opg_pipeline.model.base import Locale
from opg_pipeline.model.handover import Outcome
from opg_pipeline.model.paging import Incremental
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull

JAKARTA = ZoneInfo("Asia/Jakarta")
LOCALE = Locale(date="dd/mm/yyyy", timezone="Asia/Jakarta")
NOW = datetime(2024, 3, 5, 20, tzinfo=UTC)  # 6 March, 03:00 in Jakarta


def following(**changes: Any) -> Incremental:
    return Incremental.model_validate(
        {"field": "tgl", "param": "dari", "until_param": "sampai", "window": "2d", "start": "2024-03-01", **changes}
    )


def asked(incremental: Incremental, position: datetime | None = None, **span: Any) -> list[tuple[str, ...]]:
    found = stretches(incremental, position, LOCALE, now=NOW, **span)
    return [tuple(stretch.params.values()) for stretch in found]


# -- which windows -----------------------------------------------------------------------------------------------------


def test_days_are_inclusive() -> None:
    assert asked(following()) == [
        ("01/03/2024", "02/03/2024"),
        ("03/03/2024", "04/03/2024"),
        ("05/03/2024", "06/03/2024"),
    ]


def test_window_of_one_day() -> None:
    assert asked(following(window="1d", start="2024-03-05")) == [
        ("05/03/2024", "05/03/2024"),
        ("06/03/2024", "06/03/2024"),
    ]


def test_moments_are_shared() -> None:
    found = asked(following(format="yyyy-mm-dd HH:MM", window="24h", start="2024-03-04"))
    assert found == [
        ("2024-03-04 00:00", "2024-03-05 00:00"),
        ("2024-03-05 00:00", "2024-03-06 00:00"),
        ("2024-03-06 00:00", "2024-03-06 03:00"),
    ]


def test_months() -> None:
    found = asked(following(format="yyyymm", window="60d", start="2023-11-15"))
    assert found == [("202311", "202312"), ("202401", "202402"), ("202403", "202403")]


def test_years() -> None:
    assert asked(following(param_format="yyyy", window="1d", start="2022-05-01")) == [
        ("2022", "2022"),
        ("2023", "2023"),
        ("2024", "2024"),
    ]


@pytest.mark.parametrize(("pattern", "factor"), [("epoch_s", 1), ("epoch_ms", 1000)])
def test_epochs(pattern: str, factor: int) -> None:
    start = datetime(2024, 3, 5, tzinfo=JAKARTA).timestamp()
    assert asked(following(param_format=pattern, window="1d", start="2024-03-05")) == [
        (f"{int(start) * factor}", f"{int(start + 86400) * factor}"),
        (f"{int(start + 86400) * factor}", f"{int(start + 86400 + 3 * 3600) * factor}"),
    ]


def test_parameters_may_be_written_otherwise_than_the_field() -> None:
    found = asked(following(format="dd/mm/yyyy HH:MM:SS", param_format="yyyy-mm-dd", start="2024-03-06"))
    assert found == [("2024-03-06", "2024-03-06")]


def test_position_and_lookback() -> None:
    position = datetime(2024, 3, 4, 18, tzinfo=UTC)  # the 5th in Jakarta
    assert asked(following(lookback="1d"), position) == [("04/03/2024", "05/03/2024"), ("06/03/2024", "06/03/2024")]


def test_position_ahead_of_the_clock_is_still_asked() -> None:
    position = datetime(2024, 3, 10, tzinfo=JAKARTA)
    assert asked(following(), position) == [("10/03/2024", "10/03/2024")]
    hours = following(format="yyyy-mm-dd HH:MM")
    assert asked(hours, position) == [("2024-03-10 00:00", "2024-03-10 00:00")]


def test_backfill() -> None:
    """`since` and `until` stand instead of the position and now; `until` itself is not asked for."""
    since, until = datetime(2024, 1, 1), datetime(2024, 1, 4, tzinfo=JAKARTA)
    position = datetime(2024, 3, 1, tzinfo=UTC)
    assert asked(following(lookback="30d"), position, since=since, until=until) == [
        ("01/01/2024", "02/01/2024"),
        ("03/01/2024", "03/01/2024"),
    ]
    assert asked(following(start="2024-01-03"), position, until=until) == [("03/01/2024", "03/01/2024")]
    assert asked(following(), position, since=datetime(2024, 3, 6)) == [("06/03/2024", "06/03/2024")]


def test_end_without_windows() -> None:
    incremental = following(window=None, start=None)
    assert asked(incremental) == [()]
    assert asked(incremental, NOW) == [("06/03/2024", "06/03/2024")]
    assert asked(incremental, until=datetime(2024, 2, 1)) == [("31/01/2024",)]


def test_since_without_an_end() -> None:
    """What cannot be told its end delivers the rest too."""
    incremental = following(window=None, until_param=None)
    span = {"since": datetime(2024, 1, 1), "until": datetime(2024, 1, 2)}
    assert asked(incremental, NOW, **span) == [("01/01/2024",)]


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(2019, 1, 1), datetime(2024, 1, 1)),
    st.timedeltas(timedelta(0), timedelta(days=200)),
    st.sampled_from(["1d", "3d", "7d", "31d", "90d"]),
)
def test_every_day_is_asked_once(since: datetime, length: timedelta, window: str) -> None:
    """Also when every window is halved down to days."""
    until = since + length + timedelta(seconds=1)
    incremental = following(window=window, format="yyyy-mm-dd")
    whole = stretches(incremental, None, LOCALE, now=NOW, since=since, until=until)
    expected = {since.date() + timedelta(days=n) for n in range((until.date() - since.date()).days + 1)}
    if until.time() == datetime.min.time():
        expected.discard(until.date())
    counted = Counter(day for stretch in whole for day in days(stretch.params))
    assert counted == Counter(expected)
    parts = list(whole)
    while any(len(days(part.params)) > 1 for part in parts):
        parts = [half for part in parts for half in (halves(part, incremental) or [part])]
    assert [days(part.params) for part in parts] == [[day] for day in sorted(expected)]


def days(params: dict[str, str]) -> list[date]:
    first, last = map(date.fromisoformat, params.values())
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(2023, 1, 1), datetime(2024, 1, 1)),
    st.timedeltas(timedelta(0), timedelta(days=3)),
    st.sampled_from(["10m", "6h", "1d"]),
    st.sampled_from(["iso", "yyyy-mm-dd HH:MM"]),
)
def test_moments_have_no_gap(since: datetime, length: timedelta, window: str, pattern: str) -> None:
    until = since + length
    found = asked(following(window=window, format=pattern), since=since, until=until)
    bounds = [
        [
            datetime.fromisoformat(text).replace(tzinfo=JAKARTA) if " " in text else datetime.fromisoformat(text)
            for text in pair
        ]
        for pair in found
    ]
    assert bounds[0][0] <= since.replace(tzinfo=JAKARTA)
    assert bounds[-1][1] >= until.replace(tzinfo=JAKARTA)
    assert all(before[1] == after[0] for before, after in pairwise(bounds))


# -- asked of a server -------------------------------------------------------------------------------------------------

EVENTS = [{"id": n, "tgl": (date(2024, 1, 1) + timedelta(days=n)).isoformat()} for n in range(60)]
QUARTER = {"since": datetime(2024, 1, 1), "until": datetime(2024, 3, 1)}


def between(request: Request) -> Any:
    first, last = request.query_params["dari"], request.query_params["sampai"]
    return [event for event in EVENTS if first <= event["tgl"] <= last]


def daily(**changes: Any) -> Any:
    declared = following(format="yyyy-mm-dd", window="10d", **changes)
    return make_dataset(incremental=declared.model_dump(exclude_defaults=True))


async def test_windows_together(server: Server) -> None:
    """All at once as the budget allows, in order, each with its bounds."""
    running = [0, 0]

    async def handler(request: Request) -> Any:
        running[0] += 1
        running[1] = max(running)
        await asyncio.sleep(0.01)
        running[0] -= 1
        return between(request)

    server.handler = handler
    result = await pull(server.url, daily(), span=QUARTER)
    assert result.error is None
    assert result.records == EVENTS
    assert running[1] == 4
    assert (result.facts.requests, result.facts.parts, result.facts.windows_split) == (6, 1, 0)
    assert [(page.params["dari"], page.params["sampai"]) for page in result.pages][:2] == [
        ("2024-01-01", "2024-01-10"),
        ("2024-01-11", "2024-01-20"),
    ]
    assert [ref.sha256 for ref in result.facts.raw] == [page.raw.sha256 for page in result.pages]


def heavy(most: int, status: int = 500) -> Any:
    def handler(request: Request) -> Any:
        found = between(request)
        return Response(status_code=status) if len(found) > most else found

    return handler


@pytest.mark.parametrize("window", ["10d", "90d"])
async def test_windows_are_halved(server: Server, window: str) -> None:
    server.handler = heavy(3)
    dataset = make_dataset(
        incremental={**following(format="yyyy-mm-dd").model_dump(exclude_defaults=True), "window": window}
    )
    result = await pull(server.url, dataset, span=QUARTER, source={"retries": 0})
    assert result.error is None
    assert result.records == EVENTS
    assert result.facts.windows_split > 10


async def test_window_of_one_day_is_not_halved(server: Server) -> None:
    server.handler = heavy(0)
    result = await pull(server.url, daily(), span=QUARTER, source={"retries": 0})
    assert result.failure.outcome is Outcome.SERVER_ERROR
    assert "dari=2024-01-01&sampai=2024-01-01" in result.failure.what


async def test_too_large_windows_are_halved(server: Server) -> None:
    big = "x" * 300_000

    def handler(request: Request) -> Any:
        return [{**event, "isi": big} for event in between(request)]

    server.handler = handler
    result = await pull(server.url, daily(), span=QUARTER, source={"max_answer_mb": 1})
    assert result.error is None
    assert [record["id"] for record in result.records] == [event["id"] for event in EVENTS]
    assert result.facts.windows_split >= 12


@pytest.mark.parametrize("status", [400, 401, 404])
async def test_other_failures_do_not_halve(server: Server, status: int) -> None:
    server.handler = heavy(3, status)
    result = await pull(server.url, daily(), span=QUARTER)
    assert result.failure.status == status
    assert result.facts.windows_split == 0


async def test_pages_shrink_before_windows_are_halved(server: Server) -> None:
    def handler(request: Request) -> Any:
        start, limit = int(request.query_params["offset"]), int(request.query_params["limit"])
        found = between(request)
        if limit > 2 or len(found) > 5:
            return Response(status_code=502)
        return {"data": found[start : start + limit], "total": len(found)}

    server.handler = handler
    dataset = make_dataset(
        records="data",
        paginate={"type": "offset", "limit": 8, "total": "total"},
        incremental=daily().incremental.model_dump(exclude_defaults=True),
    )
    budget = {"requests_per_second": 1000, "concurrent": 1}
    result = await pull(server.url, dataset, span=QUARTER, source={"retries": 0, "budget": budget})
    assert result.error is None
    assert result.records == EVENTS
    assert (result.facts.windows_split, result.facts.pages_shrunk >= 3) == (6, True)


async def test_windows_in_a_fan_out(server: Server) -> None:
    def handler(request: Request) -> Any:
        return [{**event, "desa": request.query_params["desa"]} for event in between(request)]

    server.handler = handler
    dataset = make_dataset(
        for_each={"params": {"desa": {"values": ["a", "b"]}}},
        incremental=daily().incremental.model_dump(exclude_defaults=True),
    )
    result = await pull(server.url, dataset, span=QUARTER)
    assert result.error is None
    assert [(record["desa"], record["id"]) for record in result.records] == [
        (desa, event["id"]) for desa in "ab" for event in EVENTS
    ]
    assert result.facts.parts == 2
    assert (result.pages[0].params["desa"], result.pages[0].params["dari"]) == ("a", "2024-01-01")
    assert result.facts.requests == 12


async def test_windows_of_one_value_are_asked_at_once(server: Server) -> None:
    under_way = most = 0

    async def handler(request: Request) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        under_way -= 1
        return between(request)

    server.handler = handler
    dataset = make_dataset(
        for_each={"params": {"desa": {"values": ["a"]}}},
        incremental=daily().incremental.model_dump(exclude_defaults=True),
    )
    result = await pull(
        server.url, dataset, span=QUARTER, source={"budget": {"requests_per_second": 1000, "concurrent": 3}}
    )
    assert result.records == EVENTS
    assert (result.facts.requests, result.facts.parts, most) == (6, 1, 3)


async def test_a_value_ends_with_its_first_window_that_fails(server: Server) -> None:
    def handler(request: Request) -> Any:
        desa, since = request.query_params["desa"], request.query_params["dari"]
        if desa == "a" and since > "2024-01-15":
            return Response(status_code=404)
        return [{**event, "desa": desa} for event in between(request)]

    server.handler = handler
    dataset = make_dataset(
        for_each={"params": {"desa": {"values": ["a", "b"]}}, "may_fail": 0.5},
        incremental=daily().incremental.model_dump(exclude_defaults=True),
    )
    result = await pull(server.url, dataset, span=QUARTER)
    assert result.error is None
    assert result.facts.failed_parts == ["desa=a: the source answers HTTP 404"]
    assert [record for record in result.records if record["desa"] == "b"] == [
        {**event, "desa": "b"} for event in EVENTS
    ]
    assert {page.params["dari"] for page in result.pages if page.params["desa"] == "a"} == {"2024-01-01", "2024-01-11"}
    assert len(result.facts.raw) == 8, "two windows of a, six of b"


async def test_bounds_go_to_their_places(server: Server) -> None:
    server.handler = lambda request: []
    dataset = make_dataset(
        method="POST",
        body="<d>{dari}</d><s>{sampai}</s>",
        content_type="text/xml",
        incremental={**daily().incremental.model_dump(exclude_defaults=True), "window": "90d"},
    )
    result = await pull(server.url, dataset, span=QUARTER)
    assert result.error is None
    assert server.asked[0].body == b"<d>2024-01-01</d><s>2024-02-29</s>"


async def test_filter_phrase_is_left_out_without_a_position(server: Server) -> None:
    server.handler = lambda request: []
    dataset = make_dataset(
        query={"$filter": "resultTime ge {since}", "$top": 5},
        incremental={"field": "t", "param": "since", "format": "iso"},
    )
    await pull(server.url, dataset)
    await pull(server.url, dataset, position=datetime(2024, 1, 1, tzinfo=UTC))
    assert server.asked[0].query == {"$top": "5"}
    assert server.asked[1].query == {"$top": "5", "$filter": "resultTime ge 2024-01-01T07:00:00+07:00"}


async def test_window_to_now(server: Server) -> None:
    server.handler = between
    result = await pull(server.url, daily(start="2024-02-01"), clock=lambda: datetime(2024, 2, 3, 18, tzinfo=UTC))
    assert result.error is None
    assert server.asked[0].query == {"dari": "2024-02-01", "sampai": "2024-02-04"}
