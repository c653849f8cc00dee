"""The same systems on later days: what has not changed is told, what has is found, and nothing is lost on a bad day."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from opg_pipeline.defs.deployment import Deployment, dataset_key
from opg_pipeline.defs.ingest import ingest_dataset
from opg_pipeline.defs.span import Span
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import Outcome

from .conftest import Replay, standard
from .expected_indonesia import budgets, floods, recap
from .recordings import read_json


def _by(records: list[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    return {record[key]: record for record in records}


async def test_an_unchanged_workbook_is_not_sent_again(
    city: Deployment, ref: Callable[[str], DatasetRef], replay: Replay
) -> None:
    dataset = ref("id_inaproc_rekap_xlsx/recap")
    assert (await ingest_dataset(city, dataset, "first")).outcome is Outcome.NEW_RECORDS
    again = await ingest_dataset(city, dataset, "second")
    assert (again.outcome, again.records, again.slice_id) == (Outcome.NOT_MODIFIED, 0, None)
    assert [entry["status"] for entry in replay.log()] == [200, 304]
    assert len(city.lake.slice_ids(dataset_key(dataset))) == 1


async def test_the_next_workbook_with_the_same_numbers_is_nothing_new(
    city: Deployment, ref: Callable[[str], DatasetRef], replay: Replay
) -> None:
    """Nine days later it was written anew, other bytes with the same rows."""
    dataset = ref("id_inaproc_rekap_xlsx/recap")
    await ingest_dataset(city, dataset, "first")
    loaded = standard(city, dataset)
    replay.advance("id_inaproc_rekap_xlsx")
    second = await ingest_dataset(city, dataset, "second")
    assert recap("2026-04-13") == recap("2026-04-22")
    assert (second.outcome, second.slice_id) == (Outcome.NOT_MODIFIED, None)
    assert {entry["status"] for entry in replay.log()} == {200}
    assert standard(city, dataset) == loaded


async def test_budgets_of_five_days(city: Deployment, ref: Callable[[str], DatasetRef], replay: Replay) -> None:
    dataset = ref("id_inaproc_struktur_anggaran_pd/budgets")
    days = ["2026-03-27", "2026-04-07", "2026-04-22", "2026-04-24", "2026-04-27"]
    hashes: dict[str, str] = {}
    changes: list[int] = []
    for number, day in enumerate(days):
        if number:
            replay.advance("id_inaproc_struktur_anggaran_pd")
        outcome = await ingest_dataset(city, dataset, f"day-{number}")
        assert (outcome.outcome, outcome.accepted) == (Outcome.NEW_RECORDS, 58)
        loaded = standard(city, dataset)
        assert [{name: record[name] for name in ("entry_id", "amount_idr")} for record in loaded] == budgets(day)
        found = {record["record_uid"]: record["row_hash"] for record in loaded}
        changes.append(sum(hashes.get(uid) != value for uid, value in found.items()))
        hashes = found
    totals = [_by(budgets(day), "entry_id") for day in days]
    told = [sum(new[name] != old[name] for name in new) for old, new in pairwise(totals)]
    assert changes == [58, *told]
    assert sum(told) > 0


async def test_the_same_answer_without_a_validator_changes_nothing(
    city: Deployment, ref: Callable[[str], DatasetRef], replay: Replay
) -> None:
    dataset = ref("id_inaproc_program_master/programmes")
    await ingest_dataset(city, dataset, "first")
    before = city.lake.latest(dataset_key(dataset))
    again = await ingest_dataset(city, dataset, "second")
    assert (again.outcome, again.slice_id) == (Outcome.NOT_MODIFIED, None)
    assert city.lake.latest(dataset_key(dataset)) == before
    assert [entry["status"] for entry in replay.log()] == [200, 200]
    replay.advance("id_inaproc_program_master", 2)
    later = await ingest_dataset(city, dataset, "third")
    assert (later.outcome, later.accepted) == (Outcome.NEW_RECORDS, 248)
    known = {str(item["kd_program"]) for item in read_json("id_inaproc_program_master/snapshot_2026-03-27.json")}
    added = [record for record in standard(city, dataset) if record["entry_id"] not in known]
    assert len(added) == 1
    assert added[0]["amount_idr"] == next(
        Decimal(item["pagu_program"])
        for item in read_json("id_inaproc_program_master/snapshot_2026-04-22.json")
        if str(item["kd_program"]) == added[0]["entry_id"]
    )


async def test_a_flood_hour_by_hour(city: Deployment, ref: Callable[[str], DatasetRef], replay: Replay) -> None:
    dataset = ref("id_petabencana_floods/floods")
    snapshots = ["20T00", "20T01", "20T17", "21T08", "21T14", "22T05", "22T18"]
    outcomes = []
    for number, snapshot in enumerate(snapshots):
        if number:
            replay.advance("id_petabencana_floods")
        outcome = await ingest_dataset(city, dataset, f"hour-{number}")
        outcomes.append((outcome.outcome, outcome.accepted))
        loaded = [
            {name: record[name] for name in ("incident_id", "severity", "onset_at")}
            for record in standard(city, dataset)
        ]
        assert loaded == floods(f"2017-02-{snapshot}")
    new = Outcome.NEW_RECORDS
    assert outcomes == [(new, 7), (Outcome.NOT_MODIFIED, 0), (new, 3), (new, 42), (new, 52), (new, 69), (new, 6)]
    manifest = city.lake.latest(dataset_key(dataset))
    assert manifest is not None
    assert manifest.complete, "a snapshot that is whole lets the warehouse see which floods are over"


@pytest.mark.parametrize(
    "name",
    [
        "id_covid_prov/cases_by_sex",
        "us_gbfs_stations/bikes",
        "ch_sbb_ods_v21/stations",
        "id_transjakarta_gtfs/stops",
        "id_pusdalisbang_esri/villages",
        "id_bandung_permits/permits",
    ],
)
async def test_a_second_pull_of_the_same_day_makes_no_slice(
    name: str, city: Deployment, ref: Callable[[str], DatasetRef]
) -> None:
    dataset = ref(name)
    await ingest_dataset(city, dataset, "first")
    again = await ingest_dataset(city, dataset, "second")
    assert (again.outcome, again.accepted) == (Outcome.NOT_MODIFIED, 0)
    assert len(city.lake.slice_ids(dataset_key(dataset))) == 1
    forced = await ingest_dataset(city, dataset, "third", Span(full=True))
    assert forced.outcome is Outcome.NEW_RECORDS
