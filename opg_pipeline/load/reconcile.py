"""Staged records against core.<category>: what is new, changed, the same, gone. Set-based SQL, the same on both engines.

Works in the caller's transaction and writes core and the past versions; staging, locks and the rows of ops are merge.py's,
what is gone absence.py's, records of late slices late.py's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from opg_pipeline.load.absence import Absence
from opg_pipeline.load.bulk import temporary
from opg_pipeline.load.earlier import DatasetName, Merged, bytewise, dataset_of, holds_all
from opg_pipeline.load.history import version_change, version_from
from opg_pipeline.load.late import place_late
from opg_pipeline.load.records import MergeReport, SliceCounts, WarehouseError
from opg_pipeline.load.tables import HISTORY
from opg_pipeline.model.handover import SLICE_ROW, SliceManifest

_HISTORY = frozenset(item[0] for item in HISTORY)


@dataclass(frozen=True)
class Tables:
    """What one merge works on: core, its past versions, the staged rows (columns of a standard record and SLICE_ROW), and
    ``waiting`` (record_uid, slice_id), records that wait in quarantine: they are at the source, so they have not vanished.
    A record whose key could not be read waits without record_uid."""

    core: sa.Table
    past: sa.Table
    staged: sa.FromClause
    waiting: sa.Table


def rounds(
    connection: sa.Connection, staged: sa.FromClause, slices: Sequence[SliceManifest]
) -> list[list[SliceManifest]]:
    """The slices in groups to reconcile one after the other, oldest first, so that together they leave what they leave one by
    one: the same versions, the same records gone. Mostly one group."""
    by_dataset: dict[DatasetName, list[SliceManifest]] = defaultdict(list)
    for manifest in sorted(slices, key=lambda item: item.slice_id):
        by_dataset[dataset_of(manifest)].append(manifest)
    several = [parts for parts in by_dataset.values() if len(parts) > 1]
    if not several:
        return [list(slices)]
    if not any(holds_all(part) for parts in several for part in parts):
        s = staged.c
        slices_of = (
            sa.select(s.record_uid).group_by(s.record_uid).having(sa.func.count(sa.distinct(s.lineage_batch_id)) > 1)
        )
        if not connection.execute(sa.select(sa.exists(slices_of))).scalar_one():
            return [list(slices)]
    longest = max(len(parts) for parts in several)
    return [[parts[place] for parts in by_dataset.values() if place < len(parts)] for place in range(longest)]


class Reconciliation:
    """One round of a merge: at most one slice of each dataset that is pulled whole, and no record in two slices.

    Args:
        slices: the slices that are not blocked, staged rows or not.
        merged: what was merged before; takes these slices in at the end.
        report: takes the counts in. ``guards`` says afterwards, by slice id, why a slice made nothing vanish.
    """

    def __init__(
        self,
        connection: sa.Connection,
        tables: Tables,
        slices: Sequence[SliceManifest],
        merged: Merged,
        report: MergeReport,
    ) -> None:
        self.connection, self.core, self.past = connection, tables.core, tables.past
        self.staged, self.waiting = tables.staged, tables.waiting
        self.slices = sorted(slices, key=lambda manifest: manifest.slice_id)
        self.merged, self.report = merged, report
        self.guards: dict[str, str] = {}
        self._late = {manifest.slice_id for manifest in self.slices if merged.late(manifest)}
        self._counts = {manifest.slice_id: SliceCounts() for manifest in self.slices}
        self._temporary: list[sa.Table] = []

    def run(self) -> None:
        """Merge. Raises WarehouseError when the rows cannot be told apart or core changed underneath."""
        self._place = self._table(
            "slices",
            sa.Column("slice_id", sa.Text),
            sa.Column("at", sa.DateTime(timezone=True)),
            sa.Column("late", sa.Boolean),
            sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        )
        self._superseded = self._supersede()
        absence = Absence(self.connection, self.core, self.staged, self.waiting, self._place, self.merged)
        whole = [part for part in self.slices if holds_all(part) and part.slice_id not in self._late]
        absence.judge_volume(whole, unlike=self._superseded is None)
        self._write_slices()
        self._classify()
        if self._late:
            rows = self._candidates()
            outdated = ~self._newer(rows)
            place_late(self.connection, self.core, self.past, rows, outdated, self._place, self._table)
        self._write()
        inserted = {slice_id: counts.inserted for slice_id, counts in self._counts.items()}
        for slice_id, number in absence.mark(inserted, self._table).items():
            self._counts[slice_id].vanished = number
        self.guards = absence.guards
        for table in self._temporary:
            table.drop(self.connection)
        for manifest in self.slices:
            self.report.add(manifest.slice_id, self._counts[manifest.slice_id])
            guarded = manifest.slice_id in self.guards
            self.merged.merged(manifest, absence.keyless.get(manifest.slice_id, 0), guarded=guarded)
            name = f"{manifest.app}/{manifest.dataset}"
            if guarded:
                self.report.guarded[name] = self.guards[manifest.slice_id]
            elif holds_all(manifest):
                self.report.guarded.pop(name, None)

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
        place = sa.func.rank().over(partition_by=s.record_uid, order_by=s[SLICE_ROW].desc())
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

    def _write_slices(self) -> None:
        rows = []
        for manifest in self.slices:
            earlier = self.merged.of(dataset_of(manifest))
            late = manifest.slice_id in self._late
            on_time = manifest.committed_at if earlier is None else max(earlier.committed_at, manifest.committed_at)
            rows.append(
                {
                    "slice_id": manifest.slice_id,
                    "at": manifest.committed_at if late else on_time,
                    "late": late,
                    "confirmed_at": self.merged.confirmed_at(manifest),
                }
            )
        if rows:
            self.connection.execute(self._place.insert(), rows)

    def _classify(self) -> None:
        """Fill the counts of each slice."""
        s, c, b = self._candidates(), self.core, self._place
        is_new = c.c.record_uid.is_(None)
        differs, newer = self._differs(s), self._newer(s)
        revived = sa.and_(c.c.vanished_at.is_not(None), ~b.c.late)
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
        """Whether the staged row takes the place of the one in core: no newer slice brought that, or held all there is."""
        older = bytewise(s.c.lineage_batch_id, self.connection) < bytewise(
            self.core.c.lineage_batch_id, self.connection
        )
        return sa.and_(~older, self._place.c.confirmed_at.is_(None))

    def _write(self) -> None:
        inserted, updated = (
            sum(getattr(counts, name) for counts in self._counts.values()) for name in ("inserted", "updated")
        )
        changed = self._changed(updated) if updated else None
        if inserted or updated:
            self._expect(inserted + updated, self._insert(changed))
        if any(counts.revived for counts in self._counts.values()):
            self._revive()

    def _changed(self, expected: int) -> sa.Table:
        """Take changed records out of core, their versions to the past, keeping what stays of them in a temporary table."""
        s, c, b = self._candidates(), self.core.c, self._place
        changed = self._table(
            "changed",
            sa.Column("record_uid", sa.Text),
            sa.Column("first_seen_at", sa.DateTime(timezone=True)),
            sa.Column("vanished_at", sa.DateTime(timezone=True)),
            sa.Column("change", sa.Text),
            sa.Column("at", sa.DateTime(timezone=True)),
        )
        change = sa.case(
            (sa.and_(c.vanished_at.is_not(None), ~b.c.late), "revived"),
            (c.raw_sha256 == s.c.raw_sha256, "restated"),
            else_="changed",
        )
        still_gone = sa.case((b.c.late, c.vanished_at), else_=None)
        found = (
            sa.select(s.c.record_uid, c.first_seen_at, still_gone, change, b.c.at)
            .select_from(
                s.join(b, b.c.slice_id == s.c.lineage_batch_id).join(self.core, c.record_uid == s.c.record_uid)
            )
            .where(self._differs(s), self._newer(s))
        )
        self.connection.execute(changed.insert().from_select(list(changed.columns.keys()), found))
        self._to_the_past(changed, changed.c.change)
        taken = sa.delete(self.core).where(c.record_uid.in_(sa.select(changed.c.record_uid)))
        self._expect(expected, self._written(taken))
        return changed

    def _revive(self) -> None:
        """Records that had vanished and are back as they were; the changed ones are back already."""
        s, c, b = self._candidates(), self.core.c, self._place
        back = self._table("back", sa.Column("record_uid", sa.Text), sa.Column("at", sa.DateTime(timezone=True)))
        found = (
            sa.select(s.c.record_uid, b.c.at)
            .select_from(
                s.join(b, b.c.slice_id == s.c.lineage_batch_id).join(self.core, c.record_uid == s.c.record_uid)
            )
            .where(c.vanished_at.is_not(None), ~b.c.late, ~self._differs(s))
        )
        self.connection.execute(back.insert().from_select(["record_uid", "at"], found))
        self._to_the_past(back, sa.literal("changed", sa.Text()))
        revived = {"vanished_at": None, "version_from": back.c.at, "version_change": "revived"}
        self.connection.execute(sa.update(self.core).where(c.record_uid == back.c.record_uid).values(revived))

    def _to_the_past(self, records: sa.Table, change: sa.ColumnElement[Any]) -> None:
        """Copy the versions in core of ``records`` to the past: ended when they vanished, or replaced at ``records.at``."""
        c = self.core.c
        names = [column.name for column in self.past.columns]
        ended = {
            "first_seen_at": c.first_seen_at,
            "version_from": version_from(self.core),
            "version_to": sa.func.coalesce(c.vanished_at, records.c.at),
            "version_change": version_change(self.core),
            "version_end": sa.case((c.vanished_at.is_not(None), "vanished"), (change == "restated", "restated"), else_="changed"),
        }  # fmt: skip
        rows = sa.select(*(ended.get(name, c[name] if name in c else sa.null()) for name in names)).select_from(
            self.core.join(records, records.c.record_uid == c.record_uid)
        )
        self.connection.execute(self.past.insert().from_select(names, rows))

    def _insert(self, changed: sa.Table | None) -> int:
        s, c, b = self._candidates(), self.core, self._place
        names = [column.name for column in c.columns if column.name not in _HISTORY]
        source: sa.FromClause = s.join(b, b.c.slice_id == s.c.lineage_batch_id)
        first: sa.ColumnElement[Any] = b.c.at
        vanished: sa.ColumnElement[Any] = sa.null()
        change: sa.ColumnElement[Any] = sa.literal("new", sa.Text())
        if changed is not None:
            source = source.outerjoin(changed, changed.c.record_uid == s.c.record_uid)
            first, vanished = sa.func.coalesce(changed.c.first_seen_at, first), changed.c.vanished_at
            change = sa.func.coalesce(changed.c.change, change)
        rows = (
            sa.select(*(s.c[name] for name in names), first, b.c.at, vanished, b.c.at, change)
            .select_from(source)
            .where(~sa.exists().where(c.c.record_uid == s.c.record_uid))
        )
        return self._written(c.insert().from_select([*names, *(item[0] for item in HISTORY)], rows))

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

    def _expect(self, expected: int, found: int) -> None:
        if expected != found:
            raise WarehouseError(
                f"{self.core.fullname}: {expected} records were to be written and {found} were, so something else wrote the table or a "
                "record stands in it twice. Nothing was merged. Run again; if it happens again, check the table for repeated record_uid."
            )


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.count().filter(condition)
