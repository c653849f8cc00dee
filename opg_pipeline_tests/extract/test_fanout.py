"""Fan-out: where the values come from, order and number of parts at once, and what may fail among them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
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
    archive_into,
    make_app,
    make_dataset,
    pull,
)

REGIONS = {"district": ["35.22.01", "35.22.02"], "village": ["35.22.01.2001", "35.22.02.1002"]}


def each(**params: Any) -> Any:
    return {"params": params}


def echo(request: Request) -> Any:
    return [{"id": "|".join(f"{name}={value}" for name, value in request.query_params.items())}]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"jenis": {"values": ["b", "a", 3, "b"]}}, ["jenis=b", "jenis=a", "jenis=3"]),
        ({"tahun": {"years": [2022, 2024]}}, ["tahun=2022", "tahun=2023", "tahun=2024"]),
        ({"tahun": {"years": [2025, "now"]}}, ["tahun=2025", "tahun=2026"]),
        ({"kode": {"regions": "district"}}, ["kode=35.22.01", "kode=35.22.02"]),
        ({"kode": {"regions": "village", "dotted": False}}, ["kode=3522012001", "kode=3522021002"]),
        (
            {"thn": {"values": [1, 2]}, "jenis": {"values": ["x", "y"]}},
            ["thn=1|jenis=x", "thn=1|jenis=y", "thn=2|jenis=x", "thn=2|jenis=y"],
        ),
    ],
)
async def test_values(server: Server, params: dict[str, Any], expected: list[str]) -> None:
    """The last day of a year in UTC is the first of the next one in Jakarta."""
    server.handler = echo
    dataset = make_dataset(for_each=each(**params))
    clock = datetime(2025, 12, 31, 20, tzinfo=UTC)
    result = await pull(server.url, dataset, span={"regions": REGIONS}, clock=lambda: clock)
    assert result.error is None
    assert [record["id"] for record in result.records] == expected
    assert result.facts.parts == len(expected)
    assert [page.number for page in result.pages] == list(range(len(expected)))


async def test_values_go_to_their_places_and_into_params(server: Server) -> None:
    server.handler = lambda request: [{"id": request.url.path}]
    dataset = make_dataset(
        path="/desa/{kode}/data",
        query={"t": "th-{tahun}"},
        for_each=each(kode={"regions": "village"}, tahun={"values": [2024]}),
    )
    result = await pull(server.url, dataset, span={"regions": REGIONS})
    assert result.error is None
    assert [record["id"] for record in result.records] == ["/desa/35.22.01.2001/data", "/desa/35.22.02.1002/data"]
    assert server.asked[0].query == {"t": "th-2024"}
    assert [(page.params["kode"], page.params["tahun"]) for page in result.pages] == [
        ("35.22.01.2001", 2024),
        ("35.22.02.1002", 2024),
    ]


async def test_what_a_replay_needs_is_kept_with_the_answer(server: Server) -> None:
    """The parameters of each page, and which answer is no page; a secret or an identity among them is withheld."""
    nik = "3522014505900001"

    def answer(request: Request) -> Any:
        return ["satu", nik, "rahasia-99"] if request.url.path.endswith("/daftar") else [{"id": 1}]

    server.handler = answer
    dataset = make_dataset(for_each=each(kode={"path": "/daftar"}, tahun={"values": [2024]}))
    auth = {"type": "bearer", "secret": "KEY"}
    result = await pull(server.url, dataset, source={"auth": auth}, secrets={"KEY": "rahasia-99"})
    assert result.error is None
    assert [(raw.lists, dict(raw.params)) for raw in result.facts.raw] == [
        ("kode", {}),
        ("", {"kode": "satu", "tahun": 2024}),
        ("", {"kode": None, "tahun": 2024}),
        ("", {"kode": None, "tahun": 2024}),
    ]
    assert [page.params["kode"] for page in result.pages] == ["satu", nik, "rahasia-99"]


async def test_regions_that_are_not_known(server: Server) -> None:
    result = await pull(server.url, make_dataset(for_each=each(kode={"regions": "village"})))
    assert result.failure.outcome is Outcome.MALFORMED
    assert "no village is known" in result.failure.what
    assert server.asked == []


# -- values from a call ------------------------------------------------------------------------------------------------


def markets(answer: Any) -> Any:
    def handler(request: Request) -> Any:
        return answer if request.url.path == "/v1/pasar" else echo(request)

    return handler


LIST = {"path": "/pasar?aktif=1", "records": "data", "value": "info.kode"}


async def test_values_from_a_call(server: Server) -> None:
    """Its answer is archived and comes first, but gives no records."""
    server.handler = markets({"data": [{"info": {"kode": "P1"}}, {"info": {"kode": 2}}, {"info": {"kode": "P1"}}]})
    result = await pull(server.url + "/v1", make_dataset(for_each=each(pasar=LIST)))
    assert result.error is None
    assert [record["id"] for record in result.records] == ["pasar=P1", "pasar=2"]
    assert server.asked[0].query == {"aktif": "1"}
    assert len(result.archive) == len(result.facts.raw) == 3
    assert "info" in result.archive[0].decode()
    assert result.facts.raw[0].url.endswith("/v1/pasar?aktif=1")


async def test_values_from_a_bare_list(server: Server) -> None:
    server.handler = markets(["A", "B"])
    result = await pull(server.url + "/v1", make_dataset(for_each=each(pasar={"path": "/pasar"})))
    assert [record["id"] for record in result.records] == ["pasar=A", "pasar=B"]


async def test_no_values_are_zero_records(server: Server) -> None:
    server.handler = markets([])
    result = await pull(server.url + "/v1", make_dataset(for_each=each(pasar={"path": "/pasar"})))
    assert result.error is None
    assert (result.facts.parts, result.pages) == (0, [])


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        ({"data": [{"info": {"kode": "a"}}, {"info": {}}]}, Outcome.MALFORMED, "element 2 of the list"),
        ({"data": [{"info": {"kode": ""}}]}, Outcome.MALFORMED, "element 1"),
        ({"data": [{"info": {"kode": True}}]}, Outcome.MALFORMED, "a boolean"),
        ({"rows": []}, Outcome.MALFORMED, "`records: data` leads nowhere"),
        (Response(status_code=404), Outcome.VANISHED, "HTTP 404"),
    ],
)
async def test_list_of_values_that_cannot_be_read(server: Server, answer: Any, outcome: Outcome, words: str) -> None:
    server.handler = markets(answer)
    result = await pull(server.url + "/v1", make_dataset(for_each=each(pasar=LIST)))
    assert result.failure.outcome is outcome
    assert words in result.failure.what
    assert "for_each.params.pasar" in result.failure.what
    assert len(server.asked) == 1


# -- order and number at once ------------------------------------------------------------------------------------------


async def test_parts_are_pulled_at_once_and_given_in_order(server: Server) -> None:
    """Every other part is slow; each has three pages, chained by its own total."""
    running = [0, 0]

    async def handler(request: Request) -> Any:
        part, start = request.query_params["no"], int(request.query_params["offset"])
        running[0] += 1
        running[1] = max(running)
        await asyncio.sleep(0.03 if int(part) % 2 == 0 else 0.005)
        running[0] -= 1
        return {"data": [{"id": f"{part}-{start + n}"} for n in range(2)], "total": 6}

    server.handler = handler
    dataset = make_dataset(
        for_each=each(no={"values": list(range(8))}),
        records="data",
        paginate={"type": "offset", "limit": 2, "total": "total"},
    )
    first = await pull(server.url, dataset)
    assert first.error is None
    assert [record["id"] for record in first.records] == [f"{part}-{n}" for part in range(8) for n in range(6)]
    assert running[1] == 4
    assert first.facts.requests == 24
    assert [ref.sha256 for ref in first.facts.raw] == [page.raw.sha256 for page in first.pages]


async def test_few_parts_wait_for_a_slow_caller(server: Server) -> None:
    """A value, those that may be pulled beside it, and no more: memory does not grow with their number."""
    server.handler = lambda request: {
        "data": [{"id": request.url.query}],
        "more": int(request.query_params["page"]) < 9,
    }
    dataset = make_dataset(
        for_each=each(no={"values": list(range(50))}), records="data", paginate={"type": "page", "more": "more"}
    )
    app, result = make_app(server.url, dataset), Result()
    async with Puller(app, Access(server.url), locale=LOCALE) as puller:
        async for page in puller.pages(dataset, store=archive_into(result), facts=result.facts):
            await asyncio.sleep(0.01)
            assert len(server.asked) <= page.number + 1 + 5 * 4
            if page.number == 20:
                break
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_each_value_has_its_own_list(server: Server) -> None:
    """Two markets that sell the same are no circle; one that goes in circles is."""
    server.handler = lambda request: [{"id": 1}] if request.query_params["page"] == "1" else []
    paginate = {"type": "page", "stop": "empty"}
    dataset = make_dataset(for_each=each(no={"values": ["a", "b"]}), paginate=paginate)
    result = await pull(server.url, dataset)
    assert result.error is None
    assert len(result.records) == 2
    server.handler = lambda request: [{"id": 1}]
    result = await pull(server.url, dataset)
    assert result.failure.outcome is Outcome.PAGING_LOOP
    assert "e_test/things for no=a, page 2 (GET" in result.failure.what


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
        for_each=each(desa={"values": [5]}),
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
    dataset = make_dataset(nature=nature, for_each=each(desa={"values": ["a", "b", "c"]}))
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
        for_each=each(desa={"values": ["a", "b", "c", "d"]}) | {"absent_on": [404], "may_fail": 0.5},
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
    one = make_dataset(for_each=each(desa={"values": ["a"]}))
    two = make_dataset(for_each=each(desa={"values": ["a", "b"]}))
    first = await pull(server.url, one)
    again = await pull(server.url, two, span={"part_validators": first.facts.part_validators})
    assert (ids(again), again.facts.not_modified) == (["b-1"], False)
