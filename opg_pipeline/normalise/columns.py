"""Source records as columns: reads each declared path once for a whole batch, and sorts a column's values by their kind.

Nothing is parsed here beyond telling texts, numbers and structures apart and taking the declared texts for absence.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from operator import itemgetter
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.model.handover import Page
from opg_pipeline.model.paths import Step, follow, parse_path
from opg_pipeline.normalise.reasons import Mask, Rows

Kind = Literal["text", "integer", "number", "boolean", "moment", "structure"]
_NEAR = 512
"""Records whose keys are read one after the other: few enough to stay in the processor's cache."""
PULLED_AT = "pulled_at"
"""The name that `$` has for the time of the request itself."""
parsed_path = lru_cache(maxsize=4096)(parse_path)
"""Parsed paths, remembered. Raises PathError as :func:`parse_path` does."""


class Columns:
    """Values by path over rows of several pages. Each path, and each step on the way to it, is walked once."""

    def __init__(
        self, records: list[Any], parents: list[tuple[Any, ...]] | None, pages: Sequence[Page], page: Rows
    ) -> None:
        self.records, self._parents, self._pages, self.page = records, parents, pages, page
        self._walked: dict[tuple[int | str, tuple[Step, ...]], list[Any]] = {(0, ()): records}

    def read(self, path: str) -> list[Any]:
        """The value at ``path`` in each row, None where the way ends."""
        parsed = parsed_path(path)
        if parsed.param is not None:
            return self._of_request(parsed.param)
        origin: int | str = "/" if parsed.absolute else parsed.up
        if (origin, ()) not in self._walked:
            self._walked[(origin, ())] = self._origin(origin)
        steps: tuple[Step, ...] = ()
        column = self._walked[(origin, ())]
        for step in parsed.steps:
            steps = (*steps, step)
            found = self._walked.get((origin, steps))
            if found is None:
                found = self._walked[(origin, steps)] = _step(column, step)
            column = found
        return column

    def prefetch(self, keys: Sequence[str]) -> None:
        """Read several keys of the records in one walk, where every record is an object that has them all."""
        columns: dict[str, list[Any]] = {key: [] for key in keys}
        try:
            for start in range(0, len(self.records), _NEAR):
                some = self.records[start : start + _NEAR]
                for key, column in columns.items():
                    column.extend(map(itemgetter(key), some))
        except (KeyError, TypeError, IndexError):
            return  # each key is read by itself, then
        self._walked.update({(0, (key,)): column for key, column in columns.items()})

    def _origin(self, origin: int | str) -> list[Any]:
        if origin == "/":
            return [self._pages[number].document for number in self.page.tolist()]
        if self._parents is None:
            return [None] * len(self.records)
        place = int(origin) - 1
        return [chain[place] if len(chain) > place else None for chain in self._parents]

    def _of_request(self, name: str) -> list[Any]:
        """What the request of each row's page had as a parameter, or when it was asked (`pulled_at`)."""
        values = [page.raw.fetched_at if name == PULLED_AT else page.params.get(name) for page in self._pages]
        return [values[number] for number in self.page.tolist()]

    def asked_at(self) -> Rows:
        moments = [page.raw.fetched_at.timestamp() * 1e6 for page in self._pages]
        return np.array(moments, np.int64)[self.page]

    def take(self, keep: Rows) -> Columns:
        """These rows alone."""
        rows = keep.tolist()
        parents = None if self._parents is None else [self._parents[row] for row in rows]
        return Columns([self.records[row] for row in rows], parents, self._pages, self.page[keep])


def _step(column: list[Any], step: Step) -> list[Any]:
    if isinstance(step, str):
        try:
            return list(map(itemgetter(step), column))
        except (KeyError, TypeError, IndexError):
            return [value.get(step) if isinstance(value, dict) else None for value in column]
    assert isinstance(step, int)
    return [
        value[step] if isinstance(value, list | tuple) and -len(value) <= step < len(value) else None
        for value in column
    ]


