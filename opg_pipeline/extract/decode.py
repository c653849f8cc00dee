"""Turns the bytes of one answer into records, by the declared format. Never asks the network; replay uses it as the pull does.

Each format is read in a module of its own. What a value means is normalise's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import Any

from opg_pipeline.extract.cube import read_bps_cube
from opg_pipeline.extract.html import page_text, read_html
from opg_pipeline.extract.jsontext import BOM, read_json, read_json_lines
from opg_pipeline.extract.packed import unpack
from opg_pipeline.extract.sdmx import read_sdmx_json
from opg_pipeline.extract.shape import Parents, unpivoted
from opg_pipeline.extract.tables import read_csv, read_fixed_width
from opg_pipeline.extract.xlsx import read_xlsx
from opg_pipeline.extract.xmltree import read_xml, refusal
from opg_pipeline.model.app import Dataset
from opg_pipeline.model.formats import (
    BpsCubeFormat,
    CsvFormat,
    FixedWidthFormat,
    Format,
    HtmlFormat,
    JsonFormat,
    NdjsonFormat,
    SdmxJsonFormat,
    XlsxFormat,
    XmlFormat,
)
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.model.paths import EVERY, FieldPath, PathError, Step, follow, iterate, kind, parse_path
from opg_pipeline.model.quoting import harmless

_PLAIN_JSON = JsonFormat()
_NAMES = {
    "ndjson": "JSON lines", "geojson": "GeoJSON", "fixed_width": "fixed-width text", "bps_cube": "a BPS table", "sdmx_json": "SDMX-JSON",
    "gzip": "a gzip file", "zip": "a ZIP file",
}  # fmt: skip
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The content of one answer.

    ``parents``: per record the enclosing elements, nearest first; None where `records` has no inner [*]. A row of a workbook
    has `{"sheet": name}`. ``document``: the whole answer. ``elements``: length of the list that paging counts, which differs
    from the number of records only where `records` has an inner [*], or with `unpivot`.
    """

    records: list[Any]
    parents: Parents
    document: Any
    elements: int


def decode(body: bytes, dataset: Dataset, content_type: str = "", passwords: Mapping[str, str] = {}) -> Decoded:
    """The records of one answer.

    Args:
        content_type: names the charset of an HTML page, and helps to say what an undecodable answer was.
        passwords: of packed files, by the NAME of their variable.

    Raises PullError MALFORMED (TOO_LARGE for what unpacks without measure, UNSUCCESSFUL for an answer that says itself that it
    is none, MISSING_SECRET or AUTH_FAILED for the password of a ZIP file), without a word of the content.
    """
    return select(parse(body, dataset, content_type, passwords), dataset)


def parse(body: bytes, dataset: Dataset, content_type: str = "", passwords: Mapping[str, str] = {}) -> Any:
    """The whole answer as plain values. Raises PullError as :func:`decode`."""
    if dataset.unpack is not None:
        body = _unpacked(body, dataset, content_type, passwords)
        content_type = ""
    return _document(body, dataset.format, content_type)


def _unpacked(body: bytes, dataset: Dataset, content_type: str, passwords: Mapping[str, str]) -> bytes:
    assert dataset.unpack is not None
    name = _NAMES[dataset.unpack.type]
    if is_html(body):
        raise _malformed(f"expected {name} but got {appearance(body, content_type)}", _html_hint(body))
    try:
        return unpack(body, dataset.unpack, passwords)
    except PullError as error:
        if error.outcome is not Outcome.MALFORMED:
            raise
        raise _malformed(f"expected {name} but {error.what}", error.hint) from None


def _document(body: bytes, declared: Format, content_type: str) -> Any:
    name = _NAMES.get(declared.type, declared.type.upper())
    if not body or body.isspace():
        raise _malformed(f"expected {name} but the answer is empty")
    page = isinstance(declared, HtmlFormat) and declared.within is None
    if is_html(body) and not page:
        raise _malformed(f"expected {name} but got {appearance(body, content_type)}", _html_hint(body))
    try:
        if isinstance(declared, CsvFormat):
            return read_csv(body, declared)
        if isinstance(declared, XlsxFormat):
            return read_xlsx(body, declared)
        if isinstance(declared, XmlFormat):
            document = read_xml(body)
            if (error := refusal(document)) is not None:
                raise error
            return document
        if isinstance(declared, NdjsonFormat):
            return read_json_lines(body)
        if isinstance(declared, FixedWidthFormat):
            return read_fixed_width(body, declared)
        if isinstance(declared, HtmlFormat) and page:
            return {"rows": read_html(page_text(body, content_type), declared)}
        return read_json(body, declared if isinstance(declared, JsonFormat) else _PLAIN_JSON)
    except json.JSONDecodeError as error:
        if (refused := _xml_refusal(body)) is not None:
            raise refused from None
        if error.pos >= len(error.doc) - 1 and body.removeprefix(BOM).lstrip()[:1] in b"{[":
            why = f"it breaks off after {len(body):,} bytes"
        else:
            why = f"{appearance(body, content_type)}; {error.msg} at line {error.lineno}, column {error.colno}"
        raise _malformed(f"expected {name} but cannot read the answer: {why}") from None
    except PullError as error:
        if error.outcome is not Outcome.MALFORMED:
            raise
        hint = _html_hint(body) if page and _asks_to_log_in(body) else error.hint
        raise _malformed(f"expected {name} but {error.what}", hint) from None
    except RecursionError:
        raise _malformed(f"expected {name} but the answer is nested too deeply") from None


def _xml_refusal(body: bytes) -> PullError | None:
    """What services that give JSON say in XML (exception reports of WFS)."""
    if not body.removeprefix(BOM).lstrip().startswith(b"<"):
        return None
    try:
        return refusal(read_xml(body))
    except PullError:
        return None


