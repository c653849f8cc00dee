"""How texts can be read as numbers and dates: every reading that fits all samples, never a choice between two.

Two readings that give the same values are one. The patterns are those of model/datepattern.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from opg_pipeline.model.datepattern import MONTHS, compile_pattern

_DAYS = (
    "yyyy-mm-dd", "yyyy/mm/dd", "dd/mm/yyyy", "mm/dd/yyyy", "d/m/yyyy", "m/d/yyyy", "dd-mm-yyyy", "mm-dd-yyyy", "d-m-yyyy", "m-d-yyyy",
    "dd.mm.yyyy", "d.m.yyyy", "d mmm yyyy", "dd-mmm-yyyy", "mmm d, yyyy", "ddd, d mmm yyyy", "dd/mm/yy", "mm/dd/yy", "yy/mm/dd", "dd-mm-yy", "mm-dd-yy",
    "yy-mm-dd", "yyyymmdd", "yyyy-dd-mm",
)  # fmt: skip
_TIMES = (" HH:MM:SS", " HH:MM", " HH.MM", " HH.MM.SS", " H:MM", " H:MM:SS", " HH:MM:SS Z", " HH:MM WIB", ", HH:MM", ", HH:MM WIB", " HH.MM WIB", "THH:MM:SS", "THH:MM", " HH:MM AM", " H:MM AM")  # fmt: skip
_MONTHS_ONLY = ("mmm yyyy", "yyyy-mm", "mm/yyyy", "mm-yyyy")
_PREFIX = re.compile(r"^\s*(?:Rp\.?|IDR)\s*|\s*(?:,-|%)\s*$", re.IGNORECASE)
_COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?")
_POINT = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a column. ``keys`` are what a field of a manifest says; ``example`` a value as it would be read."""

    name: str
    keys: dict[str, str]
    example: str = ""


def number_readings(values: Sequence[str]) -> list[Reading]:
    """The ways in which all of ``values`` are numbers; empty where they are not, more than one where nobody can tell."""
    plain = [_PREFIX.sub("", _PREFIX.sub("", value)).strip() for value in values]
    if not plain or not all(any(sign.isdigit() for sign in value) for value in plain):
        return []
    money = any(re.match(r"\s*(?:Rp|IDR)", value, re.IGNORECASE) for value in values)
    share = all(value.rstrip().endswith("%") for value in values)
    parse = {"parse": "rupiah"} if money else {"parse": "percent"} if share else {}
    found: list[tuple[tuple[Decimal, ...], Reading]] = []
    for decimal, thousands, shape in ((",", ".", _COMMA), (".", ",", _POINT)):
        if not all(shape.fullmatch(value) for value in plain):
            continue
        read = tuple(Decimal(value.replace(thousands, "").replace(decimal, ".")) for value in plain)
        telling = next((place for place, value in enumerate(plain) if "." in value or "," in value), None)
        if telling is None:
            return [Reading("whole numbers", parse)]
        example = f"{_masked(plain[telling])} is {_shown(read[telling])}"
        keys = {**parse, "decimal": decimal, "thousands": thousands}
        if all(read != other[0] for other in found):
            found.append((read, Reading(f"{decimal} is the decimal sign, {thousands} groups", keys, example)))
    return [reading for _, reading in found]


def _masked(text: str) -> str:
    """A number that shows how it is written; long ones are not quoted."""
    return text if len(re.sub(r"\D", "", text)) < 9 else "such a number"


def _shown(value: Decimal) -> str:
    return f"{value:f}" if len(f"{value:f}") < 12 else "read whole"


def date_readings(values: Sequence[str]) -> list[Reading]:
    """The patterns by which all of ``values`` are dates or times, one for each different meaning."""
    texts = [" ".join(value.split()) for value in values if value.strip()]
    if not texts or not all(8 <= len(text) <= 40 and re.search(r"\d", text) for text in texts):
        return _months(texts)
    if all(_iso(text) for text in texts):
        dated = all(len(text) == 10 for text in texts)
        keys = {"format": "yyyy-mm-dd"} if dated else {"format": "iso"}
        return [Reading("iso", {"parse": "date" if dated else "datetime", **keys})]
    found: dict[tuple[Any, ...], Reading] = {}
    for pattern in _patterns():
        if _matcher(pattern)(texts[0]) is None:
            continue
        read = tuple(map(_matcher(pattern), texts))
        if None in read or read in found:
            continue
        timed = compile_pattern(pattern).has_time
        example = f"the first is {read[0]:%-d %B %Y}" if read[0] is not None else ""
        found[read] = Reading(pattern, {"parse": "datetime" if timed else "date", "format": pattern}, example)
    return list(found.values())


def _months(texts: Sequence[str]) -> list[Reading]:
    for pattern in _MONTHS_ONLY:
        if texts and all(_matcher(pattern)(text) is not None for text in texts):
            return [Reading(pattern, {"parse": "date", "format": pattern})]
    return []


def _iso(text: str) -> bool:
    if not re.match(
        r"\d{4}-\d{2}-\d{2}(T|$)|\d{4}-\d{2}-\d{2} \d{2}:\d{2}(:\d{2})?(\.\d+)?(Z|[+-]\d{2}:?\d{2})$", text
    ):
        return False
    try:
        return 1900 <= datetime.fromisoformat(text).year <= 2100
    except ValueError:
        return False


@lru_cache(maxsize=1)
def _patterns() -> tuple[str, ...]:
    return (*_DAYS, *(day + time for day in _DAYS[:-1] for time in _TIMES))


@lru_cache(maxsize=1024)
def _matcher(pattern: str) -> Callable[[str], datetime | None]:
    regex = compile_pattern(pattern).regex

    def read(text: str) -> datetime | None:
        match = regex.fullmatch(text)
        return None if match is None else _moment(match.groupdict())

    return read


def _moment(found: dict[str, str | None]) -> datetime | None:
    year = int(found.get("year") or 0)
    if two := found.get("year2"):
        year = int(two) + (2000 if int(two) < 70 else 1900)
    name = found.get("month_name")
    month = MONTHS.get(name.casefold(), 0) if name else int(found.get("month") or 1)
    hour, minute = int(found.get("hour") or 0), int(found.get("minute") or 0)
    try:
        day = date(year, month, int(found.get("day") or 1))
    except ValueError:
        return None
    if not 1900 <= year <= 2100 or hour > 24 or minute > 59:
        return None
    return datetime(day.year, day.month, day.day, hour % 24, minute, min(59, int(found.get("second") or 0)))


def epoch_reading(values: Sequence[int]) -> Reading | None:
    """Seconds or milliseconds since 1970, where all numbers lie between 2001 and 2040."""
    if values and all(1_000_000_000 <= value < 2_210_000_000 for value in values):
        return Reading("epoch seconds", {"parse": "epoch_s"})
    if values and all(1_000_000_000_000 <= value < 2_210_000_000_000 for value in values):
        return Reading("epoch milliseconds", {"parse": "epoch_ms"})
    return None
