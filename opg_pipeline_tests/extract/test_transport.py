"""How a pull fares when the source fails, is slow, elsewhere or unchanged, and what it makes of what the answer says."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

from opg_pipeline.extract import Access, Puller
from opg_pipeline.extract.address import Call
from opg_pipeline.model.handover import Outcome, PullFacts
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

SECRET = "s3cr3t/ké+y 42"
KEY_IN_QUERY = {"auth": {"type": "api_key", "in": "query", "name": "api_key", "secret": "APP_KEY"}}


# -- outcomes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome", "attempts"),
    [
        (401, Outcome.AUTH_FAILED, 1), (403, Outcome.AUTH_FAILED, 1), (419, Outcome.AUTH_FAILED, 1), (404, Outcome.VANISHED, 1), (410, Outcome.VANISHED, 1),
        (400, Outcome.REFUSED, 1), (422, Outcome.REFUSED, 1), (429, Outcome.RATE_LIMITED, 3), (500, Outcome.SERVER_ERROR, 3),
        (503, Outcome.SERVER_ERROR, 3), (206, Outcome.MALFORMED, 1), (304, Outcome.MALFORMED, 1),
    ],
)  # fmt: skip
async def test_status_to_outcome(server: Server, status: int, outcome: Outcome, attempts: int) -> None:
    server.handler = failing(status, 99)
    result = await pull(server.url, source={"retries": 2})
    failure = result.failure
    assert failure.outcome is outcome
    assert (failure.attempts, failure.status) == (attempts, status)
    assert f"HTTP {status}" in failure.what
    assert "e_test/things, page 1" in failure.what
    assert server.url in failure.what
    assert failure.hint
    assert result.archive == []
    assert (result.facts.requests, result.facts.retries) == (attempts, attempts - 1)


async def test_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = await pull(f"http://127.0.0.1:{port}", source={"retries": 1})
    assert result.failure.outcome is Outcome.UNREACHABLE
    assert result.failure.attempts == 2
    assert "no connection" in result.failure.what


async def test_unknown_host() -> None:
    result = await pull("http://nothing.invalid", source={"retries": 0})
    assert result.failure.outcome is Outcome.UNREACHABLE


@pytest.mark.parametrize(
    "url", ["sandbox://e_test", "http://", "ftp://h/", "http://h:port/", "http://user:pw@127.0.0.1/"]
)
async def test_address_that_cannot_be_used(url: str) -> None:
    app = make_app("http://127.0.0.1", make_dataset())
    with pytest.raises(Exception, match="e_test: its address") as caught:
        async with Puller(app, Access(url), locale=LOCALE):
            pass
    assert "pw" not in str(caught.value)


async def test_timeout_is_for_the_whole_answer(server: Server) -> None:
    """A source that trickles does not hold a pull for ever."""

    async def trickle() -> Any:
        for _ in range(100):
            yield b" "
            await asyncio.sleep(0.05)

    server.handler = lambda request: StreamingResponse(trickle())
    before = time.monotonic()
    result = await pull(server.url, source={"retries": 1}, timeout_seconds=0.3)
    assert result.failure.outcome is Outcome.UNREACHABLE
    assert "within 0.3 s" in result.failure.what
    assert result.failure.attempts == 2
    assert time.monotonic() - before < 3


@pytest.fixture
def broken() -> Iterator[tuple[str, list[bytes]]]:
    """A server that promises 1,000 bytes, sends fewer and hangs up; each call takes the next of the answers."""
    answers: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65_536)
                connection.sendall(answers.pop(0) if answers else b"")

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", answers
    listening.close()


CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[1, 2"
WHOLE = b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[{"id":1}]'


async def test_broken_connection_is_tried_again(broken: tuple[str, list[bytes]]) -> None:
    url, answers = broken
    answers[:] = [CUT, b"", WHOLE]
    result = await pull(url)
    assert result.error is None
    assert result.records == [{"id": 1}]
    assert result.facts.retries == 2
    assert len(result.archive) == 1


async def test_connection_that_always_breaks(broken: tuple[str, list[bytes]]) -> None:
    url, answers = broken
    answers[:] = [CUT, CUT]
    result = await pull(url, source={"retries": 1})
    assert result.failure.outcome is Outcome.MALFORMED
    assert "in the middle of the answer" in result.failure.what
    answers[:] = [b"", b""]
    result = await pull(url, source={"retries": 1})
    assert result.failure.outcome is Outcome.UNREACHABLE


# -- redirects ---------------------------------------------------------------------------------------------------------


async def test_redirect_on_the_same_host(server: Server) -> None:
    server.handler = lambda request: RedirectResponse("/new?a=1", 302) if request.url.path == "/things" else rows(0, 2)
    result = await pull(server.url, source=KEY_IN_QUERY, secrets={"APP_KEY": SECRET})
    assert result.error is None
    assert server.asked[1].query == {"a": "1", "api_key": SECRET}
    assert result.refs[0].url == f"{server.url}/***?a=1"


async def test_redirect_keeps_a_post_but_for_303(server: Server) -> None:
    for status, method in ((307, "POST"), (301, "POST"), (303, "GET")):
        server.asked.clear()
        redirect = RedirectResponse("/new", status)
        server.handler = partial(lambda redirect, request: redirect if request.url.path == "/things" else [], redirect)
        await pull(server.url, make_dataset(method="POST", form={"a": "b"}))
        assert server.asked[1].method == method
        assert (server.asked[1].body == b"a=b") == (method == "POST")


async def test_redirect_in_circles(server: Server) -> None:
    server.handler = lambda request: RedirectResponse("/things", 302)
    result = await pull(server.url)
    assert result.failure.outcome is Outcome.LEFT_HOST
    assert result.facts.requests == 6


# -- conditional requests ----------------------------------------------------------------------------------------------


def cached(request: Request) -> Response:
    headers = {"ETag": '"v1"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
    if request.headers.get("if-none-match") == '"v1"':
        return Response(status_code=304, headers=headers)
    return JSONResponse(rows(0, 2), headers=headers)


async def test_not_modified(server: Server) -> None:
    server.handler = cached
    first = await pull(server.url)
    assert first.facts.validators == {"etag": '"v1"', "last_modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
    second = await pull(server.url, validators=first.facts.validators)
    assert second.error is None
    assert second.facts.not_modified
    assert (second.pages, second.archive) == ([], [])
    assert server.asked[1].headers["if-modified-since"] == "Mon, 01 Jan 2024 00:00:00 GMT"
    third = await pull(server.url, validators={"etag": '"old"'})
    assert not third.facts.not_modified
    assert len(third.records) == 2


async def test_paged_datasets_ask_unconditionally(server: Server) -> None:
    server.handler = cached
    result = await pull(server.url, make_dataset(paginate={"type": "link_header"}), validators={"etag": '"v1"'})
    assert len(result.records) == 2
    assert result.facts.validators == {}


async def test_unreadable_answer_leaves_no_validator(server: Server) -> None:
    server.handler = lambda request: Response(b'{"a"', headers={"ETag": '"v1"'})
    result = await pull(server.url)
    assert result.failure.outcome is Outcome.MALFORMED
    assert result.facts.validators == {}


# -- what the answer says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "given", "good"),
    [
        ("ok", "ok", True), (["ok", "OK"], "OK", True), (200, 200, True), (True, True, True), (True, 1, False), (1, True, False),
        ("ok", "gagal", False), (200, "200", False), ("ok", None, False), (0, False, False),
    ],
)  # fmt: skip
async def test_success(server: Server, expected: Any, given: Any, good: bool) -> None:
    server.handler = lambda request: {"status": given, "data": rows(0, 1)} if good else {"status": given}
    result = await pull(
        server.url, make_dataset(records="data"), source={"success": {"path": "status", "equals": expected}}
    )
    assert (result.error is None) == good
    if not good:
        assert result.failure.outcome is Outcome.UNSUCCESSFUL
        assert result.failure.status == 200
        assert len(result.archive) == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [("E-17", True), ("NIK 3522010101900001 tidak ada", False), ("x" * 81, False), ("a@b.id", False)],
)
async def test_refusal_quotes_short_codes_alone(server: Server, value: str, shown: bool) -> None:
    server.handler = lambda request: {"status": value}
    result = await pull(server.url, source={"success": {"path": "status", "equals": "ok"}})
    assert (value in result.failure.what) == shown


async def test_success_in_xml(server: Server) -> None:
    server.handler = lambda request: Response(
        '<r ok="true"><s code="0">0</s><x><id>1</id></x></r>', media_type="text/xml"
    )
    for path, equals in (("r.s", 0), ("r.s.@code", "0"), ("r.@ok", True)):
        dataset = make_dataset(format="xml", records="r.x")
        result = await pull(server.url, dataset, source={"success": {"path": path, "equals": equals}})
        assert result.error is None
        assert result.records == [{"id": "1"}]


async def test_login_page_instead_of_json(server: Server) -> None:
    page = "<!DOCTYPE html><html><title>Masuk &amp; SSO</title><input type='password'>Budi</html>"
    server.handler = lambda request: HTMLResponse(page)
    result = await pull(server.url)
    assert result.failure.outcome is Outcome.MALFORMED
    assert "expected JSON but got an HTML page titled 'Masuk & SSO'" in result.failure.what
    assert "credentials" in result.failure.hint
    assert "Budi" not in result.failure.what
    assert result.archive == [page.encode()], "what cannot be read is archived all the same"


async def test_fixed_headers(server: Server) -> None:
    server.handler = lambda request: []
    result = await pull(
        server.url, source={"headers": {"accept": "application/xml", "user-agent": "kota/1", "X-Nama": "é"}}
    )
    assert result.error is None
    headers = server.asked[0].headers
    assert (headers["accept"], headers["user-agent"]) == ("application/xml", "kota/1")


async def test_loopback_is_never_asked_through_a_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    server.handler = lambda request: rows(0, 1)
    assert (await pull(server.url, source={"retries": 0})).error is None


async def test_pages_needs_the_context() -> None:
    app = make_app("http://127.0.0.1", make_dataset())
    puller = Puller(app, Access("http://127.0.0.1"), locale=LOCALE)
    with pytest.raises(RuntimeError, match="async with"):
        await anext(puller.pages(make_dataset(), store=archive_into(Result()), facts=PullFacts()))


async def test_lines_stay_open_over_answers_that_were_not_modified(server: Server) -> None:
    """A fan-out of a thousand conditional requests must not shake hands a thousand times."""
    lines = set()

    def handler(request: Request) -> Response:
        lines.add(request.client)
        return Response(status_code=304)

    server.handler = handler
    facts = PullFacts()
    async with transport(server.url, {}) as line:
        for _ in range(5):
            answer = await line.send(Call("GET", f"{server.url}/things"), facts, {"If-None-Match": '"a"'})
            assert answer.status == 304
    assert len(lines) == 1
