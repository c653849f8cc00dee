"""What happened around local taxes: land tax paid, land changing hands, questions put to the tax assistant.

No wire formats and no planted mistakes belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Geography, Village
from opg_pipeline.sandbox.truth.people import Person, Population
from opg_pipeline.sandbox.truth.records import LandTaxPayment, LandTransfer, TaxQuestion
from opg_pipeline.sandbox.truth.timeline import at_hour, draw_days, midnight, office_days

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

LAND_TAX_SEASON = {1: 0.2, 2: 0.5, 3: 1.0, 4: 1.2, 5: 1.4, 6: 1.6, 7: 1.6, 8: 2.0, 9: 2.6, 10: 1.4, 11: 0.7, 12: 0.3}
TRANSFER_KINDS = ("sale", "sale", "sale", "sale", "inheritance", "inheritance", "gift", "auction", "exchange")
SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
QUESTIONS = (
    ("land_tax_bill", "Mohon cek tagihan PBB tahun {year} atas nama {name} NIK {nik}, matur nuwun"),
    ("land_tax_bill", "Selamat pagi min, tagihan PBB saya tahun {year} berapa ya?"),
    ("land_tax_bill", "Bayar PBB di desa {village} bisa lewat QRIS tidak?"),
    ("land_tax_receipt", "Saya sudah transfer dari rekening {account} tapi status belum lunas. Hubungi {phone}"),
    ("land_tax_receipt", "Bukti bayar belum keluar. Email saya {email} ya kak"),
    ("land_transfer", "Syarat BPHTB waris apa saja? Tanah di {village} kec. {district}"),
    ("land_transfer", "Kulo {name}, badhe tanglet pajak jual beli tanah, WA kulo {phone}"),
    ("data_correction", "Nama di SPPT salah, seharusnya {name}, KTP {nik}. Alamat {address}"),
    ("data_correction", "Luas tanah di SPPT tidak sesuai sertifikat, bagaimana cara mengubahnya?"),
    ("restaurant_tax", "Warung kecil omzet 3 juta apa kena pajak daerah?"),
    ("other", "Jam pelayanan hari Jumat sampai jam berapa?"),
)


def tax_number(village: Village, rng: Random) -> str:
    """An eighteen-digit tax object number (NOP) for land in that village."""
    district, place = int(village.code[6:8]) * 10, int(village.code[-4:]) % 1000
    return f"3522{district:03d}{place:03d}{rng.randrange(1, 30):03d}{rng.randrange(1, 2000):04d}{rng.choice('0000001')}"


def neighbour(rng: Random, village: Village, people: Population) -> Person:
    """Mostly somebody of the village, sometimes an owner who lives elsewhere."""
    return people.adult_of(rng, village) if rng.random() < 0.85 else rng.choice(people.adults)


def land_tax(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[LandTaxPayment]:
    """Payments of PBB-P2: most before the due date at the end of September."""
    days = draw_days(rng, until, n, lambda day: office_days(day) * LAND_TAX_SEASON[day.month])
    objects = [
        (village, tax_number(village, rng), neighbour(rng, village, people))
        for village in places.scatter(rng, n * 4 // 5)
    ]
    taken: set[str] = set()
    paid = []
    for number, day in enumerate(days):
        village, nop, payer = objects[number] if number < len(objects) else rng.choice(objects)
        ntpd = "".join(rng.choices(SIGNS, k=16))
        while ntpd in taken:
            ntpd = "".join(rng.choices(SIGNS, k=16))
        taken.add(ntpd)
        year = day.year if day.month >= 2 and rng.random() < 0.93 else day.year - 1
        amount = Decimal(max(10_000, round(rng.lognormvariate(11.3, 0.9))))
        late = year < day.year or day.month > 9
        fine = (amount * rng.randrange(1, 13) / 100).quantize(Decimal(1)) if late else Decimal(0)
        channel = rng.choices(
            ("village_collector", "teller", "virtual_account", "qris", "mobile"), (40, 20, 15, 15, 10)
        )[0]
        paid.append(
            LandTaxPayment(
                record_id=ntpd,
                at=midnight(day),
                district=village.district.code,
                village=village.code,
                nop=nop,
                tax_year=year,
                amount=amount,
                fine=fine,
                channel=channel,
                payer=payer,
            )
        )
    return paid


def land_transfers(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[LandTransfer]:
    """BPHTB paid when land changes hands: 5 % of the price above the exempt part."""
    moved = []
    for number, (day, village) in enumerate(
        zip(draw_days(rng, until, n, office_days), places.scatter(rng, n), strict=True), 1
    ):
        kind = rng.choice(TRANSFER_KINDS)
        exempt = Decimal(300_000_000 if kind == "inheritance" else 80_000_000)
        price = Decimal(max(30, round(rng.lognormvariate(5.3, 0.7)))) * 1000 * 1000 + rng.randrange(0, 1000) * 1000
        amount = (max(price - exempt, Decimal(0)) * 5 / 100).quantize(Decimal(1))
        payer = neighbour(rng, village, people)
        npwp = payer.nik if rng.random() < 0.6 else payer.account
        moved.append(
            LandTransfer(
                record_id=f"SSPD-{day.year}-{number:05d}",
                at=midnight(day),
                district=village.district.code,
                village=village.code,
                nop=tax_number(village, rng),
                kind=kind,
                price=price,
                exempt=exempt,
                amount=amount,
                area_m2=rng.randrange(60, 2400),
                payer=payer,
                npwp=npwp,
            )
        )
    return moved


def typed(rng: Random, person: Person) -> dict[str, str]:
    """How somebody types his own identity into a message: numbers often in groups."""
    nik, phone = person.nik, person.phone
    return {
        "nik": rng.choice(
            (nik, nik, nik, f"{nik[:4]} {nik[4:8]} {nik[8:12]} {nik[12:]}", f"{nik[:6]}.{nik[6:12]}.{nik[12:]}")
        ),
        "phone": rng.choice(
            (phone, phone, f"{phone[:4]}-{phone[4:8]}-{phone[8:]}", f"+62 {phone[1:4]} {phone[4:8]} {phone[8:]}")
        ),
        "name": person.name,
        "email": person.email,
        "account": person.account,
        "address": person.household.address,
    }


def tax_questions(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[TaxQuestion]:
    """Messages to the tax assistant. People type their own identity into them."""
    asked = []
    days = draw_days(rng, until, n, lambda day: 0.5 + LAND_TAX_SEASON[day.month])
    for number, (day, village) in enumerate(zip(days, places.scatter(rng, n), strict=True), 1):
        sender = people.adult_of(rng, village)
        topic, template = rng.choice(QUESTIONS)
        personal = typed(rng, sender)
        text = template.format(year=day.year, village=village.name, district=village.district.name, **personal)
        mentions = tuple((kind, value) for kind, value in personal.items() if f"{{{kind}}}" in template)
        at = at_hour(rng, day, range(5, 23))
        status = rng.choices(("closed", "in_progress", "open"), (85, 9, 6))[0]
        answered = None if status == "open" else at + timedelta(seconds=rng.randrange(20, 40_000))
        asked.append(
            TaxQuestion(
                record_id=f"wz-{number:06d}",
                at=at,
                district=village.district.code,
                village=None,
                topic=topic,
                status=status,
                answered_at=answered,
                sender=sender,
                text=text,
                mentions=mentions,
            )
        )
    return asked


DRAWS: Mapping[str, Draw] = {
    "e_pbb": lambda city, rng, n: land_tax(rng, city.until, n, city.places, city.people),
    "e_bphtb": lambda city, rng, n: land_transfers(rng, city.until, n, city.places, city.people),
    "wizztara": lambda city, rng, n: tax_questions(rng, city.until, n, city.places, city.people),
}
