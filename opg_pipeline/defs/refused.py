"""Puts records that a rule of the warehouse refused into quarantine, beside those that normalise refused. Judges nothing."""

from __future__ import annotations

from collections import Counter

import orjson
import pyarrow as pa

from opg_pipeline.lake import QUARANTINE_SCHEMA, DatasetKey, Lake, standard_schema
from opg_pipeline.model.category import Category
from opg_pipeline.model.handover import SLICE_ROW, SliceManifest
from opg_pipeline.normalise.reasons import value_class
from opg_pipeline.validate import Report

RULE_FAILED = "rule_failed"
"""The reason of what validation refuses; the rule says which."""
RULES = ".rules-"
"""Part of the names of its files, between the slice and the first row of the part that was judged."""


def quarantine_failing(
    lake: Lake, key: DatasetKey, category: Category, manifest: SliceManifest, part: pa.Table, start: int, report: Report
) -> Counter[tuple[str, str, str, str]]:
    """Write the records of one slice that a row rule refused, one entry per rule; returns their counts.

    Args:
        part: records of the slice; ``start`` is where they begin in what was judged.
    """
    entries: list[dict[str, object]] = []
    severe = {result.rule for result in report.results if result.severity == "quarantine"}
    for rule, positions in report.failing.items():
        if rule not in severe:
            continue
        name = field_of(category, rule)
        mine = positions[(positions >= start) & (positions < start + part.num_rows)] - start
        for row in part.take(pa.array(mine)).to_pylist():
            value = row.get(name)
            entries.append(
                {
                    "record_uid": row["record_uid"],
                    "scope": "record",
                    "reason": RULE_FAILED,
                    "rule": rule,
                    "field": name,
                    "value_class": value_class(None if value is None else str(value)),
                    "raw_sha256": row["raw_sha256"],
                    SLICE_ROW: row[SLICE_ROW],
                    "payload": orjson.dumps(row, default=str),
                }
            )
    first = part.column(SLICE_ROW)[0].as_py()
    table = pa.Table.from_pylist(entries, schema=QUARANTINE_SCHEMA)
    lake.write_quarantine(key, f"{manifest.slice_id}{RULES}{first}", table)
    return Counter(("record", RULE_FAILED, str(entry["rule"]), str(entry["field"])) for entry in entries)


def field_of(category: Category, rule: str) -> str:
    """The field a row rule looks at, of an order the later one; empty where it looks at several."""
    for declared in category.rules:
        if rule == f"{declared.type}:{declared.id}":
            return str(getattr(declared, "field", None) or getattr(declared, "later", None) or "")
    name = rule.partition(":")[2] or rule
    return name if name in standard_schema(category).names else ""
