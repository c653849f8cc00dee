"""Fixed keys open the door, and nothing of them stands in any text."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus

import pytest
from lxml import etree
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from opg_pipeline.extract import Access, dataset_secret_names, secret_names
from opg_pipeline.model.app import Dataset
from opg_pipeline.model.handover import Outcome
from opg_pipeline.model.source import Source
from opg_pipeline_tests.extract.conftest import Asked, Server, make_dataset, pull, rows

SECRET = "s3cr3t/ké+y 42"
KEY_IN_QUERY = {"auth": {"type": "api_key", "in": "query", "name": "api_key", "secret": "APP_KEY"}}

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
    "path": ({"auth": {"type": "api_key", "in": "path", "name": "kunci", "secret": "APP_KEY"}}, {"APP_KEY": SECRET}),
    "form": ({"auth": {"type": "api_key", "in": "body", "name": "kunci", "secret": "APP_KEY"}}, {"APP_KEY": SECRET}),
    "json": ({"auth": {"type": "api_key", "in": "body", "name": "kunci", "secret": "APP_KEY"}}, {"APP_KEY": SECRET}),
    "leaf": ({"auth": {"type": "api_key", "in": "body", "name": "kunci", "secret": "APP_KEY"}}, {"APP_KEY": SECRET}),
    "literal": ({"auth": {"type": "api_key", "in": "body", "name": "kunci", "secret": "APP_KEY"}}, {"APP_KEY": '<"&' + SECRET}),
    "together": (
        {"auth": [
            {"type": "api_key", "in": "header", "name": "X-Kunci", "secret": "APP_KEY"},
            {"type": "bearer", "secret": "APP_TOKEN"},
        ]},
        {"APP_KEY": SECRET, "APP_TOKEN": "tok.en-123"},
    ),
}  # fmt: skip
REQUESTS: dict[str, dict[str, Any]] = {
    "path": {"path": "/kunci/{kunci}/things"},
    "form": {"method": "POST", "form": {"a": "b"}},
    "json": {"method": "POST", "json": {"a": [1, None]}},
    "leaf": {"method": "POST", "json": {"akses": {"nilai": "{kunci}"}}},
    "literal": {"method": "POST", "body": "<a><k>{kunci}</k></a>", "content_type": "text/xml"},
}
"""How the dataset asks, where it is not by a plain GET."""


def asking(auth: str, **changes: Any) -> Dataset:
    return make_dataset(**REQUESTS.get(auth, {}), **changes)


def known(request: Request, asked: Asked, auth: str) -> bool:
    values = AUTHS[auth][1]
    key, path = values.get("APP_KEY", ""), request.scope["raw_path"].decode()
    bearer = request.headers.get("authorization") == f"Bearer {values.get('APP_TOKEN')}"
    header = request.headers.get("x-kunci", "").encode("latin-1").decode() == key
    pair = base64.b64encode(f"{values.get('APP_USER')}:{values.get('APP_PW')}".encode()).decode()
    checks: dict[str, Callable[[], bool]] = {
        "header": lambda: header,
        "query": lambda: request.query_params.get("api_key") == key,
        "bearer": lambda: bearer,
        "basic": lambda: request.headers.get("authorization") == f"Basic {pair}",
        "path": lambda: path == f"/kunci/{quote(key, safe='')}/things",
        "form": lambda: parse_qs(asked.body.decode()) == {"a": ["b"], "kunci": [key]},
        "json": lambda: json.loads(asked.body) == {"a": [1, None], "kunci": key},
        "leaf": lambda: json.loads(asked.body) == {"akses": {"nilai": key}},
        "literal": lambda: etree.fromstring(asked.body).findtext("k") == key,
        "together": lambda: header and bearer,
    }
    return checks[auth]()


@pytest.mark.parametrize("auth", AUTHS)
async def test_credentials_open_the_door(server: Server, auth: str) -> None:
    server.handler = lambda request: rows(0, 2) if known(request, server.asked[-1], auth) else Response("no", 401)
    source, secrets = AUTHS[auth]
    result = await pull(server.url, asking(auth), source=source, secrets=secrets)
    assert result.error is None
    assert len(result.records) == 2
    refused = await pull(server.url, asking(auth), source=source, secrets={name: "wrong-one" for name in secrets})
    assert refused.failure.outcome is Outcome.AUTH_FAILED
    assert refused.failure.attempts == 1
    assert "wrong-one" not in refused.failure.what + "".join(ref.url for ref in result.refs + refused.refs)


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
        dataset = asking(auth, records="data", query={"q": "1"}, paginate={"type": "next_link", "next": "next"})
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
        result = await pull(server.url, asking(auth, records="data"), source={**source, **success}, secrets=secrets)
        assert result.failure.outcome is Outcome.UNSUCCESSFUL
        assert value not in result.failure.what
        assert "'kunci *** habis'" in result.failure.what


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


def test_every_variable_is_listed() -> None:
    source = Source.model_validate(
        {"base_url": "http://h", "auth": [
            {"type": "api_key", "in": "path", "name": "k", "secret": "A"},
            {"type": "oauth2", "token_path": "/t", "client_id": "B", "client_secret": "C"},
            {"type": "login", "path": "/l", "form": {"u": "{u}", "p": "{p}"}, "secrets": {"u": "D", "p": "E"}},
            {"type": "hmac", "secret": "F", "key": "G", "message": "x", "headers": {"X-S": "{signature}"}},
            {"type": "hmac", "secret": "F", "message": "x", "headers": {"X-T": "{signature}"}},
            {"type": "mtls", "certificate": "H", "private_key": "I", "authority": "J"},
        ]}
    )  # fmt: skip
    assert secret_names(source) == tuple("ABCDEFGHIJ")
    assert dataset_secret_names(make_dataset()) == ()
    assert dataset_secret_names(make_dataset(unpack={"type": "zip", "password": "APP_ZIP"})) == ("APP_ZIP",)


@pytest.mark.parametrize(
    ("auth", "says"),
    [
        ([{"type": "bearer", "secret": "A"}, {"type": "basic", "username": "B", "password": "C"}], "Authorization"),
        ([{"type": "bearer", "secret": "A"}, {"type": "login", "page": "/l", "token": "t"}], "Authorization"),
        ([{"type": "bearer", "secret": "A"}, {"type": "api_key", "in": "header", "name": "authorization", "secret": "B"}], "Authorization"),
        ([{"type": "mtls", "certificate": "A", "private_key": "B"}] * 2, "declare `mtls` once"),
        ([{"type": "bearer", "secret": "A"}, {"type": "login", "page": "/l"}], None),
    ],
)  # fmt: skip
def test_ways_that_cannot_go_together(auth: list[dict[str, Any]], says: str | None) -> None:
    declared = {"base_url": "http://h", "auth": auth}
    if says is None:
        assert len(Source.model_validate(declared).auth) == 2
        return
    with pytest.raises(ValidationError, match=says):
        Source.model_validate(declared)


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
