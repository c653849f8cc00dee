"""What a merge does to core and ops, on both engines."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
import sqlalchemy as sa

from opg_pipeline.load import MergeReport, ValidationRow, Warehouse, WarehouseError
from opg_pipeline.model.category import Category
from opg_pipeline.model.handover import Outcome
from opg_pipeline_tests.load.build import START, category, contents, core, manifest, pull, records


def counts(report: MergeReport) -> dict[str, int]:
    """The counts that are not zero."""
    names = ("rows", "inserted", "updated", "unchanged", "duplicates", "vanished", "revived")
    return {name: value for name in names if (value := getattr(report, name))}


def ids(count: int) -> list[str]:
    return [f"r{number}" for number in range(count)]


def test_first_merge_inserts_every_record(warehouse: Warehouse, reports: Category) -> None:
    report = warehouse.merge(reports, [pull(1, reports, "a", {"id": "b", "amount_idr": Decimal("1250.50")})])
    assert counts(report) == {"rows": 2, "inserted": 2}
    row = core(warehouse, reports)["b"]
    assert row["amount_idr"] == Decimal("1250.50")
    assert row["first_seen_at"] == row["last_changed_at"] == START + timedelta(hours=1)
    assert row["vanished_at"] is None


def test_same_input_twice_changes_nothing_and_says_so(warehouse: Warehouse, reports: Category) -> None:
    parts = [pull(1, reports, "a", "b"), pull(2, reports, "a", "b", {"id": "c", "title": "x"})]
    first = warehouse.merge(reports, parts)
    before = contents(warehouse, "core.report")
    again = warehouse.merge(reports, parts)
    assert counts(first) == {"rows": 5, "inserted": 3, "unchanged": 2}
    assert counts(again) == {"rows": 5, "unchanged": 5}
    assert contents(warehouse, "core.report") == before
    assert len(contents(warehouse, "ops.slice")) == 2


def test_unchanged_record_of_a_new_slice_is_not_touched(warehouse: Warehouse, reports: Category) -> None:
    warehouse.merge(reports, [pull(1, reports, "a", "b")])
    before = contents(warehouse, "core.report")
    assert counts(warehouse.merge(reports, [pull(2, reports, "a", "b")])) == {"rows": 2, "unchanged": 2}
    assert contents(warehouse, "core.report") == before


def test_changed_record_takes_every_column_and_keeps_when_it_was_first_seen(
    warehouse: Warehouse, reports: Category
) -> None:
    warehouse.merge(reports, [pull(1, reports, "a", {"id": "b", "visitors": 1, "open": True})])
    report = warehouse.merge(
        reports, [pull(2, reports, "a", {"id": "b", "title": "Baru", "visitors": None, "region_code": None})]
    )
    assert counts(report) == {"rows": 2, "updated": 1, "unchanged": 1}
    row = core(warehouse, reports)["b"]
    assert (row["title"], row["visitors"], row["open"], row["region_code"]) == ("Baru", None, None, None)
    assert row["ingested_at"] == row["last_changed_at"] == START + timedelta(hours=2)
    assert row["first_seen_at"] == START + timedelta(hours=1)


def test_of_equal_keys_in_a_slice_the_last_row_wins(warehouse: Warehouse, reports: Category) -> None:
    part = manifest(1, 3, of=reports)
    rows = records(part, reports, {"id": "a", "title": "first"}, {"id": "a", "title": "second"}, "b")
    report = warehouse.merge(reports, [(part, [rows.slice(1), rows.slice(0, 1)])])
    assert counts(report) == {"rows": 3, "inserted": 2, "duplicates": 1}
    assert core(warehouse, reports)["a"]["title"] == "second"


def test_of_equal_keys_across_slices_the_newest_slice_wins_in_any_order(
    warehouse: Warehouse, reports: Category
) -> None:
    old, new = pull(1, reports, {"id": "a", "title": "old"}, "b"), pull(2, reports, {"id": "a", "title": "new"}, "b")
    report = warehouse.merge(reports, [new, old])
    assert counts(report) == {"rows": 4, "inserted": 2, "updated": 1, "unchanged": 1}
    assert report.per_slice[old[0].slice_id].inserted == 2
    row = core(warehouse, reports)["a"]
    assert row["title"] == "new"
    assert (row["first_seen_at"], row["last_changed_at"]) == (START + timedelta(hours=1), START + timedelta(hours=2))


def test_an_older_slice_that_comes_late_does_not_overwrite_a_newer_one(warehouse: Warehouse, reports: Category) -> None:
    warehouse.merge(reports, [pull(2, reports, {"id": "a", "title": "new"}, "b")])
    report = warehouse.merge(reports, [pull(1, reports, {"id": "a", "title": "old"}, "c")])
    assert counts(report) == {"rows": 2, "inserted": 1, "duplicates": 1}
    rows = core(warehouse, reports)
    assert rows["a"]["title"] == "new"
    assert rows["b"]["vanished_at"] is None


def test_equal_place_in_a_slice_is_refused(warehouse: Warehouse, reports: Category) -> None:
    part = manifest(1, 2, of=reports)
    rows = records(part, reports, {"id": "a", "title": "x"})
    with pytest.raises(WarehouseError, match="more than once at the same place"):
        warehouse.merge(reports, [(part, [rows, rows])])
    assert contents(warehouse, "core.report") == []


# -- what is gone ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nature", ["snapshot", "cumulative"])
def test_record_that_a_complete_pull_no_longer_holds_vanishes_and_comes_back(
    warehouse: Warehouse, reports: Category, nature: str
) -> None:
    warehouse.merge(
        reports, [pull(1, reports, *ids(4), nature=nature), pull(1, reports, "other", app="other", nature=nature)]
    )
    gone = warehouse.merge(reports, [pull(2, reports, *ids(3), nature=nature)])
    assert counts(gone) == {"rows": 3, "unchanged": 3, "vanished": 1}
    rows = core(warehouse, reports)
    assert rows["r3"]["vanished_at"] == START + timedelta(hours=2)
    assert {key for key, row in rows.items() if row["vanished_at"] is None} == {"r0", "r1", "r2", "other"}
    still = warehouse.merge(reports, [pull(3, reports, *ids(3), nature=nature)])
    assert counts(still) == {"rows": 3, "unchanged": 3}
    assert core(warehouse, reports)["r3"]["vanished_at"] == START + timedelta(hours=2)
    back = warehouse.merge(reports, [pull(4, reports, *ids(4), nature=nature)])
    assert counts(back) == {"rows": 4, "unchanged": 4, "revived": 1}
    assert core(warehouse, reports)["r3"]["vanished_at"] is None
    assert core(warehouse, reports)["r3"]["first_seen_at"] == START + timedelta(hours=1)


def test_vanished_record_that_comes_back_changed_is_updated_and_revived(
    warehouse: Warehouse, reports: Category
) -> None:
    warehouse.merge(reports, [pull(1, reports, "a", "b")])
    warehouse.merge(reports, [pull(2, reports, "a")])
    report = warehouse.merge(reports, [pull(3, reports, "a", {"id": "b", "title": "new"})])
    assert counts(report) == {"rows": 2, "updated": 1, "unchanged": 1, "revived": 1}
    assert core(warehouse, reports)["b"]["vanished_at"] is None


@pytest.mark.parametrize(
    "changes",
    [{"nature": "event"}, {"complete": False}, {"outcome": Outcome.ZERO_RECORDS}],
    ids=["event", "incomplete", "zero records"],
)
def test_nothing_vanishes_where_a_pull_does_not_hold_all(
    warehouse: Warehouse, reports: Category, changes: dict[str, object]
) -> None:
    warehouse.merge(reports, [pull(1, reports, *ids(4))])
    report = warehouse.merge(reports, [pull(2, reports, "r0", "r1", "r2", **changes)])
    assert report.vanished == 0
    assert all(row["vanished_at"] is None for row in core(warehouse, reports).values())


def test_collapsed_volume_makes_nothing_vanish_and_is_reported(warehouse: Warehouse, reports: Category) -> None:
    warehouse.merge(reports, [pull(1, reports, *ids(60))])
    part, tables = pull(2, reports, *ids(3))
    report = warehouse.merge(reports, [(part, tables)])
    assert report.vanished == 0
    assert report.guarded == {"lapor/report": "volume collapsed: 3 of 60"}
    noted = {row["slice_id"]: row["guard"] for row in contents(warehouse, "ops.slice")}
    assert noted[part.slice_id] == "volume collapsed: 3 of 60"


def test_half_of_the_volume_is_not_a_collapse(warehouse: Warehouse, reports: Category) -> None:
    warehouse.merge(reports, [pull(1, reports, *ids(60))])
    report = warehouse.merge(reports, [pull(2, reports, *ids(30))])
    assert (report.vanished, report.guarded) == (30, {})


@pytest.mark.parametrize(
    "sizes",
    [(60, 3), (60, 3, 2), (60, 31, 16), (60, 3, 59), (60, 20, 40, 19)],
    ids=lambda sizes: "-".join(map(str, sizes)),
)
def test_slices_at_once_end_as_slices_one_by_one(
    warehouse: Warehouse, reports: Category, sizes: tuple[int, ...]
) -> None:
    one_by_one = [pull(number, reports, *ids(size), app="single") for number, size in enumerate(sizes, 1)]
    together = [pull(number, reports, *ids(size), app="together") for number, size in enumerate(sizes, 1)]
    for part in one_by_one:
        warehouse.merge(reports, [part])
    warehouse.merge(reports, together)
    alive: dict[str, set[str]] = {"single": set(), "together": set()}
    for row in contents(warehouse, "core.report"):
        if row["vanished_at"] is None:
            alive[row["source_app"]].add(row["source_record_id"])
    assert alive["single"] == alive["together"]


def test_record_that_waits_in_quarantine_has_not_vanished(warehouse: Warehouse, reports: Category) -> None:
    warehouse.merge(reports, [pull(1, reports, "a", "b", "c")])
    uids = {row["source_record_id"]: row["record_uid"] for row in contents(warehouse, "core.report")}
    part, tables = pull(2, reports, "a")
    with warehouse.merging(reports) as merge:
        merge.add(part, tables[0])
        merge.waiting(part, [uids["b"]])
    assert {key for key, row in core(warehouse, reports).items() if row["vanished_at"]} == {"c"}
    assert merge.report.guarded == {}


def test_old_slice_merged_again_neither_revives_nor_removes(warehouse: Warehouse, reports: Category) -> None:
    first = pull(1, reports, "a", "b")
    warehouse.merge(reports, [first])
    warehouse.merge(reports, [pull(2, reports, "a", "c")])
    before = contents(warehouse, "core.report")
    assert counts(warehouse.merge(reports, [first])) == {"rows": 2, "unchanged": 2}
    assert contents(warehouse, "core.report") == before


def test_revival_of_one_record_does_not_revive_another_by_an_old_slice(warehouse: Warehouse, reports: Category) -> None:
    first = pull(1, reports, "a", "b", "c")
    warehouse.merge(reports, [first])
    warehouse.merge(reports, [pull(2, reports, "a", "c")])
    warehouse.merge(reports, [pull(3, reports, "a")])
    report = warehouse.merge(reports, [first, pull(4, reports, "a", "c")])
    assert report.revived == 1
    gone = {key: row["vanished_at"] for key, row in core(warehouse, reports).items() if row["vanished_at"]}
    assert gone == {"b": START + timedelta(hours=2)}


# -- one transaction ---------------------------------------------------------------------------------------------------


def test_exception_takes_everything_back_and_readers_see_the_old_state_meanwhile(
    warehouse: Warehouse, reports: Category
) -> None:
    warehouse.merge(reports, [pull(1, reports, "a")])
    before = {
        name: contents(warehouse, name)
        for name in ("core.report", "ops.slice", "ops.validation", "ops.quarantine_count")
    }
    part, tables = pull(2, reports, "a", "b")

    def fail() -> None:
        with warehouse.merging(reports) as merge:
            merge.add(part, tables[0])
            merge.quarantined(part, Counter({("value", "bad_date", "", "due_on"): 1}))
            assert {name: contents(warehouse, name) for name in before} == before
            raise LookupError("validation broke")

    with pytest.raises(LookupError):
        fail()
    assert {name: contents(warehouse, name) for name in before} == before
    assert warehouse.merged_slices("report") == {pull(1, reports)[0].slice_id}
    assert counts(warehouse.merge(reports, [(part, tables)])) == {"rows": 2, "inserted": 1, "unchanged": 1}


def test_readers_see_the_old_state_until_the_commit(warehouse: Warehouse, reports: Category) -> None:
    warehouse.merge(reports, [pull(1, reports, "a")])
    seen: list[int] = []

    def look(_connection: sa.Connection) -> None:
        seen.append(len(contents(warehouse, "core.report")))

    sa.event.listen(warehouse.engine, "commit", look)
    warehouse.merge(reports, [pull(2, reports, "a", "b", "c")])
    sa.event.remove(warehouse.engine, "commit", look)
    assert seen == [1]
    assert len(contents(warehouse, "core.report")) == 3


def test_failing_database_takes_everything_back(warehouse: Warehouse, reports: Category) -> None:
    warehouse.merge(reports, [pull(1, reports, "a")])
    row = ValidationRow("report", "rule", "row", "warn", "d", True, 1, 0)
    with pytest.raises(WarehouseError, match="failed and was taken back") as raised:
        warehouse.merge(reports, [pull(2, reports, "a", "b")], validation=[row, row])
    assert "SQL" not in str(raised.value)
    assert set(core(warehouse, reports)) == {"a"}
    assert contents(warehouse, "ops.validation") == []


# -- what is noted -----------------------------------------------------------------------------------------------------


def test_everything_is_noted_in_ops(warehouse: Warehouse, reports: Category) -> None:
    good, tables = pull(1, reports, "a", "b", quarantined=2, records=6, accepted=3, skipped=1)
    empty = manifest(1, 0, of=reports, app="empty", outcome=Outcome.ZERO_RECORDS)
    bad, bad_tables = pull(1, reports, "x", app="bad")
    with warehouse.merging(reports) as merge:
        merge.quarantined(
            good, Counter({("record", "required_missing", "", "title"): 2, ("value", "bad_date", "", "due_on"): 5})
        )
        merge.add(good, tables[0])
        merge.quarantined(good, {("record", "rule_failed", "amount_positive", ""): 1})
        merge.add(empty, tables[0].slice(0, 0))
        merge.add(bad, bad_tables[0])
        merge.block(bad, "regions unknown")
        merge.add(bad, bad_tables[0])
        merge.validation(
            [
                ValidationRow(
                    "report",
                    "amount_positive",
                    "row",
                    "quarantine",
                    "Not negative",
                    False,
                    3,
                    1,
                    expectation="expect_x",
                ),
                ValidationRow("report", "regions", "dataset", "block", "Regions", False, 2, 1, groups=("bad/report",)),
            ]
        )
    slices = {row["app"]: row for row in contents(warehouse, "ops.slice")}
    assert warehouse.merged_slices("report") == {good.slice_id, empty.slice_id, bad.slice_id}
    assert (slices["lapor"]["inserted"], slices["lapor"]["validation_quarantined"], slices["lapor"]["quarantined"]) == (
        2,
        1,
        2,
    )
    assert (slices["empty"]["outcome"], slices["empty"]["inserted"], slices["empty"]["blocked"]) == (
        "zero_records",
        0,
        False,
    )
    assert (slices["bad"]["blocked"], slices["bad"]["reason"], slices["bad"]["inserted"]) == (
        True,
        "regions unknown",
        0,
    )
    assert {row["source_app"] for row in contents(warehouse, "core.report")} == {"lapor"}
    waiting = {
        (row["reason"], row["rule"], row["field"]): row["n"] for row in contents(warehouse, "ops.quarantine_count")
    }
    assert waiting == {
        ("required_missing", "", "title"): 2,
        ("bad_date", "", "due_on"): 5,
        ("rule_failed", "amount_positive", ""): 1,
    }
    judged = {row["rule"]: row for row in contents(warehouse, "ops.validation")}
    assert judged["regions"]["groups"] == '["bad/report"]'
    assert (
        judged["amount_positive"]["success"],
        judged["amount_positive"]["evaluated"],
        judged["amount_positive"]["unexpected"],
    ) == (False, 3, 1)
    assert judged["regions"]["batch_id"] == judged["amount_positive"]["batch_id"]


def test_blocked_slice_is_no_baseline_for_what_vanished(warehouse: Warehouse, reports: Category) -> None:
    warehouse.merge(reports, [pull(1, reports, "a", "b")])
    part, tables = pull(2, reports, "a")
    with warehouse.merging(reports) as merge:
        merge.add(part, tables[0])
        merge.block(part, "no")
    assert all(row["vanished_at"] is None for row in core(warehouse, reports).values())


def test_record_of_a_blocked_slice_does_not_take_the_place_of_an_older_one(
    warehouse: Warehouse, reports: Category
) -> None:
    good, tables = pull(1, reports, {"id": "a", "title": "good"})
    bad, bad_tables = pull(2, reports, {"id": "a", "title": "bad"})
    with warehouse.merging(reports) as merge:
        merge.add(good, tables[0])
        merge.add(bad, bad_tables[0])
        merge.block(bad, "no")
    assert counts(merge.report) == {"rows": 1, "inserted": 1}
    assert core(warehouse, reports)["a"]["title"] == "good"


def test_merge_without_anything_does_nothing(warehouse: Warehouse, reports: Category) -> None:
    with warehouse.merging(reports) as merge, pytest.raises(WarehouseError, match="no report yet"):
        _ = merge.report
    assert counts(merge.report) == {}


# -- input that does not fit -------------------------------------------------------------------------------------------


def test_records_that_are_not_accounted_for_stop_the_merge(warehouse: Warehouse, reports: Category) -> None:
    part = manifest(1, 3, of=reports)
    with pytest.raises(WarehouseError, match="does not add up: 3 records accepted, 1 staged"):
        warehouse.merge(reports, [(part, [records(part, reports, "a")])])
    with pytest.raises(WarehouseError, match="does not add up"):
        warehouse.merge(reports, [(part, [records(part, reports, *"abcd")])])
    assert contents(warehouse, "ops.slice") == []


def test_slice_made_before_a_field_was_declared_is_filled_with_null(warehouse: Warehouse, reports: Category) -> None:
    part, tables = pull(1, reports, "a")
    warehouse.merge(reports, [(part, [tables[0].drop_columns(["visitors"])])])
    assert core(warehouse, reports)["a"]["visitors"] is None


def test_wrong_input_is_refused_with_its_place(warehouse: Warehouse, reports: Category) -> None:
    part, tables = pull(1, reports, "a")
    other = manifest(2, 1, of=reports)
    cases = {
        "lacks the column row_hash": (part, tables[0].drop_columns(["row_hash"])),
        "holds colour, which category report does not declare": (
            part,
            tables[0].append_column("colour", pa.array(["red"])),
        ),
        "column of another type": (part, tables[0].set_column(21, "visitors", pa.array(["many"]))),
        "name another slice in lineage_batch_id": (other, tables[0]),
        "is of category elsewhere, not report": (manifest(1, 1, of=category(id="elsewhere")), tables[0]),
    }
    assert tables[0].schema.names[21] == "visitors"
    for message, (given, table) in cases.items():
        with pytest.raises(WarehouseError, match=message) as raised:
            warehouse.merge(reports, [(given, [table])])
        assert given.slice_id in str(raised.value)
    with pytest.raises(WarehouseError, match="No dataset of the catalogue feeds category elsewhere"):
        warehouse.merge(category(id="elsewhere"), [])
    assert contents(warehouse, "core.report") == []
