"""Every shipped category loads, is whole in both languages, and holds what the domain facts say."""

from __future__ import annotations

import csv
from datetime import date
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa

from opg_pipeline.load.tables import core_table
from opg_pipeline.model.catalog import load_catalog
from opg_pipeline.model.category import Category, CategoryField, Measure, OrderRule
from opg_pipeline.model.crosscheck import check_category
from opg_pipeline.model.handover import ENVELOPE, ENVELOPE_NULLABLE, SLICE_ROW
from opg_pipeline.publish.dictionary import data_dictionary
from opg_pipeline_tests.catalog.shipped import categories, category_files, read_category

FACTS = Path(__file__).parents[3] / "shared" / "domain" / "categories.csv"
CATEGORIES = categories()
FIELDS = [
    pytest.param(category, item, id=f"{category.id}.{item.name}") for category in CATEGORIES for item in category.fields
]
ENUMERATIONS = [
    pytest.param(category, item, id=f"{category.id}.{item.name}")
    for category in CATEGORIES
    for item in category.fields
    if item.values is not None
]
MEASURES = [
    pytest.param(category, item, id=f"{category.id}.{item.id}") for category in CATEGORIES for item in category.measures
]
SHORT_TYPES = {
    "timestamptz": "timestamp", "int": "integer", "array<string>": "list", "array<struct>": "list",
    "map<string,string>": "map", "decimal": "decimal(18,6)",
}  # fmt: skip
EVENT_TIMES = {
    "service_request": "requested_datetime", "service_case": "submitted_at", "contract_process": "release_date",
    "fiscal_entry": "posted_on", "sensor_reading": "phenomenon_time", "incident_event": "onset_at",
    "care_encounter": "period_start", "programme_enrolment": "start_on", "survey_response": "answered_at",
    "registry_entity": None, "indicator_observation": None, "price_observation": None, "workforce_record": None,
    "document_record": None,
}  # fmt: skip
UNLESS = {
    ("indicator_observation", "obs_value"): {"obs_status": ("M",)},
    ("sensor_reading", "result"): {"result_quality": ("missing",)},
}


def test_the_fourteen_are_there() -> None:
    assert {category.id: category.event_time for category in CATEGORIES} == EVENT_TIMES


@pytest.mark.parametrize("path", category_files(), ids=lambda path: path.stem)
def test_loads_without_a_problem(path: Path) -> None:
    category, source = read_category(path)
    assert category.id == path.stem
    assert check_category(category, source) == []


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.id)
def test_has_rules_and_measures(category: Category) -> None:
    assert len(category.rules) >= 2
    assert len(category.measures) >= 2
    taken = {name for name, _, _ in ENVELOPE} | {SLICE_ROW}
    assert not taken & {item.name for item in category.fields}, "a field has the name of an envelope column"
    for rule in category.rules:
        assert rule.description.en.endswith(".")
        assert rule.description.id.endswith(".")
        assert rule.description.en != rule.description.id
        if isinstance(rule, OrderRule):
            assert rule.earlier != rule.later
    if category.event_time is not None:
        assert category.field(category.event_time).required


@pytest.mark.parametrize(("category", "item"), FIELDS)
def test_field_is_told_in_both_languages(category: Category, item: CategoryField) -> None:
    assert len(item.label.en) >= 2
    assert len(item.label.id) >= 2
    assert len(item.description) >= 8
    assert item.description.endswith(".")
    assert item.origin
    for name, values in (item.required_unless or {}).items():
        assert set(values) <= set(category.field(name).values or ())


@pytest.mark.parametrize(("category", "item"), FIELDS)
def test_field_names_the_standard_it_follows(category: Category, item: CategoryField) -> None:
    ours = item.origin.startswith(("local", "derived")) or item.origin in {"as delivered", "source"}
    assert ours or category.sources_of(item), f"`sources` says nothing of {item.origin!r}"


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.id)
def test_every_source_is_followed_and_can_be_found(category: Category) -> None:
    assert {source for item in category.fields for source in category.sources_of(item)} == set(category.sources)
    assert all(
        source.reference.startswith("https://") or any(letter.isupper() for letter in source.reference)
        for source in category.sources
    )


