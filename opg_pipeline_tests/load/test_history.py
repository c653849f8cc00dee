"""The versions of records: what core.<category>_history says after merges on time, at once and late, on both engines."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pytest
import sqlalchemy as sa

from opg_pipeline.load import Warehouse
from opg_pipeline.model.category import Category
from opg_pipeline_tests.load.build import catalog, category, contents, core, history, manifest, pull, records


def titled(own: str, title: str, **more: Any) -> dict[str, Any]:
    return {"id": own, "title": title, **more}


FILL = [f"f{number}" for number in range(4)]
"""Records that are always there, so that what is missing beside them is no collapse."""


def test_record_that_stays_has_one_version(warehouse: Warehouse, reports: Category) -> None:
    for number in (1, 2, 3):
        warehouse.merge(reports, [pull(number, reports, titled("a", "x"))])
    assert history(warehouse, reports) == {"a": [(1, None, "new", None, "x")]}
    assert contents(warehouse, "core.report_past") == []


def test_changed_record_keeps_each_version(warehouse: Warehouse, reports: Category) -> None:
    for number, title in enumerate("xyx", 1):
        warehouse.merge(reports, [pull(number, reports, titled("a", title))])
    assert history(warehouse, reports)["a"] == [
        (1, 2, "new", "changed", "x"),
        (2, 3, "changed", "changed", "y"),
        (3, None, "changed", None, "x"),
    ]
    assert core(warehouse, reports)["a"]["title"] == "x"


def test_vanished_record_ends_and_a_revived_one_begins_again(warehouse: Warehouse, reports: Category) -> None:
    warehouse.merge(reports, [pull(1, reports, titled("a", "x"), titled("b", "x"), *FILL)])
    warehouse.merge(reports, [pull(2, reports, *FILL)])
    gone = [(1, 2, "new", "vanished", "x")]
    assert history(warehouse, reports)["a"] == history(warehouse, reports)["b"] == gone
    warehouse.merge(reports, [pull(4, reports, titled("a", "x"), titled("b", "y"), *FILL)])
    assert history(warehouse, reports)["a"] == [*gone, (4, None, "revived", None, "x")]
    assert history(warehouse, reports)["b"] == [*gone, (4, None, "revived", None, "y")]
    warehouse.merge(reports, [pull(5, reports, *FILL)])
    warehouse.merge(reports, [pull(6, reports, titled("a", "x"), *FILL)])
    again = [*gone, (4, 5, "revived", "vanished", "x"), (6, None, "revived", None, "x")]
    assert history(warehouse, reports)["a"] == again


def test_same_answer_read_by_another_declaration_is_restated(warehouse: Warehouse, reports: Category) -> None:
    answer = hashlib.sha256(b"the same bytes").hexdigest()
    warehouse.merge(reports, [pull(1, reports, titled("a", "1.5", raw_sha256=answer))])
    warehouse.merge(reports, [pull(2, reports, titled("a", "1500", raw_sha256=answer), declaration_hash="h2")])
    assert history(warehouse, reports)["a"] == [
        (1, 2, "new", "restated", "1.5"),
        (2, None, "restated", None, "1500"),
    ]


def test_slice_merged_again_leaves_the_history_as_it_is(warehouse: Warehouse, reports: Category) -> None:
    parts = [
        pull(1, reports, titled("a", "x"), titled("b", "x"), *FILL),
        pull(2, reports, titled("a", "y"), *FILL),
        pull(3, reports, titled("a", "y"), titled("b", "x"), *FILL),
    ]
    warehouse.merge(reports, parts)
    before = history(warehouse, reports)
    for part in (parts[0], parts[1], parts[2]):
        warehouse.merge(reports, [part])
        assert history(warehouse, reports) == before


# -- what the history must be, told by a model that is no SQL -----------------------------------------------------------


def expected(days: list[tuple[int, dict[str, str]]]) -> dict[str, list[tuple[Any, ...]]]:
    """The versions of each record, from whole pulls: (hour, title by record)."""
    versions: dict[str, list[list[Any]]] = {}
    for hour, held in days:
        for own, title in held.items():
            told = versions.setdefault(own, [])
            if not told:
                told.append([hour, None, "new", None, title])
            elif told[-1][1] is not None:
                told.append([hour, None, "revived", None, title])
            elif told[-1][4] != title:
                told[-1][1], told[-1][3] = hour, "changed"
                told.append([hour, None, "changed", None, title])
        for own, told in versions.items():
            if own not in held and told[-1][1] is None:
                told[-1][1], told[-1][3] = hour, "vanished"
    return {own: [tuple(version) for version in told] for own, told in versions.items()}


def drawn(seed: int) -> list[tuple[int, dict[str, str]]]:
    """Six pulls in which records come, change, vanish and come back; most stay, so that no volume collapses."""
    rng = random.Random(seed)
    stay = {f"s{number}": "always" for number in range(30)}
    days = []
    for hour in range(1, 7):
        moving = {f"m{number}": rng.choice("xyz") for number in range(12) if rng.random() < 0.6}
        days.append((hour, {**stay, **moving, f"new{hour}": "new"}))
    return days


def pulls(days: list[tuple[int, dict[str, str]]], of: Category, app: str) -> list[Any]:
    return [pull(hour, of, *(titled(own, title) for own, title in held.items()), app=app) for hour, held in days]


@pytest.mark.parametrize("seed", range(3))
def test_history_is_that_of_the_model_one_by_one_at_once_and_in_parts(
    warehouse: Warehouse, reports: Category, seed: int
) -> None:
    days = drawn(seed)
    # what was new on a day is gone on the next but one stays in the model: both see the same pulls
    wanted = expected(days)
    for part in pulls(days, reports, "single"):
        warehouse.merge(reports, [part])
    warehouse.merge(reports, pulls(days, reports, "together"))
    parts = pulls(days, reports, "parts")
    warehouse.merge(reports, parts[:2])
    warehouse.merge(reports, list(reversed(parts[2:])))
    assert sum(len(versions) for versions in wanted.values()) > 60
    for app in ("single", "together", "parts"):
        assert history(warehouse, reports, app) == wanted, app


def test_versions_of_an_incremental_dataset_that_come_at_once(warehouse: Warehouse, reports: Category) -> None:
    event = {"nature": "event", "complete": False}
    parts = [pull(number, reports, titled("a", title), f"only{number}", **event) for number, title in enumerate("xyyz", 1)]  # fmt: skip
    warehouse.merge(reports, parts)
    assert history(warehouse, reports)["a"] == [
        (1, 2, "new", "changed", "x"),
        (2, 4, "changed", "changed", "y"),
        (4, None, "changed", None, "z"),
    ]
    assert history(warehouse, reports)["only2"] == [(2, None, "new", None, "Laporan only2")]


# -- late --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [1, 2, 3, 4, 5])
def test_late_slice_is_placed_where_it_belongs(warehouse: Warehouse, reports: Category, missing: int) -> None:
    """A slice merged after newer ones puts its content at its time; core stays what the newest slice said."""
    titles = {1: "p", 2: "q", 3: "p", 4: "r", 5: "r", 6: "s"}
    days = [(hour, {"a": title, **dict.fromkeys(FILL, "x")}) for hour, title in titles.items()]
    parts = pulls(days, reports, "lapor")
    late = parts.pop(missing - 1)
    for part in parts:
        warehouse.merge(reports, [part])
    before = core(warehouse, reports)["a"]
    warehouse.merge(reports, [late])
    after = core(warehouse, reports)["a"]
    told = history(warehouse, reports)["a"]
    assert [version[4] for version in told] == [version[4] for version in expected(days)["a"]]
    assert [version[:2] for version in told] == [version[:2] for version in expected(days)["a"]]
    assert (after["title"], after["vanished_at"]) == (before["title"], None)
    assert history(warehouse, reports) == _again(warehouse, reports, late)


def _again(warehouse: Warehouse, of: Category, part: Any) -> dict[str, list[tuple[Any, ...]]]:
    warehouse.merge(of, [part])
    return history(warehouse, of)


def test_late_slice_between_two_that_agree_does_not_overwrite_core(warehouse: Warehouse, reports: Category) -> None:
    warehouse.merge(reports, [pull(1, reports, titled("a", "x"), *FILL)])
    warehouse.merge(reports, [pull(3, reports, titled("a", "x"), *FILL)])
    report = warehouse.merge(reports, [pull(2, reports, titled("a", "y"), *FILL)])
    assert (report.updated, report.duplicates) == (0, 1)
    assert core(warehouse, reports)["a"]["title"] == "x"
    assert history(warehouse, reports)["a"] == [
        (1, 2, "new", "changed", "x"),
        (2, 3, "changed", "changed", "y"),
        (3, None, "changed", None, "x"),
    ]


def test_late_slice_fills_a_gap_and_the_time_before(warehouse: Warehouse, reports: Category) -> None:
    warehouse.merge(reports, [pull(2, reports, titled("a", "x"), *FILL)])
    warehouse.merge(reports, [pull(3, reports, *FILL)])
    warehouse.merge(reports, [pull(6, reports, titled("a", "x"), *FILL)])
    warehouse.merge(reports, [pull(5, reports, titled("a", "late"), *FILL)])
    warehouse.merge(reports, [pull(1, reports, titled("a", "first"), *FILL)])
    assert history(warehouse, reports)["a"] == [
        (1, 2, "new", "changed", "first"),
        (2, 3, "changed", "vanished", "x"),
        (5, 6, "revived", "changed", "late"),
        (6, None, "changed", None, "x"),
    ]
    with warehouse.engine.connect() as connection:
        first = connection.execute(sa.text("select count(distinct first_seen_at) from core.report_history where source_record_id = 'a'"))  # fmt: skip
        assert first.scalar_one() == 1


def test_pull_that_ended_after_a_newer_one_changes_nothing(warehouse: Warehouse, reports: Category) -> None:
    """Two pulls ran at the same time: the one that began first was stored last."""
    newer, rows = pull(2, reports, titled("a", "new"), *FILL)
    older = manifest(1, 5, of=reports, committed_at=newer.committed_at.replace(minute=30))
    warehouse.merge(reports, [(newer, rows)])
    warehouse.merge(reports, [(older, [records(older, reports, titled("a", "old"), *FILL)])])
    assert history(warehouse, reports)["a"] == [(2, None, "new", None, "new")]


# -- what speaks against vanishing -------------------------------------------------------------------------------------


def test_records_with_unreadable_keys_make_nothing_vanish(warehouse: Warehouse, reports: Category) -> None:
    warehouse.merge(reports, [pull(1, reports, "a", *FILL)])
    part, tables = pull(2, reports, *FILL)
    with warehouse.merging(reports) as merge:
        merge.add(part, tables[0])
        merge.waiting(part, [None])
    assert merge.report.vanished == 0
    why = "keys unreadable: 1 records (0 before), so which are missing is not known"
    assert merge.report.guarded == {"lapor/report": why}
    assert core(warehouse, reports)["a"]["vanished_at"] is None
    readable = warehouse.merge(reports, [pull(3, reports, *FILL)])
    assert (readable.vanished, readable.guarded) == (1, {})


def test_row_without_a_key_that_was_always_there_does_not_keep_others(warehouse: Warehouse, reports: Category) -> None:
    for number, items in ((1, ["a", *FILL]), (2, FILL)):
        part, tables = pull(number, reports, *items)
        with warehouse.merging(reports) as merge:
            merge.add(part, tables[0])
            merge.waiting(part, [None])
    assert (merge.report.vanished, merge.report.guarded) == (1, {})


def dated(own: str, day: int) -> dict[str, Any]:
    from opg_pipeline_tests.load.build import START

    return {"id": own, "event_at": START.replace(day=day), "event_on": START.replace(day=day).date()}


def test_old_answer_given_again_removes_nothing(warehouse: Warehouse, reports: Category) -> None:
    days = [dated(f"d{day}", day) for day in range(1, 9)]
    warehouse.merge(reports, [pull(1, reports, *days)])
    stale = warehouse.merge(reports, [pull(2, reports, *days[:6])])
    why = "stale: nothing new, and all 2 missing records are newer than the newest one (2026-11-06)"
    assert (stale.vanished, stale.guarded) == (0, {"lapor/report": why})
    assert all(row["vanished_at"] is None for row in core(warehouse, reports).values())
    moved = warehouse.merge(reports, [pull(3, reports, *days[:6], dated("d9", 9))])
    assert (moved.vanished, moved.guarded) == (2, {})


def test_old_records_that_fall_out_vanish(warehouse: Warehouse, reports: Category) -> None:
    days = [dated(f"d{day}", day) for day in range(1, 9)]
    warehouse.merge(reports, [pull(1, reports, *days)])
    assert warehouse.merge(reports, [pull(2, reports, *days[2:])]).vanished == 2


# -- its shape ---------------------------------------------------------------------------------------------------------


def test_history_has_its_comments_in_the_database(warehouse: Warehouse) -> None:
    inspector = sa.inspect(warehouse.engine)
    assert "report_history" in inspector.get_view_names(schema="core")
    if warehouse.dialect == "duckdb":
        statement = "select column_name, comment from duckdb_columns() where table_name = 'report_history'"
        label = "select comment from duckdb_views() where view_name = 'report_history'"
    else:
        statement = "select attname, col_description(attrelid, attnum) from pg_attribute where attrelid = 'core.report_history'::regclass and attnum > 0"  # fmt: skip
        label = "select obj_description('core.report_history'::regclass)"
    with warehouse.engine.connect() as connection:
        columns = dict(connection.execute(sa.text(statement)).tuples().all())
        comment = connection.execute(sa.text(label)).scalar_one()
    assert comment.startswith("All versions of: Citizen's report | Laporan warga")
    assert {"record_uid", "title", "first_seen_at", "version_from", "version_to", "version_change", "version_end"} < set(columns)  # fmt: skip
    assert all(" | " in text for text in columns.values()), columns


def test_warehouse_from_before_versions_were_kept_goes_on(url: str, reports: Category) -> None:
    warehouse = Warehouse.open(url, catalog(reports))
    warehouse.migrate()
    warehouse.merge(reports, [pull(1, reports, titled("a", "x"), titled("b", "x"), *FILL)])
    warehouse.merge(reports, [pull(2, reports, titled("a", "y"), titled("b", "x"), *FILL)])
    with warehouse.engine.begin() as connection:
        for statement in (
            "drop view core.report_history",
            "drop table core.report_past",
            "alter table core.report drop column version_from",
            "alter table core.report drop column version_change",
            "alter table ops.slice drop column keyless",
            "delete from ops.schema_version where table_name like 'report%' or table_name = 'slice'",
        ):
            connection.execute(sa.text(statement))
    warehouse.close()
    warehouse = Warehouse.open(url, catalog(reports))
    warehouse.migrate()
    assert history(warehouse, reports)["a"] == [(2, None, "changed", None, "y")]
    assert history(warehouse, reports)["b"] == [(1, None, "new", None, "x")]
    warehouse.merge(reports, [pull(3, reports, titled("a", "z"), *FILL)])
    assert history(warehouse, reports)["a"] == [(2, 3, "changed", "changed", "y"), (3, None, "changed", None, "z")]
    assert history(warehouse, reports)["b"] == [(1, 3, "new", "vanished", "x")]
    warehouse.close()


def test_field_with_the_name_of_a_version_column_is_refused(url: str) -> None:
    from opg_pipeline.load import WarehouseError

    clash = category({"name": "version_to", "type": "date", "label": {"en": "To", "id": "Sampai"}, "privacy": "none"})
    with pytest.raises(WarehouseError, match="field version_to has the name of a column"):
        Warehouse.open(url, catalog(clash))
