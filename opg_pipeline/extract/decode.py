"""Turns the bytes of one answer into records, by the declared format. Never asks the network; replay uses it as the pull does.

Tables (CSV, XLSX) are in tables.py and xlsx.py, XML in xmltree.py. What a value means is normalise's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import Any

import orjson

from opg_pipeline.extract.tables import read_csv
from opg_pipeline.extract.xlsx import read_xlsx
from opg_pipeline.extract.xmltree import read_xml
from opg_pipeline.model.app import Dataset
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.model.paths import EVERY, FieldPath, PathError, Step, follow, iterate, parse_path
from opg_pipeline.model.source import CsvFormat, NdjsonFormat, XlsxFormat, XmlFormat

_BOM = b"\xef\xbb\xbf"
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The content of one answer.

    ``parents``: per record the enclosing elements, nearest first; None where `records` has no inner [*]. ``document``: the
    whole answer. ``elements``: length of the list that paging counts, which differs from the number of records only where
    `records` has an inner [*].
    """

    records: list[Any]
    parents: list[tuple[Any, ...]] | None
    document: Any
    elements: int


def decode(body: bytes, dataset: Dataset, content_type: str = "") -> Decoded:
    """The records of one answer. ``content_type`` helps to say what an undecodable answer was; nothing is sniffed from it.

    Raises PullError MALFORMED (or TOO_LARGE for a workbook that unpacks without measure), without a word of the content.
    """
    return select(parse(body, dataset, content_type), dataset)


def parse(body: bytes, dataset: Dataset, content_type: str = "") -> Any:
    """The whole answer as plain values. Raises PullError as :func:`decode`."""
    name = {"ndjson": "JSON lines", "geojson": "GeoJSON"}.get(dataset.format.type, dataset.format.type.upper())
    if not body or body.isspace():
        raise _malformed(f"expected {name} but the answer is empty")
    if is_html(body):
        raise _malformed(f"expected {name} but got {appearance(body, content_type)}", _html_hint(body))
    try:
        if isinstance(dataset.format, CsvFormat):
            return read_csv(body, dataset.format)
        if isinstance(dataset.format, XlsxFormat):
            return read_xlsx(body, dataset.format)
        if isinstance(dataset.format, XmlFormat):
            return read_xml(body)
        if isinstance(dataset.format, NdjsonFormat):
            return _json_lines(body)
        return orjson.loads(body.removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        if error.pos >= len(error.doc) - 1 and body.removeprefix(_BOM).lstrip()[:1] in b"{[":
            why = f"it breaks off after {len(body):,} bytes"
        else:
            why = f"{appearance(body, content_type)}; {error.msg} at line {error.lineno}, column {error.colno}"
        raise _malformed(f"expected {name} but cannot read the answer: {why}") from None
    except PullError as error:
        if error.outcome is not Outcome.MALFORMED:
            raise
        raise _malformed(f"expected {name} but {error.what}", error.hint) from None


def select(document: Any, dataset: Dataset) -> Decoded:
    """The records in a parsed answer. Raises PullError MALFORMED where `records` does not lead to a list."""
    xml = isinstance(dataset.format, XmlFormat)
    if isinstance(dataset.format, XlsxFormat) and not dataset.records:
        rows: list[Any] = document["rows"]
        return Decoded(rows, None, document, len(rows))
    path = _compiled(dataset.records_path)
    try:
        if EVERY in path.steps[:-1]:
            pairs = list(iterate(document, path, xml=xml))
            records = [record for record, _ in pairs]
            return Decoded(records, [parents for _, parents in pairs], document, _elements(document, path))
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


@lru_cache(maxsize=512)
def _compiled(text: str) -> FieldPath:
    return parse_path(text, every=True) if text else FieldPath("", ())


def _elements(document: Any, path: FieldPath) -> int:
    before: tuple[Step, ...] = path.steps[: path.steps.index(EVERY)]
    found = follow(document, before)
    return len(found) if isinstance(found, list) else int(found is not None)


def _json_lines(body: bytes) -> list[Any]:
    """One record a line. A line that is no JSON object becomes a record that is a text, which normalise sends to quarantine;
    a file that breaks off in its last line, or most of which cannot be read, is MALFORMED."""
    lines = body.removeprefix(_BOM).split(b"\n")
    records: list[Any] = []
    unread = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = orjson.loads(line)
            broken = not isinstance(record, dict)
        except orjson.JSONDecodeError as error:
            if number == len(lines):
                raise _malformed(f"it breaks off in line {number}: {error.msg} at column {error.colno}") from None
            broken = True
        if broken:
            unread += 1
            record = line.decode("utf-8", "replace")
        records.append(record)
    if unread * 10 > len(records):
        raise _malformed(f"{unread:,} of {len(records):,} lines hold no JSON object")
    return records


def is_html(body: bytes) -> bool:
    """Whether the answer is a web page."""
    start = body[:512].removeprefix(_BOM).lstrip()[:14].lower()
    return start.startswith((b"<!doctype html", b"<html"))


def appearance(body: bytes, content_type: str) -> str:
    """What an answer looks like, in words, without its content."""
    if is_html(body):
        found = _TITLE.search(body[:8192].decode("utf-8", "replace"))
        title = " ".join(unescape(found[1]).split()) if found else ""
        return f"an HTML page titled {title!r}" if title and harmless(title) else "an HTML page"
    start = body[:64].removeprefix(_BOM).lstrip()
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


def harmless(text: str) -> bool:
    """Whether a text from an answer may be quoted: short, no long run of digits, no address."""
    return len(text) <= 80 and not re.search(r"\d{6,}|@", text)


def _html_hint(body: bytes) -> str:
    if re.search(rb"type=[\"']?password", body[:262_144], re.IGNORECASE):
        return "the page asks to log in: check the credentials and the address."
    return "check the address and `path`; a maintenance page goes away by itself."


def _malformed(
    what: str, hint: str = "look at the archived answer; if the source has changed, change `format` or `records`."
) -> PullError:
    return PullError(Outcome.MALFORMED, what, hint)
