"""JSON, JSON lines, GeoJSON and CSV as bytes: what is read, and what is said of what cannot be read."""

from __future__ import annotations

import threading
import time
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import Response

from opg_pipeline.extract import Decoded, decode, reading
from opg_pipeline.extract.decode import parse
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull


def read(body: bytes, format: Any = "json", records: str = "", content_type: str = "") -> Decoded:
    return decode(body, make_dataset(format=format, records=records), content_type)


def refused(body: bytes, format: Any = "json", records: str = "", content_type: str = "") -> PullError:
    with pytest.raises(PullError) as caught:
        read(body, format, records, content_type)
    assert caught.value.outcome is Outcome.MALFORMED
    assert caught.value.hint
    return caught.value


# -- JSON --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "records", "expected"),
    [
        (b'[{"id": 1}]', "", [{"id": 1}]),
        (b'\xef\xbb\xbf[{"id": 1}]', "", [{"id": 1}]),
        (b'{"a": {"b": [1, 2]}}', "a.b", [1, 2]),
        (b'{"a": {"b": [1, 2]}}', "a.b[*]", [1, 2]),
        (b'[{"n": 2}, [{"id": 1}]]', "[1]", [{"id": 1}]),
        (b'{"a": []}', "a", []),
        (b'[["x", 1], ["y", 2]]', "", [["x", 1], ["y", 2]]),
    ],
)
def test_json(body: bytes, records: str, expected: list[Any]) -> None:
    decoded = read(body, records=records)
    assert decoded.records == expected
    assert decoded.parents is None
    assert decoded.elements == len(expected)


def test_json_with_parents() -> None:
    decoded = read(b'{"d": [{"k": 1, "m": [{"i": 1}, {"i": 2}]}, {"k": 2, "m": []}]}', records="d[*].m")
    assert decoded.records == [{"i": 1}, {"i": 2}]
    assert decoded.parents is not None
    assert [parents[0]["k"] for parents in decoded.parents] == [1, 1]
    assert decoded.elements == 2


@pytest.mark.parametrize(
    ("body", "records", "words"),
    [
        (b"", "", "the answer is empty"),
        (b" \n\t", "", "the answer is empty"),
        (b'{"a": [{"nama": "Budi"}, {"na', "a", "breaks off after"),
        (b'{"nama": "Budi" x}', "", "line 1, column"),
        (b"<?xml version='1.0'?><nama>Budi</nama>", "", "something like XML"),
        (b"PK\x03\x04....", "", "a ZIP or XLSX file"),
        (bytes(range(128, 200)) * 9, "", "no UTF-8 text"),
        (b'{"data": {"nama": "Budi"}}', "data", "must lead to a list but leads to an object"),
        (b'{"data": null}', "data", "nothing (null)"),
        (b'{"data": "Budi"}', "data", "a text"),
        (b'{"hasil": []}', "data", "leads nowhere at 'data'"),
        (b'{"nama": "Budi"}', "", "must lead to a list"),
        (b'{"d": [{"k": 1}]}', "d[*].m", "leads nowhere at 'm'"),
    ],
)
def test_json_that_does_not_fit(body: bytes, records: str, words: str) -> None:
    error = refused(body, records=records)
    assert words in error.what
    assert "Budi" not in error.what


@pytest.mark.parametrize("title", ["Budi 3522010101900001", "a@b.id", "x" * 81])
def test_page_title_that_may_be_personal(title: str) -> None:
    error = refused(f"<html><head><title>{title}</title></head></html>".encode())
    assert error.what == "expected JSON but got an HTML page"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["json", "ndjson", "geojson", "csv", "xml", "xlsx"]))
def test_garbage_is_refused_or_read_never_a_crash(body: bytes, format: str) -> None:
    try:
        found: Any = read(body, {"type": format}).records
    except PullError as error:
        found = error.outcome
    assert found is Outcome.MALFORMED or isinstance(found, list)


