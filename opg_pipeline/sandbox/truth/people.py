"""The city's fictional people and households. What happens to them and how services write them belongs elsewhere.

Identity numbers have the real structure (35 22 kk ddmmyy nnnn, day + 40 for women) and belong to nobody;
e-mail addresses end in the reserved domain `.example`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from opg_pipeline.sandbox.truth.geography import Geography, Village


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


MEN = _words(
    "Agus Bambang Budi Dwi Eko Hadi Heru Imam Joko Karyono Khoirul Lukman Mashudi Mulyono Nurhadi Paijo Parno "
    "Purnomo Rizal Rokhim Samsul Sarwono Slamet Sugeng Suharto Sukardi Sumarno Suparman Supriyadi Sutrisno Suyanto "
    "Taufik Tri Wahyu Wawan Widodo Yudi Zainal Arif Bagus Candra Dimas Fajar Galih Hendra Ilham"
)
WOMEN = _words(
    "Aminah Anik Ayu Darmi Dewi Dian Endang Eni Fatimah Fitri Hartini Indah Ida Juminten Kartini Kasmi Khotimah "
    "Lestari Lilik Lutfiah Mariyam Mujiati Ningsih Nur Nuraini Parti Puji Purwati Rahayu Ratna Rini Rukmini Sari "
    "Siti Sri Sulastri Sumiati Suparti Supinah Sutini Suwarni Tutik Umi Wahyuni Wiji Yuliana"
)
FAMILY = _words(
    "Adinata Anggraini Basuki Cahyono Darmawan Efendi Firdaus Gunawan Handoko Hartanto Hidayat Irawan Jatmiko "
    "Kurniawan Kusuma Laksono Mahendra Maulana Mustofa Nugroho Oktaviani Pamungkas Prasetyo Pratama Priyanto "
    "Raharjo Ramadhani Riyanto Santoso Saputra Setiawan Siswanto Subagyo Sudibyo Sulistyo Sunaryo Susanto Sutanto "
    "Syaifudin Tjahjono Utomo Wardana Wibowo Wicaksono Widianto Wijaya Winarno Yulianto Yuwono Zulkarnain"
)
STREETS = (
    "Melati",
    "Kenanga",
    "Mawar",
    "Cempaka",
    "Anggrek",
    "Dahlia",
    "Flamboyan",
    "Kamboja",
    "Merpati",
    "Rajawali",
    "Kutilang",
)
PREFIXES = ("12", "13", "21", "22", "52", "53", "57", "58", "77", "78", "81", "82", "95", "96")
HOUSEHOLDS = 1720


@dataclass(frozen=True, slots=True)
class Household:
    """People who share a family card (kartu keluarga) and a house."""

    no_kk: str
    address: str
    village: Village


@dataclass(frozen=True, slots=True)
class Person:
    """One resident. `phone` is the domestic form 08…; services write it as they like."""

    nik: str
    name: str
    sex: str
    born: date
    phone: str
    email: str
    account: str
    household: Household

    @property
    def village(self) -> Village:
        return self.household.village

    def age_on(self, day: date) -> tuple[int, int]:
        """Completed years and months on that day."""
        months = (day.year - self.born.year) * 12 + day.month - self.born.month - (day.day < self.born.day)
        return months // 12, months % 12


class Population:
    """Everybody who lives in the city."""

    def __init__(self, rng: Random, geography: Geography, until: date) -> None:
        self.people: list[Person] = []
        self.by_village: dict[str, list[Person]] = {}
        self._taken: set[str] = set()
        villages = list(geography.villages)
        rng.shuffle(villages)
        for number in range(HOUSEHOLDS):
            self._move_in(rng, villages[number % len(villages)], geography, until)
        self.adults = [person for person in self.people if person.age_on(until)[0] >= 19]
        self.adults_by_village = {
            code: [person for person in people if person.age_on(until)[0] >= 19]
            for code, people in self.by_village.items()
        }

    def adult_of(self, rng: Random, village: Village) -> Person:
        """A grown-up of that village (every household has one)."""
        return rng.choice(self.adults_by_village[village.code])

    def _move_in(self, rng: Random, village: Village, geography: Geography, until: date) -> None:
        founded = until - timedelta(days=rng.randrange(400, 9000))
        no_kk = self._number(rng, village.district.code, founded, 0)
        street, house = rng.choice(STREETS), rng.randrange(1, 99)
        address = f"Jl. {street} No. {house} RT {rng.randrange(1, 25):03d} RW {rng.randrange(1, 9):03d}"
        household = Household(no_kk, address, village)
        family = rng.choice(FAMILY)
        for member in range(rng.choice((1, 2, 2, 3, 3, 4, 5))):
            years = rng.randrange(22, 84) if member < 2 else rng.randrange(1, 19)
            born = until - timedelta(days=round(years * 365.25) + 366 + rng.randrange(365))
            sex = "LP"[(member + rng.randrange(2)) % 2] if member > 1 else "LP"[member]
            home = village.district if rng.random() < 0.9 else rng.choice(geography.districts)
            given = rng.choice(MEN if sex == "L" else WOMEN)
            middle = rng.choice(MEN if sex == "L" else WOMEN)
            name = f"{given} {family}" if middle == given else f"{given} {middle} {family}"
            nik = self._number(rng, home.code, born, 40 if sex == "P" else 0)
            phone = f"08{rng.choice(PREFIXES)}{rng.randrange(10**7, 10**8)}"
            email = f"{given}.{family}{rng.randrange(10, 9999)}@surel.example".lower()
            account = f"{rng.randrange(10**14, 10**15)}"
            person = Person(nik, name, sex, born, phone, email, account, household)
            self.people.append(person)
            self.by_village.setdefault(village.code, []).append(person)

    def _number(self, rng: Random, district: str, day: date, plus: int) -> str:
        """A sixteen-digit number not given to anybody yet."""
        head = f"3522{district[-2:]}{day.day + plus:02d}{day.month:02d}{day.year % 100:02d}"
        while True:
            number = f"{head}{rng.randrange(1, 10000):04d}"
            if number not in self._taken:
                self._taken.add(number)
                return number
