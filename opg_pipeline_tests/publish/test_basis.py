"""What the numbers rest on: the digest changes with everything that would change a number, and with nothing else. On both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.city import ContextNote
from opg_pipeline.publish import (
    basis,
    mart_metadata,
    note_published,
    publication_metadata,
    published,
    rebuild_measures,
    renew_confirmed,
)

from .world import AS_OF, World, app, catalog, category, measure

HOUR = timedelta(hours=1)
MEASURES = [measure("visits", "count", period="month")]
BEFORE = catalog([category(*MEASURES)], [app("one")])


def filled(world: World) -> World:
    world.build("visit")
    world.visits(*({} for _ in range(12)))
    world.pull("one", AS_OF - 3 * HOUR)
    return world


def of(world: World, declared: Catalog = BEFORE, after: timedelta = timedelta()) -> str:
    with world.engine.connect() as connection:
        return basis(connection, declared, as_of=AS_OF + after)


CHANGES: dict[str, Callable[[World], tuple[Catalog, timedelta] | None]] = {
    "a record comes": lambda world: world.visits({}),
    "a record goes": lambda world: _run(world, "update core.visit set vanished_at = now() where record_uid = '1'"),
    "a record is erased": lambda world: _run(world, "delete from core.visit where record_uid = '1'"),
    "a record is made again": lambda world: _run(world, "update core.visit set last_changed_at = now() where record_uid = '1'"),
    "a slice comes without records": lambda world: world.pull("one", AS_OF - HOUR),
    "a pull goes wrong": lambda world: world.pull("one", AS_OF - HOUR, outcome="unreachable", stored=False),
    "another measure": lambda world: (catalog([category(*MEASURES, measure("more", "count", period="month"))], [app("one")]), timedelta()),
    "an app is paused": lambda world: (catalog([category(*MEASURES)], [app("one", status="paused")]), timedelta()),
    "an app more": lambda world: (catalog([category(*MEASURES)], [app("one"), app("two")]), timedelta()),
    "a note": lambda world: (catalog([category(*MEASURES)], [app("one")], ((ContextNote(id="flood", title="Flood", author="University"), "The bridge was closed."),)), timedelta()),
    "the next day": lambda world: (BEFORE, timedelta(hours=14)),
    "a source gets stale": lambda world: (BEFORE, timedelta(days=3)),
}  # fmt: skip


def _run(world: World, statement: str) -> None:
    with world.engine.begin() as connection:
        connection.execute(sa.text(statement))


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_a_number_changes_the_basis(world: World, change: str) -> None:
    filled(world)
    before = of(world)
    declared, after = CHANGES[change](world) or (BEFORE, timedelta())
    assert of(world, declared, after) != before


def test_a_good_pull_that_brings_nothing_does_not(world: World) -> None:
    filled(world)
    before = of(world)
    world.pull("one", AS_OF - HOUR, outcome="not_modified", stored=False)
    world.pull("one", AS_OF, outcome="zero_records", stored=False)
    assert of(world, after=HOUR) == before


def test_a_period_of_an_hourly_app_is_over_within_the_day(world: World) -> None:
    """Ended at midnight, 17:00 UTC, and provisional for an hour more."""
    declared = catalog([category(measure("visits", "count", period="day"))], [app("one", cadence="hourly")])
    filled(world)
    world.pull("one", AS_OF + 12 * HOUR, outcome="not_modified", stored=False)
    midnight = timedelta(hours=12, minutes=10)
    assert of(world, declared, midnight) == of(world, declared, midnight + 40 * timedelta(minutes=1))
    assert of(world, declared, midnight) != of(world, declared, midnight + HOUR)


def test_what_was_published_is_remembered_by_product(world: World) -> None:
    filled(world)
    with world.engine.begin() as connection:
        publication_metadata().create_all(connection)
        assert published(connection, "measures") is None
        note_published(connection, "measures", "a", as_of=AS_OF)
        note_published(connection, "open_data", "b", as_of=AS_OF)
        note_published(connection, "measures", "c", as_of=AS_OF)
        assert (published(connection, "measures"), published(connection, "open_data")) == ("c", "b")


def test_the_confirmation_of_the_data_is_renewed_and_nothing_else(world: World) -> None:
    filled(world)
    table = mart_metadata().tables["mart.measure"]

    def rows() -> list[dict[str, Any]]:
        with world.engine.connect() as connection:
            return [dict(row) for row in connection.execute(sa.select(table).order_by(*table.columns)).mappings()]

    with world.engine.begin() as connection:
        rebuild_measures(connection, BEFORE, as_of=AS_OF)
    before = rows()
    world.pull("one", AS_OF, outcome="not_modified", stored=False)
    with world.engine.begin() as connection:
        renew_confirmed(connection, BEFORE, as_of=AS_OF + HOUR)
    renewed = rows()
    assert {row["oldest_data_at"] for row in before} == {AS_OF - 3 * HOUR}
    with world.engine.begin() as connection:
        rebuild_measures(connection, BEFORE, as_of=AS_OF + HOUR)
    assert renewed == rows() != before
