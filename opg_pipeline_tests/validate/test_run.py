"""Errors are errors, the same input gives the same report, and what the report says is so."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from opg_pipeline.lake import standard_schema
from opg_pipeline.model.category import Category
from opg_pipeline.validate import Report, RuleResult, build_suite, validate
from opg_pipeline_tests.catalog.shipped import categories
from opg_pipeline_tests.validate.records import record, table

LABEL = {"en": "Thing", "id": "Benda"}
SHIPPED = {category.id: category for category in categories()}


def field(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "label": {"en": name.capitalize(), "id": name}, "type": kind, "privacy": "none", **more}


def rule(kind: str, name: str, **more: Any) -> dict[str, Any]:
    severity = "warn" if kind in {"complete", "region_resolved", "row_count"} else "quarantine"
    return {
        "id": name,
        "type": kind,
        "severity": severity,
        "description": {"en": "It holds.", "id": "Berlaku."},
        **more,
    }


def category(*fields: dict[str, Any], rules: tuple[dict[str, Any], ...] = ()) -> Category:
    shape = {
        "id": "thing",
        "label": LABEL,
        "standard": "local",
        "grain": "One thing.",
        "fields": fields,
        "rules": rules,
    }
    return Category.model_validate(shape)


VISIT = category(
    field("came_at", "timestamp", required=True),
    field("left_at", "timestamp"),
    field("due_on", "date"),
    field("outcome", "enum", values=["served", "sent_away"]),
    field("wait", "integer", min=0, max=600),
    field("fee", "decimal(12,2)", required_unless={"outcome": ["sent_away"]}),
    field("desk", "string", pattern=r"[A-Z]\d"),
    rules=(
        rule("order", "left_after_came", earlier="came_at", later="left_at"),
        rule("order", "due_after_came", earlier="came_at", later="due_on"),
        rule("complete", "fees_known", field="fee", min_share=0.5),
    ),
)
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def visit(**changes: Any) -> dict[str, Any]:
    return record(VISIT, **({"desk": "A1", "due_on": date(2026, 5, 4)} | changes))


@pytest.fixture(autouse=True)
def _desk_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opg_pipeline_tests.validate.records.TEXTS", ("A1", "some text"))


def result(report: Report, name: str) -> RuleResult:
    [found] = [item for item in report.results if item.rule == name]
    return found


def assert_error(report: Report, name: str, *parts: str) -> None:
    found = result(report, name)
    assert found in report.errors
    assert (found.success, found.evaluated, found.unexpected) == (False, 0, 0)
    assert all(part in found.error for part in parts), found.error
    assert name not in report.failing


# -- errors are errors -------------------------------------------------------------------------------------------------


def test_an_absent_column_is_an_error_of_its_rules_alone() -> None:
    report = validate(VISIT, table(VISIT, [visit(), visit(outcome="lost")]).drop_columns(["wait", "left_at"]))
    assert_error(report, "range:wait", "The records have no column 'wait'.")
    assert_error(report, "order:left_after_came", "The records have no column 'left_at'.")
    assert len(report.errors) == 2
    assert report.failing["permitted:outcome"].tolist() == [1]
    assert report.quarantined.tolist() == [1]


def test_a_column_of_another_type_is_an_error_that_keeps_its_values_to_itself() -> None:
    whole = table(VISIT, [visit(), visit()])
    at = whole.schema.get_field_index("wait")
    report = validate(VISIT, whole.set_column(at, "wait", pa.array(["081234567890", "7"])))
    assert_error(report, "range:wait", "Column 'wait' holds string, but the category says int64.")
    assert "0812" not in repr(report)
    assert report.quarantined.size == 0


def test_a_column_given_twice_is_an_error() -> None:
    whole = table(VISIT, [visit()])
    assert_error(validate(VISIT, whole.append_column("wait", whole["wait"])), "range:wait", "2 columns 'wait'")


def test_an_envelope_without_its_dataset_is_an_error_of_the_dataset_rules() -> None:
    report = validate(VISIT, table(VISIT, [visit()]).drop_columns(["source_dataset"]))
    assert_error(report, "complete:fees_known", "no column 'source_dataset'")
    assert_error(report, "required:envelope", "no column 'source_dataset'")


@pytest.mark.parametrize(
    ("bad", "name"),
    [
        (category(field("came_on", "date"), rules=(rule("between", "odd", field="came_on", min=5),)), "between:odd"),
    ],
    ids=["a number as bound of a date"],
)
def test_a_rule_that_cannot_be_judged_is_an_error_and_fails_no_record(bad: Category, name: str) -> None:
    whole = record(bad.model_copy(update={"rules": ()}))
    report = validate(bad, table(bad, [whole, whole | {"region_match": "guess"}]))
    assert_error(report, name)
    assert report.errors == (result(report, name),)
    assert report.quarantined.tolist() == [1], "the other rules are judged"


def test_a_fault_inside_great_expectations_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """GX judges, so where it breaks its rule is an error; and the message quotes no value."""
    from great_expectations.expectations import registry

    def broken(*_: Any, **__: Any) -> None:
        raise TypeError("cannot read 3522151234567890")

    providers = registry._registered_metrics["column_values.in_set.condition"]["providers"]
    monkeypatch.setitem(providers, "PandasExecutionEngine", (providers["PandasExecutionEngine"][0], broken))
    report = validate(VISIT, table(VISIT, [visit()]))
    assert_error(report, "permitted:outcome", "could not judge this rule (TypeError)")
    assert "3522151234567890" not in repr(report)
    assert result(report, "range:wait").success


# -- the same input, the same report -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_the_suite_is_the_same_each_time(name: str) -> None:
    assert build_suite(SHIPPED[name]) == build_suite(SHIPPED[name].model_copy(deep=True))


def _facts(report: Report) -> tuple[Any, ...]:
    return report.results, {name: positions.tolist() for name, positions in report.failing.items()}


def test_the_report_is_the_same_each_time_and_on_several_threads() -> None:
    batches = [table(VISIT, [visit(wait=-1 if row % step else 5) for row in range(60)]) for step in (2, 3, 5, 7)]
    alone = [_facts(validate(VISIT, batch)) for batch in batches]
    together: dict[int, tuple[Any, ...]] = {}
    threads = [
        threading.Thread(target=lambda at=at, batch=batch: together.__setitem__(at, _facts(validate(VISIT, batch))))
        for at, batch in enumerate(batches)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[at] for at in range(4)] == alone


def _oracle(row: dict[str, Any]) -> set[str]:
    """The rules of VISIT that a record breaks, by the words of the declaration."""
    broken = set()
    if row["came_at"] is None:
        broken.add("required:came_at")
    if row["fee"] is None and row["outcome"] != "sent_away":
        broken.add("required:fee")
    if row["outcome"] not in {None, "served", "sent_away"}:
        broken.add("permitted:outcome")
    if row["wait"] is not None and not 0 <= row["wait"] <= 600:
        broken.add("range:wait")
    if row["desk"] is not None and not re.fullmatch(r"[A-Z]\d", row["desk"]):
        broken.add("pattern:desk")
    if row["came_at"] and row["left_at"] and row["left_at"] < row["came_at"]:
        broken.add("order:left_after_came")
    if row["came_at"] and row["due_on"]:
        day_ends = datetime.combine(row["due_on"], datetime.min.time(), UTC) + timedelta(hours=36)
        if row["came_at"] > day_ends:
            broken.add("order:due_after_came")
    return broken


def test_agrees_with_a_plain_reading_of_the_declaration() -> None:
    pick = np.random.default_rng(20260504)

    def one(*choices: Any) -> Any:
        return choices[pick.integers(len(choices))]

    rows = [
        visit(
            came_at=one(None, *(NOON + timedelta(hours=int(pick.integers(-60, 60))) for _ in range(6))),
            left_at=one(None, NOON, NOON + timedelta(hours=5), NOON - timedelta(days=1)),
            due_on=one(None, date(2026, 5, 3), date(2026, 5, 4), date(2026, 5, 9)),
            outcome=one(None, "served", "sent_away", "Served", ""),
            wait=one(None, -1, 0, 600, 601, 2**40),
            fee=one(None, Decimal("0.01"), Decimal("-5")),
            desk=one(None, "A1", "A1\n", "a1", "AA1", "Z9"),
            source_app=one("a", "b", "c"),
        )
        for _ in range(1500)
    ]
    batch = table(VISIT, rows)
    chunked = pa.concat_tables([batch.slice(0, 400), batch.slice(400, 1), batch.slice(401)])
    found: list[set[str]] = [set() for _ in rows]
    report = validate(VISIT, chunked)
    for name, positions in report.failing.items():
        for position in positions.tolist():
            found[position].add(name)
    assert found == [_oracle(row) for row in rows]
    assert report.quarantined.tolist() == [at for at, row in enumerate(rows) if _oracle(row)]
    assert report.rows == 1500
    poor = {app for app in "abc" if np.mean([row["fee"] is not None for row in rows if row["source_app"] == app]) < 0.5}
    assert result(report, "complete:fees_known").groups == tuple(f"{app}/records" for app in sorted(poor))


# -- what the rules mean -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("came", "passes"),
    [
        ("2026-05-05T11:59:00+00:00", True),  # still the fourth at UTC-12
        ("2026-05-05T12:00:00+00:00", True),
        ("2026-05-05T12:01:00+00:00", False),  # the fifth everywhere
        ("2026-05-03T11:00:00+00:00", True),
    ],
)
def test_a_day_and_a_time_are_compared_as_far_as_any_zone_allows(came: str, passes: bool) -> None:
    report = validate(VISIT, table(VISIT, [visit(came_at=datetime.fromisoformat(came), left_at=None)]))
    assert result(report, "order:due_after_came").success == passes


@pytest.mark.parametrize(
    ("left", "passes"), [("2026-05-03T10:00:00+00:00", True), ("2026-05-03T09:59:00+00:00", False)]
)
def test_a_time_is_not_before_the_day_begins_anywhere(left: str, passes: bool) -> None:
    thing = category(
        field("from_on", "date"),
        field("to_at", "timestamp"),
        rules=(rule("order", "turn", earlier="from_on", later="to_at"),),
    )
    row = record(thing, from_on=date(2026, 5, 4), to_at=datetime.fromisoformat(left))
    assert result(validate(thing, table(thing, [row])), "order:turn").success == passes


def test_dates_far_away_are_judged() -> None:
    rows = [
        visit(came_at=datetime(1, 1, 1, tzinfo=UTC), left_at=datetime(9999, 12, 31, tzinfo=UTC)),
        visit(came_at=NOON, left_at=datetime(1, 1, 2, tzinfo=UTC)),
    ]
    report = validate(VISIT, table(VISIT, rows))
    assert report.errors == ()
    assert report.failing["order:left_after_came"].tolist() == [1]


def test_the_last_day_of_a_range_counts_whole() -> None:
    thing = category(
        field("at", "timestamp"), rules=(rule("between", "year", field="at", min="2026-01-01", max="2026-12-31"),)
    )
    times = ["2025-12-31T23:59:59", "2026-01-01T00:00:00", "2026-12-31T23:59:59", "2027-01-01T00:00:00"]
    rows = [record(thing, at=datetime.fromisoformat(text).replace(tzinfo=UTC)) for text in times]
    assert validate(thing, table(thing, rows)).failing["between:year"].tolist() == [0, 3]


def test_a_warning_does_not_quarantine() -> None:
    request = SHIPPED["service_request"]
    old = NOON - timedelta(days=1)
    report = validate(request, table(request, [record(request, updated_datetime=old)]))
    assert report.failing["order:updated_after_requested"].tolist() == [0]
    assert report.quarantined.size == 0


def test_blocked_names_the_datasets() -> None:
    reading = SHIPPED["sensor_reading"]
    silent = record(reading, result=None, result_quality="missing", source_app="river")
    report = validate(reading, table(reading, [silent, silent, record(reading, source_app="weather")]))
    assert [(item.rule, item.groups) for item in report.blocked] == [("complete:results_known", ("river/records",))]
    assert report.quarantined.size == 0


def test_an_empty_batch_passes() -> None:
    for thing in (VISIT, SHIPPED["survey_response"]):
        report = validate(thing, standard_schema(thing).empty_table())
        assert (report.rows, report.errors, report.blocked, report.failing) == (0, (), (), {})
        assert all(item.success and item.evaluated == 0 for item in report.results)


def test_many_datasets_are_judged_at_once() -> None:
    rows = [
        visit(source_app=f"app{number:02d}", fee=None if number % 8 == 0 else 1, outcome="sent_away")
        for number in range(80)
    ]
    found = result(validate(VISIT, table(VISIT, rows)), "complete:fees_known")
    assert (found.evaluated, found.unexpected) == (80, 10)
    assert found.groups == tuple(f"app{number:02d}/records" for number in range(0, 80, 8))


# -- weight ------------------------------------------------------------------------------------------------------------


def test_great_expectations_and_pandas_are_imported_when_first_used() -> None:
    code = "import sys, opg_pipeline.validate; print({'great_expectations', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_warm_up_imports_in_the_background() -> None:
    code = (
        "import sys\nfrom opg_pipeline.validate import warm_up\nthread = warm_up()\nassert thread.daemon\n"
        "thread.join()\nprint('great_expectations' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_nothing_is_sent_and_nothing_is_printed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: calls.append(address))
    validate(VISIT, table(VISIT, [visit(outcome="lost")]))
    assert calls == []
    assert capfd.readouterr() == ("", "")
