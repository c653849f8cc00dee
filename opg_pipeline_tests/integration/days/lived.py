"""What the city knew on each of its days, and what the warehouse held after each day's run and holds at the end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from opg_pipeline.lake import Lake
from opg_pipeline.model.catalog import load_catalog
from opg_pipeline.normalise import Pseudonymiser
from opg_pipeline_tests.integration.expectations import Held, Truth
from opg_pipeline_tests.integration.ledger import APPS, Case, Pulled, inventories
from opg_pipeline_tests.integration.runs import KEY, Ended, Runner, duck

DAYS = (date(2026, 5, 31), date(2026, 6, 29), date(2026, 6, 30))
CATALOG = load_catalog()
NEVER_WHOLE = {"opensid"}
"""Some of its villages are always down, so no pull is whole, and nothing is taken for gone."""
WHOLE = sorted({ref.app.id for ref in CATALOG.datasets("bojonegoro") if ref.dataset.nature != "event"} - NEVER_WHOLE)
"""Apps that are pulled whole: only there can a record vanish."""
JUDGED = {("e_presensi", "clock_reset"), ("satusehat", "ends_before_start"), ("ttis_csirt", "ended_before_onset")}
"""Defects that show in no single value: the rules of the category hold the record back at publish."""


@dataclass(repr=False)
class Day:
    """The city on one day, and the warehouse after that day's run."""

    run: Ended
    ended: datetime
    ledger: dict[str, Sequence[Truth]]
    shown: dict[str, Mapping[str, Mapping[str, Any]]]
    current: dict[str, list[dict[str, Any]]]
    """By app, the records that have not vanished."""
    _cases: dict[str, Case] = field(default_factory=dict)

    def case(self, app: str) -> Case:
        """The ledger of this day beside what `core.<category>` held."""
        if app not in self._cases:
            self._cases[app] = self.beside(app, self.current[app])
        return self._cases[app]

    def beside(self, app: str, rows: list[dict[str, Any]]) -> Case:
        """The ledger of this day beside other rows."""
        tokens = Pseudonymiser(bytes.fromhex(KEY))
        return Case(app, Pulled(app, {}, {}, rows), self.ledger[app], tokens, self.shown.get(app, {}))

    @cached_property
    def merged(self) -> Counter[str]:
        """How many records the run found new, changed and gone."""
        reports = [item["merged"] for item in self.run.report["publish"]["categories"].values() if item["merged"]]
        return Counter({name: sum(item[name] for item in reports) for name in ("inserted", "updated", "vanished")})


@dataclass(repr=False)
class Days:
    """The days one after the other, and the histories after the last."""

    runner: Runner
    home: Path
    each: list[Day] = field(default_factory=list)
    versions: list[dict[str, Any]] = field(default_factory=list)
    """Every row of every history."""
    guards: list[str] = field(default_factory=list)

    def live(self, day: date) -> None:
        """Move the city to a day and run everything."""
        self.runner.clock(day)
        run = self.runner.opg(self.home, "run", "--json", timeout=600)
        assert run.out.startswith("{"), run.err[-2000:]
        assert run.code == 0, run.out[-3000:] + run.err[-2000:]
        ended, sandbox = datetime.now(UTC), self.runner.sandbox
        shown = {app: sandbox.delivered(app) for app in APPS}
        shown["opensid"] = inventories(Lake(str(self.home / "lake"), None))
        self.each.append(Day(run, ended, {app: sandbox.ledger(app) for app in APPS}, shown, _current(self.home)))

    def judge(self) -> None:
        """Read the histories."""
        self.versions = versions(duck(self.home))
        self.guards = guards(duck(self.home))

    def as_of(self, app: str, day: int) -> list[dict[str, Any]]:
        """What the history says of an app at the end of a day."""
        at = self.each[day].ended
        return [
            row
            for row in self.by_app[app]
            if row["version_from"] <= at and (row["version_to"] is None or row["version_to"] > at)
        ]

    @cached_property
    def by_app(self) -> dict[str, list[dict[str, Any]]]:
        """The versions of each app."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.versions:
            found[row["source_app"]].append(row)
        return found

    def case(self, app: str, day: int) -> Case:
        """The ledger of a day beside the history as of its end."""
        return self.each[day].beside(app, self.as_of(app, day))


def held(case: Case, truth: Truth) -> bool:
    """Whether a record waits, at its pull or at publish."""
    return isinstance(case.expected(truth), Held) or (case.app, truth["defect"]) in JUDGED


def _current(home: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        for category in sorted(CATALOG.categories):
            rows = connection.sql(f'select * from core."{category}" where vanished_at is null').to_arrow_table()
            for row in rows.to_pylist():
                found[row["source_app"]].append(row)
    return found


def versions(url: str) -> list[dict[str, Any]]:
    """Every row of core.<category>_history, times in UTC."""
    names = [f"{category}_history" for category in sorted(CATALOG.categories)]
    return [_in_utc(row) for name in names for row in _rows(url, f"select * from core.{name}")]


def guards(url: str) -> list[str]:
    """Slices that made nothing vanish, and why."""
    found = _rows(url, "select app, dataset, guard from ops.slice where guard is not null")
    return [f"{row['app']}/{row['dataset']}: {row['guard']}" for row in found]


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
