"""How a pull fares when the source fails, is slow, too large, elsewhere or unchanged; nothing of it leaks a secret."""

from __future__ import annotations

import asyncio
import base64
import gzip
import logging
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

from opg_pipeline.extract import Access, Puller, secret_names
from opg_pipeline.model.handover import Outcome, PullFacts
from opg_pipeline.model.source import Source
from opg_pipeline_tests.extract.conftest import LOCALE, Result, Server, archive_into, make_app, make_dataset, pull, rows

SECRET = "s3cr3t/ké+y 42"
KEY_IN_QUERY = {"auth": {"type": "api_key", "in": "query", "name": "api_key", "secret": "APP_KEY"}}


def failing(status: int, times: int, **headers: str) -> Any:
    """Answers ``status`` that often, then well."""
    left = [times]

    def handler(request: Request) -> Response:
        if left[0]:
            left[0] -= 1
            return HTMLResponse(
                "<h1>no</h1>", status, headers={key.replace("_", "-"): value for key, value in headers.items()}
            )
        return JSONResponse(rows(0, 3))

    return handler


# -- outcomes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome", "attempts"),
    [
        (401, Outcome.AUTH_FAILED, 1), (403, Outcome.AUTH_FAILED, 1), (404, Outcome.VANISHED, 1), (410, Outcome.VANISHED, 1),
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


# -- retries and budget ------------------------------------------------------------------------------------------------


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


# -- redirects ---------------------------------------------------------------------------------------------------------


async def test_redirect_on_the_same_host(server: Server) -> None:
    server.handler = lambda request: RedirectResponse("/new?a=1", 302) if request.url.path == "/things" else rows(0, 2)
    result = await pull(server.url, source=KEY_IN_QUERY, secrets={"APP_KEY": SECRET})
    assert result.error is None
    assert server.asked[1].query == {"a": "1", "api_key": SECRET}
    assert result.refs[0].url == f"{server.url}/new?a=1"


async def test_redirect_keeps_a_post_but_for_303(server: Server) -> None:
    for status, method in ((307, "POST"), (301, "POST"), (303, "GET")):
        server.asked.clear()
        redirect = RedirectResponse("/new", status)
        server.handler = partial(lambda redirect, request: redirect if request.url.path == "/things" else [], redirect)
        await pull(server.url, make_dataset(method="POST", form={"a": "b"}))
        assert server.asked[1].method == method
        assert (server.asked[1].body == b"a=b") == (method == "POST")


@pytest.mark.parametrize("auth", ["header", "query", "bearer", "basic"])
async def test_redirect_elsewhere_carries_nothing(server: Server, elsewhere: Server, auth: str) -> None:
    server.handler = lambda request: RedirectResponse(f"{elsewhere.url}/things?{request.url.query}", 302)
    result = await pull(server.url, source=AUTHS[auth][0], secrets=AUTHS[auth][1])
    assert result.failure.outcome is Outcome.LEFT_HOST
    assert result.failure.status == 302
    assert elsewhere.asked == []
    assert str(elsewhere.port) in result.failure.what
    for value in AUTHS[auth][1].values():
        assert value not in result.failure.what


async def test_redirect_in_circles(server: Server) -> None:
    server.handler = lambda request: RedirectResponse("/things", 302)
    result = await pull(server.url)
    assert result.failure.outcome is Outcome.LEFT_HOST
    assert result.facts.requests == 6


# -- size and packing --------------------------------------------------------------------------------------------------


def packed(body: bytes, coding: str = "gzip") -> Response:
    return Response(body, headers={"Content-Encoding": coding}, media_type="application/json")


async def test_gzip_bomb_stops_early(server: Server) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    bomb = b"".join([packer.compress(b" " * 2**20) for _ in range(256)]) + packer.flush()
    server.handler = lambda request: packed(bomb)
    result = await pull(server.url, source={"max_answer_mb": 1})
    assert result.failure.outcome is Outcome.TOO_LARGE
    assert result.failure.attempts == 1
    assert "1 MiB allowed" in result.failure.what
    assert result.archive == []


@pytest.mark.parametrize("announced", [True, False])
async def test_size_limit(server: Server, announced: bool) -> None:
    body = b"[" + b" " * (3 * 2**20) + b"]"
    sent = [0]

    async def stream() -> Any:
        for start in range(0, len(body), 65_536):
            sent[0] += 65_536
            yield body[start : start + 65_536]

    server.handler = lambda request: Response(body) if announced else StreamingResponse(stream())
    result = await pull(server.url, source={"max_answer_mb": 1})
    assert result.failure.outcome is Outcome.TOO_LARGE
    server.handler = lambda request: Response(body)
    assert (await pull(server.url, source={"max_answer_mb": 4})).error is None


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "raw", "members"])
async def test_packings(server: Server, coding: str) -> None:
    body = b'[{"id": 1}]' + b" " * 5000
    packings = {
        "gzip": gzip.compress(body), "x-gzip": gzip.compress(body), "deflate": zlib.compress(body),
        "raw": zlib.compress(body)[2:-4], "members": gzip.compress(body[:7]) + gzip.compress(body[7:]),
    }  # fmt: skip
    server.handler = lambda request: packed(packings[coding], {"raw": "deflate", "members": "gzip"}.get(coding, coding))
    result = await pull(server.url)
    assert result.error is None
    assert result.records == [{"id": 1}]
    assert result.archive == [body], "the archive holds the unpacked body"
    assert server.asked[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"id,title\n1,a\n2,b\n")[:-12], b"no gzip", b"\x1f\x8b\x08\x00 spoiled" * 9],
    ids=["breaks off", "no gzip", "spoiled"],
)
async def test_damaged_packing(server: Server, body: bytes) -> None:
    """A CSV that breaks off inside its packing must not pass for a short CSV."""
    server.handler = lambda request: packed(body)
    result = await pull(server.url, make_dataset(format="csv"))
    assert result.failure.outcome is Outcome.MALFORMED
    assert "gzip packing" in result.failure.what


