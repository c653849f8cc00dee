"""Apps about employees: SIMPEG (JSON by page), E-Kinerja (JSON by page, OAuth2) and the courses (XLSX).

Who works where belongs in `truth`; days at work are in `staff_clock`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import bearer, same
from opg_pipeline.sandbox.doors import oauth_token
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
from opg_pipeline.sandbox.services.money_common import XLSX, Sheet, day_in, flaws_among, kept, workbook
from opg_pipeline.sandbox.truth.staff_city import Appraisal, Employee, Training

EMPLOYMENTS = {"civil_servant": "PNS", "contract": "PPPK", "part_time": "PPPK Paruh Waktu", "honorary": "Non ASN"}
NATIONAL = {"civil_servant": "PNS", "contract": "PPPK", "part_time": "PPPK-PW", "honorary": "NON ASN"}
RATINGS: dict[str, tuple[str | int, ...]] = {
    "very_good": ("Sangat Baik", "SANGAT BAIK", 1),
    "good": ("Baik", "BAIK", 2),
    "needs_improvement": ("Butuh Perbaikan", "BUTUH PERBAIKAN", 3),
    "poor": ("Kurang", "KURANG", 4),
    "very_poor": ("Sangat Kurang", "SANGAT KURANG", 5),
}
HEAD = (
    "No Sertifikat",
    "NIP",
    "Nama Peserta",
    "Kode Unit",
    "Unit Kerja",
    "Status",
    "Nama Diklat",
    "Penyelenggara",
    "Tgl Mulai",
    "Durasi",
)


class Simpeg(Service):
    """The register of employees."""

    app_id = "simpeg"
    secrets = ("SIMPEG_TOKEN",)
    drift = ("jabatan",)

    def routes(self) -> list[Route]:
        return [Route("/api/v1/pegawai", self.employees)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Employee)
        lasting = [n for n, record in enumerate(records) if record.left_on is None and record.post_before is None]
        wrong = flaws_among(rng, lasting, {"malformed_grade": 4, "unmapped_employment": 3, "missing_unit": 3})
        for number, record in enumerate(records):
            defect, person = wrong.get(number), record.person
            slash = rng.choice(("/", "/", "."))
            grade = "4 A" if defect == "malformed_grade" else _grade(record.grade, slash)
            unit = None if defect == "missing_unit" else {"kode": record.unit_code, "nama": record.unit}
            body = {
                "nipBaru": int(record.record_id),
                "nama": person.name,
                "nik": person.nik,
                "jenisKelamin": {"L": "M", "P": "F"}[person.sex],
                "tglLahir": f"{person.born:%d-%m-%Y}",
                "noHp": person.phone,
                "email": person.email,
                "alamat": person.household.address,
                "kedudukan": "THL" if defect == "unmapped_employment" else EMPLOYMENTS[record.employment],
                "golongan": grade,
                "jabatan": record.post,
                "unitKerja": unit,
                "tmtJabatan": f"{record.since:%d-%m-%Y}",
                "updatedAt": f"{record.changed_on:%Y-%m-%d}",
            }
            planted = (("account", record.record_id), *identity(person, "name", "nik", "phone", "email", "address"))
            first = record.at.date()
            told = Told(record.record_id, first, body, record.changed_on, defect, planted, record.left_on)
            if record.post_before is None:
                yield told
                continue
            before = {
                **body,
                "golongan": _grade(record.grade_before, slash),
                "jabatan": record.post_before,
                "updatedAt": f"{first:%Y-%m-%d}",
            }
            truth = {"grade": record.grade_before, "post": record.post_before, "changed_on": first.isoformat()}
            yield replace(told, body=before, order=first, gone_on=record.changed_on, truth=truth)
            yield replace(told, known_on=record.changed_on)

    async def employees(self, request: Request) -> Response:
        if not same(request.headers.get("authorization"), bearer(self.city.access["SIMPEG_TOKEN"])):
            return JSONResponse({"status": "error", "message": "Unauthorized", "data": None}, 401)
        query = request.query_params
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("per_page"), 25, 1, 500)
        since = day_in(query.get("updated_since"))
        if page is None or size is None or since is None:
            return JSONResponse({"status": "error", "message": "Invalid parameter", "data": None}, 422)
        rows = [row for row in self.rows(request) if row.order >= since]
        pages = 10**6 if loops(request) else max(1, -(-len(rows) // size))
        data = {
            "items": page_of(rows, (page - 1) * size, size, loops(request)),
            "pagination": {"page": page, "per_page": size, "total": len(rows), "total_pages": pages},
        }
        return JSONResponse({"status": "success", "message": "OK", "data": data})


def _grade(grade: str | None, slash: str) -> str | None:
    return None if grade is None else grade.replace("/", slash)


class EKinerjaBkn(Service):
    """Quarterly ratings of the national civil service agency's app."""

    app_id = "e_kinerja_bkn"
    secrets = ("E_KINERJA_BKN_CLIENT_ID", "E_KINERJA_BKN_CLIENT_SECRET")
    drift = ("triwulan",)

    def routes(self) -> list[Route]:
        return [Route("/oauth/token", self.token, methods=["POST"]), Route("/api/penilaian", self.ratings)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Appraisal)
        lasting = [n for n, record in enumerate(records) if record.rating_before is None]
        wrong = flaws_among(rng, lasting, {"unmapped_rating": 5, "missing_unit": 3})
        for number, record in enumerate(records):
            defect, person, first = wrong.get(number), record.person, record.at.date()
            body = {
                "idPenilaian": record.record_id,
                "nip": record.employee,
                "nama": person.name,
                "jenisPegawai": NATIONAL[record.employment],
                "unor": None if defect == "missing_unit" else {"id": record.unit_code, "nama": record.unit},
                "tahun": record.year,
                "triwulan": record.quarter,
                "nilai": "belum" if defect == "unmapped_rating" else rng.choice(RATINGS[record.rating]),
                "revisiKe": record.revisions,
                "tglPenilaian": f"{first:%Y-%m-%d}",
                "tglUbah": f"{record.changed_on:%Y-%m-%d}",
            }
            planted = (("account", record.employee), *identity(person, "name"))
            told = Told(record.record_id, first, body, record.changed_on, defect, planted)
            if record.rating_before is None:
                yield told
                continue
            nilai = rng.choice(RATINGS[record.rating_before])
            before = {**body, "nilai": nilai, "revisiKe": 0, "tglUbah": f"{first:%Y-%m-%d}"}
            truth = {"rating": record.rating_before, "revisions": 0, "changed_on": first.isoformat()}
            yield replace(told, body=before, order=first, gone_on=record.changed_on, truth=truth)
            yield replace(told, known_on=record.changed_on)

    async def token(self, request: Request) -> Response:
        access = self.city.access
        client, secret = access["E_KINERJA_BKN_CLIENT_ID"], access["E_KINERJA_BKN_CLIENT_SECRET"]
        return await oauth_token(self.city.doors, self.app_id, request, client, secret)

    async def ratings(self, request: Request) -> Response:
        if not self.city.doors.bearer(self.app_id, request):
            return JSONResponse({"error": "invalid_token"}, 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'})
        query = request.query_params
        page, size = whole(query.get("page"), 0, 0, 10**6), whole(query.get("size"), 20, 1, 500)
        since = day_in(query.get("ubahSejak"))
        if page is None or size is None or since is None:
            return JSONResponse({"status": 400, "error": "Bad Request", "path": "/api/penilaian"}, 400)
        rows = [row for row in self.rows(request) if row.order >= since]
        content = page_of(rows, page * size, size, loops(request))
        pages = 10**6 if loops(request) else -(-len(rows) // size)
        return JSONResponse(
            {
                "content": content,
                "number": page,
                "size": size,
                "numberOfElements": len(content),
                "totalElements": len(rows),
                "totalPages": pages,
                "first": page == 0,
                "last": page + 1 >= pages,
            }
        )


class Siladiklat(Service):
    """Courses that employees finished, one workbook in a shared folder."""

    app_id = "siladiklat"
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/share/Rekap_Diklat.xlsx", self.recap)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Training)
        wrong = flaws(rng, len(records), {"unreadable_duration": 5, "impossible_date": 4})
        for number, record in enumerate(records):
            defect, person = wrong.get(number), record.person
            length = f"{record.hours // 8} hari" if record.counted_in == "days" else f"{record.hours} JP"
            body = (
                record.record_id,
                record.employee,
                person.name,
                record.unit_code,
                record.unit,
                NATIONAL[record.employment],
                record.course,
                record.provider,
                "30 Februari" if defect == "impossible_date" else _cell(record.starts_on),
                "seminggu" if defect == "unreadable_duration" else length,
            )
            planted = (("account", record.employee), *identity(person, "name"))
            yield Told(record.record_id, record.at.date(), body, None, defect, planted)

    async def recap(self, request: Request) -> Response:
        def book() -> bytes:
            rows = [row.body for row in self.rows(request)]
            if fault_of(request) == "changed_type":
                rows = [(*row[:8], "hari Senin yang lalu", row[9]) for row in rows]
            return workbook([Sheet("Rekap", (("REKAPITULASI DIKLAT ASN",), HEAD, *rows), ("A1:J1",))])

        return file_answer(request, kept(self, request, "book", book), XLSX, self.city.today)


def _cell(day: date) -> datetime:
    """A date as a workbook keeps it: a cell of type date."""
    return datetime(day.year, day.month, day.day)


SERVICES = (Simpeg, EKinerjaBkn, Siladiklat)
