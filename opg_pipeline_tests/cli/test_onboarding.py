"""`opg app` from the outside: the how-to followed literally, questions in the terminal, messages and exit codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from opg_pipeline_tests.cli.running import shell

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "add-an-app.md"


def test_the_how_to_works_as_it_is_written(tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    done = shell(tmp_path, "\n".join(line.strip() for block in blocks for line in block.splitlines()))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All well; nothing was stored." in done.stdout
    assert "1 of 1 datasets well" in done.stdout
    draft = (tmp_path / "catalogue/cities/bojonegoro/apps/my_first_app.yaml").read_text(encoding="utf-8")
    assert draft.startswith("# yaml-language-server: $schema=app.schema.json\n")
    assert (tmp_path / "catalogue/cities/bojonegoro/apps/app.schema.json").is_file()
    assert '\n        "ESKALASI-2": in_progress\n' in draft
    assert "\n    requested_datetime: {from: ts, parse: epoch_s}" in draft


def test_new_asks_nothing_with_yes_and_check_names_what_is_open(tmp_path: Path) -> None:
    done = shell(tmp_path, "opg app new e_lapor --yes --agency bapenda --urusan 5.02", OPG_CATALOG=str(tmp_path))
    assert done.returncode == 0, done.stderr
    checked = shell(tmp_path, "opg check", OPG_CATALOG=str(tmp_path))
    assert checked.returncode == 1
    assert "e_lapor.yaml" in checked.stdout
    assert "key" in checked.stdout


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("opg app probe", 2, "Give an address"),
        ("opg app probe ftp://x/y --yes", 2, "is no address"),
        ("opg app probe http://127.0.0.1:9/x --yes", 1, "Fix:"),
        ("opg app probe http://x/y --auth bearer:s3cr3t --yes", 2, "never a secret"),
        ("opg app probe http://x/y --auth bearer:NOT_SET --yes", 1, "NOT_SET is not set"),
        ("opg app probe --har none.har --yes", 2, "cannot be read"),
        ("opg app test nothing", 2, "There is no app 'nothing'"),
        ("opg app test si_nduk", 1, "OPG_SANDBOX_URL is not set"),
    ],
)
def test_mistakes_end_in_one_message(tmp_path: Path, command: str, code: int, message: str) -> None:
    done = shell(tmp_path, command)
    assert done.returncode == code, done.stderr
    assert message in done.stdout + done.stderr
