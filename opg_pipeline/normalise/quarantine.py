"""What waits: rows of QUARANTINE_SCHEMA from refused records and values. Payloads are plain here; the lake seals them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from opg_pipeline.lake import QUARANTINE_SCHEMA
from opg_pipeline.normalise.reasons import REASONS, Codes, Mask, value_class


def payload(record: Any) -> bytes:
    """A source record as JSON."""
    try:
        return orjson.dumps(record, default=str, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # whole numbers beyond 64 bit
        return json.dumps(record, default=str, ensure_ascii=False).encode()


class Waiting:
    """Collects the refusals of one batch.

    Args:
        records: source records of the batch.
        uids: record_uid per record, null where it has none.
        raw_sha256, slice_rows: per record, as in the standard.
    """

    def __init__(self, records: list[Any], uids: Any, raw_sha256: Any, slice_rows: Any) -> None:
        self._records, self._uids, self._raw, self._slice_rows = records, uids, raw_sha256, slice_rows
        self._places: list[np.ndarray[Any, Any]] = []
        self._columns: dict[str, list[str]] = {name: [] for name in ("scope", "reason", "rule", "field", "value_class")}

    def add(self, scope: str, reasons: Codes, where: Mask, *, rule: str, field: str, values: list[Any] | None) -> None:
        """One row for each record of ``where``. ``values``: source values, told by their class alone."""
        rows = np.flatnonzero(where)
        if not len(rows):
            return
        self._places.append(rows)
        columns = self._columns
        for row in rows.tolist():
            reason = REASONS[reasons[row]]
            columns["reason"].append(reason)
            columns["rule"].append("required" if reason == "required_missing" else rule)
            columns["value_class"].append("empty" if values is None else value_class(values[row]))
        columns["scope"] += [scope] * len(rows)
        columns["field"] += [field] * len(rows)

    def table(self) -> pa.Table:
        """Everything collected, in order of the records."""
        if not self._places:
            return QUARANTINE_SCHEMA.empty_table()
        places = np.concatenate(self._places)
        order = np.argsort(places, kind="stable")
        at = pa.array(places)
        packed: dict[int, bytes] = {row: payload(self._records[row]) for row in set(places.tolist())}
        columns = {
            "record_uid": self._uids.take(at),
            "raw_sha256": self._raw.take(at),
            "slice_row": pa.array(self._slice_rows[places]),
            "payload": pa.array([packed[row] for row in places.tolist()], pa.binary()),
            **{name: pa.array(values, pa.string()) for name, values in self._columns.items()},
        }
        table = pa.table([columns[name] for name in QUARANTINE_SCHEMA.names], schema=QUARANTINE_SCHEMA)
        return table.take(pa.array(order))
