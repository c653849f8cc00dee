"""The vendors' documentation names every app, field, code and defect that is really there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import opg_pipeline.sandbox
from opg_pipeline.sandbox.faults import KINDS
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services import offices, residents, revenue, sensors, sheets
from opg_pipeline.sandbox.services.base import Service, all_rows
from opg_pipeline.sandbox.services.register import SECRET_NAMES, SERVICES

from .conftest import PATHS

HOME = Path(opg_pipeline.sandbox.__file__).parent
TEXT = (HOME / "README.md").read_text(encoding="utf-8")
SECTIONS = {path.stem: path.read_text(encoding="utf-8") for path in (HOME / "vendors").glob("*.md")}


def names_in(body: object) -> set[str]:
    """The names of all members of a JSON body."""
    if isinstance(body, dict):
        return set(body) | {name for value in body.values() for name in names_in(value)}
    return set()


@pytest.mark.parametrize("app", PATHS)
def test_the_section_names_every_field_and_the_path(app: str) -> None:
    service = next(service for service in SERVICES if service.app_id == app)
    bodies = [row.body for row in all_rows(service, Ledger())]
    fields = {name for body in bodies for name in names_in(body)}
    if app == "wizztara":
        fields = set(re.findall(r'"([a-z_]+)": ', bodies[0]))
    if app in ("e_bphtb", "portal_berita"):
        fields = set(re.findall(r"<([A-Za-z_]+)", bodies[0]))
    assert [field for field in fields if field not in SECTIONS[app]] == []
    assert PATHS[app] in SECTIONS[app]


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("e_pbb", revenue.CHANNELS.values()),
        ("e_bphtb", [word for pair in revenue.KINDS.values() for word in pair]),
        ("wizztara", [*revenue.TOPICS.values(), *revenue.ANSWER_STATES.values()]),
        ("si_nduk", [word for pair in residents.DOCUMENTS.values() for word in pair]),
        ("e_puskesmas", [*residents.PAYERS.values(), *residents.CLASSES.values(), *residents.OUTCOMES.values()]),
        ("damkar", [group for group, _ in residents.CALLOUTS.values()]),
        ("gis_cctv", [word for spellings in sensors.STATES.values() for word in spellings]),
        ("ekatalog_v6", [*offices.V5.values(), *offices.V6.values(), *offices.GOODS.values()]),
        ("portal_berita", [word for spellings in offices.MONTHS for word in spellings]),
        ("sapa_bupati", [*sheets.STATES.values(), *(name for name in sheets.FORUM_HEAD[1])]),
    ],
)
def test_the_section_names_every_code(app: str, words: list[str]) -> None:
    assert [word for word in words if word not in SECTIONS[app]] == []


def test_usual_spellings_are_documented_and_unforeseen_ones_are_not() -> None:
    section = SECTIONS["si_nduk"].lower()
    assert [
        word for words in residents.SPELLINGS.values() for word in words if word.strip().lower() not in section
    ] == []
    assert [word for word in residents.UNFORESEEN if f"`{word.lower()}`" in section] == []


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.app_id)
def test_each_page_names_paths_keys_and_defects(service: type[Service]) -> None:
    page, testers = SECTIONS[service.app_id].split("## For testers")
    assert page.startswith(f"# {service.app_id}: ")
    assert [name for name in service.secrets if name not in page] == []
    defects = {row.defect for row in all_rows(service, Ledger()) if row.defect}
    assert [defect for defect in defects if f"`{defect}`" not in testers] == []


def test_faults_are_documented_and_every_page_has_its_app() -> None:
    assert [kind for kind in KINDS if f"`{kind}`" not in TEXT] == []
    assert set(SECTIONS) == {service.app_id for service in SERVICES}
    assert len(SECRET_NAMES) == len(set(SECRET_NAMES))
