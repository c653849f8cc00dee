"""The open data of a run, read by tools that others wrote: frictionless for the package, SHACL shapes of DCAT-AP for the catalogue."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import pytest

from .running import PYTHON

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="frictionless and pyshacl are not installed: run `make test-servers`"
)
FRICTIONLESS = """
import json, sys
from frictionless import Package
report = Package.from_descriptor(sys.argv[1]).validate()
found = [[task.name, error.type, error.note] for task in report.tasks for error in task.errors]
print(json.dumps({"tasks": len(report.tasks), "errors": [*([e.type, e.note] for e in report.errors), *found]}))
"""
SHACL = """
import sys
from pathlib import Path
from pyshacl import validate
from rdflib import Graph
data, shapes = Graph(), Graph().parse(sys.argv[2], format="turtle")
data.parse(sys.argv[1], format="json-ld", publicID=Path(sys.argv[1]).as_uri())
dcat = "http://www.w3.org/ns/dcat#"
kinds = "prefix vcard: <http://www.w3.org/2006/vcard/ns#> prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> insert data { vcard:Organization rdfs:subClassOf vcard:Kind }"
data.update(kinds)
conforms, _, text = validate(data, shacl_graph=shapes, inference="none")
links = list(data.query("prefix dcat: <http://www.w3.org/ns/dcat#> select ?u where { ?d dcat:downloadURL ?u }"))
print(conforms, len(links), *(str(row.u) for row in links), sep="\\n")
print("---", text, sep="\\n")
"""


def _python(script: str, *arguments: Path) -> str:
    command = [str(PYTHON), "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_frictionless_finds_every_table_valid(exported: Path) -> None:
    told = json.loads(_python(FRICTIONLESS, exported / "datapackage.json"))
    assert told["errors"] == []
    assert told["tasks"] == len(json.loads((exported / "datapackage.json").read_text())["resources"]) > 100


def test_a_cell_that_is_no_number_would_be_told(exported: Path, tmp_path: Path) -> None:
    package = json.loads((exported / "datapackage.json").read_text())
    resource = next(item for item in package["resources"] if item["name"] == "service_request.requests")
    with (exported / resource["path"]).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    rows[1][rows[0].index("value")] = "many"
    for item in package["resources"]:
        (tmp_path / item["path"]).parent.mkdir(parents=True, exist_ok=True)
    with (tmp_path / resource["path"]).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    told_of = {name: value for name, value in resource.items() if name not in {"bytes", "hash"}}
    (tmp_path / "datapackage.json").write_text(json.dumps(package | {"resources": [told_of]}))
    told = json.loads(_python(FRICTIONLESS, tmp_path / "datapackage.json"))
    assert [error[1] for error in told["errors"]] == ["type-error"]


def test_the_catalogue_fits_dcat_ap_and_leads_to_its_files(exported: Path) -> None:
    conforms, count, *rest = _python(
        SHACL, exported / "dcat.jsonld", Path(__file__).with_name("dcat_ap.ttl")
    ).splitlines()
    assert conforms == "True", "\n".join(rest[rest.index("---") :])[:3000]
    links = rest[: rest.index("---")]
    assert int(count) == len(links) > 100
    assert [link for link in links if not Path(link.removeprefix("file://")).is_file()] == []


@pytest.mark.parametrize("lost", ["dct:title", "dct:publisher", "dcat:distribution", "dcat:theme"])
def test_what_dcat_ap_asks_for_is_missed(exported: Path, tmp_path: Path, lost: str) -> None:
    told = json.loads((exported / "dcat.jsonld").read_text())
    del told["dcat:dataset"][0][lost]
    (tmp_path / "dcat.jsonld").write_text(json.dumps(told))
    assert _python(SHACL, tmp_path / "dcat.jsonld", Path(__file__).with_name("dcat_ap.ttl")).startswith("False")
