"""Dates and times by declared patterns. A text that does not fit its pattern, or names no real day, is refused.

Periods are in periods.py, days as spreadsheets count them in serials.py.

Patterns of digits and signs alone are read as columns of bytes; everything else by the pattern's regular expression, once per
distinct text. A two-digit year is 2000 to 2069 or 1970 to 1999.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.model.datepattern import compile_pattern
from opg_pipeline.normalise.parsing import Parsed, Parser, null_mask
from opg_pipeline.normalise.periods import period_of, whole_texts
from opg_pipeline.normalise.reasons import Codes, code, fine
from opg_pipeline.normalise.zones import DAY, FIRST, LAST, Micros, Zone, day_number, micros

_HOUR, _MINUTE, _SECOND = 3_600_000_000, 60_000_000, 1_000_000
NO_OFFSET = 1 << 62
"""Stands for a time that says no offset of its own."""
_ZONES = {"WIB": 7, "WITA": 8, "WIT": 9}
_ISO = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
    r"(?:[T ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?\s?(?P<offset>Z|[+-]\d{2}(?::?\d{2})?)?)?"
)
_ISO_LAYOUTS = tuple(
    f"yyyy-mm-dd{time}"
    for time in ("", "THH:MM:SSZ", "THH:MM:SS", " HH:MM:SS", "THH:MM:SS+HH:MM", "THH:MM:SS.FFFZ", "THH:MM:SS.FFF", "THH:MM:SS.FFF+HH:MM",
                 "THH:MM:SS.FFFFFFZ", "THH:MM:SS.FFFFFF+HH:MM", "THH:MM:SS.FFFFFF", " HH:MM", "THH:MM")
)  # fmt: skip
_PIECES = re.compile(r"yyyy|yy|mm|dd|\+HH:MM|HH|MM|SS|FFFFFF|FFF|[Z]|[T /:.,-]")
_FIXED = re.compile(r"(?:yyyy|yy|mm|dd|HH|MM|SS|[T /:.,-])+")


class MomentParser(Parser):
    """Times (``out`` timestamp, UTC), days (date) or ISO days (string) by one pattern, or `iso`.

    Args:
        pattern: as in model.datepattern; of what has no day it is the first day, and without a time midnight.
        where: zone of texts that carry no offset, and of the day that a time falls on.
        last: of what has no day it is the last one.

    Refuses with bad_date, ambiguous_time. Spreadsheet dates are taken; whole numbers are read by the pattern, fractions never.
    """

    refusal = "bad_date"
    name = "date"

    def __init__(self, out: Any, pattern: str, where: Zone, *, last: bool = False) -> None:
        super().__init__(out)
        self.where, self._last = where, last
        self._regex = _ISO if pattern == "iso" else compile_pattern(pattern).regex
        layouts = _ISO_LAYOUTS if pattern == "iso" else (pattern,) if _FIXED.fullmatch(pattern) else ()
        self._layouts: dict[int, list[list[tuple[str, int]]]] = {}
        for layout in layouts:
            pieces, at = [], 0
            for piece in _PIECES.findall(layout):
                pieces.append((piece, at))
                at += len(piece)
            self._layouts.setdefault(at, []).append(pieces)

    def _distinct(self, values: Any) -> Parsed:
        return super()._distinct(values) if not self._layouts else self.text(values)

    def text(self, values: Any) -> Parsed:
        rows = len(values)
        local, offset = np.zeros(rows, np.int64), np.full(rows, NO_OFFSET, np.int64)
        open_ = ~null_mask(values)
        present = open_.copy()
        if self._layouts:
            widths = np.asarray(pc.binary_length(values).fill_null(-1))
            for width, layouts in self._layouts.items():
                for pieces in layouts:
                    at = np.flatnonzero(open_ & (widths == width))
                    if len(at):
                        found, found_offset, good = _read_fixed(_matrix(values, at, width), pieces, self._last)
                        at = at[good]
                        local[at], offset[at] = found[good], found_offset[good]
                        open_[at] = False
        left = np.flatnonzero(open_)
        refused = np.zeros(rows, bool)
        if len(left):
            encoded = pc.dictionary_encode(values.take(pa.array(left)))
            read = [self._one(value) for value in encoded.dictionary.to_pylist()]
            place = encoded.indices.to_numpy()
            refused[left] = np.array([item is None for item in read])[place]
            local[left] = np.array([0 if item is None else item[0] for item in read], np.int64)[place]
            offset[left] = np.array([0 if item is None else item[1] for item in read], np.int64)[place]
        return self._finish(local, offset, present & ~refused, refused)

    def _one(self, text: str) -> tuple[int, int] | None:
        """(local microseconds, offset) of one text, or None."""
        match = self._regex.fullmatch(text)
        return None if match is None else _from_match(match.groupdict(), self._last)

    def integer(self, values: Any) -> Parsed:
        return self.text(pc.cast(values, pa.string()))

    def number(self, values: Any) -> Parsed:
        return self.text(whole_texts(values))

    def moment(self, values: list[Any]) -> Parsed:
        local, offset = np.zeros(len(values), np.int64), np.full(len(values), NO_OFFSET, np.int64)
        for row, value in enumerate(values):
            if isinstance(value, datetime):
                local[row] = micros(value)
                shift = value.utcoffset()
                if shift is not None:
                    offset[row] = shift // timedelta(microseconds=1)
            else:
                local[row] = day_number(value) * DAY
        return self._finish(local, offset, np.ones(len(values), bool), np.zeros(len(values), bool))

    def _finish(self, local: Micros, offset: Micros, present: Any, refused: Any) -> Parsed:
        """Typed values from local times and their offsets."""
        reasons = fine(len(local))
        reasons[refused] = code("bad_date")
        floating = present & (offset == NO_OFFSET)
        if pa.types.is_timestamp(self.out):
            utc, doubtful = self.where.to_utc(np.where(floating, local, 0))
            reasons[floating & doubtful] = code("ambiguous_time")
            utc = np.where(floating, utc, local - np.where(present & ~floating, offset, 0))
            outside = present & ((utc < FIRST) | (utc > LAST))
            reasons[outside] = code("bad_date")
            return Parsed(pa.array(utc, pa.timestamp("us", tz="UTC"), mask=~present | (reasons > 0)), reasons)
        if (present & ~floating).any():
            fixed = present & ~floating
            local = np.where(fixed, self.where.to_local(np.where(fixed, local - offset, 0)), local)
        reasons[present & ((local < FIRST) | (local > LAST))] = code("bad_date")
        days = pa.array((local // DAY).astype(np.int32), pa.int32(), mask=~present | (reasons > 0)).view(pa.date32())
        return Parsed(days if pa.types.is_date(self.out) else pc.cast(days, pa.string()), reasons)


class AnyMomentParser(Parser):
    """As MomentParser, by several patterns. What fits some of them must mean the same by all it fits.

    Refuses with bad_date, ambiguous_time, and ambiguous_date.
    """

    refusal = "bad_date"
    name = "date"

    def __init__(self, readers: Sequence[MomentParser]) -> None:
        super().__init__(readers[0].out)
        self._readers = readers

    def text(self, values: Any) -> Parsed:
        unfit = code("bad_date")
        result = self._readers[0].text(values)
        fits = result.reasons != unfit
        for reader in self._readers[1:]:
            other = reader.text(values)
            here = other.reasons != unfit
            same = np.asarray(pc.equal(result.values, other.values).fill_null(True)) & (result.reasons == other.reasons)
            new = here & ~fits
            if new.any():
                result.values = pc.if_else(pa.array(new), other.values, result.values)
                result.reasons[new] = other.reasons[new]
            result.reasons[fits & here & ~same] = code("ambiguous_date")
            fits |= here
        refused = result.reasons > 0
        if refused.any():
            result.values = pc.if_else(pa.array(refused), pa.scalar(None, self.out), result.values)
        return result

    def integer(self, values: Any) -> Parsed:
        return self.text(pc.cast(values, pa.string()))

    def number(self, values: Any) -> Parsed:
        return self.text(whole_texts(values))

    def moment(self, values: list[Any]) -> Parsed:
        return self._readers[0].moment(values)


def moment_parser(out: Any, patterns: Sequence[str], where: Zone, *, last: bool = False) -> Parser:
    """The parser of one pattern or of several."""
    readers = [MomentParser(out, pattern, where, last=last) for pattern in patterns]
    return readers[0] if len(readers) == 1 else AnyMomentParser(readers)


def _matrix(values: Any, at: Any, width: int) -> Any:
    """Texts of equal width as rows of bytes."""
    chosen = values if len(at) == len(values) else values.take(pa.array(at))
    _, offsets, data = chosen.buffers()
    start = int(np.frombuffer(offsets, np.int32)[chosen.offset])
    return np.frombuffer(data, np.uint8, len(at) * width, start).reshape(len(at), width)


def _read_fixed(matrix: Any, pieces: list[tuple[str, int]], last: bool) -> tuple[Micros, Micros, Any]:
    """(local, offset, fits) of rows of bytes under a layout. ``fits`` is False for what the regular expression shall judge."""
    rows = len(matrix)
    good = np.ones(rows, bool)
    parts: dict[str, Any] = {}
    offset = np.full(rows, NO_OFFSET, np.int64)
    sign = np.ascontiguousarray(matrix.T)  # a row of bytes for each place
    digit = sign - np.uint8(ord("0"))  # what is less than 0 is large here

    def digits(start: int, width: int) -> Any:
        number = digit[start].astype(np.int32)
        for place in range(start + 1, start + width):
            number *= 10
            number += digit[place]
        for place in range(start, start + width):
            np.logical_and(good, digit[place] < 10, out=good)
        return number

    for piece, at in pieces:
        if piece == "+HH:MM":
            plus, minus = sign[at] == ord("+"), sign[at] == ord("-")
            good &= (plus | minus) & (sign[at + 3] == ord(":"))
            hours, minutes = digits(at + 1, 2), digits(at + 4, 2)
            good &= (hours <= 18) & (minutes < 60)
            offset = np.where(plus, 1, -1) * (hours.astype(np.int64) * 60 + minutes) * _MINUTE
        elif piece == "Z":
            good &= sign[at] == ord("Z")
            offset = np.zeros(rows, np.int64)
        elif len(piece) == 1:
            good &= sign[at] == ord(piece)
        else:
            parts[piece] = digits(at, len(piece))
    year = parts["yyyy"] if "yyyy" in parts else parts["yy"] + np.where(parts["yy"] < 70, 2000, 1900)
    month, day = parts.get("mm", 12 if last else 1), parts.get("dd", 1)
    hour, minute, second = (parts.get(name, 0) for name in ("HH", "MM", "SS"))
    good &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    good &= (hour < 24) & (minute < 60) & (second < 60)
    months = np.where(good, year * 12 + month - 13, 0)
    first = _month_starts()[months]
    if last and "dd" not in parts:
        day = _month_starts()[months + 1] - first
    good &= day <= _month_starts()[months + 1] - first
    local = (first + (day - 1)) * DAY + ((hour * 60 + minute) * 60 + second) * np.int64(_SECOND)
    if "FFF" in parts or "FFFFFF" in parts:
        local += parts["FFF"] * 1000 if "FFF" in parts else parts["FFFFFF"]
    return local, offset, good


@lru_cache(maxsize=1)
def _month_starts() -> Any:
    """Days since 1970 of the first of each month, from January of the year 1 to January of the year 10000."""
    return np.arange("0001-01", "10000-02", dtype="datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _from_match(found: dict[str, str | None], last: bool) -> tuple[int, int] | None:
    period = period_of(found)
    if period is None:
        return None
    hour, minute, second = (int(found.get(name) or 0) for name in ("hour", "minute", "second"))
    if meridiem := found.get("meridiem"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if meridiem.casefold() == "pm" else 0)
    fraction = int((found.get("fraction") or "0").ljust(6, "0")[:6])
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and (minute or second or fraction)):
        return None
    local = (
        day_number(period.last if last else period.first) * DAY
        + hour * _HOUR
        + minute * _MINUTE
        + second * _SECOND
        + fraction
    )
    offset = NO_OFFSET
    if text := found.get("offset"):
        number = text[1:].replace(":", "").ljust(4, "0")
        if text != "Z" and (int(number[:2]) > 18 or int(number[2:]) > 59):
            return None
        offset = (
            0 if text == "Z" else (1 if text[0] == "+" else -1) * (int(number[:2]) * _HOUR + int(number[2:]) * _MINUTE)
        )
    elif name := found.get("zone"):
        offset = _ZONES[name] * _HOUR
    return local, offset


class EpochParser(Parser):
    """Seconds or milliseconds since 1970 (UTC), as numbers or as texts of digits. Refuses with bad_date."""

    refusal = "bad_date"

    def __init__(self, out: Any, unit: int, where: Zone) -> None:
        super().__init__(out)
        self.unit, self.where, self.name = unit, where, "epoch_s" if unit == _SECOND else "epoch_ms"

    def text(self, values: Any) -> Parsed:
        shaped = pc.match_substring_regex(values, r"^-?\d{1,14}(?:\.\d{1,6})?$").fill_null(False)
        parsed = self.number(pc.cast(pc.if_else(shaped, values, pa.scalar(None, pa.string())), pa.float64()))
        parsed.reasons[~np.asarray(shaped) & ~null_mask(values)] = code("bad_date")
        return parsed

    def integer(self, values: Any) -> Parsed:
        return self.number(pc.cast(values, pa.float64(), safe=False))

    def number(self, values: Any) -> Parsed:
        present = ~null_mask(values)
        utc = np.asarray(values.fill_null(0.0)) * float(self.unit)
        bad = ~np.isfinite(utc) | (utc < FIRST) | (utc > LAST)
        reasons: Codes = fine(len(values))
        reasons[bad & present] = code("bad_date")
        whole = np.rint(np.where(bad, 0.0, utc)).astype(np.int64)
        absent = ~present | bad
        if pa.types.is_timestamp(self.out):
            return Parsed(pa.array(whole, pa.timestamp("us", tz="UTC"), mask=absent), reasons)
        days = (self.where.to_local(whole) // DAY).astype(np.int32)
        return Parsed(pa.array(days, pa.int32(), mask=absent).view(pa.date32()), reasons)
