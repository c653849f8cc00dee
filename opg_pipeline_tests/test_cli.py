"""`opg` from the outside: exit codes, messages for people, JSON, and no traceback for a user's mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from opg_pipeline.model.catalog import load_catalog


def opg(tmp_path: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OPG_", "DAGSTER_"))}
    env |= {"OPG_HOME": str(tmp_path / "opg"), "COLUMNS": "200", **extra}
    command = [sys.executable, "-m", "opg_pipeline.cli", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False)
    assert "Traceback" not in done.stdout + done.stderr
    return done


def test_check_is_well_quick_and_needs_no_orchestration(tmp_path: Path) -> None:
    started = time.monotonic()
    done = opg(tmp_path, "check")
    assert done.returncode == 0
    assert "80 apps, 14 categories" in done.stdout
    assert time.monotonic() - started < 30, "a guard against importing the world; the usual time is one second"
    heavy = "import sys, opg_pipeline.cli; print([m for m in ('dagster', 'pandas', 'sqlalchemy', 'httpx', 'great_expectations') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", heavy], text=True).strip() == "[]"


def test_check_names_file_line_key_and_fix(tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "cities" / "bojonegoro" / "apps"
    folder.mkdir(parents=True)
    (folder / "broken.yaml").write_text("id: broken\nname: [\n", encoding="utf-8")
    (folder / "odd.yaml").write_text("id: odd\nagency: bapenda\ncadence: nightly\n", encoding="utf-8")
    done = opg(tmp_path, "check", OPG_CATALOG=str(tmp_path / "mine"))
    assert done.returncode == 1
    assert "broken.yaml:3: This is not valid YAML" in done.stdout
    assert "odd.yaml:3: cadence: 'nightly' is not one of" in done.stdout
    found = json.loads(opg(tmp_path, "check", "--json", OPG_CATALOG=str(tmp_path / "mine")).stdout)
    assert {"file", "line", "key", "what", "fix"} == set(found["problems"][0])


def test_a_broken_catalogue_stops_a_run_with_the_same_message(tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "cities" / "bojonegoro" / "apps"
    folder.mkdir(parents=True)
    (folder / "odd.yaml").write_text("id: odd\ncadence: nightly\n", encoding="utf-8")
    done = opg(tmp_path, "run", OPG_CATALOG=str(tmp_path / "mine"))
    assert done.returncode == 1
    assert "odd.yaml:2" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "extra", "message"),
    [
        (["run", "--app", "nothing"], {}, "There is no app 'nothing'"),
        (["run"], {"OPG_CITY": "nowhere"}, "There is no city 'nowhere'"),
        (["run"], {"OPG_EXECUTOR": "threads"}, "OPG_EXECUTOR"),
        (["run"], {"OPG_PSEUDONYM_KEY": "12"}, "OPG_PSEUDONYM_KEY"),
        (["run", "--fault", "e_pbb=500"], {}, "--fault needs --sandbox"),
        (["sandbox", "--fault", "e_pbb"], {}, "write APP=KIND"),
        (["nonsense"], {}, "No such command"),
    ],
)
def test_wrong_use_is_exit_code_2(tmp_path: Path, arguments: list[str], extra: dict[str, str], message: str) -> None:
    done = opg(tmp_path, *arguments, **extra)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr


def test_export_and_status_before_the_first_run(tmp_path: Path) -> None:
    done = opg(tmp_path, "export")
    assert done.returncode == 1
    assert "Run `opg run` first" in done.stderr
    done = opg(tmp_path, "status")
    assert done.returncode == 0
    assert done.stdout.count("never") == len(list(load_catalog().datasets("bojonegoro")))


def test_every_command_has_help(tmp_path: Path) -> None:
    for command in ("check", "run", "sandbox", "status", "export", "ui", "docs"):
        done = opg(tmp_path, command, "--help")
        assert done.returncode == 0
        assert len(done.stdout) > 100


def test_generated_docs_are_up_to_date() -> None:
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "opg_pipeline.cli", "docs", "--check"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_stale_docs_are_told(tmp_path: Path) -> None:
    assert opg(tmp_path, "docs", "--to", str(tmp_path / "pages")).returncode == 0
    page = tmp_path / "pages" / "apps.md"
    page.write_text(page.read_text() + "x", encoding="utf-8")
    done = opg(tmp_path, "docs", "--check", "--to", str(tmp_path / "pages"))
    assert done.returncode == 1
    assert "apps.md" in done.stderr
