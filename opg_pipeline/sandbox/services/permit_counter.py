"""The one-stop office in person: tickets of the service mall (JSON with Link header) and the guest book (HTML and CSV).

Who came and what was written belongs in `truth`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import same
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
from opg_pipeline.sandbox.services.permit_business import day_of
from opg_pipeline.sandbox.services.permit_phases import phases
from opg_pipeline.sandbox.truth import permit
from opg_pipeline.sandbox.truth.permit import GuestBookEntry, Ticket

COUNTERS = {
    "civil_registry": ("A", "Dispendukcapil Kab. Bojonegoro"),
    "health_insurance": ("B", "BPJS Kesehatan KC Bojonegoro"),
    "police": ("C", "Polres Bojonegoro"),
    "vehicle_tax": ("D", "SAMSAT Bojonegoro"),
    "investment": ("E", "DPM-PTSP"),
    "labour": ("F", "Disperinaker"),
    "land_agency": ("G", "ATR/BPN Kantah Bojonegoro"),
    "local_tax": ("H", "BAPENDA Pemkab"),
}
SERVICES_OF = {name: services for name, services, _ in permit.COUNTERS}
TICKET_STATES = {
    "submitted": "MENUNGGU",
    "issued": "SELESAI",
    "returned": "BERKAS KURANG",
    "withdrawn": "TIDAK HADIR",
}
TOPICS = {
    "licence": "Perizinan Berusaha",
    "building": "PBG/SLF",
    "service": "Pelayanan Loket",
    "illegal_business": "Usaha Tanpa Izin",
    "none": "-- Pilih Kategori --",
}
ENTRY_STATES = {"open": "Belum Dijawab", "in_progress": "Diproses", "closed": "Sudah Dijawab", "rejected": "Diabaikan"}
HEAD = (
    "ID",
    "Tanggal",
    "Nama",
    "Telepon",
    "Email",
    "Asal",
    "Kategori",
    "Pesan",
    "Status",
    "Jawaban",
    "Diubah",
)
BOOK = "/bukutamu_dpmptsp/admin/bukutamu"


class MppAntrian(Service):
    """Tickets drawn at the service mall."""

    app_id = "mpp_antrian"
    secrets = ("MPP_ANTRIAN_KEY",)
    drift = ("waktu_ambil",)

    def routes(self) -> list[Route]:
        return [Route("/api/v1/tiket", self.tickets)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Ticket)
        wrong = flaws(rng, len(records), {"impossible_time": 5, "unmapped_status": 8, "unknown_region": 10})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            place = ledger.places.village_by_code[record.village or ""]
            letter, agency = COUNTERS[record.counter]
            drawn = (
                f"{record.at:%d-%m-%Y} 27:10:00" if defect == "impossible_time" else f"{record.at:%d-%m-%Y %H:%M:%S}"
            )
            first = {"status": "submitted", "called_at": None, "decided_at": None, "changed_at": record.at}
            for phase in phases(record, record.changed_at, first):
                state = phase.state
                body = {
                    "id_tiket": int(state.record_id),
                    "nomor": f"{letter}-{int(state.record_id) % 400 + 1:03d}",
                    "id_kunjungan": state.visit,
                    "instansi": agency,
                    "kode_layanan": f"{letter}{SERVICES_OF[state.counter].index(state.service) + 1:02d}",
                    "layanan": state.service,
                    "jk": state.sex,
                    "umur": state.age_years,
                    "asal": "Luar Kota" if defect == "unknown_region" else f"{place.district.name} - {place.name}",
                    "status": "PANGGIL ULANG" if defect == "unmapped_status" else TICKET_STATES[state.status],
                    "waktu_ambil": drawn,
                    "waktu_panggil": None if state.called_at is None else f"{state.called_at:%H:%M:%S}",
                    "waktu_selesai": None if state.decided_at is None else f"{state.decided_at:%d-%m-%Y %H:%M:%S}",
                    "diubah": state.changed_at.isoformat(),
                }
                yield Told(
                    state.record_id, phase.known_on, body, state.changed_at, defect, (), phase.gone_on, phase.truth
                )

    async def tickets(self, request: Request) -> Response:
        if not same(request.headers.get("x-api-key"), self.city.access["MPP_ANTRIAN_KEY"]):
            return JSONResponse({"kode": "AUTH", "pesan": "X-API-Key tidak dikenal"}, 401)
        query = request.query_params
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("per_page"), 50, 1, 500)
        since = _moment(query.get("diubah_sejak"))
        if page is None or size is None or since is None:
            return JSONResponse({"kode": "PARAM", "pesan": "page, per_page atau diubah_sejak salah"}, 422)
        rows = self.rows(request)
        if since != _LONG_AGO:
            rows = [row for row in rows if row.order >= since]
        last = page + 1 if loops(request) else max(1, -(-len(rows) // size))
        links = [
            f'<{request.url.include_query_params(page=number, per_page=size)}>; rel="{relation}"'
            for relation, number, given in (
                ("first", 1, True),
                ("prev", page - 1, page > 1),
                ("next", page + 1, page < last),
                ("last", last, True),
            )
            if given
        ]
        return JSONResponse(
            page_of(rows, (page - 1) * size, size, loops(request)),
            headers={"Link": ", ".join(links), "X-Total-Count": str(len(rows))},
        )


_LONG_AGO = datetime.fromisoformat("1900-01-01T00:00:00+00:00")


def _moment(text: str | None) -> datetime | None:
    """A moment of the query; long ago where there is none, None where it is not understood."""
    try:
        found = datetime.fromisoformat(text) if text else _LONG_AGO
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


class BukutamuDpmptsp(Service):
    """The guest book as the staff see it: a table in a page, or a CSV."""

    app_id = "bukutamu_dpmptsp"
    secrets = ("BUKUTAMU_DPMPTSP_USER", "BUKUTAMU_DPMPTSP_PASSWORD")

    def __init__(self, city: City) -> None:
        super().__init__(city)
        access = city.access
        user, password = access["BUKUTAMU_DPMPTSP_USER"], access["BUKUTAMU_DPMPTSP_PASSWORD"]
        self.session = Session(city.doors, self.app_id, user, password, BOOK)

    def routes(self) -> list[Route]:
        return [
            Route("/admin/login", self.login, methods=["GET", "POST"]),
            Route("/admin/bukutamu", self.table),
            Route("/admin/bukutamu/ekspor.csv", self.export),
        ]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, GuestBookEntry)
        wrong = flaws(rng, len(records), {"impossible_date": 3, "unmapped_status": 3})
        for number, record in enumerate(records):
            author = record.author
            defect = "spam" if record.spam else wrong.get(number)
            place = ledger.places.village_by_code.get(record.village or "")
            written = f"{record.at:%d-%m-%Y %H:%M}"
            if defect == "impossible_date":
                written = f"00-00-{record.at:%Y} 00:00"
            name, phone, mail = author.name, author.phone, author.email
            planted = (*identity(author, "name", "phone", "email"), *record.mentions)
            if record.spam:
                name, phone, mail, planted = "Jessica <b>SEO</b>", "+1 555 0100", "promo@seo.example", ()
            first = {"status": "open", "answer": None, "changed_at": record.at}
            for phase in phases(record, record.changed_at, first):
                state = phase.state
                cells = (
                    state.record_id,
                    written,
                    escape(name),
                    phone,
                    mail,
                    "USA" if place is None else f"{place.name}, Kec. {place.district.name}",
                    TOPICS[state.topic],
                    escape(state.text),
                    "4" if defect == "unmapped_status" else ENTRY_STATES[state.status],
                    escape(state.answer or ""),
                    f"{state.changed_at:%d-%m-%Y %H:%M}",
                )
                yield Told(
                    state.record_id,
                    phase.known_on,
                    cells,
                    f"{state.changed_at:%Y-%m-%d}",
                    defect,
                    planted,
                    phase.gone_on,
                    phase.truth,
                )

    async def login(self, request: Request) -> Response:
        return self.session.login_page() if request.method == "GET" else await self.session.login(request)

    def _asked(self, request: Request) -> list[Told] | Response:
        refused = self.session.refusal(request)
        if refused is not None:
            return refused
        since = day_of(request.query_params.get("diubah_dari"))
        if since is None:
            return HTMLResponse("<h1>422</h1><p>diubah_dari: yyyy-mm-dd</p>", 422)
        return [row for row in self.rows(request) if row.order >= since]

    async def table(self, request: Request) -> Response:
        rows = self._asked(request)
        if isinstance(rows, Response):
            return rows
        query = request.query_params
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("per_page"), 25, 1, 500)
        if page is None or size is None:
            return HTMLResponse("<h1>422</h1><p>page, per_page</p>", 422)
        more = loops(request) or page * size < len(rows)
        bodies = page_of(rows, (page - 1) * size, size, loops(request))
        if fault_of(request) == "changed_type":
            bodies = [_spelt(cells) for cells in bodies]
        lines = [
            f"<tr><td>{number}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
            for number, cells in enumerate(bodies, (page - 1) * size + 1)
        ]
        href = escape(str(request.url.include_query_params(page=page + 1)))
        following = (
            f'<li class="page-item"><a class="page-link" rel="next" href="{href}">&rsaquo;</a></li>' if more else ""
        )
        return HTMLResponse(
            '<!DOCTYPE html><html lang="id"><head><title>Buku Tamu</title></head><body><h1>Buku Tamu &amp; Pengaduan</h1>'
            '<table class="menu"><tr><td>Beranda</td><td>Keluar</td></tr></table>'
            f'<table id="tabel-bukutamu" class="table"><thead><tr><th>No</th>{"".join(f"<th>{name}</th>" for name in HEAD)}'
            f"</tr></thead><tbody>{''.join(lines)}</tbody></table>"
            f'<p class="info">Total {len(rows)} entri</p><ul class="pagination">{following}</ul></body></html>'
        )

    async def export(self, request: Request) -> Response:
        rows = self._asked(request)
        if isinstance(rows, Response):
            return rows
        out = io.StringIO()
        writer = csv.writer(out, delimiter=";")
        writer.writerow(HEAD)
        changed = fault_of(request) == "changed_type"
        writer.writerows(_spelt(row.body) if changed else row.body for row in rows)
        return file_answer(request, out.getvalue().encode(), "text/csv; charset=utf-8", self.city.today)


def _spelt(cells: tuple[str, ...]) -> tuple[str, ...]:
    return (cells[0], "kemarin sore", *cells[2:])


SERVICES = (MppAntrian, BukutamuDpmptsp)
