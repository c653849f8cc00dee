"""Looks for the sandbox's planted personal data in texts and files, in every spelling. Shares no expression with the pipeline."""

from __future__ import annotations

import gzip
import io
import re
import sqlite3
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

_WORD = re.compile(r"\w+")
_DIGITS = re.compile(r"\d(?:[ .\-()/]{0,2}\d)*")
_ALONE = re.compile(r"(?<![0-9A-Za-z])\+?\d(?:[ .\-]?\d){8,13}(?![0-9A-Za-z])")
_EMAIL = re.compile(r"[\w.+\-]{1,64}@[\w.\-]{1,255}")
_PHONE_END = 9
_SHORTEST_SIGN, _LONGEST_SIGN = 6, 3
"""Letters and digits; words."""

Found = dict[tuple[str, str], str]
"""(kind, canonical value) to the place where it was found first."""


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _national(phone: str) -> str:
    """A phone number without its country's or trunk prefix."""
    return re.sub(r"^(?:62|0)", "", _digits(phone))


class Scanner:
    """Finds planted values in texts.

    Numbers are compared digit by digit whatever stands between the digits; of a phone number standing alone the last nine
    digits suffice. Names and addresses are compared whole, word by word, without regard to case; what has letters among few
    digits (plates, masked numbers) whole, without regard to case and blanks.
    """

    def __init__(self, planted: Iterable[Mapping[str, str]]) -> None:
        self.wanted: set[tuple[str, str]] = set()
        self._numbers: dict[int, dict[str, tuple[str, str]]] = defaultdict(dict)
        self._ends: dict[str, tuple[str, str]] = {}
        self._words: dict[int, dict[tuple[str, ...], tuple[str, str]]] = defaultdict(dict)
        self._emails: set[str] = set()
        self._signs: dict[str, tuple[str, str]] = {}
        for item in planted:
            kind, value = item["kind"], item["value"]
            if kind in {"name", "address"}:
                words = tuple(_WORD.findall(value.casefold()))
                assert len(words) > 1, f"a {kind} of one word cannot be told from an ordinary word"
                mark = (kind, " ".join(words))
                self._words[len(words)][words] = mark
            elif kind == "email":
                mark = (kind, value.casefold())
                self._emails.add(value.casefold())
            elif re.search("[A-Za-z]", value) and len(_digits(value)) < _PHONE_END:
                sign = "".join(_WORD.findall(value.casefold()))
                assert len(sign) >= _SHORTEST_SIGN, f"this {kind} is too short to be told from other words"
                mark = (kind, sign)
                self._signs[sign] = mark
            else:
                number = _national(value) if kind == "phone" else _digits(value)
                assert len(number) >= _PHONE_END, f"this {kind} is too short to be told from other numbers"
                mark = (kind, number)
                self._numbers[len(number)][number] = mark
                if kind == "phone":
                    self._ends[number[-_PHONE_END:]] = mark
            self.wanted.add(mark)

    def scan(self, texts: Iterable[tuple[str, str]]) -> Found:
        """What of the planted values stands in (place, text) pairs."""
        found: Found = {}
        seen: set[str] = set()
        for place, text in texts:
            if text not in seen:
                seen.add(text)
                for mark in self._in(text):
                    found.setdefault(mark, place)
        return found

    def _in(self, text: str) -> Iterator[tuple[str, str]]:
        for run in _DIGITS.findall(text):
            digits = _digits(run)
            if len(digits) >= _PHONE_END:
                for width, numbers in self._numbers.items():
                    for start in range(len(digits) - width + 1):
                        mark = numbers.get(digits[start : start + width])
                        if mark is not None:
                            yield mark
        for run in _ALONE.findall(text):
            mark = self._ends.get(_digits(run)[-_PHONE_END:])
            if mark is not None:
                yield mark
        if "@" in text:
            for address in _EMAIL.findall(text.casefold()):
                if address.rstrip(".") in self._emails:
                    yield ("email", address.rstrip("."))
        words = _WORD.findall(text.casefold())
        if self._signs:
            for width in range(1, _LONGEST_SIGN + 1):
                for start in range(len(words) - width + 1):
                    mark = self._signs.get("".join(words[start : start + width]))
                    if mark is not None:
                        yield mark
        for width, known in self._words.items():
            for start in range(len(words) - width + 1):
                mark = known.get(tuple(words[start : start + width]))
                if mark is not None:
                    yield mark


def files(home: Path) -> Iterator[tuple[str, Path]]:
    """Every file below a home with its name there."""
    for path in sorted(home.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(home)), path


def told(found: Found) -> dict[str, int]:
    """What was found, counted by kind and file; a failing test repeats no value."""
    return dict(Counter(f"{kind} in {re.sub(r':[0-9]+$', '', place)}" for (kind, _), place in found.items()))


def texts_of(path: Path, name: str) -> Iterator[tuple[str, str]]:
    """Every text in a file, with where it stands: as bytes, and unpacked and column by column where the format is known."""
    data = path.read_bytes()
    yield from texts_in(data, name)
    if path.suffix == ".duckdb":
        yield from _duckdb(path, name)
    elif data.startswith(b"SQLite format 3"):
        yield from _sqlite(path, name)


def texts_in(data: bytes, name: str, password: str = "") -> Iterator[tuple[str, str]]:
    """Every text in bytes; ``password`` is that of an archive that has one."""
    if data.startswith(b"PAR1"):
        yield from _table(pq.read_table(pa.BufferReader(data)), name)
    elif data.startswith(b"\x1f\x8b"):
        yield from texts_in(gzip.decompress(data), name, password)
    elif data.startswith(b"\x28\xb5\x2f\xfd"):
        yield from texts_in(zstandard.decompress(data), name, password)
    elif data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for item in archive.namelist():
                yield from texts_in(archive.read(item, password.encode()), f"{name}!{item}", password)
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), start=1):
        yield f"{name}:{number}", line


def _table(table: pa.Table, name: str) -> Iterator[tuple[str, str]]:
    for column in table.column_names:
        for value in table.column(column).combine_chunks().unique().to_pylist():
            yield from _value(value, f"{name}:{column}")


def _value(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, bytes):
        try:
            yield place, zlib.decompress(value).decode("utf-8", "replace")
        except zlib.error:
            yield place, value.decode("utf-8", "replace")
    elif value is not None:
        yield place, str(value)


def _sqlite(path: Path, name: str) -> Iterator[tuple[str, str]]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        tables = [row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            for row in connection.execute(f'select * from "{table}"'):
                for value in row:
                    yield from _value(value, f"{name}:{table}")


def _duckdb(path: Path, name: str) -> Iterator[tuple[str, str]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        for schema, table in connection.execute(
            "select table_schema, table_name from information_schema.tables where table_schema not in ('information_schema', 'pg_catalog')"
        ).fetchall():
            content = connection.sql(f'select * from "{schema}"."{table}"').to_arrow_table()
            yield from _table(content, f"{name}:{schema}.{table}")
