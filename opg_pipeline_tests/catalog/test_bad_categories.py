"""A table of bad category files with the exact message each must give. The good file they are changed from is below."""

from __future__ import annotations

from pathlib import Path

import pytest

from opg_pipeline.model.catalog import check_catalog

GOOD = """\
id: visit
label: {en: Visit, id: Kunjungan}
standard: local
grain: One visit of a citizen to a counter.
event_time: came_at
fields:
- name: came_at
  label: {en: Came at, id: Waktu datang}
  type: timestamp
  required: true
  privacy: none
- name: left_at
  label: {en: Left at, id: Waktu pulang}
  type: timestamp
  privacy: none
- name: counter
  label: {en: Counter, id: Loket}
  type: string
  privacy: none
- name: outcome
  label: {en: Outcome, id: Hasil}
  type: enum
  values: [served, turned_away]
  privacy: none
- name: wait_minutes
  label: {en: Wait, id: Lama tunggu}
  type: integer
  min: 0
  privacy: none
- name: home
  label: {en: Home, id: Rumah}
  type: string
  privacy: direct
- name: visitor_key
  label: {en: Visitor, id: Pengunjung}
  type: string
  privacy: pseudonym
rules:
- id: left_after_came
  type: order
  earlier: came_at
  later: left_at
  severity: quarantine
  description: {en: Nobody leaves before coming., id: Tidak ada yang pulang sebelum datang.}
- id: wait_known
  type: complete
  field: wait_minutes
  min_share: 0.5
  severity: block
  description: {en: Half of the visits have a wait., id: Separuh kunjungan memiliki lama tunggu.}
measures:
- id: wait
  label: {en: Wait, id: Lama tunggu}
  concept: How long citizens wait at the counter.
  definition: Median of wait_minutes of visits that state it.
  interpretation: Half of the visitors waited longer than this.
  unit: minutes
  aggregation: median
  value: {field: wait_minutes}
  where: {outcome: [served]}
  not_counted: Visits without a recorded wait.
  steward: Dinas Kominfo
  review: "2027-06-30"
"""

