"""What residents asked of the city: complaints by SP4N-LAPOR! and wishes brought to the council. No wire formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Geography
from opg_pipeline.sandbox.truth.offices import OFFICES
from opg_pipeline.sandbox.truth.people import Person, Population
from opg_pipeline.sandbox.truth.planning_pace import later, lively_days
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import at_hour, draw_days, end_of, midnight, office_days

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

# neutral kind, title, text, number of the office
COMPLAINTS = (
    ("road", "Jalan berlubang di {}", "Jalan poros {} berlubang & berbahaya saat hujan, mohon ditambal.", 3),
    ("street_light", "Lampu jalan mati", "PJU depan balai desa {} mati sejak 2 minggu. Hubungi saya {phone}.", 16),
    ("civil_document", "KTP belum jadi", "KTP saya belum tercetak. NIK {nik}, mohon dicek.", 14),
    ("waste", "Sampah menumpuk", "Sampah di pasar {} tidak diangkut <3 hari sekali, bau sekali.", 13),
    ("social_aid", "Bantuan tidak tepat sasaran", "Tetangga yang mampu di {} masih menerima PKH.", 9),
    ("health", "Antrean Puskesmas lama", "Saya {name} antre 4 jam di Puskesmas {}.", 2),
    ("irrigation", "Saluran irigasi jebol", "Saluran irigasi tersier di {} jebol sepanjang ±10 m.", 4),
    ("school", "Pungutan di sekolah", "Ada pungutan di sekolah wilayah {}. Email saya {email} bila perlu.", 1),
    ("water", "Air PDAM keruh", "Air keruh sejak Senin di {}.", 5),
)
CHANNELS = (("app", 34), ("web", 30), ("sms", 14), ("wa", 16), ("walk_in", 6))
DECIDED = ("closed", "rejected")
WISHES = (
    ("infrastructure", "Pembangunan jalan lingkungan paving di {} ±200 m²", "200 m²", 3),
    ("infrastructure", "Rehabilitasi jembatan usuk {} lebar 2½ m", "1 unit", 3),
    ("agriculture", "Bantuan pompa air Ø 4 dim untuk kelompok tani {}", "3 unit", 12),
    ("education", "Rehab ruang kelas SDN {} suhu ruang mencapai 38°C", "2 ruang", 1),
    ("economy", "Pelatihan barista & café desa wisata {}", "25 orang", 18),
    ("health", "Pengadaan alat Posyandu {}", "1 paket", 2),
)
FACTIONS = ("Fraksi Merah", "Fraksi Hijau", "Fraksi Biru", "Fraksi Kuning", "Fraksi Amanat", "Fraksi Nusantara")


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint(Record):
    """`acknowledged_at` and `closed_at` are None while it has not come that far; `changed_at` is the last change."""

    kind: str
    title: str
    text: str
    mentions: tuple[tuple[str, str], ...]
    status: str
    channel: str
    anonymous: bool
    confidential: bool
    agency: str
    due_at: datetime
    acknowledged_at: datetime | None
    closed_at: datetime | None
    changed_at: datetime
    latitude: Decimal | None
    longitude: Decimal | None
    reporter: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal(Record):
    """A wish taken up by the council; `factions` are those that entered it, each once."""

    constituency: int
    factions: tuple[str, ...]
    kind: str
    text: str
    volume: str
    budget: Decimal | None
    agency: str
    status: str
    changed_on: date | None
    proposer: Person


def complaints(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[Complaint]:
    """Complaints at any hour; first given to an office, then worked on, then closed or refused."""
    found = []
    days = lively_days(rng, until, n, lambda day: 1.0)
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True), 1):
        kind, title, text, office = rng.choice(COMPLAINTS)
        reporter = people.adult_of(rng, village)
        personal = {
            "nik": reporter.nik,
            "name": reporter.name,
            "phone": reporter.phone,
            "email": reporter.email,
        }
        at = at_hour(rng, day, range(5, 23))
        given = later(rng, at, until, 2.5)
        ended = later(rng, given, until, 12) if given else None
        status = "open" if given is None else "acknowledged"
        if ended is not None:
            status = rng.choices(("closed", "in_progress", "rejected"), (68, 22, 10))[0]
        point = village.point if rng.random() < 0.6 else None
        found.append(
            Complaint(
                record_id=str(6_300_000 + number * 7),
                at=at,
                district=village.district.code,
                village=village.code,
                kind=kind,
                title=title.format(village.name),
                text=text.format(village.name, **personal),
                mentions=tuple((name, value) for name, value in personal.items() if f"{{{name}}}" in text),
                status=status,
                channel=rng.choices([name for name, _ in CHANNELS], [share for _, share in CHANNELS])[0],
                anonymous=rng.random() < 0.18,
                confidential=rng.random() < 0.09,
                agency=OFFICES[office - 1][1],
                due_at=end_of(day + timedelta(days=14 if rng.random() < 0.8 else 60)),
                acknowledged_at=given,
                closed_at=ended if status in DECIDED else None,
                changed_at=ended or given or at,
                latitude=point[0] if point else None,
                longitude=point[1] if point else None,
                reporter=reporter,
            )
        )
    return found


def proposals(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[Proposal]:
    """Wishes of the recess visits; half of them entered by more than one faction of the constituency."""
    found = []
    days = draw_days(rng, until, n, lambda day: office_days(day) * (3.0 if day.month in (2, 6, 10) else 1.0))
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True), 1):
        kind, text, volume, office = rng.choice(WISHES)
        moved = later(rng, midnight(day) + timedelta(days=1), until, 90 if rng.random() < 0.6 else 6)
        found.append(
            Proposal(
                record_id=f"POKIR-{day:%Y}-{number:05d}",
                at=midnight(day),
                district=village.district.code,
                village=village.code,
                constituency=int(village.district.code[-2:]) % 5 + 1,
                factions=tuple(rng.sample(FACTIONS, rng.choices((1, 2, 3), (50, 35, 15))[0])),
                kind=kind,
                text=text.format(village.name),
                volume=volume,
                budget=Decimal(rng.randrange(15, 400) * 1_000_000) if rng.random() < 0.9 else None,
                agency=OFFICES[office - 1][1],
                status="open"
                if moved is None
                else rng.choices(("acknowledged", "in_progress", "closed", "rejected"), (30, 30, 25, 15))[0],
                changed_on=moved.date() if moved else None,
                proposer=people.adult_of(rng, village),
            )
        )
    return found


DRAWS: Mapping[str, Draw] = {
    "lapor_sp4n": lambda city, rng, n: complaints(rng, city.until, n, city.places, city.people),
    "aspirasi_dprd": lambda city, rng, n: proposals(rng, city.until, n, city.places, city.people),
}
