"""Tokens of OAuth2 client credentials: their renewal, and what happens where it does not help."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote_plus

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from opg_pipeline.extract import doors
from opg_pipeline.extract.address import Call
from opg_pipeline.model.handover import Outcome, PullError, PullFacts
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull, rows, transport
from opg_pipeline_tests.extract.house import PASSWORD, SECRETS, USER, House, ask, refused


@pytest.fixture
def house(server: Server) -> House:
    return House(server)


OAUTH: dict[str, Any] = {"auth": {"type": "oauth2", "token_path": "/oauth/token", "client_id": "APP_USER", "client_secret": "APP_PW"}}  # fmt: skip


def oauth(house: House, **answer: Any) -> Callable[[Request], Response]:
    """A token endpoint that checks the client, and /things that checks the token."""

    def handler(request: Request) -> Response:
        if request.url.path != "/oauth/token":
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            return JSONResponse(rows(0, 2)) if house.good(token) else Response("expired", 401)
        form = house.form()
        pair = base64.b64encode(f"{quote_plus(USER)}:{quote_plus(PASSWORD)}".encode()).decode()
        by_header = request.headers.get("authorization") == f"Basic {pair}"
        by_form = (form.get("client_id"), form.get("client_secret")) == (USER, PASSWORD)
        if request.method != "POST" or form.get("grant_type") != "client_credentials" or by_header == by_form:
            return JSONResponse({"error": "invalid_client", "detail": "rahasia"}, 401)
        return JSONResponse({"access_token": house.key(), "token_type": "Bearer", "expires_in": 3600, **answer})

    return handler


@pytest.mark.parametrize("extra", [{}, {"client_in": "body"}, {"scope": "baca tulis"}])
async def test_oauth2(server: Server, house: House, extra: dict[str, str]) -> None:
    server.handler = oauth(house)
    facts = await ask(server.url, {"auth": {**OAUTH["auth"], **extra}}, calls=3)
    assert house.opened == 1
    assert facts.requests == len(server.asked) == 4, "the token request counts, too"
    asked = {name: value[0] for name, value in parse_qs(server.asked[0].body.decode()).items()}
    assert asked.get("scope") == extra.get("scope")


async def test_oauth2_with_wrong_secrets(server: Server, house: House) -> None:
    server.handler = oauth(house)
    error = await refused(server.url, OAUTH, {"APP_USER": USER, "APP_PW": "salah-sekali"})
    assert (error.outcome, error.status, error.attempts) == (Outcome.AUTH_FAILED, 401, 1)
    assert error.what == "the token request failed: the source answers HTTP 401"
    assert "APP_USER, APP_PW" in error.hint
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"access_token": None}, "no token at `access_token`"), ({"access_token": ["rahasia"]}, "a list, not a token"),
        ({"access_token": "ra\nhasia"}, "cannot be sent"), ({"token_type": "mac"}, "other than bearer"),
        ({"expires_in": [1]}, "`expires_in`"), ({"access_token": True}, "a boolean, not a token"),
    ],
)  # fmt: skip
async def test_token_answer_that_cannot_be_used(server: Server, house: House, answer: Any, says: str) -> None:
    server.handler = oauth(house, **answer)
    error = await refused(server.url, OAUTH)
    assert (error.outcome, error.status) == (Outcome.AUTH_FAILED, 200)
    assert says in error.what
    assert "hasia" not in error.what + error.hint


async def test_token_answer_that_is_no_json(server: Server) -> None:
    server.handler = lambda request: HTMLResponse("<h1>rahasia</h1>")
    error = await refused(server.url, OAUTH)
    assert error.outcome is Outcome.AUTH_FAILED
    assert "rahasia" not in error.what


@pytest.mark.parametrize(
    ("status", "outcome", "attempts"),
    [
        (400, Outcome.AUTH_FAILED, 1), (403, Outcome.AUTH_FAILED, 1), (404, Outcome.VANISHED, 1),
        (429, Outcome.RATE_LIMITED, 3), (503, Outcome.SERVER_ERROR, 3),
    ],
)  # fmt: skip
async def test_token_endpoint_that_fails(server: Server, status: int, outcome: Outcome, attempts: int) -> None:
    server.handler = lambda request: Response("rahasia", status)
    error = await refused(server.url, {**OAUTH, "retries": 2})
    assert (error.outcome, error.status, error.attempts) == (outcome, status, attempts)
    assert error.what.startswith("the token request failed: ")


async def test_token_is_renewed_before_it_expires(
    server: Server, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(doors, "monotonic", lambda: clock[0])
    server.handler = oauth(house, expires_in="3600")
    async with transport(server.url, OAUTH, SECRETS) as line:
        for moment, opened in ((0, 1), (3569, 1), (3570, 2), (7100, 2), (7140, 3)):
            clock[0] = 1000.0 + moment
            await line.send(Call("GET", f"{server.url}/things"), PullFacts())
            assert house.opened == opened


@pytest.mark.parametrize("lasts", [0, 20])
async def test_token_of_a_short_life(server: Server, house: House, lasts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "monotonic", lambda: 5.0)
    server.handler = oauth(house, expires_in=lasts)
    await ask(server.url, OAUTH, calls=3)
    assert house.opened == (3 if lasts == 0 else 1)


async def test_token_that_says_nothing_of_its_life(server: Server, house: House) -> None:
    server.handler = oauth(house, expires_in=None)
    await ask(server.url, OAUTH, calls=2)
    assert house.opened == 1


async def test_token_is_renewed_on_401(server: Server, house: House) -> None:
    house.uses = 2
    server.handler = oauth(house)
    facts = await ask(server.url, OAUTH, calls=5)
    assert house.opened == 3
    assert facts.requests == 3 + 5 + 2
    assert facts.retries == 0


@pytest.mark.parametrize("together", [1, 6])
async def test_renewal_that_does_not_help(server: Server, house: House, together: int) -> None:
    """A source that refuses its own tokens is asked for two of them, by however many calls."""
    house.uses = 0
    server.handler = oauth(house)
    results: list[Any] = []
    async with transport(server.url, OAUTH, SECRETS) as line:
        calls = [line.send(Call("GET", f"{server.url}/things"), PullFacts()) for _ in range(together)]
        results += await asyncio.gather(*calls, return_exceptions=True)
    for error in results:
        assert isinstance(error, PullError)
        assert (error.outcome, error.status) == (Outcome.AUTH_FAILED, 401)
        assert error.what == "access was renewed and refused again: the source answers HTTP 401"
    assert max(error.attempts for error in results) == 2
    assert house.opened == 2


async def test_one_path_that_is_forbidden(server: Server, house: House) -> None:
    """A call that is always refused renews once, also while other calls do well with each new token."""
    inner = oauth(house)

    async def handler(request: Request) -> Response:
        if request.url.path != "/closed":
            return inner(request)
        await asyncio.sleep(0.03)
        return Response("no", 401)

    server.handler = handler
    async with transport(server.url, OAUTH, SECRETS) as line:
        refused = asyncio.create_task(line.send(Call("GET", f"{server.url}/closed"), PullFacts()))
        good = 0
        while not refused.done():
            await line.send(Call("GET", f"{server.url}/things"), PullFacts())
            good += 1
        with pytest.raises(PullError, match="renewed and refused again"):
            await refused
    assert house.opened == 2
    assert good > 2


async def test_token_that_the_source_says_aloud(server: Server, house: House) -> None:
    inner = oauth(house)
    server.handler = lambda request: (
        inner(request)
        if request.url.path == "/oauth/token"
        else JSONResponse({"status": request.headers["authorization"], "data": []})
    )
    source = {**OAUTH, "success": {"path": "status", "equals": "ok"}}
    result = await pull(server.url, make_dataset(records="data"), source=source, secrets=SECRETS)
    assert "says 'Bearer ***'" in result.failure.what


@pytest.mark.parametrize("uses", [1000, 5])
async def test_concurrent_calls_ask_once(server: Server, house: House, uses: int) -> None:
    """For the first token, and for the next where it has expired for all of them at once."""
    house.uses = uses
    inner = oauth(house)

    async def slow(request: Request) -> Response:
        answer = inner(request)
        await asyncio.sleep(0.02)
        return answer

    server.handler = slow
    await ask(server.url, OAUTH, calls=10, together=True)
    assert house.opened == (1 if uses == 1000 else 2)


async def test_failed_login_is_not_tried_by_every_call(server: Server, house: House) -> None:
    """The same wrong password again could lock the account."""
    server.handler = oauth(house)
    async with transport(server.url, OAUTH, {**SECRETS, "APP_PW": "salah-sekali"}) as line:
        calls = [line.send(Call("GET", f"{server.url}/things"), PullFacts()) for _ in range(5)]
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert [str(error) for error in results] == ["the token request failed: the source answers HTTP 401"] * 5
    assert len(server.asked) == 1


async def test_token_request_survives_a_passing_failure(server: Server, house: House) -> None:
    inner, left = oauth(house), [2]

    def handler(request: Request) -> Response:
        left[0] -= 1
        return Response("busy", 503) if left[0] >= 0 else inner(request)

    server.handler = handler
    facts = await ask(server.url, OAUTH)
    assert (facts.requests, facts.retries) == (4, 2)


async def test_token_request_stays_on_the_host(server: Server, elsewhere: Server) -> None:
    server.handler = lambda request: RedirectResponse(f"{elsewhere.url}/oauth/token", 307)
    error = await refused(server.url, OAUTH)
    assert error.outcome is Outcome.LEFT_HOST
    assert elsewhere.asked == []


async def test_key_and_token_together(server: Server, house: House) -> None:
    inner = oauth(house)
    server.handler = lambda request: (
        inner(request) if request.headers.get("x-kunci") == "kunci-gerbang" else Response("no", 403)
    )
    source = {"auth": [{"type": "api_key", "in": "header", "name": "X-Kunci", "secret": "APP_KEY"}, OAUTH["auth"]]}
    await ask(server.url, source, secrets={**SECRETS, "APP_KEY": "kunci-gerbang"})
    error = await refused(server.url, source, {**SECRETS, "APP_KEY": "lain-kunci"})
    assert error.what == "the token request failed: the source answers HTTP 403"
