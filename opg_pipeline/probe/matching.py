"""Which standard category the records probably belong to, and which column fills which field, with how sure that is.

Compares names in both languages, by the synonyms of the catalogue, and the shape of the values. What is required and has no
column stays open.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member
from functools import lru_cache
from math import sqrt
from typing import Any

from opg_pipeline.model.category import Category, CategoryField
from opg_pipeline.probe.columns import Column, words_of
from opg_pipeline.probe.tables import kinds_of

SURE, LEAST = 0.75, 0.5
"""Confidence from which a line is written as it is, and from which it is written at all."""


@dataclass(frozen=True, slots=True)
class Synonyms:
    """The table probe_synonyms.yaml. ``words``: word of a source to the words it means. ``fields``: standard field to names of
    columns. ``categories``: category to words that speak for it. ``values``: standard value to words of sources. ``tables``:
    kind of table to the categories it speaks for. ``personal``: names of columns to why they are personal."""

    words: Mapping[str, tuple[str, ...]] = member(default_factory=dict)
    fields: Mapping[str, tuple[str, ...]] = member(default_factory=dict)
    categories: Mapping[str, tuple[str, ...]] = member(default_factory=dict)
    values: Mapping[str, tuple[str, ...]] = member(default_factory=dict)
    tables: Mapping[str, tuple[str, ...]] = member(default_factory=dict)
    personal: Mapping[str, str] = member(default_factory=dict)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Synonyms:
        """From the parsed file."""
        lists = {
            name: {str(key): tuple(map(str, items)) for key, items in data.get(name, {}).items()}
            for name in ("words", "fields", "categories", "values", "tables")
        }
        return cls(**lists, personal={str(key): str(why) for key, why in data.get("personal", {}).items()})


@dataclass(frozen=True, slots=True)
class Match:
    """One field and the column that probably fills it. ``map`` translates the values of an enumeration as far as known."""

    field: CategoryField
    column: Column
    confidence: float
    map: Mapping[str, str | None] = member(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One category with its matches; ``score`` from 0 to 1, ``open`` the required fields without a column."""

    category: Category
    score: float
    matches: tuple[Match, ...]
    open: tuple[CategoryField, ...]


def proposals(
    columns: Sequence[Column], categories: Iterable[Category], synonyms: Synonyms, hints: str = ""
) -> list[Proposal]:
    """Every category with what would fill it, the most probable first. ``hints``: address, name and the like."""
    about, named, valued = set(words_of(hints)), set(), set()
    for column in columns:
        named |= set(words_of(column.path))
        valued |= _words_in(column)
    kinds = kinds_of(columns)
    assigned = {category.id: (category, _assigned(columns, category, synonyms)) for category in categories}
    shared = Counter(path for _, matches in assigned.values() for path in {match.column.path for match in matches})
    spoken = Counter(word for words in synonyms.categories.values() for word in words)
    found = []
    for category, matches in assigned.values():
        told = {match.field.name: match.confidence / sqrt(shared[match.column.path]) for match in matches}
        required = [item for item in category.fields if item.required and item.stored]
        optional = [item for item in category.fields if not item.required and item.stored]
        share = sum(told.get(item.name, 0) for item in required) / max(1, len(required))
        more = sum(told.get(item.name, 0) for item in optional) / max(3, len(optional))
        words = 0.0
        for word in synonyms.categories.get(category.id, ()):
            words += (0.75 * (word in about) + 0.25 * (word in named) + 0.1 * (word in valued)) / spoken[word]
        shape = any(category.id in synonyms.tables.get(kind, ()) for kind in kinds)
        score = 0.4 * share + 0.15 * more + 0.3 * min(1.0, words) + 0.15 * shape
        missing = tuple(item for item in required if item.name not in told)
        found.append(Proposal(category, round(score, 3), tuple(matches), missing))
    return sorted(found, key=lambda item: (-item.score, item.category.id))


def is_clear(proposals: Sequence[Proposal]) -> bool:
    """Whether the first category may be written without asking. Measured: of 61 such, 59 are right; of systems unlike ours, 9 of 11."""
    second = proposals[1].score if len(proposals) > 1 else 0.0
    return proposals[0].score >= 0.35 and proposals[0].score - second >= 0.15


