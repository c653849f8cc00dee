"""What officers meet in the field: vehicles tested, sick animals, waste and air. No wire formats belong here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Geography
from opg_pipeline.sandbox.truth.people import Person, Population
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import at_hour, midnight, office_days
from opg_pipeline.sandbox.truth.village_calendar import History, days_to_the_last, passed_through

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

COURSES = (
    ("registered", "paid", "passed"),
    ("registered", "paid", "passed"),
    ("registered", "paid", "passed"),
    ("registered", "paid", "failed"),
    ("registered", "withdrawn"),
)
TESTS = ("periodic", "periodic", "periodic", "first", "visiting", "transfer")
VEHICLES = ("pickup", "truck", "bus", "trailer", "box")
SYNDROMES = {
    "lameness_drooling": ("cattle", "cattle", "goat"),
    "skin_nodules": ("cattle", "buffalo"),
    "sudden_death": ("chicken", "duck", "cattle"),
    "diarrhoea": ("cattle", "goat", "sheep"),
    "abortion": ("cattle", "goat"),
    "nervous_signs": ("dog", "cat"),
    "respiratory": ("chicken", "chicken", "goat"),
}
STATIONS = (("AQ-01", "Alun-alun", "15"), ("AQ-02", "Terminal Rajekwesi", "15"), ("AQ-03", "Gayam", "28"))
SITES = (("TPA-01", "TPA Banjarsari", "23"), ("TPS-02", "TPS3R Dander", "06"), ("TPS-03", "TPS3R Padangan", "19"))
AIR = (("pm25", "ug/m3", 38), ("pm10", "ug/m3", 60), ("so2", "ug/m3", 24), ("no2", "ug/m3", 30))


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleTest(Record):
    """A vehicle brought to its test."""

    plate: str
    vehicle: str
    test: str
    owner: Person
    of_business: str | None
    status: str
    tested_on: date | None
    valid_until: date | None
    changed_at: datetime
    history: History


@dataclass(frozen=True, slots=True, kw_only=True)
class AnimalReport(Record):
    """Sick or dead animals reported by text message."""

    syndrome: str
    species: str
    sick: int
    dead: int
    reporter: Person
    organisation: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentReading(Record):
    """Tonnes of waste a day at a site, or the air at a station. None where nothing was measured."""

    station: str
    station_name: str
    measured: str
    value: Decimal | None
    unit: str


def vehicle_tests(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[VehicleTest]:
    """Commercial vehicles come twice a year; most pass."""
    found = []
    for number, (day, village) in enumerate(
        zip(days_to_the_last(rng, until, n, office_days), places.scatter(rng, n), strict=True), 1
    ):
        late = number % 40 == 0 and (until - day).days > 5
        history = passed_through(rng, midnight(day), rng.choice(COURSES), until, 4, changed_lately=late)
        tested = history[-1][1].date() if history[-1][0] in ("passed", "failed") else None
        owner = people.adult_of(rng, village)
        found.append(
            VehicleTest(
                record_id=f"KIR{day:%y%m}{number:05d}",
                at=midnight(day),
                district=village.district.code,
                village=village.code,
                plate=f"S {rng.randrange(1000, 9999)} {rng.choice('ABCDE')}{rng.choice('ABCDEFGHKLMN')}",
                vehicle=rng.choice(VEHICLES),
                test=rng.choice(TESTS),
                owner=owner,
                of_business=f"CV {owner.name.split()[-1]} Trans" if rng.random() < 0.25 else None,
                status=history[-1][0],
                tested_on=tested,
                valid_until=tested + timedelta(days=182) if tested and history[-1][0] == "passed" else None,
                changed_at=history[-1][1],
                history=history,
            )
        )
    return found


def animal_reports(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[AnimalReport]:
    """Reports of officers and of farmers; more when it rains."""
    found = []
    days = days_to_the_last(rng, until, n, lambda day: 1.6 if day.month in (12, 1, 2, 3) else 1.0)
    syndromes = tuple(SYNDROMES)
    for number, (at, village) in enumerate(
        zip(sorted(at_hour(rng, day, range(5, 21)) for day in days), places.scatter(rng, n), strict=True), 1
    ):
        syndrome = rng.choice(syndromes)
        species = rng.choice(SYNDROMES[syndrome])
        sick = rng.randrange(0, 3) if syndrome == "sudden_death" else rng.randrange(1, 6)
        found.append(
            AnimalReport(
                record_id=str(4_100_000 + number),
                at=at,
                district=village.district.code,
                village=village.code,
                syndrome=syndrome,
                species=species,
                sick=sick * (20 if species in ("chicken", "duck") else 1),
                dead=rng.randrange(1, 9) if syndrome == "sudden_death" else rng.choice((0, 0, 0, 1)),
                reporter=people.adult_of(rng, village),
                organisation=f"Puskeswan {village.district.name}" if rng.random() < 0.4 else None,
            )
        )
    return found


def environment_readings(rng: Random, until: date, n: int) -> list[EnvironmentReading]:
    """Every third is a day's waste at a site, the others hours of air at a station."""
    found: list[EnvironmentReading] = []
    taken: set[tuple[str, str, datetime]] = set()
    for number, day in enumerate(days_to_the_last(rng, until, n), 1):
        code = ""
        at, measured, unit, name, district, usual = midnight(day), "", "", "", "", 0
        while not code or (code, measured, at) in taken:
            if number % 3 == 0 and measured == "":
                (code, name, district), (measured, unit, usual) = rng.choice(SITES), ("waste", "t/d", 60)
                usual = usual if code.startswith("TPA") else 5
            else:
                (code, name, district), (measured, unit, usual) = rng.choice(STATIONS), rng.choice(AIR)
                at = midnight(day) + timedelta(hours=rng.randrange(24))
        taken.add((code, measured, at))
        value = Decimal(round(max(0.4, rng.gauss(usual, usual / 4)) * 100)) / 100
        found.append(
            EnvironmentReading(
                record_id=f"{'SMP' if measured == 'waste' else 'UDR'}{number:07d}",
                at=at,
                district=f"35.22.{district}",
                village=None,
                station=code,
                station_name=name,
                measured=measured,
                value=None if rng.random() < 0.06 else value,
                unit=unit,
            )
        )
    return sorted(found, key=lambda reading: (reading.at, reading.record_id))


DRAWS: Mapping[str, Draw] = {
    "e_kir": lambda city, rng, n: vehicle_tests(rng, city.until, n, city.places, city.people),
    "isikhnas": lambda city, rng, n: animal_reports(rng, city.until, n, city.places, city.people),
    "sipsn_dlh": lambda city, rng, n: environment_readings(rng, city.until, n),
}
