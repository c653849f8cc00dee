"""Arrow schemas of the files of the lake: standard records by category, and what waits. Declarations only; nothing is read or written."""

from __future__ import annotations

import pyarrow as pa

from opg_pipeline.model.category import Category, CategoryField
from opg_pipeline.model.handover import ENVELOPE, ENVELOPE_NULLABLE, SLICE_ROW


def arrow_type(declared: str) -> pa.DataType:
    """Arrow type of a declared field type. list, map and geojson are JSON text."""
    if declared.startswith("decimal"):
        precision, scale = declared[8:-1].split(",")
        return pa.decimal128(int(precision), int(scale))
    return {
        "integer": pa.int64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", tz="UTC"),
    }.get(declared, pa.string())


def standard_schema(category: Category) -> pa.Schema:
    """Arrow schema of a category's standard files: the envelope, the stored fields, and the row's place in its slice."""
    envelope = [pa.field(name, arrow_type(kind), nullable=name in ENVELOPE_NULLABLE) for name, kind, _ in ENVELOPE]
    own = [pa.field(item.name, arrow_type(item.type), nullable=not _strict(item)) for item in category.stored_fields]
    return pa.schema([*envelope, *own, pa.field(SLICE_ROW, pa.int64(), nullable=False)])


def _strict(item: CategoryField) -> bool:
    return item.required and not item.required_unless


QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field("record_uid", pa.string()),
        pa.field("scope", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("value_class", pa.string(), nullable=False),
        pa.field("raw_sha256", pa.string()),
        pa.field(SLICE_ROW, pa.int64(), nullable=False),
        pa.field("payload", pa.binary(), nullable=False),
    ]
)
"""What waits. scope: record (not loaded) or value (record loaded without it). reason: a closed code such as
required_missing, bad_number. value_class: the shape of the value (`99-Aaa-9999`), never the value.
payload: the source record as JSON, encrypted when the lake has a key."""
