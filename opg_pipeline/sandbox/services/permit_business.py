"""Permits for businesses and buildings: OSS-RBA (JSON by page) and SIMBG (JSON by offset).

What was applied for belongs in `truth`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from random import Random

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import bearer, same
from opg_pipeline.sandbox.doors import oauth_token
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, flaws, identity, loops, page_of, whole
from opg_pipeline.sandbox.services.permit_phases import phases
from opg_pipeline.sandbox.truth.permit import BuildingPermit, BusinessProject

MONTHS = (
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
)
RISKS = {"low": "Rendah", "medium_low": "Menengah Rendah", "medium_high": "Menengah Tinggi", "high": "Tinggi"}
PROJECT_STATES = {
    "submitted": "Menunggu Verifikasi",
    "verified": "Terverifikasi",
    "returned": "Perbaikan Persyaratan",
    "issued": "Izin Terbit",
    "rejected": "Izin Ditolak",
    "withdrawn": "Dibatalkan Pelaku Usaha",
}
BUILDING_STATES = {
    "submitted": "Verifikasi Kelengkapan",
    "verified": "Konsultasi TPA/TPT",
    "returned": "Perbaikan Dokumen",
    "issued": "PBG/SLF Terbit",
    "rejected": "Permohonan Ditolak",
    "withdrawn": "Dibatalkan",
}
KINDS = {"build": "PBG", "use": "SLF", "old_licence": "IMB"}
USES = {"house": "Hunian", "shop": "Usaha", "warehouse": "Gudang", "worship": "Keagamaan", "office": "Perkantoran"}
STAMP = "%Y-%m-%d %H:%M:%S"
NEW_NAMES = date(2026, 1, 1)


def grouped(rng: Random, amount: int) -> str:
    """Rupiah as somebody put them into a text column: 150.000.000, Rp 150.000.000 or 150.000.000,00."""
    text = f"{amount:,}".replace(",", ".")
    return rng.choice((text, f"Rp {text}", f"{text},00"))


def day_of(text: str | None) -> str | None:
    """A day of the query as it was written; empty where there is none, None where it is not understood."""
    try:
        return "" if not text else date.fromisoformat(text).isoformat()
    except ValueError:
        return None


class OssRba(Service):
    """Projects in the business licensing system. One NIB may have several."""

    app_id = "oss_rba"
    secrets = ("OSS_RBA_CLIENT_ID", "OSS_RBA_CLIENT_SECRET")
    drift = ("jumlah_investasi",)

    def routes(self) -> list[Route]:
        return [Route("/oauth/token", self.token, methods=["POST"]), Route("/v1/proyek", self.projects)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, BusinessProject)
        counts = {"unreadable_amount": 5, "unmapped_status": 5, "unknown_region": 4, "impossible_date": 4}
        wrong = flaws(rng, len(records), counts)
        for number, record in enumerate(records):
            defect, owner, at = wrong.get(number), record.owner, record.at
            place = ledger.places.village_by_code[record.village or ""]
            amount = "10 jt an" if defect == "unreadable_amount" else grouped(rng, int(record.investment))
            day = 31 if defect == "impossible_date" else at.day
            month = "Februari" if defect == "impossible_date" else MONTHS[at.month - 1]
            form = (
                "Perorangan"
                if record.sole
                else {"PT": "Perseroan Terbatas (PT)"}.get(record.firm[:2], "Persekutuan Komanditer (CV)")
            )
            planted = identity(owner, "phone", "email")
            if record.sole:
                planted = (*planted, *identity(owner, "name", "nik"))
            first = {"status": "submitted", "decided_at": None, "changed_at": at}
            for phase in phases(record, record.changed_at, first):
                state = phase.state
                body = {
                    "id_proyek": state.record_id,
                    "nib": state.business_id,
                    "nama_perusahaan": state.firm,
                    "uraian_jenis_perusahaan": form,
                    "nomor_identitas_user": owner.nik if record.sole else None,
                    "email": owner.email,
                    "nomor_telp": owner.phone,
                    "kbli": state.kbli,
                    "judul_kbli": state.trade,
                    "uraian_risiko_proyek": RISKS[state.risk],
                    "jumlah_investasi": amount,
                    "tki": state.workers,
                    "kecamatan_usaha": "Kab. Tuban" if defect == "unknown_region" else place.district.name,
                    "kelurahan_usaha": "" if defect == "unknown_region" else place.name,
                    "day_of_tanggal_pengajuan_proyek": f"{day} {month} {at.year}",
                    "status_perizinan": "Migrasi OSS 1.1"
                    if defect == "unmapped_status"
                    else PROJECT_STATES[state.status],
                    "tanggal_terbit": None if state.decided_at is None else f"{state.decided_at:%Y-%m-%d}",
                    "updated_at": f"{state.changed_at:{STAMP}}",
                }
                yield Told(
                    state.record_id,
                    phase.known_on,
                    body,
                    f"{state.changed_at:%Y-%m-%d}",
                    defect,
                    planted,
                    phase.gone_on,
                    phase.truth,
                )

    async def token(self, request: Request) -> Response:
        access = self.city.access
        client, secret = access["OSS_RBA_CLIENT_ID"], access["OSS_RBA_CLIENT_SECRET"]
        return await oauth_token(self.city.doors, self.app_id, request, client, secret)

    async def projects(self, request: Request) -> Response:
        if not self.city.doors.bearer(self.app_id, request):
            return JSONResponse(
                {"responcode": 401, "responpesan": "Token tidak valid atau kedaluwarsa"},
                401,
                {"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        query = request.query_params
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("per_page"), 20, 1, 500)
        since = day_of(query.get("diperbarui_sejak"))
        if page is None or size is None or since is None:
            return JSONResponse({"responcode": 400, "responpesan": "Parameter tidak valid"}, 400)
        rows = self.rows(request)
        if since:
            rows = [row for row in rows if row.order >= since]
        last = page + 1 if loops(request) else -(-len(rows) // size)
        return JSONResponse(
            {
                "responcode": 200,
                "responpesan": "Sukses",
                "totalData": len(rows),
                "page": page,
                "lastPage": last,
                "dataProyek": page_of(rows, (page - 1) * size, size, loops(request)),
            }
        )


class Simbg(Service):
    """Building permits. The permit's number has another name in each generation of the app."""

    app_id = "simbg"
    secrets = ("SIMBG_TOKEN",)
    drift = ("luas_bangunan",)

    def routes(self) -> list[Route]:
        return [Route("/api/permohonan", self.cases)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, BuildingPermit)
        counts = {"unreadable_area": 5, "unmapped_status": 5, "malformed_nik": 4, "missing_submitted": 3}
        wrong = flaws(rng, len(records), counts)
        for number, record in enumerate(records):
            defect, owner = wrong.get(number), record.owner
            place = ledger.places.village_by_code[record.village or ""]
            old = record.at.date() < NEW_NAMES
            alias = "no_imb" if record.kind == "old_licence" else "nomor_imb" if old else "nomor_pbg"
            area = f"{record.area_m2:.1f}".replace(".", ",") + rng.choice((" m2", " m2", " m²", "m2"))
            nik = f"{owner.nik}0" if defect == "malformed_nik" else owner.nik
            planted = (("nik", nik), *identity(owner, "name", "phone", "address"))
            first = {"status": "submitted", "decided_at": None, "permit_number": None, "changed_at": record.at}
            for phase in phases(record, record.changed_at, first):
                state = phase.state
                body = {
                    "nomor_registrasi": state.record_id,
                    "jenis_permohonan": KINDS[state.kind],
                    alias: state.permit_number,
                    "fungsi_bangunan": USES[state.use],
                    "luas_bangunan": "2 lantai" if defect == "unreadable_area" else area,
                    "retribusi": int(state.fee),
                    "nama_pemilik": owner.name,
                    "nik_pemilik": nik,
                    "no_hp": owner.phone,
                    "alamat_pemilik": owner.household.address,
                    "lokasi": {"kecamatan": place.district.name, "desa_kelurahan": place.name},
                    "status": "SIMBG 2.0" if defect == "unmapped_status" else BUILDING_STATES[state.status],
                    "tgl_permohonan": None if defect == "missing_submitted" else f"{state.at:%d-%m-%Y %H:%M}",
                    "tgl_terbit": None if state.decided_at is None else f"{state.decided_at:%d-%m-%Y %H:%M}",
                    "diubah": f"{state.changed_at:{STAMP}}",
                }
                yield Told(
                    state.record_id,
                    phase.known_on,
                    body,
                    f"{state.changed_at:%Y-%m-%d}",
                    defect,
                    planted,
                    phase.gone_on,
                    phase.truth,
                )

    async def cases(self, request: Request) -> Response:
        if not same(request.headers.get("authorization"), bearer(self.city.access["SIMBG_TOKEN"])):
            return JSONResponse({"error": "Unauthorized", "message": "Token tidak dikenal"}, 401)
        query = request.query_params
        offset, limit = whole(query.get("offset"), 0, 0, 10**9), whole(query.get("limit"), 25, 1, 500)
        since = day_of(query.get("diubah_sejak"))
        if offset is None or limit is None or since is None:
            return JSONResponse({"error": "Bad Request", "message": "offset, limit atau diubah_sejak salah"}, 400)
        rows = self.rows(request)
        if since:
            rows = [row for row in rows if row.order >= since]
        total = 10**9 if loops(request) else len(rows)
        return JSONResponse({"count": total, "results": page_of(rows, offset, limit, loops(request))})


SERVICES = (OssRba, Simbg)
