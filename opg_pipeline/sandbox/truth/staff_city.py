"""The city's employees, their days at work, their ratings and their courses.

No wire formats and no planted mistakes belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.money_days import fresh_days, late_changes
from opg_pipeline.sandbox.truth.offices import OFFICES
from opg_pipeline.sandbox.truth.people import Person
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import WIB, draw_days, midnight, office_days, quarter_ends

if TYPE_CHECKING:
    from opg_pipeline.sandbox.ledger import Ledger
    from opg_pipeline.sandbox.truth.register import Draw

POSTS = (
    "Analis Kebijakan Ahli Muda",
    "Arsiparis Terampil",
    "Bendahara Pengeluaran",
    "Guru Ahli Pertama",
    "Guru Ahli Madya",
    "Kepala Bidang",
    "Kepala Seksi",
    "Pengadministrasi Perkantoran",
    "Penyuluh Pertanian Ahli Pertama",
    "Perawat Terampil",
    "Pranata Komputer Ahli Pertama",
    "Sekretaris Dinas",
)
GRADES = ("II/a", "II/b", "II/c", "II/d", "III/a", "III/b", "III/c", "III/d", "IV/a", "IV/b", "IV/c")
RATINGS = ("very_good", "good", "needs_improvement", "poor", "very_poor")
COURSES = (
    ("Pelatihan Kepemimpinan Pengawas", "BPSDM Provinsi Jawa Timur"),
    ("Pelatihan Dasar CPNS", "BPSDM Provinsi Jawa Timur"),
    ("Bimtek Pengelolaan Keuangan Daerah", "BPKAD Kabupaten Bojonegoro"),
    ("Diklat Pengadaan Barang dan Jasa", "LKPP"),
    ("Workshop Satu Data Indonesia", "Dinas Kominfo"),
    ("Diklat Manajemen Puskesmas", "Dinas Kesehatan"),
)
TERMINALS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Employee(Record):
    """One employee in the register since `at`. The number (NIP) is the record's identifier."""

    person: Person
    unit_code: str
    unit: str
    post: str
    post_before: str | None
    employment: str
    grade: str | None
    grade_before: str | None
    since: date
    changed_on: date
    left_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendance(Record):
    """One day of one employee. `at` is when he really came.

    `check_in` and `check_out` are what the terminal's clock said; it ran `skew_seconds` ahead.
    """

    employee: str
    name: str
    unit_code: str
    unit: str
    employment: str
    day: date
    check_in: datetime
    check_out: datetime | None
    terminal: str
    skew_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraisal(Record):
    """The rating of one quarter; where it was revised, `rating_before` stood until `changed_on`."""

    employee: str
    person: Person
    unit_code: str
    unit: str
    employment: str
    year: int
    quarter: int
    rating: str
    rating_before: str | None
    revisions: int
    changed_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Training(Record):
    employee: str
    person: Person
    unit_code: str
    unit: str
    employment: str
    course: str
    provider: str
    hours: int
    counted_in: str
    starts_on: date
    ends_on: date


def employees(city: Ledger, rng: Random, n: int) -> list[Employee]:
    """The register as it was filled over the year; at its end some were promoted and some left."""
    days = draw_days(rng, city.until, n, office_days)
    changes, gone = late_changes(rng, city.until, days, 25), late_changes(rng, city.until, days, 120)
    fit = [person for person in city.people.adults if 22 <= person.age_on(city.until)[0] <= 58]
    rng.shuffle(fit)
    staff, taken = [], set()
    for number, day in enumerate(days):
        person = fit[number % len(fit)]
        youngest = max(person.born + timedelta(days=19 * 366), date(1985, 3, 1))
        since = youngest + timedelta(days=rng.randrange(max(1, (day - youngest).days)))
        employment = rng.choices(("civil_servant", "contract", "part_time", "honorary"), (62, 26, 8, 4))[0]
        start = f"{since:%Y%m}" if employment in ("civil_servant", "honorary") else f"{since.year}21"
        serial = number // len(fit) * 7 + rng.randrange(1, 8)
        sex = "1" if person.sex == "L" else "2"
        while (nip := f"{person.born:%Y%m%d}{start}{sex}{serial:03d}") in taken:
            serial += 1
        taken.add(nip)
        place = rng.randrange(1, len(GRADES))
        civil = employment == "civil_servant"
        moved = number in changes
        grade = GRADES[place] if civil else rng.choice(("V", "VII", "IX", "X")) if employment == "contract" else None
        unit_code, unit = OFFICES[rng.randrange(len(OFFICES))]
        staff.append(
            Employee(
                record_id=nip,
                at=midnight(day),
                district=person.village.district.code,
                village=person.village.code,
                person=person,
                unit_code=unit_code,
                unit=unit,
                post=rng.choice(POSTS),
                post_before=rng.choice(POSTS) if moved else None,
                employment=employment,
                grade=grade,
                grade_before=GRADES[place - 1] if moved and civil else grade if moved else None,
                since=since,
                changed_on=changes.get(number, day),
                left_on=None if moved else gone.get(number),
            )
        )
    return staff


