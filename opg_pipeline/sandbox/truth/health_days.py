"""Days and moments at which matters begin and end, such that the last days always bring something new.

The time zone and plain draws are in timeline.py; no records belong here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random

from opg_pipeline.sandbox.truth.timeline import at_hour, draw_days, end_of, window

NEWS_DAYS = 3
RECENT_DAYS = 4


def lively(rng: Random, until: date, n: int, weight: Callable[[date], float] = lambda day: 1.0) -> list[date]:
    """`n` days like `draw_days`, each of the last three among them."""
    return sorted([*draw_days(rng, until, max(0, n - NEWS_DAYS), weight), *window(until, NEWS_DAYS)])[-n:]


def turn(rng: Random, until: date, at: datetime, longest: int = 30) -> datetime | None:
    """When a matter that began at `at` came to its end, within `longest` days; None where it still waits.

    Half of the recent matters end in the last four days, so that there are always changes to be seen.
    """
    age = (until - at.date()).days
    if RECENT_DAYS < age <= longest and rng.random() < 0.5:
        return at_hour(rng, until - timedelta(days=rng.randrange(RECENT_DAYS)))
    ended = at + timedelta(minutes=rng.randrange(60 * 24, 60 * 24 * longest))
    return ended if ended <= end_of(until) else None
