"""Each caveat is raised by its cause and by nothing else; what stands beside a number is right."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.publish import rebuild_measures
from opg_pipeline.publish.measures import CAVEATS

from .world import AS_OF, D1, World, app, catalog, category, measure

HOUR = timedelta(hours=1)
JANUARY = datetime(2026, 1, 20, 20, tzinfo=UTC)
"""In Jakarta it is the 21st by then."""


def rebuilt(world: World, declared: Catalog, as_of: datetime = AS_OF) -> list[dict[str, Any]]:
    with world.engine.begin() as connection:
        rebuild_measures(connection, declared, as_of=as_of)
    return world.read("measure")


def whole(world: World, declared: Catalog, as_of: datetime = AS_OF) -> dict[str, Any]:
    """The city's cell of the first period."""
    found = [row for row in rebuilt(world, declared, as_of) if row["region_level"] == "regency"]
    return min(found, key=lambda row: row["period_start"])


def caveats(world: World, declared: Catalog, as_of: datetime = AS_OF) -> list[str]:
    return list(json.loads(whole(world, declared, as_of)["caveats"]))


VISITS = category(measure("visits", "count"))
TWO = catalog([VISITS], [app("one"), app("two"), app("old", status="retired")])
ONE = catalog([VISITS], [app("one")])


def filled(world: World, *apps: str) -> World:
    world.build("visit")
    for name in apps:
        world.crowd(D1, 40, source_app=name)
    return world


def test_a_sound_cell_has_none(world: World) -> None:
    filled(world, "one", "two").fresh("one", "two")
    row = whole(world, TWO)
    assert row["caveats"] == "[]"
    assert (row["apps_expected"], row["apps_reporting"], row["records_quarantined"], row["share_without_region"]) == (
        2,
        2,
        0,
        0.0,
    )
    assert row["oldest_data_at"] == AS_OF - HOUR


def test_low_coverage_counts_active_apps_of_the_category(world: World) -> None:
    filled(world, "one", "old").fresh("one", "two")
    row = whole(world, TWO)
    assert json.loads(row["caveats"]) == ["LOW_COVERAGE"]
    assert (row["apps_expected"], row["apps_reporting"], row["n"]) == (2, 1, 80), (
        "the retired app's records count, but it is not expected"
    )


def test_an_app_reports_although_the_measure_leaves_its_records_out(world: World) -> None:
    filled(world, "one")
    world.crowd(D1, 1, source_app="two", status="closed")
    world.fresh("one", "two")
    declared = catalog([category(measure("open", "count", where={"status": ["open"]}))], [app("one"), app("two")])
    assert caveats(world, declared) == []


@pytest.mark.parametrize(("age", "stale"), [(timedelta(days=3), False), (timedelta(days=3, seconds=1), True)])
def test_stale_by_age(world: World, age: timedelta, stale: bool) -> None:
    filled(world, "one").pull("one", AS_OF - age)
    assert ("STALE_SOURCE" in caveats(world, ONE)) == stale


def test_stale_when_the_last_pull_went_wrong_and_not_once_it_is_well_again(world: World) -> None:
    filled(world, "one").pull("one", AS_OF - 3 * HOUR)
    world.pull("one", AS_OF - 2 * HOUR, outcome="server_error", stored=False)
    row = whole(world, ONE)
    assert json.loads(row["caveats"]) == ["STALE_SOURCE"]
    assert row["oldest_data_at"] == AS_OF - 3 * HOUR
    world.pull("one", AS_OF - HOUR, outcome="not_modified", stored=False)
    row = whole(world, ONE)
    assert row["caveats"] == "[]"
    assert row["oldest_data_at"] == AS_OF - HOUR, "not modified is as good as new"


def test_an_app_that_never_delivered_is_stale(world: World) -> None:
    filled(world, "one", "two").fresh("one")
    row = whole(world, TWO)
    assert json.loads(row["caveats"]) == ["STALE_SOURCE"]
    assert row["oldest_data_at"] == AS_OF - HOUR


