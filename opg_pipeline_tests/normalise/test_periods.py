"""Weeks, quarters and half-years in dates and periods, and fields whose dates are written in several ways."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opg_pipeline.normalise.moments import moment_parser
from opg_pipeline.normalise.periods import PeriodParser, period_of
from opg_pipeline.normalise.reasons import REASONS
from opg_pipeline.normalise.zones import zone
from opg_pipeline_tests.normalise.build import one

WEEK, EPI, HALF, QUARTER = "yyyy-'W'ww", "yyyy-'W'eww", "yyyy-'S'sem", "'Triwulan' q yyyy"
PERIODS = ["yyyy", QUARTER, "'TW'q-yyyy", "yyyy 'T'q"]


@pytest.mark.parametrize(
    ("pattern", "value", "first", "last"),
    [
        (WEEK, "2026-W53", date(2026, 12, 28), date(2027, 1, 3)), (WEEK, "2025-W01", date(2024, 12, 30), date(2025, 1, 5)),
        (WEEK, "2020-W53", date(2020, 12, 28), date(2021, 1, 3)), (WEEK, "2025-W53", "!bad_date", "!bad_date"), (WEEK, "2025-W00", "!bad_date", "!bad_date"),
        (WEEK, "2025-W54", "!bad_date", "!bad_date"), (WEEK, "2025-W5", "!bad_date", "!bad_date"), ("w/yyyy", "5/2025", date(2025, 1, 27), date(2025, 2, 2)),
        (EPI, "2025-W53", date(2025, 12, 28), date(2026, 1, 3)), (EPI, "2026-W01", date(2026, 1, 4), date(2026, 1, 10)),
        (EPI, "2025-W01", date(2024, 12, 29), date(2025, 1, 4)), (EPI, "2026-W53", "!bad_date", "!bad_date"), (EPI, "2026-W00", "!bad_date", "!bad_date"),
        ("'Minggu' ew yyyy", "Minggu 7 2025", date(2025, 2, 9), date(2025, 2, 15)),
        (HALF, "2025-S1", date(2025, 1, 1), date(2025, 6, 30)), (HALF, "2025-S2", date(2025, 7, 1), date(2025, 12, 31)), (HALF, "2025-S3", "!bad_date", "!bad_date"),
        (QUARTER, "Triwulan 1 2024", date(2024, 1, 1), date(2024, 3, 31)), (QUARTER, "Triwulan 4 2024", date(2024, 10, 1), date(2024, 12, 31)),
        (QUARTER, "Triwulan 5 2024", "!bad_date", "!bad_date"), ("q/yy", "2/25", date(2025, 4, 1), date(2025, 6, 30)), (QUARTER, "2024", "!bad_date", "!bad_date"),
        ("yyyyq", 20253, date(2025, 7, 1), date(2025, 9, 30)), ("yyyyq", 20253.0, date(2025, 7, 1), date(2025, 9, 30)), (HALF, None, None, None),
    ],
)  # fmt: skip
def test_days_of_periods(pattern: str, value: Any, first: Any, last: Any) -> None:
    assert one("date", {"parse": "date", "format": pattern}, value) == first
    assert one("date", {"parse": "date", "format": pattern, "edge": "last"}, value) == last


def test_an_instant_of_a_period_is_the_midnight_that_begins_its_day() -> None:
    mapping = {"parse": "date", "format": EPI}
    assert one("timestamp", mapping, "2025-W53") == datetime(2025, 12, 27, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("format", "value", "expected"),
    [
        (WEEK, "2026-W53", "2026-W53"), (WEEK, "2025-W53", "!bad_period"), (EPI, "2025-W53", "2025-EW53"), (HALF, "2025-S2", "2025-S2"),
        (PERIODS, "Triwulan 1 2022", "2022-Q1"), (PERIODS, "TW4-2025", "2025-Q4"), (PERIODS, "2026 T2", "2026-Q2"), (PERIODS, "2023", "2023"), (PERIODS, 2023, "2023"),
        (PERIODS, "TW5-2025", "!bad_period"), (PERIODS, "2023-01", "!bad_period"), (PERIODS, None, None), (["mm/yyyy", "yyyy-mm"], "03/2024", "2024-03"),
        (["yyyymm", "mmyyyy"], "202411", "2024-11"), (["yyyymm", "mmyyyy"], "102010", "!ambiguous_date"),
        (["yymm", "mmyy"], "1011", "!ambiguous_date"), (["yymm", "mmyy"], "1111", "2011-11"), (None, "2025-Q1", "!bad_period"), (None, "2025-03", "2025-03"),
    ],
)  # fmt: skip
def test_names_of_periods(format: Any, value: Any, expected: Any) -> None:
    assert one("string", {"parse": "period", **({"format": format} if format else {})}, value) == expected


@pytest.mark.parametrize(
    ("format", "value", "expected"),
    [(WEEK, "2025-W01", 2025), (["yymm", "mmyy"], "1011", "!ambiguous_date"), (["yyyymm", "yyyy"], "202401", 2024), (["yyyymm", "yyyy"], "x", "!bad_period")],
)  # fmt: skip
def test_years_of_periods(format: Any, value: Any, expected: Any) -> None:
    assert one("integer", {"parse": "year", "format": format}, value) == expected


def test_a_spreadsheets_date_becomes_the_period_that_holds_it() -> None:
    cells = [datetime(2024, 12, 30), date(2026, 1, 3), datetime(2025, 6, 30, 23), date(2025, 7, 1)]

    def named(*patterns: str) -> list[Any]:
        parsed = PeriodParser(patterns).moment(cells)
        return [REASONS[reason] or text for reason, text in zip(parsed.reasons, parsed.values.to_pylist(), strict=True)]

    assert named(WEEK) == ["2025-W01", "2026-W01", "2025-W27", "2025-W27"]
    assert named(EPI) == ["2025-EW01", "2025-EW53", "2025-EW27", "2025-EW27"]
    assert named(QUARTER) == ["2024-Q4", "2026-Q1", "2025-Q2", "2025-Q3"]
    assert named(HALF) == ["2024-S2", "2026-S1", "2025-S1", "2025-S2"]
    assert named("mmm yyyy") == ["2024-12", "2026-01", "2025-06", "2025-07"]
    assert named() == ["2024-12-30", "2026-01-03", "2025-06-30", "2025-07-01"]
    assert named("yyyy", QUARTER) == ["ambiguous_date"] * 4, "which grain is meant cannot be told"


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)))
def test_each_day_is_in_one_week_of_each_calendar(day: date) -> None:
    for pattern in (WEEK, EPI):
        parser = PeriodParser((pattern,))
        text = parser.moment([day]).values[0].as_py().replace("E", "")
        read = [
            moment_parser(pa.date32(), [pattern], zone("UTC"), last=last).text(pa.array([text]))
            for last in (False, True)
        ]
        first, last = (item.values[0].as_py() for item in read)
        assert first <= day <= last == first + timedelta(days=6)
        assert first.isoweekday() == (1 if pattern == WEEK else 7)
    assert period_of({"year": str(day.year), "week": "54"}) is None


# -- several patterns --------------------------------------------------------------------------------------------------


TWO = ["dd/mm/yyyy", "yyyy-mm-dd"]
ENGLISH = ["dd/mm/yyyy", "mm/dd/yyyy"]


@pytest.mark.parametrize(
    ("kind", "mapping", "value", "expected"),
    [
        ("date", {"format": TWO}, "31/01/2024", date(2024, 1, 31)), ("date", {"format": TWO}, "2024-01-31", date(2024, 1, 31)), ("date", {"format": TWO}, "31-01-2024", "!bad_date"),
        ("date", {"format": TWO}, "31/02/2024", "!bad_date"), ("date", {"format": TWO}, "-", None), ("date", {"format": TWO[:1]}, "31/01/2024", date(2024, 1, 31)),
        ("date", {"format": ENGLISH}, "03/04/2024", "!ambiguous_date"), ("date", {"format": ENGLISH}, "04/04/2024", date(2024, 4, 4)),
        ("date", {"format": ENGLISH}, "25/12/2024", date(2024, 12, 25)), ("date", {"format": ENGLISH}, "12/25/2024", date(2024, 12, 25)),
        ("date", {"format": [*ENGLISH, "dd/mm/yyyy"]}, "03/04/2024", "!ambiguous_date"), ("date", {"format": ["dd/mm/yyyy", "d/m/yyyy"]}, "03/04/2024", date(2024, 4, 3)),
        ("date", {"format": ["d mmm yyyy", "dd/mm/yyyy"]}, "2 Juli 2025", date(2025, 7, 2)), ("date", {"format": ["iso", "dd/mm/yyyy"]}, "2024-01-31T20:00:00Z", date(2024, 2, 1)),
        ("date", {"format": ["yyyy", "mm/yyyy"], "edge": "last"}, "02/2024", date(2024, 2, 29)), ("date", {"format": ["yyyymmdd", "yyyy"]}, 20240131, date(2024, 1, 31)),
        ("date", {"format": ["yyyymmdd", "yyyy"]}, 2024.0, date(2024, 1, 1)), ("date", {"format": TWO, "default": "2020-01-01"}, None, date(2020, 1, 1)),
        ("timestamp", {"format": ["dd/mm/yyyy HH:MM", "iso"]}, "31/01/2024 07:00", datetime(2024, 1, 31, tzinfo=UTC)),
        ("timestamp", {"format": ["yyyy-mm-dd HH:MM", "iso"]}, "2024-01-31 07:00", datetime(2024, 1, 31, tzinfo=UTC)),
        ("timestamp", {"format": ["dd/mm/yyyy HH:MM", "mm/dd/yyyy HH:MM"]}, "03/04/2024 07:00", "!ambiguous_date"),
        ("timestamp", {"format": ["dd/mm/yyyy HH:MM", "iso"], "timezone": "Europe/Berlin"}, "27/10/2024 02:30", "!ambiguous_time"),
        ("timestamp", {"format": ENGLISH, "parse": "date", "timezone": "Europe/Berlin"}, "03/04/2024", "!ambiguous_date"),
        ("date", {"parse": "excel_serial", "format": TWO}, 45322, date(2024, 1, 31)), ("date", {"parse": "excel_serial", "format": TWO}, "2024-01-31", date(2024, 1, 31)),
        ("date", {"parse": "excel_serial", "format": ENGLISH}, "03/04/2024", "!ambiguous_date"), ("string", {"parse": "date", "format": TWO}, "31/01/2024", "2024-01-31"),
        ("string", {"parse": "date", "format": ENGLISH}, "03/04/2024", "!ambiguous_date"),
    ],
)  # fmt: skip
def test_several_patterns(kind: str, mapping: dict[str, Any], value: Any, expected: Any) -> None:
    assert one(kind, mapping, value) == expected


def test_an_hour_that_is_ambiguous_by_one_pattern_and_clear_by_another_is_ambiguous() -> None:
    patterns = ["dd/mm/yy HH:MM", "yy/mm/dd HH:MM"]
    value = pa.array(["27/10/24 02:30", "24/10/27 02:30", None])
    parsed = moment_parser(pa.timestamp("us", tz="UTC"), patterns, zone("Europe/Berlin")).text(value)
    assert [REASONS[reason] for reason in parsed.reasons] == ["ambiguous_date", "ambiguous_date", ""]
    assert parsed.values.null_count == 3


@given(st.lists(st.none() | st.dates(date(1950, 1, 1), date(2050, 1, 1)), min_size=1), st.integers(0, 2**16))
def test_columns_of_mixed_patterns(days: list[date | None], mix: int) -> None:
    forms = ("%d/%m/%Y", "%Y-%m-%d", "%d %m %Y")
    texts = [None if day is None else day.strftime(forms[(mix + row) % 3]) for row, day in enumerate(days)]
    parser = moment_parser(pa.date32(), ["dd/mm/yyyy", "yyyy-mm-dd", "d m yyyy"], zone("UTC"))
    parsed = parser.text(pa.array(texts, pa.string()))
    assert not np.any(parsed.reasons)
    assert parsed.values.to_pylist() == days
