"""Where a call goes and what it carries: one request as plain data, its placeholders, and holding links to the declared host.

No I/O, no credentials: what a secret becomes is access.py's, which fills its placeholders the same way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit
from xml.sax.saxutils import escape

import orjson

from opg_pipeline.model.app import Dataset
from opg_pipeline.model.handover import Outcome, PullError

Value = str | int | float
Params = Mapping[str, Value]
Values = Mapping[str, Value | None]

_PORTS = {"http": 80, "https": 443}
_SAFE = "$:,/@*"
_LONGEST = 8192
_QUOTES = {'"': "&quot;", "'": "&apos;"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request without its credentials; at most one of ``form``, ``json`` and ``body`` is what a POST carries.

    ``form`` are pairs, ``json`` is a serialised JSON object, ``body`` a literal text. ``{name}`` in any of them is a place for
    a value; in ``url`` its braces are percent-encoded, so that the address is valid at all times. ``headers`` are of this
    request alone (`Range`).
    """

    method: str
    url: str
    form: tuple[tuple[str, str], ...] | None = None
    body: bytes | None = None
    content_type: str | None = None
    json: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def filled(self, values: Values) -> Call:
        """This call with ``values`` in the places that bear their names; other braces stay as they are.

        None leaves a parameter of query or form out, makes a text of a JSON body null, and is nothing elsewhere. A JSON text
        that is a place and no more takes the value with its type.
        """
        if not values:
            return self
        names = tuple(sorted(values))
        url = self.url
        if "%7B" in url:
            parts = urlsplit(url)
            path = _put(_places(names, True), parts.path, values, lambda text: quote(text, safe=""))
            query = [_put_or_drop(_places(names, True), piece, values) for piece in parts.query.split("&")]
            url = urlunsplit(parts._replace(path=path or "", query="&".join(piece for piece in query if piece)))
        place = _places(names, False)
        form, json, body = self.form, self.json, self.body
        if form is not None:
            pairs = [(name, _put_or_drop(place, text, values, encode=False)) for name, text in form]
            form = tuple((name, text) for name, text in pairs if text is not None)
        if json is not None and place.search(json.decode()):
            json = orjson.dumps(_leaves(orjson.loads(json), place, values))
        if body is not None:
            body = _put(place, body.decode(), values, lambda text: escape(text, _QUOTES)).encode()
        return replace(self, url=url, form=form, json=json, body=body)

    def stands(self, name: str) -> bool:
        """Whether ``{name}`` is a place in this call."""
        place = _places((name,), False)
        return (
            _places((name,), True).search(self.url) is not None
            or any(place.search(text) for _, text in self.form or ())
            or any(place.search(text.decode()) for text in (self.json, self.body) if text is not None)
        )

    def with_params(self, params: Values) -> Call:
        """This call with ``params`` set: in their places, or else as member of the JSON body (by dotted path), field of the
        form, or parameter of the query; those of equal name give way. None fills a place, and is otherwise left out.

        Raises PullError MALFORMED where a dotted path leads through something that is no object.
        """
        placed = {name: value for name, value in params.items() if self.stands(name)}
        rest = {name: value for name, value in params.items() if name not in placed and value is not None}
        call = self.filled(placed)
        if not rest:
            return call
        if call.json is not None:
            return replace(call, json=_with_members(call.json, rest))
        if call.form is not None:
            return replace(call, form=tuple(_merged(call.form, rest)))
        return replace(call, url=with_query(call.url, rest))

    def only(self, keep: tuple[str, ...]) -> Call:
        """This call with no other parameters than those in ``keep``."""
        if self.form is not None:
            return replace(self, form=tuple(pair for pair in self.form if pair[0] in keep))
        parts = urlsplit(self.url)
        kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] in keep]
        return replace(self, url=urlunsplit(parts._replace(query=_encoded(kept))))

    def content(self) -> tuple[bytes | None, str | None]:
        """The bytes this request carries and their content type; None for what there is not."""
        if self.form is not None:
            return urlencode(self.form).encode(), "application/x-www-form-urlencoded"
        if self.json is not None:
            return self.json, self.content_type or "application/json"
        return self.body, self.content_type


def first_call(base_url: str, dataset: Dataset) -> Call:
    """The dataset's own request, before fan-out, position and paging are added."""
    url = below(base_url, dataset.path)
    form = None if dataset.form is None else tuple((name, str(value)) for name, value in dataset.form.items())
    body = None if dataset.body is None else dataset.body.encode()
    json = None if dataset.json_ is None else orjson.dumps(dataset.json_, option=orjson.OPT_NON_STR_KEYS)
    return Call(dataset.method, with_query(url, dataset.query), form, body, dataset.content_type, json)


def below(base_url: str, path: str) -> str:
    """The address of ``path``, which may have a query, below ``base_url``, whose own query stays."""
    parts = urlsplit(base_url)
    path, _, query = path.partition("?")
    whole = parts.path.rstrip("/") + path.replace("{", "%7B").replace("}", "%7D") if path else parts.path
    joined = "&".join(filter(None, (parts.query, query)))
    return urlunsplit((parts.scheme, parts.netloc, whole or "/", joined, ""))


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


@lru_cache(maxsize=256)
def _places(names: tuple[str, ...], encoded: bool) -> re.Pattern[str]:
    """What finds the places of ``names``, longest first; ``encoded`` as they stand in an address."""
    texts = sorted(names, key=len, reverse=True)
    if encoded:
        spelled = "|".join(sorted({re.escape(form) for name in texts for form in (name, quote(name, safe=_SAFE))}))
        return re.compile(f"%7B({spelled})%7D")
    return re.compile("\\{(" + "|".join(map(re.escape, texts)) + ")\\}")


def _value(values: Values, name: str) -> Value | None:
    return values[name] if name in values else values[next(key for key in values if quote(key, safe=_SAFE) == name)]


def _put(place: re.Pattern[str], text: str, values: Values, spell: Any) -> str:
    def one(found: re.Match[str]) -> str:
        value = _value(values, found[1])
        return "" if value is None else str(spell(str(value)))

    return place.sub(one, text)


def _put_or_drop(place: re.Pattern[str], text: str, values: Values, *, encode: bool = True) -> str | None:
    """``text`` with its places filled; None where one of them has no value."""
    if any(_value(values, name) is None for name in place.findall(text)):
        return None
    return _put(place, text, values, (lambda part: quote(part, safe=_SAFE)) if encode else str)


def _leaves(value: Any, place: re.Pattern[str], values: Values) -> Any:
    if isinstance(value, dict):
        return {key: _leaves(item, place, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_leaves(item, place, values) for item in value]
    if not isinstance(value, str):
        return value
    whole = place.fullmatch(value)
    return values[whole[1]] if whole is not None else _put_or_drop(place, value, values, encode=False)


def _with_members(json: bytes, params: Params) -> bytes:
    document = orjson.loads(json)
    for name, value in params.items():
        *way, last = name.split(".")
        target = document
        for key in way:
            target = target.setdefault(key, {})
            if not isinstance(target, dict):
                raise PullError(
                    Outcome.MALFORMED,
                    f"the parameter {name!r} leads through {key!r}, which is no object in `json`",
                    "correct `json`, or the name of the parameter.",
                )
        target[last] = value
    return orjson.dumps(document)


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
