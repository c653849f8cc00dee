"""Figures of the population and of illness, and calls for the ambulance. No wire formats belong here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Geography
from opg_pipeline.sandbox.truth.health_days import RECENT_DAYS, lively
from opg_pipeline.sandbox.truth.people import Person, Population
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.residents import facilities
from opg_pipeline.sandbox.truth.timeline import at_hour, end_of, midnight, window

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

SYNDROMES = ("A", "B", "C", "D", "E", "F", "G", "H", "J", "K", "L", "M")
CALLS = (
    ("traffic_accident", "Kecelakaan motor di {village}, korban {name} tidak sadar", 32),
    ("heart", "Bapak {name} nyeri dada dan sesak, mohon ambulans segera. Telp {phone}", 18),
    ("childbirth", "Ibu {name} mau melahirkan, ketuban sudah pecah", 14),
    ("stroke", "Separuh badan lemas mendadak, hubungi {phone}", 10),
    ("drowning", "Anak tercebur di kali {village}", 4),
    ("transfer", "Rujukan pasien dari rumah ke RSUD, atas nama {name}", 22),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Headcount(Record):
    """People of one village at the end of a half-year; `first_total` is what was said before the figure was restated."""

    year: int
    half: int
    men: int
    women: int
    households: int
    card_holders: int
    restated_on: date | None
    first_men: int

    @property
    def total(self) -> int:
        return self.men + self.women


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyCases(Record):
    """Cases of a syndrome reported by one health centre for one epidemiological week (Sunday to Saturday)."""

    epi_year: int
    epi_week: int
    facility_id: str
    facility: str
    syndrome: str
    cases: int
    first_cases: int
    completeness: Decimal
    first_sent_on: date
    sent_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyCall(Record):
    kind: str
    caller: Person
    text: str
    mentions: tuple[tuple[str, str], ...]
    status: str
    arrived_at: datetime | None
    ended_at: datetime | None
    latitude: Decimal | None
    longitude: Decimal | None
    changed_at: datetime


def headcounts(rng: Random, until: date, n: int, places: Geography) -> list[Headcount]:
    """Half-yearly figures by village, published six weeks after the half-year; not every village in every one."""
    villages = sorted(places.villages, key=lambda village: village.code)
    halves = max(2, -(-n // len(villages)))
    year, half = (until.year - 1, 2) if until.month > 2 else (until.year - 1, 1)
    size = {village.code: rng.randrange(1900, 4600) for village in villages}
    found: list[Headcount] = []
    for back in range(halves):
        wanted = (n - len(found)) // (halves - back)
        published = date(year, 8, 14) if half == 1 else date(year + 1, 2, 13)
        for village in sorted(rng.sample(villages, wanted), key=lambda village: village.code):
            people = size[village.code] - back * rng.randrange(0, 9)
            men = people // 2 + rng.randrange(-40, 40)
            restated = None
            if rng.random() < 0.1:
                restated = (until if back == 0 else published + timedelta(days=90)) - timedelta(
                    days=rng.randrange(RECENT_DAYS)
                )
            found.append(
                Headcount(
                    record_id=f"{year}-S{half}/{village.code.replace('.', '')}",
                    at=midnight(published),
                    district=village.district.code,
                    village=village.code,
                    year=year,
                    half=half,
                    men=men,
                    women=people - men,
                    households=people * 10 // 32,
                    card_holders=people * 3 // 4,
                    restated_on=restated,
                    first_men=men + rng.randrange(3, 60) if restated else men,
                )
            )
        year, half = (year, 1) if half == 2 else (year - 1, 2)
    return sorted(found, key=lambda one: (one.at, one.record_id))


def epi_week(day: date) -> tuple[int, int]:
    """Year and number of the epidemiological week: Sunday to Saturday; the first has four days or more in January."""
    saturday = day + timedelta(days=(5 - day.weekday()) % 7)
    middle = saturday - timedelta(days=3)
    return middle.year, (middle.timetuple().tm_yday - 1) // 7 + 1


def weekly_cases(rng: Random, until: date, n: int, places: Geography) -> list[WeeklyCases]:
    """What the centres reported, week by week; some send a week again, late and with more cases."""
    sundays = [day for day in window(until) if day.weekday() == 6 and day + timedelta(days=6) < until]
    centres = facilities(places)
    found: list[WeeklyCases] = []
    for number, sunday in enumerate(sundays):
        year, week = epi_week(sunday)
        wanted = (n - len(found)) // (len(sundays) - number)
        pairs = rng.sample([(centre, code) for centre in centres for code in SYNDROMES], wanted)
        for (code, name, district), syndrome in sorted(pairs, key=lambda pair: (pair[0][0], pair[1])):
            first = rng.randrange(1, 60)
            sent = sunday + timedelta(days=7 + rng.randrange(2))
            late = rng.random() < (0.5 if number == len(sundays) - 1 else 0.15)
            again = min(sent + timedelta(days=rng.randrange(1, 12)), until) if late else sent
            found.append(
                WeeklyCases(
                    record_id=f"{year}/{week}/{code}/{syndrome}",
                    at=midnight(sunday + timedelta(days=6)),
                    district=district.code,
                    village=None,
                    epi_year=year,
                    epi_week=week,
                    facility_id=code,
                    facility=name,
                    syndrome=syndrome,
                    cases=first + (rng.randrange(1, 20) if again > sent else 0),
                    first_cases=first,
                    completeness=Decimal(rng.choice((750, 875, 900, 1000))).scaleb(-1),
                    first_sent_on=sent,
                    sent_on=again,
                )
            )
    return found


def emergency_calls(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[EmergencyCall]:
    """Calls to 119 and 112, at any hour; most callers share no position."""
    found = []
    last = end_of(until)
    for number, (day, village) in enumerate(zip(lively(rng, until, n), places.scatter(rng, n), strict=True), 1):
        kind, template, _ = rng.choices(CALLS, [weight for _, _, weight in CALLS])[0]
        caller = people.adult_of(rng, village)
        patient = people.adult_of(rng, village)
        facts = {"name": patient.name, "phone": caller.phone}
        at = at_hour(rng, day, range(24))
        arrived = at + timedelta(minutes=rng.randrange(6, 55))
        ended = arrived + timedelta(minutes=rng.randrange(20, 180))
        if rng.random() < (0.7 if (until - day).days <= RECENT_DAYS else 0.2):
            ended += timedelta(days=rng.randrange(1, 4))
        open_ = ended > last
        latitude, longitude = village.point if rng.random() < 0.3 else (None, None)
        found.append(
            EmergencyCall(
                record_id=f"PSC-{day:%y%m%d}-{number:05d}",
                at=at,
                district=village.district.code,
                village=village.code,
                kind=kind,
                caller=caller,
                text=template.format(village=village.name, **facts),
                mentions=tuple((key, value) for key, value in facts.items() if f"{{{key}}}" in template),
                status="open" if open_ else "closed",
                arrived_at=None if open_ else arrived,
                ended_at=None if open_ else ended,
                latitude=latitude,
                longitude=longitude,
                changed_at=at if open_ else ended,
            )
        )
    return found


DRAWS: Mapping[str, Draw] = {
    "siak_dkb": lambda city, rng, n: headcounts(rng, city.until, n, city.places),
    "skdr": lambda city, rng, n: weekly_cases(rng, city.until, n, city.places),
    "psc119": lambda city, rng, n: emergency_calls(rng, city.until, n, city.places, city.people),
}
