"""Where things happen: districts, villages and rough coordinates. People and events belong elsewhere.

The region table is data, read from the package's reference folder where it is shipped; a short extract stands in
where it is not.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from random import Random

TABLE = ("catalog", "reference", "regions", "bojonegoro.csv")

# Kemendagri code and name of each district with three of its villages.
EXTRACT = (
    "01 Ngraho: 2001 Luwihaji, 2002 Sugihwaras, 2003 Nganti",
    "02 Tambakrejo: 2001 Napis, 2002 Jatimulyo, 2003 Ngrancang",
    "03 Ngambon: 2001 Nglampin, 2002 Karangmangu, 2003 Ngambon",
    "04 Ngasem: 2001 Butoh, 2002 Trenggulunan, 2003 Setren",
    "05 Bubulan: 2001 Bubulan, 2002 Cancung, 2003 Clebung",
    "06 Dander: 2001 Ngunut, 2002 Dander, 2003 Growok",
    "07 Sugihwaras: 2001 Bareng, 2002 Drenges, 2003 Wedoro",
    "08 Kedungadem: 2001 Babad, 2002 Pejok, 2003 Dayukidul",
    "09 Kepohbaru: 2001 Pejok, 2002 Cengkir, 2003 Kepoh",
    "10 Baureno: 2001 Drajat, 2002 Banjaranyar, 2003 Ngemplak",
    "11 Kanor: 2001 Semambung, 2002 Kanor, 2003 Tambahrejo",
    "12 Sumberrejo: 2001 Tlogohaji, 2002 Ngampal, 2003 Kedungrejo",
    "13 Balen: 2001 Sidobandung, 2002 Mayangkawis, 2003 Kenep",
    "14 Kapas: 2001 Kumpulrejo, 2002 Bendo, 2003 Padangmentoyo",
    "15 Bojonegoro: 1001 Jetak, 1004 Mojokampung, 1005 Kepatihan",
    "16 Kalitidu: 2006 Kalitidu, 2007 Sumengko, 2008 Mlaten",
    "17 Malo: 2001 Dukohlor, 2002 Kacangan, 2003 Kemiri",
    "18 Purwosari: 2001 Pelem, 2002 Ngrejeng, 2003 Tlatah",
    "19 Padangan: 2001 Tebon, 2002 Prangi, 2003 Purworejo",
    "20 Kasiman: 2001 Batokan, 2002 Betet, 2003 Tembeling",
    "21 Temayang: 2001 Kedungsumber, 2002 Kedungsari, 2003 Papringan",
    "22 Margomulyo: 2001 Kalangan, 2002 Ngelo, 2003 Margomulyo",
    "23 Trucuk: 2001 Banjarsari, 2002 Tulungrejo, 2003 Trucuk",
    "24 Sukosewu: 2001 Semawot, 2002 Kalicilik, 2003 Sukosewu",
    "25 Kedewan: 2001 Kawengan, 2002 Wonocolo, 2003 Hargomulyo",
    "26 Gondang: 2001 Krondonan, 2002 Jari, 2003 Sambongrejo",
    "27 Sekar: 2001 Bobol, 2002 Miyono, 2003 Sekar",
    "28 Gayam: 2001 Gayam, 2002 Begadon, 2003 Ringintunggal",
)


@dataclass(frozen=True, slots=True)
class District:
    """A kecamatan. `statistical_name` is how the statistics office spells it."""

    code: str
    name: str
    statistical_name: str


@dataclass(frozen=True, slots=True)
class Village:
    """A desa or kelurahan. Its name alone does not identify it: names repeat across districts."""

    code: str
    name: str
    statistical_name: str
    urban: bool
    district: District

    @property
    def point(self) -> tuple[Decimal, Decimal]:
        """An invented latitude and longitude inside the regency, the same on every call."""
        rng = Random(self.code)
        latitude = Decimal(rng.randrange(7_080_000, 7_350_000)).scaleb(-6)
        return -latitude, Decimal(rng.randrange(111_500_000, 112_100_000)).scaleb(-6)


class Geography:
    """The regency's districts and villages."""

    def __init__(self, rows: Iterator[dict[str, str]]) -> None:
        self.districts: list[District] = []
        self.villages: list[Village] = []
        by_code: dict[str, District] = {}
        for row in rows:
            code, name, statistical = row["kemendagri_code"], row["name"], row["bps_name"] or row["name"].upper()
            if row["level"] == "district":
                by_code[code] = District(code, name, statistical)
                self.districts.append(by_code[code])
            elif row["level"] == "village":
                urban = row["type"] == "kelurahan"
                self.villages.append(Village(code, name, statistical, urban, by_code[row["parent_code"]]))
        self.village_by_code = {village.code: village for village in self.villages}
        self.district_by_code = by_code

    def scatter(self, rng: Random, n: int) -> list[Village]:
        """`n` villages at random; every district at least once where `n` allows."""
        chosen = [rng.choice([v for v in self.villages if v.district is district]) for district in self.districts[:n]]
        chosen += rng.choices(self.villages, k=n - len(chosen))
        rng.shuffle(chosen)
        return chosen


@cache
def geography() -> Geography:
    """The region table, read once."""
    try:
        text = resources.files("opg_pipeline").joinpath(*TABLE).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, ModuleNotFoundError):
        return Geography(_extract())
    return Geography(csv.DictReader(text.splitlines()))


def _extract() -> Iterator[dict[str, str]]:
    for line in EXTRACT:
        head, _, tail = line.partition(": ")
        code, name = f"35.22.{head[:2]}", head[3:]
        yield {
            "level": "district",
            "kemendagri_code": code,
            "name": name,
            "bps_name": "",
            "type": "kecamatan",
            "parent_code": "35.22",
        }
        for village in tail.split(", "):
            kind = "kelurahan" if village.startswith("1") else "desa"
            yield {
                "level": "village",
                "kemendagri_code": f"{code}.{village[:4]}",
                "name": village[5:],
                "bps_name": "",
                "type": kind,
                "parent_code": code,
            }
