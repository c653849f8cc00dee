"""What the offices planned to buy, tendered and contracted, and what was whispered to the inspectorate.

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
from opg_pipeline.sandbox.truth.health_days import RECENT_DAYS, lively, turn
from opg_pipeline.sandbox.truth.offices import OFFICES, TRADES
from opg_pipeline.sandbox.truth.people import FAMILY, Person, Population
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import at_hour, draw_days, end_of, office_days

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

THINGS = (
    ("works", ("Rehabilitasi Jalan Poros", "Pembangunan Jembatan", "Rehabilitasi Puskesmas", "Pembangunan Embung"), 50),
    ("goods", ("Pengadaan Alat Kesehatan", "Pengadaan Meubelair & Papan Tulis", "Pengadaan Bibit Jagung"), 22),
    ("services", ("Jasa Kebersihan Kantor", "Sewa Kendaraan", "Pemeliharaan Lampu Jalan"), 14),
    ("consulting", ("Perencanaan Drainase", "Pengawasan Rehabilitasi Gedung", "Kajian Tata Ruang"), 14),
)
TIPS = (
    ("bribery", "Oknum {accused} di {unit} meminta uang Rp2.500.000 agar berkas cepat selesai. Saksi {witness}, HP {phone}"),
    ("gratification", "{accused} menerima bingkisan dari rekanan {unit}, dilihat sendiri oleh {witness}"),
    ("procurement", "Pemenang lelang di {unit} sudah diatur oleh {accused}. Hubungi {witness} di {phone}"),
    ("discipline", "{accused} ({unit}) sering tidak masuk tetapi presensi penuh"),
    ("levy", "Pungutan liar parkir oleh {accused}; bukti ada pada {witness} NIK {nik}"),
)  # fmt: skip
STAGES = ("planning", "tender", "award", "contract", "amendment", "implementation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip(Record):
    kind: str
    unit: str
    status: str
    channel: str
    anonymous: bool
    text: str
    mentions: tuple[tuple[str, str], ...]
    accused: Person
    contact: Person | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Record):
    year: int
    title: str
    unit_code: str
    unit: str
    method: str
    kind: str
    budget: Decimal
    first_budget: Decimal
    tender_from: date
    contract_until: date
    changed_at: datetime
    withdrawn_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tender(Record):
    year: int
    title: str
    unit_code: str
    unit: str
    method: str
    kind: str
    estimate: Decimal
    contract: Decimal | None
    bidders: int | None
    stage: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Record):
    process: str
    stage: str
    title: str
    unit_code: str
    unit: str
    method: str
    kind: str
    budget: Decimal
    estimate: Decimal | None
    award: Decimal | None
    contract: Decimal | None
    paid: Decimal | None
    bidders: int | None
    supplier: str | None
    tender_from: datetime | None
    contract_until: date | None


def _thing(rng: Random, places: Geography) -> tuple[str, str, str, str]:
    """Kind and title of something to buy, code and name of the office that buys it."""
    kind, names, _ = rng.choices(THINGS, [weight for _, _, weight in THINGS])[0]
    code, unit = rng.choice(OFFICES)
    return kind, f"{rng.choice(names)} {rng.choice(places.villages).name}", code, unit


def _method(rng: Random, amount: Decimal) -> str:
    return "direct" if amount < 200_000_000 else rng.choices(("open", "limited", "selective"), (80, 12, 8))[0]


def round_amount(amount: float) -> Decimal:
    """To a tenth of a milliard from one milliard, to a tenth of a million below: as estimates are set."""
    step = 100_000_000 if amount >= 1_000_000_000 else 100_000
    return Decimal(max(1, round(amount / step)) * step)


def tips(rng: Random, until: date, n: int, people: Population) -> list[Tip]:
    """Reports of wrongdoing; many do not say who they are from."""
    told = []
    for number, day in enumerate(lively(rng, until, n), 1):
        at = at_hour(rng, day, range(0, 24))
        kind, template = rng.choice(TIPS)
        accused, witness = rng.choice(people.adults), rng.choice(people.adults)
        unit = rng.choice(OFFICES)[1]
        facts = {"accused": accused.name, "witness": witness.name, "phone": witness.phone, "nik": witness.nik}
        kinds = {"accused": "name", "witness": "name", "phone": "phone", "nik": "nik"}
        anonymous = rng.random() < 0.7
        ended = turn(rng, until, at, 45)
        status = rng.choices(("closed", "rejected", "in_progress"), (6, 3, 3))[0] if ended else "open"
        told.append(
            Tip(
                record_id=f"WBS-{day:%Y}-{number:04d}",
                at=at,
                district=None,
                village=None,
                kind=kind,
                unit=unit,
                status=status,
                channel=rng.choice(("web", "web", "wa", "walk_in")),
                anonymous=anonymous,
                text=template.format(unit=unit, **facts),
                mentions=tuple((kinds[key], value) for key, value in facts.items() if f"{{{key}}}" in template),
                accused=accused,
                contact=None if anonymous else rng.choice(people.adults),
                changed_at=ended or at,
            )
        )
    return told


def plans(rng: Random, until: date, n: int, places: Geography) -> list[Plan]:
    """Packages of the procurement plan; most are announced around the turn of the year. Some hold several numbers."""
    announced = []
    days = lively(rng, until, n, lambda day: office_days(day) * (3.0 if day.month in (12, 1, 2) else 1.0))
    for number, day in enumerate(days, 1):
        at = at_hour(rng, day, range(7, 18))
        kind, title, code, unit = _thing(rng, places)
        first = round_amount(rng.lognormvariate(19.0, 1.2))
        changed = turn(rng, until, at, 60) if rng.random() < 0.35 else None
        recent = changed is not None and (until - changed.date()).days < RECENT_DAYS
        withdrawn = changed.date() if changed and recent and rng.random() < 0.35 else None
        year = day.year + (day.month >= 11)
        tender_from = max(day, date(year, 1, 2)) + timedelta(days=rng.randrange(10, 90))
        several = rng.choices((1, 2, 3), (92, 6, 2))[0]
        budget = round_amount(float(first) * rng.uniform(0.7, 1.2)) if changed and not withdrawn else first
        announced.append(
            Plan(
                record_id=";".join(str(56_000_000 + number * 7 + extra) for extra in range(several)),
                at=at,
                district=None,
                village=None,
                year=year,
                title=title,
                unit_code=code,
                unit=unit,
                method=_method(rng, first),
                kind=kind,
                budget=budget,
                first_budget=first,
                tender_from=tender_from,
                contract_until=min(tender_from + timedelta(days=rng.randrange(60, 240)), date(year, 12, 31)),
                changed_at=changed if changed and not withdrawn else at,
                withdrawn_on=withdrawn,
            )
        )
    return announced


def tenders(rng: Random, until: date, n: int, places: Geography) -> list[Tender]:
    """Tenders of the electronic procurement system; announced, then decided or called off."""
    called = []
    for number, day in enumerate(lively(rng, until, n, office_days), 1):
        at = at_hour(rng, day, range(8, 17))
        kind, title, code, unit = _thing(rng, places)
        estimate = round_amount(max(210_000_000.0, rng.lognormvariate(20.4, 1.0)))
        ended = turn(rng, until, at, 40)
        stage = (
            rng.choices(("done", "contract", "evaluation", "cancelled"), (70, 10, 10, 10))[0] if ended else "announced"
        )
        signed = stage in ("done", "contract")
        called.append(
            Tender(
                record_id=str(10_070_000_000 + number * 1000),
                at=at,
                district=None,
                village=None,
                year=day.year,
                title=title,
                unit_code=code,
                unit=unit,
                method=rng.choices(("open", "limited", "selective"), (80, 8, 12))[0],
                kind=kind,
                estimate=estimate,
                contract=round_amount(float(estimate) * rng.uniform(0.75, 0.99)) if signed else None,
                bidders=rng.randrange(1, 45) if ended else None,
                stage=stage,
                changed_at=ended or at,
            )
        )
    return called


def releases(rng: Random, until: date, n: int, places: Geography) -> list[Release]:
    """What the open contracting portal released: several for each process, some amendments; not all came out."""
    found: list[Release] = []
    last = end_of(until)
    for number, day in enumerate(draw_days(rng, until, max(n // 2, min(n, 20)), office_days)):
        kind, title, code, unit = _thing(rng, places)
        process = f"{day:%y}{1000 + number}"
        budget = Decimal(max(60, round(rng.lognormvariate(6.4, 1.0)))) * 1_000_000
        estimate = (budget * rng.randrange(940, 1000) / 1000).quantize(Decimal(1))
        award = (estimate * rng.randrange(780, 990) / 1000).quantize(Decimal(1)) + Decimal(rng.randrange(100)) / 100
        amended = rng.random() < 0.25
        at = at_hour(rng, day, range(8, 17))
        tender_from = at + timedelta(days=rng.randrange(3, 15))
        contract_until = (tender_from + timedelta(days=rng.randrange(70, 200))).date()
        bidders, supplier = (
            rng.randrange(1, 30),
            f"{rng.choice(('CV', 'PT'))} {rng.choice(FAMILY)} {rng.choice(TRADES)}",
        )
        contract, paid = award, Decimal(0)
        for step, stage in enumerate(STAGES, 1):
            if stage == "amendment":
                if not amended:
                    continue
                contract = (award * 108 / 100).quantize(Decimal("0.01"))
            if stage == "implementation":
                paid = (contract * rng.choice((30, 60, 100)) / 100).quantize(Decimal("0.01"))
            if at > last:
                break
            found.append(
                Release(
                    record_id=f"ocds-bjn522-{process}-{step:02d}",
                    at=at,
                    district=None,
                    village=None,
                    process=process,
                    stage=stage,
                    title=title,
                    unit_code=code,
                    unit=unit,
                    method=_method(rng, estimate),
                    kind=kind,
                    budget=budget,
                    estimate=estimate if step >= 2 else None,
                    award=award if step >= 3 else None,
                    contract=contract if step >= 4 else None,
                    paid=paid if step >= 6 else None,
                    bidders=bidders if step >= 3 else None,
                    supplier=supplier if step >= 3 else None,
                    tender_from=tender_from if step >= 2 else None,
                    contract_until=contract_until if step >= 4 else None,
                )
            )
            at = max(at, tender_from) + timedelta(hours=rng.randrange(24 * 6, 24 * 35))
    return sorted(rng.sample(found, n), key=lambda release: (release.at, release.record_id))


DRAWS: Mapping[str, Draw] = {
    "wbs": lambda city, rng, n: tips(rng, city.until, n, city.people),
    "sirup": lambda city, rng, n: plans(rng, city.until, n, city.places),
    "spse_lpse": lambda city, rng, n: tenders(rng, city.until, n, city.places),
    "bos_open_contract": lambda city, rng, n: releases(rng, city.until, n, city.places),
}