def select(document: Any, dataset: Dataset) -> Decoded:
    """The records in a parsed answer. Raises PullError MALFORMED where `records` does not lead to a list."""
    decoded = _selected(document, dataset)
    if dataset.unpivot is None:
        return decoded
    records, parents = unpivoted(decoded.records, decoded.parents, dataset.unpivot)
    return Decoded(records, parents, document, decoded.elements)


def _selected(document: Any, dataset: Dataset) -> Decoded:
    declared = dataset.format
    if (read := _READERS.get(type(declared))) is not None:
        records = read(document, declared)
        return Decoded(records, None, document, len(records))
    xml = isinstance(declared, XmlFormat)
    if isinstance(declared, XlsxFormat) and not dataset.records:
        return _sheet_rows(document)
    path = _compiled(dataset.records_path)
    try:
        if EVERY in path.steps[:-1]:
            pairs = list(iterate(document, path, xml=xml))
            records = [record for record, _ in pairs]
            return Decoded(records, [parents for _, parents in pairs], document, _elements(document, path, xml=xml))
        # The fast case: the list as it was decoded. Where it is not simply there, iterate() knows what that means.
        steps = path.steps[:-1] if path.steps and path.steps[-1] is EVERY else path.steps
        found = follow(document, steps)
        if not isinstance(found, list):
            found = [record for record, _ in iterate(document, path, xml=xml)]
        return Decoded(found, None, document, len(found))
    except PathError as error:
        raise _malformed(
            f"the records are not where they should be: {error}",
            "compare `records` with the archived answer.",
        ) from None


def _sheet_rows(document: Any) -> Decoded:
    sheets = document.get("sheets", [document])
    records = sheets[0]["rows"] if len(sheets) == 1 else [row for sheet in sheets for row in sheet["rows"]]
    parents: Parents = [parent for sheet in sheets for parent in [({"sheet": sheet["sheet"]},)] * len(sheet["rows"])]
    return Decoded(records, parents, document, len(records))


def _html_rows(document: Any, declared: HtmlFormat) -> list[Any]:
    if declared.within is None:
        rows: list[Any] = document["rows"]
        return rows
    text = follow(document, _compiled(declared.within).steps)
    if not isinstance(text, str):
        raise _malformed(
            f"`within: {declared.within}` leads to {kind(text)} instead of a text with HTML", "correct `within`."
        )
    try:
        return read_html(text, declared) if text.strip() else []
    except PullError as error:
        raise PullError(
            error.outcome, f"expected HTML at `within: {declared.within}` but {error.what}", error.hint
        ) from None


_READERS: dict[type, Callable[[Any, Any], list[Any]]] = {
    HtmlFormat: _html_rows,
    BpsCubeFormat: lambda document, _: _cells(read_bps_cube, document, "a BPS table"),
    SdmxJsonFormat: lambda document, _: _cells(read_sdmx_json, document, "SDMX-JSON"),
}
"""Formats that say themselves where their records are. They are read after the answer's success is judged, as a refusal has none."""


def _cells(read: Callable[[Any], list[Any]], document: Any, name: str) -> list[Any]:
    try:
        return read(document)
    except PullError as error:
        if error.outcome is not Outcome.MALFORMED:
            raise
        raise _malformed(f"expected {name} but {error.what}", error.hint) from None


@lru_cache(maxsize=512)
def _compiled(text: str) -> FieldPath:
    return parse_path(text, every=True) if text else FieldPath("", ())


def _elements(document: Any, path: FieldPath, *, xml: bool) -> int:
    before: tuple[Step, ...] = path.steps[: path.steps.index(EVERY)]
    found = follow(document, before)
    if isinstance(found, list) or (isinstance(found, dict) and not xml):
        return len(found)
    return int(found is not None)


def is_html(body: bytes) -> bool:
    """Whether the answer is a web page."""
    start = body[:512].removeprefix(BOM).lstrip()[:14].lower()
    return start.startswith((b"<!doctype html", b"<html"))


def appearance(body: bytes, content_type: str) -> str:
    """What an answer looks like, in words, without its content."""
    if is_html(body):
        found = _TITLE.search(body[:8192].decode("utf-8", "replace"))
        title = " ".join(unescape(found[1]).split()) if found else ""
        return f"an HTML page titled {title!r}" if title and harmless(title) else "an HTML page"
    start = body[:64].removeprefix(BOM).lstrip()
    for magic, words in (
        (b"<", "something like XML"), (b"PK\x03\x04", "a ZIP or XLSX file"), (b"\x1f\x8b", "a gzip file"), (b"%PDF", "a PDF file"),
        (b"\xd0\xcf\x11\xe0", "an old Excel file"), (b"\xff\xfe", "UTF-16 text"), (b"\xfe\xff", "UTF-16 text"),
    ):  # fmt: skip
        if start.startswith(magic):
            return words
    try:
        body[:4096].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < 4090:
            return "bytes that are no UTF-8 text"
    kind_of = content_type.partition(";")[0].strip().lower()
    return f"text sent as {kind_of}" if re.fullmatch(r"[a-z]+/[a-z0-9.+-]{1,60}", kind_of) else "text"


def _html_hint(body: bytes) -> str:
    if _asks_to_log_in(body):
        return "the page asks to log in: check the credentials and the address."
    return "check the address and `path`; a maintenance page goes away by itself."


def _asks_to_log_in(body: bytes) -> bool:
    return re.search(rb"type=[\"']?password", body[:262_144], re.IGNORECASE) is not None


def _malformed(
    what: str, hint: str = "look at the archived answer; if the source has changed, change `format` or `records`."
) -> PullError:
    return PullError(Outcome.MALFORMED, what, hint)
