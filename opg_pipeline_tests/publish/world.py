"""A small declared city and the warehouse tables that publish reads, made by plain SQL. No room but publish is used."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from opg_pipeline.model.app import App
from opg_pipeline.model.catalog import Catalog, CityCatalog
from opg_pipeline.model.category import Category
from opg_pipeline.model.city import City, ContextNote
from opg_pipeline.model.reference import Region
from opg_pipeline.publish import mart_metadata

AS_OF = datetime(2026, 3, 10, 5, tzinfo=UTC)
D1, D2, D3, D4 = "35.22.01", "35.22.02", "35.22.03", "35.22.04"

_TEXTS = {
    "concept": "Something people want to know.",
    "definition": "Computed from the visits of a period.",
    "interpretation": "More is not always better.",
    "not_counted": "Visits nobody wrote down.",
    "steward": "Dinas Kominfo",
    "review": "2027-06-30",
}


def measure(id_: str, aggregation: str, **more: Any) -> dict[str, Any]:
    """The declaration of a measure; `min_cell` is 1 unless given."""
    label = {"en": f"{id_} (en)", "id": f"{id_} (id)"}
    return {"id": id_, "label": label, "unit": "units", "aggregation": aggregation, "min_cell": 1, **_TEXTS, **more}


def category(*measures: dict[str, Any], id_: str = "visit") -> Category:
    """A category with a field of every type that measures use."""
    kinds = {
        "status": "enum", "urgent": "boolean", "level": "integer", "amount": "decimal(18,2)", "note": "string",
        "opened_at": "timestamp", "closed_at": "timestamp", "opened_on": "date", "closed_on": "date",
    }  # fmt: skip
    fields = [
        {
            "name": name,
            "type": kind,
            "label": {"en": name, "id": name},
            "privacy": "none",
            **({"values": ["open", "closed"]} if kind == "enum" else {}),
        }
        for name, kind in kinds.items()
    ]
    return Category.model_validate(
        {
            "id": id_,
            "label": {"en": "Visit", "id": "Kunjungan"},
            "standard": "A standard",
            "grain": "One visit | of a resident.",
            "event_time": "opened_at",
            "fields": [
                *fields,
                {"name": "address", "type": "string", "label": {"en": "a", "id": "a"}, "privacy": "direct"},
            ],
            "measures": list(measures),
        }
    )


def app(
    id_: str,
    *,
    cadence: str = "daily",
    status: str = "active",
    feeds: tuple[str, ...] = ("visit",),
    incremental: bool = False,
) -> App:
    """An app with one dataset for each category it feeds."""
    datasets = [
        {
            "id": f"{name}s",
            "path": "/x",
            "nature": "event",
            "category": name,
            "key": ["id"],
            "fields": {"opened_at": "at"},
            **({"incremental": {"field": "at", "param": "since"}} if incremental else {}),
        }
        for name in feeds
    ]
    return App.model_validate(
        {
            "id": id_,
            "name": f"App {id_}",
            "agency": "kominfo",
            "urusan": "2.16",
            "status": status,
            "cadence": cadence,
            "evidence": {"interface": "assumed"},
            "source": {"base_url": f"sandbox://{id_}"},
            "datasets": datasets,
        }
    )


def regions() -> tuple[Region, ...]:
    """The city, four districts, and a village in each."""
    found = [Region("regency", "35.22", "35", "Kabupaten Uji", "kabupaten", "", "", "")]
    for number, code in enumerate((D1, D2, D3, D4), start=1):
        found.append(Region("district", code, "35.22", f"Kecamatan {number}", "kecamatan", "", "", ""))
        found.append(Region("village", f"{code}.2001", code, "Sukorejo", "desa", "", "", ""))
    return tuple(found)


def catalog(
    categories: list[Category],
    apps: list[App],
    notes: tuple[tuple[ContextNote, str], ...] = (),
    *,
    with_regions: bool = True,
) -> Catalog:
    """A catalogue of one city, `uji`."""
    city = City.model_validate(
        {
            "id": "uji",
            "name": "Kabupaten Uji",
            "label": {"en": "Test Regency", "id": "Kabupaten Uji"},
            "timezone": "Asia/Jakarta",
            "regions": {"file": "bojonegoro.csv", "root": "35.22", "attribution": "After a list under the ODbL."}
            if with_regions
            else None,
            "locale": {"decimal": ",", "thousands": ".", "date": "dd/mm/yyyy", "datetime": "iso", "missing": [""]},
            "agencies": [{"id": "kominfo", "name": "Dinas Kominfo"}],
        }
    )
    entry = CityCatalog(city, {item.id: item for item in apps}, regions() if with_regions else (), notes)
    return Catalog({item.id: item for item in categories}, {"uji": entry}, ())


_CORE = """create table core.{name} (
  record_uid text, city_id text, source_app text, source_dataset text, agency_id text, urusan_code text, event_at timestamptz,
  reported_at timestamptz, region_code text, region_level text, region_match text, event_on date,
  vanished_at timestamptz, last_changed_at timestamptz, status text, urgent boolean, level bigint, amount numeric(18,2), note text,
  opened_at timestamptz, closed_at timestamptz, opened_on date, closed_on date)"""
_DDL = (
    "create table core.dim_region (city_id text, code text, level text, parent_code text, name text)",
    """create table ops.slice (slice_id text, run_id text, city text, app text, dataset text, category text,
  committed_at timestamptz, outcome text, records bigint, accepted bigint, quarantined bigint, validation_quarantined bigint,
  merged_at timestamptz, declaration_hash text, blocked boolean, repairs bigint)""",
    """create table ops.quarantine (city text, app text, dataset text, category text, scope text, reason text, rule text, field text,
  open bigint, dismissed bigint, repaired bigint, oldest_at timestamptz)""",
    """create table ops.drift (run_id text, city text, app text, dataset text, place text, kind text, action text, found_at timestamptz)""",
    """create table ops.run_outcome (run_id text, city text, app text, dataset text, category text, outcome text,
  started_at timestamptz, finished_at timestamptz, message text, slice_id text)""",
)


@dataclass
class World:
    """A warehouse to fill. Every `add` is committed at once."""

    engine: sa.Engine
    serial: int = field(default=0)

    def build(self, *names: str) -> None:
        """Fresh schemas with core tables of these names."""
        with self.engine.begin() as connection:
            for schema in ("mart", "core", "ops"):
                connection.execute(sa.text(f"drop schema if exists {schema} cascade"))
                connection.execute(sa.schema.CreateSchema(schema))
            for statement in (*_DDL, *(_CORE.format(name=name) for name in names)):
                connection.execute(sa.text(statement))
            mart_metadata().create_all(connection)
        self.add(
            "core.dim_region",
            [
                {"city_id": "uji", "code": r.code, "level": r.level, "parent_code": r.parent_code, "name": r.name}
                for r in regions()
            ],
        )

    def add(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Insert rows that share their keys."""
        names = list(rows[0])
        with self.engine.begin() as connection:
            schema, _, bare = table.partition(".")
            into = sa.insert(sa.table(bare, *map(sa.column, names), schema=schema))
            for start in range(0, len(rows), 2000):  # PostgreSQL takes 65,535 parameters at once
                connection.execute(into.values(rows[start : start + 2000]))

    def visits(self, *rows: dict[str, Any], into: str = "visit") -> None:
        """Records; what is not given is a plain visit in district 1 on 15 January 2026."""
        plain: dict[str, Any] = {
            "city_id": "uji", "source_app": "one", "source_dataset": "visits", "agency_id": "kominfo", "urusan_code": "2.16",
            "event_at": datetime(2026, 1, 15, tzinfo=UTC), "reported_at": None, "region_code": f"{D1}.2001", "region_level": "village", "region_match": "code",
            "event_on": date(2026, 1, 15), "vanished_at": None, "status": "open", "urgent": False, "level": None, "amount": None,
            "note": None, "opened_at": None, "closed_at": None, "opened_on": None, "closed_on": None,
        }  # fmt: skip
        records = []
        for row in rows:
            self.serial += 1
            records.append({"record_uid": str(self.serial), **plain, **row})
        self.add(f"core.{into}", records)

    def crowd(self, district: str | None, count: int, **more: Any) -> None:
        """``count`` like visits in a district; None means without a region."""
        place = {
            "region_code": district,
            "region_level": "district" if district else None,
            "region_match": "code" if district else "none",
        }
        self.visits(*({**place, **more} for _ in range(count)))

    def pull(
        self,
        app_id: str,
        at: datetime,
        *,
        dataset: str = "visits",
        outcome: str = "new_records",
        stored: bool = True,
        **more: Any,
    ) -> None:
        """A pull with its outcome and, where ``stored``, its slice."""
        self.serial += 1
        slice_id = f"s{self.serial:06}" if stored else None
        who = {
            "run_id": f"r{self.serial:06}",
            "city": "uji",
            "app": app_id,
            "dataset": dataset,
            "category": dataset.removesuffix("s"),
            "outcome": outcome,
        }
        message = more.pop("message", "")
        self.add(
            "ops.run_outcome", [{**who, "started_at": at, "finished_at": at, "message": message, "slice_id": slice_id}]
        )
        if stored:
            plain = {
                "slice_id": slice_id, **who, "committed_at": at, "records": 10, "accepted": 10, "quarantined": 0, "validation_quarantined": 0,
                "merged_at": at, "declaration_hash": "h1", "blocked": False,
            }  # fmt: skip
            self.add("ops.slice", [{**plain, **more}])

    def fresh(self, *apps: str) -> None:
        """A good pull of each app an hour before AS_OF."""
        for app_id in apps:
            self.pull(app_id, AS_OF - timedelta(hours=1))

    def read(self, table: str) -> list[dict[str, Any]]:
        """All rows of a mart table, in a fixed order; times in UTC."""
        with self.engine.connect() as connection:
            found = [
                dict(row) for row in connection.execute(sa.select(mart_metadata().tables[f"mart.{table}"])).mappings()
            ]
        for row in found:
            for name, value in row.items():
                if isinstance(value, datetime):
                    row[name] = value.astimezone(UTC)
        return sorted(found, key=lambda row: tuple(str(value) for value in row.values()))
