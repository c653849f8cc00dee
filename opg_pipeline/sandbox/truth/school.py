"""Who learns where: pupils of the lower secondary schools, children who apply for a place, students with a grant.

No wire formats and no planted mistakes belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING
from uuid import UUID

from opg_pipeline.sandbox.truth.geography import Geography
from opg_pipeline.sandbox.truth.health_days import RECENT_DAYS, lively, turn
from opg_pipeline.sandbox.truth.people import FAMILY, MEN, WOMEN, Person, Population
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import at_hour, draw_days, midnight, office_days

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

SCHOOLS = 28
"""One for each district."""
PROGRAMMES = (
    ("ten_graduates", Decimal(12_500_000)),
    ("scientist", Decimal(20_000_000)),
    ("thesis", Decimal(5_000_000)),
    ("prior_learning", Decimal(7_500_000)),
)
CAMPUSES = (
    ("071024", "Universitas Bojonegoro"),
    ("073056", "IKIP PGRI Bojonegoro"),
    ("213187", "Universitas Nahdlatul Ulama Sunan Giri"),
    ("001019", "Universitas Brawijaya"),
    ("001004", "Universitas Airlangga"),
)


@dataclass(frozen=True, slots=True)
class School:
    """A state lower secondary school. `npsn` is its national number."""

    npsn: str
    name: str
    district: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pupil(Record):
    """A pupil in a class of this school year; `first_group` is the class before a move, `left_on` the day he left."""

    student: Person
    nisn: str
    mother: str
    npsn: str
    school: str
    grade: int
    group: str
    first_group: str
    moved_on: date | None
    left_on: date | None
    assisted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Application(Record):
    child: Person
    parent: Person
    nisn: str
    track: str
    npsn: str
    school: str
    distance_m: int
    status: str
    decided_at: datetime | None
    changed_at: datetime
    deleted_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(Record):
    student: Person
    programme: str
    campus_id: str
    campus: str
    amount: Decimal
    status: str
    until: date
    welfare_decile: int
    changed_at: datetime


def schools(places: Geography) -> list[School]:
    """The schools, one for each district."""
    return [
        School(f"20504{number:03d}", f"SMPN 1 {district.name}", district.code)
        for number, district in enumerate(places.districts[:SCHOOLS], 101)
    ]


def _child(rng: Random, parent: Person, born: date) -> Person:
    """A child of that household."""
    sex = rng.choice("LP")
    name = f"{rng.choice(MEN if sex == 'L' else WOMEN)} {rng.choice(FAMILY)}"
    day = born.day + 40 * (sex == "P")
    nik = f"3522{parent.village.district.code[-2:]}{day:02d}{born:%m%y}{rng.randrange(1, 10000):04d}"
    email = f"{name.replace(' ', '.').lower()}{rng.randrange(10, 999)}@belajar.example"
    return Person(nik, name, sex, born, parent.phone, email, parent.account, parent.household)


def _nisn(number: int, born: date) -> str:
    """Ten digits that begin with a zero: year of birth without its first digit, then a serial number."""
    return f"{born.year % 1000:03d}{number * 37 % 10_000_000:07d}"


def pupils(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[Pupil]:
    """Registrations of the running school year: nearly all in July, some who move in later; classes of 32."""
    of_district: dict[str, list[Person]] = {}
    for adult in people.adults:
        of_district.setdefault(adult.village.district.code, []).append(adult)
    found: list[Pupil] = []
    houses, days = (
        schools(places),
        draw_days(rng, until, n, lambda day: office_days(day) * (1 if day.month == 7 else 0.01)),
    )
    for number, day in enumerate(days, 1):
        school = houses[number % len(houses)]
        parent = rng.choice(of_district[school.district])
        grade = 7 + number // len(houses) % 3
        born = date(until.year - grade - 6, 1, 1) + timedelta(days=rng.randrange(365))
        group = f"{('VII', 'VIII', 'IX')[grade - 7]} {chr(65 + rng.randrange(8))}"
        chance = rng.random()
        moved = until - timedelta(days=rng.randrange(RECENT_DAYS)) if chance < 0.004 else None
        left = until - timedelta(days=rng.randrange(RECENT_DAYS)) if 0.004 <= chance < 0.006 else None
        found.append(
            Pupil(
                record_id=str(UUID(int=rng.getrandbits(128), version=4)),
                at=midnight(day),
                district=parent.village.district.code,
                village=parent.village.code,
                student=_child(rng, parent, born),
                nisn=_nisn(number, born),
                mother=f"{rng.choice(WOMEN)} {rng.choice(FAMILY)}",
                npsn=school.npsn,
                school=school.name,
                grade=grade,
                group=f"{group[:-1]}I" if moved else group,
                first_group=group,
                moved_on=moved if moved and moved > day else None,
                left_on=left if left and left > day else None,
                assisted=rng.random() < 0.2,
            )
        )
    return found


def applications(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[Application]:
    """Children who apply for a place in June and the first days of July; a few applications are struck out again."""
    houses = schools(places)
    found = []
    days = lively(rng, until, n, lambda day: 1.0 if day.month == 6 else 0.6 if day.month == 7 and day.day < 13 else 0.0)
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True), 1):
        parent = people.adult_of(rng, village)
        born = date(day.year - 13, 1, 1) + timedelta(days=rng.randrange(700))
        at = at_hour(rng, day, range(6, 23))
        near = next((school for school in houses if school.district == village.district.code), houses[0])
        school = near if rng.random() < 0.8 else rng.choice(houses)
        ended = turn(rng, until, at, 12)
        status = "submitted" if ended is None else rng.choices(
            ("approved", "rejected", "verified", "returned", "withdrawn", "issued"), (25, 18, 15, 6, 4, 32)
        )[0]  # fmt: skip
        fresh = 1 <= (until - day).days <= 6 and ended is None
        found.append(
            Application(
                record_id=f"SPMB{day:%y}-{number:06d}",
                at=at,
                district=village.district.code,
                village=village.code,
                child=_child(rng, parent, born),
                parent=parent,
                nisn=_nisn(number + 50_000, born),
                track=rng.choices(("residence", "affirmative", "merit", "transfer"), (50, 20, 25, 5))[0],
                npsn=school.npsn,
                school=school.name,
                distance_m=max(80, round(rng.lognormvariate(7.3, 0.8) / 10) * 10),
                status=status,
                decided_at=ended if status in ("approved", "rejected", "withdrawn", "issued") else None,
                changed_at=ended or at,
                deleted_on=max(until - timedelta(days=1), day + timedelta(days=1))
                if fresh and rng.random() < 0.15
                else None,
            )
        )
    return found


def grants(rng: Random, until: date, n: int, people: Population) -> list[Grant]:
    """Grants for students; some students have two at once, of different programmes."""
    young = [person for person in people.people if 17 <= person.age_on(until)[0] <= 27]
    found: list[Grant] = []
    for number, day in enumerate(draw_days(rng, until, n, office_days), 1):
        at = midnight(day)
        programme, amount = rng.choices(PROGRAMMES, (50, 15, 20, 15))[0]
        student = rng.choice(young)
        if found and rng.random() < 0.1:
            earlier = rng.choice(found)
            student = earlier.student
            programme, amount = rng.choice([one for one in PROGRAMMES if one[0] != earlier.programme])
        campus_id, campus = rng.choice(CAMPUSES)
        ended = turn(rng, until, at, 60)
        status = rng.choices(("active", "verified", "rejected", "suspended", "exited"), (60, 12, 14, 4, 10))[0]
        found.append(
            Grant(
                record_id=f"BSW-{day:%Y}-{number:05d}",
                at=at,
                district=student.village.district.code,
                village=student.village.code,
                student=student,
                programme=programme,
                campus_id=campus_id,
                campus=campus,
                amount=amount,
                status=status if ended else "proposed",
                until=day + timedelta(days=365),
                welfare_decile=rng.randrange(1, 8),
                changed_at=ended or at,
            )
        )
    return found


DRAWS: Mapping[str, Draw] = {
    "dapodik": lambda city, rng, n: pupils(rng, city.until, n, city.places, city.people),
    "spmb": lambda city, rng, n: applications(rng, city.until, n, city.places, city.people),
    "beasiswa": lambda city, rng, n: grants(rng, city.until, n, city.people),
}
