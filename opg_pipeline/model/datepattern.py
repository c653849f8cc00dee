"""The pattern language of dates, times, periods and durations. No parsing of data here.

Parts: yyyy yy, mmm mm m, dd d, ddd (a day's name, read over), HH H, MM, SS, AM, Z, WIB. Periods, in place of month and day:
q (quarter, 1 to 4), sem (half-year, 1 or 2), Q and SEM (the same as Roman numerals, I to IV), ww w (week of ISO 8601, Monday to Sunday), eww ew (epidemiological week, Sunday to
Saturday); a year's first week is in both the one that holds 4 January, and yyyy is the year of the week. The rest is literal;
letters but T are quoted: yyyy-'W'ww is 2026-W53, yyyy-'S'sem 2025-S1, 'Triwulan' q yyyy is Triwulan 1 2022.

Durations: d H HH M MM S SS from the greatest to the least, and literals: H:MM is 26:15. Or `words` (2 jam 15 menit), or `iso`
(PT2H15M, ISO 8601 without years and months, which have no fixed length).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MONTHS: dict[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "jan januari january", "feb februari pebruari peb february", "mar maret mrt march", "apr april", "mei may",
            "jun juni june", "jul juli july", "agu agt ags agustus agust aug august", "sep sept september", "okt oktober oct october",
            "nov november nopember nop", "des desember dec december",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
"""Month names and abbreviations, Indonesian and English, lower case."""

_TOKENS = {
    "yyyy": r"(?P<year>\d{4})",
    "yy": r"(?P<year2>\d{2})",
    "mmm": r"(?P<month_name>[A-Za-z]{3,9})\.?",
    "mm": r"(?P<month>\d{2})",
    "m": r"(?P<month>\d{1,2})",
    "dd": r"(?P<day>\d{2})",
    "d": r"(?P<day>\d{1,2})",
    "HH": r"(?P<hour>\d{2})",
    "H": r"(?P<hour>\d{1,2})",
    "MM": r"(?P<minute>\d{2})",
    "SS": r"(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?",
    "AM": r"(?P<meridiem>[AaPp][Mm])",
    "Z": r"(?P<offset>Z|[+-]\d{2}:?\d{2})",
    "WIB": r"(?P<zone>WIB|WITA|WIT)",
    "ddd": r"(?:[A-Za-z']{3,9})",
    "q": r"(?P<quarter>[1-4])",
    "sem": r"(?P<half>[12])",
    "Q": r"(?P<roman_quarter>IV|I{1,3})",
    "SEM": r"(?P<roman_half>I{1,2})",
    "eww": r"(?P<epi_week>\d{2})",
    "ew": r"(?P<epi_week>\d{1,2})",
    "ww": r"(?P<week>\d{2})",
    "w": r"(?P<week>\d{1,2})",
}
_SAME = {"yy": "yyyy", "mmm": "m", "mm": "m", "dd": "d", "H": "HH", "ww": "w", "eww": "ew", "Q": "q", "SEM": "sem"}
"""Tokens of the same part."""
PERIODS = {"q": "quarter", "sem": "half-year", "w": "week", "ew": "epidemiological week"}
"""Parts of a year that are no months, and what they are called."""
SPELLINGS = "yyyy yy mmm mm m dd d HH H MM SS q Q sem SEM ww eww, and literals; quote letters: 'W'"
"""What a pattern may hold, for messages."""
_PIECE = re.compile(
    r"'([^']*)'|(yyyy|yy|mmm|mm|m|ddd|dd|d|HH|H|MM|SS|AM|Z|WIB|q|sem|Q|SEM|eww|ew|ww|w)|(\s+)|(.)", re.DOTALL
)


class DatePatternError(ValueError):
    """The pattern cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class DatePattern:
    """A compiled pattern. ``has_*`` say which parts it reads; ``regex`` matches the whole trimmed text.

    ``period``: which of PERIODS it reads in place of a month, by its name; None without one.
    """

    text: str
    regex: re.Pattern[str]
    has_month: bool
    has_day: bool
    has_time: bool
    period: str | None


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> DatePattern:
    """Compile one pattern. `ddd` is a day's name (read over); blanks match one or more blanks. Raises DatePatternError."""
    if not pattern.strip():
        raise DatePatternError("the date pattern is empty")
    parts: list[str] = []
    names: list[str] = []
    for match in _PIECE.finditer(pattern):
        quoted, token, blank, other = match.groups()
        if quoted is not None:
            parts.append(re.escape(quoted))
        elif token is not None:
            names.append(_SAME.get(token, token))
            parts.append(_TOKENS[token])
        elif blank is not None:
            parts.append(r"\s+")
        else:
            if other.isalpha() and other not in "T":
                raise DatePatternError(f"the date pattern {pattern!r} has the letter {other!r} that means nothing")
            parts.append(re.escape(other))
    for name in set(names):
        if name != "ddd" and names.count(name) > 1:
            raise DatePatternError(f"the date pattern {pattern!r} reads the same part twice")
    if "yyyy" not in names:
        raise DatePatternError(f"the date pattern {pattern!r} has no year")
    if "d" in names and "m" not in names:
        raise DatePatternError(f"the date pattern {pattern!r} has a day but no month")
    periods = [name for name in (*PERIODS, "m") if name in names]
    if len(periods) > 1:
        told = " and a ".join({**PERIODS, "m": "month"}[name] for name in periods)
        raise DatePatternError(f"the date pattern {pattern!r} has a {told}, of which one says all")
    period = PERIODS.get(periods[0]) if periods else None
    if period is not None and {"ddd", "HH", "MM"} & set(names):
        raise DatePatternError(f"the date pattern {pattern!r} has a day's name or a time beside a {period}")
    return DatePattern(pattern, re.compile("".join(parts)), "m" in names, "d" in names, "HH" in names, period)


