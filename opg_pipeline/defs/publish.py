"""From committed slices to what BI reads: validate, merge, measures, scorecard, open data. Composition only; no Dagster here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from opg_pipeline.defs.deployment import Deployment, dataset_key
from opg_pipeline.defs.refused import RULES, quarantine_failing
from opg_pipeline.defs.warehouse import migrate
from opg_pipeline.lake import DatasetKey, Lake, standard_schema
from opg_pipeline.load import Merge, MergeReport, ValidationRow, Warehouse, merged_revisions
from opg_pipeline.model.category import Category
from opg_pipeline.model.handover import SliceManifest
from opg_pipeline.publish import (
    MEASURES,
    OPEN_DATA,
    PUBLISHED,
    MeasureReport,
    basis,
    export_open_data,
    note_published,
    publish_copy,
    published,
    rebuild_crosswalk,
    rebuild_lineage,
    rebuild_measures,
    rebuild_notes_and_definitions,
    rebuild_scorecard,
    renew_confirmed,
)
from opg_pipeline.validate import Report, RuleResult, validate

VALIDATE_ROWS = 120_000
"""Records that one suite run judges at once; bounds the memory of publish."""


@dataclass
class CategorySummary:
    """What publish did with one category. ``error`` is for people and non-empty when nothing of it was loaded."""

    category: str
    slices: int = 0
    rows: int = 0
    merged: MergeReport | None = None
    results: dict[str, RuleResult] = field(default_factory=dict)
    quarantined: int = 0
    blocked: list[str] = field(default_factory=list)
    error: str = ""


@dataclass
class PublishReport:
    """What one publish run did. ``seconds`` by step; ``nothing_new``: the numbers were left as they are."""

    categories: dict[str, CategorySummary] = field(default_factory=dict)
    measures: MeasureReport | None = None
    outcomes: int = 0
    waiting: list[dict[str, Any]] = field(default_factory=list)
    """Rows of ops.quarantine."""
    nothing_new: bool = False
    copy: Path | None = None
    open_data: int = 0
    problems: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


publish_reports: dict[str, PublishReport] = {}
"""Reports of publish runs of this process by run id, for the caller that started them."""


def prepare(deployment: Deployment, warehouse: Warehouse) -> int:
    """Tables, dimensions and the outcomes of every ingest run not yet in ops. Returns the number of new outcomes."""
    migrate(deployment, warehouse)
    warehouse.refresh_dimensions()
    city = deployment.city.city.id
    known = warehouse.outcome_runs(city)
    fresh = [
        record
        for run in deployment.lake.outcome_runs(city)
        if run not in known
        for record in deployment.lake.outcomes(city, run)
    ]
    return warehouse.record_outcomes(fresh)


def load_category(deployment: Deployment, warehouse: Warehouse, category: Category) -> CategorySummary:
    """Validate and merge every slice of a category that is not in core yet, in one transaction.

    A dataset of which slices were made again from raw is taken out and comes in anew, with all of its slices.
    """
    summary = CategorySummary(category.id)
    pending, anew = _pending(deployment, warehouse, category)
    summary.slices = len(pending)
    if not pending:
        return summary
    with warehouse.merging(category) as merge:
        for dataset in anew:
            merge.anew(dataset)
            _forget_refusals(deployment.lake, DatasetKey(*dataset))
        for _, manifest in pending:
            merge.quarantined(
                manifest, {(scope, reason, rule, name): n for scope, reason, rule, name, n in manifest.waiting}
            )
            if manifest.quarantined and manifest.nature != "event":
                merge.waiting(manifest, deployment.lake.waiting_uids(manifest))
        for chunk in _chunks(deployment, category, pending):
            _judge(deployment, category, chunk, merge, summary)
        merge.validation([_validation_row(category, result) for result in summary.results.values()])
    summary.merged = merge.report
    return summary


def _pending(
    deployment: Deployment, warehouse: Warehouse, category: Category
) -> tuple[list[tuple[DatasetKey, SliceManifest]], list[tuple[str, str, str]]]:
    """Slices to merge, and the datasets that come in anew."""
    merged = merged_revisions(warehouse, category.id)
    pending: list[tuple[DatasetKey, SliceManifest]] = []
    anew: list[tuple[str, str, str]] = []
    for ref in deployment.catalog.datasets(deployment.city.city.id, active=False):
        if ref.category.id != category.id:
            continue
        key = dataset_key(ref)
        revisions = deployment.lake.revisions(key)
        again = any(merged.get(slice_id, revision) < revision for slice_id, revision in revisions.items())
        if again:
            anew.append((key.city, key.app, key.dataset))
        for slice_id in deployment.lake.slice_ids(key):
            if again or slice_id not in merged:
                manifest = deployment.lake.manifest(key, slice_id)
                if manifest.category == category.id:
                    pending.append((key, manifest))
    return pending, anew


def _forget_refusals(lake: Lake, key: DatasetKey) -> None:
    """Remove what the rules refused of a dataset: all of it is judged again."""
    for name in lake.quarantine_files(key):
        if RULES in name:
            lake.remove(name)


Part = tuple[DatasetKey, SliceManifest, pa.Table]


def _chunks(
    deployment: Deployment, category: Category, pending: Sequence[tuple[DatasetKey, SliceManifest]]
) -> Iterator[list[Part]]:
    """The pending records in groups of about VALIDATE_ROWS rows; a slice without records comes as an empty table."""
    schema = standard_schema(category)
    chunk: list[Part] = []
    rows = 0
    for key, manifest in pending:
        tables = (
            deployment.lake.read_standard(manifest, VALIDATE_ROWS)
            if manifest.standard
            else iter([schema.empty_table()])
        )
        for table in tables:
            chunk.append((key, manifest, table))
            rows += table.num_rows
            if rows >= VALIDATE_ROWS:
                yield chunk
                chunk, rows = [], 0
    if chunk:
        yield chunk


def _judge(
    deployment: Deployment, category: Category, chunk: list[Part], merge: Merge, summary: CategorySummary
) -> None:
    """Run the suite over one chunk; stage what passes, quarantine what does not, block what must not come in."""
    schema = standard_schema(category)
    table = pa.concat_tables([_in_present_shape(part, schema) for _, _, part in chunk])
    summary.rows += table.num_rows
    report = validate(category, table) if table.num_rows else Report(category.id, 0, ())
    _add_results(summary, report)
    if report.errors:
        raise ValidationBroken(category.id, report.errors)
    blocked_groups = {name for result in report.blocked for name in result.groups}
    bad = np.zeros(table.num_rows, dtype=bool)
    bad[report.quarantined] = True
    start = 0
    for key, manifest, part in chunk:
        end = start + part.num_rows
        if f"{manifest.app}/{manifest.dataset}" in blocked_groups and part.num_rows:
            reasons = "; ".join(
                r.description for r in report.blocked if f"{manifest.app}/{manifest.dataset}" in r.groups
            )
            merge.block(manifest, reasons)
            summary.blocked.append(f"{manifest.app}/{manifest.dataset}: {reasons}")
        else:
            mask = bad[start:end]
            if mask.any():
                counts = quarantine_failing(deployment.lake, key, category, manifest, part, start, report)
                merge.quarantined(manifest, counts)
                merge.waiting(manifest, part.column("record_uid").filter(pa.array(mask)).to_pylist())
                summary.quarantined += int(mask.sum())
                part = part.filter(pa.array(~mask))
            merge.add(manifest, part)
        start = end


def _in_present_shape(part: pa.Table, schema: pa.Schema) -> pa.Table:
    """A slice's records with the category's present columns: those it gained since are empty, those it lost are left to the merge."""
    columns = [
        part.column(field.name).cast(field.type)
        if field.name in part.column_names
        else pa.nulls(part.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=pa.schema([pa.field(field.name, field.type) for field in schema]))


class ValidationBroken(Exception):
    """A suite could not be run, so nothing it should judge is loaded."""

    def __init__(self, category: str, broken: Sequence[RuleResult]) -> None:
        named = "; ".join(f"{result.rule}: {result.error}" for result in broken[:3])
        super().__init__(
            f"The rules of category {category} could not be run ({named}). Nothing of it was loaded in this run."
        )


def _add_results(summary: CategorySummary, report: Report) -> None:
    for result in report.results:
        before = summary.results.get(result.rule)
        summary.results[result.rule] = (
            result
            if before is None
            else replace(
                result,
                success=before.success and result.success,
                evaluated=before.evaluated + result.evaluated,
                unexpected=before.unexpected + result.unexpected,
                groups=tuple(sorted({*before.groups, *result.groups})),
            )
        )


def _validation_row(category: Category, result: RuleResult) -> ValidationRow:
    return ValidationRow(
        category=category.id,
        rule=result.rule,
        kind=result.kind,
        severity=result.severity,
        description=result.description,
        expectation=result.expectation,
        success=result.success,
        evaluated=result.evaluated,
        unexpected=result.unexpected,
        error=result.error,
        groups=result.groups,
    )


def rebuild_marts(deployment: Deployment, warehouse: Warehouse) -> tuple[MeasureReport | None, int]:
    """Measures, definitions, notes, scorecard and crosswalk, in one transaction; the second value is the number of apps scored.

    Where nothing that the numbers rest on has changed they stay, and the first value is None: only the scorecard is made
    anew, which tells of every pull, and when the sources last confirmed their data.
    """
    as_of, catalog = datetime.now(UTC), deployment.catalog
    with warehouse.engine.begin() as connection:
        now = basis(connection, catalog, as_of=as_of)
        report = None
        if published(connection, MEASURES) == now:
            renew_confirmed(connection, catalog, as_of=as_of)
        else:
            report = rebuild_measures(connection, catalog, as_of=as_of)
            rebuild_notes_and_definitions(connection, catalog)
            rebuild_crosswalk(connection, catalog)
            note_published(connection, MEASURES, now, as_of=as_of)
        rebuild_lineage(connection, catalog)
        apps = rebuild_scorecard(connection, catalog, as_of=as_of)
    return report, apps


def bi_copy(deployment: Deployment, warehouse: Warehouse) -> Path | None:
    """The read-only copy that BI opens; None where the warehouse is a server, which BI reads itself."""
    if warehouse.dialect != "duckdb":
        return None
    target = deployment.settings.home / PUBLISHED
    target.parent.mkdir(parents=True, exist_ok=True)
    publish_copy(warehouse.engine, target)
    return target


def open_data(deployment: Deployment, warehouse: Warehouse, target: Path | None = None) -> list[Path]:
    """The open-data files, by default in $OPG_HOME/open_data."""
    folder = target or deployment.settings.home / "open_data"
    return export_open_data(warehouse.engine, deployment.catalog, folder, as_of=datetime.now(UTC))


def renew_open_data(deployment: Deployment, warehouse: Warehouse) -> list[Path] | None:
    """The open data in $OPG_HOME, written anew; None where it is of the numbers that stand."""
    with warehouse.engine.connect() as connection:
        numbers, exported = (published(connection, product) for product in (MEASURES, OPEN_DATA))
    if numbers == exported and (deployment.settings.home / "open_data").exists():
        return None
    files = open_data(deployment, warehouse)
    if numbers is not None:
        with warehouse.engine.begin() as connection:
            note_published(connection, OPEN_DATA, numbers, as_of=datetime.now(UTC))
    return files
