"""Where a call goes: one request as plain data, building its address, and holding links to the declared host. No I/O, no credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

from opg_pipeline.model.app import Dataset
from opg_pipeline.model.handover import Outcome, PullError

Params = Mapping[str, str | int | float]

_PORTS = {"http": 80, "https": 443}
_SAFE = "$:,/@*"
_LONGEST = 8192


@dataclass(frozen=True, slots=True)
class Call:
    """One request without its credentials. ``form`` is the body of a POST as pairs, ``body`` a literal one."""

    method: str
    url: str
    form: tuple[tuple[str, str], ...] | None = None
    body: bytes | None = None
    content_type: str | None = None

    def with_params(self, params: Params) -> Call:
        """This call with ``params`` set, in the form if there is one, else in the query; those of equal name give way."""
        if self.form is not None:
            return replace(self, form=tuple(_merged(self.form, params)))
        return replace(self, url=with_query(self.url, params))

    def only(self, keep: tuple[str, ...]) -> Call:
        """This call with no other parameters than those in ``keep``."""
        if self.form is not None:
            return replace(self, form=tuple(pair for pair in self.form if pair[0] in keep))
        parts = urlsplit(self.url)
        kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] in keep]
        return replace(self, url=urlunsplit(parts._replace(query=_encoded(kept))))


def first_call(base_url: str, dataset: Dataset) -> Call:
    """The dataset's own request, before paging and position are added."""
    parts = urlsplit(base_url)
    path = parts.path.rstrip("/") + dataset.path if dataset.path else parts.path
    url = with_query(urlunsplit((parts.scheme, parts.netloc, path or "/", parts.query, "")), dataset.query)
    form = None if dataset.form is None else tuple((name, str(value)) for name, value in dataset.form.items())
    body = None if dataset.body is None else dataset.body.encode()
    return Call(dataset.method, url, form, body, dataset.content_type)


def with_query(url: str, params: Params) -> str:
    """``url`` with ``params`` set in its query; those of equal name give way, the others stay as they are written."""
    if not params:
        return url
    parts = urlsplit(url)
    kept = [
        piece
        for piece in parts.query.split("&")
        if piece and parse_qsl(piece, keep_blank_values=True)[0][0] not in params
    ]
    query = "&".join([*kept, _encoded([(name, str(value)) for name, value in params.items()])])
    return urlunsplit(parts._replace(query=query))


def _merged(pairs: tuple[tuple[str, str], ...], params: Params) -> list[tuple[str, str]]:
    return [pair for pair in pairs if pair[0] not in params] + [(name, str(value)) for name, value in params.items()]


def _encoded(pairs: list[tuple[str, str]]) -> str:
    return urlencode(pairs, safe=_SAFE, quote_via=quote)


def pinned(base_url: str, link: str, *, at: str) -> str:
    """``link``, found in the answer of ``at``, as an absolute address of the declared host.

    The scheme may go from http to https; a link that goes back from https to http is asked over https. User names in
    it are dropped. Raises PullError: LEFT_HOST for another host or port, MALFORMED for a text that is no address.
    """
    if len(link) > _LONGEST:
        raise PullError(
            Outcome.MALFORMED, f"the answer gives a link of {len(link):,} signs", "tell the source's operator."
        )
    try:
        parts = urlsplit(urljoin(at, link.strip()))
        port = parts.port or _PORTS.get(parts.scheme, 0)
        home = urlsplit(base_url)
        home_port = home.port or _PORTS.get(home.scheme, 0)
    except ValueError:
        raise PullError(
            Outcome.MALFORMED, "the answer gives a link that is no address", "tell the source's operator."
        ) from None
    if parts.hostname != home.hostname or not parts.hostname:
        raise left_host(parts)
    if parts.scheme == home.scheme and port == home_port:
        scheme = home.scheme
    elif parts.scheme == "https" and port in (home_port, _PORTS["https"]) and home_port in (port, _PORTS["http"]):
        scheme = "https"
    elif home.scheme == "https" and home_port == _PORTS["https"] and port == _PORTS["http"]:
        scheme, port = "https", home_port
    else:
        raise left_host(parts)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port == _PORTS[scheme] else f"{host}:{port}"
    return urlunsplit((scheme, netloc, parts.path, parts.query, ""))


def left_host(parts: SplitResult) -> PullError:
    """The error for an address elsewhere; it names the host alone."""
    host = parts.netloc.rpartition("@")[2] or "an address without a host"
    return PullError(
        Outcome.LEFT_HOST,
        f"the answer leads to {parts.scheme}://{host}, which is not the declared host",
        "nothing was sent there. If the source has moved, change `source.base_url`.",
    )
