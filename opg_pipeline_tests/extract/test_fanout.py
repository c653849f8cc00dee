"""Fan-out: where the values come from, order, and number of parts at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
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
