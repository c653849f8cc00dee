"""The city's and the villages' budgets line by line, and what the city owns. Taxes are in `money_taxes`.

No wire formats and no planted mistakes belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.money_days import fresh_days, late_changes
from opg_pipeline.sandbox.truth.money_taxes import TAXES, rupiah
from opg_pipeline.sandbox.truth.offices import OFFICES
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import draw_days, midnight, office_days

if TYPE_CHECKING:
    from opg_pipeline.sandbox.ledger import Ledger
    from opg_pipeline.sandbox.truth.register import Draw

REVENUE_OFFICE = next(office for office in OFFICES if office[0].startswith("5.02"))
# (account code, what it is, logarithm of a usual line)
EXPENSES = (
    ("5.1.01.01.01.0001", "Belanja Gaji Pokok PNS", 19.0),
    ("5.1.02.01.01.0024", "Belanja Alat Tulis Kantor", 15.5),
    ("5.1.02.01.01.0052", "Belanja Makanan dan Minuman Rapat", 16.0),
    ("5.1.02.02.01.0026", "Belanja Jasa Tenaga Administrasi", 17.2),
    ("5.1.02.04.01.0003", "Belanja Perjalanan Dinas Dalam Kota", 16.4),
    ("5.1.05.05.01.0001", "Belanja Hibah kepada Badan dan Lembaga", 18.6),
    ("5.2.02.10.01.0002", "Belanja Modal Personal Computer", 17.0),
    ("5.2.04.01.01.0003", "Belanja Modal Jalan Kabupaten", 20.4),
)
FINANCING = ("6.1.01.05.01.0001", "SiLPA Tahun Sebelumnya", 22.0)
CITY_FUNDS = ("PAD", "DAU", "DAK FISIK", "DAK NON FISIK", "DBH", "DBH CHT")
# (direction, account code, activity code, words, logarithm, fund)
VILLAGE_LINES = (
    ("revenue", "4.2.1.01.", "", "Dana Desa", 19.8, "DDS"),
    ("revenue", "4.2.3.01.", "", "Alokasi Dana Desa", 19.5, "ADD"),
    ("revenue", "4.1.2.04.", "", "Hasil Aset Desa", 16.2, "PAD"),
    ("expenditure", "5.1.1.01.", "01.01.01.", "Penghasilan Tetap Kepala Desa", 17.2, "ADD"),
    ("expenditure", "5.2.1.01.", "01.01.04.", "Perlengkapan Kantor Desa", 15.2, "ADD"),
    ("expenditure", "5.3.5.01.", "02.03.12.", "Pengerasan Jalan Lingkungan", 18.4, "DDS"),
    ("expenditure", "5.2.2.04.", "02.02.03.", "Insentif Kader Posyandu", 15.9, "DDS"),
    ("expenditure", "5.4.1.01.", "05.03.00.", "BLT Dana Desa", 17.3, "DDS"),
    ("financing", "6.1.1.01.", "", "SILPA Tahun Sebelumnya", 16.8, "PBH"),
)
# inventory card (KIB): (class code of the goods, names, logarithm of a usual value)
CARDS: Mapping[str, tuple[str, tuple[str, ...], float]] = {
    "A": ("1.3.1.01.01.04.001", ("Tanah Bangunan Kantor", "Tanah Sekolah", "Tanah Puskesmas", "Tanah Lapangan"), 20.2),
    "B": ("1.3.2.10.01.02.003", ("Laptop", "Sepeda Motor", "Meja Kerja", "Printer", "Mobil Ambulans"), 16.6),
    "C": ("1.3.3.01.01.01.001", ("Gedung Kantor", "Gedung Sekolah", "Gedung Puskesmas", "Rumah Dinas"), 20.8),
    "D": ("1.3.4.01.01.03.002", ("Jalan Kabupaten", "Jembatan", "Saluran Irigasi", "Jaringan Air Minum"), 21.0),
    "E": ("1.3.5.01.01.01.001", ("Buku Perpustakaan", "Gamelan", "Lukisan"), 14.0),
    "F": ("1.3.6.01.01.01.001", ("Gedung dalam Pengerjaan", "Jalan dalam Pengerjaan"), 20.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetEntry(Record):
    year: int
    phase: str
    direction: str
    unit_code: str
    unit: str
    program: str
    activity: str
    subactivity: str
    account: str
    label: str
    fund: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class VillageEntry(Record):
    year: int
    phase: str
    direction: str
    account: str
    activity: str | None
    label: str
    fund: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset(Record):
    """`at` is the day on which it was entered. `condition_before` and `changed_on` tell of a late inspection."""

    card: str
    classification: str
    name: str
    unit_code: str
    unit: str
    acquired_on: date | None
    amount: Decimal
    condition: str
    status: str
    size: Decimal | None
    condition_before: str | None
    changed_on: date | None
    removed_on: date | None


def _phase(rng: Random, day: date) -> tuple[str, int]:
    """What is written on such a day, and for which budget year."""
    if day.month in (10, 11) and rng.random() < 0.5:
        return "proposed", day.year + 1
    if day.month == 1 and rng.random() < 0.8:
        return "approved", day.year
    if day.month in (8, 9) and rng.random() < 0.5:
        return "adjusted", day.year
    return "executed", day.year


def budget_entries(city: Ledger, rng: Random, n: int) -> list[BudgetEntry]:
    """Budget lines of the next year in autumn, approved ones in January, revised ones in late summer, and spending."""
    days = fresh_days(rng, city.until, n, lambda day: office_days(day) * (2.5 if day.month in (1, 10, 12) else 1.0))
    entries = []
    for number, day in enumerate(days, 1):
        phase, year = _phase(rng, day)
        direction = rng.choices(("expenditure", "revenue", "financing"), (92, 7, 1))[0]
        unit_code, unit = rng.choice(OFFICES) if direction == "expenditure" else REVENUE_OFFICE
        account, label, level = rng.choice(EXPENSES)
        if direction == "revenue":
            tax = rng.choice(list(TAXES))
            account, label, level = TAXES[tax][0], f"Pajak Daerah {TAXES[tax][0][7:9]}", TAXES[tax][1] + 3
        elif direction == "financing":
            account, label, level = FINANCING
        program = f"{unit_code[:4]}.{rng.randrange(1, 5):02d}"
        activity = f"{program}.2.{rng.randrange(1, 8):02d}"
        cents = Decimal(rng.choice((0, 0, 0, 0, 25, 50))) / 100 if phase == "executed" else Decimal(0)
        entries.append(
            BudgetEntry(
                record_id=str(35_220_000_000 + number),
                at=midnight(day),
                district=None,
                village=None,
                year=year,
                phase=phase,
                direction=direction,
                unit_code=unit_code,
                unit=unit,
                program=program,
                activity=activity,
                subactivity=f"{activity}.{rng.randrange(1, 12):04d}",
                account=account,
                label=label,
                fund=rng.choice(CITY_FUNDS) if direction == "expenditure" else "PAD",
                amount=rupiah(rng, level - (2 if phase == "executed" else 0)) + cents,
            )
        )
    return entries


def village_entries(city: Ledger, rng: Random, n: int) -> list[VillageEntry]:
    """The villages' budgets and what they did with them. Towns (kelurahan) have no budget of their own."""
    villages = [village for village in city.places.villages if not village.urban]
    rng.shuffle(villages)
    days = draw_days(rng, city.until, n, lambda day: office_days(day) * (3.0 if day.month in (1, 4, 12) else 1.0))
    entries = []
    for number, day in enumerate(days):
        village = villages[number % len(villages)]
        phase, year = _phase(rng, day)
        direction, account, activity, label, level, fund = rng.choice(VILLAGE_LINES)
        entries.append(
            VillageEntry(
                record_id=f"{village.code[6:8]}.{village.code[-4:]}/{year}/{number + 1:06d}",
                at=midnight(day),
                district=village.district.code,
                village=village.code,
                year=year,
                phase="approved" if phase == "proposed" else phase,
                direction=direction,
                account=account,
                activity=activity or None,
                label=label,
                fund=fund,
                amount=rupiah(rng, level - (1.5 if phase == "executed" else 0), 0.4)
                + Decimal(rng.choice((0, 0, 0, 50, 75))) / 100,
            )
        )
    return entries


