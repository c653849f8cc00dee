"""The declaration of one standard category: fields, rules, measures. Projected to Parquet, SQL, Great Expectations and docs elsewhere."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from opg_pipeline.model.base import Declared, Identifier, Label

Privacy = Literal[
    "none", "quasi", "pseudonym", "org_or_person", "sensitive_text", "sensitive", "sensitive_health", "direct"
]
TYPE_PATTERN = r"^(string|text|integer|decimal\(\d{1,2},\d{1,2}\)|boolean|date|timestamp|enum|list|map|geojson)$"


class CategoryField(Declared):
    """One field of a category.

    ``type``: string, text, integer (64 bit), decimal(p,s) exact, boolean, date, timestamp (with zone, stored UTC), enum,
    list / map / geojson (stored as JSON text). ``privacy``: `direct` is never stored; `pseudonym` and `org_or_person` are
    stored as keyed tokens; `sensitive_text` is stored redacted; the rest as they are, and only aggregated in marts.
    """

    name: Identifier
    type: str = Field(pattern=TYPE_PATTERN)
    label: Label
    description: str = ""
    required: bool = False
    required_unless: dict[str, tuple[str, ...]] | None = Field(
        None, description="Required unless that field has one of these values."
    )
    values: tuple[str, ...] | None = Field(None, description="Permitted values of an enum.")
    value_labels: dict[str, Label] | None = Field(None, description="What each permitted value is called.")
    unit: str = ""
    origin: str = Field("", description="The standard's own name for the field, or `local`.")
    privacy: Privacy
    min: float | None = None
    max: float | None = None
    pattern: str | None = Field(None, description="Regular expression the whole text matches.")
    past: bool = Field(False, description="A moment that cannot lie more than a day after the answer that tells it.")

    @model_validator(mode="after")
    def _fits(self) -> CategoryField:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("`min` is greater than `max`")
        if self.pattern is not None and self.token:
            raise ValueError("a pattern cannot be checked on a field that is stored as a token")
        if (self.type == "enum") != (self.values is not None):
            raise ValueError("`values` belongs to `type: enum`, and an enum needs it")
        if self.value_labels is not None and set(self.value_labels) != set(self.values or ()):
            raise ValueError("`value_labels` names other values than `values`")
        if (self.min is not None or self.max is not None) and not (self.type == "integer" or self.is_decimal):
            raise ValueError("`min` and `max` are for integer and decimal")
        if self.past and self.type not in {"date", "timestamp"}:
            raise ValueError("`past` is for date and timestamp")
        if self.pattern is not None:
            if self.type not in {"string", "text"}:
                raise ValueError("`pattern` is for string and text")
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"`pattern` is no regular expression: {error}") from None
        if self.privacy in {"pseudonym", "org_or_person", "sensitive_text"} and self.type not in {"string", "text"}:
            raise ValueError(f"privacy {self.privacy} needs type string or text")
        if self.privacy == "direct" and self.required:
            raise ValueError("a `direct` field is never stored, so it cannot be required")
        return self

    @property
    def is_decimal(self) -> bool:
        return self.type.startswith("decimal")

    @property
    def precision_scale(self) -> tuple[int, int]:
        """(p, s) of decimal(p,s). Raises ValueError for another type."""
        match = re.fullmatch(r"decimal\((\d+),(\d+)\)", self.type)
        if match is None:
            raise ValueError(f"{self.name} is {self.type}, not decimal")
        return int(match[1]), int(match[2])

    def told_values(self, language: Literal["en", "id"]) -> str:
        """The permitted values of an enum and what each is called, such as `L (Male), P (Female)`; empty of another type."""
        labels = self.value_labels or {}
        return ", ".join(
            f"{value} ({getattr(labels[value], language)})" if value in labels else value for value in self.values or ()
        )

    @property
    def stored(self) -> bool:
        """Whether the field exists in standard, core and mart."""
        return self.privacy != "direct"

    @property
    def token(self) -> bool:
        """Whether the field holds a keyed token instead of the value."""
        return self.privacy in {"pseudonym", "org_or_person"}


class _Rule(Declared):
    id: Identifier
    description: Label


class _RowRule(_Rule):
    severity: Literal["quarantine", "warn"] = Field(
        description="quarantine: the record waits; warn: it is loaded and counted."
    )


class OrderRule(_RowRule):
    """`later` is not before `earlier`, where both are known."""

    type: Literal["order"]
    earlier: Identifier
    later: Identifier


class BetweenRule(_RowRule):
    """A number, date or time lies within bounds. Dates are written in ISO 8601."""

    type: Literal["between"]
    field: Identifier
    min: Decimal | date | None = None
    max: Decimal | date | None = None

    @model_validator(mode="after")
    def _bounded(self) -> BetweenRule:
        bounds = [bound for bound in (self.min, self.max) if bound is not None]
        if not bounds:
            raise ValueError("give `min`, `max` or both")
        if len({type(bound) for bound in bounds}) > 1:
            raise ValueError("`min` and `max` are of different kinds")
        if len(bounds) == 2 and bounds[0] > bounds[1]:  # type: ignore[operator]
            raise ValueError("`min` is greater than `max`")
        return self


class MatchRule(_RowRule):
    """A text matches a regular expression."""

    type: Literal["match"]
    field: Identifier
    regex: str

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"this is no regular expression: {error}") from None
        return value


class _DatasetRule(_Rule):
    severity: Literal["block", "warn"] = Field(
        description="block: the slice is not loaded; warn: it is, and the check says so."
    )


class CompleteRule(_DatasetRule):
    """At least this share of a slice's records has a value."""

    type: Literal["complete"]
    field: Identifier
    min_share: float = Field(gt=0, le=1)


