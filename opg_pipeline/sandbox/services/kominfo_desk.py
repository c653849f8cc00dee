"""The information desk (e-PPID, behind a login page) and the incident response team (TTIS, signed requests)."""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import hmac_hex, same
from opg_pipeline.sandbox.city import City
from opg_pipeline.sandbox.doors import Session
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, flaws, identity, loops, page_of, whole
from opg_pipeline.sandbox.services.planning_answers import Stage, is_stamp, stages, stamp
from opg_pipeline.sandbox.truth.kominfo_desk import CyberIncident, InformationRequest

STATES = {
    "submitted": "Baru",
    "verified": "Diproses",
    "granted": "Dikabulkan",
    "partly_granted": "Dikabulkan Sebagian",
    "rejected": "Ditolak",
    "withdrawn": "Dicabut",
}
APPLICANTS = {"person": "Perorangan", "business": "Badan Hukum", "village": "Pemerintah Desa"}
KINDS = {
    "defacement": "WD",
    "online_gambling": "JUDOL",
    "phishing": "PH",
    "malware": "MW",
    "data_leak": "DB",
    "denial_of_service": "DDOS",
    "ransomware": "RW",
}
SEVERITIES = {"minor": "rendah", "moderate": "sedang", "severe": "tinggi", "extreme": "kritis", "unknown": "-"}
CERTAINTIES = {"observed": "terkonfirmasi", "likely": "dugaan kuat", "possible": "dugaan"}
WORK = {"open": "baru", "handled": "penanganan", "closed": "tuntas"}
SKEW_SECONDS, CURSOR_SECONDS = 300, 900


