"""What the revenue office took in besides land tax: nine local taxes, QRIS payments, tax returns, and its own reports.

Land tax is in `revenue`, budgets are in `money_budget`. No wire formats and no planted mistakes belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Village
from opg_pipeline.sandbox.truth.money_days import fresh_days
from opg_pipeline.sandbox.truth.people import FAMILY, Person
from opg_pipeline.sandbox.truth.records import LandTaxPayment, Record
from opg_pipeline.sandbox.truth.timeline import at_hour, midnight, office_days

if TYPE_CHECKING:
    from opg_pipeline.sandbox.ledger import Ledger
    from opg_pipeline.sandbox.truth.register import Draw

# tax: (account code, logarithm of a usual payment, weight, business named after its owner)
TAXES: Mapping[str, tuple[str, float, int, str]] = {
    "hotel": ("4.1.01.06.01.0001", 14.6, 8, "Hotel {}"),
    "restaurant": ("4.1.01.07.01.0001", 13.6, 34, "RM {}"),
    "entertainment": ("4.1.01.08.05.0001", 13.9, 6, "Karaoke {}"),
    "advertising": ("4.1.01.09.01.0001", 13.1, 16, "Reklame {}"),
    "electricity": ("4.1.01.10.02.0001", 17.2, 4, "Genset {}"),
    "parking": ("4.1.01.11.01.0001", 12.8, 8, "Parkir {}"),
    "groundwater": ("4.1.01.12.01.0001", 13.0, 10, "Sumur {}"),
    "swallow_nest": ("4.1.01.13.01.0001", 12.6, 2, "Walet {}"),
    "minerals": ("4.1.01.14.01.0001", 14.1, 12, "Tambang {}"),
}
LAND_TAX_ACCOUNT = "4.1.01.15.01.0001"
COMPANIES = ("CV {} Jaya", "PT {} Makmur", "CV {} Sentosa", "PT {} Abadi", "UD {} Barokah")
# what is paid by QRIS: (word, account code, logarithm of a usual payment, weight)
PURPOSES = (
    ("market_fee", "4.1.02.02.01.0006", 9.2, 40),
    ("parking_fee", "4.1.02.01.05.0001", 8.0, 25),
    ("land_tax", LAND_TAX_ACCOUNT, 11.2, 20),
    ("restaurant_tax", "4.1.01.07.01.0001", 13.2, 7),
    ("waste_fee", "4.1.02.01.02.0001", 9.9, 8),
)
ISSUERS = ("BRI", "BNI", "BANK JATIM", "MANDIRI", "GOPAY", "OVO", "DANA", "SHOPEEPAY")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTaxPayment(Record):
    tax: str
    account: str
    year: int
    month: int
    amount: Decimal
    fine: Decimal
    channel: str
    taxpayer: Person | None
    business: str
    npwpd: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QrisPayment(Record):
    purpose: str
    account: str
    amount: Decimal
    issuer: str
    bill: str
    attempts: int
    payer: Person | None
    company: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxReturn(Record):
    sector: str
    account: str
    year: int
    month: int
    turnover: Decimal | None
    turnover_state: str
    volume_m3: Decimal | None
    amount: Decimal
    fine: Decimal
    taxpayer: Person | None
    business: str
    npwpd: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevenueReport(Record):
    """What one tax brought in one district on one day, without fines: money that other apps tell payment by payment."""

    tax: str
    account: str
    payments: int
    amount: Decimal


def taxpayer_of(city: Ledger, rng: Random, village: Village, pattern: str) -> tuple[Person | None, str]:
    """A person of the village who trades in his own name, or a company; and the name of the business."""
    if rng.random() < 0.55:
        person = city.people.adult_of(rng, village)
        return person, pattern.format(person.name.split()[0])
    return None, rng.choice(COMPANIES).format(rng.choice(FAMILY))


def taxpayer_number(rng: Random, person: Person | None, village: Village) -> str:
    """A regional taxpayer number (NPWPD): P for persons, B for companies (badan)."""
    kind = "P" if person else "B"
    return f"{kind}.2.{rng.randrange(1, 10**7):07d}.{village.district.code[-2:]}.{village.code[-2:]}"


def rupiah(rng: Random, level: float, spread: float = 0.8) -> Decimal:
    """An amount of whole hundreds around e to the power of `level`."""
    return Decimal(max(10, round(rng.lognormvariate(level, spread) / 100)) * 100)


def month_before(day: date) -> date:
    """The first day of the month before."""
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def local_taxes(city: Ledger, rng: Random, n: int) -> list[LocalTaxPayment]:
    """Payments of the nine local taxes, each for the month before; most come in before the middle of a month."""
    days = fresh_days(rng, city.until, n, lambda day: office_days(day) * (2.5 if day.day <= 15 else 1.0))
    kinds = list(TAXES)
    paid = []
    for number, (day, village) in enumerate(zip(days, city.places.scatter(rng, n), strict=True), 1):
        tax = rng.choices(kinds, [TAXES[kind][2] for kind in kinds])[0]
        account, level, _, pattern = TAXES[tax]
        person, business = taxpayer_of(city, rng, village, pattern)
        period = month_before(day)
        amount = rupiah(rng, level)
        fine = (amount * 2 / 100).quantize(Decimal("0.01")) if day.day > 15 and rng.random() < 0.6 else Decimal("0.00")
        paid.append(
            LocalTaxPayment(
                record_id=f"SSPD{day:%y%m}{number:06d}",
                at=at_hour(rng, day, range(8, 16)),
                district=village.district.code,
                village=village.code,
                tax=tax,
                account=account,
                year=period.year,
                month=period.month,
                amount=amount + Decimal(rng.choice((0, 0, 0, 50))) / 100,
                fine=fine,
                channel=rng.choices(("teller", "virtual_account", "qris", "mobile"), (40, 35, 15, 10))[0],
                taxpayer=person,
                business=business,
                npwpd=taxpayer_number(rng, person, village),
            )
        )
    return sorted(paid, key=lambda record: (record.at, record.record_id))


def qris_payments(city: Ledger, rng: Random, n: int) -> list[QrisPayment]:
    """Payments by QRIS, from early morning on; the bank's callback is repeated once or twice for one in eight."""
    moments = sorted(at_hour(rng, day, range(4, 22)) for day in fresh_days(rng, city.until, n, each=4))
    paid = []
    for number, (at, village) in enumerate(zip(moments, city.places.scatter(rng, n), strict=True), 1):
        purpose, account, level, _ = rng.choices(PURPOSES, [weight for *_, weight in PURPOSES])[0]
        person = city.people.adult_of(rng, village) if rng.random() < 0.8 else None
        paid.append(
            QrisPayment(
                record_id=f"QR{at:%y%m%d}{number:07d}",
                at=at,
                district=village.district.code,
                village=None,
                purpose=purpose,
                account=account,
                amount=rupiah(rng, level, 0.6),
                issuer=rng.choice(ISSUERS),
                bill=f"3522{rng.randrange(10**11, 10**12)}",
                attempts=rng.choices((1, 2, 3), (88, 8, 4))[0],
                payer=person,
                company=None if person else rng.choice(COMPANIES).format(rng.choice(FAMILY)),
            )
        )
    return paid


