"""Every kind of paging against a real server: to its end, and what happens when the source does not keep to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from opg_pipeline.extract.answers import header_link
from opg_pipeline.model.handover import Outcome
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull, rows

ALL = rows(0, 25)


def ids(records: list[Any]) -> list[int]:
    return [record["id"] for record in records]


def offset_of(request: Request, cap: int = 1000) -> dict[str, Any]:
    start, limit = int(request.query_params["offset"]), min(cap, int(request.query_params["limit"]))
    return {"data": ALL[start : start + limit], "total": len(ALL)}


def paged(**paginate: Any) -> Any:
    return make_dataset(records="data", paginate=paginate)


async def test_single_page(server: Server) -> None:
    server.handler = lambda request: ALL
    result = await pull(server.url, make_dataset(query={"q": "a b", "$top": 5}))
    assert result.error is None
    assert result.records == ALL
    assert (result.facts.requests, result.facts.pages, result.facts.records) == (1, 1, 25)
    assert server.asked[0].query == {"q": "a b", "$top": "5"}
    assert result.pages[0].document == ALL
    assert result.pages[0].parents is None
    assert result.pages[0].raw is result.facts.raw[0]
    assert result.facts.bytes == len(result.archive[0]) == result.refs[0].bytes


async def test_zero_records(server: Server) -> None:
    server.handler = lambda request: []
    result = await pull(server.url)
    assert result.error is None
    assert result.facts.records == 0
    assert result.facts.pages == 1


async def test_page_with_total(server: Server) -> None:
    def handler(request: Request) -> Any:
        page, size = int(request.query_params["page"]), int(request.query_params["per_page"])
        return {"data": ALL[(page - 1) * size : page * size], "meta": {"total": "25"}}

    server.handler = handler
    result = await pull(server.url, paged(type="page", size=10, size_param="per_page", total="meta.total"))
    assert result.error is None
    assert result.records == ALL
    assert [item.query["page"] for item in server.asked] == ["1", "2", "3"]
    assert [page.number for page in result.pages] == [0, 1, 2]


async def test_page_with_pages_from_zero(server: Server) -> None:
    def handler(request: Request) -> Any:
        page = int(request.query_params["p"])
        return {"data": ALL[page * 10 : page * 10 + 10], "pages": 3}

    server.handler = handler
    result = await pull(server.url, paged(type="page", param="p", start=0, pages="pages"))
    assert result.error is None
    assert result.records == ALL
    assert result.facts.requests == 3


@pytest.mark.parametrize(("stop", "requests"), [("empty", 4), ("short", 3)])
async def test_page_with_stop(server: Server, stop: str, requests: int) -> None:
    def handler(request: Request) -> Any:
        page = int(request.query_params["page"])
        return {"data": ALL[page * 10 - 10 : page * 10]}

    server.handler = handler
    result = await pull(server.url, paged(type="page", size=10, size_param="n", stop=stop))
    assert result.error is None
    assert result.records == ALL
    assert result.facts.requests == requests


def behind(status: int, cap: int = 1000, empty: bool = False) -> Any:
    """25 records in pages of ten, or of ``cap`` where that is less, and ``status`` for a page that is not there."""

    def handler(request: Request) -> Response:
        size = min(cap, int(request.query_params.get("n", 10)))
        found = ALL[(int(request.query_params["page"]) - 1) * size :][:size]
        return JSONResponse({"data": found}) if found or empty else JSONResponse({"detail": "Invalid page."}, status)

    return handler


@pytest.mark.parametrize("stop", ["empty", "short"])
async def test_a_page_that_is_not_there_ends_a_list_where_that_is_declared(server: Server, stop: str) -> None:
    server.handler = behind(404)
    paginate = {"type": "page", "size": 5, "size_param": "n", "stop": stop}
    bare = await pull(server.url, paged(**paginate))
    assert bare.failure.outcome is Outcome.VANISHED
    assert "page 6" in bare.failure.what
    assert "`paginate.end_on: [404]`" in bare.failure.hint
    declared = await pull(server.url, paged(**paginate, end_on=[404]))
    assert declared.error is None
    assert declared.records == ALL


@pytest.mark.parametrize(("status", "page"), [(404, 1), (410, 3)])
async def test_end_on_speaks_of_what_is_behind_a_page_alone(server: Server, status: int, page: int) -> None:
    """The first page must be there, and another status is another matter."""

    def handler(request: Request) -> Response:
        number = int(request.query_params["page"])
        return JSONResponse({"data": ALL[number * 10 - 10 : number * 10]}, 200 if number < page else status)

    server.handler = handler
    result = await pull(server.url, paged(type="page", stop="empty", end_on=[404]))
    assert result.failure.outcome is Outcome.VANISHED
    assert ("end_on" in result.failure.hint) == (page > 1)


async def test_end_on_needs_a_stop() -> None:
    with pytest.raises(ValidationError, match="`end_on` needs `stop`"):
        paged(type="page", total="total", end_on=[404])


@pytest.mark.parametrize("kind", ["page", "offset"])
async def test_a_source_that_caps_its_pages_loses_nothing(server: Server, kind: str) -> None:
    """`stop: short` cannot see from a first page shorter than it asked for whether that was all."""

    def by_offset(request: Request) -> Any:
        return {"data": offset_of(request, cap=6)["data"]}

    server.handler = behind(404, cap=6) if kind == "page" else by_offset
    key = "size" if kind == "page" else "limit"
    paginate = {"type": kind, key: 10, "stop": "short", **({"size_param": "n"} if kind == "page" else {})}
    capped = await pull(server.url, paged(**paginate))
    assert capped.failure.outcome is Outcome.MALFORMED
    assert "first page had 6 records where 10 were asked for" in capped.failure.what
    assert f"`paginate.{key}` to 6" in capped.failure.hint
    result = await pull(server.url, paged(**{**paginate, key: 6}))
    assert result.error is None
    assert result.records == ALL


@pytest.mark.parametrize("status", [200, 400, 404, 422])
async def test_a_first_page_that_is_all_is_confirmed(server: Server, status: int) -> None:
    server.handler = behind(status, empty=status == 200)
    result = await pull(server.url, paged(type="page", size=40, size_param="n", stop="short"))
    assert result.error is None
    assert result.records == ALL
    assert result.facts.requests == 2
    assert len(result.archive) == 1, "no record comes from the answer that confirms"


async def test_a_source_that_gives_its_last_page_again_and_again(server: Server) -> None:
    server.handler = lambda request: {"data": ALL}
    result = await pull(server.url, paged(type="page", size=40, size_param="n", stop="short"))
    assert result.error is None
    assert result.records == ALL


async def test_a_failure_does_not_confirm_an_end(server: Server) -> None:
    server.handler = behind(500)
    result = await pull(server.url, paged(type="page", size=40, size_param="n", stop="short"))
    assert result.failure.outcome is Outcome.SERVER_ERROR


async def test_an_end_is_confirmed_once_where_lists_are_shorter_than_one_before(server: Server) -> None:
    """A page of eight shows that pages of five are not capped."""

    def handler(request: Request) -> Any:
        many = int(request.query_params["village"])
        return {"data": rows(many * 100, many * 100 + many) if request.query_params["page"] == "1" else []}

    server.handler = handler
    dataset = make_dataset(
        records="data", for_each={"params": {"village": {"values": [8, 5, 3]}}},
        paginate={"type": "page", "size": 10, "size_param": "n", "stop": "short"},
    )  # fmt: skip
    result = await pull(server.url, dataset, source={"budget": {"requests_per_second": 1000, "concurrent": 1}})
    assert result.error is None
    assert len(result.records) == 16
    assert result.facts.requests == 4


@pytest.mark.parametrize("cap", [1000, 4])
async def test_offset_goes_on_by_what_came(server: Server, cap: int) -> None:
    """A server that gives less than it was asked for loses nothing."""
    server.handler = lambda request: offset_of(request, cap)
    result = await pull(server.url, paged(type="offset", limit=10, total="total"))
    assert result.error is None
    assert result.records == ALL


async def test_offset_counts_outer_elements_of_nested_records(server: Server) -> None:
    households = [{"kk": n, "members": [{"id": n * 10 + m} for m in range(n % 3)]} for n in range(7)]

    def handler(request: Request) -> Any:
        start = int(request.query_params["offset"])
        return {"data": households[start : start + 3], "total": len(households)}

    server.handler = handler
    dataset = make_dataset(records="data[*].members", paginate={"type": "offset", "limit": 3, "total": "total"})
    result = await pull(server.url, dataset)
    assert result.error is None
    assert [item.query["offset"] for item in server.asked] == ["0", "3", "6"]
    assert ids(result.records) == [10, 20, 21, 40, 50, 51]
    assert [page.parents[0][0]["kk"] for page in result.pages if page.parents] == [1, 4]


async def test_total_that_is_not_reached_is_loss(server: Server) -> None:
    server.handler = lambda request: {**offset_of(request), "total": 40}
    result = await pull(server.url, paged(type="offset", limit=10, total="total"))
    assert result.failure.outcome is Outcome.MALFORMED
    assert "40 records" in result.failure.what
    assert "after 25" in result.failure.what
    assert "e_test/things, page 4" in result.failure.what
    assert len(result.archive) == 4, "what came is archived"


async def test_pages_that_are_not_reached_are_loss(server: Server) -> None:
    def handler(request: Request) -> Any:
        page = int(request.query_params["page"])
        return {"data": ALL[page * 10 - 10 : page * 10], "pages": 5}

    server.handler = handler
    result = await pull(server.url, paged(type="page", pages="pages"))
    assert result.failure.outcome is Outcome.MALFORMED
    assert "5 pages but page 4 is empty" in result.failure.what


@pytest.mark.parametrize("total", [None, "many", True, 1.5, -1, {}])
async def test_total_that_is_no_number(server: Server, total: Any) -> None:
    server.handler = lambda request: {"data": ALL, "total": total}
    result = await pull(server.url, paged(type="offset", limit=100, total="total"))
    assert result.failure.outcome is Outcome.MALFORMED
    assert "`paginate.total: total` must lead to a whole number" in result.failure.what


async def test_source_that_ignores_the_page(server: Server) -> None:
    server.handler = lambda request: {"data": ALL, "page": request.query_params["page"]}
    result = await pull(server.url, paged(type="page", stop="empty"))
    assert result.failure.outcome is Outcome.PAGING_LOOP
    assert result.facts.requests == 2


async def test_source_that_begins_anew(server: Server) -> None:
    def handler(request: Request) -> Any:
        start = int(request.query_params["offset"])
        return {"data": [ALL[number % 25] for number in range(start, start + 10)]}

    server.handler = handler
    result = await pull(server.url, paged(type="offset", limit=10, stop="empty"), page_limit=50)
    assert result.failure.outcome is Outcome.PAGING_LOOP
    assert result.facts.requests == 6


async def test_page_limit(server: Server) -> None:
    server.handler = lambda request: {"data": [{"id": request.query_params["page"]}]}
    result = await pull(server.url, paged(type="page", stop="empty"), page_limit=7)
    assert result.failure.outcome is Outcome.PAGING_LOOP
    assert result.facts.pages == 7


async def test_cursor(server: Server) -> None:
    def handler(request: Request) -> Any:
        start = int(request.query_params.get("after", 0))
        return {"data": ALL[start : start + 10], "next": start + 10 if start < 20 else None}

    server.handler = handler
    dataset = make_dataset(
        records="data",
        query={"kind": "a"},
        paginate={"type": "cursor", "param": "after", "next": "next", "size": 10, "size_param": "n"},
    )
    result = await pull(server.url, dataset)
    assert result.error is None
    assert result.records == ALL
    assert server.asked[0].query == {"kind": "a", "n": "10"}
    assert server.asked[2].query == {"kind": "a", "n": "10", "after": "20"}


@pytest.mark.parametrize("ending", ["", None, "absent"])
async def test_cursor_ends_at_an_empty_token(server: Server, ending: str | None) -> None:
    server.handler = lambda request: {"data": ALL} | ({} if ending == "absent" else {"next": ending})
    result = await pull(server.url, paged(type="cursor", param="after", next="next"))
    assert result.error is None
    assert result.facts.requests == 1


async def test_cursor_with_more(server: Server) -> None:
    def handler(request: Request) -> Any:
        start = int(request.query_params.get("after", 0))
        return {"data": ALL[start : start + 10], "last": start + 10, "more": start < 20}

    server.handler = handler
    result = await pull(server.url, paged(type="cursor", param="after", next="last", more="more"))
    assert result.error is None
    assert result.records == ALL


async def test_cursor_says_more_without_a_token(server: Server) -> None:
    server.handler = lambda request: {"data": ALL, "more": True}
    result = await pull(server.url, paged(type="cursor", param="after", next="last", more="more"))
    assert result.failure.outcome is Outcome.MALFORMED
    assert "no token at `paginate.next: last`" in result.failure.what


@pytest.mark.parametrize("more", ["perhaps", None, 1])
async def test_cursor_more_is_no_boolean(server: Server, more: Any) -> None:
    server.handler = lambda request: {"data": ALL, "last": 3, "more": more}
    result = await pull(server.url, paged(type="cursor", param="after", next="last", more="more"))
    assert result.failure.outcome is Outcome.MALFORMED
    assert "true or false" in result.failure.what


async def test_cursor_that_repeats(server: Server) -> None:
    server.handler = lambda request: {"data": [{"id": len(server.asked)}], "next": "abc"}
    result = await pull(server.url, paged(type="cursor", param="after", next="next"))
    assert result.failure.outcome is Outcome.PAGING_LOOP
    assert "asked already" in result.failure.what
    assert result.facts.requests == 2


async def test_cursor_alone_as_oai_pmh(server: Server) -> None:
    """The token replaces the query but for what is kept; its element has attributes on one page and none on the other."""

    def handler(request: Request) -> Response:
        second = "resumptionToken" in request.query_params
        token = "<resumptionToken/>" if second else '<resumptionToken cursor="0">t|1</resumptionToken>'
        if not second and request.query_params["metadataPrefix"] != "oai_dc":
            return Response("bad", 400)
        body = f"<OAI><ListRecords><record><id>{1 + second}</id></record>{token}</ListRecords></OAI>"
        return Response(body, media_type="text/xml")

    server.handler = handler
    for path in ("OAI.ListRecords.resumptionToken", "OAI.ListRecords.resumptionToken.#text"):
        server.asked.clear()
        dataset = make_dataset(
            format="xml",
            records="OAI.ListRecords.record",
            query={"verb": "ListRecords", "metadataPrefix": "oai_dc"},
            paginate={"type": "cursor", "param": "resumptionToken", "next": path, "alone": True, "keep": ["verb"]},
        )
        result = await pull(server.url, dataset)
        assert result.error is None
        assert result.records == [{"id": "1"}, {"id": "2"}]
        assert server.asked[1].query == {"verb": "ListRecords", "resumptionToken": "t|1"}


@pytest.mark.parametrize("style", ["absolute", "rooted", "query"])
async def test_next_link(server: Server, style: str) -> None:
    def handler(request: Request) -> Any:
        start = int(request.query_params.get("from", 0))
        link = {"absolute": f"{server.url}/api/things?from={start + 10}", "rooted": f"/api/things?from={start + 10}"}
        return {"data": ALL[start : start + 10], "next": link.get(style, f"?from={start + 10}") if start < 20 else None}

    server.handler = handler
    result = await pull(server.url + "/api", paged(type="next_link", next="next"))
    assert result.error is None
    assert result.records == ALL
    assert {item.path for item in server.asked} == {"/api/things"}


async def test_next_link_elsewhere_is_not_followed(server: Server, elsewhere: Server) -> None:
    server.handler = lambda request: {"data": ALL, "next": f"{elsewhere.url}/things?token=abcdef"}
    result = await pull(
        server.url,
        paged(type="next_link", next="next"),
        source={"auth": {"type": "bearer", "secret": "T"}},
        secrets={"T": "geheim-1"},
    )
    assert result.failure.outcome is Outcome.LEFT_HOST
    assert f"127.0.0.1:{elsewhere.port}" in result.failure.what
    assert "abcdef" not in result.failure.what
    assert elsewhere.asked == []
    assert len(result.archive) == 1


@pytest.mark.parametrize("link", ["http://[", "http://h:99999999/", 17, {"a": 1}, "x" * 10_000])
async def test_next_link_that_is_no_address(server: Server, link: Any) -> None:
    server.handler = lambda request: {"data": [{"id": len(server.asked)}], "next": link}
    result = await pull(server.url, paged(type="next_link", next="next"), page_limit=3)
    assert result.failure.outcome in {Outcome.MALFORMED, Outcome.PAGING_LOOP}


async def test_next_link_to_itself(server: Server) -> None:
    server.handler = lambda request: {"data": [{"id": len(server.asked)}], "next": str(request.url)}
    result = await pull(server.url, paged(type="next_link", next="next"))
    assert result.failure.outcome is Outcome.PAGING_LOOP


async def test_next_rel(server: Server) -> None:
    def handler(request: Request) -> Any:
        start = int(request.query_params.get("from", 0))
        links = [{"relation": "self", "url": "/things"}]
        if start < 20:
            links.append({"relation": "next", "url": f"/things?from={start + 10}"})
        return {"data": ALL[start : start + 10], "link": links}

    server.handler = handler
    result = await pull(server.url, paged(type="next_rel", links="link", rel="relation", href="url"))
    assert result.error is None
    assert result.records == ALL


@pytest.mark.parametrize("links", ["text", None, [{"rel": "next"}]])
async def test_next_rel_without_its_links(server: Server, links: Any) -> None:
    server.handler = lambda request: {"data": ALL, "links": links}
    result = await pull(server.url, paged(type="next_rel"))
    assert result.failure.outcome is Outcome.MALFORMED


async def test_link_header(server: Server) -> None:
    def handler(request: Request) -> Response:
        start = int(request.query_params.get("from", 0))
        link = '</things>; rel="first"'
        if start < 20:
            link += f', </things?from={start + 10}&x=a,b>; title="a, b; rel=prev"; rel="last next"'
        return JSONResponse(ALL[start : start + 10], headers={"Link": link})

    server.handler = handler
    result = await pull(server.url, make_dataset(paginate={"type": "link_header"}))
    assert result.error is None
    assert result.records == ALL


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", None),
        ("<a>; rel=next", "a"),
        ('<a>;rel=prev,<b>; REL = "Next"', "b"),
        ("<a>; rel=nextish", None),
        ('<a>; title="rel=next"; rel=prev', None),
        ("<" * 100_000, None),
        ("<a>" + ";   " * 20_000, None),
    ],
)
def test_header_link(value: str, expected: str | None) -> None:
    assert header_link(value, "next") == expected


async def test_post_form_takes_paging_and_position(server: Server) -> None:
    def handler(request: Request) -> Any:
        form = dict(parse_qsl(server.asked[-1].body.decode()))
        start = int(form["start"])
        return {"data": ALL[start : start + int(form["length"])], "recordsTotal": 25}

    server.handler = handler
    dataset = make_dataset(
        method="POST",
        form={"draw": 1, "search": "a&b"},
        query={"lang": "id"},
        records="data",
        paginate={"type": "offset", "param": "start", "limit": 10, "limit_param": "length", "total": "recordsTotal"},
        incremental={"field": "tgl", "param": "since", "lookback": "1d"},
    )
    result = await pull(server.url, dataset, position=datetime(2024, 3, 1, 18, tzinfo=UTC))
    assert result.error is None
    assert result.records == ALL
    asked = server.asked[1]
    assert dict(parse_qsl(asked.body.decode())) == {
        "draw": "1", "search": "a&b", "since": "01/03/2024", "start": "10", "length": "10",
    }  # fmt: skip
    assert asked.query == {"lang": "id"}
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert result.refs[0].method == "POST"


async def test_post_literal_body(server: Server) -> None:
    server.handler = lambda request: ALL
    dataset = make_dataset(method="POST", body="<a>é</a>", content_type="text/xml; charset=utf-8")
    result = await pull(server.url, dataset)
    assert result.error is None
    assert server.asked[0].body == "<a>é</a>".encode()
    assert server.asked[0].headers["content-type"] == "text/xml; charset=utf-8"
