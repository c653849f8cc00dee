"""Where a series stops being comparable: when an app's declaration changed, when a source drifted, when an app began to deliver.

A break is a day. Whether it lies in a period, and what is then said of the numbers, is decided in measures.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.publish.rows import EpochMicroseconds
from opg_pipeline.publish.sources import instant
from opg_pipeline.publish.tables import core_table, ops_drift, ops_slice

KINDS = {
    "declaration": "What is taken from the app, or the category itself, was declared otherwise from this day on.",
    "drift": "The source was found changed, in a way that cost records or values.",
    "app_joined": "The first record of an app, in a category that others fed before.",
}
"""Kinds of break, and what each says."""


@dataclass(frozen=True, slots=True, order=True)
class Break:
    """From ``day`` on (in the city's time zone) numbers may not compare with those before."""

    city: str
    category: str
    day: date
    kind: str
    app: str
    dataset: str
    what: str


def series_breaks(connection: sa.Connection, catalog: Catalog) -> list[Break]:
    """All breaks of the used categories, sorted."""
    feeds = {
        (city, ref.app.id, ref.dataset.id): ref.category.id
        for city in catalog.cities
        for ref in catalog.datasets(city, active=False)
    }
    zones = {city: ZoneInfo(entry.city.timezone) for city, entry in catalog.cities.items()}
    found: set[Break] = set()
    for kind, city, app, dataset, moment, what in (*_declarations(connection), *_drifts(connection)):
        at = instant(moment)
        category = feeds.get((city, app, dataset))
        if category is not None and at is not None:
            found.add(Break(city, category, at.astimezone(zones[city]).date(), kind, app, dataset, what))
    return sorted(found | set(_joined(connection, catalog)))


def _declarations(connection: sa.Connection) -> Iterator[tuple[str, str, str, str, int, str]]:
    """Loaded slices that were read by another declaration than the one before them."""
    c = ops_slice().c
    key = (c.city, c.app, c.dataset)
    before = sa.func.lag(c.declaration_hash).over(partition_by=key, order_by=(c.committed_at, c.slice_id))
    pulls = sa.and_(sa.not_(sa.func.coalesce(c.blocked, sa.false())), sa.func.coalesce(c.repairs, 0) == 0)
    ordered = (
        sa.select(
            *key, EpochMicroseconds(c.committed_at).label("at"), c.declaration_hash.label("now"), before.label("then")
        )
        .where(pulls)
        .subquery()
    )
    for row in connection.execute(sa.select(ordered).where(ordered.c.now != ordered.c.then)).mappings():
        yield "declaration", row["city"], row["app"], row["dataset"], row["at"], ""


def _drifts(connection: sa.Connection) -> Iterator[tuple[str, str, str, str, int, str]]:
    c = ops_drift().c
    columns = (c.city, c.app, c.dataset, EpochMicroseconds(c.found_at).label("at"), c.kind, c.place)
    for row in connection.execute(sa.select(*columns).where(c.action.in_(["block", "quarantine"]))).mappings():
        yield "drift", row["city"], row["app"], row["dataset"], row["at"], f"{row['kind']}: {row['place']}"


def _joined(connection: sa.Connection, catalog: Catalog) -> Iterator[Break]:
    """The month of an app's first record counts, since records of one month come in any order."""
    for category in catalog.used_categories:
        table = core_table(category)
        c = table.c
        first: sa.ColumnElement[Any] = sa.func.min(c.event_on)
        statement = (
            sa.select(c.city_id, c.source_app, first)
            .where(c.vanished_at.is_(None), c.city_id.in_(list(catalog.cities)))
            .group_by(c.city_id, c.source_app)
        )
        rows = connection.execute(statement).all()
        for city in {row[0] for row in rows}:
            days = {app: day for name, app, day in rows if name == city and day is not None}
            begun = min(days.values(), default=None)
            for app, day in days.items():
                if begun is not None and day.replace(day=1) > begun.replace(day=1):
                    yield Break(city, category.id, day, "app_joined", app, "", "")
