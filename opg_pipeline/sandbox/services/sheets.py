"""Apps that hand over a spreadsheet: the performance monitor (XLSX) and the public dialogue (CSV).

The figures and statements themselves belong in `truth`.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import basic, same
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, fault_of, file_answer, flaws
from opg_pipeline.sandbox.truth.records import Checkpoint, ForumStatement

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WORDS = "delapan puluh tiga koma lima"
STATES = {"closed": "Selesai", "in_progress": "Diproses OPD", "open": "Belum Ditindaklanjuti"}
TITLE = "LAPORAN CAPAIAN KINERJA PERANGKAT DAERAH KABUPATEN BOJONEGORO"
HEAD: tuple[tuple[str | None, ...], ...] = (
    ("Tahun", "Periode", "OPD", None, "Indikator", None, "Satuan", "Kinerja", None),
    (None, None, "Kode", "Nama", "Kode", "Uraian", None, "Target", "Capaian"),
)
MERGED = ("A1:I1", "A2:A3", "B2:B3", "C2:D2", "E2:F2", "G2:G3", "H2:I2")
TOTALS = "JUMLAH/RATA-RATA"
FORUM_HEAD: tuple[tuple[str | None, ...], ...] = (
    ("Pertemuan", "", "Penanya", "", "", "", "Masukan", "Tindak Lanjut", ""),
    ("Tanggal", "Sesi", "No", "Nama", "No HP", "Tempat", "Uraian", "OPD", "Status"),
)


def comma(value: Decimal) -> str:
    """1234.50 as 1.234,50."""
    return f"{value:,}".replace(",", "_").replace(".", ",").replace("_", ".")


class SispanSismon(Service):
    """Targets and achievements of the offices, one workbook."""

    app_id = "sispan_sismon"
    secrets = ("SISPAN_SISMON_USER", "SISPAN_SISMON_PASSWORD")
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/dav/capaian_kinerja.xlsx", self.workbook)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Checkpoint)
        wrong = flaws(rng, len(records), {"unreadable_value": 5})
        for number, record in enumerate(records):
            defect = wrong.get(number) if record.achieved is not None else None
            unit = " %" if record.measure_unit == "%" else ""
            achieved = "" if record.achieved is None else f"{comma(record.achieved)}{unit}"
            if defect == "unreadable_value":
                achieved = rng.choice(("#DIV/0!", "n/a", "#REF!"))
            body = (
                str(record.year),
                f"B{record.month:02d}",
                record.unit_code,
                record.unit,
                record.indicator_code,
                record.indicator,
                record.measure_unit,
                f"{comma(record.target)}{unit}",
                achieved,
            )
            yield Told(record.record_id, record.at.date(), body, None, defect)

    async def workbook(self, request: Request) -> Response:
        access = self.city.access
        if not same(
            request.headers.get("authorization"), basic(access["SISPAN_SISMON_USER"], access["SISPAN_SISMON_PASSWORD"])
        ):
            return JSONResponse({"message": "Unauthorized"}, 401, {"WWW-Authenticate": 'Basic realm="SISMON"'})
        rows = tuple(row.body for row in self.rows(request))
        if fault_of(request) == "changed_type":
            rows = tuple((*row[:8], WORDS) for row in rows)
        return file_answer(request, _workbook(rows), XLSX, self.city.today)


@lru_cache(maxsize=8)
def _workbook(rows: Sequence[Sequence[str]]) -> bytes:
    """The rows as a workbook: a title, two header rows with merged cells, and a totals row that is no record."""
    import openpyxl  # type: ignore[import-untyped,unused-ignore]  # slow to import and needed by this file alone

    book: Any = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Capaian"
    sheet.append((TITLE,))
    for head in HEAD:
        sheet.append(head)
    for row in rows:
        sheet.append([cell or None for cell in row])
    sheet.append((TOTALS, None, None, None, None, None, None, None, "88,17"))
    for span in MERGED:
        sheet.merge_cells(span)
    last = sheet.max_row
    sheet.merge_cells(f"A{last}:G{last}")
    book.properties.created = book.properties.modified = datetime(2026, 1, 1)
    out = io.BytesIO()
    book.save(out)
    return _without_clock(out.getvalue())


def _without_clock(book: bytes) -> bytes:
    """The same workbook without the times at which it was packed, so that equal rows give equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2026-01-01T00:00:00Z", content)
            new.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


class SapaBupati(Service):
    """What people said at the public dialogue; date and session stand only on the first row of a session."""

    app_id = "sapa_bupati"
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/pub", self.sheet)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, ForumStatement)
        wrong = flaws(rng, len(records), {"unknown_region": 2, "missing_status": 1})
        before: date | None = None
        for number, record in enumerate(records):
            defect, speaker, day = wrong.get(number), record.speaker, record.at.date()
            place = ledger.places.village_by_code[record.village or ""]
            kind = "Kelurahan" if place.urban else "Desa"
            short = "Kel." if place.urban else "Ds."
            long = f"{kind} {place.name}, Kecamatan {place.district.name}"
            where = rng.choice((long, long, long, long, f"{short} {place.name} Kec. {place.district.name}"))
            phone = (
                f"{speaker.phone[:4]}-{speaker.phone[4:8]}-{speaker.phone[8:]}" if rng.random() < 0.3 else speaker.phone
            )
            first = day != before
            before = day
            body = (
                f"{day:%d/%m/%Y}" if first else "",
                f"Sesi {record.session}" if first else "",
                record.record_id,
                speaker.name,
                phone,
                "pasar kota" if defect == "unknown_region" else where,
                record.text,
                record.agency,
                "" if defect == "missing_status" else STATES[record.status],
            )
            yield Told(
                record.record_id, day, body, None, defect, (("name", speaker.name), ("phone", phone), *record.mentions)
            )

    async def sheet(self, request: Request) -> Response:
        if request.query_params.get("output", "csv") != "csv":
            return Response("Sorry, unable to open the file at this time.", 400, media_type="text/plain")
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerows(FORUM_HEAD)
        changed = fault_of(request) == "changed_type"
        for row in self.rows(request):
            writer.writerow((row.body[0] and "hari Jumat yang lalu", *row.body[1:]) if changed else row.body)
        return file_answer(request, out.getvalue().encode(), "text/csv; charset=utf-8", self.city.today)


SERVICES = (SispanSismon, SapaBupati)
