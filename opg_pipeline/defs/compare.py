"""Tells whether two sets of records are the same, and in which records and columns they are not. Holds no value of a record."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from opg_pipeline.model.handover import SLICE_ROW
from opg_pipeline.normalise.digests import row_hashes
from opg_pipeline.normalise.parsing import flat

EXAMPLES = 5
"""Records named for each difference."""
_FOLLOWS = frozenset({"row_hash", SLICE_ROW})
"""Columns that differ where another does, or where another row was left out."""


@dataclass(frozen=True, slots=True)
class Difference:
    """``records`` of ``where`` (standard, quarantine, or a table of core) that differ in ``column``, some by their record_uid.

    ``column`` is `(only before)` or `(only after)` for records that the other side does not have.
    """

    where: str
    column: str
    records: int
    examples: tuple[str, ...]


def digest(tables: Iterable[pa.Table]) -> str:
    """SHA-256 of every value of every row, in order; a column that is null everywhere counts as absent. Hex, 64 digits."""
    state = hashlib.sha256()
    for table in tables:
        if table.num_rows:
            state.update("".join(_hashes(table, table.column_names)).encode())
    return state.hexdigest()


def _hashes(table: pa.Table, names: Iterable[str]) -> list[str]:
    columns = [(name, flat(table.column(name))) for name in names]
    found: list[str] = row_hashes(columns, table.num_rows).to_pylist()
    return found


def compare(where: str, before: pa.Table, after: pa.Table) -> list[Difference]:
    """What differs between two tables, by record_uid and, among equal ones, by order."""
    places = [_places(table) for table in (before, after)]
    differences = [
        _difference(where, f"(only {side})", [key[0] for key in own if key not in other])
        for side, own, other in (("before", places[0], places[1]), ("after", places[1], places[0]))
    ]
    common = [key for key in places[0] if key in places[1]]
    rows = [np.array([own[key] for key in common], np.int64) for own in places]
    for name in dict.fromkeys([*before.column_names, *after.column_names]):
        if name in _FOLLOWS:
            continue
        sides = [_column(table, name, taken) for table, taken in ((before, rows[0]), (after, rows[1]))]
        differing = [uid for (uid, _), one, other in zip(common, *sides, strict=True) if one != other]
        differences.append(_difference(where, name, differing))
    return [item for item in differences if item.records]


def _places(table: pa.Table) -> dict[tuple[str, int], int]:
    seen: Counter[str] = Counter()
    found: dict[tuple[str, int], int] = {}
    for row, uid in enumerate(table.column("record_uid").to_pylist()):
        name = uid or ""
        found[(name, seen[name])] = row
        seen[name] += 1
    return found


def _column(table: pa.Table, name: str, rows: Any) -> list[str]:
    if name not in table.column_names:
        table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
    taken = table.select([name]).take(pa.array(rows))
    return _hashes(taken, [name])


def _difference(where: str, column: str, uids: list[str]) -> Difference:
    return Difference(where, column, len(uids), tuple(uid or "(no key)" for uid in uids[:EXAMPLES]))
