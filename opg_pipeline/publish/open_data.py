"""Exports mart.measure as open data: CSV and Parquet per measure, method pages, dictionary, datapackage.json, DCAT, pages to read.
Computes no number.

An export is a folder of its own (`.<name>.<time>-<mark>`) that becomes visible when the link ``target`` is turned to it in one step: a
reader sees the former export or the new one. The former one is kept until the next export, for readers in the middle of it.
"""

from __future__ import annotations

import csv
import hashlib
import json
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.category import Category, Measure
from opg_pipeline.model.city import LICENSES, City
from opg_pipeline.publish.dcat import dcat_catalog
from opg_pipeline.publish.dictionary import data_dictionary, method_page
from opg_pipeline.publish.rows import EpochMicroseconds, arrow_schema
from opg_pipeline.publish.site import write_site
from opg_pipeline.publish.sources import aware, instant
from opg_pipeline.publish.tables import PublishError, mart_table

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet may take for the beginning of a formula, the last four in full width (OWASP, CSV Injection)."""
_ABANDONED = 3600
"""Seconds after which an unfinished or former export folder is removed."""
_FRICTIONLESS = {"string": "string", "int64": "integer", "double": "number", "bool": "boolean", "date32[day]": "date"}
_KEY = ["city_id", "category_id", "measure_id", "breakdown", "period_start", "region_code"]


def export_open_data(engine: sa.Engine, catalog: Catalog, target: Path, *, as_of: datetime) -> list[Path]:
    """Write the open data of every measure of the used categories; hidden cells stand there marked and without numbers.

    Args:
        target: what readers open; becomes a link to the newest export. Its folder must allow links.
        as_of: when the export was made; with time zone.

    Returns:
        The files, below ``target``, sorted.

    Raises:
        ValueError: ``as_of`` has no time zone.
        PublishError: ``target`` is a file, or a folder with content that is no export.
    """
    as_of = aware(as_of)
    target = Path(target).absolute()
    rows = _rows(engine)
    with _swapped(target) as folder:
        resources = []
        for category in sorted(catalog.used_categories, key=lambda item: item.id):
            for measure in sorted(category.measures, key=lambda item: item.id):
                resources += _write_measure(folder, catalog, category, measure, rows.get((category.id, measure.id), []))
        (folder / "DATA_DICTIONARY.md").write_text(data_dictionary(catalog), encoding="utf-8")
        package = _package(catalog, resources, as_of)
        (folder / "datapackage.json").write_text(
            json.dumps(package, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
        described = dcat_catalog(catalog, resources, _periods(rows), as_of)
        (folder / "dcat.jsonld").write_text(
            json.dumps(described, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
        write_site(folder, catalog, rows, _apps(engine), as_of)
        names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [target / name for name in names]


def _rows(engine: sa.Engine) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """All of mart.measure in one statement, so of one state, by category and measure."""
    order = ("category_id", "measure_id", "city_id", "breakdown", "period_start", "region_code")
    found = _all(engine, "measure")
    found.sort(key=lambda row: tuple(row[name] for name in order))
    return {key: list(group) for key, group in groupby(found, key=lambda row: (row["category_id"], row["measure_id"]))}


def _apps(engine: sa.Engine) -> list[dict[str, Any]]:
    """mart.app_scorecard."""
    return _all(engine, "app_scorecard")


def _all(engine: sa.Engine, name: str) -> list[dict[str, Any]]:
    """Every row of a mart table, times in UTC."""
    table = mart_table(name)
    times = [column for column in table.columns if isinstance(column.type, sa.DateTime)]
    plain = [EpochMicroseconds(column).label(column.name) if column in times else column for column in table.columns]
    with engine.connect() as connection:
        found = [dict(row) for row in connection.execute(sa.select(*plain)).mappings()]
    for row in found:
        row.update({column.name: instant(row[column.name]) for column in times})
    return found


def _periods(rows: dict[tuple[str, str], list[dict[str, Any]]]) -> dict[str, tuple[date, date]]:
    """First and last period of each measure that has cells, by `category.measure`."""
    starts = {".".join(key): [row["period_start"] for row in found] for key, found in rows.items()}
    return {name: (min(found), max(found)) for name, found in starts.items()}


def _write_measure(
    folder: Path, catalog: Catalog, category: Category, measure: Measure, rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    schema = arrow_schema(mart_table("measure"))
    below = folder / category.id
    below.mkdir(exist_ok=True)
    table_csv, table_parquet, page = (below / f"{measure.id}{end}" for end in (".csv", ".parquet", ".md"))
    with table_csv.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(schema.names)
        writer.writerows([csv_cell(row[name]) for name in schema.names] for row in rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), table_parquet, compression="zstd")
    page.write_text(method_page(catalog, category, measure), encoding="utf-8")
    name = f"{category.id}.{measure.id}"
    common = {"title": measure.label.en, "description": measure.definition, "method": str(page.relative_to(folder))}
    return [
        {
            "name": name,
            "path": str(table_csv.relative_to(folder)),
            "profile": "tabular-data-resource",
            **common,
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            **_digest(table_csv),
            "schema": {"fields": [_field(item) for item in schema], "missingValues": [""], "primaryKey": _KEY},
        },
        {
            "name": f"{name}.parquet",
            "path": str(table_parquet.relative_to(folder)),
            "type": "file",  # checked by size and hash, also where no reader of Parquet is installed
            **common,
            "format": "parquet",
            "mediatype": "application/vnd.apache.parquet",
            **_digest(table_parquet),
        },
    ]


def csv_cell(value: Any) -> str:
    """A value as CSV text. Text that a spreadsheet would run as a formula gets an apostrophe before it; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _field(field: pa.Field) -> dict[str, Any]:
    kind = _FRICTIONLESS.get(str(field.type), "datetime")
    english, _, indonesian = (field.metadata or {}).get(b"comment", b"").decode().partition(" | ")
    return {"name": field.name, "type": kind, "description": english, "description_id": indonesian}