def tax_returns(city: Ledger, rng: Random, n: int) -> list[TaxReturn]:
    """Returns of eating places (10 % of the turnover) and of quarries (by volume), settled."""
    days = fresh_days(rng, city.until, n, lambda day: office_days(day) * (2.5 if day.day <= 15 else 1.0))
    filed = []
    for number, (day, village) in enumerate(zip(days, city.places.scatter(rng, n), strict=True), 1):
        food = rng.random() < 0.8
        person, business = taxpayer_of(city, rng, village, "Warung {}" if food else "Galian {}")
        period = month_before(day)
        turnover = rupiah(rng, 16.2) if food else None
        volume = None if food else Decimal(rng.randrange(200, 90_000)).scaleb(-1)
        state = rng.choices(("given", "zero", "not_filled"), (88, 5, 7))[0] if food else "not_asked"
        amount = (turnover / 10 if turnover is not None else (volume or Decimal(0)) * 3500).quantize(Decimal(1))
        if state == "zero":
            turnover, amount = Decimal(0), Decimal(0)
        late = day.day > 15 and rng.random() < 0.4
        filed.append(
            TaxReturn(
                record_id=f"{'MM' if food else 'MB'}/{period:%Y%m}/{number:05d}",
                at=midnight(day),
                district=village.district.code,
                village=village.code,
                sector="food" if food else "minerals",
                account="4.1.01.19.01.0001" if food else TAXES["minerals"][0],
                year=period.year,
                month=period.month,
                turnover=None if state == "not_filled" else turnover,
                turnover_state=state,
                volume_m3=volume,
                amount=amount,
                fine=(amount / 50).quantize(Decimal(1)) if late else Decimal(0),
                taxpayer=person,
                business=business,
                npwpd=taxpayer_number(rng, person, village),
            )
        )
    return filed


def revenue_reports(city: Ledger, rng: Random, n: int) -> list[RevenueReport]:
    """The daily reports a sample of district counters sent in: sums over the payments of SIMPATDU and e-PBB."""
    sums: dict[tuple[date, str, str], tuple[int, Decimal]] = {}
    paid = [(paid.at.date(), paid.tax, paid.district, paid.amount) for paid in city.of("simpatdu", LocalTaxPayment)]
    paid += [(land.at.date(), "land", land.district, land.amount) for land in city.of("e_pbb", LandTaxPayment)]
    for day, tax, district, amount in paid:
        key = (day, tax, district or "")
        count, total = sums.get(key, (0, Decimal(0)))
        sums[key] = (count + 1, total + amount)
    keys = sorted(sums)
    newest = city.until - timedelta(days=2)
    sure = [key for key in keys if key[0] >= newest][-max(1, n // 4) :]
    taken = set(sure)
    local = [key for key in keys if key[1] != "land" and key not in taken]
    taken.update(rng.sample(local, min(len(local), (n - len(sure)) // 2)))
    rest = [key for key in keys if key not in taken]
    taken.update(rng.sample(rest, min(len(rest), n - len(taken))))
    chosen = sorted(taken)
    return [_report(key, *sums[key]) for key in chosen]


def _report(key: tuple[date, str, str], payments: int, amount: Decimal) -> RevenueReport:
    day, tax, district = key
    account = LAND_TAX_ACCOUNT if tax == "land" else TAXES[tax][0]
    number = account.split(".")[3]
    at: datetime = midnight(day)
    return RevenueReport(
        record_id=f"RKP-{day:%Y%m%d}-{number}-{district[-2:]}",
        at=at,
        district=district,
        village=None,
        tax=tax,
        account=account,
        payments=payments,
        amount=amount,
    )


DRAWS: Mapping[str, Draw] = {
    "simpatdu": local_taxes,
    "epayment_qris": qris_payments,
    "dijamin_minul": tax_returns,
    "smart_report": revenue_reports,
}
