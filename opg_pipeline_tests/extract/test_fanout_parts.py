"""Fan-out: which of its parts may fail, be absent or not have changed, and what of it is told."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response

from opg_pipeline.extract import Access, Puller
from opg_pipeline.model.handover import Outcome
from opg_pipeline_tests.extract.conftest import (
    LOCALE,
    Result,
    Server,
    make_app,
    make_dataset,
    pull,
)

# -- what may fail -----------------------------------------------------------------------------------------------------


def failing(values: dict[str, int]) -> Any:
    def handler(request: Request) -> Any:
        value = request.query_params["no"]
        return Response(status_code=values[value]) if value in values else [{"id": value}]

    return handler


def ten(**changes: Any) -> Any:
    return make_dataset(for_each={"params": {"no": {"values": list(range(10))}}, **changes})


FEW = {"retries": 1}


async def test_without_tolerance_the_first_failure_ends_it(server: Server) -> None:
    server.handler = failing({"3": 500})
    result = await pull(server.url, ten(), source=FEW)
    assert result.failure.outcome is Outcome.SERVER_ERROR
    assert (result.failure.status, result.failure.attempts) == (500, 2)
    assert "e_test/things for no=3, page 1" in result.failure.what
    assert [record["id"] for record in result.records] == ["0", "1", "2"]


async def test_some_may_fail(server: Server) -> None:
    server.handler = failing({"3": 500, "7": 404})
    result = await pull(server.url, ten(may_fail=0.2), source=FEW)
    assert result.error is None
    assert [record["id"] for record in result.records] == ["0", "1", "2", "4", "5", "6", "8", "9"]
    assert result.facts.parts == 10
    assert result.facts.failed_parts == ["no=3: the source answers HTTP 500", "no=7: the source answers HTTP 404"]


async def test_more_than_may_fail(server: Server) -> None:
    server.handler = failing({"3": 500, "5": 404, "7": 404})
    result = await pull(server.url, ten(may_fail=0.2), source=FEW)
    failure = result.failure
    assert failure.outcome is Outcome.SERVER_ERROR
    assert "3 of 10 values have failed, more than `may_fail: 0.2` allows" in failure.what
    assert "the first was no=3: the source answers HTTP 500" in failure.what
    assert failure.status == 500


async def test_malformed_part_may_fail(server: Server) -> None:
    server.handler = lambda request: Response(b"{" if request.query_params["no"] == "2" else b"[]")
    result = await pull(server.url, ten(may_fail=0.1))
    assert result.error is None
    assert len(result.facts.failed_parts) == 1
    assert len(result.facts.raw) == 10, "what cannot be read is archived too"


@pytest.mark.parametrize("status", [401, 403])
async def test_a_closed_door_is_never_borne(server: Server, status: int) -> None:
    server.handler = failing({"3": status})
    result = await pull(server.url, ten(may_fail=0.9))
    assert result.failure.outcome is Outcome.AUTH_FAILED


async def test_the_time_limit_is_never_borne(server: Server) -> None:
    async def handler(request: Request) -> Any:
        await asyncio.sleep(0.05)
        return []

    server.handler = handler
    result = await pull(server.url, ten(may_fail=0.9), time_limit_seconds=0.08)
    assert result.failure.outcome is Outcome.TIMED_OUT


async def test_a_link_elsewhere_is_never_borne(server: Server, elsewhere: Server) -> None:
    server.handler = lambda request: {"data": [{"id": 1}], "next": elsewhere.url}
    dataset = make_dataset(
        for_each={"params": {"no": {"values": [1, 2]}}, "may_fail": 0.9},
        records="data",
        paginate={"type": "next_link", "next": "next"},
    )
    result = await pull(server.url, dataset)
    assert result.failure.outcome is Outcome.LEFT_HOST


async def test_absent_is_no_failure(server: Server) -> None:
    server.handler = failing({"3": 404, "5": 422})
    result = await pull(server.url, ten(absent_on=[404, 422]))
    assert result.error is None
    assert len(result.records) == 8
    assert (result.facts.parts, result.facts.failed_parts) == (10, [])
    server.handler = failing({"3": 410})
    result = await pull(server.url, ten(absent_on=[404, 422]))
    assert result.failure.outcome is Outcome.VANISHED


async def test_failed_values_hold_no_secret(server: Server) -> None:
    server.handler = failing({"3201234567890123": 404})
    dataset = make_dataset(for_each={"params": {"no": {"values": ["3201234567890123", "b"]}}, "may_fail": 0.5})
    result = await pull(server.url, dataset)
    assert result.facts.failed_parts == ["no=***: the source answers HTTP 404"]


async def test_store_that_fails_is_no_tolerable_part(server: Server) -> None:
    server.handler = failing({})
    dataset = ten(may_fail=0.9)
    app, result = make_app(server.url, dataset), Result()

    def full(*arguments: Any, **facts: Any) -> Any:
        raise OSError("no space left")

    async with Puller(app, Access(server.url), locale=LOCALE) as puller:
        with pytest.raises(OSError, match="no space"):
            async for _ in puller.pages(dataset, store=full, facts=result.facts):
                pass


async def test_fan_out_with_a_json_body(server: Server) -> None:
    server.handler = lambda request: [{"id": orjson.loads(server.asked[-1].body)["filter"]["desa"]}]
    dataset = make_dataset(
        method="POST",
        json={"filter": {"desa": "{desa}"}},
        for_each={"params": {"desa": {"values": [5]}}},
    )
    result = await pull(server.url, dataset)
    assert result.records == [{"id": 5}]


# -- conditional, value by value ---------------------------------------------------------------------------------------


def versioned(versions: dict[str, str]) -> Any:
    """A list per value, whose ETag is its version."""

    def handler(request: Request) -> Any:
        value = request.query_params["desa"]
        tag = f'"{versions[value]}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        return Response(orjson.dumps([{"id": f"{value}-{versions[value]}"}]), headers={"ETag": tag})

    return handler


def ids(result: Result) -> list[str]:
    return [record["id"] for record in result.records]


@pytest.mark.parametrize(
    ("nature", "second", "unmodified"),
    [("event", ["b-2"], 2), ("snapshot", ["b-2", "a-1", "c-1"], 0)],
)
async def test_values_that_did_not_change_are_not_sent_again(
    server: Server, nature: str, second: list[str], unmodified: int
) -> None:
    """Of events only what changed comes; a snapshot of which a part has changed comes whole."""
    versions = {"a": "1", "b": "1", "c": "1"}
    server.handler = versioned(versions)
    dataset = make_dataset(nature=nature, for_each={"params": {"desa": {"values": ["a", "b", "c"]}}})
    first = await pull(server.url, dataset)
    assert (ids(first), first.facts.not_modified) == (["a-1", "b-1", "c-1"], False)
    known = {"part_validators": first.facts.part_validators}
    nothing = await pull(server.url, dataset, span=known)
    assert (ids(nothing), nothing.facts.not_modified, nothing.facts.unmodified_parts) == ([], True, 3)
    versions["b"] = "2"
    again = await pull(server.url, dataset, span=known)
    assert (ids(again), again.facts.not_modified, again.facts.unmodified_parts) == (second, False, unmodified)
    assert set(again.facts.part_validators) == set(first.facts.part_validators), "none is forgotten"
    assert again.facts.part_validators["desa=b"] == {"etag": '"2"'}
    last = await pull(server.url, dataset, span={"part_validators": again.facts.part_validators})
    assert last.facts.not_modified


async def test_what_is_away_or_down_as_before_is_no_change(server: Server) -> None:
    """A snapshot is asked whole again only when a value brings something, comes back or goes away."""
    versions, status = {"a": "1", "d": "1"}, {"b": 404, "c": 503}
    answer = versioned(versions)

    def handler(request: Request) -> Any:
        value = request.query_params["desa"]
        return Response(status_code=status[value]) if value in status else answer(request)

    server.handler = handler
    dataset = make_dataset(
        nature="snapshot",
        for_each={"params": {"desa": {"values": ["a", "b", "c", "d"]}}} | {"absent_on": [404], "may_fail": 0.5},
    )
    first = await pull(server.url, dataset, source=FEW)
    assert (ids(first), first.facts.not_modified) == (["a-1", "d-1"], False)
    known = {"part_validators": first.facts.part_validators}
    same = await pull(server.url, dataset, source=FEW, span=known)
    assert (ids(same), same.facts.not_modified) == ([], True)
    assert same.facts.failed_parts == ["desa=c: the source answers HTTP 503"], "who did not answer is still told"
    for back in ("b", "c"):
        del status[back]
        versions[back] = "1"
        again = await pull(server.url, dataset, source=FEW, span=known)
        assert (sorted(ids(again)), again.facts.not_modified) == (sorted(f"{desa}-1" for desa in versions), False)
    known = {"part_validators": again.facts.part_validators}
    assert (await pull(server.url, dataset, source=FEW, span=known)).facts.not_modified
    status["a"] = 404
    gone = await pull(server.url, dataset, source=FEW, span=known)
    assert (sorted(ids(gone)), gone.facts.not_modified) == (["b-1", "c-1", "d-1"], False)


async def test_a_value_that_is_new_makes_the_pull_modified(server: Server) -> None:
    server.handler = versioned({"a": "1", "b": "1"})
    one = make_dataset(for_each={"params": {"desa": {"values": ["a"]}}})
    two = make_dataset(for_each={"params": {"desa": {"values": ["a", "b"]}}})
    first = await pull(server.url, one)
    again = await pull(server.url, two, span={"part_validators": first.facts.part_validators})
    assert (ids(again), again.facts.not_modified) == (["b-1"], False)


async def test_a_digest_with_digits_like_a_number_of_a_phone_is_asked_by(server: Server) -> None:
    """One digest in some fifteen has such digits; without it a snapshot would be asked whole for ever."""
    server.handler = versioned({"a": "d9f7baf9c1dcef083523388e911dbbb0"})
    dataset = make_dataset(nature="snapshot", for_each={"params": {"desa": {"values": ["a"]}}})
    first = await pull(server.url, dataset)
    again = await pull(server.url, dataset, span={"part_validators": first.facts.part_validators})
    assert (first.facts.not_modified, again.facts.not_modified) == (False, True)
