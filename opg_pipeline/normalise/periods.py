"""Periods: days, weeks, months, quarters, half-years and years, and the texts that name them. Times of day are in moments.py.

An epidemiological week goes from Sunday to Saturday, a week of ISO 8601 from Monday to Sunday; a year's first one is in both the
one that holds 4 January.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.model.datepattern import MONTHS, compile_pattern
from opg_pipeline.normalise.parsing import Parsed, Parser, Refused
from opg_pipeline.normalise.reasons import code, fine

_BARE = re.compile(r"(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2}))?)?")
_WEEK = timedelta(days=7)
_ROMAN = {"I": "1", "II": "2", "III": "3", "IV": "4"}


class Period(NamedTuple):
    """``year`` is that of the calendar the period belongs to, which of a week may be another than that of its first day.

    ``text``: 2025, 2025-03, 2025-03-31, 2025-Q1, 2025-S1, 2025-W01, or 2025-EW01 of an epidemiological week.
    """

    first: date
    last: date
    year: int
    text: str


def period_of(found: Mapping[str, str | None]) -> Period | None:
    """What the groups of a date pattern name, or None where there is no such day or period."""
    year = int(text) if (text := found.get("year")) else _century(int(found["year2"] or 0))
    try:
        return _period(year, found)
    except (ValueError, OverflowError):
        return None


def _period(year: int, found: Mapping[str, str | None]) -> Period | None:
    if text := found.get("week"):
        monday = date.fromisocalendar(year, int(text), 1)
        return Period(monday, monday + timedelta(days=6), year, f"{year:04d}-W{int(text):02d}")
    if text := found.get("epi_week"):
        sunday = _first_sunday(year) + _WEEK * (int(text) - 1)
        if int(text) < 1 or sunday >= _first_sunday(year + 1):
            return None
        return Period(sunday, sunday + timedelta(days=6), year, f"{year:04d}-EW{int(text):02d}")
    if text := found.get("quarter") or _ROMAN.get(found.get("roman_quarter") or ""):
        return _months(year, int(text) * 3 - 2, 3, f"{year:04d}-Q{text}")
    if text := found.get("half") or _ROMAN.get(found.get("roman_half") or ""):
        return _months(year, int(text) * 6 - 5, 6, f"{year:04d}-S{text}")
    if name := found.get("month_name"):
        month = MONTHS.get(name.casefold(), 0)
    elif number := found.get("month"):
        month = int(number)
    else:
        return _months(year, 1, 12, f"{year:04d}")
    if text := found.get("day"):
        day = date(year, month, int(text))
        return Period(day, day, year, day.isoformat())
    return _months(year, month, 1, f"{year:04d}-{month:02d}")


def _months(year: int, month: int, count: int, text: str) -> Period:
    first, last = date(year, month, 1), month + count - 1
    return Period(first, date(year, last, monthrange(year, last)[1]), year, text)


def _first_sunday(year: int) -> date:
    """The day on which the first epidemiological week of a year begins."""
    fourth = date(year, 1, 4)
    return fourth - timedelta(days=fourth.isoweekday() % 7)


def _century(year: int) -> int:
    return year + (2000 if year < 70 else 1900)


def _around(day: date, groups: Collection[str]) -> Period | None:
    """The period of a pattern's grain that holds a day, or a time."""
    day = date(day.year, day.month, day.day)
    year: int = day.year
    parts: dict[str, int] = {}
    if "week" in groups:
        year, parts["week"], _ = day.isocalendar()
    elif "epi_week" in groups:
        sunday = day - timedelta(days=day.isoweekday() % 7)
        year = (sunday + timedelta(days=3)).year
        parts["epi_week"] = (sunday - _first_sunday(year)) // _WEEK + 1
    elif "quarter" in groups or "roman_quarter" in groups:
        parts["quarter"] = (day.month + 2) // 3
    elif "half" in groups or "roman_half" in groups:
        parts["half"] = (day.month + 5) // 6
    elif "month" in groups or "month_name" in groups:
        parts["month"] = day.month
    if "day" in groups:
        parts["day"] = day.day
    return period_of({"year": str(year), **{name: str(value) for name, value in parts.items()}})


def whole_texts(values: Any) -> Any:
    """Numbers of a spreadsheet as texts; a fraction as one that no pattern fits."""
    texts = [None if value is None else str(int(value)) if value.is_integer() else "" for value in values.to_pylist()]
    return pa.array(texts, pa.string())


class PeriodParser(Parser):
    """Periods as the text that names them, by what the patterns read; without a pattern YYYY, YYYY-MM or YYYY-MM-DD.

    A real date of a spreadsheet becomes the period that holds it. Refuses with bad_period, and with ambiguous_date what fits
    several patterns that mean different periods.
    """

    refusal = "bad_period"
    name = "period"

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        super().__init__(pa.string())
        self._shapes = [compile_pattern(pattern).regex for pattern in patterns] or [_BARE]

    def text(self, values: Any) -> Parsed:
        return self.each(values, self._read)

    def _read(self, text: str) -> Any:
        matches = [match for shape in self._shapes if (match := shape.fullmatch(text)) is not None]
        return self._one([period_of(match.groupdict()) for match in matches])

    def _one(self, periods: Sequence[Period | None]) -> Any:
        """What all that were found mean. Raises Refused."""
        meant = {self._value(period) for period in periods if period is not None}
        if len(meant) != 1:
            raise Refused("ambiguous_date" if meant else self.refusal)
        return meant.pop()

    def _value(self, period: Period) -> Any:
        return period.text

    def integer(self, values: Any) -> Parsed:
        return self.text(pc.cast(values, pa.string()))

    def number(self, values: Any) -> Parsed:
        return self.text(whole_texts(values))

    def moment(self, values: list[Any]) -> Parsed:
        result: list[Any] = []
        reasons = fine(len(values))
        for row, value in enumerate(values):
            try:
                result.append(self._one([_around(value, shape.groupindex) for shape in self._shapes]))
            except Refused as refused:
                result.append(None)
                reasons[row] = code(refused.reason)
        return Parsed(pa.array(result, self.out), reasons)


class YearParser(PeriodParser):
    """The year of what the patterns read, as a number; without a pattern of YYYY, YYYY-MM or YYYY-MM-DD."""

    name = "year"

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        super().__init__(patterns)
        self.out = pa.int64()

    def _value(self, period: Period) -> Any:
        return period.year
