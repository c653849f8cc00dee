"""What waits is told without a value, decided about on the record, and comes in when its declaration is repaired, and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from opg_pipeline_tests.integration.runs import Ended, Runner, contents, duck, rows, runner
from opg_pipeline_tests.integration.test_replay import ARCHIVE_KEY, catalog

__all__ = ["runner"]
APPS = ("--app", "damkar", "--app", "wizztara")
STATUS = ("BARU: open, DIPROSES: in_progress, SELESAI: closed", "BARU: open, DIPROSES: in_progress")
NAME = ("        bphtb: Pajak jual beli tanah (BPHTB)\n", "")
EARLY = (
    "    deaths: korban_meninggal\n",
    '    deaths: korban_meninggal\n    response_at: {const: "2001-01-01T00:00:00+00:00"}\n',
)
WHEN = {"version_from", "version_to", "version_change", "version_end"}
"""Columns that tell when a record came, which a repair changes."""


class Town:
    """`opg` on a deployment of its own."""

    def __init__(self, runner: Runner, home: Path) -> None:
        self.runner, self.home = runner, home

    def opg(self, *arguments: str, **extra: str) -> Ended:
        ended = self.runner.here(self.home, *arguments, **{"OPG_ARCHIVE_KEY": ARCHIVE_KEY, **extra})
        assert "Traceback" not in ended.out + ended.err, ended.err[-3000:]
        return ended

    def waiting(self, *arguments: str) -> list[dict[str, Any]]:
        found = self.opg("quarantine", "list", *arguments, "--json")
        assert found.code == 0, found.err
        return list(json.loads(found.out))

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        return rows(self.home, statement)

    def core(self) -> dict[str, list[tuple[Any, ...]]]:
        found = contents(duck(self.home), leave_out=WHEN)
        return {
            name: table
            for name, table in found.items()
            if not name.endswith(("_past", "_history")) and "dim_" not in name
        }


@pytest.fixture(scope="module")
def healthy(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Both apps as they are declared; tests only read it."""
    town = Town(runner, tmp_path_factory.mktemp("healthy") / "opg")
    assert town.opg("run", *APPS).code == 0
    return town


@pytest.fixture(scope="module")
def once_broken(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """The same with a manifest that refuses a status (records wait) and a name (values wait); tests take a copy."""
    folder = tmp_path_factory.mktemp("broken")
    town = Town(runner, folder / "opg")
    assert town.opg("run", *APPS, OPG_CATALOG=catalog(folder / "mine", "wizztara", STATUS, NAME)).code == 0
    return town


@pytest.fixture
def broken(once_broken: Town, tmp_path: Path) -> Town:
    return Town(once_broken.runner, shutil.copytree(once_broken.home, tmp_path / "opg"))


def test_list_tells_causes_and_shapes_and_no_value(healthy: Town) -> None:
    found = healthy.waiting()
    assert {entry["state"] for entry in found} == {"open"}
    assert len({entry["id"] for entry in found}) == len(found)
    status = [entry for entry in found if entry["field"] == "status"]
    assert {(entry["reason"], entry["value_class"]) for entry in status} == {("unmapped_value", "AAA…-9")}
    assert healthy.waiting("--app", "damkar") == [entry for entry in found if entry["app"] == "damkar"] != []
    assert (
        healthy.waiting("--dataset", "messages") == [entry for entry in found if entry["dataset"] == "messages"] != []
    )
    assert healthy.waiting("--reason", "bad_date") == [entry for entry in found if entry["reason"] == "bad_date"] != []
    assert healthy.waiting("--since", "2001-01-01") == found
    assert healthy.waiting("--until", "2001-01-01") == healthy.waiting("--state", "dismissed") == []
    table = healthy.opg("quarantine", "list", "--app", "wizztara")
    assert all(entry["id"] in table.out for entry in found if entry["app"] == "wizztara")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("list", "--app", "nobody"), "There is no app 'nobody'"),
        (("list", "--state", "lost"), "There is no state 'lost'"),
        (("list", "--since", "soon"), "'soon' is no date or time"),
        (("show", "000000000000"), "There is no entry 000000000000"),
        (("dismiss", "--why", "x"), "Say which entries"),
        (("dismiss", "--why", "  ", "--app", "damkar"), "Say why"),
    ],
)
def test_wrong_use_is_told(healthy: Town, arguments: tuple[str, ...], message: str) -> None:
    ended = healthy.opg("quarantine", *arguments)
    assert ended.code == 2
    assert message in " ".join((ended.out + ended.err).split())


