"""Dimensions from the catalogue, outcomes into ops: what differs is written, the rest is left alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from opg_pipeline.load import Warehouse
from opg_pipeline.load.dimensions import epidemiological_week
from opg_pipeline.model.category import Category
from opg_pipeline.model.city import City
from opg_pipeline.model.handover import Outcome, OutcomeRecord
from opg_pipeline_tests.load.build import START, catalog, contents


def test_dimensions_are_written_once(warehouse: Warehouse) -> None:
    first = warehouse.refresh_dimensions()
    assert first == {
        "dim_date": 13_149,
        "dim_region": 3,
        "dim_agency": 1,
        "dim_app": 1,
        "dim_urusan": 1,
        "dim_category": 1,
        "dim_agency_history": 1,
    }
    before = contents(warehouse, "core.dim_app")
    assert set(warehouse.refresh_dimensions().values()) == {0}
    assert contents(warehouse, "core.dim_app") == before


def test_what_the_dimensions_say(warehouse: Warehouse) -> None:
    warehouse.refresh_dimensions()
    days = {row["date"]: row for row in contents(warehouse, "core.dim_date")}
    independence = days[date(2026, 8, 17)]
    assert (independence["is_public_holiday"], independence["holiday_en"]) == (True, "Independence Day")
    assert independence["holiday_id"] == "Hari Kemerdekaan Republik Indonesia"
    assert days[date(2025, 3, 31)]["holiday_id"].startswith("Hari Raya Idul Fitri"), "moves with the moon"
    assert days[date(2030, 2, 5)]["holiday_id"].endswith("(perkiraan)"), "not decreed yet"
    assert (days[date(2026, 8, 18)]["is_public_holiday"], days[date(2026, 8, 18)]["holiday_en"]) == (False, "")
    assert (min(days), max(days), len(days)) == (date(2000, 1, 1), date(2035, 12, 31), 13_149)
    new_year = days[date(2027, 1, 1)]
    assert (
        new_year["year"],
        new_year["quarter"],
        new_year["iso_year"],
        new_year["iso_week"],
        new_year["iso_weekday"],
    ) == (2027, 1, 2026, 53, 5)
    assert (new_year["day_name_en"], new_year["day_name_id"], new_year["month_name_id"]) == (
        "Friday",
        "Jumat",
        "Januari",
    )
    village = next(row for row in contents(warehouse, "core.dim_region") if row["level"] == "village")
    assert (village["city_id"], village["code"], village["district_name"], village["regency_code"]) == (
        "kota",
        "35.22.01.2001",
        "Ngraho",
        "35.22",
    )
    app = contents(warehouse, "core.dim_app")[0]
    assert (app["app_id"], app["agency_id"], app["cadence"], app["interface"], app["in_catalog"]) == (
        "lapor",
        "kominfo",
        "daily",
        "assumed",
        True,
    )
    used = contents(warehouse, "core.dim_category")[0]
    assert (used["category_id"], used["label_id"], used["used"]) == ("report", "Laporan warga", True)


def test_only_what_differs_is_written_and_what_is_gone_stays(url: str, reports: Category) -> None:
    warehouse = Warehouse.open(url, catalog(reports, apps=("lapor", "pasar")))
    warehouse.migrate()
    warehouse.refresh_dimensions()
    warehouse.catalog = catalog(reports, city="tetangga", apps=("lapor",))
    assert warehouse.refresh_dimensions() == {
        "dim_date": 0,
        "dim_region": 3,
        "dim_agency": 1,
        "dim_app": 1,
        "dim_urusan": 0,
        "dim_category": 0,
        "dim_agency_history": 1,
    }
    warehouse.catalog = catalog(reports, apps=("lapor", "baru"))
    assert warehouse.refresh_dimensions() == {
        "dim_date": 0,
        "dim_region": 0,
        "dim_agency": 0,
        "dim_app": 2,
        "dim_urusan": 0,
        "dim_category": 0,
        "dim_agency_history": 0,
    }
    listed = {(row["city_id"], row["app_id"]): row["in_catalog"] for row in contents(warehouse, "core.dim_app")}
    assert listed == {
        ("kota", "lapor"): True,
        ("kota", "pasar"): False,
        ("kota", "baru"): True,
        ("tetangga", "lapor"): True,
    }
    warehouse.catalog = catalog(reports, apps=("lapor", "pasar", "baru"))
    assert warehouse.refresh_dimensions()["dim_app"] == 1
    warehouse.close()


def test_outcomes_are_written_once_and_follow_a_change(warehouse: Warehouse) -> None:
    good = OutcomeRecord(
        "run1",
        "kota",
        "lapor",
        "report",
        "report",
        Outcome.NEW_RECORDS,
        START,
        START + timedelta(seconds=5),
        records=10,
        slice_id="s1",
    )
    bad = OutcomeRecord(
        "run1",
        "kota",
        "pasar",
        "report",
        "report",
        Outcome.SERVER_ERROR,
        START,
        START,
        message="HTTP 500",
        hint="wait",
        http_status=500,
    )
    assert warehouse.record_outcomes([]) == 0
    assert warehouse.record_outcomes([good, bad]) == 2
    assert warehouse.record_outcomes([good, bad]) == 0
    assert warehouse.record_outcomes([good, replace(bad, outcome=Outcome.NEW_RECORDS, http_status=200)]) == 1
    assert warehouse.record_outcomes([replace(bad, city="tetangga", run_id="run2")]) == 1
    assert warehouse.outcome_runs("kota") == {"run1"}
    assert warehouse.outcome_runs("tetangga") == {"run2"}
    rows = {(row["run_id"], row["app"]): row for row in contents(warehouse, "ops.run_outcome")}
    assert (rows[("run1", "pasar")]["outcome"], rows[("run1", "pasar")]["http_status"]) == ("new_records", 200)
    assert rows[("run1", "lapor")]["finished_at"] == START + timedelta(seconds=5)
    assert rows[("run1", "lapor")]["http_status"] is None


@pytest.mark.parametrize(
    ("day", "week"),
    [
        (date(2026, 1, 1), (2025, 53)),
        (date(2026, 1, 3), (2025, 53)),
        (date(2026, 1, 4), (2026, 1)),
        (date(2027, 1, 1), (2026, 52)),
        (date(2020, 12, 31), (2020, 53)),
        (date(2024, 12, 29), (2025, 1)),
    ],
)
def test_epidemiological_weeks_run_from_sunday_to_saturday(day: date, week: tuple[int, int]) -> None:
    assert epidemiological_week(day) == week


def test_an_agency_keeps_its_former_name_and_when_it_had_it(warehouse: Warehouse) -> None:
    def called(name: str | None, day: int) -> int:
        agencies = [{"id": "setda", "name": "Setda"}, *([{"id": "kominfo", "name": name}] if name else [])]
        entry = warehouse.catalog.cities["kota"]
        city = City.model_validate({**entry.city.model_dump(by_alias=True), "agencies": agencies})
        warehouse.catalog = replace(warehouse.catalog, cities={"kota": replace(entry, city=city)})
        # 20.00 UTC is the next day in Jakarta
        return warehouse.refresh_dimensions(datetime(2026, 11, day, 20, tzinfo=UTC))["dim_agency_history"]

    renamed = [called("Dinas Kominfo", 1), called("Dinas Kominfo", 2), called("Diskomdigi", 3), called(None, 5)]
    assert renamed == [2, 0, 2, 1], "the first time also for the other agency"
    assert [called(None, 6), called("Diskomdigi", 7)] == [0, 1]
    told = [
        (row["version"], row["name"], row["valid_from"], row["valid_to"])
        for row in contents(warehouse, "core.dim_agency_history")
        if row["agency_id"] == "kominfo"
    ]
    assert sorted(told) == [
        (1, "Dinas Kominfo", None, date(2026, 11, 4)),
        (2, "Diskomdigi", date(2026, 11, 4), date(2026, 11, 6)),
        (3, "Diskomdigi", date(2026, 11, 8), None),
    ]
