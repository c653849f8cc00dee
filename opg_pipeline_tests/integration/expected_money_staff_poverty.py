"""What the standard must hold of each true record of the apps about money, employees and poverty. As expectations.py, whose words it uses."""

from __future__ import annotations

from collections.abc import Callable
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

RECORD_TOKENS = {"simpeg": "nip", "e_kinerja_bkn": "identifier:e_kinerja_bkn", "damisda": "identifier:damisda"}
"""App to the kind of the token that stands for the source's identifier, where that is personal."""


def constant(value: Any) -> Callable[[Truth], Any]:
    return lambda truth: value


def day(name: str) -> Callable[[Truth], date | None]:
    """A day that may be missing."""
    return lambda truth: None if truth[name] is None else date.fromisoformat(truth[name])


def midnight(name: str) -> Callable[[Truth], datetime | None]:
    """The beginning of a day in the city, which may be missing."""
    return lambda truth: (
        None if truth[name] is None else datetime.fromisoformat(f"{truth[name]}T00:00:00+07:00").astimezone(UTC)
    )


def year(truth: Truth) -> int:
    """The budget year, which is that of the payment."""
    return int(truth["at"][:4])


_TAX = {
    "hotel": "PBJT Jasa Perhotelan", "restaurant": "PBJT Makanan dan/atau Minuman", "entertainment": "PBJT Jasa Kesenian dan Hiburan",
    "electricity": "PBJT Tenaga Listrik", "parking": "PBJT Jasa Parkir", "advertising": "Pajak Reklame", "groundwater": "Pajak Air Tanah",
    "swallow_nest": "Pajak Sarang Burung Walet", "minerals": "Pajak MBLB", "land": "PBB-P2",
}  # fmt: skip
_PURPOSE = {
    "land_tax": "PBB-P2", "restaurant_tax": "PBJT Makanan dan/atau Minuman",
    **dict.fromkeys(("market_fee", "parking_fee", "waste_fee")),
}  # fmt: skip
_EMPLOYMENT = {"civil_servant": "PNS", "contract": "PPPK", "part_time": "PPPK_PW", "honorary": "NON_ASN"}
_RATING = {
    "very_good": "sangat_baik", "good": "baik", "needs_improvement": "butuh_perbaikan", "poor": "kurang", "very_poor": "sangat_kurang",
}  # fmt: skip
_OFFICE = {
    "Dinas Pendidikan": "disdik", "Dinas Kesehatan": "dinkes", "Dinas PU Bina Marga dan Penataan Ruang": "dpubmpr",
    "Dinas Perumahan, Kawasan Permukiman dan Cipta Karya": "dpkpck", "Badan Penanggulangan Bencana Daerah": "bpbd",
    "Dinas Pemadam Kebakaran dan Penyelamatan": "damkar", "Dinas Sosial": "dinsos", "Dinas Perindustrian dan Tenaga Kerja": "disperinaker",
    "Dinas P3AKB": "dp3akb", "Dinas Ketahanan Pangan dan Pertanian": "dkpp", "Dinas Lingkungan Hidup": "dislh",
    "Dinas Kependudukan dan Pencatatan Sipil": "disdukcapil", "Dinas Pemberdayaan Masyarakat dan Desa": "dinpmd",
    "Dinas Perhubungan": "dishub", "Dinas Komunikasi dan Informatika": "diskominfo",
    "Dinas Perdagangan, Koperasi dan Usaha Mikro": "disdagkopum", "DPMPTSP": "dpmptsp", "Dinas Perpustakaan dan Kearsipan": "disperpusip",
    "Dinas Peternakan dan Perikanan": "disnakkan", "Dinas Kebudayaan dan Pariwisata": "disbudpar", "Bappeda": "bappeda",
    "Badan Pendapatan Daerah": "bapenda",
    # Not among the city's agencies: they stay with the office that delivers the data.
    **dict.fromkeys(("Dinas PU Sumber Daya Air", "Satuan Polisi Pamong Praja", "Dinas Kepemudaan dan Olahraga"), "bpkad"),
}  # fmt: skip
_BAD_AMOUNT = held(("bad_number", "amount_idr"), ("bad_grouping", "amount_idr"))


def _age_of_employee(truth: Truth) -> str:
    """The age band on the day of work, by the day of birth that an employee number begins with."""
    born, day = date.fromisoformat(truth["employee"][:8]), date.fromisoformat(truth["day"])
    return band(day.year - born.year - ((day.month, day.day) < (born.month, born.day)))


