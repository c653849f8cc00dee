"""What every parser is: takes the values of one kind, gives typed values and reasons. No rule of a particular type is here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.normalise.columns import Part, Source, text_bytes
from opg_pipeline.normalise.reasons import Codes, code, fine

_LOOK = 1_000


@dataclass(slots=True)
class Parsed:
    """A column of typed values. A row whose value is null and whose reason is 0 had no value."""

    values: Any
    reasons: Codes


class Parser:
    """Base of the parsers: a kind of value that a parser has no method for is refused with ``refusal``.

    ``out``: Arrow type of the result. Texts are parsed once per distinct value where values repeat.
    """

    refusal = "bad_type"
    name = "text"

    def __init__(self, out: Any) -> None:
        self.out = out

    def text(self, values: Any) -> Parsed:
        """Distinct or not, trimmed texts; nulls stay null."""
        return self.refused(values)

    def integer(self, values: Any) -> Parsed:
        return self.refused(values)

    def number(self, values: Any) -> Parsed:
        return self.refused(values)

    def boolean(self, values: Any) -> Parsed:
        return self.refused(values)

    def moment(self, values: list[Any]) -> Parsed:
        return self.refused(values)

    def structure(self, values: list[Any]) -> Parsed:
        return self.refused(values)

    def refused(self, values: Any) -> Parsed:
        """Every value that is there refused."""
        reasons = np.full(len(values), code(self.refusal), np.uint8)
        if not isinstance(values, list):
            reasons[null_mask(values)] = 0
        return Parsed(pa.nulls(len(values), self.out), reasons)

    def each(self, values: Any, read: Callable[[str], Any]) -> Parsed:
        """Texts read one by one. ``read`` gives the value or raises Refused."""
        result: list[Any] = []
        reasons = fine(len(values))
        for row, value in enumerate(values.to_pylist()):
            try:
                result.append(None if value is None else read(value))
            except Refused as refused:
                result.append(None)
                reasons[row] = code(refused.reason)
        return Parsed(pa.array(result, self.out), reasons)

    def parse(self, column: Source) -> Parsed:
        """The whole column."""
        if len(column.parts) == 1 and column.parts[0].rows is None:
            return self._part(column.parts[0])
        values = [pa.nulls(1, self.out)]
        reasons = fine(column.rows)
        places = np.zeros(column.rows, np.int64)
        start = 1
        for part in column.parts:
            parsed = self._part(part)
            reasons[part.rows] = parsed.reasons
            places[part.rows] = np.arange(start, start + len(parsed.values))
            start += len(parsed.values)
            values.append(flat(parsed.values))
        return Parsed(pa.concat_arrays(values).take(pa.array(places)), reasons)

    def _part(self, part: Part) -> Parsed:
        if part.kind == "text":
            return self._distinct(part.values)
        method: Callable[[Any], Parsed] = getattr(self, part.kind)
        return method(part.values)

    def _distinct(self, values: Any) -> Parsed:
        """Parses the distinct texts and spreads the result, where a first look says that is less work."""
        look = values[:_LOOK]
        if len(look) == _LOOK and pc.count_distinct(look).as_py() * 2 > _LOOK:
            return self.text(flat(values))
        return self._spread(values)

    def _spread(self, values: Any) -> Parsed:
        """Parses the distinct texts and spreads the result."""
        encoded = flat(pc.dictionary_encode(values))
        parsed = self.text(encoded.dictionary)
        reasons = fine(len(values))
        if parsed.reasons.any():
            places = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy()
            reasons = np.append(parsed.reasons, np.uint8(0))[places]
        return Parsed(flat(parsed.values).take(encoded.indices), reasons)


class Refused(Exception):
    """A value that cannot be read; ``reason`` is one of REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def flat(values: Any) -> Any:
    """One Arrow array of a possibly chunked one."""
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def null_mask(values: Any) -> Any:
    """Where an Arrow array is null, as NumPy booleans."""
    return np.asarray(values.is_null()) if values.null_count else np.zeros(len(values), bool)


def true_mask(values: Any) -> Any:
    """Where a boolean Arrow array is true; null counts as false."""
    return np.asarray(values.fill_null(False) if values.null_count else values)


def without_nul(values: Any) -> tuple[Any, Codes]:
    """Texts that hold U+0000 as null, and their refusals."""
    reasons = fine(len(values))
    _, data = text_bytes(values)
    if len(data) and not data.all():
        refused = true_mask(pc.match_substring(values, "\0"))
        reasons[refused] = code("bad_type")
        values = pc.if_else(pa.array(refused), pa.scalar(None, pa.string()), values)
    return values, reasons
