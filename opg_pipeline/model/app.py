"""The declaration of one city app and its datasets: one YAML file, no code. Rules between files are in catalog.py."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from opg_pipeline.model.base import Declared, Identifier, Locale, Path_, RecordsPath, UrusanCode
from opg_pipeline.model.formats import (
    BpsCubeFormat,
    CsvFormat,
    FixedWidthFormat,
    Format,
    GeoJsonFormat,
    HtmlFormat,
    JsonFormat,
    SdmxJsonFormat,
    Unpack,
    Unpivot,
)
from opg_pipeline.model.paging import ForEach, Incremental, Pagination, SinglePage
from opg_pipeline.model.source import Source

Cadence = Literal["15min", "hourly", "3h", "daily", "weekly", "monthly", "quarterly", "semesterly"]

Parse = Literal[
    "text", "html_text", "integer", "number", "rupiah", "percent", "boolean", "date", "datetime", "epoch_s", "epoch_ms",
    "year", "period", "excel_serial", "json", "point", "esri", "list", "duration", "unit", "nik", "no_kk", "npwp", "nip", "nisn", "nop",
    "plate", "phone", "email", "name", "account", "identifier", "age_band", "sex", "nik_sex", "nip_sex", "nik_age_band", "nip_age_band", "birth_age_band",
]  # fmt: skip
NUMERIC = frozenset({"integer", "number", "rupiah", "percent"})
"""The parses beside which `map` lists texts that are no numbers."""
Aliases = Annotated[tuple[Path_, ...], Field(min_length=1)]
"""Paths of which the first that holds a value counts."""


class FieldMap(Declared):
    """How one standard field is filled from a source record. A bare text is short for `{from: <text>}`."""

    from_: Path_ | tuple[Path_, ...] | None = Field(
        None, alias="from", description="Path of the value; a list of paths is joined with a blank."
    )
    first_of: tuple[Path_, ...] | None = Field(None, description="Aliases: the first path that holds a value.")
    const: Any = Field(None, description="The same value in every record.")
    parse: Parse | None = Field(
        None,
        description="How to read the value; default: by the type of the standard field. `birth_age_band`, `nik_age_band` and `nip_age_band` keep the age on the day of the event, never the day of birth.",
    )
    format: str | Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        None,
        description="Pattern of this date, time or period, over the locale's (quarters q, half-years sem, weeks ww or eww too), or a list of them: a value must fit at least one, and mean the same by all it fits. Or the separator of a `list`. Or the form of a `duration`: such as H:MM or MM:SS, `words` (2 jam 15 menit) or `iso` (PT2H15M).",
    )
    pick: str | None = Field(
        None,
        description="Regular expression that finds the part to read: its one group. A value it does not fit is rejected.",
    )
    map: dict[str, Any] | None = Field(
        None,
        description="Source value to standard value. A value that is not listed is rejected; with `parse: integer`, `number`, `rupiah` or `percent` it is read as such (`scale` multiplies both).",
    )
    fold: bool = Field(False, description="`map` takes no notice of case, nor of repeated blanks.")
    otherwise: Any = Field(None, description="With `map`: the standard value of every source value that is not listed.")
    default: Any = Field(None, description="The standard value where the source has none.")
    scale: ScaleBy | None = Field(None, description="Multiply by what another value of the record says.")
    round: bool = Field(
        False, description="Round to the field's decimals; without it a number with more decimals is rejected."
    )
    decimal: str | None = Field(None, pattern=r"^[.,]$", description="Decimal sign of this field, over the locale's.")
    thousands: str | None = Field(
        None, pattern=r"^[., ]?$", description="Grouping sign of this field, over the locale's."
    )
    range: Literal["low", "high", "middle"] | None = Field(
        None, description="Which number of a range (`Rp 1 - 2 juta`) is taken; without it a range is rejected."
    )
    edge: Literal["first", "last"] = Field(
        "first",
        description="Which day a date stands for whose pattern has no day (a week, month, quarter, half-year or year).",
    )
    timezone: str | None = Field(None, description="Zone of this field, over the locale's.")
    missing: tuple[str, ...] | None = Field(None, description="Texts that mean 'no value', over the locale's.")

    @model_validator(mode="after")
    def _one_origin(self) -> FieldMap:
        given = [name for name, value in (("from", self.from_), ("first_of", self.first_of)) if value is not None]
        if "const" in self.model_fields_set:
            given.append("const")
        if len(given) != 1:
            raise ValueError("say where the value comes from with exactly one of `from`, `first_of` or `const`")
        if given == ["const"] and (self.parse or self.map or self.scale or self.pick or self.default is not None):
            raise ValueError("a `const` is the value itself: it takes neither `parse` nor `map` nor `scale`")
        if self.map is None and (self.fold or "otherwise" in self.model_fields_set):
            raise ValueError("`fold` and `otherwise` belong to `map`")
        if self.lists_texts and "otherwise" in self.model_fields_set:
            raise ValueError(
                f"`otherwise` does not go with `parse: {self.parse}`: what `map` does not list is read as a number"
                " -> take `otherwise` or `parse` away"
            )
        if self.parse == "list" and isinstance(self.format, tuple):
            raise ValueError("a `list` has one separator -> write `format` as a text")
        if self.pick is not None:
            try:
                groups = re.compile(self.pick).groups
            except re.error as error:
                raise ValueError(f"`pick` is no regular expression: {error}") from None
            if groups != 1:
                raise ValueError(f"`pick` needs one group in parentheses, but has {groups}")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """Every source path this field reads."""
        if self.first_of is not None:
            return self.first_of
        if self.from_ is None:
            return ()
        return (self.from_,) if isinstance(self.from_, str) else self.from_

    @property
    def formats(self) -> tuple[str, ...]:
        """Every pattern of this field; none where the locale's holds."""
        return (self.format,) if isinstance(self.format, str) else self.format or ()

    @property
    def lists_texts(self) -> bool:
        """Whether `map` lists texts beside numbers, which are read by `parse`."""
        return self.map is not None and self.parse in NUMERIC


