"""The columns Great Expectations looks at: standard records in the narrow pandas forms it judges fast. Nothing is judged here.

GX hashes and copies whole frames for every expectation, so texts become categories, decimals doubles (exact to 15
digits), and dates times in UTC: the one temporal type it compares without a loop in Python.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import pandas as pd

HOUR = 3_600_000_000
"""Microseconds."""


class Column(Protocol):
    """One column of the frame that is judged."""

    @property
    def name(self) -> str:
        """Its name in the frame."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of the records it is made from."""

    def series(self, table: pa.Table) -> pd.Series:
        """Its values, one per record."""


def given(table: pa.Table, name: str) -> npt.NDArray[np.bool_]:
    """Per record whether it has a value; a text of nothing but blanks is none."""
    column = table.column(name)
    present = column.is_valid()
    if pa.types.is_string(column.type):
        blank = pc.or_(pc.equal(pc.binary_length(column), 0), pc.utf8_is_space(column))
        present = pc.and_(present, pc.invert(pc.fill_null(blank, True)))
    return _flags(present)


def _flags(values: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    return np.asarray(values.to_numpy(), dtype=np.bool_)


def _one_or_null(present: npt.NDArray[np.bool_], label: str) -> pd.Series:
    """A column that holds ``label`` where ``present``, and nothing elsewhere, at a byte per record."""
    return _categories(np.where(present, 0, -1).astype(np.int8), [label])


def _categories(codes: npt.NDArray[np.signedinteger[Any]], labels: list[str]) -> pd.Series:
    import pandas as pd

    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(labels, dtype="str")))


def _codes(table: pa.Table, name: str) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Per record the index of its text among the distinct texts, -1 for none; and those texts."""
    encoded = pc.dictionary_encode(table.column(name).combine_chunks())
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return np.asarray(codes, dtype=np.int32), encoded.dictionary.to_pylist()


@dataclass(frozen=True, slots=True)
class Given:
    """Whether all of ``fields`` have a value: 'given' or nothing."""

    name: str
    fields: tuple[str, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        return self.fields

    def series(self, table: pa.Table) -> pd.Series:
        present = np.ones(table.num_rows, np.bool_)
        for field in self.fields:
            present &= given(table, field)
        return _one_or_null(present, "given")


@dataclass(frozen=True, slots=True)
class GivenUnless:
    """Whether ``field`` has a value, or one of the ``unless`` fields holds one of its values: 'given' or nothing."""

    field: str
    unless: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def name(self) -> str:
        return f"{self.field} (given)"

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.field, *(name for name, _ in self.unless))

    def series(self, table: pa.Table) -> pd.Series:
        present = given(table, self.field)
        for name, values in self.unless:
            present |= _flags(pc.is_in(table.column(name).cast(pa.string()), pa.array(values, pa.string())))
        return _one_or_null(present, "given")


@dataclass(frozen=True, slots=True)
class Labels:
    """The texts of an enumeration, as categories."""

    name: str

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.name,)

    def series(self, table: pa.Table) -> pd.Series:
        return _categories(*_codes(table, self.name))


@dataclass(frozen=True, slots=True)
class Form:
    """Whether the whole text of ``field`` matches ``regex``: 'fits', 'other', or nothing. Each distinct text is tried once."""

    name: str
    field: str
    regex: str

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.field,)

    def series(self, table: pa.Table) -> pd.Series:
        codes, texts = _codes(table, self.field)
        fits = re.compile(self.regex).fullmatch
        verdicts = np.array([*(0 if fits(text) else 1 for text in texts), -1], np.int8)  # the last is for code -1
        return _categories(verdicts[codes], ["fits", "other"])


@dataclass(frozen=True, slots=True)
class Number:
    """An integer or decimal as a double."""

    name: str

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.name,)

    def series(self, table: pa.Table) -> pd.Series:
        import pandas as pd

        return pd.Series(pc.cast(table.column(self.name), pa.float64(), safe=False).to_numpy())


@dataclass(frozen=True, slots=True)
class Time:
    """A date or time as a time in UTC, moved by ``shift`` hours (see suite.py on comparing dates with times)."""

    field: str
    shift: int = 0

    @property
    def name(self) -> str:
        return f"{self.field} {self.shift:+d}h" if self.shift else self.field

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.field,)

    def series(self, table: pa.Table) -> pd.Series:
        import pandas as pd

        zone = pa.timestamp("us", tz="UTC")
        values = table.column(self.field)
        if pa.types.is_date(values.type):
            values = values.cast(pa.timestamp("us")).cast(zone)
        if self.shift:
            values = pc.add(values, pa.scalar(self.shift * HOUR, pa.duration("us")))
        return pd.Series(values.combine_chunks().to_pandas())
