"""For every constraint of every shipped category: a source record that breaks it alone is refused, by it, on the way to core.

The records are made from the files (corruptors.py) and go through the real normalise and validate. Taking the constraint away
lets the same record through, so no test here passes for another reason.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, get_args

import pyarrow as pa
import pytest

from opg_pipeline.model.category import TYPE_PATTERN, Category, CategoryField, Privacy, Rule
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.normalise import Normalised
from opg_pipeline.validate import Report, validate
from opg_pipeline_tests.catalog.corruptors import (
    DATASETS,
    FIELDS,
    NIK,
    RULES,
    TOLD_ONLY,
    WRONG,
    Corruption,
    Record,
    corruptions,
    declared,
    right,
)
from opg_pipeline_tests.catalog.shipped import categories
from opg_pipeline_tests.normalise.build import run

CATEGORIES = {category.id: category for category in categories()}
CORRUPTIONS = {name: list(corruptions(category)) for name, category in CATEGORIES.items()}


def _cases(*kinds: str) -> list[Any]:
    return [
        pytest.param(name, item, id=f"{name}-{item.id}")
        for name, found in CORRUPTIONS.items()
        for item in found
        if item.kind in kinds
    ]


def _refused(category: Category, changes: Record) -> list[tuple[str, str, str]]:
    """What normalise refuses of one changed record: (scope, field, reason)."""
    rejected = run(declared(category), [right(category) | changes]).rejected
    return list(zip(*(rejected[name].to_pylist() for name in ("scope", "field", "reason")), strict=True))


@cache
def _whole(name: str) -> tuple[Normalised, Report]:
    category = CATEGORIES[name]
    done = run(declared(category), [right(category)])
    return done, validate(category, done.accepted)


@pytest.mark.parametrize("name", CATEGORIES)
def test_a_right_record_passes(name: str) -> None:
    done, report = _whole(name)
    assert done.rejected.num_rows == 0
    assert done.accepted["quality_flags"].to_pylist() == ["[]"]
    assert report.errors == ()
    assert report.failing == {}
    given = [item.name for item in CATEGORIES[name].stored_fields]
    assert [column for column in given if done.accepted[column].null_count] == [], "a field that is not tried"


@pytest.mark.parametrize(("name", "broken"), _cases(*(FIELDS.keys() - {"privacy"})))
def test_a_value_beyond_the_declaration_of_its_field_is_refused_by_it(name: str, broken: Corruption) -> None:
    category = CATEGORIES[name]
    item = category.field(broken.name)
    [changes] = broken.candidates
    if not item.stored:
        done = run(declared(category), [right(category) | changes])
        assert item.name not in done.accepted.column_names
        return
    needed = item.required or bool(item.required_unless)
    assert _refused(category, changes) == [("record" if needed else "value", item.name, broken.reason)]
    if broken.without is not None:
        assert _refused(broken.without, changes) == []


@pytest.mark.parametrize(("name", "broken"), _cases(*RULES))
def test_a_record_that_breaks_a_rule_is_refused_by_it(name: str, broken: Corruption) -> None:
    category = CATEGORIES[name]
    rule = f"{broken.kind}:{broken.name}"
    rows = [right(category, str(number)) | changes for number, changes in enumerate(broken.candidates)]
    done = run(declared(category), rows)
    assert done.rejected.num_rows == 0, "a rule that a field already holds needs no rule"
    report = validate(category, done.accepted)
    assert report.errors == ()
    alone = [row for row in range(len(rows)) if {key for key, at in report.failing.items() if row in at} == {rule}]
    assert alone, "no candidate breaks this rule and no other"
    [result] = [item for item in report.results if item.rule == rule]
    assert result.severity == broken.severity
    assert {row in report.quarantined for row in alone} == {broken.severity == "quarantine"}
    assert broken.without is not None
    assert not set(alone) & {row for at in validate(broken.without, done.accepted).failing.values() for row in at}


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        pytest.param(name, rule, id=f"{name}-{rule.type}-{rule.id}")
        for name, category in CATEGORIES.items()
        for rule in category.rules
        if rule.type in DATASETS
    ],
)
def test_a_delivery_that_falls_short_is_told_by_its_rule(name: str, rule: Rule) -> None:
    category = CATEGORIES[name]
    size, lacking, lack = DATASETS[rule.type](category, rule)

    def result(size: int, lacking: int) -> Any:
        rows = [right(category, str(row)) | (lack if row < lacking else {}) for row in range(size)]
        report = validate(category, run(declared(category), rows).accepted)
        assert report.errors == ()
        [found] = [item for item in report.results if item.rule == f"{rule.type}:{rule.id}"]
        assert (found in report.blocked) == (rule.severity == "block" and not found.success)
        return found

    assert result(size, lacking).success
    short = result(size, lacking + 1) if lack else result(size - 1, 0)
    assert (short.success, short.groups) == (False, ("demo/things",))


# -- the key -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CATEGORIES)
def test_a_record_without_its_key_waits(name: str) -> None:
    category = CATEGORIES[name]
    assert _refused(category, {"key_": None}) == [("record", "key_", "key_missing")]


@pytest.mark.parametrize("name", CATEGORIES)
def test_two_records_of_one_key_are_one(name: str) -> None:
    category = CATEGORIES[name]
    rows = [right(category), right(category), right(category, "2")]
    done = run(declared(category, prefer="first"), rows)
    assert done.flags["DUPLICATE_DROPPED"] == 1
    assert done.accepted["source_record_id"].to_pylist() == ["1", "2"]
    both = run(declared(category), rows).accepted["record_uid"].to_pylist()
    assert both[0] == both[1] != both[2]


# -- privacy classes ---------------------------------------------------------------------------------------------------


def _stopped_or_done(category: Category, rows: list[Record]) -> Normalised | PullError:
    try:
        return run(declared(category), rows)
    except PullError as stopped:
        return stopped


STORED_AS_THEY_ARE = {"none", "quasi", "sensitive", "sensitive_health"}


def _holds(table: pa.Table, secret: str) -> list[str]:
    """Columns of texts in which a secret stands."""
    return [
        name
        for name in table.column_names
        if pa.types.is_string(table[name].type) and any(secret in text for text in table[name].to_pylist() if text)
    ]


@pytest.mark.parametrize(("name", "broken"), _cases("privacy"))
def test_personal_data_in_a_field_ends_as_its_class_says(name: str, broken: Corruption) -> None:
    category = CATEGORIES[name]
    item = category.field(broken.name)
    [changes] = broken.candidates
    rows = [right(category, str(row)) | changes for row in range(20)]
    done = _stopped_or_done(category, rows)
    if isinstance(done, PullError):
        assert done.outcome is Outcome.PERSONAL_DATA
        assert re.search(rf"\b{item.name}\b", done.what)
        assert NIK not in f"{done.what} {done.hint}"
        assert item.privacy in STORED_AS_THEY_ARE
        return
    assert item.privacy not in STORED_AS_THEY_ARE or item.pattern is not None, "the dataset was not stopped"
    assert _holds(done.accepted, NIK) == []
    if item.privacy == "direct":
        assert item.name not in done.accepted.column_names
    elif item.token:
        assert all(text.startswith("t1_") for text in done.accepted[item.name].to_pylist())
    elif item.pattern is None:
        assert item.privacy == "sensitive_text"
        assert "NIK" in " ".join(done.accepted[item.name].to_pylist()).upper(), "the text says what was struck out"


# -- nothing is left out -----------------------------------------------------------------------------------------------


def test_every_key_of_a_field_is_tried_or_only_tells() -> None:
    assert set(CategoryField.model_fields) == FIELDS.keys() | TOLD_ONLY
    assert not FIELDS.keys() & TOLD_ONLY
    assert set(re.findall(r"[a-z]+", TYPE_PATTERN.replace(r"\d", ""))) == WRONG.keys()


def test_every_kind_of_rule_is_tried() -> None:
    kinds = {get_args(model.model_fields["type"].annotation)[0] for model in get_args(get_args(Rule)[0])}
    assert kinds == RULES.keys() | DATASETS.keys()
    assert not RULES.keys() & DATASETS.keys()


def test_every_declared_constraint_is_broken_at_least_once() -> None:
    for name, category in CATEGORIES.items():
        broken = {(item.kind, item.name) for item in CORRUPTIONS[name]}
        wanted = {("type", item.name) for item in category.fields}
        for key in FIELDS.keys() - {"type", "privacy"}:
            wanted |= {(key, item.name) for item in category.fields if getattr(item, key) not in (None, False)}
        wanted |= {(rule.type, rule.id) for rule in category.rules if rule.type in RULES}
        assert wanted <= broken


def test_every_privacy_class_is_met() -> None:
    assert {item.privacy for category in CATEGORIES.values() for item in category.fields} == set(get_args(Privacy))
