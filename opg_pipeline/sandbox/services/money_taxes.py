"""Apps of local taxes: SIMPATDU (JSON by page, token by login) and DIJAMIN MINUL (JSON list, Link header).

What was paid belongs in `truth`; QRIS and the daily reports are in `money_daily`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import bearer, same
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, flaws, loops, page_of, whole
from opg_pipeline.sandbox.services.money_common import day_in, refused
from opg_pipeline.sandbox.truth.money_taxes import LocalTaxPayment, TaxReturn

# The names are those of the law before UU 1/2022, which merged five of them into PBJT.
TAX_NAMES = {
    "hotel": ("Pajak Hotel", "PAJAK HOTEL"),
    "restaurant": ("Pajak Restoran", "PAJAK RESTORAN", "Pajak Rumah Makan"),
    "entertainment": ("Pajak Hiburan", "PAJAK HIBURAN"),
    "advertising": ("Pajak Reklame",),
    "electricity": ("Pajak Penerangan Jalan", "PPJ Non PLN"),
    "parking": ("Pajak Parkir", "PAJAK PARKIR"),
    "groundwater": ("Pajak Air Tanah", "Pajak ABT"),
    "swallow_nest": ("Pajak Sarang Burung Walet",),
    "minerals": ("Pajak Mineral Bukan Logam dan Batuan", "Pajak Galian C"),
}
CHANNELS = {"teller": "TELLER BANK JATIM", "virtual_account": "VA", "qris": "QRIS", "mobile": "JConnect Mobile"}
SECTORS = {"food": "MAMIN", "minerals": "MBLB"}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agt", "Sep", "Okt", "Nov", "Des")


def rupiah_text(amount: Decimal) -> str:
    """1234567.5 as Rp 1.234.567,50."""
    return "Rp " + f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


class Simpatdu(Service):
    """Payments of the nine local taxes."""

    app_id = "simpatdu"
    secrets = ("SIMPATDU_USER", "SIMPATDU_PASSWORD")
    drift = ("jumlah_bayar",)

    def routes(self) -> list[Route]:
        return [Route("/api/login", self.login, methods=["POST"]), Route("/api/pembayaran", self.payments)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, LocalTaxPayment)
        wrong = flaws(rng, len(records), {"unreadable_amount": 4, "unknown_tax": 3, "impossible_date": 3})
        for number, record in enumerate(records):
            defect, person = wrong.get(number), record.taxpayer
            place = ledger.places.village_by_code[record.village or ""]
            name = person.name.upper() if person else record.business.upper()
            paid = f"{record.at.year}-13-{record.at:%d %H:%M:%S}" if defect == "impossible_date" else None
            body = {
                "id_transaksi": record.record_id,
                "npwpd": record.npwpd,
                "nama_wp": name,
                "jenis_wp": "PRIBADI" if person else "BADAN",
                "nama_usaha": record.business,
                "jenis_pajak": "Pajak Lain-lain" if defect == "unknown_tax" else rng.choice(TAX_NAMES[record.tax]),
                "kode_rekening": record.account,
                "masa_pajak": f"{record.month:02d}/{record.year}",
                "jumlah_bayar": "Rp ********" if defect == "unreadable_amount" else rupiah_text(record.amount),
                "denda": rupiah_text(record.fine),
                "tgl_bayar": paid or f"{record.at:%Y-%m-%d %H:%M:%S}",
                "kanal_bayar": CHANNELS[record.channel],
                "kecamatan": place.district.name.upper(),
                "kelurahan": place.name.upper(),
            }
            planted = (("name", name), ("account", record.npwpd)) if person else ()
            yield Told(record.record_id, record.at.date(), body, record.at.date(), defect, planted)

    async def login(self, request: Request) -> Response:
        try:
            given = await request.json()
            user, password = str(given["username"]), str(given["password"])
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"status": False, "message": "username dan password wajib diisi"}, 422)
        access = self.city.access
        if not (same(user, access["SIMPATDU_USER"]) and same(password, access["SIMPATDU_PASSWORD"])):
            return JSONResponse({"status": False, "message": "Username atau password salah"}, 401)
        token = self.city.doors.issue(self.app_id)
        return JSONResponse({"status": True, "data": {"token": token, "tipe": "Bearer", "berlaku_menit": 60}})

    async def payments(self, request: Request) -> Response:
        if not self.city.doors.bearer(self.app_id, request):
            return JSONResponse({"status": False, "message": "Token tidak valid atau kedaluwarsa"}, 401)
        query = request.query_params
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("per_page"), 50, 1, 500)
        since = day_in(query.get("tgl_dari"))
        if page is None or size is None or since is None:
            return JSONResponse({"status": False, "message": "Parameter tidak valid"}, 422)
        rows = [row for row in self.rows(request) if row.order >= since]
        pages = 10**6 if loops(request) else max(1, -(-len(rows) // size))
        return JSONResponse(
            {
                "status": True,
                "page": page,
                "per_page": size,
                "total": len(rows),
                "last_page": pages,
                "data": page_of(rows, (page - 1) * size, size, loops(request)),
            }
        )


class DijaminMinul(Service):
    """Settled returns of eating places and quarries. A list without an envelope; the Link header leads on."""

    app_id = "dijamin_minul"
    secrets = ("DIJAMIN_MINUL_TOKEN",)
    drift = ("pajak_terutang",)

    def routes(self) -> list[Route]:
        return [Route("/api/v2/sptpd", self.returns)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, TaxReturn)
        wrong = flaws(rng, len(records), {"unreadable_month": 4, "missing_amount": 3, "unknown_village": 4})
        turnovers = {"zero": "0", "not_filled": "-", "not_asked": None}
        for number, record in enumerate(records):
            defect, person = wrong.get(number), record.taxpayer
            place = ledger.places.village_by_code[record.village or ""]
            turnover = turnovers.get(record.turnover_state, str(record.turnover))
            month = f"{MONTHS[record.month - 1]} {record.year}"
            body = {
                "nomor_sptpd": record.record_id,
                "npwpd": record.npwpd,
                "usaha": record.business,
                "pemilik": person.name if person else None,
                "sektor": SECTORS[record.sector],
                "kode_rekening": record.account,
                "masa": f"bln {record.year}" if defect == "unreadable_month" else month,
                "omzet": turnover,
                "volume_m3": None if record.volume_m3 is None else float(record.volume_m3),
                "pajak_terutang": None if defect == "missing_amount" else int(record.amount),
                "sanksi": int(record.fine),
                "tanggal_bayar": f"{record.at:%Y-%m-%d}",
                "lokasi": {
                    "kecamatan": place.district.name,
                    "desa": "tdk diketahui" if defect == "unknown_village" else place.name,
                },
            }
            planted = (("name", person.name), ("account", record.npwpd)) if person else ()
            yield Told(record.record_id, record.at.date(), body, record.at.date(), defect, planted)

    async def returns(self, request: Request) -> Response:
        if not same(request.headers.get("authorization"), bearer(self.city.access["DIJAMIN_MINUL_TOKEN"])):
            return refused("Unauthenticated.")
        query = request.query_params
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("per_page"), 30, 1, 500)
        since: date | None = day_in(query.get("dibayar_sejak"))
        if page is None or size is None or since is None:
            return JSONResponse({"message": "Parameter tidak valid"}, 422)
        rows = [row for row in self.rows(request) if row.order >= since]
        last = max(1, -(-len(rows) // size))
        links = {"first": 1, "last": last}
        if page > 1:
            links["prev"] = page - 1
        if page < last or loops(request):
            links["next"] = page + 1 if page < last else 1
        kept = {"dibayar_sejak": query["dibayar_sejak"]} if query.get("dibayar_sejak") else {}
        address = f"{request.url.scheme}://{request.url.netloc}{request.url.path}"
        link = ", ".join(
            f'<{address}?{urlencode({"page": number, "per_page": size, **kept})}>; rel="{name}"'
            for name, number in links.items()
        )
        headers = {"Link": link, "X-Total-Count": str(len(rows))}
        return JSONResponse([row.body for row in rows[(page - 1) * size : page * size]], headers=headers)


SERVICES = (Simpatdu, DijaminMinul)
