"""Asks a dataset once for each value: where the values come from, and parts pulled at once but given in order. Knows no paging."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from itertools import product
from typing import Any, TypeVar

from opg_pipeline.model.handover import Outcome, Page, PullError
from opg_pipeline.model.paging import Each, ForEach
from opg_pipeline.model.paths import follow, kind, parse_path

Listing = Callable[[str, Each], Awaitable[list[Any]]]
"""Gives the elements of the list that the `Each` of a parameter names with `path`."""

_Part = TypeVar("_Part")
_PAGES_WAITING = 2
"""Pages of one part that may wait to be taken."""
_BEARABLE = frozenset(
    {
        Outcome.VANISHED, Outcome.UNREACHABLE, Outcome.SERVER_ERROR, Outcome.RATE_LIMITED, Outcome.REFUSED, Outcome.MALFORMED,
        Outcome.TOO_LARGE, Outcome.PAGING_LOOP, Outcome.UNSUCCESSFUL,
    }
)  # fmt: skip


async def combinations(
    for_each: ForEach, listing: Listing, regions: Mapping[str, Sequence[str]], now: datetime
) -> list[dict[str, str | int]]:
    """Every combination of the declared values, in declared order, each once; ``regions`` are dotted codes by level.

    Raises PullError MALFORMED for values that cannot be used.
    """
    columns = [await _values(name, each, listing, regions, now) for name, each in for_each.params.items()]
    return [dict(zip(for_each.params, values, strict=True)) for values in product(*columns)]


async def _values(
    name: str, each: Each, listing: Listing, regions: Mapping[str, Sequence[str]], now: datetime
) -> list[str | int]:
    if each.values is not None:
        found: Iterable[str | int] = each.values
    elif each.years is not None:
        first, last = each.years
        found = range(first, (now.year if last == "now" else last) + 1)
    elif each.regions is not None:
        codes = regions.get(each.regions)
        if codes is None:
            raise PullError(
                Outcome.MALFORMED,
                f"no {each.regions} is known for `for_each.params.{name}`",
                "declare `regions` in city.yaml.",
            )
        found = codes if each.dotted else [code.replace(".", "") for code in codes]
    else:
        elements = await listing(name, each)
        found = [_value(name, each, element, number) for number, element in enumerate(elements, start=1)]
    return list(dict.fromkeys(found))


def _value(name: str, each: Each, element: Any, number: int) -> str | int:
    value = element if each.value is None else follow(element, parse_path(each.value).steps)
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise PullError(
        Outcome.MALFORMED,
        f"element {number:,} of the list for `for_each.params.{name}` has {kind(value)} where a text or a whole number is needed",
        "correct `records` and `value` there.",
    )


def bearable(error: PullError) -> bool:
    """Whether a part may fail so while the others go on: what is wrong with all of them is not."""
    return error.outcome in _BEARABLE


async def in_order(
    parts: Iterable[_Part],
    pull: Callable[[_Part], AsyncGenerator[Page, None]],
    *,
    ahead: int,
    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
) -> AsyncGenerator[tuple[_Part, Page | PullError | None], None]:
    """The pages of every part, part by part, each part ended by None or by its error; ``ahead`` parts are pulled beforehand.

    Raises what is no PullError.
    """
    coming = iter(parts)
    waiting: deque[tuple[_Part, asyncio.Queue[Page | Exception | None], asyncio.Task[None]]] = deque()
    try:
        while True:
            while len(waiting) <= ahead and (part := next(coming, None)) is not None:
                queue: asyncio.Queue[Page | Exception | None] = asyncio.Queue(_PAGES_WAITING)
                waiting.append((part, queue, spawn(_fill(queue, part, pull))))
            if not waiting:
                return
            part, queue, _ = waiting[0]
            item = await queue.get()
            if isinstance(item, Exception) and not isinstance(item, PullError):
                raise item
            if not isinstance(item, Page):
                waiting.popleft()
            yield part, item
    finally:
        for _, _, task in waiting:
            task.cancel()


async def _fill(
    queue: asyncio.Queue[Page | Exception | None], part: _Part, pull: Callable[[_Part], AsyncGenerator[Page, None]]
) -> None:
    end: Exception | None = None
    try:
        async with aclosing(pull(part)) as pages:
            async for page in pages:
                await queue.put(page)
    except Exception as error:
        end = error
    await queue.put(end)
