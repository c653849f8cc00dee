"""Figures about the regency and its offices: open data, the statistics office, goals of the offices, satisfaction.

No wire formats belong here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Geography
from opg_pipeline.sandbox.truth.offices import OFFICES
from opg_pipeline.sandbox.truth.planning_pace import lively_days
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import at_hour, midnight, quarter_ends, window

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure(Record):
    """One value of one series. `at` is the first day of its period, `published_on` the day it was first told."""

    series: str
    title: str
    unit: str
    freq: str
    time_period: str
    breakdown: str | None
    value: Decimal | None
    provisional: bool
    published_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal(Record):
    """A quarter's target and achievement of an office. `at` is the last day of the quarter."""

    time_period: str
    unit_code: str
    unit: str
    indicator_code: str
    indicator: str
    measure_unit: str
    target_kind: str
    target_low: Decimal | None
    target_high: Decimal | None
    achieved: Decimal | None
    entered_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Satisfaction(Record):
    """One filled-in questionnaire: nine answers from 1 to `scale`."""

    survey: str
    service_code: str
    service: str
    unit: str
    scale: int
    scores: tuple[int, ...]
    sex: str | None
    age: int | None
    education: str | None
    occupation: str | None
    comment: str


# series, title, unit, freq, lowest and highest value, decimals
OPEN_SERIES = (
    ("2.09-014", "Luas Panen Padi", "hektare", "Q", 180, 2900, 2),
    ("1.02-031", "Jumlah Kasus Demam Berdarah Dengue", "kasus", "Q", 0, 60, 0),
    ("1.01-007", "Jumlah Siswa SD Negeri", "siswa", "A", 900, 5200, 0),
    ("1.06-022", "Persentase Keluarga Penerima Manfaat", "persen", "A", 8, 41, 2),
    ("2.11-009", "Timbulan Sampah Harian", "ton", "A", 4, 68, 3),
    ("2.17-003", "Jumlah Usaha Mikro Terdata", "unit", "A", 350, 6100, 0),
)
# number, title, unit, breakdowns, kind of parts of the year, per district or for the regency, lowest, highest, decimals
BPS_SERIES = (
    (31, "Jumlah Penduduk", "Jiwa", ("male", "female", "all"), "year", True, 11_000, 44_000, 0),
    (45, "Kepadatan Penduduk", "Jiwa/Km2", (None,), "year", True, 180, 3400, 2),
    (112, "Produksi Padi", "Ton", (None,), "quarter", True, 900, 21_000, 2),
    (208, "Curah Hujan", "mm", (None,), "month", False, 0, 480, 1),
    (312, "Garis Kemiskinan", "Rupiah/Kapita/Bulan", (None,), "year", False, 410_000, 520_000, 0),
)
# last digits of the Kemendagri code of a district: last digits of its code at the statistics office
_BPS_PAIRS = (
    "01:020 02:030 03:040 04:190 05:050 06:180 07:070 08:080 09:090 10:100 11:110 12:120 13:130 14:150 "
    "15:160 16:200 17:210 18:220 19:230 20:240 21:060 22:010 23:170 24:140 25:241 26:051 27:041 28:191"
)
BPS_CODES = {f"35.22.{pair[:2]}": f"3522{pair[3:]}" for pair in _BPS_PAIRS.split()}
MONTHS = (
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
)
BREAKDOWNS = {None: 0, "male": 1, "female": 2, "all": 3}
GOALS = (
    ("01", "Persentase temuan yang ditindaklanjuti", "%"),
    ("02", "Indeks kepuasan pelayanan internal", "Indeks"),
    ("03", "Jumlah inovasi pelayanan", "Inovasi"),
    ("04", "Persentase serapan anggaran program", "%"),
    ("05", "Nilai kematangan organisasi", "Nilai"),
    ("06", "Waktu rata-rata penyelesaian layanan", "Hari"),
)
COUNTERS = (
    ("KTP", "Perekaman KTP-el", "Dinas Kependudukan dan Pencatatan Sipil", 4),
    ("NIB", "Konsultasi NIB", "DPMPTSP", 4),
    ("AK1", "Kartu Pencari Kerja", "Dinas Perindustrian dan Tenaga Kerja", 5),
    ("RWJ", "Rawat Jalan Puskesmas", "Dinas Kesehatan", 4),
    ("KIR", "Uji Berkala Kendaraan", "Dinas Perhubungan", 5),
    ("DTKS", "Surat Keterangan DTSEN", "Dinas Sosial", 5),
    ("PBB", "Mutasi PBB-P2", "Badan Pendapatan Daerah", 4),
)
SCHOOLING = ("SD", "SMP", "SMA", "D3", "S1", "S2")
WORK = ("PNS", "Wiraswasta", "Petani", "Ibu Rumah Tangga", "Karyawan Swasta", "Pelajar")
REMARKS = (
    "",
    "",
    "",
    "Bagus",
    "Antreannya lama",
    "Petugas ramah, terima kasih",
    "AC ruang tunggu mati",
    "-",
    "Mantap 👍",
)


