"""What the standard must hold of each true record of the apps about families, villages, traffic, trade, farming, work and the environment.

As expectations.py, whose words it uses: written from the ledger's words and the vendors' pages, not from the pipeline's parsers.
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

RECORD_TOKENS = {"kpm_petani": "identifier:kpm_petani"}
"""App to the kind of the token that stands for the source's identifier, where that is personal."""


def constant(value: Any) -> Callable[[Truth], Any]:
    return lambda truth: value


def day(name: str) -> Callable[[Truth], date | None]:
    """A day that may be missing."""
    return lambda truth: None if truth[name] is None else date.fromisoformat(truth[name])


def began(day_: date) -> datetime:
    """The instant at which a day begins in the city."""
    return datetime.fromisoformat(f"{day_.isoformat()}T00:00:00+07:00").astimezone(UTC)


def midnight(name: str) -> Callable[[Truth], datetime | None]:
    """The beginning of a day in the city, which may be missing."""
    return lambda truth: None if truth[name] is None else began(datetime.fromisoformat(truth[name]).date())


def month(truth: Truth) -> str:
    return f"{truth['year']}-{truth['month']:02}"


def reported(name: str) -> Callable[[Truth], str]:
    """The status of a figure that may not have been reported."""
    return lambda truth: "M" if truth[name] is None else "A"


def point(truth: Truth) -> str:
    """GeoJSON has the longitude first."""
    return json.dumps(
        {"coordinates": [float(truth["longitude"]), float(truth["latitude"])], "type": "Point"}, separators=(",", ":")
    )


def joined(truth: Truth) -> str:
    """Identifiers of several parts, as the standard joins them."""
    return str(truth["record_id"]).replace("/", "|")


_KIND = {
    "physical": "Fisik", "psychological": "Psikis", "sexual": "Seksual", "neglect": "Penelantaran", "economic": "Eksploitasi Ekonomi",
    "trafficking": "TPPO", "cyber": "KBGO",
}  # fmt: skip
_SHORT = ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des")
_LONG = (
    "Januari", "Februari", "Maret", "April", "Mei", "Juni", "Juli", "Agustus", "September", "Oktober", "November", "Desember",
)  # fmt: skip
_CLASS = {
    **dict.fromkeys(("building", "equipment", "vehicle"), "asset"), "road": "road", "land": "land_parcel", "facility": "facility",
}  # fmt: skip
_INVENTORY = {"building": "GDG", "vehicle": "KDR", "equipment": "PRL", "road": "JLN", "land": "TNH", "facility": "FAS"}
_TEST = {"first": "U1", "periodic": "U2", "visiting": "NU", "transfer": "MT"}
_UNIT = {"liter": "l", "370 gr/kl": "kaleng 370 g"}
_SIGN = {
    "lameness_drooling": "PLLG", "skin_nodules": "BNJL", "sudden_death": "MTMD", "diarrhoea": "DIARE", "abortion": "KGR",
    "nervous_signs": "SYRF", "respiratory": "NFAS",
}  # fmt: skip
_MEASURED = {"pm25": "PM2.5", "pm10": "PM10", "so2": "SO2", "no2": "NO2"}
_BAD_VALUE = held(("bad_number", "obs_value"), ("bad_grouping", "obs_value"))
_PRICE: dict[str, Callable[[Truth], Any]] = {
    "commodity_code": same("commodity_code"), "variant_name": same("commodity"), "market_id": same("market_id"),
    "price_level": constant("consumer"), "price_idr": money("price"), "prev_price_idr": money("previous"),
    "unit": lambda truth: _UNIT.get(truth["unit"], truth["unit"]), "event_on": on("at"), "region_code": same("district"),
}  # fmt: skip
_NO_PRICE = held(("required_missing", "price_idr"))
_NO_UNIT = held(("required_missing", "unit"))

