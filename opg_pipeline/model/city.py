"""The declaration of a city: agencies, time zone, regions, defaults of its apps; and the notes of its partners."""

from __future__ import annotations

from datetime import date
from typing import Literal
from zoneinfo import available_timezones

from pydantic import Field, field_validator

from opg_pipeline.model.base import Declared, Identifier, Label, Locale


class Agency(Declared):
    """One agency (OPD) of the city."""

    id: Identifier
    name: str
    short: str = ""


LICENSES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "ODbL-1.0": "https://opendatacommons.org/licenses/odbl/1-0/",
    "ODC-By-1.0": "https://opendatacommons.org/licenses/by/1-0/",
    "PDDL-1.0": "https://opendatacommons.org/licenses/pddl/1-0/",
}
"""Licences that conform to the Open Definition, by SPDX identifier, and where their text stands."""


class Regions(Declared):
    """The city's region file in catalog/reference/regions and its root code."""

    file: str = Field(pattern=r"^[a-z0-9_]+\.csv$")
    root: str = Field(description="Kemendagri code of the city, such as 35.22.")
    fuzzy_threshold: float = Field(
        90.0, ge=60, le=100, description="Least similarity (0-100) at which a misspelt name counts."
    )
    bounds: tuple[float, float, float, float] | None = Field(
        None,
        description="West, south, east and north of the city in degrees: by them latitude and longitude in each other's place are told.",
    )
    attribution: str = Field("", description="What the licence of the region file asks to be said beside the data.")

    @field_validator("bounds")
    @classmethod
    def _box(cls, value: tuple[float, float, float, float] | None) -> tuple[float, float, float, float] | None:
        if value is not None:
            west, south, east, north = value
            if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
                raise ValueError("`bounds` are west, south, east and north, in degrees")
            if west < north and south < east:
                raise ValueError("`bounds` cannot tell latitude from longitude where the two overlap -> leave them out")
        return value


class City(Declared):
    """One city."""

    id: Identifier
    name: str
    label: Label
    timezone: str
    regions: Regions | None = None
    locale: Locale = Field(
        description="Default locale of its apps. decimal, thousands, date, datetime and missing are needed."
    )
    agencies: tuple[Agency, ...] = Field(min_length=1)
    payload_days: int | None = Field(
        None,
        ge=1,
        description="Days after a pull from which on `opg privacy purge` removes its payloads: raw answers, and what waits in quarantine. Without it they stay.",
    )

    license: Literal["CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "ODbL-1.0", "ODC-By-1.0", "PDDL-1.0"] | None = Field(
        None,
        description="SPDX identifier of the licence of the open data. Without it the export says that none is declared.",
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no IANA time zone")
        return value

    def agency(self, agency_id: str) -> Agency:
        """The agency of that id. Raises KeyError."""
        for item in self.agencies:
            if item.id == agency_id:
                return item
        raise KeyError(agency_id)


class ContextNote(Declared):
    """Front matter of a partner's note: what it speaks of, and who says it."""

    id: Identifier
    title: str
    author: str
    measures: tuple[Identifier, ...] = ()
    regions: tuple[str, ...] = ()
    from_: date | None = Field(None, alias="from")
    to: date | None = None
    kind: Literal["context", "caveat", "criticism", "method"] = "context"
