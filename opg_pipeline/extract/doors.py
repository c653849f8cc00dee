"""What proves who asks, as it goes with each request: fixed keys, and tokens and sessions that are obtained, kept and renewed.

The wire is transport.py's, the content of login answers login.py's, signatures signing.py's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Protocol
from urllib.parse import urlsplit

from opg_pipeline.extract.access import Credentials, basic_pair
from opg_pipeline.extract.address import Call, below, pinned, with_query
from opg_pipeline.extract.failures import REDIRECT
from opg_pipeline.extract.login import asks_password, login_call, oauth2_call, oauth2_token, page_values, token_in
from opg_pipeline.model.auth import ApiKeyAuth, BasicAuth, BearerAuth, LoginAuth, OAuth2Auth
from opg_pipeline.model.base import duration_seconds
from opg_pipeline.model.handover import Outcome, PullError, PullFacts
from opg_pipeline.model.source import Source

MARGIN = 30.0
"""Seconds before its end at which a token is renewed; half its life where that is shorter."""


class Answered(Protocol):
    """What is read of the answer to a login call."""

    @property
    def status(self) -> int: ...
    @property
    def url(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


class Line(Protocol):
    """How doors reach the source: within its budget, with retries, held to its host."""

    async def ask(self, call: Call, shown: Shown, facts: PullFacts, *, follow: bool) -> Answered:
        """The answer to ``call``; with ``follow`` redirects are gone after, else they are answers."""

    def cookies(self) -> int:
        """How many cookies are kept."""

    def forget_cookies(self) -> None:
        """Begin a new session."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What goes with a request. ``generation`` counts the openings of doors it comes from."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    places: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Values for `{name}` alone (keys in the path)."""
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Values for `{name}`, else for a field of the form or a member of the JSON body."""
    generation: int = 0

    def over(self, other: Shown) -> Shown:
        """Both together; this one counts where they meet."""
        return Shown(
            {**other.headers, **self.headers},
            {**other.query, **self.query},
            {**other.places, **self.places},
            {**other.fields, **self.fields},
            self.generation,
        )

    def at_door(self) -> Shown:
        """This for a call that opens a door, whose body gets no field it does not ask for."""
        return replace(self, places={**self.places, **self.fields}, fields={})

    def on(self, call: Call) -> Call:
        """``call`` with all of this but the headers: not to be kept, as it holds secrets."""
        loose = {name: value for name, value in self.fields.items() if not call.stands(name)}
        query = {name: value for name, value in self.query.items() if not call.stands(name)}
        if loose and (call.form is not None or call.json is not None):
            call = call.with_params(loose)
        call = call.filled({**self.places, **self.fields, **self.query})
        return replace(call, url=with_query(call.url, query))


def fixed(source: Source, secrets: Mapping[str, str]) -> Shown:
    """What the source's `auth` shows without asking anyone; ``secrets`` by names of variables."""
    shown = Shown()
    for auth in source.auth:
        if isinstance(auth, ApiKeyAuth):
            value = {auth.name: secrets[auth.secret]}
            place = {"header": Shown(headers=value), "query": Shown(query=value), "path": Shown(places=value)}
            shown = place.get(auth.in_, Shown(fields=value)).over(shown)
        elif isinstance(auth, BearerAuth):
            shown = Shown({"Authorization": f"Bearer {secrets[auth.secret]}"}).over(shown)
        elif isinstance(auth, BasicAuth):
            pair = basic_pair(secrets[auth.username], secrets[auth.password])
            shown = Shown({"Authorization": f"Basic {pair}"}).over(shown)
    return shown


@dataclass(frozen=True, slots=True)
class _Open:
    """One door that is open: what it gave, and until when it stays (monotonic seconds; None: until it is closed)."""

    shown: Shown
    until: float | None


