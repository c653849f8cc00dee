"""Whom the city helps and lends to: library members, aid of the city and the state, guests of the shelter.

No wire formats and no planted mistakes belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Geography
from opg_pipeline.sandbox.truth.people import Person, Population
from opg_pipeline.sandbox.truth.permit_days import late_turns, lively_days, next_change
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import at_hour, midnight, window

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

# Programme, money a stage, number of stages, what is given.
AID = (
    ("food_card", 200_000, 6, "cash"),
    ("house_repair", 17_500_000, 2, "cash"),
    ("bereavement", 2_500_000, 1, "cash"),
    ("disability_aid", 300_000, 4, "cash"),
    ("elderly_aid", 300_000, 4, "cash"),
    ("orphan_aid", 500_000, 2, "cash"),
)
STATE_AID = (("PKH", 225_000), ("PKH", 500_000), ("SEMBAKO", 200_000), ("PBI-JK", 42_000), ("ATENSI", 300_000))
RECIPIENTS = 2200
NEEDS = (
    ("patient_companion", "Mendampingi {kin} opname di RSUD, {illness}", False),
    ("patient_companion", "Kontrol rutin {illness}, rumah jauh di {village}. Saya {name}, NIK {nik}", False),
    ("stranded", "Terlantar di terminal, tidak punya ongkos pulang ke {village}", False),
    ("stranded", "ODGJ ditemukan warga {village}, {illness}, hubungi {phone}", True),
    ("disabled", "Difabel ({illness}), perlu kursi roda dan pendamping", True),
    ("elderly", "Lansia sebatang kara, {illness}, sulit berjalan", True),
)
ILLNESSES = (
    "gagal ginjal (cuci darah)",
    "stroke",
    "kanker payudara",
    "TB paru",
    "skizofrenia",
    "patah tulang",
    "tuna netra",
)
KIN = ("anak", "istri", "suami", "ibu", "ayah")


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryMembership(Record):
    member: Person
    kind: str
    status: str
    ends_on: date
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AidEnrolment(Record):
    programme: str
    benefit: str
    status: str
    stage_amount: Decimal
    stages_paid: int
    stage_days: tuple[date, ...]
    decile: int | None
    recipient: Person
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StateAid(Record):
    programme: str
    amount: Decimal
    decile: int
    disabled: bool
    status: str
    recipient: Person
    changed_at: datetime
    removed_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterCase(Record):
    need: str
    disabled: bool
    text: str
    mentions: tuple[tuple[str, str], ...]
    status: str
    nights: int | None
    decided_at: datetime | None
    changed_at: datetime
    applicant: Person


def memberships(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[LibraryMembership]:
    """Who became a member of the public library; applied for at the counter or online, confirmed within days."""
    days = lively_days(rng, until, n, lambda day: 1.0)
    turns = late_turns(rng, days, until)
    joined = []
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True)):
        member = rng.choice(people.by_village[village.code])
        years = member.age_on(day)[0]
        kind = "pupil" if years < 16 else "student" if years < 24 else rng.choice(("general", "general", "employee"))
        at = at_hour(rng, day, range(8, 20))
        changed = next_change(rng, at, until, 5, turns.get(number))
        status = "proposed"
        if changed is not None:
            later = ("suspended", "exited") if number in turns else ("active",)
            status = rng.choice(later) if rng.random() < 0.95 else "rejected"
        joined.append(
            LibraryMembership(
                record_id=f"oai:inlislite.bojonegoro.example:anggota-{number + 1:06d}",
                at=at,
                district=village.district.code,
                village=village.code,
                member=member,
                kind=kind,
                status=status,
                ends_on=day + timedelta(days=365),
                changed_at=changed or at,
            )
        )
    return joined


def aid(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[AidEnrolment]:
    """Aid of the city itself. One person may be in several programmes; money comes in stages."""
    days = lively_days(rng, until, n)
    turns = late_turns(rng, days, until, 24)
    pool = [people.adult_of(rng, village) for village in places.scatter(rng, max(1, n * 5 // 9))]
    deciles = {person.nik: rng.choice((1, 1, 2, 2, 3, 3, 4, 5, 6, None)) for person in pool}
    found = []
    for number, day in enumerate(days):
        person = pool[number] if number < len(pool) else rng.choice(pool)
        programme, amount, stages, benefit = rng.choices(AID, (40, 6, 14, 14, 18, 8))[0]
        at = at_hour(rng, day)
        changed = next_change(rng, at, until, 30, turns.get(number))
        status = "proposed"
        if changed is not None:
            status = rng.choices(("active", "verified", "suspended", "exited", "rejected"), (74, 6, 5, 9, 6))[0]
        paid: list[date] = []
        if changed is not None and status in ("active", "suspended", "exited"):
            paid = [changed.date() + timedelta(days=60 * step) for step in range(stages)]
            paid = [stage for stage in paid if stage <= until] if number not in turns else paid[:1]
        found.append(
            AidEnrolment(
                record_id=f"SB{day:%y}{number + 1:06d}",
                at=at,
                district=person.village.district.code,
                village=person.village.code,
                programme=programme,
                benefit=benefit,
                status=status,
                stage_amount=Decimal(amount),
                stages_paid=len(paid),
                stage_days=tuple(paid),
                decile=deciles[person.nik],
                recipient=person,
                changed_at=changed or at,
            )
        )
    return found


def state_aid(rng: Random, until: date, n: int, people: Population) -> list[StateAid]:
    """The state's register: who is enrolled in which programme from which month on."""
    months = [day for day in window(until) if day.day == 1]
    pool = rng.sample(people.adults, min(RECIPIENTS, len(people.adults)))
    traits = [(rng.choice((1, 1, 1, 2, 2, 3, 4, 5, 7, 10)), rng.random() < 0.06) for _ in pool]
    choices = [(number, programme) for number in range(len(pool)) for programme in STATE_AID]
    turned = set(rng.sample(range(n), min(60, n // 4)))
    removed = set(rng.sample(range(n), min(15, n // 8))) - turned
    found: list[StateAid] = []
    for number, start in enumerate(months):
        share = n * (number + 1) // len(months) - n * number // len(months)
        drawn = rng.sample(choices, share) if share <= len(choices) else rng.choices(choices, k=share)
        for place, (programme, amount) in drawn:
            index = len(found)
            person, (decile, disabled) = pool[place], traits[place]
            at = midnight(start)
            changed = midnight(until - timedelta(days=index % 4)) if index in turned else at
            found.append(
                StateAid(
                    record_id=f"KP3522{start:%y%m}{index + 1:06d}",
                    at=at,
                    district=person.village.district.code,
                    village=person.village.code,
                    programme=programme,
                    amount=Decimal(amount),
                    decile=decile,
                    disabled=disabled,
                    status=rng.choice(("suspended", "exited")) if index in turned else "active",
                    recipient=person,
                    changed_at=changed,
                    removed_on=until - timedelta(days=index % 3) if index in removed else None,
                )
            )
    return found


def shelter_cases(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[ShelterCase]:
    """Requests for a bed in the shelter. What people write about themselves says much of their health."""
    days = lively_days(rng, until, n, lambda day: 1.0)
    turns = late_turns(rng, days, until, 6)
    found = []
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True)):
        applicant = people.adult_of(rng, village)
        need, template, disabled = rng.choice(NEEDS)
        personal = {"name": applicant.name, "nik": applicant.nik, "phone": applicant.phone}
        text = template.format(kin=rng.choice(KIN), illness=rng.choice(ILLNESSES), village=village.name, **personal)
        at = at_hour(rng, day, range(6, 23))
        changed = next_change(rng, at, until, 4, turns.get(number))
        status = "submitted" if changed is None else rng.choices(("approved", "rejected", "returned"), (82, 8, 10))[0]
        found.append(
            ShelterCase(
                record_id=f"RS-{number + 1:04d}",
                at=at,
                district=village.district.code,
                village=village.code,
                need=need,
                disabled=disabled,
                text=text,
                mentions=tuple((kind, value) for kind, value in personal.items() if f"{{{kind}}}" in template),
                status=status,
                nights=rng.randrange(1, 15) if status == "approved" else None,
                decided_at=changed if status in ("approved", "rejected") else None,
                changed_at=changed or at,
                applicant=applicant,
            )
        )
    return found


DRAWS: Mapping[str, Draw] = {
    "inlislite": lambda city, rng, n: memberships(rng, city.until, n, city.places, city.people),
    "si_bantu": lambda city, rng, n: aid(rng, city.until, n, city.places, city.people),
    "siks_ng": lambda city, rng, n: state_aid(rng, city.until, n, city.people),
    "rumah_singgah": lambda city, rng, n: shelter_cases(rng, city.until, n, city.places, city.people),
}
