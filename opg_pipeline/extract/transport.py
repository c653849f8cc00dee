"""Sends one call and brings its answer, with courtesy and limits: budget, retries, renewal of access, redirects, size.

What an answer means is decided elsewhere: here it counts only whether the source answered. With failures.py the only module
that imports httpx.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import ssl
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from types import TracebackType

import httpx

import opg_pipeline
from opg_pipeline.extract.access import ClientCertificate, Credentials
from opg_pipeline.extract.address import Call, pinned
from opg_pipeline.extract.doors import Doors, Shown, refused_again
from opg_pipeline.extract.failures import GOOD, PART, REDIRECT, Failed, bad_status, broken
from opg_pipeline.extract.pace import Pace, host_key, pace_of
from opg_pipeline.extract.signing import signed_headers
from opg_pipeline.extract.unpack import ACCEPTED, Body
from opg_pipeline.model.auth import HmacAuth
from opg_pipeline.model.base import duration_seconds
from opg_pipeline.model.handover import Outcome, PullError, PullFacts
from opg_pipeline.model.source import Source

LONGEST_WAIT = 60.0
"""Most seconds between two tries, whatever the source asks for."""
REDIRECTS = 5
RENEWALS = 8
"""Most times one call is made anew after other calls have renewed access; where they are more, tokens last no single call."""
_COOKIE = 8
"""Signs from which on the value of a cookie may be a secret."""

_log = logging.getLogger(__name__)
_redact: ContextVar[Callable[[str], str] | None] = ContextVar("redact", default=None)


def _strike_addresses(record: logging.LogRecord) -> bool:
    """httpx logs whole addresses; keep user names, queries and secrets out of them."""
    if isinstance(record.args, tuple):
        record.args = tuple(_struck(item) if isinstance(item, httpx.URL) else item for item in record.args)
    return True


def _struck(url: httpx.URL) -> str:
    text, redact = str(url.copy_with(raw_path=b"/", userinfo=b"")), _redact.get()
    return redact(text) if redact is not None else text


def _strike_headers(record: logging.LogRecord) -> bool:
    """httpcore logs the headers of answers, which hold cookies and addresses; keep the name of the event alone."""
    if isinstance(record.msg, str):
        record.msg = record.msg.partition(" return_value=")[0]
    return True


logging.getLogger("httpx").addFilter(_strike_addresses)
for _name in ("httpcore.http11", "httpcore.http2", "httpcore.proxy"):
    logging.getLogger(_name).addFilter(_strike_headers)


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer, or 304. ``url`` has no credentials; header names are lower-case; ``attempts`` counts tries."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    attempts: int


@lru_cache(maxsize=1)
def _public_tls() -> ssl.SSLContext:
    """One TLS context for all clients: loading the certificates costs tens of milliseconds."""
    return httpx.create_ssl_context()


def _tls(certificate: ClientCertificate | None) -> ssl.SSLContext:
    if certificate is None:
        return _public_tls()
    own = certificate.authority
    context = ssl.create_default_context(cafile=own) if own is not None else httpx.create_ssl_context()
    context.load_cert_chain(certificate.certificate, certificate.private_key, password=lambda: "")
    return context


class Transport:
    """The connection to one source. Use as async context manager, in one event loop.

    Args:
        source: its manners and the ways it is shown who asks.
        base_url: its resolved address, which no request leaves.
        credentials: its secrets, put in place as a request is sent, and kept out of every text.
        name: the app, for log lines.
        base_delay: seconds of the first back-off; it doubles with each try.
        longest_wait: most seconds to wait between two tries.
        timeout_seconds: instead of the declared time-out of one request.
        host: whose budget this is; without it name and port of ``base_url``.
    """

    def __init__(
        self,
        source: Source,
        base_url: str,
        credentials: Credentials,
        *,
        name: str,
        base_delay: float,
        longest_wait: float = LONGEST_WAIT,
        timeout_seconds: float | None = None,
        host: str | None = None,
    ) -> None:
        self._source, self._base_url, self._credentials, self._name = source, base_url, credentials, name
        self._base_delay, self._longest_wait = base_delay, longest_wait
        self._timeout = timeout_seconds if timeout_seconds is not None else float(duration_seconds(source.timeout))
        self._limit = source.max_answer_mb * 2**20
        self._host = host if host is not None else host_key(base_url)
        self._pace = Pace()
        self._doors = Doors(source, base_url, credentials, self)
        self._signatures = tuple(auth for auth in source.auth if isinstance(auth, HmacAuth))
        headers = httpx.Headers(
            {"User-Agent": f"opg-pipeline/{opg_pipeline.__version__}", "Accept-Encoding": ACCEPTED}, encoding="utf-8"
        )
        for header, value in source.headers.items():
            headers[header] = value
        self._client = httpx.AsyncClient(
            headers=headers,
            verify=_tls(credentials.certificate),
            timeout=httpx.Timeout(self._timeout),
            follow_redirects=False,
            mounts={"all://localhost": None, "all://127.0.0.1": None, "all://[::1]": None},
        )

    async def __aenter__(self) -> Transport:
        await self._client.__aenter__()
        self._pace = pace_of(self._host)
        self._pace.join(self._source.budget)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pace.leave(self._source.budget)
        await self._client.__aexit__(kind, error, trace)

    async def send(self, call: Call, facts: PullFacts, conditional: Mapping[str, str] | None = None) -> Answer:
        """The good answer to ``call``, or a 304 where ``conditional`` headers asked for it; tries again as declared.

        Where the source says that a token or session is no longer good, access is renewed once. Counts requests (those of
        renewals too), retries and waits in ``facts``. Raises PullError with the number of tries and the last status.
        """
        renewed, tries = False, 0
        for _ in range(RENEWALS):
            try:
                answer = await self._persist(call, facts, conditional or {})
                return replace(answer, attempts=answer.attempts + tries)
            except _Closed as closed:
                refusal, shown = closed.error, closed.shown
            except PullError as error:
                error.attempts += tries
                raise
            tries += refusal.attempts
            refusal.attempts = tries
            if not self._doors.newer_than(shown):
                if renewed:
                    break
                await self._doors.renew(shown, refusal, facts)
                renewed = True
        raise refused_again(refusal)

    # What doors.py needs of the line.

    async def ask(self, call: Call, shown: Shown, facts: PullFacts, *, follow: bool) -> Answer:
        """The answer to a call that opens a door."""
        return await self._persist(call, facts, {}, shown, follow=follow)

    def cookies(self) -> int:
        """How many cookies are kept."""
        return len(self._client.cookies.jar)

    def forget_cookies(self) -> None:
        """Begin a new session."""
        self._client.cookies.clear()

    async def _persist(
        self,
        call: Call,
        facts: PullFacts,
        conditional: Mapping[str, str],
        at_door: Shown | None = None,
        *,
        follow: bool = True,
    ) -> Answer:
        """The answer to ``call`` after as many tries as declared; ``at_door``: what to show while a door is being opened.

        Raises _Closed where a door has closed, and PullError.
        """
        attempt = 0
        while True:
            attempt += 1
            shown = at_door if at_door is not None else await self._doors.ready(facts)
            try:
                answer = await self._follow(call, shown, facts, conditional, follow, guarded=at_door is None)
            except Failed as failed:
                error, again, after, closed = failed.error, failed.again, failed.after, failed.closed
            else:
                if at_door is None:
                    self._doors.proved(shown)
                return replace(answer, attempts=attempt)
            error.attempts = attempt
            if closed:
                raise _Closed(error, shown)
            if not again or attempt > self._source.retries:
                raise error
            wait = self._pause(attempt, after)
            _log.info(
                "%s: %s; try %d of %d in %.1f s", self._name, error.what, attempt + 1, self._source.retries + 1, wait
            )
            facts.retries += 1
            facts.waited_seconds += wait
            await asyncio.sleep(wait)

    def _pause(self, attempt: int, after: float | None) -> float:
        """Exponential back-off with full jitter; never less than the source asks for, never more than the cap."""
        spread = random.uniform(0, min(self._longest_wait, self._base_delay * 2 ** (attempt - 1)))
        return min(self._longest_wait, max(spread, after or 0.0))

    async def _follow(
        self, call: Call, shown: Shown, facts: PullFacts, conditional: Mapping[str, str], follow: bool, *, guarded: bool
    ) -> Answer:
        """One try, over its redirects. ``guarded``: the answer may say that a door has closed."""
        for _ in range(REDIRECTS + 1):
            async with self._pace.turn():
                facts.requests += 1
                answer = await self._once(call, shown, conditional, guarded)
            if answer.status not in REDIRECT or not follow:
                return answer
            try:
                url = pinned(self._base_url, answer.headers.get("location", ""), at=call.url)
            except PullError as error:
                error.status = answer.status
                raise Failed(error) from None
            if guarded and self._doors.is_login(url):
                what = "the source redirects to its login page"
                raise Failed(PullError(Outcome.AUTH_FAILED, what, "", status=answer.status), closed=True)
            call = Call("GET", url, headers=call.headers) if answer.status == 303 else replace(call, url=url)
        what = f"the source redirects more than {REDIRECTS} times"
        hint = "open the address in a browser, and declare the one it ends at."
        raise Failed(PullError(Outcome.LEFT_HOST, what, hint, status=answer.status))

    async def _once(self, call: Call, shown: Shown, conditional: Mapping[str, str], guarded: bool) -> Answer:
        answered = False
        speaking = _redact.set(self._credentials.redact)
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.send(self._request(call, shown, conditional), stream=True)
                answered = True
                try:
                    return await self._read(response, call, bool(conditional), guarded)
                except PullError as error:
                    error.status = response.status_code
                    raise Failed(error) from None
                finally:
                    await response.aclose()
        except (httpx.TransportError, TimeoutError, ssl.SSLError) as error:
            mutual = self._credentials.certificate is not None
            raise broken(error, answered=answered, timeout=self._timeout, mutual=mutual) from None
        except httpx.InvalidURL:
            what = "the address cannot be used"
            hint = "check `base_url`, `path` and the links of the answer."
            raise Failed(PullError(Outcome.MALFORMED, what, hint)) from None
        finally:
            _redact.reset(speaking)

    async def _read(self, response: httpx.Response, call: Call, conditional: bool, guarded: bool) -> Answer:
        """The answer with its body, if it is a good one. Raises Failed for a status that is not, PullError for a bad body."""
        status = response.status_code
        good = status in GOOD or (status == PART and "Range" in dict(call.headers))
        if "set-cookie" in response.headers:
            for value in response.cookies.values():
                self._credentials.learn(value, shortest=_COOKIE)
        if not good and status not in REDIRECT and not (status == 304 and conditional):
            failed = bad_status(status, response.headers.get("retry-after"))
            if guarded and self._doors.closes(status):
                failed.closed = True
            raise failed
        body = Body("", 0)
        if status == 304:
            async for (
                _
            ) in response.aiter_raw():  # it has no body; only an answer that is read to its end leaves its line open
                pass
        if good:
            body = Body(response.headers.get("content-encoding", ""), self._limit)
            body.expect(response.headers.get("content-length", ""))
            async for chunk in response.aiter_raw():
                body.feed(chunk)
        return Answer(status, call.url, dict(response.headers), body.finish(), 0)

    def _request(self, call: Call, shown: Shown, conditional: Mapping[str, str]) -> httpx.Request:
        """``call`` as it is sent, with the secrets in place, and signed last, as signatures are over all the rest."""
        filled = shown.on(call)
        content, content_type = filled.content()
        headers: dict[str, tuple[str, str]] = {}
        for name, value in [*conditional.items(), *shown.headers.items(), *call.headers]:
            headers[name.lower()] = (name, value)
        if content_type is not None:
            headers.setdefault("content-type", ("Content-Type", content_type))
        request = self._client.build_request(
            filled.method,
            filled.url,
            headers=[(name.encode(), value.encode()) for name, value in headers.values()],
            content=content,
        )
        for auth in self._signatures:
            signed = signed_headers(
                auth,
                self._credentials.values[auth.secret],
                self._credentials.values[auth.key] if auth.key is not None else "",
                method=filled.method,
                target=request.url.raw_path,
                body=content or b"",
                now=datetime.now(UTC),
                nonce=secrets.token_hex(16),
            )
            for name, value in signed.items():
                request.headers[name] = value
        return request


class _Closed(Exception):
    """A door has closed for a call that showed ``shown``."""

    def __init__(self, error: PullError, shown: Shown) -> None:
        super().__init__(error.what)
        self.error, self.shown = error, shown