def _digest(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"bytes": len(content), "hash": f"sha256:{hashlib.sha256(content).hexdigest()}"}


def _package(catalog: Catalog, resources: list[dict[str, Any]], as_of: datetime) -> dict[str, Any]:
    cities = [entry.city for _, entry in sorted(catalog.cities.items())]
    package: dict[str, Any] = {
        "profile": "data-package",
        "name": "opg-open-data",
        "title": f"Open performance data of {', '.join(city.label.en for city in cities)}",
        "description": "Aggregates with what they rest on and their caveats. Small cells are hidden: `suppressed` is true and the numbers are empty.",
        "created": as_of.isoformat().replace("+00:00", "Z"),
        "licenses": _licenses(cities),
        "resources": resources,
    }
    declared = [city.regions for city in cities if city.regions is not None]
    titles = sorted({item.attribution or f"Region codes and names: reference/regions/{item.file}" for item in declared})
    if titles:
        package["sources"] = [{"title": title} for title in titles]
    return package


def _licenses(cities: list[City]) -> list[dict[str, str]]:
    named = sorted({city.license for city in cities if city.license is not None})
    if not named:
        return [{"name": "notspecified", "title": "licence: to be declared by the city"}]
    return [{"name": name, "path": LICENSES[name]} for name in named]


@contextmanager
def _swapped(target: Path) -> Iterator[Path]:
    """A new folder to write into; when the block ends well, ``target`` leads to it."""
    if target.exists() and not target.is_symlink():
        if not target.is_dir():
            raise PublishError(f"{target} is a file. Name a folder for the open data.")
        if any(target.iterdir()) and not (target / "datapackage.json").is_file():
            raise PublishError(
                f"{target} holds files that are no export, and an export takes the folder's place. Name another folder."
            )
    target.parent.mkdir(parents=True, exist_ok=True)
    mark = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"
    folder, link = target.with_name(f".{target.name}.{mark}"), target.with_name(f".{target.name}.{mark}.link")
    folder.mkdir()
    moved: Path | None = None
    try:
        yield folder
        link.symlink_to(folder.name)
        if target.is_dir() and not target.is_symlink():
            moved = target.rename(target.with_name(f".{target.name}.{mark}-former"))
        former = target.readlink().name if target.is_symlink() else moved and moved.name
        link.replace(target)
    except BaseException:
        link.unlink(missing_ok=True)
        if moved is not None:
            moved.rename(target)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    for other in target.parent.iterdir():
        ours = other.name.startswith(f".{target.name}.") and other.name not in {folder.name, former}
        if ours and other.is_dir() and not other.is_symlink() and time.time() - other.stat().st_mtime > _ABANDONED:
            shutil.rmtree(other, ignore_errors=True)