def _words_in(column: Column) -> set[str]:
    """The words of the values of an enumeration, which say what the records are; none of what may be personal."""
    if column.kind != "text" or column.personal or column.place or column.distinct > 30:
        return set()
    return {word for value in set(map(str, column.values)) if may_show(value) for word in words_of(value)}


def _assigned(columns: Sequence[Column], category: Category, synonyms: Synonyms) -> list[Match]:
    pairs = []
    for item in category.fields:
        if not item.stored:
            continue
        for column in columns:
            name = _name_score(column, item, synonyms)
            shape = _shape_score(column, item) if name else 0.0
            if name * shape >= LEAST:
                pairs.append((round(name * shape, 3), item, column))
    pairs.sort(key=lambda pair: (-pair[0], not pair[1].required, pair[2].path.count("."), pair[1].name))
    taken: set[str] = set()
    found: dict[str, Match] = {}
    for confidence, item, column in pairs:
        if item.name in found or column.path in taken:
            continue
        values = _translated(column, item, synonyms) if item.type == "enum" else {}
        found[item.name] = Match(item, column, confidence, values)
        taken.add(column.path)
    return [found[item.name] for item in category.fields if item.name in found]


def _name_score(column: Column, item: CategoryField, synonyms: Synonyms) -> float:
    own = words_of(column.name)
    whole = "_".join(own)
    names = synonyms.fields.get(item.name, ())
    if whole == item.name or whole in names:
        return 0.95
    path = "_".join(words_of(column.path))
    if path in names:
        return 0.95
    meant = _meanings(own, synonyms)
    best = 0.0
    for words in (words_of(item.name), words_of(item.label.en), words_of(item.label.id), *map(words_of, names[:12])):
        wanted = _meanings(words, synonyms)
        both, either = meant & wanted, meant | wanted
        if both:
            best = max(best, len(both) / len(either))
    return 0.85 * best


def _meanings(words: tuple[str, ...], synonyms: Synonyms) -> frozenset[str]:
    return frozenset(meaning for word in words for meaning in synonyms.words.get(word, (word,)))


def _shape_score(column: Column, item: CategoryField) -> float:
    """Whether the values can be what the field holds."""
    if column.kind in {"empty", "list"} or (column.personal and not item.token):
        return 0.0
    if item.type in {"date", "timestamp"}:
        return 1.0 if column.kind == "date" else 0.0
    if item.type == "integer" or item.is_decimal:
        return 1.0 if column.numeric else 0.0
    if item.type == "boolean":
        return 1.0 if column.kind == "boolean" else 0.8 if column.distinct == 2 else 0.0
    if item.type == "enum":
        return (
            1.0
            if column.kind == "text" and column.distinct <= 30
            else 0.7
            if column.kind == "integer" and column.distinct <= 10
            else 0.0
        )
    if item.type in {"string", "text"}:
        if item.token:
            return 1.0 if column.personal else 0.7
        if column.kind == "date":
            return 0.0
        if item.type == "text" or item.name in {"title", "description"}:
            return 1.0 if column.kind == "text" and _long(column.values) else 0.7
        return 1.0 if column.kind in {"text", "integer"} else 0.6
    return 0.0


def _long(values: Sequence[Any]) -> bool:
    texts = [str(value) for value in values[:100]]
    return sum(len(text) for text in texts) >= 15 * max(1, len(texts))


def _translated(column: Column, item: CategoryField, synonyms: Synonyms) -> dict[str, str | None]:
    """Source value to standard value, None where the synonyms do not know or know two. Values that may be personal are left out."""
    found: dict[str, str | None] = {}
    for text in dict.fromkeys(str(value).strip() for value in column.values):
        if not may_show(text):
            continue
        plain = " ".join(words_of(text))
        same = [value for value in item.values or () if plain == " ".join(words_of(value))]
        known = [value for value in item.values or () if plain in _said(synonyms.values.get(value, ()))]
        hits = same or known
        found[text] = hits[0] if len(hits) == 1 else None
    return found


@lru_cache(maxsize=1024)
def _said(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(" ".join(words_of(word)) for word in words)


def may_show(text: str) -> bool:
    """Whether a value of an enumeration may be written into a draft: short, and no number of a person, no address of one."""
    return len(text) <= 40 and not re.search(r"\d{6,}|@", text)
