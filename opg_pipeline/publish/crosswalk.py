"""Which app fills which standard field, and how: a page per category from the declarations, and ops.crosswalk with what is really filled.

Reads core to count what is filled; makes no measure and writes no other table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from opg_pipeline.model.app import FieldMap, RegionMap
from opg_pipeline.model.catalog import Catalog, DatasetRef
from opg_pipeline.model.category import Category
from opg_pipeline.publish.rows import replace_rows
from opg_pipeline.publish.tables import column, core_table

DERIVING = frozenset({"age_band", "nik_sex", "nik_age_band", "nip_sex", "nip_age_band", "birth_age_band"})
"""Parses that keep something computed from a value and drop the value."""

HOW = {
    "mapped": ("●", "read from the source"),
    "derived": ("◐", "computed from another value of the record"),
    "const": ("■", "the same in every record"),
    "absent": ("·", "the app does not say it"),
}
"""How a field is filled: the sign on the page, and what it means."""

_ENVELOPE = ("agency_id", "urusan_code", "region_code", "event_at", "reported_at")
"""Columns of the envelope that depend on what an app says; the pipeline fills the others in every record."""

Filled = dict[tuple[str, str, str], tuple[int, dict[str, int]]]
"""(city, app, dataset) -> records, and of these how many have each field."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """How one dataset fills one field. ``source``: paths, or the constant as JSON; ``reading``: parse, pattern and what else is done."""

    field: str
    how: str
    source: str = ""
    reading: str = ""


def crossings(ref: DatasetRef) -> tuple[Crossing, ...]:
    """Every stored field of the dataset's category, and the columns of the envelope that an app may say."""
    own = [_field(ref, item.name, item.type) for item in ref.category.stored_fields]
    return (*(_envelope(ref, name) for name in _ENVELOPE), *own)


def _envelope(ref: DatasetRef, name: str) -> Crossing:
    if name == "urusan_code":
        return Crossing(name, "const", json.dumps(ref.app.urusan), "urusan of the app")
    if name == "region_code":
        return _region(ref.dataset.region)
    if name == "agency_id" and name not in ref.dataset.fields:
        return Crossing(name, "const", json.dumps(ref.app.agency), "agency of the app")
    if name == "event_at" and name not in ref.dataset.fields and ref.category.event_time is not None:
        return Crossing(name, "derived", ref.category.event_time, "event_time of the category")
    return _field(ref, name, "string" if name == "agency_id" else "timestamp")


def _region(declared: RegionMap | None) -> Crossing:
    if declared is None:
        return Crossing("region_code", "absent")
    if declared.const is not None:
        return Crossing("region_code", "const", json.dumps(declared.const), "region")
    return Crossing("region_code", "mapped", ", ".join(declared.paths), "region")


def _field(ref: DatasetRef, name: str, kind: str) -> Crossing:
    mapping = ref.dataset.fields.get(name)
    if mapping is None:
        return Crossing(name, "absent")
    if "const" in mapping.model_fields_set:
        return Crossing(name, "const", json.dumps(mapping.const, ensure_ascii=False, default=str))
    how = "derived" if mapping.parse in DERIVING else "mapped"
    joiner = " or " if mapping.first_of is not None else " + "
    return Crossing(name, how, joiner.join(mapping.paths), _reading(mapping, kind))


def _reading(mapping: FieldMap, kind: str) -> str:
    words = [mapping.parse or kind, *mapping.formats]
    words += [name for name in ("pick", "map", "scale", "round") if getattr(mapping, name)]
    words += [f"default {json.dumps(mapping.default, ensure_ascii=False)}"] if mapping.default is not None else []
    return ", ".join(words)


# -- the page ----------------------------------------------------------------------------------------------------------


def crosswalk_page(catalog: Catalog, category: Category) -> str:
    """Markdown: standard field by app, with path and reading below. The same catalogue gives the same text."""
    lines = [
        f"# Crosswalk of {category.id}",
        "",
        f"{category.label.en} / {category.label.id}, after {category.standard}. Which app fills which standard field, by the declarations; "
        "how often a field is really filled is in `ops.crosswalk`.",
        "",
        "; ".join(f"{sign} {how}: {words}" for how, (sign, words) in HOW.items()) + ".",
    ]
    if dropped := [item.name for item in category.fields if not item.stored]:
        lines += ["", f"Never stored, whatever an app sends: {', '.join(dropped)}."]
    fed = False
    for city, entry in sorted(catalog.cities.items()):
        refs = [ref for ref in catalog.datasets(city, active=False) if ref.category.id == category.id]
        if refs:
            fed = True
            lines += ["", f"## {entry.city.name}", "", *_matrix(refs)]
            for ref in refs:
                lines += _detail(ref)
    if not fed:
        lines += ["", "No app feeds this category yet."]
    return "\n".join(lines) + "\n"


