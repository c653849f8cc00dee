"""What families live from: cards of farmers with their fertiliser, and vacancies. No wire formats belong here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Geography
from opg_pipeline.sandbox.truth.people import FAMILY, Person, Population
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import at_hour, midnight, office_days
from opg_pipeline.sandbox.truth.village_calendar import History, days_to_the_last, passed_through

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

CROPS = ("padi", "padi", "padi", "jagung", "jagung", "kedelai", "tembakau", "bawang_merah")
GROUPS = ("Tani Makmur", "Sumber Rejeki", "Ngudi Raharjo", "Karya Tani", "Sido Dadi", "Margo Rukun")
COURSES = (
    ("proposed", "verified", "active"),
    ("proposed", "verified", "active"),
    ("proposed", "verified", "active", "suspended"),
    ("proposed", "rejected"),
    ("proposed", "verified", "active", "exited"),
)
JOBS = (
    ("Staf Administrasi", "Administrasi", 22, 28),
    ("Operator Produksi", "Industri & Pabrik", 24, 32),
    ("Kasir & Pramuniaga", "Perdagangan & Toko", 18, 23),
    ("Pengemudi", "Jasa & Pelayanan", 20, 30),
    ("Guru Les Matematika", "Pendidikan", 15, 25),
    ("Teknisi Jaringan", "Teknologi", 30, 45),
    ("Penjaga Kandang Ayam", "Pertanian & Peternakan", 17, 22),
    ("Tukang Las", "Konstruksi & Teknik", 25, 38),
)
FORMS = ("full_time", "full_time", "part_time", "contract", "freelance")


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmerAllocation(Record):
    """A farmer's place in the list of those who get subsidised fertiliser in one planting season."""

    farmer: Person
    season: int
    group: str
    area_ha: Decimal
    crop: str
    urea_kg: int
    npk_kg: int
    status: str
    changed_at: datetime
    history: History
    gone_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vacancy(Record):
    """A post that an employer fills. Pay is in rupiah a month, None where the regional minimum wage is promised."""

    title: str
    field: str
    form: str
    employer: str
    pay_low: int | None
    pay_high: int | None
    contact: Person
    closes_on: date
    status: str
    changed_at: datetime
    history: History
    gone_on: date | None


def farmer_allocations(
    rng: Random, until: date, n: int, places: Geography, people: Population
) -> list[FarmerAllocation]:
    """Proposals of farmer groups, verified by the district office, for the season they were drawn up in."""
    found = []
    days = days_to_the_last(rng, until, n, lambda day: office_days(day) * (2.0 if day.month in (9, 10, 1, 5) else 1.0))
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True), 1):
        farmer = people.adult_of(rng, village)
        area = Decimal(rng.choice((10, 15, 20, 25, 25, 30, 35, 50, 70, 100, 125, 150, 200))) / 100
        late = number % 100 == 0 and (until - day).days > 5
        history = passed_through(rng, midnight(day), rng.choice(COURSES), until, 15, changed_lately=late)
        found.append(
            FarmerAllocation(
                record_id=f"RDKK-{day:%y%m}-{number:06d}",
                at=midnight(day),
                district=village.district.code,
                village=village.code,
                farmer=farmer,
                season=1 if day.month in (10, 11, 12, 1) else 2 if day.month < 6 else 3,
                group=f"{rng.choice(GROUPS)} {village.name}",
                area_ha=area,
                crop=rng.choice(CROPS),
                urea_kg=int(area * rng.choice((200, 225, 250))),
                npk_kg=int(area * rng.choice((150, 200, 250))),
                status=history[-1][0],
                changed_at=history[-1][1],
                history=history,
                gone_on=until - timedelta(days=number % 3) if number % 100 == 50 and (until - day).days > 5 else None,
            )
        )
    return found


def vacancies(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[Vacancy]:
    """Posts on offer; few employers take down what is filled."""
    found = []
    for number, (day, village) in enumerate(
        zip(days_to_the_last(rng, until, n, office_days), places.scatter(rng, n), strict=True), 1
    ):
        title, field, low, high = rng.choice(JOBS)
        late = number % 60 == 0 and (until - day).days > 5
        states = ("open", "filled") if late or rng.random() < 0.25 else ("open",)
        history = passed_through(rng, at_hour(rng, day), states, until, 30, changed_lately=late)
        spread = rng.choice((-1, 0, 0, 1, 3))
        paid = rng.random() > 0.08
        found.append(
            Vacancy(
                record_id=f"LK-{day:%y}-{number:05d}",
                at=history[0][1],
                district=village.district.code,
                village=None,
                title=title,
                field=field,
                form=rng.choice(FORMS),
                employer=f"{rng.choice(('PT', 'CV', 'UD', 'Toko'))} {rng.choice(FAMILY)} {rng.choice(('Jaya', 'Abadi', 'Putra'))}",
                pay_low=(low + spread) * 100_000 if paid else None,
                pay_high=(high + spread) * 100_000 if paid else None,
                contact=people.adult_of(rng, village),
                closes_on=day + timedelta(days=rng.choice((7, 14, 21, 30, 45))),
                status=history[-1][0],
                changed_at=history[-1][1],
                history=history,
                gone_on=until - timedelta(days=number % 3) if number % 75 == 40 and (until - day).days > 5 else None,
            )
        )
    return found


DRAWS: Mapping[str, Draw] = {
    "kpm_petani": lambda city, rng, n: farmer_allocations(rng, city.until, n, city.places, city.people),
    "siapkerja_loker": lambda city, rng, n: vacancies(rng, city.until, n, city.places, city.people),
}
