"""The servers, started when a test first needs them, and a deployment of the city that declares them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from opg_pipeline.defs.deployment import Deployment, dataset_key
from opg_pipeline.lake import standard_schema
from opg_pipeline.model.catalog import Catalog, DatasetRef, load_catalog
from opg_pipeline.settings import Settings
from opg_pipeline_tests.integration.runs import ONLY
from opg_pipeline_tests.integration.runs import running as cities

from .running import SERVED_BY, STARTERS, USER, Absent, Running

CATALOG = Path(__file__).parent / "catalog"
Start = Callable[[str], Running]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder are marked, so that plain pytest leaves them out."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("servers")


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """The running server of an app; each is started once. Skips where it is not installed."""
    running: dict[str, Running] = {}
    with ExitStack() as stack:

        def of(app: str) -> Running:
            name = SERVED_BY.get(app, app)
            if name not in running:
                try:
                    running[name] = stack.enter_context(STARTERS[name](tmp_path_factory.mktemp(name)))
                except Absent as error:
                    pytest.skip(f"{name}: {error}")
            return running[name]

        yield of


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog(only=CATALOG)


@pytest.fixture
def city(tmp_path: Path, catalog: Catalog) -> Deployment:
    """The city of servers, with an empty lake."""
    secrets = f"DRF_USER={USER['username']}\nDRF_PASSWORD={USER['password']}\n"
    (tmp_path / "secrets.env").write_text(secrets, encoding="utf-8")
    deployment = Deployment(Settings(home=tmp_path, catalog=CATALOG, city="servers"))
    deployment.catalog = catalog  # loaded once for all tests
    return deployment


@pytest.fixture
def ref(city: Deployment, start: Start, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], DatasetRef]:
    """A dataset by `app/dataset`, whose server is running."""
    known = {f"{item.app.id}/{item.dataset.id}": item for item in city.datasets()}

    def of(name: str) -> DatasetRef:
        app = name.partition("/")[0]
        monkeypatch.setenv(f"OPG_SOURCE_URL__{app.upper()}", start(app).url)
        return known[name]

    return of


def changed(ref: DatasetRef, source: Mapping[str, Any] | None = None, **dataset: object) -> DatasetRef:
    """A reference whose dataset, and source, are declared differently in those keys."""

    def other(declared: Any, keys: Mapping[str, Any]) -> Any:
        return type(declared).model_validate({**declared.model_dump(by_alias=True, exclude_unset=True), **keys})

    app = ref.app.model_copy(update={"source": other(ref.app.source, source or {})})
    return replace(ref, app=app, dataset=other(ref.dataset, dataset))


def standard(city: Deployment, ref: DatasetRef) -> list[dict[str, Any]]:
    """The records of the newest slice, in the order they came."""
    manifest = city.lake.latest(dataset_key(ref))
    assert manifest is not None
    table = pa.concat_tables([standard_schema(ref.category).empty_table(), *city.lake.read_standard(manifest)])
    return list(table.sort_by("slice_row").to_pylist())


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The open data of twelve apps."""
    home = tmp_path_factory.mktemp("opened") / "opg"
    with cities("--scale", "0.1") as runner:
        ended = runner.here(home, "run", *ONLY)
        assert ended.code == 0, ended.out[-2000:] + ended.err[-2000:]
        ended = runner.here(home, "export", "--to", str(home / "out"))
        assert ended.code == 0, ended.err[-2000:]
    return (home / "out").resolve()
