"""Dagster assets of ingest: per dataset one step that yields raw and standard. The work itself is in ingest.py."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from opg_pipeline.defs import metadata as md
from opg_pipeline.defs.deployment import DeploymentError, current_deployment
from opg_pipeline.defs.ingest import ingest_dataset
from opg_pipeline.defs.openlineage import State, emit
from opg_pipeline.defs.span import Span
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import Outcome, OutcomeRecord
from opg_pipeline.model.lineage import into_standard

_FRESH_WITHIN_HOURS = {
    "15min": 1, "hourly": 3, "3h": 9, "daily": 72, "weekly": 21 * 24, "monthly": 93 * 24, "quarterly": 280 * 24, "semesterly": 550 * 24,
}  # fmt: skip


class Pull(dg.Config):
    """What one pull may be told in the launchpad or on the command line; by default it goes on from the last one."""

    full: bool = Field(
        default=False, description="Ignore position and validators of earlier pulls: ask for everything."
    )
    since: str | None = Field(
        default=None, description="Backfill from here (ISO 8601 date or time), instead of the position."
    )
    until: str | None = Field(default=None, description="Backfill up to here, where the source takes an end.")
    force: bool = Field(
        default=False, description="Ask even outside the app's hours and while it is left alone after failures."
    )


def step_name(ref: DatasetRef) -> str:
    """Name of the step that pulls a dataset."""
    return f"{ref.city.id}__{ref.app.id}__{ref.dataset.id}"


def _specs(ref: DatasetRef) -> list[dg.AssetSpec]:
    tags, owners = md.app_tags(ref), [md.owner(ref.app.agency)]
    format_kind = ref.dataset.format.type
    freshness = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=_FRESH_WITHIN_HOURS[ref.app.cadence]))
    raw = dg.AssetSpec(
        md.raw_key(ref),
        description=f"Exact answers of {ref.app.name}, dataset {ref.dataset.id}. {ref.app.description}".strip(),
        metadata=md.declared(ref),
        group_name=md.tag(ref.app.agency).replace(".", "_").replace("-", "_"),
        kinds={"http", format_kind},
        owners=owners,
        tags=tags,
        skippable=True,
    )
    standard = dg.AssetSpec(
        md.standard_key(ref),
        deps=[md.raw_key(ref)],
        description=f"{ref.app.name} in the shape of category {ref.category.id} ({ref.category.standard}).",
        metadata={
            **md.declared(ref),
            "dagster/column_schema": md.column_schema(ref.category),
            "dagster/column_lineage": md.standard_lineage(ref),
        },
        group_name=raw.group_name,
        kinds={"parquet"},
        owners=owners,
        tags=tags,
        skippable=True,
        freshness_policy=freshness,
    )
    return [raw, standard]


def build_ingest_asset(ref: DatasetRef) -> dg.AssetsDefinition:
    """The step that pulls one dataset."""
    checks = [
        dg.AssetCheckSpec("source_available", asset=md.raw_key(ref), description="The app answered as declared."),
        dg.AssetCheckSpec(
            "source_contract",
            asset=md.raw_key(ref),
            description="The source has the fields, kinds and permitted values that it had before.",
        ),
        dg.AssetCheckSpec(
            "records_accepted",
            asset=md.standard_key(ref),
            description="Records that fit the declaration; the rest waits in quarantine.",
        ),
    ]

    @dg.multi_asset(
        name=step_name(ref), specs=_specs(ref), check_specs=checks, can_subset=True,
        op_tags={"opg/app": md.tag(ref.app.id)},
    )  # fmt: skip
    async def ingest(context: dg.AssetExecutionContext, config: Pull):  # type: ignore[no-untyped-def]  # Dagster takes no AsyncIterator
        deployment = current_deployment()
        try:
            span = Span.read(config.since, config.until, full=config.full, force=config.force)
        except DeploymentError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from None
        await asyncio.to_thread(emit, deployment, "START", context.run_id, f"ingest/{ref.name}")
        record = await ingest_dataset(deployment, ref, context.run_id, span)
        state: State = "COMPLETE" if record.outcome.good else "FAIL"
        await asyncio.to_thread(emit, deployment, state, context.run_id, f"ingest/{ref.name}", [*into_standard(ref)])
        for event in _events(ref, record, context.selected_asset_keys):
            yield event
        if not record.outcome.good:
            raise dg.Failure(
                description=f"{record.outcome.value}: {record.message} Fix: {record.hint}",
                metadata={"outcome": record.outcome.value, "app": ref.app.id, "dataset": ref.dataset.id},
                allow_retries=False,
            )

    return ingest


def _events(ref: DatasetRef, record: OutcomeRecord, selected: Any) -> Sequence[Any]:
    facts: dict[str, Any] = {
        "outcome": record.outcome.value,
        "requests": record.requests,
        "retries": record.retries,
        "bytes": record.bytes,
    }
    events: list[Any] = []
    reached = record.outcome.good or record.outcome is Outcome.ALL_REJECTED
    if md.raw_key(ref) in selected:
        status = {"http_status": record.http_status} if record.http_status is not None else {}
        events.append(
            dg.AssetCheckResult(
                passed=reached,
                asset_key=md.raw_key(ref),
                check_name="source_available",
                severity=dg.AssetCheckSeverity.ERROR,
                description=record.message or record.outcome.value,
                metadata={**facts, **status, "attempts": record.attempts, "hint": record.hint},
            )
        )
        if record.compared:
            events.append(_contract(ref, record))
        if record.outcome is Outcome.NEW_RECORDS or record.outcome is Outcome.ALL_REJECTED:
            events.append(
                dg.MaterializeResult(md.raw_key(ref), metadata={**facts, "dagster/row_count": record.records})
            )
    if md.standard_key(ref) in selected and record.outcome is Outcome.NEW_RECORDS:
        events.append(
            dg.AssetCheckResult(
                passed=record.quarantined == 0 and record.values_quarantined == 0,
                asset_key=md.standard_key(ref),
                check_name="records_accepted",
                severity=dg.AssetCheckSeverity.WARN,
                metadata={
                    "accepted": record.accepted,
                    "records_quarantined": record.quarantined,
                    "values_quarantined": record.values_quarantined,
                    "skipped_rows": record.skipped,
                },
            )
        )
        events.append(
            dg.MaterializeResult(
                md.standard_key(ref),
                metadata={
                    "dagster/row_count": record.accepted,
                    "slice": record.slice_id or "",
                    "quarantined": record.quarantined,
                },
            )
        )
    return events


def _contract(ref: DatasetRef, record: OutcomeRecord) -> dg.AssetCheckResult:
    actions = {item.action for item in record.drift}
    told = [
        f"{item.place}: {item.kind}, {item.before or 'absent'} since {item.since:%Y-%m-%d %H:%M} UTC, now {item.now} ({item.action})"
        for item in record.drift
    ]
    return dg.AssetCheckResult(
        passed=actions <= {"note"},
        asset_key=md.raw_key(ref),
        check_name="source_contract",
        severity=dg.AssetCheckSeverity.ERROR if "block" in actions else dg.AssetCheckSeverity.WARN,
        description="; ".join(told) or "As before.",
        metadata={"changes": len(told)},
    )
