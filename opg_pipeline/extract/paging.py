"""Which request comes next: pure functions over where a list stands. Sends nothing and keeps no state; loops are chain.py's to see.

What an answer says about links, tokens and counts is read in answers.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from opg_pipeline.extract.address import Call, Value, pinned
from opg_pipeline.extract.answers import (
    content_range,
    count_at,
    header_link,
    link_at,
    malformed,
    more_at,
    related_link,
    token_at,
)
from opg_pipeline.model.paging import (
    CursorPagination,
    LinkHeaderPagination,
    NextLinkPagination,
    NextRelPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
    RangePagination,
)

_SMALLEST = 8
"""A page shrinks to no less than the declared size through this."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a list stands: what is asked next, and what came before.

    ``number`` counts answers, ``delivered`` the elements in them; ``index`` is the number of the page from 0, counted in
    pages of ``size`` (None where none is declared); ``token`` is the cursor.
    """

    call: Call
    number: int = 0
    delivered: int = 0
    index: int = 0
    size: int | None = None
    token: str | int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What paging looks at in one answer. ``elements`` counts the list that is paged, ``last`` is the last record; ``url`` is
    where the answer came from; ``headers`` have lower-case names."""

    document: Any
    elements: int
    last: Any
    url: str
    headers: Mapping[str, str]


def first_spot(paging: Pagination, template: Call, size: int | None = None) -> Spot:
    """The first request for ``template``, with pages of ``size`` where a size is declared."""
    declared = _declared(paging)
    return _at(paging, template, Spot(template, size=None if declared is None else size or declared))


def next_spot(paging: Pagination, template: Call, spot: Spot, turn: Turn, base_url: str) -> Spot | None:
    """What follows ``turn``, which answered ``spot``; None at the end.

    Offsets go on by what was delivered, so a server that gives less than it was asked for loses nothing.
    Raises PullError: MALFORMED where the answer does not say what paging needs or ends before its own total, LEFT_HOST for
    a link elsewhere.
    """
    after = _after(spot, turn)
    if isinstance(paging, PagePagination | OffsetPagination | RangePagination):
        return _at(paging, template, after) if _left(paging, after, turn) else None
    if isinstance(paging, CursorPagination):
        token = _token(paging, turn)
        return None if token is None else _at(paging, template, replace(after, token=token))
    if isinstance(paging, NextLinkPagination):
        link = link_at(turn.document, paging.next)
    elif isinstance(paging, NextRelPagination):
        link = related_link(paging, turn.document, turn.elements)
    elif isinstance(paging, LinkHeaderPagination):
        link = header_link(turn.headers.get("link", ""), "next")
    else:
        return None
    return replace(after, call=replace(spot.call, url=pinned(base_url, link, at=turn.url))) if link else None


def predicted(paging: Pagination, template: Call, following: Spot, turn: Turn) -> Iterator[Spot]:
    """What will be asked after ``following`` by the count in the answer before it, if the pages to come are as long as that."""
    if not turn.elements or not isinstance(paging, PagePagination | OffsetPagination | RangePagination):
        return
    for _ in range(_left(paging, following, turn) - 1):
        following = _at(paging, template, _after(following, turn))
        yield following


def in_doubt(paging: Pagination, template: Call, spot: Spot, turn: Turn, longest: int) -> Spot | None:
    """What tells whether a short page was the last one or the source gives no longer ones; None where that is clear.

    It is clear where a page of this pull was longer: ``longest`` is the number of elements of the longest one before.
    """
    if not isinstance(paging, PagePagination | OffsetPagination) or paging.stop != "short" or not turn.elements:
        return None
    return _at(paging, template, _after(spot, turn)) if longest <= turn.elements < (spot.size or 1) else None


