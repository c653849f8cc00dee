"""Tells the published measures in MetricFlow's YAML (semantic models and metrics), so that tools which read it ask for the right thing.

One semantic model is one view mart.wide_<category>. Each measure becomes two metrics, of the whole city and by district: added
together they would count everything twice. What cannot be added up over time (shares, medians, means) is taken from the last
period asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.category import Category, Measure
from opg_pipeline.publish.tables import SCHEMA
from opg_pipeline.publish.views import wide_view

_GRAINS = ("day", "month", "quarter", "year")
_LEVELS = {"": ("regency", "the whole city"), "_by_district": ("district", "each district")}


def semantic_description(catalog: Catalog) -> str:
    """The YAML documents, one per semantic model and metric."""
    documents: list[dict[str, Any]] = []
    for category in sorted(catalog.used_categories, key=lambda item: item.id):
        if category.measures:
            measures = sorted(category.measures, key=lambda item: item.id)
            documents.append({"semantic_model": _model(category, measures)})
            documents += [{"metric": metric} for measure in measures for metric in _metrics(category, measure)]
    return yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False, width=120)


def _model(category: Category, measures: list[Measure]) -> dict[str, Any]:
    view = wide_view(category)
    grain = min((measure.period for measure in measures), key=_GRAINS.index)
    words = ["city_id", "period_grain", "region_code", "region_name", "region_level"]
    words += [name for name in ("breakdown_fields", "breakdown") if name in view.comments]
    return {
        "name": category.id,
        "label": category.label.en,
        "description": view.comment.partition(" | ")[0],
        "node_relation": {"schema_name": SCHEMA, "alias": view.name},
        "defaults": {"agg_time_dimension": "period_start"},
        "entities": [{"name": _entity(category), "type": "primary", "expr": " || '|' || ".join(words[:3] + words[5:])}],
        "dimensions": [
            {"name": "period_start", "type": "time", "type_params": {"time_granularity": grain}},
            *({"name": name, "type": "categorical", "description": _english(view.comments[name])} for name in words),
        ],
        "measures": [
            item
            for measure in measures
            for item in (_measure(category, measure, view.comments), _records(category, measure, view.comments))
        ],
    }


def _entity(category: Category) -> str:
    return f"{category.id}_cell"


def _measure(category: Category, measure: Measure, comments: dict[str, str]) -> dict[str, Any]:
    adds = measure.aggregation in {"count", "sum"}
    told: dict[str, Any] = {
        "name": f"{category.id}_{measure.id}",
        "expr": measure.id,
        "description": _english(comments[measure.id]),
        "agg": "sum" if adds else "max",
    }
    return told if adds else {**told, "non_additive_dimension": {"name": "period_start", "window_choice": "max"}}


def _records(category: Category, measure: Measure, comments: dict[str, str]) -> dict[str, Any]:
    name = f"{measure.id}_n"
    return {"name": f"{category.id}_{name}", "expr": name, "description": _english(comments[name]), "agg": "sum"}


def _metrics(category: Category, measure: Measure) -> Iterator[dict[str, Any]]:
    for ending, (level, where) in _LEVELS.items():
        split = f" Group by breakdown: {', '.join(measure.by)}." if measure.by else ""
        yield {
            "name": f"{category.id}_{measure.id}{ending}",
            "label": f"{measure.label.en}, {where}",
            "description": f"{measure.definition} {measure.interpretation} Not counted: {measure.not_counted}{split}",
            "type": "simple",
            "type_params": {"measure": f"{category.id}_{measure.id}"},
            "filter": f"{{{{ Dimension('{_entity(category)}__region_level') }}}} = '{level}'",
        }


def _english(comment: str) -> str:
    return comment.partition(" | ")[0]
