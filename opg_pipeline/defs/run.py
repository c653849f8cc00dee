"""Runs the city from Python or the terminal: the ingest job, then the publish job, the same that the UI and the schedules run."""

from __future__ import annotations

import importlib.resources
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg

from opg_pipeline.defs import metadata as md
from opg_pipeline.defs.build import build_definitions
from opg_pipeline.defs.deployment import Deployment, DeploymentError, current_deployment
from opg_pipeline.defs.ingest_assets import step_name
from opg_pipeline.defs.jobs import PUBLISH_JOB, ingest_job_name
from opg_pipeline.defs.publish import PublishReport, publish_reports
from opg_pipeline.defs.reporting import Progress, listening
from opg_pipeline.defs.span import WHOLE, Span
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import Outcome, OutcomeRecord
from opg_pipeline.validate import warm_up

_EVENT_LOG = """
event_log_storage:
  module: opg_pipeline.defs.event_log
  class: SteadySqliteEventLogStorage
  config:
    base_dir: "{base_dir}"
"""
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class RunResult:
    """What a run did. ``exit_code``: 0 all well, 1 something failed and is in ``outcomes`` or ``publish``."""

    city: str
    outcomes: list[OutcomeRecord]
    publish: PublishReport | None
    exit_code: int
    ingest_run_id: str
    seconds: dict[str, float] = field(default_factory=dict)
    announcements: list[str] = field(default_factory=list)


def dagster_home(home: Path) -> Path:
    """$OPG_HOME/dagster, made and furnished with dagster.yaml, and set as DAGSTER_HOME (an absolute path, as it must be)."""
    target = home / "dagster"
    target.mkdir(parents=True, exist_ok=True)
    packaged = Path(str(importlib.resources.files("opg_pipeline"))) / "defs" / "dagster.yaml"
    source = packaged if packaged.is_file() else packaged.parents[2] / "dagster.yaml"
    text = source.read_text(encoding="utf-8") + _EVENT_LOG.format(base_dir=target / "history" / "runs")
    if not (target / "dagster.yaml").is_file() or (target / "dagster.yaml").read_text(encoding="utf-8") != text:
        (target / "dagster.yaml").write_text(text, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(target)
    return target


@lru_cache(maxsize=4)
def _definitions(deployment: Deployment) -> dg.Definitions:
    return build_definitions(deployment)


@lru_cache(maxsize=16)
def _job(deployment: Deployment, name: str) -> dg.JobDefinition:
    return _definitions(deployment).resolve_job_def(name)


def job_by_name(name: str) -> dg.JobDefinition:
    """The job of the current deployment. Dagster asks for it several times in one run, so it is built once."""
    return _job(current_deployment(), name)


def execute(
    name: str,
    instance: dg.DagsterInstance,
    tags: dict[str, str],
    keys: Sequence[dg.AssetKey] | None,
    ops: dict[str, Any] | None = None,
) -> dg.JobExecutionResult:
    """Run a job of the current deployment in this process, of ``keys`` alone where they are given."""
    job = dg.build_reconstructable_job("opg_pipeline.defs.run", "job_by_name", (name,))
    with dg.execute_job(
        job,
        instance=instance,
        run_config={**_QUIET, "ops": ops or {}},
        tags=tags,
        asset_selection=list(keys) if keys is not None else None,
    ) as result:
        return result


def run_city(
    city: str | None = None, *, apps: Sequence[str] = (), span: Span = WHOLE, publish: bool = True
) -> RunResult:
    """Pull the city's apps (or some of them), then publish what landed.

    Args:
        city: must be the deployment's city (OPG_CITY) when given.
        apps: ids of the apps to pull; all active ones when empty.
        span: which part to ask for; by default what is new since the last pull.
        publish: whether to load and publish afterwards.

    Raises:
        DeclarationError: the catalogue has a problem.
        DeploymentError: the deployment is set up wrongly, or an app is not declared or not active.
    """
    deployment = current_deployment()
    if city is not None and city != deployment.settings.city:
        raise DeploymentError(
            f"The deployment's city is {deployment.settings.city!r}. Set OPG_CITY={city} to run {city!r}."
        )
    chosen = _chosen(deployment, apps)
    keys = [key for ref in chosen for key in (md.raw_key(ref), md.standard_key(ref))] if apps else None
    warming: list[threading.Thread] = []

    def hear(step: Progress) -> None:
        """Great Expectations takes seconds to import: begin as soon as there is something to validate."""
        if publish and not warming and step.stage == "pulled" and step.note == Outcome.NEW_RECORDS:
            warming.append(warm_up())

    dagster_home(deployment.settings.home)
    _ = deployment.tokens
    seconds: dict[str, float] = {}
    with dg.DagsterInstance.get() as instance:
        tags = {"opg/by": "cli"}
        told = {step_name(ref): {"config": span.config()} for ref in chosen} if span != WHOLE else None
        started = time.perf_counter()
        name = ingest_job_name(deployment.city.city)
        with listening(hear):
            ingest = execute(name, instance, tags, keys, told)
        seconds["ingest"] = time.perf_counter() - started
        outcomes = deployment.lake.outcomes(deployment.settings.city, ingest.run_id)
        report: PublishReport | None = None
        published = True
        if publish:
            started = time.perf_counter()
            for thread in warming:
                thread.join()
            done = execute(PUBLISH_JOB, instance, {"opg/by": "cli", "opg/ingest_run": ingest.run_id}, None)
            seconds["publish"] = time.perf_counter() - started
            report = publish_reports.pop(done.run_id, None)
            published = done.success
    well = ingest.success and published and all(outcome.outcome.good for outcome in outcomes)
    return RunResult(
        deployment.settings.city,
        outcomes,
        report,
        0 if well else 1,
        ingest.run_id,
        seconds,
        list(deployment.announcements),
    )


def _chosen(deployment: Deployment, apps: Sequence[str]) -> list[DatasetRef]:
    refs = deployment.datasets()
    known = {ref.app.id for ref in refs}
    for app in apps:
        if app not in deployment.city.apps:
            raise DeploymentError(
                f"There is no app {app!r} in {deployment.settings.city}. Known: {', '.join(sorted(known))}."
            )
        if app not in known:
            raise DeploymentError(f"App {app!r} is {deployment.city.apps[app].status}, so it is not run.")
    return [ref for ref in refs if not apps or ref.app.id in apps]
