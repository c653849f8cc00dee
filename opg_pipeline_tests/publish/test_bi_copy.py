"""The BI copy opens in another process while the pipeline holds the warehouse, and is replaced in one step."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from opg_pipeline.publish import PublishError, publish_copy, rebuild_measures, rebuild_notes_and_definitions

from .world import AS_OF, D1, World, app, catalog, category, measure

DECLARED = catalog([category(measure("visits", "count"))], [app("one")])
READ = "import duckdb, sys; print(duckdb.connect(sys.argv[1], read_only=True).execute(sys.argv[2]).fetchall())"


def elsewhere(path: Path, sql: str) -> subprocess.CompletedProcess[str]:
    """Run a query in another process."""
    return subprocess.run([sys.executable, "-c", READ, str(path), sql], capture_output=True, text=True, check=False)


def fill(world: World) -> None:
    world.build("visit")
    world.crowd(D1, 3)
    world.fresh("one")
    with world.engine.begin() as connection:
        rebuild_measures(connection, DECLARED, as_of=AS_OF)
        rebuild_notes_and_definitions(connection, DECLARED)


def test_another_process_reads_it_while_the_warehouse_is_open(duck: World, tmp_path: Path) -> None:
    fill(duck)
    target = tmp_path / "bi's copies" / "bi.duckdb"
    with duck.engine.connect() as held:
        held.execute(sa.text("select 1"))
        publish_copy(duck.engine, target)
        assert "lock" in elsewhere(tmp_path / "warehouse.duckdb", "select 1").stderr.lower(), (
            "the warehouse itself stays closed to others"
        )
        seen = elsewhere(target, "select region_code, n, value, caveats from mart.measure order by 1")
    assert seen.stdout == "[('35.22', 3, 3.0, '[]'), ('35.22.01', 3, 3.0, '[]')]\n"
    assert [path.name for path in target.parent.iterdir()] == ["bi.duckdb"], "nothing is left over"


def test_it_holds_every_mart_table_with_comments_and_nothing_else(duck: World, tmp_path: Path) -> None:
    fill(duck)
    publish_copy(duck.engine, tmp_path / "bi.duckdb")
    with duckdb.connect(tmp_path / "bi.duckdb", read_only=True) as copy:
        tables = copy.execute(
            "select schema_name, table_name, comment is not null from duckdb_tables() order by all"
        ).fetchall()
        bare = copy.execute(
            "select column_name from duckdb_columns() where schema_name = 'mart' and comment is null"
        ).fetchall()
        comment = copy.execute(
            "select comment from duckdb_columns() where table_name = 'measure' and column_name = 'n'"
        ).fetchall()
        version = copy.execute(
            "select tags['storage_version'] from duckdb_databases() where database_name = 'bi'"
        ).fetchone()
    assert tables == [
        ("mart", name, True)
        for name in (
            "app_scorecard",
            "association",
            "context_note",
            "measure",
            "measure_definition",
            "measure_reversal",
            "series_break",
        )
    ]
    assert bare == []
    assert comment == [
        ("Records behind the value; null where suppressed | Jumlah rekaman di balik nilai; kosong bila disembunyikan",)
    ]
    assert version is not None
    assert "v1.2.0" in version[0]


def test_a_reader_keeps_the_former_copy_and_the_next_sees_the_new_one(duck: World, tmp_path: Path) -> None:
    fill(duck)
    target = tmp_path / "bi.duckdb"
    publish_copy(duck.engine, target)
    script = "import duckdb, sys\nc = duckdb.connect(sys.argv[1], read_only=True)\nprint('open', flush=True)\nsys.stdin.readline()\nprint(c.execute('select max(n) from mart.measure').fetchone()[0])"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "open\n"
        duck.crowd(D1, 1)
        with duck.engine.begin() as connection:
            rebuild_measures(connection, DECLARED, as_of=AS_OF)
        publish_copy(duck.engine, target)
        told, _ = reader.communicate("\n")
    assert told == "3\n"
    assert elsewhere(target, "select max(n) from mart.measure").stdout == "[(4,)]\n"


def attached(world: World) -> list[str]:
    with world.engine.connect() as connection:
        return list(
            connection.execute(sa.text("select database_name from duckdb_databases() where not internal")).scalars()
        )


def test_a_failed_copy_leaves_the_former_one(duck: World, tmp_path: Path) -> None:
    fill(duck)
    target = tmp_path / "bi.duckdb"
    publish_copy(duck.engine, target)
    before = {path.name for path in tmp_path.iterdir()}
    with duck.engine.begin() as connection:
        connection.execute(
            sa.text("create table mart.zz as select cast(1 as variant) as a")
        )  # a type the old format cannot hold
    with pytest.raises(Exception, match=r"(?i)variant"):
        publish_copy(duck.engine, target)
    assert {path.name for path in tmp_path.iterdir()} == before
    assert elsewhere(target, "select max(n) from mart.measure").stdout == "[(3,)]\n"
    assert attached(duck) == ["warehouse"]


def test_what_stands_in_the_way_is_left_alone(duck: World, tmp_path: Path) -> None:
    fill(duck)
    (tmp_path / "copies" / "bi.duckdb").mkdir(parents=True)
    with pytest.raises(OSError, match=r"bi\.duckdb"):
        publish_copy(duck.engine, tmp_path / "copies" / "bi.duckdb")
    assert [path.name for path in (tmp_path / "copies").iterdir()] == ["bi.duckdb"]
    assert attached(duck) == ["warehouse"]


def test_a_server_warehouse_needs_no_copy(pg: World, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="postgresql"):
        publish_copy(pg.engine, tmp_path / "bi.duckdb")
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_makes_queries_ambiguous_is_refused(duck: World, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match=r"ambiguous.*bi\.duckdb"):
        publish_copy(duck.engine, tmp_path / "mart.duckdb")


def test_what_a_killed_process_left_is_cleared_and_a_copy_being_made_is_not(duck: World, tmp_path: Path) -> None:
    fill(duck)
    old, young, other = (
        tmp_path / name for name in (".bi.duckdb.0000.partial", ".bi.duckdb.1111.partial", ".else.duckdb.0000.partial")
    )
    for path in (old, young, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (1, 1))
    publish_copy(duck.engine, tmp_path / "bi.duckdb")
    assert [path.exists() for path in (old, young, other)] == [False, True, True]
