"""Goes through one list from its first page to its last: asks ahead where it can, shrinks pages that fail, sees circles.

Which request comes next is paging.py's; how one is asked and read is reading.py's.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping
from datetime import tzinfo
from itertools import chain, islice
from typing import Any

import orjson

from opg_pipeline.extract.address import Call
from opg_pipeline.extract.answers import TokenExpired, malformed
from opg_pipeline.extract.decode import Decoded
from opg_pipeline.extract.failures import TooSlow
from opg_pipeline.extract.paging import Spot, Turn, first_spot, in_doubt, next_spot, predicted, smaller
from opg_pipeline.extract.reading import Reading
from opg_pipeline.extract.transport import Answer
from opg_pipeline.model.handover import Outcome, Page, PullError, RawRef
from opg_pipeline.model.paging import OffsetPagination, PagePagination, RangePagination, SinglePage
from opg_pipeline.model.quoting import is_validator, shown_address

_UNSATISFIABLE = 416
_NO_SUCH_PAGE = frozenset({400, 404, 410, _UNSATISFIABLE, 422})
"""How sources refuse a page behind their last one."""
_NOTHING = {"nothing": "yes"}
"""Kept in the place of validators where a list does not exist, so that its absence is no change next time."""
_VALIDATORS = {"etag": ("ETag", "If-None-Match"), "last_modified": ("Last-Modified", "If-Modified-Since")}


class Chain:
    """One list. ``spot`` is where it stands, also after it has failed; ``raws`` is what was archived of it.

    ``unmodified``: the source answered 304, or has as before nothing there. ``found``: the validators that its first answer gave
    for it, or that there was nothing.

    Args:
        template: its request, before paging.
        base_url: the address that links may not leave.
        params: what its records read as `$name`.
        zone: of `$pulled_at`.
        page_limit: pages after which it counts as endless.
        width: how many requests may be under way before they are needed.
        validators: of the last good pull of this list; None where they are neither kept nor sent (windows).
    """

    def __init__(
        self,
        reading: Reading,
        template: Call,
        *,
        base_url: str,
        params: Mapping[str, str | int],
        zone: tzinfo,
        page_limit: int,
        width: int,
        raws: list[RawRef],
        validators: Mapping[str, str] | None,
    ) -> None:
        self._reading, self._template, self._base_url, self._params = reading, template, base_url, params
        self._zone, self._page_limit, self._width, self._raws = zone, page_limit, width, raws
        self._paging = reading.dataset.paginate
        single, scope = isinstance(self._paging, SinglePage), reading.dataset.conditional
        known = validators if scope == "collection" or (scope == "answer" and single) else None
        self._keeps = known is not None
        self._was_nothing = bool(known) and known == _NOTHING
        self._conditional = {
            header: value for key, (_, header) in _VALIDATORS.items() if (value := (known or {}).get(key))
        }
        for_each = reading.dataset.for_each
        self._absent = for_each.absent_on if for_each is not None else ()
        self._ahead: dict[Call, asyncio.Task[Answer]] = {}
        self._seen = _Seen()
        self.spot: Spot | None = None
        self.unmodified = False
        self.found: dict[str, str] = {}

    async def pages(self) -> AsyncGenerator[Page, None]:
        """Its pages in order, numbered from 0. Raises PullError."""
        facts = self._reading.facts
        spot: Spot | None = first_spot(self._paging, self._template, self._reading.size)
        restarted = False
        try:
            while spot is not None:
                self.spot = spot
                if why := self._circle(spot):
                    raise _loop(why)
                self._seen.asked.add(spot.call)
                try:
                    answer = await self._answer(spot)
                except PullError as error:
                    if self._is_end(error, spot):
                        self._note(None, spot)
                        return
                    spot = self._shrunk(spot, error)
                    continue
                if answer.status == 304:
                    self.unmodified = True
                    return
                raw = await self._reading.archive(answer, spot.call, asked=self._template, params=self._params)
                self._raws.append(raw)
                try:
                    decoded = await self._reading.decode(answer)
                except TokenExpired:
                    if restarted or not spot.number:
                        raise
                    restarted, self._seen = True, _Seen()
                    spot = first_spot(self._paging, self._template, self._reading.size)
                    continue
                empty = decoded is None
                decoded = decoded or Decoded([], None, None, 0)
                if not isinstance(self._paging, SinglePage):
                    self._seen.check(decoded, raw.sha256, spot.number)
                facts.pages += 1
                facts.records += len(decoded.records)
                last = decoded.records[-1] if decoded.records else None
                turn = Turn(decoded.document, decoded.elements, last, answer.url, answer.headers)
                following = None if empty else next_spot(self._paging, self._template, spot, turn, self._base_url)
                self._note(None if empty else answer, spot)
                doubted = None
                if following is not None:
                    self._look_ahead(following, turn)
                else:
                    doubted = in_doubt(self._paging, self._template, spot, turn, self._reading.longest)
                self._reading.longest = max(self._reading.longest, turn.elements)
                params = {**self._params, "pulled_at": raw.fetched_at.astimezone(self._zone).isoformat()}
                yield Page(decoded.records, decoded.parents, decoded.document, raw, spot.number, params)
                if doubted is not None:
                    await self._check_end(doubted, decoded)
                spot = following
        finally:
            self._drop()

    def _note(self, answer: Answer | None, spot: Spot) -> None:
        """What to know of this list at the next pull; ``answer`` is None where the source has nothing there."""
        if self._keeps and not spot.number:
            self.found = dict(_NOTHING) if answer is None else self._validators(answer)
            self.unmodified = answer is None and self._was_nothing

    def _circle(self, spot: Spot) -> str | None:
        if spot.call in self._seen.asked:
            return "it has been asked already"
        return f"{spot.number:,} pages have not come to an end" if spot.number >= self._page_limit else None

    async def _answer(self, spot: Spot) -> Answer:
        task = self._ahead.pop(spot.call, None)
        if task is not None:
            return await task
        return await self._reading.send(spot.call, None if spot.number else self._conditional)

    def _look_ahead(self, following: Spot, turn: Turn) -> None:
        """Send what will be asked next, while this page is worked on."""
        if self._ahead and following.call not in self._ahead:  # the pages are other than those before promised
            self._drop()
            self._width = 1
        spots = chain([following], predicted(self._paging, self._template, following, turn))
        for spot in islice(spots, self._width):
            if self._circle(spot) is None and spot.call not in self._ahead:
                self._ahead[spot.call] = self._reading.spawn(self._reading.send(spot.call))

    def _drop(self) -> None:
        for task in self._ahead.values():
            task.cancel()
        self._ahead.clear()

    async def _check_end(self, spot: Spot, before: Decoded) -> None:
        """Raises PullError MALFORMED where more follows at ``spot``, behind a page that was shorter than asked for.

        The answer is not kept: no record is taken from it.
        """
        self.spot = spot
        try:
            behind = await self._reading.decode(await self._reading.send(spot.call))
        except PullError as error:
            if error.status in _NO_SUCH_PAGE or error.outcome is Outcome.UNSUCCESSFUL or self._is_end(error, spot):
                return
            raise
        if behind is None or not behind.elements or behind.records == before.records:
            return
        key = "limit" if isinstance(self._paging, OffsetPagination) else "size"
        raise malformed(
            f"the first page had {spot.delivered:,} records where {spot.size:,} were asked for, and yet more follow: the source "
            "caps its pages",
            f"nothing was loaded, since records would be missing. Set `paginate.{key}` to {spot.delivered}, or declare "
            "`stop: empty`.",
        )

    def _is_end(self, error: PullError, spot: Spot) -> bool:
        """Whether an error says that there is nothing, or nothing more."""
        if error.status in self._absent:
            return True
        if not spot.number:
            return False
        if isinstance(self._paging, PagePagination | OffsetPagination):
            return error.status in self._paging.end_on
        return isinstance(self._paging, RangePagination) and error.status == _UNSATISFIABLE

    def address(self, call: Call) -> str:
        """The address of a call of this list, without what the source put into it."""
        return shown_address(call.url, self._template.url)

    def _validators(self, answer: Answer) -> dict[str, str]:
        """What the next pull is to ask by. A source that puts data there is asked without condition."""
        found = {key: answer.headers.get(name.lower(), "") for key, (name, _) in _VALIDATORS.items()}
        open_ = self._reading.credentials.without_secrets
        return {key: value for key, value in found.items() if is_validator(value) and open_(value) == value}

    def _shrunk(self, spot: Spot, error: PullError) -> Spot:
        """The same place with smaller pages, or ``error``."""
        found = smaller(self._paging, self._template, spot) if overburdened(error) else None
        if found is None:
            numbered = isinstance(self._paging, PagePagination | OffsetPagination) and self._paging.stop is not None
            if numbered and spot.number and error.status in _NO_SUCH_PAGE:
                declare = f"declare `paginate.end_on: [{error.status}]`"
                error.hint = f"if the source answers so behind its last page, {declare}; else {error.hint}"
            raise error
        self._drop()
        self._reading.facts.pages_shrunk += 1
        self._reading.size = found.size
        return found


class _Seen:
    """What a list has shown so far, to tell when it goes in circles."""

    def __init__(self) -> None:
        self.asked: set[Call] = set()
        self._digests: set[str] = set()
        self._previous: Decoded | None = None
        self._ends: dict[bytes, int] = {}
        self._repeated = -2

    def check(self, decoded: Decoded, digest: str, number: int) -> None:
        """Raises PullError PAGING_LOOP for a page that was there before."""
        if not decoded.elements:
            return
        before = self._previous
        same = before is not None and before.records == decoded.records and before.parents == decoded.parents
        if same or digest in self._digests:
            raise _loop("it holds the same records as an earlier page")
        self._digests.add(digest)
        self._previous = decoded
        # A circle whose pages count on: two pages running that begin and end as two earlier ones did.
        known = self._ends.setdefault(_ends(decoded.records), number)
        if known != number and known == self._repeated + 1:
            raise _loop("it and the page before it hold the same records as two earlier pages")
        self._repeated = known if known != number else -2


def overburdened(error: PullError) -> bool:
    """Whether asking for less at once may help."""
    return error.outcome is Outcome.SERVER_ERROR or isinstance(error, TooSlow)


def _ends(records: list[Any]) -> bytes:
    """Number, first and last of a page's records, which tell pages apart without reading them whole."""
    text = orjson.dumps((len(records), records[:1], records[-1:]), default=str, option=orjson.OPT_NON_STR_KEYS)
    return hashlib.blake2b(text, digest_size=16).digest()


def _loop(why: str) -> PullError:
    return PullError(
        Outcome.PAGING_LOOP,
        f"paging goes in circles: {why}",
        "check `paginate`; the source may ignore its parameters or never stop.",
    )
