"""What the standard must hold of each true record of the apps of social aid, permits, public works and disasters.

As expectations.py, whose words it uses: from the ledger's words and the vendors' pages, read by no parser of the pipeline.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from opg_pipeline_tests.integration.expectations import (
    VILLAGE,
    App,
    Kept,
    Truth,
    age_at,
    at,
    band,
    held,
    money,
    on,
    person,
    place,
    refused,
    same,
    word,
)

RECORD_TOKENS = {app: f"identifier:{app}" for app in ("inlislite", "si_bantu", "siks_ng")}
"""App to the kind of the token that stands for the source's identifier, where that is personal."""


def constant(value: Any) -> Callable[[Truth], Any]:
    return lambda truth: value


def day(name: str) -> Callable[[Truth], date | None]:
    """A day in the city, which may be missing."""
    return lambda truth: None if truth[name] is None else date.fromisoformat(truth[name][:10])


def midnight(name: str) -> Callable[[Truth], datetime | None]:
    """The beginning of a day in the city; of an instant, of its day."""
    return lambda truth: (
        None if truth[name] is None else datetime.fromisoformat(f"{truth[name][:10]}T00:00:00+07:00").astimezone(UTC)
    )


def minute(name: str) -> Callable[[Truth], datetime | None]:
    """An instant without its seconds, which the source does not write."""

    def read(truth: Truth) -> datetime | None:
        found = at(name)(truth)
        return None if found is None else found.replace(second=0)

    return read


def listed(name: str, words: Mapping[str, Any]) -> Callable[[Truth], Any]:
    """A neutral word of the ledger by a list that must hold it."""
    return lambda truth: words[truth[name]]


def shape(kind: str, name: str) -> Callable[[Truth], str]:
    """The true points, of which the ledger's are texts, as the GeoJSON text of a line or of the one ring of a polygon."""

    def read(truth: Truth) -> str:
        points = [[float(longitude), float(latitude)] for longitude, latitude in truth[name]]
        geometry = {"coordinates": [points] if kind == "Polygon" else points, "type": kind}
        return json.dumps(geometry, separators=(",", ":"))

    return read


def of_person(part: Callable[[Truth], Any]) -> Callable[[Truth], Any]:
    """What is known of a business that is one person."""
    return lambda truth: part(truth) if truth["sole"] else None


_QUANTITY: dict[str, tuple[str, str, str | None]] = {
    "t": ("air_temperature", "Cel", "temperature"), "hu": ("relative_humidity", "%", "humidity"), "tp": ("precipitation", "mm", "rain_mm"),
    "tcc": ("cloud_cover", "%", "cloud"), "ws": ("wind_speed", "km/h", "wind_kmh"), "wd_deg": ("wind_direction", "deg", "wind_degrees"),
    "vs": ("visibility", "m", None),
}  # fmt: skip
"""Member of a step of the forecast to the quantity, its unit, and the ledger's word for it, which has none for the sight."""
_DEFECTS = {"t": ("missing_temperature",), "hu": ("impossible_humidity",)}


def readings(truth: Truth) -> list[Truth]:
    """The readings of one step of the forecast. The defect of a step is that of its temperature or of its humidity."""
    code, _, when = truth["record_id"].partition("/")
    found: list[Truth] = []
    for member, (quantity, unit, name) in _QUANTITY.items():
        lost = (truth["defect"], member) == ("missing_temperature", "t")
        defect = "untold" if name is None else truth["defect"] if truth["defect"] in _DEFECTS.get(member, ()) else None
        found.append(
            {
                **truth,
                "record_id": f"{code}|{when}|{member}",
                "code": code,
                "quantity": quantity,
                "unit": unit,
                "value": None if lost or name is None else str(truth[name]),
                "quality": "missing" if lost else "estimated",
                "defect": defect,
            }
        )
    return found


RECORDS: dict[str, Callable[[Truth], list[Truth]]] = {"bmkg_cuaca": readings}
"""Apps of which one row is several standard records: a true record to those it becomes."""


def several(truth: Truth) -> Kept | None:
    """What becomes of a disaster in several villages: it is placed in their district."""
    return Kept(flags=frozenset({"REGION_VILLAGE_UNRESOLVED"})) if len(truth["villages"]) > 1 else None


KEPT: dict[str, Callable[[Truth], Kept | None]] = {"bpbd_kejadian": several}
"""What becomes of true records without a defect that are not loaded without a flag."""