class Batch:
    """One batch: rows that are records, in order, with ``fill_down`` applied and ``skip`` rows left out.

    Args:
        pages: answers in order.
        skip: path to the texts that mark a row as no record; the empty text also marks a null.
        fill_down: paths whose blanks repeat the value above within the same answer.
        paths: what will be read; reading it together is quicker.
    """

    def __init__(
        self,
        pages: Sequence[Page],
        skip: Mapping[str, Sequence[str]],
        fill_down: Collection[str],
        paths: Sequence[str] = (),
    ) -> None:
        records: list[Any] = [record for page in pages for record in page.records]
        parents: list[tuple[Any, ...]] | None = None
        if any(page.parents is not None for page in pages):
            parents = [chain for page in pages for chain in (page.parents or [()] * len(page.records))]
        page = np.repeat(np.arange(len(pages)), [len(item.records) for item in pages])
        self.malformed: Mask = np.zeros(len(records), bool)
        if set(map(type, records)) - {dict, list}:
            self.malformed[:] = [not isinstance(record, dict | list | tuple) for record in records]
        columns = Columns(records, parents, pages, page)
        dropped = np.zeros(len(records), bool)
        for path, texts in skip.items():
            dropped |= _marked(columns, path, frozenset(texts))
        self.skipped = int(dropped.sum())
        if self.skipped:
            columns = columns.take(np.flatnonzero(~dropped))
            self.malformed = self.malformed[~dropped]
        self.rows = len(columns.records)
        self.raw_sha256 = [item.raw.sha256 for item in pages]
        keys = [key for path in paths if (key := parsed_path(path).simple_key) is not None]
        columns.prefetch(list(dict.fromkeys(keys)))
        self._columns = columns
        self._filled = {path: _fill_down(columns.read(path), columns.page) for path in fill_down}

    @property
    def records(self) -> list[Any]:
        """The source records, as delivered."""
        return self._columns.records

    @property
    def page(self) -> Rows:
        """Per row the place of its page in the batch."""
        return self._columns.page

    def asked_at(self) -> Rows:
        """Per row when its answer was given, in microseconds since 1970 UTC."""
        return self._columns.asked_at()

    def column(self, path: str) -> list[Any]:
        """The value at ``path`` in each row."""
        filled = self._filled.get(path)
        return self._columns.read(path) if filled is None else filled


def _marked(columns: Columns, path: str, marks: frozenset[str]) -> Mask:
    """Rows whose value at the path is one of the texts. A null is the empty text, but not where its key is not there at all."""
    column = columns.read(path)
    found = np.fromiter((plain_text(value) in marks for value in column), bool, len(column))
    parsed = parsed_path(path)
    if "" in marks and parsed.steps and not parsed.up and not parsed.absolute:
        *before, last = parsed.steps
        for row, value in enumerate(column):
            if value is None:
                holder = follow(columns.records[row], tuple(before))
                found[row] = last in holder if isinstance(holder, dict) else isinstance(holder, list)
    return found


def _fill_down(column: list[Any], page: Rows) -> list[Any]:
    filled: list[Any] = []
    last, last_page = None, -1
    for value, number in zip(column, page.tolist(), strict=True):
        if number != last_page:
            last, last_page = None, number
        if value is not None and not (isinstance(value, str) and not value.strip()):
            last = value
        filled.append(last)
    return filled


