"""What the standard must hold of each true record of the health, school and procurement apps, and of the reports of wrongdoing.

As in expectations: written from the ledger's words and the vendors' pages, not from the pipeline's parsers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from opg_pipeline_tests.integration.expectations import (
    VILLAGE,
    App,
    Kept,
    Truth,
    age_at,
    at,
    distinct,
    held,
    money,
    on,
    person,
    place,
    refused,
    same,
    word,
)

_REGENCY = "35.22"
_JAKARTA = timedelta(hours=7)


def regency(truth: Truth) -> str:
    """Where the source says no place, and all of it is the regency's."""
    return _REGENCY


def day(name: str) -> Callable[[Truth], date | None]:
    """A day that is written as a day, or none."""
    return lambda truth: None if truth[name] is None else date.fromisoformat(truth[name])


def midnight(name: str) -> Callable[[Truth], datetime]:
    """The instant at which a day begins in the city."""
    return lambda truth: datetime.fromisoformat(truth[name]).replace(tzinfo=UTC) - _JAKARTA


def icd10_category(truth: Truth) -> str | None:
    return None if truth["icd10"] is None else str(truth["icd10"])[:3]


def optional(name: str) -> Callable[[Truth], Decimal | int | None]:
    """A whole number, or none."""
    return lambda truth: None if truth[name] is None else int(truth[name])


def epidemiological_week(truth: Truth) -> str:
    return f"{truth['epi_year']}-W{truth['epi_week']:02}"


def sunday(truth: Truth) -> date:
    """The first day of the week, which the ledger dates by its last."""
    return datetime.fromisoformat(truth["at"]).date() - timedelta(days=6)


def half_year(truth: Truth) -> str:
    return f"{truth['year']}-S{truth['half']}"


def last_of_half(truth: Truth) -> date:
    return date(truth["year"], 6, 30) if truth["half"] == 1 else date(truth["year"], 12, 31)


_FIGURES: dict[str, tuple[str, str, Callable[[Truth], int]]] = {
    "Jumlah Penduduk / Laki-laki": ("jumlah_penduduk", '{"sex":"L"}', lambda truth: truth["men"]),
    "Jumlah Penduduk / Perempuan": ("jumlah_penduduk", '{"sex":"P"}', lambda truth: truth["women"]),
    "Jumlah Penduduk / Jumlah": ("jumlah_penduduk", "{}", lambda truth: truth["men"] + truth["women"]),
    "KK": ("jumlah_kk", "{}", lambda truth: truth["households"]),
    "Wajib KTP": ("wajib_ktp", "{}", lambda truth: truth["card_holders"]),
}
"""Column of the workbook to indicator, dimensions and true value."""


def figures(truth: Truth) -> list[Truth]:
    """The five observations of a village and half-year. The defect of a row is that of its column of all people."""
    village = truth["record_id"].partition("/")[2]
    return [
        {
            **truth,
            "record_id": f"{half_year(truth)}|{village}|{column}",
            "code": village,
            "indicator": indicator,
            "dims": dims,
            "count": count(truth),
            "defect": truth["defect"] if column == "Jumlah Penduduk / Jumlah" else None,
        }
        for column, (indicator, dims, count) in _FIGURES.items()
    ]


RECORDS: dict[str, Callable[[Truth], list[Truth]]] = {"siak_dkb": figures}
"""Apps of which one row is several standard records: a true record to those it becomes."""
TOKENISED = frozenset({"pcare_bpjs", "satusehat", "e_ppgbm", "rsud_antrean", "dapodik", "beasiswa"})
"""Apps whose identifiers are personal: `source_record_id` is the token `identifier:<app>` of the record's identifier."""
WAITING: dict[str, Callable[[Any], str]] = {
    "spse_lpse": lambda record: str(record[0]),
    "satusehat": lambda record: str(record["resource"]["id"]),
    "siak_dkb": lambda record: f"{record['Periode']}|{record['Kode Wilayah']}|{record['figure']}",
    "skdr": lambda record: "|".join(record[name] for name in ("tahun", "minggu", "kode_faskes", "kode_penyakit")),
}
"""The identifier, as `uid` gives it, in a quarantined payload, where it is not at the key `App.key`."""

_BUYING = {"consulting": "consultingServices"}
_STAGE = {
    "announced": ["tender"], "evaluation": ["tender"], "contract": ["award"], "done": ["contract"], "cancelled": ["tenderCancellation"],
}  # fmt: skip
_CATEGORY = {"bribery": "K01", "gratification": "K02", "procurement": "K03", "discipline": "K04", "levy": "K05"}
_CALL = {
    "traffic_accident": "KLL", "heart": "JTG", "childbirth": "OBS", "stroke": "STR", "drowning": "TGL", "transfer": "RJK",
}  # fmt: skip
_TRACK = {"residence": "DOM", "affirmative": "AFI", "merit": "PRE", "transfer": "MUT"}
_GRANT = {"ten_graduates": "10SPD", "scientist": "SCI", "thesis": "TA", "prior_learning": "RPL"}


