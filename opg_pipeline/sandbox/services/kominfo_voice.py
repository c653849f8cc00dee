"""SP4N-LAPOR!: complaints, asked for and answered as XML in a SOAP envelope.

What people complained about belongs in `truth`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from random import Random
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import same
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, flaws, identity, loops, page_of, whole
from opg_pipeline.sandbox.services.planning_answers import Stage, is_stamp, stages, stamp
from opg_pipeline.sandbox.truth.kominfo_voice import Complaint

KINDS = {
    "road": ("11", "Jalan dan Jembatan"),
    "street_light": ("12", "Penerangan Jalan Umum"),
    "irrigation": ("13", "Pengairan"),
    "civil_document": ("21", "Administrasi Kependudukan"),
    "social_aid": ("31", "Bantuan Sosial"),
    "health": ("41", "Kesehatan"),
    "school": ("51", "Pendidikan"),
    "waste": ("61", "Kebersihan & Persampahan"),
    "water": ("62", "Air Bersih"),
}
STATES = {
    "open": ("1", "Belum Terverifikasi"),
    "acknowledged": ("2", "Terdisposisi"),
    "in_progress": ("3", "Proses"),
    "closed": ("4", "Selesai"),
    "rejected": ("9", "Diarsipkan"),
}
CHANNELS = {"app": "Android", "web": "Website", "sms": "SMS 1708", "wa": "WhatsApp", "walk_in": "Tatap Muka"}
NOTES = {
    "acknowledged": "Diteruskan kepada {}.",
    "in_progress": "Terima kasih, laporan sedang ditangani {}.",
    "closed": "Sudah ditindaklanjuti oleh {}.",
    "rejected": "Laporan tidak lengkap / bukan kewenangan.",
}
SPACE = "http://lapor.example/ws/v3"
MOST = 65_536


class LaporSp4n(Service):
    """Complaints."""

    app_id = "lapor_sp4n"
    secrets = ("LAPOR_SP4N_TOKEN",)
    drift = ("tanggal",)

    def routes(self) -> list[Route]:
        return [Route("/ws/v3/laporan", self.answer, methods=["POST"])]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Complaint)
        wrong = flaws(rng, len(records), {"unmapped_status": 6, "unknown_region": 8, "impossible_date": 3})
        for number, record in enumerate(records):
            defect, steps = wrong.get(number), []
            steps.append(_stage(ledger, record, "open", record.at, defect))
            if record.acknowledged_at is not None:
                steps.append(_stage(ledger, record, "acknowledged", record.acknowledged_at, defect))
                if record.changed_at > record.acknowledged_at:
                    steps.append(_stage(ledger, record, record.status, record.changed_at, defect))
            person = record.reporter
            planted = (("phone", _phone(person.phone)), *identity(person, "name", "email"), *record.mentions)
            yield from stages(record.record_id, steps, defect, planted)

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        try:
            if len(body) > MOST or b"<!" in body:
                raise ValueError("not an envelope")
            asked = {
                element.tag.rpartition("}")[2]: (element.text or "").strip()
                for element in ElementTree.fromstring(body).iter()
            }
        except (ElementTree.ParseError, ValueError):
            return _error("400", "Permintaan bukan XML yang dikenal")
        if not same(asked.get("token"), self.city.access["LAPOR_SP4N_TOKEN"]):
            return _error("401", "Token tidak valid")
        if "daftarLaporan" not in asked:
            return _error("404", "Operasi tidak dikenal")
        page = whole(asked.get("halaman"), 1, 1, 10**6)
        size = whole(asked.get("jumlah"), 25, 1, 500)
        since = asked.get("diubah_sejak", "")
        if page is None or size is None or not is_stamp(since):
            return _error("422", "halaman, jumlah atau diubah_sejak tidak valid")
        rows = [row for row in self.rows(request) if row.order >= since]
        pages = page + 1 if loops(request) else -(-len(rows) // size)
        found = "\n".join(page_of(rows, (page - 1) * size, size, loops(request)))
        return _xml(
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
            f'<daftarLaporanResponse xmlns="{SPACE}"><total>{len(rows)}</total><halaman>{page}</halaman>'
            f"<jumlah_halaman>{pages}</jumlah_halaman>\n{found}\n</daftarLaporanResponse></soapenv:Body></soapenv:Envelope>"
        )


def _xml(text: str) -> Response:
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n', media_type="text/xml")


def _error(code: str, message: str) -> Response:
    """Whatever goes wrong, the status is 200."""
    return _xml(f"<error><kode>{code}</kode><pesan>{message}</pesan></error>")


def _phone(number: str) -> str:
    return f"+62{number[1:]}"


def _stage(ledger: Ledger, record: Complaint, status: str, moment: datetime, defect: str | None) -> Stage:
    """How the complaint is told once it has come to that status."""
    rng = Random(record.record_id)
    place = ledger.places.village_by_code[record.village or ""]
    code, label = STATES[status]
    if defect == "unmapped_status":
        code, label = "77", "Tunda"
    kind, kind_name = KINDS[record.kind]
    closed = record.closed_at if status == record.status else None
    agency = record.agency if status != "open" else ""
    where = (
        f"Desa {place.name}, Kec. {place.district.name}" if not place.urban else f"{place.name}, {place.district.name}"
    )
    if defect == "unknown_region":
        where = "dekat rumah pak RT"
    tag = "" if record.latitude is None else f"<koordinat>{record.latitude},{record.longitude}</koordinat>"
    written = f"31/02/{record.at.year} 00:00" if defect == "impossible_date" else f"{record.at:%d/%m/%Y %H:%M:%S}"
    media = f"<lampiran>https://lapor.example/f/{rng.randrange(10**9)}.jpg</lampiran>" if rng.random() < 0.3 else ""
    body = (
        f'<laporan id="{record.record_id}" anonim="{int(record.anonymous)}" rahasia="{int(record.confidential)}">'
        f"<tanggal>{written}</tanggal>"
        f'<kategori kode="{kind}">{escape(kind_name)}</kategori><kanal>{CHANNELS[record.channel]}</kanal>'
        f"<judul>{escape(record.title)}</judul><isi>{escape(record.text)}</isi>"
        f"<lokasi>{escape(where)}</lokasi>{tag}{media}"
        f"<pelapor nama={quoteattr(record.reporter.name)}><hp>{_phone(record.reporter.phone)}</hp>"
        f"<surel>{record.reporter.email}</surel></pelapor>"
        f'<status kode="{code}">{label}</status><instansi>{escape(agency)}</instansi>'
        f"<tindak_lanjut>{escape(NOTES.get(status, '').format(record.agency))}</tindak_lanjut>"
        f"<batas>{record.due_at:%d/%m/%Y}</batas>"
        f"<selesai>{'' if closed is None else f'{closed:%d/%m/%Y %H:%M:%S}'}</selesai>"
        f"<diubah>{moment:%d/%m/%Y %H:%M:%S}</diubah></laporan>"
    )
    truth: dict[str, Any] = {}
    if status != record.status or moment < record.changed_at:
        acknowledged = record.acknowledged_at if status != "open" else None
        truth = {
            "status": status,
            "acknowledged_at": None if acknowledged is None else acknowledged.isoformat(),
            "closed_at": None,
            "changed_at": moment.isoformat(),
        }
    return Stage(moment.date(), body, stamp(moment), truth)


SERVICES = (LaporSp4n,)
