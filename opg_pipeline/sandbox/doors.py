"""Doors that give out something to come in with: tokens of a login or of OAuth2, sessions with a CSRF token.

What a service demands and how it words a refusal belong to the service; plain keys and signatures are in access.py.
"""

from __future__ import annotations

import re
from hashlib import sha256
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from opg_pipeline.sandbox.access import basic, same

USES = 200
"""How many calls a token is good for, unless the service says otherwise: so that a client has to renew it."""


class Doors:
    """What one running city has given out, and how often each may still be used."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._left: dict[tuple[str, str], int] = {}
        self._given = 0

    def forget(self) -> None:
        """Nothing given out is good any more."""
        self._left.clear()

    def issue(self, app: str, uses: int = USES) -> str:
        """A new token of the app, good for that many calls."""
        self._given += 1
        token = sha256(f"sandbox door:{self._seed}:{app}:{self._given}".encode()).hexdigest()[:40]
        self._left[app, token] = uses
        return token

    def admits(self, app: str, token: str | None) -> bool:
        """Whether the token is good, and one use less of it."""
        left = self._left.get((app, token or ""), 0)
        if left <= 0:
            self._left.pop((app, token or ""), None)
            return False
        self._left[app, token or ""] = left - 1
        return True

    def bearer(self, app: str, request: Request) -> bool:
        """Whether the request shows a good token as `Authorization: Bearer`."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and self.admits(app, token.strip())


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form body, the last of each name."""
    pairs = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in pairs.items()}


async def oauth_token(
    doors: Doors, app: str, request: Request, client_id: str, client_secret: str, uses: int = USES, lasts: int = 3600
) -> Response:
    """RFC 6749, 4.4: client credentials, by HTTP basic or in the form."""
    form = await form_of(request)
    by_header = same(request.headers.get("authorization"), basic(client_id, client_secret))
    by_form = same(form.get("client_id"), client_id) and same(form.get("client_secret"), client_secret)
    if form.get("grant_type") != "client_credentials":
        return JSONResponse({"error": "unsupported_grant_type"}, 400)
    if not (by_header or by_form):
        return JSONResponse({"error": "invalid_client"}, 401, {"WWW-Authenticate": 'Basic realm="oauth"'})
    return JSONResponse(
        {"access_token": doors.issue(app, uses), "token_type": "Bearer", "expires_in": lasts},
        headers={"Cache-Control": "no-store"},
    )


class Session:
    """A login as Laravel does it: a page with a form, a CSRF token in it, a cookie, and 419 when the token is stale.

    `login_page` and `login` answer GET and POST of the login path; `refusal` is what every other path asks first.
    """

    def __init__(self, doors: Doors, app: str, user: str, password: str, home: str, uses: int = USES) -> None:
        self.doors, self.app, self.user, self.password, self.home, self.uses = doors, app, user, password, home, uses
        self.cookie = f"{app}_session"

    def login_page(self, message: str = "", status: int = 200) -> Response:
        """The form."""
        token = self.doors.issue(f"{self.app}:csrf", 1)
        page = (
            f'<!DOCTYPE html><html lang="id"><head><title>Masuk</title><meta name="csrf-token" content="{token}"></head>'
            f'<body><p>{message}</p><form method="post"><input type="hidden" name="_token" value="{token}">'
            '<input name="username"><input name="password" type="password"><button>Masuk</button></form></body></html>'
        )
        return HTMLResponse(page, status)

    async def login(self, request: Request) -> Response:
        """Check the form; give the cookie and lead on."""
        form = await form_of(request)
        if not self.doors.admits(f"{self.app}:csrf", form.get("_token")):
            return HTMLResponse("<h1>419</h1><p>Page Expired</p>", 419)
        if not (same(form.get("username"), self.user) and same(form.get("password"), self.password)):
            return self.login_page("Nama pengguna atau kata sandi salah", 422)
        answer = RedirectResponse(self.home, 302)
        answer.set_cookie(self.cookie, self.doors.issue(self.app, self.uses), httponly=True)
        return answer

    def refusal(self, request: Request) -> Response | None:
        """419 where the session is over, the login page where there was none, None where all is well."""
        known = request.cookies.get(self.cookie)
        if known is None:
            return RedirectResponse(re.sub(r"[^/]+$", "login", self.home), 302)
        if not self.doors.admits(self.app, known):
            return JSONResponse({"message": "CSRF token mismatch."}, 419)
        return None
