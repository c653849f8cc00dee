"""How fast a host may be asked: places and rate that all apps of the host share, and the hours in which it may be asked.

Sends nothing; transport asks for its turn here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, time, timedelta
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from opg_pipeline.model.source import Budget

_hosts: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Pace]] = WeakKeyDictionary()


class Pace:
    """What one host bears, in one event loop. The strictest rate and number of places among the budgets in use count."""

    def __init__(self) -> None:
        self._budgets: list[Budget] = []
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._next = 0.0

    def join(self, budget: Budget) -> None:
        """Count ``budget`` among those in use."""
        self._budgets.append(budget)

    def leave(self, budget: Budget) -> None:
        """``budget`` is no longer in use."""
        self._budgets.remove(budget)
        self._admit()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place, then for the moment; the place is held until the block ends."""
        await self._enter()
        try:
            clock = asyncio.get_running_loop().time
            moment = max(clock(), self._next)
            self._next = moment + 1 / min(budget.requests_per_second for budget in self._budgets)
            if (wait := moment - clock()) > 0:
                await asyncio.sleep(wait)
            yield
        finally:
            self._running -= 1
            self._admit()

    @property
    def _free(self) -> bool:
        return bool(self._budgets) and self._running < min(budget.concurrent for budget in self._budgets)

    async def _enter(self) -> None:
        if self._free and not self._waiting:
            self._running += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # given in the moment of being cancelled: hand it on
                self._running -= 1
                self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting and self._free:
            place = self._waiting.popleft()
            if not place.done():
                self._running += 1
                place.set_result(None)


def pace_of(host: str) -> Pace:
    """The pace of ``host`` in the running event loop."""
    return _hosts.setdefault(asyncio.get_running_loop(), {}).setdefault(host, Pace())


def host_key(base_url: str) -> str:
    """What tells hosts apart: name and port."""
    parts = urlsplit(base_url)
    return f"{parts.hostname}:{parts.port or {'http': 80, 'https': 443}.get(parts.scheme, 0)}"


def may_ask(budget: Budget, now: datetime, timezone: str) -> datetime | None:
    """None where ``budget.hours`` allow to ask at ``now`` (an instant with offset); else when they begin next.

    The hours are wall-clock time in the IANA zone ``timezone``; the first minute belongs to them, the last does not. They may
    pass midnight; with the same begin and end they are the whole day.
    """
    if budget.hours is None:
        return None
    begin, end = (time.fromisoformat(text) for text in budget.hours.split("-"))
    zone = ZoneInfo(timezone)
    local = now.astimezone(zone)
    clock = local.time()
    inside = begin <= clock < end if begin < end else clock >= begin or clock < end
    if inside:
        return None
    day = local.date() if clock < begin else local.date() + timedelta(days=1)
    return datetime.combine(day, begin, zone)
