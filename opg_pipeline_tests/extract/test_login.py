"""Logins that give a token: how they are made, where the token is shown, what of it may be seen."""

from __future__ import annotations

import html
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from opg_pipeline.extract import doors
from opg_pipeline.extract.address import Call
from opg_pipeline.model.handover import Outcome, PullError, PullFacts
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull, rows, transport
from opg_pipeline_tests.extract.house import NAMES, PASSWORD, SECRETS, USER, House, ask, refused


@pytest.fixture
def house(server: Server) -> House:
    return House(server)


LOGINS: dict[str, dict[str, Any]] = {
    "form": {"form": {"username": "{user}", "password": "{pw}", "tetap": "{}"}},
    "json": {"json": {"akun": {"username": "{user}"}, "password": "{pw}", "ingat": True}},
    "soap": {"body": "<masuk><username>{user}</username><password>{pw}</password></masuk>", "content_type": "text/xml"},
}
SHOWN: dict[str, dict[str, Any]] = {
    "bearer": {}, "header": {"show": {"in": "header", "name": "X-Sesi", "prefix": "Token "}},
    "query": {"show": {"in": "query", "name": "sesi"}}, "body": {"show": {"in": "body", "name": "sesi"}},
}  # fmt: skip


def told(house: House, how: str) -> dict[str, str]:
    """User name and password of a login, as the server reads them."""
    body = house.server.asked[-1].body
    if how == "form":
        return house.form()
    if how == "json":
        value = json.loads(body)
        return {"username": value["akun"]["username"], "password": value["password"]} if value["ingat"] is True else {}
    text = body.decode()
    return {tag: html.unescape(text.split(f"<{tag}>")[1].split("<")[0]) for tag in ("username", "password")}


def shown(house: House, request: Request) -> str | None:
    header = request.headers.get("authorization", "").removeprefix("Bearer ")
    own = request.headers.get("x-sesi", "").removeprefix("Token ")
    return header or own or request.query_params.get("sesi") or house.form().get("sesi")


def token_login(house: House, how: str) -> Callable[[Request], Response]:
    def handler(request: Request) -> Response:
        if request.url.path != "/masuk":
            return JSONResponse(rows(0, 2)) if house.good(shown(house, request)) else Response("expired", 401)
        given = told(house, how)
        if (given.get("username"), given.get("password")) != (USER, PASSWORD):
            return JSONResponse({"pesan": "rahasia"}, 400)
        if how == "soap":
            return Response(f"<a><b><t x='1'>{house.key()}</t></b></a>", media_type="text/xml")
        return JSONResponse({"data": {"t": house.key()}})

    return handler


def login(how: str, **more: Any) -> dict[str, Any]:
    token = "a.b.t" if how == "soap" else "data.t"
    return {"auth": {"type": "login", "path": "/masuk", "secrets": NAMES, "token": token, **LOGINS[how], **more}}


@pytest.mark.parametrize("place", SHOWN)
@pytest.mark.parametrize("how", LOGINS)
async def test_login_for_a_token(server: Server, house: House, how: str, place: str) -> None:
    house.uses = 2
    server.handler = token_login(house, how)
    dataset = make_dataset(method="POST", form={"a": "b"}) if place == "body" else make_dataset()
    results = [
        await pull(server.url, dataset, source=login(how, **SHOWN[place]), secrets=SECRETS),
        await pull(server.url, dataset, source=login(how, **SHOWN[place]), secrets={**SECRETS, "APP_PW": "salah-ini"}),
    ]
    assert results[0].error is None
    assert len(results[0].records) == 2
    failure = results[1].failure
    assert (failure.outcome, failure.status) == (Outcome.AUTH_FAILED, 400)
    assert "the login failed: the source answers HTTP 400" in failure.what
    assert "APP_USER, APP_PW" in failure.hint
    assert "rahasia" not in failure.what
    assert len(results[0].archive) == 1, "answers of logins hold tokens and are not archived"
    assert results[1].archive == []


async def test_login_that_gives_no_token(server: Server) -> None:
    server.handler = lambda request: {"data": {}, "pesan": "rahasia"}
    error = await refused(server.url, login("json"))
    assert (error.outcome, error.status) == (Outcome.AUTH_FAILED, 200)
    assert error.what == "the login failed: the answer holds no token at `data.t`"


async def test_login_lasts_as_long_as_declared(server: Server, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(doors, "monotonic", lambda: clock[0])
    server.handler = token_login(house, "json")
    async with transport(server.url, login("json", lasts="10m"), SECRETS) as line:
        for clock[0], opened in ((0.0, 1), (569.0, 1), (571.0, 2)):
            await line.send(Call("GET", f"{server.url}/things"), PullFacts())
            assert house.opened == opened


async def test_statuses_that_close_the_door_are_declared(server: Server, house: House) -> None:
    house.uses = 1
    inner = token_login(house, "json")

    def handler(request: Request) -> Response:
        answer = inner(request)
        return Response("bad session", 440) if answer.status_code == 401 else answer

    server.handler = handler
    await ask(server.url, login("json", closed_on=[440]), calls=2)
    assert house.opened == 2
    with pytest.raises(PullError, match="HTTP 440") as caught:
        await ask(server.url, login("json"), calls=2)
    assert caught.value.outcome is Outcome.REFUSED


async def test_nothing_obtained_stands_in_any_text(
    server: Server, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Tokens and cookies, from a source that says them aloud."""
    caplog.set_level(logging.DEBUG)
    inner = token_login(house, "json")

    def handler(request: Request) -> Response:
        if request.url.path == "/masuk":
            answer = inner(request)
            answer.set_cookie("sesi_lain", "kue-rahasia-77")
            return answer
        if request.url.path == "/things":
            token = request.query_params["sesi"]
            return RedirectResponse(f"/{token}/kue-rahasia-77?x={token}", 302)
        return JSONResponse({"status": f"{request.query_params['x']} kue-rahasia-77", "data": []})

    server.handler = handler
    source = {**login("json", **SHOWN["query"]), "success": {"path": "status", "equals": "ok"}}
    result = await pull(server.url, make_dataset(records="data"), source=source, secrets=SECRETS)
    assert result.failure.outcome is Outcome.UNSUCCESSFUL
    assert house.opened == 1
    texts = [result.failure.what, result.failure.hint, repr(result.failure), *[ref.url for ref in result.refs]]
    assert result.refs[0].url == f"{server.url}/***/***?x=***"
    lines = [record.getMessage() for record in caplog.records if record.name != "asyncio"]
    assert any(f"GET {server.url}/ " in line for line in lines), "httpx's own lines are seen, too"
    assert any("receive_response_headers.complete" in line for line in lines), "and those of httpcore"
    for text in texts + lines:
        assert "kunci-nomor" not in text
        assert "kue-rahasia" not in text
        assert PASSWORD not in text
