"""Small businesses and the visitors who buy from them. No wire formats belong here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.family_care import month_ends
from opg_pipeline.sandbox.truth.geography import Geography
from opg_pipeline.sandbox.truth.people import Person, Population
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import at_hour, midnight, office_days
from opg_pipeline.sandbox.truth.village_calendar import History, days_to_the_last, passed_through

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

TRADES = (
    ("10794", "Keripik"),
    ("10710", "Roti"),
    ("13134", "Batik"),
    ("16291", "Mebel Jati"),
    ("47112", "Toko"),
    ("56102", "Warung Makan"),
    ("96121", "Salon"),
    ("15202", "Sandal"),
)
BANDS = ("micro_low", "micro_high", "small", "medium")
RENAMED_ON = date(2026, 1, 1)
# name, name since RENAMED_ON, district, usual visitors a month, of them from abroad
SIGHTS = (
    ("Kayangan Api", "Geosite Kayangan Api", "04", 5200, 14),
    ("Waduk Pacal", "Bendungan Pacal Heritage", "21", 2600, 3),
    ("Teksas Wonocolo", "Teksas Wonocolo", "25", 1900, 22),
    ("Negeri Atas Angin", "Negeri Atas Angin", "27", 3100, 4),
    ("Agrowisata Belimbing Ngringinrejo", "Agrowisata Belimbing Ngringinrejo", "16", 4800, 2),
    ("Dander Park", "Dander Park", "06", 6400, 1),
    ("Go Fun Bojonegoro", "Go Fun Bojonegoro", "15", 11800, 6),
    ("Museum Rajekwesi", "Museum Rajekwesi", "15", 900, 8),
    ("Bukit Cinta", "Bukit Cinta", "18", 1200, 0),
    ("Air Terjun Krondonan", "Air Terjun Krondonan", "26", 1400, 2),
    ("Watu Jago", "Watu Jago", "22", 800, 1),
    ("Goa Lawa", "Goa Lawa", "19", 500, 0),
    ("Wana Tirta", "Wana Tirta", "06", 2200, 1),
    ("Sendang Grogolan", "Sendang Grogolan", "05", 700, 0),
    ("Waduk Gongseng", "Waduk Gongseng", "21", 1700, 3),
    ("Kampung Thengul Jono", "Kampung Thengul Jono", "21", 450, 9),
    ("Kedung Maor", "Kedung Maor", "21", 2300, 2),
    ("Pasar Wisata", "Pasar Wisata", "15", 9300, 7),
    ("Jembatan Sosrodilogo", "Jembatan Sosrodilogo", "23", 3900, 2),
    ("Petilasan Angling Dharma", "Petilasan Angling Dharma", "16", 1100, 4),
    ("Desa Wisata Samin Jepang", "Desa Wisata Samin Jepang", "22", 600, 18),
    ("Gunung Pandan", "Gunung Pandan", "27", 400, 3),
    ("Banyu Kuning", "Banyu Kuning", "05", 300, 0),
    ("Taman Lokomotif", "Taman Lokomotif", "15", 2700, 1),
    ("Bendung Gerak", "Bendung Gerak", "16", 5100, 2),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallBusiness(Record):
    """A business in the register of micro and small enterprises."""

    name: str
    kbli: str
    owner: Person
    turnover: str
    workers: int
    status: str
    changed_at: datetime
    history: History
    gone_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorCount(Record):
    """Visitors of one origin at a sight in a month."""

    sight: str
    origin: str
    year: int
    month: int
    visitors: int | None


def small_businesses(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[SmallBusiness]:
    """Businesses by the day they were registered; some have closed since."""
    found = []
    for number, (day, village) in enumerate(
        zip(days_to_the_last(rng, until, n, office_days), places.scatter(rng, n), strict=True), 1
    ):
        owner = people.adult_of(rng, village)
        kbli, trade = rng.choice(TRADES)
        late = number % 50 == 0 and (until - day).days > 5
        states: tuple[str, ...] = ("unverified", "active")
        if late or rng.random() < 0.1:
            states = ("unverified", "active", "closed")
        history = passed_through(rng, at_hour(rng, day), states, until, 40, changed_lately=late)
        found.append(
            SmallBusiness(
                record_id=f"UMK-3522-{number:06d}",
                at=history[0][1],
                district=village.district.code,
                village=village.code,
                name=f"{trade} {rng.choice(('Berkah', 'Barokah', 'Jaya', 'Mak', 'Sari'))} {village.name}",
                kbli=kbli,
                owner=owner,
                turnover=rng.choices(BANDS, (70, 20, 8, 2))[0],
                workers=rng.choice((1, 1, 2, 2, 3, 5, 8, 14)),
                status=history[-1][0],
                changed_at=history[-1][1],
                history=history,
                gone_on=until - timedelta(days=number % 3) if number % 80 == 45 and (until - day).days > 5 else None,
            )
        )
    return found


def visitor_counts(rng: Random, until: date, n: int) -> list[VisitorCount]:
    """Monthly counts of the sights, visitors from within and from without the country."""
    sights = SIGHTS[: max(1, min(len(SIGHTS), -(-n // 24)))]
    found = []
    for end in month_ends(until, -(-n // (2 * len(sights)))):
        season = 1.7 if end.month in (6, 7, 12) else 1.0
        for old, new, district, usual, foreign in sights:
            name = old if end < RENAMED_ON else new
            silent = rng.random() < 0.02
            for origin, mean in (("domestic", usual * season), ("foreign", foreign)):
                found.append(
                    VisitorCount(
                        record_id=f"{end:%Y-%m}/{name}/{origin}",
                        at=midnight(end),
                        district=f"35.22.{district}",
                        village=None,
                        sight=name,
                        origin=origin,
                        year=end.year,
                        month=end.month,
                        visitors=None if silent else max(0, round(rng.gauss(mean, mean / 5))),
                    )
                )
    return found[-n:]


DRAWS: Mapping[str, Draw] = {
    "umkm_sidt": lambda city, rng, n: small_businesses(rng, city.until, n, city.places, city.people),
    "wisata_kunjungan": lambda city, rng, n: visitor_counts(rng, city.until, n),
}