def _value(rng: Random, low: int, high: int, decimals: int) -> Decimal:
    return Decimal(rng.randrange(low * 10**decimals, high * 10**decimals + 1)).scaleb(-decimals)


def _quarters(until: date, year: int) -> Iterator[tuple[str, date, date]]:
    """Period, first and last day of the quarters of a year that have begun by `until`, the latest first."""
    for number in (4, 3, 2, 1):
        start = date(year, number * 3 - 2, 1)
        if start <= until:
            end = date(year + number // 4, number * 3 % 12 + 1, 1) - timedelta(days=1)
            yield f"{year}-Q{number}", start, end


def open_figures(rng: Random, until: date, n: int, places: Geography) -> list[Figure]:
    """Figures per district from the latest period back; those of the running quarter come in during the last days."""
    found: list[Figure] = []
    opened = window(until)[0]
    year = until.year
    while len(found) < n:
        for code, title, unit, freq, low, high, decimals in OPEN_SERIES:
            if freq == "A":
                periods = [(str(year), date(year, 1, 1), date(year, 12, 31))] if year < until.year else []
            else:
                periods = list(_quarters(until, year))
            for period, start, end in periods:
                running = end >= until
                for district in places.districts:
                    late = (
                        until - timedelta(days=rng.randrange(6)) if running else end + timedelta(rng.randrange(9, 75))
                    )
                    # what was known before the portal opened was put in during its first weeks
                    published = max(min(late, until), opened + timedelta(days=rng.randrange(20)))
                    found.append(
                        Figure(
                            record_id=f"{code.replace('-', '.')}.{period.replace('-', '')}.{district.code[-2:]}",
                            at=midnight(start),
                            district=district.code,
                            village=None,
                            series=code,
                            title=title,
                            unit=unit,
                            freq=freq,
                            time_period=period,
                            breakdown=None,
                            value=None if rng.random() < 0.02 else _value(rng, low, high, decimals),
                            provisional=running,
                            published_on=published,
                        )
                    )
        year -= 1
    return found[:n]


def _parts(kind: str, until: date, year: int) -> Iterator[tuple[str, str, date, date]]:
    """Frequency, period, first and last day of the parts of a year that are over by `until`."""
    if kind == "year":
        found = [("A", str(year), date(year, 1, 1), date(year, 12, 31))]
    elif kind == "quarter":
        found = [("Q", *quarter) for quarter in _quarters(until, year)]
    else:
        starts = [date(year, month, 1) for month in range(12, 0, -1)]
        ends = [(start + timedelta(days=31)).replace(day=1) - timedelta(days=1) for start in starts]
        found = [("M", f"{start:%Y-%m}", start, end) for start, end in zip(starts, ends, strict=True)]
    yield from (part for part in found if part[3] + timedelta(days=10) <= until)


def part_of_year(period: str) -> tuple[int, str]:
    """The statistics office's number and name of the part of a year that a period is."""
    if "-Q" in period:
        return 30 + int(period[-1]), f"Triwulan {('I', 'II', 'III', 'IV')[int(period[-1]) - 1]}"
    return (int(period[5:]), MONTHS[int(period[5:]) - 1]) if "-" in period else (0, "Tahun")


def _cell(series: int, district: str | None, breakdown: str | None, period: str) -> str:
    """The office's identifier of a value: area, variable, breakdown, year since 1900 and part of the year in a row."""
    area = BPS_CODES[district] if district else "3522"
    return f"{area}{series}{BREAKDOWNS[breakdown]}{int(period[:4]) - 1900}{part_of_year(period)[0]}"


def bps_figures(rng: Random, until: date, n: int, places: Geography) -> list[Figure]:
    """Figures of the statistics office from the latest year back. `series` is its number of the variable."""
    found: list[Figure] = []
    opened = window(until)[0]
    year = until.year
    while len(found) < n:
        for number, title, unit, breakdowns, kind, local, low, high, decimals in BPS_SERIES:
            for freq, period, start, end in _parts(kind, until, year):
                told = min(
                    until, end + timedelta(days=rng.randrange(5, 10) if kind == "month" else rng.randrange(40, 90))
                )
                for district in [item.code for item in places.districts] if local else [None]:
                    values: dict[str | None, Decimal] = {}
                    for breakdown in breakdowns:
                        value = _value(rng, low, high, decimals)
                        values[breakdown] = values["male"] + values["female"] if breakdown == "all" else value
                        found.append(
                            Figure(
                                record_id=_cell(number, district, breakdown, period),
                                at=midnight(start),
                                district=district,
                                village=None,
                                series=str(number),
                                title=title,
                                unit=unit,
                                freq=freq,
                                time_period=period,
                                breakdown=breakdown,
                                value=values[breakdown],
                                provisional=False,
                                published_on=max(told, opened),
                            )
                        )
        year -= 1
    return found[:n]


def goals(rng: Random, until: date, n: int) -> list[Goal]:
    """Targets and achievements of every office, quarter by quarter; entered in the last days of the quarter."""
    found: list[Goal] = []
    ends = quarter_ends(until, -(-n // (len(OFFICES) * len(GOALS))))
    for end in ends[::-1]:
        for code, office in OFFICES:
            for number, label, unit in GOALS:
                kind = rng.choices(("exact", "at_least", "range", "none"), (62, 16, 14, 8))[0]
                full = Decimal(rng.randrange(6, 20) * 5)
                low = None if kind == "none" else full
                key = f"{code[:4]}.{code[15:17]}-{number}"
                found.append(
                    Goal(
                        record_id=f"{end.year}T{end.month // 3}-{key}",
                        at=midnight(end),
                        district=None,
                        village=None,
                        time_period=f"{end.year}-Q{end.month // 3}",
                        unit_code=code,
                        unit=office,
                        indicator_code=key,
                        indicator=label,
                        measure_unit=unit,
                        target_kind=kind,
                        target_low=low,
                        target_high=full + 5 if kind == "range" else low if kind == "exact" else None,
                        achieved=None if rng.random() < 0.03 else full + Decimal(rng.randrange(-1400, 600)).scaleb(-2),
                        entered_on=end - timedelta(days=rng.randrange(7)),
                    )
                )
    return sorted(found[:n], key=lambda goal: goal.at)


def satisfaction(rng: Random, until: date, n: int) -> list[Satisfaction]:
    """Questionnaires at the counters; some counters ask on a scale to 5, which the rule does not know."""
    found = []
    for number, day in enumerate(lively_days(rng, until, n), 1):
        code, service, unit, scale = rng.choice(COUNTERS)
        content = rng.gauss(0.78, 0.14)
        scores = tuple(min(scale, max(1, round(content * scale + rng.gauss(0, 0.5)))) for _ in range(9))
        silent = rng.random() < 0.06
        found.append(
            Satisfaction(
                record_id=str(40_000 + number),
                at=at_hour(rng, day),
                district=None,
                village=None,
                survey=f"SKM-{day.year}-{'I' if day.month < 7 else 'II'}-{code}",
                service_code=code,
                service=service,
                unit=unit,
                scale=scale,
                scores=scores,
                sex=None if silent else rng.choice("LP"),
                age=None if silent else rng.randrange(17, 71),
                education=None if silent else rng.choice(SCHOOLING),
                occupation=None if silent else rng.choice(WORK),
                comment=rng.choice(REMARKS),
            )
        )
    return found


DRAWS: Mapping[str, Draw] = {
    "satu_data_bojonegoro": lambda city, rng, n: open_figures(rng, city.until, n, city.places),
    "bps_webapi": lambda city, rng, n: bps_figures(rng, city.until, n, city.places),
    "e_sakip": lambda city, rng, n: goals(rng, city.until, n),
    "skm_online": lambda city, rng, n: satisfaction(rng, city.until, n),
}