APPS: dict[str, App] = {
    "simpatdu": App(
        values={
            "entry_id": same("record_id"), "amount_idr": money("amount"), "posted_on": on("at"), "event_at": at("at"),
            "fiscal_year": year, "region_code": VILLAGE, "account_code": same("account"), "tax_type": lambda truth: _TAX[truth["tax"]],
            "payment_channel": word("channel", mobile="mobile_banking", virtual_account="va"), "grain": constant("transaction"),
        },
        tokens={"tax_object_key": same("npwpd"), "payer_key": same("npwpd")},
        key="id_transaksi",
        defects={
            "unreadable_amount": _BAD_AMOUNT,
            "impossible_date": held(("bad_date", "posted_on"), ("bad_date", "event_at")),
            "unknown_tax": refused("unmapped_value", "tax_type"),
        },
    ),
    "epayment_qris": App(
        # Of a payment that came two or three times each row is loaded, all of them alike.
        values={
            "entry_id": same("record_id"), "amount_idr": money("amount"), "posted_on": on("at"), "event_at": at("at"),
            "fiscal_year": year, "region_code": same("district"), "account_code": same("account"),
            "tax_type": lambda truth: _PURPOSE[truth["purpose"]],
        },
        # payer_key is the phone of a person; companies have none, so it cannot be asked of every record.
        key="id_pembayaran",
        defects={
            "unreadable_amount": held(("bad_pick", "amount_idr")),
            "negative_amount": held(("bad_pick", "amount_idr")),
            "missing_time": held(("required_missing", "posted_on"), ("required_missing", "event_at")),
        },
    ),
    "dijamin_minul": App(
        values={
            "entry_id": same("record_id"), "amount_idr": money("amount"), "posted_on": on("at"), "event_at": at("at"),
            "region_code": VILLAGE, "account_code": same("account"),
            "tax_type": word("sector", food="PBJT Makanan dan/atau Minuman", minerals="Pajak MBLB"),
        },
        tokens={"tax_object_key": same("npwpd"), "payer_key": same("npwpd")},
        key="nomor_sptpd",
        defects={
            # The month a return is for has no standard field.
            "unreadable_month": Kept(),
            "missing_amount": held(("required_missing", "amount_idr")),
            "unknown_village": place("REGION_VILLAGE_UNRESOLVED"),
        },
    ),
    "smart_report": App(
        values={
            "entry_id": same("record_id"), "amount_idr": money("amount"), "posted_on": on("at"), "event_at": at("at"),
            "fiscal_year": year, "region_code": same("district"), "account_code": same("account"),
            "tax_type": lambda truth: _TAX[truth["tax"]], "grain": constant("aggregate"),
        },
        key="Kode Rekap",
        defects={"unreadable_amount": _BAD_AMOUNT, "unknown_region": place("REGION_UNRESOLVED")},
        # A row of totals in each of twelve months.
        skipped=lambda ledger: len({truth["at"][:7] for truth in ledger}),
    ),
    "sipd_ri": App(
        values={
            "entry_id": same("record_id"), "amount_idr": money("amount"), "posted_on": on("at"), "fiscal_year": same("year"),
            "phase": same("phase"), "direction": same("direction"), "account_code": same("account"), "program_code": same("program"),
            "activity_code": same("activity"), "subactivity_code": same("subactivity"), "fund_source": same("fund"),
            "grain": lambda truth: "transaction" if truth["phase"] == "executed" else "line",
            "agency_id": lambda truth: _OFFICE[truth["unit"]],
        },
        key="id_rincian",
        defects={
            "unreadable_amount": _BAD_AMOUNT,
            "missing_account": held(("required_missing", "account_code")),
            "unknown_document": held(("unmapped_value", "phase"), ("unmapped_value", "grain")),
        },
    ),
    "simda_bmd": App(
        values={
            "entity_id": same("record_id"), "event_on": on("at"), "name": same("name"), "classification": same("classification"),
            "entity_class": lambda truth: "land_parcel" if truth["card"] == "A" else "asset", "region_code": VILLAGE,
            "status": word("status", in_use="active", idle="inactive"), "acquired_on": day("acquired_on"),
            "condition": word("condition", good="baik", worn="rusak_ringan", broken="rusak_berat"), "book_value_idr": money("amount"),
            "agency_id": lambda truth: _OFFICE[truth["unit"]],
        },
        key="ID Barang",
        # None of these is required: the thing is on the register without them.
        defects={
            "unreadable_amount": Kept(
                ("book_value_idr",), frozenset({"bad_number", "bad_grouping"}), ("book_value_idr",),
                frozenset({"REJECTED_BOOK_VALUE_IDR"}),
            ),
            "unmapped_condition": refused("unmapped_value", "condition"),
            "impossible_date": refused("bad_date", "acquired_on"),
        },
    ),
    "siskeudes": App(
        values={
            "entry_id": same("record_id"), "amount_idr": money("amount"), "posted_on": on("at"), "fiscal_year": same("year"),
            "phase": same("phase"), "direction": same("direction"), "account_code": same("account"), "fund_source": same("fund"),
            "grain": lambda truth: "transaction" if truth["phase"] == "executed" else "line", "region_code": VILLAGE,
        },
        key="Id_Baris",
        defects={
            "unreadable_amount": _BAD_AMOUNT,
            "impossible_date": held(("bad_date", "posted_on")),
            "unknown_stage": held(("unmapped_value", "phase"), ("unmapped_value", "grain")),
        },
    ),
    "simpeg": App(
        values={
            "record_class": constant("position"), "org_id": same("unit_code"), "post_label": same("post"), "grade": same("grade"),
            "employment_type": lambda truth: _EMPLOYMENT[truth["employment"]], "start_date": day("since"), "event_on": day("changed_on"),
            "sex": person("person", "sex"), "age_band": age_at("person", "changed_on"),
        },
        tokens={"employee_key": same("record_id")},
        key="nipBaru",
        defects={
            "malformed_grade": refused("unmapped_value", "grade"),
            "unmapped_employment": held(("unmapped_value", "employment_type")),
            "missing_unit": held(("required_missing", "org_id")),
        },
    ),
    "e_presensi": App(
        values={
            "record_class": constant("attendance"), "org_id": same("unit_code"), "event_on": day("day"),
            # What the terminal said, fast or slow.
            "check_in": at("check_in"), "check_out": at("check_out"),
            "employment_type": lambda truth: _EMPLOYMENT[truth["employment"]],
            "sex": lambda truth: {"1": "L", "2": "P"}[truth["employee"][14]], "age_band": _age_of_employee,
        },
        tokens={"employee_key": same("employee")},
        key="id",
        defects={
            # Loaded as delivered: that nobody leaves before having come is a rule of the category, judged after the standard.
            "clock_reset": Kept(unlike=("check_out",)),
            "impossible_time": refused("bad_date", "check_in"),
            "missing_employee": held(("required_missing", "employee_key")),
        },
    ),
    "e_kinerja_bkn": App(
        values={
            "record_class": constant("performance"), "org_id": same("unit_code"), "event_on": on("at"),
            "employment_type": lambda truth: _EMPLOYMENT[truth["employment"]],
            "performance_rating": lambda truth: _RATING[truth["rating"]], "sex": person("person", "sex"),
            "age_band": age_at("person", "at"), "start_date": lambda truth: date(truth["year"], truth["quarter"] * 3 - 2, 1),
            "end_date": lambda truth: date(truth["year"], truth["quarter"] * 3, 31 if truth["quarter"] in {1, 4} else 30),
        },
        tokens={"employee_key": same("employee")},
        key="idPenilaian",
        defects={
            "unmapped_rating": refused("unmapped_value", "performance_rating"),
            "missing_unit": held(("required_missing", "org_id")),
        },
    ),
    "siladiklat": App(
        values={
            "record_class": constant("training"), "org_id": same("unit_code"), "start_date": day("starts_on"),
            "event_on": day("starts_on"), "employment_type": lambda truth: _EMPLOYMENT[truth["employment"]],
            "sex": person("person", "sex"), "age_band": age_at("person", "starts_on"),
            # The last day follows from the duration, in days or in hours of teaching, which no word reads.
            "end_date": constant(None),
        },
        tokens={"employee_key": same("employee")},
        key="No Sertifikat",
        defects={
            "unreadable_duration": Kept(),
            "impossible_date": held(("bad_date", "event_at"), ("bad_date", "start_date")),
        },
    ),
    "damisda": App(
        values={
            "programme_code": constant("DAMISDA"), "unit_type": constant("household"), "status": same("status"),
            "start_on": day("starts_on"), "event_on": day("starts_on"), "welfare_decile": same("decile"), "region_code": VILLAGE,
        },
        tokens={"subject_key": person("head", "nik"), "enrolment_id": same("record_id")},
        key="IdKeluarga",
        defects={
            "malformed_nik": held(("bad_nik", "subject_key")),
            "unknown_village": place("REGION_VILLAGE_UNRESOLVED"),
            "unmapped_status": held(("unmapped_value", "status")),
            "missing_start": held(("required_missing", "start_on")),
        },
    ),
    "e_musrenbang": App(
        values={
            "service_request_id": same("record_id"), "status": same("status"), "requested_datetime": at("at"), "event_at": at("at"),
            "updated_datetime": midnight("changed_on"), "agency_responsible": same("office"), "description": same("wish"),
            "region_code": VILLAGE,
        },
        key="kode_usulan",
        defects={
            # Money that is wished for has no field in a service request.
            "unreadable_amount": Kept(),
            "unmapped_status": held(("unmapped_value", "status"), ("required_missing", "status")),
            "missing_date": held(("required_missing", "requested_datetime")),
        },
    ),
    "e_tlhp": App(
        values={
            "case_id": same("record_id"), "status": word("status", settled="approved", in_progress="submitted", not_possible="withdrawn"),
            "submitted_at": at("at"), "event_at": at("at"), "decided_at": midnight("decided_on"), "applicant_type": constant("government"),
            # What a finding is about is no fee.
            "fee_idr": constant(None),
        },
        key="Rekomendasi / Kode",
        defects={
            "unmapped_status": held(("unmapped_value", "status")),
            "unreadable_amount": Kept(),
            "impossible_date": refused("bad_date", "decided_at"),
        },
    ),
}  # fmt: skip
