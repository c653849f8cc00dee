"""e-Musrenbang (Laravel session, JSON by page) and e-TLHP (XLSX): what villages wish for and what auditors found.

The wishes and findings themselves belong in `truth`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import groupby
from random import Random
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import basic, same
from opg_pipeline.sandbox.city import City
from opg_pipeline.sandbox.doors import Session
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, fault_of, file_answer, loops, page_of, whole
from opg_pipeline.sandbox.services.money_common import XLSX, Sheet, flaws_among, kept, tag_of, tagged, workbook
from opg_pipeline.sandbox.truth.poverty_city import AuditPoint, Proposal

STAGES = {
    "open": "Usulan Desa",
    "acknowledged": "Verifikasi Kecamatan",
    "in_progress": "Pembahasan OPD",
    "closed": "Masuk RKPD",
    "rejected": "Tidak Diakomodir",
}
CODES = {"settled": "S", "in_progress": "B", "not_possible": "TD"}
HEAD: tuple[tuple[str | None, ...], ...] = (
    ("LHP", None, "Rekomendasi", None, "Perangkat Daerah", None, "Penanggung Jawab", "Nilai", "Tindak Lanjut", None),
    ("Nomor", "Tanggal", "Kode", "Temuan", "Kode", "Nama", None, None, "Status", "Tanggal"),
)
MERGED = ("A1:J1", "A2:B2", "C2:D2", "E2:F2", "G2:G3", "H2:H3", "I2:J2")


def spoken(rng: Random, amount: Decimal) -> str:
    """An amount as people say it: Rp.150 jt, Rp. 150 juta, Rp.1,2 M."""
    millions = int(amount / 1_000_000)
    if millions >= 1000:
        whole_part, tenth = divmod(millions // 100, 10)
        return f"Rp.{whole_part},{tenth} M" if tenth else f"Rp.{whole_part} M"
    return rng.choice((f"Rp.{millions} jt", f"Rp.{millions} jt", f"Rp. {millions} juta"))


class EMusrenbang(Service):
    """Wishes of the villages for the yearly plan, from a web page's own data call."""

    app_id = "e_musrenbang"
    secrets = ("E_MUSRENBANG_USER", "E_MUSRENBANG_PASSWORD")
    drift = ("anggaran",)

    def __init__(self, city: City) -> None:
        super().__init__(city)
        user, password = city.access["E_MUSRENBANG_USER"], city.access["E_MUSRENBANG_PASSWORD"]
        self.session = Session(city.doors, self.app_id, user, password, "/e_musrenbang/beranda")

    def routes(self) -> list[Route]:
        return [
            Route("/login", self.login, methods=["GET", "POST"]),
            Route("/beranda", self.home),
            Route("/usulan/data", self.wishes),
        ]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Proposal)
        lasting = [n for n, record in enumerate(records) if record.status_before is None]
        wrong = flaws_among(rng, lasting, {"unreadable_amount": 4, "unmapped_status": 3, "missing_date": 3})
        for number, record in enumerate(records):
            defect, first = wrong.get(number), record.at.date()
            place = ledger.places.village_by_code[record.village or ""]
            body = {
                "kode_usulan": record.record_id,
                "kegiatan": record.wish,
                "kode_opd": record.office_code,
                "opd_tujuan": record.office,
                "kecamatan": place.district.name,
                "desa": place.name,
                "anggaran": "secukupnya" if defect == "unreadable_amount" else spoken(rng, record.amount),
                "status": "-" if defect == "unmapped_status" else STAGES[record.status],
                "tgl_usulan": "" if defect == "missing_date" else f"{first:%d-%m-%Y}",
                "tgl_status": f"{record.changed_on:%d-%m-%Y}",
            }
            told = Told(record.record_id, first, body, None, defect)
            if record.status_before is None:
                yield told
                continue
            before = {**body, "status": STAGES[record.status_before], "tgl_status": f"{first:%d-%m-%Y}"}
            truth = {"status": record.status_before, "changed_on": first.isoformat()}
            yield replace(told, body=before, gone_on=record.changed_on, truth=truth)
            yield replace(told, known_on=record.changed_on)

    async def login(self, request: Request) -> Response:
        return await self.session.login(request) if request.method == "POST" else self.session.login_page()

    async def home(self, request: Request) -> Response:
        page = (
            '<!DOCTYPE html><html lang="id"><head><title>e-Musrenbang</title></head><body>Selamat datang</body></html>'
        )
        return self.session.refusal(request) or HTMLResponse(page)

    async def wishes(self, request: Request) -> Response:
        refusal = self.session.refusal(request)
        if refusal is not None:
            return refusal
        query, rows = request.query_params, self.rows(request)
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("per_page"), 15, 1, 500)
        if page is None or size is None:
            return JSONResponse({"message": "The given data was invalid."}, 422)
        return tagged(request, tag_of(self, request, rows), lambda: _laravel(request, rows, page, size))


