"""Rules between declarations: what one file says must exist, fit and be honest in the light of the others."""

from __future__ import annotations

from collections.abc import Mapping
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
from opg_pipeline.model.datepattern import SPELLINGS, DatePatternError, compile_pattern
from opg_pipeline.model.problems import Problem
from opg_pipeline.model.requestcheck import check_requests
from opg_pipeline.model.yaml_source import YamlSource

ENVELOPE_TARGETS = ("event_at", "reported_at", "agency_id")
"""Envelope fields a manifest may map beside the category's own."""

_TIMES = {"date", "timestamp"}
_PARSES: dict[str, set[str]] = {
    "string": {"text", "html_text", "integer", "number", "period", "date", "age_band", "nik_age_band", "birth_age_band", "nik", "no_kk", "npwp", "nip",
               "phone", "email", "name", "account", "identifier"},
    "text": {"text", "html_text"},
    "integer": {"integer", "number", "rupiah", "year"},
    "decimal": {"number", "integer", "rupiah", "percent"},
    "boolean": {"boolean"},
    "date": {"date", "datetime", "epoch_s", "epoch_ms", "excel_serial"},
    "timestamp": {"datetime", "date", "epoch_s", "epoch_ms", "excel_serial"},
    "enum": {"text", "sex", "nik_sex", "integer"},
    "list": {"list", "json", "text"},
    "map": {"json"},
    "geojson": {"json", "point", "esri"},
}  # fmt: skip
IDENTITY_PARSES = frozenset({"nik", "no_kk", "npwp", "nip", "phone", "email", "name", "account"})
AGES_AT_EVENT = frozenset({"nik_age_band", "birth_age_band"})
"""Parses whose result depends on the day of the event."""


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

    def need(name: str, at: tuple[str | int, ...], kinds: set[str] | None, what: str) -> None:
        field = fields.get(name)
        if field is None:
            problems.append(source.problem(at, f"There is no field {name!r}.", _near(name, list(fields))))
        elif not field.stored:
            problems.append(
                source.problem(at, f"Field {name!r} is personal (`direct`) and never stored.", "use another field.")
            )
        elif kinds is not None and _kind(field) not in kinds:
            problems.append(source.problem(at, f"Field {name!r} is {field.type}, but {what}.", "use a fitting field."))

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
        _check_measure(measure, ("measures", index), need)
        problems += _check_values(measure.where, fields, source, ("measures", index, "where"))
        problems += _check_values(measure.numerator or {}, fields, source, ("measures", index, "numerator"))
    for key, ids in (
        ("rules", [rule.id for rule in category.rules]),
        ("measures", [item.id for item in category.measures]),
    ):
        for name in sorted({item for item in ids if ids.count(item) > 1}):
            problems.append(source.problem((key,), f"{name!r} is declared twice.", "give each its own id."))
    return problems


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


def _check_measure(measure: Measure, at: tuple[str | int, ...], need: object) -> None:
    assert callable(need)
    if measure.value is not None:
        if measure.value.field is not None:
            need(measure.value.field, (*at, "value"), {"integer", "decimal"}, "a value needs a number")
        for name in (*(measure.value.days_between or ()), *(measure.value.minutes_between or ())):
            kinds = _TIMES if measure.value.days_between else {"timestamp"}
            need(name, (*at, "value"), kinds, "a duration needs times")


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
                problems += _check_formats(mapping, "timestamp", source, here) + _check_words(mapping, source, here)
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
    problems += _check_formats(mapping, kind, source, at)
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
    problems += _check_words(mapping, source, at)
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


def _check_formats(mapping: FieldMap, kind: str, source: YamlSource, at: tuple[str | int, ...]) -> list[Problem]:
    """Each pattern of the field means something, and goes with its parse. A list's `format` is a separator."""
    if kind == "list":
        return []
    problems = []
    for pattern in mapping.formats:
        if pattern == "iso":
            if mapping.parse in {"period", "year"}:
                what = f"`iso` is no pattern of a {mapping.parse}."
                problems.append(source.problem((*at, "format"), what, "take it away, or write such as yyyy-mm."))
            continue
        try:
            compiled = compile_pattern(pattern)
        except DatePatternError as error:
            problems.append(source.problem((*at, "format"), f"{error}.", f"use {SPELLINGS}."))
            continue
        if mapping.parse == "birth_age_band" and not compiled.has_day:
            what = f"A date of birth needs its day, which the pattern {pattern!r} has not."
            problems.append(source.problem((*at, "format"), what, "read the age instead, with `parse: age_band`."))
    return problems


def _check_words(mapping: FieldMap, source: YamlSource, at: tuple[str | int, ...]) -> list[Problem]:
    """Words that go with some parses, formats or maps alone."""
    problems = []
    if "edge" in mapping.model_fields_set and not any(map(_lacks_day, mapping.formats)):
        problems.append(
            source.problem(
                (*at, "edge"), "`edge` is for dates whose `format` has no day.",
                "give a `format` such as mmm yyyy, or take `edge` away.",
            )
        )  # fmt: skip
    if mapping.parse in AGES_AT_EVENT:
        for word in ("default", "map", "scale"):
            if getattr(mapping, word) is not None:
                what = f"`{word}` does not go with `parse: {mapping.parse}`."
                problems.append(source.problem((*at, word), what, "take it away."))
    if isinstance(mapping.from_, tuple) and (
        mapping.parse == "esri" or (mapping.parse == "point" and len(mapping.from_) != 2)
    ):
        problems.append(
            source.problem(
                (*at, "from"), f"`parse: {mapping.parse}` does not read {len(mapping.from_)} paths.",
                "a point takes a path, or two: longitude and latitude; esri takes one.",
            )
        )  # fmt: skip
    if mapping.parse == "point" and mapping.pick is not None:
        problems.append(source.problem((*at, "pick"), "`pick` does not go with `parse: point`.", "take it away."))
    if mapping.fold:
        kept: dict[str, tuple[str, Any]] = {}
        for key, target in (mapping.map or {}).items():
            first, before = kept.setdefault(" ".join(key.split()).casefold(), (key, target))
            if before != target:
                problems.append(
                    source.problem(
                        (*at, "map"), f"{first!r} and {key!r} are one when folded, but mean different values.",
                        "keep one of them, or take `fold` away.",
                    )
                )  # fmt: skip
    return problems


def _lacks_day(pattern: str) -> bool:
    if pattern == "iso":
        return False
    try:
        return not compile_pattern(pattern).has_day
    except DatePatternError:
        return True  # told already
