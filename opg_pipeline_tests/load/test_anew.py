"""A dataset that is loaded anew: everything of it, nothing of others, all in one transaction. And what waits, as ops has it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opg_pipeline.load import Warehouse, WarehouseError, merged_revisions, note_waiting
from opg_pipeline.model.category import Category
from opg_pipeline_tests.load.build import contents, core, manifest, pull, records

DATASET = ("kota", "lapor", "report")


def test_slices_made_anew_take_the_place_of_what_was_there(warehouse: Warehouse, reports: Category) -> None:
    """What the new reading refuses is gone, what it reads otherwise is changed, and the times are those of the pulls."""
    warehouse.merge(reports, [pull(1, reports, "a", "b", "c")])
    warehouse.merge(reports, [pull(2, reports, "a", {"id": "b", "title": "later"})])
    other = manifest(3, 1, of=reports, app="other")
    warehouse.merge(reports, [(other, [records(other, reports, "z")])])
    kept = core(warehouse, reports)["z"]
    again = [
        pull(1, reports, {"id": "a", "title": "read otherwise"}, "c"),
        pull(2, reports, {"id": "b", "title": "later"}),
    ]
    with warehouse.merging(reports) as merge:
        merge.anew(DATASET)
        for part, tables in again:
            for table in tables:
                merge.add(replace(part, revision=1), table)
    found = core(warehouse, reports)
    assert set(found) == {"a", "b", "c", "z"}
    assert (found["a"]["title"], found["b"]["title"]) == ("read otherwise", "later")
    assert found["a"]["first_seen_at"] == again[0][0].committed_at
    assert found["b"]["first_seen_at"] == again[1][0].committed_at, "the first pull no longer holds it"
    assert found["z"] == kept
    revisions = merged_revisions(warehouse, reports.id)
    assert revisions == {again[0][0].slice_id: 1, again[1][0].slice_id: 1, other.slice_id: 0}


def test_it_ends_as_if_it_had_been_so_from_the_start(warehouse: Warehouse, reports: Category) -> None:
    parts = [pull(1, reports, "a", "b"), pull(2, reports, {"id": "a", "title": "x"}, "c")]
    for part in parts:
        warehouse.merge(reports, [part])
    before = contents(warehouse, "core.report"), contents(warehouse, "ops.slice", without={"merged_at"})
    with warehouse.merging(reports) as merge:
        merge.anew(DATASET)
        for part, tables in parts:
            for table in tables:
                merge.add(part, table)
    after = contents(warehouse, "core.report"), contents(warehouse, "ops.slice", without={"merged_at"})
    assert after[0] == before[0]
    assert [row["slice_id"] for row in after[1]] == [row["slice_id"] for row in before[1]]


def test_a_slice_that_is_gone_stops_it(warehouse: Warehouse, reports: Category) -> None:
    first, second = pull(1, reports, "a"), pull(2, reports, "b")
    warehouse.merge(reports, [first, second])
    before = contents(warehouse, "core.report")

    def without_the_first() -> None:
        with warehouse.merging(reports) as merge:
            merge.anew(DATASET)
            merge.add(second[0], next(iter(second[1])))

    with pytest.raises(WarehouseError, match=r"no longer has 1 of its slices"):
        without_the_first()
    assert contents(warehouse, "core.report") == before


def test_what_waits_is_put_in_place_of_what_waited(warehouse: Warehouse) -> None:
    row = {"city": "c", "app": "a", "dataset": "d", "category": "report", "scope": "record", "reason": "bad_date", "rule": "date",
           "field": "on", "open": 2, "dismissed": 1, "repaired": 0, "oldest_at": None}  # fmt: skip
    note_waiting(warehouse, "elsewhere", [{**row, "city": "elsewhere"}])
    note_waiting(warehouse, "c", [row, {**row, "field": "amount"}])
    note_waiting(warehouse, "c", [{**row, "open": 1, "repaired": 1}])
    found = contents(warehouse, "ops.quarantine")
    assert sorted((item["city"], item["field"], item["open"], item["repaired"]) for item in found) == [
        ("c", "on", 1, 1), ("elsewhere", "on", 2, 0),
    ]  # fmt: skip
