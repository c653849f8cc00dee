"""What a source no longer holds: which records of core have vanished, and what speaks against believing it.

Works on one round of a merge (reconcile.py). A source that answers little, or an old answer, removes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property

import sqlalchemy as sa

from opg_pipeline.load.earlier import Merged, dataset_of
from opg_pipeline.model.handover import SliceManifest


class Absence:
    """The records that slices holding all there is do not hold.

    Args:
        staged, waiting: as reconcile.py has them.
        slices: slice_id and `at`, when what a slice says began to hold.
    """

    def __init__(
        self, connection: sa.Connection, core: sa.Table, staged: sa.FromClause, waiting: sa.Table, slices: sa.Table, merged: Merged,
    ) -> None:  # fmt: skip
        self.connection, self.core, self.staged, self.waiting = connection, core, staged, waiting
        self.slices, self.merged = slices, merged
        self.guards: dict[str, str] = {}
        """Slice id to the reason why it made nothing vanish."""
        self._bases: list[SliceManifest] = []

    def judge_volume(self, whole: Sequence[SliceManifest], *, unlike: bool) -> None:
        """Choose, before core changes, the slices to believe: of those that hold all there is, the ones that hold at least
        half of what was there. ``unlike``: no record is staged twice, so that rows need only be counted."""
        if not whole:
            return
        c = self.core.c
        key = (c.city_id, c.source_app, c.source_dataset)
        counted = sa.select(*key, sa.func.count()).where(c.vanished_at.is_(None)).group_by(*key)
        alive = {(city, app, dataset): int(n) for city, app, dataset, n in self.connection.execute(counted)}
        held = self._held(unlike)
        for part in whole:
            before, now = alive.get(dataset_of(part), 0), held.get(part.slice_id, 0)
            if now * 2 < before:
                self.guards[part.slice_id] = f"volume collapsed: {now} of {before}"
            else:
                self._bases.append(part)

    def mark(self, inserted: Mapping[str, int], make: Callable[..., sa.Table]) -> dict[str, int]:
        """Mark what the slices lack as vanished, but for those that a guard speaks against; returns how many by slice.

        Args:
            inserted: new records by slice.
            make: makes a temporary table of a name and columns.
        """
        if not self._bases:
            return {}
        gone = self._missing(make)
        g, c = gone.c, self.core.c
        counted = sa.select(g.slice_id, sa.func.count(), sa.func.min(g.event_at)).group_by(g.slice_id)
        parts = {part.slice_id: part for part in self._bases}
        vanished: dict[str, int] = {}
        for slice_id, number, oldest in self.connection.execute(counted).all():
            why = self._unreadable(parts[slice_id])
            if not why and not inserted.get(slice_id):
                why = self._stale(slice_id, int(number), oldest)
            if why:
                self.guards[slice_id] = why
                self.connection.execute(sa.delete(gone).where(g.slice_id == slice_id))
            else:
                vanished[slice_id] = int(number)
        if vanished:
            same = c.record_uid == g.record_uid
            self.connection.execute(sa.update(self.core).where(same).values(vanished_at=g.at))
        return vanished

    def _missing(self, make: Callable[..., sa.Table]) -> sa.Table:
        c, s, w, b = self.core.c, self.staged.c, self.waiting.c, self.slices.c
        names = ("city", "app", "dataset", "slice_id")
        base = make("base", *(sa.Column(name, sa.Text) for name in names))
        gone = make(
            "gone",
            *(sa.Column(name, sa.Text) for name in ("record_uid", "slice_id")),
            *(sa.Column(name, sa.DateTime(timezone=True)) for name in ("event_at", "at")),
        )
        self.connection.execute(base.insert(), [{name: getattr(part, name) for name in names} for part in self._bases])
        staged = sa.exists().where(s.record_uid == c.record_uid, s.lineage_batch_id == base.c.slice_id)
        waits = sa.exists().where(w.record_uid == c.record_uid, w.slice_id == base.c.slice_id)
        found = (
            sa.select(c.record_uid, base.c.slice_id, c.event_at, b.at)
            .where(base.c.city == c.city_id, base.c.app == c.source_app, base.c.dataset == c.source_dataset)
            .where(b.slice_id == base.c.slice_id, c.vanished_at.is_(None), ~staged, ~waits)
        )
        self.connection.execute(gone.insert().from_select(list(gone.columns.keys()), found))
        return gone

    # -- what speaks against it ----------------------------------------------------------------------------------------

    @cached_property
    def keyless(self) -> dict[str, int]:
        """Records of each slice that wait and whose key could not be read."""
        w = self.waiting.c
        statement = sa.select(w.slice_id, sa.func.count()).where(w.record_uid.is_(None)).group_by(w.slice_id)
        return {slice_id: int(n) for slice_id, n in self.connection.execute(statement)}

    def _held(self, unlike: bool) -> dict[str, int]:
        """Different records of each slice, those that wait among them."""
        s, w = self.staged.c, self.waiting.c
        if unlike and not self.connection.execute(sa.select(sa.exists(sa.select(w.slice_id)))).scalar_one():
            plain = sa.select(s.lineage_batch_id, sa.func.count()).group_by(s.lineage_batch_id)
            return {slice_id: int(n) for slice_id, n in self.connection.execute(plain)}
        both = sa.union(
            sa.select(s.lineage_batch_id.label("slice_id"), s.record_uid),
            sa.select(w.slice_id, w.record_uid).where(w.record_uid.is_not(None)),
        ).subquery()
        statement = sa.select(both.c.slice_id, sa.func.count()).group_by(both.c.slice_id)
        found = {slice_id: int(n) for slice_id, n in self.connection.execute(statement)}
        return {name: found.get(name, 0) + self.keyless.get(name, 0) for name in {*found, *self.keyless}}

    def _unreadable(self, part: SliceManifest) -> str:
        """Why records with unreadable keys keep others from vanishing; '' if no more of them came than before."""
        earlier = self.merged.of(dataset_of(part))
        before, now = earlier.keyless if earlier is not None else None, self.keyless.get(part.slice_id, 0)
        if before is None or now <= before:
            return ""
        return f"keys unreadable: {now} records ({before} before), so which are missing is not known"

    def _stale(self, slice_id: str, number: int, oldest: datetime) -> str:
        """Why a slice without anything new looks like an old answer given again: it lacks just what is newest; '' if not."""
        s = self.staged.c
        statement = sa.select(sa.func.max(s.event_at)).where(s.lineage_batch_id == slice_id)
        newest = self.connection.execute(statement).scalar_one()
        if newest is None or oldest <= newest:
            return ""
        return f"stale: nothing new, and all {number} missing records are newer than the newest one ({newest:%Y-%m-%d})"
