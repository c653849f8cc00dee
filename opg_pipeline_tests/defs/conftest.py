"""The town's server, and an environment that says nothing of another deployment."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from opg_pipeline_tests.extract.conftest import Server


@pytest.fixture(autouse=True)
def _no_other_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("OPG_", "DAGSTER_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def _server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def server(_server: Server) -> Server:
    _server.asked.clear()
    return _server
