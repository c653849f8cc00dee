"""Rules between declarations: what one file says must exist, fit and be honest in the light of the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Any
from zoneinfo import available_timezones

from opg_pipeline.model.app import App, Dataset, FieldMap
from opg_pipeline.model.base import Locale
from opg_pipeline.model.category import (
    BetweenRule,
    Category,
    CategoryField,
    CompleteRule,
    MatchRule,
    Measure,
    OrderRule,
)
from opg_pipeline.model.city import City
from opg_pipeline.model.datepattern import DURATION_UNITS, SPELLINGS, DatePatternError, compile_pattern
from opg_pipeline.model.mappingcheck import check_formats, check_words
from opg_pipeline.model.problems import Problem
from opg_pipeline.model.requestcheck import check_requests
from opg_pipeline.model.yaml_source import YamlSource

ENVELOPE_TARGETS = ("event_at", "reported_at", "agency_id")
"""Envelope fields a manifest may map beside the category's own."""

_TIMES = {"date", "timestamp"}
_PARSES: dict[str, set[str]] = {
    "string": {"text", "html_text", "integer", "number", "period", "date", "age_band", "nik_age_band", "nip_age_band", "birth_age_band", "unit",
               "nik", "no_kk", "npwp", "nip", "nisn", "nop", "plate", "phone", "email", "name", "account", "identifier"},
    "text": {"text", "html_text"},
    "integer": {"integer", "number", "rupiah", "year", "duration"},
    "decimal": {"number", "integer", "rupiah", "percent", "duration"},
    "boolean": {"boolean"},
    "date": {"date", "datetime", "epoch_s", "epoch_ms", "excel_serial"},
    "timestamp": {"datetime", "date", "epoch_s", "epoch_ms", "excel_serial"},
    "enum": {"text", "sex", "nik_sex", "nip_sex", "integer"},
    "list": {"list", "json", "text"},
    "map": {"json"},
    "geojson": {"json", "point", "esri"},
}  # fmt: skip
IDENTITY_PARSES = frozenset(
    {"nik", "no_kk", "npwp", "nip", "nisn", "nop", "plate", "phone", "email", "name", "account"}
)
TOLD_BY = {"nik_sex": "nik", "nik_age_band": "nik", "nip_sex": "nip", "nip_age_band": "nip"}
"""Parses that keep what an identity tells of, and the identity."""


def _near(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}."


def check_city(city: City, source: YamlSource) -> list[Problem]:
    """Agencies are unique and the default locale is whole."""
    problems = []
    ids = [agency.id for agency in city.agencies]
    for name in sorted({item for item in ids if ids.count(item) > 1}):
        problems.append(source.problem(("agencies",), f"Agency {name!r} is declared twice.", "keep one."))
    for part in ("decimal", "thousands", "date", "datetime", "missing"):
        if getattr(city.locale, part) is None:
            problems.append(
                source.problem(
                    ("locale",), f"The city's default locale lacks {part!r}.", f"add `{part}: ...` under `locale`."
                )
            )
    return problems + _check_locale(city.locale, source, ("locale",))


def _check_locale(locale: Locale, source: YamlSource, at: tuple[str | int, ...]) -> list[Problem]:
    problems = []
    for part in ("date", "datetime"):
        pattern = getattr(locale, part)
        if pattern is None or pattern == "iso":
            continue
        try:
            compile_pattern(pattern)
        except DatePatternError as error:
            problems.append(source.problem((*at, part), f"{error}.", f"use {SPELLINGS}."))
    if locale.timezone is not None and locale.timezone not in available_timezones():
        problems.append(
            source.problem((*at, "timezone"), f"{locale.timezone!r} is no IANA time zone.", "use such as Asia/Jakarta.")
        )
    if locale.decimal is not None and locale.decimal == locale.thousands:
        problems.append(
            source.problem(
                (*at, "thousands"), "The decimal and the grouping sign are the same.", "declare which is which."
            )
        )
    return problems


