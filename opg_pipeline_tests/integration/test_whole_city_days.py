"""Three days of the whole city at a tenth of its size: after each run the warehouse holds what is true that day, of every app.

What one pull becomes is test_whole_city's; here it is what came, changed and went between pulls.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import duckdb
import pytest

from opg_pipeline.lake import Lake
from opg_pipeline.model.catalog import Catalog, load_catalog
from opg_pipeline.normalise import Pseudonymiser
from opg_pipeline_tests.integration.expectations import Held, Truth
from opg_pipeline_tests.integration.ledger import APPS, Case, Pulled, inventories
from opg_pipeline_tests.integration.runs import KEY, Ended, Runner, running

DAYS = (date(2026, 5, 31), date(2026, 6, 29), date(2026, 6, 30))
JUDGED = {("e_presensi", "clock_reset"), ("satusehat", "ends_before_start"), ("ttis_csirt", "ended_before_onset")}
"""Defects that show in no single value: the rules of the category hold the record back at publish."""
NEVER_WHOLE = {"opensid"}
"""Some of its villages are always down, so no pull is whole, and nothing is taken for gone."""
every_app = pytest.mark.parametrize("app", sorted(APPS))
every_day = pytest.mark.parametrize("number", range(len(DAYS)), ids=[f"{day:%m-%d}" for day in DAYS])


@cache
def catalog() -> Catalog:
    return load_catalog()


@dataclass(repr=False)
class Day:
    """The city on one day and the warehouse after that day's run."""

    ended: Ended
    ledger: dict[str, Sequence[Truth]]
    shown: dict[str, dict[str, Any]]
    core: dict[str, list[dict[str, Any]]]
    """By app, the records that have not vanished."""
    _cases: dict[str, Case] = field(default_factory=dict)

    def case(self, app: str) -> Case:
        if app not in self._cases:
            tokens = Pseudonymiser(bytes.fromhex(KEY))
            self._cases[app] = Case(app, Pulled(app, {}, {}, self.core[app]), self.ledger[app], tokens, self.shown[app])
        return self._cases[app]

    @cached_property
    def merged(self) -> Counter[str]:
        """How many records the run found new, changed and gone."""
        reports = [item["merged"] for item in self.ended.report["publish"]["categories"].values() if item["merged"]]
        return Counter({name: sum(item[name] for item in reports) for name in ("inserted", "updated", "vanished")})


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Day]]:
    home = tmp_path_factory.mktemp("days") / "opg"
    with running("--scale", "0.1") as runner:
        yield [_lived(runner, home, day) for day in DAYS]


def _lived(runner: Runner, home: Path, day: date) -> Day:
    runner.clock(day)
    ended = runner.opg(home, "run", "--json", timeout=600)
    assert ended.out.startswith("{"), ended.err[-2000:]
    lake = Lake(str(home / "lake"), None)
    shown = {app: runner.sandbox.delivered(app) for app in APPS}
    shown["opensid"] = inventories(lake)
    return Day(ended, {app: runner.sandbox.ledger(app) for app in APPS}, shown, _core(home))


def _core(home: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        for category in sorted(catalog().categories):
            rows = connection.sql(f'select * from core."{category}" where vanished_at is null').to_arrow_table()
            for row in rows.to_pylist():
                found[row["source_app"]].append(row)
    return found


def test_something_came_changed_and_went_every_day(days: list[Day]) -> None:
    for day in days:
        assert day.ended.code == 0, day.ended.err[-2000:]
    for day in days[1:]:
        assert all(day.merged[name] > 0 for name in ("inserted", "updated", "vanished")), day.merged


def held(case: Case, truth: Truth) -> bool:
    """Whether a record waits, at its pull or at publish."""
    return isinstance(case.expected(truth), Held) or (case.app, truth["defect"]) in JUDGED


@every_day
@every_app
def test_the_warehouse_holds_what_is_true_that_day(app: str, number: int, days: list[Day]) -> None:
    """Each true record once, none that cannot be read, none that is gone from a list that is pulled whole."""
    case, before = days[number].case(app), [day.case(app) for day in days[:number]]
    former = {uid for one in before for uid in one.ids}
    loaded = {uid for one in before for uid, truth in zip(one.ids, one.truths, strict=True) if not held(one, truth)}
    wrong = []
    for place, truth in enumerate(case.truths):
        rows, waits = len(case.standard(place)), held(case, truth)
        # What was read before and cannot be read as it is now stands as it was.
        if rows != (0 if waits and case.ids[place] not in loaded else 1):
            wrong.append(f"{truth['record_id']} ({truth['defect']}): {rows} times, waits: {waits}")
    assert not wrong, f"{len(wrong)} of {len(case.truths)}: {wrong[:8]}"
    natures = {item.id: item.nature for item in catalog().cities["bojonegoro"].apps[app].datasets}
    for uid in set(case.pulled.by_id) - set(case.ids):
        assert uid in former
        for row in case.pulled.by_id[uid]:
            assert natures[row["source_dataset"]] != "snapshot" or app in NEVER_WHOLE


@every_day
@every_app
def test_every_value_is_that_days(app: str, number: int, days: list[Day]) -> None:
    case = days[number].case(app)
    if case.truths or number == len(DAYS) - 1:
        case.every_value_is_the_true_one()
