"""The weather that is expected in each village, and the disasters that came. No wire formats belong here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Geography
from opg_pipeline.sandbox.truth.permit_days import late_turns, lively_days, next_change
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import WIB, at_hour

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

AHEAD = 2
"""Days: what is said of a day is known from that many days before it on."""
STEP = timedelta(hours=3)
# Kind, months in which it comes, whether it comes over several villages.
HAZARDS = (
    ("flood", (11, 12, 1, 2, 3), True),
    ("flash_flood", (11, 12, 1, 2, 3), True),
    ("storm", (10, 11, 12, 3, 4), True),
    ("landslide", (12, 1, 2, 3), False),
    ("drought", (7, 8, 9, 10), True),
    ("house_fire", tuple(range(1, 13)), False),
    ("drowning", tuple(range(1, 13)), False),
    ("fallen_tree", tuple(range(1, 13)), False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast(Record):
    temperature: int
    humidity: int
    rain_mm: Decimal
    cloud: int
    wind_kmh: Decimal
    wind_degrees: int
    weather: str
    known_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Disaster(Record):
    kind: str
    villages: tuple[str, ...]
    families: int
    people: int
    houses: int
    deaths: int
    loss: Decimal | None
    ended_at: datetime | None
    changed_at: datetime


def forecasts(rng: Random, until: date, n: int, places: Geography) -> list[Forecast]:
    """Three-hourly forecasts of every village up to two days after `until`, so far back as `n` reaches."""
    villages = places.villages
    last = datetime.combine(until + timedelta(days=AHEAD), time(22), WIB)
    steps = -(-n // len(villages))
    found = []
    for back in range(steps - 1, -1, -1):
        at = last - back * STEP
        wave = math.sin(at.toordinal() * 0.9)
        warmth = 27.5 + 5 * math.cos((at.hour - 13) / 24 * 2 * math.pi)
        for village in villages if back < steps - 1 else villages[: n - (steps - 1) * len(villages)]:
            wet = wave + rng.gauss(0, 0.5)
            temperature = round(warmth - 1.5 * max(wet, 0) + rng.gauss(0, 0.6))
            weather = "storm" if wet > 1.6 else "rain" if wet > 0.9 else "cloudy" if wet > 0 else "clear"
            rain = Decimal(rng.randrange(2, 180)) / 10 if weather in ("rain", "storm") else Decimal(0)
            found.append(
                Forecast(
                    record_id=f"{village.code}/{at - timedelta(hours=7):%Y-%m-%dT%H:%M:%SZ}",
                    at=at,
                    district=village.district.code,
                    village=village.code,
                    temperature=temperature,
                    humidity=max(35, min(99, round(150 - 2.6 * temperature + rng.gauss(0, 4)))),
                    rain_mm=rain,
                    cloud=max(0, min(100, round(50 + 40 * wet))),
                    wind_kmh=Decimal(rng.randrange(10, 260)) / 10,
                    wind_degrees=rng.randrange(360),
                    weather=weather,
                    known_on=at.date() - timedelta(days=AHEAD),
                )
            )
    return found


def disasters(rng: Random, until: date, n: int, places: Geography) -> list[Disaster]:
    """Disasters by the day they began. First figures know nothing of houses and losses; they are filled in within days."""
    days = lively_days(rng, until, n, lambda day: 2.0 if day.month in (11, 12, 1, 2, 3) else 1.0)
    turns = late_turns(rng, days, until)
    found = []
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True)):
        kind, wide = rng.choice([(kind, wide) for kind, months, wide in HAZARDS if day.month in months])
        neighbours = [other for other in places.villages if other.district is village.district and other is not village]
        others = rng.sample(neighbours, min(len(neighbours), rng.choice((0, 1, 2, 3)))) if wide else []
        at = at_hour(rng, day, range(24)).replace(second=0)
        changed = next_change(rng, at, until, 6, turns.get(number))
        families = rng.randrange(1, 90) * (1 + len(others)) if wide else rng.randrange(0, 3)
        harmed = kind not in ("drought", "drowning") and changed is not None
        houses = rng.randrange(0, families + 1) if harmed else 0
        loss = Decimal(rng.choice((0, rng.randrange(3, 99), rng.randrange(100, 2500)))) * 100_000
        found.append(
            Disaster(
                record_id=f"BPBD-{day:%Y}-{number + 1:04d}",
                at=at,
                district=village.district.code,
                village=village.code if not others else None,
                kind=kind,
                villages=(village.code, *(other.code for other in others)),
                families=families,
                people=families * 3 + rng.randrange(0, 3),
                houses=houses,
                deaths=1 if kind == "drowning" else int(rng.random() < 0.02),
                loss=None if changed is None else loss if harmed else Decimal(0),
                ended_at=changed,
                changed_at=changed or at,
            )
        )
    return found


DRAWS: Mapping[str, Draw] = {
    "bmkg_cuaca": lambda city, rng, n: forecasts(rng, city.until, n, city.places),
    "bpbd_kejadian": lambda city, rng, n: disasters(rng, city.until, n, city.places),
}
