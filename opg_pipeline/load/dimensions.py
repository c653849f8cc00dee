"""The conformed dimensions: their tables, and their rows from the catalogue. Writing them is bulk.py's and warehouse.py's part."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Any

import holidays
import pyarrow as pa
import sqlalchemy as sa

from opg_pipeline.lake import arrow_type
from opg_pipeline.load.tables import CORE, column
from opg_pipeline.model.catalog import Catalog, CityCatalog
from opg_pipeline.model.reference import Urusan

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2035, 12, 31)

_DAYS = (("Monday", "Senin"), ("Tuesday", "Selasa"), ("Wednesday", "Rabu"), ("Thursday", "Kamis"), ("Friday", "Jumat"), ("Saturday", "Sabtu"), ("Sunday", "Minggu"))  # fmt: skip
_MONTHS = (
    ("January", "Januari"), ("February", "Februari"), ("March", "Maret"), ("April", "April"), ("May", "Mei"), ("June", "Juni"),
    ("July", "Juli"), ("August", "Agustus"), ("September", "September"), ("October", "Oktober"), ("November", "November"), ("December", "Desember"),
)  # fmt: skip

_CITY = ("city_id", "string", "City", "Kota atau kabupaten")
_LISTED = ("in_catalog", "boolean", "Whether the catalogue still has it", "Apakah masih ada dalam katalog")

_MAY_BE_EMPTY = frozenset({"valid_from", "valid_to", "attribution", "epi_year", "epi_week"})
"""Columns without a value for some rows; the others have '' where nothing is known."""

Columns = tuple[tuple[str, str, str, str], ...]

DIMENSIONS: dict[str, tuple[str, int, Columns]] = {
    "dim_date": ("Calendar days, 2000 to 2035. | Hari kalender, 2000 sampai 2035.", 1, (
        ("date", "date", "Day", "Hari"),
        ("year", "integer", "Year", "Tahun"),
        ("quarter", "integer", "Quarter, 1 to 4", "Triwulan, 1 sampai 4"),
        ("month", "integer", "Month, 1 to 12", "Bulan, 1 sampai 12"),
        ("month_name_en", "string", "Month, in English", "Nama bulan, bahasa Inggris"),
        ("month_name_id", "string", "Month, in Indonesian", "Nama bulan, bahasa Indonesia"),
        ("day", "integer", "Day of the month", "Tanggal"),
        ("iso_year", "integer", "Year of the ISO 8601 week", "Tahun dari pekan ISO 8601"),
        ("iso_week", "integer", "ISO 8601 week", "Pekan ISO 8601"),
        ("epi_year", "integer", "Year of the epidemiological week", "Tahun dari pekan epidemiologi"),
        ("epi_week", "integer", "Epidemiological week, Sunday to Saturday; the first has four days or more of its year", "Pekan epidemiologi, Minggu sampai Sabtu; pekan pertama memuat sedikitnya empat hari tahunnya"),
        ("iso_weekday", "integer", "Day of the week, 1 Monday to 7 Sunday", "Hari dalam pekan, 1 Senin sampai 7 Minggu"),
        ("day_name_en", "string", "Day of the week, in English", "Nama hari, bahasa Inggris"),
        ("day_name_id", "string", "Day of the week, in Indonesian", "Nama hari, bahasa Indonesia"),
        ("is_public_holiday", "boolean", "Whether it is a national public holiday of Indonesia", "Apakah hari libur nasional"),
        ("holiday_en", "string", "Public holiday, in English; a day that is not decreed yet is called estimated", "Hari libur, bahasa Inggris; yang belum ditetapkan disebut estimated"),
        ("holiday_id", "string", "Public holiday, in Indonesian; a day that is not decreed yet is called perkiraan", "Hari libur, bahasa Indonesia; yang belum ditetapkan disebut perkiraan"),
    )),
    "dim_region": ("Administrative regions of each city. | Wilayah administratif tiap kota.", 2, (
        _CITY,
        ("code", "string", "Kemendagri code", "Kode Kemendagri"),
        ("level", "string", "regency, district or village", "regency (kabupaten), district (kecamatan), atau village (desa/kelurahan)"),
        ("kind", "string", "Kind of region in law", "Jenis wilayah menurut peraturan"),
        ("name", "string", "Name", "Nama"),
        ("parent_code", "string", "Code of the region it lies in", "Kode wilayah induk"),
        ("district_code", "string", "Code of its district", "Kode kecamatan"),
        ("district_name", "string", "Name of its district", "Nama kecamatan"),
        ("regency_code", "string", "Code of its regency", "Kode kabupaten"),
        ("regency_name", "string", "Name of its regency", "Nama kabupaten"),
        ("bps_code", "string", "Code of Statistics Indonesia (BPS)", "Kode BPS"),
        ("bps_name", "string", "Name in the BPS list", "Nama menurut BPS"),
        ("postcode", "string", "Postcode", "Kode pos"),
        ("valid_from", "date", "First day it was in force; empty where not known", "Hari pertama berlaku; kosong bila tidak diketahui"),
        ("valid_to", "date", "Last day it was in force; empty while it is", "Hari terakhir berlaku; kosong selama masih berlaku"),
        ("attribution", "string", "What the licence of the list asks to be said beside it", "Atribusi yang diminta lisensi daftar ini"),
        _LISTED,
    )),
    "dim_agency": ("Agencies (OPD) of each city. | Perangkat daerah (OPD) tiap kota.", 2, (
        _CITY,
        ("agency_id", "string", "Agency", "Perangkat daerah"),
        ("name", "string", "Name", "Nama"),
        ("short", "string", "Short name", "Nama singkat"),
        _LISTED,
    )),
    "dim_app": ("City apps of the catalogue. | Aplikasi kota dalam katalog.", 2, (
        _CITY,
        ("app_id", "string", "App", "Aplikasi"),
        ("name", "string", "Name", "Nama"),
        ("agency_id", "string", "Responsible agency", "Perangkat daerah penanggung jawab"),
        ("urusan_code", "string", "Government function", "Urusan pemerintahan"),
        ("status", "string", "active, paused or retired", "active (aktif), paused (jeda), atau retired (berhenti)"),
        ("cadence", "string", "How often it is pulled", "Frekuensi penarikan"),
        ("interface", "string", "What is known of its interface: published, recorded or assumed", "Dasar antarmuka: published (terbit), recorded (terekam), atau assumed (diandaikan)"),
        ("reality", "string", "What is known of the real app", "Keterangan tentang aplikasi yang sesungguhnya"),
        ("reference", "string", "Where that is known from", "Sumber keterangan"),
        ("description", "string", "What it is for", "Kegunaan"),
        _LISTED,
    )),
    "dim_urusan": ("Government functions (UU 23/2014) with crosswalks. | Urusan pemerintahan (UU 23/2014) dengan padanannya.", 1, (
        ("urusan_code", "string", "Code, Permendagri 90/2019", "Kode, Permendagri 90/2019"),
        ("group_code", "string", "Code of the group", "Kode kelompok"),
        ("group_name_id", "string", "Group, in Indonesian", "Kelompok"),
        ("group_kind", "string", "Kind of group", "Jenis kelompok"),
        ("name_id", "string", "Name, in Indonesian", "Nama, bahasa Indonesia"),
        ("name_en", "string", "Name, in English", "Nama, bahasa Inggris"),
        ("uu23_2014_ref", "string", "Article of UU 23/2014", "Pasal UU 23/2014"),
        ("cofog_primary", "string", "COFOG class", "Kelas COFOG"),
        ("cofog_secondary", "string", "Second COFOG class", "Kelas COFOG kedua"),
        ("dcat_ap_theme", "string", "DCAT-AP theme", "Tema DCAT-AP"),
        ("spbe_rab_urusan", "string", "Function of the SPBE reference architecture", "Urusan pada arsitektur SPBE"),
        _LISTED,
    )),
    "dim_category": ("Standard categories. | Kategori standar.", 1, (
        ("category_id", "string", "Category, the name of its table in core", "Kategori, nama tabelnya di core"),
        ("label_en", "string", "Name, in English", "Nama, bahasa Inggris"),
        ("label_id", "string", "Name, in Indonesian", "Nama, bahasa Indonesia"),
        ("standard", "string", "Standard it follows", "Standar acuan"),
        ("grain", "string", "What one record is", "Arti satu rekaman"),
        ("event_time", "string", "Field that says when it happened; empty where each app says", "Kolom waktu kejadian; kosong bila ditentukan tiap aplikasi"),
        ("used", "boolean", "Whether some app feeds it", "Apakah ada aplikasi yang memasoknya"),
        _LISTED,
    )),
}  # fmt: skip
"""Table -> comment, number of leading key columns, columns (name, type, meaning in English, in Indonesian)."""


def dimension_tables(metadata: sa.MetaData) -> None:
    """Declare every dimension in ``metadata``."""
    for name, (comment, keys, columns) in DIMENSIONS.items():
        sa.Table(
            name,
            metadata,
            *(
                column(item, kind, en, id_, key=place < keys, null=item in _MAY_BE_EMPTY)
                for place, (item, kind, en, id_) in enumerate(columns)
            ),
            schema=CORE,
            comment=comment,
        )


def dimension_rows(catalog: Catalog) -> dict[str, pa.Table]:
    """The rows of every dimension as the catalogue has them; unknown texts are ''."""
    used = {category.id for category in catalog.used_categories}
    rows: dict[str, list[dict[str, Any]]] = {
        "dim_region": [row for city in catalog.cities.values() for row in _regions(city)],
        "dim_agency": [
            {"city_id": city.city.id, "agency_id": item.id, "name": item.name, "short": item.short}
            for city in catalog.cities.values()
            for item in city.city.agencies
        ],
        "dim_app": [row for city in catalog.cities.values() for row in _apps(city)],
        "dim_urusan": [{name: getattr(item, name) for name in Urusan.__dataclass_fields__} for item in catalog.urusan],
        "dim_category": [
            {
                "category_id": item.id,
                "label_en": item.label.en,
                "label_id": item.label.id,
                "standard": item.standard,
                "grain": item.grain,
                "event_time": item.event_time or "",
                "used": item.id in used,
            }
            for item in catalog.categories.values()
        ],
    }
    tables = {
        name: pa.Table.from_pylist([{**row, "in_catalog": True} for row in found], schema=_schema(name))
        for name, found in rows.items()
    }
    return {"dim_date": _dates(), **tables}


def _schema(name: str) -> pa.Schema:
    return pa.schema(
        [pa.field(item, arrow_type(kind), nullable=item in _MAY_BE_EMPTY) for item, kind, _, _ in DIMENSIONS[name][2]]
    )


@cache
def _dates() -> pa.Table:
    years = range(FIRST_DAY.year, LAST_DAY.year + 1)
    free = [holidays.country_holidays("ID", years=years, language=language) for language in ("en_US", "id")]
    rows = []
    for offset in range((LAST_DAY - FIRST_DAY).days + 1):
        day = FIRST_DAY + timedelta(days=offset)
        iso = day.isocalendar()
        month, weekday = _MONTHS[day.month - 1], _DAYS[iso.weekday - 1]
        quarter = (day.month + 2) // 3
        iso_week, epi_week = (iso.year, iso.week), epidemiological_week(day)
        names = [calendar.get(day, "") for calendar in free]
        rows.append(
            (
                day,
                day.year,
                quarter,
                day.month,
                *month,
                day.day,
                *iso_week,
                *epi_week,
                iso.weekday,
                *weekday,
                any(names),
                *names,
            )
        )
    schema = _schema("dim_date")
    return pa.table(
        [pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)],
        schema=schema,
    )


def epidemiological_week(day: date) -> tuple[int, int]:
    """Year and number of the week from Sunday to Saturday that surveillance counts by: the year is that of its Wednesday."""
    wednesday = day - timedelta(days=day.isoweekday() % 7) + timedelta(days=3)
    return wednesday.year, (wednesday.timetuple().tm_yday + 6) // 7


def _regions(city: CityCatalog) -> list[dict[str, Any]]:
    by_code = {region.code: region for region in city.regions}
    rows = []
    for region in city.regions:
        above = {region.level: region}
        step = region
        while (step := by_code.get(step.parent_code)) is not None and step.level not in above:  # type: ignore[assignment]
            above[step.level] = step
        district, regency = above.get("district"), above.get("regency")
        rows.append(
            {
                "city_id": city.city.id,
                "code": region.code,
                "level": region.level,
                "kind": region.kind,
                "name": region.name,
                "parent_code": region.parent_code,
                "district_code": district.code if district else "",
                "district_name": district.name if district else "",
                "regency_code": regency.code if regency else "",
                "regency_name": regency.name if regency else "",
                "bps_code": region.bps_code,
                "bps_name": region.bps_name,
                "postcode": region.postcode,
                "valid_from": region.valid_from,
                "valid_to": region.valid_to,
                "attribution": (city.city.regions.attribution if city.city.regions else "") or None,
            }
        )
    return rows


def _apps(city: CityCatalog) -> list[dict[str, Any]]:
    return [
        {
            "city_id": city.city.id,
            "app_id": app.id,
            "name": app.name,
            "agency_id": app.agency,
            "urusan_code": app.urusan,
            "status": app.status,
            "cadence": app.cadence,
            "interface": app.evidence.interface,
            "reality": app.evidence.reality,
            "reference": app.evidence.reference,
            "description": app.description,
        }
        for app in city.apps.values()
    ]
