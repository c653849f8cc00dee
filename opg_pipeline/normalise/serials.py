"""Days as spreadsheets count them. Dates written as text are in moments.py, seconds since 1970 there too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.normalise.moments import NO_OFFSET, MomentParser, moment_parser
from opg_pipeline.normalise.parsing import Parsed, Parser, null_mask, true_mask
from opg_pipeline.normalise.zones import Zone

_EPOCH, _LEAP = 25_569, 60
"""The serial of 1970-01-01, and that of 29 February 1900, a day which only Excel has."""
_LAST = 2_958_465
_MILLISECONDS = 86_400_000


class ExcelSerialParser(MomentParser):
    """Dates and times from serial numbers of the 1900 system (1 is 1900-01-01, the fraction the time of day), or from real dates.

    Args:
        patterns: of texts that are no numbers; without one they are refused.
        decimal: decimal sign of numbers that are texts.

    Refuses with bad_date, also what is below 1, and 60, which is no day. Times are kept to the millisecond.
    """

    name = "excel_serial"

    def __init__(self, out: Any, patterns: Sequence[str], decimal: str, where: Zone, *, last: bool = False) -> None:
        super().__init__(out, "iso", where)
        self._written = moment_parser(out, patterns, where, last=last) if patterns else None
        self._decimal = decimal
        self._shape = rf"^\d{{1,7}}(?:{re.escape(decimal)}\d{{1,15}})?$"

    def _distinct(self, values: Any) -> Parsed:
        return Parser._distinct(self, values)

    def text(self, values: Any) -> Parsed:
        nothing = pa.scalar(None, pa.string())
        shaped = pc.match_substring_regex(values, self._shape).fill_null(False)
        digits = pc.replace_substring(pc.if_else(shaped, values, nothing), self._decimal, ".")
        serial = self.number(pc.cast(digits, pa.float64()))
        rest = pc.if_else(shaped, nothing, values)
        other = self._written.text(rest) if self._written is not None else self.refused(rest)
        return Parsed(
            pc.if_else(shaped, serial.values, other.values), np.where(true_mask(shaped), serial.reasons, other.reasons)
        )

    def integer(self, values: Any) -> Parsed:
        return self.number(pc.cast(values, pa.float64(), safe=False))

    def number(self, values: Any) -> Parsed:
        present = ~null_mask(values)
        serials = np.asarray(values.fill_null(1.0))
        with np.errstate(invalid="ignore"):
            days = np.floor(serials)
            good = (days >= 1) & (days <= _LAST) & (days != _LEAP)
        serials = np.where(good, serials, 1.0)
        since = serials - np.where(serials > _LEAP, _EPOCH, _EPOCH - 1)
        local = np.rint(since * _MILLISECONDS).astype(np.int64) * 1000
        return self._finish(local, np.full(len(local), NO_OFFSET, np.int64), present & good, present & ~good)
