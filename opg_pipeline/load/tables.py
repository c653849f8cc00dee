"""Category -> SQLAlchemy table: schema core's fact tables, and the types and comments every table shares.

The tables of ops stand in ops_tables.py, the dimensions in dimensions.py. Nothing here talks to a database.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opg_pipeline.load.records import WarehouseError
from opg_pipeline.model.category import Category, CategoryField
from opg_pipeline.model.handover import ENVELOPE, ENVELOPE_NULLABLE, SLICE_ROW

CORE, MART, OPS = "core", "mart", "ops"

HISTORY: tuple[tuple[str, str, str], ...] = (
    ("first_seen_at", "When the pull that first held the record was committed.", "Waktu penarikan yang pertama kali memuat rekaman."),
    ("last_changed_at", "When the pull that brought the record's present content was committed.", "Waktu penarikan yang membawa isi rekaman saat ini."),
    ("vanished_at", "When a complete pull no longer held the record; empty while it is there.", "Waktu penarikan lengkap tidak lagi memuat rekaman; kosong selama masih ada."),
)  # fmt: skip
"""Columns that load adds to a standard record: name, meaning in English, meaning in Indonesian."""

_ENVELOPE_ID: dict[str, str] = {
    "record_uid": "Sidik tetap rekaman: 128 bit sha256(kota|aplikasi|dataset|source_record_id).",
    "city_id": "Kota atau kabupaten dalam katalog.",
    "source_app": "Aplikasi dalam katalog.",
    "source_dataset": "Dataset aplikasi.",
    "source_record_id": "Pengenal persis seperti dikirim; token berkunci bila bersifat pribadi.",
    "agency_id": "Perangkat daerah (OPD) penanggung jawab.",
    "urusan_code": "Urusan pemerintahan, Permendagri 90/2019.",
    "region_code": "Kode Kemendagri, 35.22[.kk[.dddd]]; kosong bila tidak diketahui.",
    "region_level": "regency (kabupaten), district (kecamatan), atau village (desa/kelurahan).",
    "region_match": "Cara tempat menjadi kode: code, exact_name, alias, fuzzy, none.",
    "region_score": "Kemiripan nama 0 sampai 100; 100 untuk kode.",
    "event_at": "Waktu kejadian.",
    "event_on": "Hari kejadian menurut zona waktu kota.",
    "reported_at": "Waktu pelaporan.",
    "ingested_at": "Waktu data ditarik.",
    "quality_flags": "Hal yang meragukan pada rekaman (daftar JSON).",
    "lineage_batch_id": "Penarikan (slice) asal rekaman, lihat ops.slice.",
    "raw_sha256": "Alamat jawaban mentah yang memuat rekaman.",
    "row_hash": "Sidik 128 bit isi rekaman, untuk mengenali perubahan.",
}


def sql_type(declared: str) -> sa.types.TypeEngine[Any]:
    """SQL type of a declared field type. Enumerations and JSON (list, map, geojson) are text."""
    if declared.startswith("decimal"):
        precision, scale = declared[8:-1].split(",")
        return sa.Numeric(int(precision), int(scale))
    kinds: dict[str, sa.types.TypeEngine[Any]] = {
        "integer": sa.BigInteger(),
        "boolean": sa.Boolean(),
        "date": sa.Date(),
        "timestamp": sa.DateTime(timezone=True),
    }
    return kinds.get(declared, sa.Text())


def column(name: str, declared: str, en: str, id_: str, *, null: bool = False, key: bool = False) -> sa.Column[Any]:
    """A column with its comment in both languages."""
    return sa.Column(
        name,
        sql_type(declared),
        nullable=null and not key,
        primary_key=key,
        autoincrement=False,
        comment=f"{en} | {id_}",
    )


def standard_columns(category: Category) -> list[str]:
    """Names of the columns a standard record brings into core, in order."""
    return [name for name, _, _ in ENVELOPE] + [item.name for item in category.stored_fields]


def core_table(category: Category, metadata: sa.MetaData, *, keyed: bool) -> sa.Table:
    """core.<category>: the envelope, the stored fields, the history columns.

    The category's own fields are nullable even where they are required: what a record must have is held by normalise and
    validate, and a field that becomes required later leaves older records as they are. ``keyed`` declares the primary key
    and the indexes; without it (DuckDB) the merge alone keeps record_uid unique.

    Raises:
        WarehouseError: a field has the name of a column of the envelope or of the history.
    """
    taken = {name for name, _, _ in (*ENVELOPE, *HISTORY)} | {SLICE_ROW}
    for item in category.stored_fields:
        if item.name in taken:
            raise WarehouseError(
                f"Category {category.id}: the field {item.name} has the name of a column that every record has. Rename the field."
            )
    columns = [
        column(
            name, kind, meaning, _ENVELOPE_ID[name], null=name in ENVELOPE_NULLABLE, key=keyed and name == "record_uid"
        )
        for name, kind, meaning in ENVELOPE
    ]
    columns += [
        sa.Column(item.name, sql_type(item.type), nullable=True, comment=_comment(item))
        for item in category.stored_fields
    ]
    columns += [column(name, "timestamp", en, id_, null=name == "vanished_at") for name, en, id_ in HISTORY]
    table = sa.Table(
        category.id,
        metadata,
        *columns,
        schema=CORE,
        comment=f"{category.label.en} | {category.label.id}. {category.grain} ({category.standard})",
    )
    if keyed:
        sa.Index(f"ix_{category.id}_source", table.c.source_app, table.c.source_dataset)
        sa.Index(f"ix_{category.id}_event_on", table.c.event_on)
        sa.Index(f"ix_{category.id}_region", table.c.region_code)
    return table


def _comment(item: CategoryField) -> str:
    text = f"{item.label.en} | {item.label.id}"
    if item.unit:
        text += f" ({item.unit})"
    return f"{text}. {item.description}" if item.description else text
