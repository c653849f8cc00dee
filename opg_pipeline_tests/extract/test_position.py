"""The position of incremental pulls: written by pattern, taken back by lookback, first from `start`; and addresses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opg_pipeline.extract import format_position
from opg_pipeline.extract.address import first_call, pinned, with_query
from opg_pipeline.model.base import Locale
from opg_pipeline.model.datepattern import MONTHS, DatePatternError, compile_pattern
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull

JAKARTA = ZoneInfo("Asia/Jakarta")
MOMENT = datetime(2024, 8, 5, 18, 7, 9, 123456, tzinfo=UTC)  # Tuesday 6 August, 01:07:09 in Jakarta


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("dd/mm/yyyy", "06/08/2024"),
        ("yyyy-mm-ddTHH:MM:SSZ", "2024-08-06T01:07:09+07:00"),
        ("yyyymmddHHMMSS", "20240806010709"),
        ("d mmm yy", "6 Agu 24"),
        ("ddd, dd mmm yyyy 'pukul' H.MM WIB", "Selasa, 06 Agu 2024 pukul 1.07 WIB"),
        ("m/d/yyyy HH:MM AM", "8/6/2024 01:07 AM"),
        ("yyyy", "2024"),
        ("iso", "2024-08-06T01:07:09.123456+07:00"),
    ],
)
def test_format_position(pattern: str, expected: str) -> None:
    assert format_position(MOMENT, pattern, "Asia/Jakarta") == expected
    assert format_position(MOMENT.astimezone(JAKARTA).replace(tzinfo=None), pattern, "Asia/Jakarta") == expected


@pytest.mark.parametrize(("hour", "expected"), [(0, "12 AM"), (11, "11 AM"), (12, "12 PM"), (23, "11 PM")])
def test_twelve_hours(hour: int, expected: str) -> None:
    assert format_position(datetime(2024, 1, 1, hour), "yyyy H AM", "UTC") == f"2024 {expected}"


def test_zone_without_a_name() -> None:
    with pytest.raises(DatePatternError):
        format_position(MOMENT, "dd/mm/yyyy WIB", "Europe/Berlin")


@pytest.mark.parametrize(
    ("pattern", "period"),
    [("yyyy-'W'ww", "a week"), ("yyyy-'W'eww", "an? epi"), ("yyyy-'S'sem", "a half-year"), ("yyyy q", "a quarter")],
)
def test_a_position_is_no_period(pattern: str, period: str) -> None:
    with pytest.raises(DatePatternError, match=f"has {period}.*in which no position is written"):
        format_position(MOMENT, pattern, "Asia/Jakarta")


DATES = st.sampled_from(
    [
        "yyyy-mm-dd",
        "dd/mm/yyyy",
        "d.m.yyyy",
        "dd mmm yyyy",
        "yyyymmdd",
        "ddd, d mmm yyyy",
        "mm/dd/yyyy",
        "'tgl' dd-mm-yyyy",
    ]
)
TIMES = st.sampled_from([" HH:MM:SS Z", "THH:MM:SSZ", " H.MM.SS Z", " HH:MM:SS AM Z"])
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))


@settings(max_examples=300, deadline=None)
@given(
    MOMENTS,
    DATES,
    TIMES,
    st.sampled_from(["Asia/Jakarta", "Asia/Jayapura", "UTC", "America/St_Johns", "Europe/Berlin"]),
)
def test_round_trip(moment: datetime, date: str, time: str, zone: str) -> None:
    """What is written is read back by the model's own pattern as the same second; nothing is later than the value."""
    text = format_position(moment, date + time, zone)
    found = compile_pattern(date + time).regex.fullmatch(text)
    assert found is not None, (text, date + time)
    parts = found.groupdict()
    month = MONTHS[parts["month_name"].lower()] if parts.get("month_name") else int(parts["month"])
    hour = int(parts["hour"])
    if parts.get("meridiem"):
        hour = hour % 12 + 12 * (parts["meridiem"] == "PM")
    back = datetime.fromisoformat(
        f"{int(parts['year']):04}-{month:02}-{int(parts['day']):02}T{hour:02}:{parts['minute']}:{parts['second']}{parts['offset']}"
    )
    assert timedelta(0) <= moment - back < timedelta(seconds=1)


@settings(max_examples=200, deadline=None)
@given(MOMENTS, DATES)
def test_round_trip_of_days(moment: datetime, pattern: str) -> None:
    parts = compile_pattern(pattern).regex.fullmatch(format_position(moment, pattern, "Asia/Jakarta"))
    assert parts is not None
    found = parts.groupdict()
    month = MONTHS[found["month_name"].lower()] if found.get("month_name") else int(found["month"])
    day = moment.astimezone(JAKARTA).date()
    assert (int(found["year"]), month, int(found["day"])) == (day.year, day.month, day.day)


