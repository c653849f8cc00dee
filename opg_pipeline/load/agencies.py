"""core.dim_agency_history: what each agency was called since when. The agencies as they are now stand in dim_agency (dimensions.py)."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from opg_pipeline.load.tables import CORE, column
from opg_pipeline.model.catalog import Catalog

NAME = "dim_agency_history"
_DESCRIBED = ("name", "short")


def agency_history_table(metadata: sa.MetaData) -> sa.Table:
    """Declare core.dim_agency_history in ``metadata``."""
    c = column
    return sa.Table(
        NAME,
        metadata,
        c("city_id", "string", "City", "Kota atau kabupaten", key=True),
        c("agency_id", "string", "Agency", "Perangkat daerah", key=True),
        c("version", "integer", "Which version of the agency, from 1", "Versi ke berapa dari perangkat daerah, mulai 1", key=True),
        c("name", "string", "Name", "Nama"),
        c("short", "string", "Short name", "Nama singkat"),
        c("valid_from", "date", "First day the catalogue said so; empty on the first version, which holds for all earlier days", "Hari pertama dinyatakan dalam katalog; kosong pada versi pertama, yang berlaku untuk semua hari sebelumnya", null=True),
        c("valid_to", "date", "Day from which it no longer held; empty while it does", "Hari sejak tidak lagi berlaku; kosong selama masih berlaku", null=True),
        schema=CORE,
        comment="Agencies (OPD) with their former names: join on valid_from <= day < valid_to. | Perangkat daerah (OPD) beserta nama lamanya: gabungkan dengan valid_from <= hari < valid_to.",
    )  # fmt: skip


def note_agencies(connection: sa.Connection, table: sa.Table, catalog: Catalog, at: datetime) -> int:
    """End the versions that no longer hold and begin new ones, by the day that ``at`` is in each city.

    Agencies of cities that the catalogue does not have are left alone.

    Returns:
        How many versions ended or began.
    """
    c = table.c
    versions: dict[tuple[str, str], sa.RowMapping] = {}
    statement = sa.select(table).where(c.city_id.in_(list(catalog.cities))).order_by(c.version)
    for row in connection.execute(statement).mappings():
        versions[(row["city_id"], row["agency_id"])] = row
    declared = {
        (city, item.id): {name: getattr(item, name) for name in _DESCRIBED}
        for city, entry in catalog.cities.items()
        for item in entry.city.agencies
    }
    today = {city: at.astimezone(ZoneInfo(entry.city.timezone)).date() for city, entry in catalog.cities.items()}
    changed = 0
    for key, row in versions.items():
        if row["valid_to"] is None and declared.get(key) != {name: row[name] for name in _DESCRIBED}:
            same = (c.city_id == key[0], c.agency_id == key[1], c.version == row["version"])
            connection.execute(sa.update(table).where(*same).values(valid_to=today[key[0]]))
            changed += 1
    for key, words in sorted(declared.items()):
        last = versions.get(key)
        if last is not None and last["valid_to"] is None and words == {name: last[name] for name in _DESCRIBED}:
            continue
        begun: date | None = None if last is None else today[key[0]]
        number = 1 if last is None else last["version"] + 1
        row_now = {"city_id": key[0], "agency_id": key[1], "version": number, "valid_from": begun, **words}
        connection.execute(sa.insert(table).values(**row_now))
        changed += 1
    return changed