_MEMBER = {"pupil": "student", "student": "student", "general": "person", "employee": "person"}
_AID = {
    "food_card": "BPNTD", "house_repair": "RTLH", "bereavement": "SDUKA", "disability_aid": "ASPD", "elderly_aid": "ASLUT",
    "orphan_aid": "YATIM",
}  # fmt: skip
_NEED = {
    "patient_companion": "Pendamping Pasien", "stranded": "Orang Terlantar", "disabled": "Penyandang Disabilitas",
    "elderly": "Lanjut Usia",
}  # fmt: skip
_RISK = {"low": "R", "medium_low": "MR", "medium_high": "MT", "high": "T"}
_BUILDING = {"build": "PBG", "use": "SLF", "old_licence": "IMB"}
_COUNTER = {
    "civil_registry": "disdukcapil", "labour": "disperinaker", "local_tax": "bapenda",
    # Not the city's, but for the last: they stay with the office that runs the mall.
    **dict.fromkeys(("health_insurance", "police", "vehicle_tax", "land_agency", "investment"), "dpmptsp"),
}  # fmt: skip
_TOPIC = {
    "licence": "perizinan_berusaha", "building": "pbg_slf", "service": "pelayanan_loket", "illegal_business": "usaha_tanpa_izin",
    "none": "tanpa_kategori",
}  # fmt: skip
_SURFACE = {"rigid": "Rigid Beton", "asphalt": "Aspal", "paving": "Paving", "gravel": "Kerikil"}
# Moderate is none of the standard's four.
_ROAD = {"good": "baik", "moderate": None, "light_damage": "rusak_ringan", "heavy_damage": "rusak_berat"}
_DRAIN = {"open": "saluran terbuka", "covered": "saluran tertutup", "culvert": "gorong-gorong"}
_PARCEL = {
    "measured": "Inventarisasi", "appraised": "Penilaian Appraisal", "agreed": "Musyawarah Sepakat", "paid": "Sudah Dibayar",
    "disputed": "Sengketa",
}  # fmt: skip
_DISASTER = {
    "flood": "Banjir Luapan", "flash_flood": "Banjir Bandang", "storm": "Angin Kencang", "landslide": "Tanah Longsor",
    "drought": "Kekeringan", "house_fire": "Kebakaran Rumah", "drowning": "Orang Tenggelam", "fallen_tree": "Pohon Tumbang",
}  # fmt: skip
_NO_STATUS = held(("unmapped_value", "status"))
_PERSON = ("applicant_key", "applicant_sex", "applicant_age_band")


def _amount(column: str) -> Kept:
    """Loaded without an amount that no number can be read from."""
    return Kept(
        (column,), frozenset({"bad_number", "bad_grouping"}), (column,), frozenset({f"REJECTED_{column.upper()}"})
    )


