"""Apps that measure: the river gauges (SensorThings-like) and the street cameras (GeoJSON)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, file_answer, flaws, loops, whole
from opg_pipeline.sandbox.truth.field import GAUGES, Gauge
from opg_pipeline.sandbox.truth.records import CameraReading, WaterLevel

STATES = {"online": ("Online", "Online", "online"), "offline": ("offline", "Offline", "OFF LINE")}
FILTER = re.compile(r"resultTime ge ([0-9T:+.\-]+Z?)")


class TmaBengawanSolo(Service):
    """Water levels of the Bengawan Solo."""

    app_id = "tma_bengawan_solo"
    drift = ("result",)

    def routes(self) -> list[Route]:
        return [
            Route("/v1.1/Things", self.things),
            Route("/v1.1/Datastreams({number:int})/Observations", self.observations),
            Route("/v1.1/Observations", self.observations),
        ]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, WaterLevel)
        wrong = flaws(rng, len(records), {"unreadable_value": 3, "implausible_value": 3, "impossible_time": 2})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            if record.level_m is None:
                defect = None
            at = record.at
            day, hour = (at.date() - timedelta(days=1), 24) if at.hour == 0 else (at.date(), at.hour)
            result = "-" if record.level_m is None else f"{record.level_m:.2f}"
            if defect == "unreadable_value":
                result = f"{result[:-1]}O"
            elif defect == "implausible_value":
                result = result.replace(".", "")
            body = {
                "@iot.id": int(record.record_id),
                "result": result,
                "resultTime": record.received_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "parameters": {
                    "tanggal": f"{day:%d-%m-%Y}",
                    "jam": "25.00" if defect == "impossible_time" else f"{hour:02d}.00",
                },
                "Datastream": _datastream(GAUGES[record.station - 1]),
            }
            yield Told(record.record_id, day, body, (record.station, record.received_at), defect)

    async def things(self, request: Request) -> Response:
        base = _base(request)
        size = whole(request.query_params.get("$top"), 100, 1, 1000) or 100
        value = []
        for gauge in GAUGES:
            rows = [row for row in self.rows(request) if row.order[0] == gauge.number]
            stream = {name: item for name, item in _datastream(gauge).items() if name != "Thing"}
            stream["Observations"] = [_bare(row) for row in rows[:size]]
            if len(rows) > size:
                stream["Observations@iot.nextLink"] = (
                    f"{base}/Datastreams({gauge.number})/Observations?$top={size}&$skip={size}"
                )
            value.append({**_thing(gauge), "Datastreams": [stream]})
        return JSONResponse({"value": value})

    async def observations(self, request: Request) -> Response:
        query = request.query_params
        size, skip = whole(query.get("$top"), 100, 1, 1000), whole(query.get("$skip"), 0, 0, 10**9)
        since = _since(query.get("$filter"))
        if size is None or skip is None or since is False:
            return JSONResponse({"code": 400, "type": "error", "message": "$top, $skip or $filter not understood"}, 400)
        station = request.path_params.get("number")
        rows = [
            row
            for row in self.rows(request)
            if station in (None, row.order[0]) and (since is None or row.order[1] >= since)
        ]
        page = rows[skip : skip + size]
        answer: dict[str, Any] = {
            "@iot.count": len(rows),
            "value": [row.body if station is None else _bare(row) for row in page],
        }
        if skip + size < len(rows) or loops(request):
            following = 0 if skip + size >= len(rows) else skip + size
            path = "Observations" if station is None else f"Datastreams({station})/Observations"
            kept = "" if since is None else f"&$filter={query['$filter'].replace('+', '%2B').replace(' ', '%20')}"
            answer["@iot.nextLink"] = f"{_base(request)}/{path}?$top={size}&$skip={following}{kept}"
        return JSONResponse(answer)


def _base(request: Request) -> str:
    """The absolute address of the API as this client reached it."""
    return f"{request.url.scheme}://{request.url.netloc}/tma_bengawan_solo/v1.1"


def _since(text: str | None) -> datetime | bool | None:
    """The moment in a $filter; None where there is no filter, False where it is not understood."""
    if text is None:
        return None
    match = FILTER.fullmatch(text.strip())
    try:
        moment = datetime.fromisoformat(match[1]) if match else None
    except ValueError:
        return False
    return moment if moment is not None and moment.tzinfo is not None else False


def _bare(row: Told) -> dict[str, Any]:
    return {name: item for name, item in row.body.items() if name != "Datastream"}


def _thing(gauge: Gauge) -> dict[str, Any]:
    return {
        "@iot.id": gauge.number,
        "name": f"Pos {gauge.name}",
        "properties": {"kode_kecamatan": gauge.district, "sungai": "Bengawan Solo"},
    }


def _datastream(gauge: Gauge) -> dict[str, Any]:
    return {
        "@iot.id": gauge.number,
        "name": f"TMA {gauge.name}",
        "unitOfMeasurement": {"name": "meter", "symbol": "m", "definition": "peilschaal"},
        "ObservedProperty": {"name": "Tinggi Muka Air"},
        "properties": {
            "siaga_hijau": f"{gauge.green:.2f}",
            "siaga_kuning": f"{gauge.yellow:.2f}",
            "siaga_merah": f"{gauge.red:.2f}",
        },
        "Thing": _thing(gauge),
    }


class GisCctv(Service):
    """Whether the street cameras answer, as one collection of points."""

    app_id = "gis_cctv"
    drift = ("status",)
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/cctv.geojson", self.collection)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, CameraReading)
        wrong = flaws(rng, len(records), {"swapped_coordinates": 15, "unmapped_status": 5, "missing_geometry": 3})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            place = ledger.places.village_by_code[record.village or ""]
            point = [float(record.longitude), float(record.latitude)]
            if defect == "swapped_coordinates":
                point.reverse()
            body = {
                "type": "Feature",
                "id": int(record.record_id),
                "geometry": None if defect == "missing_geometry" else {"type": "Point", "coordinates": point},
                "properties": {
                    "id": record.camera,
                    "nama": record.name,
                    "kecamatan": place.district.name,
                    "desa": place.name,
                    "status": "N/A" if defect == "unmapped_status" else rng.choice(STATES[record.status]),
                    "waktu": record.at.isoformat(),
                },
            }
            yield Told(record.record_id, record.at.date(), body, None, defect)

    async def collection(self, request: Request) -> Response:
        features = [row.body for row in self.rows(request)]
        body = json.dumps(
            {"type": "FeatureCollection", "name": "cctv", "features": features}, separators=(",", ":")
        ).encode()
        return file_answer(request, body, "application/geo+json", self.city.today)


SERVICES = (TmaBengawanSolo, GisCctv)
