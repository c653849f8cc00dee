"""Every format, from a server that gives it: the probe names it as a manifest does, and what it declares reads every record."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs.survey import Target, survey
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.settings import Settings
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull
from opg_pipeline_tests.extract.test_xml_xlsx import workbook

ROWS = [{"kode": f"K-{n:03}", "barang": f"Barang {n}", "satuan": "kg"} for n in range(1, 31)]
HEAD = list(ROWS[0])
CELLS = [HEAD, *(list(row.values()) for row in ROWS)]


def lines(cells: list[list[str]], sign: str = ",", before: str = "") -> str:
    return before + "".join(sign.join(row) + "\r\n" for row in cells)


def packed(**members: bytes) -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as archive:
        for name, body in members.items():
            archive.writestr(name.replace("__", "."), body)
    return found.getvalue()


def table(cells: list[list[str]], head: str = "th") -> str:
    rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in cells[1:])
    return f"<table><tr>{''.join(f'<{head}>{cell}</{head}>' for cell in cells[0])}</tr>{rows}</table>"


def xml(rows: list[dict[str, str]]) -> str:
    inner = "".join(f"<item>{''.join(f'<{key}>{value}</{key}>' for key, value in row.items())}</item>" for row in rows)
    return f'<?xml version="1.0"?><daftar><jumlah>30</jumlah>{inner}</daftar>'


def feature(row: dict[str, str]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": [111.9, -7.1]}, "properties": row}


CSV = lines(CELLS).encode()
FORMATS: dict[str, tuple[bytes, str, dict[str, Any]]] = {
    "json": (json.dumps({"data": ROWS}).encode(), "application/json", {"records": "data"}),
    "json_called_html": (json.dumps(ROWS).encode(), "text/html", {}),
    "json_with_mark": (b"\xef\xbb\xbf" + json.dumps(ROWS).encode(), "text/plain", {}),
    "jsonp": (b"muat(" + json.dumps(ROWS).encode() + b");", "text/javascript", {"format": {"type": "json", "jsonp": True}}),
    "ndjson": ("\n".join(map(json.dumps, ROWS)).encode(), "text/plain", {"format": "ndjson"}),
    "geojson": (json.dumps({"type": "FeatureCollection", "features": list(map(feature, ROWS))}).encode(), "application/json", {"format": "geojson"}),
    "csv": (CSV, "text/csv", {"format": "csv"}),
    "csv_semicolon": (lines(CELLS, ";").encode("utf-16"), "text/csv", {"format": {"type": "csv", "delimiter": ";", "encoding": "utf-16"}}),
    "tsv": (lines(CELLS, "\t").encode(), "text/plain", {"format": {"type": "csv", "delimiter": "\t"}}),
    "csv_below_a_title": (lines(CELLS, ",", "Daftar Barang\r\n\r\n").encode(), "text/csv", {"format": {"type": "csv", "skip_rows": 2}}),
    "xlsx": (workbook(*CELLS), "application/octet-stream", {"format": "xlsx"}),
    "xlsx_below_a_title": (workbook(["Daftar Barang"], [], *CELLS), "application/octet-stream", {"format": {"type": "xlsx", "skip_rows": 2}}),
    "xml": (xml(ROWS).encode(), "application/xml", {"format": "xml", "records": "daftar.item"}),
    "html": (f"<!doctype html><html><body>{table(CELLS)}</body></html>".encode(), "text/html", {"format": "html"}),
    "html_without_header_cells": (f"<html><body>{table(CELLS, 'td')}</body></html>".encode(), "text/html", {"format": {"type": "html", "header_rows": 1}}),
    "html_in_json": (json.dumps({"sukses": True, "isi": {"tabel": table(CELLS)}}).encode(), "application/json", {"format": {"type": "html", "within": "isi.tabel"}}),
    "zip_of_csv": (packed(barang__csv=CSV), "application/zip", {"format": "csv", "unpack": "zip"}),
    "gzip_of_json": (gzip.compress(json.dumps(ROWS).encode()), "application/octet-stream", {"unpack": "gzip"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def probe(tmp_path: Path, server: Server) -> Callable[[bytes, str], Any]:
    async def of(body: bytes, content_type: str) -> Any:
        server.handler = lambda request: Response(body, media_type=content_type)
        return await survey(
            Deployment(Settings(home=tmp_path)), Target(f"{server.url}/unduh", id="e_test", requests_per_second=200)
        )

    return of


@pytest.mark.parametrize("name", FORMATS)
async def test_finds_and_reads_the_format(name: str, server: Server, probe: Callable[[bytes, str], Any]) -> None:
    body, content_type, expected = FORMATS[name]
    found = await probe(body, content_type)
    declared = {key: found.dataset[key] for key in ("format", "unpack", "records") if key in found.dataset}
    assert declared == expected
    assert [column.path for column in found.key] in (["kode"], ["properties.kode"])
    result = await pull(server.url, make_dataset(**found.dataset))
    assert result.error is None
    got = [record.get("properties", record) for record in result.records]
    assert [{key: record[key] for key in HEAD} for record in got] == ROWS


@pytest.mark.parametrize(
    ("body", "content_type", "says"),
    [
        (b"", "application/json", "empty"),
        (b'{"data": [{"a": 1}, ', "application/json", "cannot be read to its end"),
        (b"<html><form><input type='password' name='pw'></form></html>", "text/html", "log in"),
        (b"<html><body><p>Maaf</p></body></html>", "text/html", "without a table"),
        (b"PK\x03\x04 broken", "application/zip", "damaged"),
        (b"halo", "text/plain", "neither JSON nor XML"),
    ],
    ids=["empty", "cut_off", "login_page", "page", "damaged_zip", "words"],
)  # fmt: skip
async def test_what_cannot_be_read_is_said(
    body: bytes, content_type: str, says: str, probe: Callable[[bytes, str], Any]
) -> None:
    with pytest.raises(PullError, match=says) as told:
        await probe(body, content_type)
    assert told.value.outcome is Outcome.MALFORMED
    assert told.value.hint
