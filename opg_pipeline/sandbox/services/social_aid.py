"""Aid of the city: SI BANTU (GraphQL) and the requests for the shelter (a published sheet).

Who is helped belongs in `truth`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import bearer, same
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
)
from opg_pipeline.sandbox.services.permit_phases import phases
from opg_pipeline.sandbox.services.social_graphql import Field, Parser, QueryError, picked
from opg_pipeline.sandbox.truth.social import AidEnrolment, ShelterCase

PROGRAMMES = {
    "food_card": ("BPNTD", "Bantuan Pangan Non Tunai Daerah"),
    "house_repair": ("RTLH", "Rehab Rumah Tidak Layak Huni"),
    "bereavement": ("SDUKA", "Santunan Duka"),
    "disability_aid": ("ASPD", "Asistensi Penyandang Disabilitas"),
    "elderly_aid": ("ASLUT", "Asistensi Lanjut Usia"),
    "orphan_aid": ("YATIM", "Santunan Anak Yatim"),
}
AID_STATES = {
    "proposed": "USULAN",
    "verified": "TERVERIFIKASI",
    "active": "PENERIMA AKTIF",
    "suspended": "DITANGGUHKAN",
    "exited": "GRADUASI",
    "rejected": "DITOLAK",
}
ARGUMENTS = {"limit": int, "offset": int, "diubahSejak": str, "nik": str, "noKk": str}
NEEDS = {
    "patient_companion": "Pendamping Pasien",
    "stranded": "Orang Terlantar",
    "disabled": "Penyandang Disabilitas",
    "elderly": "Lanjut Usia",
}
SHELTER_STATES = {
    "submitted": "Baru",
    "approved": "Disetujui",
    "rejected": "Tidak disetujui",
    "returned": "Lengkapi berkas",
}
SHELTER_HEAD = (
    "Timestamp",
    "No. Permohonan",
    "Nama Pemohon",
    "NIK",
    "No. WhatsApp",
    "Jenis Layanan",
    "Asal (Desa, Kecamatan)",
    "Keterangan Kondisi",
    "Status",
    "Tgl. Keputusan",
    "Lama Menginap",
    "Terakhir Diubah",
)


class SiBantu(Service):
    """Enrolments in the programmes of the city. One recipient may stand in several."""

    app_id = "si_bantu"
    secrets = ("SI_BANTU_TOKEN",)
    drift = ("nominalPerTahap",)

    def routes(self) -> list[Route]:
        return [Route("/graphql", self.graphql, methods=["POST"])]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, AidEnrolment)
        counts = {"unmapped_status": 12, "malformed_nik": 8, "unreadable_amount": 6, "unknown_region": 6}
        wrong = flaws(rng, len(records), counts)
        for number, record in enumerate(records):
            defect, person = wrong.get(number), record.recipient
            place = ledger.places.village_by_code[record.village or ""]
            code, programme = PROGRAMMES[record.programme]
            nik = person.nik[:-1] if defect == "malformed_nik" else person.nik
            amount = f"Rp{int(record.stage_amount):,}".replace(",", ".")
            planted = (("nik", nik), *identity(person, "kk", "name", "address"))
            first = {"status": "proposed", "stages_paid": 0, "stage_days": (), "changed_at": record.at}
            for phase in phases(record, record.changed_at, first):
                state = phase.state
                body = {
                    "id": state.record_id,
                    "program": {"kode": code, "nama": programme},
                    "penerima": {
                        "nik": nik,
                        "noKk": person.household.no_kk,
                        "nama": person.name,
                        "alamat": person.household.address,
                        "kecamatan": "Luar Bojonegoro" if defect == "unknown_region" else place.district.name,
                        "desa": "-" if defect == "unknown_region" else place.name,
                        "desil": state.decile,
                    },
                    "status": "PROSES DINSOS" if defect == "unmapped_status" else AID_STATES[state.status],
                    "tanggalUsulan": f"{state.at:%Y-%m-%d}",
                    "bentuk": "TUNAI",
                    "nominalPerTahap": "sesuai SK" if defect == "unreadable_amount" else amount,
                    "tahap": [
                        {"ke": step, "nominal": amount, "tanggalSalur": day.isoformat()}
                        for step, day in enumerate(state.stage_days, 1)
                    ],
                    "diubahPada": state.changed_at.isoformat(),
                }
                yield Told(
                    state.record_id, phase.known_on, body, state.changed_at, defect, planted, phase.gone_on, phase.truth
                )

    async def graphql(self, request: Request) -> Response:
        if not same(request.headers.get("authorization"), bearer(self.city.access["SI_BANTU_TOKEN"])):
            return _failed("Unauthenticated.", "authentication")
        try:
            asked = await request.json()
            text, variables = asked["query"], asked.get("variables") or {}
            fields = Parser(str(text), dict(variables)).document()
            data = {field.alias: self._resolved(request, field) for field in fields}
        except QueryError as error:
            return _failed(str(error), "graphql")
        except (ValueError, TypeError, KeyError):
            return _failed("Syntax Error: Unexpected <EOF>.", "graphql")
        return JSONResponse({"data": data})

    def _resolved(self, request: Request, field: Field) -> Any:
        if field.name != "kepesertaan":
            raise QueryError(f'Cannot query field "{field.name}" on type "Query".')
        given = {name: value for name, value in field.arguments.items() if value is not None}
        for name, value in given.items():
            if name not in ARGUMENTS or not isinstance(value, ARGUMENTS[name]):
                raise QueryError(f'Unknown argument or wrong type: "{name}" on field "Query.kepesertaan".')
        limit, offset = given.get("limit", 50), given.get("offset", 0)
        if not (1 <= limit <= 500 and offset >= 0):
            raise QueryError("limit must be between 1 and 500, offset not negative.")
        rows = self.rows(request)
        if "diubahSejak" in given:
            since = _moment(given["diubahSejak"])
            rows = [row for row in rows if row.order >= since]
        for argument, name in (("nik", "nik"), ("noKk", "noKk")):
            if argument in given:
                rows = [row for row in rows if row.body["penerima"][name] == given[argument]]
        endless = loops(request)
        found = {
            "total": 10**9 if endless else len(rows),
            "adaLagi": endless or offset + limit < len(rows),
            "items": page_of(rows, offset, limit, endless),
        }
        return picked(found, field.below, "kepesertaan")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise QueryError("diubahSejak must be ISO 8601 with offset.")
    return moment


def _failed(message: str, category: str) -> Response:
    """GraphQL errors come with HTTP 200."""
    return JSONResponse({"errors": [{"message": message, "extensions": {"category": category}}]})


class RumahSinggah(Service):
    """Requests for a bed in the shelter, as answers to a form."""

    app_id = "rumah_singgah"
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/pub", self.sheet)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, ShelterCase)
        wrong = flaws(rng, len(records), {"scientific_nik": 3, "unknown_region": 2, "unmapped_status": 2})
        for number, record in enumerate(records):
            defect, person = wrong.get(number), record.applicant
            place = ledger.places.village_by_code[record.village or ""]
            where = rng.choice((f"{place.name}, {place.district.name}", f"Ds. {place.name} Kec. {place.district.name}"))
            if defect == "unknown_region":
                where = rng.choice(("tidak tahu", "Surabaya"))
            phone = person.phone[1:] if rng.random() < 0.4 else person.phone
            nik = person.nik
            planted = [("name", person.name), ("phone", phone), *record.mentions]
            if defect == "scientific_nik":
                nik = f"{nik[0]},{nik[1:6]}E+15"
            else:
                planted.append(("nik", nik))
            first = {"status": "submitted", "decided_at": None, "nights": None, "changed_at": record.at}
            for phase in phases(record, record.changed_at, first):
                state = phase.state
                body = (
                    _form(state.at),
                    state.record_id,
                    person.name,
                    nik,
                    phone,
                    NEEDS[state.need],
                    where,
                    state.text,
                    "cek lagi" if defect == "unmapped_status" else SHELTER_STATES[state.status],
                    "" if state.decided_at is None else _form(state.decided_at),
                    "" if state.nights is None else f"{state.nights} malam",
                    _form(state.changed_at),
                )
                yield Told(
                    state.record_id, phase.known_on, body, None, defect, tuple(planted), phase.gone_on, phase.truth
                )

    async def sheet(self, request: Request) -> Response:
        if request.query_params.get("output", "csv") != "csv":
            return Response("Sorry, unable to open the file at this time.", 400, media_type="text/plain")
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(SHELTER_HEAD)
        changed = fault_of(request) == "changed_type"
        for row in self.rows(request):
            writer.writerow(("tadi pagi", *row.body[1:]) if changed else row.body)
        return file_answer(request, out.getvalue().encode(), "text/csv; charset=utf-8", self.city.today)


def _form(moment: datetime) -> str:
    """How a form writes a time: 25/07/2025 9:05:03, no zero before the hour."""
    return f"{moment:%d/%m/%Y} {moment.hour}:{moment:%M:%S}"


SERVICES = (SiBantu, RumahSinggah)
