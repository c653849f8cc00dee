"""Which part of a source is asked for: the same from the terminal and from Dagster's launchpad, and what each says of a bad value."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from opg_pipeline.defs.build import build_definitions
from opg_pipeline.defs.deployment import current_deployment
from opg_pipeline_tests.defs.town import STEP, pull, record, settle
from opg_pipeline_tests.extract.conftest import Server

INCREMENTAL = {
    "incremental": {
        "field": "at",
        "param": "since",
        "until_param": "until",
        "start": "2025-01-01",
        "format": "yyyy-mm-dd HH:MM",
    }
}
BAD = [
    ({"since": "kemarin"}, "'kemarin' is no date or time. Write such as 2026-01-31 or 2026-01-31T08:00."),
    ({"until": "31/01/2026"}, "'31/01/2026' is no date or time."),
    (
        {"since": "2026-02-01", "until": "2026-01-01"},
        "The backfill ends (2026-01-01) before it begins (2026-02-01).",
    ),
]
SPANS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {"since": "2026-01-20 08:00"}),
    ({"full": True}, {"since": "2025-01-01 00:00"}),
    ({"since": "2025-12-01"}, {"since": "2025-12-01 00:00"}),
    ({"since": "2025-12-01T06:30", "until": "2025-12-31"}, {"since": "2025-12-01 06:30", "until": "2026-01-01 00:00"}),
    ({"since": "2025-12-01T00:00+00:00"}, {"since": "2025-12-01 07:00"}),
    ({"until": "2025-12-31"}, {"since": "2025-01-01 00:00", "until": "2026-01-01 00:00"}),
]
IDS = ["usual", "full", "since", "both", "offset", "until"]


@pytest.fixture
async def pulled(tmp_path: Path, server: Server) -> Path:
    """The town after one pull, whose newest record is of 20 January, 08:00."""
    settle(tmp_path, server.url, INCREMENTAL)
    server.handler = lambda request: [record(number, day=number) for number in range(1, 21)]
    assert (await pull(tmp_path)).accepted == 20
    server.asked.clear()
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return {"OPG_HOME": str(folder / "home"), "OPG_CITY": "town", "OPG_CATALOG": str(folder / "catalog")}


def asked(server: Server, expected: dict[str, str]) -> dict[str, str]:
    """The bounds of the one request, as far as they are expected: without `until`, it is the present."""
    (only,) = server.asked
    assert {"since", "until"} <= set(only.query)
    return {name: only.query[name] for name in expected}


def launch(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, folder: Path) -> dg.ExecuteInProcessResult:
    """Execute the ingest job as the launchpad does with that configuration."""
    for name, value in environment(folder).items():
        monkeypatch.setenv(name, value)
    job = build_definitions(current_deployment()).resolve_job_def("ingest_town")
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(
            run_config={"ops": {STEP: {"config": config}}}, instance=instance, raise_on_error=False
        )


@pytest.mark.parametrize(("span", "expected"), SPANS, ids=IDS)
def test_from_the_launchpad(
    span: dict[str, Any], expected: dict[str, str], pulled: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = launch(span, monkeypatch, pulled)
    assert result.success
    assert asked(server, expected) == expected


@pytest.mark.parametrize(("span", "message"), BAD, ids=["since", "until", "order"])
def test_a_bad_value_in_the_launchpad_fails_the_step_in_words(
    span: dict[str, Any], message: str, pulled: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = launch(span, monkeypatch, pulled)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    told = failure.step_failure_data.user_failure_data
    assert told is not None, "a failure that explains itself, not an exception"
    assert message in (told.description or "")
    assert server.asked == []


def opg(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "opg_pipeline.cli", "run", "--no-publish", *arguments], env={**os.environ, **environment(folder)},
        capture_output=True, text=True, timeout=120, cwd=folder, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--since", "2025-12-01T06:30", "--until", "2025-12-31"), SPANS[3][1]),
        (("--full",), SPANS[1][1]),
    ],
    ids=["bounds", "full"],
)
def test_from_the_terminal(arguments: tuple[str, ...], expected: dict[str, str], pulled: Path, server: Server) -> None:
    done = opg(pulled, *arguments)
    assert done.returncode == 0, done.stderr
    assert asked(server, expected) == expected


@pytest.mark.parametrize(("span", "message"), BAD, ids=["since", "until", "order"])
def test_a_bad_value_in_the_terminal_is_wrong_use(
    span: dict[str, str], message: str, pulled: Path, server: Server
) -> None:
    done = opg(pulled, *(word for name, value in span.items() for word in (f"--{name}", value)))
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert server.asked == []


def test_force_asks_outside_the_hours_and_without_it_the_terminal_tells_why_not(pulled: Path, server: Server) -> None:
    now = datetime.now(ZoneInfo("Asia/Jakarta"))
    begin, end = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (2, 3))
    settle(pulled, server.url, INCREMENTAL, {"budget": {"hours": f"{begin}-{end}"}})
    late = opg(pulled)
    assert late.returncode == 0
    assert f"kios may be asked from {begin} only" in late.stdout
    assert "with --force" in late.stdout
    assert server.asked == []
    assert opg(pulled, "--force").returncode == 0
    assert len(server.asked) == 1
