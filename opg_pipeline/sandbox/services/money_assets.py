"""SIMDA-BMD: what the city owns, one workbook with a sheet for each inventory card (KIB A to F).

The things themselves belong in `truth`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import basic, same
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, fault_of, file_answer
from opg_pipeline.sandbox.services.money_common import XLSX, Sheet, flaws_among, kept, workbook
from opg_pipeline.sandbox.truth.money_budget import Asset

CARDS = {
    "A": "Tanah",
    "B": "Peralatan dan Mesin",
    "C": "Gedung dan Bangunan",
    "D": "Jalan, Irigasi dan Jaringan",
    "E": "Aset Tetap Lainnya",
    "F": "Konstruksi dalam Pengerjaan",
}
CONDITIONS = {"good": "B", "worn": "KB", "broken": "RB"}
USES = {"in_use": "Digunakan", "idle": "Tidak Digunakan", "planned": "Dalam Pengerjaan"}
SIZES = {"A": "Luas (m2)", "C": "Luas Lantai (m2)", "D": "Panjang (m)"}
EPOCH = date(1899, 12, 30)


def head_of(card: str) -> tuple[str, ...]:
    """The columns of a card's sheet."""
    size = (SIZES[card],) if card in SIZES else ()
    first = ("ID Barang", "Kode Barang", "Nama Barang", "Kode SKPD", "Nama SKPD")
    return (
        *first,
        *size,
        "Tgl Perolehan",
        "Thn Perolehan",
        "Tgl Buku",
        "Harga (Rp)",
        "Kondisi",
        "Penggunaan",
        "Kecamatan",
        "Desa/Kel",
    )


class SimdaBmd(Service):
    """The register of assets as it stands at the end of the day."""

    app_id = "simda_bmd"
    secrets = ("SIMDA_BMD_USER", "SIMDA_BMD_PASSWORD")
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/drop/KIB.xlsx", self.register)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Asset)
        lasting = [n for n, record in enumerate(records) if not (record.removed_on or record.changed_on)]
        wrong = flaws_among(rng, lasting, {"unreadable_amount": 4, "unmapped_condition": 4, "impossible_date": 3})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            place = ledger.places.village_by_code[record.village or ""]
            acquired = record.acquired_on
            got = None if acquired is None else _day(rng, acquired)
            size: tuple[Any, ...] = () if record.size is None else (float(record.size),)
            body = (
                record.record_id,
                record.classification,
                record.name,
                record.unit_code,
                record.unit,
                *size,
                "31/06/2019" if defect == "impossible_date" else got,
                "0000" if acquired is None else str(acquired.year),
                _day(rng, record.at.date()),
                "Rp. -" if defect == "unreadable_amount" else _price(record.amount),
                "dipinjam" if defect == "unmapped_condition" else CONDITIONS[record.condition],
                USES[record.status],
                place.district.name,
                place.name,
            )
            told = Told(record.record_id, record.at.date(), body, record.card, defect, gone_on=record.removed_on)
            if record.condition_before is None or record.changed_on is None:
                yield told
                continue
            before = (*body[:-4], CONDITIONS[record.condition_before], *body[-3:])
            truth = {"condition": record.condition_before}
            yield replace(told, body=before, gone_on=record.changed_on, truth=truth)
            yield replace(told, known_on=record.changed_on)

    async def register(self, request: Request) -> Response:
        access = self.city.access
        wanted = basic(access["SIMDA_BMD_USER"], access["SIMDA_BMD_PASSWORD"])
        if not same(request.headers.get("authorization"), wanted):
            return Response("Unauthorized", 401, {"WWW-Authenticate": 'Basic realm="SIMDA"'}, "text/plain")
        body = kept(self, request, "book", lambda: self._book(request))
        return file_answer(request, body, XLSX, self.city.today)

    def _book(self, request: Request) -> bytes:
        rows, spoilt = self.rows(request), fault_of(request) == "changed_type"
        sheets = []
        for card, label in CARDS.items():
            head = head_of(card)
            body = [row.body for row in rows if row.order == card]
            if spoilt:
                body = [(*cells[:-5], "dua juta rupiah", *cells[-4:]) for cells in body]
            title = ("PEMERINTAH KABUPATEN BOJONEGORO",), (f"KARTU INVENTARIS BARANG (KIB) {card} - {label.upper()}",)
            last = chr(ord("A") + len(head) - 1)
            sheets.append(Sheet(f"KIB {card}", (*title, (), head, *body), (f"A1:{last}1", f"A2:{last}2")))
        return workbook(sheets)


def _day(rng: Random, day: date) -> str | int:
    """A date as the clerk's machine stored it: text, or the serial number Excel counts days by."""
    return f"{day:%d/%m/%Y}" if rng.random() < 0.6 else (day - EPOCH).days


def _price(amount: Decimal) -> float | int:
    return int(amount) if amount == int(amount) else float(amount)


SERVICES = (SimdaBmd,)
