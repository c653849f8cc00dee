"""Sessions: login pages with hidden inputs, cookies, and how a source says that a session is over."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from opg_pipeline.model.handover import Outcome
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull, rows
from opg_pipeline_tests.extract.house import NAMES, PASSWORD, SECRETS, USER, House, ask, refused


@pytest.fixture
def house(server: Server) -> House:
    return House(server)


SESSION: dict[str, Any] = {
    "auth": {"type": "login", "page": "/login", "carry": ["_token"], "path": "/login",
             "form": {"username": "{user}", "password": "{pw}"}, "secrets": NAMES},
}  # fmt: skip


def laravel(house: House, closed: str = "419", token: str | None = "_token") -> Callable[[Request], Response]:
    """A web application with a form, a hidden CSRF token and a session cookie that is new after the login."""
    state: dict[str, str] = {}

    def page(message: str = "") -> Response:
        state["csrf"] = f"csrf-{len(house.server.asked):06}&"
        field = f'<input type="hidden" name="{token}" value="{html.escape(state["csrf"])}">' if token else ""
        text = f"<!DOCTYPE html><html><body>{message}<form>{field}<input name=password type=password></form></html>"
        answer = HTMLResponse(text)
        answer.set_cookie("sesi", "sesi-tamu")
        return answer

    def handler(request: Request) -> Response:
        if request.url.path == "/login":
            if request.method == "GET":
                return page()
            form = house.form()
            if request.cookies.get("sesi") != "sesi-tamu" or form.get("_token") != state.pop("csrf", None):
                return HTMLResponse("Page Expired", 419)
            if request.headers.get("referer") != f"{house.server.url}/login":
                return HTMLResponse("no referer", 403)
            if (form.get("username"), form.get("password")) != (USER, PASSWORD):
                return RedirectResponse("/login", 302) if closed == "302" else page("salah")
            answer = RedirectResponse("/beranda", 302)
            answer.set_cookie("sesi", house.key())
            return answer
        if house.good(request.cookies.get("sesi")):
            return JSONResponse(rows(0, 2))
        return RedirectResponse("/login", 302) if closed == "302" else Response("over", int(closed))

    return handler


@pytest.mark.parametrize("closed", ["419", "401", "302"])
async def test_session(server: Server, house: House, closed: str) -> None:
    house.uses = 2
    server.handler = laravel(house, closed)
    facts = await ask(server.url, SESSION, calls=5)
    assert house.opened == 3
    assert facts.requests == 3 * 2 + 5 + 2
    assert all(item.path != "/beranda" for item in server.asked)


@pytest.mark.parametrize("closed", ["419", "302"])
async def test_session_with_a_wrong_password(server: Server, house: House, closed: str) -> None:
    server.handler = laravel(house, closed)
    error = await refused(server.url, SESSION, {**SECRETS, "APP_PW": "salah-sekali"})
    assert error.outcome is Outcome.AUTH_FAILED
    says = "it leads back to the login page" if closed == "302" else "the answer asks for the password again"
    assert error.what == f"the login failed: {says}"
    assert error.status == (302 if closed == "302" else 200)
    assert "APP_PW" in error.hint
    assert len(server.asked) == 2


@pytest.mark.parametrize("closed", ["419", "302"])
async def test_session_that_never_holds(server: Server, house: House, closed: str) -> None:
    house.uses = 0
    server.handler = laravel(house, closed)
    error = await refused(server.url, SESSION)
    assert (error.outcome, error.status, error.attempts) == (Outcome.AUTH_FAILED, int(closed), 2)
    assert error.what.startswith("access was renewed and refused again: the source ")
    assert house.opened == 2


async def test_new_session_begins_without_the_old_cookie(server: Server, house: House) -> None:
    """Many an application leads whom it still knows from the login page home, where no form is."""
    house.uses = 1
    inner = laravel(house)
    server.handler = lambda request: (
        HTMLResponse("<html>Beranda</html>")
        if request.method == "GET" and request.url.path == "/login" and request.cookies.get("sesi") in house.keys
        else inner(request)
    )
    await ask(server.url, SESSION, calls=2)
    assert house.opened == 2


async def test_page_without_what_it_should_carry(server: Server, house: House) -> None:
    server.handler = laravel(house, token=None)
    error = await refused(server.url, SESSION)
    assert error.what == "the login failed: the page has no input or meta tag '_token'"
    assert "`carry`" in error.hint


async def test_login_that_gives_nothing(server: Server) -> None:
    server.handler = lambda request: HTMLResponse("<html>ok</html>")
    error = await refused(server.url, {"auth": {"type": "login", "path": "/login", "form": {"a": "b"}}})
    assert error.what == "the login failed: it gave no cookie"


async def test_page_alone_gives_token_and_cookie(server: Server, house: House) -> None:
    """As SPSE does: any visitor gets a token in a meta tag, good with the cookie of the same visit."""

    def handler(request: Request) -> Response:
        if request.url.path == "/lelang":
            key = house.key()
            answer = HTMLResponse(f'<html><head><meta name="csrf-token" content="{key}"></head></html>')
            answer.set_cookie("sesi", key)
            return answer
        token = house.form().get("authenticityToken")
        good = token == request.cookies.get("sesi") and house.good(token)
        return JSONResponse(rows(0, 2)) if good else Response("no", 401)

    server.handler = handler
    house.uses = 1
    door = {
        "type": "login",
        "page": "/lelang",
        "token": "csrf-token",
        "show": {"in": "body", "name": "authenticityToken"},
    }
    dataset = make_dataset(method="POST", form={"draw": 1})
    for _ in range(2):
        result = await pull(server.url, dataset, source={"auth": door})
        assert result.error is None
    house.keys.clear()


@pytest.mark.parametrize("form", [{"x": "1"}, {"x": "1", "jenis": "{csrf-token}"}])
async def test_carried_values_go_into_their_places(server: Server, form: dict[str, str]) -> None:
    def handler(request: Request) -> Response:
        if request.method == "GET" and request.url.path == "/login":
            return HTMLResponse('<html><meta name="csrf-token" content="a&amp;{x}"></html>')
        answer = JSONResponse([])
        answer.set_cookie("sesi", "1")
        return answer

    server.handler = handler
    door = {"type": "login", "page": "/login", "carry": ["csrf-token"], "path": "/masuk", "form": form}
    await ask(server.url, {"auth": door})
    sent = {name: value[0] for name, value in parse_qs(server.asked[1].body.decode()).items()}
    place = "jenis" if "jenis" in form else "csrf-token"
    assert sent == {"x": "1", place: "a&{x}"}


async def test_session_and_basic_together(server: Server, house: House) -> None:
    inner = laravel(house)
    pair = base64.b64encode(b"gerbang:pintu-depan").decode()
    server.handler = lambda request: (
        inner(request) if request.headers.get("authorization") == f"Basic {pair}" else Response("no", 401)
    )
    source = {"auth": [{"type": "basic", "username": "GATE_USER", "password": "GATE_PW"}, SESSION["auth"]]}
    await ask(server.url, source, secrets={**SECRETS, "GATE_USER": "gerbang", "GATE_PW": "pintu-depan"})
    assert house.opened == 1
