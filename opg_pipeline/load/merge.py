"""One merge of one category: takes slices and what was found about them, and brings all of it in as one transaction.

The SQL of the comparison stands in reconcile.py, the ways of bulk rows in bulk.py.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from opg_pipeline.lake import standard_schema
from opg_pipeline.load.anew import forget
from opg_pipeline.load.bulk import CopyStaging, ParquetStaging, Staging, fill, rows_of, temporary, upsert
from opg_pipeline.load.connect import database_file, reason
from opg_pipeline.load.earlier import DatasetName, Merged
from opg_pipeline.load.reconcile import Reconciliation, Tables, rounds
from opg_pipeline.load.records import MergeReport, QuarantineCounts, SliceCounts, ValidationRow, WarehouseError
from opg_pipeline.load.tables import OPS, sql_type
from opg_pipeline.model.category import Category
from opg_pipeline.model.handover import ENVELOPE, SLICE_ROW, SliceManifest

if TYPE_CHECKING:
    from opg_pipeline.load.warehouse import Warehouse

_ENVELOPE_NAMES = frozenset(name for name, _, _ in ENVELOPE)
_UNLIKE = frozenset({"record_uid", "row_hash", "source_record_id", SLICE_ROW})
"""Columns whose values hardly repeat: a dictionary of them is a waste."""
_locks: dict[tuple[str, str], Lock] = {}
_locks_guard = Lock()


class Merge:
    """Collects slices of one category; :meth:`Warehouse.merging` brings them in at its end.

    Every record of a slice is accounted for: what is added and what validation counted into quarantine make up what the
    manifest accepted, or nothing is merged.
    """

    def __init__(self, warehouse: Warehouse, category: Category) -> None:
        self._warehouse, self._category = warehouse, category
        self._core = warehouse.core(category.id)
        self._schema = standard_schema(category)
        self._columns = [sa.Column(name, _type_of(category, name)) for name in self._schema.names]
        self._manifests: dict[str, SliceManifest] = {}
        self._rows: Counter[str] = Counter()
        self._blocked: dict[str, str] = {}
        self._anew: set[DatasetName] = set()
        self._counts: dict[str, Counter[tuple[str, str, str, str]]] = {}
        self._waiting: list[pa.Table] = []
        self._keyless: Counter[str] = Counter()
        self._validation: list[ValidationRow] = []
        self._staging: Staging | None = None
        self._connection: sa.Connection | None = None
        self._report: MergeReport | None = None

    @property
    def report(self) -> MergeReport:
        """What the merge did. Raises WarehouseError before its end."""
        if self._report is None:
            raise WarehouseError(f"The merge of {self._category.id} has not ended, so there is no report yet.")
        return self._report

    def add(self, manifest: SliceManifest, rows: pa.Table) -> None:
        """Stage records of a slice, in the category's standard schema; an empty table makes a slice without records known.

        A column that the category gained after the slice was made is filled with null. Rows of a blocked slice are left out.

        Raises:
            WarehouseError: the slice is of another category, or the rows are not of the category's shape or of this slice.
        """
        self._know(manifest)
        if not rows.num_rows or manifest.slice_id in self._blocked:
            return
        rows = self._fitted(manifest, rows)
        try:
            self._stage().add(rows)
        except sa.exc.SQLAlchemyError as error:
            raise self._failed(error) from None
        except self._warehouse.driver_error as error:
            raise self._failed_staging(manifest, error) from None
        self._rows[manifest.slice_id] += rows.num_rows

    def block(self, manifest: SliceManifest, reason: str) -> None:
        """Keep a slice out of core, also what was added of it; it is noted in ops and not tried again."""
        self._know(manifest)
        self._blocked[manifest.slice_id] = reason

    def anew(self, dataset: DatasetName) -> None:
        """Take out what the warehouse has of a dataset before its slices come in: all of them again, made anew from raw."""
        self._anew.add(dataset)

    def quarantined(self, manifest: SliceManifest, counts: QuarantineCounts) -> None:
        """Add to what waits of a slice, from normalise and from validation; each entry is given once."""
        self._know(manifest)
        self._counts.setdefault(manifest.slice_id, Counter()).update(counts)

    def waiting(self, manifest: SliceManifest, record_uids: Sequence[str | None]) -> None:
        """Name records of a slice that wait in quarantine: the source still has them, so they do not count as vanished.

        None for a record whose key could not be read.
        """
        self._know(manifest)
        self._keyless[manifest.slice_id] += sum(uid is None for uid in record_uids)
        uids = pa.array(record_uids, pa.string())
        self._waiting.append(
            pa.table({"record_uid": uids, "slice_id": pa.repeat(manifest.slice_id, len(uids)).cast(pa.string())})
        )

    def validation(self, rows: Sequence[ValidationRow]) -> None:
        """Add the results of the category's rules, one per rule."""
        self._validation += rows

    # -- staging -------------------------------------------------------------------------------------------------------

    def _know(self, manifest: SliceManifest) -> None:
        if manifest.category != self._category.id:
            raise WarehouseError(
                f"Slice {manifest.slice_id} of {manifest.app}/{manifest.dataset} is of category {manifest.category}, not {self._category.id}."
            )
        self._manifests[manifest.slice_id] = manifest

    def _fitted(self, manifest: SliceManifest, rows: pa.Table) -> pa.Table:
        where = f"Slice {manifest.slice_id} of {manifest.app}/{manifest.dataset}"
        unknown = sorted(set(rows.column_names) - set(self._schema.names))
        if unknown:
            raise WarehouseError(
                f"{where} holds {', '.join(unknown)}, which category {self._category.id} does not declare. Declare it again, or replay "
                "the dataset so that its slices have the category's present shape."
            )
        for place, item in enumerate(self._schema):
            if item.name in rows.column_names:
                continue
            if item.name in _ENVELOPE_NAMES or item.name == SLICE_ROW:
                raise WarehouseError(f"{where} lacks the column {item.name}, which every standard record has.")
            rows = rows.add_column(place, item.name, pa.nulls(rows.num_rows, item.type))
        rows = rows.select(self._schema.names)
        types = pa.schema([pa.field(item.name, item.type) for item in self._schema])
        if rows.schema != types:
            try:
                rows = rows.cast(types)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError):
                raise WarehouseError(
                    f"{where} has a column of another type than category {self._category.id} declares. Replay the dataset."
                ) from None
        if not pc.all(pc.equal(rows.column("lineage_batch_id"), manifest.slice_id)).as_py():
            raise WarehouseError(
                f"{where} holds records that name another slice in lineage_batch_id. Nothing was merged."
            )
        return rows

    def _stage(self) -> Staging:
        if self._staging is None:
            if self._warehouse.dialect == "duckdb":
                self._staging = ParquetStaging(
                    self._warehouse.staging_folder, self._staging_schema(), self._columns, _UNLIKE
                )
            else:
                self._staging = CopyStaging(self._open(), self._columns)
        return self._staging

    def _staging_schema(self) -> pa.Schema:
        return pa.schema([pa.field(item.name, item.type) for item in self._schema])

    def _open(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self._warehouse.engine.connect()
            self._connection.begin()
        return self._connection

    # -- the end -------------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Merge, note everything in ops, commit. Called by :meth:`Warehouse.merging`."""
        if not self._manifests and not self._validation:
            self._report = MergeReport()
            return
        self._account()
        with self._exclusive():
            try:
                connection = self._open()
                report = self._merge(connection)
                connection.commit()
            except sa.exc.SQLAlchemyError as error:
                raise self._failed(error) from None
        self._report = report

    def close(self) -> None:
        """Roll back what was not committed and free everything. Called by :meth:`Warehouse.merging`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._staging is not None:
            self._staging.close()
            self._staging = None

    def _account(self) -> None:
        for slice_id, manifest in self._manifests.items():
            if slice_id in self._blocked:
                continue
            missing = manifest.accepted - self._rows[slice_id]
            counted = sum(n for (scope, *_), n in self._counts.get(slice_id, Counter()).items() if scope == "record")
            if missing < 0 or (missing > 0 and counted < manifest.quarantined + missing):
                raise WarehouseError(
                    f"Slice {slice_id} of {manifest.app}/{manifest.dataset} does not add up: {manifest.accepted} records accepted, "
                    f"{self._rows[slice_id]} staged, {max(0, counted - manifest.quarantined)} counted into quarantine since. Nothing was merged."
                )

    def _exclusive(self) -> Any:
        """One merge of a category at a time; on a server the table's lock sees to it."""
        if self._warehouse.dialect != "duckdb":
            return nullcontext()
        with _locks_guard:
            return _locks.setdefault((str(database_file(self._warehouse.engine.url)), self._category.id), Lock())

    def _merge(self, connection: sa.Connection) -> MergeReport:
        now = datetime.now(UTC)
        loaded = [manifest for slice_id, manifest in self._manifests.items() if slice_id not in self._blocked]
        guards: dict[str, str] = {}
        report = MergeReport()
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL work_mem = '64MB'")
            connection.exec_driver_sql(f"LOCK TABLE {self._core.fullname} IN SHARE ROW EXCLUSIVE MODE")
        for dataset in sorted(self._anew):
            forget(connection, self._warehouse.metadata, self._category.id, dataset, set(self._manifests))
        if loaded:
            staged = self._staged(connection)
            waiting = temporary(connection, "waiting", sa.Column("record_uid", sa.Text), sa.Column("slice_id", sa.Text))
            for rows in self._waiting:
                fill(connection, waiting, rows)
            self._reconcile(connection, staged, waiting, loaded, report, guards)
            waiting.drop(connection)
            self._drop(connection, staged)
        for slice_id in self._blocked:
            report.per_slice.setdefault(slice_id, SliceCounts())
        self._note_slices(connection, report, guards, now)
        self._note_raw(connection)
        self._note_quarantine(connection)
        self._note_validation(connection, now)
        return report

    def _staged(self, connection: sa.Connection) -> sa.Table:
        """The staged rows without those of slices that were blocked after they were added."""
        out = [slice_id for slice_id in self._blocked if self._rows[slice_id]]
        staged = self._stage().relation(connection)
        if not out:
            return staged
        kept = temporary(connection, "kept", *(sa.Column(column.name, column.type) for column in staged.columns))
        connection.execute(
            kept.insert().from_select(
                staged.columns.keys(), sa.select(staged).where(staged.c.lineage_batch_id.not_in(out))
            )
        )
        self._drop(connection, staged)
        return kept

    def _drop(self, connection: sa.Connection, relation: sa.Table) -> None:
        kind = "VIEW" if relation.name.startswith("opg_staged") and self._warehouse.dialect == "duckdb" else "TABLE"
        connection.exec_driver_sql(f"DROP {kind} {relation.name}")

    def _reconcile(
        self, connection: sa.Connection, staged: sa.Table, waiting: sa.Table, loaded: list[SliceManifest],
        report: MergeReport, guards: dict[str, str],
    ) -> None:  # fmt: skip
        past = self._warehouse.past(self._category.id)
        merged = Merged(connection, self._warehouse.ops("slice"), self._category.id, loaded)
        parts = rounds(connection, staged, loaded)
        for slices in parts:
            chosen: sa.FromClause = staged
            if len(parts) > 1:
                ids = [manifest.slice_id for manifest in slices]
                chosen = sa.select(staged).where(staged.c.lineage_batch_id.in_(ids)).subquery()
            work = Reconciliation(connection, Tables(self._core, past, chosen, waiting), slices, merged, report)
            work.run()
            guards.update(work.guards)

    def _note_slices(
        self, connection: sa.Connection, report: MergeReport, guards: dict[str, str], now: datetime
    ) -> None:
        table = self._warehouse.ops("slice")
        same = ("slice_id", "run_id", "city", "app", "dataset", "category", "nature", "complete", "committed_at", "records",
                "accepted", "quarantined", "values_quarantined", "skipped", "declaration_hash", "revision")  # fmt: skip
        rows = []
        for slice_id, manifest in self._manifests.items():
            counts, blocked = report.per_slice[slice_id], slice_id in self._blocked
            rows.append(
                {name: getattr(manifest, name) for name in same}
                | {name: getattr(counts, name) for name in SliceCounts.__dataclass_fields__ if name != "rows"}
                | {
                    "outcome": manifest.outcome.value,
                    "repairs": len(manifest.repairs),
                    "validation_quarantined": 0 if blocked else manifest.accepted - self._rows[slice_id],
                    "merged_at": now,
                    "blocked": blocked,
                    "reason": self._blocked.get(slice_id),
                    "guard": guards.get(slice_id),
                    "keyless": self._keyless[slice_id],
                }
            )
        if rows:
            upsert(connection, table, rows_of(table, rows))

    def _note_raw(self, connection: sa.Connection) -> None:
        """What was asked for each answer behind the slices."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for slice_id, manifest in self._manifests.items():
            for page, ref in enumerate(manifest.raw, start=1):
                told = {name: getattr(ref, name) for name in ("method", "url", "status", "fetched_at", "bytes")}
                found.setdefault(
                    (slice_id, ref.sha256), {"slice_id": slice_id, "raw_sha256": ref.sha256, "page": page, **told}
                )
        if found:
            table = self._warehouse.ops("raw_answer")
            upsert(connection, table, rows_of(table, list(found.values())))

    def _note_quarantine(self, connection: sa.Connection) -> None:
        table = self._warehouse.ops("quarantine_count")
        rows = [
            {"slice_id": slice_id, "scope": scope, "reason": why, "rule": rule, "field": name, "n": n}
            for slice_id, counts in self._counts.items()
            for (scope, why, rule, name), n in counts.items()
        ]
        if rows:
            upsert(connection, table, rows_of(table, rows))

    def _note_validation(self, connection: sa.Connection, now: datetime) -> None:
        batch = f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}"
        names = [name for name in ValidationRow.__dataclass_fields__ if name != "groups"]
        rows = [
            {name: getattr(item, name) for name in names}
            | {"batch_id": batch, "groups": orjson.dumps(list(item.groups)).decode(), "at": now}
            for item in self._validation
        ]
        if rows:
            connection.execute(self._warehouse.ops("validation").insert(), rows)

    def _failed(self, error: sa.exc.SQLAlchemyError) -> WarehouseError:
        return WarehouseError(
            f"The merge of category {self._category.id} failed and was taken back: {reason(error)}. Run publish again; "
            f"if the message names a table or column of {OPS} or core, migrate first."
        )

    def _failed_staging(self, manifest: SliceManifest, error: Exception) -> WarehouseError:
        said = getattr(getattr(error, "diag", None), "message_primary", None) or type(error).__name__
        hint = " A text holds the character U+0000, which PostgreSQL cannot store." if "0x00" in said else ""
        return WarehouseError(
            f"Slice {manifest.slice_id} of {manifest.app}/{manifest.dataset} could not be staged: {said}.{hint} Nothing was merged."
        )


def _type_of(category: Category, name: str) -> sa.types.TypeEngine[Any]:
    declared = {item: kind for item, kind, _ in ENVELOPE} | {item.name: item.type for item in category.stored_fields}
    return sql_type(declared.get(name, "integer"))
