"""Category -> SQLAlchemy tables: schema core's facts and their past versions, and the types and comments every table shares.

The tables of ops stand in ops_tables.py, the dimensions in dimensions.py, the view over both kinds of versions in history.py.
Nothing here talks to a database.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opg_pipeline.load.records import WarehouseError
from opg_pipeline.model.category import Category, CategoryField
from opg_pipeline.model.handover import ENVELOPE, ENVELOPE_NULLABLE, SLICE_ROW

CORE, MART, OPS = "core", "mart", "ops"

VERSION_FROM = ("version_from", "timestamp", "Since when the record stood as this row says: when the pull that told so was committed.", "Sejak kapan rekaman seperti pada baris ini: waktu penarikan yang memuatnya tersimpan.")  # fmt: skip
VERSION_CHANGE = ("version_change", "string", "What began the version: new, changed, restated (the same answer, declared otherwise) or revived.", "Awal versi: new (baru), changed (berubah), restated (jawaban sama, deklarasi lain), atau revived (muncul kembali).")  # fmt: skip
HISTORY: tuple[tuple[str, str, str, str], ...] = (
    ("first_seen_at", "timestamp", "When the pull that first held the record was committed.", "Waktu penarikan yang pertama kali memuat rekaman."),
    ("last_changed_at", "timestamp", "When the pull that brought the record's present content was committed.", "Waktu penarikan yang membawa isi rekaman saat ini."),
    ("vanished_at", "timestamp", "When a complete pull no longer held the record; empty while it is there.", "Waktu penarikan lengkap tidak lagi memuat rekaman; kosong selama masih ada."),
    VERSION_FROM,
    VERSION_CHANGE,
)  # fmt: skip
"""Columns that load adds to a standard record: name, type, meaning in English, meaning in Indonesian."""

PAST: tuple[tuple[str, str, str, str], ...] = (
    HISTORY[0],
    VERSION_FROM,
    ("version_to", "timestamp", "Until when it stood so; empty while it does.", "Sampai kapan keadaan itu berlaku; kosong selama masih berlaku."),
    VERSION_CHANGE,
    ("version_end", "string", "What ended the version: changed, restated or vanished; empty while it stands.", "Akhir versi: changed (berubah), restated (dinyatakan ulang), atau vanished (hilang); kosong selama masih berlaku."),
)  # fmt: skip
"""The same of a version in the history."""

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


_ALWAYS = frozenset({"first_seen_at", "last_changed_at"})
"""Of HISTORY, what is never empty. A warehouse from before versions were kept has none for records it already held."""


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
    taken = {name for name, *_ in (*ENVELOPE, *HISTORY, *PAST)} | {SLICE_ROW}
    for item in category.stored_fields:
        if item.name in taken:
            raise WarehouseError(
                f"Category {category.id}: the field {item.name} has the name of a column that every record has. Rename the field."
            )
    columns = _record_columns(category, keyed=keyed)
    columns += [column(*item, null=item[0] not in _ALWAYS) for item in HISTORY]
    table = sa.Table(
        category.id,
        metadata,
        *columns,
        schema=CORE,
        comment=table_comment(category),
    )
    if keyed:
        sa.Index(f"ix_{category.id}_source", table.c.source_app, table.c.source_dataset)
        sa.Index(f"ix_{category.id}_event_on", table.c.event_on)
        sa.Index(f"ix_{category.id}_region", table.c.region_code)
    return table


def past_table(category: Category, metadata: sa.MetaData, *, keyed: bool) -> sa.Table:
    """core.<category>_past: versions of records that were replaced, or of records that vanished and came back.

    The version that stands, and the last one of a vanished record, are in core.<category>; the view of history.py shows all.
    ``keyed`` declares an index. Only the merge writes it.
    """
    table = sa.Table(
        f"{category.id}_past",
        metadata,
        *_record_columns(category, keyed=False),
        *(column(*item, null=False) for item in PAST),
        schema=CORE,
        comment=f"Versions behind core.{category.id}_history, which is what to read. | Versi di balik core.{category.id}_history; bacalah yang terakhir ini.",
    )
    if keyed:
        sa.Index(f"ix_{category.id}_past_record", table.c.record_uid)
    return table


def table_comment(category: Category) -> str:
    """What a category's table holds."""
    return f"{category.label.en} | {category.label.id}. {category.grain} ({category.standard})"


def _record_columns(category: Category, *, keyed: bool) -> list[sa.Column[Any]]:
    envelope = [
        column(
            name, kind, meaning, _ENVELOPE_ID[name], null=name in ENVELOPE_NULLABLE, key=keyed and name == "record_uid"
        )
        for name, kind, meaning in ENVELOPE
    ]
    own = [
        sa.Column(item.name, sql_type(item.type), nullable=True, comment=_comment(item))
        for item in category.stored_fields
    ]
    return [*envelope, *own]


def _comment(item: CategoryField) -> str:
    text = f"{item.label.en} | {item.label.id}"
    if item.unit:
        text += f" ({item.unit})"
    if item.description:
        text += f". {item.description}"
    if item.values is None:
        return text
    return f"{text.rstrip('.')}. One of: {item.told_values('en')} | Salah satu: {item.told_values('id')}"
