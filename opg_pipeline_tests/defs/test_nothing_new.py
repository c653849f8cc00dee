"""Publish after a run that brought nothing: the numbers stay as they are, and whatever they rest on makes them anew."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from opg_pipeline.defs import publish
from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.model.handover import Outcome
from opg_pipeline_tests.defs.town import deploy, pull, record, settle
from opg_pipeline_tests.extract.conftest import Server

NOON = datetime(2026, 2, 3, 5, tzinfo=UTC)


class _Noon(datetime):
    """A day that does not end during the test."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return NOON


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "datetime", _Noon)


def published(folder: Path) -> tuple[bool, bool, int]:
    """One publish by a deployment of its own: whether measures and open data were made, and how many cells stand there."""
    deployment: Deployment = deploy(folder)
    with deployment.warehouse() as warehouse:
        publish.prepare(deployment, warehouse)
        publish.load_category(deployment, warehouse, deployment.catalog.categories["service_request"])
        measures, _ = publish.rebuild_marts(deployment, warehouse)
        files = publish.renew_open_data(deployment, warehouse)
        with warehouse.engine.connect() as connection:
            cells = connection.execute(sa.text("select count(*) from mart.measure")).scalar_one()
    return measures is not None, files is not None, cells


async def test_numbers_are_made_again_only_where_something_is_new(tmp_path: Path, server: Server) -> None:
    settle(tmp_path, server.url)
    rows = [record(number) for number in range(20)]
    server.handler = lambda request: list(rows)
    await pull(tmp_path)
    made, exported, cells = published(tmp_path)
    assert (made, exported) == (True, True)
    assert cells
    assert (await pull(tmp_path)).outcome is Outcome.NOT_MODIFIED
    assert published(tmp_path) == (False, False, cells)

    rows.append(record(20, day=9))
    await pull(tmp_path)
    assert published(tmp_path)[:2] == (True, True)
    assert published(tmp_path)[:2] == (False, False)

    settle(tmp_path, server.url, source={"timeout": "20s"})
    assert published(tmp_path)[:2] == (True, True), "a declaration says something else"


async def test_open_data_that_is_gone_or_failed_is_written_again(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(tmp_path, server.url)
    server.handler = lambda request: [record(number) for number in range(20)]
    await pull(tmp_path)

    def full(*_: object, **__: object) -> list[Path]:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(publish, "export_open_data", full)
        with pytest.raises(OSError, match="no space"):
            published(tmp_path)
    assert published(tmp_path)[:2] == (False, True), "the numbers stand, their export does not"
    (tmp_path / "home" / "open_data").unlink()
    assert published(tmp_path)[:2] == (False, True)
    assert published(tmp_path)[:2] == (False, False)
