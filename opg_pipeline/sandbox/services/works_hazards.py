"""Weather and disasters: the forecast for each village (nested JSON) and the disaster office's sheet (CSV).

What was expected and what happened belongs in `truth`.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.faults import INSIDE
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, fault_of, file_answer, flaws, visible
from opg_pipeline.sandbox.services.permit_phases import phases
from opg_pipeline.sandbox.truth.geography import Village
from opg_pipeline.sandbox.truth.works_hazards import Disaster, Forecast

WEATHER = {
    "clear": (1, "Cerah Berawan", "Partly Cloudy"),
    "cloudy": (3, "Berawan", "Mostly Cloudy"),
    "rain": (61, "Hujan Ringan", "Light Rain"),
    "storm": (95, "Hujan Petir", "Thunderstorm"),
}
WINDS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
PLAIN = "%Y-%m-%d %H:%M:%S"
HAZARDS = {
    "flood": "Banjir Luapan",
    "flash_flood": "Banjir Bandang",
    "storm": "Angin Kencang",
    "landslide": "Tanah Longsor",
    "drought": "Kekeringan",
    "house_fire": "Kebakaran Rumah",
    "drowning": "Orang Tenggelam",
    "fallen_tree": "Pohon Tumbang",
}
TITLE = ("REKAPITULASI KEJADIAN BENCANA KABUPATEN BOJONEGORO", *[""] * 12)
HEAD = (
    "No Kejadian",
    "Tanggal",
    "Pukul",
    "Jenis Bencana",
    "Kecamatan",
    "Desa/Kelurahan",
    "KK Terdampak",
    "Jiwa",
    "Rumah Rusak",
    "Meninggal",
    "Taksiran Kerugian",
    "Selesai",
    "Update Terakhir",
)


class BmkgCuaca(Service):
    """Forecasts, one answer a village."""

    app_id = "bmkg_cuaca"
    drift = ("t",)
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/publik/prakiraan-cuaca", self.village)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Forecast)
        wrong = flaws(rng, len(records), {"missing_temperature": 20, "impossible_humidity": 10})
        for number, record in enumerate(records):
            defect, moment = wrong.get(number), record.at.astimezone(UTC)
            code, local, english = WEATHER[record.weather]
            wind = WINDS[round(record.wind_degrees / 45) % 8]
            hours = (record.at.date() - record.known_on).days * 24 + record.at.hour
            body = {
                "datetime": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "t": None if defect == "missing_temperature" else record.temperature,
                "tcc": record.cloud,
                "tp": float(record.rain_mm),
                "weather": code,
                "weather_desc": local,
                "weather_desc_en": english,
                "wd_deg": record.wind_degrees,
                "wd": wind,
                "wd_to": WINDS[(WINDS.index(wind) + 4) % 8],
                "ws": float(record.wind_kmh),
                "hu": 999 if defect == "impossible_humidity" else record.humidity,
                "vs": 12_000 if record.weather != "storm" else 4_000,
                "vs_text": "> 10 km" if record.weather != "storm" else "< 5 km",
                "time_index": f"{hours - 3}-{hours}",
                "analysis_date": f"{record.known_on:%Y-%m-%d}T00:00:00",
                "utc_datetime": f"{moment:{PLAIN}}",
                "local_datetime": f"{record.at:{PLAIN}}",
            }
            yield Told(record.record_id, record.known_on, body, record.village, defect)

    async def village(self, request: Request) -> Response:
        code = request.query_params.get("adm4", "")
        place = self.city.ledger.places.village_by_code.get(code)
        if place is None:
            return JSONResponse({"statusCode": 404, "message": "Data tidak ditemukan", "error": "Not Found"}, 404)
        if fault_of(request) not in INSIDE:
            steps = _steps(self.city.ledger, self.city.today).get(code, [])
        else:
            steps = [row.body for row in self.rows(request) if row.order == code]
        days: dict[str, list[Any]] = {}
        for step in steps:
            days.setdefault(step["local_datetime"][:10], []).append(step)
        where = _location(place)
        answer = {"lokasi": where, "data": [{"lokasi": {**where, "type": "adm4"}, "cuaca": list(days.values())}]}
        return file_answer(request, json.dumps(answer).encode(), "application/json", self.city.today)


@lru_cache(maxsize=4)
def _steps(ledger: Ledger, today: date) -> Mapping[str, Sequence[Any]]:
    """What is known of each village on that day, in the order of time."""
    found: dict[str, list[Any]] = {}
    for row in visible(BmkgCuaca, ledger, today):
        found.setdefault(row.order, []).append(row.body)
    return found


def _location(place: Village) -> dict[str, Any]:
    latitude, longitude = place.point
    return {
        "adm1": "35",
        "adm2": "35.22",
        "adm3": place.district.code,
        "adm4": place.code,
        "provinsi": "Jawa Timur",
        "kotkab": "Bojonegoro",
        "kecamatan": place.district.name,
        "desa": place.name,
        "lon": float(longitude),
        "lat": float(latitude),
        "timezone": "Asia/Jakarta",
    }


class BpbdKejadian(Service):
    """Disasters as the office types them into a sheet."""

    app_id = "bpbd_kejadian"
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/pub", self.sheet)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Disaster)
        wrong = flaws(rng, len(records), {"unreadable_amount": 4, "impossible_date": 3, "unknown_region": 3})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            names = [ledger.places.village_by_code[code].name for code in record.villages]
            district = ledger.places.district_by_code[record.district or ""].name
            listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {rng.choice(('dan', '&'))} {names[-1]}"
            day = f"{record.at:%d/%m/%Y}" if defect != "impossible_date" else f"30/02/{record.at:%Y}"
            style = rng.random()
            first = {"loss": None, "houses": 0, "ended_at": None, "changed_at": record.at}
            for phase in phases(record, record.changed_at, first):
                state = phase.state
                body = (
                    state.record_id,
                    day,
                    f"{state.at:%H.%M} WIB",
                    HAZARDS[state.kind],
                    "lintas kec." if defect == "unknown_region" else district,
                    "-" if defect == "unknown_region" else listed,
                    _count(state.families),
                    _count(state.people),
                    _count(state.houses),
                    _count(state.deaths),
                    "± bbrp juta" if defect == "unreadable_amount" else rupiah_words(state.loss, style),
                    "" if state.ended_at is None else f"{state.ended_at:%d/%m/%Y %H.%M}",
                    f"{state.changed_at:%d/%m/%Y %H.%M}",
                )
                yield Told(state.record_id, phase.known_on, body, None, defect, (), phase.gone_on, phase.truth)

    async def sheet(self, request: Request) -> Response:
        if request.query_params.get("output", "csv") != "csv":
            return Response("Sorry, unable to open the file at this time.", 400, media_type="text/plain")
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerows((TITLE, HEAD))
        changed = fault_of(request) == "changed_type"
        for row in self.rows(request):
            writer.writerow((row.body[0], "minggu lalu", *row.body[2:]) if changed else row.body)
        return file_answer(request, out.getvalue().encode(), "text/csv; charset=utf-8", self.city.today)


def _count(number: int) -> str:
    """A number as the office writes it; none is `nihil`."""
    return str(number) if number else "nihil"


def rupiah_words(amount: Decimal | None, style: float) -> str:
    """`Rp. 1,5 juta`, `Rp. 1,25 milyar` or `Rp. 1.500.000`; `nihil` for nothing, empty where it is not known yet."""
    if amount is None:
        return ""
    if amount == 0:
        return "nihil"
    if style < 0.25:
        return f"Rp. {int(amount):,}".replace(",", ".")
    if amount >= 10**9 or (amount >= 10**8 and style > 0.8):
        return f"Rp. {_comma(amount / 10**9)} milyar"
    return f"Rp. {_comma(amount / 10**6)} juta"


def _comma(value: Decimal) -> str:
    return re.sub(r"\.?0+$", "", f"{value:.4f}").replace(".", ",")


SERVICES = (BmkgCuaca, BpbdKejadian)
