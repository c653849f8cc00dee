"""dlt inside Dagster as dagster-dlt makes it: one `dlt_assets` with an asset for each app, materialised in process.

The instance lies on disk like that of a deployment, so its event log is paid for here as well as in our own pipeline.
"""

import os
from collections.abc import Iterator
from typing import Any

import dagster
import dagster_dlt
from _child import DAGSTER_LATE, Task, compete, preload
from _dlt import LOADER_FILE_FORMAT, count, pipeline, source, stages, versions
from dagster import AssetExecutionContext
from dagster_dlt import DagsterDltResource, dlt_assets

preload(DAGSTER_LATE)
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}  # the console is not the event log


def work(task: Task) -> dict[str, float]:
    home = task.folder / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(home)
    made = pipeline(task)

    @dlt_assets(dlt_source=source(task), dlt_pipeline=made, name="city")
    def city(context: AssetExecutionContext, dlt: DagsterDltResource) -> Iterator[Any]:
        yield from dlt.run(context=context, loader_file_format=LOADER_FILE_FORMAT)

    with dagster.DagsterInstance.get() as instance:
        result = dagster.materialize(
            [city], instance=instance, resources={"dlt": DagsterDltResource()}, run_config=QUIET
        )
    if not result.success:
        raise RuntimeError("the Dagster run failed")
    return stages(made)


def all_versions() -> dict[str, str]:
    return {"dagster": dagster.__version__, "dagster-dlt": dagster_dlt.__version__, **versions()}


if __name__ == "__main__":
    compete(work, count, all_versions)
