"""When cases of an office begin and when they change. The records themselves belong in the modules of their themes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from random import Random

from opg_pipeline.sandbox.truth.timeline import at_hour, draw_days, end_of, office_days


def lively_days(rng: Random, until: date, n: int, weight: Callable[[date], float] = office_days) -> list[date]:
    """`n` days of the year, sorted; where `n` allows, each of the last three days is among them."""
    sure = [until - timedelta(days=back) for back in range(3)] if n >= 30 else []
    return sorted([*draw_days(rng, until, n - len(sure), weight), *sure])


def late_turns(rng: Random, days: Sequence[date], until: date, n: int = 8) -> dict[int, date]:
    """Which of the records that began on those days change on the last four days, and on which of them."""
    older = [number for number, day in enumerate(days) if day < until - timedelta(days=4)]
    chosen = rng.sample(older, min(n, len(older)))
    return {number: until - timedelta(days=turn % 4) for turn, number in enumerate(chosen)}


def next_change(rng: Random, at: datetime, until: date, longest: int, turn: date | None) -> datetime | None:
    """When what began at `at` changed: on the day `turn`, or within `longest` days; None where that is still to come."""
    if turn is not None:
        return at_hour(rng, turn, range(8, 15))
    moment = at + timedelta(minutes=rng.randrange(40, longest * 1440))
    return moment if moment <= end_of(until) else None
