"""XML and Excel workbooks: shapes, quirks, and attacks that must be refused."""

from __future__ import annotations

import io
import threading
import zipfile
from datetime import datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from opg_pipeline.extract import Decoded, decode
from opg_pipeline.extract.xmltree import read_xml
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline_tests.extract.conftest import make_dataset


def read(body: bytes, records: str, format: Any = "xml") -> Decoded:
    return decode(body, make_dataset(format=format, records=records))


def refused(body: bytes, records: str = "r.x", format: Any = "xml", outcome: Outcome = Outcome.MALFORMED) -> PullError:
    with pytest.raises(PullError) as caught:
        read(body, records, format)
    assert caught.value.outcome is outcome
    assert caught.value.hint
    return caught.value


# -- XML ---------------------------------------------------------------------------------------------------------------


def test_xml_shapes() -> None:
    body = """<?xml version="1.0" encoding="ISO-8859-1"?>
    <a:r xmlns:a="urn:a" xmlns:b="urn:b"><!-- note --><?pi x?>
      <b:x b:id="1" plain=" p "><t> se<!-- c -->dang </t><e/><blank>  </blank><c><![CDATA[<i>&amp;</i>]]></c>
        <m k="v">text<i>in</i> tail</m><l>1</l><l>2</l><l/></b:x>
    </a:r>""".replace("se<", "s\xe9<").encode("iso-8859-1")
    assert read(body, "r.x").records == [
        {
            "@id": "1", "@plain": " p ", "t": "s\xe9dang", "e": None, "blank": None, "c": "<i>&amp;</i>",
            "m": {"@k": "v", "i": "in", "#text": "text tail"}, "l": ["1", "2", None],
        }
    ]  # fmt: skip


def test_xml_names_that_meet_become_lists() -> None:
    assert read_xml(b'<r xmlns:a="u"><x a:t="1" t="2"><a:y>3</a:y><y>4</y></x></r>') == {
        "r": {"x": {"@t": ["1", "2"], "y": ["3", "4"]}}
    }


def test_xml_nil() -> None:
    assert read_xml(b'<r xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><x i:nil="true"/></r>') == {
        "r": {"x": None}
    }


@pytest.mark.parametrize(
    ("body", "records", "expected"),
    [
        (b"<r><x><id>1</id></x></r>", "r.x", [{"id": "1"}]),
        (b"<r><x/></r>", "r.x", []),
        (b"<r><x/><x/></r>", "r.x", [None, None]),
        (b"<r/>", "r.x", []),
        (b"<r><l/></r>", "r.l.x", []),
        (b"<r><g><x>1</x></g><g><x>2</x><x>3</x></g></r>", "r.g[*].x", ["1", "2", "3"]),
        (b"<r><g><x>1</x></g></r>", "r.g[*].x", ["1"]),
        (b"<r><g><x>1</x></g></r>", "r.g[0].x", ["1"]),
    ],
)
def test_xml_records(body: bytes, records: str, expected: list[Any]) -> None:
    decoded = read(body, records)
    assert decoded.records == expected
    if "[*]" in records:
        assert decoded.parents is not None
        assert len(decoded.parents) == len(expected)


@pytest.mark.parametrize(
    ("body", "records", "words"),
    [
        (b"<r><x>Budi</x", "r.x", "not well-formed XML (line 1)"),
        (b"\n\n<r><x>Budi</y></r>", "r.x", "not well-formed XML (line 3)"),
        (b'{"nama": "Budi"}', "r.x", "not well-formed"),
        (b"<s><x>Budi</x></s>", "r.x", "does not begin with the root element, which is 's'"),
        (b"<r><x>Budi</x></r>", "", "root element"),
        (b"<r><g><x>1</x></g><g><x>2</x></g></r>", "r.g.x", "leads nowhere at 'x' in a list"),
        (b"<r>" + b"<d>" * 300 + b"</d>" * 300 + b"</r>", "r.d", "not well-formed"),
    ],
)
def test_xml_that_does_not_fit(body: bytes, records: str, words: str) -> None:
    error = refused(body, records)
    assert words in error.what
    assert "Budi" not in error.what


