"""Category -> suite: which expectations hold of its records, in words a data owner reads. Nothing is run here.

A date is compared with a time only as far as it is sure in every time zone: the day may begin 14 hours before and end 12
hours after the day in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from opg_pipeline.model.base import Label
from opg_pipeline.model.category import (
    BetweenRule,
    Category,
    CategoryField,
    CompleteRule,
    MatchRule,
    OrderRule,
    RegionRule,
    RowCountRule,
)
from opg_pipeline.model.handover import ENVELOPE, ENVELOPE_NULLABLE
from opg_pipeline.validate.columns import Column, Form, Given, GivenUnless, Labels, Number, Time
from opg_pipeline.validate.report import Severity

NOT_NULL = "expect_column_values_to_not_be_null"
IN_SET = "expect_column_values_to_be_in_set"
BETWEEN = "expect_column_values_to_be_between"
NOT_BEFORE = "expect_column_pair_values_a_to_be_greater_than_b"

REGION_LEVELS = ("regency", "district", "village")
REGION_MATCHES = ("code", "exact_name", "alias", "fuzzy", "none")
URUSAN_FORM = r"\d\.\d\d|X\.XX"

_DAY_BEGINS = -14
_DAY_ENDS = 36


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation of a suite.

    ``rule`` is stable: `required:status`, `permitted:status`, `range:lat`, `pattern:kbli`, or the id of a declared rule
    after its type, such as `order:closed_after_requested`. ``arguments`` are those of the GX expectation beside its
    columns. ``columns`` are what it looks at: one, or the later and the earlier of an order.
    """

    rule: str
    severity: Severity
    description: str
    expectation: str
    columns: tuple[Column, ...]
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DatasetCheck:
    """One expectation of every dataset of a batch: at least ``minimum`` records, or share of records with ``field``."""

    rule: str
    severity: Severity
    description: str
    expectation: str
    field: str | None
    minimum: float


@dataclass(frozen=True, slots=True)
class Suite:
    """All expectations of a category, in the order of its file."""

    category: str
    rows: tuple[Check, ...]
    datasets: tuple[DatasetCheck, ...]


def build_suite(category: Category) -> Suite:
    """The suite of a category; the same declaration gives the same suite."""
    rows = list(_envelope())
    for item in category.stored_fields:
        rows += _field(item)
    datasets: list[DatasetCheck] = []
    for rule in category.rules:
        name = f"{rule.type}:{rule.id}"
        words = f"{rule.description.en} | {rule.description.id}"
        if isinstance(rule, OrderRule):
            columns = _ordered(category.field(rule.earlier), category.field(rule.later))
            arguments = {"or_equal": True, "ignore_row_if": "either_value_is_missing"}
            rows.append(Check(name, rule.severity, words, NOT_BEFORE, columns, arguments))
        elif isinstance(rule, BetweenRule):
            column: Column = Time(rule.field) if _temporal(category.field(rule.field)) else Number(rule.field)
            arguments = {"min_value": _bound(rule.min, time.min), "max_value": _bound(rule.max, time.max)}
            rows.append(Check(name, rule.severity, words, BETWEEN, (column,), arguments))
        elif isinstance(rule, MatchRule):
            rows.append(_form(name, rule.severity, words, rule.field, rule.regex))
        elif isinstance(rule, CompleteRule):
            datasets.append(DatasetCheck(name, rule.severity, words, BETWEEN, rule.field, rule.min_share))
        elif isinstance(rule, RegionRule):
            datasets.append(DatasetCheck(name, rule.severity, words, BETWEEN, "region_code", rule.min_share))
        elif isinstance(rule, RowCountRule):
            datasets.append(DatasetCheck(name, rule.severity, words, BETWEEN, None, rule.min))
    return Suite(category.id, tuple(rows), tuple(datasets))


