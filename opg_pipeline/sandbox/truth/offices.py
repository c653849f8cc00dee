"""What the offices did: bought, published, measured themselves and heard in public dialogue.

No wire formats belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import Geography
from opg_pipeline.sandbox.truth.people import FAMILY, Population
from opg_pipeline.sandbox.truth.records import Article, Checkpoint, ForumStatement, Purchase
from opg_pipeline.sandbox.truth.timeline import at_hour, draw_days, end_of, midnight, office_days, quarter_ends, window

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

OFFICES = tuple(
    (f"{line[:4]}.0.00.0.00.{number:02d}.0000", line[5:])
    for number, line in enumerate(
        """1.01 Dinas Pendidikan
1.02 Dinas Kesehatan
1.03 Dinas PU Bina Marga dan Penataan Ruang
1.03 Dinas PU Sumber Daya Air
1.04 Dinas Perumahan, Kawasan Permukiman dan Cipta Karya
1.05 Satuan Polisi Pamong Praja
1.05 Badan Penanggulangan Bencana Daerah
1.05 Dinas Pemadam Kebakaran dan Penyelamatan
1.06 Dinas Sosial
2.07 Dinas Perindustrian dan Tenaga Kerja
2.08 Dinas P3AKB
2.09 Dinas Ketahanan Pangan dan Pertanian
2.11 Dinas Lingkungan Hidup
2.12 Dinas Kependudukan dan Pencatatan Sipil
2.13 Dinas Pemberdayaan Masyarakat dan Desa
2.15 Dinas Perhubungan
2.16 Dinas Komunikasi dan Informatika
2.17 Dinas Perdagangan, Koperasi dan Usaha Mikro
2.18 DPMPTSP
2.19 Dinas Kepemudaan dan Olahraga
2.23 Dinas Perpustakaan dan Kearsipan
3.25 Dinas Peternakan dan Perikanan
3.26 Dinas Kebudayaan dan Pariwisata
5.01 Bappeda
5.02 Badan Pendapatan Daerah""".splitlines(),
        1,
    )
)
GOODS = (
    (
        "goods",
        "Belanja {} untuk {}",
        ("Alat Tulis Kantor", "Laptop", "Kursi Rapat", "Kertas HVS", "Bahan Bakar", "Obat", "Bibit Padi"),
    ),
    ("services", "Jasa {} {}", ("Kebersihan", "Pemeliharaan AC", "Katering", "Cetak", "Internet")),
    ("works", "Pemeliharaan {} {}", ("Gedung", "Pagar", "Saluran Air", "Atap")),
)
TRADES = ("Jaya", "Makmur", "Sentosa", "Abadi", "Mandiri", "Barokah", "Sumber Rejeki", "Karya")
HEADLINES = (
    ("pemerintahan", "Pemkab Bojonegoro Serahkan Bantuan Alat & Mesin Pertanian di {}"),
    ("pemerintahan", 'Dialog "Ngobrol Bareng" Warga {}, Ini Hasilnya'),
    ("kesehatan", "Imunisasi Serentak di {}: Cakupan > 95 %"),
    ("pendidikan", 'Pelajar {} Juara Lomba "Sains & Teknologi" Tingkat Provinsi'),
    ("infrastruktur", "Jalan Rigid Beton {}-Batas Kabupaten Mulai Dikerjakan"),
    ("budaya", 'Sedekah Bumi {} Digelar Meriah, Warga: "Semoga Panen Berkah"'),
    ("bencana", "TMA Bengawan Solo < Siaga Kuning, Warga {} Diminta Tetap Waspada"),
)
INDICATORS = (
    ("1", "Persentase realisasi anggaran", "%"),
    ("2", "Nilai akuntabilitas kinerja", "poin"),
    ("3", "Jumlah layanan terselesaikan", "layanan"),
)
WISHES = (
    ("Jalan poros desa {} rusak berat, mohon segera diperbaiki.", 2),
    ("Saluran irigasi di {} dangkal,\npetani kesulitan air saat kemarau.", 3),
    ("Usul penerangan jalan di {}; nomor saya {phone} bila perlu survei.", 15),
    ("Anak saya belum menerima beasiswa. NIK saya {nik}, mohon dicek.", 8),
    ("Pupuk bersubsidi sulit didapat di {}", 11),
    ('Mohon bantuan modal UMKM "keripik" untuk kelompok ibu-ibu {}', 17),
    ("Puskesmas pembantu {} sering tutup, saya {name} sudah tiga kali ke sana.", 1),
)
SPEAKERS_A_SESSION = 4


def purchases(rng: Random, until: date, n: int) -> list[Purchase]:
    """Orders placed in the electronic catalogue."""
    bought = []
    last = end_of(until)
    days = draw_days(
        rng, until, n, lambda day: office_days(day) * (0.4 if day.month in (1, 2) else 1.6 if day.month > 9 else 1.0)
    )
    for number, day in enumerate(days, 1):
        unit_code, unit = rng.choice(OFFICES)
        kind, template, things = rng.choices(GOODS, (7, 2, 1))[0]
        sole = rng.random() < 0.35
        family = rng.choice(FAMILY)
        supplier = f"{'UD' if sole else rng.choice(('CV', 'PT'))} {family} {rng.choice(TRADES)}"
        npwp = _sole_trader_number(rng) if sole else f"0{rng.randrange(10**14, 10**15)}"
        status = rng.choices(("completed", "in_delivery", "in_process", "cancelled"), (74, 9, 12, 5))[0]
        at = at_hour(rng, day, range(7, 17))
        cents = rng.choice((0, 0, 0, 0, 50, 25, 99))
        amount = Decimal(max(150, round(rng.lognormvariate(9.2, 1.3)))) * 1000 + Decimal(cents) / 100
        bought.append(
            Purchase(
                record_id=f"EP-{at:%y%m}{number:06d}",
                at=at,
                district=None,
                village=None,
                title=template.format(rng.choice(things), unit),
                rup=str(50_000_000 + rng.randrange(9_999_999)),
                unit_code=unit_code,
                unit=unit,
                kind=kind,
                supplier=supplier,
                supplier_npwp=npwp,
                sole_trader=sole,
                amount=amount.quantize(Decimal("0.01")),
                status=status,
                changed_at=min(last, at + timedelta(minutes=rng.randrange(5, 60 * 24 * 21))),
            )
        )
    return bought


def _sole_trader_number(rng: Random) -> str:
    """The tax number of somebody who trades in his own name is his identity number."""
    day, month = rng.randrange(1, 29), rng.randrange(1, 13)
    return f"3522{rng.randrange(1, 29):02d}{day:02d}{month:02d}{rng.randrange(50, 99)}{rng.randrange(1, 10000):04d}"


def articles(rng: Random, until: date, n: int, places: Geography) -> list[Article]:
    """News of the regency's portal. An edited article keeps its identifier and gets a better title."""
    written = []
    edited = set(rng.sample(range(n), max(1, n // 25)))
    for number, (day, village) in enumerate(zip(draw_days(rng, until, n), places.scatter(rng, n), strict=True)):
        section, headline = rng.choice(HEADLINES)
        title = headline.format(village.name)
        link = f"https://portal.example/berita/baca/{8000 + number}"
        written.append(
            Article(
                record_id=f"berita-{8000 + number}",
                at=midnight(day),
                district=None,
                village=None,
                title=f"{title} (Ralat)" if number in edited else title,
                first_title=title,
                edited=number in edited,
                section=section,
                link=link,
                summary=f"Kegiatan berlangsung di {village.name}, {village.district.name}.",
            )
        )
    return written


def checkpoints(rng: Random, until: date, n: int) -> list[Checkpoint]:
    """Targets and achievements of every office at the ends of the last quarters."""
    found = []
    ends = quarter_ends(until, max(1, n // (len(OFFICES) * len(INDICATORS))))
    for end in ends:
        share = Decimal(end.month) / 12
        for code, office in OFFICES:
            for number, label, unit in INDICATORS:
                full = Decimal(
                    100 if unit == "%" else rng.randrange(70, 90) if unit == "poin" else rng.randrange(300, 9000)
                )
                target = (full if unit == "poin" else full * share).quantize(Decimal("0.01"))
                achieved = (target * Decimal(rng.randrange(720, 1080)) / 1000).quantize(Decimal("0.01"))
                if unit == "layanan":
                    target, achieved = target.quantize(Decimal(1)), achieved.quantize(Decimal(1))
                key = f"IKU-{code[:4]}-{code[15:17]}-{number}"
                found.append(
                    Checkpoint(
                        record_id=f"{end.year}/B{end.month:02d}/{key}",
                        at=midnight(end),
                        district=None,
                        village=None,
                        year=end.year,
                        month=end.month,
                        unit_code=code,
                        unit=office,
                        indicator_code=key,
                        indicator=label,
                        measure_unit=unit,
                        target=target,
                        achieved=None if rng.random() < 0.013 else achieved,
                    )
                )
    return found[:n]


def forum_statements(rng: Random, until: date, n: int, places: Geography, people: Population) -> list[ForumStatement]:
    """What people said at the public dialogue, on Fridays, a few speakers a session."""
    fridays = [day for day in window(until) if day.weekday() == 4]
    sessions = sorted(rng.sample(fridays, -(-n // SPEAKERS_A_SESSION)))
    heard = []
    for number, village in enumerate(places.scatter(rng, n)):
        session = number // SPEAKERS_A_SESSION
        speaker = people.adult_of(rng, village)
        wish, office = rng.choice(WISHES)
        personal = {"nik": speaker.nik, "name": speaker.name, "phone": speaker.phone}
        heard.append(
            ForumStatement(
                record_id=f"SB-{number + 1:04d}",
                at=midnight(sessions[session]),
                district=village.district.code,
                village=village.code,
                session=session + 1,
                speaker=speaker,
                text=wish.format(village.name, **personal),
                agency=OFFICES[office - 1][1],
                mentions=tuple((kind, value) for kind, value in personal.items() if f"{{{kind}}}" in wish),
                status=rng.choices(("closed", "in_progress", "open"), (55, 30, 15))[0],
            )
        )
    return heard


DRAWS: Mapping[str, Draw] = {
    "ekatalog_v6": lambda city, rng, n: purchases(rng, city.until, n),
    "portal_berita": lambda city, rng, n: articles(rng, city.until, n, city.places),
    "sispan_sismon": lambda city, rng, n: checkpoints(rng, city.until, n),
    "sapa_bupati": lambda city, rng, n: forum_statements(rng, city.until, n, city.places, city.people),
}