def _dumped(values: list[str]) -> str:
    return json.dumps(values, separators=(",", ":"))


def _encounter(**more: Callable[[Truth], Any]) -> Mapping[str, Callable[[Truth], Any]]:
    """What the clinics' apps have in common."""
    return {
        "encounter_class": same("encounter_class"), "period_start": at("at"), "event_at": at("at"), "sex": same("sex"),
        "region_code": regency, "payer_class": same("payer_class"), "diagnosis_icd10_3": icd10_category,
        "age_band": age_at("patient", "at"), **more,
    }  # fmt: skip


APPS: dict[str, App] = {
    "wbs": App(
        values={
            "service_request_id": same("record_id"), "service_code": lambda truth: _CATEGORY[truth["kind"]], "status": same("status"),
            "requested_datetime": at("at"), "event_at": at("at"), "updated_datetime": at("changed_at"), "channel": same("channel"),
            "anonymous": same("anonymous"), "region_code": regency,
        },
        # No token to compare: an anonymous report has none.
        key="nomor",
        defects={
            "unmapped_status": held(("unmapped_value", "status")),
            "impossible_date": held(("bad_date", "requested_datetime")),
        },
    ),
    "spse_lpse": App(
        values={
            "ocid": same("record_id"), "title": same("title"), "buyer_id": same("unit_code"), "procurement_method": same("method"),
            "main_category": word("kind", **_BUYING), "estimate_idr": money("estimate"), "contract_idr": money("contract"),
            "bidders": optional("bidders"), "tag": lambda truth: _dumped(_STAGE[truth["stage"]]),
            # The table writes minutes.
            "release_date": lambda truth: datetime.fromisoformat(truth["changed_at"]).replace(second=0).astimezone(UTC),
            "region_code": regency,
        },
        key="[0]",
        defects={
            "unreadable_amount": refused("bad_number", "estimate_idr"),
            "unmapped_stage": held(("unmapped_value", "tag")),
        },
    ),
    "sirup": App(
        values={
            "ocid": same("record_id"), "title": same("title"), "buyer_id": same("unit_code"), "procurement_method": same("method"),
            "main_category": word("kind", **_BUYING), "budget_idr": money("budget"), "release_date": at("changed_at"),
            "event_at": at("changed_at"), "contract_end": day("contract_until"),
            "tag": lambda truth: '["planning"]', "region_code": regency,
            # The plan of a selection is no opening of it.
            "tender_start": lambda truth: None,
        },
        key="kd_rup",
        # The impossible date is that of the announcement, which the standard has no field for.
        defects={"missing_budget": Kept(unlike=("budget_idr",)), "impossible_date": Kept()},
    ),
    "bos_open_contract": App(
        values={
            "release_id": same("record_id"), "ocid": lambda truth: f"ocds-bjn522-{truth['process']}", "release_date": at("at"),
            "event_at": at("at"), "title": same("title"), "buyer_id": same("unit_code"), "procurement_method": same("method"),
            "main_category": word("kind", **_BUYING), "budget_idr": money("budget"), "estimate_idr": money("estimate"),
            "award_idr": money("award"), "contract_idr": money("contract"), "bidders": optional("bidders"),
            "tender_start": at("tender_from"), "contract_end": day("contract_until"),
            # An amendment says `contract` of itself.
            "tag": lambda truth: _dumped(["contract" if truth["stage"] == "amendment" else truth["stage"]]),
            # No word adds up a list of payments.
            "paid_idr": lambda truth: None, "region_code": regency,
        },
        key="id",
        defects={"missing_tag": held(("required_missing", "tag")), "missing_buyer": held(("required_missing", "buyer_id"))},
    ),
    "siak_dkb": App(
        values={
            "indicator_id": same("indicator"), "dims": same("dims"), "time_period": half_year, "event_on": last_of_half,
            "obs_value": lambda truth: Decimal(truth["count"]), "ref_area": same("code"), "region_code": VILLAGE,
        },
        key="Kode Wilayah",
        defects={"unreadable_value": held(("bad_number", "obs_value"))},
        # In each half-year the districts and the regency, five figures each.
        skipped=lambda ledger: distinct("year", "half", "district", each=5)(ledger) + distinct("year", "half", each=5)(ledger),
    ),
    "pcare_bpjs": App(
        values=_encounter(facility_id=same("facility_id"), outcome=same("outcome"), period_end=at("ended_at")),
        tokens={"patient_key": person("patient", "nik")},
        key="noKunjungan",
        defects={
            "impossible_date": held(("bad_date", "period_start")),
            # The card is not what tells a patient here.
            "short_card": Kept(),
            # Written as a dash, which the city's locale reads as nothing.
            "unmapped_sex": held(("required_missing", "sex")),
        },
    ),
    "satusehat": App(
        values=_encounter(facility_id=same("facility_id"), outcome=same("outcome"), period_end=at("ended_at")),
        tokens={"patient_key": person("patient", "nik")},
        key="resource.id",
        defects={
            # The age is that of the NIK.
            "missing_birth_date": Kept(),
            "unmapped_class": held(("not_permitted", "encounter_class")),
            # Loaded into the slice as delivered; the rule ends_after_start keeps it from the warehouse.
            "ends_before_start": Kept(unlike=("period_end",)),
        },
    ),
    "e_ppgbm": App(
        values={
            "facility_id": same("facility_id"), "encounter_class": lambda truth: "COMM", "period_start": at("at"), "event_at": at("at"),
            "sex": same("sex"), "age_band": age_at("child", "at"), "region_code": VILLAGE,
        },
        tokens={"patient_key": same("child_id")},
        key="ID Ukur",
        defects={
            # Neither weight nor z-score is a field of the standard.
            "weight_without_comma": Kept(),
            "unreadable_value": Kept(),
            "missing_sex": held(("required_missing", "sex")),
            "unknown_region": place("REGION_VILLAGE_UNRESOLVED"),
        },
    ),
    "skdr": App(
        values={
            "indicator_id": same("syndrome"), "time_period": epidemiological_week, "event_on": sunday, "reported_at": midnight("sent_on"),
            "obs_value": lambda truth: Decimal(truth["cases"]), "coverage_pct": money("completeness"), "ref_area": same("district"),
            "region_code": same("district"),
        },
        key="tahun",
        uid=lambda truth: truth["record_id"].replace("/", "|"),
        defects={
            "unreadable_value": held(("bad_number", "obs_value")),
            "missing_region": held(("required_missing", "ref_area")),
        },
    ),
    "psc119": App(
        values={
            "incident_id": same("record_id"), "hazard_type": lambda truth: _CALL[truth["kind"]], "onset_at": at("at"),
            "event_at": at("at"), "response_at": at("arrived_at"), "ended_at": at("ended_at"), "lat": money("latitude"),
            "long": money("longitude"), "region_code": VILLAGE,
        },
        key="service_request_id",
        defects={
            "impossible_time": held(("bad_date", "onset_at")),
            "unknown_region": place("REGION_UNRESOLVED"),
            "swapped_position": Kept(
                ("lat", "long"), frozenset({"swapped_coordinates"}), ("lat", "long"), frozenset({"REJECTED_LAT", "REJECTED_LONG"})
            ),
        },
    ),
    "rsud_antrean": App(
        values=_encounter(
            outcome=same("status"),
            # Hours without a date cannot be placed after midnight.
            period_end=lambda truth: None,
            wait_minutes=lambda truth: None,
        ),
        tokens={"patient_key": person("patient", "nik")},
        key="kode_booking",
        defects={
            "impossible_date": held(("bad_date", "period_start")),
            "unmapped_sex": held(("bad_sex", "sex")),
            # The age is that of the NIK.
            "missing_birth_date": Kept(),
        },
    ),
    "dapodik": App(
        values={
            "programme_code": lambda truth: "SMP", "institution_id": same("npsn"), "status": lambda truth: "active", "start_on": on("at"),
            "event_at": at("at"), "sex": person("student", "sex"), "age_band": age_at("student", "at"), "region_code": VILLAGE,
        },
        tokens={"subject_key": person("student", "nik")},
        key="peserta_didik_id",
        defects={
            "malformed_nik": held(("bad_nik", "subject_key")),
            "impossible_date": held(("bad_date", "start_on")),
            # The class is no field of the standard.
            "missing_group": Kept(),
        },
    ),
    "spmb": App(
        values={
            "case_id": same("record_id"), "service_id": lambda truth: _TRACK[truth["track"]], "status": same("status"),
            "submitted_at": at("at"), "event_at": at("at"), "decided_at": at("decided_at"), "applicant_sex": person("child", "sex"),
            "applicant_age_band": age_at("child", "at"), "region_code": VILLAGE,
        },
        tokens={"applicant_key": person("child", "nik")},
        key="no_pendaftaran",
        defects={
            "unmapped_status": held(("unmapped_value", "status")),
            "impossible_date": held(("bad_date", "submitted_at")),
            "malformed_nik": refused("bad_nik", "applicant_key", "applicant_age_band"),
        },
    ),
    "beasiswa": App(
        values={
            "programme_code": lambda truth: _GRANT[truth["programme"]], "institution_id": same("campus_id"), "status": same("status"),
            "start_on": on("at"), "event_at": at("at"), "end_on": day("until"), "benefit_amount_idr": money("amount"),
            "welfare_decile": same("welfare_decile"), "sex": person("student", "sex"), "age_band": age_at("student", "at"),
            "region_code": VILLAGE,
        },
        tokens={"subject_key": person("student", "nik")},
        key="id_pengajuan",
        defects={
            "unreadable_amount": refused("bad_number", "benefit_amount_idr"),
            "unmapped_status": held(("unmapped_value", "status")),
            "malformed_nik": held(("bad_nik", "subject_key")),
        },
    ),
}  # fmt: skip
