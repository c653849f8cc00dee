"""What the values of each path of the records are: absent how often, of which kind, unique, readable how. Keeps no value itself.

What a column means is matching.py's. The values are handed to callers of this room alone, never into a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from opg_pipeline.probe.records import below
from opg_pipeline.probe.styles import Reading, date_readings, epoch_reading, number_readings

SAMPLE = 1_000
_SHARE = 0.97
"""Planted typing errors must not hide what a column is; but a reading must fit all that have its shape."""

_CHANGES = frozenset(
    ["ubah", "diubah", "update", "updated", "modified", "perubahan", "pembaruan", "diperbarui", "changed", "updatedat", "last"]
)  # fmt: skip


@dataclass(slots=True)
class Column:
    """One path of the records.

    ``kind``: integer, number, boolean, date, text, list or empty. ``readings``: how its texts can be read, more than one where
    that cannot be told. ``personal``: why it holds personal data, empty where it seems not to. ``place``: district, village or
    code where its values are places of the city.
    """

    path: str
    values: list[Any] = field(repr=False)
    rows: int
    kind: str = "text"
    readings: list[Reading] = field(default_factory=list)
    odd: int = 0
    """Values that do not fit the one reading the others have."""
    personal: str = ""
    place: str = ""

    @property
    def present(self) -> int:
        return len(self.values)

    @property
    def distinct(self) -> int:
        return len(set(map(str, self.values)))

    @property
    def unique(self) -> bool:
        """Whether it is there in every record, and nowhere the same."""
        return self.rows > 1 and self.present == self.rows == self.distinct

    @property
    def ambiguous(self) -> bool:
        return len(self.readings) > 1

    @property
    def numeric(self) -> bool:
        return self.kind in {"integer", "number"}

    @property
    def of_change(self) -> bool:
        """Whether it seems to say when the record was last changed."""
        return self.kind == "date" and bool(_CHANGES & set(words_of(self.name)))

    @property
    def name(self) -> str:
        """The last key of the path."""
        return str(re.findall(r"'[^']*'|[^.]+", self.path)[-1]).strip("'")


def words_of(name: str) -> tuple[str, ...]:
    """The words of a column's name, lower case."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.strip("'").lstrip("@"))
    return tuple(part for part in re.split(r"[^a-z0-9]+", spaced.lower()) if part)


def columns(records: Iterable[Any], *, missing: Sequence[str] = ("", "-")) -> list[Column]:
    """The columns of the first records, in order of appearance."""
    found: dict[str, list[Any]] = {}
    rows = 0
    for record in records:
        if rows >= SAMPLE:
            break
        if not isinstance(record, dict | list):
            continue
        rows += 1
        for path, value in _leaves(record, ""):
            kept = found.setdefault(path, [])
            if value is not None and not (isinstance(value, str) and value.strip() in missing):
                kept.append(value)
    return [_described(Column(path, values, rows)) for path, values in found.items()]


def _leaves(value: Any, path: str) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, below(path, str(key)))
    elif isinstance(value, list) and not path:
        for place, item in enumerate(value):
            yield f"[{place}]", item
    elif path:
        yield path, value


def _described(column: Column) -> Column:
    values = column.values
    if not values:
        column.kind = "empty"
    elif any(isinstance(value, list) for value in values):
        column.kind = "list"
    elif all(isinstance(value, bool) for value in values):
        column.kind = "boolean"
    elif all(isinstance(value, date | datetime) for value in values):
        column.kind = "date"
        timed = any(isinstance(value, datetime) and value.time() != datetime.min.time() for value in values)
        column.readings = [Reading("cells", {"parse": "datetime" if timed else "date"})]
    elif all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        whole = all(isinstance(value, int) or value.is_integer() for value in values)
        column.kind = "integer" if whole else "number"
        epoch, odd = _epoch([int(value) for value in values]) if whole else (None, 0)
        if epoch is not None:
            column.kind, column.readings, column.odd = "date", [epoch], odd
    else:
        _texts(column, [str(value) for value in values])
    return column


def _texts(column: Column, texts: list[str]) -> None:
    if all(text.strip().lower() in {"true", "false"} for text in texts):
        column.kind = "boolean"
        return
    for kind, read in (("date", date_readings), ("number", number_readings)):
        readings = read(texts)
        fitting = texts
        if not readings and len(texts) >= 20:
            fitting = _majority(texts, read)
            readings = read(fitting) if fitting and _few(len(texts) - len(fitting), len(texts)) else []
        if readings:
            whole = kind == "number" and readings[0].name == "whole numbers"
            epoch, late = (
                _epoch([int(text) for text in fitting]) if whole and all(map(str.isdigit, fitting)) else (None, 0)
            )
            if epoch is not None:
                kind, readings = "date", [epoch]
            elif kind == "number" and _is_label(texts):
                return
            column.kind = "integer" if whole and epoch is None else kind
            column.readings, column.odd = readings, len(texts) - len(fitting) + late
            return


def _few(odd: int, count: int) -> bool:
    """Whether so many odd values are typing errors of a column that is otherwise of one kind."""
    return odd <= (1 - _SHARE) * count + 1


def _epoch(numbers: list[int]) -> tuple[Reading | None, int]:
    """How numbers count time, and how many of them do not; None where they count something else."""
    for least in (10**9, 10**12):
        fitting = [number for number in numbers if least <= number < 10 * least]
        if len(fitting) == len(numbers) or (len(numbers) >= 20 and _few(len(numbers) - len(fitting), len(numbers))):
            return epoch_reading(fitting), len(numbers) - len(fitting)
    return None, 0


def _majority(texts: list[str], read: Any) -> list[str]:
    """The texts that can be read at all, one by one."""
    known: dict[str, bool] = {}
    for text in texts[:300]:
        shape = re.sub(r"\d", "9", text)
        if shape not in known:
            known[shape] = bool(read([text]))
    return [text for text in texts if known.get(re.sub(r"\d", "9", text), False) and read([text])]


def _is_label(texts: list[str]) -> bool:
    """Digits that are a label and no number: they begin with 0, or are long."""
    digits = [text.strip() for text in texts if text.strip().isdigit()]
    return len(digits) == len(texts) and any(
        (len(text) > 1 and text.startswith("0")) or len(text) > 12 for text in digits
    )