def _laravel(request: Request, rows: Sequence[Told], page: int, size: int) -> Response:
    """A page as Laravel's paginator writes it."""
    last = 10**6 if loops(request) else max(1, -(-len(rows) // size))
    path = f"{request.url.scheme}://{request.url.netloc}{request.url.path}"
    data = page_of(rows, (page - 1) * size, size, loops(request))
    start = (page - 1) * size + 1 if data else None

    def link(number: int) -> str | None:
        return f"{path}?page={number}&per_page={size}" if 1 <= number <= last else None

    return JSONResponse(
        {
            "current_page": page,
            "data": data,
            "first_page_url": link(1),
            "from": start,
            "last_page": last,
            "last_page_url": link(last),
            "next_page_url": link(page + 1),
            "path": path,
            "per_page": size,
            "prev_page_url": link(page - 1),
            "to": None if start is None else start + len(data) - 1,
            "total": len(rows),
        }
    )


class ETlhp(Service):
    """Recommendations of the inspectorate's reports; the number of a report stands only on its first row."""

    app_id = "e_tlhp"
    secrets = ("E_TLHP_USER", "E_TLHP_PASSWORD")
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/berkas/tlhp.xlsx", self.followed)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, AuditPoint)
        lasting = [n for n, record in enumerate(records) if record.status_before is None]
        wrong = flaws_among(rng, lasting, {"unmapped_status": 4, "unreadable_amount": 4, "impossible_date": 3})
        for number, record in enumerate(records):
            defect, decided = wrong.get(number), record.decided_on
            if defect == "impossible_date" and decided is None:
                decided = record.at.date()
            body = (
                record.report,
                f"{record.at:%d/%m/%Y}",
                record.record_id,
                record.finding,
                record.office_code,
                record.office,
                record.official.name,
                "Rp" if defect == "unreadable_amount" else int(record.amount),
                "SS" if defect == "unmapped_status" else CODES[record.status],
                "31/11/2025" if defect == "impossible_date" else _slashed(decided),
            )
            planted = (("name", record.official.name),)
            told = Told(record.record_id, record.at.date(), body, None, defect, planted)
            if record.status_before is None or decided is None:
                yield told
                continue
            before = (*body[:-2], CODES[record.status_before], None)
            truth = {"status": record.status_before, "decided_on": None}
            yield replace(told, body=before, gone_on=decided, truth=truth)
            yield replace(told, known_on=decided)

    async def followed(self, request: Request) -> Response:
        access = self.city.access
        wanted = basic(access["E_TLHP_USER"], access["E_TLHP_PASSWORD"])
        if not same(request.headers.get("authorization"), wanted):
            return Response("Akses terbatas", 401, {"WWW-Authenticate": 'Basic realm="TLHP"'}, "text/plain")
        body = kept(self, request, "book", lambda: self._book(request))
        return file_answer(request, body, XLSX, self.city.today)

    def _book(self, request: Request) -> bytes:
        spoilt = fault_of(request) == "changed_type"
        bodies = [row.body for row in self.rows(request)]
        lines: list[tuple[Any, ...]] = [("MATRIKS TINDAK LANJUT HASIL PENGAWASAN",), *HEAD]
        merged = list(MERGED)
        for _, group in groupby(bodies, key=lambda cells: cells[0]):
            first = len(lines) + 1
            for number, cells in enumerate(group):
                known = (None, None) if number else cells[:2]
                amount = "seratus juta" if spoilt else cells[7]
                lines.append((*known, *cells[2:7], amount, *cells[8:]))
            if len(lines) > first:
                merged += [f"{column}{first}:{column}{len(lines)}" for column in "AB"]
        return workbook([Sheet("TLHP", lines, merged)])


def _slashed(day: date | None) -> str | None:
    return None if day is None else f"{day:%d/%m/%Y}"


SERVICES = (EMusrenbang, ETlhp)
