"""Apps about what families live from: farmers' cards (a dropped workbook) and vacancies (JSON by page).

Farmers and employers themselves belong in `truth`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import same
from opg_pipeline.sandbox.city import City
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import (
    Service,
    Told,
    fault_of,
    file_answer,
    flaws,
    identity,
    loops,
    page_of,
    whole,
)
from opg_pipeline.sandbox.services.family_care import MONTHS
from opg_pipeline.sandbox.services.family_sheets import XLSX, Cell, workbook
from opg_pipeline.sandbox.services.village_life import state_truth, told_states
from opg_pipeline.sandbox.truth.family_work import FarmerAllocation, Vacancy

CARD_HEAD = (
    "No RDKK",
    "NIK",
    "Nama Petani",
    "Poktan",
    "Kecamatan",
    "Desa",
    "MT",
    "Komoditas",
    "Luas",
    "Urea (kg)",
    "NPK (kg)",
    "Status",
    "Tgl Usul",
)
CARD_STATES = {
    "proposed": "USULAN",
    "verified": "VERIF PPL",
    "active": "KPM AKTIF",
    "suspended": "BLOKIR",
    "exited": "KELUAR",
    "rejected": "DITOLAK",
}
CROPS = {
    "padi": "Padi",
    "jagung": "Jagung",
    "kedelai": "Kedelai",
    "tembakau": "Tembakau",
    "bawang_merah": "Bawang Merah",
}
SEASONS = ("MT I", "MT II", "MT III")
AREA_COLUMN = CARD_HEAD.index("Luas")
JOB_FORMS = {"full_time": "Full-Time", "part_time": "Part-Time", "contract": "Kontrak", "freelance": "Freelance"}
JOB_STATES = {"open": "Tayang", "filled": "Ditutup"}


def hectares(area: Decimal) -> str:
    """0.25 as '0,25 ha'."""
    return f"{area.normalize():f}".replace(".", ",") + " ha"


class KpmPetani(Service):
    """Farmers and their fertiliser in one workbook; identity numbers are numbers, and some have lost their digits."""

    app_id = "kpm_petani"
    paged = False

    def __init__(self, city: City) -> None:
        super().__init__(city)
        self._files: dict[tuple[date, str | None], bytes] = {}

    def routes(self) -> list[Route]:
        return [Route("/bagi/erdkk/KPM_eRDKK.xlsx", self.file)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, FarmerAllocation)
        wrong = flaws(rng, len(records), {"rounded_nik": 80, "unreadable_area": 12, "unmapped_status": 8})
        for number, record in enumerate(records):
            defect, farmer = wrong.get(number), record.farmer
            place = ledger.places.village_by_code[record.village or ""]
            rounded = defect == "rounded_nik"
            nik: Cell = f"{int(farmer.nik):.5E}".replace(".", ",") if rounded else int(farmer.nik)
            area = (
                rng.choice(("1/4 bau", "± seperempat", "?"))
                if defect == "unreadable_area"
                else hectares(record.area_ha)
            )
            planted = identity(farmer, "name") if rounded else identity(farmer, "name", "nik")
            for known, gone, state, at in told_states(record.history, record.gone_on):
                body = (
                    record.record_id,
                    nik,
                    farmer.name,
                    f"Poktan {record.group}",
                    place.district.name,
                    place.name,
                    SEASONS[record.season - 1],
                    CROPS[record.crop],
                    area,
                    record.urea_kg,
                    record.npk_kg,
                    "PROSES KTNA" if defect == "unmapped_status" else CARD_STATES[state],
                    f"{record.at:%d/%m/%Y}",
                )
                truth = state_truth(record.history, state, at)
                yield Told(record.record_id, known, body, None, defect, planted, gone, truth)

    async def file(self, request: Request) -> Response:
        key = (self.city.today, fault_of(request))
        if key not in self._files:
            rows = [row.body for row in self.rows(request)]
            if key[1] == "changed_type":
                rows = [(*row[:AREA_COLUMN], "seperempat hektar", *row[AREA_COLUMN + 1 :]) for row in rows]
            title = ("REKAP KARTU PETANI MANDIRI DAN ALOKASI PUPUK BERSUBSIDI (e-RDKK)",)
            self._files = {key: workbook("RDKK", (title, (), CARD_HEAD, *rows), ("A1:M1",))}
        return file_answer(request, self._files[key], XLSX, self.city.today)


def rupiah(amount: int) -> str:
    """2200000 as 'Rp 2.200.000'."""
    return f"Rp {amount:,}".replace(",", ".")


def short_day(day: date) -> str:
    """A day as '6 Agu 2026'."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


class SiapkerjaLoker(Service):
    """Vacancies; a post whose last day is over stays as it was."""

    app_id = "siapkerja_loker"
    secrets = ("SIAPKERJA_LOKER_KEY",)
    drift = ("tanggal_tayang",)

    def routes(self) -> list[Route]:
        return [Route("/api/v1/lowongan", self.posts)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Vacancy)
        wrong = flaws(rng, len(records), {"unreadable_pay": 6, "impossible_date": 3, "unknown_district": 4})
        for number, record in enumerate(records):
            defect, contact = wrong.get(number), record.contact
            district = ledger.places.district_by_code[record.district or ""]
            pay = (
                "UMK Bojonegoro (+ Lembur)"
                if record.pay_low is None or record.pay_high is None
                else f"{rupiah(record.pay_low)} - {rupiah(record.pay_high)} / bulan"
            )
            posted = f"31 Feb {record.at.year}" if defect == "impossible_date" else short_day(record.at.date())
            for known, gone, state, at in told_states(record.history, record.gone_on):
                body = {
                    "id_loker": record.record_id,
                    "judul": record.title,
                    "bidang": record.field,
                    "tipe_kerja": JOB_FORMS[record.form],
                    "perusahaan": record.employer,
                    "lokasi": "Luar Kota" if defect == "unknown_district" else f"Kecamatan {district.name}",
                    "gaji": "Nego / kekeluargaan" if defect == "unreadable_pay" else pay,
                    "narahubung": contact.name,
                    "telepon": contact.phone,
                    "surel": contact.email,
                    "tanggal_tayang": posted,
                    "batas_lamar": short_day(record.closes_on),
                    "status": JOB_STATES[state],
                    "diperbarui": f"{at:%Y-%m-%d %H:%M:%S}",
                }
                planted = identity(contact, "name", "phone", "email")
                truth = state_truth(record.history, state, at)
                yield Told(record.record_id, known, body, body["diperbarui"], defect, planted, gone, truth)

    async def posts(self, request: Request) -> Response:
        if not same(request.headers.get("x-api-key"), self.city.access["SIAPKERJA_LOKER_KEY"]):
            return JSONResponse({"message": "API key tidak valid."}, 401)
        query = request.query_params
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("per_page"), 20, 1, 500)
        since = query.get("diperbarui_sejak") or "0001-01-01"
        if page is None or size is None or not _is_day(since):
            return JSONResponse({"message": "The given data was invalid."}, 422)
        rows = [row for row in self.rows(request) if row.order >= since]
        last = page + 1 if loops(request) else max(1, -(-len(rows) // size))
        return JSONResponse(
            {
                "data": page_of(rows, (page - 1) * size, size, loops(request)),
                "meta": {"current_page": page, "last_page": last, "per_page": size, "total": len(rows)},
            }
        )


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


SERVICES = (KpmPetani, SiapkerjaLoker)
