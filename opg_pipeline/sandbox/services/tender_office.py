"""Apps behind the offices' doors: reports of wrongdoing (signed JSON by page) and the procurement plan (one dump a year).

What was reported and planned belongs in `truth`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import hmac_hex, same
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, file_answer, flaws, loops, page_of, whole
from opg_pipeline.sandbox.services.health_answers import STAMP, in_time, is_stamp, part_of, story
from opg_pipeline.sandbox.truth.tender import Plan, Tip

TIP_KINDS = {
    "bribery": ("K01", "Suap/Pemerasan"),
    "gratification": ("K02", "Gratifikasi"),
    "procurement": ("K03", "Pengadaan Barang/Jasa"),
    "discipline": ("K04", "Pelanggaran Disiplin"),
    "levy": ("K05", "Pungutan Liar"),
}
TIP_STATES = {
    "open": "BARU",
    "in_progress": "PEMERIKSAAN",
    "closed": "SELESAI",
    "rejected": "TIDAK CUKUP BUKTI",
}
TIP_CHANNELS = {"web": "WEBSITE", "wa": "WHATSAPP", "walk_in": "LOKET"}
METHODS = {
    "open": (13, "Tender"),
    "selective": (7, "Seleksi"),
    "limited": (8, "Penunjukan Langsung"),
    "direct": (9, "E-Purchasing"),
}
PURCHASES = {
    "goods": (1, "Barang"),
    "works": (2, "Pekerjaan Konstruksi"),
    "consulting": (3, "Jasa Konsultansi"),
    "services": (4, "Jasa Lainnya"),
}
KLPD = "D162"


class Wbs(Service):
    """Reports of wrongdoing. Only the government's own network may ask, and every question is signed."""

    app_id = "wbs"
    secrets = ("WBS_KEY_ID", "WBS_KEY_SECRET")
    drift = ("tgl_lapor",)

    def routes(self) -> list[Route]:
        return [Route("/api/v1/pengaduan", self.tips)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Tip)
        wrong = flaws(rng, len(records), {"impossible_date": 1, "unmapped_status": 2})
        for number, record in enumerate(records):
            defect, contact = wrong.get(number), record.contact
            code, kind = TIP_KINDS[record.kind]
            start, changed = f"{record.at:{STAMP}}", f"{record.changed_at:{STAMP}}"
            body: dict[str, Any] = {
                "nomor": record.record_id,
                "kode_kategori": code,
                "kategori": kind,
                "uraian": record.text,
                "terlapor": record.accused.name,
                "opd_terlapor": record.unit,
                "saluran": TIP_CHANNELS[record.channel],
                "anonim": record.anonymous,
                "pelapor": None if contact is None else {"nama": contact.name, "no_hp": contact.phone, "surel": contact.email},
                "status": "DILIMPAHKAN" if defect == "unmapped_status" else TIP_STATES[record.status],
                "tgl_lapor": f"{record.at:%Y}-02-30 09:00:00" if defect == "impossible_date" else start,
                "tgl_ubah": changed,
                "tgl_selesai": changed if record.status in ("closed", "rejected") else None,
            }  # fmt: skip
            planted = [("name", record.accused.name), *record.mentions]
            if contact is not None:
                planted += [("name", contact.name), ("phone", contact.phone), ("email", contact.email)]
            earlier = {**body, "status": TIP_STATES["open"], "tgl_ubah": start, "tgl_selesai": None}
            told = Told(record.record_id, record.at.date(), body, changed, defect, tuple(planted))
            before = {"status": "open", "changed_at": record.at.isoformat()}
            yield from story(told, record.changed_at.date(), earlier, start, before)

    async def tips(self, request: Request) -> Response:
        host = request.client.host if request.client else ""
        if not _inside(host):
            return self._error(403, "E403", "Alamat IP tidak terdaftar")
        access, headers = self.city.access, request.headers
        stamp = headers.get("x-wbs-timestamp")
        message = "\n".join((request.method, request.url.path, request.url.query, stamp or ""))
        signed = same(headers.get("x-wbs-signature"), hmac_hex(access["WBS_KEY_SECRET"], message))
        if not (same(headers.get("x-wbs-key"), access["WBS_KEY_ID"]) and signed):
            return self._error(401, "E401", "Tanda tangan tidak sah")
        if not in_time(stamp):
            return self._error(401, "E408", "Waktu permintaan kedaluwarsa")
        query = request.query_params
        page, size = whole(query.get("halaman"), 1, 1, 10**6), whole(query.get("per_halaman"), 20, 1, 500)
        since = query.get("diubah_sejak", "")
        if page is None or size is None or not is_stamp(since):
            return self._error(422, "E422", "halaman, per_halaman atau diubah_sejak tidak valid")
        rows = [row for row in self.rows(request) if row.order >= since]
        pages = page + 1 if loops(request) else -(-len(rows) // size)
        data = page_of(rows, (page - 1) * size, size, loops(request))
        return JSONResponse(
            {"kode": "00", "pesan": "OK", "halaman": page, "jumlah_halaman": pages, "total": len(rows), "data": data}
        )

    def _error(self, status: int, code: str, message: str) -> Response:
        return JSONResponse({"kode": code, "pesan": message, "data": None}, status)


def _inside(host: str) -> bool:
    try:
        return ip_address(host).is_private
    except ValueError:
        return False


class Sirup(Service):
    """The procurement plan: a whole fiscal year at each call, as the national data service gives it."""

    app_id = "sirup"
    secrets = ("SIRUP_KEY",)
    drift = ("pagu",)
    paged = False

    def routes(self) -> list[Route]:
        dump = "/isb-2/api/{key}/json/736987732/RUP-PaketPenyedia-Terumumkan/tipe/4:12/parameter/{parameter}"
        return [Route(dump, self.dump)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Plan)
        wrong = flaws(rng, len(records), {"missing_budget": 4, "impossible_date": 3})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            method, kind = METHODS[record.method], PURCHASES[record.kind]
            start, changed = f"{record.at:{STAMP}}", f"{record.changed_at:{STAMP}}"
            body: dict[str, Any] = {
                "tahun_anggaran": record.year,
                "kd_klpd": KLPD,
                "nama_klpd": "Kab. Bojonegoro",
                "kd_satker": record.unit_code,
                "nama_satker": record.unit,
                "kd_rup": record.record_id,
                "nama_paket": record.title,
                "pagu": None if defect == "missing_budget" else int(record.budget),
                "kd_metode_pengadaan": method[0],
                "metode_pengadaan": method[1],
                "kd_jenis_pengadaan": str(kind[0]),
                "jenis_pengadaan": kind[1],
                "sumber_dana": "APBD",
                "tgl_awal_pemilihan": record.tender_from.isoformat(),
                "tgl_akhir_kontrak": record.contract_until.isoformat(),
                "tgl_pengumuman_paket": f"{record.year}-13-01 00:00:00" if defect == "impossible_date" else start,
                "tgl_ubah": changed,
                "status_umumkan_rup": "Terumumkan",
            }
            first = None if defect == "missing_budget" else int(record.first_budget)
            told = Told(record.record_id, record.at.date(), body, str(record.year), defect, gone_on=record.withdrawn_on)
            before = {"budget": str(record.first_budget), "changed_at": record.at.isoformat()}
            earlier = {**body, "pagu": first, "tgl_ubah": start}
            yield from story(told, record.changed_at.date(), earlier, told.order, before)

    async def dump(self, request: Request) -> Response:
        if not same(request.path_params["key"], self.city.access["SIRUP_KEY"]):
            return JSONResponse({"status": "error", "message": "Token API tidak dikenal"}, 401)
        year, _, klpd = request.path_params["parameter"].partition(":")
        if not (year.isdigit() and len(year) == 4) or klpd != KLPD:
            return JSONResponse({"status": "error", "message": "parameter harus tahun:kd_klpd"}, 400)
        rows, _ = part_of(self, request, year)
        body = json.dumps([row.body for row in rows], ensure_ascii=False).encode()
        return file_answer(request, body, "application/json", self.city.today)


SERVICES = (Wbs, Sirup)
