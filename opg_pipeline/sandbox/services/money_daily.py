"""Apps of the revenue office's day: QRIS payments (signed requests, cursor) and Smart Report (HTML table in JSON).

What was paid belongs in `truth`; the tax apps are in `money_taxes`.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from html import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import hmac_hex, same
from opg_pipeline.sandbox.city import City
from opg_pipeline.sandbox.doors import Session
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, flaws, identity, loops, whole
from opg_pipeline.sandbox.services.money_common import is_recent, tag_of, tagged
from opg_pipeline.sandbox.truth.money_taxes import QrisPayment, RevenueReport
from opg_pipeline.sandbox.truth.timeline import window

PURPOSES = {
    "market_fee": "RETRIBUSI PASAR",
    "parking_fee": "RETRIBUSI PARKIR TEPI JALAN",
    "land_tax": "PBB-P2",
    "restaurant_tax": "PBJT MAKANAN MINUMAN",
    "waste_fee": "RETRIBUSI KEBERSIHAN",
}
TAX_LABELS = {
    "hotel": "PBJT Jasa Perhotelan",
    "restaurant": "PBJT Makanan dan/atau Minuman",
    "entertainment": "PBJT Kesenian dan Hiburan",
    "advertising": "Pajak Reklame",
    "electricity": "PBJT Tenaga Listrik",
    "parking": "PBJT Jasa Parkir",
    "groundwater": "Pajak Air Tanah",
    "swallow_nest": "Pajak Sarang Burung Walet",
    "minerals": "Pajak MBLB",
    "land": "PBB-P2",
}
HEAD = ("Kode Rekap", "Tanggal", "Jenis Pajak", "Rekening", "Kecamatan", "Transaksi", "Realisasi (Rp)")


class EpaymentQris(Service):
    """Payments as the bank's callbacks reported them; a callback that is not confirmed comes again."""

    app_id = "epayment_qris"
    secrets = ("EPAYMENT_QRIS_CLIENT", "EPAYMENT_QRIS_SECRET")
    drift = ("nominal",)

    def routes(self) -> list[Route]:
        return [Route("/v1/transaksi", self.payments)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, QrisPayment)
        wrong = flaws(rng, len(records), {"unreadable_amount": 5, "missing_time": 4, "negative_amount": 3})
        told = []
        for number, record in enumerate(records):
            defect, payer = wrong.get(number), record.payer
            district = ledger.places.district_by_code[record.district or ""]
            cents = f"{int(record.amount * 100)}"
            if defect == "unreadable_amount":
                cents = f"{cents[:-2]}.oo"
            elif defect == "negative_amount":
                cents = f"-{cents}"
            body = {
                "id_pembayaran": record.record_id,
                "kode_billing": record.bill,
                "jenis_penerimaan": PURPOSES[record.purpose],
                "rekening_penerimaan": record.account,
                "nominal": cents,
                "waktu_bayar": None if defect == "missing_time" else record.at.isoformat(),
                "issuer": record.issuer,
                "pembayar": payer.name if payer else record.company,
                "no_hp": f"62{payer.phone[1:]}" if payer else None,
                "kecamatan": district.name,
                "status": "SUCCESS",
            }
            planted = (*identity(payer, "name"), ("phone", f"62{payer.phone[1:]}")) if payer else ()
            received = record.at + timedelta(seconds=rng.randrange(1, 90))
            for attempt in range(1, record.attempts + 1):
                row = {**body, "percobaan": attempt, "diterima": received.isoformat()}
                told.append(Told(record.record_id, received.date(), row, received, defect, planted))
                received += timedelta(seconds=rng.randrange(60, 1200))
        return sorted(told, key=lambda row: row.order)

    async def payments(self, request: Request) -> Response:
        refusal = self._refusal(request)
        if refusal:
            return JSONResponse({"kode": "401", "pesan": refusal}, 401)
        query, rows = request.query_params, self.rows(request)
        limit, start = whole(query.get("limit"), 100, 1, 1000), _position(query.get("cursor"))
        try:
            since = datetime.fromisoformat(query["diterima_sejak"]) if query.get("diterima_sejak") else None
        except ValueError:
            since, start = None, None
        if limit is None or start is None or (since is not None and since.tzinfo is None):
            return JSONResponse({"kode": "400", "pesan": "limit, cursor atau diterima_sejak tidak valid"}, 400)
        if since is not None:
            rows = [row for row in rows if row.order >= since]
        if loops(request):
            start %= max(1, len(rows))
        end = start + limit
        more = loops(request) or end < len(rows)
        cursor = urlsafe_b64encode(f"qris:{end}".encode()).decode() if more else ""
        data = [row.body for row in rows[start:end]]
        return JSONResponse({"kode": "200", "transaksi": data, "cursor_berikut": cursor})

    def _refusal(self, request: Request) -> str | None:
        """Why the request is not let in, if it is not."""
        head, access = request.headers, self.city.access
        if not same(head.get("x-client-id"), access["EPAYMENT_QRIS_CLIENT"]):
            return "X-CLIENT-ID tidak dikenal"
        stamp = head.get("x-timestamp")
        if not is_recent(stamp):
            return "X-TIMESTAMP kedaluwarsa"
        query = request.scope["query_string"].decode()
        target = f"{request.url.path}?{query}" if query else request.url.path
        wanted = hmac_hex(access["EPAYMENT_QRIS_SECRET"], f"{request.method}\n{target}\n{stamp}")
        return None if same(head.get("x-signature"), wanted) else "X-SIGNATURE tidak cocok"


