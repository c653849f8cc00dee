"""What came to the information desk and to the incident response team of the city. No wire formats belong here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Geography
from opg_pipeline.sandbox.truth.offices import OFFICES
from opg_pipeline.sandbox.truth.people import Person, Population
from opg_pipeline.sandbox.truth.planning_pace import later, lively_days
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import at_hour

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

TOPICS = (
    "Dokumen APBD dan penjabarannya",
    "Salinan Perbup tentang hibah",
    "Data penerima bantuan sosial",
    "Dokumen AMDAL kegiatan migas",
    "Rincian kontrak pembangunan jalan",
    "Laporan kinerja instansi",
    "Daftar aset tanah desa",
)
PURPOSES = ("Penelitian skripsi", "Bahan advokasi warga", "Liputan berita", "Keperluan pribadi")
OUTCOMES = ("granted", "partly_granted", "rejected", "withdrawn")
INCIDENTS = (
    ("defacement", 28),
    ("online_gambling", 26),
    ("phishing", 18),
    ("malware", 12),
    ("data_leak", 6),
    ("denial_of_service", 7),
    ("ransomware", 3),
)
SEVERITIES = (("minor", 40), ("moderate", 33), ("severe", 16), ("extreme", 4), ("unknown", 7))
CERTAINTIES = (("observed", 60), ("likely", 25), ("possible", 15))


@dataclass(frozen=True, slots=True, kw_only=True)
class InformationRequest(Record):
    topic: str
    purpose: str
    agency: str
    applicant: Person
    applicant_type: str
    status: str
    due_on: date
    decided_at: datetime | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CyberIncident(Record):
    kind: str
    severity: str
    certainty: str
    asset: str
    agency: str
    reporter: Person
    status: str
    handled_at: datetime | None
    ended_at: datetime | None
    changed_at: datetime
    people_affected: int | None


def information_requests(
    rng: Random, until: date, n: int, places: Geography, people: Population
) -> list[InformationRequest]:
    """Requests under the law on public information, to be answered within ten working days."""
    found = []
    for number, (day, village) in enumerate(zip(lively_days(rng, until, n), places.scatter(rng, n), strict=True), 1):
        at = at_hour(rng, day, range(7, 21))
        taken = later(rng, at, until, 2)
        decided = later(rng, taken, until, 11) if taken else None
        status = "submitted" if taken is None else "verified"
        if decided is not None:
            status = rng.choices(OUTCOMES, (62, 16, 14, 8))[0]
        found.append(
            InformationRequest(
                record_id=f"{number:03d}/PPID/{day.month:02d}/{day.year}",
                at=at,
                district=village.district.code,
                village=village.code,
                topic=rng.choice(TOPICS),
                purpose=rng.choice(PURPOSES),
                agency=rng.choice(OFFICES)[1],
                applicant=people.adult_of(rng, village),
                applicant_type=rng.choices(("person", "business", "village"), (82, 13, 5))[0],
                status=status,
                due_on=day + timedelta(days=14),
                decided_at=decided,
                changed_at=decided or taken or at,
            )
        )
    return found


def cyber_incidents(rng: Random, until: date, n: int, people: Population) -> list[CyberIncident]:
    """Incidents on the city's websites and networks, at any hour."""
    found = []
    for number, day in enumerate(lively_days(rng, until, n, lambda day: 1.0), 1):
        office, name = rng.choice(OFFICES)
        at = at_hour(rng, day, range(24))
        handled = later(rng, at, until, 1.2)
        ended = later(rng, handled, until, 5) if handled and rng.random() < 0.92 else None
        found.append(
            CyberIncident(
                record_id=f"TTIS-{day:%y%m}-{number:05d}",
                at=at,
                district=None,
                village=None,
                kind=rng.choices([kind for kind, _ in INCIDENTS], [share for _, share in INCIDENTS])[0],
                severity=rng.choices([name for name, _ in SEVERITIES], [share for _, share in SEVERITIES])[0],
                certainty=rng.choices([name for name, _ in CERTAINTIES], [share for _, share in CERTAINTIES])[0],
                asset=f"app{rng.randrange(1, 60)}.opd-{office[15:17]}.example",
                agency=name,
                reporter=rng.choice(people.adults),
                status="open" if handled is None else "handled" if ended is None else "closed",
                handled_at=handled,
                ended_at=ended,
                changed_at=ended or handled or at,
                people_affected=rng.randrange(0, 400) if rng.random() < 0.3 else None,
            )
        )
    return found


DRAWS: Mapping[str, Draw] = {
    "ppid_bojonegoro": lambda city, rng, n: information_requests(rng, city.until, n, city.places, city.people),
    "ttis_csirt": lambda city, rng, n: cyber_incidents(rng, city.until, n, city.people),
}
