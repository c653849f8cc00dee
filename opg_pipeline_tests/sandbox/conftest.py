"""Clients for the sandbox's own tests. Anything about the pipeline belongs in the other rooms' tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import httpx
import pytest

from opg_pipeline.sandbox import create_app, credentials
from opg_pipeline.sandbox.access import basic, bearer

BASE = "http://city.test"


def client_of(
    seed: int = 1, faults: Mapping[str, object] | None = None, address: str = "127.0.0.1"
) -> httpx.AsyncClient:
    """A client of a city in this process."""
    transport = httpx.ASGITransport(app=create_app(seed=seed, faults=faults), client=(address, 40_000))
    return httpx.AsyncClient(transport=transport, base_url=BASE, timeout=10)


@pytest.fixture
async def city() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of() as client:
        yield client


def keys(seed: int = 1) -> dict[str, dict[str, dict[str, str]]]:
    """What each app that has a door wants: headers and query parameters."""
    known = credentials(seed)
    return {
        "e_pbb": {"headers": {"X-Api-Key": known["E_PBB_KEY"]}},
        "e_bphtb": {"headers": {"Authorization": basic(known["E_BPHTB_USER"], known["E_BPHTB_PASSWORD"])}},
        "si_nduk": {"headers": {"Authorization": bearer(known["SI_NDUK_TOKEN"])}},
        "e_puskesmas": {"headers": {"Authorization": bearer(known["E_PUSKESMAS_TOKEN"])}},
        "ekatalog_v6": {"params": {"api_key": known["EKATALOG_V6_KEY"]}},
        "sispan_sismon": {
            "headers": {"Authorization": basic(known["SISPAN_SISMON_USER"], known["SISPAN_SISMON_PASSWORD"])}
        },
        "wizztara": {"headers": {"X-Wizztara-Key": known["WIZZTARA_KEY"]}},
        "damkar": {"headers": {"Authorization": basic(known["DAMKAR_USER"], known["DAMKAR_PASSWORD"])}},
    }


PATHS = {
    "e_pbb": "/e_pbb/pembayaran",
    "e_bphtb": "/e_bphtb/sspd",
    "si_nduk": "/si_nduk/api/permohonan",
    "e_puskesmas": "/e_puskesmas/v1/kunjungan",
    "tma_bengawan_solo": "/tma_bengawan_solo/v1.1/Observations",
    "gis_cctv": "/gis_cctv/cctv.geojson",
    "ekatalog_v6": "/ekatalog_v6/api/paket",
    "portal_berita": "/portal_berita/feed.xml",
    "sispan_sismon": "/sispan_sismon/dav/capaian_kinerja.xlsx",
    "sapa_bupati": "/sapa_bupati/pub",
    "wizztara": "/wizztara/export.ndjson",
    "damkar": "/damkar/laporan",
}


async def ask(client: httpx.AsyncClient, app: str, seed: int = 1, /, **params: str | int) -> httpx.Response:
    """One call of an app with its key."""
    door = keys(seed).get(app, {})
    return await client.get(PATHS[app], headers=door.get("headers"), params={**door.get("params", {}), **params})