def _position(cursor: str | None) -> int | None:
    if not cursor:
        return 0
    try:
        mark, _, number = urlsafe_b64decode(cursor.encode()).decode().partition(":")
    except ValueError:
        return None
    return int(number) if mark == "qris" and number.isdigit() and len(number) < 10 else None


class SmartReport(Service):
    """Daily sums of what SIMPATDU and e-PBB took in, as a page shows them: one table a month, with a row of totals."""

    app_id = "smart_report"
    secrets = ("SMART_REPORT_USER", "SMART_REPORT_PASSWORD")
    drift = ("html",)
    paged = False

    def __init__(self, city: City) -> None:
        super().__init__(city)
        user, password = city.access["SMART_REPORT_USER"], city.access["SMART_REPORT_PASSWORD"]
        self.session = Session(city.doors, self.app_id, user, password, "/smart_report/bulan")

    def routes(self) -> list[Route]:
        return [
            Route("/login", self.login, methods=["GET", "POST"]),
            Route("/bulan", self.months),
            Route("/rekap", self.table),
        ]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, RevenueReport)
        wrong = flaws(rng, len(records), {"unreadable_amount": 3, "unknown_region": 2})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            district = ledger.places.district_by_code[record.district or ""].name
            body = (
                record.record_id,
                f"{record.at:%d-%m-%Y}",
                TAX_LABELS[record.tax],
                record.account,
                "Kantor Pusat" if defect == "unknown_region" else district,
                str(record.payments),
                "#######" if defect == "unreadable_amount" else _dotted(record.amount),
            )
            order = (f"{record.at:%Y-%m}", record.payments, record.amount)
            yield Told(record.record_id, record.at.date(), body, order, defect)

    async def login(self, request: Request) -> Response:
        return await self.session.login(request) if request.method == "POST" else self.session.login_page()

    async def months(self, request: Request) -> Response:
        refusal = self.session.refusal(request)
        if refusal is not None:
            return refusal
        months = sorted({f"{day:%Y-%m}" for day in window(self.city.ledger.until) if day <= self.city.today})
        return JSONResponse({"sukses": True, "bulan": months})

    async def table(self, request: Request) -> Response:
        refusal = self.session.refusal(request)
        if refusal is not None:
            return refusal
        month = request.query_params.get("bulan", "")
        try:
            datetime.strptime(month, "%Y-%m")
        except ValueError:
            return JSONResponse({"sukses": False, "pesan": "bulan harus yyyy-mm"}, 422)
        rows = [row for row in self.rows(request) if row.order[0] == month]

        def answer() -> Response:
            return JSONResponse({"sukses": True, "bulan": month, "html": _table(rows)})

        return tagged(request, tag_of(self, request, rows, month), answer)


def _table(rows: list[Told]) -> str:
    """The rows as the page shows them; the last row is the sum of the others."""
    head = "".join(f"<th>{escape(name)}</th>" for name in HEAD)
    lines = [
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row.body[:5])}"
        f'<td class="text-right">{row.body[5]}</td><td class="text-right">{row.body[6]}</td></tr>'
        for row in rows
    ]
    count, total = sum(row.order[1] for row in rows), sum((row.order[2] for row in rows), Decimal(0))
    lines.append(f'<tr class="total"><td colspan="5"><b>JUMLAH</b></td><td>{count}</td><td>{_dotted(total)}</td></tr>')
    return (
        '<table class="table table-bordered" id="rekap">'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(lines) + "\n</tbody></table>"
    )


def _dotted(amount: Decimal) -> str:
    """1234567.5 as 1.234.567,50."""
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


SERVICES = (EpaymentQris, SmartReport)
