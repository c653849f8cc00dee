"""Where the files of the street lie, and what each of them is. Nothing here knows how an answer is fetched, read or loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from opg_pipeline.lake.journal import (
    Access,
    Decision,
    Erasure,
    Purge,
    read_access,
    read_decision,
    read_erasure,
    read_purge,
    stamp,
    user,
)
from opg_pipeline.lake.journal import dumped as dumped_note
from opg_pipeline.lake.schemas import QUARANTINE_SCHEMA
from opg_pipeline.lake.slices import DatasetKey, SliceWriter, dumped, parquet, read_manifest, read_outcome
from opg_pipeline.lake.store import LakeError, MissingFile, Store
from opg_pipeline.model.handover import SLICE_ROW, OutcomeRecord, RawRef, SliceManifest

EXPIRED = b'{"payload":"removed, as its time was over"}'
"""Stands in the place of a quarantined record whose time is over. JSON, as the records are."""


class Lake(Store):
    """The files of one deployment, by what they are."""

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

    def raw_files(self, key: DatasetKey) -> dict[str, str]:
        """Digest to name of every archived answer of a dataset, also of pulls that failed."""
        return {digest: self._raw_name(key, digest) for digest in self.names(f"raw/{key.folder}", ".zst")}

    def _raw_name(self, key: DatasetKey, digest: str) -> str:
        return f"raw/{key.folder}/{digest}.zst"

    # -- slices --------------------------------------------------------------------------------------------------------

    def new_slice(self, key: DatasetKey, schema: pa.Schema, slice_id: str | None = None) -> SliceWriter:
        """A writer for one pull, or for one that is made again. Nothing is visible to readers before its commit."""
        return SliceWriter(self, key, schema, slice_id or stamp(datetime.now(UTC)))

    def slice_ids(self, key: DatasetKey) -> list[str]:
        """Committed slices, oldest first."""
        return self.names(f"slices/{key.folder}", ".json")

    def manifest(self, key: DatasetKey, slice_id: str) -> SliceManifest:
        """The manifest of a committed slice. Raises LakeError."""
        return read_manifest(orjson.loads(self.read(f"slices/{key.folder}/{slice_id}.json")))

    def put_manifest(self, key: DatasetKey, manifest: SliceManifest) -> None:
        """Make a slice visible, or what it has become; its files are there already."""
        self.write(f"slices/{key.folder}/{manifest.slice_id}.json", dumped(manifest), durable=True)

    def put_revisions(self, key: DatasetKey, revisions: Mapping[str, int]) -> None:
        """Tell loaders which revision of each slice of a dataset there is; those that are not named were never made again.

        Put before the manifests, so that a loader that sees an old manifest loads the old slice once more and loses nothing.
        """
        self.write(f"revisions/{key.folder}.json", orjson.dumps({**self.revisions(key), **revisions}), durable=True)

    def revisions(self, key: DatasetKey) -> dict[str, int]:
        """What :meth:`put_revisions` told; empty where no slice was made again."""
        try:
            found: dict[str, int] = orjson.loads(self.read(f"revisions/{key.folder}.json"))
        except MissingFile:
            return {}
        return found

    def latest(self, key: DatasetKey) -> SliceManifest | None:
        """The newest pull that was committed, or None. Repairs are passed over: they say nothing of the source."""
        for slice_id in reversed(self.slice_ids(key)):
            manifest = self.manifest(key, slice_id)
            if not manifest.repairs:
                return manifest
        return None

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
        self.write(target, parquet(table.set_column(index, "payload", sealed)), durable=True)
        return target

    def read_quarantine(self, name: str) -> pa.Table:
        """One quarantine file with its payloads opened. Raises LakeError."""
        table = pq.read_table(pa.BufferReader(self.read(name)))
        opened = pa.array([self.unseal(item) for item in table.column("payload").to_pylist()], pa.binary())
        index = table.schema.get_field_index("payload")
        return table.set_column(index, QUARANTINE_SCHEMA.field("payload"), opened)

    def waiting_uids(self, manifest: SliceManifest) -> list[str | None]:
        """record_uid of every record of a slice that waits; None for each whose key could not be read."""
        found: dict[int, str | None] = {}
        for name in manifest.quarantine:
            table = pq.read_table(pa.BufferReader(self.read(name)), columns=[SLICE_ROW, "record_uid", "scope"])
            found |= {
                row: uid or None
                for row, uid, scope in zip(*(column.to_pylist() for column in table.columns), strict=True)
                if scope == "record"
            }
        return list(found.values())

    def quarantine_tables(self, key: DatasetKey) -> Iterator[tuple[str, pa.Table]]:
        """Name and table of each quarantine file of a dataset, oldest first, without the payloads, which need the key."""
        columns = [name for name in QUARANTINE_SCHEMA.names if name != "payload"]
        for name in self.quarantine_files(key):
            yield name, pq.read_table(pa.BufferReader(self.read(name)), columns=columns)

    def record_uids(self, manifest: SliceManifest) -> Iterator[str]:
        """record_uid of every standard record of a slice."""
        for name in manifest.standard:
            with self.fs.open(self.path(name), "rb") as file:
                for batch in pq.ParquetFile(file).iter_batches(columns=["record_uid"]):
                    yield from batch.column(0).to_pylist()

    def record_hashes(self, manifest: SliceManifest) -> dict[str, str]:
        """row_hash by record_uid of the standard records of a slice; of a record that comes twice, that of the last one."""
        found: dict[str, str] = {}
        for name in manifest.standard:
            table = pq.read_table(pa.BufferReader(self.read(name)), columns=["record_uid", "row_hash"])
            found.update(zip(*(column.to_pylist() for column in table.columns), strict=True))
        return found

    def quarantine_files(self, key: DatasetKey) -> list[str]:
        """Quarantine files of a dataset, oldest first."""
        return [
            f"quarantine/{key.folder}/{name}.parquet" for name in self.names(f"quarantine/{key.folder}", ".parquet")
        ]

    # -- the seal and the end of payloads ----------------------------------------------------------------------------------

    def reseal_raw(self, name: str, former: Store | None) -> bool:
        """Seal one raw file with this lake's key; False where it is so already. Raises LakeError as :meth:`resealed`."""
        sealed = self.resealed(self.read(name), former)
        if sealed is not None:
            self.write(name, sealed, durable=True)
        return sealed is not None

    def reseal_quarantine(self, name: str, former: Store | None) -> bool:
        """Seal the payloads of one quarantine file with this lake's key; False where they are so already. Raises LakeError."""
        table = pq.read_table(pa.BufferReader(self.read(name)))
        payloads = table.column("payload").to_pylist()
        sealed = [None if item == EXPIRED else self.resealed(item, former) for item in payloads]
        if all(item is None for item in sealed):
            return False
        both = [before if after is None else after for before, after in zip(payloads, sealed, strict=True)]
        self._put_payloads(name, table, both)
        return True

    def is_emptied(self, name: str) -> bool:
        """Whether the payloads were taken out of a quarantine file."""
        table = pq.read_table(pa.BufferReader(self.read(name)), columns=["payload"])
        return all(item == EXPIRED for item in table.column("payload").to_pylist())

    def empty_quarantine(self, name: str) -> None:
        """Take the payloads out of one quarantine file; reasons and counts stay."""
        table = pq.read_table(pa.BufferReader(self.read(name)))
        self._put_payloads(name, table, [EXPIRED] * table.num_rows)

    def _put_payloads(self, name: str, table: pa.Table, payloads: list[bytes]) -> None:
        index = table.schema.get_field_index("payload")
        self.write(name, parquet(table.set_column(index, "payload", pa.array(payloads, pa.binary()))), durable=True)

    def note_purge(
        self, key: DatasetKey, before: datetime, *, slices: int, raw: int, quarantine: int, size: int
    ) -> Purge:
        """Note what was removed of a dataset. Notes are only ever added."""
        purge = Purge(datetime.now(UTC), user(), key.folder, before, slices, raw, quarantine, size)
        self.write(f"purges/{stamp(purge.at)}.json", dumped_note(purge), durable=True)
        return purge

    def purges(self) -> list[Purge]:
        """Everything that was removed because its time was over, oldest first."""
        return [read_purge(self.read(f"purges/{name}.json")) for name in self.names("purges", ".json")]

    def note_erasure(self, why: str, datasets: Sequence[str], *, records: int, waiting: int, raw: int) -> Erasure:
        """Note that a person was erased from these datasets. Notes are only ever added."""
        erasure = Erasure(datetime.now(UTC), user(), why, tuple(datasets), records, waiting, raw)
        self.write(f"erasures/{stamp(erasure.at)}.json", dumped_note(erasure), durable=True)
        return erasure

    def erasures(self) -> list[Erasure]:
        """Every erasure of a person, oldest first."""
        return [read_erasure(self.read(f"erasures/{name}.json")) for name in self.names("erasures", ".json")]

    # -- what people did -------------------------------------------------------------------------------------------------

    def log_access(self, what: str, why: str, *, who: str | None = None) -> Access:
        """Note that somebody looks at source records, before they are shown. Notes are only ever added.

        Args:
            what: names files and entries, never a value of a record.
            who: the user of the operating system, if not given.
        """
        access = Access(datetime.now(UTC), who or user(), what, why)
        self.write(f"access/{stamp(access.at)}.json", dumped_note(access), durable=True)
        return access

    def accesses(self) -> list[Access]:
        """Every look at source records, oldest first."""
        return [read_access(self.read(f"access/{name}.json")) for name in self.names("access", ".json")]

    def decide(
        self, key: DatasetKey, action: Literal["dismiss", "reopen"], entries: Sequence[str], why: str
    ) -> Decision:
        """Note what was decided about entries of the quarantine. Nothing is removed; a later decision takes its place."""
        decision = Decision(datetime.now(UTC), user(), action, why, tuple(entries))
        self.write(f"decisions/{key.folder}/{stamp(decision.at)}.json", dumped_note(decision), durable=True)
        return decision

    def decisions(self, key: DatasetKey) -> list[Decision]:
        """Every decision about the quarantine of a dataset, oldest first."""
        folder = f"decisions/{key.folder}"
        return [read_decision(self.read(f"{folder}/{name}.json")) for name in self.names(folder, ".json")]

    # -- outcomes ------------------------------------------------------------------------------------------------------

    def put_outcome(self, record: OutcomeRecord) -> None:
        """Store how one pull ended."""
        name = f"outcomes/{record.city}/{record.run_id}/{record.app}.{record.dataset}.json"
        self.write(name, dumped(record), durable=True)

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
        return [read_outcome(orjson.loads(self.read(f"{folder}/{name}.json"))) for name in self.names(folder, ".json")]

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
