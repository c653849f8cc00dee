"""What was loaded can be made again from the archive without the network, is the same, and is told apart where it is not."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from opg_pipeline.defs.deployment import Deployment, DeploymentError
from opg_pipeline.defs.replay import Chosen
from opg_pipeline.model.catalog import shipped_catalog
from opg_pipeline.settings import Settings
from opg_pipeline_tests.integration.conftest import TWELVE
from opg_pipeline_tests.integration.runs import Ended, Runner, contents, duck, rows, runner

__all__ = ["runner"]
ARCHIVE_KEY = "7c" * 32
APPS = (*TWELVE, "elsimil_siga")
"""The twelve, and one that asks year by year."""
ALONE = """
import socket, sys

def refused(*_):
    raise OSError("there is no network here")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refused
"""
"""The beginning of a program that cannot reach anything."""
OPG = "from opg_pipeline.cli import main\nmain()\n"
ASK = "import sys, httpx\nprint(httpx.get(sys.argv[1]).status_code)\n"


class Replayer:
    """`opg` on a deployment of its own, with an archive key."""

    def __init__(self, runner: Runner, home: Path) -> None:
        self.runner, self.home = runner, home

    def run(self, *arguments: str, **extra: str) -> int:
        return self.runner.here(self.home, "run", *arguments, OPG_ARCHIVE_KEY=ARCHIVE_KEY, **extra).code

    def replay(self, *arguments: str, **extra: str) -> tuple[int, dict[str, Any], str]:
        """Exit code, the document of --json, and all that was printed."""
        given = {"OPG_SANDBOX_URL": "", "OPG_ARCHIVE_KEY": ARCHIVE_KEY, **extra}
        return self._told(arguments, self.runner.here(self.home, "replay", *arguments, **given))

    def alone(self, *arguments: str, **extra: str) -> tuple[int, dict[str, Any], str]:
        """The same of any command, by an interpreter that has neither the network nor a secret of any source."""
        machine = {name: value for name, value in self.runner.env.items() if name not in self.runner.sandbox.keys}
        env = {**machine, "OPG_SANDBOX_URL": "", "OPG_HOME": str(self.home), "OPG_ARCHIVE_KEY": ARCHIVE_KEY, **extra}
        script = self.home.with_name("alone.py")
        script.write_text(ALONE + OPG, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(script), *arguments], env=env, capture_output=True, text=True, timeout=400, check=False,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        return self._told(arguments, Ended(done.returncode, done.stdout, done.stderr))

    def _told(self, arguments: tuple[str, ...], ended: Ended) -> tuple[int, dict[str, Any], str]:
        assert "Traceback" not in ended.out + ended.err, ended.err[-3000:]
        found = ended.report if "--json" in arguments and ended.code != 2 else {}
        return ended.code, found, ended.out + ended.err


@pytest.fixture(scope="module")
def loaded(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Replayer:
    """The apps, loaded once with a key of the archive; tests leave it as it is."""
    made = Replayer(runner, tmp_path_factory.mktemp("replay") / "opg")
    assert made.run(*(word for app in APPS for word in ("--app", app))) == 0
    return made


@pytest.fixture(scope="module")
def two(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Replayer:
    """Two apps, loaded once; tests take a copy."""
    made = Replayer(runner, tmp_path_factory.mktemp("two") / "opg")
    assert made.run("--app", "damkar", "--app", "wizztara") == 0
    return made


@pytest.fixture
def damkar(two: Replayer, tmp_path: Path) -> Replayer:
    return Replayer(two.runner, shutil.copytree(two.home, tmp_path / "opg"))


def catalog(folder: Path, app: str, *changes: tuple[str, str]) -> str:
    """A catalogue with one app declared otherwise."""
    text = (shipped_catalog() / f"cities/bojonegoro/apps/{app}.yaml").read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    target = folder / f"cities/bojonegoro/apps/{app}.yaml"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return str(folder)


def test_every_app_is_equal_without_the_network(loaded: Replayer) -> None:
    before = contents(duck(loaded.home), ("core", "ops", "mart"), {"nothing"})
    code, found, said = loaded.alone("replay", "--json")
    assert code == 0, said
    assert {item["app"] for item in found["slices"]} == {item["app"] for item in found["core"]} == set(APPS)
    for item in found["slices"]:
        assert (item["verdict"], item["differences"], item["redeclared"]) == ("equal", [], False), item
        assert item["before"] == item["after"]
        assert len(item["after"]) == 64
        assert item["records"] == item["records_before"] > 0
        assert item["waiting"] == item["waiting_before"]
    for item in found["core"]:
        assert (item["verdict"], item["before"]) == ("equal", item["after"]), item
        assert item["records"] > 0
    assert sum(item["waiting"] for item in found["slices"]) > 0, "what waited was made again too"
    assert len({item["after"] for item in found["slices"]}) == len(found["slices"]), "a digest tells slices apart"
    assert contents(duck(loaded.home), ("core", "ops", "mart"), {"nothing"}) == before
    assert not list(loaded.home.glob("replay-*")), "nothing is left of the warehouse aside"


def test_parameters_of_requests_were_read_again(loaded: Replayer) -> None:
    """Records that know their year from the request alone."""
    raws = [
        raw for path in (loaded.home / "lake/slices").rglob("*.json") for raw in json.loads(path.read_bytes())["raw"]
    ]
    assert any(raw["params"] for raw in raws)


def test_the_replay_was_a_run_and_its_look_at_the_archive_is_noted(loaded: Replayer) -> None:
    with sqlite3.connect(loaded.home / "dagster/history/runs.db") as connection:
        runs = connection.execute("select status from runs where pipeline_name = 'replay'").fetchall()
    assert ("SUCCESS",) in runs
    notes = [json.loads(path.read_bytes()) for path in (loaded.home / "lake" / "access").glob("*.json")]
    assert any(
        note["why"] == "replay" and "bojonegoro/damkar/callouts" in note["what"] and note["who"] for note in notes
    )


@pytest.mark.parametrize(
    ("before", "told"), [("", "200"), (ALONE, "there is no network here")], ids=["with", "without"]
)
def test_the_network_is_there_and_the_replay_had_none(runner: Runner, before: str, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", before + ASK, f"{runner.sandbox.url}/__log"], capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert told in done.stdout + done.stderr


def test_core_is_rebuilt_in_a_warehouse_that_stays(loaded: Replayer, tmp_path: Path) -> None:
    target = f"duckdb:///{tmp_path / 'rebuilt.duckdb'}"
    code, _, said = loaded.replay("--app", "e_pbb", "--into", target, "--json")
    assert code == 0, said
    found = contents(target)["core.fiscal_entry"]
    [(expected,)] = rows(loaded.home, "select count(*) from core.fiscal_entry where source_app = 'e_pbb'")
    assert len(found) == expected > 0
    code, _, said = loaded.replay("--app", "e_pbb", "--into", target)
    assert code == 2
    assert "holds records already" in said


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (Chosen(("nobody",)), "There is no app 'nobody'"),
        (Chosen(("damkar",), ("nothing",)), "There is no dataset 'nothing'"),
        (Chosen(since="yesterday"), "'yesterday' is no date or time"),
        (Chosen(since="2026-02-01", until="2026-01-01"), "before it begins"),
    ],
    ids=["app", "dataset", "date", "period"],
)
def test_wrong_use_is_told(chosen: Chosen, message: str) -> None:
    with pytest.raises(DeploymentError, match=message):
        chosen.check(Deployment(Settings(city="bojonegoro")))


def test_wrong_use_ends_so(loaded: Replayer) -> None:
    code, _, said = loaded.replay("--app", "nobody")
    assert code == 2
    assert "There is no app 'nobody'" in " ".join(said.split())


def test_a_period_without_pulls_holds_nothing(loaded: Replayer) -> None:
    code, found, said = loaded.replay("--until", "2001-01-01", "--json")
    assert (code, found["slices"]) == (0, []), said
    code, found, said = loaded.replay("--app", "damkar", "--since", "2001-01-01", "--json")
    assert (code, [item["verdict"] for item in (*found["slices"], *found["core"])]) == (0, ["equal", "equal"]), said


def test_a_changed_manifest_is_told_and_loaded_only_when_asked(damkar: Replayer, tmp_path: Path) -> None:
    """One field read otherwise, one record fewer accepted: told by field and record; then put in place, alone and for good."""
    mine = catalog(
        tmp_path / "mine", "damkar",
        ("    loss_idr: taksiran_kerugian\n", ""),
        ("KEBAKARAN: KEBAKARAN, EVAKUASI HEWAN: EVAKUASI HEWAN, PENYELAMATAN", "KEBAKARAN: KEBAKARAN, PENYELAMATAN"),
    )  # fmt: skip
    before = contents(duck(damkar.home), leave_out={"nothing"})
    code, found, said = damkar.replay("--json", OPG_CATALOG=mine)
    assert code == 1, said
    told = {item["app"]: item for item in found["slices"]}
    assert told["wizztara"]["verdict"] == "equal"
    assert (told["damkar"]["verdict"], told["damkar"]["redeclared"]) == ("differs", True)
    columns = {(part["where"], part["column"]) for part in told["damkar"]["differences"]}
    assert {("standard", "(only before)"), ("standard", "loss_idr"), ("quarantine", "(only after)")} <= columns
    assert all(part["examples"] and part["records"] for part in told["damkar"]["differences"])
    assert told["damkar"]["records"] < told["damkar"]["records_before"]
    assert contents(duck(damkar.home), leave_out={"nothing"}) == before, "nothing was loaded"

    assert damkar.replay("--load", "--json", OPG_CATALOG=mine)[0] == 0
    after = contents(duck(damkar.home), leave_out={"nothing"})
    assert {name for name in after if after[name] != before[name]} <= {
        name for name in after if name.startswith("core.incident_event") or name == "core.dim_app"
    }
    incidents = rows(damkar.home, "select hazard_type, loss_idr from core.incident_event")
    assert len(incidents) == told["damkar"]["records"]
    assert {kind for kind, _ in incidents} == {"KEBAKARAN", "PENYELAMATAN"}
    assert {loss for _, loss in incidents} == {None}
    assert damkar.replay("--json", OPG_CATALOG=mine)[0] == 0, "now it is what was loaded"

    assert damkar.replay("--load", "--json")[0] == 0, "and back, by the manifest as it was"
    assert contents(duck(damkar.home), leave_out={"nothing"}) == before


def test_a_load_that_was_cut_off_is_finished_by_the_next_publish(damkar: Replayer, tmp_path: Path) -> None:
    """The slices were put in place and the process died: the warehouse is behind the lake until something publishes."""
    mine = catalog(tmp_path / "mine", "damkar", ("    loss_idr: taksiran_kerugian\n", ""))
    script = """
