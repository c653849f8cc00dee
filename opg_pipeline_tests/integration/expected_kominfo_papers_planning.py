"""What the standard must hold of each true record of the apps of information, papers and planning.

As in expectations.py: from the ledger's words and the vendors' pages, read by no parser of the pipeline.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from opg_pipeline_tests.integration.expectations import (
    VILLAGE,
    App,
    Held,
    Kept,
    Truth,
    age_at,
    at,
    held,
    money,
    on,
    person,
    place,
    refused,
    same,
    word,
)

_CITY_TIME = timezone(timedelta(hours=7))
_NOT_A_NUMBER = held(("bad_number", "obs_value"), ("bad_grouping", "obs_value"))
_SCORES = tuple(f"u{number}" for number in range(1, 10))

_SUBJECT = {
    "road": "11", "street_light": "12", "irrigation": "13", "civil_document": "21", "social_aid": "31", "health": "41", "school": "51",
    "waste": "61", "water": "62",
}  # fmt: skip
_INCIDENT = {
    "defacement": "WD", "online_gambling": "JUDOL", "phishing": "PH", "malware": "MW", "data_leak": "DB", "denial_of_service": "DDOS",
    "ransomware": "RW",
}  # fmt: skip
_BREAKDOWN: dict[str | None, tuple[int, str]] = {
    None: (0, "Tidak Ada"), "male": (1, "Laki-laki"), "female": (2, "Perempuan"), "all": (3, "Jumlah"),
}  # fmt: skip
_LAYER = {
    "faskes": "faskes_pt", "sekolah": "sekolah_pt", "pasar": "pasar_pt", "jembatan": "jembatan_pt", "jalan": "jalan_ln",
}  # fmt: skip
_REGULATION = {
    "perda": "Peraturan Daerah", "perbup": "Peraturan Bupati", "kepbup": "Keputusan Bupati", "instruksi": "Instruksi Bupati",
    "se": "Surat Edaran",
}  # fmt: skip
_FIELD = {
    "infrastructure": "Infrastruktur", "agriculture": "Pertanian", "education": "Pendidikan", "economy": "Ekonomi Kreatif",
    "health": "Kesehatan",
}  # fmt: skip
_ASSOCIATION = {
    "community": "LSM", "foundation": "Yayasan", "society": "Perkumpulan", "religious": "Keagamaan", "youth": "Kepemudaan",
}  # fmt: skip
_COUNTER = {
    "poverty_letter": "SKTM", "family_card_letter": "KK", "marriage_dispensation": "DN", "legalisation": "LEG",
    "micro_business_permit": "IUMK", "heirs_statement": "SKW", "crowd_permit": "KRM",
}  # fmt: skip
_OFFICE = {
    "Badan Pendapatan Daerah": "bapenda", "Dinas Kependudukan dan Pencatatan Sipil": "disdukcapil", "Dinas Kesehatan": "dinkes",
    "Dinas Perhubungan": "dishub", "Dinas Perindustrian dan Tenaga Kerja": "disperinaker", "Dinas Sosial": "dinsos",
    "DPMPTSP": "dpmptsp",
}  # fmt: skip


def midnight(name: str) -> Callable[[Truth], datetime | None]:
    """The instant at which a day begins in the city; of an instant, the one that begins its day."""

    def read(truth: Truth) -> datetime | None:
        if truth[name] is None:
            return None
        day = date.fromisoformat(truth[name][:10])
        return datetime(day.year, day.month, day.day, tzinfo=_CITY_TIME).astimezone(UTC)

    return read


def day(name: str) -> Callable[[Truth], date | None]:
    """A day, or none."""
    return lambda truth: None if truth[name] is None else date.fromisoformat(truth[name][:10])


def first_day(truth: Truth) -> date:
    """The first day of the period."""
    year, _, part = truth["time_period"].partition("-")
    return date(int(year), 3 * int(part[1:]) - 2 if part[:1] == "Q" else int(part or 1), 1)


def cube_key(truth: Truth) -> str:
    """The parts of a cell's key, which the source writes without a separator: area, variable, breakdown, year, part of it."""
    year, _, part = truth["time_period"].partition("-")
    breakdown = _BREAKDOWN[truth["breakdown"]][0]
    parts = (
        truth["series"],
        str(breakdown),
        str(int(year) - 1900),
        f"3{part[1:]}" if part[:1] == "Q" else str(int(part or 0)),
    )
    tail = "".join(parts)
    assert truth["record_id"].endswith(tail)
    return "|".join((truth["record_id"].removesuffix(tail), *parts))


