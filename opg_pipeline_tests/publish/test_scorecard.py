"""mart.app_scorecard against a small history worked out by hand, on both engines."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.publish import rebuild_scorecard

from .world import AS_OF, D1, D2, World, app, catalog, category

HOUR = timedelta(hours=1)


def cards(world: World, declared: Catalog) -> dict[str, dict[str, Any]]:
    with world.engine.begin() as connection:
        count = rebuild_scorecard(connection, declared, as_of=AS_OF)
    found = {row["app_id"]: row for row in world.read("app_scorecard")}
    assert count == len(found) == len(world.read("app_scorecard"))
    return found


VISIT, TRIP = category(), category(id_="trip")


def test_every_column(world: World) -> None:
    world.build("visit", "trip")
    world.crowd(D1, 3, event_on=date(2026, 1, 5))
    world.crowd(None, 1, event_on=date(2026, 2, 5))
    world.visits(
        {"event_on": date(2025, 12, 31), "region_code": D2},
        {"event_on": date(2020, 1, 1), "vanished_at": AS_OF},
        into="trip",
    )
    world.pull("one", AS_OF - 9 * HOUR, outcome="unreachable", stored=False, message="No answer.")
    world.pull("one", AS_OF - 6 * HOUR, records=20, accepted=15, quarantined=5)
    world.pull(
        "one",
        AS_OF - 4 * HOUR,
        records=8,
        accepted=7,
        quarantined=1,
        validation_quarantined=2,
        message="Eight records.",
    )
    world.pull("one", AS_OF - 5 * HOUR, dataset="trips", records=2, accepted=2, quarantined=0)
    cause = {
        "city": "uji",
        "app": "one",
        "dataset": "visits",
        "category": "visit",
        "scope": "record",
        "rule": "",
        "field": "",
        "repaired": 9,
    }
    world.add("ops.quarantine", [{**cause, "reason": "bad_date", "open": 4, "dismissed": 2}])
    world.add("ops.quarantine", [{**cause, "reason": "bad_number", "open": 1, "dismissed": 0}])
    world.add("ops.quarantine", [{**cause, "city": "lain", "reason": "bad_date", "open": 7, "dismissed": 0}])
    change = {"city": "uji", "app": "one", "dataset": "visits", "kind": "retyped", "action": "quarantine"}
    world.add("ops.drift", [{**change, "run_id": "r1", "place": "older", "found_at": AS_OF - 9 * HOUR}])
    world.add("ops.drift", [{**change, "run_id": "r2", "place": "umur", "found_at": AS_OF - 4 * HOUR}])
    world.add(
        "ops.drift",
        [
            {
                **change,
                "run_id": "r2",
                "place": "baru",
                "kind": "new_field",
                "action": "note",
                "found_at": AS_OF - 4 * HOUR,
            }
        ],
    )
    world.add("ops.drift", [{**change, "run_id": "r3", "city": "lain", "place": "x", "found_at": AS_OF - HOUR}])
    declared = catalog([VISIT, TRIP], [app("one", feeds=("visit", "trip"))])
    assert cards(world, declared)["one"] == {
        "city_id": "uji",
        "app_id": "one",
        "name": "App one",
        "agency_id": "kominfo",
        "agency_name": "Dinas Kominfo",
        "status": "active",
        "categories": '["trip", "visit"]',
        "datasets": '["visits", "trips"]',
        "cadence": "daily",
        "interface": "assumed",
        "last_outcome": "new_records",
        "last_outcome_at": AS_OF - 4 * HOUR,
        "last_message": "Eight records.",
        "last_good_at": AS_OF - 5 * HOUR,
        "hours_since_good": 5.0,
        "overdue": False,
        "runs_total": 4,
        "runs_good_share": 0.75,
        "records_core": 5,
        "accepted_last": 7,
        "quarantined_last": 3,
        "quarantine_share": 0.3,
        "quarantine_open": 5,
        "quarantine_dismissed": 2,
        "drifted_at": AS_OF - 4 * HOUR,
        "drifted": '["visits.baru: new_field (note)", "visits.umur: retyped (quarantine)"]',
        "region_resolved_share": 0.8,
        "oldest_event_on": date(2025, 12, 31),
        "newest_event_on": date(2026, 2, 5),
    }


def test_an_app_is_as_good_as_its_worst_dataset(world: World) -> None:
    world.build("visit", "trip")
    world.pull("one", AS_OF - 2 * HOUR, dataset="trips", outcome="malformed", stored=False, message="No JSON.")
    world.pull("one", AS_OF - HOUR)
    card = cards(world, catalog([VISIT, TRIP], [app("one", feeds=("visit", "trip"))]))["one"]
    assert (card["last_outcome"], card["last_message"], card["overdue"]) == ("malformed", "No JSON.", True)
    assert card["last_good_at"] == AS_OF - HOUR


def test_a_repair_is_no_delivery(world: World) -> None:
    """What came out of quarantine neither makes the source fresh nor stands for its newest pull."""
    world.build("visit")
    world.pull("one", AS_OF - 80 * HOUR, records=10, accepted=8, quarantined=2)
    before = cards(world, catalog([VISIT], [app("one")]))["one"]
    repair = {"city": "uji", "app": "one", "dataset": "visits", "category": "visit", "committed_at": AS_OF - HOUR, "records": 2,
              "accepted": 2, "quarantined": 0, "repairs": 2, "declaration_hash": "h2", "blocked": False}  # fmt: skip
    world.add("ops.slice", [{"slice_id": "s9", **repair}])
    assert cards(world, catalog([VISIT], [app("one")]))["one"] == before
    assert before["overdue"]


def test_one_run_with_a_good_and_a_bad_dataset_is_no_good_run(world: World) -> None:
    world.build("visit", "trip")
    row = {"city": "uji", "app": "one", "started_at": AS_OF, "finished_at": AS_OF, "message": "", "slice_id": None}
    for run, outcome in (("r1", "not_modified"), ("r1", "malformed"), ("r2", "not_modified"), ("r2", "zero_records")):
        world.add(
            "ops.run_outcome", [{**row, "run_id": run, "dataset": outcome, "category": "visit", "outcome": outcome}]
        )
    card = cards(world, catalog([VISIT], [app("one")]))["one"]
    assert (card["runs_total"], card["runs_good_share"]) == (2, 0.5)


@pytest.mark.parametrize(
    ("status", "age", "overdue"),
    [("active", 73, True), ("active", 72, False), ("paused", 73, False), ("retired", 73, False)],
)
def test_overdue(duck: World, status: str, age: int, overdue: bool) -> None:
    duck.build("visit")
    duck.pull("one", AS_OF - age * HOUR)
    assert cards(duck, catalog([VISIT], [app("one", status=status)]))["one"]["overdue"] is overdue


def test_an_app_nobody_pulled_yet_has_a_row(world: World) -> None:
    world.build("visit")
    card = cards(world, catalog([VISIT], [app("one"), app("old", status="retired")]))
    assert [card[name]["overdue"] for name in ("old", "one")] == [False, True]
    empty = {name for name, value in card["one"].items() if value is None}
    assert empty == {
        "last_outcome", "last_outcome_at", "last_message", "last_good_at", "hours_since_good", "runs_good_share", "quarantine_share",
        "region_resolved_share", "oldest_event_on", "newest_event_on", "drifted_at", "drifted",
    }  # fmt: skip
    assert (card["one"]["runs_total"], card["one"]["records_core"], card["one"]["quarantine_open"]) == (0, 0, 0)


def test_the_region_share_does_not_count_single_records(duck: World) -> None:
    duck.build("visit")
    duck.crowd(D1, 995)
    duck.crowd(None, 5)
    assert cards(duck, catalog([VISIT], [app("one")]))["one"]["region_resolved_share"] == 0.99
