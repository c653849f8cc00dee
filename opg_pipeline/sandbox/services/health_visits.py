"""Visits that local programs keep: the hospital's queue (JSON by page) and the weighing of small children (a workbook).

Who came belongs in `truth`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import bearer, same
from opg_pipeline.sandbox.city import City
from opg_pipeline.sandbox.doors import Session
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
from opg_pipeline.sandbox.services.health_answers import STAMP, is_stamp, story
from opg_pipeline.sandbox.services.health_workbook import XLSX, column, workbook
from opg_pipeline.sandbox.truth.health_care import Queueing, Weighing

CLINICS = {
    "INT": "Penyakit Dalam",
    "ANA": "Anak",
    "OBG": "Kebidanan dan Kandungan",
    "BED": "Bedah",
    "MAT": "Mata",
    "SAR": "Saraf",
    "JAN": "Jantung",
    "IGD": "Instalasi Gawat Darurat",
}
STATES = {"waiting": "MENUNGGU", "finished": "SELESAI", "cancelled": "BATAL"}
PAYERS = {"BPJS_PBI": "JKN PBI", "BPJS_NONPBI": "JKN NON PBI", "UMUM": "UMUM", "LAIN": "ASURANSI LAIN"}
TITLE = "DATA PENIMBANGAN DAN PENGUKURAN BALITA KABUPATEN BOJONEGORO"
HEAD = (
    "ID Ukur",
    "ID Anak",
    "NIK",
    "Nama Anak",
    "JK",
    "Tgl Lahir",
    "Nama Ortu",
    "Alamat",
    "Kec",
    "Desa/Kel",
    "Kode Puskesmas",
    "Puskesmas",
    "Posyandu",
    "Tanggal Pengukuran",
    "Usia Saat Ukur",
    "Berat",
    "Tinggi",
    "BB/U",
    "ZS BB/U",
    "TB/U",
    "ZS TB/U",
    "Naik Berat Badan",
)
FOR_WEIGHT = (
    (-3, "Berat Badan Sangat Kurang"),
    (-2, "Berat Badan Kurang"),
    (1, "Berat Badan Normal"),
    (99, "Risiko Lebih"),
)
FOR_HEIGHT = ((-3, "Sangat Pendek"), (-2, "Pendek"), (3, "Normal"), (99, "Tinggi"))


class RsudAntrean(Service):
    """The hospital's queue. Times of the day stand without a date, so what is called after midnight seems to be earlier."""

    app_id = "rsud_antrean"
    secrets = ("RSUD_ANTREAN_KEY", "RSUD_ANTREAN_TOKEN")
    drift = ("tanggal",)

    def routes(self) -> list[Route]:
        return [Route("/api/v1/antrean", self.queue)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Queueing)
        wrong = flaws(rng, len(records), {"missing_birth_date": 5, "unmapped_sex": 4, "impossible_date": 4})
        for number, record in enumerate(records):
            defect, person = wrong.get(number), record.patient
            start, changed = f"{record.at:{STAMP}}", f"{record.changed_at:{STAMP}}"
            body: dict[str, Any] = {
                "kode_booking": record.record_id,
                "tanggal": f"{record.at:%Y-%m}-32" if defect == "impossible_date" else f"{record.at:%Y-%m-%d}",
                "kode_poli": record.clinic,
                "nama_poli": CLINICS[record.clinic],
                "nomor_antrean": f"A-{record.ticket:03d}",
                "no_rm": record.chart,
                "nik": person.nik,
                "nama_pasien": person.name,
                "tgl_lahir": None if defect == "missing_birth_date" else person.born.isoformat(),
                "jk": "X" if defect == "unmapped_sex" else record.sex,
                "no_hp": person.phone,
                "penjamin": PAYERS[record.payer_class],
                "jam_daftar": f"{record.at:%H:%M}",
                "jam_panggil": None if record.called_at is None else f"{record.called_at:%H:%M}",
                "jam_selesai": None if record.ended_at is None else f"{record.ended_at:%H:%M}",
                "diagnosa": record.icd10,
                "status": STATES[record.status],
                "diubah_pada": changed,
            }
            planted = identity(person, "nik", "name", "phone")
            told = Told(record.record_id, record.at.date(), body, changed, defect, planted)
            if record.changed_at.date() == record.at.date():
                yield told
                continue
            open_ = {"jam_panggil": None, "jam_selesai": None, "diagnosa": None, "status": STATES["waiting"]}
            before = {"status": "waiting", "called_at": None, "ended_at": None, "icd10": None}
            before |= {"changed_at": record.at.isoformat()}
            yield from story(told, record.changed_at.date(), {**body, **open_, "diubah_pada": start}, start, before)

    async def queue(self, request: Request) -> Response:
        access = self.city.access
        by_key = same(request.headers.get("x-api-key"), access["RSUD_ANTREAN_KEY"])
        if not (by_key and same(request.headers.get("authorization"), bearer(access["RSUD_ANTREAN_TOKEN"]))):
            return self._error(401, "Kunci API atau token tidak sah")
        query = request.query_params
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("per_page"), 50, 1, 1000)
        since = query.get("diubah_sejak", "")
        if page is None or size is None or not is_stamp(since):
            return self._error(422, "page, per_page atau diubah_sejak tidak valid")
        rows = [row for row in self.rows(request) if row.order >= since]
        last = page + 1 if loops(request) else max(1, -(-len(rows) // size))
        return JSONResponse(
            {
                "metadata": {"code": 200, "message": "Ok"},
                "response": page_of(rows, (page - 1) * size, size, loops(request)),
                "halaman": {"sekarang": page, "terakhir": last, "jumlah": len(rows)},
            }
        )

    def _error(self, status: int, message: str) -> Response:
        return JSONResponse({"metadata": {"code": status, "message": message}, "response": None}, status)


class EPpgbm(Service):
    """Small children weighed and measured, exported as one workbook behind a login."""

    app_id = "e_ppgbm"
    secrets = ("E_PPGBM_USER", "E_PPGBM_PASSWORD")
    paged = False

    def __init__(self, city: City) -> None:
        super().__init__(city)
        user, password = (city.access[name] for name in self.secrets)
        self.session = Session(city.doors, self.app_id, user, password, f"/{self.app_id}/beranda")

    def routes(self) -> list[Route]:
        return [
            Route("/login", self.login_page),
            Route("/login", self.session.login, methods=["POST"]),
            Route("/beranda", self.home),
            Route("/ekspor/balita.xlsx", self.export),
        ]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Weighing)
        wrong = flaws(
            rng,
            len(records),
            {"weight_without_comma": 25, "unreadable_value": 6, "missing_sex": 6, "unknown_region": 5},
        )
        for number, record in enumerate(records):
            defect, child, parent = wrong.get(number), record.child, record.parent
            nik = child.nik if record.nik_known else ""
            weight = _comma(record.weight_kg)
            if defect == "weight_without_comma":
                weight = weight.replace(",", "")
            years, months = divmod(record.age_months, 12)
            body = (
                record.record_id,
                record.child_id,
                nik,
                child.name.upper(),
                "" if defect == "missing_sex" else record.sex,
                f"{child.born:%d/%m/%Y}",
                parent.name.upper(),
                child.household.address,
                child.village.district.name.upper(),
                "LUAR WILAYAH" if defect == "unknown_region" else child.village.name.upper(),
                record.facility_id,
                record.facility,
                record.post,
                f"{record.at:%d/%m/%Y}",
                f"{years} Tahun - {months} Bulan - {record.age_days} Hari",
                weight,
                _comma(record.height_cm),
                _class(FOR_WEIGHT, float(record.z_weight)),
                "#N/A" if defect == "unreadable_value" else _comma(record.z_weight),
                _class(FOR_HEIGHT, float(record.z_height)),
                _comma(record.z_height),
                "N" if record.gained else "T",
            )
            planted = [("name", body[3]), ("name", body[6]), ("address", body[7])]
            if nik:
                planted.append(("nik", nik))
            yield Told(record.record_id, record.at.date(), body, f"{record.at:%Y-%m}", defect, tuple(planted))

    async def login_page(self, request: Request) -> Response:
        return self.session.login_page()

    async def home(self, request: Request) -> Response:
        return self.session.refusal(request) or HTMLResponse("<h1>e-PPGBM</h1><a href='ekspor/balita.xlsx'>Ekspor</a>")

    async def export(self, request: Request) -> Response:
        refusal = self.session.refusal(request)
        if refusal is not None:
            return refusal
        month = request.query_params.get("bulan", "")
        if not is_stamp(month, "%Y-%m"):
            return HTMLResponse("<h1>422</h1><p>bulan harus yyyy-mm</p>", 422)
        changed = fault_of(request) == "changed_type"
        rows = tuple(
            (*row.body[:13], "awal bulan", *row.body[14:]) if changed else row.body
            for row in self.rows(request)
            if month in ("", row.order)
        )
        return file_answer(request, _book(rows), XLSX, self.city.today)


@lru_cache(maxsize=4)
def _book(rows: tuple[tuple[str, ...], ...]) -> bytes:
    """The export: a title over the whole width, an empty row, the header, the data."""
    return workbook("balita", [(TITLE,), (), HEAD, *rows], [f"A1:{column(len(HEAD) - 1)}1"])


def _comma(value: object) -> str:
    return str(value).replace(".", ",")


def _class(bounds: tuple[tuple[int, str], ...], score: float) -> str:
    return next(word for bound, word in bounds if score < bound)


SERVICES = (RsudAntrean, EPpgbm)
