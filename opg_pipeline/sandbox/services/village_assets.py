"""Registers of things: the villages' own OpenSID sites (JSON:API, one site a village) and street lighting (PostgREST).

What stands in the registers belongs in `truth`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import basic, same
from opg_pipeline.sandbox.city import City
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, fault_of, flaws, identity, loops, page_of, whole
from opg_pipeline.sandbox.services.village_life import state_truth, told_states
from opg_pipeline.sandbox.truth.village_assets import Site, StreetLight, VillageAsset, sites

JSON_API = "application/vnd.api+json"
OLD_PAGE = 10
KINDS = {
    "building": ("gedung", "Gedung dan Bangunan", "GDG"),
    "vehicle": ("kendaraan", "Kendaraan", "KDR"),
    "equipment": ("peralatan", "Peralatan dan Mesin", "PRL"),
    "road": ("jalan", "Jalan dan Jembatan", "JLN"),
    "land": ("tanah", "Tanah", "TNH"),
    "facility": ("fasilitas", "Fasilitas Umum", "FAS"),
}
CONDITIONS = {
    "good": ("B", "Baik", "baik"),
    "slightly_damaged": ("RR", "Rusak Ringan", "rusak ringan"),
    "badly_damaged": ("RB", "Rusak Berat", "rusak berat"),
}
ASSET_STATES = {"active": ("1", "Aktif", "aktif"), "damaged": ("2", "Tidak Berfungsi", "nonaktif")}
LIGHT_STATES = {"works": "NYALA", "broken": "MATI"}
MOMENT = re.compile(r"gte?\.(.+)")


class OpenSid(Service):
    """The inventories of the villages; each has a site of its own, of one of three generations of the program."""

    app_id = "opensid"
    secrets = ("OPENSID_USER", "OPENSID_PASSWORD")
    drift = ("nilai", "harga", "harga_perolehan")

    def __init__(self, city: City) -> None:
        super().__init__(city)
        self._groups: dict[tuple[date, str | None], Mapping[str, Sequence[Told]]] = {}

    def routes(self) -> list[Route]:
        return [
            Route("/direktori/desa", self.directory),
            Route("/webdesa/{code}/internal_api/inventaris", self.inventory),
        ]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, VillageAsset)
        wrong = flaws(rng, len(records), {"unreadable_value": 4, "unmapped_condition": 4, "impossible_date": 3})
        for number, record in enumerate(records):
            defect, site = wrong.get(number), sites()[record.village or ""]
            keeper = record.keeper
            planted = (
                identity(keeper, "name", "nik", "phone") if site.generation > 1 else identity(keeper, "name", "nik")
            )
            for known, gone, state, at in told_states(record.history, record.gone_on):
                body = {
                    "type": "inventaris",
                    "id": record.record_id,
                    "attributes": _attributes(record, site, state, at, defect),
                }
                truth = state_truth(record.history, state, at)
                yield Told(record.record_id, known, body, site.village.code, defect, planted, gone, truth)

    async def directory(self, request: Request) -> Response:
        refusal = self._refusal(request, "Dinas PMD")
        if refusal is not None:
            return refusal
        rows = self._by_village(request)
        found = [
            {
                "kode": _written(site),
                "desa": site.village.name,
                "kecamatan": site.village.district.name,
                "jumlah_inventaris": len(rows.get(code, ())),
            }
            for code, site in sites().items()
        ]
        body = [row.body for group in rows.values() for row in group]
        return _whole_list(request, {"data": found}, (found, body), "application/json")

    async def inventory(self, request: Request) -> Response:
        code = str(request.path_params["code"])
        plain = code.replace(".", "")
        site = sites().get(f"{plain[:2]}.{plain[2:4]}.{plain[4:6]}.{plain[6:]}")
        if site is None or site.state == "gone" or code != _written(site):
            return HTMLResponse("<h1>404 Not Found</h1><p>Situs tidak ditemukan</p>", 404)
        if site.state == "suspended":
            return HTMLResponse("<h1>Akun hosting ditangguhkan</h1>", 503)
        refusal = self._refusal(request, f"SID {site.village.name}")
        if refusal is not None:
            return refusal
        query = request.query_params
        page, size = whole(query.get("page[number]"), 1, 1, 10**6), whole(query.get("page[size]"), 20, 1, 500)
        if page is None or size is None:
            return _error(400, "Parameter page tidak valid")
        size = min(size, OLD_PAGE) if site.generation == 1 else size
        rows = self._by_village(request).get(site.village.code, ())
        pages = max(1, -(-len(rows) // size))

        def link(number: int) -> str:
            where = f"{request.url.scheme}://{request.url.netloc}{request.url.path}"
            return f"{where}?{urlencode({'page[number]': number, 'page[size]': size})}"

        answer = {
            "jsonapi": {"version": "1.0"},
            "data": page_of(rows, (page - 1) * size, size, loops(request)),
            "links": {
                "self": link(page),
                "first": link(1),
                "last": link(pages),
                "prev": link(page - 1) if page > 1 else None,
                "next": link(page + 1) if page < pages or loops(request) else None,
            },
            "meta": {"pagination": {"total": len(rows), "per_page": size, "total_pages": pages}},
        }
        return _whole_list(request, answer, [row.body for row in rows], JSON_API)

    def _by_village(self, request: Request) -> Mapping[str, Sequence[Told]]:
        key = (self.city.today, fault_of(request))
        if key not in self._groups:
            groups: dict[str, list[Told]] = {}
            for row in self.rows(request):
                groups.setdefault(row.order, []).append(row)
            self._groups = {key: groups}
        return self._groups[key]

    def _refusal(self, request: Request, realm: str) -> Response | None:
        access = self.city.access
        if same(request.headers.get("authorization"), basic(access["OPENSID_USER"], access["OPENSID_PASSWORD"])):
            return None
        return _error(401, "Tidak terautentikasi", {"WWW-Authenticate": f'Basic realm="{realm}"'})


def _written(site: Site) -> str:
    """The village's code as its site wants it: the second generation takes the digits alone."""
    return site.village.code.replace(".", "") if site.generation == 2 else site.village.code


