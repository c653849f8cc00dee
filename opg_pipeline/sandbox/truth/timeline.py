"""When things happen: the city's time zone and draws of days and hours. No records and no formatting belong here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta, timezone
from random import Random

WIB = timezone(timedelta(hours=7), "WIB")
WINDOW_DAYS = 365


def window(until: date, days: int = WINDOW_DAYS) -> list[date]:
    """The last `days` days up to and including `until`, oldest first."""
    return [until - timedelta(days=back) for back in range(days - 1, -1, -1)]


def office_days(day: date) -> float:
    """Weight of a day for things done at a counter: weekends are nearly closed."""
    return 0.08 if day.weekday() >= 5 else 1.0


def draw_days(rng: Random, until: date, n: int, weight: Callable[[date], float] = lambda day: 1.0) -> list[date]:
    """Draw `n` days of the window, sorted, each as likely as its weight."""
    days = window(until)
    return sorted(rng.choices(days, weights=[weight(day) for day in days], k=n))


def at_hour(rng: Random, day: date, hours: Sequence[int] = range(7, 16)) -> datetime:
    """A moment of that day within the given hours, city time, to the second."""
    return datetime.combine(day, time(rng.choice(hours), rng.randrange(60), rng.randrange(60)), WIB)


def midnight(day: date) -> datetime:
    """The start of a day, for events of which the city knows only the day."""
    return datetime.combine(day, time(0), WIB)


def end_of(day: date) -> datetime:
    """The last second of a day in city time."""
    return datetime.combine(day, time(23, 59, 59), WIB)


def quarter_ends(until: date, n: int) -> list[date]:
    """The last `n` ends of March, June, September and December not after `until`, oldest first."""
    found: list[date] = []
    year, month = until.year, until.month
    while len(found) < n:
        last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        if month % 3 == 0 and last <= until:
            found.append(last)
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return found[::-1]
