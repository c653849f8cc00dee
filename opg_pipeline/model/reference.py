"""Reference data of the catalogue as plain rows: government functions (urusan), regions, further names of regions. No resolving here (see normalise)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from opg_pipeline.model.problems import DeclarationError, Problem

LEVELS = ("regency", "district", "village")
ALIAS_COLUMNS = ("name", "code", "by", "on", "note")


@dataclass(frozen=True, slots=True)
class Urusan:
    """One government function of UU 23/2014 with its crosswalks (Permendagri 90/2019, COFOG, DCAT-AP themes, SPBE)."""

    urusan_code: str
    group_code: str
    group_name_id: str
    group_kind: str
    name_id: str
    name_en: str
    uu23_2014_ref: str
    cofog_primary: str
    cofog_secondary: str
    dcat_ap_theme: str
    spbe_rab_urusan: str


@dataclass(frozen=True, slots=True)
class Region:
    """One administrative region. ``code`` is the dotted Kemendagri code, ``bps_code`` the BPS one ('' where unknown).

    ``valid_from`` and ``valid_to`` are the first and the last day it was in force; None where the file does not say.
    """

    level: str
    code: str
    parent_code: str
    name: str
    kind: str
    bps_code: str
    bps_name: str
    postcode: str
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True, slots=True)
class RegionAlias:
    """A further spelling of a region that somebody accepted: who, and on which day. ``name`` may be a code that a source uses."""

    name: str
    code: str
    by: str
    on: date
    note: str = ""


def read_urusan(path: Path) -> tuple[Urusan, ...]:
    """All functions, in file order."""
    names = Urusan.__dataclass_fields__
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(Urusan(**{name: row[name] for name in names}) for row in csv.DictReader(file))


def read_regions(path: Path) -> tuple[Region, ...]:
    """All regions of one city, in file order. The columns valid_from and valid_to may be left out.

    Raises:
        DeclarationError: a column is missing, a level or date is none, a code stands twice, or a parent is not in the file.
    """
    found = _Table(
        path, ("level", "kemendagri_code", "parent_code", "name", "type", "bps_code", "bps_name", "postcode")
    )
    regions: dict[str, Region] = {}
    for row in found.rows():
        region = Region(
            level=row["level"],
            code=row["kemendagri_code"],
            parent_code=row["parent_code"],
            name=row["name"],
            kind=row["type"],
            bps_code=row["bps_code"],
            bps_name=row["bps_name"],
            postcode=row["postcode"],
            valid_from=found.day(row, "valid_from"),
            valid_to=found.day(row, "valid_to"),
        )
        if region.level not in LEVELS:
            found.problem("level", f"{region.level!r} is no level.", f"write {', '.join(LEVELS)}.")
        if region.code in regions:
            found.problem("kemendagri_code", f"{region.code} stands twice.", "leave one of the two out.")
        if region.level != "regency" and region.parent_code not in regions:
            found.problem(
                "parent_code",
                f"{region.code} lies in {region.parent_code!r}, which is not above it.",
                "add the parent above.",
            )
        if region.valid_from and region.valid_to and region.valid_to < region.valid_from:
            found.problem("valid_to", f"{region.code} ends before it begins.", "correct the dates.")
        regions[region.code] = region
    found.finish()
    return tuple(regions.values())


def read_aliases(path: Path, regions: tuple[Region, ...]) -> tuple[RegionAlias, ...]:
    """Further names of regions, in file order. An alias without letters is a code that a source uses.

    Raises:
        DeclarationError: a column is missing, a name is empty, a code leads nowhere, a date is none, or a code alias is another region's own code.
    """
    found = _Table(path, ALIAS_COLUMNS)
    known = {region.code for region in regions}
    own = {written: region.code for region in regions for written in (region.code, region.code.replace(".", ""))}
    aliases = []
    for row in found.rows():
        name, code = row["name"].strip(), row["code"].strip()
        if not name:
            found.problem("name", "The name is empty.", "write the spelling, or remove the line.")
        if code not in known:
            found.problem(
                "code", f"{code!r} is the code of no region.", "write a dotted Kemendagri code of the region file."
            )
        if own.get(name, code) != code:
            found.problem("name", f"{name} is the code of another region itself.", "remove the line.")
        on = found.day(row, "on")
        if on is None:
            found.problem("on", "There is no day on which the alias was accepted.", "write it, such as 2026-01-31.")
        elif name:
            aliases.append(RegionAlias(name, code, row["by"], on, row["note"]))
    found.finish()
    return tuple(aliases)


class _Table:
    """One CSV file of reference data, read with an eye on its lines."""

    def __init__(self, path: Path, needed: tuple[str, ...]) -> None:
        self.path, self._needed = path, needed
        self._problems: list[Problem] = []
        self._line = 1

    def rows(self) -> Iterator[dict[str, str]]:
        """The lines as dicts; absent values are ''."""
        with self.path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if missing := [name for name in self._needed if name not in (reader.fieldnames or ())]:
                self.problem(missing[0], f"The file has no column {', '.join(missing)}.", "add it to the first line.")
                return
            for row in reader:
                self._line = reader.line_num
                yield {name: value or "" for name, value in row.items() if isinstance(name, str)}

    def day(self, row: dict[str, str], name: str) -> date | None:
        """A day of the row, or None."""
        text = row.get(name, "")
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            self.problem(name, f"{text!r} is no day.", "write it as 2026-01-31.")
            return None

    def problem(self, key: str, what: str, fix: str) -> None:
        """Note what is wrong in the present line."""
        self._problems.append(Problem(self.path, self._line, key, what, fix))

    def finish(self) -> None:
        """Raise what was noted."""
        if self._problems:
            raise DeclarationError(self._problems)