class RegionRule(_DatasetRule):
    """At least this share of a slice's records has a resolved region."""

    type: Literal["region_resolved"]
    min_share: float = Field(gt=0, le=1)


class RowCountRule(_DatasetRule):
    """A slice has at least this many records."""

    type: Literal["row_count"]
    min: int = Field(ge=1)


Rule = Annotated[
    OrderRule | BetweenRule | MatchRule | CompleteRule | RegionRule | RowCountRule, Field(discriminator="type")
]


class Value(Declared):
    """The number a measure takes from one record. Exactly one key."""

    field: Identifier | None = Field(None, description="A number field.")
    days_between: tuple[Identifier, Identifier] | None = Field(
        None, description="Days from the first date or time to the second."
    )
    minutes_between: tuple[Identifier, Identifier] | None = Field(
        None, description="Minutes from the first time to the second."
    )

    @model_validator(mode="after")
    def _one(self) -> Value:
        if sum(item is not None for item in (self.field, self.days_between, self.minutes_between)) != 1:
            raise ValueError("say what is measured with exactly one of `field`, `days_between` or `minutes_between`")
        return self


class Measure(Declared):
    """One published number. Without concept, definition and interpretation it does not load (after MS-Ind, Peraturan BPS 5/2020).

    ``aggregation``: count (of records), sum, mean, median (of `value`), share (records that fit `numerator` / all, 0 to 1).
    """

    id: Identifier
    label: Label
    concept: str = Field(min_length=10)
    definition: str = Field(min_length=10)
    interpretation: str = Field(min_length=10)
    unit: str = Field(min_length=1, description="Or the name of a field in `by` that holds it.")
    aggregation: Literal["count", "sum", "mean", "median", "share"]
    value: Value | None = None
    where: dict[str, tuple[Any, ...]] = Field({}, description="Only records whose field has one of these values.")
    numerator: dict[str, tuple[Any, ...]] | None = Field(None, description="For a share: what counts.")
    by: tuple[Identifier, ...] = Field(
        (),
        description="Fields over which numbers must not be mixed, such as commodity and unit: one cell per combination.",
    )
    period: Literal["day", "month", "quarter", "year"] = "month"
    not_counted: str = Field(min_length=3, description="Who or what the number leaves out.")
    min_cell: int = Field(5, ge=1, description="Smallest number of records a published cell may rest on.")
    steward: str = Field(min_length=2)
    review: date = Field(description="By when the definition is looked at again.")

    @model_validator(mode="after")
    def _fits(self) -> Measure:
        if (self.aggregation in {"sum", "mean", "median"}) != (self.value is not None):
            raise ValueError("sum, mean and median need `value`, count and share have none")
        if (self.aggregation == "share") != (self.numerator is not None):
            raise ValueError("`numerator` belongs to `aggregation: share`, which needs it")
        return self


class StandardSource(Declared):
    """Where a standard that fields follow is written down. ``origin``: the words by which their `origin` names it."""

    origin: str = Field(min_length=2)
    title: str = Field(min_length=2)
    reference: str = Field(min_length=2, description="A web address, or the regulation.")


class Category(Declared):
    """One standard category."""

    id: Identifier
    label: Label
    standard: str = Field(min_length=2, description="The standard the category follows.")
    sources: tuple[StandardSource, ...] = ()
    grain: str = Field(min_length=5, description="What one record is.")
    event_time: Identifier | None = Field(
        None, description="The date or time field that becomes event_at; else the manifest maps event_at."
    )
    fields: tuple[CategoryField, ...] = Field(min_length=1)
    rules: tuple[Rule, ...] = ()
    measures: tuple[Measure, ...] = ()

    def field(self, name: str) -> CategoryField:
        """The field of that name. Raises KeyError."""
        for item in self.fields:
            if item.name == name:
                return item
        raise KeyError(name)

    def sources_of(self, item: CategoryField) -> tuple[StandardSource, ...]:
        """The sources that a field's origin names."""
        return tuple(source for source in self.sources if source.origin in item.origin)

    @property
    def stored_fields(self) -> tuple[CategoryField, ...]:
        return tuple(item for item in self.fields if item.stored)
