"""Regulations (JDIH, one JSON array) and letters (SRIKANDI, JSON by page behind OAuth2).

What was written belongs in `truth`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from random import Random
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.doors import oauth_token
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, file_answer, flaws, loops, page_of, whole
from opg_pipeline.sandbox.services.planning_answers import Stage, stages
from opg_pipeline.sandbox.truth.papers_archive import Letter, Regulation

KINDS = {
    "perda": ("Peraturan Daerah", "PERDA"),
    "perbup": ("Peraturan Bupati", "PERBUP"),
    "kepbup": ("Keputusan Bupati", "KEPBUP"),
    "instruksi": ("Instruksi Bupati", "INBUP"),
    "se": ("Surat Edaran", "SE"),
}
STATES = {"berlaku": "Berlaku", "diubah": "Diubah", "dicabut": "Dicabut"}
FLOW = {"draft": "KONSEP", "sent": "TERKIRIM", "received": "DITERIMA", "archived": "DIARSIPKAN"}
SECRECY = {"ordinary": "Biasa", "limited": "Terbatas", "secret": "Rahasia"}
HOME = "https://jdih.example"


class Jdih(Service):
    """Regulations in the exchange format of the national network."""

    app_id = "jdih"
    drift = ("tahun_pengundangan",)
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/integrasi", self.array), Route("/dokumen/{name}", self.dead)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Regulation)
        wrong = flaws(rng, len(records), {"impossible_date": 3, "unmapped_status": 3, "missing_title": 2})
        for number, record in enumerate(records):
            defect, day = wrong.get(number), record.at.date()
            steps = [Stage(day, _regulation(record, "berlaku", None, defect))]
            if record.ended_on is not None:
                steps[0] = steps[0]._replace(truth={"status": "berlaku", "ended_by": None, "ended_on": None})
                steps.append(Stage(record.ended_on, _regulation(record, record.status, record.ended_by, defect)))
            yield from stages(record.record_id, steps, defect)

    async def array(self, request: Request) -> Response:
        body = json.dumps([row.body for row in self.rows(request)], ensure_ascii=False).encode()
        return file_answer(request, body, "application/json", self.city.today)

    async def dead(self, request: Request) -> Response:
        return HTMLResponse("<h1>404 Not Found</h1><p>Berkas tidak ditemukan.</p>", 404)


def _regulation(record: Regulation, status: str, ended_by: str | None, defect: str | None) -> dict[str, Any]:
    """The members in the order of the exchange format; `-` where there is nothing."""
    rng = Random(record.record_id)
    name, short = KINDS[record.kind]
    physical = "deskripsifisik" if rng.random() < 0.12 else "deskripsiFisik"
    title = f"{name} Nomor {record.number} Tahun {record.year} tentang {record.title}"
    slug = f"{short.lower()}-{record.number}-{record.year}"
    return {
        "idData": record.record_id,
        "tahun_pengundangan": str(record.year),
        "tanggal_pengundangan": "0000-00-00" if defect == "impossible_date" else record.at.date().isoformat(),
        "jenis": name,
        "noPeraturan": str(record.number) if rng.random() > 0.03 else "-",
        "judul": "-" if defect == "missing_title" else title,
        "noPanggil": "-",
        "singkatanJenis": short,
        "tempatTerbit": "Bojonegoro",
        "penerbit": "Bagian Hukum Setda Kabupaten Bojonegoro",
        physical: f"{record.pages} hlm" if rng.random() > 0.2 else "-",
        "sumber": f"BD {record.year}/{record.number}"
        if record.kind != "perda"
        else f"LD {record.year}/{record.number}",
        "subjek": record.subject,
        "isbn": "-",
        "status": "Tdk diketahui" if defect == "unmapped_status" else STATES[status],
        "bahasa": "Indonesia",
        "bidangHukum": record.legal_field if rng.random() > 0.1 else "-",
        "teuBadan": "Bojonegoro (Kabupaten)",
        "nomorIndukBuku": "-",
        "fileDownload": f"{slug}.pdf",
        "urlDownload": f"{HOME}/dokumen/{slug}.pdf" if rng.random() > 0.05 else "-",
        "abstrak": "-",
        "urlAbstrak": "-",
        "urlDetailPeraturan": f"{HOME}/produk/{record.record_id}",
        "operasi": "-"
        if not record.ends
        else f"{'Mengubah' if record.ends[0][0] == 'diubah' else 'Mencabut'} {record.ends[0][1]}",
        "diubahDicabutOleh": ended_by or "-",
        "display": "1",
    }


class Srikandi(Service):
    """Letters of the offices."""

    app_id = "srikandi"
    secrets = ("SRIKANDI_CLIENT_ID", "SRIKANDI_CLIENT_SECRET")
    drift = ("tanggal_naskah",)

    def routes(self) -> list[Route]:
        return [Route("/oauth/token", self.token, methods=["POST"]), Route("/api/v1/naskah", self.letters)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Letter)
        wrong = flaws(rng, len(records), {"unmapped_status": 8, "missing_subject": 5, "impossible_date": 4})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            steps = []
            for status, moment in (("draft", record.at), (record.status, record.changed_at)):
                last = moment == record.changed_at or record.status == "draft"
                body = {
                    "uuid": record.record_id,
                    "jenis_naskah": record.kind,
                    "arah": "KELUAR" if record.direction == "out" else "MASUK",
                    "nomor_naskah": record.number if last else None,
                    "perihal": "" if defect == "missing_subject" else record.subject,
                    "sifat": SECRECY[record.secrecy],
                    "unit_pengirim": record.sender,
                    "unit_tujuan": record.receiver,
                    "status_naskah": "TTE GAGAL" if defect == "unmapped_status" else FLOW[status],
                    "tanggal_naskah": f"{record.at:%Y-%m}-00"
                    if defect == "impossible_date"
                    else f"{record.at:%Y-%m-%d}",
                    "dibuat_pada": record.at.isoformat(),
                    "diperbarui_pada": moment.isoformat(),
                }
                if record.classification is not None:
                    body["kode_klasifikasi"] = record.classification
                truth = {} if last else {"status": status, "number": None, "changed_at": moment.isoformat()}
                steps.append(Stage(moment.date(), body, moment, truth))
            planted = () if defect == "missing_subject" else record.mentions
            yield from stages(record.record_id, steps, defect, planted)

    async def token(self, request: Request) -> Response:
        access = self.city.access
        return await oauth_token(
            self.city.doors, self.app_id, request, access["SRIKANDI_CLIENT_ID"], access["SRIKANDI_CLIENT_SECRET"]
        )

    async def letters(self, request: Request) -> Response:
        if not self.city.doors.bearer(self.app_id, request):
            return JSONResponse({"status": "error", "message": "Unauthenticated."}, 401, {"WWW-Authenticate": "Bearer"})
        query = request.query_params
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("limit"), 20, 1, 500)
        try:
            since = datetime.fromisoformat(query.get("updated_from") or "1970-01-01T00:00:00+07:00")
        except ValueError:
            since = datetime.min
        if page is None or size is None or since.tzinfo is None:
            return JSONResponse({"status": "error", "message": "Parameter page, limit atau updated_from salah"}, 422)
        rows = [row for row in self.rows(request) if row.order >= since]
        pages = page + 1 if loops(request) else max(1, -(-len(rows) // size))
        return JSONResponse(
            {
                "status": "success",
                "data": page_of(rows, (page - 1) * size, size, loops(request)),
                "meta": {"current_page": page, "last_page": pages, "per_page": size, "total": len(rows)},
            }
        )


SERVICES = (Jdih, Srikandi)