APPS: dict[str, App] = {
    "simfoni_ppa": App(
        values={
            "incident_id": same("record_id"), "hazard_type": lambda truth: _KIND[truth["kind"]], "severity": same("severity"),
            "certainty": lambda truth: "observed" if truth["verified"] else "likely",
            # Of the time of the event the source gives the year alone; its first day stands for it.
            "onset_at": lambda truth: began(date(truth["happened_year"], 1, 1)),
            "event_on": lambda truth: date(truth["happened_year"], 1, 1), "reported_at": at("at"),
            "victim_class": word("victim_class", child="ANAK", woman="PEREMPUAN DEWASA"), "region_code": constant("35.22"),
        },
        key="no_kasus",
        defects={
            "unmapped_kind": held(("unmapped_value", "hazard_type")),
            # The standard has no token of a victim, so the NIK is not read.
            "malformed_nik": Kept(),
            "missing_input_time": Kept(unlike=("reported_at",)),
        },
    ),
    "elsimil_siga": App(
        values={
            "indicator_id": same("indicator_code"), "obs_value": money("value"), "obs_status": reported("value"),
            "unit_measure": same("measure_unit"), "time_period": month, "event_on": on("at"), "ref_area": same("district"),
            "region_code": same("district"),
        },
        key="Kode Indikator",
        # The year is that of the request: the payload does not hold the whole key.
        uid=lambda truth: "|".join(
            (str(truth["year"]), truth["district"], truth["indicator_code"], _SHORT[truth["month"] - 1])
        ),
        defects={
            "unreadable_value": _BAD_VALUE,
            # That a sum has fallen since the month before shows in no single value: it is loaded as delivered.
            "falls_back": Kept(unlike=("obs_value",)),
        },
        # Months that are not closed yet, or not kept.
        skipped=lambda ledger: distinct("year", "district", "indicator_code", each=12)(ledger) - len(ledger),
    ),
    "opensid": App(
        values={
            "entity_id": same("record_id"), "entity_class": lambda truth: _CLASS[truth["kind"]], "name": same("name"),
            "classification": lambda truth: _INVENTORY[truth["kind"]], "status": same("status"),
            "condition": word("condition", good="baik", slightly_damaged="rusak_ringan", badly_damaged="rusak_berat"),
            "book_value_idr": money("value"), "event_at": at("changed_at"), "region_code": VILLAGE,
        },
        key="id",
        # But for what `by_generation` says.
        defects={
            "unreadable_value": refused("bad_number", "book_value_idr"),
            "unmapped_condition": refused("unmapped_value", "condition"),
            "impossible_date": refused("bad_date", "acquired_on"),
        },
    ),
    "e_kir": App(
        values={
            "case_id": same("record_id"), "service_id": lambda truth: _TEST[truth["test"]],
            "output_type": lambda truth: "other" if truth["test"] == "transfer" else "certificate",
            "status": word("status", registered="submitted", paid="submitted", passed="approved", failed="rejected"),
            "submitted_at": at("at"), "event_at": at("at"), "decided_at": midnight("tested_on"), "valid_until": day("valid_until"),
            "applicant_type": lambda truth: "business" if truth["of_business"] else "person",
            "applicant_sex": person("owner", "sex"), "applicant_age_band": age_at("owner", "at"), "region_code": VILLAGE,
        },
        tokens={"permit_number": same("plate"), "applicant_key": person("owner", "nik")},
        key="NoPendaftaran",
        defects={
            "impossible_date": held(("bad_date", "submitted_at")),
            "unmapped_status": held(("unmapped_value", "status")),
            # Some of the names are but misspelt.
            "unknown_village": Kept(unlike=("region_code",), flags=frozenset({"REGION_FUZZY", "REGION_VILLAGE_UNRESOLVED"})),
            "malformed_nik": refused("bad_nik", "applicant_key", "applicant_sex", "applicant_age_band"),
        },
    ),
    "pju": App(
        values={
            "entity_id": same("record_id"), "entity_class": constant("asset"),
            "name": lambda truth: ("PJU " if truth["kind"] == "panel" else "") + truth["code"],
            "status": word("status", works="active", broken="damaged"), "geometry": point, "capacity": money("power_watt"),
            # Of the installation the source gives the year alone; its first day stands for it.
            "acquired_on": lambda truth: date(truth["year"], 1, 1), "event_at": at("changed_at"), "region_code": VILLAGE,
        },
        key="id",
        defects={
            # A latitude beyond 90 degrees is none, and is not turned round.
            "swapped_coordinates": refused("bad_geojson", "geometry"),
            "unmapped_status": held(("unmapped_value", "status")),
            "unreadable_power": refused("bad_pick", "capacity"),
        },
    ),
    "disdag_online": App(
        values={**_PRICE, "is_forward_filled": same("carried")},
        key="@data-kode",
        uid=joined,
        defects={
            "missing_price": _NO_PRICE,
            "missing_unit": _NO_UNIT,
            "misplaced_comma": held(("bad_grouping", "price_idr"), ("bad_number", "price_idr")),
        },
        # Rows that name a group of goods, for each market and day.
        skipped=distinct("market_id", "at", "group"),
    ),
    "siskaperbapo": App(
        # The source does not mark prices carried forward.
        values={**_PRICE, "is_forward_filled": constant(False)},
        key="@data-kode",
        uid=joined,
        defects={"missing_price": _NO_PRICE, "missing_unit": _NO_UNIT},
        skipped=distinct("market_id", "at", "group"),
    ),
    "umkm_sidt": App(
        values={
            "entity_id": same("record_id"), "entity_class": constant("business"), "name": same("name"), "classification": same("kbli"),
            "status": word("status", unverified="active", closed="inactive"), "event_at": at("changed_at"),
            "reported_at": midnight("at"), "region_code": VILLAGE,
        },
        key="IdUsaha",
        defects={
            # The standard has no token of an owner, so the NIK is not read.
            "malformed_nik": Kept(),
            "unknown_region": place("REGION_UNRESOLVED"),
            "unmapped_status": held(("unmapped_value", "status")),
        },
    ),
    "kpm_petani": App(
        values={
            "programme_code": constant("KPM"), "unit_type": constant("person"), "status": same("status"), "start_on": on("at"),
            "event_on": on("at"), "sex": person("farmer", "sex"), "age_band": age_at("farmer", "at"), "region_code": VILLAGE,
        },
        tokens={"enrolment_id": same("record_id"), "subject_key": person("farmer", "nik")},
        key="No RDKK",
        defects={
            "rounded_nik": held(("digits_lost", "subject_key")),
            # An area has no field in an enrolment.
            "unreadable_area": Kept(),
            "unmapped_status": held(("unmapped_value", "status")),
        },
    ),
    "isikhnas": App(
        values={
            "incident_id": same("record_id"), "hazard_type": lambda truth: _SIGN[truth["syndrome"]], "onset_at": at("at"),
            "event_at": at("at"), "reported_at": at("at"), "region_code": VILLAGE,
            # Animals are not people.
            "deaths": constant(None), "people_affected": constant(None),
        },
        key="id_laporan",
        defects={
            "undecoded_sms": held(("required_missing", "hazard_type")),
            "unknown_location": place("REGION_UNRESOLVED"),
            "future_date": held(("in_future", "onset_at"), ("in_future", "reported_at")),
        },
    ),
    "siapkerja_loker": App(
        values={
            "entity_id": same("record_id"), "entity_class": constant("vacancy"), "name": same("title"), "classification": same("field"),
            "status": word("status", open="active", filled="inactive"), "valid_from": on("at"), "valid_to": day("closes_on"),
            "event_at": at("changed_at"), "region_code": same("district"),
        },
        key="id_loker",
        defects={
            # Pay has no field in a register.
            "unreadable_pay": Kept(),
            "impossible_date": refused("bad_date", "valid_from"),
            "unknown_district": place("REGION_UNRESOLVED"),
        },
    ),
    "wisata_kunjungan": App(
        values={
            "indicator_id": word("origin", domestic="kunjungan_wisnus", foreign="kunjungan_wisman"), "obs_value": money("visitors"),
            "obs_status": reported("visitors"), "time_period": month, "event_on": on("at"), "ref_area": same("sight"),
            "region_code": same("district"),
        },
        key="Destinasi",
        uid=lambda truth: "|".join(
            (
                str(truth["year"]),
                _LONG[truth["month"] - 1],
                truth["sight"],
                "Wisnus" if truth["origin"] == "domestic" else "Wisman",
            )
        ),
        defects={
            "unreadable_value": _BAD_VALUE,
            # There are no parts of visitors.
            "decimal_comma": held(("too_precise", "obs_value")),
        },
        # The row JUMLAH, once for each of the two columns.
        skipped=lambda ledger: 2,
    ),
    "sipsn_dlh": App(
        values={
            "thing_id": same("station"), "observed_property": lambda truth: _MEASURED.get(truth["measured"], truth["measured"]),
            "phenomenon_time": at("at"), "event_at": at("at"), "result": money("value"), "uom": same("unit"),
            "result_quality": lambda truth: "missing" if truth["value"] is None else "good", "region_code": same("district"),
        },
        key="id",
        defects={
            "missing_unit": held(("required_missing", "uom"), ("unmapped_factor", "result")),
            "negative_value": held(("bad_pick", "result")),
            "unreadable_value": held(("bad_pick", "result"), ("bad_number", "result")),
        },
    ),
}  # fmt: skip


def by_generation(truth: Truth, attributes: Mapping[str, Any]) -> Kept | None:
    """What becomes of a record of opensid with a defect that shows in some generations of the program alone, or None.

    ``attributes``: those the source delivered.
    """
    if truth["defect"] == "unreadable_value" and attributes.get("harga_perolehan", "") is None:
        # The middle generation leaves a value out that it does not know, which is no unreadable one.
        return Kept(unlike=("book_value_idr",))
    if truth["defect"] == "impossible_date" and "tahun_perolehan" in attributes:
        # The old generation knows the year of acquisition alone, which is not mapped.
        return Kept()
    return None