class ScaleBy(Declared):
    """A factor: the same for all records (`by`), or read from the record itself, such as from a unit column."""

    by: float | None = Field(None, gt=0, description="The factor, such as 0.01 for cents.")
    from_: Path_ | None = Field(None, alias="from", description="Where the record says what to multiply by.")
    map: dict[str, int | float] | None = Field(
        None, min_length=1, description="Value to factor. A value that is not listed is rejected."
    )

    @model_validator(mode="after")
    def _one_way(self) -> ScaleBy:
        if (self.by is None) == (self.from_ is None) or (self.from_ is None) != (self.map is None):
            raise ValueError("give either `by`, or `from` with `map`")
        return self


class RegionMap(Declared):
    """How a record says where it is: by code, by names, or inside a text."""

    code: Path_ | None = Field(None, description="Path of a Kemendagri or BPS code, dotted or plain.")
    district: Path_ | None = Field(None, description="Path of the district's (kecamatan's) name.")
    village: Path_ | tuple[Path_, ...] | None = Field(None, description="Path, or aliases, of the village's name.")
    text: Path_ | None = Field(None, description="Path of a text that holds names; needs `pattern`.")
    pattern: str | tuple[str, ...] | None = Field(
        None, description="Such as 'Desa {village}, Kecamatan {district}'; of several the first that fits."
    )
    const: str | None = Field(None, description="One region code for all records.")

    @model_validator(mode="after")
    def _some_way(self) -> RegionMap:
        if not any((self.code, self.district, self.village, self.text, self.const)):
            raise ValueError("say where the region comes from: `code`, `district`, `village`, `text` or `const`")
        if (self.text is None) != (self.pattern is None):
            raise ValueError("`text` and `pattern` belong together")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        village = (self.village,) if isinstance(self.village, str) else (self.village or ())
        return tuple(path for path in (self.code, self.district, *village, self.text) if path)