def smaller(paging: Pagination, template: Call, spot: Spot) -> Spot | None:
    """``spot`` with a page of half the size, down to an eighth of the declared one; None where that cannot be.

    Numbered pages are counted anew, with the next size that divides what came before: where none does, or the source did not
    give whole pages, a smaller page would lose or double records.
    """
    declared = _declared(paging)
    if spot.size is None or declared is None:
        return None
    least, half = max(1, declared // _SMALLEST), spot.size // 2
    if isinstance(paging, PagePagination):
        if paging.size_param is None or spot.delivered != spot.index * spot.size:
            return None
        half = next((size for size in range(half, least - 1, -1) if not spot.delivered % size), 0)
        spot = replace(spot, index=spot.delivered // half if half else 0)
    elif isinstance(paging, CursorPagination) and not _sends_size(paging, spot):
        return None
    return _at(paging, template, replace(spot, size=half)) if half >= least else None


def _declared(paging: Pagination) -> int | None:
    if isinstance(paging, OffsetPagination):
        return paging.limit
    return paging.size if isinstance(paging, PagePagination | CursorPagination | RangePagination) else None


def _after(spot: Spot, turn: Turn) -> Spot:
    return replace(spot, number=spot.number + 1, delivered=spot.delivered + turn.elements, index=spot.index + 1)


def _at(paging: Pagination, template: Call, spot: Spot) -> Spot:
    """``spot`` with the request that its numbers mean."""
    if isinstance(paging, PagePagination):
        params: dict[str, Value | None] = {paging.param: paging.start + spot.index}
        if paging.size_param is not None:
            params[paging.size_param] = spot.size
    elif isinstance(paging, OffsetPagination):
        params = {paging.param: spot.delivered, paging.limit_param: spot.size}
    elif isinstance(paging, CursorPagination):
        if paging.alone and spot.token is not None:
            template = template.only(paging.keep)
        params = {paging.size_param: spot.size} if paging.size_param is not None and _sends_size(paging, spot) else {}
        params[paging.param] = spot.token
    elif isinstance(paging, RangePagination):
        last = spot.delivered + (spot.size or paging.size) - 1
        headers = (("Range-Unit", paging.unit), ("Range", f"{spot.delivered}-{last}"))
        return replace(spot, call=replace(template, headers=(*template.headers, *headers)))
    else:
        return spot
    return replace(spot, call=template.with_params(params))


def _sends_size(paging: CursorPagination, spot: Spot) -> bool:
    """Whether the request at ``spot`` says how many records it wants."""
    if paging.size_param is None:
        return False
    return not paging.alone or spot.token is None or paging.size_param in paging.keep


def _left(paging: PagePagination | OffsetPagination | RangePagination, after: Spot, turn: Turn) -> int:
    """How many pages follow, at the length of the last one; 0 at the end. ``after`` is the spot behind ``turn``."""
    if isinstance(paging, RangePagination):
        total = content_range(turn.headers, after.delivered - turn.elements, turn.elements)
        return int(turn.elements > 0) if total is None else _of_total(total, after, turn)
    if paging.total is not None:
        return _of_total(count_at(turn.document, paging.total, "total"), after, turn)
    if paging.pages is not None:
        pages = count_at(turn.document, paging.pages, "pages")
        if after.index < pages and not turn.elements:
            raise malformed(
                f"the source says it has {pages:,} pages but page {after.index:,} is empty, after {after.delivered:,} records",
                "nothing was loaded, since records may be missing. Try again; if it stays, check `paginate` with the operator.",
            )
        return max(0, pages - after.index)
    if paging.more is not None:
        more = more_at(turn.document, paging.more, absent=False)
        if more and not turn.elements:
            raise malformed(
                f"the source says that more follows, but its page is empty, after {after.delivered:,} records",
                "nothing was loaded, since records may be missing. Try again; if it stays, check `paginate.more`.",
            )
        return int(more)
    if paging.stop == "short":
        return int(turn.elements >= (after.size or 1))
    return int(turn.elements > 0)


def _of_total(total: int, after: Spot, turn: Turn) -> int:
    if after.delivered < total and not turn.elements:
        raise malformed(
            f"the source says it has {total:,} records but its pages ended after {after.delivered:,}",
            "nothing was loaded, since records are missing. Try again; if it stays, check `paginate` with the operator.",
        )
    return max(0, -(-(total - after.delivered) // max(1, turn.elements)))


def _token(paging: CursorPagination, turn: Turn) -> str | int | None:
    more = None if paging.more is None else more_at(turn.document, paging.more)
    if paging.next is not None:
        token, key = token_at(turn.document, paging.next, "paginate.next"), f"paginate.next: {paging.next}"
    else:
        assert paging.last is not None
        key = f"paginate.last: {paging.last}"
        token = token_at(turn.last, paging.last, "paginate.last") if turn.elements else None
        if token is None and turn.elements and more is not False:
            raise malformed(f"the last record has nothing at `{key}`", "correct `paginate.last`.")
    if more and token is None:
        raise malformed(f"the source says that more follows, but there is no token at `{key}`", "correct `paginate`.")
    return None if more is False else token
