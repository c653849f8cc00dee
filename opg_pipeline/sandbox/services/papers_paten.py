"""PATEN: the workbooks in which 28 district offices report their counters, each in a layout of its own.

What was applied for belongs in `truth`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from html import escape
from random import Random
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, fault_of, file_answer, flaws, identity
from opg_pipeline.sandbox.services.money_common import XLSX, Sheet, workbook
from opg_pipeline.sandbox.services.planning_answers import Stage, stages
from opg_pipeline.sandbox.truth.geography import District, geography
from opg_pipeline.sandbox.truth.papers_offices import CounterCase
from opg_pipeline.sandbox.truth.planning_figures import MONTHS

SERVICE_WORDS = {
    "poverty_letter": ("SKTM", "Surat Keterangan Tidak Mampu"),
    "family_card_letter": ("KK", "Pengantar Kartu Keluarga"),
    "marriage_dispensation": ("DN", "Dispensasi Nikah"),
    "legalisation": ("LEG", "Legalisasi Surat"),
    "micro_business_permit": ("IUMK", "Izin Usaha Mikro Kecil"),
    "heirs_statement": ("SKW", "Surat Keterangan Waris"),
    "crowd_permit": ("KRM", "Rekomendasi Izin Keramaian"),
}
STATES = {
    "submitted": "Masuk",
    "verified": "Proses",
    "returned": "Dikembalikan",
    "issued": "Selesai",
    "rejected": "Ditolak",
}
# what a column holds: the headings under which offices write it
HEADINGS = {
    "key": ("No. Register", "NOMOR REG", "No Agenda"),
    "code": ("Kode", "KODE LAYANAN"),
    "service": ("Jenis Pelayanan", "LAYANAN", "Keperluan"),
    "name": ("Nama Pemohon", "NAMA", "Nama"),
    "nik": ("NIK", "No. KTP"),
    "address": ("Alamat", "ALAMAT RUMAH"),
    "village": ("Desa/Kel", "DESA", "Asal Desa"),
    "district": ("Kecamatan", "KEC."),
    "entered": ("Tgl Masuk", "TANGGAL", "Tanggal Permohonan"),
    "decided": ("Tgl Selesai", "SELESAI TGL"),
    "fee": ("Biaya", "RETRIBUSI (Rp)"),
    "status": ("Status", "KETERANGAN", "Ket"),
}
SPELLINGS = {"Sumberrejo": ("Sumberejo", "Sumberrejo"), "Kepohbaru": ("Kepoh Baru", "Kepohbaru")}
SHEETS = ("Rekap", "PATEN", "Sheet1", "DATA")
DATES = ("cell", "dd/mm/yyyy", "d month yyyy")


@dataclass(frozen=True, slots=True)
class Layout:
    """How one office fills in its workbook: rows above the heading, blank columns before it, columns in order."""

    file: str
    sheet: str
    above: int
    before: int
    columns: tuple[tuple[str, str], ...]
    dates: str
    total: bool


def layout_of(district: District) -> Layout:
    """The layout of a district's workbook, the same in every city."""
    number = int(district.code[-2:])
    rng = Random(f"paten layout {number}")
    kinds = list(HEADINGS)
    rng.shuffle(kinds)
    name = SPELLINGS.get(district.name, (district.name,))[0]
    return Layout(
        file=f"PATEN_{name.upper().replace(' ', '_')}.xlsx",
        sheet=SHEETS[number % len(SHEETS)],
        above=number % 4 + 1,
        before=number % 3 // 2,
        columns=tuple((kind, rng.choice(HEADINGS[kind])) for kind in kinds),
        dates=DATES[number % len(DATES)],
        total=number % 2 == 0,
    )