CASES = [
    # (replace, with, [line: key: what happened. Fix: what to do.])
    (
        "grain: One visit of a citizen to a counter.\n",
        "grain: One visit of a citizen to a counter.\ncolour: red\n",
        [
            "5: colour: There is no key 'colour' here. Fix: known keys: event_time, fields, grain, id, label, measures, rules, sources, standard."
        ],
    ),
    (
        "  type: string\n  privacy: none",
        "  type: string\n  unitt: x\n  privacy: none",
        ["19: fields.2.unitt: There is no key 'unitt' here. Fix: did you mean 'unit'?"],
    ),
    (
        "label: {en: Visit, id: Kunjungan}",
        "label: {en: Visit}",
        ["2: label.id: The key 'id' is missing. Fix: add `id: ...` here."],
    ),
    (
        "  concept: How long citizens wait at the counter.\n",
        "",
        ["52: measures.0.concept: The key 'concept' is missing. Fix: add `concept: ...` here."],
    ),
    (
        "  definition: Median of wait_minutes of visits that state it.\n",
        "",
        ["52: measures.0.definition: The key 'definition' is missing. Fix: add `definition: ...` here."],
    ),
    (
        "  interpretation: Half of the visitors waited longer than this.\n",
        "  interpretation: short\n",
        ["56: measures.0.interpretation: 'short': String should have at least 10 characters. Fix: correct the value."],
    ),
    (
        "  not_counted: Visits without a recorded wait.\n",
        "",
        ["52: measures.0.not_counted: The key 'not_counted' is missing. Fix: add `not_counted: ...` here."],
    ),
    (
        "label: {en: Counter, id: Loket}\n",
        "label: {en: Counter, id: Loket}\n  min: 3\n",
        ["16: fields.2: `min` and `max` are for integer and decimal. Fix: see the message."],
    ),
    (
        "  values: [served, turned_away]\n",
        "",
        ["20: fields.3: `values` belongs to `type: enum`, and an enum needs it. Fix: see the message."],
    ),
    (
        "  values: [served, turned_away]\n",
        "  values: [served, turned_away]\n  value_labels: {served: {en: Served, id: Dilayani}}\n",
        ["20: fields.3: `value_labels` names other values than `values`. Fix: see the message."],
    ),
    (
        "label: {en: Counter, id: Loket}\n",
        "label: {en: Counter, id: Loket}\n  values: [a]\n",
        ["16: fields.2: `values` belongs to `type: enum`, and an enum needs it. Fix: see the message."],
    ),
    (
        "  privacy: direct",
        "  privacy: direct\n  required: true",
        ["30: fields.5: A `direct` field is never stored, so it cannot be required. Fix: see the message."],
    ),
    (
        "  privacy: direct",
        "  privacy: secret",
        [
            "33: fields.5.privacy: 'secret' is not one of 'none', 'quasi', 'pseudonym', 'org_or_person', 'sensitive_text', 'sensitive', 'sensitive_health' or 'direct'. Fix: use one of them."
        ],
    ),
    (
        "  privacy: direct\n",
        "\n",
        ["30: fields.5.privacy: The key 'privacy' is missing. Fix: add `privacy: ...` here."],
    ),
    (
        "  type: enum\n",
        "  type: float\n",
        [
            "22: fields.3.type: 'float' does not have the required form. Fix: it must match ^(string|text|integer|decimal\\(\\d{1,2},\\d{1,2}\\)|boolean|date|timestamp|enum|list|map|geojson)$"
        ],
    ),
    (
        "  type: enum\n",
        "  type: decimal\n",
        [
            "22: fields.3.type: 'decimal' does not have the required form. Fix: it must match ^(string|text|integer|decimal\\(\\d{1,2},\\d{1,2}\\)|boolean|date|timestamp|enum|list|map|geojson)$"
        ],
    ),
    (
        "  type: integer\n  min: 0\n",
        "  type: integer\n  pattern: '^x$'\n",
        ["25: fields.4: `pattern` is for string and text. Fix: see the message."],
    ),
    (
        "label: {en: Counter, id: Loket}\n",
        "label: {en: Counter, id: Loket}\n  pattern: '(x'\n",
        [
            "16: fields.2: `pattern` is no regular expression: missing ), unterminated subpattern at position 0. Fix: see the message."
        ],
    ),
    (
        "  privacy: none\n- name: home",
        "  privacy: pseudonym\n- name: home",
        ["25: fields.4: Privacy pseudonym needs type string or text. Fix: see the message."],
    ),
    (
        "  later: left_at",
        "  later: left_att",
        ["42: rules.0.later: There is no field 'left_att'. Fix: did you mean 'left_at'?"],
    ),
    (
        "  later: left_at",
        "  later: counter",
        ["42: rules.0.later: Field 'counter' is string, but order compares dates or times. Fix: use a fitting field."],
    ),
    (
        "  field: wait_minutes\n  min_share",
        "  field: home\n  min_share",
        ["47: rules.1.field: Field 'home' is personal (`direct`) and never stored. Fix: use another field."],
    ),
    (
        "  type: order",
        "  type: ordr",
        [
            "39: rules.0: Type 'ordr' is not one of 'order', 'between', 'match', 'complete', 'region_resolved', 'row_count'. Fix: did you mean 'order'?"
        ],
    ),
    ("  type: order\n", "", ["39: rules.0.type: The key 'type' is missing. Fix: add `type: ...` here."]),
    (
        "  severity: quarantine",
        "  severity: block",
        ["43: rules.0.severity: 'block' is not one of 'quarantine' or 'warn'. Fix: use one of them."],
    ),
    (
        "  severity: block",
        "  severity: quarantine",
        ["49: rules.1.severity: 'quarantine' is not one of 'block' or 'warn'. Fix: use one of them."],
    ),
    (
        "  min_share: 0.5",
        "  min_share: 1.5",
        ["48: rules.1.min_share: 1.5: Input should be less than or equal to 1. Fix: correct the value."],
    ),
    (
        "- id: wait_known",
        "- id: left_after_came",
        ["38: rules: 'left_after_came' is declared twice. Fix: give each its own id."],
    ),
    (
        "- name: left_at",
        "- name: came_at",
        [
            "6: fields: Field 'came_at' is declared twice. Fix: keep one.",
            "42: rules.0.later: There is no field 'left_at'. Fix: known: came_at, counter, home, outcome, visitor_key, wait_minutes.",
        ],
    ),
    (
        "event_time: came_at",
        "event_time: counter",
        [
            "5: event_time: Field 'counter' is string, but event_time needs a date or timestamp. Fix: use a fitting field."
        ],
    ),
    (
        "event_time: came_at",
        "event_time: come_at",
        ["5: event_time: There is no field 'come_at'. Fix: did you mean 'came_at'?"],
    ),
    (
        "  value: {field: wait_minutes}",
        "  value: {field: counter}",
        ["59: measures.0.value: Field 'counter' is string, but a value needs a number. Fix: use a fitting field."],
    ),
    (
        "  value: {field: wait_minutes}",
        "  value: {minutes_between: [came_at, left_at], field: wait_minutes}",
        [
            "59: measures.0.value: Say what is measured with exactly one of `field`, `days_between` or `minutes_between`. Fix: see the message."
        ],
    ),
    (
        "  value: {field: wait_minutes}",
        "  value: {minutes_between: [came_at, counter]}",
        ["59: measures.0.value: Field 'counter' is string, but a duration needs times. Fix: use a fitting field."],
    ),
    (
        "  aggregation: median\n  value: {field: wait_minutes}\n",
        "  aggregation: share\n",
        ["52: measures.0: `numerator` belongs to `aggregation: share`, which needs it. Fix: see the message."],
    ),
    (
        "  aggregation: median\n",
        "  aggregation: avg\n",
        [
            "58: measures.0.aggregation: 'avg' is not one of 'count', 'sum', 'mean', 'median' or 'share'. Fix: use one of them."
        ],
    ),
    (
        "  where: {outcome: [served]}",
        "  where: {outcom: [served]}",
        ["60: measures.0.where.outcom: There is no field 'outcom'. Fix: did you mean 'outcome'?"],
    ),
    (
        "  where: {outcome: [served]}",
        "  where: {home: [x]}",
        ["60: measures.0.where.home: Field 'home' is personal (`direct`) and never stored. Fix: use another field."],
    ),
    (
        '  review: "2027-06-30"',
        "  review: soon",
        [
            "63: measures.0.review: 'soon': Input should be a valid date or datetime, input is too short. Fix: correct the value."
        ],
    ),
    (
        "id: visit",
        "id: Visit",
        ["1: id: 'Visit' does not have the required form. Fix: it must match ^[a-z][a-z0-9_]{1,62}$"],
    ),
    (
        "  steward: Dinas Kominfo\n",
        "  steward: Dinas Kominfo\n  min_cell: 0\n",
        ["63: measures.0.min_cell: 0: Input should be greater than or equal to 1. Fix: correct the value."],
    ),
    (
        "  value: {field: wait_minutes}\n",
        "  value: {field: wait_minutes}\n  by: [outcomee]\n",
        [
            "60: measures.0.by.0: There is no field 'outcomee'. Fix: did you mean 'outcome'?",
            "60: measures.0.by: Cells by outcomee would give away what 'wait' hides (min_cell 5). "
            "Fix: use `by` where every measure of the category has min_cell 1; people are not split up.",
        ],
    ),
    (
        "label: {en: Counter, id: Loket}\n",
        "label: {en: Counter, id: Loket}\n  required_unless: {outcomee: [served]}\n",
        ["18: fields.2.required_unless.outcomee: There is no field 'outcomee'. Fix: did you mean 'outcome'?"],
    ),
]


