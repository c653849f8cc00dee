"""The public library's members (INLISLite), harvested by OAI-PMH 2.0. Who joined belongs in `truth`."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, flaws, loops
from opg_pipeline.sandbox.services.permit_phases import phases
from opg_pipeline.sandbox.truth.social import LibraryMembership

PAGE = 100
LASTS = 120
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
NAMESPACE = "http://www.openarchives.org/OAI/2.0/"
DC = (
    '<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.openarchives.org/OAI/2.0/oai_dc/ '
    'http://www.openarchives.org/OAI/2.0/oai_dc.xsd">'
)
KINDS = {
    "pupil": ("pelajar", "Anggota Pelajar"),
    "student": ("mahasiswa", "Anggota Mahasiswa"),
    "general": ("umum", "Anggota Umum"),
    "employee": ("pegawai", "Anggota Pegawai"),
}
STATES = {
    "proposed": "Menunggu verifikasi",
    "active": "Aktif",
    "suspended": "Diblokir (buku belum kembali)",
    "exited": "Berhenti",
    "rejected": "Ditolak",
}


class Inlislite(Service):
    """Memberships as Dublin Core."""

    app_id = "inlislite"
    drift = ("dc:date",)

    def routes(self) -> list[Route]:
        return [Route("/oai", self.oai)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, LibraryMembership)
        wrong = flaws(rng, len(records), {"uncertain_date": 7, "unknown_region": 4, "missing_type": 3})
        for number, record in enumerate(records):
            defect, member = wrong.get(number), record.member
            place = ledger.places.village_by_code[record.village or ""]
            urban = "Kelurahan" if place.urban else "Desa"
            where = (
                "Luar daerah"
                if defect == "unknown_region"
                else f"{urban} {place.name}; Kecamatan {place.district.name}"
            )
            day = rng.choice(("[20--]", "[2025?]", "s.a.")) if defect == "uncertain_date" else f"{record.at:%Y-%m-%d}"
            group, kind = KINDS[record.kind]
            planted = (("name", member.name), ("nik", member.nik))
            for phase in phases(record, record.changed_at, {"status": "proposed", "changed_at": record.at}):
                state = phase.state
                stamp = state.changed_at.astimezone(UTC).strftime(MOMENT)
                body = (
                    f"<record><header><identifier>{state.record_id}</identifier><datestamp>{stamp}</datestamp>"
                    f"<setSpec>anggota:{group}</setSpec></header><metadata>{DC}"
                    f"<dc:title>{escape(member.name)}</dc:title>"
                    f"<dc:identifier>PB-{state.record_id[-6:]}</dc:identifier>"
                    f"<dc:identifier>NIK {member.nik}</dc:identifier>"
                    f"<dc:type>{'' if defect == 'missing_type' else kind}</dc:type><dc:date>{day}</dc:date>"
                    f"<dc:coverage>{escape(where)}</dc:coverage>"
                    f"<dc:description>{escape(STATES[state.status])}</dc:description>"
                    f"<dc:rights>Berlaku s.d. {state.ends_on:%Y-%m-%d}</dc:rights>"
                    "<dc:publisher>Perpustakaan Umum Kabupaten Bojonegoro</dc:publisher><dc:language>ind</dc:language>"
                    "</oai_dc:dc></metadata></record>"
                )
                yield Told(
                    state.record_id, phase.known_on, body, (stamp, group), defect, planted, phase.gone_on, phase.truth
                )

    async def oai(self, request: Request) -> Response:
        query = request.query_params
        verb = query.get("verb", "")
        if verb == "Identify":
            return self._answer(request, self._identify(request))
        if verb == "ListMetadataFormats":
            return self._answer(
                request,
                "<ListMetadataFormats><metadataFormat><metadataPrefix>oai_dc</metadataPrefix>"
                "<schema>http://www.openarchives.org/OAI/2.0/oai_dc.xsd</schema>"
                "<metadataNamespace>http://www.openarchives.org/OAI/2.0/oai_dc/</metadataNamespace>"
                "</metadataFormat></ListMetadataFormats>",
            )
        if verb == "ListSets":
            sets = "".join(
                f"<set><setSpec>anggota:{code}</setSpec><setName>{name}</setName></set>"
                for code, name in KINDS.values()
            )
            return self._answer(request, f"<ListSets>{sets}</ListSets>")
        if verb not in ("ListRecords", "ListIdentifiers"):
            return self._error(request, "badVerb", "Illegal OAI verb")
        return self._list(request, verb)

    def _list(self, request: Request, verb: str) -> Response:
        query = request.query_params
        token = query.get("resumptionToken")
        if token is not None:
            if set(query) != {"verb", "resumptionToken"}:
                return self._error(request, "badArgument", "resumptionToken is an exclusive argument")
            asked = _opened(token)
            if asked is None or asked["sampai"] < time.time():
                return self._error(request, "badResumptionToken", "The resumptionToken has expired")
        else:
            if query.get("metadataPrefix") != "oai_dc":
                code = "cannotDisseminateFormat" if "metadataPrefix" in query else "badArgument"
                return self._error(request, code, "metadataPrefix must be oai_dc")
            since, until = _granular(query.get("from"), False), _granular(query.get("until"), True)
            if since is None or until is None:
                return self._error(request, "badArgument", "from and until: YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ")
            asked = {"mulai": 0, "from": since, "until": until, "set": query.get("set", ""), "hari": None}
        rows = [row for row in self.rows(request) if _fits(row, asked)]
        as_of = [self.city.today.isoformat(), len(rows)]
        if token is not None and asked["hari"] != as_of and not loops(request):
            return self._error(
                request, "badResumptionToken", "The list has changed since the resumptionToken was issued"
            )
        if not rows:
            return self._error(request, "noRecordsMatch", "The combination of arguments results in an empty list")
        return self._page(request, verb, rows, {**asked, "hari": as_of})

    def _page(self, request: Request, verb: str, rows: Sequence[Told], asked: dict[str, Any]) -> Response:
        start = int(asked["mulai"]) % len(rows)
        end = start + PAGE
        page = [row.body for row in rows[start:end]]
        if verb == "ListIdentifiers":
            page = [text[text.index("<header>") : text.index("<metadata>")] for text in page]
        if end < len(rows) or loops(request):
            until = time.time() + LASTS
            again = json.dumps({**asked, "mulai": end % len(rows) if loops(request) else end, "sampai": until})
            expiry = (datetime.now(UTC) + timedelta(seconds=LASTS)).strftime(MOMENT)
            resume = (
                f'<resumptionToken expirationDate="{expiry}" completeListSize="{len(rows)}" cursor="{start}">'
                f"{urlsafe_b64encode(again.encode()).decode()}</resumptionToken>"
            )
        elif start:
            resume = f'<resumptionToken completeListSize="{len(rows)}" cursor="{start}"/>'
        else:
            resume = ""
        return self._answer(request, f"<{verb}>{''.join(page)}{resume}</{verb}>")

    def _identify(self, request: Request) -> str:
        return (
            f"<Identify><repositoryName>INLISLite Kabupaten Bojonegoro</repositoryName><baseURL>{_base(request)}</baseURL>"
            "<protocolVersion>2.0</protocolVersion><adminEmail>perpustakaan@bojonegoro.example</adminEmail>"
            "<earliestDatestamp>2020-01-01T00:00:00Z</earliestDatestamp><deletedRecord>no</deletedRecord>"
            "<granularity>YYYY-MM-DDThh:mm:ssZ</granularity></Identify>"
        )

    def _error(self, request: Request, code: str, message: str) -> Response:
        return self._answer(request, f'<error code="{code}">{escape(message)}</error>')

    def _answer(self, request: Request, inner: str) -> Response:
        asked = "".join(f" {name}={quoteattr(value)}" for name, value in request.query_params.items() if name.isalpha())
        return Response(
            f'<?xml version="1.0" encoding="UTF-8"?>\n<OAI-PMH xmlns="{NAMESPACE}" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'xsi:schemaLocation="{NAMESPACE} http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd">'
            f"<responseDate>{datetime.now(UTC).strftime(MOMENT)}</responseDate>"
            f"<request{asked}>{_base(request)}</request>{inner}</OAI-PMH>\n",
            media_type="text/xml",
        )


def _base(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}/inlislite/oai"


def _fits(row: Told, asked: dict[str, Any]) -> bool:
    stamp, group = row.order
    wanted = asked["set"]
    return asked["from"] <= stamp <= asked["until"] and wanted in ("", "anggota", f"anggota:{group}")


def _granular(text: str | None, end: bool) -> str | None:
    """A bound as a full moment; None where it is not understood."""
    if text is None:
        return "9999" if end else ""
    for pattern, rest in (("%Y-%m-%d", "T23:59:59Z" if end else "T00:00:00Z"), (MOMENT, "")):
        try:
            datetime.strptime(text, pattern)
        except ValueError:
            continue
        return text + rest
    return None


def _opened(token: str) -> dict[str, Any] | None:
    try:
        found = json.loads(urlsafe_b64decode(token.encode()))
    except ValueError:
        return None
    known = {"mulai": int, "from": str, "until": str, "set": str, "hari": list, "sampai": float}
    whole = isinstance(found, dict) and all(isinstance(found.get(name), kind) for name, kind in known.items())
    return found if whole else None


SERVICES = (Inlislite,)
