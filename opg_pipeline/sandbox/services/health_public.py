"""Figures and calls: the population by half-year (workbook), weekly illness (CSV), ambulance calls (Open311 GeoReport v2).

What was counted and called belongs in `truth`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import basic, same
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import (
    Service,
    Told,
    fault_of,
    file_answer,
    flaws,
    identity,
    loops,
    page_of,
    whole,
)
from opg_pipeline.sandbox.services.health_answers import story
from opg_pipeline.sandbox.services.health_workbook import XLSX, workbook
from opg_pipeline.sandbox.truth.health_public import EmergencyCall, Headcount, WeeklyCases

TITLE = "DATA KEPENDUDUKAN BERSIH (DKB) KABUPATEN BOJONEGORO"
HEAD: tuple[tuple[str | None, ...], ...] = (
    ("Periode", "Kode Wilayah", "Kecamatan", "Desa/Kelurahan", "Jumlah Penduduk", None, None, "KK", "Wajib KTP", "Ket"),
    (None, None, None, None, "Laki-laki", "Perempuan", "Jumlah", None, None, None),
)
MERGED = ("A1:J1", "E2:G2", *(f"{letter}2:{letter}3" for letter in "ABCDHIJ"))
SYNDROMES = {
    "A": "Diare Akut",
    "B": "Malaria Konfirmasi",
    "C": "Suspek Dengue",
    "D": "Pneumonia",
    "E": "Diare Berdarah",
    "F": "Suspek Demam Tifoid",
    "G": "Sindrom Jaundice Akut",
    "H": "Suspek Chikungunya",
    "J": "Suspek Flu Burung pada Manusia",
    "K": "Suspek Campak",
    "L": "Suspek Difteri",
    "M": "Suspek Pertusis",
}
COLUMNS = (
    "periode",
    "tahun",
    "minggu",
    "kode_faskes",
    "nama_faskes",
    "kode_kec",
    "kecamatan",
    "kode_penyakit",
    "penyakit",
    "jumlah_kasus",
    "kelengkapan",
    "status_data",
    "tgl_kirim",
)
SERVICE_CODES = {
    "traffic_accident": ("KLL", "Kecelakaan lalu lintas"),
    "heart": ("JTG", "Keluhan jantung"),
    "childbirth": ("OBS", "Persalinan"),
    "stroke": ("STR", "Dugaan stroke"),
    "drowning": ("TGL", "Tenggelam"),
    "transfer": ("RJK", "Rujukan pasien"),
}
SPAN = timedelta(days=90)


def dotted(number: int) -> str:
    """1365109 as 1.365.109."""
    return f"{number:,}".replace(",", ".")


class SiakDkb(Service):
    """The clean population data, one workbook; half-years are restated, and totals stand between the villages."""

    app_id = "siak_dkb"
    secrets = ("SIAK_DKB_USER", "SIAK_DKB_PASSWORD")
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/sftp/dkb/DKB_3522.xlsx", self.book)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Headcount)
        wrong = flaws(rng, len(records), {"unreadable_value": 4})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            place = ledger.places.village_by_code[record.village or ""]

            def body(
                men: int, note: str, unreadable: bool, record: Headcount = record, names: Any = place
            ) -> tuple[str, ...]:
                return (
                    f"{record.year}-S{record.half}",
                    record.record_id.rpartition("/")[2],
                    names.district.name.upper(),
                    names.name.upper(),
                    dotted(men),
                    dotted(record.women),
                    "#VALUE!" if unreadable else dotted(men + record.women),
                    dotted(record.households),
                    dotted(record.card_holders),
                    note,
                )  # fmt: skip

            restated = record.restated_on
            final = body(record.men, "Perbaikan" if restated else "", bool(defect))
            told = Told(record.record_id, record.at.date(), final, None, defect)
            earlier = body(record.first_men, "Sementara", bool(defect))
            before = {"men": record.first_men, "restated_on": None}
            yield from story(told, restated or told.known_on, earlier, None, before)

    async def book(self, request: Request) -> Response:
        access = self.city.access
        if not same(request.headers.get("authorization"), basic(access["SIAK_DKB_USER"], access["SIAK_DKB_PASSWORD"])):
            return Response("Permission denied", 401, {"WWW-Authenticate": 'Basic realm="DKB"'}, "text/plain")
        rows = sorted((row.body for row in self.rows(request)), key=lambda body: body[:2])
        if fault_of(request) == "changed_type":
            rows = [(*body[:6], "tiga ribu lebih", *body[7:]) for body in rows]
        return file_answer(request, workbook("DKB", _with_totals(rows), MERGED), XLSX, self.city.today)


def _with_totals(rows: Sequence[tuple[str, ...]]) -> Iterable[Sequence[str | None]]:
    """Title, header, the villages; after each district and each half-year a row of totals, which is no record."""
    yield (TITLE,)
    yield from HEAD
    for period, villages in groupby(rows, key=lambda body: body[0]):
        held = list(villages)
        for district, group in groupby(held, key=lambda body: body[2]):
            part = list(group)
            yield from part
            yield (period, None, f"JUMLAH KEC. {district}", None, *_sums(part))
        yield (period, None, "JUMLAH KABUPATEN", None, *_sums(held))


def _sums(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The sums of men, women, all, households and card holders."""
    numbers = [[int(body[place].replace(".", "")) for body in rows] for place in (4, 5, 7, 8)]
    men, women, homes, cards = (sum(column) for column in numbers)
    return [dotted(value) for value in (men, women, men + women, homes, cards)]


