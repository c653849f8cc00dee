"""What villages and streets own: the inventories of the villages, and lamps and panels. No wire formats belong here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Geography, Village, geography
from opg_pipeline.sandbox.truth.people import Person, Population
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import at_hour, office_days
from opg_pipeline.sandbox.truth.village_calendar import History, days_to_the_last, passed_through

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

THINGS = (
    ("Balai Desa", "building", 250_000),
    ("Posyandu", "building", 80_000),
    ("Mobil Siaga Desa", "vehicle", 215_000),
    ("Laptop Pelayanan", "equipment", 9_500),
    ("Printer", "equipment", 2_800),
    ("Jalan Usaha Tani", "road", 140_000),
    ("Tanah Kas Desa", "land", 600_000),
    ("Pompa Air", "equipment", 7_200),
    ("Lapangan Voli", "facility", 35_000),
    ("Perpustakaan Desa", "building", 60_000),
)
CONDITIONS = ("good", "good", "good", "slightly_damaged", "badly_damaged")
LAMPS = (("LED", 30), ("LED", 60), ("LED", 90), ("LED", 120), ("SON-T", 150), ("SON-T", 250))
POSTS = ("Besi Oktagonal 7 m", "Besi Oktagonal 9 m", "Beton PLN", "Besi Bulat 6 m")
SUPPLIES = (450, 900, 1300, 2200, 3500, 5500)
BIG_VILLAGES = 5
BIG_SHARE = 26


@dataclass(frozen=True, slots=True)
class Site:
    """A village's own website: which generation of the program runs there, and whether it can be reached."""

    village: Village
    generation: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VillageAsset(Record):
    """A thing in a village's inventory."""

    name: str
    kind: str
    condition: str
    acquired_on: date
    value: Decimal
    keeper: Person
    status: str
    changed_at: datetime
    history: History
    gone_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetLight(Record):
    """A lamp on its post, or a panel (metered switch box) that feeds lamps."""

    kind: str
    code: str
    panel: str | None
    lamp: str | None
    post: str | None
    power_watt: int
    lamps: int | None
    year: int
    latitude: Decimal
    longitude: Decimal
    status: str
    changed_at: datetime
    history: History
    gone_on: date | None


@cache
def sites() -> Mapping[str, Site]:
    """Every village's website by the village's code: `up`, `suspended` by its host, or `gone`."""
    found = {}
    for village in geography().villages:
        rng = Random(f"site:{village.code}")
        state = rng.choices(("up", "gone", "suspended"), (92, 5, 3))[0]
        found[village.code] = Site(village, rng.choices((1, 2, 3), (3, 5, 2))[0], state)
    return found


def village_assets(rng: Random, until: date, n: int, people: Population) -> list[VillageAsset]:
    """Inventories of the villages whose website can be reached; a few villages wrote down everything they own."""
    reached = [site.village for site in sites().values() if site.state == "up"]
    rng.shuffle(reached)
    owners = [village for village in reached[:BIG_VILLAGES] for _ in range(min(BIG_SHARE, n // 20))]
    owners += reached[: max(0, n - len(owners))]
    owners += rng.choices(reached, k=max(0, n - len(owners)))
    rng.shuffle(owners)
    number_of: dict[str, int] = {}
    found = []
    days = days_to_the_last(rng, until, n, office_days)
    for number, (day, village) in enumerate(zip(days, owners[:n], strict=True), 1):
        number_of[village.code] = number_of.get(village.code, 0) + 1
        name, kind, thousands = rng.choice(THINGS)
        late = number % 50 == 0 and (until - day).days > 5
        states = ("active", "damaged") if late or rng.random() < 0.15 else ("active",)
        history = passed_through(rng, at_hour(rng, day), states, until, 90, changed_lately=late)
        found.append(
            VillageAsset(
                record_id=f"{village.code.replace('.', '')}-{number_of[village.code]:04d}",
                at=history[0][1],
                district=village.district.code,
                village=village.code,
                name=f"{name} {village.name}" if kind in ("building", "land", "road") else name,
                kind=kind,
                condition=rng.choice(CONDITIONS),
                acquired_on=day - timedelta(days=rng.randrange(30, 4000)),
                value=Decimal(thousands * rng.randrange(70, 130) // 100) * 1000,
                keeper=people.adult_of(rng, village),
                status=history[-1][0],
                changed_at=history[-1][1],
                history=history,
                gone_on=until - timedelta(days=number % 3) if number % 60 == 35 and (until - day).days > 5 else None,
            )
        )
    return found


def street_lights(rng: Random, until: date, n: int, places: Geography) -> list[StreetLight]:
    """Lamps and the panels that feed them, by the day on which they were surveyed."""
    found = []
    panels = max(1, n // 5)
    days = days_to_the_last(rng, until, n, office_days)
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True), 1):
        is_panel = number % 5 == 1
        lamp, watt = rng.choice(LAMPS)
        late = number % 50 == 0 and (until - day).days > 5
        states = ("works", "broken") if late or rng.random() < 0.15 else ("works",)
        history = passed_through(rng, at_hour(rng, day), states, until, 60, changed_lately=late)
        south, east = village.point
        found.append(
            StreetLight(
                record_id=str(90_000 + number if is_panel else 10_000 + number),
                at=history[0][1],
                district=village.district.code,
                village=village.code,
                kind="panel" if is_panel else "lamp",
                code=f"{'PNL' if is_panel else 'LPJ'}-{village.code[6:8]}-{number:05d}",
                panel=None if is_panel else f"PNL-{rng.randrange(1, panels + 1):04d}",
                lamp=None if is_panel else lamp,
                post=None if is_panel else rng.choice(POSTS),
                power_watt=rng.choice(SUPPLIES) if is_panel else watt,
                lamps=rng.randrange(4, 40) if is_panel else None,
                year=day.year - rng.randrange(0, 14),
                latitude=south + Decimal(rng.randrange(-900, 900)).scaleb(-6),
                longitude=east + Decimal(rng.randrange(-900, 900)).scaleb(-6),
                status=history[-1][0],
                changed_at=history[-1][1],
                history=history,
                gone_on=until - timedelta(days=number % 3) if number % 60 == 35 and (until - day).days > 5 else None,
            )
        )
    return found


DRAWS: Mapping[str, Draw] = {
    "opensid": lambda city, rng, n: village_assets(rng, city.until, n, city.people),
    "pju": lambda city, rng, n: street_lights(rng, city.until, n, city.places),
}
