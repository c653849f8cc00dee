"""Partners' packs: the examples load side by side, and a bad one says where and what."""

from __future__ import annotations

from pathlib import Path

import pytest

from opg_pipeline.model.catalog import check_catalog, load_catalog

EXAMPLES = Path(__file__).parents[2] / "examples" / "packs"
GOOD = """id: demo
title: {en: Demo, id: Demo}
author: Somebody
licence: CC-BY-4.0
topic: services
measures:
- id: slow
  category: service_case
  label: {en: Slow, id: Lambat}
  concept: Something that people want to know.
  definition: Mean days from submitted_at to decided_at.
  interpretation: More of it is not always better.
  unit: days
  aggregation: mean
  value: {days_between: [submitted_at, decided_at]}
  not_counted: Cases without both.
  min_cell: 5
  steward: Somebody
  review: "2027-06-30"
associations:
- a: service_case.slow
  b: service_case.cases
  context: Many cases may go with long waits.
  confounders: [holidays]
"""


def messages(folder: Path, text: str) -> list[str]:
    path = folder / "packs" / "demo" / "pack.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    catalog, problems = check_catalog(packs=folder / "packs")
    assert (catalog is None) == bool(problems)
    return [str(problem).removeprefix(f"{path}:") for problem in problems]


def test_rival_packs_stand_side_by_side_beside_the_shipped_measures() -> None:
    plain, catalog = load_catalog(), load_catalog(packs=EXAMPLES)
    own = [item.id for item in plain.categories["service_case"].measures]
    found = [item.id for item in catalog.categories["service_case"].measures]
    assert found == [*own, "adil_dan_terbuka__share_not_granted", "cepat_dan_tepat__mean_days"]
    assert {pack.topic for pack in catalog.packs} == {"service_quality"}
    assert [(pair.pack, pair.association.a) for pair in catalog.pairs if pair.pack] == [
        ("cepat_dan_tepat", "service_case.cepat_dan_tepat__mean_days")
    ]
    notes = {note.id: note for note, _ in catalog.cities["bojonegoro"].notes}
    assert notes["cepat_dan_tepat__calendar_days"].measures == ("cepat_dan_tepat__mean_days",)
    assert notes["adil_dan_terbuka__who_does_not_apply"].measures == ("adil_dan_terbuka__share_not_granted", "cases")


def test_the_good_one_is_good(tmp_path: Path) -> None:
    assert messages(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  concept: Something that people want to know.\n", "", "7: measures.0.concept: The key 'concept' is missing."),
        ("  definition: Mean days from submitted_at to decided_at.\n", "", "7: measures.0.definition: The key 'definition' is missing."),
        ("  interpretation: More of it is not always better.\n", "", "7: measures.0.interpretation: The key 'interpretation' is missing."),
        (
            "category: service_case",
            "category: service_cases",
            "8: measures.0.category: There is no category 'service_cases'. Fix: known: ",
        ),
        (
            "[submitted_at, decided_at]",
            "[submitted_at, decided]",
            "15: measures.0.value: There is no field 'decided'. Fix: did you mean 'decided_at'?",
        ),
        (
            "min_cell: 5",
            "min_cell: 1",
            "17: measures.0.min_cell: Cells of 1 records would give away what 'cases' hides (min_cell 5). Fix: write min_cell: 5.",
        ),
        ("id: demo", "id: other", "1: id: The id 'other' differs from the name of its folder, 'demo'. Fix: make them equal."),
        (
            "b: service_case.cases",
            "b: service_case.case",
            "22: associations.0.b: There is no measure 'service_case.case'. Fix: name <category>.<measure>.",
        ),
        (
            "b: service_case.cases",
            "b: price_observation.price_observations",
            "21: associations.0: service_case.demo__slow and price_observation.price_observations cannot be compared. "
            "Fix: take two measures of the same period that are not broken down.",
        ),
        ("  confounders: [holidays]\n", "", "21: associations.0.confounders: The key 'confounders' is missing."),
        ("  context: Many cases may go with long waits.\n", "", "21: associations.0.context: The key 'context' is missing."),
    ],
)  # fmt: skip
def test_the_bad_one_says_so(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert GOOD.count(old) == 1
    found = messages(tmp_path, GOOD.replace(old, new))
    assert [message for message in found if message.startswith(told)], found


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    _, problems = check_catalog(packs=tmp_path / "none")
    assert [problem.fix for problem in problems] == ["check OPG_PACKS."]
