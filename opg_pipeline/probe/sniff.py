"""Tells the format of an answer by its bytes: JSON and its kinds, delimited text, workbooks, XML, HTML, packed files.

What the format is called in a manifest stands here; where the records are is records.py's.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import lxml.html
import orjson
from python_calamine import CalamineError, CalamineWorkbook

_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_JSONP = re.compile(rb"\s*[A-Za-z_$][\w.$]*\s*\(\s*[\[{]")
_DELIMITERS = ",;\t|"
_ROWS = 60


@dataclass(frozen=True, slots=True)
class Shape:
    """A format as a manifest writes it, how the answer is packed, and what is not sure about it.

    ``format`` is None where the answer is packed: unpack it and look again; or where it is nothing that is known.
    """

    format: dict[str, Any] | None
    unpack: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()


def sniff(body: bytes, content_type: str = "") -> Shape:
    """The format of one answer. Never raises; what cannot be told has no format and a note that says why."""
    if body.startswith(b"\x1f\x8b"):
        return Shape(None, {"type": "gzip"})
    if body.startswith(b"PK\x03\x04"):
        return _zip(body)
    mark = next((mark for mark, _ in _MARKS if body.startswith(mark)), b"")
    start = body[len(mark) :].lstrip()[:1]
    if mark in (b"", _MARKS[0][0]):
        if start == b"<":
            return _markup(body, content_type)
        if start in (b"{", b"["):
            return _json(body[len(mark) :])
        if _JSONP.match(body[len(mark) :]):
            return Shape({"type": "json", "jsonp": True})
    if not body.strip():
        return Shape(None, notes=("the answer is empty",))
    return _delimited(body)


def _zip(body: bytes) -> Shape:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = [item for item in archive.infolist() if not item.is_dir()]
    except zipfile.BadZipFile:
        return Shape(None, notes=("it begins like a ZIP file but is damaged",))
    names = [item.filename for item in members]
    if "xl/workbook.xml" in names:
        return _workbook(body)
    unpack: dict[str, Any] = {"type": "zip"}
    notes = []
    if any(item.flag_bits & 1 for item in members):
        notes.append("the ZIP file has a password: give `password` with the NAME of a variable")
    if len(members) > 1:
        unpack["member"] = max(members, key=lambda item: item.file_size).filename
        notes.append(f"the ZIP file has {len(members)} members; the largest is taken")
    return Shape(None, unpack, tuple(notes))


def _json(body: bytes) -> Shape:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        lines = [line for line in body.splitlines() if line.strip()]
        good = sum(_is_object(line) for line in lines[:_ROWS])
        if len(lines) > 1 and good >= 0.8 * min(len(lines), _ROWS):
            bad = sum(not _is_object(line) for line in lines)
            notes = (f"{bad} of {len(lines)} lines cannot be read",) if bad else ()
            return Shape({"type": "ndjson"}, notes=notes)
        return Shape(None, notes=("it begins like JSON but cannot be read to its end",))
    if isinstance(document, dict):
        if document.get("type") == "FeatureCollection":
            return Shape({"type": "geojson"})
        if {"datacontent", "vervar", "tahun"} <= document.keys():
            return Shape({"type": "bps_cube"})
        data = document.get("data") if isinstance(document.get("data"), dict) else document
        if isinstance(data, dict) and "dataSets" in data and ("structure" in data or "structures" in data):
            return Shape({"type": "sdmx_json"})
        inner = next(_html_texts(document, ""), None)
        if inner is not None:
            path, text = inner
            found = _html(text)
            return Shape({**(found.format or {}), "within": path}, notes=found.notes)
    return Shape({"type": "json"})


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _html_texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and re.search(r"<tr[\s>]", value, re.IGNORECASE):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _html_texts(item, f"{path}.{key}" if path else key)


def _markup(body: bytes, content_type: str) -> Shape:
    head = body[:2048].lstrip(b"\xef\xbb\xbf").lstrip().lower()
    page = head.startswith((b"<!doctype html", b"<html", b"<table", b"<tr", b"<thead", b"<tbody", b"<div"))
    if page or ("html" in content_type and not head.startswith(b"<?xml")):
        if re.search(rb"type=[\"']?password", body, re.IGNORECASE):
            return Shape(None, notes=("the answer is a page that asks to log in",))
        return _html(body.decode("utf-8", "replace"))
    return Shape({"type": "xml"})


def _found(element: Any, path: str) -> list[Any]:
    found: list[Any] = element.xpath(path)
    return found


def _html(text: str) -> Shape:
    try:
        root = lxml.html.fromstring(f"<div>{text}</div>" if "<html" not in text[:500].lower() else text)
    except (lxml.etree.ParserError, ValueError):
        return Shape(None, notes=("the answer is a page that cannot be read",))
    tables = _found(root, "//table") or [root]
    rows = [_found(table, ".//tr") for table in tables]
    number = max(range(len(rows)), key=lambda index: len(rows[index]))
    if not rows[number]:
        return Shape(None, notes=("the answer is a page without a table",))
    chosen: dict[str, Any] = {"type": "html"}
    if number:
        chosen["table"] = number
    cells = [["".join(cell.itertext()).strip() for cell in _found(row, "./td|./th")] for row in rows[number][:_ROWS]]
    heads = 0
    for row in rows[number]:
        if not _found(row, "./th") or _found(row, "./td"):
            break
        heads += 1
    if heads != 1:
        chosen["header_rows"] = heads if heads else 0
    notes = (f"the page has {len(tables)} tables; the longest is taken",) if len(tables) > 1 else ()
    if not heads and cells and all(cell and not re.search(r"\d", cell) for cell in cells[0]) and len(cells) > 1:
        chosen["header_rows"] = 1
        notes = (*notes, "its first row has no header cells but looks like a header")
    return Shape(chosen, notes=notes)


def _delimited(body: bytes) -> Shape:
    encoding = next((name for mark, name in _MARKS if body.startswith(mark)), "")
    notes: list[str] = []
    if not encoding:
        try:
            body.decode("utf-8")
            encoding = "utf-8"
        except UnicodeDecodeError:
            encoding = "windows-1252"
            notes.append("the text is no UTF-8; windows-1252 and latin-1 cannot be told apart by its bytes")
    try:
        text = body.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError:
        return Shape(None, notes=("the text is in no encoding that is known",))
    best: tuple[int, str, list[list[str]]] = (0, "", [])
    for delimiter in _DELIMITERS:
        rows = _csv_rows(text, delimiter)
        widths = Counter(len(row) for row in rows)
        if not widths:
            continue
        width, times = widths.most_common(1)[0]
        if width > 1 and times * width > best[0] and times >= 0.6 * len(rows):
            best = (times * width, delimiter, rows)
    if not best[0]:
        return Shape(None, notes=("the text is neither JSON nor XML, and has no columns that a sign separates",))
    skip, heads = header_of(best[2])
    lines = text.split("\n")
    if skip:  # lines, not rows: what stands before a header need not be good CSV
        skip = _line_of(lines, best[2][skip], best[1], skip)
    found: dict[str, Any] = {"type": "csv"}
    if best[1] != ",":
        found["delimiter"] = best[1]
    if encoding != "utf-8":
        found["encoding"] = encoding
    if skip:
        found["skip_rows"] = skip
        notes.append(f"{skip} lines stand before the header")
    if heads != 1:
        found["header_rows"] = heads
        notes.append(f"the header seems to have {heads} rows")
    return Shape(found, notes=tuple(notes))


def _csv_rows(text: str, delimiter: str) -> list[list[str]]:
    rows = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            if row:
                rows.append(row)
            if len(rows) >= _ROWS:
                break
    except csv.Error:
        return rows if len(rows) > 2 else []
    return rows


def _line_of(lines: Sequence[str], header: Sequence[str], delimiter: str, otherwise: int) -> int:
    for number, line in enumerate(lines):
        if next(csv.reader([line.rstrip("\r")], delimiter=delimiter), []) == list(header):
            return number
    return otherwise


def header_of(rows: Sequence[Sequence[Any]]) -> tuple[int, int]:
    """(rows before the header, rows of the header) of a table whose first rows these are."""
    width = Counter(len(row) for row in rows).most_common(1)[0][0]
    for place, row in enumerate(rows[:15]):
        filled = [str(cell) for cell in row if str(cell).strip()]
        after = [str(cell).strip() for cell in rows[place + 1]] if place + 1 < len(rows) else []
        under = len(after) == width and all(after) and len(set(after)) == width and not any(map(_is_number, after))
        groups = len(row) == width and under and 2 <= len(filled) < width and not any(map(_is_number, filled))
        if groups and place + 2 < len(rows):
            return place, 2
        if len(row) != width or len(filled) < max(2, 0.5 * width):
            continue
        if any(_is_number(cell) for cell in filled):
            return place, 0 if place == 0 else 1
        return place, 2 if under and len(set(filled)) < len(filled) and place + 2 < len(rows) else 1
    return 0, 1


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*[+-]?(?:Rp\.?\s*)?\d[\d.,/: -]*%?\s*", str(text)) is not None


def _workbook(body: bytes) -> Shape:
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(body))
        sheets = {
            name: workbook.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in workbook.sheet_names
        }
    except (CalamineError, OSError):
        return Shape(None, notes=("it begins like an Excel workbook but cannot be read",))
    found: dict[str, Any] = {"type": "xlsx"}
    notes = []
    name = max(sheets, key=lambda item: len(sheets[item]))
    if len(sheets) > 1:
        found["sheet"] = name
        notes.append(f"the workbook has {len(sheets)} sheets; the longest is taken. A pattern with * takes several")
    rows = [row for row in sheets[name][:_ROWS]]
    if rows:
        skip, heads = header_of(rows)
        if skip:
            found["skip_rows"] = skip
        if heads > 1:
            found["header_rows"] = heads
            notes.append(f"the header seems to have {heads} rows")
    return Shape(found, notes=tuple(notes))
