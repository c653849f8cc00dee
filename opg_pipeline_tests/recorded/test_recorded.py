"""Real systems, declared in YAML alone, arrive as typed records: counts and values are compared with the recordings themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from opg_pipeline.defs.deployment import Deployment, dataset_key
from opg_pipeline.defs.ingest import ingest_dataset
from opg_pipeline.model.catalog import DatasetRef, check_catalog
from opg_pipeline.model.handover import Outcome

from .conftest import ABSENT, CATALOG, Replay, standard, waiting
from .expected import CANNOT, CASES
from .expected_java import turns
from .recordings import ROOT, folders, read_json


def test_the_declarations_are_sound_and_various() -> None:
    catalog, problems = check_catalog(only=CATALOG)
    assert [str(problem) for problem in problems] == []
    assert catalog is not None
    refs = list(catalog.datasets("recorded"))
    formats = {"json", "csv", "xml", "xlsx", "geojson", "html", "bps_cube"}
    assert formats <= {ref.dataset.format.type for ref in refs}
    paging = {"none", "page", "offset", "cursor", "next_link", "next_rel"}
    assert paging <= {ref.dataset.paginate.type for ref in refs}
    assert {f"{ref.app.id}/{ref.dataset.id}" for ref in refs} == CASES.keys()


def test_every_recorded_system_is_declared_or_it_is_said_why_not() -> None:
    if not (ROOT / "serve.py").is_file():
        pytest.skip(ABSENT)
    declared = {name.partition("/")[0] for name in CASES}
    assert declared & CANNOT.keys() == set()
    assert declared | CANNOT.keys() == folders()
    assert all(CANNOT.values())


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.index is not None])
def test_the_recordings_hold_what_is_expected(name: str, index: dict[str, dict[str, Any]]) -> None:
    case = CASES[name]
    entry = index[name.partition("/")[0]]
    total = next(route["expected_total"] for route in entry["routes"] if route["name"] == case.index)
    assert (total[0] if isinstance(total, list) else total) * case.each == case.total


@pytest.mark.parametrize("name", CASES)
async def test_every_record_arrives_with_its_values(
    name: str, city: Deployment, ref: Callable[[str], DatasetRef]
) -> None:
    case, dataset = CASES[name], ref(name)
    outcome = await ingest_dataset(city, dataset, "first")
    assert outcome.outcome is Outcome.NEW_RECORDS, outcome.message
    expected = case.expect()
    assert outcome.records == case.total
    assert outcome.accepted == len(expected)
    held = {scope: sum(n for key, n in case.waiting.items() if key[0] == scope) for scope in ("record", "value")}
    assert (outcome.quarantined, outcome.values_quarantined) == (held["record"], held["value"])
    assert outcome.accepted + outcome.quarantined + case.repeated == case.total
    assert waiting(city, dataset) == case.waiting
    loaded = standard(city, dataset)
    assert _chosen(loaded, expected) == expected
    assert len({record["record_uid"] for record in loaded}) == (case.uids or len(expected))


def _chosen(loaded: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each loaded record the fields that its expectation names."""
    assert len(loaded) == len(expected)
    return [{name: record[name] for name in wanted} for record, wanted in zip(loaded, expected, strict=True)]


async def test_a_polygon_of_eleven_rings_keeps_them_all(city: Deployment, ref: Callable[[str], DatasetRef]) -> None:
    features = read_json("id_pusdalisbang_esri/page1.json")["features"]
    many = next(item for item in features if len(item["geometry"]["rings"]) > 1)
    await ingest_dataset(city, ref("id_pusdalisbang_esri/villages"), "first")
    loaded = standard(city, ref("id_pusdalisbang_esri/villages"))
    text = next(item["geometry"] for item in loaded if item["source_record_id"] == str(many["attributes"]["OBJECTID"]))
    geometry = json.loads(text, parse_float=Decimal)
    assert geometry["type"] == "MultiPolygon"
    rings = [ring for polygon in geometry["coordinates"] for ring in polygon]
    assert sorted(len(ring) for ring in rings) == sorted(len(ring) for ring in many["geometry"]["rings"])
    assert all(turns(polygon[0]) > 0 for polygon in geometry["coordinates"])
    assert sum(map(turns, rings)) == pytest.approx(-sum(map(turns, many["geometry"]["rings"])))


async def test_every_page_is_asked_once(city: Deployment, ref: Callable[[str], DatasetRef], replay: Replay) -> None:
    pages = {
        "id_anri_oai_pmh/records": 3, "id_bps_news/news": 3, "id_jabar_opendata_catalog/datasets": 4, "id_jakarta_ispu_wfs/pm25": 5,
        "ch_sbb_ods_v21/stations": 3, "de_hamburg_ogcapi/park_and_ride": 3, "openaq_v1_latest/latest": 4,
        "us_esri_cook_pages/places": 2, "ch_parlament_odata_v2/sessions": 2,
        "ch_simap_project_search/projects": 3, "id_bandung_permits/permits": 5, "id_pusdalisbang_esri/villages": 3,
        "id_spse_dt_bandung/tenders": 4, "us_socrata_bike_counts/counts": 2, "wfp_vam_prices_pse_3pages/prices": 2,
    }  # fmt: skip
    asked = {name: (await ingest_dataset(city, ref(name), "first")).requests for name in pages}
    assert asked == pages
    assert len(replay.log()) == sum(pages.values())


async def test_every_answer_is_archived_before_it_is_read(city: Deployment, ref: Callable[[str], DatasetRef]) -> None:
    dataset = ref("id_anri_oai_pmh/records")
    await ingest_dataset(city, dataset, "first")
    manifest = city.lake.latest(dataset_key(dataset))
    assert manifest is not None
    bodies = [city.lake.raw(dataset_key(dataset), item.sha256) for item in manifest.raw]
    assert [body.count(b"<record>") for body in bodies] == [5, 5, 2]
    assert {record["raw_sha256"] for record in standard(city, dataset)} <= {item.sha256 for item in manifest.raw}


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("id_jabar_opendata_catalog/datasets", ("@", "(022) 8827728")),
        ("id_bmkg_nowcast_rss/warnings", ("@bmkg",)),
        ("py_dncp_ocds/releases", ("@", "(removed)")),
        ("id_bps_news/news", ("k-for-replay",)),
        ("id_bps_dynamic_table/population", ("k-for-replay",)),
        ("ch_parlament_odata_v2/business", ("Stark", "Burgherr", "Schlatter")),
        ("id_bandung_permits/permits", ("disamarkan",)),
        ("us_sf_open311/requests", ("JUDAH",)),
        ("id_inaproc_program_master/programmes", ("t-for-replay",)),
    ],
)
async def test_neither_personal_data_nor_keys_are_kept(
    name: str, sent: tuple[str, ...], city: Deployment, ref: Callable[[str], DatasetRef]
) -> None:
    dataset = ref(name)
    outcome = await ingest_dataset(city, dataset, "first")
    assert outcome.accepted > 0
    manifest = city.lake.latest(dataset_key(dataset))
    kept = repr(standard(city, dataset)) + repr(manifest) + repr(outcome)
    assert [text for text in sent if text in kept] == []