class PpidBojonegoro(Service):
    """Requests for public information."""

    app_id = "ppid_bojonegoro"
    secrets = ("PPID_BOJONEGORO_USER", "PPID_BOJONEGORO_PASSWORD")
    drift = ("tgl_permohonan",)

    def __init__(self, city: City) -> None:
        super().__init__(city)
        user, password = (city.access.get(name, "") for name in self.secrets)
        self.session = Session(city.doors, self.app_id, user, password, f"/{self.app_id}/dashboard")

    def routes(self) -> list[Route]:
        return [
            Route("/login", self.page, methods=["GET"]),
            Route("/login", self.session.login, methods=["POST"]),
            Route("/dashboard", self.dashboard),
            Route("/api/permohonan", self.requests),
        ]

    async def page(self, request: Request) -> Response:
        return self.session.login_page()

    async def dashboard(self, request: Request) -> Response:
        return self.session.refusal(request) or HTMLResponse("<!DOCTYPE html><h1>Beranda e-PPID</h1>")

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, InformationRequest)
        wrong = flaws(rng, len(records), {"unmapped_status": 3, "malformed_nik": 3, "missing_submitted": 2})
        for number, record in enumerate(records):
            defect, person = wrong.get(number), record.applicant
            place = ledger.places.village_by_code[record.village or ""]
            nik = person.nik[:-1] if defect == "malformed_nik" else person.nik
            base = {
                "no_pendaftaran": record.record_id,
                "tgl_permohonan": None if defect == "missing_submitted" else stamp(record.at),
                "kategori_pemohon": APPLICANTS[record.applicant_type],
                "pemohon": {
                    "nama": person.name,
                    "nik": nik,
                    "surel": person.email,
                    "telp": person.phone,
                    "alamat": f"{person.household.address}, {place.name}, {place.district.name}",
                },
                "rincian": record.topic,
                "tujuan": record.purpose,
                "perangkat_daerah": record.agency,
                "batas_jawab": record.due_on.isoformat(),
            }
            steps = []
            for status, moment in (("submitted", record.at), (None, record.changed_at)):
                last = status is None or record.status == "submitted"
                state = record.status if last else "submitted"
                decided = record.decided_at if last else None
                body = {
                    **base,
                    "status": "Keberatan?" if defect == "unmapped_status" else STATES[state],
                    "tgl_jawaban": stamp(decided),
                    "jawaban": _answer_text(record, state),
                    "updated_at": stamp(moment),
                }
                truth = {} if last else {"status": state, "decided_at": None, "changed_at": moment.isoformat()}
                steps.append(Stage(moment.date(), body, stamp(moment), truth))
            planted = (("nik", nik), *identity(person, "name", "phone", "email", "address"))
            yield from stages(record.record_id, steps, defect, planted)

    async def requests(self, request: Request) -> Response:
        if (refused := self.session.refusal(request)) is not None:
            return refused
        query = request.query_params
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("per_page"), 15, 1, 500)
        since = query.get("diubah_sejak", "")
        if page is None or size is None or not is_stamp(since):
            return JSONResponse({"message": "The given data was invalid."}, 422)
        rows = [row for row in self.rows(request) if row.order >= since]
        pages = page + 1 if loops(request) else max(1, -(-len(rows) // size))
        return JSONResponse(
            {
                "current_page": page,
                "data": page_of(rows, (page - 1) * size, size, loops(request)),
                "last_page": pages,
                "per_page": size,
                "total": len(rows),
            }
        )


def _answer_text(record: InformationRequest, status: str) -> str:
    """What the desk answered, as its editor stores it: HTML with entities."""
    if status in ("submitted", "verified"):
        return ""
    words = {
        "granted": "<p>Yth. Pemohon,</p><p>Informasi <strong>{}</strong> dapat diunduh&nbsp;di laman PPID.</p>",
        "partly_granted": "<p>Informasi <em>{}</em> diberikan sebagian;<br>sisanya dikecualikan (Pasal&nbsp;17).</p>",
        "rejected": "<p>Informasi {} <u>tidak dikuasai</u> &amp; diteruskan.</p>",
        "withdrawn": "<p>Permohonan {} dicabut pemohon.</p>",
    }
    return words[status].format(escape(record.topic))


class TtisCsirt(Service):
    """Incidents handled by the response team."""

    app_id = "ttis_csirt"
    secrets = ("TTIS_CSIRT_ID", "TTIS_CSIRT_SECRET")
    drift = ("terdampak",)

    def routes(self) -> list[Route]:
        return [Route("/api/v2/insiden", self.incidents)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, CyberIncident)
        wrong = flaws(rng, len(records), {"unmapped_kind": 4, "impossible_date": 3, "ended_before_onset": 3})
        for number, record in enumerate(records):
            defect = wrong.get(number) if record.ended_at or wrong.get(number) != "ended_before_onset" else None
            moments = [("open", record.at)]
            if record.handled_at is not None:
                moments.append(("handled", record.handled_at))
            if record.ended_at is not None:
                moments.append(("closed", record.ended_at))
            steps = [_incident(record, status, moment, defect) for status, moment in moments]
            yield from stages(record.record_id, steps, defect, identity(record.reporter, "name", "email", "phone"))

    async def incidents(self, request: Request) -> Response:
        if (refused := self._refusal(request)) is not None:
            return refused
        query = request.query_params
        limit, since = whole(query.get("limit"), 50, 1, 500), query.get("updated_after", "")
        if limit is None or not is_stamp(since):
            return _problem(422, "invalid_parameter", "limit (1-500) atau updated_after tidak valid")
        start = 0
        if query.get("cursor"):
            place = _place(query["cursor"])
            if place is None:
                return _problem(400, "invalid_cursor", "cursor tidak dikenal")
            start, issued = place
            if time.time() - issued > CURSOR_SECONDS:
                return _problem(410, "cursor_expired", "cursor lebih dari 15 menit; mulai dari awal")
        rows = [row for row in self.rows(request) if row.order >= since]
        if loops(request):
            start %= max(1, len(rows))
        end = start + limit
        more = loops(request) or end < len(rows)
        cursor = urlsafe_b64encode(f"t2:{end}:{int(time.time())}".encode()).decode() if more else None
        return JSONResponse({"items": page_of(rows, start, limit, False), "next_cursor": cursor})

    def _refusal(self, request: Request) -> Response | None:
        access, headers = self.city.access, request.headers
        written = headers.get("x-csirt-timestamp", "")
        if not same(headers.get("x-csirt-id"), access["TTIS_CSIRT_ID"]) or not written.isdecimal():
            return _problem(401, "unauthorized", "X-CSIRT-Id atau X-CSIRT-Timestamp salah")
        if len(written) > 11 or abs(time.time() - int(written)) > SKEW_SECONDS:
            return _problem(401, "stale_timestamp", "X-CSIRT-Timestamp lebih dari 5 menit")
        raw, query = request.scope.get("raw_path") or request.url.path.encode(), request.scope["query_string"]
        path = raw.split(b"?")[0].decode("latin-1")
        message = "\n".join((request.method, path, query.decode("latin-1"), written))
        if not same(headers.get("x-csirt-signature"), hmac_hex(access["TTIS_CSIRT_SECRET"], message)):
            return _problem(401, "bad_signature", "tanda tangan tidak cocok")
        return None


def _problem(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": code, "message": message}, status)


def _place(cursor: str) -> tuple[int, int] | None:
    """Where a cursor goes on and when it was given (epoch seconds); None where it is none of ours."""
    try:
        mark, end, issued = urlsafe_b64decode(cursor.encode()).decode().split(":")
    except ValueError:
        return None
    return (int(end), int(issued)) if mark == "t2" and end.isdecimal() and issued.isdecimal() else None


def _incident(record: CyberIncident, status: str, moment: datetime, defect: str | None) -> Stage:
    """How the incident is told once it has come to that status."""
    ended = record.ended_at if status == "closed" else None
    onset = stamp(record.at)
    if defect == "impossible_date":
        onset = f"{record.at:%Y}-02-30 25:10:00"
    body: dict[str, Any] = {
        "tiket": record.record_id,
        "jenis": "XSS?" if defect == "unmapped_kind" else KINDS[record.kind],
        "tingkat": SEVERITIES[record.severity],
        "keyakinan": CERTAINTIES[record.certainty],
        "aset": record.asset,
        "opd": record.agency,
        "terdampak": record.people_affected,
        "pelapor": {"nama": record.reporter.name, "surel": record.reporter.email, "telp": record.reporter.phone},
        "status": WORK[status],
        "terjadi": onset,
        "ditangani": stamp(record.handled_at) if status != "open" else None,
        "tuntas": f"{record.at.year - 1}-01-01 00:00:00" if ended and defect == "ended_before_onset" else stamp(ended),
        "diubah": stamp(moment),
    }
    truth: dict[str, Any] = {}
    if moment != record.changed_at:
        handled = record.handled_at if status != "open" and record.handled_at else None
        truth = {
            "status": status,
            "handled_at": handled.isoformat() if handled else None,
            "ended_at": None,
            "changed_at": moment.isoformat(),
        }
    return Stage(moment.date(), body, stamp(moment), truth)


SERVICES = (PpidBojonegoro, TtisCsirt)
