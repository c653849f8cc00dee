"""Bad input gives one clear message each, and loses nothing: what was loaded before stays, what came waits or is in raw."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opg_pipeline.model.catalog import shipped_catalog
from opg_pipeline_tests.integration.runs import Runner, contents, duck, runner

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
    "an unreachable host": (_env(OPG_SOURCE_URL__DAMKAR="http://127.0.0.1:9"), "unreachable", "no connection to the source"),
    "a wrong password": (_env(DAMKAR_PASSWORD="wrong"), "auth_failed", "HTTP 401"),
    "a wrong key path": (_edit("records: laporan", "records: laporan_lama"), "malformed", "leads nowhere at 'laporan_lama'"),
    "an empty answer": (_fault("empty"), "malformed", "the answer is empty"),
    "no records any more": (_fault("no_records"), "volume_collapsed", "delivered no records; its last pull had 150"),
    "a changed type": (_fault("changed_type"), "", "damkar"),
    "garbage": (_fault("garbage"), "malformed", "damkar"),
    "half an answer": (_fault("truncated"), "malformed", "damkar"),
    "a login page": (_fault("html_login"), "malformed", "HTML page"),
    "a paging that never ends": (_fault("next_loop"), "", "damkar"),
    "a bomb": (_fault("gzip_bomb"), "too_large", "damkar"),
    "an address that is gone": (_fault("404"), "endpoint_vanished", "HTTP 404"),
}


@pytest.fixture(scope="module")
def filled(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("filled") / "opg"
    assert runner.opg(home, "run", "--app", "damkar").code == 0
    return home


@pytest.mark.parametrize("case", CASES)
def test_one_clear_message_and_nothing_lost(case: str, runner: Runner, filled: Path, tmp_path: Path) -> None:
    arrange, outcome, message = CASES[case]
    home = tmp_path / "opg"
    shutil.copytree(filled, home)
    before = contents(duck(home))["core.incident_event"]
    assert len(before) > 140
    try:
        ended = runner.opg(home, "run", "--app", "damkar", "--json", **arrange(runner, tmp_path / "mine"))
    finally:
        runner.fault(damkar=None)
    assert ended.code == 1, ended.out + ended.err
    assert "Traceback" not in ended.out + ended.err
    report: dict[str, Any] = ended.report["outcomes"][0]
    assert report["outcome"] == outcome or not outcome, report
    assert report["outcome"] not in {"new_records", "internal_error"}, report
    assert message in report["message"], report
    assert len(report["hint"]) > 10
    assert contents(duck(home))["core.incident_event"] == before

    healthy = runner.opg(home, "run", "--app", "damkar", "--json")
    assert healthy.code == 0, healthy.out + healthy.err
    assert contents(duck(home))["core.incident_event"] == before
