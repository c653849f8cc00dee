"""Our whole pipeline through the door of `opg run`: archive, typing, privacy, checks, merge, marts, Dagster's events.

`run.py` has written the catalogue and set the environment (OPG_HOME, OPG_CATALOG, OPG_CITY, ...) before this starts.
"""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import duckdb
import great_expectations  # noqa: F401  (the product imports it when first used; imports are not measured)
from _child import DAGSTER_LATE, Task, compete, preload
from dagster import DagsterEventType, DagsterInstance

from opg_pipeline.defs.run import run_city

preload(DAGSTER_LATE)
COUNT = "SELECT count(DISTINCT (source_app, source_record_id)) FROM core.service_request"


def work(task: Task) -> dict[str, float]:
    result = run_city(os.environ["OPG_CITY"], publish=True)
    if result.exit_code != 0:
        tell_failures()
        raise RuntimeError(f"the run ended with exit code {result.exit_code}")
    return dict(result.seconds)


def tell_failures() -> None:
    """What Dagster logged of the steps that failed, for the log of the race."""
    with DagsterInstance.get() as instance:
        for record in instance.get_run_records():
            for entry in instance.all_logs(record.dagster_run.run_id, of_type=DagsterEventType.STEP_FAILURE):
                error = entry.dagster_event.step_failure_data.error if entry.dagster_event else None
                while error is not None and error.cause is not None:
                    error = error.cause
                print("failed:", entry.step_key, error.message.strip()[:1000] if error else "")


def count(task: Task) -> int:
    with duckdb.connect(Path(os.environ["OPG_HOME"]) / "warehouse.duckdb", read_only=True) as connection:
        found = connection.execute(COUNT).fetchone()
    return int(found[0]) if found else 0


def versions() -> dict[str, str]:
    found = {}
    for name in ("opg-pipeline", "dagster", "great-expectations", "pandas", "pyarrow", "duckdb", "httpx"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


if __name__ == "__main__":
    compete(work, count, versions)