class Doors:
    """The doors of one source. Those that must be opened are opened before the first request, in the declared order, each
    with what the fixed keys and the doors before it give; a door that has closed is opened again by one of the requests
    that find it so while the others wait.

    Args:
        source: its declaration.
        base_url: its resolved address.
        credentials: its secrets; tokens obtained are hidden there.
        line: how to reach it.
    """

    def __init__(self, source: Source, base_url: str, credentials: Credentials, line: Line) -> None:
        self._base_url, self._credentials, self._line = base_url, credentials, line
        self._renewable = tuple(auth for auth in source.auth if isinstance(auth, OAuth2Auth | LoginAuth))
        self._fixed = fixed(source, credentials.values)
        self._open: dict[int, _Open] = {}
        self._shown = self._fixed
        self._proven = 0
        self._refused: PullError | None = None
        self._lock = asyncio.Lock()
        paths = [path for auth in self._renewable if isinstance(auth, LoginAuth) for path in (auth.page, auth.path)]
        self._login_paths = {_path(below(base_url, path)) for path in paths if path is not None}

    async def ready(self, facts: PullFacts) -> Shown:
        """What to show now, once all doors are open. Raises PullError where one cannot be opened."""
        if self._due():
            async with self._lock:
                await self._open_due(facts)
        return self._shown

    def closes(self, status: int) -> bool:
        """Whether an answer of this status says that a door has closed."""
        return any(status in _closed_on(auth) for auth in self._renewable)

    def is_login(self, url: str) -> bool:
        """Whether a redirect to ``url`` says so."""
        return _path(url) in self._login_paths

    def proved(self, shown: Shown) -> None:
        """``shown`` brought a good answer."""
        self._proven = max(self._proven, shown.generation)

    def newer_than(self, shown: Shown) -> bool:
        """Whether doors have been opened, or are being opened, since ``shown`` was taken."""
        return shown.generation < self._shown.generation or len(self._open) < len(self._renewable)

    async def renew(self, shown: Shown, closed: PullError, facts: PullFacts) -> None:
        """Open the doors again that ``closed`` speaks of, unless another request has done so since ``shown`` was taken.

        Raises ``closed`` in other words where access was renewed just before and is refused all the same, so that a source
        that refuses everything is not asked for tokens without end; and PullError where a door cannot be opened.
        """
        async with self._lock:
            if shown.generation < self._shown.generation:
                return
            if shown.generation > 1 and self._proven < shown.generation:
                raise refused_again(closed)
            for index, auth in enumerate(self._renewable):
                redirected = closed.status in REDIRECT and isinstance(auth, LoginAuth)
                if redirected or closed.status in _closed_on(auth):
                    self._open.pop(index, None)
            await self._open_due(facts)

    def _due(self) -> list[int]:
        """The doors that are not open, or not for long."""
        now = monotonic()
        return [
            index
            for index in range(len(self._renewable))
            if (door := self._open.get(index)) is None or (door.until is not None and now >= door.until)
        ]

    async def _open_due(self, facts: PullFacts) -> None:
        due = self._due()
        if not due:
            return
        if self._refused is not None:  # the same secrets again could lock the account
            raise PullError(
                self._refused.outcome, self._refused.what, self._refused.hint,
                attempts=self._refused.attempts, status=self._refused.status,
            )  # fmt: skip
        if any(isinstance(self._renewable[index], LoginAuth) for index in due):
            # Logins share the cookies: a new session is new for all of them.
            due = sorted({*due, *(i for i, auth in enumerate(self._renewable) if isinstance(auth, LoginAuth))})
            self._line.forget_cookies()
        shown = self._fixed
        for index, auth in enumerate(self._renewable):
            if index in due:
                self._open.pop(index, None)
                try:
                    opened = await (
                        self._token(auth, shown.at_door(), facts)
                        if isinstance(auth, OAuth2Auth)
                        else self._login(auth, shown.at_door(), facts)
                    )
                except PullError as error:
                    refusal = _told(auth, error)
                    if refusal.outcome is Outcome.AUTH_FAILED:
                        self._refused = refusal
                    raise refusal from None
                self._open[index] = opened
            shown = self._open[index].shown.over(shown)
        self._shown = replace(shown, generation=self._shown.generation + 1)

    async def _token(self, auth: OAuth2Auth, shown: Shown, facts: PullFacts) -> _Open:
        call = oauth2_call(auth, self._base_url, self._credentials.values)
        asked = monotonic()
        answer = await self._line.ask(call, shown, facts, follow=True)
        try:
            token, lasts = oauth2_token(answer.body)
        except PullError as error:
            error.status = answer.status
            raise
        self._credentials.learn(token)
        return _Open(Shown({"Authorization": f"Bearer {token}"}), _until(asked, lasts))

    async def _login(self, auth: LoginAuth, shown: Shown, facts: PullFacts) -> _Open:
        asked = monotonic()
        answer: Answered | None = None
        try:
            carried: dict[str, str] = {}
            if auth.page is not None:
                answer = await self._line.ask(Call("GET", below(self._base_url, auth.page)), shown, facts, follow=True)
                carried = page_values(answer.body, auth.carry)
                for value in carried.values():
                    self._credentials.learn(value)
            if auth.path is not None:
                page_url = answer.url if answer is not None else None
                call = login_call(auth, self._base_url, self._credentials.values, carried, page_url)
                answer = await self._line.ask(call, shown, facts, follow=False)
                if answer.status in REDIRECT:
                    answer = await self._after(answer, call, auth, shown, facts)
                if asks_password(answer.body):
                    raise PullError(Outcome.AUTH_FAILED, "the answer asks for the password again", "")
            assert answer is not None
            if auth.token is None:
                if not self._line.cookies():
                    raise PullError(
                        Outcome.AUTH_FAILED, "it gave no cookie", "say with `token` where the token stands."
                    )
                given = Shown()
            else:
                token = token_in(answer.body, auth.token)
                self._credentials.learn(token)
                text, name = auth.show.prefix + token, auth.show.name or ""
                given = {
                    "header": Shown(headers={name: text}), "query": Shown(query={name: text}),
                    "body": Shown(fields={name: text}),
                }.get(auth.show.in_, Shown({"Authorization": f"Bearer {text}"}))  # fmt: skip
        except PullError as error:
            if error.status is None and answer is not None:
                error.status = answer.status
            raise
        return _Open(given, _until(asked, duration_seconds(auth.lasts) if auth.lasts is not None else None))

    async def _after(self, answer: Answered, call: Call, auth: LoginAuth, shown: Shown, facts: PullFacts) -> Answered:
        """Where a login leads: back to itself is a refusal; on is gone after only for a token, or a cookie still to come."""
        url = pinned(self._base_url, answer.headers.get("location", ""), at=call.url)
        if self.is_login(url):
            raise PullError(Outcome.AUTH_FAILED, "it leads back to the login page", "")
        if auth.token is None and self._line.cookies():
            return answer
        return await self._line.ask(Call("GET", url), shown, facts, follow=True)


