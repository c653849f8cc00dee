"""A process killed anywhere leaves the old state or the new one: the next run ends with the records of an undisturbed run."""

from __future__ import annotations

from pathlib import Path

import pytest

from opg_pipeline_tests.integration.conftest import TWELVE
from opg_pipeline_tests.integration.runs import ONLY, Runner, contents, duck, runner

__all__ = ["runner"]

_KILL = """
import os, signal
from opg_pipeline.defs import reporting
from opg_pipeline.defs.run import run_city

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

{arrange}
run_city(apps={apps!r})
print("survived")
"""
PLACES = {
    "ingest, after five apps": """
ended = []
def hear(step):
    if step.stage == "pulled":
        ended.append(step)
        if len(ended) == 5:
            die()
reporting._listeners.append(hear)
""",
    "ingest, files of a slice written but not committed": """
from opg_pipeline.lake import SliceWriter
commits = []
whole = SliceWriter.commit
def commit(self, manifest):
    commits.append(self)
    if len(commits) == 4:
        die()
    whole(self, manifest)
SliceWriter.commit = commit
""",
    "publish, before the third category": """
begun = []
def hear(step):
    if step.stage == "publish" and step.name.startswith("core/"):
        begun.append(step)
        if len(begun) == 3:
            die()
reporting._listeners.append(hear)
""",
    "publish, rows staged and the transaction open": """
from opg_pipeline.load import Merge
added = []
whole = Merge.add
def add(self, manifest, rows):
    whole(self, manifest, rows)
    added.append(rows)
    if len(added) == 6:
        die()
Merge.add = add
""",
    "publish, marts being made": """
def hear(step):
    if step.stage == "publish" and step.name == "open data":
        die()
reporting._listeners.append(hear)
""",
}


@pytest.fixture(scope="module")
def undisturbed(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[object, ...]]]:
    home = tmp_path_factory.mktemp("undisturbed") / "opg"
    assert runner.here(home, "run", *ONLY).code == 0
    return contents(duck(home))


@pytest.mark.parametrize("place", PLACES)
def test_killed_in(
    place: str, runner: Runner, tmp_path: Path, undisturbed: dict[str, list[tuple[object, ...]]]
) -> None:
    home = tmp_path / "opg"
    killed = runner.script(home, _KILL.format(arrange=PLACES[place], apps=TWELVE))
    assert killed.code == -9, killed.err[-2000:]
    assert "survived" not in killed.out
    again = runner.here(home, "run", *ONLY)
    assert again.code == 0, again.out + again.err
    found = contents(duck(home))
    assert {name: len(rows) for name, rows in found.items()} == {name: len(rows) for name, rows in undisturbed.items()}
    assert found == undisturbed
    manifests = [file.read_text(encoding="utf-8") for file in (home / "lake").rglob("*.json")]
    assert manifests
    assert not [text for text in manifests if ".partial" in text], "a half-written file keeps a name that nothing reads"
