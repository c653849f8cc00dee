"""What differs between the engines: the same content on both, locks, crashes, memory of PostgreSQL's limits."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from opg_pipeline.load import Warehouse, WarehouseError
from opg_pipeline_tests.load.build import catalog, category, contents, pull
from opg_pipeline_tests.load.conftest import new_database

TEXTS = ["", " ", "biasa", "koma, titik; dua", 'kutip "ganda"', "kutip 'tunggal'", "baris\nbaru", "balik\r\n", "\\N", "\\.", "\\", "NULL", "null",
         "Jalan Šuma 漢字 🏙️", "\t", '""', "{}", "[1, 2]", "a" * 5000, "\u200f", "%s :x $1 ?", "-- x", "é"]  # fmt: skip


def varied(count: int, seed: int) -> list[dict[str, Any]]:
    """Records of every type with what breaks a careless path."""
    chance = random.Random(seed)

    def maybe(value: Any) -> Any:
        return None if chance.random() < 0.25 else value

    return [
        {
            "id": f"{number}{chance.choice(TEXTS[1:])}",
            "title": maybe(chance.choice(TEXTS)) or "",
            "order": maybe(chance.choice(TEXTS)),
            "region_code": maybe("35.22.01"),
            "reported_at": maybe(
                datetime(1969, 12, 31, 23, 59, 59, chance.randrange(10**6), tzinfo=UTC)
                + timedelta(days=chance.randrange(40_000))
            ),
            "amount_idr": maybe(Decimal(chance.randrange(-(10**18) + 1, 10**18)).scaleb(-2)),
            "visitors": maybe(chance.choice([0, -1, 2**63 - 1, -(2**63)])),
            "open": maybe(chance.random() < 0.5),
            "due_on": maybe(date(1945, 8, 17) + timedelta(days=chance.randrange(60_000))),
            "closed_at": maybe(
                datetime(2026, 3, 1, 0, 0, 0, 1, tzinfo=UTC) + timedelta(microseconds=chance.randrange(10**15))
            ),
        }
        for number in range(count)
    ]


def test_the_same_input_gives_the_same_content_on_both_engines(tmp_path: Path, server: str) -> None:
    reports = category()
    first, second = varied(700, seed=1), varied(700, seed=1)
    for place in range(0, 700, 3):
        second[place] |= varied(1, seed=place)[0] | {"id": first[place]["id"]}
    parts = [
        pull(1, reports, *first),
        pull(1, reports, *varied(50, seed=9), app="other"),
        pull(2, reports, *second[:600], *second[5:9]),
    ]
    found = []
    for url in (f"duckdb:///{tmp_path / 'w.duckdb'}", new_database(server)):
        warehouse = Warehouse.open(url, catalog(reports))
        warehouse.migrate()
        warehouse.refresh_dimensions()
        report = [warehouse.merge(reports, parts[:2]), warehouse.merge(reports, parts[2:])]
        names = [
            "core.report",
            "core.dim_date",
            "core.dim_region",
            "core.dim_agency",
            "core.dim_app",
            "core.dim_urusan",
            "core.dim_category",
        ]
        tables = {name: contents(warehouse, name) for name in names}
        tables["ops.slice"] = contents(warehouse, "ops.slice", without={"merged_at"})
        found.append((report, tables))
        warehouse.close()
    (report, tables), (other_report, other_tables) = found
    assert report == other_report
    assert report[1].updated > 150
    assert report[1].vanished == 100
    assert report[1].duplicates == 4
    for name, rows in tables.items():
        assert rows == other_tables[name], name
    by_id = {row["source_record_id"]: row for row in tables["core.report"] if row["source_app"] == "other"}
    for given in varied(50, seed=9):
        assert {name: by_id[given["id"]][name] for name in given if name != "id"} == {
            name: value for name, value in given.items() if name != "id"
        }


def test_text_that_postgresql_cannot_store_is_refused_whole(server: str) -> None:
    reports = category()
    warehouse = Warehouse.open(new_database(server), catalog(reports))
    warehouse.migrate()
    with pytest.raises(WarehouseError, match=r"lapor/report could not be staged.*U\+0000") as raised:
        warehouse.merge(reports, [pull(1, reports, "a", {"id": "b", "title": "rahasia\0"})])
    assert "rahasia" not in str(raised.value)
    assert contents(warehouse, "core.report") == []
    warehouse.close()


CHILD = """
import sys, time
import sqlalchemy as sa
from opg_pipeline.load import Warehouse
from opg_pipeline_tests.load.build import catalog, category, pull
reports = category()
warehouse = Warehouse.open(sys.argv[1], catalog(reports))
warehouse.migrate()
"""
HOLD = CHILD + "print('open', flush=True); time.sleep(120)"
MERGE = (
    CHILD
    + """
