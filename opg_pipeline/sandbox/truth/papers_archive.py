"""What the city wrote down: regulations and correspondence. No wire formats belong here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Geography
from opg_pipeline.sandbox.truth.offices import OFFICES
from opg_pipeline.sandbox.truth.people import Population
from opg_pipeline.sandbox.truth.planning_pace import later, lively_days
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import at_hour, midnight

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Regulation(Record):
    """`ended_by` is the regulation that amends or repeals this one, from `ended_on`; `ends` are those this one does so to."""

    kind: str
    number: int
    year: int
    title: str
    subject: str
    legal_field: str
    status: str
    pages: int
    ended_by: str | None
    ended_on: date | None
    ends: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter(Record):
    kind: str
    direction: str
    number: str | None
    classification: str | None
    subject: str
    mentions: tuple[tuple[str, str], ...]
    secrecy: str
    sender: str
    receiver: str
    status: str
    changed_at: datetime


REGULATIONS = (
    ("perda", 8),
    ("perbup", 46),
    ("kepbup", 34),
    ("instruksi", 5),
    ("se", 7),
)
SUBJECTS = (
    ("Pajak Daerah dan Retribusi Daerah", "PAJAK DAERAH", "Hukum Administrasi Negara"),
    ("Tata Cara Pengelolaan Keuangan Desa", "KEUANGAN DESA", "Hukum Administrasi Negara"),
    ("Penyelenggaraan Satu Data", "STATISTIK", "Hukum Administrasi Negara"),
    ("Rencana Detail Tata Ruang Kecamatan {}", "TATA RUANG", "Hukum Agraria"),
    ("Kawasan Tanpa Rokok", "KESEHATAN", "Hukum Kesehatan"),
    ("Perlindungan Lahan Pertanian Pangan", "PERTANIAN", "Hukum Agraria"),
    ("Pembentukan Tim Percepatan di Desa {}", "ORGANISASI", "Hukum Tata Negara"),
    ("Pengelolaan Sampah Rumah Tangga", "LINGKUNGAN HIDUP", "Hukum Lingkungan"),
)
LETTERS = (
    ("Undangan", "400.14.6", "Undangan rapat koordinasi {place}", 20),
    ("Surat Tugas", "800.1.11", "Surat tugas a.n. {name}", 17),
    ("Nota Dinas", "900.1.3", "Nota dinas permohonan pencairan kegiatan {place}", 16),
    ("Surat Dinas", "100.3", "Permohonan rekomendasi izin keramaian {place}", 14),
    ("Surat Dinas", "800.1.3", "Usul kenaikan pangkat Sdr. {name}, NIK {nik}", 9),
    ("Surat Edaran", "500.1", "Edaran kewaspadaan cuaca ekstrem", 7),
    ("Surat Keterangan", "470", "Keterangan domisili {name}, HP {phone}", 9),
    ("Laporan", "700.1", "Laporan kegiatan & dokumentasi {place}", 8),
)
FLOW = ("draft", "sent", "received", "archived")


def regulations(rng: Random, until: date, n: int, places: Geography) -> list[Regulation]:
    """Regulations of the year; some end one that was made before, in the last days too."""
    found: list[Regulation] = []
    numbers: dict[tuple[str, int], int] = {}
    for serial, (day, village) in enumerate(zip(lively_days(rng, until, n), places.scatter(rng, n), strict=True), 1):
        kind = rng.choices([name for name, _ in REGULATIONS], [share for _, share in REGULATIONS])[0]
        number = numbers[kind, day.year] = numbers.get((kind, day.year), 0) + 1
        about, subject, legal_field = rng.choice(SUBJECTS)
        place = village.district.name if "Kecamatan" in about else village.name
        title = about.format(place)
        ends: tuple[tuple[str, str], ...] = ()
        earlier = [
            place
            for place, old in enumerate(found)
            if old.kind == kind and old.ended_by is None and old.at.date() < day
        ]
        if earlier and rng.random() < (0.6 if (until - day).days < 4 else 0.07):
            target = rng.choice(earlier)
            old = found[target]
            state = rng.choice(("diubah", "dicabut"))
            found[target] = replace(old, status=state, ended_by=str(1400 + serial), ended_on=day)
            ends = ((state, old.record_id),)
            title = f"{'Perubahan atas' if state == 'diubah' else 'Pencabutan'} {old.title}"
        found.append(
            Regulation(
                record_id=str(1400 + serial),
                at=midnight(day),
                district=None,
                village=None,
                kind=kind,
                number=number,
                year=day.year,
                title=title,
                subject=subject,
                legal_field=legal_field,
                status="berlaku",
                pages=rng.randrange(3, 180),
                ended_by=None,
                ended_on=None,
                ends=ends,
            )
        )
    return found


def letters(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[Letter]:
    """Letters of the offices; drafted, sent, received and filed."""
    found = []
    for serial, (day, village) in enumerate(zip(lively_days(rng, until, n), places.scatter(rng, n), strict=True), 1):
        kind, code, subject, _ = rng.choices(LETTERS, [share for *_, share in LETTERS])[0]
        person = people.adult_of(rng, village)
        personal = {"name": person.name, "nik": person.nik, "phone": person.phone}
        at = at_hour(rng, day)
        moved = later(rng, at, until, 6)
        status = "draft" if moved is None else rng.choices(FLOW[1:], (20, 30, 50))[0]
        sender, receiver = rng.sample(OFFICES, 2)
        classification = None if rng.random() < 0.17 else code
        found.append(
            Letter(
                record_id=f"nsk-{day:%Y}{serial:07d}",
                at=at,
                district=None,
                village=None,
                kind=kind,
                direction=rng.choice(("out", "in")),
                number=None
                if status == "draft"
                else f"{classification or code}/{serial}/412.{sender[0][:4].replace('.', '')}/{day.year}",
                classification=classification,
                subject=subject.format(place=village.name, **personal),
                mentions=tuple((name, value) for name, value in personal.items() if f"{{{name}}}" in subject),
                secrecy=rng.choices(("ordinary", "limited", "secret"), (86, 11, 3))[0],
                sender=sender[1],
                receiver=receiver[1],
                status=status,
                changed_at=moved or at + timedelta(minutes=1),
            )
        )
    return found


DRAWS: Mapping[str, Draw] = {
    "jdih": lambda city, rng, n: regulations(rng, city.until, n, city.places),
    "srikandi": lambda city, rng, n: letters(rng, city.until, n, city.places, city.people),
}
