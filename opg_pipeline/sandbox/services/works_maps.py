"""Maps of the works office: the road register (ArcGIS feature service), drains (JSON by page), land for roads (GeoJSON).

What lies where belongs in `truth`.
"""

from __future__ import annotations

import json
import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.access import hmac_base64, same
from opg_pipeline.sandbox.doors import oauth_token
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, file_answer, flaws, identity, loops, page_of, whole
from opg_pipeline.sandbox.services.permit_phases import list_tag, phases, unchanged
from opg_pipeline.sandbox.truth.works import Drain, Line, Parcel, RoadSegment

CONDITIONS = {"good": "B", "moderate": "S", "light_damage": "RR", "heavy_damage": "RB"}
SURFACES = {"rigid": "Rigid Beton", "asphalt": "Aspal", "paving": "Paving", "gravel": "Kerikil"}
DRAIN_KINDS = {"open": "saluran terbuka", "covered": "saluran tertutup", "culvert": "gorong-gorong"}
DRAIN_CONDITIONS = {"good": "baik", "damaged": "rusak", "silted": "tersumbat"}
PARCEL_STATES = {
    "measured": "Inventarisasi",
    "appraised": "Penilaian Appraisal",
    "agreed": "Musyawarah Sepakat",
    "paid": "Sudah Dibayar",
    "disputed": "Sengketa",
}
LAYER = "/arcgis/rest/services/BinaMarga/LegerJalan/FeatureServer/0"
MOST = 1000
FIELDS = (
    ("OBJECTID", "esriFieldTypeOID"),
    ("KODE_SEGMEN", "esriFieldTypeString"),
    ("NO_RUAS", "esriFieldTypeInteger"),
    ("NAMA_RUAS", "esriFieldTypeString"),
    ("KECAMATAN", "esriFieldTypeString"),
    ("DESA", "esriFieldTypeString"),
    ("PANJANG_M", "esriFieldTypeDouble"),
    ("LEBAR_M", "esriFieldTypeDouble"),
    ("PERKERASAN", "esriFieldTypeString"),
    ("KONDISI", "esriFieldTypeString"),
    ("TGL_SURVEI", "esriFieldTypeDate"),
    ("TGL_UBAH", "esriFieldTypeDate"),
)
WHERE = re.compile(r"TGL_UBAH >= (?:TIMESTAMP|DATE) '(\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d)?)'", re.IGNORECASE)


def points(line: Line) -> list[list[float]]:
    """The points as GeoJSON and Esri write them: longitude, latitude."""
    return [[float(longitude), float(latitude)] for longitude, latitude in line]