def attendance(city: Ledger, rng: Random, n: int) -> list[Attendance]:
    """Days at work; guards and nurses come in the evening and leave after midnight."""
    staff = city.of("simpeg", Employee)
    skews = [rng.choice((0, 0, 0, rng.randrange(-400, 900))) for _ in range(TERMINALS)]
    turn = list(range(len(staff)))
    rng.shuffle(turn)
    days = fresh_days(rng, city.until, n, lambda day: 0.15 + office_days(day), each=max(1, n // 600))
    seen = []
    for number, day in enumerate(days):
        came = datetime.combine(day, time(6, 30), WIB) + timedelta(seconds=rng.randrange(5400))
        left: datetime | None = datetime.combine(day, time(15, 0), WIB) + timedelta(seconds=rng.randrange(9000))
        if rng.random() < 0.04 and day < city.until:
            came += timedelta(hours=9)
            left = datetime.combine(day + timedelta(days=1), time(0, 5), WIB) + timedelta(minutes=rng.randrange(400))
        elif rng.random() < 0.03:
            left = None
        seen.append(((left or came).date(), came, number, left, day))
    seen.sort(key=lambda one: one[:3])
    found = []
    for place, (_, came, number, left, day) in enumerate(seen, 5_000_001):
        employee, terminal = staff[turn[number % len(turn)]], rng.randrange(TERMINALS)
        skew = timedelta(seconds=skews[terminal])
        found.append(
            Attendance(
                record_id=str(place),
                at=came,
                district=None,
                village=None,
                employee=employee.record_id,
                name=employee.person.name,
                unit_code=employee.unit_code,
                unit=employee.unit,
                employment=employee.employment,
                day=day,
                check_in=came + skew,
                check_out=None if left is None else left + skew,
                terminal=f"FP-{terminal + 1:03d}",
                skew_seconds=skews[terminal],
            )
        )
    return found


def appraisals(city: Ledger, rng: Random, n: int) -> list[Appraisal]:
    """Ratings of the last four quarters; one in twelve was revised later, some of them these days."""
    staff = city.of("simpeg", Employee)
    ends = quarter_ends(city.until - timedelta(days=20), 4)
    drawn = []
    for number in range(n):
        employee = staff[number * 3 % len(staff)] if number < len(staff) else rng.choice(staff)
        end = ends[number * len(ends) // n]
        rated_on = min(city.until, end + timedelta(days=rng.randrange(3, 85)))
        drawn.append((rated_on, number, employee, end))
    drawn.sort(key=lambda one: one[:2])
    days = [day for day, *_ in drawn]
    changes = late_changes(rng, city.until, days, 40)
    rated = []
    for place, (day, number, employee, end) in enumerate(drawn):
        rating = rng.choices(RATINGS, (14, 66, 14, 4, 2))[0]
        again = changes.get(place)
        if again is None and rng.random() < 0.06 and day < city.until - timedelta(days=70):
            again = day + timedelta(days=rng.randrange(20, 60))
        rated.append(
            Appraisal(
                record_id=f"{end:%Y}{(end.month + 2) // 3}-{employee.record_id}-{number:05d}",
                at=midnight(day),
                district=None,
                village=None,
                employee=employee.record_id,
                person=employee.person,
                unit_code=employee.unit_code,
                unit=employee.unit,
                employment=employee.employment,
                year=end.year,
                quarter=(end.month + 2) // 3,
                rating=rating,
                rating_before=rng.choice([other for other in RATINGS[:4] if other != rating]) if again else None,
                revisions=int(again is not None),
                changed_on=again or day,
            )
        )
    return rated


def trainings(city: Ledger, rng: Random, n: int) -> list[Training]:
    """Courses employees finished; a day of a course is counted as eight hours."""
    staff = city.of("simpeg", Employee)
    taken = []
    for number, day in enumerate(draw_days(rng, city.until, n, office_days), 1):
        employee = rng.choice(staff)
        course, provider = rng.choice(COURSES)
        counted_in = rng.choice(("days", "hours"))
        length = rng.randrange(1, 6)
        hours = length * 8 if counted_in == "days" else length * 8 - rng.choice((0, 0, 2, 4))
        taken.append(
            Training(
                record_id=f"893.3/{number:05d}/412.302/{day.year}",
                at=midnight(day),
                district=None,
                village=None,
                employee=employee.record_id,
                person=employee.person,
                unit_code=employee.unit_code,
                unit=employee.unit,
                employment=employee.employment,
                course=course,
                provider=provider,
                hours=hours,
                counted_in=counted_in,
                starts_on=day - timedelta(days=length - 1),
                ends_on=day,
            )
        )
    return taken


DRAWS: Mapping[str, Draw] = {
    "simpeg": employees,
    "e_presensi": attendance,
    "e_kinerja_bkn": appraisals,
    "siladiklat": trainings,
}
