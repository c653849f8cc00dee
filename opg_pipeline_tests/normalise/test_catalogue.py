"""Every dataset of the shipped catalogue can be planned: its constants fit, its locale is whole, it keeps no personal path."""

from __future__ import annotations

import pytest

from opg_pipeline.model.catalog import DatasetRef, load_catalog
from opg_pipeline.normalise import Normaliser, RegionResolver
from opg_pipeline_tests.normalise.build import PULLED, TOKENS, page

CATALOG = load_catalog()
DATASETS = [
    (ref, entry.regions) for entry in CATALOG.cities.values() for ref in CATALOG.datasets(entry.city.id, active=False)
]


@pytest.mark.parametrize(("ref", "regions"), DATASETS, ids=[ref.name for ref, _ in DATASETS])
def test_it_can_be_planned_and_takes_an_empty_record_to_quarantine(ref: DatasetRef, regions: tuple) -> None:
    declared = ref.city.regions
    resolver = RegionResolver(regions, declared.root, declared.fuzzy_threshold) if declared else None
    done = Normaliser(ref, tokens=TOKENS, resolver=resolver, slice_id="s", ingested_at=PULLED).normalise([page([{}])])
    assert (done.records, done.records_rejected, done.accepted.num_rows) == (1, 1, 0)
    assert "key_missing" in done.rejected["reason"].to_pylist()
