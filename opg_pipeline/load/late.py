"""Records of a slice that comes after newer ones were merged: put into the history at their place; core stays as it is.

Called by reconcile.py in the merge's transaction. A late record that is right to take the place of core is not handled here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from opg_pipeline.load.history import standing, version_change, version_from
from opg_pipeline.load.tables import PAST

_WHEN = sa.DateTime(timezone=True)


def place_late(
    connection: sa.Connection,
    core: sa.Table,
    past: sa.Table,
    rows: sa.FromClause,
    outdated: sa.ColumnElement[bool],
    slices: sa.Table,
    make: Callable[..., sa.Table],
) -> None:
    """Place the records of late slices among the versions of records that core has.

    A version that was thought to stand at that time is cut; the late one stands until the next one that is known of.

    Args:
        rows: staged records, one per record.
        outdated: over ``rows``, ``slices`` and ``core``: the record is not to take the place of the one in core.
        slices: slice_id, at, late, confirmed_at. From confirmed_at on, a slice that held all there is had what core has.
        make: makes a temporary table of a name and columns.
    """
    placed = _find(connection, core, past, rows, outdated, slices, make)
    if not connection.execute(sa.select(sa.func.count()).select_from(placed)).scalar_one():
        return
    p = placed.c
    _mark_the_same(connection, core, past, placed)
    _cut(connection, core, past, placed)
    names = [column.name for column in past.columns]
    own = {
        "first_seen_at": p.first_seen_at,
        "version_from": p.at,
        "version_to": p.until,
        "version_change": sa.case((p.cover_from.is_not(None), "changed"), (p.gap, "revived"), else_="new"),
        "version_end": p.version_end,
    }
    late = (
        sa.select(*(own.get(name, rows.c[name] if name in rows.c else sa.null()) for name in names))
        .select_from(
            rows.join(placed, sa.and_(p.record_uid == rows.c.record_uid, p.slice_id == rows.c.lineage_batch_id))
        )
        .where(~p.as_next)
    )
    connection.execute(past.insert().from_select(names, late))
    for table in (core, past):
        begins = version_from(core) if table is core else past.c.version_from
        following = sa.and_(table.c.record_uid == p.record_uid, begins == p.until)
        no_longer_first = sa.and_(following, p.cover_from.is_(None), ~p.as_next)
        connection.execute(
            sa.update(table).where(no_longer_first).values(version_from=p.until, version_change="changed")
        )
        change = version_change(core) if table is core else past.c.version_change
        sooner = {"version_from": p.at, "version_change": change}
        connection.execute(sa.update(table).where(following, p.as_next).values(sooner))
        first = sa.and_(table.c.record_uid == p.record_uid, table.c.first_seen_at > p.at)
        connection.execute(sa.update(table).where(first).values(first_seen_at=p.at))


def _mark_the_same(connection: sa.Connection, core: sa.Table, past: sa.Table, placed: sa.Table) -> None:
    """Mark late records that are as the version that follows them: that one just began sooner."""
    p = placed.c
    followed = [
        sa.exists().where(table.c.record_uid == p.record_uid, table.c.row_hash == p.row_hash, begins == p.until)
        for table, begins in ((core, version_from(core)), (past, past.c.version_from))
    ]
    connection.execute(sa.update(placed).where(sa.or_(*followed)).values(as_next=True))


def _find(
    connection: sa.Connection, core: sa.Table, past: sa.Table, rows: sa.FromClause, outdated: sa.ColumnElement[bool],
    slices: sa.Table, make: Callable[..., sa.Table],
) -> sa.Table:  # fmt: skip
    """The late records that differ from what was known of their time, with the version they cut and until when they stand."""
    placed = make(
        "placed",
        *(sa.Column(name, sa.Text) for name in ("record_uid", "slice_id", "row_hash", "version_end")),
        *(sa.Column(name, _WHEN) for name in ("at", "until", "cover_from", "cover_to", "first_seen_at")),
        *(sa.Column(name, sa.Boolean) for name in ("gap", "as_next")),
    )
    s, b = rows.c, slices.c
    versions = sa.union_all(
        sa.select(past.c.record_uid, past.c.row_hash, *(past.c[item[0]] for item in PAST)),
        sa.select(core.c.record_uid, core.c.row_hash, *standing(core)),
    ).subquery()
    v = versions.c
    late = (
        sa.select(s.record_uid, s.lineage_batch_id, s.row_hash, b.at, b.confirmed_at, core.c.first_seen_at)
        .select_from(rows.join(slices, b.slice_id == s.lineage_batch_id).join(core, core.c.record_uid == s.record_uid))
        .where(b.late, outdated)
        .subquery()
    )
    covers = sa.and_(v.version_from <= late.c.at, sa.or_(v.version_to.is_(None), v.version_to > late.c.at))

    def of_cover(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return sa.func.max(sa.case((covers, column)))

    following = sa.func.min(sa.case((v.version_from > late.c.at, v.version_from)))
    confirmed = sa.case((late.c.confirmed_at > late.c.at, late.c.confirmed_at))
    until = sa.func.least(following, sa.func.max(confirmed), of_cover(v.version_to))
    known = sa.func.coalesce(of_cover(v.row_hash), "") == sa.func.max(late.c.row_hash)
    end = sa.case((until == of_cover(v.version_to), of_cover(v.version_end)), else_="changed")
    gap = sa.func.coalesce(sa.func.max(sa.case((v.version_to <= late.c.at, 1))), 0) == 1
    first = sa.func.least(sa.func.min(late.c.first_seen_at), sa.func.min(late.c.at))
    found = (
        sa.select(
            late.c.record_uid, late.c.lineage_batch_id, sa.func.max(late.c.row_hash), end, late.c.at, until,
            of_cover(v.version_from), of_cover(v.version_to), first, gap, sa.false(),
        )
        .select_from(late.join(versions, v.record_uid == late.c.record_uid))
        .group_by(late.c.record_uid, late.c.lineage_batch_id, late.c.at)
        .having(~known, until.is_not(None))
    )  # fmt: skip
    names = ["record_uid", "slice_id", "row_hash", "version_end", "at", "until", "cover_from", "cover_to", "first_seen_at", "gap", "as_next"]  # fmt: skip
    connection.execute(placed.insert().from_select(names, found))
    return placed


def _cut(connection: sa.Connection, core: sa.Table, past: sa.Table, placed: sa.Table) -> None:
    """End the versions that the late ones cut; what stood after the late one as before becomes a version of its own."""
    p = placed.c
    names = [column.name for column in past.columns]

    def copy(table: sa.Table, where: sa.ColumnElement[bool], changes: dict[str, Any]) -> None:
        values = [changes.get(name, table.c[name] if name in table.c else sa.null()) for name in names]
        source = table.join(placed, p.record_uid == table.c.record_uid)
        connection.execute(past.insert().from_select(names, sa.select(*values).select_from(source).where(where)))

    in_past = past.c.version_from == p.cover_from
    copy(past, sa.and_(in_past, past.c.version_to > p.until), {"version_from": p.until, "version_change": sa.literal("changed", sa.Text())})  # fmt: skip
    cut = {"version_to": p.at, "version_end": "changed"}
    connection.execute(sa.update(past).where(past.c.record_uid == p.record_uid, in_past).values(cut))
    in_core = version_from(core) == p.cover_from
    head = {
        "version_from": p.cover_from,
        "version_to": p.at,
        "version_change": version_change(core),
        "version_end": sa.literal("changed", sa.Text()),
    }
    copy(core, in_core, head)
    rest = {"version_from": p.until, "version_change": "changed"}
    connection.execute(sa.update(core).where(core.c.record_uid == p.record_uid, in_core).values(rest))