def test_json_costs_little_more_than_orjson() -> None:
    body = orjson.dumps({"data": [{f"field_{n}": f"value {row} {n}" for n in range(10)} for row in range(20_000)]})
    dataset = make_dataset(records="data")

    def best(action: Any) -> float:
        times = []
        for _ in range(5):
            before = time.perf_counter()
            action()
            times.append(time.perf_counter() - before)
        return min(times)

    assert best(lambda: decode(body, dataset)) < 1.5 * best(lambda: orjson.loads(body)) + 0.005


# -- JSON lines and GeoJSON --------------------------------------------------------------------------------------------


def test_ndjson() -> None:
    decoded = read(b'\xef\xbb\xbf{"id": 1}\r\n\n{"id": 2}\n', "ndjson")
    assert decoded.records == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize("line", [b'{"nama": "Budi"', b"[1]", b'"Budi"', b"{} {}"])
def test_ndjson_keeps_a_line_it_cannot_read(line: bytes) -> None:
    good = [b'{"id": %d}' % number for number in range(20)]
    records = read(b"\n".join([*good[:2], line, *good[2:]]) + b"\n", "ndjson").records
    assert records[2] == line.decode()
    assert len(records) == 21


def test_ndjson_that_breaks_off_names_the_line() -> None:
    error = refused(b'{"id": 1}\n\n{"nama": "Bu', "ndjson")
    assert "breaks off in line 3" in error.what
    assert "Bu" not in error.what


def test_ndjson_that_is_mostly_something_else() -> None:
    error = refused(b'{"id": 1}\nid;nama\n1;Budi\n', "ndjson")
    assert "2 of 3 lines hold no JSON object" in error.what


def test_geojson() -> None:
    body = b'{"type": "FeatureCollection", "features": [{"id": 1, "geometry": null}], "more": {"items": [7]}}'
    assert read(body, "geojson").records == [{"id": 1, "geometry": None}]
    assert read(body, "geojson", "more.items").records == [7]
    assert "leads nowhere at 'features'" in refused(b'{"error": {"code": 400}}', "geojson").what


# -- CSV ---------------------------------------------------------------------------------------------------------------


def test_csv_with_quirks() -> None:
    body = '\ufeffid;nama  dinas;catatan\r\n1;"Dinas ""A"";\n2";"a\nb"\r\n\r\n2;;x\r\n'.encode()
    decoded = read(body, {"type": "csv", "delimiter": ";"})
    assert decoded.records == [
        {"id": "1", "nama dinas": 'Dinas "A";\n2', "catatan": "a\nb"},
        {"id": "2", "nama dinas": "", "catatan": "x"},
    ]


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-16-le", b"\xff\xfe"), ("utf-16", b"\xff\xfe"), ("utf-16-le", b""), ("windows-1252", b""), ("latin-1", b"")],
)
def test_csv_encodings(encoding: str, mark: bytes) -> None:
    body = mark + "id\tnama\n1\té\n".encode("utf-16-le" if "16" in encoding else encoding)
    assert read(body, {"type": "csv", "delimiter": "\t", "encoding": encoding}).records == [{"id": "1", "nama": "é"}]


def test_csv_in_another_encoding_than_declared() -> None:
    error = refused(b"\xff\xfe" + "id,a\n".encode("utf-16-le"), "csv")
    assert "not utf-8 text" in error.what
    assert "encoding: utf-16" in error.hint
    assert "line 2" in refused(b"id,a\n1,\xe9\n", "csv").what
    assert "unknown" in refused(b"id,a\n", {"type": "csv", "encoding": "utf-99"}).what


def test_csv_quote_and_skip() -> None:
    body = b"Laporan \"2024\n;;\nid;a\n1;'x;y'\n"
    decoded = read(body, {"type": "csv", "delimiter": ";", "quote": "'", "skip_rows": 2})
    assert decoded.records == [{"id": "1", "a": "x;y"}]


