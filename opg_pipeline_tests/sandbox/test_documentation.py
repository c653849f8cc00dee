"""The vendors' documentation names every app, field, code and defect that is really there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import opg_pipeline.sandbox
from opg_pipeline.sandbox.access import NAMES
from opg_pipeline.sandbox.faults import KINDS
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services import offices, residents, revenue, sensors, sheets
from opg_pipeline.sandbox.services.base import all_rows
from opg_pipeline.sandbox.services.register import SERVICES

from .conftest import PATHS

TEXT = (Path(opg_pipeline.sandbox.__file__).parent / "README.md").read_text(encoding="utf-8")
SECTIONS = {part.split(":", 1)[0]: part for part in re.split(r"^##? ", TEXT, flags=re.MULTILINE)}
TESTERS = TEXT.split("# For testers")[1]


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
    assert PATHS[app] in TEXT


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


def test_keys_faults_and_defects_are_documented() -> None:
    assert [name for name in NAMES if name not in TEXT] == []
    assert [kind for kind in KINDS if f"`{kind}`" not in TESTERS] == []
    defects = {row.defect for service in SERVICES for row in all_rows(service, Ledger()) if row.defect}
    assert [defect for defect in defects if f"`{defect}`" not in TESTERS] == []
