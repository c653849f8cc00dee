"""What a category file declares, one constraint at a time, and source records that break just that one.

Read from the declarations alone; knows neither how normalise nor how validate holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import orjson

from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.category import (
    BetweenRule,
    Category,
    CategoryField,
    CompleteRule,
    MatchRule,
    OrderRule,
    RegionRule,
    RowCountRule,
    Rule,
)
from opg_pipeline_tests.normalise.build import PULLED, reference
from opg_pipeline_tests.validate.records import DAY, NOON, value

Record = dict[str, Any]
REGION = "35.22.15.1001"
NIK = "3522154501900001"
POINT = {"type": "Point", "coordinates": [111.88, -7.15]}


@dataclass(frozen=True)
class Corruption:
    """One way to break one constraint.

    ``reason``: why normalise refuses the value; empty where validate refuses the record. ``candidates``: changes to a right
    record, of which at least one breaks this constraint alone. ``without``: the category without the constraint; None where
    it cannot be taken away.
    """

    kind: str
    name: str
    what: str
    candidates: tuple[Record, ...]
    reason: str = ""
    severity: str = "quarantine"
    without: Category | None = None

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.name}-{self.what}"


# -- right records -----------------------------------------------------------------------------------------------------


def declared(category: Category, **dataset: Any) -> DatasetRef:
    """A dataset that delivers every field of a category under its own name."""
    fields: dict[str, Any] = {}
    for item in category.fields:
        fields[item.name] = {"from": item.name}
        if item.type in {"date", "timestamp"}:
            fields[item.name] |= {"format": "iso"}
        elif item.token:
            fields[item.name] |= {"parse": "identifier"}
    if category.event_time is None:
        fields["event_at"] = {"from": "event_at", "format": "iso"}
    return reference(
        category,
        fields,
        key=("key_",),
        locale={"decimal": ".", "thousands": "", "truthy": ["true"], "falsy": ["false"]},
        region={"code": "region_"},
        **dataset,
    )


def delivered(typed: Any) -> Any:
    """A typed value as the source writes it."""
    if isinstance(typed, datetime | date):
        return typed.isoformat()
    return str(typed) if isinstance(typed, Decimal) else typed


def right(category: Category, key: str = "1") -> Record:
    """A source record in which every field is given and right."""
    record: Record = {"key_": key, "region_": REGION, "event_at": delivered(NOON)}
    for item in category.fields:
        typed = value(category, item)
        if item.type == "geojson":
            typed = POINT
        elif item.type in {"list", "map"}:
            typed = orjson.loads(typed)
        elif item.privacy == "direct":  # struck out wherever else it stands
            typed = "Jalan Melati 7"
        record[item.name] = delivered(typed)
    return record


# -- fields ------------------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[Any, str]] = {
    "integer": ("dua", "bad_number"), "decimal": ("dua", "bad_number"), "boolean": ("mungkin", "bad_boolean"),
    "date": ("2026-02-30", "bad_date"), "timestamp": ("2026-02-30T00:00:00Z", "bad_date"), "list": ("[", "bad_list"),
    "map": ("{", "bad_json"), "geojson": ({"type": "Dot"}, "bad_geojson"), "string": ({"a": 1}, "bad_type"),
    "text": ({"a": 1}, "bad_type"), "enum": ({"a": 1}, "not_permitted"),
}  # fmt: skip
"""Per type a value that is none of it, and the reason."""


def _altered(category: Category, item: CategoryField, **changes: Any) -> Category:
    """The category with one field declared otherwise."""
    other = item.model_copy(update=changes)
    return category.model_copy(update={"fields": tuple(other if one is item else one for one in category.fields)})


def _type(category: Category, item: CategoryField) -> Iterator[Corruption]:
    wrong, reason = WRONG[item.type.partition("(")[0]]
    yield Corruption("type", item.name, "another type", ({item.name: wrong},), reason)
    if item.is_decimal:
        precision, scale = item.precision_scale
        fine = "0." + "0" * scale + "1"
        yield Corruption("type", item.name, "too precise", ({item.name: fine},), "too_precise")
        yield Corruption("type", item.name, "too long", ({item.name: "1" * (precision - scale + 1)},), "out_of_range")
    elif item.type == "integer":
        yield Corruption("type", item.name, "a fraction", ({item.name: "2.5"},), "too_precise")


def _required(category: Category, item: CategoryField) -> Iterator[Corruption]:
    if item.required:
        needed = category.event_time == item.name  # without it no record is
        without = None if needed else _altered(category, item, required=False)
        for what, given in (("absent", None), ("empty", ""), ("blank", "  ")):
            yield Corruption("required", item.name, what, ({item.name: given},), "required_missing", without=without)


def _required_unless(category: Category, item: CategoryField) -> Iterator[Corruption]:
    for other, spared in (item.required_unless or {}).items():
        values = [text for text in category.field(other).values or () if text not in spared]
        changes = tuple({item.name: None, other: text} for text in values)
        without = _altered(category, item, required_unless=None)
        yield Corruption("required_unless", item.name, "absent", changes[:1], "required_missing", without=without)


def _values(category: Category, item: CategoryField) -> Iterator[Corruption]:
    for text in (item.values or ())[:1]:
        for wrong in ("no such value", f"{text}x"):
            changed = {"values": (*(item.values or ()), wrong), "value_labels": None}
            without = _altered(category, item, **changed)
            yield Corruption("values", item.name, repr(wrong), ({item.name: wrong},), "not_permitted", without=without)


def _bound(side: str, step: int) -> Callable[[Category, CategoryField], Iterator[Corruption]]:
    def beyond(category: Category, item: CategoryField) -> Iterator[Corruption]:
        bound = getattr(item, side)
        if bound is not None:
            tick = Decimal(1) if item.type == "integer" else Decimal(1).scaleb(-item.precision_scale[1])
            for far in (tick, Decimal(1)):
                wrong = f"{Decimal(str(bound)).quantize(tick) + step * far:f}"
                without = _altered(category, item, **{side: None})
                yield Corruption(side, item.name, f"{wrong}", ({item.name: wrong},), "out_of_range", without=without)

    return beyond


def _pattern(category: Category, item: CategoryField) -> Iterator[Corruption]:
    if item.pattern is not None:
        without = _altered(category, item, pattern=None)
        for wrong in ("?!", f"{value(category, item)}?"):
            yield Corruption("pattern", item.name, repr(wrong), ({item.name: wrong},), "bad_pattern", without=without)


def _past(category: Category, item: CategoryField) -> Iterator[Corruption]:
    if item.past:
        late = PULLED + timedelta(days=2)
        given = delivered(late.date() if item.type == "date" else late)
        without = _altered(category, item, past=False)
        yield Corruption("past", item.name, "after the answer", ({item.name: given},), "in_future", without=without)


def _privacy(category: Category, item: CategoryField) -> Iterator[Corruption]:
    if item.type in {"string", "text"}:
        for what, given in (("a NIK", NIK), ("a NIK in a sentence", f"warga {NIK} melapor")):
            yield Corruption("privacy", item.name, what, ({item.name: given},), item.privacy)
    elif item.type in {"list", "map"}:
        within: Any = [NIK] if item.type == "list" else {"a": NIK}
        yield Corruption("privacy", item.name, "a NIK within", ({item.name: within},), item.privacy)


FIELDS: dict[str, Callable[[Category, CategoryField], Iterator[Corruption]]] = {
    "type": _type, "required": _required, "required_unless": _required_unless, "values": _values, "min": _bound("min", -1),
    "max": _bound("max", 1), "pattern": _pattern, "past": _past, "privacy": _privacy,
}  # fmt: skip
"""Per key of a field that holds records to something, what breaks it."""
TOLD_ONLY = frozenset({"name", "label", "description", "value_labels", "unit", "origin"})
"""Keys of a field that only tell."""


# -- rules -------------------------------------------------------------------------------------------------------------


def _ordered(category: Category, rule: Rule) -> Iterator[Corruption]:
    assert isinstance(rule, OrderRule)
    moved = []
    for days in (2, 40):
        for name, step in ((rule.later, -days), (rule.earlier, days)):
            if step > 0 and category.field(name).past:
                continue
            day = DAY if category.field(name).type == "date" else NOON
            moved.append({name: delivered(day + timedelta(days=step))})
    yield _broken(category, rule, "turned round", tuple(moved))


def _between(category: Category, rule: Rule) -> Iterator[Corruption]:
    assert isinstance(rule, BetweenRule)
    item = category.field(rule.field)
    orders = [one for one in category.rules if isinstance(one, OrderRule) and rule.field in (one.earlier, one.later)]
    partners: Record = {name: None for one in orders for name in (one.earlier, one.later) if name != rule.field}
    for bound, own, step in ((rule.min, item.min, -1), (rule.max, item.max, 1)):
        if bound is not None and (own is None or own * step > Decimal(str(bound)) * step):
            change = {rule.field: delivered(_beyond(item.type, bound, step))}
            yield _broken(category, rule, f"beyond {bound}", (change, partners | change))


def _beyond(kind: str, bound: Any, step: int) -> Any:
    if isinstance(bound, date):
        day = bound + timedelta(days=step)
        return day if kind == "date" else datetime.combine(day, time(12), UTC)
    return str(Decimal(bound) + step)


def _match(category: Category, rule: Rule) -> Iterator[Corruption]:
    assert isinstance(rule, MatchRule)
    yield _broken(category, rule, "another form", tuple({rule.field: wrong} for wrong in ("?!", "123", "x")))


def _broken(category: Category, rule: Rule, what: str, candidates: tuple[Record, ...]) -> Corruption:
    others = tuple(one for one in category.rules if one is not rule)
    return Corruption(
        rule.type,
        rule.id,
        what,
        candidates,
        severity=rule.severity,
        without=category.model_copy(update={"rules": others}),
    )


RULES: dict[str, Callable[[Category, Rule], Iterator[Corruption]]] = {
    "order": _ordered, "between": _between, "match": _match,
}  # fmt: skip
"""Per type of a rule on single records, what breaks it."""


def _incomplete(category: Category, rule: Rule) -> tuple[int, int, Record]:
    assert isinstance(rule, CompleteRule)
    spared = {name: values[0] for name, values in (category.field(rule.field).required_unless or {}).items()}
    return 100, round(100 * (1 - rule.min_share)), {rule.field: None} | spared


def _nowhere(_: Category, rule: Rule) -> tuple[int, int, Record]:
    assert isinstance(rule, RegionRule)
    return 100, round(100 * (1 - rule.min_share)), {"region_": None}


def _few(_: Category, rule: Rule) -> tuple[int, int, Record]:
    assert isinstance(rule, RowCountRule)
    return rule.min, 0, {}


DATASETS: dict[str, Callable[[Category, Rule], tuple[int, int, Record]]] = {
    "complete": _incomplete, "region_resolved": _nowhere, "row_count": _few,
}  # fmt: skip
"""Per type of a rule on whole deliveries: how many records a delivery has, how many of them may lack something, and what."""


def corruptions(category: Category) -> Iterator[Corruption]:
    """Every constraint on single records, broken."""
    for item in category.fields:
        for corrupt in FIELDS.values():
            yield from corrupt(category, item)
    for rule in category.rules:
        if rule.type in RULES:
            yield from RULES[rule.type](category, rule)