def area(truth: Truth) -> str:
    """The district a figure speaks of, or the regency."""
    return truth["district"] or "35.22"


def status_of(value: str, provisional: bool = False) -> Callable[[Truth], str]:
    """M where nothing was reported, else provisional or final."""
    return lambda truth: "M" if truth[value] is None else "P" if provisional and truth["provisional"] else "A"


def shape(truth: Truth) -> str:
    """The true points, latitude first in the ledger, as the GeoJSON text of a point or a line."""
    points = [[float(longitude), float(latitude)] for latitude, longitude in truth["points"]]
    line = truth["layer"] == "jalan"
    geometry = {"coordinates": points if line else points[0], "type": "LineString" if line else "Point"}
    return json.dumps(geometry, separators=(",", ":"))


def score(number: int) -> Callable[[Truth], int]:
    return lambda truth: int(truth["scores"][number - 1])


def of_five(truth: Truth) -> Held | None:
    """Answers on a form of 1 to 5: the standard is 1 to 4 and no conversion is declared."""
    return held(*(("unmapped_factor", name) for name in _SCORES)) if truth["scale"] == 5 else None


APPS: dict[str, App] = {
    "lapor_sp4n": App(
        values={
            "service_request_id": same("record_id"), "service_code": lambda truth: _SUBJECT[truth["kind"]], "status": same("status"),
            # A complaint that nobody has looked at yet has no office.
            "agency_responsible": lambda truth: None if truth["status"] == "open" else truth["agency"],
            "requested_datetime": at("at"), "event_at": at("at"), "updated_datetime": at("changed_at"), "closed_datetime": at("closed_at"),
            "expected_datetime": midnight("due_at"), "lat": money("latitude"), "long": money("longitude"), "channel": same("channel"),
            "anonymous": same("anonymous"), "confidential": same("confidential"), "region_code": VILLAGE,
        },
        tokens={"reporter_key": person("reporter", "phone")},
        key="@id",
        defects={
            "unmapped_status": held(("unmapped_value", "status")),
            "unknown_region": place("REGION_UNRESOLVED"),
            "impossible_date": held(("bad_date", "requested_datetime")),
        },
    ),
    "satu_data_bojonegoro": App(
        values={
            "indicator_id": same("series"), "time_period": same("time_period"), "freq": same("freq"), "obs_value": money("value"),
            "obs_status": status_of("value", provisional=True), "unit_measure": same("unit"), "region_code": same("district"),
            "event_on": first_day,
        },
        key="kode_data",
        defects={"unreadable_value": _NOT_A_NUMBER, "unknown_region": place("REGION_UNRESOLVED")},
    ),
    "bps_webapi": App(
        values={
            "indicator_id": same("series"), "time_period": same("time_period"), "freq": same("freq"), "obs_value": money("value"),
            "unit_measure": same("unit"), "region_code": area, "event_on": first_day,
            "dims": lambda truth: json.dumps(
                dict(zip(("label", "val"), reversed(_BREAKDOWN[truth["breakdown"]]), strict=True)), separators=(",", ":")
            ),
        },
        key="vervar",
        uid=cube_key,
        defects={"unreadable_value": _NOT_A_NUMBER},
    ),
    "ppid_bojonegoro": App(
        values={
            "case_id": same("record_id"), "status": word("status", granted="approved", partly_granted="approved"),
            "submitted_at": at("at"), "event_at": at("at"), "decided_at": at("decided_at"), "applicant_type": same("applicant_type"),
            "applicant_sex": person("applicant", "sex"), "applicant_age_band": age_at("applicant", "at"), "region_code": VILLAGE,
        },
        tokens={"applicant_key": person("applicant", "nik")},
        key="no_pendaftaran",
        defects={
            "unmapped_status": held(("unmapped_value", "status")),
            "malformed_nik": refused("bad_nik", "applicant_key", "applicant_sex", "applicant_age_band"),
            "missing_submitted": held(("required_missing", "submitted_at")),
        },
    ),
    "ttis_csirt": App(
        values={
            "incident_id": same("record_id"), "hazard_type": lambda truth: _INCIDENT[truth["kind"]], "severity": same("severity"),
            "certainty": same("certainty"), "onset_at": at("at"), "event_at": at("at"), "response_at": at("handled_at"),
            "ended_at": at("ended_at"), "people_affected": same("people_affected"), "region_code": lambda truth: "35.22",
        },
        key="tiket",
        defects={
            "unmapped_kind": held(("unmapped_value", "hazard_type")),
            "impossible_date": held(("bad_date", "onset_at")),
            # A rule of the category finds it, after the standard.
            "ended_before_onset": Kept(unlike=("ended_at",)),
        },
    ),
    "geoportal": App(
        values={
            "entity_id": same("record_id"), "entity_class": same("entity_class"), "name": same("name"), "status": same("status"),
            "condition": same("condition"), "classification": lambda truth: _LAYER[truth["layer"]], "event_on": on("at"),
            "capacity": lambda truth: Decimal(truth["size"]) if truth["entity_class"] == "facility" else None,
            "geometry": shape, "region_code": VILLAGE,
        },
        key="properties",
        defects={
            "missing_geometry": Kept(unlike=("geometry",)),
            "unmapped_condition": refused("unmapped_value", "condition"),
            # `parse: json` does not look whether a geometry lies in degrees: it is loaded as delivered.
            # A latitude beyond 90 degrees is none, and is not turned round.
            "swapped_coordinates": refused("bad_geojson", "geometry"),
        },
    ),
    "dasawisma": App(
        values={
            "programme_code": same("programme"), "status": same("status"), "start_on": day("start_on"), "event_on": day("start_on"),
            "end_on": day("end_on"), "sex": person("person", "sex"), "age_band": age_at("person", "start_on"),
            "disability_flag": same("disability"), "region_code": VILLAGE,
        },
        tokens={"subject_key": person("person", "nik"), "enrolment_id": same("record_id")},
        key="IdAnggota",
        defects={
            "malformed_nik": held(("bad_nik", "subject_key")),
            "unmapped_status": held(("unmapped_value", "status")),
            "missing_start": held(("required_missing", "start_on")),
        },
    ),
    "jdih": App(
        values={
            "document_id": same("record_id"), "doc_type": lambda truth: _REGULATION[truth["kind"]], "year": same("year"),
            "title": lambda truth: f"{_REGULATION[truth['kind']]} Nomor {truth['number']} Tahun {truth['year']} tentang {truth['title']}",
            "subject": same("subject"), "status": same("status"), "issued_on": on("at"), "event_on": on("at"),
            "relations": lambda truth: json.dumps(
                [f"{ {'dicabut': 'Mencabut', 'diubah': 'Mengubah'}[how]} {other}" for how, other in truth["ends"]], separators=(",", ":")
            ) if truth["ends"] else None,
        },
        key="idData",
        defects={
            "impossible_date": held(("bad_date", "event_at")),
            "unmapped_status": refused("unmapped_value", "status"),
            "missing_title": held(("required_missing", "title")),
        },
    ),
    "srikandi": App(
        values={
            "document_id": same("record_id"), "doc_type": same("kind"), "number": same("number"), "subject": same("classification"),
            "publisher": same("sender"), "issued_on": on("at"), "event_on": on("at"),
            # Without the subject line, which names people.
            "title": lambda truth: f"{truth['kind']} {truth['number'] or ''}".strip(),
        },
        key="uuid",
        # The states of a letter and its subject line have no place in the standard.
        defects={"unmapped_status": Kept(), "missing_subject": Kept(), "impossible_date": held(("bad_date", "event_at"))},
    ),
    "aspirasi_dprd": App(
        values={
            "service_request_id": same("record_id"), "service_code": lambda truth: _FIELD[truth["kind"]], "status": same("status"),
            "requested_datetime": midnight("at"), "event_on": on("at"),
            # The day of the first status is that of the proposal.
            "updated_datetime": lambda truth: midnight("at" if truth["changed_on"] is None else "changed_on")(truth),
            "agency_responsible": same("agency"), "description": same("text"), "region_code": VILLAGE,
        },
        tokens={"reporter_key": person("proposer", "phone")},
        key="ID_USULAN",
        # The estimate has no place in the standard.
        defects={
            "unmapped_status": held(("unmapped_value", "status")),
            "unreadable_amount": Kept(),
            "impossible_date": held(("bad_date", "requested_datetime")),
        },
    ),
    "siormas": App(
        values={
            "entity_id": same("record_id"), "name": lambda truth: f"{_ASSOCIATION[truth['kind']]} {truth['name']}",
            "classification": lambda truth: _ASSOCIATION[truth["kind"]], "status": same("status"), "valid_from": day("issued_on"),
            "valid_to": day("valid_until"), "event_on": day("issued_on"), "region_code": VILLAGE,
        },
        key="@nomor_skt",
        defects={"unreadable_expiry": refused("bad_date", "valid_to"), "missing_name": held(("required_missing", "name"))},
    ),
    "paten": App(
        values={
            "case_id": same("record_id"), "service_id": lambda truth: _COUNTER[truth["service"]], "status": same("status"),
            "submitted_at": midnight("at"), "event_on": on("at"), "decided_at": midnight("decided_on"), "fee_idr": money("fee"),
            "applicant_sex": person("applicant", "sex"), "applicant_age_band": age_at("applicant", "at"), "region_code": VILLAGE,
        },
        tokens={"applicant_key": person("applicant", "nik")},
        key="No. Register",
        defects={
            "unmapped_status": held(("unmapped_value", "status")),
            "malformed_nik": refused("bad_nik", "applicant_key", "applicant_sex", "applicant_age_band"),
            "missing_entered": held(("required_missing", "submitted_at")),
        },
        # Every second office, as the vendor's table lists them, ends with a row of totals.
        skipped=lambda ledger: len({truth["district"] for truth in ledger if int(truth["district"][-2:]) % 2 == 0}),
    ),
    "e_sakip": App(
        values={
            "indicator_id": same("indicator_code"), "time_period": same("time_period"), "obs_value": money("achieved"),
            "obs_status": status_of("achieved"), "unit_measure": same("measure_unit"), "event_on": first_day,
            "dims": lambda truth: json.dumps({"kode": truth["unit_code"], "nama": truth["unit"]}, separators=(",", ":")),
            "region_code": lambda truth: "35.22",
        },
        key="node",
        # The target has no place in the standard.
        defects={"unreadable_target": Kept(), "unreadable_value": _NOT_A_NUMBER},
    ),
    "skm_online": App(
        values={
            "survey_id": same("survey"), "service_id": same("service_code"), "answered_at": at("at"), "event_at": at("at"),
            "agency_id": lambda truth: _OFFICE[truth["unit"]], **{f"u{number}": score(number) for number in range(1, 10)},
        },
        tokens={"response_id": same("record_id")},
        key="id",
        waits=of_five,
        defects={
            "missing_scale": held(*(("unmapped_factor", name) for name in _SCORES)),
            "missing_score": held(*(("required_missing", name) for name in _SCORES)),
            "score_out_of_range": held(*(("out_of_range", name) for name in _SCORES), *(("unmapped_factor", name) for name in _SCORES)),
        },
    ),
}  # fmt: skip

TOKEN_IDS = frozenset({"dasawisma", "skm_online"})
"""Apps whose source_record_id is a token, as the identifier is mapped to a field of privacy pseudonym."""


def waiting_id(app: str, record: Mapping[str, Any]) -> str | None:
    """The identifier in a quarantined record where it is no member of the record itself; None for the others."""
    if app == "bps_webapi":
        return "|".join(str(record[name]["val"]) for name in ("vervar", "var", "turvar", "tahun", "turtahun"))
    if app == "geoportal":
        return str(record["properties"]["kode"])
    if app == "e_sakip":
        return str(record["node"]["id"])
    if app == "paten":
        return next(str(record[name]) for name in ("No. Register", "NOMOR REG", "No Agenda") if name in record)
    return None
