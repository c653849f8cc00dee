"""Sends one call and brings its answer, with courtesy and limits: budget, retries, redirects, size. The only module that imports httpx.

What an answer means is decided elsewhere: here it counts only whether the source answered.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from types import TracebackType
from urllib.parse import urlencode

import httpx
from aiolimiter import AsyncLimiter

import opg_pipeline
from opg_pipeline.extract.access import Credentials
from opg_pipeline.extract.address import Call, pinned, with_query
from opg_pipeline.extract.unpack import ACCEPTED, Body
from opg_pipeline.model.base import duration_seconds
from opg_pipeline.model.handover import Outcome, PullError, PullFacts
from opg_pipeline.model.source import Source

LONGEST_WAIT = 60.0
"""Most seconds between two tries, whatever the source asks for."""
REDIRECTS = 5
_REDIRECT = frozenset({301, 302, 303, 307, 308})
_GOOD = frozenset({200, 201, 202, 203, 204})

_log = logging.getLogger(__name__)


def _strike_queries(record: logging.LogRecord) -> bool:
    """httpx logs whole addresses; keep what stands after the question mark, and user names, out of them."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            item.copy_with(query=None, userinfo=b"") if isinstance(item, httpx.URL) else item for item in record.args
        )
    return True


logging.getLogger("httpx").addFilter(_strike_queries)


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer, or 304. ``url`` has no credentials; header names are lower-case; ``attempts`` counts tries."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    attempts: int


class _Failed(Exception):
    """One try failed with ``error``; ``again`` says whether another may help, ``after`` how long the source wants us to wait."""

    def __init__(self, error: PullError, *, again: bool, after: float | None = None) -> None:
        super().__init__(error.what)
        self.error, self.again, self.after = error, again, after


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """One TLS context for all clients: loading the certificates costs tens of milliseconds."""
    return httpx.create_ssl_context()


