"""Poor families by semester, what villages asked for at the planning rounds, and what auditors found.

No wire formats and no planted mistakes belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.money_days import late_changes
from opg_pipeline.sandbox.truth.offices import OFFICES
from opg_pipeline.sandbox.truth.people import Person
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import draw_days, midnight, office_days

if TYPE_CHECKING:
    from opg_pipeline.sandbox.ledger import Ledger
    from opg_pipeline.sandbox.truth.register import Draw

PLANNING_SEASON = {1: 9.0, 2: 12.0, 3: 7.0}
# (what is asked for, which office answers, from and to in million rupiah)
WISHES = (
    ("Rabat beton jalan lingkungan {}", 3, 75, 400),
    ("Pembangunan saluran irigasi {}", 4, 100, 900),
    ("Rehabilitasi ruang kelas SDN {}", 1, 120, 350),
    ("Bantuan bibit ternak kelompok tani {}", 12, 20, 90),
    ("Penerangan jalan umum {}", 16, 15, 120),
    ("Pelatihan UMKM ibu-ibu {}", 18, 10, 45),
    ("Jembatan penghubung dusun {}", 3, 300, 2600),
    ("Sumur bor air bersih {}", 5, 90, 260),
)
FINDINGS = (
    ("Kelebihan pembayaran honorarium", 14.5),
    ("Kekurangan volume pekerjaan", 17.0),
    ("Pertanggungjawaban perjalanan dinas tidak lengkap", 15.2),
    ("Aset tetap belum dicatat", 16.8),
    ("Keterlambatan penyetoran pajak", 14.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoorFamily(Record):
    """A family in one semester's snapshot, by its head. `level_before` stood until `changed_on`."""

    semester: str
    head: Person
    members: int
    decile: int
    level: str
    level_before: str | None
    status: str
    starts_on: date
    changed_on: date
    removed_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal(Record):
    """A village's wish for the yearly plan. `status_before` stood until `changed_on`."""

    wish: str
    village_name: str
    office_code: str
    office: str
    amount: Decimal
    status: str
    status_before: str | None
    changed_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPoint(Record):
    """A recommendation of an audit report and whether it was followed. `at` is the day of the report."""

    report: str
    finding: str
    office_code: str
    office: str
    official: Person
    amount: Decimal
    status: str
    status_before: str | None
    decided_on: date | None


def poor_families(city: Ledger, rng: Random, n: int) -> list[PoorFamily]:
    """Three semesters' snapshots, the last one published in the last days; the same families come again."""
    until = city.until
    thirds = [n // 3, n // 3, n - 2 * (n // 3)]
    drops = [until - timedelta(days=350), until - timedelta(days=168), until - timedelta(days=12)]
    heads = list(city.people.adults)
    rng.shuffle(heads)
    families: list[PoorFamily] = []
    for drop, count in zip(drops, thirds, strict=True):
        half, starts = (1, date(drop.year, 1, 1)) if 4 <= drop.month <= 9 else (2, date(drop.year, 7, 1))
        year = drop.year
        if drop.month <= 3:
            year, starts = drop.year - 1, date(drop.year - 1, 7, 1)
        newest = drop == drops[-1]
        days = sorted(min(until, drop + timedelta(days=rng.randrange(12))) for _ in range(count))
        if newest:
            days[-max(3, count // 50) :] = [until - timedelta(days=back % 3) for back in range(max(3, count // 50))]
            days.sort()
        for number, day in enumerate(days):
            head = heads[number % len(heads)]
            decile = rng.choices((1, 2, 3, 4), (38, 30, 20, 12))[0]
            level = ("extreme", "poor", "near_poor", "near_poor")[decile - 1]
            touched = newest and day < until - timedelta(days=4) and rng.random() < 0.04
            leaves = newest and not touched and day < until - timedelta(days=4) and rng.random() < 0.01
            late = until - timedelta(days=rng.randrange(4))
            families.append(
                PoorFamily(
                    record_id=f"DM-{year}{half}-{len(families) + 1:06d}",
                    at=midnight(day),
                    district=head.village.district.code,
                    village=head.village.code,
                    semester=f"{year}-{half}",
                    head=head,
                    members=rng.randrange(1, 7),
                    decile=decile,
                    level=level,
                    level_before={"extreme": "poor", "poor": "extreme", "near_poor": "poor"}[level]
                    if touched
                    else None,
                    status=rng.choices(("active", "verified", "proposed", "suspended"), (84, 8, 5, 3))[0],
                    starts_on=starts,
                    changed_on=late if touched else day,
                    removed_on=late if leaves else None,
                )
            )
    return families


def proposals(city: Ledger, rng: Random, n: int) -> list[Proposal]:
    """Wishes of the villages: most in January to March, when the planning rounds are."""
    days = draw_days(rng, city.until, n, lambda day: office_days(day) * PLANNING_SEASON.get(day.month, 1.0))
    changes = late_changes(rng, city.until, days, 15)
    wishes = []
    for number, (day, village) in enumerate(zip(days, city.places.scatter(rng, n), strict=True)):
        wish, office, least, most = rng.choice(WISHES)
        status = rng.choices(("open", "acknowledged", "in_progress", "closed", "rejected"), (18, 22, 20, 26, 14))[0]
        before = {"open": "open", "acknowledged": "open", "in_progress": "acknowledged"}.get(status, "in_progress")
        moved = number in changes and before != status
        later = min(city.until, day + timedelta(days=rng.randrange(0, 60)))
        if later > city.until - timedelta(days=4):
            later = day
        step = 5 if most < 1000 else 100
        wishes.append(
            Proposal(
                record_id=f"USL-{day.year}-{number + 1:05d}",
                at=midnight(day),
                district=village.district.code,
                village=village.code,
                wish=wish.format(village.name),
                village_name=village.name,
                office_code=OFFICES[office - 1][0],
                office=OFFICES[office - 1][1],
                amount=Decimal(rng.randrange(least // 5, most // 5) * 5 // step * step or step) * 1_000_000,
                status=status,
                status_before=before if moved else None,
                changed_on=changes[number] if moved else day if status == "open" else later,
            )
        )
    return wishes


def audit_points(city: Ledger, rng: Random, n: int) -> list[AuditPoint]:
    """Recommendations, several to a report, some of them settled these days."""
    reports = draw_days(rng, city.until, -(-n // 4), office_days)
    days = [reports[number // 4] for number in range(n)]
    changes = late_changes(rng, city.until, days, 18)
    points = []
    for number, day in enumerate(days):
        report = number // 4
        office_code, office = OFFICES[(report * 7) % len(OFFICES)]
        finding, level = rng.choice(FINDINGS)
        status = rng.choices(("settled", "in_progress", "not_possible"), (58, 35, 7))[0]
        moved = number in changes
        if moved:
            status = "settled"
        decided = day + timedelta(days=rng.randrange(7, 90))
        if decided > city.until - timedelta(days=5) and not moved:
            status = "in_progress"
        points.append(
            AuditPoint(
                record_id=f"REK-{day.year}-{number + 1:05d}",
                at=midnight(day),
                district=None,
                village=None,
                report=f"700/{report + 1:03d}/LHP/412.100/{day.year}",
                finding=finding,
                office_code=office_code,
                office=office,
                official=rng.choice(city.people.adults),
                amount=Decimal(round(rng.lognormvariate(level, 0.8))),
                status=status,
                status_before="in_progress" if moved else None,
                decided_on=changes[number] if moved else None if status == "in_progress" else decided,
            )
        )
    return points


DRAWS: Mapping[str, Draw] = {"damisda": poor_families, "e_musrenbang": proposals, "e_tlhp": audit_points}
