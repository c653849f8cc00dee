"""Reference data of the catalogue as plain rows: government functions (urusan) and regions. No resolving here (see normalise)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path


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
    """One administrative region. ``code`` is the dotted Kemendagri code, ``bps_code`` the BPS one ('' where unknown)."""

    level: str
    code: str
    parent_code: str
    name: str
    kind: str
    bps_code: str
    bps_name: str
    postcode: str


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_urusan(path: Path) -> tuple[Urusan, ...]:
    """All functions, in file order."""
    names = Urusan.__dataclass_fields__
    return tuple(Urusan(**{name: row[name] for name in names}) for row in _rows(path))


def read_regions(path: Path) -> tuple[Region, ...]:
    """All regions of one city, in file order."""
    return tuple(
        Region(
            level=row["level"],
            code=row["kemendagri_code"],
            parent_code=row["parent_code"],
            name=row["name"],
            kind=row["type"],
            bps_code=row["bps_code"],
            bps_name=row["bps_name"],
            postcode=row["postcode"],
        )
        for row in _rows(path)
    )
