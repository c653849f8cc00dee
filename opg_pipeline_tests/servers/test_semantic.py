"""MetricFlow's own parser and validator read the semantic description, and every column it names is in its view."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from opg_pipeline.model.catalog import load_catalog
from opg_pipeline.publish.bi import semantic_description
from opg_pipeline.publish.views import mart_views

from .running import PYTHON

VALIDATE = """
import sys
from dbt_semantic_interfaces.parsing.dir_to_model import parse_directory_of_yaml_files_to_semantic_manifest as read
from dbt_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator
found = read(sys.argv[1])
result = SemanticManifestValidator().validate_semantic_manifest(found.semantic_manifest)
issues = [*found.issues.errors, *result.errors]
print(len(found.semantic_manifest.semantic_models), len(found.semantic_manifest.metrics), *issues, sep="\\n")
"""
SPINE = """
project_configuration:
  time_spines:
  - node_relation: {schema_name: core, alias: dim_date}
    primary_column: {name: date_day, time_granularity: day}
"""


def _read(folder: Path, text: str) -> list[str]:
    (folder / "semantic.yml").write_text(text, encoding="utf-8")
    (folder / "spine.yml").write_text(SPINE, encoding="utf-8")
    done = subprocess.run(
        [str(PYTHON), "-c", VALIDATE, str(folder)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


@pytest.mark.skipif(not PYTHON.exists(), reason="MetricFlow's parser is not installed: run `make test-servers`")
def test_metricflow_reads_it_without_an_error(tmp_path: Path) -> None:
    catalog = load_catalog()
    measures = sum(len(category.measures) for category in catalog.used_categories)
    assert _read(tmp_path, semantic_description(catalog)) == [str(len(catalog.used_categories)), str(2 * measures)]


@pytest.mark.skipif(not PYTHON.exists(), reason="MetricFlow's parser is not installed: run `make test-servers`")
def test_a_metric_of_a_measure_that_is_not_there_would_be_told(tmp_path: Path) -> None:
    text = semantic_description(load_catalog()).replace("measure: service_case_cases\n", "measure: nowhere\n")
    assert any("nowhere" in line for line in _read(tmp_path, text)[2:])


def test_every_column_is_in_its_view() -> None:
    catalog = load_catalog()
    columns = {view.name: set(view.comments) for view in mart_views(catalog) if view.name.startswith("wide_")}
    models = [
        item["semantic_model"] for item in yaml.safe_load_all(semantic_description(catalog)) if "semantic_model" in item
    ]
    assert {model["node_relation"]["alias"] for model in models} == set(columns)
    for model in models:
        named = {item.get("expr", item["name"]) for item in (*model["dimensions"], *model["measures"])}
        assert named <= columns[model["node_relation"]["alias"]]
