"""One deployment: settings, catalogue, lake, keys, warehouse, put together once. No work is done here."""

from __future__ import annotations

import atexit
import hashlib
import os
import secrets
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path

from opg_pipeline.lake import DatasetKey, Lake
from opg_pipeline.load import Warehouse
from opg_pipeline.model.catalog import Catalog, CityCatalog, DatasetRef, load_catalog
from opg_pipeline.normalise import Pseudonymiser, RegionResolver
from opg_pipeline.settings import Settings


class DeploymentError(Exception):
    """The deployment cannot work as it is set up; the message says what to change."""


def _hex_key(text: str, name: str, exactly: int | None = None) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        raise DeploymentError(f"{name} is not hexadecimal. Make one with: openssl rand -hex 32") from None
    if len(key) < 32 or (exactly is not None and len(key) != exactly):
        raise DeploymentError(f"{name} must be {'exactly' if exactly else 'at least'} 32 bytes (64 hex digits).")
    return key


def archive_key(text: str, name: str) -> bytes:
    """A key that seals payloads, from the variable ``name``. Raises DeploymentError."""
    return _hex_key(text, name, exactly=32)


class Deployment:
    """Everything a run needs. Cheap to make: each part is made when it is first used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.announcements: list[str] = []
        self.lineage_unheard = False
        """Whether the place that OpenLineage events go to did not take one."""
        self._warehouse: Warehouse | None = None
        self._users = 0
        self._lock = threading.RLock()

    @cached_property
    def catalog(self) -> Catalog:
        """The catalogue. Raises DeclarationError."""
        return load_catalog(*([self.settings.catalog] if self.settings.catalog else []), packs=self.settings.packs)

    @cached_property
    def city(self) -> CityCatalog:
        """The city to run. Raises DeploymentError for one that is not declared."""
        try:
            return self.catalog.cities[self.settings.city]
        except KeyError:
            known = ", ".join(self.catalog.cities)
            raise DeploymentError(
                f"There is no city {self.settings.city!r}. Set OPG_CITY to one of: {known}."
            ) from None

    @cached_property
    def lake(self) -> Lake:
        key = self.settings.archive_key
        return Lake(
            self.settings.lake,
            archive_key(key.get_secret_value(), "OPG_ARCHIVE_KEY") if key is not None else None,
        )

    @cached_property
    def tokens(self) -> Pseudonymiser:
        """Pseudonyms by the key of the environment, or by one made on first use and kept in $OPG_HOME/pseudonym.key."""
        key = self.settings.pseudonym_key
        if key is not None:
            return Pseudonymiser(_hex_key(key.get_secret_value(), "OPG_PSEUDONYM_KEY"))
        path = self.settings.home / "pseudonym.key"
        self.settings.home.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return Pseudonymiser(_hex_key(path.read_text(encoding="ascii"), str(path)))
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
        self.announcements.append(
            f"A pseudonym key was made and kept in {path}, readable by you alone. Back it up: without it, tokens of "
            "later runs will not match. Set OPG_PSEUDONYM_KEY to use your own."
        )
        return self.tokens_from(path)

    @staticmethod
    def tokens_from(path: Path) -> Pseudonymiser:
        return Pseudonymiser(_hex_key(path.read_text(encoding="ascii"), str(path)))

    @cached_property
    def resolver(self) -> RegionResolver | None:
        regions = self.city.city.regions
        if regions is None:
            return None
        aliases = [(alias.name, alias.code) for alias in self.city.aliases]
        return RegionResolver(self.city.regions, regions.root, regions.fuzzy_threshold, aliases)

    @cached_property
    def region_codes(self) -> dict[str, tuple[str, ...]]:
        """Region codes of the city by level, dotted, for datasets that are asked once for each."""
        found: dict[str, list[str]] = {}
        for region in self.city.regions:
            found.setdefault(region.level, []).append(region.code)
        return {level: tuple(codes) for level, codes in found.items()}

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        """The warehouse, migrated and open; closed when its last user leaves, so that others may open the file."""
        with self._lock:
            if self._warehouse is None:
                self.settings.home.mkdir(parents=True, exist_ok=True)
                self._warehouse = Warehouse.open(self.settings.warehouse, self.catalog)
            self._users += 1
        try:
            yield self._warehouse
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._warehouse.close()
                    self._warehouse = None

    def datasets(self) -> list[DatasetRef]:
        """Datasets of the city's active apps."""
        return list(self.catalog.datasets(self.city.city.id))


def dataset_key(ref: DatasetRef) -> DatasetKey:
    return DatasetKey(ref.city.id, ref.app.id, ref.dataset.id)


def declaration_hash(ref: DatasetRef) -> str:
    """Digest of what the dataset's records mean: its own declaration, the locale and the category's fields.

    Of what a file says alone: a word that the vocabulary gains makes no dataset another one.
    """
    parts = (
        ref.dataset.model_dump_json(by_alias=True, exclude_defaults=True),
        ref.app.locale.over(ref.city.locale).model_dump_json(),
        *(field.model_dump_json(exclude_defaults=True) for field in ref.category.fields),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


@lru_cache(maxsize=4)
def _deployment(fingerprint: str) -> Deployment:
    _quiet_end()
    return Deployment(Settings())


@lru_cache(maxsize=1)
def _quiet_end() -> None:
    """Where pandas and DuckDB were imported in one process, DuckDB's bindings print a page of leaks when the interpreter ends.

    Nothing leaks while it runs. What is written to standard error after this handler is that page.
    """

    def hush() -> None:
        sys.stderr.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)

    atexit.register(hush)


def current_deployment() -> Deployment:
    """The deployment the environment describes; made anew when the environment says something else."""
    return _deployment(Settings.fingerprint())
