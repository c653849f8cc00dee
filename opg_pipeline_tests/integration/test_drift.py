"""Sources that change their shape between two pulls: told in ops, in the scorecard and as a check of Dagster, and over when they are whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from opg_pipeline.lake import DatasetKey, Lake
from opg_pipeline.model.handover import SliceManifest
from opg_pipeline_tests.integration.runs import Ended, Runner, duck, running

DRIFTING = {"simpeg": "changed_type", "jdih": "renamed_field", "damisda": "nulls"}
HEALTHY = ("spse_lpse", "kpm_petani")
CHOSEN = (*DRIFTING, *HEALTHY)


@dataclass(repr=False)
class Story:
    """Three runs: all well, three sources changed, all well again."""

    runner: Runner
    home: Path
    runs: list[Ended]

    def rows(self, statement: str) -> list[dict[str, Any]]:
        with duckdb.connect(duck(self.home).removeprefix("duckdb:///"), read_only=True) as connection:
            found = connection.execute(statement)
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def manifests(self, app: str) -> list[SliceManifest]:
        lake = Lake(str(self.home / "lake"))
        dataset = next(item["dataset"] for item in self.runs[0].report["outcomes"] if item["app"] == app)
        key = DatasetKey("bojonegoro", app, dataset)
        return [lake.manifest(key, slice_id) for slice_id in lake.slice_ids(key)]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    home = tmp_path_factory.mktemp("drift") / "opg"
    only = [word for app in CHOSEN for word in ("--app", app)]
    with running("--scale", "0.1") as runner:
        runs = [runner.here(home, "run", "--json", *only)]
        runner.fault(**DRIFTING)
        runs.append(runner.here(home, "run", "--json", *only))
        runner.fault(**dict.fromkeys(DRIFTING))
        runs.append(runner.here(home, "run", "--json", *only))
        for ended in runs:
            assert ended.out.startswith("{"), ended.err[-2000:]
        yield Story(runner, home, runs)


def test_each_change_stands_in_ops_with_what_it_was_and_since_when(story: Story) -> None:
    found = story.rows("select * from ops.drift")
    second = story.runs[1].report["outcomes"][0]["run_id"]
    assert {row["run_id"] for row in found if row["app"] in DRIFTING and row["action"] != "note"} == {second}
    told = {(row["app"], row["place"]): (row["kind"], row["action"], row["before"]) for row in found}
    assert told[("jdih", "tahun_pengundangan")] == ("missing_field", "block", "text")
    assert any(app == "jdih" and kind == "new_field" for (app, _), (kind, _, _) in told.items())
    kinds = {app: {(kind, action) for (one, _), (kind, action, _) in told.items() if one == app} for app in CHOSEN}
    assert ("missing_field", "block") in kinds["damisda"]
    assert ("retyped", "quarantine") in kinds["simpeg"]
    assert all(row["since"] <= row["found_at"] for row in found)


def test_sources_that_stayed_as_they_were_have_no_drift(story: Story) -> None:
    assert {row["app"] for row in story.rows("select distinct app from ops.drift")} == set(DRIFTING)


def test_what_was_loaded_is_what_was_there_before_and_comes_again(story: Story) -> None:
    """A blocked pull loads nothing; a value that cannot be read waits; the next healthy pull is as the first."""
    outcomes = [run.outcomes for run in story.runs]
    assert [outcomes[1][app] for app in DRIFTING] == ["new_records", "fields_lost", "fields_lost"]
    assert [outcomes[1][app] for app in HEALTHY] == ["not_modified", "not_modified"]
    gone = "select count(*) as n from core.{} where source_app = '{}' and vanished_at is not null"
    for app in DRIFTING:
        category = next(item["category"] for item in story.rows("select distinct app, category from ops.slice") if item["app"] == app)  # fmt: skip
        assert story.rows(gone.format(category, app)) == [{"n": 0}]
        kinds = story.rows(
            f"select version_change, version_end, count(*) as n from core.{category}_history where source_app = '{app}' group by 1, 2"
        )
        if app != "simpeg":
            assert [(row["version_change"], row["version_end"]) for row in kinds] == [("new", None)]


def test_the_scorecard_says_what_differed(story: Story) -> None:
    cards = {row["app_id"]: row for row in story.rows("select * from mart.app_scorecard")}
    assert any(item.endswith("missing_field (block)") for item in json.loads(cards["damisda"]["drifted"]))
    assert cards["damisda"]["drifted_at"] is not None
    assert cards["kpm_petani"]["drifted"] is None


def test_the_check_fails_and_says_why(story: Story) -> None:
    """The event log of Dagster holds one evaluation per comparison; the severity is that of the worst change."""
    text = (
        "import os, json, dagster as dg\n"
        "os.environ['DAGSTER_HOME'] = os.path.join(os.environ['OPG_HOME'], 'dagster')\n"
        "told = {}\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    records = instance.get_event_records(dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION))\n"
        "    for record in records:\n"
        "        found = record.event_log_entry.dagster_event.asset_check_evaluation_data\n"
        "        if found.check_name == 'source_contract':\n"
        "            told.setdefault(found.asset_key.path[2], []).append([found.passed, found.severity.value, found.description])\n"
        "print(json.dumps(told))\n"
    )
    done = story.runner.script(story.home, text)
    assert done.code == 0, done.err[-2000:]
    told = json.loads(done.out.strip().splitlines()[-1])
    worst = {app: min(found) for app, found in told.items()}
    assert worst["jdih"][:2] == worst["damisda"][:2] == [False, "ERROR"]
    assert worst["simpeg"][:2] == [False, "WARN"]
    assert "tahun_pengundangan: missing_field, text since 20" in worst["jdih"][2]
    assert all(passed for app in HEALTHY for passed, _, _ in told.get(app, []))


def test_contracts_hold_no_personal_value(story: Story) -> None:
    planted = {item["value"] for item in story.runner.sandbox.planted(CHOSEN) if len(item["value"]) > 4}
    assert len(planted) > 100
    texts = [json.dumps(part.contract) for app in CHOSEN for part in story.manifests(app)]
    texts += [str(row) for row in story.rows("select * from ops.drift")]
    assert all(part.contract["fields"] for app in CHOSEN for part in story.manifests(app))
    assert [value for value in planted if any(value in text for text in texts)] == []
