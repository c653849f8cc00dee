"""Delimited and fixed-width text to records, and the header rules that all tables share. Values stay texts; nothing is sniffed."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from opg_pipeline.model.formats import CsvFormat, FixedWidthFormat
from opg_pipeline.model.handover import Outcome, PullError

csv.field_size_limit(2**31 - 1)  # the answer's size is limited already; geometries pass csv's own 128 KiB

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def read_csv(body: bytes, declared: CsvFormat) -> list[Any]:
    """The rows as objects by column name, or as lists of texts with `header_rows: 0`. Lines without anything are left out.

    Raises PullError MALFORMED naming line or column.
    """
    stream = io.StringIO(_text(body, declared.encoding), newline="")
    skipped = _to_header(stream, declared)
    reader = csv.reader(stream, delimiter=declared.delimiter, quotechar=declared.quote, strict=True)
    lines: list[int] = []
    rows: list[list[str]] = []
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise _malformed(
            f"line {skipped + reader.line_num} cannot be read: {error}", "check `delimiter` and `quote`."
        ) from None
    if len(rows) < declared.header_rows:
        raise _malformed(f"it ends before its {declared.header_rows} header rows")
    header, rows = rows[: declared.header_rows], rows[declared.header_rows :]
    width = max(map(len, header)) if header else len(rows[0]) if rows else 0
    for index, row in enumerate(rows):
        if len(row) != width:
            line = skipped + lines[declared.header_rows + index]
            raise _malformed(
                f"line {line} has {len(row)} columns where {width} are expected",
                "check `delimiter`, `quote`, `skip_rows` and `header_rows`.",
            )
    if not header:
        return rows
    names = column_names([[*row, *[""] * (width - len(row))] for row in header])
    return [dict(zip(names, row, strict=True)) for row in rows]


def _to_header(stream: io.StringIO, declared: CsvFormat) -> int:
    """Reads over what stands before the header, and says how many lines these were. Lines there need not be good CSV."""
    for number in range(1, declared.skip_rows + 1):
        if not stream.readline():
            raise _malformed(
                f"it has fewer lines than `skip_rows: {declared.skip_rows}` (it ends at line {number - 1})"
            )
    if declared.header_with is None:
        return declared.skip_rows
    start = stream.tell()
    cells = (next(csv.reader([line], delimiter=declared.delimiter, quotechar=declared.quote), []) for line in stream)
    place = header_place(cells, declared.header_with)
    stream.seek(start)
    for _ in range(place):
        stream.readline()
    return declared.skip_rows + place


def header_place(rows: Iterable[Sequence[Any]], wanted: str) -> int:
    """The place of the first row with the cell ``wanted``, whatever blanks stand in it. Raises PullError MALFORMED."""
    plain = " ".join(wanted.split())
    for place, row in enumerate(rows):
        if any(isinstance(cell, str) and " ".join(cell.split()) == plain for cell in row):
            return place
    raise _malformed("no row has the cell that `header_with` names", "correct `header_with`.")


def read_fixed_width(body: bytes, declared: FixedWidthFormat) -> list[Any]:
    """The lines as objects by column name, texts without outer blanks. Empty lines are left out; a short line ends in blanks.

    Raises PullError MALFORMED.
    """
    lines = [line.rstrip("\r") for line in _text(body, declared.encoding).split("\n")]
    if len(lines) < declared.skip_rows:
        raise _malformed(f"it has fewer lines than `skip_rows: {declared.skip_rows}`")
    columns = [(name, first - 1, last) for name, (first, last) in declared.columns.items()]
    return [
        {name: line[start:end].strip() for name, start, end in columns}
        for line in lines[declared.skip_rows :]
        if line.strip()
    ]


def column_names(header: Sequence[Sequence[str]], *, carry: bool = True) -> list[str]:
    """One name per column from header rows of equal width, without outer and repeated blanks.

    With ``carry``, above the last row a blank cell continues the cell to its left (merged cells), as far as the cell above it
    reaches. The rows are joined with ' / ', blanks left out. A column without any name is called `column <number>`, counted from 1.
    Raises PullError MALFORMED for a name given twice.
    """
    cells = [[" ".join(cell.split()) for cell in row] for row in header]
    for depth, row in enumerate(cells[:-1] if carry else []):
        carried = ""
        for column, cell in enumerate(row):
            begins = any(header[above][column].strip() for above in range(depth))
            carried = cell or ("" if begins else carried)
            row[column] = carried
    names = [
        " / ".join(part for part in parts if part) or f"column {number}"
        for number, parts in enumerate(zip(*cells, strict=True), start=1)
    ]
    seen: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if name in seen:
            raise _malformed(
                f"columns {seen[name]} and {number} have the same name {name[:60]!r}",
                "declare more `header_rows`, or `header_rows: 0` with `skip_rows` and take columns by position.",
            )
        seen[name] = number
    return names


def _text(body: bytes, encoding: str) -> str:
    try:
        return body.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise _malformed(
            f"the declared encoding {encoding!r} is unknown", "use such as utf-8, utf-16 or windows-1252."
        ) from None
    except UnicodeDecodeError as error:
        mark = next((name for mark, name in _MARKS if body.startswith(mark)), None)
        hint = (
            f"it begins with the byte order mark of {mark}: declare `encoding: {mark}`."
            if mark
            else "correct `encoding`."
        )
        line = body.count(b"\n", 0, error.start) + 1
        raise _malformed(f"it is not {encoding} text (byte {error.start:,}, line {line})", hint) from None


def _malformed(
    what: str, hint: str = "look at the archived answer; if the source has changed, change `format`."
) -> PullError:
    return PullError(Outcome.MALFORMED, what, hint)