def _envelope() -> list[Check]:
    needed = tuple(name for name, _, _ in ENVELOPE if name not in ENVELOPE_NULLABLE)
    whole = "Every record says who it is, where it comes from, who answers for it and when it happened. | Setiap rekaman menyebut identitas, asal, penanggung jawab, dan waktu kejadiannya."
    placed = "A record whose place was found carries the region's code. | Rekaman yang tempatnya ditemukan memuat kode wilayah."
    function = "The government function is a code such as 1.02. | Urusan pemerintahan berupa kode seperti 1.02."
    return [
        _required("envelope", whole, Given("envelope (given)", needed)),
        _form("pattern:urusan_code", "quarantine", function, "urusan_code", URUSAN_FORM),
        _permitted("region_match", Label(en="how the place was found", id="cara tempat ditemukan"), REGION_MATCHES),
        _permitted("region_level", Label(en="the level of the region", id="tingkat wilayah"), REGION_LEVELS),
        _required("region_code", placed, GivenUnless("region_code", (("region_match", ("none",)),))),
    ]


def _field(item: CategoryField) -> list[Check]:
    """The checks of one field. A pattern of a field that is stored as a token was held before it became one."""
    label, nama = item.label.en, item.label.id
    checks = []
    if item.required_unless:
        unless = tuple(item.required_unless.items())
        exempt = " or ".join(f"{name} is {' or '.join(values)}" for name, values in unless)
        exempt_id = " atau ".join(f"{name} bernilai {' atau '.join(values)}" for name, values in unless)
        column: Column = GivenUnless(item.name, unless)
        checks.append(
            _required(item.name, f"{label} is given, unless {exempt}. | {nama} diisi, kecuali {exempt_id}.", column)
        )
    elif item.required:
        column = Given(f"{item.name} (given)", (item.name,))
        checks.append(_required(item.name, f"{label} is given. | {nama} diisi.", column))
    if item.values is not None:
        checks.append(_permitted(item.name, item.label, item.values))
    if item.min is not None or item.max is not None:
        low = "" if item.min is None else f" at least {item.min:g}"
        high = "" if item.max is None else f" at most {item.max:g}"
        low_id = "" if item.min is None else f" paling sedikit {item.min:g}"
        high_id = "" if item.max is None else f" paling banyak {item.max:g}"
        english, indonesian = (
            word.join(part for part in parts if part)
            for word, parts in ((" and", (low, high)), (" dan", (low_id, high_id)))
        )
        words = f"{label} is{english}. | {nama}{indonesian}."
        arguments = {"min_value": item.min, "max_value": item.max}
        checks.append(Check(f"range:{item.name}", "quarantine", words, BETWEEN, (Number(item.name),), arguments))
    if item.pattern is not None and not item.token:
        words = f"{label} has the form {item.pattern} | {nama} berbentuk {item.pattern}"
        checks.append(_form(f"pattern:{item.name}", "quarantine", words, item.name, item.pattern))
    return checks


def _required(name: str, words: str, column: Column) -> Check:
    return Check(f"required:{name}", "quarantine", words, NOT_NULL, (column,), {})


def _permitted(name: str, label: Label, values: tuple[str, ...]) -> Check:
    english, indonesian = (text[0].upper() + text[1:] for text in (label.en, label.id))
    listed = ", ".join(values)
    words = f"{english} is one of {listed}. | {indonesian} salah satu dari {listed}."
    return Check(f"permitted:{name}", "quarantine", words, IN_SET, (Labels(name),), {"value_set": list(values)})


def _form(rule: str, severity: Severity, words: str, field: str, regex: str) -> Check:
    return Check(rule, severity, words, IN_SET, (Form(f"{field} ({rule})", field, regex),), {"value_set": ["fits"]})


def _ordered(earlier: CategoryField, later: CategoryField) -> tuple[Column, Column]:
    """The later and the earlier column, in the order GX takes them."""
    if earlier.type == later.type:
        return Time(later.name), Time(earlier.name)
    if later.type == "date":
        return Time(later.name, _DAY_ENDS), Time(earlier.name)
    return Time(later.name), Time(earlier.name, _DAY_BEGINS)


def _temporal(item: CategoryField) -> bool:
    return item.type in {"date", "timestamp"}


def _bound(value: Decimal | date | None, at: time) -> float | datetime | None:
    """A bound as GX compares it. A day counts whole, in UTC."""
    if value is None:
        return None
    return datetime.combine(value, at, UTC) if isinstance(value, date) else float(value)