def millis(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return int(moment.timestamp()) * 1000


class LegerJalan(Service):
    """Segments of road. Their OBJECTID is their place in the list, so it moves when a segment leaves."""

    app_id = "leger_jalan"
    secrets = ("LEGER_JALAN_TOKEN",)
    drift = ("PANJANG_M",)

    def routes(self) -> list[Route]:
        return [Route(LAYER, self.layer), Route(f"{LAYER}/query", self.query)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, RoadSegment)
        wrong = flaws(rng, len(records), {"unmapped_condition": 5, "missing_geometry": 3, "unknown_region": 3})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            place = ledger.places.village_by_code[record.village or ""]
            geometry = None if defect == "missing_geometry" else {"paths": [points(record.line)]}
            first = {"condition": "moderate", "changed_at": record.at}
            for phase in phases(record, record.changed_at, first, record.removed_on):
                state = phase.state
                attributes = {
                    "KODE_SEGMEN": state.record_id,
                    "NO_RUAS": state.road,
                    "NAMA_RUAS": state.name,
                    "KECAMATAN": "XX" if defect == "unknown_region" else place.district.name,
                    "DESA": None if defect == "unknown_region" else place.name,
                    "PANJANG_M": float(state.length_m),
                    "LEBAR_M": float(state.width_m),
                    "PERKERASAN": SURFACES[state.surface],
                    "KONDISI": "R" if defect == "unmapped_condition" else CONDITIONS[state.condition],
                    "TGL_SURVEI": millis(state.at),
                    "TGL_UBAH": millis(state.changed_at),
                }
                body = {"attributes": attributes, "geometry": geometry}
                yield Told(
                    state.record_id, phase.known_on, body, state.changed_at, defect, (), phase.gone_on, phase.truth
                )

    def _refusal(self, request: Request) -> Response | None:
        token = request.query_params.get("token")
        if token is None:
            return _esri_error(499, "Token Required")
        return None if same(token, self.city.access["LEGER_JALAN_TOKEN"]) else _esri_error(498, "Invalid Token")

    async def layer(self, request: Request) -> Response:
        return self._refusal(request) or JSONResponse(
            {
                "currentVersion": 10.91,
                "id": 0,
                "name": "Leger Jalan Kabupaten",
                "type": "Feature Layer",
                "geometryType": "esriGeometryPolyline",
                "objectIdField": "OBJECTID",
                "maxRecordCount": MOST,
                "capabilities": "Query",
                "advancedQueryCapabilities": {"supportsPagination": True},
                "fields": [{"name": name, "type": kind, "alias": name} for name, kind in FIELDS],
            }
        )

    async def query(self, request: Request) -> Response:
        refused = self._refusal(request)
        if refused is not None:
            return refused
        query = request.query_params
        offset = whole(query.get("resultOffset"), 0, 0, 10**9)
        size = whole(query.get("resultRecordCount"), MOST // 10, 1, 10**6)
        wanted = query.get("outFields", "*").replace(" ", "").split(",")
        since = _since(query.get("where", ""))
        if query.get("f") != "json" or offset is None or size is None or since is None:
            return _esri_error(400, "Unable to perform query operation.", "'where' and f=json are required")
        if wanted != ["*"] and not set(wanted) <= {name for name, _ in FIELDS}:
            return _esri_error(400, "Cannot perform query. Invalid query parameters.", "'outFields' is invalid")
        headers = list_tag(request, self)
        fresh = unchanged(request, headers)
        if fresh is not None:
            return fresh
        rows = [(number, row) for number, row in enumerate(self.rows(request), 1) if row.order >= since]
        if query.get("returnCountOnly") == "true":
            return JSONResponse({"count": len(rows)}, headers=headers)
        size = min(size, MOST)
        if loops(request) and rows:
            offset %= len(rows)
        page = rows[offset : offset + size]
        fields = [field for field in FIELDS if wanted == ["*"] or field[0] in wanted]
        answer: dict[str, Any] = {
            "objectIdFieldName": "OBJECTID",
            "globalIdFieldName": "",
            "geometryType": "esriGeometryPolyline",
            "spatialReference": {"wkid": 4326, "latestWkid": 4326},
            "fields": [{"name": name, "type": kind, "alias": name} for name, kind in fields],
            "features": [_feature(number, row, wanted, query.get("returnGeometry") != "false") for number, row in page],
        }
        if offset + size < len(rows) or loops(request):
            answer["exceededTransferLimit"] = True
        return JSONResponse(answer, headers=headers)


def _feature(number: int, row: Told, wanted: Sequence[str], with_geometry: bool) -> dict[str, Any]:
    attributes = {"OBJECTID": number, **row.body["attributes"]}
    if wanted != ["*"]:
        attributes = {name: attributes[name] for name in wanted}
    return {"attributes": attributes, "geometry": row.body["geometry"]} if with_geometry else {"attributes": attributes}


def _since(where: str) -> datetime | None:
    """The moment in a where clause, UTC; long ago for `1=1`; None where it is not understood."""
    if where.replace(" ", "") == "1=1":
        return datetime(1900, 1, 1, tzinfo=UTC)
    match = WHERE.fullmatch(where.strip())
    try:
        return datetime.fromisoformat(match[1]).replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def _esri_error(code: int, message: str, *details: str) -> Response:
    """ArcGIS answers errors with HTTP 200."""
    return JSONResponse({"error": {"code": code, "message": message, "details": list(details)}})


class GisDrainase(Service):
    """Drains. The token of its login is a JWT that is soon over."""

    app_id = "gis_drainase"
    secrets = ("GIS_DRAINASE_USER", "GIS_DRAINASE_PASSWORD")
    drift = ("panjang",)

    def routes(self) -> list[Route]:
        return [Route("/auth/login", self.login, methods=["POST"]), Route("/api/drainase", self.drains)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Drain)
        wrong = flaws(rng, len(records), {"unreadable_length": 3, "unmapped_condition": 3, "unknown_region": 3})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            place = ledger.places.village_by_code[record.village or ""]
            street = rng.choice(("Jl. {}", "jln {}", "JALAN {}", "Gg. {}", "{} (dpn masjid)")).format(record.street)
            first = {"condition": "good", "changed_at": record.at}
            for phase in phases(record, record.changed_at, first, record.removed_on):
                state = phase.state
                condition = DRAIN_CONDITIONS[state.condition]
                body = {
                    "id": state.record_id,
                    "nama_jalan": street,
                    "kecamatan": "-" if defect == "unknown_region" else place.district.name,
                    "desa": "-" if defect == "unknown_region" else place.name,
                    "jenis": DRAIN_KINDS[state.kind],
                    "panjang": "-+100" if defect == "unreadable_length" else f"{state.length_m:.2f}",
                    "lebar": _short(state.width_m),
                    "kedalaman": _short(state.depth_m),
                    "tahun_dibangun": str(state.built),
                    "kondisi": "lihat foto" if defect == "unmapped_condition" else condition,
                    "geojson": {"type": "LineString", "coordinates": points(state.line)},
                    "dibuat": state.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                    "diperbarui": state.changed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                }
                yield Told(state.record_id, phase.known_on, body, None, defect, (), phase.gone_on, phase.truth)

    async def login(self, request: Request) -> Response:
        access = self.city.access
        try:
            given = await request.json()
            user, password = str(given["username"]), str(given["password"])
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"message": "username dan password wajib diisi"}, 400)
        if not (same(user, access["GIS_DRAINASE_USER"]) and same(password, access["GIS_DRAINASE_PASSWORD"])):
            return JSONResponse({"message": "Username atau password salah"}, 401)
        now = int(time.time())
        claims = {"sub": user, "iat": now, "exp": now + 900, "jti": self.city.doors.issue(self.app_id)}
        head = ".".join(_packed(part) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        return JSONResponse({"message": "ok", "token": f"{head}.{_signed(head, password)}", "expires_in": 900})

    def _admits(self, request: Request) -> bool:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        head, _, signature = token.strip().rpartition(".")
        if kind.lower() != "bearer" or not same(signature, _signed(head, self.city.access["GIS_DRAINASE_PASSWORD"])):
            return False
        part = head.split(".")[1]
        claims = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return bool(claims["exp"] > time.time()) and self.city.doors.admits(self.app_id, claims["jti"])

    async def drains(self, request: Request) -> Response:
        if not self._admits(request):
            return JSONResponse({"message": "jwt expired"}, 401)
        query = request.query_params
        page, size = whole(query.get("page"), 1, 1, 10**6), whole(query.get("limit"), 20, 1, 500)
        if page is None or size is None:
            return JSONResponse({"message": "page atau limit tidak valid"}, 400)
        headers = list_tag(request, self)
        fresh = unchanged(request, headers)
        if fresh is not None:
            return fresh
        rows = self.rows(request)
        pages = page + 1 if loops(request) else -(-len(rows) // size)
        data = page_of(rows, (page - 1) * size, size, loops(request))
        meta = {"page": page, "limit": size, "total": str(len(rows)), "total_pages": pages}
        return JSONResponse({"data": data, "meta": meta}, headers=headers)


def _packed(part: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(part, separators=(",", ":")).encode()).decode().rstrip("=")


def _signed(head: str, secret: str) -> str:
    """HS256 of a JWT (RFC 7515): base64url without padding."""
    return hmac_base64(secret, head).translate({43: "-", 47: "_", 61: None})


def _short(value: Decimal) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


class Sipetak(Service):
    """Parcels on the traces of new roads. A parcel that changed stands twice; the later feature is the right one."""

    app_id = "sipetak"
    secrets = ("SIPETAK_CLIENT_ID", "SIPETAK_CLIENT_SECRET")
    drift = ("luas_m2",)
    paged = False

    def routes(self) -> list[Route]:
        return [Route("/oauth/token", self.token, methods=["POST"]), Route("/api/bidang.geojson", self.parcels)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, Parcel)
        wrong = flaws(rng, len(records), {"malformed_nik": 4, "unmapped_status": 4, "missing_geometry": 3})
        late: list[tuple[datetime, Told]] = []
        for number, record in enumerate(records):
            defect, owner = wrong.get(number), record.owner
            place = ledger.places.village_by_code[record.village or ""]
            nik = f"{owner.nik[:-4]}-" if defect == "malformed_nik" else owner.nik
            planted = (("nik", nik), *identity(owner, "name", "address", "account"))
            first = {"status": "measured", "price": None, "changed_at": record.at}
            for revision, phase in enumerate(phases(record, record.changed_at, first), 1):
                state = phase.state
                body = {
                    "type": "Feature",
                    "geometry": None
                    if defect == "missing_geometry"
                    else {"type": "Polygon", "coordinates": [points(state.ring)]},
                    "properties": {
                        "nomor_bidang": state.record_id,
                        "revisi": revision,
                        "trace": state.trace,
                        "kecamatan": place.district.name,
                        "desa": place.name,
                        "luas_m2": state.area_m2,
                        "nilai_ganti_rugi": None if state.price is None else int(state.price),
                        "status": "cek BPN" if defect == "unmapped_status" else PARCEL_STATES[state.status],
                        "pemilik": {
                            "nama": owner.name,
                            "nik": nik,
                            "alamat": owner.household.address,
                            "no_rekening": owner.account,
                            "lampiran_ktp": f"https://sipetak.example/berkas/ktp/{nik}.jpg",
                        },
                        "tgl_inventarisasi": f"{state.at:%Y-%m-%d}",
                        "tgl_ubah": f"{state.changed_at:%Y-%m-%d %H:%M:%S}",
                    },
                }
                told = Told(state.record_id, phase.known_on, body, None, defect, planted, phase.gone_on, phase.truth)
                if revision == 1:
                    yield told
                    if phase.gone_on is not None:  # superseded, and still in the file
                        yield Told(state.record_id, phase.gone_on, body, None, defect, planted)
                else:
                    late.append((state.changed_at, told))
        for _, told in sorted(late, key=lambda pair: pair[0]):
            yield told

    async def token(self, request: Request) -> Response:
        access = self.city.access
        client, secret = access["SIPETAK_CLIENT_ID"], access["SIPETAK_CLIENT_SECRET"]
        return await oauth_token(self.city.doors, self.app_id, request, client, secret)

    async def parcels(self, request: Request) -> Response:
        if not self.city.doors.bearer(self.app_id, request):
            return JSONResponse({"error": "invalid_token"}, 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'})
        features = [row.body for row in self.rows(request)]
        text = json.dumps({"type": "FeatureCollection", "name": "bidang", "features": features}, ensure_ascii=False)
        return file_answer(request, text.encode(), "application/geo+json", self.city.today)


SERVICES = (LegerJalan, GisDrainase, Sipetak)