@pytest.mark.parametrize(
    ("header", "rows", "names"),
    [
        ("No,Kecamatan,2023,,2024,\n,,L,P,L,P", 2, ["No", "Kecamatan", "2023 / L", "2023 / P", "2024 / L", "2024 / P"]),
        ("Nama,2023,,Ket\n,L,P,", 2, ["Nama", "2023 / L", "2023 / P", "Ket"]),
        ("A,,,B,\nx,,y,,z\n1,2,3,4,5", 3, ["A / x / 1", "A / x / 2", "A / y / 3", "B / 4", "B / z / 5"]),
        (",a,,b,", 1, ["column 1", "a", "column 3", "b", "column 5"]),
        ("A\nx,y", 2, ["A / x", "A / y"]),
    ],
)
def test_csv_headers(header: str, rows: int, names: list[str]) -> None:
    body = header + "\n" + ",".join("v" * len(names)) + "\n"
    decoded = read(body.encode(), {"type": "csv", "header_rows": rows})
    assert list(decoded.records[0]) == names


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_header_with(end: str) -> None:
    """What stands above the header need be no good CSV."""
    body = end.join(['Laporan "2024', ";;;", "per Kode Desa;1", '"Kode  Desa";nama', '01;"a;', 'b"', ""])
    format = {"type": "csv", "delimiter": ";", "header_with": "Kode Desa"}
    records = read(body.encode("utf-16-le"), {**format, "encoding": "utf-16-le"}).records
    assert records == [{"Kode Desa": "01", "nama": f"a;{end}b"}]
    assert "line 7 has 1 columns where 2" in refused((body + "Budi").encode(), format).what
    assert "no row has the cell" in refused(b"Budi;x\n1;2\n", format).what


def test_csv_without_header() -> None:
    assert read(b"1,a\n2,\n", {"type": "csv", "header_rows": 0}).records == [["1", "a"], ["2", ""]]


def test_csv_with_header_alone() -> None:
    assert read(b"id,title\n", "csv").records == []


@pytest.mark.parametrize(
    ("body", "format", "words"),
    [
        (b'id,a\n1,"x\ny"\n3,Budi,z\n', {}, "line 4 has 3 columns where 2 are expected"),
        (b"id,a\n1\n", {}, "line 2 has 1 columns"),
        (b"title\nid,a\n\n1,2,3\n", {"skip_rows": 1}, "line 4 has 3 columns"),
        (b"1,a\n2\n", {"header_rows": 0}, "line 2 has 1 columns"),
        (b"id,Nama,id\n1,2,3\n", {}, "columns 1 and 3 have the same name 'id'"),
        (b'id,a\n1,"Budi', {}, "line 2 cannot be read"),
        (b'id,a\n1,"Budi"x\n', {}, "line 2 cannot be read"),
        (b"a\n", {"skip_rows": 3}, "fewer lines than `skip_rows: 3`"),
        (b"a\n", {"header_rows": 2}, "ends before its 2 header rows"),
        (b"<html><body>Budi</body></html>", {}, "an HTML page"),
    ],
)
def test_csv_that_does_not_fit(body: bytes, format: dict[str, Any], words: str) -> None:
    error = refused(body, {"type": "csv", **format})
    assert words in error.what
    assert "Budi" not in error.what


def test_csv_long_cell() -> None:
    assert len(read(b"id,g\n1," + b"x" * 300_000, "csv").records[0]["g"]) == 300_000


# -- through the wire --------------------------------------------------------------------------------------------------


async def test_long_decoding_does_not_hold_the_loop(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large XML is read in a thread beside the loop, so other apps go on; a small one is not worth the way."""
    readers: list[bool] = []

    def watched(*arguments: Any) -> Any:
        readers.append(threading.current_thread() is threading.main_thread())
        return parse(*arguments)

    monkeypatch.setattr(reading, "parse", watched)
    for count in (10_000, 3):
        body = b"<r>" + b"<x><id>1</id><a>b</a></x>" * count + b"</r>"
        server.handler = lambda request, body=body: Response(body, media_type="text/xml")
        result = await pull(server.url, make_dataset(format="xml", records="r.x"))
        assert len(result.records) == count
    assert readers == [False, True]


async def test_changed_type_names_the_place(server: Server) -> None:
    server.handler = lambda request: {"data": {"id": 1}}
    result = await pull(server.url, make_dataset(records="data"))
    assert result.failure.outcome is Outcome.MALFORMED
    assert result.failure.what.startswith(f"e_test/things, page 1 (GET {server.url}/things): the records are not where")
