"""The same servers on a later day: what is as it was is told so, and a record more arrives alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from opg_pipeline.defs.deployment import Deployment, dataset_key
from opg_pipeline.defs.ingest import ingest_dataset
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import Outcome

from .cases import ADDED, CASES
from .conftest import Start, changed, standard
from .test_records import same


def _hashes(records: list[dict[str, Any]]) -> dict[str, str]:
    return {record["record_uid"]: record["row_hash"] for record in records}


@pytest.mark.parametrize("name", CASES)
async def test_a_second_pull_finds_nothing_new(name: str, city: Deployment, ref: Callable[[str], DatasetRef]) -> None:
    dataset = ref(name)
    first = await ingest_dataset(city, dataset, "first")
    before = standard(city, dataset)
    again = await ingest_dataset(city, dataset, "second")
    assert again.outcome is Outcome.NOT_MODIFIED, (
        f"{again.message} (also where the answer says another time, as pygeoapi's do)"
    )
    assert len(city.lake.slice_ids(dataset_key(dataset))) == 1
    assert _hashes(standard(city, dataset)).items() <= _hashes(before).items()
    assert again.quarantined == 0
    if name in ADDED:  # the position is asked for again, and nothing before it
        assert again.records < 0.1 * first.records
        assert again.requests < first.requests


@pytest.mark.parametrize("name", ADDED)
async def test_a_record_more_arrives(
    name: str, city: Deployment, ref: Callable[[str], DatasetRef], start: Start
) -> None:
    dataset, (put, new) = ref(name), ADDED[name]
    await ingest_dataset(city, dataset, "first")
    before = _hashes(standard(city, dataset))
    with put(start(dataset.app.id), new):
        later = await ingest_dataset(city, dataset, "second")
    loaded = standard(city, dataset)
    assert (later.outcome, later.quarantined) == (Outcome.NEW_RECORDS, 0)
    added = [record for record in loaded if record["record_uid"] not in before]
    assert same(added, [new], CASES[name].identity)
    assert {uid: hash_ for uid, hash_ in _hashes(loaded).items() if uid in before}.items() <= before.items()
    assert len(city.lake.slice_ids(dataset_key(dataset))) == 2


async def test_a_list_in_one_answer_is_not_sent_again(city: Deployment, ref: Callable[[str], DatasetRef]) -> None:
    whole = changed(ref("json_server/requests"), query={}, paginate={"type": "none"})
    first = await ingest_dataset(city, whole, "first")
    assert (first.outcome, first.accepted) == (Outcome.NEW_RECORDS, len(CASES["json_server/requests"].expect()))
    again = await ingest_dataset(city, whole, "second")
    assert (again.outcome, again.requests, again.records, again.bytes) == (Outcome.NOT_MODIFIED, 1, 0, 0), (
        "the server answers HTTP 304, without a body"
    )
