"""What a run prints: one screen for a whole city, every failure with its fix, and nothing where there is nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from opg_pipeline.cli import report
from opg_pipeline.defs.publish import CategorySummary, PublishReport
from opg_pipeline.defs.run import RunResult
from opg_pipeline.load import MergeReport
from opg_pipeline.model.handover import Outcome, OutcomeRecord
from opg_pipeline.settings import Settings

AT = datetime(2026, 1, 1, tzinfo=UTC)
CATEGORIES = ("fiscal_entry", "service_case", "survey_response")


def outcome(number: int, kind: Outcome = Outcome.NEW_RECORDS, message: str = "", hint: str = "") -> OutcomeRecord:
    return OutcomeRecord(
        "run", "town", f"app_{number:02}", "records", CATEGORIES[number % 3], kind, AT, AT, message=message, hint=hint,
        records=0 if message else 1_000, accepted=0 if message else 990, quarantined=0 if message else 10,
    )  # fmt: skip


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    console = Console(width=120, record=True, file=None, force_terminal=False)
    monkeypatch.setattr(report, "out", console)

    def show(outcomes: list[OutcomeRecord], publish: PublishReport | None = None, *, each: bool = False) -> str:
        result = RunResult("town", outcomes, publish, 0, "run", {"ingest": 2.0})
        report.show_run(result, Settings(home=tmp_path), each=each)
        return console.export_text()

    return show


def test_a_whole_city_is_summed_up_by_category(shown: Callable[..., str]) -> None:
    merged = MergeReport(rows=9_900, inserted=9_000, updated=7, vanished=3)
    publish = PublishReport({"service_case": CategorySummary("service_case", slices=10, quarantined=5, merged=merged)})
    text = shown([outcome(number) for number in range(30)], publish)
    line = next(line for line in text.splitlines() if "service_case" in line)
    assert line.split() == ["service_case", "10", "10", "10,000", "105", "9,000", "7", "3", "0"]
    assert "app_00" not in text
    assert "30 of 30 datasets well, 30 with something new; 30,000 records in 2.0 s" in text
    assert len(text.splitlines()) < 24


def test_what_went_wrong_is_told_with_its_fix(shown: Callable[..., str]) -> None:
    bad = outcome(1, Outcome.UNREACHABLE, "app_01/records: no connection.", "ask its operator.")
    late = outcome(2, Outcome.PUT_OFF, "app_02 may be asked from 21:00 only.", "run it in its hours.")
    text = shown([outcome(0), late, bad, *(outcome(number) for number in range(3, 30))])
    assert text.index("app_01: app_01/records: no connection. Fix: ask its operator.") < text.index(
        "app_02: app_02 may"
    )
    line = next(line for line in text.splitlines() if line.strip().startswith("service_case"))
    assert line.split()[:3] == ["service_case", "10", "9"]
    assert "29 of 30 datasets well" in text


def test_a_city_that_is_down_does_not_fill_the_screen(shown: Callable[..., str]) -> None:
    down = [outcome(number, Outcome.UNREACHABLE, "no connection.", "wait.") for number in range(84)]
    text = shown(down)
    assert text.count("no connection.") == report.LIST
    assert "... and 64 more: opg status" in text


def test_each_dataset_of_a_few_has_its_line(shown: Callable[..., str]) -> None:
    assert "app_01/records" in shown([outcome(number) for number in range(3)])


def test_each_dataset_has_its_line_where_that_is_asked_for(shown: Callable[..., str]) -> None:
    text = shown([outcome(number) for number in range(30)], each=True)
    assert all(f"app_{number:02}/records" in text for number in range(30))


def test_nothing_new_is_said_so(shown: Callable[..., str]) -> None:
    same = [outcome(number, Outcome.NOT_MODIFIED) for number in range(30)]
    text = shown(same, PublishReport({name: CategorySummary(name) for name in CATEGORIES}, nothing_new=True))
    assert "Nothing new: measures and open data" in text
    assert "none with something new" in text
    assert "by category" not in text
