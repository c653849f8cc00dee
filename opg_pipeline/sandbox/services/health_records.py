"""Two national health services: P-Care of the health insurance (signed, dates in the path) and SATUSEHAT (FHIR R4).

Who was cared for belongs in `truth`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import hmac_base64, same
from opg_pipeline.sandbox.doors import oauth_token
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, flaws, identity, loops, page_of, whole
from opg_pipeline.sandbox.services.health_answers import in_time, story
from opg_pipeline.sandbox.truth.health_care import Encounter

MEMBERS = {"BPJS_PBI": ("3", "PBI (APBN)"), "BPJS_NONPBI": ("14", "PEKERJA MANDIRI")}
LEAVING = {"home": ("3", "Berobat Jalan"), "referred": ("4", "Rujuk Lanjut")}
DAYS_AT_ONCE = 31
DAY = "%d-%m-%Y"
CLASSES = {"AMB": "ambulatory", "EMER": "emergency", "IMP": "inpatient encounter"}
GENDERS = {"L": "male", "P": "female"}
PAYERS = {"BPJS_PBI": "JKN-PBI", "BPJS_NONPBI": "JKN", "UMUM": "PRIBADI", "LAIN": "LAINNYA"}
DISPOSITIONS = {"home": ("home", "Home"), "referred": ("other-hcf", "Other healthcare facility")}
KEMKES = "https://fhir.kemkes.go.id"
HL7 = "http://terminology.hl7.org/CodeSystem"


class PcareBpjs(Service):
    """Visits to first-level clinics. What went wrong stands in the body, under HTTP 200."""

    app_id = "pcare_bpjs"
    secrets = ("PCARE_BPJS_CONS_ID", "PCARE_BPJS_SECRET")
    drift = ("tglKunjungan",)

    def routes(self) -> list[Route]:
        return [Route("/pcare-rest/kunjungan/tanggal/{first}/{last}/{start}/{limit}", self.visits)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Encounter)
        wrong = flaws(rng, len(records), {"impossible_date": 8, "short_card": 6, "unmapped_sex": 5})
        for number, record in enumerate(records):
            defect, person, day = wrong.get(number), record.patient, record.at.date()
            card = f"00{record.card}"[: 12 if defect == "short_card" else 13]
            member, leaving = MEMBERS[record.payer_class], LEAVING[record.outcome or "home"]
            body = {
                "noKunjungan": record.record_id,
                "tglKunjungan": "00-00-0000" if defect == "impossible_date" else f"{day:{DAY}}",
                "providerPelayanan": {"kdProvider": record.facility_id, "nmProvider": record.facility},
                "peserta": {
                    "noKartu": card,
                    "noKTP": person.nik,
                    "nama": person.name.upper(),
                    "sex": "-" if defect == "unmapped_sex" else record.sex,
                    "tglLahir": f"{person.born:{DAY}}",
                    "noHP": person.phone,
                    "jnsPeserta": {"kode": member[0], "nama": member[1]},
                },
                "poli": {"kdPoli": "001", "nmPoli": "UMUM"},
                "kunjSakit": True,
                "diagnosa1": None if record.icd10 is None else {"kdDiag": record.icd10},
                "statusPulang": {"kdStatusPulang": leaving[0], "nmStatusPulang": leaving[1]},
                "tglPulang": f"{day:{DAY}}",
            }
            planted = (("account", card), ("name", person.name.upper()), *identity(person, "nik", "phone"))
            yield Told(record.record_id, day, json.dumps(body, ensure_ascii=False), day, defect, planted)

    async def visits(self, request: Request) -> Response:
        access, headers, asked = self.city.access, request.headers, request.path_params
        stamp = headers.get("x-timestamp")
        message = f"{access['PCARE_BPJS_CONS_ID']}&{stamp}"
        signed = same(headers.get("x-signature"), hmac_base64(access["PCARE_BPJS_SECRET"], message))
        if not (same(headers.get("x-cons-id"), access["PCARE_BPJS_CONS_ID"]) and signed and in_time(stamp)):
            return self._answer("null", "UNAUTHORIZED", '"401"', 401)
        start, limit = whole(asked["start"], 0, 0, 10**9), whole(asked["limit"], 0, 1, 500)
        try:
            first, last = (datetime.strptime(asked[name], DAY).date() for name in ("first", "last"))
        except ValueError:
            return self._answer("null", "PRECONDITION_FAILED: tanggal harus dd-mm-yyyy", '"412"')
        if start is None or limit is None or not 0 <= (last - first).days < DAYS_AT_ONCE:
            return self._answer("null", "PRECONDITION_FAILED: start, limit atau rentang tanggal", '"412"')
        rows = [row for row in self.rows(request) if first <= row.order <= last]
        page = page_of(rows, start, limit, loops(request))
        if not page:
            return self._answer("null", "NO_CONTENT", "204")
        total = 10**9 if loops(request) else len(rows)
        return self._answer(f'{{"count": {total}, "list": [{", ".join(page)}]}}', "OK", "200")

    def _answer(self, response: str, message: str, code: str, status: int = 200) -> Response:
        text = f'{{"response": {response}, "metaData": {{"message": "{message}", "code": {code}}}}}'
        return Response(text, status, media_type="application/json")


class Satusehat(Service):
    """Encounters of the national health record as FHIR searchset bundles; times are UTC."""

    app_id = "satusehat"
    secrets = ("SATUSEHAT_CLIENT_ID", "SATUSEHAT_CLIENT_SECRET")
    drift = ("period",)

    def routes(self) -> list[Route]:
        return [
            Route("/oauth2/v1/accesstoken", self.token, methods=["POST"]),
            Route("/fhir-r4/v1/Encounter", self.search),
        ]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Encounter)
        wrong = flaws(rng, len(records), {"missing_birth_date": 6, "unmapped_class": 4, "ends_before_start": 5})
        for number, record in enumerate(records):
            defect, person = wrong.get(number), record.patient
            if defect == "ends_before_start" and record.ended_at is None:
                defect = None
            resource = _encounter(record, defect)
            body, changed = json.dumps(resource, ensure_ascii=False), _utc(record.changed_at)
            planted = (("account", f"P{record.card}"), *identity(person, "nik", "name"))
            told = Told(record.record_id, record.at.date(), body, changed, defect, planted)
            if record.changed_at.date() == record.at.date():
                yield told
                continue
            start = _utc(record.at)
            earlier = {key: value for key, value in resource.items() if key != "hospitalization"}
            earlier |= {"status": "in-progress", "period": {"start": start}, "meta": _meta(start, "1")}
            before = {"ended_at": None, "outcome": None, "changed_at": record.at.isoformat()}
            yield from story(told, record.changed_at.date(), json.dumps(earlier, ensure_ascii=False), start, before)

    async def token(self, request: Request) -> Response:
        access = self.city.access
        return await oauth_token(
            self.city.doors, self.app_id, request, access["SATUSEHAT_CLIENT_ID"], access["SATUSEHAT_CLIENT_SECRET"]
        )

    async def search(self, request: Request) -> Response:
        if not self.city.doors.bearer(self.app_id, request):
            return self._outcome("login", "Invalid access token", 401)
        query = request.query_params
        size, start = whole(query.get("_count"), 20, 1, 500), whole(query.get("_getpagesoffset"), 0, 0, 10**9)
        since = _since(query.get("_lastUpdated"))
        if size is None or start is None or since is None:
            return self._outcome("invalid", "_count, _getpagesoffset or _lastUpdated is not valid")
        rows = [row for row in self.rows(request) if row.order >= since]
        links = [{"relation": "self", "url": str(request.url)}]
        if loops(request) or start + size < len(rows):
            following = request.url.include_query_params(_count=size, _getpagesoffset=start + size)
            links.append({"relation": "next", "url": str(following)})
        base = str(request.url.replace(query=""))
        if loops(request) and rows:
            rows = [rows[place % len(rows)] for place in range(start, start + size)]
            start = 0
        entries = ", ".join(
            f'{{"fullUrl": "{base}/{row.record_id}", "resource": {row.body}, "search": {{"mode": "match"}}}}'
            for row in rows[start : start + size]
        )
        head = json.dumps({"resourceType": "Bundle", "type": "searchset", "total": len(rows), "link": links})
        return Response(f'{head[:-1]}, "entry": [{entries}]}}', media_type="application/fhir+json")

    def _outcome(self, code: str, text: str, status: int = 200) -> Response:
        issue = {"severity": "error", "code": code, "diagnostics": text, "details": {"text": text}}
        body = {"resourceType": "OperationOutcome", "issue": [issue]}
        return JSONResponse(body, status, media_type="application/fhir+json")


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _meta(changed: str, version: str) -> dict[str, str]:
    return {"versionId": version, "lastUpdated": changed}


def _since(text: str | None) -> str | None:
    """The moment in `_lastUpdated=ge…` as the rows write it; empty where there is no filter, None where it is wrong."""
    if text is None:
        return ""
    try:
        moment = datetime.fromisoformat(text.removeprefix("ge").replace(" ", "+"))
    except ValueError:
        return None
    return None if moment.tzinfo is None or not text.startswith("ge") else _utc(moment)


def _encounter(record: Encounter, defect: str | None) -> dict[str, Any]:
    """The encounter as a FHIR R4 resource; the patient is contained."""
    person, start = record.patient, _utc(record.at)
    code = "VR" if defect == "unmapped_class" else record.encounter_class
    patient = {
        "resourceType": "Patient",
        "id": "pasien",
        "identifier": [
            {"system": f"{KEMKES}/id/ihs-number", "value": f"P{record.card}"},
            {"system": f"{KEMKES}/id/nik", "value": person.nik},
        ],
        "name": [{"use": "official", "text": person.name}],
        "gender": GENDERS[record.sex],
        "birthDate": person.born.isoformat(),
    }
    if defect == "missing_birth_date":
        del patient["birthDate"]
    resource: dict[str, Any] = {
        "resourceType": "Encounter",
        "id": record.record_id,
        "meta": _meta(_utc(record.changed_at), "1" if record.changed_at == record.at else "2"),
        "contained": [patient],
        "identifier": [{"system": "http://sys-ids.kemkes.go.id/encounter/3522", "value": record.record_id}],
        "status": "in-progress" if record.ended_at is None else "finished",
        "class": {"system": f"{HL7}/v3-ActCode", "code": code, "display": CLASSES[record.encounter_class]},
        "serviceType": {"coding": [{"system": f"{KEMKES}/penjamin", "code": PAYERS[record.payer_class]}]},
        "subject": {"reference": "#pasien", "display": person.name},
        "period": {"start": start},
        "serviceProvider": {"reference": f"Organization/{record.facility_id}", "display": record.facility},
    }
    if record.icd10 is not None:
        resource["reasonCode"] = [{"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": record.icd10}]}]
    if record.ended_at is not None:
        end = (
            date(2020, 1, 1).isoformat() + "T00:00:00+00:00" if defect == "ends_before_start" else _utc(record.ended_at)
        )
        resource["period"]["end"] = end
    if record.outcome is not None:
        code, display = DISPOSITIONS[record.outcome]
        disposition = {"coding": [{"system": f"{HL7}/discharge-disposition", "code": code, "display": display}]}
        resource["hospitalization"] = {"dischargeDisposition": disposition}
    return resource


SERVICES = (PcareBpjs, Satusehat)