async def test_packing_nobody_asked_for(server: Server) -> None:
    server.handler = lambda request: packed(b"x", "br")
    result = await pull(server.url)
    assert result.failure.outcome is Outcome.MALFORMED
    assert "'br'" in result.failure.what


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


# -- credentials -------------------------------------------------------------------------------------------------------

AUTHS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "header": (
        {"auth": {"type": "api_key", "in": "header", "name": "X-Kunci", "secret": "APP_KEY"}},
        {"APP_KEY": SECRET},
    ),
    "query": (KEY_IN_QUERY, {"APP_KEY": SECRET}),
    "bearer": ({"auth": {"type": "bearer", "secret": "APP_TOKEN"}}, {"APP_TOKEN": "tok.en-123"}),
    "basic": (
        {"auth": {"type": "basic", "username": "APP_USER", "password": "APP_PW"}},
        {"APP_USER": "opérator", "APP_PW": SECRET},
    ),
}


def known(request: Request, auth: str) -> bool:
    values = AUTHS[auth][1]
    if auth == "header":
        return request.headers.get("x-kunci", "").encode("latin-1").decode() == values["APP_KEY"]
    if auth == "query":
        return request.query_params.get("api_key") == values["APP_KEY"]
    if auth == "bearer":
        return request.headers.get("authorization") == f"Bearer {values['APP_TOKEN']}"
    pair = base64.b64encode(f"{values['APP_USER']}:{values['APP_PW']}".encode()).decode()
    return request.headers.get("authorization") == f"Basic {pair}"


@pytest.mark.parametrize("auth", AUTHS)
async def test_credentials_open_the_door(server: Server, auth: str) -> None:
    server.handler = lambda request: JSONResponse(rows(0, 2)) if known(request, auth) else Response("no", 401)
    source, secrets = AUTHS[auth]
    result = await pull(server.url, source=source, secrets=secrets)
    assert result.error is None
    assert len(result.records) == 2
    refused = await pull(server.url, source=source, secrets={name: "wrong-one" for name in secrets})
    assert refused.failure.outcome is Outcome.AUTH_FAILED
    assert refused.failure.attempts == 1
    assert "wrong-one" not in refused.failure.what


