"""What the standard must hold of each true record, written down from the ledger's words and the manifests' declarations.

Nothing here is read by the pipeline's parsers: true values are compared as they are. Amounts are decimal texts, times instants.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

Truth = Mapping[str, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Held:
    """The record waits in quarantine, for one of these (reason, field)."""

    reasons: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Kept:
    """The record is loaded.

    ``without``: columns that are null then, each with a value waiting for one of ``reasons``; ``unlike``: columns that need not
    be equal to the truth; ``flags``: quality flags it carries (one of them at least).
    """

    without: tuple[str, ...] = ()
    reasons: frozenset[str] = frozenset()
    unlike: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()


def held(*reasons: tuple[str, str]) -> Held:
    return Held(frozenset(reasons))


def refused(reason: str, *columns: str) -> Kept:
    """Loaded without these values, which wait and are flagged."""
    return Kept(columns, frozenset({reason}), columns, frozenset(f"REJECTED_{column.upper()}" for column in columns))


def place(flag: str) -> Kept:
    """Loaded with a doubtful place."""
    return Kept(unlike=("region_code",), flags=frozenset({flag}))


@dataclass(frozen=True)
class App:
    """One app's records.

    ``values``: standard column to its true value. ``defects``: what becomes of a record with that defect. ``waits``: true
    records without a defect that the declaration cannot take, and why. ``tokens``: standard column to the identity behind it,
    which it must tell apart exactly. ``key``: the source's identifier of a quarantined payload. ``uid``: the identifier
    as the standard writes it. ``skipped``: how many delivered rows are no records, such as totals, given the ledger.
    """

    values: Mapping[str, Callable[[Truth], Any]]
    key: str
    defects: Mapping[str, Held | Kept]
    tokens: Mapping[str, Callable[[Truth], Any]] = field(default_factory=dict)
    waits: Callable[[Truth], Held | None] = lambda truth: None
    uid: Callable[[Truth], str] = lambda truth: str(truth["record_id"])
    skipped: Callable[[Sequence[Truth]], int] = lambda ledger: 0


def at(name: str) -> Callable[[Truth], datetime | None]:
    """An instant."""
    return lambda truth: None if truth[name] is None else datetime.fromisoformat(truth[name]).astimezone(UTC)


def on(name: str) -> Callable[[Truth], date]:
    """A day in the city."""
    return lambda truth: datetime.fromisoformat(truth[name]).date()


def same(name: str) -> Callable[[Truth], Any]:
    return lambda truth: truth[name]


def distinct(*names: str, each: int = 1) -> Callable[[Sequence[Truth]], int]:
    """How many different combinations of these facts the ledger holds, times ``each``."""
    return lambda ledger: each * len({tuple(truth[name] for name in names) for truth in ledger})


def money(name: str) -> Callable[[Truth], Decimal | None]:
    return lambda truth: None if truth[name] is None else Decimal(truth[name])


def word(name: str, **words: str) -> Callable[[Truth], str | None]:
    """A neutral word of the ledger in the standard's words; the same where it is not listed."""
    return lambda truth: words.get(truth[name], truth[name])


def person(name: str, part: str) -> Callable[[Truth], Any]:
    return lambda truth: truth[name][part]


def band(years: int) -> str:
    """The age band of completed years."""
    for limit, name in (
        (5, "0-4"),
        (15, "5-14"),
        (25, "15-24"),
        (35, "25-34"),
        (45, "35-44"),
        (55, "45-54"),
        (65, "55-64"),
    ):
        if years < limit:
            return name
    return "65+"


def age_at(name: str, when: str) -> Callable[[Truth], str]:
    """The age band of a person on the day of the event."""

    def read(truth: Truth) -> str:
        born, day = date.fromisoformat(truth[name]["born"]), datetime.fromisoformat(truth[when]).date()
        return band(day.year - born.year - ((day.month, day.day) < (born.month, born.day)))

    return read


VILLAGE = same("village")
_SERVICE = {
    "family_card": "KK", "identity_card": "KTP", "child_identity_card": "KIA", "birth_certificate": "AKL",
    "death_certificate": "AKM", "marriage_certificate": "AKW", "moving_letter": "SKP",
}  # fmt: skip
_OUTPUT = {
    **dict.fromkeys(("family_card", "identity_card", "child_identity_card"), "other"),
    **dict.fromkeys(("birth_certificate", "death_certificate", "marriage_certificate"), "certificate"), "moving_letter": "letter",
}  # fmt: skip
_TOPIC = {
    "land_tax_bill": "cek_tagihan", "land_tax_receipt": "bukti_bayar", "land_transfer": "bphtb", "data_correction": "koreksi_data",
    "restaurant_tax": "pajak_resto", "other": "lainnya",
}  # fmt: skip
_HAZARD = {
    "animal_rescue": "EVAKUASI HEWAN", "other_rescue": "PENYELAMATAN",
    **dict.fromkeys(("fire_building", "fire_land", "fire_vehicle"), "KEBAKARAN"),
}  # fmt: skip
_TAG = {
    "in_process": '["contract"]', "in_delivery": '["implementation"]', "completed": '["implementationUpdate"]',
    "cancelled": '["contractTermination"]',
}  # fmt: skip

