"""Which request comes next: one pure function per kind of paging. Sends nothing and keeps no state; loops are the puller's to see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from opg_pipeline.extract.address import Call, pinned
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.model.paths import follow, kind, parse_path
from opg_pipeline.model.source import (
    CursorPagination,
    LinkHeaderPagination,
    NextLinkPagination,
    NextRelPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
    SinglePage,
)

_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[^\s=;,]+\s*(?:=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s;,\"]+))?)*)")
_LINK_PARAM = re.compile(r";\s*([^\s=;,]+)\s*(?:=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]+)))?")


@dataclass(frozen=True, slots=True)
class Turn:
    """What paging looks at: one answer, and how far the pull has come.

    ``elements`` of this answer and ``delivered`` so far (with this answer) count the list that is paged; ``number`` counts
    answers from 0; ``url`` is where the answer came from; ``headers`` have lower-case names.
    """

    document: Any
    elements: int
    delivered: int
    number: int
    url: str
    headers: Mapping[str, str]


def first_page(paging: Pagination, call: Call) -> Call:
    """``call`` with the parameters of the first page."""
    if isinstance(paging, PagePagination):
        return call.with_params({paging.param: paging.start, **_size(paging.size_param, paging.size)})
    if isinstance(paging, OffsetPagination):
        return call.with_params({paging.param: 0, paging.limit_param: paging.limit})
    if isinstance(paging, CursorPagination):
        return call.with_params(_size(paging.size_param, paging.size))
    return call


def next_page(paging: Pagination, call: Call, turn: Turn, base_url: str) -> Call | None:
    """The request after ``turn``, which answered ``call``; None at the end.

    Offsets go on by what was delivered, so a server that gives less than it was asked for loses nothing.
    Raises PullError: MALFORMED where the answer does not say what paging needs or ends before its own total, LEFT_HOST for
    a link elsewhere.
    """
    if isinstance(paging, SinglePage):
        return None
    if isinstance(paging, PagePagination):
        if _at_end(paging, turn, paging.size):
            return None
        return call.with_params({paging.param: paging.start + turn.number + 1})
    if isinstance(paging, OffsetPagination):
        return None if _at_end(paging, turn, paging.limit) else call.with_params({paging.param: turn.delivered})
    if isinstance(paging, CursorPagination):
        token = _token(paging, turn.document)
        if token is None:
            return None
        return (call.only(paging.keep) if paging.alone else call).with_params({paging.param: token})
    if isinstance(paging, NextLinkPagination):
        link = _text(turn.document, paging.next, "paginate.next", "the address of the next page")
    elif isinstance(paging, NextRelPagination):
        link = _related(paging, turn)
    else:
        assert isinstance(paging, LinkHeaderPagination)
        link = header_link(turn.headers.get("link", ""), "next")
    return replace(call, url=pinned(base_url, link, at=turn.url)) if link else None


def _size(param: str | None, size: int | None) -> dict[str, int]:
    return {} if param is None or size is None else {param: size}


def _at_end(paging: PagePagination | OffsetPagination, turn: Turn, size: int | None) -> bool:
    if paging.total is not None:
        total = _count(turn.document, paging.total, "total")
        if turn.delivered < total and not turn.elements:
            raise _malformed(
                f"the source says it has {total:,} records but its pages ended after {turn.delivered:,}",
                "nothing was loaded, since records are missing. Try again; if it stays, check `paginate` with the operator.",
            )
        return turn.delivered >= total
    if paging.pages is not None:
        pages = _count(turn.document, paging.pages, "pages")
        if turn.number + 1 < pages and not turn.elements:
            raise _malformed(
                f"the source says it has {pages:,} pages but page {turn.number + 1:,} is empty, after {turn.delivered:,} records",
                "nothing was loaded, since records may be missing. Try again; if it stays, check `paginate` with the operator.",
            )
        return turn.number + 1 >= pages
    if paging.stop == "short":
        return turn.elements < (size or 1)
    return not turn.elements


def _count(document: Any, path: str, key: str) -> int:
    value = text_at(document, path)
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,15}\s*", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise _malformed(
        f"`paginate.{key}: {path}` must lead to a whole number but leads to {kind(value)}", f"correct `paginate.{key}`."
    )


def _token(paging: CursorPagination, document: Any) -> str | None:
    token = _text(document, paging.next, "paginate.next", "the token of the next page")
    if paging.more is None:
        return token
    more = text_at(document, paging.more)
    more = {"true": True, "false": False}.get(more.strip().lower(), more) if isinstance(more, str) else more
    if not isinstance(more, bool):
        raise _malformed(
            f"`paginate.more: {paging.more}` must lead to true or false but leads to {kind(more)}",
            "correct `paginate.more`.",
        )
    if more and token is None:
        raise _malformed(
            f"the source says that more follows, but there is no token at `paginate.next: {paging.next}`",
            "correct `paginate.next`.",
        )
    return token if more else None


def _text(document: Any, path: str, key: str, what: str) -> str | None:
    """A text at ``path``; None where it is absent, null or empty."""
    value = text_at(document, path)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _malformed(f"`{key}: {path}` must lead to {what} but leads to {kind(value)}", f"correct `{key}`.")
    return str(value).strip() or None


def text_at(document: Any, path: str) -> Any:
    """The value at ``path``. The text of an XML element is found with and without `#text`, as it may have attributes or not."""
    steps = parse_path(path).steps
    value = follow(document, steps)
    if isinstance(value, dict) and "#text" in value:
        return value["#text"]
    if value is None and steps and steps[-1] == "#text":
        element = follow(document, steps[:-1])
        return element if isinstance(element, str) else None
    return value


def _related(paging: NextRelPagination, turn: Turn) -> str | None:
    links = follow(turn.document, parse_path(paging.links).steps)
    if isinstance(links, dict):
        links = [links]  # a lone XML element
    if not isinstance(links, list):
        if links is None and not turn.elements:
            return None
        raise _malformed(
            f"`paginate.links: {paging.links}` must lead to a list of links but leads to {kind(links)}",
            "correct `paginate.links`.",
        )
    for link in links:
        if isinstance(link, dict) and link.get(paging.rel) == "next":
            href = link.get(paging.href)
            if not isinstance(href, str) or not href:
                raise _malformed(
                    f"the link with {paging.rel}=next has no address at {paging.href!r}", "correct `paginate.href`."
                )
            return href
    return None


def header_link(value: str, relation: str) -> str | None:
    """The address of ``relation`` in a Link header (RFC 8288), or None."""
    for target, params in _LINK.findall(" ".join(value.split())):
        relations = next(
            (found[2] or found[3] for found in _LINK_PARAM.finditer(params) if found[1].lower() == "rel"), ""
        )
        if relation in (relations or "").lower().split():
            return str(target)
    return None


def _malformed(what: str, hint: str) -> PullError:
    return PullError(Outcome.MALFORMED, what, hint)