@pytest.mark.parametrize("auth", AUTHS)
async def test_secret_that_is_missing_or_unusable(server: Server, auth: str) -> None:
    source, secrets = AUTHS[auth]
    assert secret_names(Source.model_validate({"base_url": "http://h", **source})) == tuple(secrets)
    missing = await pull(server.url, source=source, secrets={})
    assert missing.failure.outcome is Outcome.MISSING_SECRET
    assert next(iter(secrets)) in missing.failure.what
    broken = await pull(server.url, source=source, secrets={name: "abc\r\nX-Evil: 1" for name in secrets})
    assert broken.failure.outcome is Outcome.AUTH_FAILED
    assert "abc" not in broken.failure.what
    assert server.asked == []


@pytest.mark.parametrize("auth", AUTHS)
async def test_no_secret_in_any_text(server: Server, auth: str, caplog: pytest.LogCaptureFixture) -> None:
    """Messages, hints, archive addresses and every log line, with a source that sends our own request back."""
    caplog.set_level(logging.DEBUG)
    source, secrets = AUTHS[auth]
    texts: list[str] = []

    def echo(request: Request) -> Response:
        count = len(server.asked)
        if count == 1:
            return Response("busy", 503)
        full = str(request.url)
        return JSONResponse(
            {"data": rows(count, count + 1), "next": full + f"&n={count}", "status": full}
            if count < 4
            else {"status": full}
        )

    server.handler = echo
    for extra in ({}, {"success": {"path": "status", "equals": "ok"}}):
        server.asked.clear()
        dataset = make_dataset(records="data", query={"q": "1"}, paginate={"type": "next_link", "next": "next"})
        result = await pull(server.url, dataset, source={**source, **extra}, secrets=secrets)
        texts += [
            str(result.failure),
            result.failure.what,
            result.failure.hint,
            repr(result.failure),
            *[ref.url for ref in result.refs],
        ]
    assert result.refs
    assert any("HTTP 503" in record.getMessage() for record in caplog.records)
    assert any(record.name == "httpx" for record in caplog.records), "httpx's own lines are seen, too"
    texts += [record.getMessage() for record in caplog.records if record.name != "asyncio"]
    texts.append(repr(Access(server.url, secrets)))
    for value in secrets.values():
        for spelling in {value, quote(value), quote(value, safe=""), quote_plus(value), quote(value, safe="$:,/@*")}:
            for text in texts:
                assert spelling not in text
    if auth == "query":
        assert all("api_key=***" in ref.url for ref in result.refs[1:])


@pytest.mark.parametrize("auth", AUTHS)
async def test_secret_that_the_source_says_aloud(server: Server, auth: str) -> None:
    source, secrets = AUTHS[auth]
    for value in secrets.values():
        server.handler = partial(lambda value, request: {"status": f"kunci {value} habis", "data": []}, value)
        success = {"success": {"path": "status", "equals": "ok"}}
        result = await pull(server.url, make_dataset(records="data"), source={**source, **success}, secrets=secrets)
        assert result.failure.outcome is Outcome.UNSUCCESSFUL
        assert value not in result.failure.what
        assert "'kunci *** habis'" in result.failure.what


async def test_personal_data_in_addresses_is_struck_out(server: Server) -> None:
    server.handler = lambda request: {
        "data": rows(0, 1),
        "next": "/things?nik=3522010101900001&hp=081234567890&e=a.b@c.id",
    }
    result = await pull(server.url, make_dataset(records="data", paginate={"type": "next_link", "next": "next"}))
    assert result.failure.outcome is Outcome.PAGING_LOOP
    for text in (result.failure.what, result.refs[1].url):
        assert "352201" not in text
        assert "0812" not in text
        assert "a.b" not in text


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
