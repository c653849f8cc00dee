"""From a dataset's declaration to one plan per standard field: which paths, which parser, which token, which checks.

Contradictions that would keep personal data, and constants that do not fit their field, are found here, before any record is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa

from opg_pipeline.lake import arrow_type
from opg_pipeline.model.app import FieldMap
from opg_pipeline.model.base import Locale
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.category import CategoryField
from opg_pipeline.model.crosscheck import IDENTITY_PARSES, TOLD_BY
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.model.mappingcheck import AGES_AT_EVENT
from opg_pipeline.model.paths import FieldPath
from opg_pipeline.normalise.columns import parsed_path, source
from opg_pipeline.normalise.durations import DurationParser
from opg_pipeline.normalise.geometry import EsriParser, PointParser
from opg_pipeline.normalise.identity import (
    AgeBandParser,
    IdentityParser,
    NikSexParser,
    NipBirthParser,
    NipSexParser,
    SexParser,
)
from opg_pipeline.normalise.moments import EpochParser, MomentParser, moment_parser
from opg_pipeline.normalise.numbers import WIDE, ListedNumberParser, NumberParser
from opg_pipeline.normalise.parsing import Parser
from opg_pipeline.normalise.periods import PeriodParser, YearParser
from opg_pipeline.normalise.serials import ExcelSerialParser
from opg_pipeline.normalise.texts import BooleanParser, JsonParser, MapParser, TextParser
from opg_pipeline.normalise.units import UnitParser
from opg_pipeline.normalise.zones import Zone, zone

_DERIVED = AGES_AT_EVENT | {"age_band", "sex"} | TOLD_BY.keys()
_CLOSED = _DERIVED | {"period", "date", "unit"}
_JSON_TYPES = frozenset({"list", "map", "geojson"})
_SECOND, _MILLISECOND = 1_000_000, 1_000


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """How one column of the standard is made.

    ``field`` is None for what the envelope alone has (event_at, reported_at, agency_id). ``token``: kind of the token that
    takes the value's place. ``scan``: the column holds texts that personal data may stand in. ``prune``: paths inside a stored
    structure that are personal. ``factor``, ``factors``: the one of all records, or those by text. ``default``: of the type
    ``out``; None for none.
    """

    name: str
    kind: str
    out: Any
    mapping: FieldMap
    field: CategoryField | None
    parser: Parser
    missing: frozenset[str]
    token: str | None
    scan: bool
    factors: dict[str, Decimal] | None
    prune: tuple[FieldPath, ...]
    const: Any
    factor: Decimal | None = None
    pick: re.Pattern[str] | None = None
    default: Any = None

    @property
    def is_const(self) -> bool:
        """Whether every record has the value ``const``, which is of the type ``out``."""
        return "const" in self.mapping.model_fields_set

    @property
    def needs_event(self) -> bool:
        """Whether the value depends on the day of the event."""
        return self.mapping.parse in AGES_AT_EVENT


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """How one part of the key is read. ``paths``: its path, or aliases of which the first that holds a value counts.

    ``token``: kind of the token that takes its place; None: kept as delivered.
    """

    paths: tuple[str, ...]
    parser: Parser
    token: str | None


class Planner:
    """Makes the plans of one dataset.

    Raises:
        PullError: a personal path is mapped to a field that would keep it (undeclared_personal_data).
        ValueError: a constant, a default or a target of `map` does not fit its field; the locale lacks a part that is needed.
    """

    def __init__(self, ref: DatasetRef) -> None:
        self.ref = ref
        self.locale: Locale = ref.app.locale.over(ref.city.locale)
        self.missing = frozenset(self.locale.missing or ())
        self.personal = tuple(parsed_path(path) for path in ref.dataset.personal)
        self.identifier = f"identifier:{ref.app.id}"
        self._fields = {item.name: item for item in ref.category.fields}

    def zone(self, mapping: FieldMap | None = None) -> Zone:
        """Zone of a field's times without offset."""
        own = mapping.timezone if mapping is not None else None
        return zone(own or self.locale.timezone or self.ref.city.timezone)

    def fields(self) -> list[FieldPlan]:
        """Plans of the mapped fields that are stored, in the category's order, then those of the envelope."""
        mapped = self.ref.dataset.fields
        plans = [
            self._plan(item.name, item.type, mapped[item.name], item)
            for item in self.ref.category.stored_fields
            if item.name in mapped
        ]
        for name, kind in (("event_at", "timestamp"), ("reported_at", "timestamp"), ("agency_id", "string")):
            if name in mapped and name not in self._fields:
                plans.append(self._plan(name, kind, mapped[name], None))
        return plans

    def keys(self, plans: list[FieldPlan]) -> list[KeyPlan]:
        """Plans of the key's parts: personal ones become tokens of their identity, or of this app's identifiers."""
        return [self._key(paths, plans) for paths in self.ref.dataset.key_parts]

    def _key(self, paths: tuple[str, ...], plans: list[FieldPlan]) -> KeyPlan:
        found = [self._key_path(path, plans) for path in paths]
        first = found[0]
        if all((plan.parser.name, plan.token) == (first.parser.name, first.token) for plan in found):
            return KeyPlan(paths, first.parser, first.token)
        return KeyPlan(paths, TextParser(), self.identifier)  # aliases of unlike kinds, one of them personal

    def _key_path(self, path: str, plans: list[FieldPlan]) -> KeyPlan:
        plans = [plan for plan in plans if path in plan.mapping.paths]
        readers = [plan for plan in plans if len(plan.mapping.paths) == 1 or plan.mapping.first_of is not None]
        for plan in readers:
            if plan.mapping.parse in IDENTITY_PARSES or plan.mapping.parse == "identifier":
                return KeyPlan((path,), plan.parser, plan.token)
        told = [kind for plan in readers if (kind := TOLD_BY.get(plan.mapping.parse or ""))]
        if told:
            return KeyPlan((path,), IdentityParser(told[0]), told[0])
        direct = {item.name for item in self.ref.category.fields if not item.stored}
        unstored = [self.ref.dataset.fields[name] for name in direct & self.ref.dataset.fields.keys()]
        if (
            self.is_personal(path)
            or any(plan.token or plan.mapping.parse in AGES_AT_EVENT for plan in plans)
            or any(path in mapping.paths for mapping in unstored)
        ):
            return KeyPlan((path,), TextParser(), self.identifier)
        return KeyPlan((path,), TextParser(), None)

    def is_personal(self, path: str) -> bool:
        """Whether a path lies at or below one that is declared `personal`."""
        return any(below(parsed_path(path), parent) for parent in self.personal)

    def paths(self) -> tuple[str, ...]:
        """Every path that is read of each record."""
        dataset = self.ref.dataset
        stored = [mapping for name, mapping in dataset.fields.items() if self._stored(name)]
        scales = [mapping.scale.from_ for mapping in stored if mapping.scale is not None and mapping.scale.from_]
        region = dataset.region.paths if dataset.region is not None else ()
        fields = (path for mapping in stored for path in mapping.paths)
        return tuple(dict.fromkeys((*dataset.key_paths, *fields, *scales, *region, *self.identity_paths())))

    def identity_paths(self) -> tuple[str, ...]:
        """Paths whose values are struck out of the record's texts: personal ones, identities, and fields that are never stored."""
        found = dict.fromkeys(self.ref.dataset.personal)
        for name, mapping in self.ref.dataset.fields.items():
            if mapping.parse in IDENTITY_PARSES or mapping.parse == "birth_age_band" or not self._stored(name):
                found.update(dict.fromkeys(mapping.paths))
        return tuple(found)

    def declared_personal(self) -> list[FieldPath]:
        """Paths that the gate lets pass."""
        paths = list(self.personal)
        for name, mapping in self.ref.dataset.fields.items():
            field = self._fields.get(name)
            protected = field is not None and (field.token or field.privacy in {"sensitive_text", "direct"})
            if protected or mapping.parse in IDENTITY_PARSES | AGES_AT_EVENT | TOLD_BY.keys() | {"age_band"}:
                paths += [parsed_path(path) for path in mapping.paths]
        return paths

    def _stored(self, name: str) -> bool:
        return name not in self._fields or self._fields[name].stored

    def _plan(self, name: str, kind: str, mapping: FieldMap, field: CategoryField | None) -> FieldPlan:
        out = arrow_type(kind)
        parse = mapping.parse
        stored_as_is = field is None or not field.token
        if stored_as_is and parse not in _DERIVED and any(self.is_personal(path) for path in mapping.paths):
            raise self._contradiction(
                name,
                "reads a path that is listed under `personal`",
                "map another path, or take the path from `personal`",
            )
        if stored_as_is and parse in IDENTITY_PARSES:
            raise self._contradiction(
                name, f"would store what `parse: {parse}` reads", "map it to a field of privacy pseudonym"
            )
        token = None
        if field is not None and field.token:
            token = parse if parse in IDENTITY_PARSES else self.identifier
        closed = "const" in mapping.model_fields_set or (mapping.map is not None and not mapping.lists_texts)
        free = stored_as_is and not closed and parse not in _CLOSED
        prune: tuple[FieldPath, ...] = ()
        if kind in _JSON_TYPES and len(mapping.paths) == 1:
            root = parsed_path(mapping.paths[0])
            prune = tuple(path for path in self.personal if below(path, root))
        parser = self._parser(kind, WIDE if mapping.scale is not None else out, mapping, field)
        factors = factor = None
        if mapping.scale is not None:
            factors = {text: Decimal(str(value)) for text, value in (mapping.scale.map or {}).items()}
            factor = None if mapping.scale.by is None else Decimal(str(mapping.scale.by))
        missing = self.missing if mapping.missing is None else frozenset(mapping.missing)
        scan = free and kind in {"string", "text", "list", "map"} and field is not None
        const = (
            self._fixed(kind, out, [mapping.const], mapping, field)[0] if "const" in mapping.model_fields_set else None
        )
        pick = re.compile(mapping.pick) if mapping.pick is not None else None
        default = None if mapping.default is None else self._fixed(kind, out, [mapping.default], mapping, field)[0]
        return FieldPlan(
            name, kind, out, mapping, field, parser, missing, token, scan, factors, prune, const, factor, pick, default
        )

    def _contradiction(self, name: str, what: str, fix: str) -> PullError:
        return PullError(
            Outcome.PERSONAL_DATA, f"{self.ref.name}: field {name!r} {what}, so personal data would be kept.", f"{fix}."
        )

    def _parser(self, kind: str, out: Any, mapping: FieldMap, field: CategoryField | None) -> Parser:
        parse = mapping.parse
        if "const" in mapping.model_fields_set:
            return TextParser()
        if mapping.map is not None:
            table = dict(
                zip(mapping.map, self._fixed(kind, out, list(mapping.map.values()), mapping, field), strict=True)
            )
            if mapping.lists_texts and kind != "enum":
                listed = MapParser(out, table, "unmapped_value", fold=mapping.fold)
                return ListedNumberParser(self._number(out, mapping, whole=parse == "integer"), listed)
            otherwise = "otherwise" in mapping.model_fields_set
            return MapParser(
                out,
                table,
                "unmapped_value",
                TextParser(markup=parse == "html_text"),
                fold=mapping.fold,
                otherwise=self._fixed(kind, out, [mapping.otherwise], mapping, field) if otherwise else (),
            )
        if parse in {"sex", "nik_sex", "nip_sex"}:
            return SexParser() if parse == "sex" else NikSexParser() if parse == "nik_sex" else NipSexParser()
        if kind == "enum":
            first = self._number(pa.string(), mapping, whole=True) if parse == "integer" else TextParser()
            return MapParser(
                out, {value: value for value in (field.values or () if field else ())}, "not_permitted", first
            )
        if parse in IDENTITY_PARSES or parse == "identifier":
            return IdentityParser(parse)
        if parse == "nik_age_band":
            return IdentityParser("nik")
        if parse == "nip_age_band":
            return NipBirthParser()
        if parse == "unit":
            return UnitParser()
        if parse == "duration":
            unit, decimal = field.unit if field else "", mapping.decimal or self._locale("decimal")
            return DurationParser(out, mapping.formats, unit, decimal, round_=mapping.round)
        if parse == "age_band":
            return AgeBandParser()
        last = mapping.edge == "last"
        if parse == "birth_age_band":
            return moment_parser(pa.date32(), mapping.formats or (self._locale("date"),), self.zone(mapping))
        if parse == "period":
            return PeriodParser(mapping.formats)
        if parse == "year":
            return YearParser(mapping.formats)
        if parse == "point":
            return PointParser(mapping.decimal or self._locale("decimal"))
        if parse == "esri":
            return EsriParser()
        if kind in _JSON_TYPES:
            separator = mapping.formats[0] if kind == "list" and parse == "list" and mapping.formats else None
            return JsonParser(_shape(kind), separator, lone=kind == "list" and parse == "text")
        if kind == "boolean":
            return BooleanParser(self.locale.truthy or (), self.locale.falsy or ())
        if parse in {"integer", "number", "rupiah", "percent"} or kind == "integer" or kind.startswith("decimal"):
            return self._number(out, mapping, whole=parse == "integer")
        if parse in {"epoch_s", "epoch_ms"}:
            return EpochParser(out, _SECOND if parse == "epoch_s" else _MILLISECOND, self.zone(mapping))
        if parse == "excel_serial":
            decimal = mapping.decimal or self._locale("decimal")
            return ExcelSerialParser(out, mapping.formats, decimal, self.zone(mapping), last=last)
        if parse in {"date", "datetime"} or kind in {"date", "timestamp"}:
            by_type = "date" if kind == "date" else "datetime"
            part = "datetime" if (parse or by_type) == "datetime" else "date"
            return moment_parser(out, mapping.formats or (self._locale(part),), self.zone(mapping), last=last)
        return TextParser(markup=parse == "html_text")

    def _number(self, out: Any, mapping: FieldMap, whole: bool) -> NumberParser:
        decimal = mapping.decimal or self._locale("decimal")
        thousands = mapping.thousands if mapping.thousands is not None else self._locale("thousands")
        if thousands == decimal:
            thousands = ""
        style = mapping.parse if mapping.parse in {"rupiah", "percent"} else "number"
        return NumberParser(
            out, decimal, thousands, style, whole, mapping.round and mapping.scale is None, mapping.range
        )

    def _locale(self, part: str) -> str:
        value = getattr(self.locale, part)
        if value is None:
            raise ValueError(
                f"{self.ref.name}: neither the app's nor the city's locale says `{part}`; add it to one of them"
            )
        return str(value)

    def _fixed(
        self, kind: str, out: Any, values: list[Any], mapping: FieldMap, field: CategoryField | None
    ) -> list[Any]:
        """Values written in a manifest, in the field's type: numbers with a decimal point, dates in ISO 8601."""
        parser: Parser
        if kind in _JSON_TYPES:
            parser = JsonParser(_shape(kind), lone=kind == "list")
        elif kind == "boolean":
            parser = BooleanParser(("true",), ("false",))
        elif kind in {"date", "timestamp"}:
            parser = MomentParser(out, "iso", self.zone(mapping))
        elif kind == "integer" or kind.startswith("decimal"):
            parser = NumberParser(out, ".", "")
        elif kind == "enum":
            parser = MapParser(out, {item: item for item in (field.values or () if field else ())}, "not_permitted")
        else:
            parser = TextParser()
        parsed = parser.parse(source(values, frozenset()))
        if parsed.reasons.any():
            raise ValueError(
                f"{self.ref.name}: a `const`, a `default` or a target of `map` does not fit its {kind} field; "
                "write numbers as 1.5 and dates as 2024-12-31"
            )
        listed: list[Any] = parsed.values.to_pylist()
        return listed


def _shape(kind: str) -> Literal["list", "map", "geojson"]:
    return "list" if kind == "list" else "map" if kind == "map" else "geojson"


def below(path: FieldPath, parent: FieldPath) -> bool:
    """Whether ``path`` lies at or below ``parent``."""
    same_origin = path.up == parent.up and path.absolute == parent.absolute and path.param == parent.param
    return same_origin and path.steps[: len(parent.steps)] == parent.steps


def without(value: Any, steps: Iterable[tuple[Any, ...]]) -> Any:
    """A copy of a structure without what stands at ``steps``."""
    inner: dict[Any, list[tuple[Any, ...]]] = {}
    for chain in steps:
        if not chain:
            return None
        inner.setdefault(chain[0], []).append(chain[1:])
    if isinstance(value, dict):
        kept = {key: without(item, inner[key]) if key in inner else item for key, item in value.items()}
        return {key: item for key, item in kept.items() if key not in inner or item is not None}
    if isinstance(value, list | tuple):
        return [without(item, inner[place]) if place in inner else item for place, item in enumerate(value)]
    return value
