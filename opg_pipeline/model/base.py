"""What every declared model shares: closed keys, and the small value types used by more than one kind of file."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from opg_pipeline.model.paths import PathError, parse_path


class Declared(BaseModel):
    """Base of every declaration: unknown keys are refused, values do not change once loaded."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, str_strip_whitespace=False)


def _path(value: str) -> str:
    try:
        parse_path(value)
    except PathError as error:
        raise ValueError(str(error)) from None
    return value


def _records_path(value: str) -> str:
    try:
        if value:
            parsed = parse_path(value, every=True)
            if parsed.up or parsed.absolute:
                raise PathError("`records` starts at the whole answer -> it takes neither ^ nor /")
    except PathError as error:
        raise ValueError(str(error)) from None
    return value


def _duration(value: str) -> str:
    if not re.fullmatch(r"\d+[smhd]", value):
        raise ValueError("a duration is a number and s, m, h or d, such as 30s or 3d")
    return value


Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,62}$")]
Path_ = Annotated[str, AfterValidator(_path)]
RecordsPath = Annotated[str, AfterValidator(_records_path)]
Duration = Annotated[str, AfterValidator(_duration)]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
UrusanCode = Annotated[str, StringConstraints(pattern=r"^(\d\.\d\d|X\.XX)$")]


class Label(Declared):
    """A name in both languages of the project."""

    en: str
    id: str


def duration_seconds(value: str) -> int:
    """Seconds of a :data:`Duration`."""
    return int(value[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[value[-1]]


class Locale(Declared):
    """How a source writes numbers, dates and absence. Unset parts are taken from the city's defaults."""

    decimal: str | None = Field(None, description="The decimal sign: ',' or '.'.", pattern=r"^[.,]$")
    thousands: str | None = Field(
        None, description="The grouping sign: '.', ',', a space, or '' for none.", pattern=r"^[., ]?$"
    )
    date: str | None = Field(None, description="Pattern of a date, such as dd/mm/yyyy or d mmm yyyy.")
    datetime: str | None = Field(
        None, description="Pattern of a date and time, such as dd/mm/yyyy HH:MM; `iso` for ISO 8601."
    )
    timezone: str | None = Field(None, description="IANA zone of times that carry no offset.")
    missing: tuple[str, ...] | None = Field(None, description="Texts that mean 'no value'.")
    truthy: tuple[str, ...] | None = Field(None, description="Texts that mean yes.")
    falsy: tuple[str, ...] | None = Field(None, description="Texts that mean no.")

    def over(self, other: Locale) -> Locale:
        """This locale with its unset parts taken from ``other``."""
        return Locale(
            **{
                name: mine if (mine := getattr(self, name)) is not None else getattr(other, name)
                for name in Locale.model_fields
            }
        )