def plain_text(value: Any) -> str | None:
    """A value as the text that `map`, `skip` and keys are compared with; None for null and for structures.

    Numbers and booleans by their JSON text, a whole number never with `.0`; dates and times as yyyy-mm-dd HH:MM:SS.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return None


@dataclass(slots=True)
class Part:
    """The values of one kind in a column. ``rows``: where they stand, None when they are the whole column.

    ``values``: an Arrow array of string (trimmed), int64, double or bool; a list of datetime and date, or of structures.
    """

    kind: Kind
    rows: Rows | None
    values: Any


@dataclass(slots=True)
class Source:
    """One column of source values, sorted by kind; what is absent is null."""

    rows: int
    parts: list[Part]


def source(column: list[Any], missing: frozenset[str]) -> Source:
    """Sort a column. ``missing``: texts that mean absence, after trimming; the empty text always does."""
    try:
        text = pa.array(column, pa.string())
    except (pa.ArrowException, TypeError):
        return _mixed(column, missing)
    return Source(len(column), [Part("text", None, _present(text, missing))])


def text_bytes(texts: Any) -> tuple[Any, Any]:
    """Where each text of an Arrow array begins, and the last one ends, and the bytes of all of them (UTF-8)."""
    _, offsets, data = texts.buffers()
    if offsets is None:
        return np.zeros(len(texts) + 1, np.int32), np.zeros(0, np.uint8)
    places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return places, np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)


def _present(text: Any, missing: frozenset[str]) -> Any:
    """Trimmed, with missing texts as null."""
    if not len(text):
        return text
    if _may_need_trim(text):
        text = pc.utf8_trim_whitespace(text)
    absent, longest = _absent_texts(missing)
    places, _ = text_bytes(text)
    short = np.diff(places) <= longest
    if text.null_count:
        short &= np.asarray(text.is_valid())
    if not short.any():
        return text
    found = pc.is_in(text, value_set=absent)
    return pc.if_else(found, pa.scalar(None, pa.string()), text) if pc.any(found).as_py() else text


@lru_cache(maxsize=256)
def _absent_texts(missing: frozenset[str]) -> tuple[Any, int]:
    """The texts that mean absence, and the bytes of the longest."""
    texts = ("", *sorted(missing))
    return pa.array(texts), max(len(text.encode()) for text in texts)


def _may_need_trim(text: Any) -> bool:
    """Whether some text begins or ends with a blank, a control character or a sign beyond ASCII."""
    places, data = text_bytes(text)
    starts, ends = places[:-1], places[1:]
    filled = ends > starts
    edges = data[np.concatenate([starts[filled], ends[filled] - 1])]
    return bool(((edges <= 0x20) | (edges >= 0x80)).any())


def _kind(value: Any) -> Kind | None:
    if value is None:
        return None
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if -(2**63) <= value < 2**63 else "text"
    if isinstance(value, float):
        return "number"
    return "moment" if isinstance(value, date) else "text" if isinstance(value, time) else "structure"


_BUILD: dict[Kind, Callable[[list[Any]], Any]] = {
    "integer": lambda values: pa.array(values, pa.int64()),
    "number": lambda values: pa.array(values, pa.float64()),
    "boolean": lambda values: pa.array(values, pa.bool_()),
    "moment": list,
    "structure": list,
}


_SIMPLE: dict[type, Kind] = {int: "integer", float: "number", bool: "boolean"}


def _mixed(column: list[Any], missing: frozenset[str]) -> Source:
    types = set(map(type, column)) - {type(None)}
    only = _SIMPLE.get(next(iter(types))) if len(types) == 1 else None
    numeric = {text for text in missing if text[-1:].isdigit()}
    if only is not None and not numeric:
        try:
            return Source(len(column), [Part(only, None, _BUILD[only](column))])
        except OverflowError:
            pass
    places: dict[Kind, list[int]] = {}
    for row, value in enumerate(column):
        kind = _kind(value)
        if kind is not None and not (numeric and kind in {"integer", "number"} and plain_text(value) in numeric):
            places.setdefault(kind, []).append(row)
    parts = []
    for kind, rows in places.items():
        values = [column[row] for row in rows]
        if kind == "text":
            built = _present(pa.array([plain_text(value) for value in values], pa.string()), missing)
        else:
            built = _BUILD[kind](values)
        parts.append(Part(kind, np.array(rows, np.int64), built))
    return Source(len(column), parts)
