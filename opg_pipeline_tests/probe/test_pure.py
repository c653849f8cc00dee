"""What is told from answers alone: readings that are open are asked, personal data is seen, descriptions are read without secrets."""

from __future__ import annotations

import pytest

from opg_pipeline.probe.columns import columns
from opg_pipeline.probe.har import har_calls
from opg_pipeline.probe.openapi import list_calls
from opg_pipeline.probe.sniff import sniff
from opg_pipeline.probe.styles import date_readings, number_readings


@pytest.mark.parametrize(
    ("values", "count"),
    [(["1.250", "3.400"], 2), (["1.250", "12.345.678"], 1), (["1.250", "7,5"], 1), (["12", "40"], 1), (["1.250", "drei"], 0), (["Rp 1.250,00"], 1)],
)  # fmt: skip
def test_numbers_that_can_be_two_are_asked(values: list[str], count: int) -> None:
    assert len(number_readings(values)) == count


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["01/02/2026", "03/04/2026"], ["dd/mm/yyyy", "mm/dd/yyyy"]),
        (["01/02/2026", "13/04/2026"], ["dd/mm/yyyy"]),
        (["05/05/2026"], ["dd/mm/yyyy"]),
        (["6 Agu 2026"], ["d mmm yyyy"]),
        (["2026-01-31T10:00:00+07:00"], ["iso"]),
        (["2026-13-45"], []),
    ],
)
def test_dates_that_can_be_two_are_asked(values: list[str], names: list[str]) -> None:
    assert [reading.name for reading in date_readings(values)] == names


def test_an_ambiguous_column_has_both_readings_and_a_typing_error_hides_no_column() -> None:
    (tgl, jumlah) = columns([{"tgl": "01/02/2026", "jumlah": "1.250"}, {"tgl": "02/03/2026", "jumlah": "2.500"}])
    assert tgl.ambiguous
    assert jumlah.ambiguous
    (day,) = columns([{"t": f"{n:02}/03/2026"} for n in range(1, 29)] + [{"t": "entah"}])
    assert (day.kind, day.odd) == ("date", 1)
    for odd in ("entah", 1_751_367_564_000):
        (seconds,) = columns([{"t": 1_751_367_564 + n} for n in range(40)] + [{"t": odd}])
        assert (seconds.kind, seconds.readings[0].keys, seconds.odd) == ("date", {"parse": "epoch_s"}, 1)
    (count,) = columns([{"t": 2**n} for n in range(40)])
    assert (count.kind, count.readings) == ("integer", [])
    (label,) = columns([{"k": f"0{n:03}"} for n in range(40)])
    assert (label.kind, label.readings, label.odd) == ("text", [], 0)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"data": [1]}', {"type": "json"}), (b'\xef\xbb\xbf[{"a": 1}]', {"type": "json"}), (b'cb({"a": 1})', {"type": "json", "jsonp": True}),
        (b'{"a": 1}\n{"a": 2}\n', {"type": "ndjson"}), (b'{"type": "FeatureCollection", "features": []}', {"type": "geojson"}),
        (b"a;b\n1;2\n3;4\n", {"type": "csv", "delimiter": ";"}), ("a;b\r\n1;2\r\n".encode("utf-16"), {"type": "csv", "delimiter": ";", "encoding": "utf-16"}),
        (b"<a><b/></a>", {"type": "xml"}), (b"<table><tr><th>a</th></tr><tr><td>1</td></tr></table>", {"type": "html"}),
        (b"\x1f\x8b123", None), (b"hello", None), (b"", None), (b'{"a": ', None),
    ],
)  # fmt: skip
def test_formats_by_their_bytes(body: bytes, found: dict[str, object] | None) -> None:
    assert sniff(body).format == found


def test_openapi_names_lists_ways_in_and_parameters() -> None:
    rows = {"type": "object", "properties": {"data": {"type": "array", "items": {"$ref": "#/components/schemas/Row"}}}}
    answer = {"200": {"content": {"application/json": {"schema": rows}}}}
    document = {
        "openapi": "3.0.3", "security": [{"apiKeyAuth": []}],
        "components": {"schemas": {"Row": {"type": "object"}}, "securitySchemes": {"apiKeyAuth": {"type": "apiKey", "in": "header", "name": "X-Key"}}},
        "paths": {
            "/rows": {"get": {"parameters": [{"in": "query", "name": "page"}], "responses": answer}},
            "/rows/{id}": {"get": {"responses": answer}},
            "/needs": {"get": {"parameters": [{"in": "query", "name": "q", "required": True}], "responses": answer}},
        },
    }  # fmt: skip
    (call,) = list_calls(document)
    assert (call.path, call.params) == ("/rows", ("page",))
    assert call.auth == ({"type": "api_key", "in": "header", "name": "X-Key", "secret": "API_KEY_AUTH"},)


def test_har_gives_names_instead_of_secrets() -> None:
    request = {
        "method": "GET", "url": "https://user:pw@app.test/rows?page=1&api_key=s3cr3t",
        "headers": [{"name": "Authorization", "value": "Bearer t0k3n"}, {"name": "Cookie", "value": "sid=c00kie"}],
    }  # fmt: skip
    answer = {"status": 200, "content": {"text": '{"data": [{"a": 1, "b": 2}, {"a": 2, "b": 3}]}'}}
    (call,) = har_calls({"log": {"entries": [{"request": request, "response": answer}]}})
    assert call.url == "https://app.test/rows?page=1"
    assert {item["type"] for item in call.auth} == {"api_key", "bearer"}
    assert not [word for word in ("s3cr3t", "t0k3n", "c00kie", "pw@") if word in repr(call)]
    with pytest.raises(ValueError, match="HAR"):
        har_calls({"no": 1})
