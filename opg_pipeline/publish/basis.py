"""What the published numbers rest on, as one digest: while it stays the same, making them again would make the same numbers.

Makes no number. The one fact that moves while nothing else does is when the sources last confirmed their data; it is renewed here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.publish.breaks import series_breaks
from opg_pipeline.publish.rows import EpochMicroseconds
from opg_pipeline.publish.sources import Coverage, aware, coverage, dataset_states
from opg_pipeline.publish.tables import column, mart_table

MEASURES = "measures"
OPEN_DATA = "open_data"


def publication_metadata() -> sa.MetaData:
    """ops.publication, with comments (English | Indonesian). The load room creates it."""
    metadata = sa.MetaData(schema="ops")
    sa.Table(
        "publication",
        metadata,
        column("product", sa.Text, "What was made: measures or open_data", "Yang dibuat: measures (ukuran) atau open_data (data terbuka)"),
        column("basis", sa.Text, "Digest of everything it rests on", "Sidik dari semua yang menjadi dasarnya"),
        column("made_at", sa.DateTime(timezone=True), "When it was made", "Waktu pembuatannya"),
        comment="What the published products were made from, so that they are made again only where that has changed. | Dasar pembuatan produk terbitan, agar dibuat ulang hanya bila dasarnya berubah.",
    )  # fmt: skip
    return metadata


def basis(connection: sa.Connection, catalog: Catalog, *, as_of: datetime) -> str:
    """Digest of the records in core, the slices behind them, every declaration and note, how the sources stand, the days from
    which a period is provisional, and the code that makes the numbers.

    Args:
        as_of: the moment that freshness and provisional periods are judged at; with time zone.

    Raises:
        ValueError: ``as_of`` has no time zone.
    """
    as_of = aware(as_of)
    sources = coverage(catalog, dataset_states(connection), as_of)
    parts = [_code(), *_declared(catalog), *_sources(catalog, sources, as_of), *_slices(connection)]
    parts += [repr(item) for item in series_breaks(connection, catalog)]
    parts += _records(connection, catalog)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def published(connection: sa.Connection, product: str) -> str | None:
    """The basis that a product was last made from; None where it never was."""
    table = _table()
    found = connection.execute(sa.select(table.c.basis).where(table.c.product == product)).scalar()
    return None if found is None else str(found)


def note_published(connection: sa.Connection, product: str, made_from: str, *, as_of: datetime) -> None:
    """Remember what a product was made from, in the caller's transaction."""
    table = _table()
    connection.execute(sa.delete(table).where(table.c.product == product))
    connection.execute(sa.insert(table).values(product=product, basis=made_from, made_at=as_of))


def renew_confirmed(connection: sa.Connection, catalog: Catalog, *, as_of: datetime) -> None:
    """Bring `oldest_data_at` of mart.measure up to what the sources have confirmed since the numbers were made."""
    table = mart_table("measure")
    for (city, category), found in coverage(catalog, dataset_states(connection), aware(as_of)).items():
        connection.execute(
            sa.update(table)
            .where(table.c.city_id == city, table.c.category_id == category)
            .values(oldest_data_at=found.oldest_data_at)
        )


def _table() -> sa.Table:
    return publication_metadata().tables["ops.publication"]


@cache
def _code() -> str:
    """Digest of this room: another version of it may make other numbers."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _declared(catalog: Catalog) -> Iterator[str]:
    for category in catalog.categories.values():
        yield category.model_dump_json()
    for entry in catalog.cities.values():
        yield entry.city.model_dump_json()
        yield from (app.model_dump_json() for app in entry.apps.values())
        yield from (f"{note.model_dump_json()}{text}" for note, text in entry.notes)
        yield repr(entry.regions)
    yield repr((catalog.urusan, catalog.packs, catalog.pairs))


def _sources(catalog: Catalog, sources: dict[tuple[str, str], Coverage], as_of: datetime) -> Iterator[str]:
    """All of coverage but when data was last confirmed. A period is provisional by the day on which one cadence ago was."""
    for (city, category), found in sorted(sources.items()):
        zone = ZoneInfo(catalog.cities[city].city.timezone)
        moments = as_of, as_of - (found.longest_cadence or timedelta())
        days = [moment.astimezone(zone).date().isoformat() for moment in moments]
        told = [city, category, sorted(found.apps), found.stale, found.quarantined, *days]
        yield json.dumps(told)


def _slices(connection: sa.Connection) -> Iterator[str]:
    names = ("slice_id", "merged_at", "blocked")
    table = sa.table("slice", *(sa.column(name) for name in names), schema="ops")
    merged = EpochMicroseconds(table.c.merged_at)
    for row in connection.execute(sa.select(table.c.slice_id, merged, table.c.blocked).order_by(table.c.slice_id)):
        yield json.dumps(list(row))


def _records(connection: sa.Connection, catalog: Catalog) -> Iterator[str]:
    """Of each core table how many records it has, how many are alive, and when one last changed: what is done to it by hand."""
    for category in sorted(catalog.used_categories, key=lambda item: item.id):
        table = sa.table(category.id, sa.column("vanished_at"), sa.column("last_changed_at"), schema="core")
        newest: sa.ColumnElement[Any] = EpochMicroseconds(sa.func.max(table.c.last_changed_at))
        counted = sa.select(sa.func.count(), sa.func.count(table.c.vanished_at), newest).select_from(table)
        yield json.dumps([category.id, *connection.execute(counted).one()])
