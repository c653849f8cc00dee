"""Every declared constraint of every shipped category: a record or dataset that breaks it is refused, a right one passes.

The constraints are read from the declaration here, not from the suite, so that one the suite forgets fails a test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, get_args

import pytest

from opg_pipeline.lake import standard_schema
from opg_pipeline.model.category import (
    BetweenRule,
    Category,
    CompleteRule,
    MatchRule,
    OrderRule,
    RegionRule,
    RowCountRule,
    Rule,
)
from opg_pipeline.model.handover import ENVELOPE, ENVELOPE_NULLABLE
from opg_pipeline.validate import Report, RuleResult, validate
from opg_pipeline_tests.catalog.shipped import categories
from opg_pipeline_tests.validate.records import DAY, NOON, Record, record, table

CATEGORIES = {category.id: category for category in categories()}


@dataclass(frozen=True)
class Breach:
    """One way to break one rule: the changes to a right record."""

    rule: str
    severity: str
    changes: dict[str, Any]
    what: str


def _outside(item_type: str, bound: Any, step: int) -> Any:
    if isinstance(bound, date):
        day = bound + timedelta(days=step)
        return day if item_type == "date" else datetime.combine(day, time(12), NOON.tzinfo)
    return int(bound) + step if item_type == "integer" else Decimal(str(bound)) + step


def breaches(category: Category) -> Iterator[Breach]:
    """Every breach of every constraint on single records that the declaration and the envelope speak of."""
    for name, kind, _ in ENVELOPE:
        if name not in ENVELOPE_NULLABLE:
            yield Breach("required:envelope", "quarantine", {name: None}, f"{name} absent")
            if kind == "string":
                yield Breach("required:envelope", "quarantine", {name: " "}, f"{name} blank")
    yield Breach("permitted:region_match", "quarantine", {"region_match": "guess"}, "unknown")
    yield Breach("permitted:region_level", "quarantine", {"region_level": "hamlet"}, "unknown")
    yield Breach("required:region_code", "quarantine", {"region_code": None}, "found without a code")
    for code in ("1.2", "102", "X.X", " 1.02", "1.02.03"):
        yield Breach("pattern:urusan_code", "quarantine", {"urusan_code": code}, repr(code))
    for item in category.stored_fields:
        if item.required or item.required_unless:
            yield Breach(f"required:{item.name}", "quarantine", {item.name: None}, "absent")
            if standard_schema(category).field(item.name).type == "string" and item.values is None:
                for blank in ("", " \t"):
                    yield Breach(f"required:{item.name}", "quarantine", {item.name: blank}, repr(blank))
        if item.values is not None:
            for text in ("no such value", item.values[0].swapcase() + " "):
                yield Breach(f"permitted:{item.name}", "quarantine", {item.name: text}, repr(text))
        for bound, step in ((item.min, -1), (item.max, 1)):
            if bound is not None:
                changes = {item.name: _outside(item.type, int(bound), step)}
                yield Breach(f"range:{item.name}", "quarantine", changes, f"beyond {bound:g}")
        if item.pattern is not None:
            for text in ("?!", "2026-05-99x\n"):
                yield Breach(f"pattern:{item.name}", "quarantine", {item.name: text}, repr(text))
    for rule in category.rules:
        yield from _rule_breaches(category, rule)


def _rule_breaches(category: Category, rule: Rule) -> Iterator[Breach]:
    if isinstance(rule, OrderRule):
        later = category.field(rule.later)
        early = DAY - timedelta(days=2) if later.type == "date" else NOON - timedelta(days=2)
        yield Breach(f"order:{rule.id}", rule.severity, {rule.later: early}, "two days early")
        if later.type == category.field(rule.earlier).type:
            tick = timedelta(days=1) if later.type == "date" else timedelta(microseconds=1)
            start = DAY if later.type == "date" else NOON
            yield Breach(f"order:{rule.id}", rule.severity, {rule.later: start - tick}, "by the least there is")
    elif isinstance(rule, BetweenRule):
        kind = category.field(rule.field).type
        for bound, step in ((rule.min, -1), (rule.max, 1)):
            if bound is not None:
                yield Breach(
                    f"between:{rule.id}", rule.severity, {rule.field: _outside(kind, bound, step)}, f"beyond {bound}"
                )
    elif isinstance(rule, MatchRule):
        yield Breach(f"match:{rule.id}", rule.severity, {rule.field: "\n?"}, "another form")


BREACHES = {name: list(breaches(category)) for name, category in CATEGORIES.items()}


def _clean(category: Category) -> list[Record]:
    """Right records: everything given; nothing given that need not be; every bound touched; every enumeration value."""
    whole = record(category)
    bare = {item.name: None for item in category.stored_fields if not item.required and not item.required_unless} | {
        "region_code": None,
        "region_level": None,
        "region_match": "none",
        "region_score": None,
        "reported_at": None,
    }
    found = [whole, whole | bare]
    for item in category.stored_fields:
        found += [whole | {item.name: text} for text in item.values or ()]
        for name, values in (item.required_unless or {}).items():
            found += [whole | {item.name: None, name: text} for text in values]
        rules = [rule for rule in category.rules if isinstance(rule, BetweenRule) and rule.field == item.name]
        limits = [(item.min, item.max), *((rule.min, rule.max) for rule in rules)]
        for low, high in limits:
            for limit in (low, high):
                if limit is not None and not rules_refuse(rules, limit) and not isinstance(limit, date):
                    found.append(whole | {item.name: int(limit) if item.type == "integer" else Decimal(str(limit))})
    return found


def rules_refuse(rules: list[BetweenRule], limit: Any) -> bool:
    numbers = [rule for rule in rules if isinstance(rule.min, Decimal) or isinstance(rule.max, Decimal)]
    return any(
        (rule.min is not None and limit < rule.min) or (rule.max is not None and limit > rule.max) for rule in numbers
    )


@cache
def judged(name: str) -> tuple[Report, int]:
    """One batch: the right records, then one record per breach. And the position of the first breach."""
    category = CATEGORIES[name]
    clean = _clean(category)
    whole = record(category)
    broken = [whole | breach.changes for breach in BREACHES[name]]
    return validate(category, table(category, clean + broken)), len(clean)


@pytest.mark.parametrize("name", CATEGORIES)
def test_right_records_pass(name: str) -> None:
    report, first = judged(name)
    assert report.errors == ()
    assert {
        rule: positions[positions < first].tolist()
        for rule, positions in report.failing.items()
        if (positions < first).any()
    } == {}


@pytest.mark.parametrize(
    ("name", "number"),
    [
        pytest.param(name, number, id=f"{name}-{breach.rule}-{breach.what}")
        for name, found in BREACHES.items()
        for number, breach in enumerate(found)
    ],
)
def test_a_breach_is_refused(name: str, number: int) -> None:
    report, first = judged(name)
    breach = BREACHES[name][number]
    position = first + number
    assert position in report.failing[breach.rule]
    assert {result.severity for result in report.results if result.rule == breach.rule} == {breach.severity}
    others = {rule for rule, positions in report.failing.items() if position in positions} - {breach.rule}
    assert all(_speaks_of(CATEGORIES[name], rule) & breach.changes.keys() for rule in others), (
        "an unrelated rule fails too"
    )
    if breach.severity == "quarantine":
        assert position in report.quarantined
    elif not others:
        assert position not in report.quarantined


def _speaks_of(category: Category, rule: str) -> set[str]:
    kind, _, name = rule.partition(":")
    declared = {item.id: item for item in category.rules}
    if kind in {"required", "permitted", "range", "pattern"}:
        if name == "envelope":
            return {column for column, _, _ in ENVELOPE}
        unless = (
            ()
            if name == "region_code"
            else (category.field(name).required_unless or ())
            if name in {f.name for f in category.fields}
            else ()
        )
        return {name, *unless}
    item = declared[name]
    return {item.earlier, item.later} if isinstance(item, OrderRule) else {item.field}


@pytest.mark.parametrize("name", CATEGORIES)
def test_results_count_what_fails(name: str) -> None:
    report, _ = judged(name)
    rows = [result for result in report.results if result.kind == "row"]
    assert {result.rule for result in rows} == {breach.rule for breach in BREACHES[name]}, (
        "a rule without a breach, or a breach without a rule"
    )
    for result in rows:
        assert result.unexpected == len(report.failing.get(result.rule, ()))
        assert result.success == (result.unexpected == 0)
        assert result.unexpected <= result.evaluated <= report.rows
    assert len(set(report.quarantined.tolist())) == len(report.quarantined)
    assert sorted(report.quarantined.tolist()) == report.quarantined.tolist()


DATASET_RULES = [
    pytest.param(category, rule, id=f"{category.id}-{rule.id}")
    for category in CATEGORIES.values()
    for rule in category.rules
    if isinstance(rule, (CompleteRule, RegionRule, RowCountRule))
]


def _delivery(category: Category, app: str, size: int, lacking: int, rule: Rule) -> list[Record]:
    whole = record(category, source_app=app)
    if isinstance(rule, RegionRule):
        without = whole | {"region_code": None, "region_level": None, "region_match": "none", "region_score": None}
    elif isinstance(rule, CompleteRule):
        exempt = {name: values[0] for name, values in (category.field(rule.field).required_unless or {}).items()}
        without = whole | {rule.field: None} | exempt
    else:
        without = whole
    return [without if number < lacking else whole for number in range(size)]


@pytest.mark.parametrize(("category", "rule"), DATASET_RULES)
def test_a_poor_delivery_is_named(category: Category, rule: CompleteRule | RegionRule | RowCountRule) -> None:
    if isinstance(rule, RowCountRule):
        enough, poor = (
            _delivery(category, "enough", rule.min, 0, rule),
            _delivery(category, "poor", rule.min - 1, 0, rule),
        )
    else:
        lacking = round(100 * (1 - rule.min_share))
        enough, poor = (
            _delivery(category, "enough", 100, lacking, rule),
            _delivery(category, "poor", 100, lacking + 1, rule),
        )
    report = validate(category, table(category, [*poor, *enough]))
    [result] = [item for item in report.results if item.rule == f"{rule.type}:{rule.id}"]
    assert (result.kind, result.success, result.evaluated, result.unexpected) == ("dataset", False, 2, 1)
    assert result.groups == ("poor/records",)
    assert result.severity == rule.severity
    assert (result in report.blocked) == (rule.severity == "block")
    assert report.quarantined.size == 0, "a poor delivery is no fault of its records"
    alone = validate(category, table(category, enough))
    assert all(item.success for item in alone.results if item.rule == result.rule)


def test_every_kind_of_rule_is_met() -> None:
    kinds = {get_args(model.model_fields["type"].annotation)[0] for model in get_args(get_args(Rule)[0])}
    assert {rule.type for category in CATEGORIES.values() for rule in category.rules} == kinds


def test_results_are_read_by_a_data_owner() -> None:
    for name in CATEGORIES:
        results: tuple[RuleResult, ...] = judged(name)[0].results
        assert len({result.rule for result in results}) == len(results)
        for result in results:
            assert result.description[0].isupper()
            assert result.expectation.startswith("expect_")