class Transport:
    """The connection to one source. Use as async context manager, in one event loop.

    Args:
        source: its manners.
        base_url: its resolved address, which no request leaves.
        credentials: sent with every request, and kept out of every text.
        name: the app, for log lines.
        base_delay: seconds of the first back-off; it doubles with each try.
        longest_wait: most seconds to wait between two tries.
        timeout_seconds: instead of the declared time-out of one request.
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
    ) -> None:
        self._source, self._base_url, self._credentials, self._name = source, base_url, credentials, name
        self._base_delay, self._longest_wait = base_delay, longest_wait
        self._timeout = timeout_seconds if timeout_seconds is not None else float(duration_seconds(source.timeout))
        self._limit = source.max_answer_mb * 2**20
        self._rate = AsyncLimiter(1, 1 / source.budget.requests_per_second)
        self._places = asyncio.Semaphore(source.budget.concurrent)
        headers = httpx.Headers(
            {"User-Agent": f"opg-pipeline/{opg_pipeline.__version__}", "Accept-Encoding": ACCEPTED}, encoding="utf-8"
        )
        for header, value in source.headers.items():
            headers[header] = value
        self._client = httpx.AsyncClient(
            headers=headers,
            verify=_tls(),
            timeout=httpx.Timeout(self._timeout),
            follow_redirects=False,
            mounts={"all://localhost": None, "all://127.0.0.1": None, "all://[::1]": None},
        )

    async def __aenter__(self) -> Transport:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def send(self, call: Call, facts: PullFacts, conditional: Mapping[str, str] | None = None) -> Answer:
        """The good answer to ``call``, or a 304 where ``conditional`` headers asked for it; tries again as declared.

        Counts requests, retries and waits in ``facts``. Raises PullError with the number of tries and the last status.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = await self._follow(call, facts, conditional or {})
                return replace(answer, attempts=attempt)
            except _Failed as failed:
                error, again, after = failed.error, failed.again, failed.after
            if not again or attempt > self._source.retries:
                error.attempts = attempt
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

    async def _follow(self, call: Call, facts: PullFacts, conditional: Mapping[str, str]) -> Answer:
        for _ in range(REDIRECTS + 1):
            async with self._places:
                await self._rate.acquire()
                facts.requests += 1
                answer = await self._once(call, conditional)
            if answer.status not in _REDIRECT:
                return answer
            try:
                url = pinned(self._base_url, answer.headers.get("location", ""), at=call.url)
            except PullError as error:
                error.status = answer.status
                raise _Failed(error, again=False) from None
            call = Call("GET", url) if answer.status == 303 else replace(call, url=url)
        what = f"the source redirects more than {REDIRECTS} times"
        raise _Failed(
            PullError(
                Outcome.LEFT_HOST,
                what,
                "open the address in a browser, and declare the one it ends at.",
                status=answer.status,
            ),
            again=False,
        )

    async def _once(self, call: Call, conditional: Mapping[str, str]) -> Answer:
        answered = False
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.send(self._request(call, conditional), stream=True)
                answered = True
                try:
                    self._judge(response, bool(conditional))
                    body = Body("", 0)
                    if response.status_code in _GOOD:
                        body = Body(response.headers.get("content-encoding", ""), self._limit)
                        body.expect(response.headers.get("content-length", ""))
                        async for chunk in response.aiter_raw():
                            body.feed(chunk)
                    return Answer(response.status_code, call.url, dict(response.headers), body.finish(), 0)
                except PullError as error:
                    error.status = response.status_code
                    raise _Failed(error, again=False) from None
                finally:
                    await response.aclose()
        except (httpx.TransportError, TimeoutError) as error:
            raise self._broken(error, answered) from None
        except httpx.InvalidURL:
            what = "the address cannot be used"
            raise _Failed(
                PullError(Outcome.MALFORMED, what, "check `base_url`, `path` and the links of the answer."), again=False
            ) from None

    def _request(self, call: Call, conditional: Mapping[str, str]) -> httpx.Request:
        headers = [(name, value.encode()) for name, value in {**conditional, **self._credentials.headers}.items()]
        content = call.body
        if call.form is not None:
            content = urlencode(call.form).encode()
            headers.append(("Content-Type", b"application/x-www-form-urlencoded"))
        elif call.content_type is not None:
            headers.append(("Content-Type", call.content_type.encode()))
        return self._client.build_request(
            call.method,
            with_query(call.url, self._credentials.query),
            headers=[(name.encode(), value) for name, value in headers],
            content=content,
        )

    def _judge(self, response: httpx.Response, conditional: bool) -> None:
        """Raise _Failed for a status that is neither good, nor a redirect, nor the 304 that was asked for."""
        status = response.status_code
        if status in _GOOD or status in _REDIRECT or (status == 304 and conditional):
            return
        if status in {401, 403}:
            outcome, hint = (
                Outcome.AUTH_FAILED,
                "check the credentials that `source.auth` names; they may have expired.",
            )
        elif status in {404, 410}:
            outcome, hint = Outcome.VANISHED, "check `base_url` and `path` with the operator."
        elif status == 429:
            outcome, hint = Outcome.RATE_LIMITED, "lower `source.budget`, or run at another hour."
        elif status >= 500:
            outcome, hint = (
                Outcome.SERVER_ERROR,
                "nothing to do here: the next run tries again. If it stays, tell the operator.",
            )
        elif status >= 400:
            outcome, hint = Outcome.REFUSED, "check `query`, `form` and `paginate` against the source's documentation."
        else:
            outcome, hint = Outcome.MALFORMED, "tell the source's operator."
        error = PullError(outcome, f"the source answers HTTP {status}", hint, status=status)
        raise _Failed(
            error, again=status == 429 or status >= 500, after=_retry_after(response.headers.get("retry-after"))
        )

    def _broken(self, error: Exception, answered: bool) -> _Failed:
        causes = _causes(error)
        again, hint = True, "nothing to do here if the source is down: the next run tries again."
        outcome = Outcome.UNREACHABLE
        if isinstance(error, TimeoutError | httpx.TimeoutException):
            what = f"no whole answer within {self._timeout:g} s"
        elif isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
            outcome, again = Outcome.REFUSED, False
            what, hint = (
                "the request cannot be sent as it is declared",
                "check the names and values under `source.headers` and `source.auth`.",
            )
        elif any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            what, again, hint = (
                "the TLS certificate of the source is not valid",
                False,
                "tell the operator to renew it.",
            )
        elif any(isinstance(cause, socket.gaierror) for cause in causes):
            what, hint = "the host name is not known", "check `base_url` and the network."
        elif answered:
            outcome, what = Outcome.MALFORMED, "the connection broke off in the middle of the answer"
        elif isinstance(error, httpx.ConnectError):
            what = "no connection to the source"
        else:
            what = f"the connection broke ({type(error).__name__})"
        return _Failed(PullError(outcome, what, hint), again=again)


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _retry_after(value: str | None) -> float | None:
    """Seconds a Retry-After header asks for (a number or an HTTP date), or None."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
