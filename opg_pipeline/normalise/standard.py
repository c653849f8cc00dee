"""The standard table of accepted records: what is the same in every record, flags, digests, the order of columns."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from opg_pipeline.lake import standard_schema
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import ENVELOPE, SLICE_ROW
from opg_pipeline.normalise.digests import row_hashes
from opg_pipeline.normalise.reasons import Mask

_TIMESTAMP = pa.timestamp("us", tz="UTC")
_IDENTITY_COLUMNS = frozenset({"record_uid", "city_id", "source_app", "source_dataset"})
_CIRCUMSTANCE = frozenset({"ingested_at", "lineage_batch_id", "raw_sha256", "row_hash", SLICE_ROW})


class StandardTable:
    """Builds the tables of one slice.

    Args:
        ref: the dataset.
        slice_id: the slice the records come in.
        ingested_at: when they were pulled.
        own_agency: the records name their agency themselves.
    """

    def __init__(self, ref: DatasetRef, slice_id: str, ingested_at: datetime, *, own_agency: bool) -> None:
        self.ref, self.slice_id, self.ingested_at, self._own_agency = ref, slice_id, ingested_at, own_agency
        self._schema = standard_schema(ref.category)
        self._same = self._same_in_every_record()

    def _same_in_every_record(self) -> dict[str, Any]:
        """Columns whose one value is known before any record is."""
        ref = self.ref
        same = {
            "city_id": ref.city.id,
            "source_app": ref.app.id,
            "source_dataset": ref.dataset.id,
            "agency_id": ref.app.agency,
            "urusan_code": ref.app.urusan,
            "lineage_batch_id": self.slice_id,
        }
        scalars = {name: pa.scalar(value, pa.string()) for name, value in same.items()}
        scalars["ingested_at"] = pa.scalar(self.ingested_at, _TIMESTAMP)
        if self._own_agency:
            del scalars["agency_id"]
        return scalars

    def build(self, columns: dict[str, Any], marks: dict[str, Mask], rows: int) -> pa.Table:
        """The standard table of the accepted records. Empties ``columns``."""
        columns.update(self._same)
        columns["quality_flags"] = _flag_lists(marks, rows)
        own = {name for name, _, _ in ENVELOPE} | {SLICE_ROW}
        for field in self._schema:
            if field.name not in columns and (field.name not in own or field.nullable):
                columns[field.name] = pa.nulls(rows, field.type)
        content = [
            (name, columns[name])
            for name in self._schema.names
            if name not in _IDENTITY_COLUMNS and name not in _CIRCUMSTANCE
        ]
        columns["row_hash"] = row_hashes(content, rows)
        del content
        arrays = []
        for name in self._schema.names:
            values = columns.pop(name)
            arrays.append(pa.repeat(values, rows) if isinstance(values, pa.Scalar) else values)
        return pa.table(arrays, schema=self._schema)


def _flag_lists(marks: dict[str, Mask], rows: int) -> Any:
    """Per record the JSON list of its flags, sorted; one scalar where no record has any."""
    names = sorted(name for name, mask in marks.items() if mask.any())
    if not names:
        return pa.scalar("[]")
    patterns: dict[tuple[str, ...], int] = {(): 0}
    place = np.zeros(rows, np.int64)
    flagged = np.flatnonzero(np.logical_or.reduce([marks[name] for name in names]))
    rows_of = [marks[name][flagged].tolist() for name in names]
    place[flagged] = [
        patterns.setdefault(tuple(name for name, on in zip(names, row, strict=True) if on), len(patterns))
        for row in zip(*rows_of, strict=True)
    ]
    return pa.array([orjson.dumps(pattern).decode() for pattern in patterns], pa.string()).take(pa.array(place))