def test_a_blocked_slice_is_no_delivery(world: World) -> None:
    filled(world, "one").pull("one", AS_OF - timedelta(days=5))
    world.pull("one", AS_OF - 2 * HOUR, blocked=True, declaration_hash="h2")
    world.pull("one", AS_OF - HOUR, outcome="not_modified", stored=False)
    row = whole(world, ONE)
    assert json.loads(row["caveats"]) == ["STALE_SOURCE"]
    assert row["oldest_data_at"] == AS_OF - timedelta(days=5)


def test_a_slice_the_warehouse_does_not_know_is_no_delivery(world: World) -> None:
    filled(world, "one").pull("one", AS_OF - timedelta(days=5))
    who = {"run_id": "x", "city": "uji", "app": "one", "dataset": "visits", "category": "visit"}
    world.add(
        "ops.run_outcome",
        [
            {
                **who,
                "outcome": "new_records",
                "started_at": AS_OF,
                "finished_at": AS_OF,
                "message": "",
                "slice_id": "lost",
            }
        ],
    )
    assert whole(world, ONE)["oldest_data_at"] == AS_OF - timedelta(days=5)


def test_oldest_data_is_of_the_app_that_lags(world: World) -> None:
    filled(world, "one", "two").fresh("one")
    world.pull("two", AS_OF - timedelta(days=4))
    world.pull("two", AS_OF - timedelta(days=2))
    assert whole(world, TWO)["oldest_data_at"] == AS_OF - timedelta(days=2)


@pytest.mark.parametrize(("count", "marked"), [(29, True), (30, False)])
@pytest.mark.parametrize("kind", ["mean", "median", "share", "sum", "count"])
def test_small_n(duck: World, kind: str, count: int, marked: bool) -> None:
    duck.build("visit")
    duck.crowd(D1, count, level=1)
    duck.fresh("one")
    more = {"share": {"numerator": {"status": ["open"]}}, "count": {}}.get(kind, {"value": {"field": "level"}})
    declared = catalog([category(measure("some", kind, **more))], [app("one")])
    assert caveats(duck, declared) == (["SMALL_N"] if marked and kind in {"mean", "median", "share"} else [])


@pytest.mark.parametrize(
    ("as_of", "provisional"),
    [
        (datetime(2026, 1, 31, 16, 59, 59, tzinfo=UTC), True),  # January ends at 17:00 UTC in Jakarta
        (datetime(2026, 2, 7, 16, 59, 59, tzinfo=UTC), True),  # and a week later the weekly app has had its turn
        (datetime(2026, 2, 7, 17, 0, 0, tzinfo=UTC), False),
    ],
)
def test_provisional(duck: World, as_of: datetime, provisional: bool) -> None:
    filled(duck, "one", "two").pull("one", as_of - HOUR)
    duck.pull("two", as_of - HOUR)
    declared = catalog(
        [VISITS], [app("one"), app("two", cadence="weekly"), app("old", cadence="monthly", status="paused")]
    )
    assert caveats(duck, declared, as_of) == (["PROVISIONAL"] if provisional else [])


@pytest.mark.parametrize(("without", "marked"), [(2, False), (3, True)])
def test_unresolved_region(duck: World, without: int, marked: bool) -> None:
    duck.build("visit")
    duck.crowd(D1, 40 - without)
    duck.crowd(None, without)
    duck.fresh("one")
    assert caveats(duck, ONE) == (["UNRESOLVED_REGION"] if marked else [])


def test_quarantine_counts_what_waits_now(world: World) -> None:
    filled(world, "one", "two").pull("one", AS_OF - 3 * HOUR, quarantined=5)
    world.pull("two", AS_OF - 3 * HOUR, quarantined=7, validation_quarantined=1)
    world.pull("one", AS_OF - HOUR, quarantined=2, validation_quarantined=1)
    world.pull("two", AS_OF - HOUR, quarantined=0, validation_quarantined=None)
    declared = catalog([VISITS], [app("one"), app("two", incremental=True)])
    row = whole(world, declared)
    assert json.loads(row["caveats"]) == ["QUARANTINE"]
    assert row["records_quarantined"] == 3 + 8, "the newest pull of a whole dataset, every pull of an incremental one"


