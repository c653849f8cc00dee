"""How things come in and move on: days that leave no gap at the end, and when a case is settled.

Records and wire formats do not belong here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random

from opg_pipeline.sandbox.truth.timeline import draw_days, end_of, office_days


def lively_days(
    rng: Random, until: date, n: int, weight: Callable[[date], float] = office_days, tail: int = 4
) -> list[date]:
    """`n` days of the window, sorted, with something on each of the last `tail` days where `n` allows."""
    late = [until - timedelta(days=back) for back in range(min(tail, n))]
    return sorted(draw_days(rng, until, n - len(late), weight) + late)


def later(rng: Random, at: datetime, until: date, days: float) -> datetime | None:
    """A moment up to `days` after `at`, to the minute; None where the city's last day ends before it."""
    moment = at + timedelta(minutes=rng.randrange(20, max(21, round(days * 1440))))
    return moment if moment <= end_of(until) else None
