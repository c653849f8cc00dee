"""What was measured and met outdoors: the river, the street cameras, the fire brigade. No wire formats belong here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Geography
from opg_pipeline.sandbox.truth.people import Population
from opg_pipeline.sandbox.truth.records import Callout, CameraReading, WaterLevel
from opg_pipeline.sandbox.truth.timeline import WIB, at_hour, draw_days, midnight, window

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

CAMERAS, CAMERA_DAYS, CAMERA_HOURS = 50, 5, (3, 7, 11, 15, 19, 23)
CORNERS = ("Alun-alun", "Perempatan", "Pasar", "Jembatan", "Terminal", "Perlintasan KA", "Simpang Tiga", "Taman")
GAUGE_HOURS = (6, 12, 18, 24)
FLOOD_READINGS = 40
CALLOUTS = (
    ("fire_building", ("rumah", "dapur rumah", "toko", "gudang tembakau", "kandang"), 24),
    ("fire_land", ("lahan tebu", "rumpun bambu", "tumpukan sampah", "lahan jati"), 30),
    ("fire_vehicle", ("sepeda motor", "truk", "mobil"), 5),
    ("animal_rescue", ("ular", "sarang tawon", "kucing", "biawak", "monyet"), 33),
    ("other_rescue", ("cincin terjepit", "orang tercebur sumur", "pohon tumbang"), 8),
)


@dataclass(frozen=True, slots=True)
class Gauge:
    """A river gauge. Levels are metres above the zero of its own staff (peilschaal), not above sea level."""

    number: int
    name: str
    district: str
    usual: Decimal
    green: Decimal
    yellow: Decimal
    red: Decimal


GAUGES = (
    Gauge(1, "Karangnongko", "35.22.22", Decimal("21.40"), Decimal("26.00"), Decimal("27.00"), Decimal("28.00")),
    Gauge(2, "Padangan", "35.22.19", Decimal("16.20"), Decimal("20.00"), Decimal("21.00"), Decimal("22.00")),
    Gauge(
        3,
        "Bojonegoro (Taman Bengawan Solo)",
        "35.22.15",
        Decimal("8.90"),
        Decimal("13.00"),
        Decimal("14.00"),
        Decimal("15.00"),
    ),
    Gauge(4, "Kanor", "35.22.11", Decimal("5.10"), Decimal("8.50"), Decimal("9.30"), Decimal("10.00")),
)


def water_levels(rng: Random, until: date, n: int) -> list[WaterLevel]:
    """One reading a day and gauge at rotating hours, and more at the height of the floods."""
    days = window(until)
    moments = [(day, GAUGE_HOURS[number % 4], gauge) for number, day in enumerate(days) for gauge in GAUGES]
    wet = sorted(range(len(days)), key=lambda number: -_wetness(days[number]))[:60]
    for number in rng.sample(wet, FLOOD_READINGS):
        moments.append((days[number], GAUGE_HOURS[(number + 2) % 4], rng.choice(GAUGES)))
    moments.sort(key=lambda moment: (moment[0], moment[1], moment[2].number))
    readings = []
    for number, (day, hour, gauge) in enumerate(moments[-n:], 100_001):
        level = gauge.usual + Decimal(round((_wetness(day) * 4.6 + rng.gauss(0, 0.25)) * 100)).scaleb(-2)
        lost = rng.random() < 0.02
        at = midnight(day) + timedelta(hours=hour)
        readings.append(
            WaterLevel(
                record_id=str(number),
                at=at,
                district=gauge.district,
                village=None,
                station=gauge.number,
                level_m=None if lost else level.quantize(Decimal("0.01")),
                quality="missing" if lost else "good",
                received_at=at + timedelta(seconds=rng.randrange(60, 2400)),
            )
        )
    return readings


def _wetness(day: date) -> float:
    """From 0 in the dry season to 1 at the end of February, with waves of rain on top."""
    season = (1 + math.cos((day.timetuple().tm_yday - 55) / 365 * 2 * math.pi)) / 2
    return season * (0.75 + 0.25 * math.sin(day.toordinal() * 0.7))


def camera_readings(rng: Random, until: date, n: int, places: Geography) -> list[CameraReading]:
    """Whether each street camera answered, six times a day over the last days."""
    sites = places.scatter(rng, CAMERAS)
    weak = set(rng.sample(range(CAMERAS), 9))
    names = [f"{CORNERS[number % len(CORNERS)]} {site.name}" for number, site in enumerate(sites)]
    readings: list[CameraReading] = []
    for day in window(until, CAMERA_DAYS):
        for hour in CAMERA_HOURS:
            for number, site in enumerate(sites):
                status = "offline" if rng.random() < (0.55 if number in weak else 0.03) else "online"
                latitude, longitude = site.point
                readings.append(
                    CameraReading(
                        record_id=str(700_001 + len(readings)),
                        at=datetime.combine(day, time(hour, 15), WIB),
                        district=site.district.code,
                        village=site.code,
                        camera=f"CCTV-{number + 1:03d}",
                        name=names[number],
                        status=status,
                        latitude=latitude,
                        longitude=longitude,
                    )
                )
    return readings[-n:]


def callouts(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[Callout]:
    """Calls of the fire brigade; land burns in the dry months.

    Two posts fill in the response time: one thinks of minutes and seconds, the other of hours and minutes. What was
    meant is known here (`response_meaning`) and nowhere in what the service tells.
    """
    called = []
    days = draw_days(rng, until, n, lambda day: 2.0 if day.month in (8, 9, 10) else 1.0)
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True), 1):
        kind, objects, _ = rng.choices(CALLOUTS, [weight for _, _, weight in CALLOUTS])[0]
        minutes = rng.randrange(6, 55)
        in_hours = rng.random() < 0.5
        seconds = minutes * 60 if in_hours else minutes * 60 + rng.randrange(60)
        burnt = kind in ("fire_building", "fire_vehicle")
        at = at_hour(rng, day, range(0, 24)).replace(second=0)
        called.append(
            Callout(
                record_id=f"DK-{day:%Y}-{number:04d}",
                at=at,
                district=village.district.code,
                village=village.code,
                kind=kind,
                object=rng.choice(objects),
                response_seconds=seconds,
                response_meaning="hh:mm" if in_hours else "mm:ss",
                deaths=int(burnt and rng.random() < 0.03),
                injured=int(kind.startswith("fire") and rng.random() < 0.07),
                loss=Decimal(rng.randrange(1, 260) * 1_000_000) if burnt else None,
                caller=people.adult_of(rng, village),
            )
        )
    return called


DRAWS: Mapping[str, Draw] = {
    "tma_bengawan_solo": lambda city, rng, n: water_levels(rng, city.until, n),
    "gis_cctv": lambda city, rng, n: camera_readings(rng, city.until, n, city.places),
    "damkar": lambda city, rng, n: callouts(rng, city.until, n, city.places, city.people),
}
