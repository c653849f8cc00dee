"""Where files live (an fsspec URL): raw answers, standard slices, quarantine, outcomes. Atomic writes, encryption at rest.

A slice is one pull of one dataset. Its files are written first and its manifest last: the manifest is the commit, and the
position of the next pull stands in it, so a cursor cannot move before the data it covers is stored. Nothing here knows
how an answer is fetched, read or loaded.

    raw/<city>/<app>/<dataset>/<sha256>.zst            exact bodies
    standard/<city>/<app>/<dataset>/<slice>.parquet    records of the category's shape
    quarantine/<city>/<app>/<dataset>/<slice>*.parquet what waits, with reason and payload
    slices/<city>/<app>/<dataset>/<slice>.json         manifests (the commit)
    outcomes/<city>/<run>/<app>.<dataset>.json         how each pull of a run ended
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

import fsspec
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from opg_pipeline.model.category import Category, CategoryField
from opg_pipeline.model.handover import (
    ENVELOPE,
    ENVELOPE_NULLABLE,
    SLICE_ROW,
    Outcome,
    OutcomeRecord,
    RawRef,
    SliceManifest,
)

_MAGIC = b"OPG1"


class LakeError(Exception):
    """A file of the lake cannot be used; the message says which and why."""


def arrow_type(declared: str) -> pa.DataType:
    """Arrow type of a declared field type. list, map and geojson are JSON text."""
    if declared.startswith("decimal"):
        precision, scale = declared[8:-1].split(",")
        return pa.decimal128(int(precision), int(scale))
    return {
        "integer": pa.int64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", tz="UTC"),
    }.get(declared, pa.string())


def standard_schema(category: Category) -> pa.Schema:
    """Arrow schema of a category's standard files: the envelope, the stored fields, and the row's place in its slice."""
    envelope = [pa.field(name, arrow_type(kind), nullable=name in ENVELOPE_NULLABLE) for name, kind, _ in ENVELOPE]
    own = [pa.field(item.name, arrow_type(item.type), nullable=not _strict(item)) for item in category.stored_fields]
    return pa.schema([*envelope, *own, pa.field(SLICE_ROW, pa.int64(), nullable=False)])


def _strict(item: CategoryField) -> bool:
    return item.required and not item.required_unless


QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field("record_uid", pa.string()),
        pa.field("scope", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("value_class", pa.string(), nullable=False),
        pa.field("raw_sha256", pa.string()),
        pa.field(SLICE_ROW, pa.int64(), nullable=False),
        pa.field("payload", pa.binary(), nullable=False),
    ]
)
"""What waits. scope: record (not loaded) or value (record loaded without it). reason: a closed code such as
required_missing, bad_number. value_class: what the value looked like (text, number, digits16 ...), never the value.
payload: the source record as JSON, encrypted when the lake has a key."""


@dataclass(frozen=True, slots=True)
class DatasetKey:
    """Names one dataset of one app of one city."""

    city: str
    app: str
    dataset: str

    @property
    def folder(self) -> str:
        return f"{self.city}/{self.app}/{self.dataset}"


class Lake:
    """The files of one deployment.

    Args:
        url: fsspec URL or local folder.
        key: 32 bytes; when given, raw and quarantine payloads are encrypted (AES-256-GCM).
    """

    def __init__(self, url: str, key: bytes | None = None) -> None:
        self.fs, root = fsspec.core.url_to_fs(url)
        self.root = str(root).rstrip("/")
        self._local = "file" in (self.fs.protocol if isinstance(self.fs.protocol, tuple) else (self.fs.protocol,))
        self._aead = AESGCM(key) if key else None
        self._made: set[str] = set()

    # -- bytes ---------------------------------------------------------------------------------------------------------

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def write(self, name: str, data: bytes, *, durable: bool = False) -> None:
        """Write one file so that it appears whole or not at all. ``durable`` waits for the disk."""
        target = self.path(name)
        folder = target.rsplit("/", 1)[0]
        if folder not in self._made:
            self.fs.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        if not self._local:
            self.fs.pipe_file(target, data)
            return
        partial = f"{target}.{secrets.token_hex(4)}.partial"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(partial, target)
        except BaseException:
            if os.path.exists(partial):
                os.unlink(partial)
            raise

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises LakeError if it is not there."""
        try:
            return bytes(self.fs.cat_file(self.path(name)))
        except FileNotFoundError:
            raise LakeError(f"The lake has no file {name}.") from None

    def _names(self, folder: str, suffix: str) -> list[str]:
        """Names of the files of a folder, sorted, without the suffix."""
        try:
            entries = self.fs.ls(self.path(folder), detail=False, refresh=True)
        except FileNotFoundError:
            return []
        found = [str(entry).rsplit("/", 1)[1] for entry in entries]
        return sorted(name.removesuffix(suffix) for name in found if name.endswith(suffix))

    def seal(self, data: bytes) -> bytes:
        """``data`` encrypted when the lake has a key, else as it is."""
        if self._aead is None:
            return data
        nonce = secrets.token_bytes(12)
        return _MAGIC + nonce + self._aead.encrypt(nonce, data, None)

    def unseal(self, data: bytes) -> bytes:
        """The opposite of :meth:`seal`. Raises LakeError when the key is absent or another one."""
        if not data.startswith(_MAGIC):
            return data
        if self._aead is None:
            raise LakeError("This file is encrypted. Set OPG_ARCHIVE_KEY to the key it was written with.")
        try:
            return self._aead.decrypt(data[4:16], data[16:], None)
        except InvalidTag:
            raise LakeError("This file was encrypted with another key than OPG_ARCHIVE_KEY.") from None

    # -- raw -----------------------------------------------------------------------------------------------------------

    def store_raw(
        self, key: DatasetKey, body: bytes, *, url: str, method: str, status: int, content_type: str
    ) -> RawRef:
        """Archive one answer by the digest of its exact bytes; the same bytes are kept once."""
        digest = hashlib.sha256(body).hexdigest()
        name = self._raw_name(key, digest)
        if not self.fs.exists(self.path(name)):
            self.write(name, self.seal(zstandard.compress(body, 1)))
        return RawRef(digest, len(body), url, method, status, datetime.now(UTC), content_type)

    def raw(self, key: DatasetKey, digest: str) -> bytes:
        """The exact body of an archived answer. Raises LakeError."""
        body = zstandard.decompress(self.unseal(self.read(self._raw_name(key, digest))))
        if hashlib.sha256(body).hexdigest() != digest:
            raise LakeError(f"Raw file {digest} of {key.folder} is damaged: its digest differs.")
        return body

    def _raw_name(self, key: DatasetKey, digest: str) -> str:
        return f"raw/{key.folder}/{digest}.zst"

    # -- slices --------------------------------------------------------------------------------------------------------

    def new_slice(self, key: DatasetKey, schema: pa.Schema) -> SliceWriter:
        """A writer for one pull. Nothing is visible to readers before its commit."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        return SliceWriter(self, key, schema, f"{stamp}-{secrets.token_hex(3)}")

    def slice_ids(self, key: DatasetKey) -> list[str]:
        """Committed slices, oldest first."""
        return self._names(f"slices/{key.folder}", ".json")

    def manifest(self, key: DatasetKey, slice_id: str) -> SliceManifest:
        """The manifest of a committed slice. Raises LakeError."""
        return _manifest(orjson.loads(self.read(f"slices/{key.folder}/{slice_id}.json")))

    def latest(self, key: DatasetKey) -> SliceManifest | None:
        """The newest committed slice, or None."""
        ids = self.slice_ids(key)
        return self.manifest(key, ids[-1]) if ids else None

    def read_standard(self, manifest: SliceManifest, batch_rows: int = 200_000) -> Iterator[pa.Table]:
        """The records of a slice in tables of about ``batch_rows`` rows."""
        for name in manifest.standard:
            with self.fs.open(self.path(name), "rb") as file:
                for batch in pq.ParquetFile(file).iter_batches(batch_size=batch_rows):
                    yield pa.Table.from_batches([batch])

    def write_quarantine(self, key: DatasetKey, name: str, table: pa.Table) -> str:
        """Write one quarantine file under a name of its own; payloads are sealed. Returns the file's name in the lake."""
        sealed = pa.array([self.seal(item) for item in table.column("payload").to_pylist()], pa.binary())
        index = table.schema.get_field_index("payload")
        target = f"quarantine/{key.folder}/{name}.parquet"
        self.write(target, _parquet(table.set_column(index, "payload", sealed)), durable=True)
        return target

    def read_quarantine(self, name: str) -> pa.Table:
        """One quarantine file with its payloads opened. Raises LakeError."""
        table = pq.read_table(pa.BufferReader(self.read(name)))
        opened = pa.array([self.unseal(item) for item in table.column("payload").to_pylist()], pa.binary())
        return table.set_column(table.schema.get_field_index("payload"), "payload", opened)

    def waiting_uids(self, manifest: SliceManifest) -> list[str]:
        """record_uid of every record of a slice that waits; those whose key could not be read have none."""
        found: list[str] = []
        for name in manifest.quarantine:
            table = pq.read_table(pa.BufferReader(self.read(name)), columns=["record_uid", "scope"])
            found += [
                uid
                for uid, scope in zip(*(column.to_pylist() for column in table.columns), strict=True)
                if uid and scope == "record"
            ]
        return found

    def quarantine_files(self, key: DatasetKey) -> list[str]:
        """Quarantine files of a dataset, oldest first."""
        return [
            f"quarantine/{key.folder}/{name}.parquet" for name in self._names(f"quarantine/{key.folder}", ".parquet")
        ]

    # -- outcomes ------------------------------------------------------------------------------------------------------

    def put_outcome(self, record: OutcomeRecord) -> None:
        """Store how one pull ended."""
        name = f"outcomes/{record.city}/{record.run_id}/{record.app}.{record.dataset}.json"
        self.write(name, orjson.dumps(asdict(record)), durable=True)

    def outcome_runs(self, city: str) -> list[str]:
        """Runs that have outcomes."""
        try:
            entries = self.fs.ls(self.path(f"outcomes/{city}"), detail=False, refresh=True)
        except FileNotFoundError:
            return []
        return sorted(str(entry).rsplit("/", 1)[1] for entry in entries)

    def outcomes(self, city: str, run_id: str) -> list[OutcomeRecord]:
        """Outcomes of one run, by app and dataset."""
        folder = f"outcomes/{city}/{run_id}"
        return [_outcome(orjson.loads(self.read(f"{folder}/{name}.json"))) for name in self._names(folder, ".json")]

    # -- what is remembered of an app from run to run ------------------------------------------------------------------

    def app_state(self, city: str, app: str) -> dict[str, Any]:
        """What was last put by :meth:`put_app_state`; empty for an app without."""
        try:
            found = orjson.loads(self.read(f"state/{city}/{app}.json"))
        except (LakeError, orjson.JSONDecodeError):
            return {}
        return found if isinstance(found, dict) else {}

    def put_app_state(self, city: str, app: str, state: dict[str, Any]) -> None:
        """Remember how an app is dealt with (its circuit breaker). Losing it loses no data."""
        self.write(f"state/{city}/{app}.json", orjson.dumps(state))


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
        data = orjson.dumps(asdict(manifest))
        self.lake.write(f"slices/{self.key.folder}/{self.slice_id}.json", data, durable=True)

    def abandon(self) -> None:
        """Forget what was collected and not committed."""
        self._writer = self._sink = None
        self._quarantine = []


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", compression_level=1)
    return bytes(sink.getvalue())


def _manifest(data: dict[str, Any]) -> SliceManifest:
    data["raw"] = [RawRef(**{**item, "fetched_at": datetime.fromisoformat(item["fetched_at"])}) for item in data["raw"]]
    data["committed_at"] = datetime.fromisoformat(data["committed_at"])
    data["outcome"] = Outcome(data["outcome"])
    data["waiting"] = [tuple(item) for item in data["waiting"]]
    return SliceManifest(**{item.name: data[item.name] for item in fields(SliceManifest)})


def _outcome(data: dict[str, Any]) -> OutcomeRecord:
    for name in ("started_at", "finished_at"):
        data[name] = datetime.fromisoformat(data[name])
    data["outcome"] = Outcome(data["outcome"])
    return OutcomeRecord(**{item.name: data[item.name] for item in fields(OutcomeRecord)})
