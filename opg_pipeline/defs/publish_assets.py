"""Dagster assets of publish: core tables, marts, open data and the copy for BI, in one step (see docs/adr/0002).

One step, because a category that cannot be loaded must not keep the marts from being made of what is there: Dagster would
skip them. The step yields what it reached, then fails with the names of what it did not reach.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import dagster as dg

from opg_pipeline.defs import metadata as md
from opg_pipeline.defs import publish as work
from opg_pipeline.defs.data_docs import renew_data_docs
from opg_pipeline.defs.deployment import current_deployment
from opg_pipeline.defs.openlineage import State, emit
from opg_pipeline.defs.quarantine import note_counts
from opg_pipeline.defs.reporting import Progress, tell, unforeseen
from opg_pipeline.load import WarehouseError
from opg_pipeline.model.catalog import Catalog, DatasetRef
from opg_pipeline.model.category import Category
from opg_pipeline.model.lineage import column_lineage

MEASURE = dg.AssetKey(["mart", "measure"])
SCORECARD = dg.AssetKey(["mart", "app_scorecard"])
OPEN_DATA = dg.AssetKey(["exports", "open_data"])
QUARANTINE = "quarantine"
BI_COPY = dg.AssetKey(["exports", "bi_copy"])
DATA_DOCS = dg.AssetKey(["exports", "data_docs"])
NOTHING_NEW = "Nothing new: no record, declaration or note has changed since this was made, nor the day."
T = TypeVar("T")


def _checks(category: Category) -> list[dg.AssetCheckSpec]:
    key = md.core_key(category)
    constraints = dg.AssetCheckSpec(
        "constraints", asset=key, description="Required fields, permitted values, ranges and patterns of every field."
    )
    declared = [
        dg.AssetCheckSpec(rule.id, asset=key, description=f"{rule.description.en} | {rule.description.id}")
        for rule in category.rules
    ]
    waiting = dg.AssetCheckSpec(
        QUARANTINE, asset=key, description="Nothing that was refused waits for somebody. See `opg quarantine list`."
    )
    return [constraints, *declared, waiting]


def build_publish_asset(catalog: Catalog, refs: Sequence[DatasetRef]) -> dg.AssetsDefinition:
    """The step that loads and publishes."""
    fed = {category.id: [ref for ref in refs if ref.category.id == category.id] for category in catalog.used_categories}
    categories = [category for category in catalog.used_categories if fed[category.id]]
    cores = [
        dg.AssetSpec(
            md.core_key(category),
            deps=[md.standard_key(ref) for ref in fed[category.id]],
            description=f"{category.label.en} | {category.label.id}. {category.grain} Standard: {category.standard}.",
            metadata={
                "dagster/column_schema": md.column_schema(category),
                "dagster/column_lineage": md.core_lineage(category, fed[category.id]),
            },
            group_name="core",
            kinds={"pandas", "greatexpectations", "sql"},
            owners=["team:data_office"],
            tags={"opg/category": category.id},
            skippable=True,
        )
        for category in categories
    ]

    def mart(key: dg.AssetKey, deps: Sequence[dg.AssetKey], description: str, kind: str, group: str) -> dg.AssetSpec:
        return dg.AssetSpec(
            key,
            deps=list(deps),
            description=description,
            group_name=group,
            kinds={kind},
            owners=["team:data_office"],
            skippable=True,
        )

    core_keys = [spec.key for spec in cores]
    marts = [
        mart(
            MEASURE, core_keys, "Every published number with coverage, spread and caveats.", "sql", "mart"
        ).merge_attributes(metadata={"dagster/column_lineage": md.measure_lineage(categories)}),
        mart(SCORECARD, core_keys, "How each app fares: last outcome, freshness, quarantine.", "sql", "mart"),
        mart(OPEN_DATA, [MEASURE], "CSV, Parquet and method pages of every measure.", "csv", "exports"),
        mart(
            DATA_DOCS,
            core_keys,
            "What the rules said of each category's newest records, as pages.",
            "greatexpectations",
            "exports",
        ),
        mart(
            BI_COPY, [MEASURE, SCORECARD], "Read-only DuckDB file with schema mart, for BI tools.", "duckdb", "exports"
        ),
    ]

    @dg.multi_asset(
        name="load_and_publish", specs=[*cores, *marts], can_subset=True,
        check_specs=[check for category in categories for check in _checks(category)],
    )  # fmt: skip
    async def publish(context: dg.AssetExecutionContext):  # type: ignore[no-untyped-def]  # Dagster takes no AsyncIterator
        deployment, selected = current_deployment(), context.selected_asset_keys
        report = work.PublishReport()
        work.publish_reports[context.run_id] = report

        async def step(name: str, function: Callable[..., T], *args: Any) -> T:
            tell(Progress("publish", name))
            started = time.perf_counter()
            try:
                return await asyncio.to_thread(function, *args)
            finally:
                report.seconds[name] = round(time.perf_counter() - started, 3)

        await asyncio.to_thread(emit, deployment, "START", context.run_id, "publish")
        try:
            with deployment.warehouse() as warehouse:
                report.outcomes = await step("prepare", work.prepare, deployment, warehouse)
                for category in categories:
                    if md.core_key(category) not in selected:
                        continue
                    summary = await _load(step, deployment, warehouse, category)
                    report.categories[category.id] = summary
                    for event in _core_events(category, summary):
                        yield event
                report.waiting = await step("quarantine", note_counts, deployment, warehouse)
                for category in categories:
                    if md.core_key(category) in selected:
                        yield _waiting_event(category, report.waiting)
                if MEASURE in selected or SCORECARD in selected:
                    measures, apps = await step("measures", work.rebuild_marts, deployment, warehouse)
                    report.measures, report.nothing_new = measures, measures is None
                    if measures is not None and MEASURE in selected:
                        facts = {"dagster/row_count": measures.cells, "suppressed": measures.suppressed}
                        yield dg.MaterializeResult(MEASURE, metadata=facts)
                    elif MEASURE in selected:
                        context.log_event(dg.AssetObservation(MEASURE, description=NOTHING_NEW))
                    if SCORECARD in selected:
                        yield dg.MaterializeResult(SCORECARD, metadata={"dagster/row_count": apps})
                if OPEN_DATA in selected:
                    files = await step("open data", work.renew_open_data, deployment, warehouse)
                    if files is not None:
                        report.open_data = len(files)
                        yield dg.MaterializeResult(OPEN_DATA, metadata={"files": len(files)})
                    else:
                        context.log_event(dg.AssetObservation(OPEN_DATA, description=NOTHING_NEW))
                if DATA_DOCS in selected:
                    pages = await step("data docs", renew_data_docs, deployment, warehouse, report)
                    if pages is not None:
                        yield dg.MaterializeResult(DATA_DOCS, metadata={"index": dg.MetadataValue.path(str(pages))})
                    else:
                        context.log_event(dg.AssetObservation(DATA_DOCS, description=NOTHING_NEW))
                if BI_COPY in selected:
                    report.copy = await step("copy for BI", work.bi_copy, deployment, warehouse)
                    if report.copy is not None:
                        yield dg.MaterializeResult(BI_COPY, metadata={"path": dg.MetadataValue.path(str(report.copy))})
        except WarehouseError as error:
            report.problems.append(str(error))
        except Exception as error:
            report.problems.append(unforeseen(error, "publishing"))
        for name, summary in report.categories.items():
            report.problems += [
                f"core.{name}: {text}" for text in [*([summary.error] if summary.error else []), *summary.blocked]
            ]
        edges = [edge for edge in column_lineage(catalog) if edge.target[0] in {"core", "mart"}]
        state: State = "FAIL" if report.problems else "COMPLETE"
        await asyncio.to_thread(emit, deployment, state, context.run_id, "publish", edges)
        if report.problems:
            raise dg.Failure(" | ".join(report.problems), allow_retries=False)

    return publish


def _waiting_event(category: Category, waiting: list[dict[str, Any]]) -> dg.AssetCheckResult:
    mine = [row for row in waiting if row["category"] == category.id]
    still = Counter[str]()
    for row in mine:
        still[f"{row['app']}/{row['dataset']}: {row['reason']}"] += row["open"]
    return dg.AssetCheckResult(
        passed=not any(still.values()),
        asset_key=md.core_key(category),
        check_name=QUARANTINE,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={state: sum(row[state] for row in mine) for state in ("open", "dismissed", "repaired")}
        | {"open_by_cause": {name: n for name, n in still.most_common(20) if n}},
    )


async def _load(step: Callable[..., Any], deployment: Any, warehouse: Any, category: Category) -> work.CategorySummary:
    try:
        summary: work.CategorySummary = await step(
            f"core/{category.id}", work.load_category, deployment, warehouse, category
        )
    except (WarehouseError, work.ValidationBroken) as error:
        summary = work.CategorySummary(category.id, error=str(error))
    except Exception as error:
        summary = work.CategorySummary(
            category.id, error=unforeseen(error, f"loading {category.id}; nothing of it was loaded")
        )
    return summary


def _core_events(category: Category, summary: work.CategorySummary) -> list[Any]:
    key = md.core_key(category)
    if summary.error or not summary.slices or summary.merged is None:
        return []
    events: list[Any] = []
    declared = {f"{rule.type}:{rule.id}": rule.id for rule in category.rules}
    constraints = [result for result in summary.results.values() if result.rule not in declared]
    bad = [result for result in constraints if not result.success]
    events.append(
        dg.AssetCheckResult(
            passed=not bad,
            asset_key=key,
            check_name="constraints",
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "constraints": len(constraints),
                "records": summary.rows,
                "failing": {r.rule: r.unexpected for r in bad},
            },
        )
    )
    for result in summary.results.values():
        if result.rule not in declared:
            continue
        severe = result.severity == "block"
        events.append(
            dg.AssetCheckResult(
                passed=result.success,
                asset_key=key,
                check_name=declared[result.rule],
                severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
                description=result.description,
                metadata={
                    "evaluated": result.evaluated,
                    "unexpected": result.unexpected,
                    "severity": result.severity,
                    "groups": list(result.groups),
                },
            )
        )
    merged = summary.merged
    events.append(
        dg.MaterializeResult(
            key,
            metadata={
                "slices": summary.slices,
                "inserted": merged.inserted,
                "updated": merged.updated,
                "unchanged": merged.unchanged,
                "duplicates": merged.duplicates,
                "vanished": merged.vanished,
                "quarantined": summary.quarantined,
                "dagster/row_count": merged.rows,
            },
        )
    )
    return events
