"""An Excel workbook to records. Dates stay dates, numbers numbers, empty cells None; a cell in error keeps its error text."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import timedelta
from posixpath import normpath
from typing import Any

from lxml import etree
from python_calamine import CalamineError, CalamineWorkbook

from opg_pipeline.extract.packed import UNPACKED_LIMIT, named_like
from opg_pipeline.extract.tables import column_names, header_place
from opg_pipeline.model.formats import XlsxFormat
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.model.quoting import listed

_ERROR_CELL = re.compile(
    rb"""<c\b(?=[^>]*\bt="e")[^>]*\br="([A-Z]{1,3})(\d{1,7})"[^>]*>(?:<f\b[^<]*(?:</f>)?)?<v>([^<]{1,20})</v>"""
)
_EXACT = 2.0**53
"""Below this a cell's number stands for one whole number alone."""


def read_xlsx(body: bytes, declared: XlsxFormat) -> dict[str, Any]:
    """`{"sheet": name, "rows": records}`, or with a pattern `{"sheets": [that, ...]}`.

    Empty rows at the end are dropped; an empty row between others stays. A sheet that fits a pattern and is empty has no records.
    Of merged cells the first has the value. Raises PullError MALFORMED for what is no workbook, lacks the sheet or its header,
    or gives a column name twice; TOO_LARGE for one that unpacks to more than UNPACKED_LIMIT.
    """
    _check_size(body)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(body))
        names = _sheets(workbook.sheet_names, declared.sheet)
        sheets = {name: workbook.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in names}
    except (CalamineError, OSError):
        raise _malformed("the answer is no Excel workbook that can be read", "look at the archived answer.") from None
    several = declared.sheet is not None and declared.sheet not in names
    read = []
    for name, rows in sheets.items():
        _restore_errors(body, name, rows)
        while rows and not any(cell != "" for cell in rows[-1]):
            rows.pop()
        read.append({"sheet": name, "rows": _records(name, rows, declared) if rows or not several else []})
    return {"sheets": read} if several else read[0]


def _records(name: str, rows: list[list[Any]], declared: XlsxFormat) -> list[dict[str, Any]]:
    skipped = declared.skip_rows
    try:
        if declared.header_with is not None:
            skipped += header_place(rows[skipped:], declared.header_with)
        first = skipped + declared.header_rows
        if len(rows) < first:
            raise _malformed(
                f"it ends before its header (row {first})", "check `sheet`, `skip_rows` and `header_rows`."
            )
        columns = column_names([[_name(cell) for cell in row] for row in rows[skipped:first]])
    except PullError as error:
        raise _malformed(f"sheet {name!r}: {error.what}", error.hint) from None
    value = _whole_value if declared.whole_numbers else _value
    return [dict(zip(columns, map(value, row), strict=True)) for row in rows[first:]]


def _sheets(names: list[str], wanted: str | None) -> list[str]:
    shown = listed([repr(name) for name in names])
    if wanted is None:
        if len(names) != 1:
            raise _malformed(f"the workbook has {len(names)} sheets: {shown}", "say which with `sheet`.")
        return names
    fitting = named_like(names, wanted)
    if not fitting:
        raise _malformed(f"the workbook has no sheet {wanted!r}; it has {shown}", "correct `sheet`.")
    return fitting


def _value(cell: Any) -> Any:
    if cell == "":
        return None
    return str(cell) if isinstance(cell, timedelta) else cell


def _whole_value(cell: Any) -> Any:
    whole = isinstance(cell, float) and cell.is_integer() and abs(cell) < _EXACT
    return int(cell) if whole else _value(cell)


def _name(cell: Any) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _check_size(body: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            total = sum(item.file_size for item in archive.infolist())
    except zipfile.BadZipFile:
        return  # an old .xls is no ZIP; what is neither is refused by the reader
    if total > UNPACKED_LIMIT:
        raise PullError(
            Outcome.TOO_LARGE,
            f"the workbook unpacks to more than {UNPACKED_LIMIT // 2**20} MiB",
            "ask for a smaller extract, or for CSV.",
        )


def _restore_errors(body: bytes, sheet: str, rows: list[list[Any]]) -> None:
    """Put `#DIV/0!` and the like back: the reader gives such cells as empty, and nothing becomes null in silence."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            part = archive.read(_part(archive, sheet))
    except (zipfile.BadZipFile, KeyError, StopIteration, etree.XMLSyntaxError):
        return
    if b't="e"' not in part:
        return
    for letters, number, text in _ERROR_CELL.findall(part):
        column = 0
        for letter in letters:
            column = column * 26 + letter - 64
        row = int(number) - 1
        if row < len(rows) and column <= len(rows[row]) and rows[row][column - 1] == "":
            rows[row][column - 1] = text.decode()


def _part(archive: zipfile.ZipFile, sheet: str) -> str:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    book = etree.fromstring(archive.read("xl/workbook.xml"), parser)
    entry = next(item for item in book.iter("{*}sheet") if item.get("name") == sheet)
    identifier = next(value for key, value in entry.attrib.items() if str(key).endswith("}id"))
    links = etree.fromstring(archive.read("xl/_rels/workbook.xml.rels"), parser)
    target = next(item.get("Target", "") for item in links.iter("{*}Relationship") if item.get("Id") == identifier)
    return target.lstrip("/") if target.startswith("/") else normpath(f"xl/{target}")


def _malformed(what: str, hint: str) -> PullError:
    return PullError(Outcome.MALFORMED, what, hint)
