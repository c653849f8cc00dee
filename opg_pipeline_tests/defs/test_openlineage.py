"""Events against a receiver on loopback: shaped as OpenLineage 2-0-2 asks, with columns, the key for it alone, and no run hurt without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jsonschema
import pytest

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs.openlineage import emit
from opg_pipeline.model.catalog import load_catalog
from opg_pipeline.model.lineage import Edge, column_lineage, into_standard
from opg_pipeline.settings import Settings

_TEXT, _URI = {"type": "string", "minLength": 1}, {"type": "string", "format": "uri", "pattern": "^https://"}
_NAMED = {"namespace": _TEXT, "name": _TEXT}
_COLUMNS = {
    "type": "object", "required": ["_producer", "_schemaURL", "fields"],
    "properties": {"_producer": _URI, "_schemaURL": _URI, "fields": {"type": "object", "additionalProperties": {
        "type": "object", "required": ["inputFields"], "properties": {"inputFields": {"type": "array", "minItems": 1, "items": {
            "type": "object", "required": ["namespace", "name", "field"], "properties": {**_NAMED, "field": _TEXT}, "additionalProperties": False,
        }}},
    }}},
}  # fmt: skip
EVENT = {
    "type": "object", "required": ["eventTime", "producer", "schemaURL", "run", "job"],
    "properties": {
        "eventType": {"enum": ["START", "COMPLETE", "FAIL"]},
        "eventTime": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$"},
        "producer": _URI, "schemaURL": _URI,
        "run": {"type": "object", "required": ["runId"], "properties": {"runId": {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}}},
        "job": {"type": "object", "required": ["namespace", "name"], "properties": _NAMED},
        "inputs": {"type": "array", "items": {"type": "object", "required": ["namespace", "name"], "properties": _NAMED}},
        "outputs": {"type": "array", "items": {"type": "object", "required": ["namespace", "name"], "properties": {
            **_NAMED, "facets": {"type": "object", "properties": {"columnLineage": _COLUMNS}},
        }}},
    },
}  # fmt: skip
"""What openlineage.io/spec/2-0-2/OpenLineage.json and its column lineage facet 1-0-1 require of what is sent."""


@dataclass
class Receiver:
    """What came in: path, key and event. ``status`` is what it answers."""

    url: str = ""
    status: int = 201
    seen: list[tuple[str, str | None, dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.seen.append((self.path, self.headers["Authorization"], body))
            self.send_response(made.status)
            if made.status == 307:
                self.send_header("Location", f"{made.url}/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def deployment(receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    monkeypatch.setenv("OPENLINEAGE_URL", receiver.url)
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "not-for-others")
    monkeypatch.setenv("OPG_HOME", str(tmp_path))
    return Deployment(Settings())


def edges() -> list[Edge]:
    catalog = load_catalog()
    return list(into_standard(next(ref for ref in catalog.datasets("bojonegoro") if ref.app.id == "e_pbb")))


def test_events_are_what_the_standard_asks_and_name_the_columns(deployment: Deployment, receiver: Receiver) -> None:
    emit(deployment, "START", "run1", "ingest/bojonegoro/e_pbb/payments")
    emit(deployment, "COMPLETE", "run1", "ingest/bojonegoro/e_pbb/payments", edges())
    emit(deployment, "FAIL", "run1", "publish", column_lineage(load_catalog()))
    assert [(path, key) for path, key, _ in receiver.seen] == [("/api/v1/lineage", "Bearer not-for-others")] * 3
    events = [event for _, _, event in receiver.seen]
    for event in events:
        jsonschema.validate(event, EVENT)
    assert [event["eventType"] for event in events] == ["START", "COMPLETE", "FAIL"]
    assert events[0]["run"] == events[1]["run"] != events[2]["run"], "one run per step"
    [output] = events[1]["outputs"]
    assert output["name"].startswith("standard/bojonegoro/e_pbb/")
    origins = output["facets"]["columnLineage"]["fields"]["amount_idr"]["inputFields"]
    assert [(origin["name"], origin["field"]) for origin in origins] == [("raw/bojonegoro/e_pbb/payments", "jumlah")]
    assert {item["name"] for item in events[2]["outputs"]} >= {"core/fiscal_entry", "mart/measure", "mart/wide_fiscal_entry"}  # fmt: skip


@pytest.mark.parametrize("status", [500, 307])
def test_a_place_that_takes_nothing_is_told_once_and_the_key_does_not_travel(
    deployment: Deployment, receiver: Receiver, status: int
) -> None:
    receiver.status = status
    for _ in range(3):
        emit(deployment, "START", "run1", "publish")
    assert [path for path, _, _ in receiver.seen] == ["/api/v1/lineage"]
    [told] = deployment.announcements
    assert f"HTTP {status}" in told
    assert "OPENLINEAGE_URL" in told
    assert "not-for-others" not in told


def test_nothing_is_sent_without_an_address_and_a_silent_one_hurts_nobody(
    deployment: Deployment, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENLINEAGE_URL")
    quiet = Deployment(Settings())
    emit(quiet, "START", "run1", "publish")
    assert (receiver.seen, quiet.announcements) == ([], [])
    for wrong in ("http://127.0.0.1:9", "no address"):
        monkeypatch.setenv("OPENLINEAGE_URL", wrong)
        lost = Deployment(Settings())
        emit(lost, "START", "run1", "publish")
        assert len(lost.announcements) == 1
