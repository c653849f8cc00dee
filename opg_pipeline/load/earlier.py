"""What ops.slice knows of the slices of a category that were merged before. Reads alone; what follows from it is reconcile.py's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from opg_pipeline.model.handover import Outcome, SliceManifest

DatasetName = tuple[str, str, str]
WHOLE_NATURES = ("snapshot", "cumulative")


def dataset_of(manifest: SliceManifest) -> DatasetName:
    """City, app, dataset."""
    return manifest.city, manifest.app, manifest.dataset


def holds_all(manifest: SliceManifest) -> bool:
    """Whether the slice is all the source has, so that what it lacks may have vanished."""
    return manifest.complete and manifest.nature in WHOLE_NATURES and manifest.outcome is Outcome.NEW_RECORDS


def bytewise(column: sa.ColumnElement[Any], connection: sa.Connection) -> sa.ColumnElement[Any]:
    """Slice ids are ordered by their bytes, whatever the database's language."""
    return sa.collate(column, "C") if connection.dialect.name == "postgresql" else column


@dataclass(frozen=True, slots=True)
class Earlier:
    """The newest merged slice of one dataset, when it was committed, and how many records without a readable key the last
    slice held that made others vanish; None where that is not known."""

    slice_id: str
    committed_at: datetime
    keyless: int | None


class Merged:
    """Slices of one category merged before, for the datasets of ``slices``."""

    def __init__(
        self, connection: sa.Connection, ops_slice: sa.Table, category: str, slices: Iterable[SliceManifest]
    ) -> None:
        self._connection, self._table, self._category = connection, ops_slice, category
        c = ops_slice.c
        key = (c.city, c.app, c.dataset)
        wanted = sorted({dataset_of(manifest) for manifest in slices})
        mine = (c.category == category, ~c.blocked, sa.tuple_(*key).in_(wanted))
        order = bytewise(c.slice_id, connection)
        statement = sa.select(*key, sa.func.max(order), sa.func.max(c.committed_at)).where(*mine).group_by(*key)
        newest = {(city, app, name): found for city, app, name, *found in connection.execute(statement)}
        place = sa.func.row_number().over(partition_by=key, order_by=order.desc()).label("place")
        whole = sa.select(*key, c.keyless, place).where(*mine, *self._whole()).subquery()
        keyless = {
            (city, app, name): number
            for city, app, name, number, _ in connection.execute(sa.select(whole).where(whole.c.place == 1))
        }
        self._earlier = {
            name: Earlier(slice_id, committed_at, keyless.get(name))
            for name, (slice_id, committed_at) in newest.items()
        }

    def of(self, name: DatasetName) -> Earlier | None:
        """What is known of a dataset; None if nothing of it was merged."""
        return self._earlier.get(name)

    def late(self, manifest: SliceManifest) -> bool:
        """Whether a slice pulled after this one was merged before it."""
        earlier = self.of(dataset_of(manifest))
        return earlier is not None and manifest.slice_id < earlier.slice_id

    def confirmed_at(self, manifest: SliceManifest) -> datetime | None:
        """When the first merged slice after a late one that held all there is was committed: from then on core is right."""
        if not self.late(manifest):
            return None
        c = self._table.c
        statement = sa.select(sa.func.min(c.committed_at)).where(
            c.category == self._category, ~c.blocked, c.city == manifest.city, c.app == manifest.app,
            c.dataset == manifest.dataset, bytewise(c.slice_id, self._connection) > manifest.slice_id, *self._whole(),
        )  # fmt: skip
        found: datetime | None = self._connection.execute(statement).scalar_one()
        return found

    def _whole(self) -> tuple[sa.ColumnElement[bool], ...]:
        c = self._table.c
        return c.complete, c.nature.in_(WHOLE_NATURES), c.outcome == Outcome.NEW_RECORDS.value, c.guard.is_(None)

    def merged(self, manifest: SliceManifest, keyless: int, *, guarded: bool) -> None:
        """Take a slice of the running merge in, which ops.slice does not list yet."""
        name = dataset_of(manifest)
        before = self.of(name)
        if before is not None and manifest.slice_id < before.slice_id:
            return
        known = keyless if holds_all(manifest) and not guarded else before.keyless if before is not None else None
        at = manifest.committed_at if before is None else max(before.committed_at, manifest.committed_at)
        self._earlier[name] = Earlier(manifest.slice_id, at, known)
