"""Every parser by a table of values: what it becomes, or `!reason`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from opg_pipeline_tests.normalise.build import EVENT, category, field, one, reference, run

D = Decimal
MONEY = "decimal(18,2)"
POINT = {"decimal": ".", "thousands": ""}
ENGLISH = {"decimal": ".", "thousands": ","}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1.250", D(1250)), ("1.250,5", D("1250.5")), ("12,5", D("12.5")), ("1.25", "!bad_grouping"), ("1,250.00", "!bad_grouping"),
        ("1250", D(1250)), ("-1.250", D(-1250)), ("+7", D(7)), ("  42 ", D(42)), ("0,10", D("0.1")), ("12,340", D("12.34")),
        ("12,345", "!too_precise"), ("0.250", "!bad_grouping"), ("1.2500", "!bad_grouping"), ("1..250", "!bad_grouping"),
        ("1e5", "!bad_number"), ("dua", "!bad_number"), ("- 5", "!bad_number"), ("12,", "!bad_number"), (",5", "!bad_number"),
        ("1.234.567,89", D("1234567.89")), ("1.23.4567", "!bad_grouping"), ("12345678901234567", "!out_of_range"),
        ("", None), ("   ", None), ("-", None), (None, None), (5, D(5)), (-5, D(-5)), (2.5, D("2.5")), (12.345, "!too_precise"),
        (0.1 + 0.2, D("0.3")), (1e20, "!out_of_range"), (float("nan"), "!bad_number"), (True, "!bad_number"),
        ({"a": 1}, "!bad_number"), ([1], "!bad_number"), (2**80, "!out_of_range"), (10**16, "!out_of_range"),
        (9007199254740.99, D("9007199254740.99")), ("00012", D(12)), ("\u0661", "!bad_number"),
    ],
)  # fmt: skip
def test_number_with_decimal_comma(value: Any, expected: Any) -> None:
    assert one(MONEY, {}, value) == expected


@pytest.mark.parametrize(
    ("locale", "value", "expected"),
    [
        (POINT, "1,250", "!bad_grouping"), (POINT, "1.250", D("1.25")), (POINT, "1250.5", D("1250.5")), (POINT, "1 250", "!bad_grouping"),
        (ENGLISH, "1,250.50", D("1250.5")), (ENGLISH, "1,25", "!bad_grouping"), (ENGLISH, "1.250,50", "!bad_grouping"),
        ({"decimal": ",", "thousands": " "}, "1 250,5", D("1250.5")), ({"decimal": ",", "thousands": " "}, "1\u00a0250", D(1250)),
        ({"decimal": ",", "thousands": " "}, "1.250", "!bad_grouping"),
    ],
)  # fmt: skip
def test_number_by_locale(locale: dict[str, str], value: str, expected: Any) -> None:
    assert one(MONEY, {}, value, locale=locale) == expected
    assert one(MONEY, locale, value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12,345", D("12.34")), ("12,355", D("12.36")), ("12,3450000", D("12.34")), ("12,34500000000000000000000000000000000000001", D("12.35")),
        ("-12,345", D("-12.34")), ("-0,005", D(0)), ("-0,0050001", D("-0.01")), ("12,3", D("12.3")), ("1.250,999", D("1251.00")), ("7", D(7)),
        (2.675, D("2.68")), (0.125, D("0.12")), (0.135, D("0.14")), (-0.125, D("-0.12")), (1e-9, D(0)), (5, D(5)), (0.5, D("0.5")), (None, None),
        (112.0448291999999, D("112.04")), ("9999999999999999,99", D("9999999999999999.99")), ("9999999999999999,994", D("9999999999999999.99")),
        ("9999999999999999,995", "!out_of_range"), ("-9999999999999999,996", "!out_of_range"), ("12345678901234567,1", "!out_of_range"),
        (1e20, "!out_of_range"), (float("inf"), "!bad_number"), ("1.2555", "!bad_grouping"), ("x", "!bad_number"),
    ],
)  # fmt: skip
def test_a_number_is_rounded_where_that_is_declared(value: Any, expected: Any) -> None:
    assert one(MONEY, {"round": True}, value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0,5", D(0)),
        ("1,5", D(2)),
        ("2,5", D(2)),
        (2.5, D(2)),
        (3.5, D(4)),
        ("2,50000001", D(3)),
        ("99,4", D(99)),
        ("99,5", "!out_of_range"),
    ],
)
def test_rounding_to_whole_numbers(value: Any, expected: Any) -> None:
    assert one("decimal(2,0)", {"round": True}, value) == expected


def test_rounding_comes_before_the_bounds_of_the_field() -> None:
    assert one("decimal(9,6)", {"round": True}, 90.0000004, max=90) == D(90)
    assert one("decimal(9,6)", {"round": True}, 90.0000006, max=90) == "!out_of_range"
    assert one("decimal(9,6)", {}, 90.0000004, max=90) == "!too_precise"


@pytest.mark.parametrize("kind", ["decimal(38,37)", "decimal(38,2)", "decimal(38,0)"])
def test_rounding_to_the_widest_decimals(kind: str) -> None:
    places = int(kind[11:-1])
    assert one(kind, {"round": True}, "1," + "1" * places + "6") == (
        D("1." + "1" * (places - 1) + "2") if places else D(2)
    )


def test_a_scaled_number_is_rounded_after_its_factor() -> None:
    thing = category(field("xx", MONEY))
    mapping = {"from": "v", "round": True, "scale": {"from": "unit", "map": {"k": 1000, "h": 0.5}}}
    rows = [
        {"id": "1", "v": "0,0012345", "unit": "k"},
        {"id": "2", "v": "0,01", "unit": "h"},
        {"id": "3", "v": "0,03", "unit": "h"},
    ]
    done = run(reference(thing, {**EVENT, "xx": mapping}), rows)
    assert done.accepted["xx"].to_pylist() == [D("1.23"), D("0"), D("0.02")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1.250", 1250), ("12,00", 12), ("12,5", "!too_precise"), (12, 12), (12.0, 12), (12.5, "!too_precise"), ("x", "!bad_number"),
        (2**62, 2**62), ("-3", -3), (False, "!bad_number"),
    ],
)  # fmt: skip
def test_integer(value: Any, expected: Any) -> None:
    assert one("integer", {}, value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Rp 1.234.567,00", D(1234567)), ("Rp1.234.567", D(1234567)), ("Rp. 1.000,-", D(1000)), ("IDR 5.000", D(5000)), ("rp 5", D(5)),
        ("1.250", D(1250)), ("-Rp 5.000", D(-5000)), ("Rp -5.000", D(-5000)), ("-Rp -5", "!bad_number"),
        ("Rp46,676 miliar", D(46676000000)), ("46.676 miliar", "!ambiguous_number"), ("Rp46.676 miliar", "!ambiguous_number"),
        ("22,1 M", D(22100000000)), ("325 Jt", D(325000000)), ("Rp.150 jt", D(150000000)), ("1,2 T", D(1200000000000)), ("5 rb", D(5000)),
        ("1.250,5 juta", D(1250500000)), ("2 milyar", D(2000000000)), ("1.5 juta", "!bad_grouping"), ("3 ribu", D(3000)),
        ("Rp", "!bad_number"), ("5 dolar", "!bad_number"), ("Rp 1.25", "!bad_grouping"), (1250000, D(1250000)), (1250.5, D("1250.5")),
        ("1,234567890123 juta", "!too_precise"), ("gratis", "!bad_number"),
    ],
)  # fmt: skip
def test_rupiah(value: Any, expected: Any) -> None:
    assert one(MONEY, {"parse": "rupiah"}, value) == expected


@pytest.mark.parametrize(
    ("locale", "value", "expected"),
    [
        (ENGLISH, "46,676 miliar", "!ambiguous_number"), (ENGLISH, "22,1 M", "!bad_grouping"), (ENGLISH, "22.1 M", D(22100000000)),
        (ENGLISH, "46.676 miliar", D(46676000000)), (ENGLISH, "1,250.5 juta", D(1250500000)), (POINT, "46.676 miliar", D(46676000000)),
        (POINT, "1,5 juta", "!bad_grouping"), (POINT, "1.5 juta", D(1500000)), ({"decimal": ",", "thousands": ""}, "1.250,5 juta", "!bad_grouping"),
        ({}, "Rp 1,2 M", D(1200000000)), ({}, "150 jt", D(150000000)), ({}, "1,5 juta", D(1500000)), ({}, "2 rb", D(2000)),
        ({}, "2ribu", D(2000)), ({}, "1,000000000001 triliun", D(1000000000001)), ({}, "0,123 rb", D(123)), ({}, "-Rp 1,2 M", D(-1200000000)),
        ({}, "1, juta", "!bad_grouping"), ({}, ",5 juta", "!bad_number"), ({}, "1,5,5 juta", "!bad_grouping"), ({}, "juta", "!bad_number"),
        ({}, "1,5 juta lebih", "!bad_number"), ({}, "1 juta 500 ribu", "!bad_number"), ({}, "12.34.567,5 juta", "!bad_grouping"),
    ],
)  # fmt: skip
def test_rupiah_words_by_the_declared_signs(locale: dict[str, str], value: str, expected: Any) -> None:
    assert one("decimal(20,2)", {"parse": "rupiah"}, value, locale=locale) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("93,42 %", D("93.42")),
        ("-5%", D(-5)),
        ("5", D(5)),
        ("93.42 %", "!bad_grouping"),
        ("5 %%", "!bad_number"),
        (93.42, D("93.42")),
    ],
)
def test_percent(value: Any, expected: Any) -> None:
    assert one("decimal(6,2)", {"parse": "percent"}, value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Ya", True),
        ("Tidak", False),
        ("1", True),
        (0, False),
        (True, True),
        ("ya", "!bad_boolean"),
        ("true", "!bad_boolean"),
        (2, "!bad_boolean"),
        ("", None),
    ],
)
def test_boolean(value: Any, expected: Any) -> None:
    assert one("boolean", {}, value) == expected


def wib(*parts: int) -> datetime:
    """A time of Jakarta, as UTC."""
    moment = datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]
    return datetime.fromtimestamp(moment.timestamp() - 7 * 3600, UTC)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("dd/mm/yyyy HH:MM", "31/01/2024 07:30", wib(2024, 1, 31, 7, 30)), ("dd/mm/yyyy HH:MM", "31/02/2024 07:30", "!bad_date"),
        ("dd/mm/yyyy HH:MM", "29/02/2024 00:00", wib(2024, 2, 29)), ("dd/mm/yyyy HH:MM", "29/02/2023 00:00", "!bad_date"),
        ("dd/mm/yyyy HH:MM", "01/13/2024 00:00", "!bad_date"), ("dd/mm/yyyy HH:MM", "31/12/2024 24:00", wib(2025, 1, 1)),
        ("dd/mm/yyyy HH:MM", "31/12/2024 24:01", "!bad_date"), ("dd/mm/yyyy HH:MM", "31/12/2024 23:60", "!bad_date"),
        ("dd/mm/yyyy HH:MM", "00/00/0000 00:00", "!bad_date"), ("dd/mm/yyyy HH:MM", "31/01/2024", "!bad_date"),
        ("dd/mm/yyyy HH:MM", "1/1/2024 07:30", "!bad_date"), ("dd/mm/yyyy HH:MM", "x", "!bad_date"), ("dd/mm/yyyy HH:MM", 45000.5, "!bad_date"),
        ("dd/mm/yyyy HH:MM", datetime(2024, 1, 31, 7, 30), wib(2024, 1, 31, 7, 30)), ("dd/mm/yyyy HH:MM", date(2024, 1, 31), wib(2024, 1, 31)),
        ("dd/mm/yyyy HH:MM", datetime(2024, 1, 31, tzinfo=UTC), datetime(2024, 1, 31, tzinfo=UTC)),
        ("dd/mm/yyyy HH:MM:SS", "31/01/2024 07:30:15", wib(2024, 1, 31, 7, 30, 15)), ("d/m/yyyy H:MM", "1/2/2024 7:30", wib(2024, 2, 1, 7, 30)),
        ("d/m/yyyy HH:MM AM", "1/2/2024 12:30 AM", wib(2024, 2, 1, 0, 30)), ("d/m/yyyy HH:MM AM", "1/2/2024 01:30 pm", wib(2024, 2, 1, 13, 30)),
        ("d/m/yyyy HH:MM AM", "1/2/2024 13:30 PM", "!bad_date"), ("d mmm yyyy HH:MM WIB", "5 Agustus 2024 08:00 WIB", wib(2024, 8, 5, 8)),
        ("d mmm yyyy HH:MM WIB", "5 Agt 2024 08:00 WITA", wib(2024, 8, 5, 7)), ("d mmm yyyy HH:MM WIB", "5 Ags 2024 08:00 WIT", wib(2024, 8, 5, 6)),
        ("iso", "2024-01-31T07:30:00Z", datetime(2024, 1, 31, 7, 30, tzinfo=UTC)), ("iso", "2024-01-31T07:30:00", wib(2024, 1, 31, 7, 30)),
        ("iso", "2024-01-31T07:30:00+07:00", wib(2024, 1, 31, 7, 30)), ("iso", "2024-01-31 07:30:00", wib(2024, 1, 31, 7, 30)),
        ("iso", "2024-01-31T07:30:00.250Z", datetime(2024, 1, 31, 7, 30, 0, 250000, tzinfo=UTC)), ("iso", "2024-01-31", wib(2024, 1, 31)),
        ("iso", "2024-01-31T07:30:00.1234567+0700", wib(2024, 1, 31, 7, 30, 0, 123456)), ("iso", "2024-01-31T24:00:00Z", datetime(2024, 2, 1, tzinfo=UTC)),
        ("iso", "2024-02-30T00:00:00Z", "!bad_date"), ("iso", "20240131", "!bad_date"), ("iso", "2024-01-31T07:30:00-05:30", datetime(2024, 1, 31, 13, tzinfo=UTC)),
        ("iso", "2024-01-31T07:30:00+29:00", "!bad_date"), ("yyyymmdd", 20240131, wib(2024, 1, 31)), ("yyyymmdd", "20240132", "!bad_date"),
        ("yyyy-mm-ddTHH:MM:SSZ", "2024-01-31T07:30:00+0700", wib(2024, 1, 31, 7, 30)), ("dd/mm/yyyy HH:MM", "31/12/9999 23:59", wib(9999, 12, 31, 23, 59)),
        ("dd/mm/yyyy HH:MM", "01/01/0001 00:00", "!bad_date"),
    ],
)  # fmt: skip
def test_datetime(pattern: str, value: Any, expected: Any) -> None:
    assert one("timestamp", {"format": pattern}, value) == expected


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("dd/mm/yyyy", "31/01/2024", date(2024, 1, 31)), ("dd/mm/yyyy", "32/01/2024", "!bad_date"), ("dd/mm/yyyy", 45000.0, "!bad_date"),
        ("dd/mm/yyyy", datetime(2024, 1, 31, 23), date(2024, 1, 31)), ("ddd, d mmm yyyy", "Senin, 12 Agt 2024", date(2024, 8, 12)),
        ("ddd, d mmm yyyy", "Jum'at, 3 Mei 2024", date(2024, 5, 3)), ("d mmm yyyy", "3 Pebruari 2024", date(2024, 2, 3)),
        ("d mmm yyyy", "31 Nopember 2024", "!bad_date"), ("d mmm yyyy", "3 Brumaire 2024", "!bad_date"), ("dd/mm/yy", "01/02/69", date(2069, 2, 1)),
        ("dd/mm/yy", "01/02/70", date(1970, 2, 1)), ("iso", "2024-01-31T23:30:00Z", date(2024, 2, 1)), ("yyyy", 2024, date(2024, 1, 1)),
        ("mmm yyyy", "Mei 2024", date(2024, 5, 1)), ("d mmm yyyy", "12 AGUSTUS 2024", date(2024, 8, 12)), ("dd-mm-yyyy", "", None),
    ],
)  # fmt: skip
def test_date(pattern: str, value: Any, expected: Any) -> None:
    assert one("date", {"format": pattern}, value) == expected


@pytest.mark.parametrize(
    ("parse", "value", "expected"),
    [
        ("epoch_s", 1700000000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)), ("epoch_ms", 1700000000000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("epoch_ms", "1700000000000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)), ("epoch_s", "kemarin", "!bad_date"), ("epoch_s", 1e30, "!bad_date"),
        ("epoch_s", 0, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_epoch(parse: str, value: Any, expected: Any) -> None:
    assert one("timestamp", {"parse": parse}, value) == expected


def test_a_zero_date_is_absent_only_where_it_is_declared() -> None:
    assert one("date", {"missing": ["0000-00-00"], "format": "yyyy-mm-dd"}, "0000-00-00") is None
    assert one("date", {"format": "yyyy-mm-dd"}, "0000-00-00") == "!bad_date"
    assert one("integer", {"missing": ["-999"]}, -999) is None
    assert one("integer", {"missing": ["-999"]}, "-999") is None


def test_time_zones() -> None:
    zone = {"timezone": "Asia/Makassar"}
    assert one("timestamp", zone, "31/01/2024 08:30") == wib(2024, 1, 31, 7, 30)
    assert one("timestamp", {}, "31/01/2024 08:30", locale=zone) == wib(2024, 1, 31, 7, 30)
    berlin = {"timezone": "Europe/Berlin"}
    assert one("timestamp", berlin, "31/03/2024 02:30") == "!ambiguous_time"
    assert one("timestamp", berlin, "27/10/2024 02:30") == "!ambiguous_time"
    assert one("timestamp", berlin, "31/03/2024 03:30") == datetime(2024, 3, 31, 1, 30, tzinfo=UTC)
    assert one("timestamp", berlin, "01/07/2024 03:30") == datetime(2024, 7, 1, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("yyyy", "2024", "2024"), ("yyyy", 2024, "2024"), ("yyyy", 2024.0, "2024"), ("yyyy", 2024.5, "!bad_period"), ("mmm yyyy", "Mei 2024", "2024-05"),
        ("yyyy 'B'mm", "2024 B03", "2024-03"), ("yyyy 'B'mm", "2024 B13", "!bad_period"), ("dd/mm/yyyy", "31/01/2024", "2024-01-31"),
        (None, "2024-05", "2024-05"), (None, "2024-02-30", "!bad_period"), (None, "TW I", "!bad_period"), ("yyyy-mm", date(2024, 5, 7), "2024-05"),
    ],
)  # fmt: skip
def test_period(pattern: str | None, value: Any, expected: Any) -> None:
    assert one("string", {"parse": "period", **({"format": pattern} if pattern else {})}, value) == expected


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        (None, "2024", 2024), (None, 2024.0, 2024), (None, "2024-05", 2024), (None, "TA 2024", "!bad_period"), ("dd/mm/yyyy", "31/01/2024", 2024),
        ("mmm yyyy", "Mei 2024", 2024), ("dd/mm/yyyy", "31/02/2024", "!bad_period"), (None, date(2024, 5, 7), 2024),
    ],
)  # fmt: skip
def test_year(pattern: str | None, value: Any, expected: Any) -> None:
    assert one("integer", {"parse": "year", **({"format": pattern} if pattern else {})}, value) == expected


@pytest.mark.parametrize(
    ("mapping", "value", "expected"),
    [
        ({}, "  halo ", "halo"), ({}, "e\u0301", "\u00e9"), ({}, 5, "5"), ({}, 5.0, "5"), ({}, 5.5, "5.5"), ({}, True, "true"), ({}, {"a": 1}, "!bad_type"),
        ({}, 1e16, "!digits_lost"), ({}, "a\x00b", "!bad_type"), ({}, "\x00", "!bad_type"), ({}, "baris 1\nbaris 2", "baris 1\nbaris 2"), ({"parse": "html_text"}, "<p>A&amp;B<br>c</p>", "A&B c"),
        ({"parse": "html_text"}, "<b></b>", None), ({"parse": "html_text"}, "&lt;b&gt;x", "x"), ({"parse": "html_text"}, "&amp;amp;", "&"),
        ({"parse": "html_text"}, "&amp;lt;p&amp;gt;A &amp;amp; B&amp;lt;/p&amp;gt;", "A & B"), ({"parse": "html_text"}, "&lt;b&gt;&lt;/b&gt;", None),
        ({"parse": "html_text"}, "&amp;amp;amp;amp;", "&amp;"), ({"parse": "html_text"}, "&lt;script&gt;x()&lt;/script&gt;y", "y"),
        ({"parse": "html_text"}, "1 &lt; 2", "1 < 2"), ({"parse": "html_text"}, "<p>a\x00b</p>", "!bad_type"),
        ({"parse": "identifier"}, "a\x00b", "!bad_type"), ({"parse": "identifier"}, "a1", "a1"),
        ({"parse": "html_text"}, "3 < 5 &nbsp; ok", "3 < 5 ok"), ({"parse": "html_text"}, "a<script>x</script>b", "a b"),
        ({"parse": "integer"}, "1.250", "1250"), ({"parse": "number"}, "1.250,50", "1250.50"), ({"parse": "number"}, 12.5, "12.5"),
        ({"parse": "number"}, "n/a", "!bad_number"), ({"parse": "date"}, "31/01/2024", "2024-01-31"), ({"missing": ["n/a"]}, "n/a", None),
    ],
)  # fmt: skip
def test_text(mapping: dict[str, Any], value: Any, expected: Any) -> None:
    assert one("string", mapping, value) == expected


@pytest.mark.parametrize(
    ("kind", "mapping", "value", "expected"),
    [
        ("list", {}, ["b", 1], '["b",1]'), ("list", {}, '["a"]', '["a"]'), ("list", {}, "a;b", "!bad_list"), ("list", {}, {"a": 1}, "!bad_list"),
        ("list", {"parse": "list", "format": ";"}, "a; b;;", '["a","b"]'), ("list", {"parse": "text"}, "a", '["a"]'), ("list", {"parse": "text"}, ["a"], '["a"]'),
        ("map", {}, {"b": 1, "a": 2}, '{"a":2,"b":1}'), ("map", {}, '{"b":1}', '{"b":1}'), ("map", {}, [1], "!bad_json"), ("map", {}, 5, "!bad_json"),
        ("geojson", {}, {"type": "Point", "coordinates": [1, 2]}, '{"coordinates":[1,2],"type":"Point"}'), ("geojson", {}, {"type": "Dot"}, "!bad_geojson"),
        ("geojson", {}, {"type": "Point", "coordinates": [599_000, 9_208_000]}, "!bad_geojson"),
        ("geojson", {}, {"type": "Point", "coordinates": [-7.15, 111.88]}, "!bad_geojson"),
        ("geojson", {}, {"type": "Point", "coordinates": []}, "!bad_geojson"), ("geojson", {}, {"type": "Point"}, "!bad_geojson"),
        ("geojson", {"parse": "json"}, '{"type": "Point", "coordinates": ["111.88", "-7.15"]}', "!bad_geojson"),
        ("geojson", {"parse": "json"}, '{"type": "Point", "coordinates": [111.88, -7.15, 15]}', '{"coordinates":[111.88,-7.15,15],"type":"Point"}'),
        ("geojson", {}, {"type": "Polygon", "coordinates": [[[111, -7], [112, -7], [599_000, 9_208_000], [111, -7]]]}, "!bad_geojson"),
        ("geojson", {}, {"type": "Polygon", "coordinates": [[111, -7], [112, -7], [111, -7]]}, "!bad_geojson"),
        ("geojson", {}, {"type": "MultiPolygon", "coordinates": [[[[111, -7], [112, -7], [112, -6], [111, -7]]]]}, '{"coordinates":[[[[111,-7],[112,-7],[112,-6],[111,-7]]]],"type":"MultiPolygon"}'),
        ("geojson", {}, {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [500, 0]}]}, "!bad_geojson"),
        ("geojson", {}, {"type": "Feature", "geometry": {"type": "Point", "coordinates": [500, 0]}}, "!bad_geojson"),
        ("geojson", {}, {"type": "Feature", "geometry": None}, '{"geometry":null,"type":"Feature"}'),
    ],
)  # fmt: skip
def test_structures(kind: str, mapping: dict[str, Any], value: Any, expected: Any) -> None:
    assert one(kind, mapping, value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("S", "open"),
        (" B ", "closed"),
        (2, "closed"),
        (True, "open"),
        ("TD", "!unmapped_value"),
        (None, None),
        ("?", None),
        ({}, "!unmapped_value"),
    ],
)
def test_map_of_an_enum(value: Any, expected: Any) -> None:
    mapping = {"map": {"S": "open", "B": "closed", "2": "closed", "true": "open", "?": None}}
    assert one("enum", mapping, value, values=["open", "closed"]) == expected


def test_maps_give_the_type_of_the_field() -> None:
    assert one("enum", {}, "open", values=["open"]) == "open"
    assert one("enum", {}, "Open", values=["open"]) == "!not_permitted"
    assert one(MONEY, {"map": {"A": 1.5, "B": "2.25"}}, "B") == D("2.25")
    assert one("integer", {"map": {"Baik": 3}}, "Baik") == 3
    assert one("boolean", {"map": {"Y": True, "N": False}}, "N") is False
    assert one("date", {"map": {"lama": "2020-01-31"}}, "lama") == date(2020, 1, 31)
    assert one("enum", {"parse": "integer"}, "01", values=["1"]) == "1"


@pytest.mark.parametrize(
    ("parse", "value", "expected"),
    [
        ("sex", "L", "L"), ("sex", "Perempuan", "P"), ("sex", "LAKI-LAKI", "L"), ("sex", "wanita", "P"), ("sex", "1", "!bad_sex"), ("sex", 2, "!bad_sex"),
        ("nik_sex", "3522154501900001", "P"), ("nik_sex", "3522150501900001", "L"), ("nik_sex", "123", "!bad_nik"), ("nik_sex", 3.52215e15, "!digits_lost"),
    ],
)  # fmt: skip
def test_sex(parse: str, value: Any, expected: Any) -> None:
    assert one("enum", {"parse": parse}, value, values=["L", "P"]) == expected


@pytest.mark.parametrize(
    ("parse", "value", "expected"),
    [
        ("age_band", "34 Th 2 Bl", "25-34"), ("age_band", "34", "25-34"), ("age_band", 34, "25-34"), ("age_band", "8 Bl", "0-4"), ("age_band", 5, "5-14"),
        ("age_band", 64.9, "55-64"), ("age_band", "65", "65+"), ("age_band", "15-24", "15-24"), ("age_band", "12 hari", "0-4"), ("age_band", "60 bln", "5-14"),
        ("age_band", 200, "!bad_age"), ("age_band", "dewasa", "!bad_age"), ("age_band", -1, "!bad_age"), ("age_band", "35 tahun", "35-44"),
        ("nik_age_band", "3522150501900001", "35-44"), ("nik_age_band", "3522154101260001", "0-4"), ("nik_age_band", "3522150201260001", "65+"),
        ("nik_age_band", "3522150101210001", "5-14"), ("nik_age_band", "3522150201210001", "0-4"), ("nik_age_band", "x", "!bad_nik"),
    ],
)  # fmt: skip
def test_age_bands_at_the_event_of_2026_01_01(parse: str, value: Any, expected: Any) -> None:
    assert one("string", {"parse": parse}, value) == expected


@pytest.mark.parametrize(
    ("mapping", "value", "expected"),
    [
        ({}, "01/01/2021", "5-14"), ({}, "02/01/2021", "0-4"), ({}, "31/12/2025", "0-4"), ({}, "01/01/2026", "0-4"), ({}, "02/01/2026", "!bad_age"),
        ({}, "05/01/1990", "35-44"), ({}, "29/02/2000", "25-34"), ({}, "01/01/1961", "65+"), ({}, "01/01/1896", "65+"), ({}, "01/01/1895", "!bad_age"),
        ({}, "31/02/1990", "!bad_date"), ({}, "1990", "!bad_date"), ({}, "-", None), ({}, None, None), ({"format": "yyyy-mm-dd"}, "1990-01-05", "35-44"),
        ({"format": ["dd/mm/yyyy", "yyyy-mm-dd"]}, "1990-01-05", "35-44"), ({"format": ["dd/mm/yyyy", "mm/dd/yyyy"]}, "03/04/1990", "!ambiguous_date"),
        ({"format": "iso"}, "1990-01-04T17:00:00Z", "35-44"),
    ],
)  # fmt: skip
def test_age_bands_from_days_of_birth(mapping: dict[str, Any], value: Any, expected: Any) -> None:
    assert one("string", {"parse": "birth_age_band", **mapping}, value) == expected


@pytest.mark.parametrize(
    ("parse", "values"),
    [
        ("nik", ["3522154501900001", "35.22.15.450190.0001", "3522 1545 0190 0001", 3522154501900001]),
        ("no_kk", ["3522150101100001", "3522-1501-0110-0001"]),
        ("npwp", ["01.234.567.8-901.000", "012345678901000", "0012345678901000", "00.12.34567 89010.00"]),
        ("nip", ["198001012005011001", "19800101 200501 1 001"]),
        ("phone", ["0812-3456-7890", "+6281234567890", "6281234567890", "0812 3456 7890", "(0812) 3456 7890"]),
        ("email", ["Budi@Contoh.go.id", "budi@contoh.go.id"]),
        ("name", ["Budi  Santoso", " BUDI SANTOSO "]),
        ("account", ["123-456-7890", "1234567890"]),
    ],
)
def test_every_way_to_write_an_identity_gives_one_token(parse: str, values: list[Any]) -> None:
    made = [one("string", {"parse": parse}, value, privacy="pseudonym") for value in values]
    assert len(set(made)) == 1
    assert made[0].startswith("t1_")
    assert len(made[0]) == 29


@pytest.mark.parametrize(
    ("parse", "value", "reason"),
    [
        ("nik", "3522159901900001", "bad_nik"), ("nik", "352215450190000", "bad_nik"), ("nik", "0522154501900001", "bad_nik"), ("nik", "3522154513900001", "bad_nik"),
        ("nik", 3.522154501900001e15, "digits_lost"), ("nik", "3.52215E+15", "digits_lost"), ("nik", "3,52215E+15", "digits_lost"),
        ("no_kk", "123", "bad_no_kk"), ("no_kk", 3.5e15, "digits_lost"), ("npwp", "12345", "bad_npwp"), ("nip", "19800101200501100", "bad_nip"),
        ("nip", 1.98001012005011e17, "digits_lost"), ("phone", "021-555123", "bad_phone"), ("phone", "81234567890", "bad_phone"), ("phone", 81234567890.0, "bad_phone"),
        ("phone", "0812", "bad_phone"), ("phone", "+1 202 555 0100", "bad_phone"), ("email", "budi@contoh", "bad_email"), ("email", "budi", "bad_email"),
        ("name", "12345", "bad_name"), ("account", "!!", "bad_account"), ("identifier", "1.2E+15", "digits_lost"), ("phone", ["0812"], "bad_phone"),
    ],
)  # fmt: skip
def test_what_is_no_identity(parse: str, value: Any, reason: str) -> None:
    assert one("string", {"parse": parse}, value, privacy="pseudonym") == f"!{reason}"


@pytest.mark.parametrize(
    ("kind", "keys", "value", "expected"),
    [
        ("decimal(9,6)", {"min": -11, "max": 6}, -7.15, D("-7.15")), ("decimal(9,6)", {"min": -11, "max": 6}, 111.88, "!out_of_range"),
        ("integer", {"min": 1}, 0, "!out_of_range"), ("integer", {"max": 10}, 10, 10), ("string", {"pattern": r"\d\.\d\d"}, "2.16", "2.16"),
        ("string", {"pattern": r"\d\.\d\d"}, "2.166", "!bad_pattern"), ("string", {"pattern": r"(?!X)\w+"}, "Xa", "!bad_pattern"),
        ("string", {"pattern": r"(?!X)\w+"}, "aX", "aX"), ("string", {"pattern": "a|b"}, "ab", "!bad_pattern"),
    ],
)  # fmt: skip
def test_bounds_of_a_field(kind: str, keys: dict[str, Any], value: Any, expected: Any) -> None:
    assert one(kind, {}, value, **keys) == expected
