"""Valid standard records made from a category's declaration, and tables of them. Knows nothing of the validation."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from opg_pipeline.lake import standard_schema
from opg_pipeline.model.category import BetweenRule, Category, CategoryField, MatchRule

Record = dict[str, Any]

DAY = date(2026, 5, 4)
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
TEXTS = (
    "some text", "https://example.org/a", "2026-05", "47111", "A09", "1.02.03", "1.02.03.2.01", "1.02.03.2.01.0004",
    "07.4", "IV/a",
)  # fmt: skip


def _texts(category: Category, item: CategoryField) -> str:
    wanted = [item.pattern] if item.pattern else []
    wanted += [rule.regex for rule in category.rules if isinstance(rule, MatchRule) and rule.field == item.name]
    for text in TEXTS:
        if all(re.fullmatch(regex, text) for regex in wanted):
            return text
    raise AssertionError(f"add a text that fits {wanted} to TEXTS")


def bounds(category: Category, name: str) -> tuple[Decimal, Decimal]:
    """The tightest declared bounds of a number field."""
    item = category.field(name)
    rules = [rule for rule in category.rules if isinstance(rule, BetweenRule) and rule.field == name]
    low = [Decimal(str(item.min))] if item.min is not None else []
    high = [Decimal(str(item.max))] if item.max is not None else []
    low += [rule.min for rule in rules if isinstance(rule.min, Decimal)]
    high += [rule.max for rule in rules if isinstance(rule.max, Decimal)]
    return max(low, default=Decimal(-1000)), min(high, default=Decimal(1000000))


def value(category: Category, item: CategoryField) -> Any:
    """A value that fits every declaration about one field."""
    if item.values is not None:
        return item.values[0]
    if item.type in {"string", "text"}:
        return _texts(category, item)
    if item.type == "integer" or item.is_decimal:
        low, high = bounds(category, item.name)
        number = min(max(low, Decimal(2)), high)
        return int(number) if item.type == "integer" else number
    return {"boolean": True, "date": DAY, "timestamp": NOON, "list": "[]", "map": "{}", "geojson": '{"type":"Point"}'}[
        item.type
    ]


def record(category: Category, **changes: Any) -> Record:
    """A record with every field given and right, with ``changes``."""
    envelope: Record = {
        "record_uid": "0" * 32, "city_id": "bojonegoro", "source_app": "app", "source_dataset": "records",
        "source_record_id": "1", "agency_id": "dinkes", "urusan_code": "1.02", "region_code": "35.22.15.1001",
        "region_level": "village", "region_match": "code", "region_score": Decimal(100), "event_at": NOON,
        "event_on": DAY, "reported_at": NOON, "ingested_at": NOON, "quality_flags": "[]", "lineage_batch_id": "b",
        "raw_sha256": "0" * 64, "row_hash": "0" * 32, "slice_row": 0,
    }  # fmt: skip
    return envelope | {item.name: value(category, item) for item in category.stored_fields} | changes


def table(category: Category, records: list[Record]) -> pa.Table:
    return pa.Table.from_pylist(records, schema=standard_schema(category))
