"""Drafts through the terminal: from an address, an OpenAPI description and a HAR; questions are asked, and nothing personal is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse

from opg_pipeline_tests.cli.running import shell
from opg_pipeline_tests.extract.conftest import Server

SECRET = "kunci-rahasia-9f8e7d"
DRAFT = "catalogue/cities/bojonegoro/apps/kios.yaml"
AGENCY = "--agency bapenda --urusan 5.02"


def _person(n: int) -> dict[str, Any]:
    return {
        "pelapor": f"Siti Rahayu Ke{chr(97 + n % 26)}",
        "nik": f"35221{n % 9 + 1}550190{n:04}",
        "no_hp": f"0812345{n:05}",
    }


def reports(count: int) -> list[dict[str, Any]]:
    """Days up to the twelfth and amounts with one point: nobody can tell how they are to be read."""
    return [
        {
            "no_aduan": f"A-{n:04}", "kategori": ("jalan", "lampu", "air")[n % 3], "status": ("Baru", "Diproses", "Selesai")[n % 3],
            "tgl_aduan": f"{n % 12 + 1:02}/{(n * 5) % 12 + 1:02}/2026", "isi_aduan": f"Lubang di tengah jalan, titik {n} dari utara",
            "biaya": f"{n % 9 + 1}.{n % 900 + 100}", **_person(n),
        }
        for n in range(count)
    ]  # fmt: skip


ALL = reports(83)


def answers(request: Request) -> Any:
    """An app with a key, a list in pages and its own description; and a public page."""
    if request.url.path == "/openapi.json":
        return DESCRIPTION
    if request.headers.get("x-kunci") != SECRET:
        return JSONResponse({"pesan": "kunci salah"}, 401)
    if request.url.path == "/v1/kategori":
        return [{"kode": f"K{n}", "uraian": f"kategori {n}"} for n in range(4)]
    size = min(25, int(request.query_params.get("per_page", 10)))
    at = (int(request.query_params.get("page", 1)) - 1) * size
    return {"sukses": True, "data": ALL[at : at + size], "meta": {"total": len(ALL)}}


def listing(name: str, *params: str) -> dict[str, Any]:
    row = {"type": "object", "properties": {"kode": {"type": "string"}}}
    schema = {"type": "object", "properties": {"data": {"type": "array", "items": row}}}
    query = [{"in": "query", "name": param, "schema": {"type": "integer"}} for param in params]
    return {"get": {"summary": name, "parameters": query, "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": schema}}}}}}  # fmt: skip


DESCRIPTION: dict[str, Any] = {
    "openapi": "3.0.3", "info": {"title": "Aduan", "version": "1"}, "servers": [{"url": "/v1"}], "security": [{"kunciApi": []}],
    "components": {"securitySchemes": {"kunciApi": {"type": "apiKey", "in": "header", "name": "X-Kunci"}}},
    "paths": {"/kategori": listing("categories"), "/aduan": listing("complaints", "page", "per_page", "sejak"), "/aduan/{id}": listing("one")},
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server()
    running.handler = answers
    yield running
    running.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "opg").mkdir()
    (tmp_path / "opg" / "secrets.env").write_text(f"KIOS_KEY={SECRET}\nKUNCI_API={SECRET}\nX_KUNCI={SECRET}\n", "utf-8")
    (tmp_path / "catalogue").mkdir()
    return tmp_path


def dataset(home: Path) -> dict[str, Any]:
    """The dataset of the draft, after it was seen that the draft says nothing it must not."""
    text = (home / DRAFT).read_text(encoding="utf-8")
    for row in ALL:
        assert not [name for name in ("pelapor", "nik", "no_hp", "isi_aduan") if row[name] in text]
    assert SECRET not in text
    first = text.partition("\n")[0]
    schema = json.loads((home / DRAFT).with_name(first.partition("$schema=")[2]).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    written = yaml.safe_load(text)
    assert written["status"] == "paused"
    (found,) = written["datasets"]
    assert set(schema["$defs"]["Dataset"]["properties"]) >= found.keys(), "an editor completes the keys of the draft"
    return dict(found)


def test_what_nobody_can_tell_is_asked_and_the_draft_then_passes_check(home: Path, server: Server) -> None:
    command = f"opg app probe {server.url}/v1/aduan --auth header:X-Kunci=KIOS_KEY --id kios --out {DRAFT} --category service_request"
    typed = "\n".join(["nobody", "bapenda", "5.02", "9", "1", "2", ""])
    done = shell(home, command, typed, OPG_CATALOG="catalogue")
    assert done.returncode == 0, done.stderr
    assert "How is the date in 'tgl_aduan' to be read?" in done.stderr
    assert "How is the number in 'biaya' to be read?" in done.stderr
    assert done.stderr.count("Known:") == 2, "an answer that is none is asked for again"
    found = dataset(home)
    assert found["paginate"] == {
        "type": "page",
        "param": "page",
        "size": 25,
        "size_param": "per_page",
        "total": "meta.total",
    }
    assert (found["records"], found["key"]) == ("data", ["no_aduan"])
    assert found["fields"]["requested_datetime"] == {"from": "tgl_aduan", "parse": "date", "format": "dd/mm/yyyy"}
    assert set(found["personal"]) >= {"pelapor", "nik", "no_hp"}
    jsonschema.validate(yaml.safe_load((home / DRAFT).read_text("utf-8")), json.loads((home / DRAFT).with_name("app.schema.json").read_text("utf-8")))  # fmt: skip
    checked = shell(home, "opg check", OPG_CATALOG="catalogue")
    assert checked.returncode == 0, checked.stdout
    tried = shell(home, "opg app test kios", OPG_CATALOG="catalogue")
    assert "All well; nothing was stored." in tried.stdout, tried.stdout


def test_without_an_answer_no_reading_is_chosen(home: Path, server: Server) -> None:
    command = f"opg app probe {server.url}/v1/aduan --auth header:X-Kunci=KIOS_KEY --id kios --out {DRAFT} {AGENCY} --category service_request --yes"
    done = shell(home, command, OPG_CATALOG="catalogue")
    assert done.returncode == 0, done.stderr
    assert "requested_datetime" not in dataset(home)["fields"]
    text = (home / DRAFT).read_text(encoding="utf-8")
    assert "# requested_datetime: {from: tgl_aduan, parse: date, format: dd/mm/yyyy}" in text
    assert "# requested_datetime: {from: tgl_aduan, parse: date, format: mm/dd/yyyy}" in text
    checked = shell(home, "opg check", OPG_CATALOG="catalogue")
    assert checked.returncode == 1
    assert "requested_datetime" in checked.stdout


@pytest.mark.parametrize("kept", ["address", "file"])
def test_an_openapi_description_names_lists_and_the_way_in(home: Path, server: Server, kept: str) -> None:
    where = f"{server.url}/openapi.json"
    if kept == "file":
        (home / "openapi.yaml").write_text(yaml.safe_dump({**DESCRIPTION, "servers": []}), encoding="utf-8")
        where = f"openapi.yaml {server.url}/v1"
    done = shell(
        home,
        f"opg app probe --openapi {where} --id kios --out {DRAFT} {AGENCY}",
        "7\n1\n\n\n\n\n",
        OPG_CATALOG="catalogue",
    )
    assert done.returncode == 0, done.stderr
    assert "1. GET " in done.stderr
    assert "2. GET " in done.stderr
    assert "Write a number from 1 to 2." in done.stderr
    found = dataset(home)
    assert (found["path"], found["paginate"]["size"]) == ("/v1/aduan", 25)
    text = (home / DRAFT).read_text(encoding="utf-8")
    assert "{type: api_key, in: header, name: X-Kunci, secret: KUNCI_API}" in text
    assert "sejak" in text


def test_a_har_gives_the_call_without_its_secret(home: Path, server: Server) -> None:
    entry = {
        "request": {"method": "GET", "url": f"{server.url}/v1/aduan?page=1&per_page=10", "headers": [{"name": "X-Kunci", "value": SECRET}]},
        "response": {"status": 200, "content": {"text": json.dumps({"data": ALL[:10]})}},
    }  # fmt: skip
    (home / "kios.har").write_text(json.dumps({"log": {"entries": [entry]}}), encoding="utf-8")
    done = shell(home, f"opg app probe --har kios.har --id kios --auth header:X-Kunci=X_KUNCI --out {DRAFT} {AGENCY} --yes", OPG_CATALOG="catalogue")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    found = dataset(home)
    assert (found["path"], found["paginate"]["type"], "query" in found) == ("/v1/aduan", "page", False)


def test_new_asks_in_the_terminal_and_never_writes_over_a_manifest(home: Path, server: Server) -> None:
    typed = "\n".join(["kios", f"{server.url}/v1/aduan", "bapenda", "5.02", "", "", "", ""])
    done = shell(home, "opg app new --auth header:X-Kunci=KIOS_KEY", typed, OPG_CATALOG="catalogue")
    assert done.returncode == 0, done.stderr
    assert dataset(home)["key"] == ["no_aduan"]
    text = (home / DRAFT).read_text(encoding="utf-8")
    assert ("agency: bapenda" in text, 'urusan: "5.02"' in text) == (True, True)
    again = shell(home, "opg app new kios --yes", OPG_CATALOG="catalogue")
    assert (again.returncode, "is there already" in again.stderr) == (2, True)
    probed = shell(home, f"opg app probe {server.url}/v1/kategori --yes --out {DRAFT}", OPG_CATALOG="catalogue")
    assert (probed.returncode, "is there already" in probed.stderr) == (2, True)
    assert (home / DRAFT).read_text(encoding="utf-8") == text


def test_a_draft_that_is_printed_names_no_file_that_is_not_there(home: Path, server: Server) -> None:
    command = f"opg app probe {server.url}/v1/kategori --auth header:X-Kunci=KIOS_KEY --yes"
    before = sorted(home.rglob("*"))
    done = shell(home, command, OPG_CATALOG="catalogue")
    assert done.returncode == 0, done.stderr
    assert "$schema" not in done.stdout
    assert yaml.safe_load(done.stdout)["status"] == "paused"
    assert sorted(home.rglob("*")) == before


def test_new_without_an_address_writes_what_is_known(home: Path) -> None:
    done = shell(home, "opg app new kios", "\nbapenda\n?\n5.02\nservice_request\n", OPG_CATALOG="catalogue")
    assert done.returncode == 0, done.stderr
    written = yaml.safe_load((home / DRAFT).read_text(encoding="utf-8"))
    assert (written["agency"], written["urusan"], written["status"]) == ("bapenda", "5.02", "paused")
    assert "  5.02  " in done.stderr, "each code is shown with its name"
    checked = shell(home, "opg check", OPG_CATALOG="catalogue")
    assert (checked.returncode, "kios.yaml" in checked.stdout) == (1, True)
