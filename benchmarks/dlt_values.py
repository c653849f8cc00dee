"""What dlt makes of the numeric and temporal values of value_cases.yaml, for docs/parsers.md. Needs dlt with DuckDB, and PyYAML.

    .bench/peers/bin/python benchmarks/dlt_values.py    # writes value_cases_dlt.json beside the table
    python -m opg_pipeline_tests.normalise.test_value_cases    # then the page

One resource per value, with one column `v` of the declared type and dlt's default schema contract: what cannot be coerced
is loaded as text into a column beside it. A value over which the load fails is noted, and left out of the next try.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")

import dlt
import duckdb
import yaml
from dlt.pipeline.exceptions import PipelineStepFailed

TABLE = Path(__file__).parents[1] / "opg_pipeline_tests" / "normalise" / "value_cases.yaml"
RESULTS = TABLE.with_name("value_cases_dlt.json")


def hints(group: dict[str, Any]) -> dict[str, Any]:
    """The column as dlt is told of it, with the precision and scale of the standard field."""
    column: dict[str, Any] = {"data_type": group["dlt"]}
    if match := re.fullmatch(r"decimal\((\d+),(\d+)\)", group["type"]):
        column |= {"precision": int(match[1]), "scale": int(match[2])}
    return column


def given() -> dict[str, tuple[dict[str, Any], Any]]:
    """Case to (column, value)."""
    return {
        f"{group['id']}-{number:02d}": (hints(group), value)
        for group in yaml.safe_load(TABLE.read_text(encoding="utf-8"))
        if "dlt" in group
        for number, (value, _) in enumerate(group["cases"])
    }


def told(value: Any) -> Any:
    """A value of DuckDB as JSON."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def measured(cases: dict[str, tuple[dict[str, Any], Any]], folder: Path) -> dict[str, dict[str, Any]]:
    """What stands in the warehouse for each case: `value` of the typed column, `beside` of another. Raises PipelineStepFailed."""
    database = folder / "values.duckdb"
    resources = [
        dlt.resource([{"id": 1, "v": value}], name=f"c_{name.replace('-', '_')}", columns={"v": column})
        for name, (column, value) in cases.items()
    ]
    pipeline = dlt.pipeline(
        "values", destination=dlt.destinations.duckdb(str(database)), dataset_name="d", pipelines_dir=str(folder / "p")
    )
    pipeline.run(resources)
    results = {}
    with duckdb.connect(str(database)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, (_, value) in cases.items():
            found = connection.execute(f'SELECT * FROM d."c_{name.replace("-", "_")}"')
            columns = [column[0] for column in found.description]
            [row] = [dict(zip(columns, values, strict=True)) for values in found.fetchall()]
            result: dict[str, Any] = {"input": value, "value": told(row.get("v"))}
            for column, item in row.items():
                if column.startswith("v__v_") and item is not None:
                    result["beside"] = told(item)
            results[name] = result
    return results


def in_tries(cases: dict[str, tuple[dict[str, Any], Any]]) -> dict[str, dict[str, Any]]:
    """As measured, with `fails` where the value stops the load."""
    failed: dict[str, dict[str, Any]] = {}
    while True:
        left = {name: case for name, case in cases.items() if name not in failed}
        try:
            with tempfile.TemporaryDirectory() as folder:
                found = measured(left, Path(folder)) | failed
        except PipelineStepFailed as error:
            match = re.search(r"job_id=c_(\w+)_(\d+)\.", str(error))
            if match is None:
                raise
            name = f"{match[1]}-{match[2]}"
            failed[name] = {"input": cases[name][1], "fails": True}
        else:
            return {name: found[name] for name in cases}


def main() -> int:
    results = in_tries(given())
    text = json.dumps({"dlt": version("dlt"), "results": results}, ensure_ascii=False, indent=1)
    RESULTS.write_text(text + "\n", encoding="utf-8")
    print(f"{len(results)} values loaded with dlt {version('dlt')}: {RESULTS.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