def _matrix(refs: list[DatasetRef]) -> Iterator[str]:
    columns = [crossings(ref) for ref in refs]
    yield "| field | " + " | ".join(f"{ref.app.id}/{ref.dataset.id}" for ref in refs) + " |"
    yield "|---|" + ":-:|" * len(refs)
    for row in zip(*columns, strict=True):
        yield f"| {row[0].field} | " + " | ".join(HOW[item.how][0] for item in row) + " |"


def _detail(ref: DatasetRef) -> Iterator[str]:
    about = "" if ref.app.status == "active" else f" ({ref.app.status})"
    yield from (
        "",
        f"### {ref.app.id}/{ref.dataset.id}{about}",
        "",
        "| field | how | source | reading |",
        "|---|---|---|---|",
    )
    for item in crossings(ref):
        if item.how != "absent":
            yield f"| {item.field} | {item.how} | {_code(item.source)} | {_code(item.reading)} |"
    absent = [item.field for item in crossings(ref) if item.how == "absent"]
    if absent:
        yield from ("", f"Absent: {', '.join(absent)}.")


def _code(text: str) -> str:
    plain = " ".join(text.split()).replace("|", "\\|")
    return f"`{plain}`" if plain else ""


# -- the table ---------------------------------------------------------------------------------------------------------


def crosswalk_metadata() -> sa.MetaData:
    """ops.crosswalk, with comments (English | Indonesian). The load room creates it."""
    metadata = sa.MetaData(schema="ops")
    c = column
    sa.Table(
        "crosswalk",
        metadata,
        c("city_id", sa.Text, "City", "Kota atau kabupaten"),
        c("category_id", sa.Text, "Standard category", "Kategori standar"),
        c("field", sa.Text, "Standard field, a column of core.<category>", "Kolom standar, kolom di core.<kategori>"),
        c("app_id", sa.Text, "App", "Aplikasi"),
        c("dataset_id", sa.Text, "Dataset of the app", "Dataset aplikasi"),
        c("how", sa.Text, "mapped, derived, const or absent", "mapped (dipetakan), derived (diturunkan), const (tetap), atau absent (tidak ada)"),
        c("source", sa.Text, "Paths in the source, or the constant as JSON; empty where absent", "Jalur di sumber, atau nilai tetap sebagai JSON; kosong bila tidak ada"),
        c("reading", sa.Text, "How the value is read", "Cara membaca nilainya"),
        c("records", sa.BigInteger, "Records of the dataset in core that are alive", "Rekaman dataset di core yang masih ada"),
        c("filled", sa.BigInteger, "Of these, how many have the field", "Di antaranya, yang kolomnya terisi"),
        c("filled_share", sa.Double, "filled / records, 0 to 1; empty without records", "filled / records, 0 sampai 1; kosong bila tanpa rekaman", null=True),
        c("never_filled", sa.Boolean, "Declared, but no record has it", "Dinyatakan, tetapi tidak ada rekaman yang terisi"),
        comment="Which app fills which standard field, how, and how often. | Aplikasi mana mengisi kolom standar mana, dengan cara apa, dan seberapa sering.",
    )  # fmt: skip
    return metadata


def rebuild_crosswalk(connection: sa.Connection, catalog: Catalog) -> int:
    """Write ops.crosswalk anew, in the caller's transaction; returns how many rows."""
    rows: list[dict[str, Any]] = []
    for category in catalog.used_categories:
        filled = _filled(connection, category)
        for city in sorted(catalog.cities):
            for ref in catalog.datasets(city, active=False):
                if ref.category.id == category.id:
                    rows += _rows(ref, *filled.get((city, ref.app.id, ref.dataset.id), (0, {})))
    return replace_rows(connection, crosswalk_metadata().tables["ops.crosswalk"], rows)


def _filled(connection: sa.Connection, category: Category) -> Filled:
    c = core_table(category).c
    names = [*_ENVELOPE, *(item.name for item in category.stored_fields)]
    key = (c.city_id, c.source_app, c.source_dataset)
    counts = sa.select(*key, sa.func.count(), *(sa.func.count(c[name]) for name in names))
    statement = counts.where(c.vanished_at.is_(None)).group_by(*key)
    return {
        (city, app, dataset): (int(records), dict(zip(names, map(int, per_field), strict=True)))
        for city, app, dataset, records, *per_field in connection.execute(statement)
    }


def _rows(ref: DatasetRef, records: int, filled: dict[str, int]) -> Iterator[dict[str, Any]]:
    for item in crossings(ref):
        number = filled.get(item.field, 0)
        yield {
            "city_id": ref.city.id,
            "category_id": ref.category.id,
            "field": item.field,
            "app_id": ref.app.id,
            "dataset_id": ref.dataset.id,
            "how": item.how,
            "source": item.source,
            "reading": item.reading,
            "records": records,
            "filled": number,
            "filled_share": number / records if records else None,
            "never_filled": bool(records) and not number and item.how != "absent",
        }
