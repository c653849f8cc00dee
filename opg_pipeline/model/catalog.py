"""Loads every declaration and holds the rules between files. The result is immutable; a catalogue with a problem does not load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from opg_pipeline.model.app import App, Dataset
from opg_pipeline.model.category import Category
from opg_pipeline.model.city import City, ContextNote
from opg_pipeline.model.crosscheck import check_app, check_category, check_city
from opg_pipeline.model.messages import explain
from opg_pipeline.model.pack import Pack
from opg_pipeline.model.packs import Pair, load_packs, pairs_of, with_measures, with_notes
from opg_pipeline.model.problems import DeclarationError, Problem
from opg_pipeline.model.reference import Region, RegionAlias, Urusan, read_aliases, read_regions, read_urusan
from opg_pipeline.model.yaml_source import YamlSource, front_matter, read_yaml

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """One dataset with all it belongs to."""

    city: City
    app: App
    dataset: Dataset
    category: Category

    @property
    def name(self) -> str:
        return f"{self.city.id}/{self.app.id}/{self.dataset.id}"


@dataclass(frozen=True, slots=True)
class CityCatalog:
    """A city with its apps (by id, in order), regions, context notes and accepted names of regions."""

    city: City
    apps: dict[str, App]
    regions: tuple[Region, ...]
    notes: tuple[tuple[ContextNote, str], ...]
    aliases: tuple[RegionAlias, ...] = ()


@dataclass(frozen=True)
class Catalog:
    """Everything declared. Categories and cities by id, in order of their ids."""

    categories: dict[str, Category]
    cities: dict[str, CityCatalog]
    urusan: tuple[Urusan, ...]
    packs: tuple[Pack, ...] = ()
    pairs: tuple[Pair, ...] = ()

    def datasets(self, city: str, *, active: bool = True) -> Iterator[DatasetRef]:
        """The datasets of a city in order of app id; ``active`` leaves out paused and retired apps. Raises KeyError."""
        entry = self.cities[city]
        for app in entry.apps.values():
            if active and app.status != "active":
                continue
            for dataset in app.datasets:
                yield DatasetRef(entry.city, app, dataset, self.categories[dataset.category])

    @cached_property
    def used_categories(self) -> tuple[Category, ...]:
        """Categories that some dataset of some city feeds."""
        used = {ref.category.id for city in self.cities for ref in self.datasets(city, active=False)}
        return tuple(category for category in self.categories.values() if category.id in used)


def shipped_catalog() -> Path:
    """The catalogue inside the package."""
    return Path(str(files("opg_pipeline"))) / "catalog"


def aliases_file(folder: Path, file: str) -> Path:
    """Where a catalogue folder keeps the accepted names of the regions in ``file``."""
    return folder / "reference" / "regions" / f"{file.removesuffix('.csv')}.aliases.csv"


class Loader:
    """Reads declarations from folders and keeps the problems it meets."""

    def __init__(self, folders: list[Path]) -> None:
        self.folders = folders
        self.problems: list[Problem] = []
        self.sources: dict[tuple[str, ...], YamlSource] = {}

    def find(self, pattern: str) -> list[Path]:
        """Files by pattern. A later folder's file of the same relative path takes the place of an earlier one's."""
        found: dict[str, Path] = {}
        for folder in self.folders:
            for path in sorted(folder.glob(pattern)):
                found[str(path.relative_to(folder))] = path
        return [found[name] for name in sorted(found)]

    def declared(self, pattern: str, model: type[ModelT], kind: str, *scope: str) -> dict[str, ModelT]:
        result: dict[str, ModelT] = {}
        for path in self.find(pattern):
            source = self.read(path)
            if source is None or (item := self.parse(source, model)) is None:
                continue
            item_id = str(getattr(item, "id"))  # noqa: B009 - every declared kind has an id
            expected = path.parent.name if path.name == "city.yaml" else path.stem
            if item_id != expected:
                self.problems.append(
                    source.problem(
                        ("id",), f"The id {item_id!r} differs from the name {expected!r}.", "make them equal."
                    )
                )
            result[item_id] = item
            self.sources[(kind, *scope, item_id)] = source
        return result

    def parse(self, source: YamlSource, model: type[ModelT]) -> ModelT | None:
        """The file's content; None, with problems noted, where it does not fit."""
        try:
            return model.model_validate(source.data)
        except ValidationError as error:
            self.problems += explain(source, model, error)
            return None

    def read(self, path: Path) -> YamlSource | None:
        """A YAML file; None, with problems noted, where it cannot be read."""
        try:
            return read_yaml(path)
        except DeclarationError as error:
            self.problems += error.problems
            return None

    def notes_in(self, paths: Iterable[Path]) -> tuple[tuple[ContextNote, str], ...]:
        """Notes with their text."""
        result = []
        for path in paths:
            try:
                source, text = front_matter(path)
            except DeclarationError as error:
                self.problems += error.problems
                continue
            note = self.parse(source, ContextNote)
            if note is not None:
                result.append((note, text))
        return tuple(result)

    def regions(self, source: YamlSource, file: str) -> tuple[tuple[Region, ...], tuple[RegionAlias, ...]]:
        """The regions of a city, and the aliases of every folder: a later folder adds to those of an earlier one."""
        path = self.reference(f"regions/{file}")
        if path is None:
            what = f"There is no reference/regions/{file}."
            self.problems.append(source.problem(("regions", "file"), what, "add the file."))
            return (), ()
        aliases: list[RegionAlias] = []
        try:
            regions = read_regions(path)
            for folder in self.folders:
                if (beside := aliases_file(folder, file)).is_file():
                    aliases += read_aliases(beside, regions)
        except DeclarationError as error:
            self.problems += error.problems
            return (), ()
        return regions, tuple(aliases)

    def reference(self, name: str) -> Path | None:
        found = self.find(f"reference/{name}")
        return found[0] if found else None


