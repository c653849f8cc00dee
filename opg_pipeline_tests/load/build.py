"""Small declarations, slices and records for the load tests."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from opg_pipeline.lake import standard_schema
from opg_pipeline.load import Warehouse
from opg_pipeline.model.app import App
from opg_pipeline.model.catalog import Catalog, CityCatalog
from opg_pipeline.model.category import Category
from opg_pipeline.model.city import City
from opg_pipeline.model.handover import Outcome, SliceManifest
from opg_pipeline.model.reference import Region, Urusan

START = datetime(2026, 11, 1, 5, 0, tzinfo=UTC)
CLOCK = {"first_seen_at", "last_changed_at", "vanished_at"}

FIELDS: tuple[dict[str, Any], ...] = (
    {"name": "title", "type": "text", "required": True, "label": {"en": "Title", "id": "Judul"}, "privacy": "none"},
    {"name": "amount_idr", "type": "decimal(18,2)", "unit": "IDR", "label": {"en": "Amount", "id": "Jumlah"}, "privacy": "none"},
    {"name": "visitors", "type": "integer", "label": {"en": "Visitors", "id": "Pengunjung"}, "privacy": "none"},
    {"name": "open", "type": "boolean", "label": {"en": "Open", "id": "Terbuka"}, "privacy": "none"},
    {"name": "due_on", "type": "date", "label": {"en": "Due", "id": "Tenggat"}, "privacy": "none"},
    {"name": "closed_at", "type": "timestamp", "label": {"en": "Closed", "id": "Ditutup"}, "privacy": "none"},
    {"name": "order", "type": "list", "label": {"en": "Order", "id": "Urutan"}, "privacy": "none", "description": "A reserved word of SQL."},
    {"name": "reporter_nik", "type": "string", "label": {"en": "NIK", "id": "NIK"}, "privacy": "direct"},
)  # fmt: skip


def category(*fields: dict[str, Any], id: str = "report", without: str = "") -> Category:
    """A category with one field of every type, and ``fields`` in place of those of the same name or beside them."""
    merged = {item["name"]: item for item in (*FIELDS, *fields) if item["name"] != without}
    return Category.model_validate(
        {
            "id": id,
            "label": {"en": "Citizen's report", "id": "Laporan warga"},
            "standard": "Open311",
            "grain": "One report.",
            "fields": list(merged.values()),
        }
    )


def catalog(
    *categories: Category, city: str = "kota", apps: tuple[str, ...] = ("lapor",), name: str = "Kota Uji"
) -> Catalog:
    """A catalogue of one city with regions, whose apps feed every category."""
    declared = City.model_validate(
        {
            "id": city,
            "name": name,
            "label": {"en": name, "id": name},
            "timezone": "Asia/Jakarta",
            "locale": {},
            "agencies": [{"id": "kominfo", "name": "Dinas Kominfo", "short": "Kominfo"}],
        }
    )
    regions = (
        Region("regency", "35.22", "35", "Kabupaten Uji", "kabupaten", "3522", "UJI", ""),
        Region("district", "35.22.01", "35.22", "Ngraho", "kecamatan", "3522020", "NGRAHO", ""),
        Region("village", "35.22.01.2001", "35.22.01", "Luwihaji", "desa", "", "", "62165"),
    )
    datasets = [
        {"id": item.id, "path": "/", "nature": "snapshot", "category": item.id, "key": ["id"], "fields": {"title": "t"}}
        for item in categories
    ]
    built = {
        app: App.model_validate(
            {
                "id": app, "name": app.upper(), "agency": "kominfo", "urusan": "2.16", "cadence": "daily",
                "evidence": {"interface": "assumed"}, "source": {"base_url": f"sandbox://{app}"}, "datasets": datasets,
            }
        )
        for app in apps
    }  # fmt: skip
    urusan = (
        Urusan(
            "2.16",
            "2",
            "Urusan wajib",
            "mandatory",
            "Komunikasi dan Informatika",
            "Communication",
            "Ps.12(2)k",
            "04.6",
            "",
            "GOVE",
            "02",
        ),
    )
    return Catalog({item.id: item for item in categories}, {city: CityCatalog(declared, built, regions, ())}, urusan)


def manifest(number: int, rows: int, *, of: Category, app: str = "lapor", **changes: Any) -> SliceManifest:
    """The ``number``-th pull of an app, an hour after the one before, with ``rows`` accepted records."""
    at = START + timedelta(hours=number)
    values: dict[str, Any] = {
        "slice_id": f"{at:%Y%m%dT%H%M%S%f}-{hashlib.md5(app.encode()).hexdigest()[:6]}", "run_id": f"run{number}", "city": "kota", "app": app,
        "dataset": of.id, "category": of.id, "nature": "snapshot", "committed_at": at, "outcome": Outcome.NEW_RECORDS, "records": rows,
        "accepted": rows, "quarantined": 0, "values_quarantined": 0, "skipped": 0, "waiting": [], "standard": [], "quarantine": [], "raw": [],
        "cursor": None, "validators": {}, "complete": True, "declaration_hash": "h1",
    }  # fmt: skip
    return SliceManifest(**{**values, **changes})


def records(part: SliceManifest, of: Category, *items: dict[str, Any] | str) -> pa.Table:
    """Standard records of a slice. A text is short for a record of that id; row_hash follows from the given values."""
    rows = []
    for place, item in enumerate(items):
        given = {"id": item} if isinstance(item, str) else dict(item)
        own = str(given.pop("id"))
        row: dict[str, Any] = {
            "record_uid": hashlib.sha256(f"{part.city}|{part.app}|{part.dataset}|{own}".encode()).hexdigest()[:32],
            "city_id": part.city, "source_app": part.app, "source_dataset": part.dataset, "source_record_id": own, "agency_id": "kominfo",
            "urusan_code": "2.16", "region_code": "35.22.01", "region_level": "district", "region_match": "code", "region_score": Decimal(100),
            "event_at": START, "event_on": START.date(), "reported_at": None, "ingested_at": part.committed_at, "quality_flags": "[]",
            "lineage_batch_id": part.slice_id, "raw_sha256": hashlib.sha256(part.slice_id.encode()).hexdigest(), "title": f"Laporan {own}", "slice_row": place,
        } | given  # fmt: skip
        content = {name: value for name, value in given.items() if name != "raw_sha256"}
        row["row_hash"] = hashlib.sha256(repr(sorted((own, str(content)))).encode()).hexdigest()[:32]
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=standard_schema(of))


def pull(
    number: int, of: Category, *items: dict[str, Any] | str, **changes: Any
) -> tuple[SliceManifest, list[pa.Table]]:
    """A slice and its records, ready for merge."""
    part = manifest(number, len(items), of=of, **changes)
    return part, [records(part, of, *items)]


def contents(warehouse: Warehouse, name: str, *, without: set[str] = frozenset()) -> list[dict[str, Any]]:  # type: ignore[assignment]
    """Every row of a table as dicts, in order of its text."""
    table = warehouse.metadata.tables[name]
    with warehouse.engine.connect() as connection:
        found = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
    rows = [{key: value for key, value in row.items() if key not in without} for row in found]
    return sorted(rows, key=lambda row: str(list(row.values())))


def history(warehouse: Warehouse, of: Category, app: str = "lapor") -> dict[str, list[tuple[Any, ...]]]:
    """core.<category>_history of one app, by source_record_id: hour from and to, change, end, title; oldest first."""
    with warehouse.engine.connect() as connection:
        found = connection.execute(
            sa.text(
                "select source_record_id, version_from, version_to, version_change, version_end, title "
                f"from core.{of.id}_history where source_app = :app order by 1, 2"
            ),
            {"app": app},
        )
        versions: dict[str, list[tuple[Any, ...]]] = {}
        for own, begin, end, change, ending, title in found:
            versions.setdefault(own, []).append((_hour(begin), _hour(end), change, ending, title))
    return versions


def _hour(at: datetime | None) -> float | None:
    """Hours since START; a text of a database without zone is in UTC."""
    if at is None:
        return None
    hours = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - START) / timedelta(hours=1)
    return int(hours) if hours == int(hours) else hours


def core(warehouse: Warehouse, of: Category) -> dict[str, dict[str, Any]]:
    """core.<category> by source_record_id, which must be unique."""
    rows = contents(warehouse, f"core.{of.id}")
    by_id = {row["source_record_id"]: row for row in rows}
    assert len(by_id) == len(rows)
    return by_id
