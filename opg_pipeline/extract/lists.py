"""The lists one pull is made of: one, or one for each value and window; their pages in order, and what may fail among them.

How one list is gone through is chain.py's; where values come from is fanout.py's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from opg_pipeline.extract.address import Call, Value, below, first_call
from opg_pipeline.extract.chain import Chain, overburdened
from opg_pipeline.extract.fanout import bearable, combinations, in_order
from opg_pipeline.extract.reading import Reading
from opg_pipeline.extract.windows import Stretch, halves
from opg_pipeline.model.handover import Outcome, Page, PullError, RawRef
from opg_pipeline.model.paging import Each

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class Located(PullError):
    """An error with the place in the pull where it happened, as text that follows the dataset's name."""

    def __init__(self, error: PullError, where: str) -> None:
        super().__init__(error.outcome, error.what, error.hint, attempts=error.attempts, status=error.status)
        self.where = where


@dataclass(slots=True)
class _Part:
    """One list: of one value or combination, and of one window. ``raws`` is what was archived of it.

    ``unmodified`` and ``found`` are what its chain says, where the window was not halved. ``given``: pages of it were given;
    ``failed``: it ended with an error that is borne.
    """

    params: dict[str, str | int]
    stretch: Stretch
    raws: list[RawRef] = field(default_factory=list)
    unmodified: bool = False
    given: bool = False
    failed: bool = False
    found: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its values, for people."""
        return ", ".join(f"{name}={value}" for name, value in self.params.items())


class Lists:
    """The lists of one dataset.

    Args:
        base_url: the address that no request leaves.
        concurrent: how many requests may be under way at once.
        zone: of `$pulled_at`.
        page_limit: pages after which a list counts as endless.
        spawn: makes a task that ends with the puller.
    """

    def __init__(
        self, reading: Reading, base_url: str, *, concurrent: int, zone: tzinfo, page_limit: int, spawn: Spawn
    ) -> None:
        self._reading, self._base_url, self._concurrent, self._zone = reading, base_url, concurrent, zone
        self._page_limit, self._spawn = page_limit, spawn

    async def pages(
        self,
        stretches: Sequence[Stretch],
        now: datetime,
        validators: Mapping[str, str],
        regions: Mapping[str, Sequence[str]],
        part_validators: Mapping[str, Mapping[str, str]],
    ) -> AsyncGenerator[Page, None]:
        """The pages of all lists in declared order, numbered through. Raises PullError.

        A fan-out is asked value by value on the condition that its list has changed. Where a snapshot has changed for some, the
        others are asked once more without condition, so that it is whole. A value that did not answer has not changed as far as
        is known; what it had is asked for anew when it answers again after a pull that was stored without it.
        """
        facts, for_each = self._reading.facts, self._reading.dataset.for_each
        windowed = any(stretch.window is not None for stretch in stretches)
        parts: list[_Part] = []
        if for_each is not None:
            found = await combinations(for_each, self._listed, regions, now)
            facts.parts = len(found)
            # Each window of each value by itself: a value of a thousand windows would else be asked one after the other.
            parts = [_Part(params, stretch) for params in found for stretch in stretches]
            pages = self._parts(parts, for_each.may_fail, None if windowed else part_validators)
        elif len(stretches) > 1:
            pages = self._parts([_Part({}, stretch) for stretch in stretches], 0.0, None)
        else:
            parts = [_Part({}, stretches[0], facts.raw)]
            pages = self._part(parts[0], self._concurrent, None if windowed else validators)
        number = 0
        async with aclosing(pages):
            async for page in pages:
                page.number, number = number, number + 1
                yield page
        unmodified = [part for part in parts if part.unmodified]
        silent = [part for part in parts if part.failed and not part.given]
        if unmodified and len(unmodified) + len(silent) < len(parts) and self._reading.dataset.nature == "snapshot":
            for part in unmodified:
                part.unmodified = False
            again = self._parts(unmodified, for_each.may_fail if for_each is not None else 0.0, {})
            async with aclosing(again):
                async for page in again:
                    page.number, number = number, number + 1
                    yield page
            unmodified = []
        facts.not_modified = bool(unmodified) and len(unmodified) + len(silent) == len(parts)
        if for_each is None:
            facts.validators.update(parts[0].found if parts else {})
            return
        facts.unmodified_parts = len(unmodified)
        kept = {
            part.name: dict(part_validators.get(part.name, {})) if part.unmodified else part.found for part in parts
        }
        facts.part_validators.update({name: found for name, found in kept.items() if found})

    async def _parts(
        self, parts: Sequence[_Part], may_fail: float, validators: Mapping[str, Mapping[str, str]] | None
    ) -> AsyncGenerator[Page, None]:
        """The pages of several parts, of whose values the share ``may_fail`` may fail. ``validators`` by the part's name; None: none.

        A value ends with its first window that fails: those after it are neither asked any more nor given.
        """
        facts, values = self._reading.facts, len({part.name for part in parts})
        failed: set[str] = set()

        def pull(part: _Part) -> AsyncGenerator[Page, None]:
            return self._part(part, 0, None if validators is None else validators.get(part.name, {}))

        asked = (part for part in parts if part.name not in failed)
        together = in_order(asked, pull, ahead=self._concurrent, spawn=self._spawn)
        first: Located | None = None
        async with aclosing(together):
            async for part, item in together:
                if part.name in failed:
                    continue
                facts.raw.extend(part.raws)
                part.raws.clear()
                if isinstance(item, Page):
                    part.given = True
                    yield item
                elif isinstance(item, PullError):
                    if not may_fail or not bearable(item):
                        raise item
                    failed.add(part.name)
                    part.failed = True
                    facts.failed_parts.append(self._reading.credentials.redact(f"{part.name}: {item.what}"))
                    first = first or (item if isinstance(item, Located) else Located(item, ""))
                    _check_share(facts.failed_parts, values, may_fail, first)

    async def _part(self, part: _Part, width: int, validators: Mapping[str, str] | None) -> AsyncGenerator[Page, None]:
        """The pages of one part; a window that the source cannot bear is halved."""
        reading = self._reading
        incremental = reading.dataset.incremental
        template = first_call(self._base_url, reading.dataset).with_params(part.params)
        waiting = deque([part.stretch])
        while waiting:
            stretch = waiting.popleft()
            unset: dict[str, Value | None] = {}
            if incremental is not None:
                unset = dict.fromkeys(name for name in (incremental.param, incremental.until_param) if name)
            chain = Chain(
                reading,
                template.with_params({**unset, **stretch.params}),
                base_url=self._base_url,
                params={**part.params, **stretch.params},
                zone=self._zone,
                page_limit=self._page_limit,
                width=width,
                raws=part.raws,
                validators=validators,
            )
            try:
                async with aclosing(chain.pages()) as pages:
                    async for page in pages:
                        yield page
                part.unmodified, part.found = chain.unmodified, chain.found
            except PullError as error:
                heavy = overburdened(error) or error.outcome is Outcome.TOO_LARGE
                smaller = halves(stretch, incremental) if heavy else []
                if not smaller:
                    raise _located(error, part, chain) from None
                reading.facts.windows_split += 1
                waiting.extendleft(reversed(smaller))

    async def _listed(self, name: str, each: Each) -> list[Any]:
        assert each.path is not None
        call = Call("GET", below(self._base_url, each.path))
        try:
            return await self._reading.listed(name, call, each.records, self._reading.facts.raw)
        except PullError as error:
            raise Located(error, f", the list for `for_each.params.{name}` (GET {call.url})") from None


def _located(error: PullError, part: _Part, chain: Chain) -> Located:
    value = f" for {part.name}" if part.params else ""
    number, call = (chain.spot.number, chain.spot.call) if chain.spot is not None else (0, None)
    address = f" ({call.method} {chain.address(call)})" if call is not None else ""
    return Located(error, f"{value}, page {number + 1}{address}")


def _check_share(failed: Sequence[str], values: int, may_fail: float, first: Located) -> None:
    if len(failed) <= may_fail * values:
        return
    what = (
        f"{len(failed):,} of {values:,} values have failed, more than `may_fail: {may_fail:g}` allows; "
        f"the first was {failed[0]}"
    )
    raise PullError(first.outcome, what, first.hint, attempts=first.attempts, status=first.status)