class Skdr(Service):
    """Weekly reports of illness as CSV. The year can have a week 53, and a late report takes the place of the first."""

    app_id = "skdr"
    secrets = ("SKDR_KEY",)
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/ekspor/mingguan.csv", self.export)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, WeeklyCases)
        wrong = flaws(rng, len(records), {"unreadable_value": 4, "missing_region": 3})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            district = ledger.places.district_by_code[record.district or ""]
            lost = defect == "missing_region"
            body = (
                f"{record.epi_year}-W{record.epi_week:02d}",
                str(record.epi_year),
                str(record.epi_week),
                record.facility_id,
                record.facility,
                "" if lost else district.code,
                "" if lost else district.name,
                record.syndrome,
                SYNDROMES[record.syndrome],
                "tdk lapor" if defect == "unreadable_value" else str(record.cases),
                f"{record.completeness}".replace(".", ","),
                "FINAL",
                record.sent_on.isoformat(),
            )
            first = "tdk lapor" if defect == "unreadable_value" else str(record.first_cases)
            earlier = (*body[:9], first, body[10], "SEMENTARA", record.first_sent_on.isoformat())
            told = Told(record.record_id, record.first_sent_on, body, None, defect)
            before = {"cases": record.first_cases, "sent_on": record.first_sent_on.isoformat()}
            yield from story(told, record.sent_on, earlier, None, before)

    async def export(self, request: Request) -> Response:
        if not same(request.query_params.get("api_key"), self.city.access["SKDR_KEY"]):
            return Response("Kunci tidak sah\n", 403, media_type="text/plain")
        out = io.StringIO()
        writer = csv.writer(out, delimiter=";")
        writer.writerow(COLUMNS)
        changed = fault_of(request) == "changed_type"
        for row in self.rows(request):
            writer.writerow((*row.body[:9], "banyak", *row.body[10:]) if changed else row.body)
        return file_answer(request, out.getvalue().encode(), "text/csv; charset=utf-8", self.city.today)


