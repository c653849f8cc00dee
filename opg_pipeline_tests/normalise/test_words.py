"""The words of a field beyond `from` and `parse`: what each makes of values, and what it refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opg_pipeline.model.handover import Page
from opg_pipeline.normalise.serials import ExcelSerialParser
from opg_pipeline.normalise.zones import zone
from opg_pipeline_tests.normalise.build import (
    EVENT,
    PULLED,
    category,
    field,
    normaliser,
    one,
    page,
    reference,
    run,
)

D = Decimal
MONEY = "decimal(18,2)"
STATUS = {"values": ["open", "closed"]}


def several(kind: str, mapping: dict[str, Any], rows: list[dict[str, Any]], **field_keys: Any) -> list[Any]:
    """What the field becomes in each record, a refused value as its reason."""
    thing = category(field("xx", kind, **field_keys))
    done = run(
        reference(thing, {**EVENT, "xx": mapping}), [{"id": str(place), **row} for place, row in enumerate(rows)]
    )
    assert done.accepted.num_rows == len(rows)
    refused = dict(zip(done.rejected["slice_row"].to_pylist(), done.rejected["reason"].to_pylist(), strict=True))
    return [
        f"!{refused[row]}" if row in refused else value for row, value in enumerate(done.accepted["xx"].to_pylist())
    ]


# -- what the request was ----------------------------------------------------------------------------------------------


def test_parameters_of_the_request() -> None:
    thing = category(field("year", "integer"), field("village"), field("asked", "timestamp"), field("asked_on", "date"))
    mapped = {
        **EVENT, "year": {"from": "$tahun", "parse": "year"}, "village": "$desa.kode", "asked": {"from": "$pulled_at", "parse": "datetime"},
        "asked_on": {"from": "$pulled_at", "parse": "date"},
    }  # fmt: skip
    ref = reference(thing, mapped, key=("$desa.kode", "id"), skip={"s": ["x"]})
    first = page([{"id": "1"}, {"id": "2", "s": "x"}, {"id": "3"}], 0, params={"tahun": 2023, "desa.kode": "35.22"})
    second = page([{"id": "1"}], 1, params={"tahun": "2024", "desa.kode": "35.23", "pulled_at": "2000-01-01"})
    done = run(ref, first, second, page([{"id": "1"}], 2))
    assert done.accepted["year"].to_pylist() == [2023, 2023, 2024]
    assert done.accepted["village"].to_pylist() == ["35.22", "35.22", "35.23"]
    assert done.accepted["source_record_id"].to_pylist() == ["35.22|1", "35.22|3", "35.23|1"]
    assert set(done.accepted["asked"].to_pylist()) == {PULLED}
    assert set(done.accepted["asked_on"].to_pylist()) == {date(2026, 6, 1)}
    assert done.rejected["reason"].to_pylist() == ["key_missing"], "a page whose request had no such parameter"


def test_a_parameter_is_not_below_a_personal_one() -> None:
    thing = category(field("year"), field("note"))
    ref = reference(thing, {**EVENT, "year": "$tahun", "note": "catatan"}, personal=["$nik"])
    done = run(ref, page([{"id": "1", "catatan": "x"}], params={"tahun": 2023, "nik": "x"}))
    assert done.accepted["year"].to_pylist() == ["2023"]


def test_blank_cells_can_be_skipped() -> None:
    """A cell that is not there at all is another matter: a column may have been renamed."""
    ref = reference(category(field("xx")), {**EVENT, "xx": "v"}, skip={"v": ["", "Jumlah"]})
    done = run(
        ref, [{"id": "1", "v": None}, {"id": "2", "v": "  "}, {"id": "3", "v": "a"}, {"v": "Jumlah"}, {"id": "4"}]
    )
    assert done.accepted["xx"].to_pylist() == ["a", None]
    assert done.skipped == 3
    rows = reference(category(field("xx")), {**EVENT, "xx": "[1]"}, key=("[0]",), skip={"[1]": [""]})
    assert run(rows, [["1", None], ["2", "b"], ["3", ""]]).accepted["xx"].to_pylist() == ["b"]
    inner = reference(category(field("xx")), {**EVENT, "xx": "v"}, skip={"a.b": [""]})
    assert run(inner, [{"id": "1", "a": {"b": None}}, {"id": "2", "a": {}}, {"id": "3", "a": None}]).skipped == 1


# -- pick --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "mapping", "value", "expected"),
    [
        ("integer", {"pick": r"(\d+) hari"}, "durasi 3 hari", 3), ("integer", {"pick": r"(\d+) hari"}, "24 JP", "!bad_pick"),
        ("integer", {"pick": r"(\d+) hari"}, None, None), ("integer", {"pick": r"(\d+) hari"}, "-", None), ("integer", {"pick": r"^B(\d\d)$"}, "B06", 6),
        (MONEY, {"pick": r"^([\d.,]+) ha$"}, "1.250,25 ha", D("1250.25")), (MONEY, {"pick": r"^([\d.,]+) ha$"}, "1.25 ha", "!bad_grouping"),
        ("string", {"pick": r"^(\d{4})"}, 202405, "2024"), ("string", {"pick": r"^(\d{4})"}, 202405.0, "2024"), ("string", {"pick": "(a)"}, {"a": 1}, "!bad_type"),
        ("string", {"pick": r"kode:(\w*)"}, "kode:", "!bad_pick"), ("string", {"pick": r"a(b)?"}, "a", "!bad_pick"), ("string", {"pick": r"=(.*)"}, "x= - ", None),
        ("date", {"pick": r", (.+)$", "format": "d mmm yyyy"}, "Senin, 12 Agt 2024", date(2024, 8, 12)),
        ("date", {"pick": r"^([^/]+) /", "format": "d mmm yy"}, "20 Jul 20 / 17 Jul", date(2020, 7, 20)),
        ("enum", {"pick": r"^(\w)", "map": {"S": "closed", "B": "open"}, "values": None}, "S - Selesai", "closed"),
    ],
)  # fmt: skip
def test_pick(kind: str, mapping: dict[str, Any], value: Any, expected: Any) -> None:
    more = STATUS if kind == "enum" else {}
    assert one(kind, {key: item for key, item in mapping.items() if key != "values"}, value, **more) == expected


def test_pick_of_several_paths() -> None:
    mapping = {"first_of": ["a", "b"], "pick": r"(\d+)"}
    assert several("integer", mapping, [{"a": "x1"}, {"b": "y22"}, {}, {"a": "z", "b": "3"}]) == [
        1,
        22,
        None,
        "!bad_pick",
    ]
    joined = {"from": ["a", "b"], "pick": r"^(\w+ \w+)$"}
    assert several("string", joined, [{"a": "x", "b": "y"}, {"a": "x"}]) == ["x y", "!bad_pick"]


# -- map: fold, otherwise; default -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mapping", "value", "expected"),
    [
        ({"fold": True}, "  SELESAI  total", "closed"), ({"fold": True}, "baru", "open"), ({"fold": True}, "barU!", "!unmapped_value"),
        ({}, "baru", "!unmapped_value"), ({"otherwise": "closed"}, "apa saja", "closed"), ({"otherwise": "closed"}, "Baru", "open"),
        ({"otherwise": "closed"}, None, None), ({"otherwise": "closed"}, "-", None), ({"otherwise": None}, "apa saja", None),
        ({"otherwise": "closed"}, {"a": 1}, "!unmapped_value"), ({"otherwise": "closed"}, 7, "closed"), ({"otherwise": "closed", "fold": True}, "BARU", "open"),
        ({"default": "open"}, None, "open"), ({"default": "open"}, "", "open"), ({"default": "open"}, "-", "open"), ({"default": "open"}, "Entah", None),
        ({"default": "open"}, "apa saja", "!unmapped_value"), ({"default": "open", "otherwise": "closed"}, "apa saja", "closed"),
        ({"default": "open", "otherwise": "closed"}, None, "open"), ({"default": "open", "otherwise": None}, "apa saja", None),
    ],
)  # fmt: skip
def test_map(mapping: dict[str, Any], value: Any, expected: Any) -> None:
    table = {"map": {"Baru": "open", "Selesai Total": "closed", "Entah": None}}
    assert one("enum", {**table, **mapping}, value, **STATUS) == expected


@pytest.mark.parametrize(
    ("kind", "mapping", "value", "expected"),
    [
        (MONEY, {"default": 1.5}, None, D("1.5")), (MONEY, {"default": 1.5}, "2,5", D("2.5")), (MONEY, {"default": 1.5}, "x", "!bad_number"),
        ("integer", {"default": 0}, "-", 0), ("boolean", {"default": False}, None, False), ("date", {"default": "2024-12-31"}, "", date(2024, 12, 31)),
        ("string", {"default": "tanpa"}, None, "tanpa"), ("text", {"parse": "html_text", "default": "tanpa"}, "<br>", "tanpa"),
        ("list", {"default": ["a"]}, None, '["a"]'), ("integer", {"pick": r"(\d+)", "default": 9}, None, 9),
        ("integer", {"pick": r"(\d+)", "default": 9}, "x", "!bad_pick"), ("integer", {"default": 9, "scale": {"by": 2}}, "4", 8),
        ("integer", {"default": 9, "scale": {"by": 2}}, None, 9), ("geojson", {"parse": "point", "default": {"type": "Point", "coordinates": [1, 2]}}, None, '{"coordinates":[1,2],"type":"Point"}'),
    ],
)  # fmt: skip
def test_default(kind: str, mapping: dict[str, Any], value: Any, expected: Any) -> None:
    assert one(kind, mapping, value) == expected


@pytest.mark.parametrize(
    ("kind", "mapping", "value", "expected"),
    [
        ("integer", {"parse": "integer"}, "nihil", 0), ("integer", {"parse": "integer"}, "1.250", 1250), ("integer", {"parse": "integer"}, 7, 7),
        ("integer", {"parse": "integer"}, "NIHIL", "!bad_number"), ("integer", {"parse": "integer", "fold": True}, " Nihil ", 0),
        ("integer", {"parse": "integer"}, "banyak", "!bad_number"), ("integer", {"parse": "integer"}, "1,5", "!too_precise"),
        ("integer", {"parse": "integer"}, "tdk ada", None), ("integer", {"parse": "integer", "default": 9}, "tdk ada", None),
        ("integer", {"parse": "integer", "default": 9}, None, 9), ("integer", {"parse": "integer"}, -1, None), ("integer", {"parse": "integer"}, -1.0, None),
        ("integer", {"parse": "integer"}, "-1", None), ("integer", {"parse": "integer"}, -2, -2), ("integer", {"parse": "integer"}, True, "!bad_number"),
        ("integer", {"parse": "integer"}, {"a": 1}, "!bad_number"), ("integer", {"parse": "integer"}, None, None), ("integer", {"parse": "integer", "scale": {"by": 10}}, "5", 50),
        (MONEY, {"parse": "rupiah"}, "nihil", D(0)), (MONEY, {"parse": "rupiah"}, "Rp 1,5 juta", D(1500000)), (MONEY, {"parse": "rupiah"}, "?", "!bad_number"),
        (MONEY, {"parse": "number", "round": True}, "1,005", D("1.00")), (MONEY, {"parse": "percent"}, "12,5 %", D("12.5")), (MONEY, {"parse": "number"}, 0.25, D("0.25")),
        (MONEY, {"parse": "number", "pick": r"= (.*)"}, "x = nihil", D(0)), (MONEY, {"parse": "number", "pick": r"= (.*)"}, "x = 2,5", D("2.5")),
        (MONEY, {"parse": "rupiah", "scale": {"by": 1000}}, "nihil", D(0)), (MONEY, {"parse": "rupiah", "scale": {"by": 1000}}, "1,5", D(1500)),
        ("string", {"parse": "integer"}, "nihil", "0"), ("string", {"parse": "integer"}, "0012", "12"), ("string", {"parse": "integer"}, "x", "!bad_number"),
    ],
)  # fmt: skip
def test_map_beside_numbers(kind: str, mapping: dict[str, Any], value: Any, expected: Any) -> None:
    table = {"nihil": 0, "tdk ada": None, "-1": None}
    assert one(kind, {"map": table, **mapping}, value) == expected


def test_map_beside_numbers_of_a_column() -> None:
    mapping = {"from": "v", "parse": "number", "map": {"nihil": 0}}
    rows = [{"v": value} for value in ("1,5", "nihil", None, 2, 2.5, "x", [1], "nihil")]
    expected = [D("1.5"), D(0), None, D(2), D("2.5"), "!bad_number", "!bad_number", D(0)]
    assert several(MONEY, mapping, rows) == expected


def test_default_of_a_required_field() -> None:
    ref = reference(category(field("xx", required=True)), {**EVENT, "xx": {"from": "v", "default": "a"}})
    assert run(ref, [{"id": "1"}, {"id": "2", "v": "b"}]).accepted["xx"].to_pylist() == ["a", "b"]


@pytest.mark.parametrize(
    "mapping", [{"default": "x"}, {"map": {"a": 1}, "otherwise": "x"}, {"map": {"a": 1, "A": 2}, "fold": True}]
)
def test_words_that_do_not_fit_their_field(mapping: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"does not fit|are one when folded"):
        normaliser(reference(category(field("xx", "integer")), {**EVENT, "xx": {"from": "v", **mapping}}))


# -- scale -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "by", "round_", "value", "expected"),
    [
        (MONEY, 0.01, False, "12345", D("123.45")), (MONEY, 0.01, False, "123,5", "!too_precise"), (MONEY, 0.01, True, "123,5", D("1.24")),
        (MONEY, 1000000, False, "1,5", D(1500000)), (MONEY, 1e15, False, "12", "!out_of_range"),
        (MONEY, 0.01, True, "-0,5", D("0.00")), (MONEY, 0.01, True, "-1,5", D("-0.02")), (MONEY, 0.01, False, None, None), (MONEY, 0.01, False, "x", "!bad_number"),
        ("integer", 1000, False, "1,5", 1500), ("integer", 0.001, False, "1.500", "!too_precise"), ("integer", 1e18, False, "1", "!out_of_range"),
        (MONEY, 1e-40, True, "5", D("0.00")), (MONEY, 1.0, False, "9999999999999999,99", D("9999999999999999.99")), (MONEY, 0.1, True, 0.25, D("0.02")),
    ],
)  # fmt: skip
def test_scale_by(kind: str, by: float, round_: bool, value: Any, expected: Any) -> None:
    mapping = {"scale": {"by": by}, **({"round": True} if round_ else {})}
    assert one(kind, mapping, value) == expected


def test_scale_of_a_number_kept_as_text() -> None:
    assert D(one("string", {"parse": "number", "scale": {"by": 0.001}}, "5")) == D("0.005")


@given(
    st.lists(st.decimals(-(10**9), 10**9, places=3), max_size=8),
    st.sampled_from([0.01, 0.5, 3.0, 1000.0, 0.001]),
    st.booleans(),
)
def test_one_factor_is_the_factor_of_every_record(numbers: list[Decimal], by: float, round_: bool) -> None:
    rows = [{"v": str(number).replace(".", ","), "u": "k"} for number in numbers]
    rounded = {"round": True} if round_ else {}
    one_by_one = {"from": "v", "scale": {"from": "u", "map": {"k": by}}, **rounded}
    assert several(MONEY, {"from": "v", "scale": {"by": by}, **rounded}, rows) == several(MONEY, one_by_one, rows)


# -- dates -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "edge", "value", "expected"),
    [
        ("mmm yyyy", "last", "Feb 2024", date(2024, 2, 29)), ("mmm yyyy", "last", "Des 2023", date(2023, 12, 31)), ("mmm yyyy", "first", "Mei 2024", date(2024, 5, 1)),
        ("mm/yyyy", "last", "02/2023", date(2023, 2, 28)), ("mm/yyyy", "first", "02/2023", date(2023, 2, 1)), ("yyyy", "last", "2024", date(2024, 12, 31)),
        ("yyyy", "last", 2024, date(2024, 12, 31)), ("yyyy", "last", 2024.0, date(2024, 12, 31)), ("yyyy", "first", "2024", date(2024, 1, 1)),
        ("yyyymm", "last", 202404, date(2024, 4, 30)), ("mm/yyyy", "last", "13/2023", "!bad_date"), ("mmm yyyy", "last", "Foo 2024", "!bad_date"),
        ("yyyy", "last", "0000", "!bad_date"), ("yyyy", "last", 2024.5, "!bad_date"), ("yyyy", "last", "9999", date(9999, 12, 31)),
        ("mmm yy", "last", "Ags 24", date(2024, 8, 31)), ("mmm yy", "last", "Agt 24", date(2024, 8, 31)), ("'s/d' mmm yyyy", "last", "s/d Agu 2024", date(2024, 8, 31)),
    ],
)  # fmt: skip
def test_edge(format: str, edge: str, value: Any, expected: Any) -> None:
    assert one("date", {"parse": "date", "format": format, "edge": edge}, value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (45322, date(2024, 1, 31)), (45322.75, date(2024, 1, 31)), ("45322", date(2024, 1, 31)), ("45322,5", date(2024, 1, 31)), ("45322.5", "!bad_date"),
        (1, date(1900, 1, 1)), (59, date(1900, 2, 28)), (60, "!bad_date"), (60.5, "!bad_date"), (61, date(1900, 3, 1)), (0, "!bad_date"), (0.5, "!bad_date"),
        (-3, "!bad_date"), ("-3", "!bad_date"), (2958465, date(9999, 12, 31)), (2958466, "!bad_date"), (float("nan"), "!bad_date"), (10**17, "!bad_date"),
        (None, None), ("-", None), ("31/01/2024", "!bad_date"), ("12345678", "!bad_date"), (datetime(2024, 1, 31, 7), date(2024, 1, 31)), (True, "!bad_date"),
    ],
)  # fmt: skip
def test_excel_serial(value: Any, expected: Any) -> None:
    assert one("date", {"parse": "excel_serial"}, value) == expected


def test_excel_serial_with_texts_and_times() -> None:
    mapping = {"from": "v", "parse": "excel_serial", "format": "dd/mm/yyyy"}
    rows = [
        {"v": value}
        for value in (45322, "45322", "31/01/2024", "31/02/2024", "x", None, datetime(2024, 1, 31), 45322.0)
    ]
    day = date(2024, 1, 31)
    assert several("date", mapping, rows) == [day, day, day, "!bad_date", "!bad_date", None, day, day]
    assert one("timestamp", {"parse": "excel_serial"}, 45322.3125) == datetime(2024, 1, 31, 0, 30, tzinfo=UTC)
    assert one("timestamp", {"parse": "excel_serial"}, 45322 + 1 / 3) == datetime(2024, 1, 31, 1, tzinfo=UTC)


@given(st.integers(61, 2958465) | st.integers(1, 59))
def test_excel_serials_count_days(serial: int) -> None:
    first = date(1899, 12, 31) if serial < 60 else date(1899, 12, 30)
    parsed = ExcelSerialParser(pa.date32(), (), ",", zone("Asia/Jakarta")).integer(pa.array([serial], pa.int64()))
    assert parsed.values.to_pylist() == [first + timedelta(days=serial)]


# -- places ------------------------------------------------------------------------------------------------------------


def point(*coordinates: float) -> str:
    return orjson.dumps({"coordinates": coordinates, "type": "Point"}).decode()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([111.88, -7.15], point(111.88, -7.15)), ([111, -7], point(111, -7)), ("[111.88, -7.15]", point(111.88, -7.15)), (None, None), ("", None),
        ([-7.15, 111.88], "!bad_geojson"), ([181, 0], "!bad_geojson"), ([180, 90], point(180, 90)), ([111.88], "!bad_geojson"), ([1, 2, 3], "!bad_geojson"),
        (["111.88", "-7.15"], "!bad_geojson"), ([True, 1], "!bad_geojson"), ([None, 1], "!bad_geojson"), ({"x": 1}, "!bad_geojson"), ("111.88,-7.15", "!bad_geojson"),
        ("[", "!bad_geojson"), (7, "!bad_geojson"), ([float("nan"), 1.0], "!bad_geojson"), ([], "!bad_geojson"),
    ],
)  # fmt: skip
def test_point(value: Any, expected: Any) -> None:
    assert one("geojson", {"parse": "point"}, value) == expected


def test_point_of_two_paths() -> None:
    rows: list[dict[str, Any]] = [
        {"x": 111.88, "y": -7.15}, {"x": "111,88", "y": "-7,15"}, {}, {"x": "-", "y": ""}, {"x": 111.88}, {"y": -7},
        {"x": "111.88", "y": -7}, {"x": -7.15, "y": 111.88}, {"x": [1], "y": 2}, {"x": 111.12345678901234, "y": -0.12345678901234567},
    ]  # fmt: skip
    here = point(111.88, -7.15)
    assert several("geojson", {"from": ["x", "y"], "parse": "point"}, rows) == [
        here, here, None, None, "!bad_geojson", "!bad_geojson", "!bad_grouping", "!bad_geojson", "!bad_number",
        point(111.12345678901234, -0.123456789012346),
    ]  # fmt: skip
    filled = {"from": ["x", "y"], "parse": "point", "default": {"type": "Point", "coordinates": [1, 2]}}
    assert several("geojson", filled, [{}, {"x": 1, "y": 3}]) == [point(1, 2), point(1.0, 3.0)]


SQUARE = [[0, 0], [0, 10], [10, 10], [10, 0], [0, 0]]
"""Clockwise, as outer rings of Esri are."""
HOLE = [[2, 2], [4, 2], [4, 4], [2, 4], [2, 2]]
ISLAND = [[2.5, 2.5], [2.5, 3.5], [3.5, 3.5], [3.5, 2.5], [2.5, 2.5]]
FAR = [[50, 50], [50, 51], [51, 51], [50, 50]]


def shape(kind: str, coordinates: Any) -> dict[str, Any]:
    return {"coordinates": coordinates, "type": kind}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"x": 111.88, "y": -7.15}, shape("Point", [111.88, -7.15])),
        ({"x": 111.88, "y": -7.15, "z": 3, "spatialReference": {"wkid": 4326}}, shape("Point", [111.88, -7.15])),
        ({"points": [[1, 2], [3, 4, 5]]}, shape("MultiPoint", [[1, 2], [3, 4]])),
        ({"paths": [[[1, 2], [3, 4]]]}, shape("LineString", [[1, 2], [3, 4]])),
        ({"paths": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]}, shape("MultiLineString", [[[1, 2], [3, 4]], [[5, 6], [7, 8]]])),
        ({"rings": [SQUARE]}, shape("Polygon", [SQUARE[::-1]])),
        ({"rings": [SQUARE[:-1]]}, shape("Polygon", [SQUARE[::-1]])),
        ({"rings": [HOLE, SQUARE]}, shape("Polygon", [SQUARE[::-1], HOLE[::-1]])),
        ({"rings": [SQUARE, FAR]}, shape("MultiPolygon", [[SQUARE[::-1]], [FAR[::-1]]])),
        ({"rings": [HOLE]}, shape("Polygon", [HOLE])),
        ({"rings": [SQUARE, HOLE, ISLAND, FAR]}, shape("MultiPolygon", [[SQUARE[::-1], HOLE[::-1]], [ISLAND[::-1]], [FAR[::-1]]])),
        ({"rings": [SQUARE, [[0, 0], [5, 1], [5, 5], [0, 0]]]}, shape("Polygon", [SQUARE[::-1], [[0, 0], [5, 5], [5, 1], [0, 0]]])),
        (orjson.dumps({"x": 1, "y": 2}).decode(), shape("Point", [1, 2])),
    ],
)  # fmt: skip
def test_esri(value: Any, expected: dict[str, Any]) -> None:
    text = one("geojson", {"parse": "esri"}, value)
    assert orjson.loads(text) == expected
    assert text == orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS).decode()


@pytest.mark.parametrize(
    "value",
    [
        {"x": 12454321.1, "y": -798765.2}, {"x": 1, "y": 2, "spatialReference": {"wkid": 102100, "latestWkid": 3857}}, {"x": "NaN", "y": "NaN"}, {"x": 1},
        {"x": None, "y": None}, {"rings": []}, {"rings": [[[0, 0], [1, 1]]]}, {"rings": [[]]}, {"paths": []}, {"paths": [[[1, 2]]]}, {"points": []},
        {"curveRings": [[[0, 0]]]}, {"rings": [[[0, 0], "x", [1, 1], [0, 0]]]}, {}, [1, 2], "x", 7, {"rings": 5}, {"rings": [[1, 2, 3, 4]]},
        {"type": "Point", "coordinates": [1, 2]},
    ],
)  # fmt: skip
def test_esri_that_does_not_fit(value: Any) -> None:
    assert one("geojson", {"parse": "esri"}, value) == "!bad_geojson"


def test_several_region_patterns() -> None:
    thing = category(field("xx"))
    patterns = ["Desa {village}, Kecamatan {district}", "Kec. {district}", "{village} - {district}"]
    ref = reference(thing, {**EVENT, "xx": "id"}, region={"text": "t", "pattern": patterns})
    rows = [
        "Desa Leran, Kecamatan Kalitidu",
        "di Kec. Dander saja, RT 3",
        "Leran - Kalitidu",
        "entah di mana",
        None,
        "Kec. Dander",
    ]
    done = run(ref, [{"id": str(place), "t": text} for place, text in enumerate(rows)])
    codes = done.accepted["region_code"].to_pylist()
    assert codes[0] == codes[2] is not None
    assert codes[0].startswith("35.22.")
    assert done.accepted["region_level"].to_pylist() == ["village", None, "village", None, None, "district"]
    assert done.flags["REGION_UNRESOLVED"] == 2


# -- position ----------------------------------------------------------------------------------------------------------


def newest(records: list[Any], **incremental: Any) -> tuple[Any, dict[str, int]]:
    ref = reference(category(field("xx")), {**EVENT, "xx": "id"}, incremental={"param": "since", **incremental})
    done = run(ref, [{"id": str(place), **record} for place, record in enumerate(records)])
    return done.cursor, done.flags


def test_position_by_aliases() -> None:
    rows = [
        {"diubah": "02/01/2026"},
        {"diubah": "-", "dibuat": "05/01/2026"},
        {"diubah": "", "dibuat": "01/01/2026"},
        {},
    ]
    found, flags = newest(rows, field=["diubah", "dibuat"])
    assert found == datetime(2026, 1, 4, 17, tzinfo=UTC)
    assert flags == {}
    assert newest(rows, field="diubah")[0] == datetime(2026, 1, 1, 17, tzinfo=UTC)


def test_position_that_is_a_number() -> None:
    rows = [{"n": 7}, {"n": "12"}, {"n": 11.0}, {"n": None}, {"n": "x"}, {"n": 1.5}, {"n": 2**70}]
    assert newest(rows, field="n", kind="number") == (12, {"CURSOR_UNREADABLE": 3})
    assert newest([{"n": None}], field="n", kind="number") == (None, {})
    assert newest([{"a": 3}, {"b": 9}], field=["a", "b"], kind="number") == (9, {})


def test_position_in_seconds_and_by_request() -> None:
    assert newest([{"t": 1767225600}, {"t": "1767225601"}], field="t", format="epoch_s")[0] == datetime(
        2026, 1, 1, 0, 0, 1, tzinfo=UTC
    )
    assert newest([{"t": 1767225600000}], field="t", format="epoch_ms")[0] == datetime(2026, 1, 1, tzinfo=UTC)
    assert newest([{}], field="$pulled_at", format="iso")[0] == PULLED


def test_pages_keep_their_own_parameters() -> None:
    pages: list[Page] = [page([{"id": "1"}], number, params={"p": number}) for number in range(3)]
    ref = reference(category(field("xx", "integer")), {**EVENT, "xx": "$p"}, key=("$p", "id"))
    assert run(ref, *pages).accepted["xx"].to_pylist() == [0, 1, 2]
