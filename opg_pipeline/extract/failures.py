"""What a try that failed means: a status, or a connection that broke, as a PullError, and whether another try may help.

Sends nothing; with transport.py the only module that imports httpx.
"""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from opg_pipeline.model.handover import Outcome, PullError

REDIRECT = frozenset({301, 302, 303, 307, 308})
GOOD = frozenset({200, 201, 202, 203, 204})
PART = 206
"""Good for a call that asked for a range."""

_REFUSED_CERTIFICATE = (
    "ALERT_CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE", "ALERT_UNSUPPORTED_CERTIFICATE", "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_EXPIRED", "ALERT_CERTIFICATE_UNKNOWN", "ALERT_UNKNOWN_CA", "ALERT_ACCESS_DENIED",
)  # fmt: skip


class TooSlow(PullError):
    """No whole answer came within the time-out of one request; asking for less at once may help."""


class Failed(Exception):
    """One try failed with ``error``; ``again`` says whether another may help, ``after`` how many seconds the source wants us
    to wait, ``closed`` whether it says that a token or session is no longer good."""

    def __init__(
        self, error: PullError, *, again: bool = False, after: float | None = None, closed: bool = False
    ) -> None:
        super().__init__(error.what)
        self.error, self.again, self.after, self.closed = error, again, after, closed


def bad_status(status: int, retry_after: str | None) -> Failed:
    """What a status that is neither good, nor a redirect, nor an expected 304 means."""
    if status in {401, 403, 419}:
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
    return Failed(error, again=status == 429 or status >= 500, after=_seconds(retry_after))


def broken(error: Exception, *, answered: bool, timeout: float, mutual: bool) -> Failed:
    """What a connection that broke means; ``answered``: after the head of the answer had come, ``timeout`` in seconds,
    ``mutual``: we showed a client certificate."""
    causes = _causes(error)
    again, hint = True, "nothing to do here if the source is down: the next run tries again."
    outcome = Outcome.UNREACHABLE
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        what = f"no whole answer within {timeout:g} s"
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
            "tell the operator to renew it; an authority of its own is declared under `auth: {type: mtls, authority: ...}`.",
        )
    elif any(isinstance(cause, ssl.SSLError) and str(cause.reason).endswith(_REFUSED_CERTIFICATE) for cause in causes):
        outcome, again = Outcome.AUTH_FAILED, False
        what, hint = (
            "the source does not accept our client certificate, or asks for one",
            "check the files that `auth: {type: mtls, ...}` names; the certificate may have expired.",
        )
    elif any(isinstance(cause, socket.gaierror) for cause in causes):
        what, hint = "the host name is not known", "check `base_url` and the network."
    elif answered:
        outcome, what = Outcome.MALFORMED, "the connection broke off in the middle of the answer"
    elif isinstance(error, httpx.ConnectError):
        what = "no connection to the source"
    else:
        what = f"the connection broke ({type(error).__name__})"
        if mutual:
            hint = "if the source is up, it may not accept our client certificate: some hang up without a word."
    slow = isinstance(error, TimeoutError | httpx.TimeoutException)
    return Failed((TooSlow if slow else PullError)(outcome, what, hint), again=again)


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _seconds(retry_after: str | None) -> float | None:
    """Seconds a Retry-After header asks for (a number or an HTTP date), or None."""
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except (TypeError, ValueError):
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
