"""Prices of food: the trade office's table (HTML rows inside JSON) and the province's (an HTML fragment behind a firewall).

What was asked at the markets belongs in `truth`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.city import City
from opg_pipeline.sandbox.doors import form_of
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, fault_of, file_answer, flaws
from opg_pipeline.sandbox.truth.trade_prices import OFFICE_IDS, PROVINCE_MARKETS, PriceQuote

WINDOW = timedelta(days=31)
LIBRARIES = re.compile(r"python|curl|wget|go-http|java|okhttp|libwww|$", re.IGNORECASE)
PROVINCE_HEAD = (
    "NO",
    "NAMA BAHAN POKOK",
    "SATUAN",
    "HARGA KEMARIN",
    "HARGA SEKARANG",
    "PERUBAHAN (Rp)",
    "PERUBAHAN (%)",
)


def dotted(amount: int) -> str:
    """12508 as '12.508'."""
    return f"{amount:,}".replace(",", ".")


def percent(record: PriceQuote) -> str:
    """The change against the price before as '-0,02%'."""
    return f"{100 * (record.price - record.previous) / record.previous:.2f}%".replace(".", ",")


class PriceTable(Service):
    """What both services share: the rows by market."""

    paged = False

    def __init__(self, city: City) -> None:
        super().__init__(city)
        self._groups: dict[tuple[date, str | None], Mapping[str, Sequence[Told]]] = {}

    def of_market(self, request: Request, market: str) -> Sequence[Told]:
        """The rows of one market, oldest first."""
        key = (self.city.today, fault_of(request))
        if key not in self._groups:
            groups: dict[str, list[Told]] = {}
            for row in self.rows(request):
                groups.setdefault(row.order, []).append(row)
            self._groups = {key: groups}
        return self._groups[key].get(market, ())


class DisdagOnline(PriceTable):
    """Prices in the districts, as the rows of a table inside JSON."""

    app_id = "disdag_online"
    drift = ("konten_harga",)

    def routes(self) -> list[Route]:
        return [
            Route("/trend/kecamatan", self.districts),
            Route("/trend/generate_content_tabel_harga", self.table, methods=["POST"]),
        ]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, PriceQuote)
        wrong = flaws(rng, len(records), {"missing_price": 25, "missing_unit": 10, "misplaced_comma": 8})
        for number, record in enumerate(records):
            defect, day = wrong.get(number), record.at.date()
            price = dotted(record.price)
            if defect == "missing_price":
                price = "-"
            elif defect == "misplaced_comma":
                price = f"{price[:-1]},{price[-1]}.0"
            change = record.price - record.previous
            cells = (
                record.commodity_code[-4:],
                escape(record.commodity),
                "" if defect == "missing_unit" else record.unit.title(),
                dotted(record.previous),
                price,
                dotted(change),
                percent(record),
            )
            tr = (
                f'<tr class="{"lama" if record.carried else "baru"}" data-kode="{record.commodity_code}" data-tgl="{day}">'
                f"{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
            )
            yield Told(record.record_id, day, (day, record.group, tr), record.market_id, defect)

    async def districts(self, request: Request) -> Response:
        return JSONResponse([{"id_skpd": key, "nama": f"Kecamatan {name}"} for name, key in OFFICE_IDS.items()])

    async def table(self, request: Request) -> Response:
        form = await form_of(request)
        market = form.get("id_skpd", "")
        name = next((name for name, key in OFFICE_IDS.items() if key == market), None)
        try:
            first = date.fromisoformat(form.get("tgl_awal") or form.get("tgl_harga", ""))
            last = date.fromisoformat(form.get("tgl_akhir") or first.isoformat())
        except ValueError:
            return self._refused("Tanggal harus yyyy-mm-dd")
        if name is None:
            return self._refused("id_skpd tidak dikenal")
        if last - first >= WINDOW:
            return self._refused("Rentang tanggal paling lama 31 hari")
        lines, group = [], ("", date.min)
        for day, goods, tr in (row.body for row in self.of_market(request, market)):
            if not first <= day <= last:
                continue
            if group != (goods, day):
                lines.append(f'<tr class="grup"><td colspan="7">&nbsp;{goods}</td></tr>')
                group = (goods, day)
            lines.append(tr)
        title = f"<b>Tabel Harga Bahan Pokok Kecamatan {name}</b> Tanggal {first:%d-%m-%Y} s.d. {last:%d-%m-%Y}"
        return JSONResponse({"success": True, "judul_tabel": title, "konten_harga": "\r\n".join(lines)})

    def _refused(self, message: str) -> Response:
        return JSONResponse({"success": False, "judul_tabel": "", "konten_harga": "", "pesan": message})


class Siskaperbapo(PriceTable):
    """The province's table for one market and day; a firewall turns away what does not look like its own page."""

    app_id = "siskaperbapo"

    def routes(self) -> list[Route]:
        return [
            Route("/harga/pasar.json/{region}", self.markets),
            Route("/harga/tanggal.json/{region}", self.days),
            Route("/harga/tabel.nodesign/", self.table, methods=["POST"]),
        ]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, PriceQuote)
        wrong = flaws(rng, len(records), {"missing_price": 5, "missing_unit": 3})
        for number, record in enumerate(records):
            defect, change = wrong.get(number), record.price - record.previous
            price = "-" if defect == "missing_price" else dotted(record.price)
            cells = (dotted(record.previous), price, dotted(change), percent(record))
            unit = "" if defect == "missing_unit" else record.unit
            body = (record.at.date(), record.group, record.commodity_code, record.commodity, unit, cells)
            yield Told(record.record_id, record.at.date(), body, record.market_id, defect)

    async def markets(self, request: Request) -> Response:
        if request.path_params["region"] != "bojonegorokab":
            return _blocked(request) or JSONResponse([])
        return _blocked(request) or JSONResponse(
            [{"psr_id": number, "psr_nama": name} for number, name, _ in PROVINCE_MARKETS]
        )

    async def days(self, request: Request) -> Response:
        known = {row.body[0] for row in self.rows()} if request.path_params["region"] == "bojonegorokab" else ()
        return _blocked(request) or JSONResponse([day.isoformat() for day in sorted(known)])

    async def table(self, request: Request) -> Response:
        blocked = _blocked(request)
        if blocked is not None:
            return blocked
        form = await form_of(request)
        try:
            day = date.fromisoformat(form.get("tanggal", ""))
        except ValueError:
            return HTMLResponse("<p>Tanggal tidak valid</p>", 400)
        known = form.get("kabkota") == "bojonegorokab"
        rows = (
            [row.body for row in self.of_market(request, form.get("pasar", "")) if row.body[0] == day] if known else []
        )
        changed = fault_of(request) == "changed_type"
        lines, group = [], None
        for number, (_, goods, code, name, unit, cells) in enumerate(rows, 1):
            if goods != group:
                lines.append(f'<tr class="kelompok"><td></td><td colspan="6"><b>{goods}</b></td></tr>')
                group = goods
            texts = ("dua belas ribu", "tiga belas ribu", *cells[2:]) if changed else cells
            tail = "".join(f'<td class="angka">{text}</td>' for text in texts)
            lines.append(
                f'<tr data-kode="{code}"><td>{number}</td><td><span>- {escape(name)}</span></td><td>{escape(unit)}</td>{tail}</tr>'
            )
        head = "".join(f"<th>{name}</th>" for name in PROVINCE_HEAD)
        body = "\n".join(lines)
        text = f'<table class="table"><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>\n'
        return file_answer(request, text.encode(), "text/html; charset=utf-8", self.city.today)


def _blocked(request: Request) -> Response | None:
    """The firewall's page where a request does not look like one of the site's own."""
    headers = request.headers
    fits = (
        headers.get("x-requested-with") == "XMLHttpRequest"
        and "/harga/tabel" in headers.get("referer", "")
        and not LIBRARIES.match(headers.get("user-agent", ""))
    )
    return None if fits else HTMLResponse("<html><h1>403 Forbidden</h1><p>Request blocked by WAF</p></html>", 403)


SERVICES = (DisdagOnline, Siskaperbapo)
