"""Who was cared for: at the first-level clinics, in the national health record, at the hospital, on the baby scales.

No wire formats and no planted mistakes belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING
from zlib import crc32

from opg_pipeline.sandbox.truth.geography import District, Geography, Village
from opg_pipeline.sandbox.truth.health_days import lively
from opg_pipeline.sandbox.truth.people import FAMILY, MEN, WOMEN, Person, Population
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.residents import ILLNESSES, facilities
from opg_pipeline.sandbox.truth.timeline import at_hour, end_of, midnight, office_days, window

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

CLINICS = ("INT", "ANA", "OBG", "BED", "MAT", "SAR", "JAN", "IGD")
EMERGENCY = "IGD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encounter(Record):
    """`at` is the start; `ended_at` is None while it lasts. `card` is the insurance card or the national patient number."""

    facility_id: str
    facility: str
    patient: Person
    card: str
    sex: str
    age_years: int
    encounter_class: str
    icd10: str | None
    payer_class: str
    outcome: str | None
    ended_at: datetime | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Queueing(Record):
    """A booking at the hospital; `chart` is the medical record number, which two patients may share."""

    patient: Person
    chart: str
    clinic: str
    ticket: int
    sex: str
    age_years: int
    encounter_class: str
    payer_class: str
    icd10: str | None
    status: str
    called_at: datetime | None
    ended_at: datetime | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing(Record):
    """A small child weighed and measured at the village post."""

    facility_id: str
    facility: str
    post: str
    child: Person
    child_id: str
    parent: Person
    sex: str
    nik_known: bool
    age_months: int
    age_days: int
    weight_kg: Decimal
    height_cm: Decimal
    z_weight: Decimal
    z_height: Decimal
    gained: bool


def number_of(person: Person, digits: int) -> str:
    """A number of so many digits that always belongs to this person."""
    return f"{crc32(person.nik.encode()) * 7919 % 10**digits:0{digits}d}"


def _centres(places: Geography) -> dict[str, list[tuple[str, str, District]]]:
    found: dict[str, list[tuple[str, str, District]]] = {}
    for centre in facilities(places):
        found.setdefault(centre[2].code, []).append(centre)
    return found


def _born(rng: Random, people: Population, village: Village, day: date) -> Person:
    return rng.choice([person for person in people.by_village[village.code] if person.born < day])


def encounters(
    rng: Random, until: date, n: int, places: Geography, people: Population, prefix: str, wards: bool
) -> list[Encounter]:
    """Visits to the health centres; with `wards` also stays of several days, some of which still last."""
    centres, last = _centres(places), end_of(until)
    found = []
    days = lively(rng, until, n, lambda day: 0.25 + office_days(day))
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True), 1):
        patient = _born(rng, people, village, day)
        code, name, _ = rng.choice(centres[village.district.code])
        kind = rng.choices(("AMB", "EMER", "IMP"), (88, 6, 6))[0] if wards else "AMB"
        payer = rng.choices(("BPJS_PBI", "BPJS_NONPBI", "UMUM", "LAIN"), (55, 25, 16, 4) if wards else (65, 35, 0, 0))[
            0
        ]
        at = at_hour(rng, day, range(7, 20)) if wards else midnight(day)
        ended: datetime | None = at if not wards else at + timedelta(minutes=rng.randrange(15, 170))
        if kind == "IMP":
            ended = at + timedelta(hours=rng.randrange(20, 24 * 6))
        if ended is not None and ended > last:
            ended = None
        outcome = None if ended is None else rng.choices(("home", "referred"), (91, 9))[0]
        found.append(
            Encounter(
                record_id=f"{prefix}{day:%y%m}{number:06d}",
                at=at,
                district=village.district.code if not wards else None,
                village=None,
                facility_id=code,
                facility=name,
                patient=patient,
                card=number_of(patient, 11),
                sex=patient.sex,
                age_years=patient.age_on(day)[0],
                encounter_class=kind,
                icd10=rng.choice(ILLNESSES) if rng.random() > 0.03 else None,
                payer_class=payer,
                outcome=outcome,
                ended_at=ended,
                changed_at=ended or at,
            )
        )
    return found


def queueings(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[Queueing]:
    """Bookings at the regency hospital. The emergency room works through midnight; a quarter is closed the day after."""
    found: list[Queueing] = []
    tickets: dict[tuple[date, str], int] = {}
    last = end_of(until)
    days = lively(rng, until, n, lambda day: 0.2 + office_days(day))
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True), 1):
        patient = _born(rng, people, village, day)
        clinic = rng.choices(CLINICS, (24, 12, 10, 10, 12, 8, 9, 15))[0]
        tickets[day, clinic] = tickets.get((day, clinic), 0) + 1
        hours = (22, 23, 23, *range(24)) if clinic == EMERGENCY else range(7, 12)
        at = at_hour(rng, day, hours).replace(second=0)
        wait = rng.randrange(3, 40) if clinic == EMERGENCY else rng.randrange(10, 200)
        called: datetime | None = at + timedelta(minutes=wait)
        ended: datetime | None = at + timedelta(minutes=wait + rng.randrange(8, 55))
        cancelled = rng.random() < 0.06
        status, changed = ("cancelled", at) if cancelled else ("finished", ended or at)
        if not cancelled and rng.random() < 0.25:
            changed = midnight(day) + timedelta(days=1, hours=6, minutes=rng.randrange(50))
        if changed > last:
            status, changed, ended = "waiting", at, None
        if status != "finished":
            called = None
        found.append(
            Queueing(
                record_id=f"RSSD{day:%Y%m%d}{number:05d}",
                at=at,
                district=None,
                village=None,
                patient=patient,
                chart=f"{crc32(patient.nik.encode()) % 20_000:06d}",
                clinic=clinic,
                ticket=tickets[day, clinic],
                sex=patient.sex,
                age_years=patient.age_on(day)[0],
                encounter_class="EMER" if clinic == EMERGENCY else "AMB",
                payer_class=rng.choices(("BPJS_PBI", "BPJS_NONPBI", "UMUM", "LAIN"), (45, 30, 22, 3))[0],
                icd10=rng.choice(ILLNESSES) if status == "finished" and rng.random() > 0.05 else None,
                status=status,
                called_at=called,
                ended_at=ended if status == "finished" else None,
                changed_at=changed,
            )
        )
    return found


def _children(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[tuple[Person, Person]]:
    """Small children, each with a parent of the village; old enough to have been weighed for a year."""
    found = []
    for village in places.scatter(rng, n):
        parent = people.adult_of(rng, village)
        sex = rng.choice("LP")
        born = until - timedelta(days=rng.randrange(400, 1780))
        name = f"{rng.choice(MEN if sex == 'L' else WOMEN)} {rng.choice(FAMILY)}"
        day = born.day + 40 * (sex == "P")
        nik = f"3522{village.district.code[-2:]}{day:02d}{born:%m%y}{rng.randrange(1, 10000):04d}"
        child = Person(nik, name, sex, born, parent.phone, parent.email, parent.account, parent.household)
        found.append((child, parent))
    return found


def weighings(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[Weighing]:
    """Every child once a month in the year up to `until`."""
    centres = _centres(places)
    days = window(until)
    months = sorted({(day.year, day.month) for day in days})
    children = _children(rng, until, -(-n // len(months)), places, people)
    found: list[Weighing] = []
    known = [rng.random() > 0.08 for _ in children]
    growth = [(rng.gauss(-0.8, 1.0), rng.gauss(-1.3, 1.1)) for _ in children]
    for year, month in months:
        choices = [day for day in days if (day.year, day.month) == (year, month)][:20]
        for number, (child, parent) in enumerate(children):
            day = rng.choice(choices)
            years, months_old = child.age_on(day)
            age = years * 12 + months_old
            z_weight, z_height = (Decimal(round((z + rng.gauss(0, 0.2)) * 100)).scaleb(-2) for z in growth[number])
            height = 52 + 2.1 * min(age, 12) + 0.95 * max(0, age - 12) + float(z_height) * 2.8
            weight = 3.4 + 0.5 * min(age, 12) + 0.2 * max(0, age - 12) + float(z_weight) * 1.1
            code, name, _ = centres[child.village.district.code][number % len(centres[child.village.district.code])]
            found.append(
                Weighing(
                    record_id=f"U{year % 100:02d}{month:02d}-{number + 1:05d}",
                    at=midnight(day),
                    district=child.village.district.code,
                    village=child.village.code,
                    facility_id=code,
                    facility=name,
                    post=f"Melati {number % 7 + 1}",
                    child=child,
                    child_id=f"B{3522_000_000 + number * 13}",
                    parent=parent,
                    sex=child.sex,
                    nik_known=known[number],
                    age_months=age,
                    age_days=(day - child.born).days % 30,
                    weight_kg=Decimal(round(weight * 10)).scaleb(-1),
                    height_cm=Decimal(round(height * 10)).scaleb(-1),
                    z_weight=z_weight,
                    z_height=z_height,
                    gained=rng.random() < 0.78,
                )
            )
    return sorted(found, key=lambda one: (one.at, one.record_id))[-n:]


DRAWS: Mapping[str, Draw] = {
    "pcare_bpjs": lambda city, rng, n: encounters(rng, city.until, n, city.places, city.people, "1317U", wards=False),
    "satusehat": lambda city, rng, n: encounters(rng, city.until, n, city.places, city.people, "e7-", wards=True),
    "rsud_antrean": lambda city, rng, n: queueings(rng, city.until, n, city.places, city.people),
    "e_ppgbm": lambda city, rng, n: weighings(rng, city.until, n, city.places, city.people),
}