@pytest.mark.parametrize(("category", "item"), ENUMERATIONS)
def test_permitted_values_are_told_in_both_languages_wherever_the_field_is(
    category: Category, item: CategoryField
) -> None:
    labels = item.value_labels or {}
    assert list(labels) == list(item.values or ())
    assert all(len(label.en) > 1 and len(label.id) > 1 for label in labels.values())
    assert len({label.en for label in labels.values()}) == len({label.id for label in labels.values()}) == len(labels)
    comment = core_table(category, sa.MetaData(), keyed=True).c[item.name].comment or ""
    [row] = [line for line in _dictionary(category.id) if line.startswith(f"| {item.name} |")]
    for language in ("en", "id"):
        assert item.told_values(language) in comment
        assert item.told_values(language) in row


@cache
def _dictionary(category: str) -> list[str]:
    """The lines of one category in the data dictionary."""
    whole = data_dictionary(load_catalog()).split(f"\n## core.{category}\n")[1]
    return whole.split("\n## ")[0].splitlines()


@pytest.mark.parametrize(("category", "item"), MEASURES)
def test_measure_is_complete(category: Category, item: Measure) -> None:
    texts = (
        item.label.en,
        item.label.id,
        item.concept,
        item.definition,
        item.interpretation,
        item.unit,
        item.not_counted,
        item.steward,
    )
    assert all(text.strip() for text in texts)
    assert item.label.en != item.label.id
    assert all(text.endswith(".") for text in (item.concept, item.definition, item.interpretation, item.not_counted))
    assert item.review == date(2027, 6, 30)
    health = category.id in {"care_encounter", "programme_enrolment", "incident_event"}
    public = category.id in {"sensor_reading", "price_observation", "document_record", "indicator_observation"}
    assert item.min_cell == (10 if health else 1 if public else 5)
    assert item.period == ("day" if category.id in {"sensor_reading", "price_observation"} else "month")


@pytest.mark.parametrize(("category", "item"), MEASURES)
def test_measure_selects_values_that_can_occur(category: Category, item: Measure) -> None:
    for selection in (item.where, item.numerator or {}):
        for name, values in selection.items():
            declared = category.field(name)
            if declared.values is not None:
                assert set(values) <= set(declared.values)
            elif declared.type == "boolean":
                assert set(values) <= {True, False}
                assert all(isinstance(value, bool) for value in values)
            else:
                assert declared.type == "integer"
                assert all(isinstance(value, int) for value in values)
                assert (declared.min or 0) <= min(values) <= max(values) <= (declared.max or float("inf"))
    for name, values in (item.numerator or {}).items():
        assert set(values) <= set(item.where.get(name, values)), "the numerator is part of what is counted"


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.id)
def test_numbers_and_durations_are_measured(category: Category) -> None:
    # a document has a year and nothing that could be summed up
    assert any(measure.value is not None for measure in category.measures) == (category.id != "document_record")


@cache
def facts() -> list[dict[str, str]]:
    if not FACTS.is_file():
        return []
    with FACTS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _names(row: dict[str, str]) -> list[str]:
    return [f"u{number}" for number in range(1, 10)] if row["field"] == "u1..u9" else [row["field"]]


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.id)
def test_holds_what_the_facts_say(category: Category) -> None:
    rows = [row for row in facts() if row["category"] == category.id]
    if not rows:
        pytest.skip("the domain facts (shared/domain/categories.csv) are not beside this checkout")
    assert [item.name for item in category.fields] == [name for row in rows for name in _names(row)]
    for row in rows:
        for name in _names(row):
            item = category.field(name)
            kind, _, values = row["type"].partition("(") if row["type"].startswith("enum") else (row["type"], "", "")
            assert item.type == SHORT_TYPES.get(kind, kind)
            if item.values is not None:
                assert item.values == tuple(values.rstrip(")").split(","))
            assert item.privacy == row["privacy_class"], name
            assert item.origin == row["field_origin"]
            assert (item.required_unless or {}) == UNLESS.get((category.id, name), {})
            assert item.required == (row["required"] in {"yes", "yes*"} and not item.required_unless), name
            if row["unit"] in {"1-10", "1-4"}:
                assert (item.min, item.max) == tuple(map(float, row["unit"].split("-")))
            elif row["unit"] != "varies":
                assert item.unit == row["unit"]


def test_the_envelope_holds_what_the_facts_say() -> None:
    rows = [row for row in facts() if row["category"] == "_common"]
    if not rows:
        pytest.skip("the domain facts (shared/domain/categories.csv) are not beside this checkout")
    kinds = {name: kind for name, kind, _ in ENVELOPE}
    for row in rows:
        kind = "string" if row["type"].startswith("enum") else SHORT_TYPES.get(row["type"], row["type"])
        assert kinds[row["field"]] == kind
        assert (row["field"] in ENVELOPE_NULLABLE) == (row["required"] == "no"), row["field"]
