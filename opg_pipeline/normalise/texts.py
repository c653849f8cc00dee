"""Texts, markup, booleans, mapped values, lists and JSON. No numbers, dates or identities here."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.normalise.columns import plain_text, text_bytes
from opg_pipeline.normalise.degrees import in_degrees
from opg_pipeline.normalise.parsing import Parsed, Parser, Refused, flat, null_mask, without_nul
from opg_pipeline.normalise.reasons import code, fine

_HIDDEN = re.compile(r"(?is)<(script|style)\b.*?</\1\s*>|<!--.*?-->")
_TAG = re.compile(r"(?s)</?[A-Za-z][^>]*>")
_BLANKS = re.compile(r"\s+")
_ROUNDS = 3
"""How often markup is removed at most: &amp;lt;b&amp;gt; was escaped twice."""


class TextParser(Parser):
    """Texts in Unicode NFC, trimmed; other plain values by their JSON text.

    ``markup``: tags are removed and entities decoded, also where that was done twice, and blanks collapsed; what is empty
    then is null. Refuses with bad_type structures and texts that hold U+0000, which no PostgreSQL text can, and with
    digits_lost fractions too large to be exact.
    """

    def __init__(self, markup: bool = False) -> None:
        super().__init__(pa.string())
        self.markup, self.name = markup, "html_text" if markup else "text"

    def _distinct(self, values: Any) -> Parsed:
        return super()._distinct(values) if self.markup else self.text(flat(values))

    def text(self, values: Any) -> Parsed:
        values, reasons = without_nul(values)
        _, data = text_bytes(values)
        if len(data) and data.max() >= 0x80:
            values = pc.utf8_normalize(values, form="NFC")
        if self.markup and pc.any(pc.match_substring_regex(values, "[<&]")).as_py():
            values = self.each(values, _without_markup).values
        return Parsed(values, reasons)

    def integer(self, values: Any) -> Parsed:
        return Parsed(pc.cast(values, pa.string()), fine(len(values)))

    def number(self, values: Any) -> Parsed:
        reasons = fine(len(values))
        texts: list[str | None] = []
        for row, value in enumerate(values.to_pylist()):
            if value is not None and not abs(value) < 1e15:
                reasons[row], value = code("digits_lost"), None
            texts.append(plain_text(value))
        return Parsed(pa.array(texts, pa.string()), reasons)

    def boolean(self, values: Any) -> Parsed:
        return Parsed(pc.cast(values, pa.string()), fine(len(values)))

    def moment(self, values: list[Any]) -> Parsed:
        return Parsed(pa.array([plain_text(value) for value in values], pa.string()), fine(len(values)))


def _without_markup(text: str) -> str | None:
    for _ in range(_ROUNDS):
        plain = html.unescape(_TAG.sub(" ", _HIDDEN.sub(" ", text)))
        if plain == text:
            break
        text = plain
    return _BLANKS.sub(" ", text).strip() or None


class BooleanParser(Parser):
    """JSON booleans, and texts or numbers that the locale declares to mean yes or no. Refuses with bad_boolean."""

    refusal = "bad_boolean"
    name = "boolean"

    def __init__(self, truthy: tuple[str, ...], falsy: tuple[str, ...]) -> None:
        super().__init__(pa.bool_())
        self._meaning = {**dict.fromkeys(truthy, True), **dict.fromkeys(falsy, False)}

    def text(self, values: Any) -> Parsed:
        return self.each(values, self._read)

    def _read(self, text: str) -> bool:
        try:
            return self._meaning[text]
        except KeyError:
            raise Refused(self.refusal) from None

    def integer(self, values: Any) -> Parsed:
        return self.text(pc.cast(values, pa.string()))

    def number(self, values: Any) -> Parsed:
        return self.text(pa.array([plain_text(value) for value in values.to_pylist()], pa.string()))

    def boolean(self, values: Any) -> Parsed:
        return Parsed(values, fine(len(values)))


_UNLISTED = -1


def folded(text: str) -> str:
    """A text without regard to case and to repeated blanks."""
    return " ".join(text.split()).casefold()


class MapParser(Parser):
    """Values by a table of texts. What is not in the table is refused with ``refusal``.

    Args:
        out: type of the targets.
        table: source text to target, targets already of the type ``out``; None means 'no value'.
        first: how source values become texts.
        fold: neither case nor repeated blanks count. Raises ValueError where keys of unlike targets become one.
        otherwise: a list of the one target of everything else, which then is not refused.
    """

    def __init__(
        self,
        out: Any,
        table: Mapping[str, Any],
        refusal: str,
        first: Parser | None = None,
        *,
        fold: bool = False,
        otherwise: Sequence[Any] = (),
    ) -> None:
        super().__init__(out)
        self.refusal, self.name = refusal, "map" if refusal == "unmapped_value" else "values"
        self._first = first or TextParser()
        self._fold = fold
        self._place: dict[str, int] = {}
        targets = [*table.values(), *otherwise]
        for place, key in enumerate(table):
            same = self._place.setdefault(folded(key) if fold else key, place)
            if targets[same] != targets[place]:
                raise ValueError(f"the keys {list(table)[same]!r} and {key!r} of `map` are one when folded")
        self._else = len(table) if otherwise else _UNLISTED
        self._targets = pa.array(targets, out)

    def _looked_up(self, read: Parsed) -> Parsed:
        """Targets of texts; reasons of the reading stay."""
        encoded = flat(pc.dictionary_encode(read.values))
        texts = encoded.dictionary.to_pylist()
        places = [self._place.get(folded(text) if self._fold else text, self._else) for text in texts]
        place = np.array([*places, -2], np.int64)[encoded.indices.fill_null(len(places)).to_numpy()]
        reasons = read.reasons.copy()
        reasons[place == _UNLISTED] = code(self.refusal)
        return Parsed(self._targets.take(pa.array(place, mask=place < 0)), reasons)

    def _distinct(self, values: Any) -> Parsed:
        return self._spread(values)

    def text(self, values: Any) -> Parsed:
        return self._looked_up(self._first.text(values))

    def integer(self, values: Any) -> Parsed:
        return self._looked_up(self._first.integer(values))

    def number(self, values: Any) -> Parsed:
        return self._looked_up(self._first.number(values))

    def boolean(self, values: Any) -> Parsed:
        return self._looked_up(self._first.boolean(values))


class JsonParser(Parser):
    """Structures as JSON text with sorted keys; texts must be JSON themselves, or for a list be split by ``separator``.

    Args:
        shape: list, map (an object) or geojson (an object of RFC 7946, in degrees).
        lone: a plain value counts as a list of one (`parse: text` of a list).

    Refuses with bad_list, bad_json, bad_geojson.
    """

    def __init__(
        self, shape: Literal["list", "map", "geojson"], separator: str | None = None, lone: bool = False
    ) -> None:
        super().__init__(pa.string())
        self.shape, self.separator, self.lone, self.name = shape, separator, lone, "json"
        self.refusal = {"list": "bad_list", "map": "bad_json", "geojson": "bad_geojson"}[shape]

    def text(self, values: Any) -> Parsed:
        return self.each(values, self._read)

    def _read(self, text: str) -> str | None:
        if self.separator is not None:
            parts = [part.strip() for part in text.split(self.separator)]
            return self._dump([part for part in parts if part])
        if self.lone:
            return self._dump([text])
        try:
            return self._dump(orjson.loads(text))
        except orjson.JSONDecodeError:
            raise Refused(self.refusal) from None

    def _dump(self, value: Any) -> str:
        fits = isinstance(value, list | tuple) if self.shape == "list" else isinstance(value, dict)
        if self.shape == "geojson" and fits:
            fits = in_degrees(value)
        if not fits:
            raise Refused(self.refusal)
        return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS).decode()

    def structure(self, values: list[Any]) -> Parsed:
        reasons = fine(len(values))
        texts: list[str | None] = []
        for row, value in enumerate(values):
            try:
                texts.append(self._dump(value))
            except Refused as refused:
                texts.append(None)
                reasons[row] = code(refused.reason)
        return Parsed(pa.array(texts, pa.string()), reasons)

    def _lone(self, values: Any) -> Parsed:
        if not self.lone:
            return self.refused(values)
        texts = [None if value is None else self._dump([value]) for value in values.to_pylist()]
        return Parsed(pa.array(texts, pa.string()), fine(len(values)))

    def integer(self, values: Any) -> Parsed:
        return self._lone(values)

    def number(self, values: Any) -> Parsed:
        return self._lone(values)


def as_text(parsed: Parsed) -> Any:
    """Text values of a parse, refused ones as null (keys, joined texts, factors)."""
    refused = parsed.reasons > 0
    if not refused.any():
        return parsed.values
    return pa.array(
        np.where(refused | null_mask(parsed.values), None, parsed.values.to_numpy(zero_copy_only=False)), pa.string()
    )
