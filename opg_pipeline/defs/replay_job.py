"""The Dagster job `replay`: slices made again from raw, compared, and loaded when asked. The work is in restore.py."""

import asyncio
from typing import Any

import dagster as dg
from pydantic import Field

from opg_pipeline.defs.deployment import current_deployment
from opg_pipeline.defs.jobs import REPLAY_JOB, REPLAY_STEP
from opg_pipeline.defs.replay import Chosen
from opg_pipeline.defs.restore import Restoration, restorations, restore


class ReplayConfig(dg.Config):
    """What is made again. Nothing is asked of any app; nothing that was loaded changes without `load`."""

    apps: list[str] = Field(default=[], description="Ids of apps; all when empty.")
    datasets: list[str] = Field(default=[], description="Ids of datasets of these apps; all when empty.")
    since: str | None = Field(default=None, description="Only what was pulled from here on (ISO 8601 date or time).")
    until: str | None = Field(default=None, description="Only what was pulled up to here.")
    into: str | None = Field(
        default=None,
        description="SQLAlchemy URL of a warehouse to rebuild core in and keep; else it is built aside and removed.",
    )
    load: bool = Field(default=False, description="Put what differs in place of what was loaded.")


def build_replay_job(executor: Any) -> Any:
    """The job, of one step."""

    @dg.op(name=REPLAY_STEP, out=dg.Out(dg.Nothing), description="Reads archived answers again, without the network.")
    async def step(context: dg.OpExecutionContext, config: ReplayConfig) -> None:
        chosen = Chosen(tuple(config.apps), tuple(config.datasets), config.since, config.until)
        found = await asyncio.to_thread(restore, current_deployment(), chosen, into=config.into, load=config.load)
        restorations[context.run_id] = found
        context.add_output_metadata(_metadata(found))
        if not found.good:
            raise dg.Failure(found.told, metadata=_metadata(found), allow_retries=False)

    @dg.job(
        name=REPLAY_JOB, executor_def=executor, tags={"opg/phase": "replay"},
        description="Makes slices again from archived answers and tells whether they are what was loaded; `load` puts what differs in its place.",
    )  # fmt: skip
    def job() -> None:
        step()

    return job


def _metadata(found: Restoration) -> dict[str, Any]:
    records = [
        dg.TableRecord(
            {"dataset": f"{item.app}/{item.dataset}", "slice": item.slice_id, "verdict": item.verdict, "records": item.records,
             "differs_in": ", ".join(sorted({part.column for part in item.differences})), "message": item.message}
        )
        for item in found.slices
    ]  # fmt: skip
    return {
        "told": found.told,
        "equal": sum(item.verdict == "equal" for item in found.slices),
        "differs": sum(item.verdict == "differs" for item in found.slices),
        "unreadable": sum(item.verdict == "unreadable" for item in found.slices),
        "loaded": len(found.loaded),
        **({"slices": dg.MetadataValue.table(records)} if records else {}),
    }
