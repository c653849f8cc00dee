"""The sandbox city in a process of its own, and the street run on it: once dataset by dataset, once as `opg run` does it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import logging
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from opg_pipeline.defs.deployment import Deployment, dataset_key
from opg_pipeline.defs.ingest import ingest_dataset
from opg_pipeline.lake import DatasetKey, Lake
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import OutcomeRecord, SliceManifest
from opg_pipeline.settings import Settings

SEED = 1
ARCHIVE_KEY = "6f" * 32
TWELVE = (
    "damkar", "e_bphtb", "e_pbb", "e_puskesmas", "ekatalog_v6", "gis_cctv", "portal_berita", "sapa_bupati", "si_nduk",
    "sispan_sismon", "tma_bengawan_solo", "wizztara",
)  # fmt: skip
"""Apps that stand for the others where each test costs a run: one of every format and door there was at first."""
RUN = f"""
from opg_pipeline.defs.run import run_city
result = run_city(apps={TWELVE!r})
print(result)
for outcome in result.outcomes:
    print("well" if outcome.outcome.good else "FAILED", outcome.app, outcome.outcome.value, outcome.message, outcome.hint)
print("seconds", result.seconds, result.publish and result.publish.seconds)
raise SystemExit(result.exit_code)
"""


@dataclass(frozen=True, repr=False)
class Sandbox:
    """The running sandbox: its address and the keys of its apps."""

    url: str
    keys: dict[str, str]

    def ask(self, path: str) -> Any:
        """The JSON of a control path."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=60) as answer:
            return json.loads(answer.read())

    def ledger(self, app: str) -> list[dict[str, Any]]:
        """The true records of an app."""
        return _list(self.ask(f"/__ledger/{app}"))

    def planted(self, apps: Iterable[str]) -> list[dict[str, str]]:
        """Personal data of these apps as they stand in the answers: kind, value, app."""
        return [item for app in apps for item in _list(self.ask(f"/__planted?app={app}"))]

    def delivered(self, app: str) -> dict[str, Mapping[str, Any]]:
        """What the source delivered, by identifier, of the apps whose deliveries do not always say where."""
        if app == "wizztara":
            request = urllib.request.Request(
                f"{self.url}/wizztara/export.ndjson", headers={"X-Wizztara-Key": self.keys["WIZZTARA_KEY"]}
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                lines = answer.read().decode().splitlines()
            return {record["id"]: record for record in (json.loads(line) for line in lines if line.endswith("}"))}
        if app == "sapa_bupati":
            with urllib.request.urlopen(f"{self.url}/sapa_bupati/pub?output=csv", timeout=60) as answer:
                rows = list(csv.reader(io.StringIO(answer.read().decode(), newline="")))
            return {row["No"]: row for row in (dict(zip(rows[1], row, strict=True)) for row in rows[2:])}
        return {}


def _list(answer: Any) -> list[Any]:
    return answer if isinstance(answer, list) else next(value for value in answer.values() if isinstance(value, list))


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    told = subprocess.check_output(_command("--credentials"), text=True)
    keys = dict(line.split("=", 1) for line in told.split())
    with subprocess.Popen(
        _command("--port", "0"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield Sandbox(process.stdout.readline().strip(), keys)
        finally:
            process.terminate()
            process.wait(10)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "opg_pipeline.sandbox", "--seed", str(SEED), *arguments]


def surroundings(sandbox: Sandbox, home: Path) -> dict[str, str]:
    """The environment of a deployment that reads the sandbox, without any OPG_ variable of the machine."""
    machine = {name: value for name, value in os.environ.items() if not name.startswith("OPG_")}
    return {**machine, **sandbox.keys, "OPG_SANDBOX_URL": sandbox.url, "OPG_HOME": str(home)}


@dataclass(repr=False)
class Loaded:
    """What one dataset became: the files as they lie in the lake, read without the pipeline's help but for the seal."""

    outcome: OutcomeRecord
    manifest: SliceManifest | None
    rows: list[dict[str, Any]]
    """Standard records in order of delivery."""
    waiting: list[dict[str, Any]]
    """Quarantine rows; `payload` is the source record."""


@dataclass(repr=False)
class City:
    """One ingest of every dataset."""

    deployment: Deployment
    loaded: dict[str, Loaded] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    @property
    def refs(self) -> list[DatasetRef]:
        """What was pulled."""
        return [ref for ref in self.deployment.datasets() if ref.app.id in TWELVE]

    @property
    def lake(self) -> Lake:
        return self.deployment.lake


class _Keep(logging.Handler):
    """Keeps every formatted record, tracebacks included."""

    def __init__(self, into: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self.into = into

    def emit(self, record: logging.LogRecord) -> None:
        self.into.append(self.format(record))


@pytest.fixture(scope="session")
def city(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> City:
    """Every dataset of the twelve pulled once into a lake without a key."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("OPG_")]:
            patch.delenv(name)
        for name, value in surroundings(sandbox, tmp_path_factory.mktemp("ingest")).items():
            patch.setenv(name, value)
        made = City(Deployment(Settings()))
        refs = [ref for ref in made.deployment.datasets() if ref.app.id in TWELVE]
        with _listening(made.log):
            outcomes = asyncio.run(_pull(made.deployment, refs))
    for ref, outcome in zip(refs, outcomes, strict=True):
        manifest = made.lake.latest(dataset_key(ref))
        standard, quarantine = (manifest.standard, manifest.quarantine) if manifest is not None else ([], [])
        made.loaded[ref.app.id] = Loaded(outcome, manifest, _read(made.lake, standard), _waiting(made.lake, quarantine))
    return made


async def _pull(deployment: Deployment, refs: list[DatasetRef]) -> list[OutcomeRecord]:
    return await asyncio.gather(*(ingest_dataset(deployment, ref, "ledger-run") for ref in refs))


@contextmanager
def _listening(into: list[str]) -> Iterator[None]:
    handler, root = _Keep(into), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def _read(lake: Lake, names: list[str]) -> list[dict[str, Any]]:
    tables = [pq.read_table(pa.BufferReader(lake.read(name))) for name in names]
    rows = [row for table in tables for row in table.to_pylist()]
    return sorted(rows, key=lambda row: int(row["slice_row"]))


def _waiting(lake: Lake, names: list[str]) -> list[dict[str, Any]]:
    rows = [row for name in names for row in lake.read_quarantine(name).to_pylist()]
    for row in rows:
        row["payload"] = row["payload"].decode()
    return rows


@dataclass(frozen=True, repr=False)
class Published:
    """One whole run, ingest and publish, in a process of its own with a key for the archive."""

    home: Path
    returncode: int
    output: str
    datasets: tuple[DatasetKey, ...]


@pytest.fixture(scope="session")
def published(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Published:
    home = tmp_path_factory.mktemp("published")
    environment = {**surroundings(sandbox, home), "OPG_ARCHIVE_KEY": ARCHIVE_KEY}
    done = subprocess.run(
        [sys.executable, "-c", RUN], env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    datasets = tuple(
        DatasetKey(*path.relative_to(home / "lake" / "raw").parts)
        for path in sorted((home / "lake" / "raw").glob("*/*/*"))
    )
    return Published(home, done.returncode, done.stdout + done.stderr, datasets)
