"""Figures: the open-data portal (CKAN 3) and the statistics office's WebAPI (cubes).

What the figures are belongs in `truth`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from hashlib import sha256
from html import escape
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import same
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Told, flaws, loops, page_of, whole
from opg_pipeline.sandbox.services.planning_answers import Keeper, dotted
from opg_pipeline.sandbox.truth.planning_figures import (
    BPS_CODES,
    BPS_SERIES,
    BREAKDOWNS,
    OPEN_SERIES,
    Figure,
    part_of_year,
)

# The names of the columns changed from year to year: key, series, area code, area, period, value, unit, state.
COLUMNS = (
    ("kode_data", "kode_indikator", "kode_kec", "nama_kec", "periode", "jumlah", "satuan", "keterangan"),
    ("kode_data", "kode_indikator", "kode_kecamatan", "kecamatan", "periode", "nilai", "satuan", "sifat_data"),
    (
        "kode_data",
        "id_indikator",
        "bps_kode_wilayah",
        "bps_nama_wilayah",
        "waktu",
        "nilai_data",
        "satuan_data",
        "status",
    ),
)
STATES = (("angka tetap", "angka sementara"), ("Tetap", "Sementara"), ("TETAP", "SEMENTARA"))
UNKNOWN = ("99", "Luar Wilayah")
TURVAR = {0: "Tidak Ada", 1: "Laki-laki", 2: "Perempuan", 3: "Jumlah"}
SUBJECTS = {31: "Kependudukan", 45: "Kependudukan", 112: "Tanaman Pangan", 208: "Iklim", 312: "Kemiskinan"}
TITLES = {31: "<b>Jumlah Penduduk</b> Menurut Kecamatan dan Jenis Kelamin", 112: "Produksi Padi Sawah <i>(GKG)</i>"}
EMPTY = (77, "Indeks Gini", "Poin", "Kemiskinan")


def resource_of(series: str, year: str) -> str:
    """The identifier of a year's table."""
    return str(UUID(sha256(f"{series}/{year}".encode()).hexdigest()[:32]))


class SatuDataBojonegoro(Keeper):
    """The open-data portal: a package per series, a table per year."""

    app_id = "satu_data_bojonegoro"
    drift = ("jumlah", "nilai", "nilai_data")

    def routes(self) -> list[Route]:
        return [
            Route("/api/3/action/package_search", self.packages),
            Route("/api/3/action/datastore_search", self.table, methods=["GET", "POST"]),
        ]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = sorted(ledger.of(cls.app_id, Figure), key=lambda record: record.published_on)
        wrong = flaws(rng, len(records), {"unreadable_value": 5, "unknown_region": 4})
        counts: dict[str, int] = {}
        for number, record in enumerate(records):
            defect = wrong.get(number)
            if defect == "unreadable_value" and record.value is None:
                defect = None
            year = record.time_period[:4]
            resource = resource_of(record.series, year)
            counts[resource] = counts.get(resource, 0) + 1
            form = _form(year, ledger.until)
            district = ledger.places.district_by_code[record.district or ""]
            code, name = (
                (district.code, district.name),
                (district.code.replace(".", ""), f"Kecamatan {district.name}"),
                (BPS_CODES[district.code], district.statistical_name),
            )[form]
            if defect == "unknown_region":
                code, name = UNKNOWN
            quarter = record.time_period[-1]
            period = (
                year
                if record.freq == "A"
                else (f"Triwulan {quarter} {year}", f"TW{quarter}-{year}", f"{year} T{quarter}")[form]
            )
            value = "-" if record.value is None else dotted(record.value)
            if defect == "unreadable_value":
                value = rng.choice(("12,3,4", "tdk ada data", "± 40"))
            cells = (
                record.record_id,
                record.series,
                code,
                name,
                period,
                value,
                record.unit,
                STATES[form][record.provisional],
            )
            body = {"_id": counts[resource], **dict(zip(COLUMNS[form], cells, strict=True))}
            yield Told(record.record_id, record.published_on, body, (resource, record.series, year), defect)

    async def packages(self, request: Request) -> Response:
        query = request.query_params
        size, start = whole(query.get("rows"), 10, 0, 1000), whole(query.get("start"), 0, 0, 10**6)
        if size is None or start is None:
            return _invalid("rows", "Must be a natural number")
        rows = self.rows(request)
        found = self.kept(rows, "packages", lambda: _packages(rows))
        if loops(request) and found:
            page = [found[number % len(found)] for number in range(start, start + max(1, size))]
        else:
            page = found[start : start + size]
        total = 10**6 if loops(request) else len(found)
        result = {"count": total, "sort": "metadata_modified desc", "facets": {}, "results": page, "search_facets": {}}
        return self.tagged(request, rows, "packages", lambda: _success(request, "package_search", result))

    async def table(self, request: Request) -> Response:
        query = dict(request.query_params)
        if request.method == "POST":
            try:
                query.update({name: str(value) for name, value in (await request.json()).items()})
            except (ValueError, AttributeError):
                return _invalid("body", "Bad request - JSON Error: No request body data")
        resource = query.get("resource_id", "")
        limit, offset = whole(query.get("limit"), 100, 0, 32_000), whole(query.get("offset"), 0, 0, 10**6)
        if limit is None or offset is None:
            return _invalid("limit", "Must be a natural number")
        tables = self.kept(rows := self.rows(request), "tables", lambda: _tables(rows))
        if resource not in tables:
            error = {"message": f'Not found: Resource "{resource}" was not found.', "__type": "Not Found Error"}
            return JSONResponse({"help": "", "success": False, "error": error}, 404)
        held = tables[resource]
        names = [name for name in held[0].body if name != "_id"]
        result = {
            "include_total": True,
            "limit": limit,
            "offset": offset,
            "records_format": "objects",
            "resource_id": resource,
            "fields": [{"id": "_id", "type": "int"}, *({"id": name, "type": "text"} for name in names)],
            "records": page_of(held, offset, limit, loops(request)),
            "total": 10**9 if loops(request) else len(held),
            "_links": {
                "start": f"/api/3/action/datastore_search?resource_id={resource}&limit={limit}",
                "next": f"/api/3/action/datastore_search?resource_id={resource}&limit={limit}&offset={offset + limit}",
            },
        }
        return self.tagged(request, held, resource, lambda: _success(request, "datastore_search", result))


