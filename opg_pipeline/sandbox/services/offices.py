"""Apps of the offices that answer as JSON or RSS: the electronic catalogue and the news portal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from html import escape as html_escape
from random import Random
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import same
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, file_answer, flaws, loops, page_of, whole
from opg_pipeline.sandbox.truth.records import Article, Purchase

VERSION_CHANGE = date(2026, 1, 1)
V6 = {"in_process": "ON_PROCESS", "in_delivery": "ON_DELIVERY", "completed": "COMPLETED", "cancelled": "CANCELED"}
V5 = {
    "in_process": "Proses Kontrak PPK",
    "in_delivery": "Melakukan Pengiriman dan Penerimaan",
    "completed": "Paket Selesai",
    "cancelled": "Paket Dibatalkan",
}
GOODS = {"goods": "Barang", "services": "Jasa Lainnya", "works": "Pekerjaan Konstruksi"}
WEEKDAYS = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu")
MONTHS = (
    ("Jan",),
    ("Feb",),
    ("Mar",),
    ("Apr",),
    ("Mei",),
    ("Jun",),
    ("Jul",),
    ("Agt", "Agu", "Ags"),
    ("Sep", "Sept"),
    ("Okt",),
    ("Nov", "Nop"),
    ("Des",),
)


def utc(moment: datetime) -> str:
    """ISO 8601 in UTC with Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def indonesian_day(rng: Random, day: date) -> str:
    """A date like 'Senin, 12 Agt 2024'; the month's short form is whatever the editor used."""
    return f"{WEEKDAYS[day.weekday()]}, {day.day} {rng.choice(MONTHS[day.month - 1])} {day.year}"


class EkatalogV6(Service):
    """Orders in the electronic catalogue; rows of the version before keep its words."""

    app_id = "ekatalog_v6"
    secrets = ("EKATALOG_V6_KEY",)
    drift = ("total_harga",)

    def routes(self) -> list[Route]:
        return [Route("/api/paket", self.packages)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Purchase)
        wrong = flaws(rng, len(records), {"missing_amount": 3, "negative_amount": 2, "unmapped_status": 4})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            old = record.at.astimezone(UTC).date() < VERSION_CHANGE
            amount = (
                None
                if defect == "missing_amount"
                else float(record.amount) * (-1 if defect == "negative_amount" else 1)
            )
            body = {
                "kode_paket": record.record_id,
                "nama_paket": record.title,
                "kode_rup": record.rup,
                "kode_satker": record.unit_code,
                "nama_satker": record.unit,
                "jenis_pengadaan": GOODS[record.kind],
                "penyedia": {"nama": record.supplier, "npwp": record.supplier_npwp, "perorangan": record.sole_trader},
                "total_harga": amount,
                "sumber_dana": "APBD",
                "versi": "V5" if old else "V6",
                "status": "MIGRATED" if defect == "unmapped_status" else (V5 if old else V6)[record.status],
                "tanggal_buat": utc(record.at),
                "tanggal_update": utc(record.changed_at),
            }
            planted = (("nik", record.supplier_npwp),) if record.sole_trader else ()
            yield Told(record.record_id, record.at.date(), body, utc(record.changed_at), defect, planted)

    async def packages(self, request: Request) -> Response:
        query = request.query_params
        if not same(query.get("api_key"), self.city.access["EKATALOG_V6_KEY"]):
            return JSONResponse({"error": "invalid_api_key", "message": "API key tidak valid"}, 401)
        offset, limit = whole(query.get("offset"), 0, 0, 10**9), whole(query.get("limit"), 50, 1, 100)
        since = query.get("diubah_sejak", "")
        if offset is None or limit is None or not _is_utc(since):
            return JSONResponse({"error": "bad_request", "message": "parameter tidak valid"}, 400)
        rows = [row for row in self.rows(request) if row.order >= since]
        total = 10**9 if loops(request) else len(rows)
        return JSONResponse(
            {"total": total, "limit": limit, "offset": offset, "data": page_of(rows, offset, limit, loops(request))}
        )


def _is_utc(text: str) -> bool:
    try:
        return text == "" or bool(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return False


class PortalBerita(Service):
    """News as RSS; an edited article stands twice and its later item is the right one."""

    app_id = "portal_berita"
    drift = ("pubDate",)
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/feed.xml", self.feed)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Article)
        wrong = flaws(rng, len(records), {"impossible_date": 2})
        edits: list[tuple[int, Told]] = []
        for number, record in enumerate(records):
            defect = wrong.get(number)
            day = record.at.date()
            written = (
                f"{WEEKDAYS[day.weekday()]}, 32 {MONTHS[day.month - 1][0]} {day.year}"
                if defect
                else indonesian_day(rng, day)
            )
            yield Told(record.record_id, day, _item(record, record.first_title, written), None, defect)
            if record.edited:
                edits.append(
                    (number + 4, Told(record.record_id, day, _item(record, record.title, written), None, defect))
                )
            while edits and edits[0][0] <= number:
                yield edits.pop(0)[1]
        for _, told in edits:
            yield told

    async def feed(self, request: Request) -> Response:
        items = "\n".join(row.body for row in self.rows(request))
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>'
            "<title>Portal Kabupaten Bojonegoro</title>"
            f"<link>https://portal.example/</link><description>Berita</description>\n{items}\n</channel></rss>\n"
        )
        return file_answer(request, text.encode(), "application/rss+xml", self.city.today)


def _item(record: Article, title: str, written: str) -> str:
    """One item; the portal escapes the title as HTML and then once more as XML."""
    return (
        f"<item><title>{escape(html_escape(title))}</title><link>{escape(record.link)}</link>"
        f'<guid isPermaLink="false">{record.record_id}</guid><pubDate>{written}</pubDate>'
        f"<category>{record.section}</category>"
        f"<description>{escape(html_escape(record.summary))}</description></item>"
    )


SERVICES = (EkatalogV6, PortalBerita)
