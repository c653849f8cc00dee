"""Fills mart.measure_definition and mart.context_note from the catalogue. Reads no record."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.pack import Pack
from opg_pipeline.publish.rows import replace_rows
from opg_pipeline.publish.tables import mart_table


def rebuild_notes_and_definitions(connection: sa.Connection, catalog: Catalog) -> int:
    """Write the definition of every measure and every partner's note; returns how many rows."""
    packs = {(item.category, pack.measure_id(item.id)): pack for pack in catalog.packs for item in pack.measures}
    definitions = [
        {
            "category_id": category.id,
            "category_label_en": category.label.en,
            "category_label_id": category.label.id,
            "standard": category.standard,
            "measure_id": measure.id,
            "label_en": measure.label.en,
            "label_id": measure.label.id,
            "concept": measure.concept,
            "definition": measure.definition,
            "interpretation": measure.interpretation,
            "unit": measure.unit,
            "aggregation": measure.aggregation,
            "value_rule": None if measure.value is None else _json(measure.value.model_dump(exclude_none=True)),
            "conditions": _json(measure.where),
            "numerator": None if measure.numerator is None else _json(measure.numerator),
            "breakdown_fields": _json(measure.by),
            **_pack(packs.get((category.id, measure.id))),
            "period_grain": measure.period,
            "not_counted": measure.not_counted,
            "min_cell": measure.min_cell,
            "steward": measure.steward,
            "review_by": measure.review,
        }
        for category in sorted(catalog.categories.values(), key=lambda item: item.id)
        for measure in sorted(category.measures, key=lambda item: item.id)
    ]
    notes = [
        {
            "city_id": city,
            "note_id": note.id,
            "kind": note.kind,
            "title": note.title,
            "author": note.author,
            "measure_ids": _json(note.measures),
            "region_codes": _json(note.regions),
            "valid_from": note.from_,
            "valid_to": note.to,
            "body": body,
        }
        for city, entry in sorted(catalog.cities.items())
        for note, body in sorted(entry.notes, key=lambda item: item[0].id)
    ]
    return replace_rows(connection, mart_table("measure_definition"), definitions) + replace_rows(
        connection, mart_table("context_note"), notes
    )


def _pack(pack: Pack | None) -> dict[str, str]:
    told = ("", "", "", "") if pack is None else (pack.id, pack.title.en, pack.author, pack.topic)
    return dict(zip(("pack_id", "pack_title", "pack_author", "pack_topic"), told, strict=True))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