def check_category(category: Category, source: YamlSource) -> list[Problem]:
    """Names in rules and measures exist and have a fitting type; ids are unique."""
    problems: list[Problem] = []
    fields = {field.name: field for field in category.fields}
    names = [field.name for field in category.fields]
    for name in sorted({item for item in names if names.count(item) > 1}):
        problems.append(source.problem(("fields",), f"Field {name!r} is declared twice.", "keep one."))

    need = _Needs(fields, source, problems)

    if category.event_time is not None:
        need(category.event_time, ("event_time",), _TIMES, "event_time needs a date or timestamp")
    for index, field in enumerate(category.fields):
        problems += _check_values(field.required_unless or {}, fields, source, ("fields", index, "required_unless"))
    for index, rule in enumerate(category.rules):
        at: tuple[str | int, ...] = ("rules", index)
        if isinstance(rule, OrderRule):
            need(rule.earlier, (*at, "earlier"), _TIMES, "order compares dates or times")
            need(rule.later, (*at, "later"), _TIMES, "order compares dates or times")
        elif isinstance(rule, BetweenRule):
            bound = rule.min if rule.min is not None else rule.max
            kinds = _TIMES if isinstance(bound, date) else {"integer", "decimal"}
            need(
                rule.field,
                (*at, "field"),
                kinds,
                "its bounds are dates" if kinds is _TIMES else "its bounds are numbers",
            )
        elif isinstance(rule, MatchRule):
            need(rule.field, (*at, "field"), {"string", "text"}, "match needs a text")
        elif isinstance(rule, CompleteRule):
            need(rule.field, (*at, "field"), None, "")
    for index, measure in enumerate(category.measures):
        problems += check_measure(category, measure, source, ("measures", index))
    for key, ids in (
        ("rules", [rule.id for rule in category.rules]),
        ("measures", [item.id for item in category.measures]),
    ):
        for name in sorted({item for item in ids if ids.count(item) > 1}):
            problems.append(source.problem((key,), f"{name!r} is declared twice.", "give each its own id."))
    return problems


def check_measure(category: Category, measure: Measure, source: YamlSource, at: tuple[str | int, ...]) -> list[Problem]:
    """What does not fit between a measure and the category it is in; ``at`` is where the source declares it."""
    problems: list[Problem] = []
    fields = {field.name: field for field in category.fields}
    need = _Needs(fields, source, problems)
    if measure.value is not None:
        if measure.value.field is not None:
            need(measure.value.field, (*at, "value"), {"integer", "decimal"}, "a value needs a number")
        for name in (*(measure.value.days_between or ()), *(measure.value.minutes_between or ())):
            kinds = _TIMES if measure.value.days_between else {"timestamp"}
            need(name, (*at, "value"), kinds, "a duration needs times")
    for place, name in enumerate(measure.by):
        need(name, (*at, "by", place), {"string", "enum", "integer", "boolean"}, "`by` needs a field of few values")
    careful = max(category.measures, key=lambda item: item.min_cell)
    if measure.by and careful.min_cell > 1:
        problems.append(
            source.problem(
                (*at, "by"),
                f"Cells by {', '.join(measure.by)} would give away what {careful.id!r} hides (min_cell {careful.min_cell}).",
                "use `by` where every measure of the category has min_cell 1; people are not split up.",
            )
        )
    elif measure.min_cell < careful.min_cell:
        problems.append(
            source.problem(
                (*at, "min_cell"),
                f"Cells of {measure.min_cell} records would give away what {careful.id!r} hides (min_cell {careful.min_cell}).",
                f"write min_cell: {careful.min_cell}.",
            )
        )
    problems += _check_values(measure.where, fields, source, (*at, "where"))
    problems += _check_values(measure.numerator or {}, fields, source, (*at, "numerator"))
    return problems


