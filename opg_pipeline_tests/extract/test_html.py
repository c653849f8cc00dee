"""Tables in HTML: of pages and in JSON, with cells over others, in any charset, and what is none."""

from __future__ import annotations

import pytest
from starlette.responses import HTMLResponse

from opg_pipeline.model.handover import Outcome
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull
from opg_pipeline_tests.extract.decoding import read, refused

PAGE = """<!DOCTYPE html><html><head><title>Harga</title></head><body>
<table><tr><td>menu</td></tr></table>
<TABLE class=t><thead><tr><th>No<th>Nama&nbsp;Bahan<th>Harga</thead><tbody>
<tr data-id=7 class="odd"><td>1</td><td><a href="/b?i=1&amp;p=2">Beras <b>medium</b></a><a href=x>2</a></td><td>12.508</td></tr>
<!-- <tr><td>nothing</td></tr> -->
<tr><td>2</td><td>Gula<br>pasir &amp; &lt;aren&gt;<script>x()</script></td><td> -0,02% </td></tr><tr></tr>
<tr><td>3<td>Telur</tr>
</tbody></TABLE></body></html>"""


def test_html_page() -> None:
    found = read(PAGE, {"type": "html", "table": 1}, "text/html")
    assert found.records == [
        {
            "No": "1",
            "Nama Bahan": "Beras medium2",
            "Harga": "12.508",
            "@data-id": "7",
            "@class": "odd",
            "Nama Bahan@href": "/b?i=1&p=2",
        },
        {"No": "2", "Nama Bahan": "Gula pasir & <aren>", "Harga": "-0,02%"},
        {"No": "3", "Nama Bahan": "Telur", "Harga": ""},
    ]
    assert found.elements == 3
    assert read(PAGE, {"type": "html", "header_rows": 0}).records == [["menu"]]


def test_html_rows_without_a_table() -> None:
    body = "<tr><td>1</td><td>Beras</td></tr>\n<tr class=x><td>2</td><td>Gula</td><td>x</td></tr>"
    assert read(body, {"type": "html", "header_rows": 0}).records == [["1", "Beras", ""], ["2", "Gula", "x"]]


def test_html_in_json() -> None:
    body = {
        "success": True,
        "judul": "Harga",
        "konten": "<tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2 &amp; 3</td></tr>",
    }
    format = {"type": "html", "within": "konten"}
    found = read(body, format)
    assert found.records == [{"A": "1", "B": "2 & 3"}]
    assert found.document["judul"] == "Harga", "the whole answer stays, for paths from / and for paging"
    escaped = {
        "konten": "&lt;table&gt;&lt;tr&gt;&lt;td&gt;A&lt;tr&gt;&lt;td&gt;x &amp;amp; y&lt;/td&gt;&lt;/tr&gt;&lt;/table&gt;"
    }
    assert read(escaped, format).records == [{"A": "x & y"}]
    assert read({"konten": " "}, format).records == []
    assert "leads to nothing" in refused({"lain": "Budi"}, format).what
    assert "leads to a list" in refused({"konten": ["Budi"]}, format).what
    assert "it has no table" in refused({"konten": "Budi tidak ada"}, format).what


def test_html_cells_that_reach_over_others() -> None:
    body = """<table><tr><td colspan=4>Laporan Mei</td></tr>
    <tr><th rowspan=2>Kecamatan</th><th colspan=2>Jumlah</th><th></th></tr><tr><th>L</th><th>P</th><th>Ket</th></tr>
    <tr><td rowspan=2>Dander</td><td>1</td><td>2</td><td rowspan=3>sama</td></tr><tr><td>3</td><td>4</td></tr>
    <tr><td colspan=2>Total</td><td>10</td></tr></table>"""
    expected = [
        {"Kecamatan": "Dander", "Jumlah / L": "1", "Jumlah / P": "2", "Ket": "sama"},
        {"Kecamatan": "Dander", "Jumlah / L": "3", "Jumlah / P": "4", "Ket": "sama"},
        {"Kecamatan": "Total", "Jumlah / L": "", "Jumlah / P": "10", "Ket": "sama"},
    ]
    assert read(body, {"type": "html", "skip_rows": 1, "header_rows": 2}).records == expected
    assert read(body, {"type": "html", "header_with": "Kecamatan", "header_rows": 2}).records == expected
    assert "`header_with`" in refused(body, {"type": "html", "header_with": "Desa"}).what


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<table><tr><td>é</table>".encode("latin-1"), "text/html; charset=ISO-8859-1"),
        (b'<meta charset="windows-1252"><table><tr><td>\xe9</table>', "text/html"),
        (b"\xef\xbb\xbf<table><tr><td>\xc3\xa9</table>", "text/html; charset=latin-1"),
        ("<table><tr><td>é</table>".encode(), ""),
    ],
)
def test_html_charsets(body: bytes, content_type: str) -> None:
    assert read(body, {"type": "html", "header_rows": 0}, content_type).records == [["é"]]


LOGIN = "<html><title>Masuk</title><form><input type=password></form></html>"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (LOGIN, "it has no table"),
        ("<table><tr><td>Budi</td></tr>", "its table breaks off"),
        ("<tr><td>Budi</td></tr><tr><td>Bu", "its table breaks off"),
        ("<table><tr><td>Budi</td></tr></table", "its table breaks off"),
        ("<table><tr><th>a<th>a</table>", "the same name 'a'"),
        ("<table><tr><th>a</tr><tr><td>Budi<td>2</tr></table>", "row 2 has 2 cells where 1"),
        ("<table></table>", "ends before its header"),
        ("<table><tr><td>" + "<div>" * 400 + "Budi" + "</div>" * 400 + "</table>", "nested too deeply"),
        (b"<table><tr><td>\xe9</table>", "no utf-8 text"),
        (b'<meta charset="x-none"><table><tr><td>1</table>', "charset is unknown"),
        ("", "the answer is empty"),
    ],
)
def test_html_that_does_not_fit(body: str | bytes, words: str) -> None:
    assert words in refused(body, "html").what


def test_html_that_asks_to_log_in() -> None:
    assert "credentials" in refused(LOGIN, "html").hint
    assert "5 tables" not in refused("<table><tr><td>1</table>", {"type": "html", "table": 4}).what


def test_html_of_very_many_cells() -> None:
    body = "<table>" + "<tr><td colspan=1000 rowspan=60000>1</td></tr>" * 6000 + "</table>"
    refused(body, {"type": "html", "header_rows": 0}, Outcome.TOO_LARGE)


async def test_html_through_the_wire(server: Server) -> None:
    server.handler = lambda request: HTMLResponse(PAGE)
    result = await pull(server.url, make_dataset(format={"type": "html", "table": 1}, key=["No"]))
    assert [record["No"] for record in result.records] == ["1", "2", "3"]


def test_a_table_without_a_header_is_named_by_the_declaration() -> None:
    fragment = '<tr data-hari="2026-06-30"><td>Beras</td><td>12.508</td></tr>'
    named = read(fragment, {"type": "html", "header_rows": 0, "columns": ["komoditas", "harga"]}).records
    assert named == [{"komoditas": "Beras", "harga": "12.508", "@data-hari": "2026-06-30"}]
    assert read(fragment, {"type": "html", "header_rows": 0}).records == [["Beras", "12.508"]]
    with pytest.raises(ValueError, match="say `header_rows: 0`"):
        make_dataset(format={"type": "html", "columns": ["a"]})
    assert (
        "has 2 cells where 1 are expected"
        in refused(fragment, {"type": "html", "header_rows": 0, "columns": ["satu"]}).what
    )
