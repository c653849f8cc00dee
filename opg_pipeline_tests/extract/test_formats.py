"""The less usual formats: JSONP, keys that stand twice, fixed width, BPS cubes, SDMX-JSON; and wide tables made long."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline_tests.extract.decoding import read, refused

# -- JSON in a call, keys twice, members -------------------------------------------------------------------------------

JSONP = {"type": "json", "jsonp": True}


@pytest.mark.parametrize("body", ["cb([1, 2])", " /**/ my.cb_1( [1, 2] ) ; \n", "\ufeffw['x']([1,2]);"])
def test_jsonp(body: str) -> None:
    assert read(body, JSONP).records == [1, 2]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('[{"nama": "Budi"}]', "not wrapped in a call"), ('cb([{"nama": "Budi"}', "its call is not closed"), ("cb([1)", "line 1, column"),
        ("alert('Budi'); cb([])", "line 1, column"), ("<html>Budi</html>", "an HTML page"),
    ],
)  # fmt: skip
def test_jsonp_that_does_not_fit(body: str, words: str) -> None:
    assert words in refused(body, JSONP).what


def test_keys_that_stand_twice() -> None:
    body = '[{"a": 1, "b": {"c": 1, "c": [2]}, "a": "x", "a": null}, {"a": 1.5}]'
    both = read(body, {"type": "json", "duplicate_keys": "list"}).records
    assert both == [{"a": [1, "x", None], "b": {"c": [1, [2]]}}, {"a": 1.5}]
    assert read(body, "json").records == [{"a": None, "b": {"c": [2]}}, {"a": 1.5}]


@pytest.mark.parametrize("body", ['[{"a": NaN}]', '[{"a": 1, "a": "Budi"', "[" * 3000])
def test_keys_that_stand_twice_in_what_is_no_json(body: str) -> None:
    refused(body, {"type": "json", "duplicate_keys": "list"})


def test_members_of_an_object() -> None:
    body = {
        "data": {"Leran": {"n": 1}, "Ngasem": {"n": 2}, "Dander": 3},
        "k": {"a": [{"i": 1}], "b": [{"i": 2}, {"i": 3}]},
    }
    found = read(body, "json", records="data[*]")
    assert found.records == [{"@key": "Leran", "n": 1}, {"@key": "Ngasem", "n": 2}, {"@key": "Dander", "@value": 3}]
    assert found.elements == 3
    nested = read({"k": {"a": {"l": [1]}, "b": {"l": [2, 3]}}}, "json", records="k[*].l")
    assert nested.records == [1, 2, 3]
    assert nested.elements == 2
    assert nested.parents is not None
    assert [chain[0]["@key"] for chain in nested.parents] == ["a", "b", "b"]
    refused(body, "json", records="data")


def test_wfs_that_refuses() -> None:
    report = """<?xml version="1.0"?><ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows"><ows:Exception
    exceptionCode="InvalidParameterValue"><ows:ExceptionText>Budi</ows:ExceptionText></ows:Exception></ows:ExceptionReport>"""
    assert "(InvalidParameterValue)" in refused(report, "geojson", Outcome.UNSUCCESSFUL).what
    assert "something like XML" in refused("<a>Budi</a>", "geojson").what
    features = {"type": "FeatureCollection", "totalFeatures": 1, "features": [{"id": "a.1", "properties": {"n": 1}}]}
    assert read(features, "geojson").records == [{"id": "a.1", "properties": {"n": 1}}]


# -- fixed width -------------------------------------------------------------------------------------------------------


def test_fixed_width() -> None:
    format = {"type": "fixed_width", "columns": {"kode": [1, 4], "nama": [5, 12], "n": [13, 15]}, "skip_rows": 1}
    body = "KODENAMA    N\r\n0001Dinas é  7\r\n\r\n0002Kantor\r\n   3Camat    12   \n"
    expected = [
        {"kode": "0001", "nama": "Dinas é", "n": "7"},
        {"kode": "0002", "nama": "Kantor", "n": ""},
        {"kode": "3", "nama": "Camat", "n": "12"},
    ]
    assert read(body, format).records == expected
    assert read(body.encode("latin-1"), {**format, "encoding": "latin-1"}).records == expected
    assert "not utf-8 text" in refused(body.encode("latin-1"), format).what
    assert "fewer lines" in refused("Budi", {**format, "skip_rows": 3}).what


# -- BPS cubes ---------------------------------------------------------------------------------------------------------

CUBE: dict[str, Any] = {
    "status": "OK",
    "data-availability": "available",
    "labelvervar": "Kecamatan",
    "vervar": [{"val": 1, "label": "<b>Margomulyo</b>"}, {"val": 12, "label": "Ngraho"}],
    "var": [{"val": 31, "label": "Penduduk", "unit": "Jiwa"}],
    "turvar": [{"val": 0, "label": "Tidak Ada"}],
    "tahun": [{"val": 99, "label": "1999"}, {"val": 100, "label": "2000"}],
    "turtahun": [{"val": 0, "label": "Tahun"}],
    "datacontent": {"1310990": 308669, "13101000": None, "12310990": "7,5"},
}


def test_bps_cube() -> None:
    found = read(CUBE, "bps_cube")
    assert [
        (record["vervar"]["val"], record["tahun"]["label"], record["var"]["unit"], record["value"])
        for record in found.records
    ] == [(1, "1999", "Jiwa", 308669), (1, "2000", "Jiwa", None), (12, "1999", "Jiwa", "7,5")]
    assert found.records[0]["vervar"]["label"] == "<b>Margomulyo</b>"
    assert set(found.records[0]) == {"vervar", "var", "turvar", "tahun", "turtahun", "value"}
    assert found.document["labelvervar"] == "Kecamatan"


@pytest.mark.parametrize(
    "body",
    [
        {"status": "OK", "data-availability": "list-not-available", "data": ""},
        {"status": "OK", "data-availability": "not-available", "data": ""},
        {**CUBE, "datacontent": []},
        {**CUBE, "datacontent": {}},
    ],
)
def test_bps_cube_without_data(body: dict[str, Any]) -> None:
    assert read(body, "bps_cube").records == []


@pytest.mark.parametrize(
    ("changed", "outcome", "words"),
    [
        ({"status": "Error", "message": "Budi"}, Outcome.UNSUCCESSFUL, "`status` is not OK"),
        ({"datacontent": {"1310990": 1, "77310990": 2}}, Outcome.MALFORMED, "1 of 2 keys of `datacontent` belong to no"),
        ({"datacontent": {"13109901": 1}}, Outcome.MALFORMED, "belong to no"),
        ({"datacontent": "Budi"}, Outcome.MALFORMED, "no `datacontent`"),
        ({"tahun": "Budi"}, Outcome.MALFORMED, "dimension 'tahun' lists no members"),
        ({"tahun": [{"val": 9}, {"val": 99}], "turtahun": [{"val": 0}, {"val": 90}]}, Outcome.MALFORMED, "in several ways"),
    ],
)  # fmt: skip
def test_bps_cube_that_does_not_fit(changed: dict[str, Any], outcome: Outcome, words: str) -> None:
    body = {**CUBE, **changed}
    assert words in refused(body, "bps_cube", outcome).what


# -- SDMX-JSON ---------------------------------------------------------------------------------------------------------

SDMX_1: dict[str, Any] = {
    "header": {"id": "x"},
    "structure": {
        "dimensions": {
            "dataSet": [{"id": "FREQ", "values": [{"id": "A", "name": "Annual"}]}],
            "series": [{"id": "REF_AREA", "values": [{"id": "3522", "name": "Bojonegoro"}, {"id": "3523", "name": "Tuban"}]}],
            "observation": [{"id": "TIME_PERIOD", "values": [{"id": "2023", "name": "2023"}, {"id": "2024", "name": "2024"}]}],
        },
        "attributes": {
            "dataSet": [{"id": "UNIT", "values": [{"id": "P", "name": "Persons"}]}],
            "series": [{"id": "TITLE", "values": [{"id": "T", "name": "Penduduk"}]}],
            "observation": [{"id": "OBS_STATUS", "values": [{"id": "A", "name": "Normal"}, {"id": "E", "name": "Estimated"}]}],
        },
    },
    "dataSets": [
        {
            "action": "Information",
            "attributes": [0],
            "series": {
                "0": {"attributes": [0], "observations": {"0": [10.5, 0], "1": [None, 1]}},
                "1": {"attributes": [None], "observations": {"1": [7]}},
            },
        }
    ],
}  # fmt: skip
SDMX_2: dict[str, Any] = {
    "meta": {},
    "data": {
        "structures": [
            {
                "dimensions": {
                    "observation": [
                        {
                            "id": "AREA",
                            "values": [{"id": "3522", "name": "Bojonegoro"}, {"id": "3523", "name": "Tuban"}],
                        },
                        {"id": "TIME_PERIOD", "values": [{"value": "2024"}]},
                    ]
                },
                "measures": {"observation": [{"id": "OBS_VALUE"}, {"id": "N"}]},
                "attributes": {
                    "dimensionGroup": [{"id": "NOTE", "values": []}],
                    "observation": [{"id": "STATUS", "values": [{"id": "A", "name": "Normal"}]}, {"id": "TEXT"}],
                },
            }
        ],
        "dataSets": [
            {
                "structure": 0,
                "dimensionGroupAttributes": {"0:": ["kota"]},
                "observations": {"0:0": ["1.5", 3, 0, "bebas"], "1:0": [2, 4]},
            }
        ],
    },
}


def test_sdmx_json_1() -> None:
    for body in (SDMX_1, {"data": {key: SDMX_1[key] for key in ("structure", "dataSets")}}):
        records = read(body, "sdmx_json").records
        assert [(row["REF_AREA"]["id"], row["TIME_PERIOD"]["id"], row["value"]) for row in records] == [
            ("3522", "2023", 10.5), ("3522", "2024", None), ("3523", "2024", 7),
        ]  # fmt: skip
        assert records[0]["FREQ"] == {"id": "A", "name": "Annual"}
        assert records[0]["UNIT"]["id"] == "P"
        assert records[0]["TITLE"]["name"] == "Penduduk"
        assert [row.get("OBS_STATUS", {}).get("id") for row in records] == ["A", "E", None]
        assert records[2]["TITLE"] is None


def test_sdmx_json_2() -> None:
    assert read(SDMX_2, "sdmx_json").records == [
        {
            "AREA": {"id": "3522", "name": "Bojonegoro"}, "TIME_PERIOD": {"value": "2024"}, "NOTE": {"value": "kota"},
            "STATUS": {"id": "A", "name": "Normal"}, "TEXT": {"value": "bebas"}, "N": 3, "value": "1.5",
        },
        {"AREA": {"id": "3523", "name": "Tuban"}, "TIME_PERIOD": {"value": "2024"}, "N": 4, "value": 2},
    ]  # fmt: skip


def _with(path: str, value: Any) -> dict[str, Any]:
    body = copy.deepcopy(SDMX_1)
    at: Any = body
    *before, last = path.split(".")
    for part in before:
        at = at[int(part) if part.isdigit() and isinstance(at, list) else part]
    at[last] = value
    return body


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"nama": "Budi"}, "no `dataSets` with their structure"),
        (_with("dataSets.0.series", {"2": {"observations": {"0": [1]}}}), "do not fit its structure"),
        (_with("dataSets.0.series", {"-1": {"observations": {"0": [1]}}}), "do not fit its structure"),
        (_with("dataSets.0.series", {"0:0": {"observations": {"0": [1]}}}), "do not fit its structure"),
        (_with("dataSets.0.series", {"Budi": {"observations": {"0": [1]}}}), "do not fit its structure"),
        (_with("dataSets.0.series.0.observations", {"0": [1, 0, 0, 0]}), "do not fit its structure"),
        (_with("dataSets.0.action", "Delete"), "deletions"),
        (_with("structure", {"Budi": 1}), "do not fit its structure"),
    ],
)
def test_sdmx_json_that_does_not_fit(body: dict[str, Any], words: str) -> None:
    assert words in refused(body, "sdmx_json").what


def test_sdmx_json_of_errors() -> None:
    refused({"errors": [{"code": 404, "title": "Budi"}]}, "sdmx_json", Outcome.UNSUCCESSFUL)
    assert read(_with("dataSets", []), "sdmx_json").records == []


# -- wide to long ------------------------------------------------------------------------------------------------------


def test_unpivot() -> None:
    body = b"desa,Jan,Feb,Ket\nLeran,1,,x\nNgasem,3,4,y\n"
    months = {"columns": ["Jan", "Feb", "Mar"], "name": "bulan", "value": "n"}
    found = read(body, "csv", unpivot=months)
    assert found.records == [
        {"desa": "Leran", "Ket": "x", "bulan": "Jan", "n": "1"}, {"desa": "Leran", "Ket": "x", "bulan": "Feb", "n": ""},
        {"desa": "Ngasem", "Ket": "y", "bulan": "Jan", "n": "3"}, {"desa": "Ngasem", "Ket": "y", "bulan": "Feb", "n": "4"},
    ]  # fmt: skip
    assert found.elements == 2, "paging counts the source's rows"
    dates = read(b"d,2024-01-02,2024-01-03\na,1,2\n", "csv", unpivot={"matching": r"\d{4}-\d\d-\d\d"})
    assert dates.records == [
        {"d": "a", "column": "2024-01-02", "value": "1"},
        {"d": "a", "column": "2024-01-03", "value": "2"},
    ]


def test_unpivot_keeps_parents_and_what_is_no_record() -> None:
    found = read(
        {"k": [{"n": 1, "r": [{"a": 1, "b": 2}, "Budi"]}, {"n": 2, "r": [{"b": 3, "c": 0}]}]},
        "json", records="k[*].r", unpivot={"matching": "[ab]"},
    )  # fmt: skip
    assert found.records == [
        {"column": "a", "value": 1}, {"column": "b", "value": 2}, "Budi", {"c": 0, "column": "b", "value": 3},
    ]  # fmt: skip
    assert found.parents is not None
    assert [chain[0]["n"] for chain in found.parents] == [1, 1, 1, 2]


@pytest.mark.parametrize(
    ("body", "format", "unpivot", "words"),
    [
        (b"nama,2023\nBudi,1\n", {"type": "csv"}, {"columns": ["2024"]}, "no record has a column that `unpivot` names"),
        (b"nama,2024,value\nBudi,1,2\n", {"type": "csv"}, {"columns": ["2024"]}, "a column 'value' of their own"),
        (b"Budi,1\n", {"type": "csv", "header_rows": 0}, {"columns": ["2024"]}, "the records are lists"),
    ],
)
def test_unpivot_that_does_not_fit(body: bytes, format: dict[str, Any], unpivot: dict[str, Any], words: str) -> None:
    assert words in refused(body, format, unpivot=unpivot).what


def test_unpivot_of_no_records() -> None:
    assert read(b"nama,2023\n", "csv", unpivot={"columns": ["2024"]}).records == []


FORMATS = ["html", "bps_cube", "sdmx_json", {"type": "fixed_width", "columns": {"a": [1, 3]}}, JSONP]


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200) | st.text('<>/tablerdh &;{}[]":,01(x', max_size=120).map(str.encode),
    st.sampled_from(FORMATS),
    st.sampled_from([None, "zip", "gzip"]),
)
def test_garbage_is_refused_or_read_never_a_crash(body: bytes, format: Any, unpacked: str | None) -> None:
    try:
        found: Any = read(body, format, unpack=unpacked).records
    except PullError as error:
        found = error.outcome
    assert isinstance(found, list) or found in {Outcome.MALFORMED, Outcome.UNSUCCESSFUL}
