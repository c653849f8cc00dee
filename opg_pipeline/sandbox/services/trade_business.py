"""Small businesses (OData v4) and visitors of the sights (CSV). The businesses and visitors themselves belong in `truth`."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.doors import oauth_token
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
from opg_pipeline.sandbox.services.village_life import state_truth, told_states
from opg_pipeline.sandbox.truth.trade_business import SmallBusiness, VisitorCount

BANDS = {
    "micro_low": "s.d. Rp 300 juta/tahun",
    "micro_high": "> Rp 300 juta - 2 miliar/tahun",
    "small": "> Rp 2 - 15 miliar/tahun",
    "medium": "> Rp 15 - 50 miliar/tahun",
}
STATES = {"unverified": "Belum Verifikasi", "active": "Aktif", "closed": "Tutup"}
FILTER = re.compile(r"\s*DiubahPada\s+(ge|gt)\s+(\S+)\s*")
MONTHS = (
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
)
VISITOR_HEAD = ("Tahun", "Bulan", "Destinasi", "Kecamatan", "Wisnus", "Wisman", "Total")
OPTIONS = {"$top", "$skip", "$filter", "$count", "$orderby", "$skiptoken"}


class UmkmSidt(Service):
    """The register of small businesses as OData v4 with paging by the server."""

    app_id = "umkm_sidt"
    secrets = ("UMKM_SIDT_CLIENT_ID", "UMKM_SIDT_CLIENT_SECRET")
    drift = ("TenagaKerja",)

    def routes(self) -> list[Route]:
        return [Route("/oauth2/token", self.token, methods=["POST"]), Route("/odata/v4/Usaha", self.businesses)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, SmallBusiness)
        wrong = flaws(rng, len(records), {"malformed_nik": 4, "unknown_region": 4, "unmapped_status": 4})
        for number, record in enumerate(records):
            defect, owner = wrong.get(number), record.owner
            place = ledger.places.village_by_code[record.village or ""]
            nik = owner.nik[:10] if defect == "malformed_nik" else owner.nik
            unknown = defect == "unknown_region"
            for known, gone, state, at in told_states(record.history, record.gone_on):
                body = {
                    "IdUsaha": record.record_id,
                    "NamaUsaha": record.name,
                    "NikPemilik": nik,
                    "NamaPemilik": owner.name,
                    "NoHp": owner.phone,
                    "AlamatUsaha": owner.household.address,
                    "KodeDesa": "9999999999" if unknown else place.code.replace(".", ""),
                    "Desa": "?" if unknown else place.name,
                    "Kecamatan": "?" if unknown else place.district.name,
                    "KodeKbli": record.kbli,
                    "PitaOmzet": BANDS[record.turnover],
                    "TenagaKerja": record.workers,
                    "StatusUsaha": "Pindah/Lain" if defect == "unmapped_status" else STATES[state],
                    "TanggalDaftar": record.at.date().isoformat(),
                    "DiubahPada": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                }
                planted = (("nik", nik), *identity(owner, "name", "phone", "address"))
                truth = state_truth(record.history, state, at)
                yield Told(record.record_id, known, body, at, defect, planted, gone, truth)

    async def token(self, request: Request) -> Response:
        access = self.city.access
        client, secret = access["UMKM_SIDT_CLIENT_ID"], access["UMKM_SIDT_CLIENT_SECRET"]
        return await oauth_token(self.city.doors, self.app_id, request, client, secret)

    async def businesses(self, request: Request) -> Response:
        if not self.city.doors.bearer(self.app_id, request):
            return _odata_error(401, "Unauthorized", "The access token is missing, wrong or used up.")
        query = request.query_params
        unknown = sorted(name for name in query if name.startswith("$") and name not in OPTIONS)
        if unknown:
            return _odata_error(501, "NotImplemented", f"{unknown[0]} is not supported.")
        since = _since(query.get("$filter"))
        skip, top = whole(query.get("$skip"), 0, 0, 10**9), whole(query.get("$top"), 10**9, 0, 10**9)
        asked = re.search(r"odata\.maxpagesize=(\d{1,6})", request.headers.get("prefer", ""))
        size = max(1, min(500, int(asked[1]))) if asked else 100
        mark = re.fullmatch(r"(\d{1,9})-(\d{1,3})", query.get("$skiptoken", f"0-{size}"))
        ordered = query.get("$orderby", "IdUsaha") in ("IdUsaha", "IdUsaha asc")
        if since is None or skip is None or top is None or mark is None or not ordered:
            return _odata_error(400, "BadRequest", "A query option is not understood.")
        matching = [row for row in self.rows(request) if since(row.order)]
        rows, start, size = matching[skip : skip + top], int(mark[1]), int(mark[2])
        answer: dict[str, object] = {"@odata.context": f"{_base(request)}/$metadata#Usaha"}
        if query.get("$count") == "true":
            answer["@odata.count"] = len(matching)
        answer["value"] = page_of(rows, start, size, loops(request))
        if start + size < len(rows) or loops(request):
            kept = {name: value for name, value in query.items() if name != "$skiptoken"}
            following = urlencode({**kept, "$skiptoken": f"{start + size}-{size}"}, safe="$")
            answer["@odata.nextLink"] = f"{_base(request)}/Usaha?{following}"
        headers = {"OData-Version": "4.0"} | ({"Preference-Applied": f"odata.maxpagesize={size}"} if asked else {})
        return JSONResponse(answer, headers=headers)


def _since(text: str | None) -> Callable[[datetime], bool] | None:
    """The test that a $filter stands for; None where it is not understood."""
    if text is None:
        return lambda at: True
    match = FILTER.fullmatch(text)
    try:
        moment = datetime.fromisoformat(match[2].replace("Z", "+00:00")) if match else None
    except ValueError:
        return None
    if match is None or moment is None or moment.tzinfo is None:
        return None
    return (lambda at: at >= moment) if match[1] == "ge" else (lambda at: at > moment)


def _base(request: Request) -> str:
    """The absolute address of the service as this client reached it."""
    return f"{request.url.scheme}://{request.url.netloc}/umkm_sidt/odata/v4"


def _odata_error(status: int, code: str, message: str) -> Response:
    headers = {"OData-Version": "4.0"} | ({"WWW-Authenticate": "Bearer"} if status == 401 else {})
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


class WisataKunjungan(Service):
    """Visitors by sight and month as CSV; the total column repeats what the others say."""

    app_id = "wisata_kunjungan"
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/unduh/kunjungan.csv", self.file)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, VisitorCount)
        counted = [record.record_id for record in records if record.visitors is not None]
        found = flaws(rng, len(counted), {"unreadable_value": 5, "decimal_comma": 3})
        wrong = {counted[number]: defect for number, defect in found.items()}
        for record in records:
            defect = wrong.get(record.record_id)
            district = ledger.places.district_by_code[record.district or ""]
            text = "-" if record.visitors is None else f"{record.visitors:,}".replace(",", ".")
            if defect == "unreadable_value":
                text = rng.choice(("blm rekap", "±500", "n/a"))
            elif defect == "decimal_comma":
                text = f"{record.visitors},5"
            line = (record.year, record.month, record.sight, district.name)
            yield Told(record.record_id, record.at.date(), (line, record.origin, text, record.visitors), None, defect)

    async def file(self, request: Request) -> Response:
        lines: dict[tuple[int, int, str, str], dict[str, tuple[str, int | None]]] = {}
        for line, origin, text, visitors in (row.body for row in self.rows(request)):
            lines.setdefault(line, {})[origin] = (text, visitors)
        out = io.StringIO()
        writer = csv.writer(out, delimiter=";")
        writer.writerow(VISITOR_HEAD)
        changed, whole_total = fault_of(request) == "changed_type", 0
        for (year, month, sight, district), cells in lines.items():
            total = sum(visitors or 0 for _, visitors in cells.values())
            whole_total += total
            domestic, foreign = (cells.get(origin, ("", None))[0] for origin in ("domestic", "foreign"))
            if changed:
                domestic = foreign = "lima ratus orang"
            writer.writerow(
                (year, MONTHS[month - 1], sight, district, domestic, foreign, f"{total:,}".replace(",", "."))
            )
        writer.writerow(("JUMLAH", "", "", "", "", "", f"{whole_total:,}".replace(",", ".")))
        return file_answer(
            request, b"\xef\xbb\xbf" + out.getvalue().encode(), "text/csv; charset=utf-8", self.city.today
        )


SERVICES = (UmkmSidt, WisataKunjungan)
