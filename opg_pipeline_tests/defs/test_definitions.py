"""The definitions that the shipped catalogue makes: graph, jobs, schedules, sensors, and that no step can block the others."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from opg_pipeline.defs.build import build_definitions
from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs.jobs import CRON
from opg_pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
SNAPSHOT = Path(__file__).with_name("asset_graph.json")


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return build_definitions(Deployment(Settings(home=tmp_path_factory.mktemp("home"), city="bojonegoro")))


def graph(definitions: dg.Definitions) -> dict[str, list[str]]:
    found = definitions.resolve_asset_graph()
    return {
        key.to_user_string(): sorted(parent.to_user_string() for parent in found.get(key).parent_keys)
        for key in sorted(found.get_all_asset_keys(), key=lambda item: item.to_user_string())
    }


def test_the_asset_graph_is_the_snapshot(definitions: dg.Definitions) -> None:
    """When an app or category is added, renew with: python -m opg_pipeline_tests.defs.test_definitions"""
    assert graph(definitions) == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def test_every_step_is_a_coroutine(definitions: dg.Definitions) -> None:
    """A step that blocks would stop every other: the executor runs them on one event loop."""
    for assets in definitions.assets or []:
        assert isinstance(assets, dg.AssetsDefinition)
        function = assets.op.compute_fn.decorated_fn  # type: ignore[union-attr]
        assert inspect.isasyncgenfunction(function) or inspect.iscoroutinefunction(function), assets.op.name


def test_assets_tell_who_owns_them_and_what_they_hold(definitions: dg.Definitions) -> None:
    found = definitions.resolve_asset_graph()
    for key in found.get_all_asset_keys():
        node = found.get(key)
        assert node.owners, key
        assert node.kinds, key
        assert node.description, key
        if key.path[0] in {"standard", "core"}:
            assert "dagster/column_schema" in node.metadata, key
            assert "dagster/column_lineage" in node.metadata, key
        if key.path[0] == "standard":
            assert node.freshness_policy is not None, key


def test_lineage_reaches_the_source_path(definitions: dg.Definitions) -> None:
    key = dg.AssetKey(["standard", "bojonegoro", "e_pbb", "payments"])
    lineage = definitions.resolve_asset_graph().get(key).metadata["dagster/column_lineage"]
    assert [dep.column_name for dep in lineage.deps_by_column["amount_idr"]] == ["jumlah"]


def test_lineage_of_a_published_number_reaches_the_fields_it_is_made_of(definitions: dg.Definitions) -> None:
    lineage = definitions.resolve_asset_graph().get(dg.AssetKey(["mart", "measure"])).metadata["dagster/column_lineage"]
    value = {(dep.asset_key.path[-1], dep.column_name) for dep in lineage.deps_by_column["value"]}
    assert ("fiscal_entry", "amount_idr") in value
    assert len({category for category, _ in value}) >= 14
    assert {dep.column_name for dep in lineage.deps_by_column["region_code"]} == {"region_code"}


def test_one_schedule_per_cadence_in_the_citys_zone(definitions: dg.Definitions) -> None:
    schedules = {schedule.name: schedule for schedule in definitions.schedules or []}  # type: ignore[union-attr]
    assert len(schedules) >= 3
    for name, schedule in schedules.items():
        assert isinstance(schedule, dg.ScheduleDefinition)
        cadence = name.removeprefix("ingest_bojonegoro_").removesuffix("_schedule")
        assert schedule.cron_schedule == CRON[cadence]
        assert schedule.execution_timezone == "Asia/Jakarta"


def test_publish_follows_success_and_failure(definitions: dg.Definitions) -> None:
    names = {sensor.name: sensor for sensor in definitions.sensors or []}
    assert set(names) == {"publish_after_bojonegoro_success", "publish_after_bojonegoro_failure"}
    assert all(sensor.default_status is dg.DefaultSensorStatus.RUNNING for sensor in names.values())  # type: ignore[union-attr]


@pytest.mark.parametrize("command", [["check", "defs"], ["list", "defs"]])
def test_dg_works_from_the_root(command: list[str], tmp_path: Path) -> None:
    env = {**os.environ, "OPG_HOME": str(tmp_path), "DG_CLI_DISABLE_TELEMETRY": "1"}
    tool = Path(sys.executable).with_name("dg")
    done = subprocess.run(
        [str(tool), *command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workspace_file_loads(tmp_path: Path) -> None:
    env = {**os.environ, "OPG_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    made = build_definitions(Deployment(Settings(city="bojonegoro")))
    SNAPSHOT.write_text(json.dumps(graph(made), indent=1) + "\n", encoding="utf-8")