@pytest.mark.parametrize("command", ["list", "show", "replay", "dismiss"])
def test_every_command_explains_itself(healthy: Town, command: str) -> None:
    ended = healthy.opg("quarantine", command, "--help")
    assert ended.code == 0
    assert "--json" in ended.out


def test_the_record_is_shown_to_who_has_the_key_and_says_why_and_the_look_is_noted(healthy: Town) -> None:
    entry = healthy.waiting("--app", "wizztara", "--reason", "unmapped_value")[0]
    notes = healthy.home / "lake" / "access"
    plain = healthy.opg("quarantine", "show", entry["id"], "--json")
    assert plain.code == 0
    assert "record" not in plain.report
    assert plain.report["payload"].startswith("quarantine/bojonegoro/wizztara/messages/")
    assert not notes.exists(), "nothing was looked at"
    shown = healthy.opg("quarantine", "show", entry["id"], "--why", "the vendor asked", "--json")
    assert shown.code == 0
    assert shown.report["record"]["status"].startswith("?") or shown.report["record"]["status"] not in {
        "BARU",
        "DIPROSES",
        "SELESAI",
    }
    noted = [json.loads(path.read_bytes()) for path in notes.glob("*.json")]
    assert [(note["why"], entry["id"] in note["what"]) for note in noted] == [("the vendor asked", True)]
    assert noted[0]["who"]
    for key, message in (("", "Set OPG_ARCHIVE_KEY"), ("11" * 32, "another key")):
        refused = healthy.opg("quarantine", "show", entry["id"], "--why", "curious", OPG_ARCHIVE_KEY=key)
        assert refused.code in {1, 2}
        assert message in " ".join((refused.out + refused.err).split())
        assert shown.report["record"]["id"] not in refused.out + refused.err


def test_counts_reach_the_warehouse_the_checks_and_the_scorecard(healthy: Town) -> None:
    found = healthy.waiting()
    told = healthy.ask(
        "select app, reason, rule, field, open, dismissed, repaired from ops.quarantine where open > 0 order by 1, 2"
    )
    assert sum(row[4] for row in told) == len(found)
    causes = {(entry["app"], entry["reason"], entry["rule"], entry["field"]) for entry in found}
    assert {row[:4] for row in told} == causes
    card = dict(
        healthy.ask("select app_id, quarantine_open from mart.app_scorecard where app_id in ('damkar', 'wizztara')")
    )
    assert card == {app: sum(entry["app"] == app for entry in found) for app in ("damkar", "wizztara")}


def test_what_is_dismissed_is_counted_apart_and_can_be_opened_again(broken: Town) -> None:
    some = [entry["id"] for entry in broken.waiting("--reason", "bad_record")]
    assert broken.opg("quarantine", "dismiss", *some, "--why", "torn lines of the export").code == 0
    gone = broken.waiting("--state", "dismissed")
    assert [entry["id"] for entry in gone] == some
    assert all("torn lines" in entry["decided"] for entry in gone)
    assert not set(some) & {entry["id"] for entry in broken.waiting()}
    assert broken.opg("run", *APPS).code == 0, "a pull that brings the same record again does not open it"
    assert [entry["id"] for entry in broken.waiting("--state", "dismissed")] == some
    assert broken.ask("select sum(dismissed) from ops.quarantine") == [(len(some),)]
    assert broken.ask("select quarantine_dismissed from mart.app_scorecard where app_id = 'wizztara'") == [(len(some),)]
    assert broken.opg("quarantine", "dismiss", *some, "--undo", "--why", "the vendor repairs them").code == 0
    assert set(some) <= {entry["id"] for entry in broken.waiting()}
    decisions = [json.loads(path.read_bytes()) for path in sorted((broken.home / "lake/decisions").rglob("*.json"))]
    assert [(item["action"], item["why"]) for item in decisions] == [
        ("dismiss", "torn lines of the export"), ("reopen", "the vendor repairs them"),
    ]  # fmt: skip