def refused_again(closed: PullError) -> PullError:
    """The error of a request that is refused although access was renewed for it."""
    return PullError(
        Outcome.AUTH_FAILED,
        f"access was renewed and refused again: {closed.what}",
        "the source gives tokens or sessions that it does not accept: check what the account may do, and where the token is shown.",
        attempts=closed.attempts,
        status=closed.status,
    )


def _told(auth: OAuth2Auth | LoginAuth, error: PullError) -> PullError:
    """``error`` as one of the door: a status that refuses is a login that failed."""
    kind = "token request" if isinstance(auth, OAuth2Auth) else "login"
    names = (auth.client_id, auth.client_secret) if isinstance(auth, OAuth2Auth) else tuple(auth.secrets.values())
    outcome = Outcome.AUTH_FAILED if error.outcome is Outcome.REFUSED and error.status is not None else error.outcome
    hint = error.hint
    if outcome is Outcome.AUTH_FAILED and (outcome is not error.outcome or not hint or error.status in {401, 403, 419}):
        hint = f"check the secrets {', '.join(names)}." if names else "check the declared login."
    return PullError(outcome, f"the {kind} failed: {error.what}", hint, attempts=error.attempts, status=error.status)


def _closed_on(auth: OAuth2Auth | LoginAuth) -> tuple[int, ...]:
    return auth.closed_on if isinstance(auth, LoginAuth) else (401,)


def _until(asked: float, lasts: float | None) -> float | None:
    return None if lasts is None else asked + lasts - min(MARGIN, lasts / 2)


def _path(url: str) -> str:
    return urlsplit(url).path.rstrip("/") or "/"
