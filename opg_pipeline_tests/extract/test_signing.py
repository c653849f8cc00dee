"""Signatures: known answers, and a server that computes them anew from what it received."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from opg_pipeline.extract.signing import signed_headers
from opg_pipeline.model.auth import HmacAuth
from opg_pipeline.model.handover import Outcome
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull, rows

MOMENT = datetime(2026, 11, 23, 7, 30, 15, 250_000, tzinfo=timezone(timedelta(hours=7)))
SECRETS = {"APP_CONS": "12345", "APP_SECRET": "rahasia-sekali"}


def declared(**changes: Any) -> HmacAuth:
    return HmacAuth.model_validate(
        {"type": "hmac", "secret": "APP_SECRET", "key": "APP_CONS", "message": "{key}&{timestamp}", "headers": {"X-S": "{signature}"}, **changes}
    )  # fmt: skip


def sign(auth: HmacAuth, secret: str = "s", **changes: Any) -> dict[str, str]:
    given: dict[str, Any] = {
        "method": "POST",
        "target": b"/a%20b?x=1&y=%2F",
        "body": b"\xff{}",
        "now": MOMENT,
        "nonce": "n0",
    }
    return signed_headers(auth, secret, "12345", **{**given, **changes})


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("sha256", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        ("sha512", "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"),
        ("sha1", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    ],
)  # fmt: skip
def test_known_answers(algorithm: str, digest: str) -> None:
    """Test case 2 of RFC 4231 and RFC 2202."""
    message = "what do ya want for nothing?"
    assert sign(declared(algorithm=algorithm, message=message), "Jefe") == {"X-S": digest}
    base64 = b64encode(bytes.fromhex(digest)).decode()
    assert sign(declared(algorithm=algorithm, message=message, encoding="base64"), "Jefe") == {"X-S": base64}


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{key}&{timestamp}", b"12345&1795393815"), (r"{method}\n{path}\n{query}", b"POST\n/a%20b\nx=1&y=%2F"), ("{method}\n{nonce}", b"POST\nn0"),
        ("{body}|", b"\xff{}|"), ("{body_sha256}", hashlib.sha256(b"\xff{}").hexdigest().encode()), (r"a\nb", b"a\nb"),
    ],
)  # fmt: skip
def test_what_is_signed(template: str, message: bytes) -> None:
    assert sign(declared(message=template)) == {"X-S": hmac.new(b"s", message, "sha256").hexdigest()}


def test_a_value_is_never_read_as_a_template() -> None:
    expected = hmac.new(b"s", rb"{nonce}\n", "sha256").hexdigest()
    assert sign(declared(message="{body}"), body=rb"{nonce}\n") == {"X-S": expected}


@pytest.mark.parametrize(
    ("kind", "text"), [("epoch_s", "1795393815"), ("epoch_ms", "1795393815250"), ("iso", "2026-11-23T00:30:15Z")]
)
def test_timestamps(kind: str, text: str) -> None:
    headers = {"X-T": "{timestamp}", "X-S": "v1={signature}", "X-N": "{nonce}/{key}"}
    signed = sign(declared(timestamp=kind, message="{timestamp}", headers=headers))
    assert (signed["X-T"], signed["X-N"]) == (text, "n0/12345")
    assert signed["X-S"] == "v1=" + hmac.new(b"s", text.encode(), "sha256").hexdigest()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"message": "{kay}"}, "nothing fills {kay}"), ({"message": "{signature}"}, "nothing fills {signature}"),
        ({"key": None}, "nothing fills {key}"), ({"headers": {"X-T": "{timestamp}"}}, "no header holds {signature}"),
    ],
)  # fmt: skip
def test_declarations_that_cannot_sign(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        declared(**changes)


SIGNED = declared(
    message=r"{method}\n{path}\n{query}\n{body_sha256}\n{timestamp}\n{nonce}", encoding="base64",
    headers={"X-cons-id": "{key}", "X-timestamp": "{timestamp}", "X-nonce": "{nonce}", "X-signature": "{signature}"},
)  # fmt: skip


def verified(server: Server, secret: str, request: Request) -> bool:
    headers, body = request.headers, server.asked[-1].body
    parts = (
        request.method, request.scope["raw_path"].decode().partition("?")[0], request.scope["query_string"].decode(),
        hashlib.sha256(body).hexdigest(), headers["x-timestamp"], headers["x-nonce"],
    )  # fmt: skip
    wanted = b64encode(hmac.new(secret.encode(), "\n".join(parts).encode(), "sha256").digest()).decode()
    fresh = abs(datetime.now(UTC).timestamp() - int(headers["x-timestamp"])) < 60
    return fresh and headers["x-cons-id"] == "12345" and headers["x-signature"] == wanted


@pytest.mark.parametrize(
    "changes",
    [
        {"query": {"q": "a b/é&", "z": 1}}, {"path": "/a b"[:2] + "%20b/é", "query": {}},
        {"method": "POST", "form": {"a": "b c"}}, {"method": "POST", "json": {"a": ["é"]}},
        {"method": "POST", "body": "<a/>", "content_type": "text/xml"},
    ],
)  # fmt: skip
async def test_server_finds_the_signature_right(server: Server, changes: dict[str, Any]) -> None:
    """Of every try anew: each has a nonce of its own. With a key in the query, which is signed, too."""
    nonces: set[str] = set()

    def handler(request: Request) -> Response:
        if not verified(server, SECRETS["APP_SECRET"], request) or request.headers["x-nonce"] in nonces:
            return Response("no", 401)
        nonces.add(request.headers["x-nonce"])
        return Response("busy", 503) if len(nonces) < 3 else JSONResponse(rows(0, 2))

    server.handler = handler
    key = {"type": "api_key", "in": "query", "name": "user_key", "secret": "APP_KEY"}
    source = {"auth": [SIGNED.model_dump(by_alias=True), key]}
    secrets = {**SECRETS, "APP_KEY": "kunci+guna"}
    result = await pull(server.url, make_dataset(**changes), source=source, secrets=secrets)
    assert result.error is None
    assert len(result.records) == 2
    assert len(nonces) == 3
    refused = await pull(
        server.url, make_dataset(**changes), source=source, secrets={**secrets, "APP_SECRET": "lain-lagi"}
    )
    assert (refused.failure.outcome, refused.failure.attempts) == (Outcome.AUTH_FAILED, 1)
    assert "lain-lagi" not in refused.failure.what
