"""Every aggregation against numbers worked out by hand, on both engines."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.publish import MeasureReport, PublishError, rebuild_measures

from .world import AS_OF, D1, D2, World, app, catalog, category, measure


def rebuild(world: World, declared: Catalog) -> MeasureReport:
    with world.engine.begin() as connection:
        return rebuild_measures(connection, declared, as_of=AS_OF)


def cell(world: World, measure_id: str, region: str = "35.22", start: date = date(2026, 1, 1)) -> dict[str, Any]:
    found = [
        row
        for row in world.read("measure")
        if (row["measure_id"], row["region_code"], row["period_start"]) == (measure_id, region, start)
    ]
    assert len(found) == 1, f"{len(found)} cells of {measure_id} in {region} from {start}"
    return found[0]


def one(*measures: dict[str, Any]) -> Catalog:
    return catalog([category(*measures)], [app("one")])


def numbers(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("n", "value", "median", "p10", "p90"))


def test_count_by_region_and_period(world: World) -> None:
    world.build("visit")
    world.crowd(D1, 2)
    world.visits(
        {"region_code": f"{D1}.2001"},
        {"region_code": "35.22", "region_level": "regency"},
        {"event_on": date(2026, 2, 1)},
    )
    world.crowd(D2, 1)
    world.crowd(None, 1)
    world.visits({"vanished_at": AS_OF}, {"city_id": "elsewhere"})
    report = rebuild(world, one(measure("visits", "count")))
    assert numbers(cell(world, "visits")) == (6, 6.0, None, None, None)
    assert cell(world, "visits", D1)["n"] == 3, "a village counts in its district"
    assert cell(world, "visits", D2)["n"] == 1
    assert cell(world, "visits", D1, date(2026, 2, 1))["n"] == 1
    assert cell(world, "visits")["share_without_region"] == pytest.approx(1 / 6)
    assert (cell(world, "visits")["region_name"], cell(world, "visits", D2)["region_name"]) == (
        "Kabupaten Uji",
        "Kecamatan 2",
    )
    assert report.cells == len(world.read("measure")) == 5
    assert report.by_category == {"visit": 5}


def test_sum_is_exact_and_has_percentiles(world: World) -> None:
    world.build("visit")
    world.visits(
        *({"amount": Decimal(amount)} for amount in ("999999999999999.00", "0.10", "0.20", "-0.30", "1.00")),
        {"amount": None},
    )
    rebuild(world, one(measure("money", "sum", value={"field": "amount"})))
    # sorted: -0.30 0.10 0.20 1.00 999999999999999; p10 lies 0.4 of the way from the first to the second, p90 0.6 of the way to the
    # last: 599999999999999.8, which is 6e14 in 15 digits
    assert numbers(cell(world, "money")) == (5, 1e15, 0.2, -0.14, 6e14)


def test_mean_and_median(world: World) -> None:
    world.build("visit")
    world.visits(*({"level": level} for level in (1, 2, 4, 10)), {"level": None})
    rebuild(
        world,
        one(
            measure("average", "mean", value={"field": "level"}), measure("middle", "median", value={"field": "level"})
        ),
    )
    assert numbers(cell(world, "average")) == (4, 4.25, 3.0, 1.3, 8.2)
    assert numbers(cell(world, "middle")) == (4, 3.0, 3.0, 1.3, 8.2)


def test_share_counts_records_without_the_field_as_not_fitting(world: World) -> None:
    world.build("visit")
    world.visits(
        {"status": "closed"},
        {"status": "closed"},
        {"status": "open"},
        {"status": None},
        {"status": "closed", "urgent": True},
    )
    rebuild(
        world,
        one(
            measure("closed", "share", numerator={"status": ["closed"]}),
            measure("calm_closed", "share", numerator={"status": ["closed"]}, where={"urgent": [False]}),
            measure("unknown", "share", numerator={"status": [None]}),
        ),
    )
    assert numbers(cell(world, "closed")) == (5, 0.6, None, None, None)
    assert numbers(cell(world, "calm_closed"))[:2] == (4, 0.5)
    assert numbers(cell(world, "unknown"))[:2] == (5, 0.2)


def test_conditions_compare_as_the_fields_type(world: World) -> None:
    world.build("visit")
    at = datetime(2026, 1, 15, 3, tzinfo=UTC)
    world.visits(
        {
            "level": 1,
            "amount": Decimal("1.50"),
            "opened_on": date(2026, 1, 15),
            "opened_at": at,
            "urgent": True,
            "note": "a",
        },
        {
            "level": 2,
            "amount": Decimal("2.00"),
            "opened_on": date(2026, 1, 16),
            "opened_at": at + timedelta(hours=1),
            "urgent": False,
            "note": "b",
        },
    )
    wheres: dict[str, dict[str, list[Any]]] = {
        "by_level": {"level": [1, 7]},
        "by_amount": {"amount": [1.5]},
        "by_day": {"opened_on": ["2026-01-15"]},
        "by_time": {"opened_at": ["2026-01-15T10:00:00+07:00"]},
        "by_flag": {"urgent": [True]},
        "by_text": {"note": ["a"]},
        "by_two": {"note": ["a", "b"], "level": [1]},
        "by_none": {"closed_on": [None], "level": [1]},
    }
    rebuild(world, one(*(measure(name, "count", where=where) for name, where in wheres.items())))
    assert {name: cell(world, name)["n"] for name in wheres} == dict.fromkeys(wheres, 1)


@pytest.mark.parametrize(
    ("where", "told"),
    [({"level": ["1"]}, "level with '1'"), ({"urgent": ["ya"]}, "urgent with 'ya'"), ({"note": [3]}, "note with 3")],
)
def test_a_condition_of_another_type_is_told(duck: World, where: dict[str, list[Any]], told: str) -> None:
    duck.build("visit")
    with pytest.raises(PublishError, match=f"`where` of measure 'odd' of visit compares {told}"):
        rebuild(duck, one(measure("odd", "count", where=where)))


def test_durations(world: World) -> None:
    world.build("visit")
    at = datetime(2026, 1, 15, 20, tzinfo=UTC)  # the 16th at 03:00 in Jakarta
    world.visits(
        {
            "opened_at": at,
            "closed_at": at + timedelta(hours=36),
            "opened_on": date(2026, 1, 10),
            "closed_on": date(2026, 1, 20),
        },
        {
            "opened_at": at,
            "closed_at": at + timedelta(minutes=90, microseconds=1),
            "opened_on": date(2026, 1, 10),
            "closed_on": None,
        },
        {"opened_at": at, "closed_at": None, "opened_on": None, "closed_on": date(2026, 1, 20)},
    )
    rebuild(
        world,
        one(
            measure("days", "mean", value={"days_between": ["opened_at", "closed_at"]}),
            measure("minutes", "sum", value={"minutes_between": ["opened_at", "closed_at"]}),
            measure("whole_days", "sum", value={"days_between": ["opened_on", "closed_on"]}),
            measure("mixed", "sum", value={"days_between": ["opened_on", "opened_at"]}),
        ),
    )
    assert numbers(cell(world, "days"))[:2] == (2, (129_600_000_000 + 5_400_000_001) / 2 / 86_400_000_000)
    assert numbers(cell(world, "minutes"))[:2] == (2, (129_600_000_000 + 5_400_000_001) / 60_000_000)
    assert numbers(cell(world, "whole_days"))[:2] == (1, 10.0)
    assert numbers(cell(world, "mixed"))[:2] == (2, 12.0), "the time counts as the 16th, its day in the city"


@pytest.mark.parametrize(
    ("grain", "start", "end"),
    [
        ("day", date(2026, 2, 28), date(2026, 2, 28)),
        ("month", date(2026, 2, 1), date(2026, 2, 28)),
        ("quarter", date(2026, 1, 1), date(2026, 3, 31)),
        ("year", date(2026, 1, 1), date(2026, 12, 31)),
    ],
)
def test_periods(world: World, grain: str, start: date, end: date) -> None:
    world.build("visit")
    world.visits({"event_on": date(2026, 2, 28)})
    rebuild(world, one(measure("visits", "count", period=grain)))
    assert {(row["period_grain"], row["period_start"], row["period_end"]) for row in world.read("measure")} == {
        (grain, start, end)
    }


def test_the_last_day_there_is(world: World) -> None:
    world.build("visit")
    world.visits({"event_on": date(9999, 12, 31)})
    rebuild(world, one(measure("visits", "count")))
    assert cell(world, "visits", start=date(9999, 12, 1))["period_end"] == date(9999, 12, 31)
    assert "PROVISIONAL" in cell(world, "visits", start=date(9999, 12, 1))["caveats"]


def test_nothing_usable_gives_no_cell(world: World) -> None:
    world.build("visit", "trip")
    world.visits({"amount": None})
    declared = catalog(
        [category(measure("money", "sum", value={"field": "amount"})), category(measure("trips", "count"), id_="trip")],
        [app("one", feeds=("visit", "trip"))],
    )
    report = rebuild(world, declared)
    assert (report.cells, report.suppressed, report.by_category, report.caveats) == (0, 0, {}, {})
    assert world.read("measure") == []


def test_a_value_that_is_no_number_is_told(pg: World) -> None:
    pg.build("visit")
    pg.visits({"amount": Decimal(1)}, {"amount": Decimal("NaN")})
    for kind in ("sum", "mean", "median"):
        with pytest.raises(
            PublishError,
            match=r"Measure 'money' of visit is not a finite number for city uji from 2026-01-01.*core\.visit",
        ):
            rebuild(pg, one(measure("money", kind, value={"field": "amount"})))


def test_rebuilding_replaces_and_rolls_back_with_the_caller(world: World) -> None:
    world.build("visit")
    world.crowd(D1, 3)
    declared = one(measure("visits", "count"))
    rebuild(world, declared)
    before = world.read("measure")
    rebuild(world, declared)
    assert world.read("measure") == before
    world.crowd(D1, 1)
    with world.engine.connect() as connection:
        rebuild_measures(connection, declared, as_of=AS_OF)
        connection.rollback()
    assert world.read("measure") == before


def test_a_city_without_regions(world: World) -> None:
    world.build("visit")
    world.visits({"region_code": None, "region_level": None, "region_match": "none"})
    rebuild(world, catalog([category(measure("visits", "count"))], [app("one")], with_regions=False))
    assert [(row["region_code"], row["region_name"], row["n"]) for row in world.read("measure")] == [
        ("", "Kabupaten Uji", 1)
    ]


def test_as_of_needs_a_zone(duck: World) -> None:
    duck.build("visit")
    with duck.engine.connect() as connection, pytest.raises(ValueError, match="time zone"):
        rebuild_measures(connection, one(), as_of=datetime(2026, 1, 1))


def test_the_sessions_zone_does_not_matter(world: World) -> None:
    world.build("visit")
    at = datetime(2026, 1, 1, 1, tzinfo=UTC)
    world.visits(
        {
            "event_on": date(2026, 1, 1),
            "opened_on": date(2026, 1, 1),
            "opened_at": at,
            "closed_at": at + timedelta(hours=20),
        }
    )
    declared = one(
        measure("days", "sum", value={"days_between": ["opened_at", "closed_at"]}),
        measure("mixed", "sum", value={"days_between": ["opened_on", "closed_at"]}),
    )
    with world.engine.begin() as connection:
        connection.execute(sa.text("set timezone = 'Pacific/Kiritimati'"))
        rebuild_measures(connection, declared, as_of=AS_OF)
        connection.execute(sa.text("reset timezone"))
    assert cell(world, "days")["value"] == 20 / 24
    assert cell(world, "mixed")["value"] == 1.0


def test_engines_agree_on_many_records(duck: World, pg: World) -> None:
    chance = random.Random(7)
    places = [(f"35.22.{1 + i % 4:02}.2001", "village", "fuzzy") for i in range(7)] + [
        (None, None, "none"),
        ("35.22", "regency", "code"),
    ]
    rows = []
    for _ in range(3000):
        code, level, match = chance.choice(places)
        at = datetime(2025, 11, 1, tzinfo=UTC) + timedelta(
            seconds=chance.randrange(120 * 86400), microseconds=chance.randrange(10**6)
        )
        rows.append(
            {
                "region_code": code, "region_level": level, "region_match": match, "event_on": at.date(), "opened_at": at,
                "closed_at": chance.choice([None, at + timedelta(microseconds=chance.randrange(10**12))]),
                "amount": chance.choice([None, Decimal(chance.randrange(-(10**9), 10**14)) / 100]),
                "level": chance.randrange(100), "urgent": chance.choice([None, True, False]), "status": chance.choice(["open", "closed"]),
                "source_app": chance.choice(["one", "two"]),
            }
        )  # fmt: skip
    declared = catalog(
        [
            category(
                measure("visits", "count", min_cell=200, period="day"),
                measure("money", "sum", value={"field": "amount"}, min_cell=5),
                measure("average", "mean", value={"field": "amount"}, period="quarter"),
                measure(
                    "wait",
                    "median",
                    value={"days_between": ["opened_at", "closed_at"]},
                    where={"urgent": [True]},
                    min_cell=25,
                ),
                measure("wait_minutes", "mean", value={"minutes_between": ["opened_at", "closed_at"]}),
                measure("local_days", "mean", value={"days_between": ["opened_on", "closed_at"]}),
                measure("closed", "share", numerator={"status": ["closed"], "urgent": [True]}, min_cell=60),
            )
        ],
        [app("one"), app("two")],
    )
    contents = []
    for world in (duck, pg):
        world.serial = 0
        world.build("visit")
        world.visits(*rows)
        with world.engine.begin() as connection:
            connection.execute(sa.text("update core.visit set opened_on = event_on"))
        world.fresh("one", "two")
        rebuild(world, declared)
        contents.append(world.read("measure"))
    assert contents[0] == contents[1]
    assert {row["suppressed"] for row in contents[0]} == {False, True}
    assert len(contents[0]) > 500


def test_unlike_things_are_never_mixed(world: World) -> None:
    world.build("visit")
    world.visits(
        {"note": "IDR/kg", "status": "open", "amount": Decimal(10)},
        {"note": "IDR/kg", "status": "open", "amount": Decimal(20), "region_code": D2, "region_level": "district"},
        {"note": "IDR/sack", "status": "open", "amount": Decimal(500)},
        {"note": "IDR/kg", "status": None, "amount": Decimal(7), "region_code": None, "region_match": "none"},
    )
    price = measure("price", "median", value={"field": "amount"}, by=["status", "note"], unit="note")
    rebuild(world, one(price, measure("visits", "count")))
    found = {
        (row["breakdown"], row["region_code"]): (row["unit"], row["n"], row["value"], row["share_without_region"])
        for row in world.read("measure")
        if row["measure_id"] == "price"
    }
    assert found == {
        ("open | IDR/kg", "35.22"): ("IDR/kg", 2, 15.0, 0.0),
        ("open | IDR/kg", D1): ("IDR/kg", 1, 10.0, 0.0),
        ("open | IDR/kg", D2): ("IDR/kg", 1, 20.0, 0.0),
        ("open | IDR/sack", "35.22"): ("IDR/sack", 1, 500.0, 0.0),
        ("open | IDR/sack", D1): ("IDR/sack", 1, 500.0, 0.0),
        (" | IDR/kg", "35.22"): ("IDR/kg", 1, 7.0, 1.0),
    }
    assert (cell(world, "visits")["breakdown"], cell(world, "visits")["unit"]) == ("", "units")


def test_a_reversal_is_marked_and_told(world: World) -> None:
    world.build("visit")
    for start, sizes, shares in (
        (date(2026, 1, 10), (90, 400), (0.9, 0.4)),
        (date(2026, 2, 10), (400, 90), (0.7, 0.2)),
    ):
        for district, size, share in zip((D1, D2), sizes, shares, strict=True):
            closed = round(size * share)
            world.crowd(district, closed, event_on=start, status="closed")
            world.crowd(district, size - closed, event_on=start)
    report = rebuild(world, one(measure("share_closed", "share", numerator={"status": ["closed"]})))
    marked = cell(world, "share_closed", start=date(2026, 2, 1))
    assert "SUBGROUP_REVERSAL" in marked["caveats"]
    assert "SUBGROUP_REVERSAL" not in cell(world, "share_closed")["caveats"]
    assert report.caveats["SUBGROUP_REVERSAL"] == 1
    [told] = world.read("measure_reversal")
    assert (told["period_start"], told["previous_start"]) == (date(2026, 2, 1), date(2026, 1, 1))
    assert (told["rising"], told["falling"], told["covered"]) == (0, 2, 1.0)
    assert told["change"] == pytest.approx((280 + 18) / 490 - (81 + 160) / 490)
    assert told["change_at_fixed_weights"] == pytest.approx(-0.2)
    assert told["p"] < 0.001