@dataclass(frozen=True, slots=True)
class _Needs:
    """Notes a problem where a named field is not there, is personal, or is of another kind."""

    fields: Mapping[str, CategoryField]
    source: YamlSource
    problems: list[Problem]

    def __call__(self, name: str, at: tuple[str | int, ...], kinds: set[str] | None, what: str) -> None:
        field = self.fields.get(name)
        if field is None:
            self.note(at, f"There is no field {name!r}.", _near(name, list(self.fields)))
        elif not field.stored:
            self.note(at, f"Field {name!r} is personal (`direct`) and never stored.", "use another field.")
        elif kinds is not None and _kind(field) not in kinds:
            self.note(at, f"Field {name!r} is {field.type}, but {what}.", "use a fitting field.")

    def note(self, at: tuple[str | int, ...], what: str, fix: str) -> None:
        self.problems.append(self.source.problem(at, what, fix))


def _check_values(
    chosen: Mapping[str, tuple[Any, ...]],
    fields: Mapping[str, CategoryField],
    source: YamlSource,
    at: tuple[str | int, ...],
) -> list[Problem]:
    """Fields that a condition names exist and are stored, and an enum has the values."""
    problems = []
    for name, values in chosen.items():
        field = fields.get(name)
        if field is None:
            problems.append(source.problem((*at, name), f"There is no field {name!r}.", _near(name, list(fields))))
        elif not field.stored:
            problems.append(
                source.problem(
                    (*at, name), f"Field {name!r} is personal (`direct`) and never stored.", "use another field."
                )
            )
        elif field.values is not None:
            for value in values:
                if value not in field.values:
                    problems.append(
                        source.problem(
                            (*at, name), f"{value!r} is no value of {name!r}.", _near(str(value), list(field.values))
                        )
                    )
    return problems


def _kind(field: CategoryField) -> str:
    return "decimal" if field.is_decimal else field.type


def check_app(
    app: App, source: YamlSource, city: City, categories: dict[str, Category], urusan: set[str]
) -> list[Problem]:
    """The app's agency, function, categories and fields exist and fit."""
    problems: list[Problem] = []
    if app.agency not in {agency.id for agency in city.agencies}:
        known = [agency.id for agency in city.agencies]
        problems.append(
            source.problem(("agency",), f"City {city.id!r} has no agency {app.agency!r}.", _near(app.agency, known))
        )
    if app.urusan not in urusan:
        problems.append(
            source.problem(("urusan",), f"{app.urusan!r} is no government function.", _near(app.urusan, sorted(urusan)))
        )
    problems += _check_locale(app.locale.over(city.locale), source, ("locale",))
    problems += check_requests(app, source, city)
    for index, dataset in enumerate(app.datasets):
        at: tuple[str | int, ...] = ("datasets", index)
        category = categories.get(dataset.category)
        if category is None:
            problems.append(
                source.problem(
                    (*at, "category"),
                    f"There is no category {dataset.category!r}.",
                    _near(dataset.category, list(categories)),
                )
            )
            continue
        problems += _check_dataset(dataset, category, city, source, at)
    return problems


def _check_dataset(
    dataset: Dataset, category: Category, city: City, source: YamlSource, at: tuple[str | int, ...]
) -> list[Problem]:
    problems: list[Problem] = []
    fields = {field.name: field for field in category.fields}
    for name, mapping in dataset.fields.items():
        here = (*at, "fields", name)
        if name in ENVELOPE_TARGETS:
            if name == "agency_id":
                known = {agency.id for agency in city.agencies}
                for target in _targets(mapping):
                    if target is not None and target not in known:
                        problems.append(
                            source.problem(here, f"There is no agency {target!r}.", _near(str(target), sorted(known)))
                        )
            else:
                problems += check_formats(mapping, "timestamp", source, here) + check_words(mapping, source, here)
            continue
        field = fields.get(name)
        if field is None:
            known_names = [*fields, *ENVELOPE_TARGETS]
            problems.append(
                source.problem(here, f"Category {category.id!r} has no field {name!r}.", _near(name, known_names))
            )
            continue
        problems += _check_mapping(mapping, field, source, here)
    for field in category.fields:
        if field.required and field.name not in dataset.fields:
            problems.append(
                source.problem(
                    (*at, "fields"),
                    f"The required field {field.name!r} is not mapped.",
                    f"add `{field.name}: {{from: ...}}` or a `const`.",
                )
            )
    if category.event_time is None and "event_at" not in dataset.fields:
        problems.append(
            source.problem(
                (*at, "fields"),
                f"Category {category.id!r} needs `event_at`.",
                "map it: `event_at: {from: ..., parse: datetime}`.",
            )
        )
    if dataset.region is not None and city.regions is None:
        problems.append(
            source.problem((*at, "region"), f"City {city.id!r} declares no regions.", "add `regions` to city.yaml.")
        )
    pattern = dataset.region.pattern if dataset.region is not None else None
    for one in (pattern,) if isinstance(pattern, str) else pattern or ():
        if "{village}" not in one and "{district}" not in one:
            what = f"The pattern {one!r} names no {{village}} and no {{district}}."
            problems.append(source.problem((*at, "region", "pattern"), what, "write such as 'Desa {village}'."))
    return problems