from opg_pipeline.defs.deployment import current_deployment
from opg_pipeline.defs.restore import restore
from opg_pipeline.defs.replay import Chosen
print(len(restore(current_deployment(), Chosen(("damkar",)), load=True).loaded))
"""
    ended = damkar.runner.script(damkar.home, script, OPG_CATALOG=mine, OPG_ARCHIVE_KEY=ARCHIVE_KEY)
    assert ended.out.split()[-1] == "1", ended.err
    assert damkar.run("--app", "wizztara", OPG_CATALOG=mine) == 0
    [(records, losses)] = rows(damkar.home, "select count(*), count(loss_idr) from core.incident_event")
    assert records > 0
    assert losses == 0
    assert rows(damkar.home, "select app, revision from ops.slice order by app") == [("damkar", 1), ("wizztara", 0)]


def test_raw_that_is_gone_or_sealed_is_said_plainly(damkar: Replayer) -> None:
    before = contents(duck(damkar.home), leave_out={"nothing"})
    for extra, message in (
        ({"OPG_ARCHIVE_KEY": ""}, "Set OPG_ARCHIVE_KEY"),
        ({"OPG_ARCHIVE_KEY": "11" * 32}, "another key than OPG_ARCHIVE_KEY"),
    ):
        code, _, said = damkar.replay("--app", "damkar", **extra)
        assert code in {1, 2}
        assert message in " ".join(said.split()), said
    next((damkar.home / "lake/raw/bojonegoro/damkar/callouts").glob("*.zst")).unlink()
    code, found, said = damkar.replay("--json")
    assert code == 1
    verdicts = {item["app"]: (item["verdict"], item["message"]) for item in found["slices"]}
    assert verdicts["wizztara"][0] == "equal", "the others are made again"
    assert verdicts["damkar"][0] == "unreadable"
    assert "it has expired or was removed" in verdicts["damkar"][1]
    cores = {item["app"]: item["verdict"] for item in found["core"]}
    assert cores["wizztara"] == "equal"
    assert cores.get("damkar", "not_compared") == "not_compared"
    assert damkar.replay("--load", "--json")[0] == 1
    assert contents(duck(damkar.home), leave_out={"nothing"}) == before, "what was loaded stays"
