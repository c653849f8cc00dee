"""Durations in their declared form, as a number of the field's unit. Differences between two times are measures, not values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Any

import pyarrow as pa

from opg_pipeline.model.datepattern import DURATION_UNITS, compile_duration
from opg_pipeline.normalise.numbers import NumberParser
from opg_pipeline.normalise.parsing import Parsed, Parser, Refused
from opg_pipeline.normalise.reasons import fine

_WORDS = {
    **dict.fromkeys(("hari", "hr", "day", "days"), "day"), **dict.fromkeys(("jam", "hour", "hours"), "h"),
    **dict.fromkeys(("menit", "mnt", "minute", "minutes", "min"), "min"),
    **dict.fromkeys(("detik", "dtk", "second", "seconds", "sec"), "s"),
}  # fmt: skip
_ISO = re.compile(r"P(?=.)(?:(?P<day>\d+)D)?(?:T(?=.)(?:(?P<h>\d+)H)?(?:(?P<min>\d+)M)?(?:(?P<s>\d+)S)?)?", re.ASCII)
_DIGITS = 60


class DurationParser(Parser):
    """Durations as numbers of one unit, of the type ``out`` (decimal128 or int64).

    Args:
        patterns: as in model.datepattern; of several a text must mean the same by all it fits.
        unit: one of DURATION_UNITS.
        decimal: the decimal sign of the last number of `words` (1,5 jam).
        round_: round to the decimals of ``out`` instead of refusing with too_precise.

    Refuses with bad_duration, ambiguous_date, too_precise, out_of_range. A number that says no unit is refused.
    """

    refusal = "bad_duration"
    name = "duration"

    def __init__(self, out: Any, patterns: Sequence[str], unit: str, decimal: str, *, round_: bool = False) -> None:
        super().__init__(out)
        self._patterns = [(pattern, compile_duration(pattern)) for pattern in patterns]
        self._unit = DURATION_UNITS[unit]
        self._number = NumberParser(out, ".", "", round_=round_)
        self._words = re.compile(rf"(\d+(?:{re.escape(decimal)}\d+)?)\s*([A-Za-z]+)\.?\s*", re.ASCII)
        self._decimal = decimal

    def text(self, values: Any) -> Parsed:
        reasons = fine(len(values))
        written = Parser(pa.string()).each(values, self._written)
        parsed = self._number.text(written.values)
        reasons[:] = written.reasons
        reasons[reasons == 0] = parsed.reasons[reasons == 0]
        return Parsed(parsed.values, reasons)

    def _written(self, text: str) -> str:
        """The number of units, in digits. Raises Refused."""
        meant = {
            seconds for pattern, shape in self._patterns if (seconds := self._seconds(text, pattern, shape)) is not None
        }
        if len(meant) != 1:
            raise Refused("ambiguous_date" if meant else self.refusal)
        with localcontext(prec=_DIGITS):
            return f"{meant.pop() / self._unit:f}"

    def _seconds(self, text: str, pattern: str, shape: re.Pattern[str] | None) -> Decimal | None:
        if pattern == "words":
            return self._in_words(text)
        match = (shape or _ISO).fullmatch(text)
        if match is None:
            return None
        return _sum([(unit, Decimal(number)) for unit, number in match.groupdict().items() if number is not None])

    def _in_words(self, text: str) -> Decimal | None:
        parts: list[tuple[str, Decimal]] = []
        at = 0
        while at < len(text):
            match = self._words.match(text, at)
            unit = _WORDS.get(match[2].casefold()) if match is not None else None
            if match is None or unit is None:
                return None
            parts.append((unit, Decimal(match[1].replace(self._decimal, "."))))
            at = match.end()
        return _sum(parts)


def _sum(parts: list[tuple[str, Decimal]]) -> Decimal | None:
    """Seconds of the parts, or None where they do not go down, or one after the first is no less than the unit before it."""
    order = list(DURATION_UNITS)
    for (before, whole), (unit, number) in pairwise(parts):
        if order.index(unit) <= order.index(before) or whole != int(whole):
            return None
        if number * DURATION_UNITS[unit] >= DURATION_UNITS[order[order.index(unit) - 1]]:
            return None
    return sum((number * DURATION_UNITS[unit] for unit, number in parts), Decimal(0)) if parts else None