at = sys.argv[2]
def stop(*_):
    print('here', flush=True); time.sleep(120)
part, tables = pull(2, reports, *[{'id': f'r{n}', 'title': 'new'} for n in range(50, 3000)])
with warehouse.merging(reports) as merge:
    merge.add(part, tables[0])
    if at == 'staged':
        stop()
    if at == 'written':
        sa.event.listen(warehouse.engine, 'commit', stop)
if at == 'committed':
    stop()
"""
)


def child(program: str, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() in {"open", "here"}
    return process


@pytest.mark.parametrize("at", ["staged", "written", "committed"])
def test_killed_process_leaves_the_old_state_or_the_new_one(url: str, at: str) -> None:
    reports = category()
    warehouse = Warehouse.open(url, catalog(reports))
    warehouse.migrate()
    warehouse.merge(reports, [pull(1, reports, *[f"r{number}" for number in range(100)])])
    before = contents(warehouse, "core.report")
    warehouse.close()
    process = child(MERGE, url, at)
    process.send_signal(signal.SIGKILL)
    process.wait()
    warehouse = Warehouse.open(url, catalog(reports))
    if at == "committed":
        rows = contents(warehouse, "core.report")
        assert len(rows) == 3000
        assert sum(row["vanished_at"] is not None for row in rows) == 50
        assert len(warehouse.merged_slices("report")) == 2
    else:
        assert contents(warehouse, "core.report") == before
        assert len(warehouse.merged_slices("report")) == 1
    if warehouse.dialect == "duckdb":
        assert list(warehouse.staging_folder.glob("*")) == []
    again = warehouse.merge(
        reports, [pull(2, reports, *[{"id": f"r{number}", "title": "new"} for number in range(50, 3000)])]
    )
    assert again.inserted + again.updated == (0 if at == "committed" else 2950)
    assert len(contents(warehouse, "core.report")) == 3000
    warehouse.close()


def test_locked_file_says_who_and_what_to_do_and_is_waited_for(tmp_path: Path) -> None:
    url = f"duckdb:///{tmp_path / 'w.duckdb'}"
    process = child(HOLD, url)
    with pytest.raises(WarehouseError, match=r"another run or tool has it open") as raised:
        Warehouse.open(url, catalog(category()), lock_timeout=0.5)
    assert str(tmp_path / "w.duckdb") in str(raised.value)
    assert str(process.pid) in str(raised.value)
    killer = subprocess.Popen(["sh", "-c", f"sleep 1; kill -9 {process.pid}"])
    Warehouse.open(url, catalog(category()), lock_timeout=30).close()
    process.wait()
    killer.wait()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "is no SQLAlchemy URL"),
        ("sqlite:///x.db", "DuckDB or PostgreSQL; sqlite is neither"),
        ("duckdb:///:memory:", "needs a file"),
        ("duckdb:///{folder}/core.duckdb", "name of a schema"),
        ("duckdb:///{folder}/text.duckdb", "cannot be opened"),
        ("postgresql://someone:secret@127.0.0.1:1/db", "cannot be reached"),
    ],
)
def test_unusable_warehouse_is_explained(tmp_path: Path, url: str, message: str) -> None:
    (tmp_path / "text.duckdb").write_text("not a database" * 1000)
    with pytest.raises(WarehouseError, match=message) as raised:
        Warehouse.open(url.format(folder=tmp_path), catalog(category()))
    assert "secret" not in str(raised.value)


def test_two_merges_of_one_category_at_once_do_not_double_records(url: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    reports = category()
    warehouse = Warehouse.open(url, catalog(reports))
    warehouse.migrate()
    parts = [pull(number, reports, *[f"r{n}" for n in range(2000)], nature="event") for number in range(1, 5)]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda part: warehouse.merge(reports, [part]), parts))
    assert sum(report.inserted for report in done) == 2000
    assert len(contents(warehouse, "core.report")) == 2000
    warehouse.close()
