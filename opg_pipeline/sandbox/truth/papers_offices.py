"""What the district offices did for people, and which associations are registered. No wire formats belong here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Geography
from opg_pipeline.sandbox.truth.people import Person, Population
from opg_pipeline.sandbox.truth.planning_pace import later, lively_days
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import draw_days, midnight

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterCase(Record):
    """An application at the counter of a district office. Only days are known."""

    service: str
    applicant: Person
    status: str
    decided_on: date | None
    changed_at: datetime
    fee: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Association(Record):
    """A registered association; `valid_until` None is for life. `struck_off` is when it left the register."""

    name: str
    kind: str
    legal_number: str | None
    chair: Person
    members: int
    status: str
    issued_on: date
    valid_until: date | None
    struck_off: date | None


COUNTER_SERVICES = (
    ("poverty_letter", 30, 0),
    ("family_card_letter", 24, 0),
    ("marriage_dispensation", 8, 0),
    ("legalisation", 18, 0),
    ("micro_business_permit", 10, 0),
    ("heirs_statement", 6, 10_000),
    ("crowd_permit", 4, 25_000),
)
ASSOCIATION_KINDS = (("community", 40), ("foundation", 22), ("society", 18), ("religious", 12), ("youth", 8))
ASSOCIATION_WORDS = ("Bina", "Karya", "Peduli", "Cahaya", "Mitra", "Sahabat", "Pemuda", "Sedulur")
ASSOCIATION_ENDS = ("Bengawan", "Angling Dharma", "Nusantara", "Rakyat", "Tani", "Insani", "Lestari", "Mandiri")


def counter_cases(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[CounterCase]:
    """Applications at the counters of all districts, most done within days."""
    found = []
    for serial, (day, village) in enumerate(zip(lively_days(rng, until, n), places.scatter(rng, n), strict=True), 1):
        service, _, fee = rng.choices(COUNTER_SERVICES, [share for _, share, _ in COUNTER_SERVICES])[0]
        at = midnight(day)
        moved = later(rng, at + timedelta(hours=12), until, 5)
        status = (
            "submitted"
            if moved is None
            else rng.choices(("issued", "returned", "rejected", "verified"), (82, 6, 4, 8))[0]
        )
        found.append(
            CounterCase(
                record_id=f"PTN{village.district.code[-2:]}-{day:%y}{serial:05d}",
                at=at,
                district=village.district.code,
                village=village.code,
                service=service,
                applicant=people.adult_of(rng, village),
                status=status,
                decided_on=moved.date() if moved and status in ("issued", "rejected") else None,
                changed_at=moved or at,
                fee=Decimal(fee),
            )
        )
    return found


def associations(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[Association]:
    """Registrations of the year; a third are for life, some have run out, a few are struck off at the end."""
    found = []
    for serial, (day, village) in enumerate(zip(draw_days(rng, until, n), places.scatter(rng, n), strict=True), 1):
        years = rng.choice((None, 0, 3, 5))
        end = None if years is None else day + timedelta(days=round(365.25 * years) or 180)
        old = day < until - timedelta(days=40)
        found.append(
            Association(
                record_id=f"{serial:03d}/SKT/{day.year}",
                at=midnight(day),
                district=village.district.code,
                village=village.code,
                name=f"{rng.choice(ASSOCIATION_WORDS)} {rng.choice(ASSOCIATION_ENDS)} {village.name}",
                kind=rng.choices([kind for kind, _ in ASSOCIATION_KINDS], [share for _, share in ASSOCIATION_KINDS])[0],
                legal_number=f"AHU-{rng.randrange(10**6, 10**7)}.AH.01.04" if rng.random() < 0.6 else None,
                chair=people.adult_of(rng, village),
                members=rng.randrange(12, 900),
                status="inactive" if end is not None and end < until else "active",
                issued_on=day,
                valid_until=end,
                struck_off=until - timedelta(days=serial % 4) if old and rng.random() < 0.06 else None,
            )
        )
    return found


DRAWS: Mapping[str, Draw] = {
    "paten": lambda city, rng, n: counter_cases(rng, city.until, n, city.places, city.people),
    "siormas": lambda city, rng, n: associations(rng, city.until, n, city.places, city.people),
}