class Dataset(Declared):
    """One list of records an app gives, and what it becomes."""

    id: Identifier
    path: str = Field(
        description="Below the source's base_url; '' for the base itself. `{name}` takes a parameter.",
        pattern=r"^(/[^\s?#]*|)$",
    )
    method: Literal["GET", "POST"] = "GET"
    query: dict[str, str | int | float] = Field(
        {}, description="Query parameters. One whose `{name}` has no value in a call is left out of it."
    )
    form: dict[str, str | int | float] | None = Field(
        None, description="Form body of a POST; paging parameters go there too."
    )
    json_: dict[str, Any] | None = Field(
        None, alias="json", description="JSON body of a POST (GraphQL and the like); paging parameters go there too."
    )
    body: str | None = Field(None, description="Literal body of a POST (SOAP and the like); needs `content_type`.")
    content_type: str | None = None
    for_each: ForEach | None = None
    format: Format = JsonFormat()
    unpack: Unpack | None = None
    records: RecordsPath = Field("", description="Where the records are; '' when the answer is the list itself.")
    unpivot: Unpivot | None = None
    paginate: Pagination = SinglePage()
    incremental: Incremental | None = None
    conditional: Literal["answer", "collection", "never"] = Field(
        "answer",
        description="What ETag and Last-Modified speak for: one answer (used where there is one), or, in the first answer, all pages.",
    )
    nature: Literal["event", "snapshot", "cumulative"] = Field(
        description="event: records come once; snapshot: each pull is all there is; cumulative: values grow."
    )
    category: Identifier
    key: tuple[Path_ | Aliases, ...] = Field(
        min_length=1,
        description="Source paths that identify a record; a list among them is of aliases, of which the first that holds a value counts. Personal values become tokens.",
    )
    prefer: Literal["last", "first"] = Field(
        "last", description="Which of several records with the same key in one pull is right."
    )
    fill_down: tuple[Path_, ...] = Field((), description="Columns whose blanks repeat the value above (merged cells).")
    skip: dict[str, tuple[str, ...]] = Field(
        {}, description="Rows that are no records: path to the values that mark them (totals rows). They are counted."
    )
    personal: tuple[Path_, ...] = Field(
        (), description="Personal data the source sends: never kept, and struck out of the record's texts."
    )
    region: RegionMap | None = None
    fields: dict[str, FieldMap] = Field(min_length=1)

    @field_validator("format", mode="before")
    @classmethod
    def _short_format(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value

    @field_validator("unpack", mode="before")
    @classmethod
    def _short_unpack(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value

    @field_validator("fields", mode="before")
    @classmethod
    def _short_fields(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: {"from": item} if isinstance(item, str) else item for name, item in value.items()}

    @model_validator(mode="after")
    def _fits(self) -> Dataset:
        bodies = [item for item in (self.form, self.json_, self.body) if item is not None]
        if self.method == "GET" and bodies:
            raise ValueError("`form`, `json` and `body` belong to `method: POST`")
        if (self.body is None) != (self.content_type is None):
            raise ValueError("`body` and `content_type` belong together")
        if len(bodies) > 1:
            raise ValueError("give one of `form`, `json` or `body`")
        tables = CsvFormat | HtmlFormat | FixedWidthFormat | BpsCubeFormat | SdmxJsonFormat
        if isinstance(self.format, tables) and self.records:
            raise ValueError("a table is its records: leave `records` out")
        if self.body is not None and (
            missing := [name for name in self.parameters if f"{{{name}}}" not in self.body + self.path]
        ):
            raise ValueError(f"the literal `body` has no place for {', '.join(missing)}: write it as {{{missing[0]}}}")
        return self

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the request parameters that paging, position and fan-out fill."""
        paging = [getattr(self.paginate, name, None) for name in ("param", "size_param", "limit_param")]
        position = [self.incremental.param, self.incremental.until_param] if self.incremental is not None else []
        each = list(self.for_each.params) if self.for_each is not None else []
        return tuple(name for name in (*paging, *position, *each) if name)

    @property
    def key_parts(self) -> tuple[tuple[str, ...], ...]:
        """The aliases of each part of the key; most parts have one path."""
        return tuple((part,) if isinstance(part, str) else part for part in self.key)

    @property
    def key_paths(self) -> tuple[str, ...]:
        """Every source path the key reads."""
        return tuple(path for part in self.key_parts for path in part)

    @property
    def records_path(self) -> str:
        """Where the records are, with the format's own default."""
        return self.records or ("features" if isinstance(self.format, GeoJsonFormat) else "")


class Evidence(Declared):
    """What is known of the real app, and what is assumed."""

    interface: Literal["published", "recorded", "assumed"] = Field(
        description="assumed: the app runs against the sandbox."
    )
    reality: str = ""
    reference: str = ""


class App(Declared):
    """One city app."""

    id: Identifier
    name: str
    agency: Identifier
    urusan: UrusanCode
    status: Literal["active", "paused", "retired"] = "active"
    cadence: Cadence
    description: str = ""
    evidence: Evidence
    locale: Locale = Locale()
    source: Source
    payload_days: int | None = Field(
        None, ge=1, description="Days that payloads of this app are kept, over the city's."
    )
    datasets: tuple[Dataset, ...] = Field(min_length=1)

    @field_validator("datasets")
    @classmethod
    def _unique_datasets(cls, value: tuple[Dataset, ...]) -> tuple[Dataset, ...]:
        ids = [dataset.id for dataset in value]
        for name in ids:
            if ids.count(name) > 1:
                raise ValueError(f"dataset {name!r} is declared twice")
        return value


FieldMap.model_rebuild()
