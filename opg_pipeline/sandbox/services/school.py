"""Apps of the education office: Dapodik (a web service for each school), admission (behind a login), grants (JSON by offset).

Who learns where belongs in `truth`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import bearer, same
from opg_pipeline.sandbox.city import City
from opg_pipeline.sandbox.doors import Session
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, flaws, identity, loops, page_of, whole
from opg_pipeline.sandbox.services.health_answers import STAMP, is_stamp, part_of, story, tagged, unchanged
from opg_pipeline.sandbox.truth.geography import geography
from opg_pipeline.sandbox.truth.school import Application, Grant, Pupil, schools

SCHOOLS = {school.npsn: school for school in schools(geography())}
TRACKS = {
    "residence": ("DOM", "Jalur Domisili"),
    "affirmative": ("AFI", "Jalur Afirmasi"),
    "merit": ("PRE", "Jalur Prestasi"),
    "transfer": ("MUT", "Jalur Mutasi"),
}
APPLICATION_STATES = {
    "submitted": "Diajukan",
    "verified": "Berkas Terverifikasi",
    "returned": "Perbaikan Berkas",
    "approved": "Diterima",
    "issued": "Sudah Daftar Ulang",
    "rejected": "Tidak Diterima",
    "withdrawn": "Mengundurkan Diri",
}
PROGRAMMES = {
    "ten_graduates": ("10SPD", "Beasiswa 10 Sarjana per Desa"),
    "scientist": ("SCI", "Beasiswa Scientist"),
    "thesis": ("TA", "Bantuan Tugas Akhir"),
    "prior_learning": ("RPL", "Beasiswa RPL Desa"),
}
GRANT_STATES = {
    "proposed": "USULAN",
    "verified": "LOLOS VERIFIKASI",
    "active": "PENERIMA",
    "suspended": "DITUNDA",
    "rejected": "TIDAK LOLOS",
    "exited": "LULUS/SELESAI",
}
DAY = "%d-%m-%Y"


class Dapodik(Service):
    """Pupils, school by school: each school's web service has a token of its own; the office's token opens all of them."""

    app_id = "dapodik"
    secrets = ("DAPODIK_TOKEN", *(f"DAPODIK_TOKEN_{npsn}" for npsn in SCHOOLS))
    drift = ("rombel",)

    def routes(self) -> list[Route]:
        return [Route("/WebService/getSekolah", self.schools), Route("/WebService/getPesertaDidik", self.pupils)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Pupil)
        wrong = flaws(rng, len(records), {"malformed_nik": 10, "impossible_date": 8, "missing_group": 12})
        for number, record in enumerate(records):
            defect, child = wrong.get(number), record.student
            nik = child.nik[:-1] if defect == "malformed_nik" else child.nik
            place = child.village

            def group(name: str, record: Pupil = record, lost: bool = defect == "missing_group") -> Any:
                grade = {"tingkat_pendidikan_id": str(record.grade), "kurikulum": "Kurikulum Merdeka"}
                return (
                    None
                    if lost
                    else {"rombongan_belajar_id": f"{record.npsn}-{name.replace(' ', '')}", "nama": name, **grade}
                )

            joined = f"{record.at:%Y}-07-00" if defect == "impossible_date" else f"{record.at:%Y-%m-%d}"
            body = {
                "peserta_didik_id": record.record_id,
                "nama": child.name.upper(),
                "jenis_kelamin": record.student.sex,
                "nisn": record.nisn,
                "nik": nik,
                "tanggal_lahir": child.born.isoformat(),
                "nama_ibu_kandung": record.mother,
                "alamat_jalan": child.household.address,
                "desa_kelurahan": place.name,
                "kecamatan": f"Kec. {place.district.name}",
                "nomor_telepon_seluler": child.phone,
                "npsn": record.npsn,
                "nama_sekolah": record.school,
                "tanggal_masuk_sekolah": joined,
                "jenis_pendaftaran_id_str": "Siswa baru" if record.at.month == 7 else "Pindahan",
                "status_keaktifan": "Aktif",
                "penerima_pip": "1" if record.assisted else "0",
                "rombel": group(record.group),
            }
            planted = (
                ("nik", nik),
                ("name", child.name.upper()),
                ("name", record.mother),
                ("account", record.nisn),
                *identity(child, "address", "phone"),
            )
            text = json.dumps(body, ensure_ascii=False)
            told = Told(record.record_id, record.at.date(), text, record.npsn, defect, planted, record.left_on)
            if record.moved_on is None:
                yield told
                continue
            earlier = json.dumps({**body, "rombel": group(record.first_group)}, ensure_ascii=False)
            yield from story(
                told, record.moved_on, earlier, record.npsn, {"group": record.first_group, "moved_on": None}
            )

    async def schools(self, request: Request) -> Response:
        if not same(request.headers.get("authorization"), bearer(self.city.access["DAPODIK_TOKEN"])):
            return self._refusal(401, "Token dinas tidak dikenal")
        rows = [
            {"npsn": school.npsn, "nama": school.name, "bentuk_pendidikan": "SMP", "kode_wilayah": school.district}
            for school in SCHOOLS.values()
        ]
        return JSONResponse({"results": len(rows), "id": "npsn", "start": 0, "limit": len(rows), "rows": rows})

    async def pupils(self, request: Request) -> Response:
        query = request.query_params
        npsn, given = query.get("npsn", ""), request.headers.get("authorization")
        access = self.city.access
        known = [same(given, bearer(value)) for name, value in access.items() if name.startswith("DAPODIK_TOKEN")]
        if not any(known):
            return self._refusal(401, "Token tidak dikenal")
        if npsn not in SCHOOLS:
            return self._refusal(404, "NPSN tidak ditemukan")
        own = same(given, bearer(access[f"DAPODIK_TOKEN_{npsn}"]))
        if not (own or same(given, bearer(access["DAPODIK_TOKEN"]))):
            return self._refusal(403, "Token bukan milik sekolah ini")
        start, limit = whole(query.get("start"), 0, 0, 10**9), whole(query.get("limit"), 20, 1, 1000)
        if start is None or limit is None:
            return self._refusal(400, "start atau limit tidak valid")
        rows, tag = part_of(self, request, npsn)
        fresh = unchanged(request, tag)
        if fresh is not None:
            return fresh
        total = 10**9 if loops(request) else len(rows)
        head = f'{{"results": {total}, "id": "peserta_didik_id", "start": {start}, "limit": {limit}, "rows": ['
        page = ", ".join(page_of(rows, start, limit, loops(request)))
        return Response(f"{head}{page}]}}", headers=tagged(tag), media_type="application/json")

    def _refusal(self, status: int, message: str) -> Response:
        return JSONResponse({"success": False, "message": message}, status)


class Spmb(Service):
    """Applications for a place at school, behind a login with CSRF token."""

    app_id = "spmb"
    secrets = ("SPMB_USER", "SPMB_PASSWORD")
    drift = ("tgl_daftar",)

    def __init__(self, city: City) -> None:
        super().__init__(city)
        user, password = (city.access[name] for name in self.secrets)
        self.session = Session(city.doors, self.app_id, user, password, f"/{self.app_id}/dasbor", uses=100)

    def routes(self) -> list[Route]:
        return [
            Route("/login", self.login_page),
            Route("/login", self.session.login, methods=["POST"]),
            Route("/dasbor", self.home),
            Route("/pendaftar", self.applications),
        ]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Application)
        wrong = flaws(rng, len(records), {"unmapped_status": 5, "impossible_date": 3, "malformed_nik": 4})
        for number, record in enumerate(records):
            defect, child, parent = wrong.get(number), record.child, record.parent
            code, track = TRACKS[record.track]
            nik = f"{child.nik}0" if defect == "malformed_nik" else child.nik
            start, changed = f"{record.at:{STAMP}}", f"{record.changed_at:{STAMP}}"
            far = Decimal(record.distance_m)
            body: dict[str, Any] = {
                "no_pendaftaran": record.record_id,
                "kode_jalur": code,
                "jalur": track,
                "nama": child.name,
                "nik": nik,
                "nisn": record.nisn,
                "jk": child.sex,
                "tgl_lahir": child.born.isoformat(),
                "nama_wali": parent.name,
                "no_hp_wali": parent.phone,
                "alamat": child.household.address,
                "kecamatan": child.village.district.name,
                "desa": child.village.name,
                "npsn_tujuan": record.npsn,
                "sekolah_tujuan": record.school,
                "jarak": f"{far / 1000:f} km".replace(".", ",") if rng.random() < 0.5 else f"{record.distance_m} m",
                "status": "CADANGAN 3" if defect == "unmapped_status" else APPLICATION_STATES[record.status],
                "tgl_daftar": f"{record.at:%Y}-06-31 08:00:00" if defect == "impossible_date" else start,
                "tgl_keputusan": None if record.decided_at is None else f"{record.decided_at:{STAMP}}",
                "updated_at": changed,
            }
            planted = (
                ("nik", nik),
                ("account", record.nisn),
                *identity(child, "name", "address"),
                *identity(parent, "name", "phone"),
            )
            told = Told(record.record_id, record.at.date(), body, changed, defect, planted, gone_on=record.deleted_on)
            earlier = {**body, "status": APPLICATION_STATES["submitted"], "tgl_keputusan": None, "updated_at": start}
            before = {"status": "submitted", "decided_at": None, "changed_at": record.at.isoformat()}
            yield from story(told, record.changed_at.date(), earlier, start, before)

    async def login_page(self, request: Request) -> Response:
        return self.session.login_page()

    async def home(self, request: Request) -> Response:
        return self.session.refusal(request) or HTMLResponse("<h1>SPMB Bojonegoro</h1>")

    async def applications(self, request: Request) -> Response:
        refusal = self.session.refusal(request)
        if refusal is not None:
            return refusal
        query = request.query_params
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("per_page"), 15, 1, 500)
        since = query.get("updated_since", "")
        if page is None or size is None or not is_stamp(since):
            return JSONResponse({"message": "The given data was invalid."}, 422)
        rows = [row for row in self.rows(request) if row.order >= since]
        last = page + 1 if loops(request) else max(1, -(-len(rows) // size))
        following = str(request.url.include_query_params(page=page + 1)) if page < last else None
        return JSONResponse(
            {
                "current_page": page,
                "data": page_of(rows, (page - 1) * size, size, loops(request)),
                "last_page": last,
                "next_page_url": following,
                "per_page": size,
                "total": len(rows),
            }
        )


class Beasiswa(Service):
    """Grants of the regency for students."""

    app_id = "beasiswa"
    secrets = ("BEASISWA_KEY",)
    drift = ("nominal",)

    def routes(self) -> list[Route]:
        return [Route("/api/penerima", self.grants)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Grant)
        wrong = flaws(rng, len(records), {"unreadable_amount": 4, "unmapped_status": 4, "malformed_nik": 3})
        for number, record in enumerate(records):
            defect, student = wrong.get(number), record.student
            code, programme = PROGRAMMES[record.programme]
            nik = student.nik[:-1] if defect == "malformed_nik" else student.nik
            amount = f"Rp {int(record.amount):,}".replace(",", ".")
            body: dict[str, Any] = {
                "id_pengajuan": record.record_id,
                "kode_program": code,
                "program": programme,
                "mahasiswa": {"nik": nik, "nama": student.name, "hp": student.phone, "surel": student.email},
                "jk": student.sex,
                "tgl_lahir": f"{student.born:{DAY}}",
                "alamat": {"kecamatan": student.village.district.name, "desa": student.village.name},
                "kode_pt": record.campus_id,
                "perguruan_tinggi": record.campus,
                "bank": "Bank Jatim",
                "no_rekening": student.account,
                "nominal": "menyesuaikan SK" if defect == "unreadable_amount" else amount,
                "desil": record.welfare_decile,
                "status": "CEK DTKS" if defect == "unmapped_status" else GRANT_STATES[record.status],
                "tgl_mulai": f"{record.at:{DAY}}",
                "tgl_berakhir": f"{record.until:{DAY}}",
                "tgl_ubah": f"{record.changed_at:{DAY}}",
            }
            planted = (("nik", nik), *identity(student, "name", "phone", "email", "account"))
            changed = record.changed_at.date()
            told = Told(record.record_id, record.at.date(), body, changed, defect, planted)
            proposed = body["status"] if defect == "unmapped_status" else GRANT_STATES["proposed"]
            earlier = {**body, "status": proposed, "tgl_ubah": f"{record.at:{DAY}}"}
            before = {"status": "proposed", "changed_at": record.at.isoformat()}
            yield from story(told, changed, earlier, record.at.date(), before)

    async def grants(self, request: Request) -> Response:
        if not same(request.headers.get("x-beasiswa-key"), self.city.access["BEASISWA_KEY"]):
            return JSONResponse({"galat": "KUNCI_SALAH", "pesan": "Kunci API salah"}, 401)
        query = request.query_params
        offset, limit = whole(query.get("offset"), 0, 0, 10**9), whole(query.get("limit"), 50, 1, 500)
        try:
            since = datetime.strptime(query.get("diubah_sejak") or "01-01-1900", DAY).date()
        except ValueError:
            since = None
        if offset is None or limit is None or since is None:
            return JSONResponse({"galat": "PARAMETER", "pesan": "offset, limit atau diubah_sejak tidak valid"}, 400)
        rows = [row for row in self.rows(request) if row.order >= since]
        total = 10**9 if loops(request) else len(rows)
        items = page_of(rows, offset, limit, loops(request))
        return JSONResponse({"jumlah": total, "offset": offset, "limit": limit, "penerima": items})


SERVICES = (Dapodik, Spmb, Beasiswa)
