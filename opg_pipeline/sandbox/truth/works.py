"""What the works office keeps registers of: roads, drains, and land bought for new roads.

No wire formats and no planted mistakes belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Geography, Village
from opg_pipeline.sandbox.truth.people import STREETS, Person, Population
from opg_pipeline.sandbox.truth.permit_days import late_turns, lively_days
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import at_hour, midnight

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

Line = tuple[tuple[Decimal, Decimal], ...]
"""Points as (longitude, latitude), WGS 84."""
CONDITIONS = ("good", "moderate", "light_damage", "heavy_damage")
SURFACES = ("rigid", "rigid", "asphalt", "asphalt", "paving", "gravel")
TRACES = ("Lingkar Selatan Bojonegoro", "Jembatan Terusan Bojonegoro-Blora", "Akses Waduk Karangnongko")
PARCEL_STATES = ("measured", "appraised", "agreed", "paid", "disputed")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadSegment(Record):
    road: int
    name: str
    surface: str
    length_m: Decimal
    width_m: Decimal
    condition: str
    line: Line
    changed_at: datetime
    removed_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain(Record):
    street: str
    kind: str
    length_m: Decimal
    width_m: Decimal
    depth_m: Decimal
    built: int
    condition: str
    line: Line
    changed_at: datetime
    removed_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel(Record):
    trace: str
    owner: Person
    area_m2: int
    price: Decimal | None
    status: str
    ring: Line
    changed_at: datetime


def walk(rng: Random, village: Village, points: int) -> Line:
    """A line of so many points near the village."""
    latitude, longitude = village.point
    longitude += Decimal(rng.randrange(-6000, 6000)).scaleb(-6)
    found = []
    for _ in range(points):
        longitude += Decimal(rng.randrange(200, 1500)).scaleb(-6)
        latitude += Decimal(rng.randrange(-700, 700)).scaleb(-6)
        found.append((longitude, latitude))
    return tuple(found)


def removals(rng: Random, n: int, until: date, kept: Mapping[int, date]) -> dict[int, date]:
    """Which few of `n` entries leave the register on the last three days; none of those that change then."""
    chosen = [number for number in rng.sample(range(n), min(n // 20, 20)) if number not in kept][:6]
    return {number: until - timedelta(days=turn % 3) for turn, number in enumerate(chosen)}


def roads(rng: Random, until: date, n: int, places: Geography) -> list[RoadSegment]:
    """Segments of the regency's roads as last surveyed."""
    days = lively_days(rng, until, n)
    turns = late_turns(rng, days, until, 12)
    gone = removals(rng, n, until, turns)
    found = []
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True)):
        end = rng.choice([other for other in places.villages if other.district is village.district])
        found.append(
            RoadSegment(
                record_id=f"3522.{number // 4 + 1:03d}.{number % 4 + 1:02d}",
                at=midnight(day),
                district=village.district.code,
                village=village.code,
                road=number // 4 + 1,
                name=f"{village.name} - {end.name}" if end is not village else f"Jalan Poros {village.name}",
                surface=rng.choice(SURFACES),
                length_m=Decimal(rng.randrange(800, 24_000)) / 10,
                width_m=Decimal(rng.randrange(25, 75)) / 10,
                condition=rng.choices(CONDITIONS, (62, 18, 12, 8))[0] if number not in turns else "heavy_damage",
                line=walk(rng, village, rng.randrange(3, 8)),
                changed_at=midnight(turns.get(number, day)),
                removed_on=gone.get(number),
            )
        )
    return found


def drains(rng: Random, until: date, n: int, places: Geography) -> list[Drain]:
    """Drains along the streets."""
    days = lively_days(rng, until, n)
    turns = late_turns(rng, days, until, 8)
    gone = removals(rng, n, until, turns)
    found = []
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True)):
        at = at_hour(rng, day)
        found.append(
            Drain(
                record_id=f"DRN-{number + 1:04d}",
                at=at,
                district=village.district.code,
                village=village.code,
                street=rng.choice(STREETS),
                kind=rng.choice(("open", "open", "covered", "culvert")),
                length_m=Decimal(rng.randrange(150, 9000)) / 10,
                width_m=Decimal(rng.randrange(30, 180)) / 100,
                depth_m=Decimal(rng.randrange(30, 160)) / 100,
                built=rng.randrange(1988, day.year),
                condition="silted" if number in turns else rng.choices(("good", "damaged", "silted"), (60, 18, 22))[0],
                line=walk(rng, village, rng.randrange(2, 6)),
                changed_at=at if number not in turns else at_hour(rng, turns[number]),
                removed_on=gone.get(number),
            )
        )
    return found


def parcels(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[Parcel]:
    """Land on the traces of new roads, from the first measuring to the payment."""
    days = lively_days(rng, until, n)
    turns = late_turns(rng, days, until, 12)
    found = []
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True)):
        at = at_hour(rng, day)
        area = rng.randrange(20, 3200)
        longitude, latitude = walk(rng, village, 1)[0]
        side = Decimal(round(area**0.5 / 0.11)).scaleb(-6)
        ring = (
            (longitude, latitude),
            (longitude + side, latitude),
            (longitude + side, latitude + side),
            (longitude, latitude + side),
            (longitude, latitude),
        )
        changed = at
        if number in turns:
            changed = at_hour(rng, turns[number])
        elif number % 11 == 0 and day + timedelta(days=40) < until:
            changed = at_hour(rng, day + timedelta(days=rng.randrange(5, 40)))
        status = rng.choices(PARCEL_STATES, (30, 22, 18, 24, 6))[0] if changed == at else rng.choice(("agreed", "paid"))
        priced = status in ("agreed", "paid")
        found.append(
            Parcel(
                record_id=f"{village.code.replace('.', '')[4:]}-{number + 1:04d}",
                at=at,
                district=village.district.code,
                village=village.code,
                trace=TRACES[number % len(TRACES)],
                owner=people.adult_of(rng, village) if rng.random() < 0.85 else rng.choice(people.adults),
                area_m2=area,
                price=Decimal(area * rng.randrange(150, 900) * 1000) if priced else None,
                status=status,
                ring=ring,
                changed_at=changed,
            )
        )
    return found


DRAWS: Mapping[str, Draw] = {
    "leger_jalan": lambda city, rng, n: roads(rng, city.until, n, city.places),
    "gis_drainase": lambda city, rng, n: drains(rng, city.until, n, city.places),
    "sipetak": lambda city, rng, n: parcels(rng, city.until, n, city.places, city.people),
}