APPS: dict[str, App] = {
    "inlislite": App(
        values={
            "programme_code": constant("library_membership"), "unit_type": listed("kind", _MEMBER), "status": same("status"),
            "start_on": on("at"), "event_on": on("at"), "end_on": day("ends_on"), "sex": person("member", "sex"),
            "age_band": age_at("member", "at"), "region_code": VILLAGE,
        },
        tokens={"subject_key": person("member", "nik"), "enrolment_id": same("record_id")},
        key="header",
        defects={
            "uncertain_date": held(("bad_date", "start_on")),
            "unknown_region": place("REGION_UNRESOLVED"),
            # The kind of member is read from the set of the record.
            "missing_type": Kept(),
        },
    ),
    "si_bantu": App(
        values={
            "programme_code": listed("programme", _AID), "unit_type": constant("person"), "status": same("status"), "start_on": on("at"),
            "event_on": on("at"), "benefit_amount_idr": money("stage_amount"), "welfare_decile": same("decile"),
            "sex": person("recipient", "sex"), "age_band": age_at("recipient", "at"), "region_code": VILLAGE,
        },
        tokens={"subject_key": person("recipient", "nik"), "enrolment_id": same("record_id")},
        key="id",
        defects={
            "unmapped_status": _NO_STATUS,
            "malformed_nik": held(("bad_nik", "subject_key")),
            "unreadable_amount": _amount("benefit_amount_idr"),
            "unknown_region": place("REGION_UNRESOLVED"),
        },
    ),
    "siks_ng": App(
        values={
            "programme_code": same("programme"), "unit_type": constant("person"), "status": same("status"), "start_on": on("at"),
            "event_on": on("at"), "benefit_amount_idr": money("amount"), "welfare_decile": same("decile"),
            "disability_flag": same("disabled"), "sex": person("recipient", "sex"), "age_band": age_at("recipient", "at"),
            "region_code": VILLAGE,
        },
        tokens={"subject_key": person("recipient", "nik"), "enrolment_id": same("record_id")},
        key="IDKPM",
        defects={
            "malformed_nik": held(("bad_nik", "subject_key")),
            "decile_out_of_range": refused("out_of_range", "welfare_decile"),
            # Some are misspelt and near enough to be found.
            "unknown_village": Kept(unlike=("region_code",), flags=frozenset({"REGION_FUZZY", "REGION_VILLAGE_UNRESOLVED"})),
            "impossible_date": held(("bad_date", "start_on")),
        },
    ),
    "rumah_singgah": App(
        values={
            "case_id": same("record_id"), "service_type": listed("need", _NEED), "status": same("status"), "submitted_at": at("at"),
            "event_at": at("at"), "decided_at": at("decided_at"), "applicant_sex": person("applicant", "sex"),
            "applicant_age_band": age_at("applicant", "at"), "region_code": VILLAGE,
        },
        tokens={"applicant_key": person("applicant", "nik")},
        key="No. Permohonan",
        defects={
            "scientific_nik": refused("digits_lost", *_PERSON),
            "unknown_region": place("REGION_UNRESOLVED"),
            "unmapped_status": _NO_STATUS,
        },
    ),
    "oss_rba": App(
        values={
            "case_id": same("record_id"), "status": same("status"), "submitted_at": midnight("at"), "event_on": on("at"),
            "decided_at": midnight("decided_at"), "applicant_type": lambda truth: "person" if truth["sole"] else "business",
            "applicant_sex": of_person(person("owner", "sex")), "applicant_age_band": of_person(age_at("owner", "at")),
            "kbli": same("kbli"), "risk_level": listed("risk", _RISK), "investment_idr": money("investment"), "region_code": VILLAGE,
        },
        # applicant_key is the owner's NIK; companies have none, so it cannot be asked of every record.
        tokens={"permit_number": same("business_id")},
        key="id_proyek",
        defects={
            "unreadable_amount": _amount("investment_idr"),
            "unmapped_status": _NO_STATUS,
            "unknown_region": place("REGION_UNRESOLVED"),
            "impossible_date": held(("bad_date", "submitted_at")),
        },
    ),
    "simbg": App(
        values={
            "case_id": same("record_id"), "service_id": listed("kind", _BUILDING), "status": same("status"), "submitted_at": minute("at"),
            "event_at": minute("at"), "decided_at": minute("decided_at"), "fee_idr": money("fee"),
            "output_type": word("kind", build="permit", use="certificate", old_licence="permit"),
            "applicant_sex": person("owner", "sex"), "applicant_age_band": age_at("owner", "at"), "region_code": VILLAGE,
        },
        # permit_number is empty until the permit is issued.
        tokens={"applicant_key": person("owner", "nik")},
        key="nomor_registrasi",
        defects={
            # A floor area has no standard field.
            "unreadable_area": Kept(),
            "unmapped_status": _NO_STATUS,
            "malformed_nik": refused("bad_nik", *_PERSON),
            "missing_submitted": held(("required_missing", "submitted_at")),
        },
    ),
    "mpp_antrian": App(
        values={
            "case_id": same("record_id"), "service_type": same("service"), "status": same("status"), "submitted_at": at("at"),
            "event_at": at("at"), "decided_at": at("decided_at"), "applicant_sex": same("sex"),
            "applicant_age_band": lambda truth: band(truth["age_years"]), "agency_id": listed("counter", _COUNTER), "region_code": VILLAGE,
        },
        key="id_tiket",
        defects={
            "impossible_time": held(("bad_date", "submitted_at")),
            "unmapped_status": _NO_STATUS,
            "unknown_region": place("REGION_UNRESOLVED"),
        },
    ),
    "bukutamu_dpmptsp": App(
        values={
            "service_request_id": same("record_id"), "service_code": listed("topic", _TOPIC), "status": same("status"),
            "status_notes": same("answer"), "requested_datetime": minute("at"), "event_at": minute("at"),
            "updated_datetime": minute("changed_at"), "region_code": VILLAGE,
        },
        tokens={"reporter_key": person("author", "phone")},
        key="ID",
        defects={
            # Loaded as what it is, from no place and with the phone of no person.
            "spam": Kept(
                ("reporter_key",), frozenset({"bad_phone"}), ("reporter_key",),
                frozenset({"REJECTED_REPORTER_KEY", "REGION_UNRESOLVED"}),
            ),
            "impossible_date": held(("bad_date", "requested_datetime")),
            "unmapped_status": _NO_STATUS,
        },
    ),
    "leger_jalan": App(
        values={
            "entity_id": same("record_id"), "entity_class": constant("road"), "name": same("name"), "status": constant("active"),
            "classification": listed("surface", _SURFACE), "condition": listed("condition", _ROAD), "geometry": shape("LineString", "line"),
            "event_on": on("changed_at"), "event_at": at("changed_at"), "region_code": VILLAGE,
            # The length is no capacity.
            "capacity": constant(None),
        },
        key="attributes",
        defects={
            "unmapped_condition": refused("unmapped_value", "condition"),
            "missing_geometry": Kept(unlike=("geometry",)),
            "unknown_region": place("REGION_UNRESOLVED"),
        },
    ),
    "gis_drainase": App(
        values={
            "entity_id": same("record_id"), "entity_class": constant("asset"), "classification": listed("kind", _DRAIN),
            "status": lambda truth: "damaged" if truth["condition"] == "damaged" else "active",
            # How badly a drain is damaged is not said.
            "condition": lambda truth: "baik" if truth["condition"] == "good" else None, "geometry": shape("LineString", "line"),
            "event_at": at("changed_at"), "region_code": VILLAGE,
        },
        key="id",
        defects={
            # The length is no capacity.
            "unreadable_length": Kept(),
            "unmapped_condition": Kept(
                ("condition",), frozenset({"unmapped_value"}), ("condition", "status"), frozenset({"REJECTED_CONDITION"})
            ),
            # The names are left out, so there is nothing to resolve.
            "unknown_region": Kept(unlike=("region_code",)),
        },
    ),
    "sipetak": App(
        values={
            "entity_id": same("record_id"), "entity_class": constant("land_parcel"), "name": same("trace"),
            "status": lambda truth: "active" if truth["status"] == "paid" else "planned", "classification": listed("status", _PARCEL),
            "book_value_idr": money("price"), "geometry": shape("Polygon", "ring"), "event_at": at("changed_at"), "region_code": VILLAGE,
        },
        key="properties",
        defects={
            # The owner is not kept.
            "malformed_nik": Kept(),
            "unmapped_status": _NO_STATUS,
            "missing_geometry": Kept(unlike=("geometry",)),
        },
    ),
    "bmkg_cuaca": App(
        values={
            "thing_id": same("code"), "observed_property": same("quantity"), "uom": same("unit"), "phenomenon_time": at("at"),
            "event_at": at("at"), "result_time": lambda truth: datetime.fromisoformat(f"{truth['known_on']}T00:00:00+00:00"),
            "result": money("value"), "result_quality": same("quality"), "is_forecast": constant(True), "region_code": VILLAGE,
        },
        key="datetime",
        defects={
            "missing_temperature": Kept(),
            # No word of the vocabulary gives a quantity's plausible bounds: loaded as delivered.
            "impossible_humidity": Kept(unlike=("result",)),
            # The ledger does not tell the sight.
            "untold": Kept(unlike=("result",)),
        },
    ),
    "bpbd_kejadian": App(
        values={
            "incident_id": same("record_id"), "hazard_type": listed("kind", _DISASTER), "onset_at": at("at"), "event_at": at("at"),
            "ended_at": minute("ended_at"), "people_affected": same("people"), "deaths": same("deaths"), "houses_damaged": same("houses"),
            "loss_idr": money("loss"), "region_code": lambda truth: truth["village"] or truth["district"],
        },
        key="No Kejadian",
        defects={
            "unreadable_amount": Kept(
                ("loss_idr",), frozenset({"bad_number", "bad_grouping"}), ("loss_idr",),
                # Of a disaster in several villages the place is doubtful too.
                frozenset({"REJECTED_LOSS_IDR", "REGION_VILLAGE_UNRESOLVED"}),
            ),
            "impossible_date": held(("bad_date", "onset_at")),
            "unknown_region": place("REGION_UNRESOLVED"),
        },
    ),
}  # fmt: skip


def waiting_id(app: str, record: Mapping[str, Any]) -> str | None:
    """The identifier in a quarantined record where it is no member of the record itself; None for the others."""
    if app == "inlislite":
        return str(record["header"]["identifier"])
    if app == "siks_ng":
        return str(record["IDKPM"] if "IDKPM" in record else record["id_kepesertaan"])
    if app == "leger_jalan":
        return str(record["attributes"]["KODE_SEGMEN"])
    if app == "sipetak":
        return str(record["properties"]["nomor_bidang"])
    return None
