"""Each server is onboarded by YAML alone: what comes out is, record by record, what was put in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs.ingest import ingest_dataset
from opg_pipeline.model.catalog import DatasetRef, check_catalog
from opg_pipeline.model.handover import Outcome

from . import truth
from .cases import CASES
from .conftest import CATALOG, standard


def test_the_declarations_are_sound() -> None:
    loaded, problems = check_catalog(only=CATALOG)
    assert [str(problem) for problem in problems] == []
    assert loaded is not None
    refs = list(loaded.datasets("servers"))
    assert {f"{ref.app.id}/{ref.dataset.id}" for ref in refs} == CASES.keys()
    assert {"cursor", "next_rel", "next_link", "link_header", "page"} == {ref.dataset.paginate.type for ref in refs}


@pytest.mark.parametrize("name", CASES)
async def test_every_record_arrives_as_it_was_put_in(
    name: str, city: Deployment, ref: Callable[[str], DatasetRef]
) -> None:
    case, dataset = CASES[name], ref(name)
    outcome = await ingest_dataset(city, dataset, "first")
    expected = case.expect()
    assert outcome.outcome is Outcome.NEW_RECORDS, outcome.message
    assert (outcome.records, outcome.accepted) == (len(expected), len(expected))
    assert (outcome.quarantined, outcome.values_quarantined) == (0, 0)
    assert (outcome.requests, outcome.retries) == (case.requests, 0)
    assert same(standard(city, dataset), expected, case.identity)


def same(loaded: list[dict[str, Any]], expected: list[truth.Record], identity: tuple[str, ...]) -> bool:
    """Assert that both hold the same records by ``identity``, with the same values of the expected fields."""

    def by(records: list[Any], fields: Any) -> dict[tuple[Any, ...], dict[str, Any]]:
        return {tuple(one[name] for name in identity): {name: one[name] for name in fields} for one in records}

    assert len(loaded) == len(expected)
    wanted = by(expected, expected[0])
    assert len(wanted) == len(expected), "the identity of the expected records is not unique"
    assert by(loaded, expected[0]) == wanted
    return True


async def test_points_keep_their_place(city: Deployment, ref: Callable[[str], DatasetRef]) -> None:
    dataset = ref("pygeoapi/places")
    await ingest_dataset(city, dataset, "first")
    points = {one["entity_id"]: json.loads(one["geometry"])["coordinates"] for one in standard(city, dataset)}
    assert points == {one["entity_id"]: pytest.approx([one["long"], one["lat"]]) for one in truth.places()}
