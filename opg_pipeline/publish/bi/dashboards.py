"""Reads dashboards.yaml: which measures stand on which dashboard. Knows no BI tool."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

import yaml
from pydantic import Field, TypeAdapter, model_validator

from opg_pipeline.model.base import Declared, Identifier, Label
from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.category import Category, Measure
from opg_pipeline.publish.tables import PublishError

Kind = Literal["trend", "spread", "regions", "numbers", "apps", "figure", "bars"]


class Chart(Declared):
    """One chart. ``measure`` is `<category>.<measure>`, ``breakdown`` one of its breakdowns; ``sql`` an aggregate over the table ``of``, such that both engines know it."""

    kind: Kind
    measure: str | None = None
    measures: tuple[str, ...] = ()
    breakdown: str | None = None
    id: Identifier | None = None
    title: Label | None = None
    of: Literal["apps", "measure"] | None = None
    by: str | None = None
    sql: str | None = None
    format: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Chart:
        needed = {
            "trend": ("measure",), "spread": ("measure",), "regions": ("measure",), "numbers": ("measures",), "apps": (),
            "figure": ("id", "title", "of", "sql", "format"), "bars": ("id", "title", "of", "by", "sql", "format"),
        }[self.kind]  # fmt: skip
        given = {name for name in type(self).model_fields if name != "kind" and getattr(self, name)}
        if given - ({"breakdown"} if "measure" in needed else set()) != set(needed):
            raise ValueError(f"a chart of kind {self.kind} has {', '.join(needed) or 'nothing else'}")
        return self


class Dashboard(Declared):
    """A page of charts in rows."""

    id: Identifier
    title: Label
    about: Label
    rows: tuple[tuple[Chart, ...], ...] = Field(min_length=1)


def load_dashboards() -> list[Dashboard]:
    """The shipped dashboards."""
    text = files("opg_pipeline.publish.bi").joinpath("dashboards.yaml").read_text(encoding="utf-8")
    return TypeAdapter(list[Dashboard]).validate_python(yaml.safe_load(text))


def find_measure(catalog: Catalog, name: str) -> tuple[Category, Measure] | None:
    """The measure of a name `<category>.<measure>`; None where no app of the catalogue feeds its category.

    Raises:
        PublishError: there is no such measure.
    """
    category_id, _, measure_id = name.partition(".")
    category = catalog.categories.get(category_id)
    found = next((item for item in category.measures if item.id == measure_id), None) if category else None
    if category is None or found is None:
        raise PublishError(
            f"A dashboard shows {name!r}, which is no measure of the catalogue. Declare it, or take the chart out."
        )
    return (category, found) if category in catalog.used_categories else None
