"""When money moves and papers change: draws of days that never leave the last days empty. No records belong here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from random import Random

from opg_pipeline.sandbox.truth.timeline import draw_days


def fresh_days(
    rng: Random, until: date, n: int, weight: Callable[[date], float] = lambda day: 1.0, each: int = 2
) -> list[date]:
    """`n` days of the window, sorted; each of the last three days `each` times at least where `n` allows."""
    tail = [until - timedelta(days=back) for back in range(3) for _ in range(each)][:n]
    return sorted([*draw_days(rng, until, n - len(tail), weight), *tail])


def late_changes(rng: Random, until: date, days: Sequence[date], share: int = 20) -> dict[int, date]:
    """Which of the records of these days change once more in the last four days, and when.

    One in `share` does, three at least where there are so many, none that is younger than a week.
    """
    old = [number for number, day in enumerate(days) if day < until - timedelta(days=7)]
    chosen = rng.sample(old, min(len(old), max(3, len(days) // share)))
    return {number: until - timedelta(days=turn % 4) for turn, number in enumerate(chosen)}
