"""Days on which something happens up to the very last one, and the states a thing passes through.

Shared by the draws of families, villages and trade. No records and no formatting belong here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from random import Random

from opg_pipeline.sandbox.truth.timeline import draw_days, end_of, midnight

History = tuple[tuple[str, datetime], ...]
"""The states of a thing and when each began, oldest first; the last is how it stands at the end."""
LAST_DAYS = 3


def days_to_the_last(
    rng: Random, until: date, n: int, weight: Callable[[date], float] = lambda day: 1.0, last: int = LAST_DAYS
) -> list[date]:
    """`n` days of the year, sorted; each of the last ones at least once where `n` allows."""
    days = draw_days(rng, until, n, weight)
    sure = [until - timedelta(days=back) for back in range(min(last, n // 2))]
    return sorted([*sure, *rng.sample(days, n - len(sure))])


def survey_days(until: date, n: int) -> list[date]:
    """`n` days, sorted: the last three, and the others evenly over the year before."""
    recent = [until - timedelta(days=back) for back in range(min(LAST_DAYS, n))]
    others = n - len(recent)
    step = 361 / max(1, others - 1)
    return sorted([*recent, *(until - timedelta(days=LAST_DAYS + round(step * back)) for back in range(others))])


def passed_through(
    rng: Random, start: datetime, states: Sequence[str], until: date, days: int, changed_lately: bool = False
) -> History:
    """The states a thing reached by the last day, `days` at most between two; `changed_lately`: the last of them was
    reached within the last three days."""
    last, history = end_of(until), [(states[0], start)]
    for number, state in enumerate(states[1:], 2):
        at = history[-1][1] + timedelta(days=rng.randrange(1, days + 1), minutes=rng.randrange(0, 240))
        if changed_lately and number == len(states):
            at = midnight(until - timedelta(days=rng.randrange(LAST_DAYS))) + timedelta(minutes=rng.randrange(480, 900))
        if at > last or at <= history[-1][1]:
            break
        history.append((state, at))
    return tuple(history)