def _check_mapping(
    mapping: FieldMap, field: CategoryField, source: YamlSource, at: tuple[str | int, ...]
) -> list[Problem]:
    problems: list[Problem] = []
    kind = _kind(field)
    if mapping.parse is not None and mapping.parse not in _PARSES[kind]:
        problems.append(
            source.problem(
                (*at, "parse"), f"`parse: {mapping.parse}` does not make a {field.type}, which {field.name!r} is.",
                f"use one of: {', '.join(sorted(_PARSES[kind]))}.",
            )
        )  # fmt: skip
    if mapping.parse in IDENTITY_PARSES and not field.token and field.stored:
        problems.append(
            source.problem(
                (*at, "parse"), f"`parse: {mapping.parse}` reads personal data, but {field.name!r} is stored as it is.",
                "map it to a field of privacy pseudonym, or list the path under `personal`.",
            )
        )  # fmt: skip
    problems += check_formats(mapping, kind, source, at)
    if mapping.parse == "duration" and field.unit not in DURATION_UNITS:
        what = f"A duration is in s, min, h or day, but {field.name!r} is in {field.unit or 'no unit'}."
        problems.append(source.problem((*at, "parse"), what, "use another field."))
    if mapping.range is not None and (kind not in {"integer", "decimal"} or mapping.parse in {"duration", "year"}):
        what = f"`range` is for numbers, which `parse: {mapping.parse or kind}` does not read."
        problems.append(source.problem((*at, "range"), what, "take `range` away."))
    if mapping.round and kind != "decimal":
        problems.append(
            source.problem(
                (*at, "round"),
                f"`round` is for decimal fields, but {field.name!r} is {field.type}.",
                "take `round` away.",
            )
        )
    elif mapping.round and (
        mapping.parse == "integer"
        or (mapping.map is not None and not mapping.lists_texts)
        or "const" in mapping.model_fields_set
    ):
        problems.append(
            source.problem(
                (*at, "round"), "`round` is for numbers that the source sends with decimals, not for `parse: integer`, `map` or `const`.",
                "take `round` away.",
            )
        )  # fmt: skip
    if mapping.lists_texts and kind not in {"integer", "decimal", "string"}:
        problems.append(
            source.problem(
                (*at, "parse"), f"`map` with `parse: {mapping.parse}` makes numbers, but {field.name!r} is {field.type}.",
                "take `parse` away: `map` takes numbers by their digits.",
            )
        )  # fmt: skip
    problems += check_words(mapping, source, at)
    if mapping.timezone is not None and mapping.timezone not in available_timezones():
        problems.append(
            source.problem(
                (*at, "timezone"), f"{mapping.timezone!r} is no IANA time zone.", "use such as Asia/Jakarta."
            )
        )
    if field.values is not None:
        for target in _targets(mapping):
            if target is not None and target not in field.values:
                problems.append(
                    source.problem(
                        at, f"{target!r} is no value of {field.name!r}.", _near(str(target), list(field.values))
                    )
                )
    return problems


def _targets(mapping: FieldMap) -> list[Any]:
    """Every standard value that a mapping writes out."""
    given = [getattr(mapping, name) for name in ("const", "otherwise") if name in mapping.model_fields_set]
    return [*(mapping.map or {}).values(), *given, *([mapping.default] if mapping.default is not None else [])]
