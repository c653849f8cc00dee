"""One slice on its way into the lake, and how manifests and outcomes are written down. Where the files lie is lake.py's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from opg_pipeline.lake.schemas import QUARANTINE_SCHEMA
from opg_pipeline.model.handover import Drift, Outcome, OutcomeRecord, RawRef, SliceManifest

if TYPE_CHECKING:
    from opg_pipeline.lake.lake import Lake


@dataclass(frozen=True, slots=True)
class DatasetKey:
    """Names one dataset of one app of one city."""

    city: str
    app: str
    dataset: str

    @property
    def folder(self) -> str:
        return f"{self.city}/{self.app}/{self.dataset}"


class SliceWriter:
    """Collects the files of one slice; :meth:`commit` makes them a slice, :meth:`abandon` removes them."""

    def __init__(self, lake: Lake, key: DatasetKey, schema: pa.Schema, slice_id: str) -> None:
        self.lake, self.key, self.schema, self.slice_id = lake, key, schema, slice_id
        self._sink: pa.BufferOutputStream | None = None
        self._writer: pq.ParquetWriter | None = None
        self._quarantine: list[pa.Table] = []
        self.rows = 0

    def add(self, table: pa.Table) -> None:
        """Append standard records; the table has the category's schema."""
        if not table.num_rows:
            return
        if self._writer is None:
            self._sink = pa.BufferOutputStream()
            # A dictionary of digests, which never repeat, doubles the time to read.
            repeating = [
                name for name in self.schema.names if name not in {"record_uid", "row_hash", "source_record_id"}
            ]
            self._writer = pq.ParquetWriter(
                self._sink, self.schema, compression="zstd", compression_level=1, use_dictionary=repeating
            )
        self._writer.write_table(table)
        self.rows += table.num_rows

    def add_quarantine(self, table: pa.Table) -> None:
        """Append what waits, in QUARANTINE_SCHEMA."""
        if table.num_rows:
            self._quarantine.append(table)

    def quarantine_so_far(self) -> pa.Table:
        return pa.concat_tables([QUARANTINE_SCHEMA.empty_table(), *self._quarantine])

    def flush(self) -> tuple[list[str], list[str]]:
        """Write the files (not yet a slice); returns the standard and the quarantine file names."""
        standard: list[str] = []
        if self._writer is not None and self._sink is not None:
            self._writer.close()
            name = f"standard/{self.key.folder}/{self.slice_id}.parquet"
            self.lake.write(name, self._sink.getvalue(), durable=True)
            standard = [name]
        waiting = self.quarantine_so_far()
        quarantine = [self.lake.write_quarantine(self.key, self.slice_id, waiting)] if waiting.num_rows else []
        return standard, quarantine

    def commit(self, manifest: SliceManifest) -> None:
        """Make the slice visible. ``manifest`` names the files that :meth:`flush` returned."""
        self.lake.put_manifest(self.key, manifest)

    def abandon(self) -> None:
        """Forget what was collected and not committed."""
        self._writer = self._sink = None
        self._quarantine = []


def parquet(table: pa.Table) -> bytes:
    """A small table as a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", compression_level=1)
    return bytes(sink.getvalue())


def dumped(item: SliceManifest | OutcomeRecord) -> bytes:
    """A manifest or outcome as JSON."""
    return orjson.dumps(asdict(item))


def read_manifest(data: dict[str, Any]) -> SliceManifest:
    """A manifest from its JSON; what it did not have yet when it was written is as declared by default."""
    data["raw"] = [RawRef(**{**item, "fetched_at": datetime.fromisoformat(item["fetched_at"])}) for item in data["raw"]]
    data["committed_at"] = datetime.fromisoformat(data["committed_at"])
    data["outcome"] = Outcome(data["outcome"])
    data["waiting"] = [tuple(item) for item in data["waiting"]]
    return SliceManifest(**_known(SliceManifest, data))


def read_outcome(data: dict[str, Any]) -> OutcomeRecord:
    """An outcome from its JSON."""
    for name in ("started_at", "finished_at"):
        data[name] = datetime.fromisoformat(data[name])
    data["outcome"] = Outcome(data["outcome"])
    data["drift"] = [
        Drift(**{**item, "since": datetime.fromisoformat(item["since"])}) for item in data.get("drift", [])
    ]
    return OutcomeRecord(**_known(OutcomeRecord, data))


def _known(kind: type, data: Mapping[str, Any]) -> dict[str, Any]:
    optional = {
        item.name for item in fields(kind) if item.default is not MISSING or item.default_factory is not MISSING
    }
    return {item.name: data[item.name] for item in fields(kind) if item.name in data or item.name not in optional}
