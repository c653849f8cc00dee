"""e-Presensi: when employees came and left, row by row after an identifier, with signed requests.

The days themselves belong in `truth`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import hmac_base64, same
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, fault_of, flaws, loops, whole
from opg_pipeline.sandbox.services.money_common import is_recent, kept
from opg_pipeline.sandbox.truth.staff_city import Attendance

EMPLOYMENTS = {"civil_servant": "1", "contract": "2", "part_time": "3", "honorary": "4"}


class EPresensi(Service):
    """Days at work as the terminals recorded them, by the terminals' own clocks."""

    app_id = "e_presensi"
    secrets = ("E_PRESENSI_ID", "E_PRESENSI_SECRET")
    drift = ("scan_masuk",)

    def routes(self) -> list[Route]:
        return [Route("/v1/presensi", self.days)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Attendance)
        wrong = flaws(rng, len(records), {"clock_reset": 8, "impossible_time": 6, "missing_employee": 5})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            nip = "" if defect == "missing_employee" else record.employee
            came, left = _stamp(record.check_in), None if record.check_out is None else _stamp(record.check_out)
            if defect == "clock_reset":
                left = f"2000-01-01 00:{number % 60:02d}:00"
            elif defect == "impossible_time":
                came = f"{record.day} 25:61:00"
            known = (record.check_out or record.at) - timedelta(seconds=record.skew_seconds if record.check_out else 0)
            body = {
                "id": int(record.record_id),
                "nip": nip,
                "nama": record.name,
                "status_peg": EMPLOYMENTS[record.employment],
                "kode_unit": record.unit_code,
                "tanggal": record.day.isoformat(),
                "scan_masuk": came,
                "scan_pulang": left,
                "mesin": record.terminal,
                "selisih_detik": record.skew_seconds,
            }
            planted = (("name", record.name), *((("account", nip),) if nip else ()))
            yield Told(record.record_id, known.date(), body, int(record.record_id), defect, planted)

    async def days(self, request: Request) -> Response:
        head, access = request.headers, self.city.access
        if not same(head.get("x-api-id"), access["E_PRESENSI_ID"]):
            return JSONResponse({"error": "unknown_client"}, 401)
        stamp = head.get("x-api-timestamp")
        if not is_recent(stamp, 1000):
            return JSONResponse({"error": "request_expired"}, 401)
        message = f"{access['E_PRESENSI_ID']}&{stamp}&{request.url.path}"
        if not same(head.get("x-api-signature"), hmac_base64(access["E_PRESENSI_SECRET"], message)):
            return JSONResponse({"error": "bad_signature"}, 401)
        query = request.query_params
        since, limit = whole(query.get("since_id"), 0, 0, 10**12), whole(query.get("limit"), 100, 1, 1000)
        if since is None or limit is None:
            return JSONResponse({"error": "bad_parameter"}, 400)
        mixed, rows = fault_of(request) == "shuffled", self.rows(request)
        if mixed:
            rows = kept(self, request, "sorted", lambda: sorted(self.rows(request), key=lambda row: row.order))
        start = bisect_right(rows, since, key=lambda row: row.order)
        page = rows[start : start + limit]
        more = start + limit < len(rows)
        last = page[-1].order if page else since
        if loops(request):
            more, last = True, last if start + limit < len(rows) else 0
        data = [row.body for row in (page[::-1] if mixed else page)]
        return JSONResponse({"data": data, "last_id": last, "more": more})


def _stamp(moment: datetime) -> str:
    """City time without its offset."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"


SERVICES = (EPresensi,)
