"""Lays partners' packs over a catalogue: their measures join the categories, their notes the cities. Checks what they refer to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from opg_pipeline.model.category import Category, Measure
from opg_pipeline.model.crosscheck import check_measure
from opg_pipeline.model.pack import Association, Associations, Pack
from opg_pipeline.model.problems import Problem
from opg_pipeline.model.yaml_source import YamlSource

if TYPE_CHECKING:
    from opg_pipeline.model.catalog import CityCatalog, Loader


@dataclass(frozen=True, slots=True)
class Pair:
    """An association with the pack that declares it ('' = the catalogue)."""

    pack: str
    association: Association


def load_packs(loader: Loader, folder: Path | None) -> list[tuple[Pack, YamlSource]]:
    """The packs in a folder: one folder each, with pack.yaml and context/*.md."""
    if folder is None:
        return []
    if not folder.is_dir():
        loader.problems.append(Problem(folder, 0, "", "There is no such folder of packs.", "check OPG_PACKS."))
        return []
    found = []
    for path in sorted(folder.glob("*/pack.yaml")):
        source = loader.read(path)
        pack = None if source is None else loader.parse(source, Pack)
        if source is None or pack is None:
            continue
        if pack.id != path.parent.name:
            what = f"The id {pack.id!r} differs from the name of its folder, {path.parent.name!r}."
            loader.problems.append(source.problem(("id",), what, "make them equal."))
        found.append((pack, source))
    return found


def with_measures(
    categories: dict[str, Category], packs: Sequence[tuple[Pack, YamlSource]], problems: list[Problem]
) -> dict[str, Category]:
    """The categories with the packs' measures behind their own."""
    result = dict(categories)
    for pack, source in packs:
        for index, given in enumerate(pack.measures):
            category = result.get(given.category)
            if category is None:
                what = f"There is no category {given.category!r}."
                problems.append(
                    source.problem(("measures", index, "category"), what, f"known: {', '.join(categories)}.")
                )
                continue
            told = given.model_dump(exclude={"category"}, exclude_unset=True) | {"id": pack.measure_id(given.id)}
            measure = Measure.model_validate(told)
            category = category.model_copy(update={"measures": (*category.measures, measure)})
            problems += check_measure(category, measure, source, ("measures", index))
            result[category.id] = category
        own = [(item.category, item.id) for item in pack.measures]
        for name in sorted({name for name in own if own.count(name) > 1}):
            problems.append(
                source.problem(("measures",), f"{'.'.join(name)} is declared twice.", "give each its own id.")
            )
    return result


def with_notes(city: CityCatalog, packs: Sequence[tuple[Pack, YamlSource]], loader: Loader) -> CityCatalog:
    """The city with the notes of the packs that speak of it; a pack's note may name the pack's measures by their own ids."""
    notes = list(city.notes)
    for pack, source in packs:
        if pack.city in {None, city.city.id}:
            own = {item.id for item in pack.measures}
            for note, text in loader.notes_in(sorted((source.path.parent / "context").glob("*.md"))):
                measures = tuple(pack.measure_id(name) if name in own else name for name in note.measures)
                notes.append((note.model_copy(update={"id": pack.measure_id(note.id), "measures": measures}), text))
    return replace(city, notes=tuple(notes))


def pairs_of(
    loader: Loader, packs: Sequence[tuple[Pack, YamlSource]], categories: dict[str, Category]
) -> tuple[Pair, ...]:
    """The declared associations: the catalogue's associations.yaml, then the packs'."""
    found: list[Pair] = []
    for path in loader.find("associations.yaml"):
        source = loader.read(path)
        declared = None if source is None else loader.parse(source, Associations)
        if source is not None and declared is not None:
            found += _checked("", declared.associations, source, categories, loader.problems)
    for pack, source in packs:
        found += _checked(pack.id, pack.associations, source, categories, loader.problems)
    return tuple(found)


def _checked(
    pack: str,
    given: Sequence[Association],
    source: YamlSource,
    categories: dict[str, Category],
    problems: list[Problem],
) -> list[Pair]:
    known = {f"{category.id}.{item.id}": item for category in categories.values() for item in category.measures}
    found = []
    for index, item in enumerate(given):
        named = {}
        for key in ("a", "b"):
            name = getattr(item, key)
            category, _, own = name.partition(".")
            named[key] = f"{category}.{pack}__{own}" if f"{category}.{pack}__{own}" in known else name
            if named[key] not in known:
                problems.append(
                    source.problem(
                        ("associations", index, key), f"There is no measure {name!r}.", "name <category>.<measure>."
                    )
                )
        if all(name in known for name in named.values()):
            first, second = known[named["a"]], known[named["b"]]
            if named["a"] == named["b"] or first.period != second.period or first.by or second.by:
                problems.append(
                    source.problem(
                        ("associations", index),
                        f"{named['a']} and {named['b']} cannot be compared.",
                        "take two measures of the same period that are not broken down.",
                    )
                )
            found.append(Pair(pack, item.model_copy(update=named)))
    return found