def _form(year: str, until: date) -> int:
    """Which of the three generations of column names a year's table has."""
    return 2 if int(year) >= until.year else 1 if int(year) == until.year - 1 else 0


def _success(request: Request, action: str, result: dict[str, Any]) -> Response:
    address = f"{request.url.scheme}://{request.url.netloc}/satu_data_bojonegoro/api/3/action/help_show?name={action}"
    return JSONResponse({"help": address, "success": True, "result": result})


def _invalid(name: str, message: str) -> Response:
    error = {name: [message], "__type": "Validation Error"}
    return JSONResponse({"help": "", "success": False, "error": error}, 409)


def _tables(rows: Sequence[Told]) -> dict[str, list[Told]]:
    found: dict[str, list[Told]] = {}
    for row in rows:
        found.setdefault(row.order[0], []).append(row)
    return found


def _packages(rows: Sequence[Told]) -> list[dict[str, Any]]:
    """The packages, the one changed last first."""
    series = {code: (title, unit, freq) for code, title, unit, freq, *_ in OPEN_SERIES}
    held: dict[str, dict[str, list[Told]]] = {}
    for row in rows:
        held.setdefault(row.order[1], {}).setdefault(row.order[2], []).append(row)
    found = []
    for code, years in held.items():
        title, unit, freq = series[code]
        resources = [
            {
                "id": resource_of(code, year),
                "position": position,
                "name": f"{title} Tahun {year}",
                "format": "CSV",
                "datastore_active": True,
                "created": f"{min(row.known_on for row in told)}T08:00:00.000000",
                "last_modified": f"{max(row.known_on for row in told)}T08:00:00.000000",
            }
            for position, (year, told) in enumerate(sorted(years.items()))
        ]
        slug = title.lower().replace(" ", "-")
        found.append(
            {
                "id": str(UUID(sha256(code.encode()).hexdigest()[:32])),
                "name": slug,
                "title": f"{title} per Kecamatan",
                "notes": f"{title} dalam {unit}, {'tahunan' if freq == 'A' else 'triwulanan'}.",
                "license_id": "cc-by",
                "organization": {"name": "diskominfo", "title": "Dinas Komunikasi dan Informatika"},
                "metadata_modified": max(str(item["last_modified"]) for item in resources),
                "num_resources": len(resources),
                "tags": [{"name": slug, "display_name": slug}],
                "extras": [{"key": "kode_indikator", "value": code}],
                "resources": resources,
            }
        )
    return sorted(found, key=lambda package: str(package["metadata_modified"]), reverse=True)