def test_a_repair_loads_exactly_the_repaired_records(broken: Town, healthy: Town) -> None:
    """The warehouse ends as if the manifest had been right from the start; all other records stand untouched."""
    waiting, still = broken.waiting(), healthy.waiting()
    held = {entry["record_uid"] for entry in still if entry["scope"] == "record"}
    assert any(entry["record_uid"] in held and entry["field"] == "status" for entry in waiting), "refused twice"
    expected = {entry["id"] for entry in waiting if entry["record_uid"] not in held} - {entry["id"] for entry in still}
    assert {entry["scope"] for entry in waiting if entry["id"] in expected} == {"record", "value"}
    untouched = "select record_uid, lineage_batch_id, row_hash from core.{} order by 1"
    before = broken.ask(untouched.format("service_request")), broken.ask(untouched.format("incident_event"))
    ended = broken.opg("quarantine", "replay", "--json")
    assert ended.code == 0, ended.out
    repaired = {name for item in ended.report["slices"] for name in item["repaired"]}
    assert repaired == expected
    assert broken.core() == healthy.core()
    after = broken.ask(untouched.format("service_request"))
    slices = broken.ask("select slice_id, records, repairs from ops.slice where repairs > 0")
    assert [row[2] for row in slices] == [len(expected)]
    changed = set(after) - set(before[0])
    assert {row[1] for row in changed} == {slices[0][0]}
    assert len(changed) == slices[0][1]
    assert broken.ask(untouched.format("incident_event")) == before[1]

    assert {entry["id"] for entry in broken.waiting()} == {entry["id"] for entry in waiting} - expected
    assert {entry["id"] for entry in broken.waiting("--state", "repaired")} == expected
    assert broken.ask("select sum(repaired) from ops.quarantine") == [(len(expected),)]
    again = broken.opg("quarantine", "replay", "--json")
    assert (again.code, again.report["entries"]) == (0, 0), "once is enough"

    assert broken.opg("replay", "--app", "damkar", "--json").report["good"]
    position = broken.opg("run", *APPS)
    assert position.code == 0
    assert broken.core() == healthy.core(), "the next pull finds all of it there"


def test_what_the_rules_refused_is_repaired_too(runner: Runner, healthy: Town, tmp_path: Path) -> None:
    """Help that came before the call: Great Expectations refused every record; by the right manifest all come in."""
    town = Town(runner, tmp_path / "opg")
    town.opg("run", *APPS, OPG_CATALOG=catalog(tmp_path / "mine", "damkar", EARLY))
    refused = town.waiting("--reason", "rule_failed")
    assert {(entry["rule"], entry["field"], entry["value_class"]) for entry in refused} == {
        ("order:response_after_onset", "response_at", "9999-99-99 99:99:99+99:99")
    }
    assert len(refused) == len(healthy.core()["core.incident_event"])
    same = town.opg("quarantine", "replay", "--app", "damkar", "--json", OPG_CATALOG=str(tmp_path / "mine"))
    assert (same.code, same.report["entries"]) == (0, 0), "by the same manifest nothing is repaired"
    assert sum(item["still"].get("order:response_after_onset", 0) for item in same.report["slices"]) == len(refused)
    ended = town.opg("quarantine", "replay", "--app", "damkar", "--json")
    assert (ended.code, ended.report["entries"]) == (0, len(refused))
    assert town.core() == healthy.core()
    assert town.waiting("--reason", "rule_failed") == []


def test_a_repair_that_cannot_read_the_archive_says_so_and_changes_nothing(broken: Town) -> None:
    before = broken.core()
    for path in (broken.home / "lake/raw/bojonegoro/wizztara/messages").glob("*.zst"):
        path.unlink()
    ended = broken.opg("quarantine", "replay", "--app", "wizztara")
    assert ended.code == 1
    assert "it has expired or was removed" in " ".join(ended.out.split())
    assert broken.core() == before
