"""What is derived from mart.measure for people: mart.wide_<category>, one row per city, period and region with every measure beside;
mart.measure_note, the notes that speak of each cell.

Statements and comments only; the load room makes the views. Reads schema mart alone, so what is hidden there is hidden here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.category import Category, Measure
from opg_pipeline.publish.measures import CAVEATS
from opg_pipeline.publish.tables import SCHEMA, PublishError, mart_metadata

CAVEATS_ID: dict[str, str] = {
    "BREAK_IN_SERIES": "Mulai periode ini nilai mungkin tidak sebanding dengan sebelumnya; sebabnya ada di mart.series_break.",
    "LOW_COVERAGE": "Tidak semua aplikasi pemasok kategori ini memiliki rekaman pada periode tersebut.",
    "PROVISIONAL": "Periode belum berakhir, atau baru saja berakhir sehingga rekaman masih dapat masuk.",
    "QUARANTINE": "Ada rekaman kategori ini yang menunggu di karantina dan belum dihitung.",
    "SMALL_N": "Rata-rata, median, atau proporsi dari sedikit rekaman.",
    "STALE_SOURCE": "Pasokan baik terakhir sebuah aplikasi lebih lama dari tiga kali jadwalnya, atau tarikan terakhirnya gagal.",
    "SUBGROUP_REVERSAL": "Angka kota bergerak ke satu arah dan kecamatannya ke arah sebaliknya, lihat mart.measure_reversal.",
    "UNRESOLVED_REGION": "Terlalu banyak rekaman pada periode tersebut tanpa wilayah.",
}
"""What each caveat says, in Indonesian."""

_KEY: dict[str, str] = {
    "city_id": "City | Kota atau kabupaten",
    "period": "The period in short: 2026-01-31 (a day), 2026-01, 2026-Q1 or 2026 | Periode singkat: 2026-01-31 (hari), 2026-01, 2026-Q1, atau 2026",
    "period_grain": "Length of the period: day, month, quarter or year | Panjang periode: hari, bulan, triwulan, atau tahun",
    "period_start": "First day of the period | Hari pertama periode",
    "period_end": "Last day of the period, included | Hari terakhir periode, termasuk",
    "region_code": "Kemendagri code; empty where the city declares no regions | Kode Kemendagri; kosong bila kota tidak memiliki daftar wilayah",
    "region_name": "Name of the region | Nama wilayah",
    "region_level": "regency (all records of the city) or district: take one of them, never add both | regency (semua rekaman kota) atau district (kecamatan): pilih salah satu, jangan dijumlahkan",
    "provisional": "Whether the period is not over, or so young that records may still come | Apakah periode belum berakhir atau masih dapat bertambah",
}
_BREAKDOWN: dict[str, str] = {
    "breakdown_fields": "What breakdown is of, in order; empty on rows that are not broken down | Kolom perincian, berurutan; kosong pada baris tanpa rincian",
    "breakdown": "What the row is of, such as commodity and unit; empty where not broken down | Rincian baris, misalnya komoditas dan satuan; kosong bila tidak dirinci",
}


class MartView(NamedTuple):
    """A view of schema mart. ``comments`` by column, English | Indonesian; ``reads`` are the tables it reads, with their schema."""

    name: str
    select: sa.Select[Any]
    comment: str
    comments: dict[str, str]
    reads: tuple[str, ...]
    schema: str = SCHEMA


def mart_views(catalog: Catalog) -> list[MartView]:
    """The wide view of every used category that has measures.

    Raises:
        PublishError: a measure has the name of a column of the view.
    """
    used = sorted(catalog.used_categories, key=lambda item: item.id)
    return [*(wide_view(category) for category in used if category.measures), note_view()]


def note_view() -> MartView:
    """mart.measure_note: every published cell beside the notes that speak of it, to be joined by plain equality."""
    tables = mart_metadata().tables
    m, n = tables[f"{SCHEMA}.measure"].c, tables[f"{SCHEMA}.context_note"].c

    def speaks_of(listed: sa.ColumnElement[str], one: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        return sa.or_(listed == "[]", sa.func.strpos(listed, sa.func.concat('"', one, '"')) > 0)

    keys = [m.city_id, m.category_id, m.measure_id, m.breakdown, m.period_grain, m.period_start, m.region_code]
    told = [n.note_id, n.kind, n.title, n.author, n.body]
    select = (
        sa.select(*keys, *told)
        .select_from(m.city_id.table.join(n.city_id.table, m.city_id == n.city_id))
        .where(
            speaks_of(n.measure_ids, m.measure_id),
            speaks_of(n.region_codes, m.region_code),
            sa.or_(n.valid_from.is_(None), n.valid_from <= m.period_end),
            sa.or_(n.valid_to.is_(None), n.valid_to >= m.period_start),
        )
    )
    return MartView(
        "measure_note",
        select,
        "Which notes of partners speak of which published cell. | Catatan mitra mana yang membahas sel terbitan mana.",
        {column.name: column.comment or "" for column in (*keys, *told)},
        (f"{SCHEMA}.measure", f"{SCHEMA}.context_note"),
    )


def wide_view(category: Category) -> MartView:
    """mart.wide_<category>: per measure its value, the records behind it, whether it is hidden, and its caveats in words."""
    measures = sorted(category.measures, key=lambda item: item.id)
    broken_down = any(measure.by for measure in measures)
    comments = dict(_KEY) | (_BREAKDOWN if broken_down else {})
    for measure in measures:
        for name, text in _comments(measure).items():
            if name in comments:
                raise PublishError(
                    f"Category {category.id}: the column {name} of mart.wide_{category.id} would be there twice. Give measure {measure.id} another id."
                )
            comments[name] = text
    cells = _cells(category, measures)
    c = cells.c
    keys = [c.city_id, c.period_grain, c.period_start, c.period_end, c.region_code, c.region_name, c.region_level]
    parts = [c.breakdown_fields, c.breakdown] if broken_down else []
    shown = {
        **{column.name: column for column in [*keys, *parts]},
        "period": _label(c.period_grain, c.period_start),
        "provisional": sa.func.bool_or(c.provisional),
    }
    for measure in measures:
        shown |= _measured(c, measure)
    select = sa.select(*(shown[name].label(name) for name in comments)).group_by(*keys, *parts)
    return MartView(
        f"wide_{category.id}",
        select,
        f"Every measure of: {category.label.en}. One row per city, period and region{', and breakdown' if broken_down else ''}. "
        f"| Semua ukuran: {category.label.id}. Satu baris per kota, periode, dan wilayah{', serta rincian' if broken_down else ''}.",
        comments,
        (f"{SCHEMA}.measure",),
    )


def _cells(category: Category, measures: Iterable[Measure]) -> sa.Subquery:
    """The cells of a category, their caveats in words."""
    table = mart_metadata().tables[f"{SCHEMA}.measure"]
    c = table.c
    fields = sa.case(
        *((c.measure_id == item.id, sa.literal(", ".join(item.by), sa.Text())) for item in measures if item.by),
        (sa.true(), sa.literal("", sa.Text())),
    )
    return (
        sa.select(
            *(column for column in c if column.name not in {"category_id", "caveats"}),
            fields.label("breakdown_fields"),
            _holds(c.caveats, "PROVISIONAL").label("provisional"),
            _words(c.caveats, CAVEATS).label("caveats_en"),
            _words(c.caveats, CAVEATS_ID).label("caveats_id"),
        )
        .where(c.category_id == category.id)
        .subquery("cells")
    )


def _holds(caveats: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    return sa.func.strpos(caveats, json.dumps(name)) > 0


def _words(caveats: sa.ColumnElement[Any], texts: dict[str, str]) -> sa.ColumnElement[str]:
    told = (
        sa.case((_holds(caveats, name), sa.literal(f"{text} ", sa.Text())), else_=sa.literal("", sa.Text()))
        for name, text in sorted(texts.items())
    )
    return sa.func.trim(sa.func.concat(*told), type_=sa.Text())


def _label(grain: sa.ColumnElement[str], start: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    def part(name: str, width: int) -> sa.ColumnElement[str]:
        return sa.func.lpad(sa.cast(sa.cast(sa.extract(name, start), sa.Integer), sa.Text), width, "0", type_=sa.Text())

    year, month = part("year", 4), part("month", 2)
    return sa.case(
        (grain == "day", year + "-" + month + "-" + part("day", 2)),
        (grain == "month", year + "-" + month),
        (grain == "quarter", year + "-Q" + part("quarter", 1)),
        else_=year,
    )


def _measured(c: Any, measure: Measure) -> dict[str, sa.ColumnElement[Any]]:
    mine, name = c.measure_id == measure.id, measure.id

    def one(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return sa.func.max(column).filter(mine)

    shown = {name: one(c.value), f"{name}_n": one(c.n)}
    if measure.unit in measure.by:
        shown[f"{name}_unit"] = one(c.unit)
    return {
        **shown,
        f"{name}_suppressed": sa.func.bool_or(c.suppressed).filter(mine),
        f"{name}_caveats_en": one(c.caveats_en),
        f"{name}_caveats_id": one(c.caveats_id),
    }


def _comments(measure: Measure) -> dict[str, str]:
    """Comment by column of a measure, in the order of the view."""
    name, en, id_ = measure.id, measure.label.en, measure.label.id
    named = measure.unit in measure.by
    unit = (
        {"en": f"in the unit of {name}_unit", "id": f"satuan pada {name}_unit"}
        if named
        else dict.fromkeys(("en", "id"), measure.unit)
    )
    none_en, none_id = (
        "empty where hidden, or where no record counts",
        "kosong bila disembunyikan atau tidak ada rekaman",
    )
    texts = {
        name: f"{en} ({measure.aggregation}), {unit['en']}{'; 0 to 1' if measure.aggregation == 'share' else ''}; {none_en} | "
        f"{id_} ({measure.aggregation}), {unit['id']}; {none_id}",
        f"{name}_n": f"{en}: records behind the value; {none_en} | {id_}: jumlah rekaman di balik nilai; {none_id}",
    }
    if named:
        texts[f"{name}_unit"] = f"{en}: unit of the value | {id_}: satuan nilai"
    return {
        **texts,
        f"{name}_suppressed": f"{en}: whether the value is hidden to protect small groups; empty where no record counts | "
        f"{id_}: apakah nilai disembunyikan untuk melindungi kelompok kecil; kosong bila tidak ada rekaman",
        f"{name}_caveats_en": f"{en}: what to bear in mind, in English | {id_}: hal yang perlu diperhatikan, dalam bahasa Inggris",
        f"{name}_caveats_id": f"{en}: what to bear in mind, in Indonesian | {id_}: hal yang perlu diperhatikan, dalam bahasa Indonesia",
    }
