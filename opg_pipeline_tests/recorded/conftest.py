"""The recordings, their replay server, and a deployment of the city that declares them. What is expected stands in expected_*.py."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from opg_pipeline.defs.deployment import Deployment, dataset_key
from opg_pipeline.lake import standard_schema
from opg_pipeline.model.catalog import Catalog, DatasetRef, load_catalog
from opg_pipeline.model.source import Budget
from opg_pipeline.settings import Settings

from .recordings import ROOT

CATALOG = Path(__file__).parent / "catalog"
QUICK = Budget(requests_per_second=500, concurrent=4)
ABSENT = f"the recordings are not at {ROOT} (set OPG_RECORDED to their folder)"


@dataclass(frozen=True)
class Replay:
    """The running replay server. Snapshots move on per folder; `reset` goes back to the first."""

    url: str

    def advance(self, folder: str, by: int = 1) -> None:
        httpx.post(f"{self.url}/__advance", params={"folder": folder, "by": by}).raise_for_status()

    def reset(self) -> None:
        httpx.post(f"{self.url}/__reset").raise_for_status()

    def log(self) -> list[dict[str, Any]]:
        return list(httpx.get(f"{self.url}/__log").json())


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    if not (ROOT / "serve.py").is_file():
        pytest.skip(ABSENT)
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "serve.py"), "--root", str(ROOT), "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        last = next((line for line in process.stdout if line.startswith("serving ")), None)
        assert last is not None, "the replay server ended before it listened"
        yield last.split(" on ")[1].strip().rstrip("/")
    finally:
        process.kill()  # it holds nothing, and would wait for connections that are still open
        process.wait()


@pytest.fixture(scope="session")
def index(server: str) -> dict[str, dict[str, Any]]:
    """What the replay server says of each folder: totals, first record, routes."""
    return {entry["id"]: entry for entry in httpx.get(f"{server}/__index", timeout=60).json()}


@pytest.fixture
def replay(server: str) -> Iterator[Replay]:
    running = Replay(server)
    running.reset()
    yield running
    running.reset()


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The recorded city beside the shipped categories. All systems share the replay server, which bears more than a real host."""
    loaded = load_catalog(only=CATALOG)
    entry = loaded.cities["recorded"]
    apps = {
        name: app.model_copy(update={"source": app.source.model_copy(update={"budget": QUICK})})
        for name, app in entry.apps.items()
    }
    return replace(loaded, cities={"recorded": replace(entry, apps=apps)})


@pytest.fixture
def city(replay: Replay, tmp_path: Path, catalog: Catalog) -> Deployment:
    """The recorded city on the replay server, with an empty lake. The keys are any: the recordings hold none."""
    (tmp_path / "secrets.env").write_text("BPS_WEBAPI_KEY=k-for-replay\nINAPROC_TOKEN=t-for-replay\n", encoding="utf-8")
    settings = Settings(home=tmp_path, catalog=CATALOG, city="recorded", sandbox_url=replay.url)
    deployment = Deployment(settings)
    deployment.catalog = catalog  # loaded once for all tests
    return deployment


@pytest.fixture
def ref(city: Deployment) -> Callable[[str], DatasetRef]:
    """A dataset by `app/dataset`."""
    known = {f"{item.app.id}/{item.dataset.id}": item for item in city.datasets()}
    return known.__getitem__


def standard(city: Deployment, ref: DatasetRef) -> list[dict[str, Any]]:
    """The records of the newest slice, in the order they came."""
    manifest = city.lake.latest(dataset_key(ref))
    assert manifest is not None
    tables = list(city.lake.read_standard(manifest))
    table = pa.concat_tables([standard_schema(ref.category).empty_table(), *tables])
    return list(table.sort_by("slice_row").to_pylist())


def waiting(city: Deployment, ref: DatasetRef) -> dict[tuple[str, str, str], int]:
    """What waits in quarantine from the newest slice: (scope, reason, field) to how many."""
    manifest = city.lake.latest(dataset_key(ref))
    assert manifest is not None
    found: dict[tuple[str, str, str], int] = {}
    for name in manifest.quarantine:
        rows = city.lake.read_quarantine(name).to_pylist()
        for row in rows:
            key = (row["scope"], row["reason"], row["field"])
            found[key] = found.get(key, 0) + 1
    return found
