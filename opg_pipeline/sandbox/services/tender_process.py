"""Apps about tenders and contracts: SPSE (DataTables) and the open contracting portal (OCDS release packages).

What was tendered and contracted belongs in `truth`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from html import escape
from typing import Any
from zlib import crc32

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.doors import form_of
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, fault_of, flaws, loops, page_of, whole
from opg_pipeline.sandbox.services.health_answers import part_of, story, tagged, unchanged
from opg_pipeline.sandbox.truth.tender import Release, Tender

STAGES = {
    "announced": "Pengumuman Pascakualifikasi [...]",
    "evaluation": "Evaluasi Administrasi, Kualifikasi, Teknis, dan Harga [...]",
    "contract": "Penandatanganan Kontrak",
    "done": "Tender Sudah Selesai",
    "cancelled": "Tender Dibatalkan",
}
METHODS = {"open": "Tender", "selective": "Seleksi", "limited": "Tender Terbatas"}
KINDS = {
    "goods": "Pengadaan Barang",
    "works": "Pekerjaan Konstruksi",
    "services": "Jasa Lainnya",
    "consulting": "Jasa Konsultansi Badan Usaha Konstruksi",
}
MONTHS = ("Januari", "Februari", "Maret", "April", "Mei", "Juni", "Juli", "Agustus", "September", "Oktober", "November", "Desember")  # fmt: skip
TAGS = {"amendment": "contract"}
CATEGORIES = {"goods": "goods", "works": "works", "services": "services", "consulting": "consultingServices"}
DETAILS = {"open": "Tender", "selective": "Seleksi", "limited": "Penunjukan Langsung", "direct": "E-Purchasing"}
PREFIX = "ocds-bjn522"


def shortened(amount: Decimal) -> str:
    """1200000000 as '1,2 M' (milliard), 850300000 as '850,3 Jt' (million)."""
    size, unit = (10**9, "M") if amount >= 10**9 else (10**6, "Jt")
    return f"{amount / size:.1f} {unit}".replace(".", ",")


def worded(moment: datetime) -> str:
    """'3 Juni 2026 14:05'."""
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment:%Y %H:%M}"


class SpseLpse(Service):
    """Tenders as the public list of SPSE draws them: positional arrays with HTML in the cells."""

    app_id = "spse_lpse"

    def routes(self) -> list[Route]:
        return [Route("/eproc4/lelang", self.page), Route("/eproc4/dt/lelang", self.table, methods=["POST"])]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Tender)
        wrong = flaws(rng, len(records), {"unreadable_amount": 4, "unmapped_stage": 3})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            link = f'<a href="/eproc4/lelang/{record.record_id}/pengumumanlelang" target="_blank">{escape(record.title)}</a>'
            repeated = rng.random() < 0.06
            body = [
                record.record_id,
                f'{link} <span class="badge">spse 4.5</span>'
                + (' <span class="badge badge-warning">Tender Ulang</span>' if repeated else ""),
                f"{escape(record.unit)}<br/><small>{record.unit_code}</small>",
                "Masa Sanggah (diperpanjang)" if defect == "unmapped_stage" else STAGES[record.stage],
                "Nilai Belum Dibuat" if defect == "unreadable_amount" else shortened(record.estimate),
                METHODS[record.method],
                f"{KINDS[record.kind]} - TA {record.year}",
                "" if record.contract is None else shortened(record.contract),
                "" if record.bidders is None else str(record.bidders),
                worded(record.at),
                worded(record.changed_at),
            ]
            earlier = [*body[:3], STAGES["announced"], *body[4:7], "", "", body[9], body[9]]
            told = Told(record.record_id, record.at.date(), body, str(record.year), defect)
            before = {"stage": "announced", "contract": None, "bidders": None, "changed_at": record.at.isoformat()}
            yield from story(told, record.changed_at.date(), earlier, told.order, before)

    async def page(self, request: Request) -> Response:
        token = self.city.doors.issue(self.app_id)
        answer = HTMLResponse(
            '<!DOCTYPE html><html lang="id"><head><title>LPSE Kabupaten Bojonegoro: Cari Paket</title></head><body>'
            f'<form id="cari"><input type="hidden" name="authenticityToken" value="{token}"></form>'
            '<table id="tbllelang"></table>'
            f"<script>$('#tbllelang').DataTable({{ajax: {{type: 'POST', data: {{authenticityToken: '{token}'}}}}}})</script>"
            "</body></html>"
        )
        answer.set_cookie("SPSE_SESSION", f"{token[::-1]}-{token}", httponly=True)
        return answer

    async def table(self, request: Request) -> Response:
        form = await form_of(request)
        token = form.get("authenticityToken", "")
        if not (
            request.cookies.get("SPSE_SESSION", "").endswith(f"-{token}") and self.city.doors.admits(self.app_id, token)
        ):
            return HTMLResponse("<h1>403</h1><p>Bad authenticity token</p>", 403)
        form = {**request.query_params, **form}
        draw, start = whole(form.get("draw"), 1, 0, 10**6), whole(form.get("start"), 0, 0, 10**9)
        size = whole(form.get("length"), 25, 1, 1000)
        if draw is None or start is None or size is None:
            return HTMLResponse("<h1>400</h1><p>Bad request</p>", 400)
        rows, tag = part_of(self, request, form.get("tahun") or None)
        known = unchanged(request, tag)
        if known is not None:
            return known
        data = page_of(rows, start, size, loops(request))
        if fault_of(request) == "changed_type":
            data = [[*row[:4], {"nilai": row[4], "format": "baru"}, *row[5:]] for row in data]
        total = 10**9 if loops(request) else len(rows)
        return JSONResponse(
            {"draw": draw, "recordsTotal": total, "recordsFiltered": total, "data": data}, headers=tagged(tag)
        )


class BosOpenContract(Service):
    """OCDS release packages: a process has many releases, and an amendment is not tagged as one."""

    app_id = "bos_open_contract"
    drift = ("ocid",)

    def routes(self) -> list[Route]:
        return [Route("/api/releases.json", self.package)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Release)
        wrong = flaws(rng, len(records), {"missing_tag": 3, "missing_buyer": 3})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            body = _release(record)
            if defect == "missing_tag":
                del body["tag"]
            elif defect == "missing_buyer":
                del body["buyer"]
            yield Told(record.record_id, record.at.date(), body, record.at, defect)

    async def package(self, request: Request) -> Response:
        query = request.query_params
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("pageSize"), 100, 1, 500)
        try:
            since = datetime.fromisoformat(query.get("releasedFrom") or "0001-01-02T00:00:00+00:00")
        except ValueError:
            since = None
        if page is None or size is None or since is None or since.tzinfo is None:
            return JSONResponse({"message": "page, pageSize or releasedFrom not understood"}, 400)
        rows = [row for row in self.rows(request) if row.order >= since]
        links = {}
        if loops(request) or page * size < len(rows):
            links["next"] = str(request.url.include_query_params(page=page + 1))
        if page > 1:
            links["prev"] = str(request.url.include_query_params(page=page - 1))
        published = max((row.order for row in rows), default=since)
        return JSONResponse(
            {
                "uri": str(request.url),
                "version": "1.1",
                "publishedDate": published.isoformat(),
                "publisher": {"name": "Pemerintah Kabupaten Bojonegoro", "uri": "https://bos.bojonegorokab.example/"},
                "license": "https://creativecommons.org/licenses/by/4.0/",
                "releases": page_of(rows, (page - 1) * size, size, loops(request)),
                "links": links,
            }
        )


def _release(record: Release) -> dict[str, Any]:
    """One OCDS 1.1 release; it says only what was known at its stage."""
    ocid = f"{PREFIX}-{record.process}"
    buyer = {"id": record.unit_code, "name": record.unit}
    parties: list[dict[str, Any]] = [{**buyer, "roles": ["buyer", "procuringEntity"]}]
    body: dict[str, Any] = {
        "ocid": ocid,
        "id": record.record_id,
        "date": record.at.isoformat(),
        "tag": [TAGS.get(record.stage, record.stage)],
        "initiationType": "tender",
        "language": "id",
        "parties": parties,
        "buyer": buyer,
        "planning": {"budget": {"description": f"APBD {record.at:%Y}", "amount": _money(record.budget)}},
        "tender": {
            "id": record.process,
            "title": record.title,
            "procurementMethod": record.method,
            "procurementMethodDetails": DETAILS[record.method],
            "mainProcurementCategory": CATEGORIES[record.kind].replace("consultingServices", "services"),
            "additionalProcurementCategories": ["consultingServices"] if record.kind == "consulting" else [],
        },
    }
    if record.estimate is not None and record.tender_from is not None:
        end = record.tender_from + timedelta(days=10)
        body["tender"]["value"] = _money(record.estimate)
        body["tender"]["tenderPeriod"] = {"startDate": record.tender_from.isoformat(), "endDate": end.isoformat()}
    if record.bidders is not None:
        body["tender"]["numberOfTenderers"] = record.bidders
    if record.award is not None and record.supplier is not None:
        supplier = {"id": f"ID-BJN-{crc32(record.supplier.encode())}", "name": record.supplier}
        parties.append({**supplier, "roles": ["supplier"]})
        award = {"id": f"{ocid}-award", "status": "active", "value": _money(record.award), "suppliers": [supplier]}
        body["awards"] = [award]
    if record.contract is not None and record.contract_until is not None:
        contract: dict[str, Any] = {
            "id": f"{ocid}-contract",
            "awardID": f"{ocid}-award",
            "status": "active",
            "value": _money(record.contract),
            "period": {"endDate": f"{record.contract_until}T23:59:59+07:00"},
        }
        if record.stage == "amendment":
            contract["amendments"] = [{"date": record.at.isoformat(), "rationale": "Addendum nilai pekerjaan"}]
        if record.paid is not None:
            payment = {"id": f"{ocid}-sp2d-1", "date": record.at.isoformat(), "value": _money(record.paid)}
            contract["implementation"] = {"transactions": [payment]}
        body["contracts"] = [contract]
    return body


def _money(amount: Decimal) -> dict[str, Any]:
    return {"amount": float(amount), "currency": "IDR"}


SERVICES = (SpseLpse, BosOpenContract)
