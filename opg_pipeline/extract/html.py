"""The rows of an HTML table: of a page, of a fragment of rows, or of a text inside a JSON answer. Cells are texts, entities decoded."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

from lxml import etree

from opg_pipeline.extract.tables import column_names, header_place
from opg_pipeline.model.formats import HtmlFormat
from opg_pipeline.model.handover import Outcome, PullError

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_META = re.compile(rb"<meta[^>]*?charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_TABLE, _ROW = re.compile(r"<table\b", re.IGNORECASE), re.compile(r"<tr\b", re.IGNORECASE)
_TABLE_END, _ROW_END = re.compile(r"</table\s*>", re.IGNORECASE), re.compile(r"</tr\s*>", re.IGNORECASE)
_OWN_ROWS: Any = etree.XPath("./tr | ./thead/tr | ./tbody/tr | ./tfoot/tr")
_BREAKING = frozenset({"br", "p", "div", "li", "tr", "td", "th", "h1", "h2", "h3", "h4", "h5", "h6"})
_CELL = frozenset({"td", "th"})
_SPAN = re.compile(r"(?:row|col)span", re.IGNORECASE)
_SILENT = frozenset({"script", "style", "template"})
_WIDEST = 1_000
"""Most columns a cell may span, as HTML says."""
_LONGEST = 65_534
_CELLS = 5_000_000
"""Most cells of a table, spans counted out: a few bytes can span very many."""

Cell = tuple[str, str | None]
"""Text, and the address of the first link."""
_NOTHING: Cell = ("", None)


def page_text(body: bytes, content_type: str) -> str:
    """A page as text, by its byte order mark, its content type or its meta tag; without any of them it is UTF-8.

    Raises PullError MALFORMED for bytes that are not what they are said to be.
    """
    mark, said = next(((mark, name) for mark, name in _MARKS if body.startswith(mark)), (b"", ""))
    if not said and (found := _CHARSET.search(content_type)):
        said = found[1]
    if not said and (told := _META.search(body[:4096])):
        said = told[1].decode("ascii", "replace")
    try:
        return body[len(mark) :].decode(said or "utf-8")
    except LookupError:
        raise _malformed("its declared charset is unknown", "tell the source's operator.") from None
    except UnicodeDecodeError as error:
        raise _malformed(
            f"it is no {said or 'utf-8'} text (byte {error.start:,})", "tell the source's operator."
        ) from None


def read_html(text: str, declared: HtmlFormat) -> list[Any]:
    """The rows of the declared table, by column name or with `header_rows: 0` as lists of texts.

    A cell over several rows holds in each of them; of one over several columns the first has the text, in the header all. A row
    with fewer cells than columns ends in empty ones. Rows without any cell are left out. Raises PullError MALFORMED where the
    table is not there or not whole, and for a row with more cells than there are columns.
    """
    if not _ROW.search(text) and "&lt;" in text:
        text = html.unescape(text)
    table = _table(text, declared.table)
    rows = [row for row in _OWN_ROWS(table) if any(cell.tag in _CELL for cell in row)]
    first = declared.skip_rows
    if declared.header_with is not None:
        plain = ([_cell_text(cell) for cell in row if cell.tag in _CELL] for row in rows)
        first = header_place(plain, declared.header_with)
    end = first + declared.header_rows
    if len(rows) < end:
        raise _malformed(f"the table ends before its header (row {end})", "check `table` and `header_rows`.")
    spans = _SPAN.search(text) is not None
    header = _grid(rows[first:end], header=True, spans=spans)
    cells = _grid(rows[end:], header=False, spans=spans)
    if declared.columns is not None:
        header = [[(name, None) for name in declared.columns]]
    if not header:
        width = max((len(row) for row in cells), default=0)
        return [[cell[0] for cell in row] + [""] * (width - len(row)) for row in cells]
    width = max(map(len, header))
    names = column_names([[cell[0] for cell in row] + [""] * (width - len(row)) for row in header], carry=False)
    records = []
    for number, (row, listed) in enumerate(zip(rows[end:], cells, strict=True), start=end + 1):
        if len(listed) > width:
            raise _malformed(f"row {number} has {len(listed)} cells where {width} are expected", "check `header_rows`.")
        record = dict.fromkeys(names, "")
        record.update(zip(names, [content for content, _ in listed], strict=False))
        record.update((f"@{name}", value) for name, value in row.items())
        record.update(
            (f"{name}@href", link) for name, (_, link) in zip(names, listed, strict=False) if link is not None
        )
        records.append(record)
    return records


def _table(text: str, wanted: int) -> Any:
    """The element of the declared table; rows alone count as one."""
    fragment = _TABLE.search(text) is None
    if fragment and _ROW.search(text) is None:
        raise _malformed("it has no table", "check `within`, the address and the credentials.")
    if fragment:
        ends = [match.start() for match in _ROW_END.finditer(text)]
        whole = not ends or [match.start() for match in _ROW.finditer(text)][-1] < ends[-1]
        text = f"<table>{text}</table>"
    else:
        whole = len(_TABLE.findall(text)) <= len(_TABLE_END.findall(text))
    if not whole or text.rfind("<") > text.rfind(">"):
        raise _malformed("its table breaks off", "try again later; if it stays, look at the archived answer.")
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        raise _malformed("it cannot be read as HTML", "look at the archived answer.") from None
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise _malformed("its elements are nested too deeply", "tell the source's operator.")
    tables = list(root.iter("table"))
    if wanted >= len(tables):
        raise _malformed(f"it has {len(tables)} tables, so none is number {wanted} (from 0)", "correct `table`.")
    return tables[wanted]


def _grid(rows: Sequence[Any], *, header: bool, spans: bool) -> list[list[Cell]]:
    """The cells of rows in their columns, with those that reach over several rows or columns put where they reach to."""
    if not spans:
        return [[(_cell_text(cell), _address(cell)) for cell in row if cell.tag in _CELL] for row in rows]
    grid: list[list[Cell]] = []
    reaching: dict[int, tuple[int, Cell]] = {}
    count = 0
    for row in rows:
        line: list[Cell] = []

        def continued(until: int, line: list[Cell] = line) -> None:
            """Fill columns that cells from above reach into, as far as they follow on, or up to a column."""
            while len(line) in reaching or len(line) < until:
                left, cell = reaching.pop(column := len(line), (0, _NOTHING))
                if left > 1:
                    reaching[column] = (left - 1, cell)
                line.append(cell)

        for element in row:
            if element.tag not in _CELL:
                continue
            continued(0)
            cell = (_cell_text(element), _address(element))
            down = _span(element, "rowspan", _LONGEST)
            for offset in range(_span(element, "colspan", _WIDEST)):
                content = cell if header or not offset else _NOTHING
                if down > 1:
                    reaching[len(line)] = (down - 1, _NOTHING if header else content)
                line.append(content)
        continued(max(reaching, default=-1) + 1)
        count += len(line)
        if count > _CELLS:
            raise PullError(Outcome.TOO_LARGE, f"its table has more than {_CELLS:,} cells", "ask for a smaller table.")
        grid.append(line)
    return grid


def _span(cell: Any, name: str, most: int) -> int:
    """How many rows or columns a cell reaches over; as HTML reads it, what is no number counts as 1, and rows of 0 as all."""
    text = (cell.get(name) or "1").strip()
    number = int(text) if text.isdecimal() and len(text) < 6 else 1
    return min(number, most) or (most if name == "rowspan" else 1)


def _cell_text(cell: Any) -> str:
    if not len(cell):
        return " ".join((cell.text or "").split())
    parts: list[str] = []
    _collect(cell, parts)
    return " ".join("".join(parts).split())


def _collect(element: Any, parts: list[str]) -> None:
    """The texts below an element, with blanks where it breaks lines; libxml2 holds the depth to 256."""
    parts.append(element.text or "")
    for child in element:
        if child.tag not in _SILENT:
            if child.tag in _BREAKING:
                parts.append(" ")
            _collect(child, parts)
            if child.tag in _BREAKING:
                parts.append(" ")
        parts.append(child.tail or "")


def _address(cell: Any) -> str | None:
    if not len(cell):
        return None
    link = next((link for link in cell.iter("a") if link.get("href") is not None), None)
    return None if link is None else str(link.get("href")).strip()


def _malformed(what: str, hint: str) -> PullError:
    return PullError(Outcome.MALFORMED, what, hint)
