"""The truth: the same for the same seed, spread over the year and the districts, made of fictional people."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

import opg_pipeline.sandbox
from opg_pipeline.sandbox import credentials
from opg_pipeline.sandbox.ledger import MONTHLY, Ledger
from opg_pipeline.sandbox.services.base import all_rows
from opg_pipeline.sandbox.services.register import SERVICES
from opg_pipeline.sandbox.truth.geography import Geography, _extract
from opg_pipeline.sandbox.truth.people import Population
from opg_pipeline.sandbox.truth.records import LandTransfer, neutral
from opg_pipeline.sandbox.truth.volumes import VOLUMES

HOME = Path(opg_pipeline.sandbox.__file__).parent
ALLOWED = {"starlette", "uvicorn", "openpyxl", *sys.stdlib_module_names}


def told(seed: int) -> list[object]:
    ledger = Ledger(seed, scale=0.2)
    return [
        [neutral(record) for app in VOLUMES for record in ledger.records(app)],
        [
            (row.record_id, row.body, row.defect, row.planted)
            for service in SERVICES
            for row in all_rows(service, ledger)
        ],
    ]


def test_one_seed_is_one_city_and_two_seeds_are_two() -> None:
    assert told(1) == told(1)
    first, other = Ledger(1, scale=0.2), Ledger(2, scale=0.2)
    for app in VOLUMES:
        assert [neutral(record) for record in first.records(app)] != [
            neutral(record) for record in other.records(app)
        ], app
    assert set(credentials(1).values()).isdisjoint(credentials(2).values())


def test_order_of_asking_does_not_matter() -> None:
    forward, backward = Ledger(3), Ledger(3)
    there = {app: forward.records(app) for app in VOLUMES}
    back = {app: backward.records(app) for app in reversed(list(VOLUMES))}
    assert there == back


def test_counts_districts_and_months() -> None:
    ledger = Ledger()
    for app, (count, _) in VOLUMES.items():
        records = ledger.records(app)
        assert len(records) == len({record.record_id for record in records}) == count
    for app in ("e_pbb", "e_bphtb", "si_nduk", "e_puskesmas", "gis_cctv", "sapa_bupati", "wizztara", "damkar"):
        assert len({record.district for record in ledger.records(app)}) == 28, app
    for app in (
        "e_pbb",
        "e_bphtb",
        "si_nduk",
        "e_puskesmas",
        "ekatalog_v6",
        "portal_berita",
        "wizztara",
        "tma_bengawan_solo",
    ):
        months = Counter(record.at.strftime("%Y-%m") for record in ledger.records(app))
        assert (
            len(
                set(months) & {f"2025-{m:02d}" for m in range(7, 13)}
                | set(months) & {f"2026-{m:02d}" for m in range(1, 7)}
            )
            == 12
        ), app
    names = Counter(
        village.name for village in {ledger.places.village_by_code[r.village or ""] for r in ledger.records("e_pbb")}
    )
    assert max(names.values()) > 1


def test_people_are_plausible() -> None:
    ledger = Ledger()
    niks = [person.nik for person in ledger.people.people]
    assert len(niks) == len(set(niks))
    for person in ledger.people.people:
        day, month, year = int(person.nik[6:8]), int(person.nik[8:10]), int(person.nik[10:12])
        assert re.fullmatch(r"3522[0-9]{12}", person.nik)
        assert day - (40 if person.sex == "P" else 0) == person.born.day
        assert (month, year) == (person.born.month, person.born.year % 100)
        assert person.email.endswith(".example")


def test_duty_follows_from_the_price() -> None:
    for record in Ledger().of("e_bphtb", LandTransfer):
        assert abs(max(record.price - record.exempt, Decimal(0)) * 5 / 100 - record.amount) < 1


def test_another_last_day_moves_the_year() -> None:
    ledger = Ledger(1, date(2025, 12, 31))
    assert {record.at.year for record in ledger.records("damkar")} == {2025}
    assert {record.record_id[:8] for record in ledger.records("sispan_sismon")} == {
        f"2025/B{m:02d}" for m in (3, 6, 9, 12)
    }


def test_the_extract_stands_in_for_the_region_table() -> None:
    places = Geography(_extract())
    assert (len(places.districts), len(places.villages)) == (28, 84)
    assert Population(Ledger().rng("people"), places, date(2026, 6, 30)).adults


@pytest.mark.parametrize("path", sorted(HOME.rglob("*.py")), ids=lambda path: str(path.relative_to(HOME)))
def test_the_sandbox_is_another_party(path: Path) -> None:
    """It imports the standard library, its three dependencies and itself; no other room of the pipeline."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module or ""]
        for name in names:
            assert name.startswith("opg_pipeline.sandbox") or name.split(".")[0] in ALLOWED, name
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_it_starts_from_the_command_line() -> None:
    command = [sys.executable, "-m", "opg_pipeline.sandbox", "--port", "0", "--seed", "4", "--fault", "e_pbb=500"]
    environment = {**os.environ, "PYTHONPATH": str(HOME.parent.parent)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+", address)
            with urllib.request.urlopen(f"{address}/__apps", timeout=60) as answer:
                assert b'"seed":4' in answer.read()
            with pytest.raises(urllib.error.HTTPError, match="500"):
                urllib.request.urlopen(f"{address}/e_pbb/pembayaran", timeout=10)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(10)


@pytest.mark.parametrize("arguments", [["--fault", "e_pbb"], ["--fault", "e_pbb=meteor"], ["--until", "besok"]])
def test_wrong_use_ends_with_2(arguments: list[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": str(HOME.parent.parent)}
    done = subprocess.run(
        [sys.executable, "-m", "opg_pipeline.sandbox", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 2
    assert "usage:" in done.stderr


def test_every_app_of_the_city_has_a_service_and_the_scale_multiplies_its_records() -> None:
    assert [service.app_id for service in SERVICES] == list(VOLUMES)
    assert 240_000 < sum(count for count, _ in VOLUMES.values()) < 260_000
    assert Ledger(scale=0.1).count("e_pbb") == len(Ledger(scale=0.1).records("e_pbb")) == 600
    assert Ledger(scale=MONTHLY).count("e_pbb") == 90_000