def test_a_break_is_a_change_within_one_app_in_the_period_it_happened(world: World) -> None:
    filled(world, "one", "two").pull("one", JANUARY, declaration_hash="a")
    for name in ("one", "two"):
        world.crowd(D1, 40, event_on=date(2026, 2, 3), source_app=name)
    world.pull("two", JANUARY, declaration_hash="b")
    world.pull("one", JANUARY + HOUR, declaration_hash="a")
    world.pull("two", JANUARY + HOUR, declaration_hash="c", blocked=True)
    world.pull("one", AS_OF - HOUR, declaration_hash="a")
    world.pull("two", AS_OF - HOUR, declaration_hash="b")
    assert caveats(world, TWO) == []
    world.pull("two", JANUARY + 2 * HOUR, declaration_hash="c")
    assert caveats(world, TWO) == ["BREAK_IN_SERIES"]
    february = [row["caveats"] for row in world.read("measure") if row["period_start"] == date(2026, 2, 1)]
    assert february == ["[]", "[]"], "February stands by itself"
    first, second = world.read("series_break")
    assert (first["break_on"], first["kind"]) == (date(2026, 1, 21), "declaration")
    assert (first["app_id"], first["dataset"]) == ("two", "visits")
    assert second["break_on"] == date(2026, 3, 10), "and back again"


@pytest.mark.parametrize(("action", "marked"), [("block", True), ("quarantine", True), ("note", False)])
def test_a_drift_that_costs_something_is_a_break(duck: World, action: str, marked: bool) -> None:
    filled(duck, "one").fresh("one")
    who = {"run_id": "r", "city": "uji", "app": "one", "dataset": "visits"}
    duck.add("ops.drift", [{**who, "place": "/at", "kind": "retyped", "action": action, "found_at": JANUARY}])
    assert caveats(duck, ONE) == (["BREAK_IN_SERIES"] if marked else [])
    assert [row["what"] for row in duck.read("series_break")] == (["retyped: /at"] if marked else [])


def test_an_app_that_joins_later_breaks_the_series_where_it_joins(duck: World) -> None:
    filled(duck, "one").crowd(D1, 40, event_on=date(2026, 2, 9), source_app="two")
    duck.fresh("one", "two")
    assert "BREAK_IN_SERIES" not in caveats(duck, TWO)
    february = [row for row in duck.read("measure") if row["period_start"] == date(2026, 2, 1)]
    assert all("BREAK_IN_SERIES" in row["caveats"] for row in february)
    [found] = duck.read("series_break")
    assert (found["kind"], found["app_id"], found["break_on"]) == ("app_joined", "two", date(2026, 2, 9))


def test_all_at_once_are_sorted_and_known(world: World) -> None:
    world.build("visit")
    world.crowd(None, 3, event_on=date(2026, 3, 9), level=1)
    world.pull("one", AS_OF - 9 * HOUR, declaration_hash="a")
    world.pull("one", AS_OF - 8 * HOUR, declaration_hash="b", quarantined=1)
    declared = catalog([category(measure("size", "mean", value={"field": "level"}))], [app("one"), app("two")])
    assert caveats(world, declared) == sorted(CAVEATS.keys() - {"SUBGROUP_REVERSAL"}), "a reversal needs many records"


def test_another_categorys_trouble_is_not_ours(world: World) -> None:
    world.build("visit", "trip")
    world.crowd(D1, 40)
    world.pull("one", AS_OF - HOUR)
    world.pull("one", AS_OF - HOUR, dataset="trips", outcome="malformed", stored=False)
    declared = catalog([VISITS, category(measure("trips", "count"), id_="trip")], [app("one", feeds=("visit", "trip"))])
    assert caveats(world, declared) == []
