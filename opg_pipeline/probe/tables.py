"""What kind of table the records are, by the shape of their columns alone: measurements, counts, places, writings, persons.

Knows no names of apps or fields. Which category a kind speaks for stands in probe_synonyms.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from opg_pipeline.probe.columns import Column

_LINK = re.compile(r"https?://\S+")


def kinds_of(columns: Sequence[Column]) -> frozenset[str]:
    """The kinds that the records seem to be of; several may hold, or none.

    counts: numbers of years, months or groups, with nothing that stands for one event. series: the same few things measured
    again and again. places: each with where it is, and no time. writings: a title and a link. persons: somebody is in it.
    prices: goods with what they cost.
    """
    held = [column for column in columns if column.kind != "empty" and column.present]
    years = [column for column in held if _is_year(column)]
    label = next((column for column in held if column.kind == "integer" and column.unique), None)
    measures = [
        column
        for column in held
        if column.numeric
        and column is not label
        and column not in years
        and not column.place
        and not _is_position(column)
    ]
    moments = [column for column in held if column.kind == "date" and column not in years and not column.of_change]
    persons = [column for column in held if column.personal]
    texts = [column for column in held if column.kind == "text" and not column.personal]
    found = set()
    if persons:
        found.add("persons")
    if measures and not persons and not moments and (years or len(measures) >= 0.5 * len(held)):
        found.add("counts")
    if moments and measures and not persons and any(_repeats(column) for column in texts) and not _one_each(held):
        found.add("series")
    if any(_is_position(column) for column in held) and not moments:
        found.add("places")
    if any(_links(column) for column in texts) and any(_titles(column) for column in texts):
        found.add("writings")
    return frozenset(found)


def _is_year(column: Column) -> bool:
    if column.kind not in {"integer", "date"} or not column.present:
        return False
    values = [str(value).strip() for value in column.values[:100]]
    return all(re.fullmatch(r"(19|20)\d\d", value) is not None for value in values)


def _is_position(column: Column) -> bool:
    """Whether it is a geometry, or a number with the decimals of a degree."""
    if column.path.endswith("coordinates") or column.path.endswith("rings"):
        return True
    return column.kind == "number" and all(
        isinstance(value, float) and abs(value) <= 180 and len(repr(value).partition(".")[2]) >= 4
        for value in column.values[:50]
    )


def _repeats(column: Column) -> bool:
    return column.present == column.rows and 1 <= column.distinct <= 0.2 * column.rows


def _one_each(columns: Sequence[Column]) -> bool:
    """Whether a text stands for one record."""
    return any(column.unique and column.kind == "text" for column in columns)


def _links(column: Column) -> bool:
    return all(_LINK.fullmatch(str(value)) is not None for value in column.values[:50])


def _titles(column: Column) -> bool:
    texts = [str(value) for value in column.values[:100]]
    return not _links(column) and sum(" " in text.strip() for text in texts) >= 0.9 * len(texts) and column.distinct >= 0.8 * column.present  # fmt: skip
