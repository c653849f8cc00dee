"""The contract of a source: which fields its records have, of what kind, and which permitted values come; and how it changed.

What follows from a change is said in words here and done elsewhere. Names and kinds are kept, never a value, but for the permitted
values of categories whose fields are not personal.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import Drift
from opg_pipeline.model.quoting import may_be_data
from opg_pipeline.normalise.columns import parsed_path

LEAST = 10
"""Values that are to be expected before their absence, or a kind that was never seen, tells anything."""
ENOUGH = 200
"""Records from which on a pull speaks for itself; counts of smaller ones are added up."""
_LOOKED_AT = 1_000
"""Records of one batch whose fields are looked at, evenly spread: a source changes for more than one record in ten."""
_DEEP = 3
_MOST_KEYS = 200
"""Keys beyond which an object is taken for a map, whose keys are data."""
_A_NAME = re.compile(r"(?!.*\d{6})(?!.*\w@\w)[\w .:/()@#$%&+-]{1,60}")
"""What is taken for the name of a field; anything else may be data, and is not kept."""
_A_PLACE = re.compile(r"\[\d{1,3}\]")
_KINDS: dict[type, str] = {
    str: "text", int: "number", float: "number", bool: "boolean", dict: "object", list: "list", tuple: "list",
}  # fmt: skip
_NOT_PERMITTED = frozenset({"unmapped_value", "not_permitted", "unmapped_factor"})
_NOT_THERE = frozenset({"required_missing", "key_missing"})

Waiting = Mapping[tuple[str, str, str, str], int]
"""What waits, counted: (scope, reason, rule, field)."""


@dataclass(slots=True)
class Seen:
    """The fields of one pull's records, gathered batch by batch. ``looked_at`` records were looked at."""

    looked_at: int = 0
    records: int = 0
    kinds: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    values: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def take(self, ref: DatasetRef, records: Sequence[Any], accepted: pa.Table) -> None:
        """Take one batch in: its source records, and the standard ones made of them."""
        self.records += len(records)
        some = records[:: max(1, -(-len(records) // _LOOKED_AT))]
        self.looked_at += len(some)
        declared = {path for item in ref.dataset.fields.values() for path in item.paths} | {*ref.dataset.key_paths}
        self._fields("", some, _DEEP, declared)
        for item in ref.category.stored_fields:
            if item.values is not None and item.privacy == "none" and item.name in ref.dataset.fields:
                for found in pc.value_counts(accepted.column(item.name).drop_null()).to_pylist():
                    self.values[item.name][found["values"]] += found["counts"]

    def _fields(self, above: str, records: Iterable[Any], deeper: int, declared: Set[str]) -> None:
        columns: dict[str, list[Any]] = defaultdict(list)
        for record in records:
            if type(record) is dict:
                for key, value in record.items():
                    columns[key].append(value)
            elif type(record) in {list, tuple}:
                for place, value in enumerate(record):
                    columns[f"[{place}]"].append(value)
        if len(columns) > _MOST_KEYS:
            return
        keyed_by_data = any(map(may_be_data, columns))
        for key, values in columns.items():
            if not _A_NAME.fullmatch(key) and not _A_PLACE.fullmatch(key):
                continue
            path = f"{above}{key}"
            if keyed_by_data and path not in declared:
                continue  # beside a number or an e-mail address, what looks like a name may be a person's
            counted = Counter(map(type, values))
            counted[str] -= values.count("")
            for kind, n in counted.items():
                if n > 0 and kind is not type(None):
                    self.kinds[path][_KINDS.get(kind, "moment")] += n
            if deeper and counted.get(dict):
                self._fields(f"{path}.", (value for value in values if type(value) is dict), deeper - 1, declared)


def contract(before: Mapping[str, Any], seen: Seen, waiting: Waiting, at: datetime) -> dict[str, Any]:
    """The contract after a pull that was stored, as plain data for its manifest; small pulls are added to ``before``.

    ``fields`` by path: `kinds`, `filled` records, and `since` when it has had just these kinds. ``values`` and ``refused`` by
    field of the category: how often each permitted value came, and how many values or records each kind of refusal cost.
    """
    alone = seen.looked_at >= ENOUGH or not before
    known: Mapping[str, Any] = {} if alone else before["fields"]
    fields: dict[str, Any] = {path: dict(item) for path, item in known.items()}
    for path, kinds in seen.kinds.items():
        if kinds.total() * 20 < seen.looked_at and not _declared_before(before, path):
            continue  # of one record in twenty or fewer: too rare to be told from data that stands in a key
        former = before["fields"].get(path) if before else None
        names = sorted({*kinds, *(former["kinds"] if former and not alone else ())})
        since = former["since"] if former and former["kinds"] == names else at.isoformat()
        filled = kinds.total() + (former["filled"] if former and not alone else 0)
        fields[path] = {"kinds": names, "filled": filled, "since": since}
    refused = refusals(waiting)
    values = {name: Counter(found) for name, found in seen.values.items()}
    if not alone:
        for name, found in before["values"].items():
            values[name] = values.get(name, Counter()) + Counter(found)
        for name, found in before["refused"].items():
            refused[name] = refused.get(name, Counter()) + Counter(found)
    return {
        "looked_at": seen.looked_at + (0 if alone else before["looked_at"]),
        "records": seen.records + (0 if alone else before["records"]),
        "fields": fields,
        "values": {name: dict(found) for name, found in values.items()},
        "refused": {name: dict(found) for name, found in refused.items()},
        "at": at.isoformat(),
    }


def _declared_before(before: Mapping[str, Any], path: str) -> bool:
    return bool(before) and path in before["fields"]


def refusals(waiting: Waiting) -> dict[str, Counter[str]]:
    """By field: how often a value was `not_permitted`, or came and was `unreadable`, or was `missing`."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for (_, reason, rule, name), n in waiting.items():
        if rule in {"key", "record"}:
            continue
        kind = "not_permitted" if reason in _NOT_PERMITTED else "missing" if reason in _NOT_THERE else "unreadable"
        found[name][kind] += n
    return found


def changes(
    ref: DatasetRef, before: Mapping[str, Any], seen: Seen, waiting: Waiting, *, held_back: bool
) -> list[Drift]:
    """How a pull departs from the contract before it; empty without one. ``held_back``: nothing of the pull is loaded."""
    if not before:
        return []
    now = refusals(waiting)
    found = _fields_changed(ref, before, seen, now, held_back=held_back)
    told = {place for item in found if item.kind == "retyped" for place in _mapped(ref).get(item.place, ())}
    for name in sorted(now):
        found += _refused(name, before, seen, now[name], told)
    return found + _values_gone(before, seen)


def _fields_changed(
    ref: DatasetRef, before: Mapping[str, Any], seen: Seen, now: Mapping[str, Counter[str]], *, held_back: bool
) -> list[Drift]:
    mapped = _mapped(ref)
    found: list[Drift] = []
    for path, former in sorted(before["fields"].items()):
        kinds = seen.kinds.get(path, Counter())
        expected = seen.looked_at * former["filled"] / before["looked_at"]
        was, since = " or ".join(former["kinds"]), datetime.fromisoformat(former["since"])
        names = mapped.get(path, ())
        if expected >= LEAST and kinds.total() * 10 < expected:
            needed = any(now.get(name, Counter())["missing"] for name in names)
            action = "block" if names and held_back else "quarantine" if needed else "note"
            found.append(
                Drift(path, "missing_field", action, was, f"{kinds.total():,} of {seen.looked_at:,} records", since)
            )
        elif former["filled"] >= LEAST and set(kinds) - set(former["kinds"]):
            refused = any(now.get(name, Counter())["unreadable"] for name in names)
            action = "quarantine" if refused else "note"
            found.append(Drift(path, "retyped", action, was, " or ".join(sorted(kinds)), since))
    for path in sorted(seen.kinds.keys() - before["fields"].keys()):
        share = seen.kinds[path].total() / seen.looked_at
        if share * 20 >= 1 and share * before["looked_at"] >= LEAST:
            found.append(Drift(path, "new_field", "note", "", " or ".join(sorted(seen.kinds[path])), _at(before)))
    return found


def _refused(name: str, before: Mapping[str, Any], seen: Seen, now: Counter[str], told: set[str]) -> list[Drift]:
    """Values of a field that are refused, where they were not, or twice as many as before."""
    if before["records"] < LEAST:
        return []
    found = []
    former = Counter(before["refused"].get(name, {}))
    for kind, drift in (("not_permitted", "re_enumerated"), ("unreadable", "retyped")):
        n, expected = now[kind], seen.records * former[kind] / before["records"]
        first = drift == "re_enumerated" and not former[kind] and n > 0
        most = drift == "retyped" and n * 2 >= seen.records and expected * 10 < seen.records and n >= LEAST
        more = drift == "re_enumerated" and n > 2 * expected + LEAST
        if (first or most or more) and not (drift == "retyped" and name in told):
            was = f"{former[kind]:,} of {before['records']:,} {kind}"
            found.append(Drift(name, drift, "quarantine", was, f"{n:,} of {seen.records:,} {kind}", _at(before)))
    return found


def _values_gone(before: Mapping[str, Any], seen: Seen) -> list[Drift]:
    """Permitted values that no longer come."""
    found = []
    for name, counted in sorted(before["values"].items()):
        now, total = seen.values.get(name, Counter()), sum(counted.values())
        for value, n in sorted(counted.items()):
            expected = now.total() * n / total
            if expected >= LEAST and not now[value]:
                was = f"{value} {n:,} of {total:,}"
                found.append(Drift(name, "re_enumerated", "note", was, f"{value} no longer comes", _at(before)))
    return found


def _mapped(ref: DatasetRef) -> dict[str, list[str]]:
    """Fields of the category by the path, as :class:`Seen` writes it, they are read from."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, mapping in ref.dataset.fields.items():
        for text in mapping.paths:
            path = parsed_path(text)
            if not path.up and not path.absolute and path.param is None:
                steps = (step if isinstance(step, str) else f"[{step!r}]" for step in path.steps)
                found[".".join(steps)].append(name)
    return found


def _at(before: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(before["at"])
