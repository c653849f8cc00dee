"""Bad input gives one clear message each, and loses nothing: what was loaded before stays, what came waits or is in raw."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs.ingest import ingest_dataset
from opg_pipeline.model.catalog import shipped_catalog
from opg_pipeline.model.handover import OutcomeRecord
from opg_pipeline.settings import Settings
from opg_pipeline_tests.integration.runs import Runner, runner

__all__ = ["runner"]
Arrange = Callable[[Runner, Path], dict[str, str]]


def _fault(kind: str) -> Arrange:
    def arrange(runner: Runner, catalog: Path) -> dict[str, str]:
        runner.fault(damkar=kind)
        return {}

    return arrange


def _edit(old: str, new: str) -> Arrange:
    def arrange(runner: Runner, catalog: Path) -> dict[str, str]:
        text = (shipped_catalog() / "cities/bojonegoro/apps/damkar.yaml").read_text(encoding="utf-8")
        assert old in text
        target = catalog / "cities/bojonegoro/apps/damkar.yaml"
        target.parent.mkdir(parents=True)
        target.write_text(text.replace(old, new), encoding="utf-8")
        return {"OPG_CATALOG": str(catalog)}

    return arrange


def _env(**extra: str) -> Arrange:
    return lambda runner, catalog: extra


CASES: dict[str, tuple[Arrange, str, str]] = {
    # case: (what is wrong, outcome, part of the message)
    "a missing secret": (_env(DAMKAR_PASSWORD=""), "missing_secret", "DAMKAR_PASSWORD"),
    "an unreachable host": (
        _env(OPG_SOURCE_URL__DAMKAR="http://127.0.0.1:9"),
        "unreachable",
        "no connection to the source",
    ),
    "a wrong password": (_env(DAMKAR_PASSWORD="wrong"), "auth_failed", "HTTP 401"),
    "a wrong key path": (
        _edit("records: laporan", "records: laporan_lama"),
        "malformed",
        "leads nowhere at 'laporan_lama'",
    ),
    "an empty answer": (_fault("empty"), "malformed", "the answer is empty"),
    "no records any more": (_fault("no_records"), "volume_collapsed", "delivered no records; its last pull had 15"),
    "garbage": (_fault("garbage"), "malformed", "damkar"),
    "half an answer": (_fault("truncated"), "malformed", "damkar"),
    "a login page": (_fault("html_login"), "malformed", "HTML page"),
    "a paging that never ends": (_fault("next_loop"), "", "damkar"),
    "a bomb": (_fault("gzip_bomb"), "too_large", "damkar"),
    "an address that is gone": (_fault("404"), "endpoint_vanished", "HTTP 404"),
}


class Deployed:
    """Pulls of damkar in this process, so that thirteen cases cost seconds."""

    def __init__(self, runner: Runner, home: Path, patch: pytest.MonkeyPatch) -> None:
        self.runner, self.home, self.patch = runner, home, patch

    def pull(self, **extra: str) -> OutcomeRecord:
        for name, value in {**self.runner.env, **extra}.items():
            self.patch.setenv(name, value)
        deployment = Deployment(Settings(home=self.home))
        ref = next(ref for ref in deployment.datasets() if ref.app.id == "damkar")
        return asyncio.run(ingest_dataset(deployment, ref, "run"))

    def files(self) -> list[str]:
        """Slices and standard files: what publish would load."""
        lake = self.home / "lake"
        return sorted(
            str(path.relative_to(lake))
            for folder in ("slices", "standard")
            for path in (lake / folder).rglob("*")
            if path.is_file()
        )


@pytest.fixture
def deployed(runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    found = Deployed(runner, tmp_path / "opg", monkeypatch)
    assert found.pull().outcome.value == "new_records"
    return found


@pytest.mark.parametrize("case", CASES)
def test_one_clear_message_and_nothing_lost(
    case: str, deployed: Deployed, runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrange, outcome, message = CASES[case]
    before = deployed.files()
    try:
        record = deployed.pull(**arrange(runner, tmp_path / "mine"))
    finally:
        runner.fault(damkar=None)
    assert record.outcome.value == outcome or not outcome, record
    assert not record.outcome.good, record
    assert record.outcome.value != "internal_error", record
    assert message in record.message, record
    assert len(record.hint) > 10
    kept = [name for name in deployed.files() if name in before]
    assert kept == before, "what was there is there"
    if record.outcome.value != "all_rejected":
        assert deployed.files() == before, "a failed pull makes no slice"
    for name in ("OPG_CATALOG", "OPG_SOURCE_URL__DAMKAR"):
        monkeypatch.delenv(name, raising=False)
    assert deployed.pull().outcome.good, "the next healthy pull is well"


def test_a_changed_type_of_an_optional_field_costs_the_value_alone(deployed: Deployed, runner: Runner) -> None:
    runner.fault(damkar="changed_type")
    try:
        record = deployed.pull()
    finally:
        runner.fault(damkar=None)
    assert record.outcome.value == "new_records"
    assert record.accepted + record.quarantined == record.records
    assert record.values_quarantined >= record.accepted, "each record's value waits with its reason"


def test_the_message_reaches_the_terminal_without_a_traceback(runner: Runner, tmp_path: Path) -> None:
    ended = runner.opg(tmp_path / "opg", "run", "--app", "damkar", DAMKAR_PASSWORD="")
    assert ended.code == 1
    assert "DAMKAR_PASSWORD" in ended.out
    assert "Fix: set DAMKAR_PASSWORD" in ended.out
    assert "Traceback" not in ended.out + ended.err