class Psc119(Service):
    """Calls for an ambulance as Open311 GeoReport v2."""

    app_id = "psc119"
    secrets = ("PSC119_KEY",)
    drift = ("requested_datetime",)

    def routes(self) -> list[Route]:
        return [Route("/open311/v2/services.json", self.services), Route("/open311/v2/requests.json", self.requests)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, EmergencyCall)
        wrong = flaws(rng, len(records), {"unknown_region": 3, "impossible_time": 3})
        located = [
            number for number, record in enumerate(records) if record.latitude is not None and number not in wrong
        ]
        wrong |= dict.fromkeys(rng.sample(located, min(3, len(located))), "swapped_position")
        for number, record in enumerate(records):
            defect, caller = wrong.get(number), record.caller
            place = ledger.places.village_by_code[record.village or ""]
            code, name = SERVICE_CODES[record.kind]
            position = [None if value is None else float(value) for value in (record.latitude, record.longitude)]
            if defect == "swapped_position":
                position.reverse()
            start = record.at.isoformat()
            body: dict[str, Any] = {
                "service_request_id": record.record_id,
                "status": record.status,
                "status_notes": None if record.status == "open" else "Penanganan selesai",
                "service_name": name,
                "service_code": code,
                "description": record.text,
                "agency_responsible": "PSC 119 Bojonegoro",
                "requested_datetime": f"{record.at:%Y-%m-%d}T25:61:00+07:00" if defect == "impossible_time" else start,
                "updated_datetime": record.changed_at.isoformat(),
                "arrived_datetime": None if record.arrived_at is None else record.arrived_at.isoformat(),
                "closed_datetime": None if record.ended_at is None else record.ended_at.isoformat(),
                "address": caller.household.address,
                "district": "LUAR KOTA" if defect == "unknown_region" else place.district.name,
                "village": "-" if defect == "unknown_region" else place.name,
                "lat": position[0],
                "long": position[1],
                "media_url": None,
                "first_name": caller.name,
                "phone": caller.phone,
            }
            planted = (*identity(caller, "name", "phone", "address"), *record.mentions)
            told = Told(record.record_id, record.at.date(), body, (record.at, record.changed_at), defect, planted)
            open_ = {"status": "open", "status_notes": None, "updated_datetime": start}
            open_ |= {"arrived_datetime": None, "closed_datetime": None}
            before = {"status": "open", "arrived_at": None, "ended_at": None, "changed_at": start}
            yield from story(told, record.changed_at.date(), {**body, **open_}, (record.at, record.at), before)

    async def services(self, request: Request) -> Response:
        if self._stranger(request):
            return self._error(403, "Invalid api_key received")
        return JSONResponse(
            [
                {"service_code": code, "service_name": name, "description": name, "metadata": False, "type": "realtime"}
                for code, name in SERVICE_CODES.values()
            ]
        )

    async def requests(self, request: Request) -> Response:
        if self._stranger(request):
            return self._error(403, "Invalid api_key received")
        query = request.query_params
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("page_size"), 50, 1, 500)
        try:
            updated, end, start = (_moment(query.get(name)) for name in ("updated_after", "end_date", "start_date"))
        except ValueError:
            return self._error(400, "dates must be ISO 8601 with an offset")
        if page is None or size is None or query.get("status", "open") not in ("open", "closed", "open,closed"):
            return self._error(400, "page, page_size or status is not valid")
        rows = self.rows(request)
        if updated is not None:
            rows = [row for row in rows if row.order[1] >= updated]
        if updated is None or start is not None or end is not None:
            end = end or datetime(self.city.today.year, self.city.today.month, self.city.today.day, 17, tzinfo=UTC)
            start = start or end - SPAN
            if end - start > SPAN:
                return self._error(400, "start_date and end_date may be at most 90 days apart")
            rows = [row for row in rows if start <= row.order[0] <= end]
        states = query.get("status", "open,closed").split(",")
        rows = [row for row in rows if row.body["status"] in states]
        return JSONResponse(page_of(rows, (page - 1) * size, size, loops(request)))

    def _stranger(self, request: Request) -> bool:
        return not same(request.query_params.get("api_key"), self.city.access["PSC119_KEY"])

    def _error(self, status: int, text: str) -> Response:
        return JSONResponse([{"code": status, "description": text}], status)


def _moment(text: str | None) -> datetime | None:
    """A moment with offset; a plus sign that became a blank on the way is taken for what it was."""
    if not text:
        return None
    moment = datetime.fromisoformat(text.replace(" ", "+"))
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


SERVICES = (SiakDkb, Skdr, Psc119)