APPS: dict[str, App] = {
    "e_pbb": App(
        values={
            "entry_id": same("record_id"), "amount_idr": money("amount"), "posted_on": on("at"), "event_at": at("at"),
            "fiscal_year": lambda truth: int(truth["at"][:4]), "region_code": VILLAGE,
            "payment_channel": word("channel", mobile="mobile_banking", virtual_account="va"),
        },
        tokens={"tax_object_key": same("nop"), "payer_key": person("payer", "nik")},
        key="ntpd",
        defects={
            "unreadable_amount": held(("bad_number", "amount_idr"), ("bad_grouping", "amount_idr")),
            "impossible_date": held(("bad_date", "posted_on")),
            "unknown_village": place("REGION_VILLAGE_UNRESOLVED"),
            "malformed_nik": refused("bad_nik", "payer_key"),
            "malformed_nop": refused("bad_nop", "tax_object_key"),
        },
    ),
    "e_bphtb": App(
        values={
            "entry_id": same("record_id"), "amount_idr": money("amount"), "posted_on": on("at"), "event_at": at("at"),
            "fiscal_year": lambda truth: int(truth["at"][:4]), "region_code": VILLAGE,
        },
        tokens={"tax_object_key": same("nop"), "payer_key": person("payer", "nik")},
        key="@no",
        defects={
            "impossible_date": held(("bad_date", "posted_on")),
            "unknown_village": place("REGION_VILLAGE_UNRESOLVED"),
            # The unit that lacks is that of the price, which the standard has no field for. The duty is whole.
            "missing_unit": Kept(),
        },
    ),
    "si_nduk": App(
        values={
            "case_id": same("record_id"), "service_id": lambda truth: _SERVICE[truth["service"]],
            "output_type": lambda truth: _OUTPUT[truth["service"]], "status": same("status"), "submitted_at": at("at"),
            "event_at": at("at"), "decided_at": at("decided_at"), "region_code": VILLAGE,
            "applicant_sex": person("applicant", "sex"), "applicant_age_band": age_at("applicant", "at"),
        },
        tokens={"applicant_key": person("applicant", "nik")},
        key="no_registrasi",
        defects={
            "unmapped_status": held(("unmapped_value", "status")),
            "missing_submitted": held(("required_missing", "submitted_at")),
            "typo_village": Kept(unlike=("region_code",), flags=frozenset({"REGION_FUZZY", "REGION_VILLAGE_UNRESOLVED"})),
            "unknown_region": place("REGION_UNRESOLVED"),
            "malformed_nik": refused("bad_nik", "applicant_key", "applicant_sex", "applicant_age_band"),
        },
    ),
    "e_puskesmas": App(
        values={
            "facility_id": same("facility_id"), "encounter_class": same("encounter_class"), "period_start": at("at"),
            "event_at": at("at"), "region_code": VILLAGE, "payer_class": same("payer_class"), "sex": same("sex"),
            "age_band": lambda truth: band(truth["age_years"]), "wait_minutes": same("wait_minutes"), "outcome": same("outcome"),
        },
        tokens={"patient_key": person("patient", "nik")},
        key="id_kunjungan",
        defects={
            "unreadable_age": held(("bad_age", "age_band"), ("required_missing", "age_band")),
            "impossible_date": held(("bad_date", "period_start")),
            "missing_sex": held(("required_missing", "sex")),
            "placeholder_nik": held(("required_missing", "patient_key")),
        },
    ),
    "tma_bengawan_solo": App(
        values={
            "thing_id": lambda truth: str(truth["station"]), "result": money("level_m"), "phenomenon_time": at("at"),
            "event_at": at("at"), "result_time": at("received_at"), "region_code": same("district"),
            "result_quality": same("quality"),
        },
        key="@iot.id",
        # Readings that were not taken: no word says "missing where the result is, else good".
        waits=lambda truth: held(("required_missing", "result")) if truth["level_m"] is None else None,
        defects={
            "unreadable_value": held(("bad_number", "result"), ("bad_grouping", "result")),
            "impossible_time": held(("bad_date", "phenomenon_time")),
            # No word of the vocabulary gives a gauge's plausible bounds: what lost its decimal point is loaded as delivered.
            "implausible_value": Kept(unlike=("result",)),
        },
    ),
    "gis_cctv": App(
        values={
            "datastream_id": same("camera"), "thing_id": same("camera"), "phenomenon_time": at("at"), "event_at": at("at"),
            "result": lambda truth: Decimal(truth["status"] == "online"), "region_code": VILLAGE,
        },
        key="id",
        # The geometry is not mapped; a reading has none in the standard.
        defects={"swapped_coordinates": Kept(), "missing_geometry": Kept(), "unmapped_status": held(("unmapped_value", "result"))},
    ),
    "ekatalog_v6": App(
        values={
            "ocid": same("record_id"), "title": same("title"), "buyer_id": same("unit_code"), "main_category": same("kind"),
            "award_idr": money("amount"), "release_date": at("changed_at"), "event_at": at("changed_at"),
            "tag": lambda truth: _TAG[truth["status"]], "region_code": lambda truth: "35.22",
        },
        tokens={"supplier_key": same("supplier_npwp")},
        key="kode_paket",
        defects={
            "missing_amount": Kept(unlike=("award_idr",)),
            "negative_amount": refused("out_of_range", "award_idr"),
            "unmapped_status": held(("unmapped_value", "tag")),
        },
    ),
    "portal_berita": App(
        values={
            "document_id": same("record_id"), "title": same("title"), "subject": same("section"), "abstract": same("summary"),
            "detail_url": same("link"), "issued_on": on("at"), "event_at": at("at"), "region_code": lambda truth: None,
        },
        key="guid",
        defects={"impossible_date": held(("bad_date", "event_at"))},
    ),
    "sispan_sismon": App(
        values={
            "indicator_id": same("indicator_code"), "obs_value": money("achieved"), "unit_measure": same("measure_unit"),
            "time_period": lambda truth: f"{truth['year']}-{truth['month']:02}",
            # A checkpoint is the end of its month; the pattern names the month, whose first day the record is dated.
            "event_on": lambda truth: date(truth["year"], truth["month"], 1), "ref_area": lambda truth: "35.22",
        },
        key="Indikator / Kode",
        uid=lambda truth: truth["record_id"].replace("/", "|"),
        # Achievements that were not reported: no word says "M where the value is missing, else P".
        waits=lambda truth: held(("required_missing", "obs_value")) if truth["achieved"] is None else None,
        defects={"unreadable_value": held(("bad_number", "obs_value"), ("bad_grouping", "obs_value"), ("required_missing", "obs_value"))},
        skipped=lambda ledger: 1,
    ),
    "sapa_bupati": App(
        values={
            "service_request_id": same("record_id"), "status": same("status"), "requested_datetime": at("at"),
            "event_at": at("at"), "agency_responsible": same("agency"), "region_code": VILLAGE,
        },
        tokens={"reporter_key": person("speaker", "phone")},
        key="No",
        defects={"missing_status": held(("required_missing", "status")), "unknown_region": place("REGION_UNRESOLVED")},
    ),
    "wizztara": App(
        values={
            "service_request_id": same("record_id"), "service_code": lambda truth: _TOPIC[truth["topic"]], "status": same("status"),
            "requested_datetime": at("at"), "event_at": at("at"), "updated_datetime": at("answered_at"),
            "region_code": same("district"),
        },
        tokens={"reporter_key": person("sender", "phone")},
        key="id",
        defects={
            "broken_line": held(("bad_record", "")),
            "milliseconds": held(("bad_date", "requested_datetime")),
            "unmapped_status": held(("unmapped_value", "status")),
        },
    ),
    "damkar": App(
        values={
            "incident_id": same("record_id"), "hazard_type": lambda truth: _HAZARD[truth["kind"]], "onset_at": at("at"),
            "event_at": at("at"), "deaths": same("deaths"), "loss_idr": money("loss"), "region_code": VILLAGE,
            # The response time cannot be known and must not be guessed.
            "response_at": lambda truth: None,
        },
        key="no_laporan",
        defects={"unmapped_kind": held(("unmapped_value", "hazard_type")), "unknown_region": Kept(unlike=("region_code",))},
    ),
}  # fmt: skip


def unplaced(app: str, truth: Truth, delivered: Mapping[str, Any]) -> str | None:
    """Why the place of a true record cannot be known from what the source delivered, or None.

    Gives the flag that the record carries for it, '' for none.
    """
    if app == "wizztara" and delivered["wilayah"] is None:
        return ""
    if app == "sapa_bupati" and re.match(r"Ds\. .* Kec\. ", delivered["Tempat"]):
        # A second way to write a place; only one pattern can be declared.
        return "REGION_UNRESOLVED"
    return None
