"""Which column comes from which, from the path in an app's answer to a published number. One walk over the declarations; no data is read.

What the walk is used for (Dagster's metadata, ops.column_lineage) is elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from opg_pipeline.model.catalog import Catalog, DatasetRef
from opg_pipeline.model.category import Category, Measure
from opg_pipeline.model.handover import ENVELOPE

Place = tuple[str, ...]
"""A stage of the street and what follows: raw/<city>/<app>/<dataset>, standard/…, core/<category>, mart/measure, mart/wide_<category>."""
MEASURE: Place = ("mart", "measure")
DECLARED = "declared"
"""In the place of raw, where the value stands in the declaration itself."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A column that goes into another. ``how`` in words; ``measure`` is set where it is so for one measure alone."""

    source: Place
    source_column: str
    target: Place
    target_column: str
    how: str
    measure: str = ""


def column_lineage(catalog: Catalog) -> Iterator[Edge]:
    """Every edge of every used category, in the order of the street."""
    for category in sorted(catalog.used_categories, key=lambda item: item.id):
        refs = [ref for city in sorted(catalog.cities) for ref in catalog.datasets(city, active=False)]
        fed = [ref for ref in refs if ref.category.id == category.id]
        for ref in fed:
            yield from into_standard(ref)
        yield from into_core(category, fed)
        for measure in sorted(category.measures, key=lambda item: item.id):
            yield from into_measure(category, measure)


def standard_place(ref: DatasetRef) -> Place:
    """Where the standard records of a dataset are."""
    return ("standard", ref.city.id, ref.app.id, ref.dataset.id)


def into_standard(ref: DatasetRef) -> Iterator[Edge]:
    """Which source paths each standard column is read from."""
    source, target = ("raw", ref.city.id, ref.app.id, ref.dataset.id), standard_place(ref)
    for name, mapping in ref.dataset.fields.items():
        extra = (mapping.scale.from_,) if mapping.scale and mapping.scale.from_ else ()
        for path in (*mapping.paths, *extra):
            yield Edge(source, path, target, name, f"read as {mapping.parse}" if mapping.parse else "read")
        if mapping.const is not None:
            yield Edge((DECLARED, *source[1:]), f"fields.{name}.const", target, name, "the same for every record")
    if ref.dataset.region is not None:
        for path in ref.dataset.region.paths:
            yield Edge(source, path, target, "region_code", "resolved to a region")
    for path in ref.dataset.key_paths:
        yield Edge(source, path, target, "source_record_id", "part of the key")


def into_core(category: Category, refs: Iterable[DatasetRef]) -> Iterator[Edge]:
    """Every core column comes from the column of the same name of every dataset that fills it."""
    for ref in refs:
        filled = [item.name for item in category.stored_fields if item.name in ref.dataset.fields]
        for name in [*(name for name, _, _ in ENVELOPE), *filled]:
            yield Edge(standard_place(ref), name, ("core", category.id), name, "merged")


def into_measure(category: Category, measure: Measure) -> Iterator[Edge]:
    """What a published number is made of, and where it is shown."""
    core = ("core", category.id)

    def edge(source: str, target: str, how: str) -> Edge:
        return Edge(core, source, MEASURE, target, how, measure.id)

    yield edge("city_id", "city_id", "grouped by")
    yield edge("event_on", "period_start", f"grouped by {measure.period}")
    yield edge("region_code", "region_code", "grouped by district")
    yield edge("record_uid", "n", "counted")
    for name in measure.by:
        yield edge(name, "breakdown", "grouped by")
    value = measure.value
    taken = (
        () if value is None else (value.field,) if value.field else value.days_between or value.minutes_between or ()
    )
    for name in taken:
        yield edge(str(name), "value", f"{measure.aggregation} of")
    if value is None and measure.aggregation == "count":
        yield edge("record_uid", "value", "count of")
    for name in measure.where:
        yield edge(name, "value", "condition on")
    for name in measure.numerator or {}:
        yield edge(name, "value", "numerator of the share")
    wide: Place = ("mart", f"wide_{category.id}")
    for source, name in (("value", measure.id), ("n", f"{measure.id}_n"), ("suppressed", f"{measure.id}_suppressed")):
        yield Edge(MEASURE, source, wide, name, "set beside the others", measure.id)
    for language in ("en", "id"):
        yield Edge(MEASURE, "caveats", wide, f"{measure.id}_caveats_{language}", "told in words", measure.id)
