"""What stands where and who lives together: the map's features and the households of the Dasa Wisma groups.

No wire formats belong here.
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
from opg_pipeline.sandbox.truth.planning_pace import later, lively_days
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import at_hour, draw_days, midnight

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFeature(Record):
    """Something on the map; `at` is the day it was surveyed. `points` are latitude and longitude, one or a line of them."""

    layer: str
    name: str
    entity_class: str
    status: str
    condition: str | None
    built_year: int | None
    size: Decimal | None
    points: tuple[tuple[Decimal, Decimal], ...]
    removed_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdMember(Record):
    """Somebody on a household's card of a Dasa Wisma group. `card_no` is the household's, the same for its members."""

    card_no: str
    group: str
    person: Person
    head: Person
    role: str
    programme: str
    status: str
    start_on: date
    end_on: date | None
    disability: bool
    changed_at: datetime
    left_on: date | None


# layer, class of entity, names, lowest and highest size
LAYERS = (
    ("faskes", "facility", ("Puskesmas Pembantu", "Polindes", "Ponkesdes"), (40, 600)),
    ("sekolah", "facility", ("SDN", "MI", "TK Dharma Wanita"), (60, 480)),
    ("pasar", "facility", ("Pasar Desa", "Pasar Hewan"), (12, 210)),
    ("jembatan", "asset", ("Jembatan", "Gorong-gorong", "Jembatan Gantung"), (3, 80)),
    ("jalan", "road", ("Jalan Poros", "Jalan Lingkungan", "Ruas"), (200, 6800)),
)
CONDITIONS = (("baik", 55), ("rusak_ringan", 24), ("rusak_sedang", 14), ("rusak_berat", 7))
PROGRAMMES = ("UP2K", "HATINYA", "POSY", "KEJAR", "BKB")


def map_features(rng: Random, until: date, n: int, places: Geography) -> list[MapFeature]:
    """Features of five layers, surveyed over the year; a few are struck off in the last days."""
    found = []
    for number, (day, village) in enumerate(zip(draw_days(rng, until, n), places.scatter(rng, n), strict=True), 1):
        layer, kind, names, (low, high) = LAYERS[number % len(LAYERS)]
        latitude, longitude = village.point
        points = [(latitude + _step(rng), longitude + _step(rng))]
        if layer == "jalan":
            for _ in range(rng.randrange(2, 6)):
                points.append((points[-1][0] + _step(rng), points[-1][1] + _step(rng)))
        planned = rng.random() < 0.04
        gone = until - timedelta(days=rng.randrange(4)) if rng.random() < 0.02 and day < until - timedelta(9) else None
        found.append(
            MapFeature(
                record_id=f"{layer[:3].upper()}-{number:05d}",
                at=midnight(day),
                district=village.district.code,
                village=village.code,
                layer=layer,
                name=f"{rng.choice(names)} {village.name} {rng.choice(('', '1', '2', 'Barat', 'Timur'))}".strip(),
                entity_class=kind,
                status="planned" if planned else "active",
                condition=None
                if planned
                else rng.choices([name for name, _ in CONDITIONS], [s for _, s in CONDITIONS])[0],
                built_year=None if planned or rng.random() < 0.2 else rng.randrange(1968, until.year),
                size=Decimal(rng.randrange(low, high)),
                points=tuple(points),
                removed_on=gone,
            )
        )
    return found


def _step(rng: Random) -> Decimal:
    return Decimal(rng.randrange(-4000, 4000)).scaleb(-6)


def household_members(rng: Random, until: date, n: int, people: Population) -> list[HouseholdMember]:
    """Households visited by the groups' cadres, one visit after the other; every household again once all were seen."""
    homes: dict[str, list[Person]] = {}
    for person in people.people:
        homes.setdefault(person.household.no_kk, []).append(person)
    visits: list[list[Person]] = []
    seen = 0
    while seen < n:
        shuffled = list(homes.values())
        rng.shuffle(shuffled)
        for home in shuffled:
            if seen < n:
                visits.append(home)
                seen += len(home)
    found: list[HouseholdMember] = []
    for number, (day, home) in enumerate(zip(lively_days(rng, until, len(visits)), visits, strict=True), 1):
        at = at_hour(rng, day, range(8, 18))
        head = next((person for person in home if person.sex == "L" and person.age_on(day)[0] >= 19), home[0])
        programme = rng.choice(PROGRAMMES)
        group = f"{rng.choice(('Melati', 'Mawar', 'Anggrek', 'Kenanga', 'Dahlia'))} {rng.randrange(1, 13)}"
        # a household that moves away is struck off; only the last days show it
        left = (
            until - timedelta(days=rng.randrange(4)) if rng.random() < 0.012 and day < until - timedelta(30) else None
        )
        family = [head, *(person for person in home if person is not head)]
        for place, person in enumerate(family):
            late = rng.random() < 0.02
            changed = later(rng, at, until, 40 if rng.random() < 0.8 else 3) if rng.random() < 0.3 else None
            if late:
                changed = at_hour(rng, until - timedelta(days=rng.randrange(4)), range(8, 16))
                changed = changed if changed > at else None
            outcome = rng.choices(("active", "suspended", "exited"), (80, 8, 12))[0] if changed else "proposed"
            found.append(
                HouseholdMember(
                    record_id=f"DW{number:06d}-{place + 1:02d}",
                    at=at,
                    district=person.village.district.code,
                    village=person.village.code,
                    card_no=f"DW{number:06d}",
                    group=group,
                    person=person,
                    head=head,
                    role="head"
                    if place == 0
                    else "child"
                    if person.age_on(day)[0] < 19
                    else "spouse"
                    if place == 1
                    else "other",
                    programme=programme,
                    status=outcome,
                    start_on=day,
                    end_on=changed.date() if changed and outcome == "exited" else None,
                    disability=rng.random() < 0.025,
                    changed_at=changed or at,
                    left_on=left,
                )
            )
    return found[:n]


DRAWS: Mapping[str, Draw] = {
    "geoportal": lambda city, rng, n: map_features(rng, city.until, n, city.places),
    "dasawisma": lambda city, rng, n: household_members(rng, city.until, n, city.people),
}
