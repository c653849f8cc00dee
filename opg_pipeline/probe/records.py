"""Where the records are in a decoded answer: every list that could be meant, the best one first, each with its reason.

What the records hold is columns.py's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_DEEPEST = 6
_NAMED = re.compile(
    r"^(data|rows?|items?|records?|results?|features|value|entry|content|list|hasil|daftar)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One list. ``path`` as `records` takes it; ``count`` its records in this answer; ``leaves`` plain values in one of them."""

    path: str
    count: int
    leaves: int
    score: float

    def __str__(self) -> str:
        return f"{self.path or 'the answer itself'}: {self.count} records of {self.leaves} values"


def candidates(document: Any, *, xml: bool = False) -> list[Candidate]:
    """The lists of records of an answer, best first; empty where it has none."""
    found: dict[str, Candidate] = {}
    for path, rows, inner in _lists(document, "", 0, False, xml):
        leaves = round(sum(map(_leaves, rows[:20])) / max(1, len(rows[:20])))
        if not leaves:
            continue
        score = min(len(rows), 200) * min(leaves, 12) * (0.5 if inner else 1.0)
        if _NAMED.match(path.rpartition(".")[2]):
            score *= 1.5
        found[path] = Candidate(path, len(rows), leaves, score)
    return sorted(found.values(), key=lambda item: (-item.score, item.path.count("[*]"), len(item.path)))


def quoted(key: str) -> str:
    """A key as it stands in a path."""
    return f"'{key}'" if re.search(r"[.\[\]]|^[$^/]|^$", key) else key


def below(path: str, key: str) -> str:
    """The path of ``key`` below ``path``."""
    return f"{path}.{quoted(key)}" if path else quoted(key)


def _lists(value: Any, path: str, depth: int, inner: bool, xml: bool) -> Iterator[tuple[str, list[Any], bool]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        if value and all(isinstance(item, dict) for item in value):
            yield path, value, inner
            merged: dict[str, list[Any]] = {}
            for item in value[:50]:
                for key, part in item.items():
                    merged.setdefault(key, []).append(part)
            for key, parts in merged.items():
                yield from _inner(parts, below(f"{path}[*]", key), depth + 1, xml)
        elif len(value) > 1 and all(isinstance(item, list) and len(item) > 1 for item in value):
            yield path, value, inner
        return
    if not isinstance(value, dict):
        return
    members = list(value.values())
    if not xml and len(members) > 2 and all(isinstance(item, dict) and item for item in members):
        keys = set(members[0])
        if all(len(keys & item.keys()) >= 0.7 * max(len(keys), len(item)) for item in members):
            yield f"{path}[*]", members, inner
            return
    for key, item in value.items():
        yield from _lists(item, below(path, str(key)), depth + 1, inner, xml)


def _inner(parts: list[Any], path: str, depth: int, xml: bool) -> Iterator[tuple[str, list[Any], bool]]:
    """Lists inside the elements of a list, joined over the elements."""
    if any(isinstance(part, list) for part in parts):
        joined = [item for part in parts if isinstance(part, list) for item in part]
        if joined and all(isinstance(item, dict) for item in joined):
            yield path, joined, True
    elif all(isinstance(part, dict) for part in parts):
        keys = dict.fromkeys(key for part in parts for key in part)
        if depth <= _DEEPEST:
            for key in keys:
                yield from _inner([part[key] for part in parts if key in part], below(path, key), depth + 1, xml)


def _leaves(record: Any) -> int:
    if isinstance(record, dict):
        return sum(_leaves(item) if isinstance(item, dict) else not isinstance(item, list) for item in record.values())
    return len(record) if isinstance(record, list) else 0


def scalars(document: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """(path, value) of every plain value of the answer that stands in no list."""
    if isinstance(document, dict) and depth <= _DEEPEST:
        for key, item in document.items():
            if isinstance(item, dict):
                yield from scalars(item, below(path, str(key)), depth + 1)
            elif not isinstance(item, list):
                yield below(path, str(key)), item
