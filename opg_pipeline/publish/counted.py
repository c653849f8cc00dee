"""core.<category>_counted: the records behind each published cell, with the raw answer and the request they came by.

In schema core, for those who may read single records: beside the cells of other measures and regions, the records of one cell would
tell what a hidden one holds (docs/adr/0022-warehouse.md). Statements only; the load room makes the views.
"""

from __future__ import annotations

import sqlalchemy as sa

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.category import Category, Measure
from opg_pipeline.publish.aggregate import counted
from opg_pipeline.publish.measures import BREAKDOWN
from opg_pipeline.publish.tables import SCHEMA, mart_metadata
from opg_pipeline.publish.views import MartView

_CELL: dict[str, str] = {
    "city_id": "City | Kota atau kabupaten",
    "measure_id": "Measure of the cell | Ukuran sel",
    "breakdown": "Breakdown of the cell | Rincian sel",
    "period_grain": "Length of the period | Panjang periode",
    "period_start": "First day of the period | Hari pertama periode",
    "region_code": "Region of the cell | Wilayah sel",
    "region_level": "regency or district | regency (kabupaten) atau district (kecamatan)",
}
_RECORD: dict[str, str] = {
    "record_uid": "The record in core | Rekaman dalam core",
    "source_app": "App it came from | Aplikasi asal",
    "source_dataset": "Dataset of the app | Dataset aplikasi",
    "source_record_id": "Its identifier there; a token where that is personal | Pengenalnya di sana; token bila bersifat pribadi",
    "lineage_batch_id": "The pull it came in, see ops.slice | Penarikan pembawanya, lihat ops.slice",
    "raw_sha256": "The archived answer that holds it | Jawaban terarsip yang memuatnya",
}
_REQUEST: dict[str, str] = {
    "page": "Which answer of the pull that was, from 1; empty for pulls from before this was kept | Urutan jawaban dalam penarikan; kosong untuk penarikan lama",
    "method": "HTTP method of the request | Metode HTTP permintaan",
    "url": "Address that was asked, its secrets struck out | Alamat yang diminta, tanpa rahasia",
    "fetched_at": "When it was asked | Waktu permintaan",
}


def counted_views(catalog: Catalog) -> list[MartView]:
    """The view of every used category that has measures."""
    zones = {city: entry.city.timezone for city, entry in sorted(catalog.cities.items())}
    used = sorted(catalog.used_categories, key=lambda item: item.id)
    return [_view(category, zones) for category in used if category.measures]


def _view(category: Category, zones: dict[str, str]) -> MartView:
    records = sa.union_all(
        *(
            _branch(category, measure, zones, districts=districts)
            for measure in sorted(category.measures, key=lambda item: item.id)
            for districts in (False, True)
        )
    ).subquery("records")
    answer = sa.table("raw_answer", *map(sa.column, ("slice_id", "raw_sha256", *_REQUEST)), schema="ops")
    came = sa.and_(answer.c.slice_id == records.c.lineage_batch_id, answer.c.raw_sha256 == records.c.raw_sha256)
    return MartView(
        f"{category.id}_counted",
        sa.select(*records.c, *(answer.c[name] for name in _REQUEST)).select_from(records.outerjoin(answer, came)),
        f"The records behind each published cell of: {category.label.en}. One row per cell and record; none for a hidden cell. "
        f"| Rekaman di balik setiap sel terbitan: {category.label.id}. Satu baris per sel dan rekaman; tidak ada untuk sel tersembunyi.",
        _CELL | _RECORD | _REQUEST,
        (f"core.{category.id}", "core.dim_region", f"{SCHEMA}.measure", "ops.raw_answer"),
        "core",
    )


def _branch(
    category: Category, measure: Measure, zones: dict[str, str], *, districts: bool
) -> sa.Select[tuple[object]]:
    base, _ = counted(category, measure, zones, districts=districts, also=tuple(_RECORD))
    cell = mart_metadata().tables[f"{SCHEMA}.measure"].alias()
    parts = [base.c[f"by_{place}"] for place in range(len(measure.by))]
    breakdown: sa.ColumnElement[str] = sa.literal("", sa.Text())
    for place, part in enumerate(parts):
        breakdown = part if place == 0 else breakdown + BREAKDOWN + part
    same = [
        cell.c.category_id == category.id,
        cell.c.measure_id == measure.id,
        cell.c.region_level == ("district" if districts else "regency"),
        cell.c.city_id == base.c.city_id,
        cell.c.period_start == base.c.period,
        cell.c.breakdown == breakdown,
        sa.not_(cell.c.suppressed),
        *([cell.c.region_code == base.c.district] if districts else []),
    ]
    return sa.select(*(cell.c[name] for name in _CELL), *(base.c[name] for name in _RECORD)).select_from(
        base.join(cell, sa.and_(*same))
    )
