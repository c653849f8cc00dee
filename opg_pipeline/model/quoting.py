"""Which texts that a source wrote a message or a file outside the seal may repeat. Reading and redacting records is done elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_plus, urlsplit, urlunsplit

_DATA = re.compile(r"\d{6,}|\w@\w")
_LONGEST, _MOST = 80, 12
_PLAIN = re.compile(r"\d{0,8}|\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?(?:Z|[+-]\d\d:?\d\d)?")
"""Short numbers and moments (RFC 3339): pages, sizes, positions."""
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z._\[\]$-]{0,30}")
_MEDIA_TYPE = re.compile(r"\s*([A-Za-z]{1,20}/[A-Za-z0-9.+-]{1,80})\s*(?:;|$)")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z][\w.:-]{1,20})", re.IGNORECASE)
_ENTITY_TAG = re.compile(r'(?:W/)?"?[\x21\x23-\x7e]{1,200}"?')
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (?:GMT|UTC|[+-]\d{4})")
STRUCK = "***"


def may_be_data(name: str) -> bool:
    """Whether what stands where a name should (a key, column, sheet or file) has a long number or an e-mail address in it."""
    return _DATA.search(name) is not None


def harmless(text: str) -> bool:
    """Whether a text from an answer may be quoted: short, no long run of digits, no address."""
    return len(text) <= _LONGEST and not re.search(r"\d{6,}|@", text)


def listed(names: Sequence[str]) -> str:
    """The first names that a source chose, for a message; where one of all may be data, how many there are and no more."""
    if any(may_be_data(name) for name in names):
        return f"{len(names)} names that are not shown, as they may hold personal data"
    return ", ".join(names[:_MOST])


def shown_address(url: str, asked: str) -> str:
    """``url``, which a link, token or redirect of the source may have made, with nothing of it but what stands in ``asked``, the
    address we made ourselves, and short numbers and moments; the rest is struck out. Has no fragment."""
    parts, own = urlsplit(url), urlsplit(asked)
    segments, pieces = own.path.split("/"), own.query.split("&")
    path = "/".join(item if item in segments or _PLAIN.fullmatch(item) else STRUCK for item in parts.path.split("/"))
    query = "&".join(piece if piece in pieces else _shown_parameter(piece) for piece in parts.query.split("&") if piece)
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))


def _shown_parameter(piece: str) -> str:
    name, sign, value = piece.partition("=")
    shown = name if _PARAMETER.fullmatch(unquote_plus(name)) else STRUCK
    if not sign:
        return STRUCK
    return f"{shown}={value if _PLAIN.fullmatch(unquote_plus(value)) else STRUCK}"


def media_type(content_type: str) -> str:
    """Type and charset of a Content-Type header (RFC 9110, 8.3), without its other parameters; empty where it is none."""
    found, charset = _MEDIA_TYPE.match(content_type), _CHARSET.search(content_type)
    return "" if found is None else found[1] + (f"; charset={charset[1]}" if charset else "")


def is_validator(value: str) -> bool:
    """Whether a header is an entity tag or HTTP date (RFC 9110, 8.8) without what looks like data; unquoted tags, which some
    servers send, count."""
    return _HTTP_DATE.fullmatch(value) is not None or (
        _ENTITY_TAG.fullmatch(value) is not None
        and not re.search(r"(?<![\dA-Fa-f])(?:0?8\d{8,11}|(?:62|0)8\d{7,11}|\d{16,})(?![\dA-Fa-f])|\w@\w", value)
    )
