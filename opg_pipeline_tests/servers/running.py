"""Starts the servers on loopback, each loaded with its records, and ends them. Knows commands and folders; nothing of the pipeline."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from . import truth

HERE = Path(__file__).parent
INSTALLED = Path(os.environ.get("OPG_TEST_SERVERS") or HERE.parents[1] / ".servers")
PYTHON = INSTALLED / "venv" / "bin" / "python"
SUPERSET = INSTALLED / "superset" / "bin" / "python"
NODE_MODULES = INSTALLED / "node" / "node_modules"
USER = {"username": "penarik", "password": "rahasia-uji"}
LONGEST_START = 120.0
"""Seconds a server may take until it answers."""


class Absent(Exception):
    """A server is not installed; the message says what to do."""


@dataclass(frozen=True)
class Running:
    """One server. ``folder`` is where its data lies."""

    url: str
    folder: Path


@contextlib.contextmanager
def _running(command: list[str], folder: Path, port: int, path: str, **env: str) -> Iterator[Running]:
    """Run ``command`` in ``folder`` until the block ends; it has begun when it answers at ``path``.

    Raises AssertionError with the end of what it wrote if it ends before, or is not there in time.
    """
    url = f"http://127.0.0.1:{port}"
    written = folder / "server.log"
    with written.open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env={**os.environ, **env})
        try:
            late = time.monotonic() + LONGEST_START
            while True:
                with contextlib.suppress(httpx.TransportError):
                    httpx.get(url + path, timeout=5.0)
                    break
                told = f"{command[0]} did not start:\n{written.read_text(errors='replace')[-2000:]}"
                assert process.poll() is None and time.monotonic() < late, told  # noqa: PT018
                time.sleep(0.05)
            yield Running(url, folder)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _python() -> str:
    if not PYTHON.exists():
        raise Absent("the servers of Python are not installed: run `make test-servers`")
    return str(PYTHON)


def _node(script: str) -> list[str]:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        raise Absent("node and npm are not on this machine")
    if not NODE_MODULES.is_dir():
        raise Absent("the servers of npm are not installed: run `make test-servers`")
    return [node, str(NODE_MODULES / script)]


@contextlib.contextmanager
def datasette(folder: Path) -> Iterator[Running]:
    with contextlib.closing(sqlite3.connect(folder / "pasar.db")) as base, base:
        base.execute(
            "CREATE TABLE harga (komoditas, nama, pasar, harga, harga_lalu, satuan, tersalin INTEGER, tanggal)"
        )
        put_prices(base, truth.prices())
    port = _free_port()
    command = [
        _python(),
        "-m",
        "datasette",
        "serve",
        "pasar.db",
        "--port",
        str(port),
        "--setting",
        "max_returned_rows",
        "150",
    ]
    with _running(command, folder, port, "/-/versions.json") as running:
        yield running


@contextlib.contextmanager
def superset(folder: Path, password: str) -> Iterator[Running]:
    """Superset with an empty metadata database; its administrator is `admin`."""
    if not SUPERSET.exists():
        raise Absent("Superset is not installed: run `make test-servers`")
    port = _free_port()
    command = [str(SUPERSET), str(HERE / "superset" / "superset_site.py"), str(folder), str(port)]
    with _running(command, folder, port, "/health", SUPERSET_PASSWORD=password) as running:
        yield running


def put_prices(base: sqlite3.Connection, prices: list[truth.Record]) -> None:
    base.executemany("INSERT INTO harga VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(truth.datasette_row, prices))


@contextlib.contextmanager
def pygeoapi(folder: Path) -> Iterator[Running]:
    features = [truth.pygeoapi_feature(place) for place in truth.places()]
    (folder / "places.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8"
    )
    port = _free_port()
    with _running(
        [_python(), str(HERE / "pygeoapi_site.py"), str(folder), str(port)], folder, port, "/?f=json"
    ) as running:
        yield running


@contextlib.contextmanager
def django(folder: Path) -> Iterator[Running]:
    """One site that is two apps: Django REST framework and Strawberry."""
    given = {
        "incidents": [truth.django_incident(item) for item in truth.incidents()],
        "requests": [truth.django_request(item) for item in truth.requests()],
        "user": USER,
    }
    (folder / "records.json").write_text(json.dumps(given), encoding="utf-8")
    port = _free_port()
    with _running(
        [_python(), str(HERE / "django_site.py"), str(folder), str(port)], folder, port, "/token/"
    ) as running:
        yield running


@contextlib.contextmanager
def json_server(folder: Path) -> Iterator[Running]:
    items = [truth.json_server_item(item) for item in truth.requests()]
    (folder / "db.json").write_text(json.dumps({"laporan": items}), encoding="utf-8")
    port = _free_port()
    command = [*_node("json-server/lib/cli/bin.js"), "--host", "127.0.0.1", "--port", str(port), "--quiet", "db.json"]
    with _running(command, folder, port, "/laporan?_limit=1") as running:
        yield running


@contextlib.contextmanager
def cds(folder: Path) -> Iterator[Running]:
    """The project is copied, as CAP takes its first rows from a CSV file inside of it."""
    command = _node("@sap/cds/bin/serve.js")
    project = folder / "project"
    shutil.copytree(HERE / "node" / "cds", project)
    (project / "node_modules").symlink_to(NODE_MODULES, target_is_directory=True)
    rows = [truth.cds_reading(item) for item in truth.readings()]
    lines = [",".join("" if value is None else value for value in row.values()) for row in rows]
    (project / "db" / "data").mkdir()
    (project / "db" / "data" / "city-Readings.csv").write_text(
        "\n".join([",".join(rows[0]), *lines]) + "\n", encoding="utf-8"
    )
    port = _free_port()
    with _running(
        [*command, "all", "--in-memory"],
        project,
        port,
        "/odata/v4/hydrology/Readings?$top=1",
        PORT=str(port),
        HOST="127.0.0.1",
    ) as running:
        yield running


STARTERS = {"datasette": datasette, "pygeoapi": pygeoapi, "django": django, "json_server": json_server, "cds": cds}
SERVED_BY = {"drf": "django", "strawberry": "django"}
"""App to the server behind it, where that is called otherwise."""
