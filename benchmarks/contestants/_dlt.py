"""dlt as its own performance guide would have it: what both dlt contestants share. README.md tells what was measured.

Every setting is an environment variable of dlt, so another value can be tried from outside without touching this file.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from _child import Task, app_names, preload

SETTINGS = {
    "EXTRACT__WORKERS": "16",
    "EXTRACT__MAX_PARALLEL_ITEMS": "32",
    "NORMALIZE__WORKERS": "2",
    "LOAD__WORKERS": "16",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
}
for _name, _value in SETTINGS.items():
    os.environ.setdefault(_name, _value)

import dlt  # noqa: E402  (its settings come first)
import dlt.destinations  # noqa: E402
import duckdb  # noqa: E402
import orjson  # noqa: E402
import pyarrow  # noqa: E402
from dlt.sources.rest_api import rest_api_source  # noqa: E402

# What dlt imports at its first step.
_LATE = (
    "dlt._workspace._plugins",
    "dlt.common.configuration.plugins",
    "dlt.common.libs.pyarrow",
    "dlt.common.libs.sql_alchemy_compat",
    "dlt.destinations.impl.duckdb.duck",
    "dlt.extract.extract",
    "dlt.load.load",
    "dlt.normalize.normalize",
    "dlt.sources.helpers.requests",
    "pendulum.locales.en.locale",
    "pyarrow.compute",
    "pyarrow.parquet",
    "sqlalchemy.dialects",
    "sqlalchemy.engine",
)
preload(_LATE)

DATASET = "city"
# An argument of `run`, not a variable. Without it DuckDB gets INSERT VALUES, which takes five times as long.
LOADER_FILE_FORMAT: Literal["parquet"] = "parquet"


def warehouse(task: Task) -> Path:
    return task.folder / "warehouse.duckdb"


def source(task: Task) -> Any:
    """One resource for each app, all pages of it, in parallel."""
    paginator = {
        "type": "offset",
        "limit": task.page,
        "offset_param": "offset",
        "limit_param": "limit",
        "total_path": "meta.total",
    }
    endpoint = {"data_selector": "data", "paginator": paginator}
    resources = [{"name": app, "endpoint": {"path": f"{app}/records", **endpoint}} for app in app_names(task)]
    return rest_api_source(
        {
            "client": {"base_url": task.url + "/"},
            "resource_defaults": {"write_disposition": "append", "max_table_nesting": 0},
            "resources": resources,
        },
        name=DATASET,
        parallelized=True,
    )


def pipeline(task: Task) -> dlt.Pipeline:
    return dlt.pipeline(
        pipeline_name="bench",
        pipelines_dir=str(task.folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(warehouse(task))),
        dataset_name=DATASET,
    )


def stages(made: dlt.Pipeline) -> dict[str, float]:
    """Seconds of extract, normalise and load as dlt's own trace tells them."""
    found: dict[str, float] = {}
    trace = made.last_trace
    for step in trace.steps if trace else []:
        if step.step != "run" and step.finished_at:
            found[step.step] = (step.finished_at - step.started_at).total_seconds()
    return found


def count(task: Task) -> int:
    tables = " UNION ALL ".join(f"SELECT '{app}' AS app, id FROM {DATASET}.{app}" for app in app_names(task))
    with duckdb.connect(warehouse(task), read_only=True) as connection:
        found = connection.execute(f"SELECT count(DISTINCT (app, id)) FROM ({tables})").fetchone()
    return int(found[0]) if found else 0


def versions() -> dict[str, str]:
    return {
        "dlt": dlt.__version__,
        "duckdb": duckdb.__version__,
        "pyarrow": pyarrow.__version__,
        "orjson": orjson.__version__,
        "requests": version("requests"),
    }
