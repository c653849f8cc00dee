"""The recorded city in the warehouse: every system through the whole street, and what a second look and later days change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs.ingest import ingest_dataset
from opg_pipeline.defs.publish import CategorySummary, load_category, prepare
from opg_pipeline.model.catalog import DatasetRef

from .conftest import Replay
from .expected import CASES
from .expected_indonesia import floods
from .recordings import read_json


async def _pull(city: Deployment, run_id: str) -> None:
    await asyncio.gather(*(ingest_dataset(city, ref, run_id) for ref in city.datasets()))


def _load(city: Deployment, *categories: str) -> dict[str, CategorySummary]:
    with city.warehouse() as warehouse:
        prepare(city, warehouse)
        chosen = [item for item in city.catalog.used_categories if not categories or item.id in categories]
        return {category.id: load_category(city, warehouse, category) for category in chosen}


def _counts(city: Deployment) -> dict[str, int]:
    """Records in core by app and dataset."""
    found: dict[str, int] = {}
    with city.warehouse() as warehouse, warehouse.engine.connect() as connection:
        for category in city.catalog.used_categories:
            c = warehouse.core(category.id).c
            query = sa.select(c.source_app, c.source_dataset, sa.func.count()).group_by(c.source_app, c.source_dataset)
            found.update({f"{app}/{dataset}": count for app, dataset, count in connection.execute(query)})
    return found


async def test_every_system_stands_in_the_warehouse(city: Deployment, replay: Replay) -> None:
    await _pull(city, "first")
    summaries = _load(city)
    assert {name: item.blocked for name, item in summaries.items() if item.blocked} == {}
    counts = _counts(city)
    assert counts == {name: case.uids or len(case.expect()) for name, case in CASES.items()}
    await _pull(city, "second")
    merges = [item.merged for item in _load(city).values() if item.merged is not None]
    assert [(item.inserted, item.updated, item.vanished, item.revived) for item in merges] in ([], [(0, 0, 0, 0)])
    assert _counts(city) == counts


async def test_five_days_of_programmes(city: Deployment, ref: Callable[[str], DatasetRef], replay: Replay) -> None:
    dataset = ref("id_inaproc_program_master/programmes")
    days = ["2026-03-27", "2026-04-07", "2026-04-22", "2026-04-24", "2026-04-27"]
    known: dict[int, tuple[Any, ...]] = {}
    told, found = [], []
    for number, day in enumerate(days):
        rows = read_json(f"id_inaproc_program_master/snapshot_{day}.json")
        now = {row["kd_program"]: (row["kd_program_str"], row["pagu_program"], row["tahun_anggaran"]) for row in rows}
        told.append((len(now.keys() - known.keys()), sum(now[key] != known[key] for key in now.keys() & known.keys())))
        known = now
        await ingest_dataset(city, dataset, f"day-{number}")
        merged = _load(city, "fiscal_entry")["fiscal_entry"].merged
        found.append((merged.inserted, merged.updated) if merged is not None else (0, 0))
        replay.advance("id_inaproc_program_master")
    assert found == told
    assert [added for added, _ in told] == [247, 0, 1, 1, 1]
    assert _counts(city) == {"id_inaproc_program_master/programmes": 250}


async def test_a_flood_that_is_over_is_marked(
    city: Deployment, ref: Callable[[str], DatasetRef], replay: Replay
) -> None:
    dataset = ref("id_petabencana_floods/floods")
    await ingest_dataset(city, dataset, "night")
    _load(city, "incident_event")
    replay.advance("id_petabencana_floods", 3)
    await ingest_dataset(city, dataset, "morning")
    _load(city, "incident_event")
    with city.warehouse() as warehouse, warehouse.engine.connect() as connection:
        c = warehouse.core("incident_event").c
        standing = set(connection.execute(sa.select(c.incident_id).where(c.vanished_at.is_(None))).scalars())
        over = set(connection.execute(sa.select(c.incident_id).where(c.vanished_at.is_not(None))).scalars())
    before, after = ({item["incident_id"] for item in floods(name)} for name in ("2017-02-20T00", "2017-02-21T08"))
    assert standing == after
    assert over == before - after != set()
