"""Every service read whole as its vendor page says: against the ledger, the planted personal data, and with wrong keys."""

from __future__ import annotations

import re
from collections import Counter

import httpx
import pytest

from opg_pipeline.sandbox import credentials
from opg_pipeline.sandbox.services.register import SERVICES

from .readers import readers

READERS = readers()
DOORS = {service.app_id: service.secrets for service in SERVICES}
every_app = pytest.mark.parametrize("app", READERS)


@every_app
async def test_what_is_delivered_is_the_ledger_with_its_personal_data(city: httpx.AsyncClient, app: str) -> None:
    delivered: Counter[str] = Counter()
    texts = []
    async for text, identifiers in READERS[app](city, credentials(1)):
        delivered.update(identifiers)
        texts.append(text)
    truth = (await city.get(f"/__ledger/{app}")).json()
    assert delivered == Counter({record["record_id"]: record["delivered"] for record in truth})
    whole = "\n".join(texts)
    pieces = set(re.split(r'["\t\n<>;|,]', whole))
    planted = (await city.get("/__planted", params={"app": app})).json()
    assert [entry for entry in planted if entry["value"] not in pieces and entry["value"] not in whole] == []


@pytest.mark.parametrize("app", [app for app in READERS if DOORS.get(app)])
async def test_wrong_keys_open_nothing(city: httpx.AsyncClient, app: str) -> None:
    wrong = dict.fromkeys(credentials(1), "salah")
    found: list[str] = []
    try:
        async for _, identifiers in READERS[app](city, wrong):
            found += identifiers
    except (httpx.HTTPStatusError, AssertionError, ValueError, LookupError, TypeError):
        pass  # a reader may stop in its own way at a refusal
    assert found == []


def test_every_service_has_a_reader() -> None:
    assert set(READERS) | ELSEWHERE == {service.app_id for service in SERVICES}


ELSEWHERE = {
    "e_pbb", "e_bphtb", "si_nduk", "e_puskesmas", "tma_bengawan_solo", "gis_cctv", "ekatalog_v6", "portal_berita",
    "sispan_sismon", "sapa_bupati", "wizztara", "damkar",
}  # fmt: skip
"""Those that test_services.py reads."""
