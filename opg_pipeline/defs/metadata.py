"""What the Dagster UI shows of an asset: columns, their origin, tags, owners. Built from declarations alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import dagster as dg

from opg_pipeline.model import lineage
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.category import Category
from opg_pipeline.model.handover import ENVELOPE, ENVELOPE_NULLABLE


def raw_key(ref: DatasetRef) -> dg.AssetKey:
    return dg.AssetKey(["raw", ref.city.id, ref.app.id, ref.dataset.id])


def standard_key(ref: DatasetRef) -> dg.AssetKey:
    return dg.AssetKey(["standard", ref.city.id, ref.app.id, ref.dataset.id])


def core_key(category: Category) -> dg.AssetKey:
    return dg.AssetKey(["core", category.id])


def tag(value: str) -> str:
    """``value`` in the alphabet Dagster permits in tags."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", value)[:63]


def owner(name: str) -> str:
    return "team:" + re.sub(r"[^A-Za-z0-9_-]", "_", name)


def column_schema(category: Category) -> dg.TableSchema:
    """Columns of a category's standard files and core table."""
    columns = [
        dg.TableColumn(name, kind, meaning, constraints=dg.TableColumnConstraints(nullable=name in ENVELOPE_NULLABLE))
        for name, kind, meaning in ENVELOPE
    ]
    for item in category.stored_fields:
        unit = f" [{item.unit}]" if item.unit else ""
        columns.append(
            dg.TableColumn(
                item.name,
                item.type,
                f"{item.label.en} | {item.label.id}{unit}. {item.description}".strip(),
                constraints=dg.TableColumnConstraints(nullable=not item.required),
                tags={"privacy": item.privacy},
            )
        )
    return dg.TableSchema(columns=columns)


def standard_lineage(ref: DatasetRef) -> dg.TableColumnLineage:
    """Which source paths each standard column is read from."""
    return _lineage(edge for edge in lineage.into_standard(ref) if edge.source[0] != lineage.DECLARED)


def core_lineage(category: Category, refs: list[DatasetRef]) -> dg.TableColumnLineage:
    """Every core column comes from the column of the same name of every dataset that fills it."""
    return _lineage(lineage.into_core(category, refs))


def measure_lineage(categories: Iterable[Category]) -> dg.TableColumnLineage:
    """Which core columns the published numbers are made of."""
    edges = (edge for item in categories for measure in item.measures for edge in lineage.into_measure(item, measure))
    return _lineage(edge for edge in edges if edge.target == lineage.MEASURE)


def _lineage(edges: Iterable[lineage.Edge]) -> dg.TableColumnLineage:
    columns: dict[str, dict[dg.TableColumnDep, None]] = {}
    for edge in edges:
        columns.setdefault(edge.target_column, {})[dg.TableColumnDep(dg.AssetKey(edge.source), edge.source_column)] = (
            None
        )
    return dg.TableColumnLineage({name: list(deps) for name, deps in columns.items()})


def app_tags(ref: DatasetRef) -> dict[str, str]:
    return {
        "opg/app": tag(ref.app.id),
        "opg/agency": tag(ref.app.agency),
        "opg/urusan": tag(ref.app.urusan),
        "opg/category": tag(ref.category.id),
        "opg/cadence": tag(ref.app.cadence),
        "opg/interface": tag(ref.app.evidence.interface),
    }


def declared(ref: DatasetRef) -> dict[str, Any]:
    """Definition-time metadata of a dataset's assets."""
    return {
        "app": f"{ref.app.name} ({ref.city.name})",
        "agency": ref.city.agency(ref.app.agency).name,
        "category": ref.category.id,
        "nature": ref.dataset.nature,
        "interface": ref.app.evidence.interface,
    }