LAUGHS = b"".join(
    [
        b'<!DOCTYPE r [<!ENTITY a "ha">',
        *[f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(9)],
        b"]><r><x>&j;</x></r>",
    ]
)


@pytest.mark.parametrize(
    "body",
    [
        LAUGHS,
        LAUGHS.replace(b"<x>&j;</x>", b'<x a="&j;"/>'),
        LAUGHS.replace(b"&j;", b""),
        b'<!DOCTYPE r [<!ENTITY a "Budi">]><r><x>&a;</x></r>',
        b"<!DOCTYPE r [<!ENTITY % p \"<!ENTITY a 'Budi'>\"> %p;]><r><x>&a;</x></r>",
        b"<r><x>&unknown;</x></r>",
    ],
)
def test_entities_are_refused(body: bytes) -> None:
    error = refused(body)
    assert "entities of its own" in error.what
    assert len(error.what) < 200


def test_external_entities_are_neither_read_nor_asked_for(tmp_path: Path) -> None:
    asked: list[str] = []

    class Trap(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    trap = HTTPServer(("127.0.0.1", 0), Trap)
    threading.Thread(target=trap.serve_forever, daemon=True).start()
    secret = tmp_path / "secret.txt"
    secret.write_text("RAHASIA")
    url = f"http://127.0.0.1:{trap.server_port}/x.dtd"
    try:
        for target in (f"file://{secret}", url):
            error = refused(f'<!DOCTYPE r [<!ENTITY a SYSTEM "{target}">]><r><x>&a;</x></r>'.encode())
            assert "RAHASIA" not in error.what
            refused(f'<!DOCTYPE r [<!ENTITY % a SYSTEM "{target}"> %a;]><r><x>1</x></r>'.encode())
        assert read(f'<!DOCTYPE r SYSTEM "{url}"><r><x>1</x></r>'.encode(), "r.x").records == ["1"]
    finally:
        trap.shutdown()
        trap.server_close()
    assert asked == []


SOAP = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header/><s:Body>
<m:LaporanResponse xmlns:m="urn:lapor"><m:return><m:laporan anonim="1"><m:id>7</m:id></m:laporan></m:return></m:LaporanResponse>
</s:Body></s:Envelope>"""
FAULTS = (
    """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Client</faultcode>
    <faultstring>Token Budi 3522010101900001 salah</faultstring></s:Fault></s:Body></s:Envelope>""",
    """<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><e:Fault><e:Code><e:Value>e:Client</e:Value></e:Code>
    <e:Reason><e:Text xml:lang="id">Budi</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>""",
)


def test_soap_by_local_names() -> None:
    found = read(SOAP.encode(), "Envelope.Body.LaporanResponse.return.laporan")
    assert found.records == [{"@anonim": "1", "id": "7"}]


@pytest.mark.parametrize("body", FAULTS)
def test_soap_fault(body: str) -> None:
    error = refused(body.encode(), "Envelope.Body.LaporanResponse.return.laporan", outcome=Outcome.UNSUCCESSFUL)
    assert error.what == "the answer is a SOAP fault (Client)"


@pytest.mark.parametrize("inner", ["<faultcode>Budi 7</faultcode>", "", "<faultcode a='1'>s:Server</faultcode>"])
def test_soap_fault_without_a_plain_code(inner: str) -> None:
    error = refused(
        f"<Envelope><Body><Fault>{inner}</Fault></Body></Envelope>".encode(), "x", outcome=Outcome.UNSUCCESSFUL
    )
    assert error.what in {"the answer is a SOAP fault", "the answer is a SOAP fault (Server)"}


def test_wfs_exception_reports() -> None:
    for body in (
        b'<ServiceExceptionReport><ServiceException code="LayerNotDefined">Budi</ServiceException></ServiceExceptionReport>',
        b'<E:ExceptionReport xmlns:E="u"><E:Exception exceptionCode="LayerNotDefined"/><E:Exception/></E:ExceptionReport>',
    ):
        error = refused(body, "FeatureCollection.member", outcome=Outcome.UNSUCCESSFUL)
        assert error.what == "the answer is an exception report of the service (LayerNotDefined)"


def test_rss_and_atom() -> None:
    rss = b"""<?xml version="1.0"?><rss version="2.0" xmlns:dc="u"><channel><title>Berita</title>
    <item><title>Panen &amp; raya</title><guid isPermaLink="false">a1</guid><dc:creator>Kominfo</dc:creator></item></channel></rss>"""
    assert read(rss, "rss.channel.item").records == [
        {"title": "Panen & raya", "guid": {"@isPermaLink": "false", "#text": "a1"}, "creator": "Kominfo"}
    ]
    atom = b"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>t:1</id><link href="/1"/><link rel="edit" href="/e"/></entry>
    <entry><id>t:2</id><content type="html">&lt;p&gt;x</content></entry></feed>"""
    assert read(atom, "feed.entry").records == [
        {"id": "t:1", "link": [{"@href": "/1"}, {"@rel": "edit", "@href": "/e"}]},
        {"id": "t:2", "content": {"@type": "html", "#text": "<p>x"}},
    ]
    assert read(b'<rss version="2.0"><channel/></rss>', "rss.channel.item").records == []


# -- XLSX --------------------------------------------------------------------------------------------------------------


def workbook(*rows: list[Any], merge: str = "", sheets: tuple[str, ...] = ("Data",)) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = sheets[0]
    for row in rows:
        sheet.append(row)
    for area in merge.split():
        sheet.merge_cells(area)
    for name in sheets[1:]:
        book.create_sheet(name)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_xlsx_merged_headers_and_types() -> None:
    body = workbook(
        ["Laporan 2024"], [], ["No", "Desa", 2023, None, 2024, None, "Tanggal"], [None, None, "L", "P", "L", "P", None],
        [1, "Leran", 1.5, "93,42 %", True, None, datetime(2024, 3, 1, 7, 30)], [None] * 7,
        [2, "", 3, 4, 5, 6, datetime(2024, 3, 2)], [None, "  ".strip() or None],
        merge="C3:D3 E3:F3 A3:A4 B3:B4 G3:G4",
    )  # fmt: skip
    decoded = read(body, "", {"type": "xlsx", "skip_rows": 2, "header_rows": 2})
    assert list(decoded.records[0]) == ["No", "Desa", "2023 / L", "2023 / P", "2024 / L", "2024 / P", "Tanggal"]
    assert list(decoded.records[0].values()) == [1.0, "Leran", 1.5, "93,42 %", True, None, datetime(2024, 3, 1, 7, 30)]
    assert set(decoded.records[1].values()) == {None}, "an empty row between others is no end"
    assert decoded.records[2]["No"] == 2
    assert decoded.records[2]["Desa"] is None
    assert len(decoded.records) == 3, "empty rows at the end are dropped"
    assert decoded.document["sheet"] == "Data"
    assert decoded.document["rows"] is decoded.records


def test_xlsx_times_and_errors() -> None:
    """A cell in error keeps its text: it must not become nothing in silence."""
    body = workbook(["a", "b", "c"], [time(7, 30), timedelta(hours=30), "#DIV/0!"])
    part = "xl/worksheets/sheet1.xml"
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(out, "w") as new:
        for item in old.infolist():
            new.writestr(item, old.read(item))
        assert b't="e"' in old.read(part)
    assert read(out.getvalue(), "", "xlsx").records == [{"a": time(7, 30), "b": "1 day, 6:00:00", "c": "#DIV/0!"}]


def test_xlsx_sheets() -> None:
    body = workbook(["id"], [1], sheets=("Rekap", "Data & isi"))
    assert "2 sheets: 'Rekap', 'Data & isi'" in refused(body, "", "xlsx").what
    assert "no sheet 'Lain'" in refused(body, "", {"type": "xlsx", "sheet": "Lain"}).what
    assert read(body, "", {"type": "xlsx", "sheet": "Rekap"}).records == [{"id": 1.0}]
    assert "ends before its header" in refused(body, "", {"type": "xlsx", "sheet": "Data & isi"}).what


def several(**sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name.replace("_", " "))
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_xlsx_several_sheets() -> None:
    body = several(KIB_A=[["id", "x"], [1, "a"], [2, "b"]], Rekap=[["Budi"]], KIB_B=[["id", "y"], [3, "c"]], KIB_C=[])
    found = read(body, "", {"type": "xlsx", "sheet": "KIB *"})
    assert found.records == [{"id": 1.0, "x": "a"}, {"id": 2.0, "x": "b"}, {"id": 3.0, "y": "c"}]
    assert found.parents == [({"sheet": "KIB A"},), ({"sheet": "KIB A"},), ({"sheet": "KIB B"},)]
    assert [sheet["sheet"] for sheet in found.document["sheets"]] == ["KIB A", "KIB B", "KIB C"]
    one = read(body, "", {"type": "xlsx", "sheet": "KIB A"})
    assert one.parents == [({"sheet": "KIB A"},)] * 2
    assert "no sheet 'LRA *'" in refused(body, "", {"type": "xlsx", "sheet": "LRA *"}).what
    assert "sheet 'KIB C'" in refused(body, "", {"type": "xlsx", "sheet": "KIB C"}).what


def test_xlsx_header_with_and_merged_cells() -> None:
    body = workbook(
        ["Laporan"], ["Kecamatan x", None, "Bulan"], ["No", "Kecamatan ", "Jumlah", None], [None, None, "L", "P"],
        [1, "Dander", 3, 4], [2, None, 5, 6], ["Total", None, 8, 10],
        merge="A3:A4 B3:B4 C3:D3 B5:B6 A7:B7",
    )  # fmt: skip
    records = read(body, "", {"type": "xlsx", "header_with": "Kecamatan", "header_rows": 2}).records
    assert records == [
        {"No": 1.0, "Kecamatan": "Dander", "Jumlah / L": 3.0, "Jumlah / P": 4.0},
        {"No": 2.0, "Kecamatan": None, "Jumlah / L": 5.0, "Jumlah / P": 6.0},
        {"No": "Total", "Kecamatan": None, "Jumlah / L": 8.0, "Jumlah / P": 10.0},
    ]
    error = refused(body, "", {"type": "xlsx", "header_with": "Desa"})
    assert "sheet 'Data': no row has the cell that `header_with` names" in error.what


@pytest.mark.parametrize("cut", [10, 200, 3000])
def test_xlsx_that_is_cut_off(cut: int) -> None:
    assert "no Excel workbook" in refused(workbook(["id"], [1])[:cut], "", "xlsx").what


def test_xlsx_same_name_twice() -> None:
    assert "columns 1 and 2 have the same name 'a'" in refused(workbook(["a", "a"], [1, 2]), "", "xlsx").what


def test_xlsx_bomb() -> None:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/worksheets/sheet1.xml", "w") as part,
    ):
        for _ in range(600):
            part.write(b" " * 2**20)
    assert len(out.getvalue()) < 2**20
    refused(out.getvalue(), "", "xlsx", outcome=Outcome.TOO_LARGE)


def test_xlsx_whole_numbers_by_declaration() -> None:
    """Sixteen digits that a program wrote are all there; beyond 2^53 a number stands for more than one, and stays as it is."""
    body = workbook(["nik", "luas"], [3522152304950001, 0.25], [2**53 + 2, 3.0])
    plain = read(body, "", "xlsx").records
    whole = read(body, "", {"type": "xlsx", "whole_numbers": True}).records
    assert isinstance(plain[0]["nik"], float)
    assert whole == [{"nik": 3522152304950001, "luas": 0.25}, {"nik": float(2**53 + 2), "luas": 3}]
    assert [type(row["nik"]) for row in whole] == [int, float]