def _messages(folder: Path, text: str) -> list[str]:
    """What the catalogue says of a file of that content, without its path."""
    path = folder / "categories" / "visit.yaml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    _, problems = check_catalog(folder)
    return [str(problem).removeprefix(f"{path}:") for problem in problems if problem.file == path]


def test_the_good_one_is_good(tmp_path: Path) -> None:
    assert _messages(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "messages"), CASES, ids=lambda value: value.strip()[:40] if isinstance(value, str) else ""
)
def test_the_bad_one_says_so(tmp_path: Path, old: str, new: str, messages: list[str]) -> None:
    assert GOOD.count(old) == 1
    assert _messages(tmp_path, GOOD.replace(old, new)) == messages


@pytest.mark.parametrize(
    "change", [("  value: {field: wait_minutes}\n", ""), ("  aggregation: median\n", "  aggregation: count\n")]
)
def test_an_aggregation_and_its_value_belong_together(tmp_path: Path, change: tuple[str, str]) -> None:
    [message] = _messages(tmp_path, GOOD.replace(*change))
    assert message.startswith("52: measures.0: Sum, mean and median need `value`")


def test_a_name_that_differs_from_the_file_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace("id: visit\n", "id: visits\n")
    assert _messages(tmp_path, text) == ["1: id: The id 'visits' differs from the name 'visit'. Fix: make them equal."]
