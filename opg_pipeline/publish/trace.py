"""From a published cell down to its records, and from a record up to the cells that count it. Reads the warehouse, writes nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.category import Category, Measure
from opg_pipeline.publish.tables import SCHEMA, PublishError, core_table, mart_metadata

_SLICE = ("slice_id", "run_id", "committed_at", "outcome", "records", "accepted", "quarantined", "declaration_hash")
_ANSWER = ("page", "method", "url", "status", "fetched_at", "bytes")
_PERIOD = re.compile(r"(\d{4})(?:-Q([1-4])|-(\d{2})(?:-(\d{2}))?)?")


def named_measure(catalog: Catalog, name: str) -> tuple[Category, Measure]:
    """The measure of a name `<measure>` or `<category>.<measure>`. Raises PublishError where it is none or several."""
    category_id, _, measure_id = name.rpartition(".")
    found = [
        (category, measure)
        for category in sorted(catalog.used_categories, key=lambda item: item.id)
        for measure in category.measures
        if measure.id == measure_id and category_id in ("", category.id)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        known = ", ".join(f"{category.id}.{measure.id}" for category, measure in found)
        raise PublishError(f"{name!r} is the name of several measures. Say which: {known}.")
    raise PublishError(f"There is no measure {name!r}. mart.measure_definition lists them.")


def first_day(period: str) -> date:
    """The first day of 2026, 2026-Q1, 2026-01 or 2026-01-31. Raises PublishError."""
    found = _PERIOD.fullmatch(period)
    try:
        if found is None:
            raise ValueError
        year, quarter, month, day = (int(part) if part else 0 for part in found.groups())
        return date(year, quarter * 3 - 2 if quarter else month or 1, day or 1)
    except ValueError:
        raise PublishError(f"{period!r} is no period. Write 2026, 2026-Q1, 2026-01 or 2026-01-31.") from None


def published_cells(
    connection: sa.Connection, city: str, category: Category, measure: Measure, region: str | None, period: str | None
) -> list[dict[str, Any]]:
    """The cells of a measure in a region (code or name; the whole city if None) and period (the newest if None), one per breakdown."""
    cell = mart_metadata().tables[f"{SCHEMA}.measure"]
    c = cell.c
    mine = [c.city_id == city, c.category_id == category.id, c.measure_id == measure.id]
    mine.append(
        c.region_level == "regency"
        if region is None
        else sa.or_(c.region_code == region, sa.func.lower(c.region_name) == region.lower())
    )
    newest = sa.select(sa.func.max(c.period_start)).where(*mine).scalar_subquery()
    mine.append(c.period_start == (newest if period is None else first_day(period)))
    return [_plain(row) for row in connection.execute(sa.select(cell).where(*mine).order_by(c.breakdown)).mappings()]


def counted_records(
    connection: sa.Connection, category: Category, cell: dict[str, Any], limit: int
) -> list[dict[str, Any]]:
    """The first records behind a cell, by record_uid; none behind a hidden one."""
    same = ("city_id", "measure_id", "breakdown", "period_start", "region_code", "region_level")
    names = (*same, "record_uid", "source_app", "source_dataset", "source_record_id", "lineage_batch_id", "raw_sha256")
    view = sa.table(f"{category.id}_counted", *map(sa.column, names), schema="core")
    statement = (
        sa.select(*(view.c[name] for name in names[len(same) :]))
        .where(*(view.c[name] == cell[name] for name in same))
        .order_by(view.c.record_uid)
        .limit(limit)
    )
    return [_plain(row) for row in connection.execute(statement).mappings()]


def core_record(connection: sa.Connection, catalog: Catalog, uid: str) -> dict[str, Any] | None:
    """Where a record is and came from, with its category; None where no table of core has it."""
    for category in sorted(catalog.used_categories, key=lambda item: item.id):
        table = core_table(category)
        names = ("record_uid", "city_id", "source_app", "source_dataset", "source_record_id", "event_on", "region_code", "ingested_at", "vanished_at", "lineage_batch_id", "raw_sha256")  # fmt: skip
        found = connection.execute(sa.select(*(table.c[name] for name in names)).where(table.c.record_uid == uid)).mappings().first()  # fmt: skip
        if found is not None:
            return {"category_id": category.id, **_plain(found)}
    return None


def cells_of(connection: sa.Connection, record: dict[str, Any]) -> list[dict[str, Any]]:
    """The published cells that count a record."""
    names = ("measure_id", "breakdown", "period_start", "region_code", "region_level")
    view = sa.table(f"{record['category_id']}_counted", *map(sa.column, (*names, "record_uid")), schema="core")
    statement = sa.select(*(view.c[name] for name in names)).where(view.c.record_uid == record["record_uid"])
    return [_plain(row) for row in connection.execute(statement.order_by(*(view.c[name] for name in names))).mappings()]


def pull_of(connection: sa.Connection, slice_id: str, sha256: str) -> dict[str, Any]:
    """What ops tells of a pull and of one of its answers; empty where it tells nothing."""
    slices = sa.table("slice", *map(sa.column, _SLICE), schema="ops")
    answers = sa.table("raw_answer", *map(sa.column, ("slice_id", "raw_sha256", *_ANSWER)), schema="ops")
    told = connection.execute(sa.select(slices).where(slices.c.slice_id == slice_id)).mappings().first()
    answer = connection.execute(
        sa.select(*(answers.c[name] for name in _ANSWER)).where(
            answers.c.slice_id == slice_id, answers.c.raw_sha256 == sha256
        )
    ).mappings().first()  # fmt: skip
    return {"slice": _plain(told or {}), "answer": _plain(answer or {})}


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row with plain texts as names, which JSON needs."""
    return {str(name): value for name, value in row.items()}