class BpsWebapi(Keeper):
    """The statistics office: variables, and a cube of figures for each."""

    app_id = "bps_webapi"
    secrets = ("BPS_WEBAPI_KEY",)
    drift = ("datacontent",)

    def routes(self) -> list[Route]:
        return [Route("/v1/api/list", self.lists), Route("/v1/api/list/{rest:path}", self.lists)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Figure)
        wrong = flaws(rng, len(records), {"unreadable_value": 4})
        for number, record in enumerate(records):
            defect, value = wrong.get(number), record.value
            district = ledger.places.district_by_code.get(record.district or "")
            label = f"<b>{district.statistical_name.title()}</b>" if district else "Kabupaten Bojonegoro"
            figure: object = "..." if defect else None if value is None else float(value) if value % 1 else int(value)
            area = int(BPS_CODES[record.district] if record.district else "3522")
            part = part_of_year(record.time_period)
            body = (area, label, BREAKDOWNS[record.breakdown], record.time_period[:4], part, figure)
            yield Told(record.record_id, record.published_on, body, int(record.series), defect)

    async def lists(self, request: Request) -> Response:
        parts = request.path_params.get("rest", "").strip("/").split("/")
        asked = {**dict(zip(parts[::2], parts[1::2], strict=False)), **request.query_params}
        if not same(asked.get("key"), self.city.access["BPS_WEBAPI_KEY"]):
            return JSONResponse({"status": "Error", "message": "Invalid API Key"})
        if asked.get("domain", "3522") != "3522":
            return JSONResponse({"status": "OK", "data-availability": "not-available", "data": ""})
        rows = self.rows(request)
        if asked.get("model") == "var":
            return self.tagged(request, rows, "var", lambda: _variables(rows, asked, loops(request)))
        number = whole(asked.get("var"), 0, 1, 10**6)
        if asked.get("model") != "data" or number is None:
            return JSONResponse({"status": "Error", "message": "There is something wrong!"})
        years = {int(text) for text in asked.get("th", "").split(";") if text.isdecimal()}
        held = [row for row in rows if row.order == number and (not years or int(row.body[3]) - 1900 in years)]
        if not held:
            return JSONResponse({"status": "OK", "data-availability": "list-not-available", "data": ""})
        what = (number, tuple(sorted(years)))
        return self.tagged(
            request, held, what, lambda: JSONResponse(self.kept(held, what, lambda: _cube(number, held)))
        )


def _variables(rows: Sequence[Told], asked: dict[str, str], endless: bool) -> Response:
    page = whole(asked.get("page"), 1, 1, 10**6)
    if page is None:
        return JSONResponse({"status": "Error", "message": "There is something wrong!"})
    told = {row.order for row in rows}
    found = [
        {"var_id": number, "title": escape(TITLES.get(number, title)), "sub_name": SUBJECTS[number], "unit": unit}
        for number, title, unit, *_ in BPS_SERIES
        if number in told
    ]
    if rows:
        number, title, unit, subject = EMPTY
        found.insert(2, {"var_id": number, "title": title, "sub_name": subject, "unit": unit})
    size = 10
    part = found if endless else found[(page - 1) * size : page * size]
    if not part:
        return JSONResponse({"status": "OK", "data-availability": "list-not-available", "data": ""})
    pages = page + 1 if endless else -(-len(found) // size)
    head = {"page": page, "pages": pages, "per_page": size, "count": len(part), "total": len(found)}
    return JSONResponse({"status": "OK", "data-availability": "available", "data": [head, part]})


def _cube(number: int, held: Sequence[Told]) -> dict[str, Any]:
    series = next(item for item in BPS_SERIES if item[0] == number)
    areas = {row.body[0]: row.body[1] for row in held}
    years = sorted({row.body[3] for row in held})
    parts = dict(sorted({row.body[4] for row in held}))
    return {
        "status": "OK",
        "data-availability": "available",
        "var": [
            {
                "val": number,
                "label": escape(TITLES.get(number, str(series[1]))),
                "unit": series[2],
                "subj": SUBJECTS[number],
                "def": "",
                "note": "&lt;p&gt;Sumber: BPS Kabupaten Bojonegoro&lt;/p&gt;",
            }
        ],
        "turvar": [{"val": item, "label": TURVAR[item]} for item in sorted({row.body[2] for row in held})],
        "labelvervar": "Kecamatan",
        "vervar": [{"val": code, "label": areas[code]} for code in sorted(areas)],
        "tahun": [{"val": int(year) - 1900, "label": year} for year in years],
        "turtahun": [{"val": item, "label": label} for item, label in parts.items()],
        "datacontent": {row.record_id: row.body[5] for row in held},
    }


SERVICES = (SatuDataBojonegoro, BpsWebapi)
