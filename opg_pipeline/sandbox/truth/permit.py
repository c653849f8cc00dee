"""What residents and businesses asked of the one-stop office: permits, buildings, tickets at the service mall, the guest book.

No wire formats and no planted mistakes belong here.
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
from opg_pipeline.sandbox.truth.permit_days import late_turns, lively_days, next_change
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import at_hour, end_of, office_days

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

# KBLI 2020, its title, its usual risk.
TRADES = (
    ("47112", "Perdagangan Eceran Berbagai Macam Barang", "low"),
    ("56101", "Restoran", "medium_low"),
    ("56103", "Kedai Makanan", "low"),
    ("10750", "Industri Makanan dan Masakan Olahan", "medium_low"),
    ("16230", "Industri Barang Bangunan dari Kayu", "medium_high"),
    ("12011", "Industri Sigaret Kretek Tangan", "high"),
    ("41011", "Konstruksi Gedung Hunian", "medium_high"),
    ("01461", "Budidaya Ayam Ras Pedaging", "medium_low"),
    ("86105", "Aktivitas Klinik Swasta", "high"),
    ("45407", "Reparasi dan Perawatan Sepeda Motor", "low"),
)
FIRM_NAMES = (
    "Jati Makmur",
    "Bengawan Abadi",
    "Berkah Tani",
    "Angling Dharma",
    "Sumber Rejeki",
    "Karya Mandiri",
    "Maju Jaya",
)
BUILDINGS = (("house", 9, 5), ("shop", 18, 3), ("warehouse", 15, 1), ("worship", 0, 1), ("office", 22, 1))
COUNTERS = (
    ("civil_registry", ("Cetak KTP-el", "Akta Kelahiran", "Pindah Datang"), 30),
    ("health_insurance", ("Aktivasi Kepesertaan", "Ubah Faskes"), 16),
    ("police", ("SKCK", "Perpanjangan SIM"), 18),
    ("vehicle_tax", ("Pajak Tahunan Kendaraan",), 14),
    ("investment", ("Konsultasi OSS", "NIB Perorangan"), 9),
    ("labour", ("Kartu AK-1",), 7),
    ("land_agency", ("Pengecekan Sertifikat",), 4),
    ("local_tax", ("Cetak SPPT PBB", "Validasi BPHTB"), 5),
)
COMPLAINTS = (
    ("licence", "Mohon info NIB saya belum terbit & sudah 2 minggu. Nama {name}, HP {phone}"),
    ("licence", 'Kenapa status OSS saya "Menunggu Verifikasi" terus?'),
    ("building", "PBG rumah di {village} sudah bayar retribusi tetapi belum keluar, NIK {nik}"),
    ("service", "Pelayanan loket 3 cepat & ramah, terima kasih"),
    ("service", "Antrian > 2 jam, petugas istirahat semua. Hubungi saya di {email}"),
    ("illegal_business", "Ada kandang ayam tanpa izin dekat rumah saya di {village}, bau < 50 m"),
)
SPAM = (
    'Best SEO backlinks &amp; traffic! Visit <a href="http://promo.example/?x=1&y=2">here</a>',
    "SLOT GACOR hari ini >>> http://gacor.example maxwin",
    'Hello, I can bring 1000\'s of customers to your "website"',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessProject(Record):
    business_id: str
    firm: str
    sole: bool
    owner: Person
    kbli: str
    trade: str
    risk: str
    investment: Decimal
    workers: int
    status: str
    decided_at: datetime | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildingPermit(Record):
    kind: str
    use: str
    area_m2: Decimal
    fee: Decimal
    permit_number: str | None
    owner: Person
    status: str
    decided_at: datetime | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket(Record):
    visit: str
    counter: str
    service: str
    sex: str
    age_years: int
    status: str
    called_at: datetime | None
    decided_at: datetime | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestBookEntry(Record):
    topic: str
    text: str
    mentions: tuple[tuple[str, str], ...]
    spam: bool
    status: str
    author: Person
    answer: str | None
    changed_at: datetime


def projects(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[BusinessProject]:
    """Projects that businesses registered. One business (NIB) may have several."""
    days = lively_days(rng, until, n, lambda day: 0.3 + office_days(day))
    turns = late_turns(rng, days, until)
    villages = places.scatter(rng, n)
    firms: list[tuple[str, str, bool, Person]] = []
    for number, village in enumerate(villages[: max(1, n * 3 // 5)]):
        owner, sole = people.adult_of(rng, village), rng.random() < 0.7
        firm = owner.name if sole else f"{rng.choice(('PT', 'CV'))} {rng.choice(FIRM_NAMES)} {village.name}"
        firms.append((f"{rng.randrange(1, 10)}2{number:05d}{rng.randrange(10**5, 10**6)}", firm, sole, owner))
    found = []
    for number, (day, village) in enumerate(zip(days, villages, strict=True)):
        nib, firm, sole, owner = firms[number] if number < len(firms) else rng.choice(firms)
        kbli, trade, risk = rng.choice(TRADES)
        at = at_hour(rng, day, range(6, 23))
        changed = next_change(rng, at, until, 3 if risk == "low" else 24, turns.get(number))
        status = "submitted"
        if changed is not None:
            status = rng.choices(("issued", "verified", "returned", "rejected", "withdrawn"), (80, 6, 8, 4, 2))[0]
        amount = round(rng.lognormvariate(17.2 if sole else 20.5, 1.0) / 500_000) * 500_000 + 1_000_000
        found.append(
            BusinessProject(
                record_id=f"R-{day:%Y%m}{rng.randrange(10**6, 10**7)}{number:05d}",
                at=at,
                district=village.district.code,
                village=village.code,
                business_id=nib,
                firm=firm,
                sole=sole,
                owner=owner,
                kbli=kbli,
                trade=trade,
                risk=risk,
                investment=Decimal(amount),
                workers=rng.randrange(1, 5) if sole else rng.randrange(4, 140),
                status=status,
                decided_at=changed if status in ("issued", "rejected") else None,
                changed_at=changed or at,
            )
        )
    return found


def building_permits(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[BuildingPermit]:
    """Applications to build (PBG), to use a building (SLF), and old building licences (IMB) that are renewed."""
    days = lively_days(rng, until, n)
    turns = late_turns(rng, days, until)
    found = []
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True)):
        kind = rng.choices(("build", "use", "old_licence"), (70, 18, 12))[0]
        use, rate, _ = rng.choices(BUILDINGS, [weight for *_, weight in BUILDINGS])[0]
        area = Decimal(rng.randrange(360, 9000)) / 10
        at = at_hour(rng, day)
        changed = next_change(rng, at, until, 40, turns.get(number))
        status = "submitted"
        if changed is not None:
            status = rng.choices(("issued", "verified", "returned", "rejected", "withdrawn"), (66, 10, 14, 5, 5))[0]
        prefix = {"build": "PBG", "use": "SLF", "old_licence": "IMB"}[kind]
        found.append(
            BuildingPermit(
                record_id=f"{prefix}-3522-{day:%d%m%Y}-{number + 1:03d}",
                at=at,
                district=village.district.code,
                village=village.code,
                kind=kind,
                use=use,
                area_m2=area,
                fee=(area * rate * 1000).quantize(Decimal(1)) if kind != "use" else Decimal(0),
                permit_number=f"SK-{prefix}-{village.code.replace('.', '')[:6]}-{changed:%d%m%Y}-{number + 1:03d}"
                if changed and status == "issued"
                else None,
                owner=people.adult_of(rng, village),
                status=status,
                decided_at=changed if status in ("issued", "rejected") else None,
                changed_at=changed or at,
            )
        )
    return found


def tickets(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[Ticket]:
    """Tickets drawn at the service mall. A visitor with two errands draws two tickets on one visit."""
    days = lively_days(rng, until, n)
    villages = places.scatter(rng, n)
    moments = sorted(at_hour(rng, day, range(7, 15)) for day in days)
    found: list[Ticket] = []
    visit, before = 0, date.min
    for number, (at, village) in enumerate(zip(moments, villages, strict=True)):
        second = bool(found) and found[-1].at.date() == at.date() and rng.random() < 0.18
        visitor = people.adult_of(rng, village)
        sex, age, code, place = visitor.sex, visitor.age_on(at.date())[0], village.code, village.district.code
        if second:
            sex, age, place = found[-1].sex, found[-1].age_years, found[-1].district or ""
            code, at = found[-1].village or "", found[-1].at + timedelta(seconds=rng.randrange(1, 9))
        else:
            visit = 1 if at.date() != before else visit + 1
        before = at.date()
        counter, services, _ = rng.choices(COUNTERS, [weight for *_, weight in COUNTERS])[0]
        status = rng.choices(("issued", "withdrawn", "returned"), (88, 7, 5))[0]
        called = at + timedelta(minutes=rng.randrange(2, 70))
        done = called + timedelta(minutes=rng.randrange(4, 30))
        if status == "withdrawn":  # the ticket of somebody who went home is closed the next morning
            done = (at + timedelta(days=1)).replace(hour=6, minute=30, second=0)
        if done > end_of(until):
            status, done = "submitted", at
        found.append(
            Ticket(
                record_id=f"{240_001 + number}",
                at=at,
                district=place,
                village=code,
                visit=f"K{at:%y%m%d}-{visit:03d}",
                counter=counter,
                service=rng.choice(services),
                sex=sex,
                age_years=age,
                status=status,
                called_at=called if status in ("issued", "returned") else None,
                decided_at=done if status == "issued" else None,
                changed_at=done,
            )
        )
    return sorted(found, key=lambda ticket: int(ticket.record_id))


def guest_book(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[GuestBookEntry]:
    """What people, and machines that advertise, wrote into the guest book of the one-stop office."""
    days = lively_days(rng, until, n, lambda day: 0.4 + office_days(day))
    turns = late_turns(rng, days, until)
    found = []
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True)):
        author, spam = people.adult_of(rng, village), number % 24 == 5
        topic, template = ("none", rng.choice(SPAM)) if spam else rng.choice(COMPLAINTS)
        personal = {"name": author.name, "nik": author.nik, "phone": author.phone, "email": author.email}
        text = template if spam else template.format(village=village.name, **personal)
        at = at_hour(rng, day, range(5, 23))
        changed = None if spam else next_change(rng, at, until, 9, turns.get(number))
        status = "open" if changed is None else rng.choices(("closed", "in_progress", "rejected"), (78, 15, 7))[0]
        answer = "Sudah kami tindak lanjuti, matur nuwun." if status == "closed" else None
        found.append(
            GuestBookEntry(
                record_id=f"{5100 + number}",
                at=at,
                district=None if spam else village.district.code,
                village=None if spam else village.code,
                topic=topic,
                text=text,
                mentions=tuple((kind, value) for kind, value in personal.items() if f"{{{kind}}}" in template),
                spam=spam,
                status=status,
                author=author,
                answer=answer,
                changed_at=changed or at,
            )
        )
    return found


DRAWS: Mapping[str, Draw] = {
    "oss_rba": lambda city, rng, n: projects(rng, city.until, n, city.places, city.people),
    "simbg": lambda city, rng, n: building_permits(rng, city.until, n, city.places, city.people),
    "mpp_antrian": lambda city, rng, n: tickets(rng, city.until, n, city.places, city.people),
    "bukutamu_dpmptsp": lambda city, rng, n: guest_book(rng, city.until, n, city.places, city.people),
}
