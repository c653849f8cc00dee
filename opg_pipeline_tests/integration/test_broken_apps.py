"""Apps that fail stop nobody else: the run says which and why, and the next run with healthy apps completes."""

from __future__ import annotations

from pathlib import Path

import pytest

from opg_pipeline_tests.integration.runs import ONLY, Runner, contents, duck, runner

__all__ = ["runner"]
BROKEN = {"e_pbb": "500", "si_nduk": "garbage"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("broken") / "opg"


def test_ten_of_twelve_load_and_the_next_run_completes(runner: Runner, home: Path) -> None:
    runner.fault(**BROKEN)
    first = runner.here(home, "run", *ONLY)
    assert first.code == 1
    assert "10 of 12 datasets well" in first.out
    assert "e_pbb/payments" in first.out
    assert "HTTP 500" in first.out
    assert "si_nduk/" in first.out
    assert "Traceback" not in first.out + first.err
    loaded = contents(duck(home))
    assert len(loaded["core.fiscal_entry"]) > 50, "e_bphtb feeds the same category and is there"
    assert loaded["core.service_case"] == []
    for table in (
        "care_encounter",
        "contract_process",
        "document_record",
        "incident_event",
        "sensor_reading",
        "service_request",
    ):
        assert loaded[f"core.{table}"], table

    runner.fault(**dict.fromkeys(BROKEN))
    second = runner.here(home, "run", "--json", *ONLY)
    assert second.code == 0, second.err
    assert second.outcomes["e_pbb"] == second.outcomes["si_nduk"] == "new_records"
    after = contents(duck(home))
    assert len(after["core.fiscal_entry"]) > 500
    assert len(after["core.service_case"]) > 250

    third = runner.here(home, "run", "--json", *ONLY)
    assert third.code == 0
    assert contents(duck(home)) == after, "the same input changes nothing"
    merged = [item["merged"] for item in third.report["publish"]["categories"].values() if item["merged"]]
    assert sum(item["inserted"] + item["updated"] for item in merged) == 0


def test_the_failure_is_in_status_and_scorecard(runner: Runner, home: Path) -> None:
    runner.fault(damkar="503:1")
    assert runner.here(home, "run", "--app", "damkar").code == 1
    runner.fault(damkar=None)
    status = runner.here(home, "status")
    assert "server error" in status.out
    card = contents(duck(home), ("mart",))["mart.app_scorecard"]
    assert [row for row in card if "damkar" in row and "server_error" in row]
