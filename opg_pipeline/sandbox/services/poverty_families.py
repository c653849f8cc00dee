"""DAMISDA: poor families by semester, as an OData v4 service behind OAuth2.

The families themselves belong in `truth`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.doors import oauth_token
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, identity, loops, whole
from opg_pipeline.sandbox.services.money_common import day_in, flaws_among, kept, tag_of, tagged
from opg_pipeline.sandbox.truth.poverty_city import PoorFamily

LEVELS = {"extreme": "SANGAT MISKIN", "poor": "MISKIN", "near_poor": "RENTAN MISKIN"}
STATES = {"proposed": "USULAN", "verified": "VERVAL", "active": "AKTIF", "suspended": "TUNDA"}
OPTIONS = ("$top", "$skip", "$skiptoken", "$count", "$filter", "$format")
CONDITION = re.compile(
    r"(?:Semester eq '(?P<semester>[0-9]{4}-[12])'|TglUbah ge (?P<since>[0-9]{4}-[0-9]{2}-[0-9]{2}))"
)
PAGE, MOST = 100, 1000


class Damisda(Service):
    """Families in the regency's own register of the poor. The service calls itself Dasimda."""

    app_id = "damisda"
    secrets = ("DAMISDA_CLIENT_ID", "DAMISDA_CLIENT_SECRET")
    drift = ("Desil",)

    def routes(self) -> list[Route]:
        return [
            Route("/oauth2/token", self.token, methods=["POST"]),
            Route("/odata/v4/", self.document),
            Route("/odata/v4/DasimdaKK", self.families),
        ]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, PoorFamily)
        lasting = [n for n, record in enumerate(records) if not (record.removed_on or record.level_before)]
        kinds = {"malformed_nik": 6, "unknown_village": 6, "unmapped_status": 5, "missing_start": 3}
        wrong = flaws_among(rng, lasting, kinds)
        for number, record in enumerate(records):
            defect, head = wrong.get(number), record.head
            place = ledger.places.village_by_code[record.village or ""]
            nik = f"{head.nik[:-2]}XX" if defect == "malformed_nik" else head.nik
            body = {
                "IdKeluarga": record.record_id,
                "Aplikasi": rng.choice(("DAMISDA", "DASIMDA")),
                "Semester": record.semester,
                "NoKK": head.household.no_kk,
                "NikKepala": nik,
                "NamaKepala": head.name.upper(),
                "Alamat": head.household.address,
                "Kecamatan": place.district.name,
                "Desa": "ZZZ" if defect == "unknown_village" else place.name,
                "JmlAnggota": record.members,
                "Desil": record.decile,
                "Kategori": LEVELS[record.level],
                "Tahap": "?" if defect == "unmapped_status" else STATES[record.status],
                "TglMulai": None if defect == "missing_start" else record.starts_on.isoformat(),
                "TglUbah": record.changed_on.isoformat(),
            }
            planted = (("nik", nik), ("name", head.name.upper()), *identity(head, "kk", "address"))
            first = record.at.date()
            order = (record.semester, record.changed_on)
            told = Told(record.record_id, first, body, order, defect, planted, record.removed_on)
            if record.level_before is None:
                yield told
                continue
            before = {**body, "Kategori": LEVELS[record.level_before], "TglUbah": first.isoformat()}
            truth = {"level": record.level_before, "changed_on": first.isoformat()}
            gone = record.changed_on
            yield replace(told, body=before, order=(record.semester, first), gone_on=gone, truth=truth)
            yield replace(told, known_on=record.changed_on)

    async def token(self, request: Request) -> Response:
        access = self.city.access
        client, secret = access["DAMISDA_CLIENT_ID"], access["DAMISDA_CLIENT_SECRET"]
        return await oauth_token(self.city.doors, self.app_id, request, client, secret)

    async def document(self, request: Request) -> Response:
        if not self.city.doors.bearer(self.app_id, request):
            return _error(401, "Unauthorized", "Access token tidak valid")
        sets = [{"name": "DasimdaKK", "kind": "EntitySet", "url": "DasimdaKK"}]
        return _odata({"@odata.context": f"{_base(request)}/$metadata", "value": sets})

    async def families(self, request: Request) -> Response:
        if not self.city.doors.bearer(self.app_id, request):
            return _error(401, "Unauthorized", "Access token tidak valid")
        query = request.query_params
        strange = [name for name in query if name not in OPTIONS]
        if strange:
            return _error(501, "NotImplemented", f"Opsi {strange[0]} tidak didukung")
        semester, since = _conditions(query.get("$filter"))
        top, start = whole(query.get("$top"), 10**9, 0, 10**9), whole(query.get("$skip"), 0, 0, 10**9)
        token = whole(query.get("$skiptoken"), 0, 0, 10**9)
        if since is None or top is None or start is None or token is None:
            return _error(400, "BadRequest", "Opsi query tidak dipahami")
        wanted = semester, since

        def chosen() -> list[Told]:
            return [
                row for row in self.rows(request) if wanted[0] in (None, row.order[0]) and row.order[1] >= wanted[1]
            ]

        rows = kept(self, request, f"rows:{semester}:{since}", chosen)
        return tagged(
            request,
            tag_of(self, request, rows, f"{semester}:{since}"),
            lambda: self._page(request, rows, top, start + token),
        )

    def _page(self, request: Request, rows: list[Told], top: int, start: int) -> Response:
        query = request.query_params
        asked = re.search(r"odata\.maxpagesize=([0-9]{1,6})", request.headers.get("prefer", ""))
        most = MOST if "$top" in query else PAGE
        size = min(top, max(1, min(MOST, int(asked[1]))) if asked else most)
        answer: dict[str, Any] = {"@odata.context": f"{_base(request)}/$metadata#DasimdaKK"}
        if query.get("$count") == "true":
            answer["@odata.count"] = len(rows)
        answer["value"] = [row.body for row in rows[start : start + size]]
        more = start + size < len(rows)
        if (more and size < top) or loops(request):
            options = {name: query[name] for name in ("$count", "$filter") if name in query}
            if "$top" in query:
                options["$top"] = str(top if loops(request) else top - size)
            options["$skiptoken"] = str(start + size if more else 0)
            text = "&".join(f"{name}={quote(value)}" for name, value in options.items())
            answer["@odata.nextLink"] = f"{_base(request)}/DasimdaKK?{text}"
        found = _odata(answer)
        if asked:
            found.headers["Preference-Applied"] = f"odata.maxpagesize={size}"
        return found


def _conditions(text: str | None) -> tuple[str | None, date | None]:
    """Semester and first day of a $filter; the day is None where the filter is not understood."""
    semester, since = None, date.min
    for part in (text or "").split(" and ") if text else ():
        match = CONDITION.fullmatch(part.strip())
        day = day_in(match["since"]) if match else None
        if match is None or day is None:
            return None, None
        semester, since = match["semester"] or semester, max(since, day)
    return semester, since


def _base(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}/damisda/odata/v4"


def _odata(content: dict[str, Any]) -> Response:
    return JSONResponse(
        content,
        headers={"OData-Version": "4.0"},
        media_type="application/json;odata.metadata=minimal;charset=utf-8",
    )


def _error(status: int, code: str, message: str) -> Response:
    headers = {"OData-Version": "4.0", **({"WWW-Authenticate": "Bearer"} if status == 401 else {})}
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


SERVICES = (Damisda,)
