"""Linear programming over everything that is published finds out no more of a hidden small number than that it is small."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from scipy.optimize import linprog

from opg_pipeline.publish import rebuild_measures
from opg_pipeline.publish.protect import first_day

from .world import AS_OF, D1, D2, D3, D4, World, app, catalog, category, measure

K = 5
DISTRICTS = (D1, D2, D3, D4)
MONTHS = (date(2025, 10, 1), date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1))
REST = "rest"
CITY = "35.22"
DECLARED = category(
    measure("visits", "count", min_cell=K),
    measure("visits_in_quarter", "count", period="quarter", min_cell=K),
    measure("share_closed", "share", numerator={"status": ["closed"]}, min_cell=K),
    measure("share_urgent", "share", numerator={"urgent": [True]}, min_cell=K),
    measure("closed", "count", where={"status": ["closed"]}, min_cell=K),
    measure("closed_in_quarter", "count", where={"status": ["closed"]}, period="quarter", min_cell=K),
)
COUNTS = {"visits": "all", "visits_in_quarter": "all", "closed": "closed", "closed_in_quarter": "closed"}
SHARES = {"share_closed": "closed", "share_urgent": "urgent"}
Unknown = tuple[str, str, date]
"""Which records, district or REST, month."""


@dataclass
class Attack:
    """The linear programme: how many records of each kind each place had in each month, and what the tables say of it."""

    unknowns: dict[Unknown, int] = field(default_factory=dict)
    exactly: list[tuple[dict[int, float], float]] = field(default_factory=list)
    at_most: list[tuple[dict[int, float], float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for month in MONTHS:
            for place in (*DISTRICTS, REST):
                whole = self.of("all", place, month)
                for kind in ("closed", "urgent"):
                    self.at_most.append(({**self.of(kind, place, month), **{key: -1.0 for key in whole}}, 0.0))

    def of(self, kind: str, place: str, month: date) -> dict[int, float]:
        return {self.unknowns.setdefault((kind, place, month), len(self.unknowns)): 1.0}

    def cell(self, kind: str, place: str, start: date, grain: str) -> dict[int, float]:
        """The sum that a published cell is."""
        terms: dict[int, float] = {}
        for month in MONTHS:
            if first_day(month, grain) == start:
                for one in (*DISTRICTS, REST) if place == CITY else (place,):
                    terms |= self.of(kind, one, month)
        return terms

    def learn(self, rows: list[dict[str, Any]]) -> None:
        """Take in the published table."""
        told = {(row["measure_id"], row["region_code"], row["period_start"]): row for row in rows}
        for (name, place, start), row in told.items():
            grain = row["period_grain"]
            kind = COUNTS.get(name, "all")
            terms = self.cell(kind, place, start, grain)
            if row["n"] is not None:
                self.exactly.append((terms, row["n"]))
            else:
                self.at_most.append(({key: -1.0 for key in terms}, -1.0))
            if name in SHARES and row["value"] is not None:
                self.exactly.append((self.cell(SHARES[name], place, start, grain), row["value"] * row["n"]))
            if row["share_without_region"] is not None and place == CITY and row["n"] is not None:
                self.exactly.append((self.cell(kind, REST, start, grain), row["share_without_region"] * row["n"]))
        for name, kind in COUNTS.items():
            grain = "quarter" if name.endswith("quarter") else "month"
            starts = {start for other, _, start in told if other == name}
            for place in DISTRICTS:
                for start in starts:
                    if (name, place, start) not in told:
                        self.exactly.append((self.cell(kind, place, start, grain), 0.0))

    def interval(self, terms: dict[int, float]) -> tuple[float, float]:
        """What the number may be."""
        found = []
        for sign in (1.0, -1.0):
            cost = self._row({key: sign * value for key, value in terms.items()})
            solved = linprog(
                cost,
                A_ub=[self._row(row) for row, _ in self.at_most],
                b_ub=[bound for _, bound in self.at_most],
                A_eq=[self._row(row) for row, _ in self.exactly],
                b_eq=[bound for _, bound in self.exactly],
                bounds=(0, 1000),
            )
            assert solved.status == 0, "what is published contradicts itself"
            found.append(sign * solved.fun)
        return found[0], found[1]

    def _row(self, terms: dict[int, float]) -> list[float]:
        row = [0.0] * len(self.unknowns)
        for key, value in terms.items():
            row[key] = value
        return row


def truth(world: World, seed: int) -> Callable[[str, str, date, str], int]:
    """Fills the city with records, few in most cells; tells any true count."""
    chance = random.Random(seed)
    found: list[dict[str, Any]] = []
    for month in MONTHS:
        for place in (*DISTRICTS, None):
            for _ in range(chance.choice((0, 1, 2, 3, 4, 6, 9, 14, 25, 40))):
                status = "closed" if chance.random() < 0.6 else "open"
                found.append(
                    {
                        "region_code": place, "region_level": "district" if place else None, "region_match": "code" if place else "none",
                        "event_on": month, "status": status, "urgent": chance.random() < 0.3,
                    }
                )  # fmt: skip
    world.visits(*found)

    def count(kind: str, place: str, start: date, grain: str) -> int:
        return sum(
            first_day(item["event_on"], grain) == start
            and (place == CITY or item["region_code"] == place)
            and {"all": True, "closed": item["status"] == "closed", "urgent": item["urgent"]}[kind]
            for item in found
        )

    return count


@pytest.mark.parametrize("seed", range(12))
def test_no_hidden_number_is_found_to_within_its_protection_interval(world: World, seed: int) -> None:
    world.build("visit")
    count = truth(world, seed)
    world.fresh("one")
    with world.engine.begin() as connection:
        rebuild_measures(connection, catalog([DECLARED], [app("one")]), as_of=AS_OF)
    rows = world.read("measure")
    attack = Attack()
    attack.learn(rows)
    attacked = 0
    for row in rows:
        place, start, grain = row["region_code"], row["period_start"], row["period_grain"]
        n = count("all", place, start, grain)
        if not row["suppressed"]:
            continue
        if row["measure_id"] in COUNTS:
            kind = COUNTS[row["measure_id"]]
            sides = [(attack.cell(kind, place, start, grain), count(kind, place, start, grain))]
        else:
            kind = SHARES[row["measure_id"]]
            fits = attack.cell(kind, place, start, grain)
            others = attack.cell("all", place, start, grain) | {key: -1.0 for key in fits}
            hits = count(kind, place, start, grain)
            sides = [(fits, hits), (others, n - hits)]
        for terms, number in sides:
            if 0 < number < K:
                low, high = attack.interval(terms)
                assert low - 1e-6 <= number <= high + 1e-6, "the attack is sound"
                assert high - low >= K / 2, (row["measure_id"], place, start, number, low, high)
                attacked += 1
    assert attacked > 10


@pytest.mark.parametrize("seed", [1, 2])
def test_were_only_small_cells_hidden_the_attack_would_find_one(world: World, seed: int) -> None:
    world.build("visit")
    count = truth(world, seed)
    world.fresh("one")
    with world.engine.begin() as connection:
        rebuild_measures(connection, catalog([DECLARED], [app("one")]), as_of=AS_OF)
    attack = Attack()
    attack.learn(world.read("measure"))
    for month in MONTHS:
        for place in DISTRICTS:
            number = count("all", place, month, "month")
            if number >= K:
                attack.exactly.append((attack.cell("all", place, month, "month"), number))
        rest = count("all", CITY, month, "month") - sum(count("all", place, month, "month") for place in DISTRICTS)
        attack.exactly.append((attack.cell("all", REST, month, "month"), rest))
    found = 0
    for month in MONTHS:
        small = [place for place in DISTRICTS if 0 < count("all", place, month, "month") < K]
        if len(small) == 1:
            low, high = attack.interval(attack.cell("all", small[0], month, "month"))
            found += high - low < 0.5
    assert found
