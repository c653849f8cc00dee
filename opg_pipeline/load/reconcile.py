"""Staged records against core.<category>: what is new, changed, the same, gone. Set-based SQL, the same on both engines.

Works in the caller's transaction and writes core alone; staging, locks and the rows of ops are merge.py's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from opg_pipeline.load.bulk import temporary
from opg_pipeline.load.records import MergeReport, SliceCounts, WarehouseError
from opg_pipeline.load.tables import HISTORY
from opg_pipeline.model.handover import SLICE_ROW, Outcome, SliceManifest

DatasetName = tuple[str, str, str]
_HISTORY = frozenset(name for name, _, _ in HISTORY)


def dataset_of(manifest: SliceManifest) -> DatasetName:
    """City, app, dataset."""
    return manifest.city, manifest.app, manifest.dataset


class Reconciliation:
    """One merge of staged rows into one core table.

    Args:
        staged: relation with the columns of a standard record and SLICE_ROW; ``waiting`` one with record_uid and slice_id of
            records that wait in quarantine: they are at the source, so they have not vanished.
        slices: the slices that are not blocked, staged rows or not.
        newest: newest slice of each dataset that was merged before.
    """

    def __init__(
        self,
        connection: sa.Connection,
        core: sa.Table,
        staged: sa.Table,
        waiting: sa.Table,
        slices: Sequence[SliceManifest],
        newest: Mapping[DatasetName, str],
    ) -> None:
        self.connection, self.core, self.staged, self.waiting = connection, core, staged, waiting
        self.slices = sorted(slices, key=lambda manifest: manifest.slice_id)
        self.newest = newest
        self.report = MergeReport()
        self.guards: dict[str, str] = {}
        """Slice id to the reason why it made nothing vanish."""
        self._counts = {manifest.slice_id: SliceCounts() for manifest in self.slices}
        self._temporary: list[sa.Table] = []

    def run(self) -> MergeReport:
        """Merge. Raises WarehouseError when the rows cannot be told apart or core changed underneath."""
        self._place = self._table(
            "slices",
            sa.Column("slice_id", sa.Text),
            sa.Column("committed_at", sa.DateTime(timezone=True)),
            sa.Column("present", sa.Boolean),
        )
        self._superseded = self._supersede()
        baselines = self._baselines()
        self._write_slices(baselines)
        self._classify()
        self._write()
        self._vanish(baselines)
        for table in self._temporary:
            table.drop(self.connection)
        for slice_id, counts in self._counts.items():
            self.report.add(slice_id, counts)
        return self.report

    # -- one row per record --------------------------------------------------------------------------------------------

    def _supersede(self) -> sa.Table | None:
        """Rows that a newer row of the same record takes the place of; None if there are none."""
        s = self.staged.c
        rows = self._scalar(sa.select(sa.func.count()).select_from(self.staged))
        records = self._scalar(
            sa.select(sa.func.count()).select_from(sa.select(s.record_uid).group_by(s.record_uid).subquery())
        )
        if rows == records:
            return None
        table = self._table(
            "superseded",
            sa.Column("record_uid", sa.Text),
            sa.Column("lineage_batch_id", sa.Text),
            sa.Column(SLICE_ROW, sa.BigInteger),
        )
        repeated = sa.select(s.record_uid).group_by(s.record_uid).having(sa.func.count() > 1)
        place = sa.func.rank().over(
            partition_by=s.record_uid, order_by=(self._bytewise(s.lineage_batch_id).desc(), s[SLICE_ROW].desc())
        )
        ranked = (
            sa.select(s.record_uid, s.lineage_batch_id, s[SLICE_ROW], place.label("place"))
            .where(s.record_uid.in_(repeated))
            .subquery()
        )
        older = sa.select(ranked.c.record_uid, ranked.c.lineage_batch_id, ranked.c[SLICE_ROW]).where(ranked.c.place > 1)
        count = self._written(table.insert().from_select(["record_uid", "lineage_batch_id", SLICE_ROW], older))
        if rows - count != records:
            raise WarehouseError(
                f"{self.core.fullname}: some records stand more than once at the same place ({SLICE_ROW}) of a slice, so it cannot be "
                "told which of them is right. Nothing was merged. Normalise must number the rows of a slice."
            )
        by_slice = sa.select(table.c.lineage_batch_id, sa.func.count()).group_by(table.c.lineage_batch_id)
        for slice_id, number in self.connection.execute(by_slice):
            self._counts[slice_id].duplicates = int(number)
        return table

    def _candidates(self) -> sa.FromClause:
        """The staged rows, one per record."""
        if self._superseded is None:
            return self.staged
        s, d = self.staged.c, self._superseded.c
        older = sa.exists().where(
            d.record_uid == s.record_uid, d.lineage_batch_id == s.lineage_batch_id, d[SLICE_ROW] == s[SLICE_ROW]
        )
        return sa.select(*s).where(~older).subquery()

    # -- what becomes of each record -----------------------------------------------------------------------------------

    def _write_slices(self, baselines: Mapping[DatasetName, SliceManifest]) -> None:
        if self.slices:
            self.connection.execute(
                self._place.insert(),
                [
                    {
                        "slice_id": manifest.slice_id,
                        "committed_at": manifest.committed_at,
                        "present": (base := baselines.get(dataset_of(manifest))) is not None
                        and manifest.slice_id >= base.slice_id,
                    }
                    for manifest in self.slices
                ],
            )

    def _classify(self) -> None:
        """Fill the counts of each slice."""
        s, c, b = self._candidates(), self.core, self._place
        is_new = c.c.record_uid.is_(None)
        differs, newer = self._differs(s), self._newer(s)
        revived = sa.and_(c.c.vanished_at < b.c.committed_at, sa.or_(~differs, newer))
        statement = (
            sa.select(
                s.c.lineage_batch_id,
                sa.func.count(),
                *(
                    _count(condition)
                    for condition in (is_new, sa.and_(differs, newer), sa.and_(differs, ~newer), revived)
                ),
            )
            .select_from(s.join(b, b.c.slice_id == s.c.lineage_batch_id).outerjoin(c, c.c.record_uid == s.c.record_uid))
            .group_by(s.c.lineage_batch_id)
        )
        for slice_id, rows, inserted, updated, outdated, revived_rows in self.connection.execute(statement):
            counts = self._counts[slice_id]
            counts.inserted, counts.updated, counts.revived = int(inserted), int(updated), int(revived_rows)
            counts.unchanged = int(rows) - int(inserted) - int(updated) - int(outdated)
            counts.rows = int(rows) + counts.duplicates
            counts.duplicates += int(outdated)
        for counts in self._counts.values():
            counts.rows = counts.rows or counts.duplicates

    def _differs(self, s: sa.FromClause) -> sa.ColumnElement[bool]:
        return self.core.c.row_hash != s.c.row_hash

    def _newer(self, s: sa.FromClause) -> sa.ColumnElement[bool]:
        """Whether the staged row does not come from an older slice than the one in core."""
        return self._bytewise(s.c.lineage_batch_id) >= self._bytewise(self.core.c.lineage_batch_id)

    def _write(self) -> None:
        inserted, updated = (
            sum(getattr(counts, name) for counts in self._counts.values()) for name in ("inserted", "updated")
        )
        core = self.core
        changed = self._changed(updated) if updated else None
        if inserted or updated:
            self._expect(inserted + updated, self._insert(changed))
        if any(counts.revived for counts in self._counts.values()):
            s = self._candidates()
            back = sa.exists().where(
                s.c.record_uid == core.c.record_uid,
                ~self._differs(s),
                self._place.c.slice_id == s.c.lineage_batch_id,
                self._place.c.committed_at > core.c.vanished_at,
            )
            self.connection.execute(
                sa.update(core).where(core.c.vanished_at.is_not(None), back).values(vanished_at=None)
            )

    def _changed(self, expected: int) -> sa.Table:
        """Take changed records out of core, keeping their history in a temporary table."""
        s, c, b = self._candidates(), self.core, self._place
        changed = self._table(
            "changed",
            sa.Column("record_uid", sa.Text),
            sa.Column("first_seen_at", sa.DateTime(timezone=True)),
            sa.Column("vanished_at", sa.DateTime(timezone=True)),
        )
        still_gone = sa.case((c.c.vanished_at >= b.c.committed_at, c.c.vanished_at), else_=None)
        found = (
            sa.select(s.c.record_uid, c.c.first_seen_at, still_gone)
            .select_from(s.join(b, b.c.slice_id == s.c.lineage_batch_id).join(c, c.c.record_uid == s.c.record_uid))
            .where(self._differs(s), self._newer(s))
        )
        self.connection.execute(changed.insert().from_select(["record_uid", "first_seen_at", "vanished_at"], found))
        self._expect(expected, self._written(sa.delete(c).where(c.c.record_uid.in_(sa.select(changed.c.record_uid)))))
        return changed

    def _insert(self, changed: sa.Table | None) -> int:
        s, c, b = self._candidates(), self.core, self._place
        names = [column.name for column in c.columns if column.name not in _HISTORY]
        source: sa.FromClause = s.join(b, b.c.slice_id == s.c.lineage_batch_id)
        first: sa.ColumnElement[Any] = b.c.committed_at
        vanished: sa.ColumnElement[Any] = sa.null()
        if self._superseded is not None:
            d, earlier_slice = self._superseded.c, b.alias()
            earlier = (
                sa.select(d.record_uid, sa.func.min(earlier_slice.c.committed_at).label("at"))
                .where(earlier_slice.c.slice_id == d.lineage_batch_id)
                .group_by(d.record_uid)
                .subquery()
            )
            source = source.outerjoin(earlier, earlier.c.record_uid == s.c.record_uid)
            first = sa.func.coalesce(earlier.c.at, first)
        if changed is not None:
            source = source.outerjoin(changed, changed.c.record_uid == s.c.record_uid)
            first, vanished = sa.func.coalesce(changed.c.first_seen_at, first), changed.c.vanished_at
        rows = (
            sa.select(*(s.c[name] for name in names), first, b.c.committed_at, vanished)
            .select_from(source)
            .where(~sa.exists().where(c.c.record_uid == s.c.record_uid))
        )
        return self._written(c.insert().from_select([*names, "first_seen_at", "last_changed_at", "vanished_at"], rows))

    # -- what is gone --------------------------------------------------------------------------------------------------

    def _baselines(self) -> dict[DatasetName, SliceManifest]:
        """Per dataset the newest slice that held all there is and did not collapse; computed before core changes."""
        by_dataset: dict[DatasetName, list[SliceManifest]] = defaultdict(list)
        for manifest in self.slices:
            by_dataset[dataset_of(manifest)].append(manifest)
        whole = {name for name, parts in by_dataset.items() if any(_holds_all(part) for part in parts)}
        if not whole:
            return {}
        c = self.core.c
        key = (c.city_id, c.source_app, c.source_dataset)
        counted = sa.select(*key, sa.func.count()).where(c.vanished_at.is_(None)).group_by(*key)
        alive = {(city, app, dataset): int(n) for city, app, dataset, n in self.connection.execute(counted)}
        held = self._held()
        baselines: dict[DatasetName, SliceManifest] = {}
        for name in sorted(whole):
            parts = by_dataset[name]
            base: SliceManifest | None = None
            for place, part in enumerate(parts):
                if not _holds_all(part) or self.newest.get(name, "") > part.slice_id:
                    continue
                older = [item.slice_id for item in parts[:place] if base is None or item.slice_id >= base.slice_id]
                before = self._alive(name, older, from_core=base is None) if older else alive.get(name, 0)
                now = held.get(part.slice_id, 0)
                if now * 2 < before:
                    self.guards[part.slice_id] = self.report.guarded[f"{part.app}/{part.dataset}"] = (
                        f"volume collapsed: {now} of {before}"
                    )
                else:
                    base = part
                    self.report.guarded.pop(f"{part.app}/{part.dataset}", None)
            if base is not None:
                baselines[name] = base
        return baselines

    def _held(self) -> dict[str, int]:
        """Records of each staged slice, those that wait among them."""
        s, w = self.staged.c, self.waiting.c
        if self._superseded is None and not self._scalar(sa.select(sa.func.count()).select_from(self.waiting)):
            plain = sa.select(s.lineage_batch_id, sa.func.count()).group_by(s.lineage_batch_id)
            return {slice_id: int(n) for slice_id, n in self.connection.execute(plain)}
        both = sa.union(
            sa.select(s.lineage_batch_id.label("slice_id"), s.record_uid), sa.select(w.slice_id, w.record_uid)
        ).subquery()
        statement = sa.select(both.c.slice_id, sa.func.count()).group_by(both.c.slice_id)
        return {slice_id: int(n) for slice_id, n in self.connection.execute(statement)}

    def _alive(self, name: DatasetName, older: list[str], *, from_core: bool) -> int:
        """Records alive just before a slice: those of core, if asked, and of the older staged slices."""
        c, s = self.core.c, self.staged.c
        parts = [sa.select(s.record_uid).where(s.lineage_batch_id.in_(older))]
        if from_core:
            city, app, dataset = name
            parts.append(
                sa.select(c.record_uid).where(
                    c.vanished_at.is_(None), c.city_id == city, c.source_app == app, c.source_dataset == dataset
                )
            )
        return self._scalar(sa.select(sa.func.count()).select_from(sa.union(*parts).subquery()))

    def _vanish(self, baselines: Mapping[DatasetName, SliceManifest]) -> None:
        if not baselines:
            return
        c, s, w, b = self.core.c, self.staged.c, self.waiting.c, self._place
        base = self._table(
            "baseline",
            *(sa.Column(name, sa.Text) for name in ("city", "app", "dataset", "slice_id")),
            sa.Column("committed_at", sa.DateTime(timezone=True)),
        )
        gone = self._table(
            "gone",
            sa.Column("record_uid", sa.Text),
            sa.Column("slice_id", sa.Text),
            sa.Column("at", sa.DateTime(timezone=True)),
        )
        self.connection.execute(
            base.insert(),
            [
                {
                    "city": city,
                    "app": app,
                    "dataset": dataset,
                    "slice_id": part.slice_id,
                    "committed_at": part.committed_at,
                }
                for (city, app, dataset), part in baselines.items()
            ],
        )
        staged = sa.exists().where(s.record_uid == c.record_uid, s.lineage_batch_id == b.c.slice_id, b.c.present)
        waits = sa.exists().where(w.record_uid == c.record_uid, w.slice_id == b.c.slice_id, b.c.present)
        found = (
            sa.select(c.record_uid, base.c.slice_id, base.c.committed_at)
            .where(base.c.city == c.city_id, base.c.app == c.source_app, base.c.dataset == c.source_dataset)
            .where(c.vanished_at.is_(None), ~staged, ~waits)
        )
        self.connection.execute(gone.insert().from_select(["record_uid", "slice_id", "at"], found))
        for slice_id, number in self.connection.execute(
            sa.select(gone.c.slice_id, sa.func.count()).group_by(gone.c.slice_id)
        ):
            self._counts[slice_id].vanished = int(number)
        if any(counts.vanished for counts in self._counts.values()):
            self.connection.execute(
                sa.update(self.core).where(c.record_uid == gone.c.record_uid).values(vanished_at=gone.c.at)
            )

    # -- small -----------------------------------------------------------------------------------------------------------

    def _table(self, name: str, *columns: sa.Column[Any]) -> sa.Table:
        table = temporary(self.connection, name, *columns)
        self._temporary.append(table)
        return table

    def _scalar(self, statement: sa.Select[Any]) -> int:
        return int(self.connection.execute(statement).scalar_one())

    def _written(self, statement: sa.Insert | sa.Delete) -> int:
        """Run a statement; returns how many rows it wrote."""
        return self.connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount

    def _bytewise(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Slice ids are ordered by their bytes, whatever the database's language."""
        return sa.collate(column, "C") if self.connection.dialect.name == "postgresql" else column

    def _expect(self, expected: int, found: int) -> None:
        if expected != found:
            raise WarehouseError(
                f"{self.core.fullname}: {expected} records were to be written and {found} were, so something else wrote the table or a "
                "record stands in it twice. Nothing was merged. Run again; if it happens again, check the table for repeated record_uid."
            )


def _holds_all(manifest: SliceManifest) -> bool:
    return (
        manifest.complete and manifest.nature in {"snapshot", "cumulative"} and manifest.outcome is Outcome.NEW_RECORDS
    )


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.count().filter(condition)