class Paten(Service):
    """A folder with a workbook of each district office."""

    app_id = "paten"
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/drop/", self.folder), Route("/drop/{file}", self.file)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, CounterCase)
        wrong = flaws(rng, len(records), {"unmapped_status": 8, "malformed_nik": 6, "missing_entered": 4})
        layouts = {district.code: layout_of(district) for district in ledger.places.districts}
        for number, record in enumerate(records):
            defect, person = wrong.get(number), record.applicant
            nik = person.nik[:-3] if defect == "malformed_nik" else person.nik
            layout = layouts[record.district or ""]
            steps = []
            for status, day in (("submitted", record.at.date()), (record.status, record.changed_at.date())):
                last = status == record.status
                cells = _cells(ledger, record, status, nik, defect, layout.dates)
                truth = {} if last else {"status": status, "decided_on": None, "changed_at": record.at.isoformat()}
                steps.append(Stage(day, tuple(cells[kind] for kind, _ in layout.columns), layout.file, truth))
            yield from stages(record.record_id, steps, defect, (("nik", nik), *identity(person, "name", "address")))

    async def folder(self, request: Request) -> Response:
        names = sorted({row.order for row in self.rows(request)})
        links = "\n".join(
            f'<tr><td><a href="{escape(name)}">{escape(name)}</a></td><td>{self.city.today}</td></tr>' for name in names
        )
        return HTMLResponse(
            "<!DOCTYPE html><html><head><title>Index of /paten/drop</title></head><body><h1>Index of /paten/drop</h1>"
            f"<table><tr><th>Name</th><th>Last modified</th></tr>\n{links}\n</table></body></html>"
        )

    async def file(self, request: Request) -> Response:
        wanted = request.path_params["file"]
        rows = tuple(row.body for row in self.rows(request) if row.order == wanted)
        known = {layout_of(district).file: district for district in self.city.ledger.places.districts}
        if wanted not in known or not rows:
            return HTMLResponse("<h1>404 Not Found</h1>", 404)
        changed = fault_of(request) == "changed_type"
        return file_answer(request, _book(known[wanted].code, rows, changed), XLSX, self.city.today)


def _cells(
    ledger: Ledger, record: CounterCase, status: str, nik: str, defect: str | None, dates: str
) -> dict[str, Any]:
    """What the columns hold."""
    rng = Random(record.record_id)
    person, place = record.applicant, ledger.places.village_by_code[record.village or ""]
    code, service = SERVICE_WORDS[record.service]
    decided = record.decided_on if status == record.status else None
    return {
        "key": record.record_id,
        "code": code,
        "service": service,
        "name": person.name,
        "nik": nik,
        "address": person.household.address,
        "village": place.name,
        "district": rng.choice(SPELLINGS.get(place.district.name, (place.district.name,))),
        "entered": None if defect == "missing_entered" else _written(record.at.date(), dates),
        "decided": None if decided is None else _written(decided, dates),
        "fee": int(record.fee),
        "status": rng.choice(("blm diambil", "tunggu camat")) if defect == "unmapped_status" else STATES[status],
    }


def _written(day: date, form: str) -> Any:
    if form == "cell":
        return datetime.combine(day, time(0))
    return f"{day:%d/%m/%Y}" if form == "dd/mm/yyyy" else f"{day.day} {MONTHS[day.month - 1]} {day.year}"


@lru_cache(maxsize=64)
def _book(code: str, rows: Sequence[Sequence[Any]], changed: bool) -> bytes:
    """The workbook: a title, empty rows, the heading, the rows and, from some offices, a total that is no record."""
    district = geography().district_by_code[code]
    layout = layout_of(district)
    blank = (None,) * layout.before
    kinds = [kind for kind, _ in layout.columns]
    sheet: list[tuple[Any, ...]] = [(*blank, f"REKAPITULASI PATEN KECAMATAN {district.name.upper()}")]
    sheet += [(None,)] * (layout.above - 1)
    sheet.append((*blank, *(heading for _, heading in layout.columns)))
    for row in rows:
        cells = ["hari kerja" if changed and kind == "entered" else cell for kind, cell in zip(kinds, row, strict=True)]
        sheet.append((*blank, *cells))
    if layout.total:
        sheet.append((*blank, "JUMLAH", len(rows)))
    last = chr(ord("A") + layout.before + len(kinds) - 1)
    first = chr(ord("A") + layout.before)
    return workbook([Sheet(layout.sheet, sheet, (f"{first}1:{last}1",))])


SERVICES = (Paten,)