@pytest.mark.parametrize(
    ("incremental", "position", "expected"),
    [
        ({}, None, None),
        ({}, MOMENT, "06/08/2024"),
        ({"lookback": "3d"}, MOMENT, "03/08/2024"),
        ({"lookback": "2h"}, MOMENT, "05/08/2024"),
        ({"start": "2024-01-31"}, None, "31/01/2024"),
        ({"start": "2024-01-31", "lookback": "3d"}, None, "31/01/2024"),
        ({"start": "2024-01-31T20:00:00Z"}, None, "01/02/2024"),
        ({"start": "2024-01-31", "lookback": "1d"}, MOMENT, "05/08/2024"),
        ({"format": "iso", "lookback": "1d"}, MOMENT, "2024-08-05T01:07:09.123456+07:00"),
        ({"format": "yyyy-mm-dd HH:MM"}, MOMENT.replace(tzinfo=None), "2024-08-05 18:07"),
    ],
)
async def test_incremental(
    server: Server, incremental: dict[str, Any], position: datetime | None, expected: str | None
) -> None:
    server.handler = lambda request: []
    dataset = make_dataset(incremental={"field": "tgl", "param": "since", **incremental})
    result = await pull(server.url, dataset, position=position)
    assert result.error is None
    assert server.asked[0].query.get("since") == expected


async def test_position_with_an_iso_locale_is_a_day(server: Server) -> None:
    server.handler = lambda request: []
    dataset = make_dataset(incremental={"field": "tgl", "param": "since"})
    await pull(server.url, dataset, position=MOMENT, locale=Locale(date="iso", timezone="Asia/Jakarta"))
    assert server.asked[0].query["since"] == "2024-08-06"


@pytest.mark.parametrize(
    ("locale", "incremental", "words"),
    [
        (Locale(date="iso"), {}, "no time zone"),
        (Locale(timezone="UTC"), {}, "no date pattern"),
        (Locale(timezone="UTC"), {"format": "qq"}, "cannot be written"),
        (Locale(timezone="UTC", date="iso"), {"start": "yesterday"}, "no ISO 8601"),
    ],
)
async def test_position_that_cannot_be_written(
    server: Server, locale: Locale, incremental: dict[str, str], words: str
) -> None:
    dataset = make_dataset(incremental={"field": "tgl", "param": "since", **incremental})
    result = await pull(server.url, dataset, position=None if "start" in incremental else MOMENT, locale=locale)
    assert words in result.failure.what
    assert server.asked == []


# -- addresses ---------------------------------------------------------------------------------------------------------

HOME = "https://api.kota.go.id/v1"
AT = "https://api.kota.go.id/v1/things?page=1"


@pytest.mark.parametrize(
    ("base", "link", "expected"),
    [
        (HOME, "https://api.kota.go.id/x?a=1#top", "https://api.kota.go.id/x?a=1"),
        (HOME, "https://API.kota.go.id:443/x", "https://api.kota.go.id/x"),
        (HOME, "//api.kota.go.id/x", "https://api.kota.go.id/x"),
        (HOME, "?page=2", "https://api.kota.go.id/v1/things?page=2"),
        (HOME, "http://api.kota.go.id/x", "https://api.kota.go.id/x"),
        (HOME, "https://user:pw@api.kota.go.id/x", "https://api.kota.go.id/x"),
        ("http://api.kota.go.id", "https://api.kota.go.id/x", "https://api.kota.go.id/x"),
        ("http://h:8080", "https://h:8080/x", "https://h:8080/x"),
        ("http://h:8080", "http://h:8080/x", "http://h:8080/x"),
        ("http://[::1]:8080", "http://[::1]:8080/x", "http://[::1]:8080/x"),
        (HOME, "https://api.kota.go.id.evil.id/x", None),
        (HOME, "https://evil.id/?api.kota.go.id", None),
        (HOME, "https://api.kota.go.id@evil.id/", None),
        (HOME, "https://evil.id\\@api.kota.go.id/", "https://api.kota.go.id/"),
        (HOME, "https://api.kota.go.id:8443/x", None),
        (HOME, "http://api.kota.go.id:8080/x", None),
        ("http://h:8080", "http://h/x", None),
        ("http://h:8080", "https://h/x", None),
        ("https://h:8443", "http://h:8443/x", None),
        (HOME, "ftp://api.kota.go.id/x", None),
        (HOME, "file:///etc/passwd", None),
        (HOME, "javascript:alert(1)", None),
    ],
)
def test_pinned(base: str, link: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(PullError) as caught:
            pinned(base, link, at=AT)
        assert caught.value.outcome is Outcome.LEFT_HOST
    else:
        assert pinned(base, link, at=AT) == expected


@pytest.mark.parametrize(
    ("base", "path", "expected"),
    [
        ("http://h", "", "http://h/"),
        ("http://h/api/", "", "http://h/api/"),
        ("http://h/api/", "/x", "http://h/api/x"),
        ("http://h/api?v=1", "/x", "http://h/api/x?v=1"),
    ],
)
def test_first_call(base: str, path: str, expected: str) -> None:
    assert first_call(base, make_dataset(path=path)).url == expected


def test_query_parameters_are_replaced_and_others_left_alone() -> None:
    assert (
        with_query("http://h/a?x=%2F&page=1&flag", {"page": 2, "$top": "a b+c"})
        == "http://h/a?x=%2F&flag&page=2&$top=a%20b%2Bc"
    )