def pieces(pattern: str) -> Iterator[tuple[str, str]]:
    """The parts of a pattern in order, for writing: ("token", "yyyy") or ("literal", "/")."""
    for match in _PIECE.finditer(pattern):
        quoted, token, blank, other = match.groups()
        if token is not None:
            yield "token", token
        else:
            yield "literal", quoted if quoted is not None else blank or other


DURATION_UNITS = {"day": 86_400, "h": 3_600, "min": 60, "s": 1}
"""Units of a duration (UCUM, but for `day`), and their seconds."""
_DURATION_TOKENS = {"d": "day", "H": "h", "HH": "h", "M": "min", "MM": "min", "S": "s", "SS": "s"}
_DURATION_PIECE = re.compile(r"'([^']*)'|(d|HH|H|MM|M|SS|S)|(\s+)|(.)", re.DOTALL)


@lru_cache(maxsize=128)
def compile_duration(pattern: str) -> re.Pattern[str] | None:
    """The expression of a duration, whose groups are named by DURATION_UNITS; None of `words` and `iso`.

    The greatest part may have any number of digits. Raises DatePatternError.
    """
    if pattern in {"words", "iso"}:
        return None
    parts: list[str] = []
    units: list[str] = []
    for match in _DURATION_PIECE.finditer(pattern):
        quoted, token, blank, other = match.groups()
        if token is not None:
            units.append(_DURATION_TOKENS[token])
            width = f"{{{len(token)},9}}" if len(units) == 1 else "{2}" if len(token) == 2 else "{1,2}"
            parts.append(rf"(?P<{units[-1]}>\d{width})")
        elif other is not None and other.isalpha():
            raise DatePatternError(f"the duration {pattern!r} has the letter {other!r} that means nothing")
        else:
            parts.append(r"\s+" if blank is not None else re.escape(quoted if quoted is not None else other))
    order = list(DURATION_UNITS)
    if not units or [order.index(unit) for unit in units] != list(
        range(order.index(units[0]), order.index(units[0]) + len(units))
    ):
        raise DatePatternError(f"the duration {pattern!r} does not go from a greater unit to the next")
    return re.compile("".join(parts), re.ASCII)