def assets(city: Ledger, rng: Random, n: int) -> list[Asset]:
    """The register of what the city owns, as it was entered over the year; a few things were written off at the end."""
    days = draw_days(rng, city.until, n, office_days)
    changes = late_changes(rng, city.until, days, 15)
    gone = late_changes(rng, city.until, days, 50)
    owned = []
    for number, (day, village) in enumerate(zip(days, city.places.scatter(rng, n), strict=True)):
        card = rng.choices("ABCDEF", (12, 50, 14, 12, 8, 4))[0]
        code, names, level = CARDS[card]
        unit_code, unit = rng.choice(OFFICES)
        age = rng.randrange(0, 9000)
        condition = rng.choices(("good", "worn", "broken"), (76, 15, 9))[0]
        before = {"good": "worn", "worn": "good", "broken": "worn"}[condition] if number in changes else None
        owned.append(
            Asset(
                record_id=f"3522-{card}-{number + 1:06d}",
                at=midnight(day),
                district=village.district.code,
                village=village.code,
                card=card,
                classification=code,
                name=f"{rng.choice(names)} {village.name}" if card in "ACDF" else rng.choice(names),
                unit_code=unit_code,
                unit=unit,
                acquired_on=None if rng.random() < 0.04 else day - timedelta(days=age),
                amount=rupiah(rng, level),
                condition=condition,
                status="planned" if card == "F" else "idle" if rng.random() < 0.06 else "in_use",
                size=Decimal(rng.randrange(400, 90_000)).scaleb(-1) if card in "ACD" else None,
                condition_before=before,
                changed_on=changes.get(number),
                removed_on=gone.get(number) if number not in changes else None,
            )
        )
    return owned


DRAWS: Mapping[str, Draw] = {"sipd_ri": budget_entries, "siskeudes": village_entries, "simda_bmd": assets}
