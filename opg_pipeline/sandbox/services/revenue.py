"""The revenue office's apps: e-PBB (JSON by offset), e-BPHTB (XML by page) and WIZZTARA (NDJSON export).

What was paid and asked belongs in `truth`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from xml.sax.saxutils import escape, quoteattr

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import basic, same
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, flaws, identity, loops, page_of, whole
from opg_pipeline.sandbox.truth.records import LandTaxPayment, LandTransfer, TaxQuestion

CHANNELS = {
    "village_collector": "PETUGAS DESA",
    "teller": "TELLER",
    "virtual_account": "VA",
    "qris": "QRIS",
    "mobile": "M-BANKING",
}
KINDS = {
    "sale": ("01", "Jual Beli"),
    "exchange": ("02", "Tukar Menukar"),
    "gift": ("03", "Hibah"),
    "inheritance": ("05", "Waris"),
    "auction": ("08", "Penunjukan Pembeli dalam Lelang"),
}
TOPICS = {
    "land_tax_bill": "cek_tagihan",
    "land_tax_receipt": "bukti_bayar",
    "land_transfer": "bphtb",
    "data_correction": "koreksi_data",
    "restaurant_tax": "pajak_resto",
    "other": "lainnya",
}
ANSWER_STATES = {"closed": "SELESAI", "in_progress": "DIPROSES", "open": "BARU"}
UNIT_CHANGE = date(2026, 1, 1)


def dotted(amount: Decimal) -> str:
    """1234567 as 1.234.567."""
    return f"{int(amount):,}".replace(",", ".")


def short_name(text: str) -> str:
    """A misspelling no register knows."""
    return f"{text[:2]}xx{text[2:4]}"


class EPbb(Service):
    """Land and building tax payments. Every answer is HTTP 200; the body says whether it went well."""

    app_id = "e_pbb"
    secrets = ("E_PBB_KEY",)
    drift = ("jumlah",)

    def routes(self) -> list[Route]:
        return [Route("/pembayaran", self.payments)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, LandTaxPayment)
        wrong = flaws(
            rng,
            len(records),
            {
                "unreadable_amount": 6,
                "impossible_date": 6,
                "unknown_village": 8,
                "malformed_nik": 5,
                "malformed_nop": 4,
                "delivered_twice": 12,
            },
        )
        late: list[tuple[int, Told]] = []
        for number, record in enumerate(records):
            defect = wrong.get(number)
            place, payer, nop = ledger.places.village_by_code[record.village or ""], record.payer, record.nop
            if rng.random() < 0.5:
                nop = f"{nop[:2]}.{nop[2:4]}.{nop[4:7]}.{nop[7:10]}.{nop[10:13]}-{nop[13:17]}.{nop[17]}"
            nop = nop[:-1] if defect == "malformed_nop" else nop
            nik = payer.nik[:-1] if defect == "malformed_nik" else payer.nik
            body = {
                "ntpd": record.record_id,
                "nop": nop,
                "thn_pajak": str(record.tax_year),
                "jumlah": "Rp -,-" if defect == "unreadable_amount" else f"Rp {dotted(record.amount)}",
                "denda": f"Rp {dotted(record.fine)}",
                "tgl_bayar": f"31/02/{record.at.year}" if defect == "impossible_date" else f"{record.at:%d/%m/%Y}",
                "kanal": CHANNELS[record.channel],
                "nama_wp": payer.name.upper(),
                "nik_wp": nik,
                "alamat_wp": payer.household.address,
                "kecamatan": place.district.name,
                "desa": short_name(place.name) if defect == "unknown_village" else place.name,
            }
            planted = (("account", nop), ("name", payer.name.upper()), ("nik", nik), *identity(payer, "address"))
            twice = defect == "delivered_twice"
            day = record.at.date()
            told = Told(record.record_id, day, body, day, None if twice else defect, planted)
            yield told
            if twice:
                late.append((number + 3, told))
            while late and late[0][0] <= number:
                yield late.pop(0)[1]
        for _, told in late:
            yield told

    async def payments(self, request: Request) -> Response:
        if not same(request.headers.get("x-api-key"), self.city.access["E_PBB_KEY"]):
            return self._error("E401", "API key tidak dikenal")
        query = request.query_params
        offset, limit = whole(query.get("offset"), 0, 0, 10**9), whole(query.get("limit"), 100, 1, 500)
        if offset is None or limit is None:
            return self._error("E422", "offset atau limit tidak valid (limit maksimum 500)")
        rows = self.rows(request)
        if query.get("since"):
            try:
                since = datetime.strptime(query["since"], "%d/%m/%Y").date()
            except ValueError:
                return self._error("E422", "since harus dd/mm/yyyy")
            rows = [row for row in rows if row.order >= since]
        total = 10**9 if loops(request) else len(rows)
        return JSONResponse(
            {
                "status": "ok",
                "data": page_of(rows, offset, limit, loops(request)),
                "meta": {"total": total, "offset": offset, "limit": limit},
            }
        )

    def _error(self, code: str, message: str) -> Response:
        return JSONResponse({"status": "error", "code": code, "message": message, "data": None})


class EBphtb(Service):
    """Duty on land changing hands, as XML."""

    app_id = "e_bphtb"
    secrets = ("E_BPHTB_USER", "E_BPHTB_PASSWORD")
    drift = ("harga",)

    def routes(self) -> list[Route]:
        return [Route("/sspd", self.slips)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, LandTransfer)
        wrong = flaws(rng, len(records), {"missing_unit": 3, "impossible_date": 2, "unknown_village": 3})
        for number, record in enumerate(records):
            defect, day, payer = wrong.get(number), record.at.date(), record.payer
            place = ledger.places.village_by_code[record.village or ""]
            old = day < UNIT_CHANGE
            unit = "" if defect == "missing_unit" else f' satuan="{"ribu" if old else "rupiah"}"'
            written = "0000-00-00" if defect == "impossible_date" else day.isoformat()
            village = short_name(place.name) if defect == "unknown_village" else place.name
            code, kind = KINDS[record.kind]
            body = (
                f'<sspd no={quoteattr(record.record_id)} tanggal="{written}">'
                f'<jenis kode="{code}">{escape(kind)}</jenis>'
                f"<wajib_pajak><nama>{escape(payer.name)}</nama><nik>{payer.nik}</nik><npwp>{record.npwp}</npwp>"
                f"<alamat>{escape(payer.household.address)}</alamat></wajib_pajak>"
                f'<objek nop="{record.nop}"><kecamatan>{escape(place.district.name)}</kecamatan>'
                f"<desa>{escape(village)}</desa>"
                f'<luas satuan="m2">{record.area_m2}</luas></objek>'
                f"<harga{unit}>{dotted(record.price / 1000 if old else record.price)}</harga>"
                f"<pajak><npoptkp>{dotted(record.exempt)}</npoptkp><dibayar>{dotted(record.amount)}</dibayar></pajak></sspd>"
            )
            numbers = (
                (("account", record.nop),)
                if record.npwp == payer.nik
                else (("account", record.nop), ("account", record.npwp))
            )
            yield Told(record.record_id, day, body, day, defect, (*identity(payer, "name", "nik", "address"), *numbers))

    async def slips(self, request: Request) -> Response:
        access = self.city.access
        if not same(request.headers.get("authorization"), basic(access["E_BPHTB_USER"], access["E_BPHTB_PASSWORD"])):
            return self._error(401, "Pengguna atau kata sandi salah")
        query = request.query_params
        page, size = whole(query.get("halaman"), 1, 1, 10**6), whole(query.get("per_halaman"), 100, 1, 200)
        try:
            start = date.fromisoformat(query.get("dari") or "0001-01-01")
        except ValueError:
            return self._error(400, "dari harus yyyy-mm-dd")
        if page is None or size is None:
            return self._error(400, "halaman atau per_halaman tidak valid")
        rows = [row for row in self.rows(request) if row.order >= start]
        pages = page + 1 if loops(request) else -(-len(rows) // size)
        slips = "\n".join(page_of(rows, (page - 1) * size, size, loops(request)))
        return Response(
            f'<?xml version="1.0" encoding="UTF-8"?>\n<bphtb halaman="{page}" per_halaman="{size}" total="{len(rows)}" '
            f'total_halaman="{pages}">\n{slips}\n</bphtb>\n',
            media_type="application/xml",
        )

    def _error(self, status: int, message: str) -> Response:
        headers = {"WWW-Authenticate": 'Basic realm="e-BPHTB"'} if status == 401 else None
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<galat kode="{status}">{message}</galat>\n'
        return Response(text, status, headers, "application/xml")


class Wizztara(Service):
    """Questions to the tax assistant on WhatsApp, one JSON object a line."""

    app_id = "wizztara"
    secrets = ("WIZZTARA_KEY",)
    drift = ("ts",)
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/export.ndjson", self.export)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, TaxQuestion)
        wrong = flaws(rng, len(records), {"broken_line": 3, "milliseconds": 5, "unmapped_status": 6})
        for number, record in enumerate(records):
            defect, sender = wrong.get(number), record.sender
            phone = rng.choice((sender.phone, f"+62{sender.phone[1:]}", f"62{sender.phone[1:]}"))
            district = ledger.places.district_by_code[record.district or ""]
            seconds = int(record.at.timestamp())
            answered = None if record.answered_at is None else int(record.answered_at.timestamp())
            line = json.dumps(
                {
                    "id": record.record_id,
                    "ts": seconds * 1000 if defect == "milliseconds" else seconds,
                    "dari": phone,
                    "nama_profil": sender.name,
                    "topik": TOPICS[record.topic],
                    "pesan": record.text,
                    "status": "ESKALASI-2" if defect == "unmapped_status" else ANSWER_STATES[record.status],
                    "dijawab_ts": answered,
                    "wilayah": f"Kec. {district.name}" if rng.random() < 0.6 else None,
                },
                ensure_ascii=False,
            )
            planted = (("phone", phone), ("name", sender.name), *record.mentions)
            if defect == "broken_line":
                line = line[: len(line) // 2]
                planted = tuple(pair for pair in planted if pair[1] in line)
            yield Told(record.record_id, record.at.date(), line, seconds, defect, planted)

    async def export(self, request: Request) -> Response:
        if not same(request.headers.get("x-wizztara-key"), self.city.access["WIZZTARA_KEY"]):
            return JSONResponse({"error": "kunci tidak sah"}, 403)
        since = whole(request.query_params.get("sejak"), 0, 0, 10**10)
        if since is None:
            return JSONResponse({"error": "sejak harus detik epoch"}, 400)
        lines = [f"{row.body}\n" for row in self.rows(request) if row.order >= since]
        return Response("".join(lines), media_type="application/x-ndjson")


SERVICES = (EPbb, EBphtb, Wizztara)