def load_catalog(*extra: Path, only: Path | None = None, packs: Path | None = None) -> Catalog:
    """Load the shipped catalogue with ``extra`` folders over it; ``only`` takes one folder's cities beside the shipped categories,
    ``packs`` is a folder of partners' packs.

    Raises:
        DeclarationError: with every problem of every file.
    """
    catalog, problems = check_catalog(*extra, only=only, packs=packs)
    if problems or catalog is None:
        raise DeclarationError(problems)
    return catalog


def check_catalog(
    *extra: Path, only: Path | None = None, packs: Path | None = None
) -> tuple[Catalog | None, list[Problem]]:
    """Load and check everything; the catalogue is None when something is wrong. Never raises for a bad file."""
    folders = [shipped_catalog(), *extra, *([only] if only else [])]
    loader = Loader(folders)
    for folder in folders:
        if not folder.is_dir():
            loader.problems.append(Problem(folder, 0, "", "There is no such catalogue folder.", "check OPG_CATALOG."))
    urusan_path = loader.reference("urusan.csv")
    urusan = read_urusan(urusan_path) if urusan_path else ()
    categories = loader.declared("categories/*.yaml", Category, "category")
    for category in categories.values():
        loader.problems += check_category(category, loader.sources[("category", category.id)])
    given = load_packs(loader, packs)
    categories = with_measures(categories, given, loader.problems)
    pairs = pairs_of(loader, given, categories)
    cities: dict[str, CityCatalog] = {}
    for city in loader.declared("cities/*/city.yaml", City, "city").values():
        source = loader.sources[("city", city.id)]
        if only is not None and not source.path.is_relative_to(only):
            continue
        regions, aliases = loader.regions(source, city.regions.file) if city.regions is not None else ((), ())
        loader.problems += check_city(city, source)
        apps = loader.declared(f"cities/{city.id}/apps/*.yaml", App, "app", city.id)
        for app in apps.values():
            loader.problems += check_app(
                app, loader.sources[("app", city.id, app.id)], city, categories, {item.urusan_code for item in urusan}
            )
        notes = loader.notes_in(loader.find(f"cities/{city.id}/context/*.md"))
        cities[city.id] = with_notes(CityCatalog(city, apps, regions, notes, aliases), given, loader)
    if loader.problems:
        loader.problems.sort(key=lambda problem: (str(problem.file), problem.line))
        return None, loader.problems
    return Catalog(categories, cities, urusan, tuple(pack for pack, _ in given), pairs), []
