"""Runs replays and repairs from Python or the terminal, by the same jobs that the UI runs. What they do is in restore.py and mend.py."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import dagster as dg

from opg_pipeline.defs.deployment import DeploymentError, current_deployment
from opg_pipeline.defs.jobs import PUBLISH_JOB, REPLAY_JOB, REPLAY_STEP
from opg_pipeline.defs.mend import Mended, mend
from opg_pipeline.defs.publish import PublishReport, publish_reports
from opg_pipeline.defs.quarantine import Entry
from opg_pipeline.defs.replay import Chosen
from opg_pipeline.defs.restore import Restoration, restorations
from opg_pipeline.defs.run import dagster_home, execute

_BY = {"opg/by": "cli"}


@dataclass
class Repaired:
    """What a repair did: per slice, and the publish that loaded it (None where nothing was repaired or it was not asked for)."""

    slices: list[Mended] = field(default_factory=list)
    publish: PublishReport | None = None
    published: bool = True

    @property
    def entries(self) -> int:
        return sum(len(item.repaired) for item in self.slices)

    @property
    def good(self) -> bool:
        """Whether everything could be read and what was repaired was loaded."""
        return self.published and not any(item.message for item in self.slices)


def run_replay(chosen: Chosen, *, into: str | None = None, load: bool = False) -> tuple[Restoration, bool]:
    """The job `replay`, and publish after it where something was put in place; the second value is whether all went well.

    Raises:
        DeploymentError: an app or dataset is not declared, or a date is none.
        DeclarationError: the catalogue has a problem.
    """
    deployment = current_deployment()
    chosen.check(deployment)
    if into is not None and into == deployment.settings.warehouse:
        raise DeploymentError("--into is the warehouse of this deployment. Name another; `--load` changes this one.")
    dagster_home(deployment.settings.home)
    config = {
        **asdict(chosen),
        "apps": list(chosen.apps),
        "datasets": list(chosen.datasets),
        "into": into,
        "load": load,
    }
    given = {name: value for name, value in config.items() if value}
    with dg.DagsterInstance.get() as instance:
        done = execute(REPLAY_JOB, instance, _BY, None, {REPLAY_STEP: {"config": given}})
        found = restorations.pop(done.run_id, None)
        if found is None:
            raise DeploymentError(f"The replay failed: {failure(instance, done.run_id)}")
        published = not found.loaded or _publish(instance, done.run_id)[1]
    return found, found.good and published


def run_repair(waiting: Sequence[Entry], *, publish: bool = True) -> Repaired:
    """Bring in what the declarations accept by now of these entries, and load it."""
    deployment = current_deployment()
    run_id = f"repair-{secrets.token_hex(6)}"
    result = Repaired(mend(deployment, waiting, run_id))
    if result.entries and publish:
        dagster_home(deployment.settings.home)
        with dg.DagsterInstance.get() as instance:
            result.publish, result.published = _publish(instance, run_id)
    return result


def publish_now(cause: str) -> bool:
    """Load what changed in the lake, by the job of the UI; False where it failed. ``cause`` begins the name of what changed it."""
    dagster_home(current_deployment().settings.home)
    with dg.DagsterInstance.get() as instance:
        return _publish(instance, f"{cause}-{secrets.token_hex(6)}")[1]


def _publish(instance: dg.DagsterInstance, after: str) -> tuple[PublishReport | None, bool]:
    done = execute(PUBLISH_JOB, instance, {**_BY, "opg/ingest_run": after}, None)
    return publish_reports.pop(done.run_id, None), done.success


def failure(instance: dg.DagsterInstance, run_id: str) -> str:
    """What the failed step of a run said, without a traceback."""
    for event in reversed(list(instance.all_logs(run_id))):
        data = event.dagster_event.event_specific_data if event.dagster_event is not None else None
        error = getattr(data, "error", None)
        if error is not None:
            cause = error.cause or error
            return str(cause.message).strip().splitlines()[0].partition(f"{cause.cls_name}: ")[2]
    return "see `opg ui`."
