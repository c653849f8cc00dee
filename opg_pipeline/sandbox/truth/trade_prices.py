"""What food costs: prices asked at the district markets and by the province's own officers. No wire formats belong here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox.truth.geography import District, Geography
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.timeline import midnight
from opg_pipeline.sandbox.truth.village_calendar import survey_days

if TYPE_CHECKING:
    from opg_pipeline.sandbox.truth.register import Draw

Good = tuple[str, str, str, str, int]
"""Code, group, name, unit, usual price."""
GOODS: tuple[Good, ...] = (
    ("BP0101", "BERAS", "Beras Premium (Bengawan/Mentik)", "kg", 14500),
    ("BP0102", "BERAS", "Beras Medium / IR 64", "kg", 12500),
    ("BP0201", "GULA PASIR", "Gula Kristal Putih", "kg", 16800),
    ("BP0301", "MINYAK GORENG", "Minyak Goreng Curah", "kg", 17300),
    ("BP0302", "MINYAK GORENG", "Minyak Goreng MINYAKITA", "liter", 15700),
    ("BP0303", "MINYAK GORENG", "Minyak Goreng Kemasan Premium", "liter", 18500),
    ("BP0401", "DAGING", "Daging Sapi Paha Belakang", "kg", 115000),
    ("BP0402", "DAGING", "Daging Ayam Ras", "kg", 33500),
    ("BP0403", "DAGING", "Daging Ayam Kampung", "ekor", 68000),
    ("BP0501", "TELUR", "Telur Ayam Ras", "kg", 27000),
    ("BP0502", "TELUR", "Telur Ayam Kampung", "butir", 2500),
    ("BP0601", "SUSU", "Susu Kental Manis Merk Bendera", "370 gr/kl", 12400),
    ("BP0701", "JAGUNG", "Jagung Pipilan Kering", "kg", 7200),
    ("BP0801", "CABAI", "Cabai Rawit Merah", "kg", 42500),
    ("BP0802", "CABAI", "Cabai Merah Besar (Keriting)", "kg", 35000),
    ("BP0901", "BAWANG", "Bawang Merah", "kg", 28000),
    ("BP0902", "BAWANG", "Bawang Putih Sinco/Honan", "kg", 38000),
    ("BP1001", "IKAN", "Ikan Bandeng", "kg", 32200),
    ("BP1002", "IKAN", "Ikan Tongkol Segar", "kg", 35400),
    ("BP1101", "SAYUR MAYUR", "Kentang Super", "kg", 17380),
    ("BP1102", "SAYUR MAYUR", "Tomat Merah", "kg", 8450),
    ("BP1103", "SAYUR MAYUR", "Kol/Kubis", "kg", 6900),
    ("BP1201", "KEDELAI", "Kedelai Impor", "kg", 10400),
    ("BP1301", "TEPUNG", "Tepung Terigu Segitiga Biru (curah)", "kg", 10200),
    ("BP1401", "GARAM", "Garam Beryodium Halus", "kg", 11500),
    ("BP1501", "SEMEN", "Semen Gresik 40 kg", "zak", 50550),
)
# How the trade office numbers the districts.
OFFICE_IDS = {
    "Bojonegoro": "29",
    "Balen": "28",
    "Baureno": "30",
    "Bubulan": "10",
    "Dander": "8",
    "Gayam": "9",
    "Gondang": "6",
    "Kalitidu": "7",
    "Kanor": "14",
    "Kapas": "4",
    "Kasiman": "15",
    "Kedewan": "11",
    "Kedungadem": "31",
    "Kepohbaru": "12",
    "Malo": "27",
    "Margomulyo": "18",
    "Ngambon": "17",
    "Ngasem": "16",
    "Ngraho": "26",
    "Padangan": "5",
    "Purwosari": "25",
    "Sekar": "13",
    "Sugihwaras": "20",
    "Sukosewu": "21",
    "Sumberrejo": "22",
    "Tambakrejo": "24",
    "Temayang": "23",
    "Trucuk": "19",
}
PROVINCE_MARKETS = (("351", "Pasar Kota Bojonegoro", "35.22.15"), ("352", "Pasar Sumberrejo", "35.22.12"))
PROVINCE_GOODS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceQuote(Record):
    """What one unit cost at a market on a day; `carried`: nobody asked, the price before was kept."""

    market_id: str
    market: str
    commodity_code: str
    group: str
    commodity: str
    unit: str
    price: int
    previous: int
    carried: bool


def _walk(
    rng: Random, days: Sequence[date], markets: Sequence[tuple[str, str, str]], goods: Sequence[Good] = GOODS
) -> Iterator[PriceQuote]:
    """Every commodity at every market on each of the days; prices wander about what is usual."""
    asked: dict[tuple[str, str], int] = {}
    for number, day in enumerate(days):
        for market_id, market, district in markets:
            for code, group, name, unit, usual in goods:
                before = asked.get((market_id, code)) or round(usual * rng.uniform(0.95, 1.05))
                carried = number > 0 and rng.random() < 0.12
                pulled = before + (usual - before) * 0.1
                price = before if carried or rng.random() < 0.3 else round(pulled * rng.gauss(1, 0.02))
                asked[market_id, code] = price
                yield PriceQuote(
                    record_id=f"{market_id}/{day.isoformat()}/{code}",
                    at=midnight(day),
                    district=district,
                    village=None,
                    market_id=market_id,
                    market=market,
                    commodity_code=code,
                    group=group,
                    commodity=name,
                    unit=unit,
                    price=price,
                    previous=before,
                    carried=carried,
                )


def district_prices(rng: Random, until: date, n: int, places: Geography) -> list[PriceQuote]:
    """Prices at one market of each district, on the days on which the trade office went round."""

    def market(district: District) -> tuple[str, str, str]:
        return OFFICE_IDS[district.name], f"Kecamatan {district.name}", district.code

    markets = [market(district) for district in places.districts]
    days = survey_days(until, -(-n // (len(markets) * len(GOODS))))
    return list(_walk(rng, days, markets))[-n:]


def province_prices(rng: Random, until: date, n: int) -> list[PriceQuote]:
    """Prices the province's officers ask at two markets."""
    goods = GOODS[:PROVINCE_GOODS]
    days = survey_days(until, -(-n // (len(PROVINCE_MARKETS) * len(goods))))
    return list(_walk(rng, days, PROVINCE_MARKETS, goods))[-n:]


DRAWS: Mapping[str, Draw] = {
    "disdag_online": lambda city, rng, n: district_prices(rng, city.until, n, city.places),
    "siskaperbapo": lambda city, rng, n: province_prices(rng, city.until, n),
}
