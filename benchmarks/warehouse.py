"""The warehouse with millions of records: how long publish takes, and every query of every dashboard. Nothing is asserted.

    python benchmarks/warehouse.py --rows 10000000

Core is filled with drawn records, as many of each category, over 24 months and all districts and villages of the city; publish then
makes every measure, the open data and the copy for BI, and makes the measures again after one day's records have come. Each chart's
query runs five times on the copy for BI, as Superset sends it; the median counts. DuckDB, with the memory the pipeline gives it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs.publish import bi_copy, open_data, rebuild_marts
from opg_pipeline.defs.warehouse import migrate
from opg_pipeline.load import Warehouse
from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.category import Category
from opg_pipeline.publish.bi.charts import DATASETS, draw
from opg_pipeline.publish.bi.dashboards import load_dashboards
from opg_pipeline.settings import Settings

MONTHS = 24
SPAN = 30 * MONTHS


def timed(name: str, work: Callable[[], Any]) -> Any:
    started = time.perf_counter()
    found = work()
    print(f"{name:<44}{time.perf_counter() - started:>9.2f} s", flush=True)
    return found


def _expression(
    column: sa.Column[Any], category: Category, place: int, apps: list[tuple[str, str]], first: date
) -> str:
    """SQL of a drawn value; ``i`` counts records."""
    drawn = f"i * 31 + {place}"
    day = f"(DATE '{first}' + drawn(i, {SPAN})::INTEGER)"
    declared = {item.name: item for item in category.stored_fields}.get(column.name)
    fixed = {
        "record_uid": f"md5('{category.id}' || i)", "row_hash": "md5(i::TEXT)", "city_id": "'bojonegoro'", "source_record_id": "i::TEXT",
        "source_app": _pick([app for app, _ in apps], "i"), "source_dataset": _pick([dataset for _, dataset in apps], "i"),
        "urusan_code": "'1.02'", "agency_id": "'kominfo'", "region_code": "places.code[1 + drawn(i * 7, len(places.code))]",
        "region_level": "'village'", "region_match": "'code'", "region_score": "100", "event_on": day, "quality_flags": "'[]'",
        "vanished_at": "NULL", "version_change": "'new'",
    }  # fmt: skip
    if column.name in fixed:
        return fixed[column.name]
    if declared is not None and declared.values is not None:
        return _pick(list(declared.values), drawn)
    if isinstance(column.type, sa.DateTime):
        return f"({day} + INTERVAL (drawn({drawn}, 86400)) SECOND)::TIMESTAMPTZ"
    if isinstance(column.type, sa.Date):
        return f"{day} + drawn({drawn}, 20)::INTEGER"
    if isinstance(column.type, sa.Boolean):
        return f"drawn({drawn}, 2) = 0"
    if isinstance(column.type, sa.Numeric | sa.BigInteger):
        low, high = (
            (float(declared.min or 0), float(declared.max or 100000)) if declared is not None else (0.0, 100000.0)
        )
        return f"{low} + drawn({drawn}, 1000) / 1000.0 * {min(high, 100000.0) - low}"
    return f"'w' || drawn({drawn}, 40)"


def _pick(values: list[str], drawn: str) -> str:
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"([{listed}])[1 + drawn({drawn}, {len(values)})]"


def fill(warehouse: Warehouse, catalog: Catalog, rows: int, start: int, first: date) -> None:
    """Add ``rows`` records of each category, counted from ``start``, over SPAN days from ``first`` on."""
    for category in catalog.used_categories:
        apps = [
            (ref.app.id, ref.dataset.id) for ref in catalog.datasets("bojonegoro") if ref.category.id == category.id
        ]
        table = warehouse.core(category.id)
        parts = [
            f"({_expression(column, category, place, apps, first)})::{column.type.compile(warehouse.engine.dialect)}"
            for place, column in enumerate(table.columns)
        ]
        with warehouse.engine.begin() as connection:
            connection.exec_driver_sql("CREATE OR REPLACE TEMP MACRO drawn(x, n) AS (hash(x) % n)::BIGINT")
            connection.exec_driver_sql(
                f"INSERT INTO core.{category.id} SELECT {', '.join(parts)} FROM range({start}, {start + rows}) t(i), "
                "(SELECT list(code) code FROM core.dim_region WHERE level = 'village') places"
            )


def queries(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Name and SQL of every chart's queries."""
    for dashboard in load_dashboards():
        for chart in (chart for row in dashboard.rows for chart in row):
            drawn = draw(chart, catalog, "bojonegoro", "en")
            if drawn is None:
                continue
            told = DATASETS[drawn.dataset]
            source = f"({told['en']})" if told is not None else f"mart.{drawn.dataset}"
            for query in drawn.queries:
                yield f"{dashboard.id}: {drawn.title}", _sql(query, source)


def _sql(query: dict[str, Any], source: str) -> str:
    def column(item: Any) -> str:
        return item if isinstance(item, str) else f'{item["sqlExpression"]} AS "{item["label"]}"'

    def literal(value: Any) -> str:
        return "'" + str(value).replace("'", "''") + "'"

    columns = [column(item) for item in query["columns"]]
    metrics = [column(item) for item in query.get("metrics") or []]
    where = [
        f"{item['col']} IN ({', '.join(map(literal, item['val']))})" if item["op"] == "IN" else f"{item['col']} = {literal(item['val'])}"
        for item in query["filters"]
    ]  # fmt: skip
    grouped = f" GROUP BY {', '.join(str(place + 1) for place in range(len(columns)))}" if metrics and columns else ""
    conditions = f" WHERE {' AND '.join(where)}" if where else ""
    return f"SELECT {', '.join(columns + metrics)} FROM {source} d{conditions}{grouped} LIMIT {query.get('row_limit', 10_000)}"


def asked(copy: Path, catalog: Catalog) -> None:
    """The time of each query, the slowest first."""
    engine = sa.create_engine(f"duckdb:///{copy}", connect_args={"read_only": True})
    found = []
    with engine.connect() as connection:
        for name, sql in queries(catalog):
            taken = []
            for _ in range(5):
                started = time.perf_counter()
                connection.exec_driver_sql(sql).fetchall()
                taken.append(time.perf_counter() - started)
            found.append((statistics.median(taken) * 1000, name))
    found.sort(reverse=True)
    print(f"{len(found)} queries of dashboards: median {statistics.median(ms for ms, _ in found):.1f} ms, slowest:")
    for ms, name in found[:5]:
        print(f"  {ms:7.1f} ms  {name}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000, help="records in core")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        deployment = Deployment(Settings(home=Path(folder)))
        catalog = deployment.catalog
        each = given.rows // len(catalog.used_categories)
        first = datetime.now(UTC).date() - timedelta(days=SPAN)
        with deployment.warehouse() as warehouse:
            migrate(deployment, warehouse)
            warehouse.refresh_dimensions()
            timed(
                f"{each * len(catalog.used_categories):,} records drawn",
                lambda: fill(warehouse, catalog, each, 0, first),
            )
            report, _ = timed("every measure", lambda: rebuild_marts(deployment, warehouse))
            print(f"{report.cells:,} cells, {report.suppressed:,} of them hidden")
            timed("open data", lambda: open_data(deployment, warehouse))
            copy = timed("copy for BI", lambda: bi_copy(deployment, warehouse))
            asked(copy, catalog)
            fill(warehouse, catalog, max(1, each // SPAN), each, first)
            timed("every measure, after one day's records", lambda: rebuild_marts(deployment, warehouse))


if __name__ == "__main__":
    main()
