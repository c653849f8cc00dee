"""The neutral shapes of true records and their JSON form. Drawing them and telling them over a wire belong elsewhere.

`record_id` is the identifier the city app itself gives the record. `at` carries the city's offset; where the app knows
only the day it is midnight. Regions are Kemendagri codes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal

from opg_pipeline.sandbox.truth.people import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What every true record has."""

    record_id: str
    at: datetime
    district: str | None
    village: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LandTaxPayment(Record):
    nop: str
    tax_year: int
    amount: Decimal
    fine: Decimal
    channel: str
    payer: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class LandTransfer(Record):
    nop: str
    kind: str
    price: Decimal
    exempt: Decimal
    amount: Decimal
    area_m2: int
    payer: Person
    npwp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxQuestion(Record):
    topic: str
    status: str
    answered_at: datetime | None
    sender: Person
    text: str
    mentions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentCase(Record):
    service: str
    status: str
    decided_at: datetime | None
    changed_at: datetime
    applicant: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicVisit(Record):
    facility_id: str
    facility: str
    facility_district: str
    patient: Person
    patient_known: bool
    age_years: int
    age_months: int
    sex: str
    encounter_class: str
    icd10: str | None
    payer_class: str
    outcome: str
    wait_minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterLevel(Record):
    station: int
    level_m: Decimal | None
    received_at: datetime
    quality: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraReading(Record):
    camera: str
    name: str
    status: str
    latitude: Decimal
    longitude: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Callout(Record):
    kind: str
    object: str
    response_seconds: int
    response_meaning: str
    deaths: int
    injured: int
    loss: Decimal | None
    caller: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase(Record):
    title: str
    rup: str
    unit_code: str
    unit: str
    kind: str
    supplier: str
    supplier_npwp: str
    sole_trader: bool
    amount: Decimal
    status: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Article(Record):
    title: str
    first_title: str
    edited: bool
    section: str
    summary: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint(Record):
    year: int
    month: int
    unit_code: str
    unit: str
    indicator_code: str
    indicator: str
    measure_unit: str
    target: Decimal
    achieved: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForumStatement(Record):
    session: int
    speaker: Person
    text: str
    mentions: tuple[tuple[str, str], ...]
    agency: str
    status: str


def neutral(record: Record) -> dict[str, object]:
    """The record as JSON-ready values: ISO times with offset, amounts as decimal strings, people as nested objects."""
    return {field.name: _plain(getattr(record, field.name)) for field in fields(record)}


def _plain(value: object) -> object:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Person):
        return {
            "nik": value.nik,
            "no_kk": value.household.no_kk,
            "name": value.name,
            "sex": value.sex,
            "born": value.born.isoformat(),
            "phone": value.phone,
            "email": value.email,
        }
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
