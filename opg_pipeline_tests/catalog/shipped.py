"""The shipped category files as they stand, read without the cities, whose own tests speak of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from opg_pipeline.model.catalog import shipped_catalog
from opg_pipeline.model.category import Category
from opg_pipeline.model.yaml_source import YamlSource, read_yaml


def category_files() -> list[Path]:
    return sorted((shipped_catalog() / "categories").glob("*.yaml"))


@cache
def read_category(path: Path) -> tuple[Category, YamlSource]:
    source = read_yaml(path)
    return Category.model_validate(source.data), source


def categories() -> list[Category]:
    return [read_category(path)[0] for path in category_files()]