def _attributes(record: VillageAsset, site: Site, state: str, at: datetime, defect: str | None) -> dict[str, Any]:
    """A thing in the words of one of the three generations."""
    which, keeper = site.generation - 1, record.keeper
    kind = KINDS[record.kind][which]
    condition = "?" if defect == "unmapped_condition" else CONDITIONS[record.condition][which]
    status, day = ASSET_STATES[state][which], record.acquired_on
    impossible, unreadable = defect == "impossible_date", defect == "unreadable_value"
    if site.generation == 1:
        return {
            "nama_barang": record.name,
            "jenis": kind,
            "kondisi": condition,
            "status": status,
            "tahun_perolehan": "0000" if impossible else str(day.year),
            "harga": "tidak diketahui" if unreadable else f"{int(record.value):,}".replace(",", "."),
            "pengurus": keeper.name,
            "nik_pengurus": keeper.nik,
            "kode_desa": _written(site),
            "tgl_input": f"{record.at:%d-%m-%Y}",
            "updated_at": f"{at:%Y-%m-%d %H:%M:%S}",
        }
    if site.generation == 2:
        return {
            "nama": record.name,
            "kategori": kind,
            "keadaan": condition,
            "status_barang": status,
            "tanggal_perolehan": "0000-00-00" if impossible else day.isoformat(),
            "harga_perolehan": None if unreadable else int(record.value),
            "penanggung_jawab": {"nama": keeper.name, "nik": keeper.nik, "telepon": keeper.phone},
            "desa_id": _written(site),
            "created_at": f"{record.at:%Y-%m-%d %H:%M:%S}",
            "updated_at": f"{at:%Y-%m-%d %H:%M:%S}",
        }
    return {
        "namaBarang": record.name,
        "kodeKategori": kind,
        "kondisiBarang": condition,
        "statusBarang": status,
        "tanggalPerolehan": "0000-00-00" if impossible else day.isoformat(),
        "nilai": "N/A" if unreadable else f"{record.value:.2f}",
        "pengurusNama": keeper.name,
        "pengurusNik": keeper.nik,
        "pengurusHp": keeper.phone,
        "kodeDesa": _written(site),
        "dibuatPada": record.at.isoformat(),
        "diubahPada": at.isoformat(),
    }


def _error(status: int, title: str, headers: Mapping[str, str] | None = None) -> Response:
    body = {"errors": [{"status": str(status), "title": title}]}
    return Response(json.dumps(body), status, headers, JSON_API)


def _whole_list(request: Request, answer: object, collection: object, media_type: str) -> Response:
    """An answer with an ETag that speaks for the whole list it belongs to, or 304."""
    tag = f'"{sha256(json.dumps(collection).encode()).hexdigest()[:32]}"'
    if tag in [known.strip().removeprefix("W/") for known in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers={"ETag": tag})
    body = json.dumps(answer, ensure_ascii=False).encode()
    return Response(body, headers={"ETag": tag, "Cache-Control": "no-cache"}, media_type=media_type)


