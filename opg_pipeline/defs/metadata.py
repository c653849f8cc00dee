"""What the Dagster UI shows of an asset: columns, their origin, tags, owners. Built from declarations alone."""

from __future__ import annotations

import re
from typing import Any

import dagster as dg

from opg_pipeline.model.app import FieldMap
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
    source = raw_key(ref)

    def deps(mapping: FieldMap) -> list[dg.TableColumnDep]:
        extra = (mapping.scale.from_,) if mapping.scale and mapping.scale.from_ else ()
        return [dg.TableColumnDep(source, path) for path in (*mapping.paths, *extra)]

    columns = {name: deps(mapping) for name, mapping in ref.dataset.fields.items() if deps(mapping)}
    if ref.dataset.region is not None and ref.dataset.region.paths:
        columns["region_code"] = [dg.TableColumnDep(source, path) for path in ref.dataset.region.paths]
    columns["source_record_id"] = [dg.TableColumnDep(source, path) for path in ref.dataset.key_paths]
    return dg.TableColumnLineage(columns)


def core_lineage(category: Category, refs: list[DatasetRef]) -> dg.TableColumnLineage:
    """Every core column comes from the column of the same name of every dataset that fills it."""
    columns: dict[str, list[dg.TableColumnDep]] = {}
    envelope = [name for name, _, _ in ENVELOPE]
    for ref in refs:
        filled = [item.name for item in category.stored_fields if item.name in ref.dataset.fields]
        for name in [*envelope, *filled]:
            columns.setdefault(name, []).append(dg.TableColumnDep(standard_key(ref), name))
    return dg.TableColumnLineage(columns)


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
