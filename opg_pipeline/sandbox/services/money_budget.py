"""Apps of budgets: SIPD-RI (form POST, a list of one) and Siskeudes (one UTF-16 CSV file per village).

What was budgeted and spent belongs in `truth`; assets are in `money_assets`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import basic, bearer, same
from opg_pipeline.sandbox.doors import form_of
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, fault_of, file_answer, flaws, loops, page_of, whole
from opg_pipeline.sandbox.services.money_common import day_in, kept
from opg_pipeline.sandbox.truth.money_budget import BudgetEntry, VillageEntry
from opg_pipeline.sandbox.truth.offices import OFFICES

DOCUMENTS = {"proposed": "RKA", "approved": "DPA", "adjusted": "DPPA", "executed": "SP2D"}
KINDS = {"revenue": "PENDAPATAN", "expenditure": "BELANJA", "financing": "PEMBIAYAAN"}
UNIT_IDS = {code: 4100 + number for number, (code, _) in enumerate(OFFICES, 1)}
STAGES = {"approved": "APBDes", "adjusted": "PAK", "executed": "Realisasi"}
SIDES = {"revenue": "P", "expenditure": "B", "financing": "M"}
HEAD = (
    "Id_Baris",
    "Tahun",
    "Kd_Desa",
    "Nama_Desa",
    "Nama_Kecamatan",
    "Jns",
    "Tahap",
    "Kd_Keg",
    "Kd_Rincian",
    "Nama_Rincian",
    "Sumber",
    "Nilai",
    "Tgl",
)
INDEX_HEAD = ("Kd_Desa", "Nama_Desa", "Nama_Kecamatan", "Berkas", "Jumlah_Baris")


class SipdRi(Service):
    """Budget lines and payments of the city. Every answer is a list with one element."""

    app_id = "sipd_ri"
    secrets = ("SIPD_RI_TOKEN",)
    drift = ("pagu",)

    def routes(self) -> list[Route]:
        return [
            Route("/auth/pre-login", self.pre_login, methods=["POST"]),
            Route("/referensi/sub_skpd/list", self.units, methods=["POST"]),
            Route("/penatausahaan/rincian/list", self.entries, methods=["POST"]),
        ]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, BudgetEntry)
        wrong = flaws(rng, len(records), {"unreadable_amount": 6, "missing_account": 5, "unknown_document": 3})
        for number, record in enumerate(records):
            defect, by_id = wrong.get(number), rng.random() < 0.5
            body = {
                "id_rincian": int(record.record_id),
                "tahun": record.year,
                "jenis_dokumen": "XX" if defect == "unknown_document" else DOCUMENTS[record.phase],
                "jenis_akun": KINDS[record.direction],
                **(
                    {"id_sub_skpd": UNIT_IDS[record.unit_code]}
                    if by_id
                    else {"kode_sub_skpd": record.unit_code, "nama_sub_skpd": record.unit}
                ),
                "kode_program": record.program,
                "kode_giat": record.activity,
                "kode_sub_giat": record.subactivity,
                "kode_akun": None if defect == "missing_account" else record.account,
                "nama_akun": record.label,
                "sumber_dana": record.fund,
                "pagu": "1e9,-" if defect == "unreadable_amount" else f"{record.amount:.2f}",
                "tanggal": f"{record.at:%Y-%m-%d}",
            }
            yield Told(record.record_id, record.at.date(), body, record.at.date(), defect)

    async def pre_login(self, request: Request) -> Response:
        return JSONResponse([{"status": "error", "message": "captcha_solution tidak valid", "data": []}], 422)

    async def units(self, request: Request) -> Response:
        refusal = self._refusal(request)
        units = [
            {"id_sub_skpd": UNIT_IDS[code], "kode_sub_skpd": code, "nama_sub_skpd": name} for code, name in OFFICES
        ]
        return refusal or JSONResponse([{"status": "success", "total": len(units), "data": units}])

    async def entries(self, request: Request) -> Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        form = await form_of(request)
        page, size = whole(form.get("page"), 1, 1, 10**6), whole(form.get("limit"), 20, 1, 1000)
        since = day_in(form.get("tanggal_awal"))
        if page is None or size is None or since is None:
            return JSONResponse([{"status": "error", "message": "parameter tidak valid", "data": []}], 400)
        rows = [row for row in self.rows(request) if row.order >= since]
        total = 10**9 if loops(request) else len(rows)
        data = page_of(rows, (page - 1) * size, size, loops(request))
        return JSONResponse([{"status": "success", "page": page, "limit": size, "total": total, "data": data}])

    def _refusal(self, request: Request) -> Response | None:
        if same(request.headers.get("authorization"), bearer(self.city.access["SIPD_RI_TOKEN"])):
            return None
        return JSONResponse([{"status": "error", "message": "Token expired", "data": []}], 401)


class Siskeudes(Service):
    """The villages' books, exported every month as one file per village."""

    app_id = "siskeudes"
    secrets = ("SISKEUDES_USER", "SISKEUDES_PASSWORD")
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/ekspor/indeks.csv", self.index), Route("/ekspor/{name}.csv", self.village)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, VillageEntry)
        wrong = flaws(rng, len(records), {"unreadable_amount": 5, "impossible_date": 4, "unknown_stage": 3})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            place = ledger.places.village_by_code[record.village or ""]
            body = (
                record.record_id,
                str(record.year),
                _short(place.code),
                f"PEMERINTAH DESA {place.name.upper()}",
                place.district.name.upper(),
                SIDES[record.direction],
                "??" if defect == "unknown_stage" else STAGES[record.phase],
                record.activity or "",
                record.account,
                record.label,
                record.fund,
                "#NILAI!" if defect == "unreadable_amount" else _comma(record.amount),
                f"00/00/{record.at.year}" if defect == "impossible_date" else f"{record.at:%d/%m/%Y}",
            )
            yield Told(record.record_id, record.at.date(), body, _short(place.code), defect)

    async def index(self, request: Request) -> Response:
        refusal, books = self._refusal(request), self._books(request)
        places = [place for place in self.city.ledger.places.villages if not place.urban]
        lines = [
            (code, place.name, place.district.name, f"{code}.csv", str(len(books.get(code, ()))))
            for place in places
            for code in [_short(place.code)]
        ]
        return refusal or _csv(request, (INDEX_HEAD, *lines), self.city.today)

    async def village(self, request: Request) -> Response:
        refusal, code = self._refusal(request), request.path_params["name"]
        if refusal is not None:
            return refusal
        if code not in {_short(place.code) for place in self.city.ledger.places.villages if not place.urban}:
            return Response("Berkas tidak ada", 404, media_type="text/plain")
        lines = [row.body for row in self._books(request).get(code, ())]
        if fault_of(request) == "changed_type":
            lines = [(*line[:11], "dua belas juta", line[12]) for line in lines]
        return _csv(request, (HEAD, *lines), self.city.today)

    def _books(self, request: Request) -> dict[str, list[Told]]:
        """The rows by village."""

        def sorted_out() -> dict[str, list[Told]]:
            books: dict[str, list[Told]] = {}
            for row in self.rows(request):
                books.setdefault(row.order, []).append(row)
            return books

        return kept(self, request, "books", sorted_out)

    def _refusal(self, request: Request) -> Response | None:
        access = self.city.access
        wanted = basic(access["SISKEUDES_USER"], access["SISKEUDES_PASSWORD"])
        if same(request.headers.get("authorization"), wanted):
            return None
        return Response("Login gagal", 401, {"WWW-Authenticate": 'Basic realm="Siskeudes"'}, "text/plain")


def _short(code: str) -> str:
    """A village as the program numbers it: 35.22.07.2001 is 07.2001."""
    return code[6:]


def _comma(amount: Decimal) -> str:
    """1234567.5 as 1234567,50."""
    return f"{amount:.2f}".replace(".", ",")


def _csv(request: Request, lines: Iterable[Iterable[str]], today: date) -> Response:
    """Lines with semicolons, UTF-16LE with a byte order mark, as the program's desktop export writes them."""
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerows(lines)
    body = b"\xff\xfe" + out.getvalue().encode("utf-16-le")
    return file_answer(request, body, "text/csv", today)


SERVICES = (SipdRi, Siskeudes)