class Pju(Service):
    """Street lighting: the tables of lamps and of panels, as PostgREST gives them."""

    app_id = "pju"
    secrets = ("PJU_KEY",)
    drift = ("daya", "jenis_lampu")

    def routes(self) -> list[Route]:
        return [Route("/rest/v1/{table}", self.table)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, StreetLight)
        wrong = flaws(rng, len(records), {"swapped_coordinates": 6, "unmapped_status": 4, "unreadable_power": 4})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            place = ledger.places.village_by_code[record.village or ""]
            point = [float(record.latitude), float(record.longitude)]
            if defect == "swapped_coordinates":
                point.reverse()
            watt = "- W" if defect == "unreadable_power" else f"{record.power_watt} W"
            for known, gone, state, at in told_states(record.history, record.gone_on):
                moment = at.astimezone(UTC).isoformat()
                panel: dict[str, Any] = {
                    "id": int(record.record_id),
                    "id_pelanggan": f"5163{record.record_id}",
                    "kategori": "PJU",
                    "nama_pelanggan": f"PJU {record.code}",
                    "no_meter": f"MTR{record.record_id}",
                    "daya": watt,
                    "jml_lampu": str(record.lamps),
                    "total_daya": f"{(record.lamps or 0) * 90} W",
                    "alamat": f"Jl. Raya {place.name}",
                    "thpasang": str(record.year),
                }
                lamp: dict[str, Any] = {
                    "id": int(record.record_id),
                    "panel": record.panel,
                    "kategori": "PJU",
                    "kode": record.code,
                    "jenis_lampu": f"{record.lamp} {watt}",
                    "tiang": record.post,
                    "thpasang": record.year,
                }
                body = {
                    **(panel if record.kind == "panel" else lamp),
                    "desakel": place.name.upper(),
                    "kecamatan": place.district.name.upper(),
                    "kabupaten": "BOJONEGORO",
                    "latitude": point[0],
                    "longitude": point[1],
                    "kondisi": "CEK" if defect == "unmapped_status" else LIGHT_STATES[state],
                    "updated_at": moment,
                }
                truth = state_truth(record.history, state, at)
                yield Told(record.record_id, known, body, at, defect, (), gone, truth)

    async def table(self, request: Request) -> Response:
        key = request.headers.get("apikey")
        if not same(key, self.city.access["PJU_KEY"]):
            return _postgrest(401, "Invalid API key" if key else "No API key found in request")
        name = request.path_params["table"]
        if name not in ("lampu", "panel"):
            return _postgrest(404, f"Could not find the table 'public.{name}' in the schema cache", "PGRST205")
        query = request.query_params
        if set(query) - {"select", "order", "limit", "offset", "updated_at"} or query.get("select", "*") != "*":
            return _postgrest(400, "only select=*, order=id.asc, limit, offset, updated_at are open", "PGRST100")
        since = _since(query.get("updated_at"))
        first, size = _span(request)
        if since is None or first is None or size is None or query.get("order", "id.asc") not in ("id.asc", "id"):
            return _postgrest(400, "failed to parse filter, order or range", "PGRST100")
        field = "id_pelanggan" if name == "panel" else "kode"
        rows = sorted(
            (row for row in self.rows(request) if field in row.body and row.order >= since),
            key=lambda row: row.body["id"],
        )
        total = 10**9 if loops(request) else len(rows)
        if first > total:
            return _postgrest(416, "Requested range not satisfiable", "PGRST103")
        page = page_of(rows, first, size, loops(request))
        counted = "count=exact" in request.headers.get("prefer", "")
        span = f"{first}-{first + len(page) - 1}" if page else "*"
        headers = {"Content-Range": f"{span}/{total if counted else '*'}", "Range-Unit": "items"}
        status = 206 if counted and len(page) < total else 200
        return Response(json.dumps(page), status, headers, "application/json")


def _since(text: str | None) -> datetime | None:
    """The moment of a filter `gte.<moment>`, the beginning of time where there is none, None where not understood."""
    if text is None:
        return datetime(1, 1, 2, tzinfo=UTC)
    match = MOMENT.fullmatch(text)
    try:
        moment = datetime.fromisoformat(match[1].replace(" ", "+")) if match else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _span(request: Request) -> tuple[int | None, int | None]:
    """First row and number of rows, of the Range header or of `offset` and `limit`; 1000 rows at most."""
    given = re.fullmatch(r"(?:items=)?(\d{1,9})-(\d{0,9})", request.headers.get("range", ""))
    if given is not None:
        first = int(given[1])
        return first, min(1000, int(given[2]) - first + 1) if given[2] else 1000
    query = request.query_params
    size = whole(query.get("limit"), 1000, 0, 10**9)
    return whole(query.get("offset"), 0, 0, 10**9), None if size is None else min(size, 1000)


def _postgrest(status: int, message: str, code: str | None = None) -> Response:
    body = {"code": code, "details": None, "hint": None, "message": message}
    return Response(json.dumps(body), status, media_type="application/json")


SERVICES = (OpenSid, Pju)
