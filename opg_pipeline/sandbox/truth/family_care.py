"""What families went through: cases of violence that were reported, and the figures of family planning.

No wire formats belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Geography
from opg_pipeline.sandbox.truth.people import Person, Population
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import at_hour, midnight, office_days
from opg_pipeline.sandbox.truth.village_calendar import History, days_to_the_last, passed_through

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

KINDS = ("physical", "psychological", "sexual", "neglect", "economic", "trafficking", "cyber")
WEIGHTS = (34, 22, 24, 9, 5, 1, 5)
SCENES = ("home", "home", "home", "school", "public_place", "online", "workplace")
COURSES = (
    ("registered", "outreach", "support", "closed"),
    ("registered", "outreach", "support"),
    ("registered", "referred"),
    ("registered", "support", "closed"),
)
INDICATORS = (
    ("KB-AKTIF", "Peserta KB aktif", "pasangan", 60),
    ("ELS-CATIN", "Calon pengantin didampingi", "pasangan", 9),
    ("ELS-BUMIL", "Ibu hamil didampingi", "orang", 21),
    ("KB-BARU", "Peserta KB baru", "pasangan", 14),
    ("KRS-DAMPING", "Keluarga berisiko stunting didampingi", "keluarga", 33),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionCase(Record):
    """A report of violence against a woman or a child; its place is known to the app for the regency alone."""

    kind: str
    scene: str
    severity: str
    verified: bool
    happened_year: int
    victim: Person
    victim_class: str
    victim_age: int
    status: str
    changed_at: datetime
    history: History


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyIndicator(Record):
    """What a district reached in a year by the end of a month, added up since January."""

    indicator_code: str
    indicator: str
    measure_unit: str
    year: int
    month: int
    value: int | None


def protection_cases(rng: Random, until: date, n: int, people: Population) -> list[ProtectionCase]:
    """Reports of violence; those of the last weeks are still worked on."""
    at_risk = [person for person in people.people if person.sex == "P" or person.age_on(until)[0] < 18]
    found = []
    for number, day in enumerate(days_to_the_last(rng, until, n, lambda d: 0.3 + office_days(d)), 1):
        victim, at = rng.choice(at_risk), at_hour(rng, day, range(7, 20))
        age = max(1, victim.age_on(day)[0])
        history = passed_through(rng, at, rng.choice(COURSES), until, 20, changed_lately=n - 14 < number < n - 6)
        found.append(
            ProtectionCase(
                record_id=f"PPA-3522-{day:%y}-{number:04d}",
                at=at,
                district=None,
                village=None,
                kind=rng.choices(KINDS, WEIGHTS)[0],
                scene=rng.choice(SCENES),
                severity=rng.choices(("minor", "moderate", "severe"), (3, 5, 2))[0],
                verified=rng.random() < 0.8,
                happened_year=(day - timedelta(days=rng.choice((0, 1, 3, 10, 40, 200)))).year,
                victim=victim,
                victim_class="child" if age < 18 else "woman",
                victim_age=age,
                status=history[-1][0],
                changed_at=history[-1][1],
                history=history,
            )
        )
    return found


def month_ends(until: date, n: int) -> list[date]:
    """The last `n` ends of months not after `until`, oldest first."""
    found: list[date] = []
    first = date(until.year + until.month // 12, until.month % 12 + 1, 1)
    while len(found) < n:
        last = first - timedelta(days=1)
        if last <= until:
            found.append(last)
        first = last.replace(day=1)
    return found[::-1]


def family_indicators(rng: Random, until: date, n: int, places: Geography) -> list[FamilyIndicator]:
    """Monthly figures by district, cumulative within a year, as many series as make `n` figures in a year."""
    every = [(indicator, district) for indicator in INDICATORS for district in places.districts]
    series = every[: max(1, -(-n // 12))]
    months = month_ends(until, -(-n // len(series)) + 12)
    first = len(months) - -(-n // len(series))
    reached = dict.fromkeys(range(len(series)), 0)
    found = []
    for position, end in enumerate(months):
        for number, ((code, indicator, unit, usual), district) in enumerate(series):
            if end.month == 1:
                reached[number] = 0
            reached[number] += rng.randrange(usual // 2, usual * 2)
            if position < first:
                continue
            found.append(
                FamilyIndicator(
                    record_id=f"{end.year}/{district.code}/{code}/{end.month:02d}",
                    at=midnight(end),
                    district=district.code,
                    village=None,
                    indicator_code=code,
                    indicator=indicator,
                    measure_unit=unit,
                    year=end.year,
                    month=end.month,
                    value=None if rng.random() < 0.015 else reached[number],
                )
            )
    return found[-n:]


DRAWS: Mapping[str, Draw] = {
    "simfoni_ppa": lambda city, rng, n: protection_cases(rng, city.until, n, city.people),
    "elsimil_siga": lambda city, rng, n: family_indicators(rng, city.until, n, city.places),
}
