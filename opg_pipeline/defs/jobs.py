"""Jobs, schedules and the sensors that join ingest to publish. What a job runs is in the asset modules."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import dagster as dg

from opg_pipeline.defs import metadata as md
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.city import City

PUBLISH_JOB = "publish"
REPLAY_JOB = "replay"
REPLAY_STEP = "replay_slices"

CRON = {
    "15min": "*/15 * * * *",
    "hourly": "7 * * * *",
    "3h": "11 */3 * * *",
    "daily": "0 3 * * *",
    "weekly": "0 4 * * 1",
    "monthly": "0 5 1 * *",
    "quarterly": "0 5 1 1,4,7,10 *",
    "semesterly": "0 5 1 1,7 *",
}
"""Declared cadence to cron, in the city's time zone."""


def ingest_job_name(city: City) -> str:
    return f"ingest_{city.id}"


def build_jobs(
    city: City, refs: Sequence[DatasetRef], publish_assets: Sequence[dg.AssetKey], executor: Any
) -> list[Any]:
    """The whole ingest, one ingest per cadence, and publish."""

    def ingest(name: str, chosen: Sequence[DatasetRef], description: str) -> Any:
        keys = [key for ref in chosen for key in (md.raw_key(ref), md.standard_key(ref))]
        return dg.define_asset_job(
            name,
            selection=dg.AssetSelection.assets(*keys) | dg.AssetSelection.checks_for_assets(*keys),
            description=description,
            tags={"opg/phase": "ingest", "opg/ingest_city": city.id},
            executor_def=executor,
        )

    jobs = [
        ingest(ingest_job_name(city), refs, f"Pulls every app of {city.name}; one app's failure stops nobody else.")
    ]
    for cadence, chosen in _by_cadence(refs).items():
        jobs.append(ingest(f"{ingest_job_name(city)}_{cadence}", chosen, f"Pulls the {cadence} apps of {city.name}."))
    jobs.append(
        dg.define_asset_job(
            PUBLISH_JOB,
            selection=dg.AssetSelection.assets(*publish_assets) | dg.AssetSelection.checks_for_assets(*publish_assets),
            description="Loads every slice that is new, then measures, scorecard, open data and the copy for BI.",
            tags={"opg/phase": "publish"},
            executor_def=executor,
        )
    )
    return jobs


def _by_cadence(refs: Sequence[DatasetRef]) -> dict[str, list[DatasetRef]]:
    grouped: dict[str, list[DatasetRef]] = defaultdict(list)
    for ref in refs:
        grouped[ref.app.cadence].append(ref)
    return {cadence: grouped[cadence] for cadence in CRON if cadence in grouped}


def build_schedules(city: City, jobs: Sequence[Any]) -> list[dg.ScheduleDefinition]:
    """One schedule per cadence; stopped until somebody starts it."""
    prefix = f"{ingest_job_name(city)}_"
    return [
        dg.ScheduleDefinition(
            name=f"{job.name}_schedule",
            job=job,
            cron_schedule=CRON[job.name.removeprefix(prefix)],
            execution_timezone=city.timezone,
            description=f"{CRON[job.name.removeprefix(prefix)]} in {city.timezone}",
        )
        for job in jobs
        if job.name.startswith(prefix)
    ]


def _loads(replay_config: Any) -> bool:
    """Whether a replay was told to load."""
    return bool(replay_config.get("ops", {}).get(REPLAY_STEP, {}).get("config", {}).get("load"))


def build_sensors(city: City, jobs: Sequence[Any]) -> list[dg.SensorDefinition]:
    """Publish after every ingest and every replay that loads, whether it succeeded or failed: the numbers do not wait for the slowest app.

    A canceled ingest starts no publish.
    """
    ingest = [job for job in jobs if job.name != PUBLISH_JOB]
    publish = next(job for job in jobs if job.name == PUBLISH_JOB)

    def sensor(status: dg.DagsterRunStatus, name: str) -> dg.SensorDefinition:
        @dg.run_status_sensor(
            run_status=status,
            name=name,
            monitored_jobs=ingest,
            request_job=publish,
            default_status=dg.DefaultSensorStatus.RUNNING,
            minimum_interval_seconds=15,
            description="Starts publish when an ingest ended.",
        )
        def publish_after(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
            run = context.dagster_run
            if run.tags.get("opg/by") == "cli":
                return dg.SkipReason("The terminal runs publish itself.")
            if run.job_name == REPLAY_JOB and not _loads(run.run_config):
                return dg.SkipReason("The replay only compared.")
            return dg.RunRequest(run_key=run.run_id, tags={"opg/ingest_run": run.run_id})

        return publish_after

    return [
        sensor(dg.DagsterRunStatus.SUCCESS, f"publish_after_{city.id}_success"),
        sensor(dg.DagsterRunStatus.FAILURE, f"publish_after_{city.id}_failure"),
    ]
