"""The geoportal (WFS 2.0 with GeoJSON) and the households of the Dasa Wisma groups (OData v4).

What stands where and who lives together belongs in `truth`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.doors import oauth_token
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Told, flaws, identity, loops, whole
from opg_pipeline.sandbox.services.planning_answers import Keeper, Stage, stages
from opg_pipeline.sandbox.truth.planning_places import LAYERS, HouseholdMember, MapFeature

# Names of the layers until some days before the city's last day, and after they were published anew.
NAMES = {
    "faskes": ("FASKES_PT", "faskes_pt"),
    "sekolah": ("Sekolah_PT", "Sekolah_PT"),
    "pasar": ("pasar_pt", "PASAR_PT"),
    "jembatan": ("Jembatan_pt", "Jembatan_PT"),
    "jalan": ("jalan_ln", "JALAN_LN"),
}
RENAMED_BEFORE_END = 2
CONDITIONS = {"baik": "B", "rusak_ringan": "RR", "rusak_sedang": "RS", "rusak_berat": "RB"}
PROJECTED, LON_LAT, LAT_LON = "EPSG:32749", "EPSG:4326", "urn:ogc:def:crs:EPSG::4326"
MOST = 1000
WFS = 'xmlns:wfs="http://www.opengis.net/wfs/2.0" xmlns:ows="http://www.opengis.net/ows/1.1"'


def to_utm(latitude: float, longitude: float) -> list[float]:
    """WGS 84 degrees to metres east and north in UTM zone 49 S (EPSG:32749)."""
    a, f, scale = 6378137.0, 1 / 298.257223563, 0.9996
    e2 = f * (2 - f)
    ep2 = e2 / (1 - e2)
    phi, turn = math.radians(latitude), math.radians(longitude - 111)
    n = a / math.sqrt(1 - e2 * math.sin(phi) ** 2)
    t, c, k = math.tan(phi) ** 2, ep2 * math.cos(phi) ** 2, turn * math.cos(phi)
    arc = a * (
        (1 - e2 / 4 - 3 * e2**2 / 64 - 5 * e2**3 / 256) * phi
        - (3 * e2 / 8 + 3 * e2**2 / 32 + 45 * e2**3 / 1024) * math.sin(2 * phi)
        + (15 * e2**2 / 256 + 45 * e2**3 / 1024) * math.sin(4 * phi)
        - (35 * e2**3 / 3072) * math.sin(6 * phi)
    )
    east = scale * n * (k + (1 - t + c) * k**3 / 6 + (5 - 18 * t + t**2 + 72 * c - 58 * ep2) * k**5 / 120) + 500_000
    north = scale * (
        arc
        + n
        * math.tan(phi)
        * (k**2 / 2 + (5 - t + 9 * c + 4 * c**2) * k**4 / 24 + (61 - 58 * t + t**2 + 600 * c - 330 * ep2) * k**6 / 720)
    )
    return [round(east, 3), round(north + 10_000_000, 3)]


class Geoportal(Keeper):
    """Layers of the map server."""

    app_id = "geoportal"
    drift = ("thn_bangun",)

    def routes(self) -> list[Route]:
        return [Route("/geoserver/palapa/ows", self.ows), Route("/api/layer", self.layers)]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, MapFeature)
        wrong = flaws(rng, len(records), {"missing_geometry": 4, "unmapped_condition": 5, "swapped_coordinates": 5})
        for number, record in enumerate(records):
            defect = wrong.get(number)
            place = ledger.places.village_by_code[record.village or ""]
            condition = None if record.condition is None else CONDITIONS[record.condition]
            properties = {
                "kode": record.record_id,
                "nama_objek": record.name,
                "kecamatan": place.district.name.upper(),
                "desa": place.name.upper(),
                "kondisi": "R?" if defect == "unmapped_condition" else condition,
                "rencana": "Y" if record.status == "planned" else "T",
                "thn_bangun": record.built_year,
                "panjang_m" if record.layer in ("jalan", "jembatan") else "kapasitas": float(record.size or 0),
                "tgl_survei": f"{record.at:%Y-%m-%d}Z",
            }
            points = [(float(latitude), float(longitude)) for latitude, longitude in record.points]
            degrees: list[list[float]] = [[longitude, latitude] for latitude, longitude in points]
            metres = [to_utm(*point) for point in points]
            if defect == "missing_geometry":
                degrees, metres = [], []
            elif defect == "swapped_coordinates":
                degrees, metres = [pair[::-1] for pair in degrees], [pair[::-1] for pair in metres]
            yield Told(
                record.record_id,
                record.at.date(),
                (number + 1, properties, degrees, metres),
                record.layer,
                defect,
                gone_on=record.removed_on,
            )

    def _names(self) -> dict[str, str]:
        """Layer by its name of today; upper and lower case matter."""
        late = self.city.today > self.city.ledger.until - timedelta(days=RENAMED_BEFORE_END)
        return {NAMES[layer][late]: layer for layer, *_ in LAYERS}

    async def layers(self, request: Request) -> Response:
        return JSONResponse(
            [{"layer": f"palapa:{name}", "judul": layer.title()} for name, layer in self._names().items()]
        )

    async def ows(self, request: Request) -> Response:
        query = {name.lower(): value for name, value in request.query_params.items()}
        asked, names = query.get("request", "").lower(), self._names()
        if query.get("service", "WFS").upper() != "WFS" or asked not in ("getfeature", "getcapabilities"):
            return _exception("OperationNotSupported", "request", "Operation not supported", 400)
        if asked == "getcapabilities":
            types = "".join(
                f"<wfs:FeatureType><wfs:Name>palapa:{name}</wfs:Name><wfs:Title>{layer.title()}</wfs:Title>"
                f"<wfs:DefaultCRS>urn:ogc:def:crs:EPSG::32749</wfs:DefaultCRS></wfs:FeatureType>"
                for name, layer in names.items()
            )
            return _xml(
                f'<wfs:WFS_Capabilities version="2.0.0" {WFS}><wfs:FeatureTypeList>{types}</wfs:FeatureTypeList>'
                "</wfs:WFS_Capabilities>"
            )
        name = (query.get("typenames") or query.get("typename") or "").removeprefix("palapa:")
        if name not in names:
            return _exception("InvalidParameterValue", "typeName", f"Feature type palapa:{name} unknown", 400)
        system = query.get("srsname", PROJECTED)
        if system not in (PROJECTED, "urn:ogc:def:crs:EPSG::32749", LON_LAT, LAT_LON):
            return _exception("InvalidParameterValue", "srsName", f"Could not find CRS {system}", 400)
        if query.get("outputformat") not in ("application/json", "json"):
            return _exception("InvalidParameterValue", "outputFormat", "Only application/json is offered", 400)
        start, count = whole(query.get("startindex"), 0, 0, 10**6), whole(query.get("count"), 100, 0, 10**9)
        if start is None or count is None:
            return _exception("InvalidParameterValue", "count", "startIndex or count is not a number", 400)
        count = min(count, MOST)
        rows = self.rows(request)
        held = self.kept(rows, name, lambda: [row for row in rows if row.order == names[name]])
        page = held[start : start + count]
        total = len(held)
        if loops(request) and held:
            page, total = [held[place % len(held)] for place in range(start, start + count)], 10**6
        what = (name, system)
        return self.tagged(
            request, held, what, lambda: JSONResponse(_collection(name, page, total, system, self.city.today))
        )


def _collection(name: str, page: Sequence[Told], total: int, system: str, today: date) -> dict[str, Any]:
    code = "32749" if "32749" in system else "4326"
    return {
        "type": "FeatureCollection",
        "features": [_feature(name, row, system) for row in page],
        "totalFeatures": total,
        "numberMatched": total,
        "numberReturned": len(page),
        "timeStamp": f"{today}T00:00:00.000Z",
        "crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{code}"}},
    }


def _feature(name: str, row: Told, system: str) -> dict[str, Any]:
    number, properties, degrees, metres = row.body
    points = metres if "32749" in system else degrees if system == LON_LAT else [pair[::-1] for pair in degrees]
    geometry: dict[str, Any] | None = None
    if points:
        line = name.lower() == "jalan_ln"
        geometry = {"type": "LineString" if line else "Point", "coordinates": points if line else points[0]}
    return {
        "type": "Feature",
        "id": f"{name}.{number}",
        "geometry": geometry,
        "geometry_name": "geom",
        "properties": properties,
    }


def _xml(text: str, status: int = 200) -> Response:
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n', status, media_type="application/xml")


def _exception(code: str, locator: str, text: str, status: int) -> Response:
    report = (
        f'<ows:ExceptionReport {WFS} version="2.0.0"><ows:Exception exceptionCode="{code}" locator="{locator}">'
        f"<ows:ExceptionText>{escape(text)}</ows:ExceptionText></ows:Exception></ows:ExceptionReport>"
    )
    return _xml(report, status)


ROLES = {"head": "KK", "spouse": "ISTRI/SUAMI", "child": "ANAK", "other": "FAMILI LAIN"}
STATES = {"proposed": "USULAN", "active": "AKTIF", "suspended": "NONAKTIF", "exited": "KELUAR"}
FILTER = re.compile(r"DiubahPada (ge|gt) (\S+)")
SET = "KeluargaBinaan"
METADATA = f"""<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>
<Schema Namespace="PKK" xmlns="http://docs.oasis-open.org/odata/ns/edm"><EntityType Name="Kartu"><Key><PropertyRef Name="IdKartu"/></Key>
<Property Name="IdKartu" Type="Edm.String"/><Property Name="IdKeluarga" Type="Edm.String"/><Property Name="DiubahPada" Type="Edm.DateTimeOffset"/>
<Property Name="Anggota" Type="Collection(PKK.Anggota)"/></EntityType><ComplexType Name="Anggota" OpenType="true"/>
<EntityContainer Name="PKK"><EntitySet Name="{SET}" EntityType="PKK.Kartu"/></EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"""


class Dasawisma(Keeper):
    """Cards of households with their members; the head stands on the card of every member."""

    app_id = "dasawisma"
    secrets = ("DASAWISMA_CLIENT_ID", "DASAWISMA_CLIENT_SECRET")
    drift = ("TanggalDaftar",)

    def routes(self) -> list[Route]:
        return [
            Route("/oauth/token", self.token, methods=["POST"]),
            Route("/odata/v4/$metadata", self.metadata),
            Route(f"/odata/v4/{SET}", self.cards),
        ]

    @classmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        rng = ledger.rng(cls.app_id, "wire")
        records = ledger.of(cls.app_id, HouseholdMember)
        wrong = flaws(rng, len(records), {"malformed_nik": 8, "unmapped_status": 10, "missing_start": 6})
        families: dict[str, list[tuple[HouseholdMember, str | None]]] = {}
        for number, record in enumerate(records):
            families.setdefault(record.card_no, []).append((record, wrong.get(number)))
        for family in families.values():
            told = [(record, tuple(_entries(record, defect))) for record, defect in family]
            for place, (record, entries) in enumerate(told[1:] or told, 1):
                pair = (told[0], (record, entries)) if len(told) > 1 else (told[0],)
                for one, rows in pair:
                    for row in rows:
                        yield Told(
                            row.record_id,
                            row.known_on,
                            (f"{record.card_no}-{place:02d}", one.record_id, row.body),
                            row.order,
                            row.defect,
                            row.planted,
                            row.gone_on,
                            row.truth,
                        )

    async def token(self, request: Request) -> Response:
        access = self.city.access
        return await oauth_token(
            self.city.doors, self.app_id, request, access["DASAWISMA_CLIENT_ID"], access["DASAWISMA_CLIENT_SECRET"]
        )

    async def metadata(self, request: Request) -> Response:
        return Response(METADATA, media_type="application/xml")

    async def cards(self, request: Request) -> Response:
        if not self.city.doors.bearer(self.app_id, request):
            return _failure(401, "Unauthorized", "Token tidak ada atau sudah habis", {"WWW-Authenticate": "Bearer"})
        query = request.query_params
        skip, top = whole(query.get("$skip"), 0, 0, 10**9), whole(query.get("$top"), 10**9, 0, 10**9)
        wanted = re.search(r"odata\.maxpagesize=(\d{1,6})", request.headers.get("prefer", ""))
        size = min(MOST, max(1, int(wanted[1]))) if wanted else 100
        since = _since(query.get("$filter"))
        if skip is None or top is None or since is False:
            return _failure(400, "BadRequest", "$skip, $top or $filter not understood")
        if unknown := [name for name in query if name.startswith("$") and name not in KNOWN]:
            return _failure(501, "NotImplemented", f"{unknown[0]} is not supported")
        rows = self.rows(request)
        found: list[tuple[datetime, dict[str, Any]]] = self.kept(rows, "cards", lambda: _grouped(rows))
        if isinstance(since, datetime):
            found = [card for card in found if card[0] >= since]
        end = min(len(found), skip + top, skip + size)
        base = f"{request.url.scheme}://{request.url.netloc}/{self.app_id}/odata/v4"
        answer: dict[str, Any] = {"@odata.context": f"{base}/$metadata#{SET}"}
        if query.get("$count") == "true":
            answer["@odata.count"] = len(found)
        answer["value"] = [body for _, body in found[skip:end]]
        if loops(request) or (end < len(found) and end < skip + top):
            following = 0 if end >= len(found) else end
            kept = {name: query[name] for name in ("$filter", "$count") if name in query}
            if "$top" in query:
                kept["$top"] = str(skip + top - end)
            more = "".join(f"&{name}={quote(value, safe='')}" for name, value in kept.items())
            answer["@odata.nextLink"] = f"{base}/{SET}?$skip={following}{more}"
        return JSONResponse(answer, headers={"OData-Version": "4.0"})


KNOWN = ("$skip", "$top", "$filter", "$count", "$format")


def _failure(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def _since(text: str | None) -> datetime | bool | None:
    """The moment in a $filter; None where there is none, False where it is not understood."""
    if text is None:
        return None
    match = FILTER.fullmatch(text.strip())
    try:
        moment = datetime.fromisoformat(match[2]) if match else None
    except ValueError:
        return False
    if match is None or moment is None or moment.tzinfo is None:
        return False
    return moment + timedelta(seconds=match[1] == "gt")


def _entries(record: HouseholdMember, defect: str | None) -> Iterable[Told]:
    """How one member is told, before and after the cadre's second look."""
    rng, person = Random(record.record_id), record.person
    nik = f"{person.nik[:6]}xxxx" if defect == "malformed_nik" else person.nik
    place, head = person.village, record.head
    household = {
        "IdKeluarga": record.card_no,
        "NoKK": person.household.no_kk,
        "NamaKepala": head.name,
        "NikKepala": head.nik,
        "Telepon": head.phone,
        "Alamat": person.household.address,
        "KodeDesa": place.code.replace(".", ""),
        "Desa": place.name,
        "Kecamatan": place.district.name,
        "KelompokDasawisma": record.group,
    }
    planted = (
        ("nik", nik),
        ("name", person.name),
        *identity(head, "name", "nik", "phone"),
        *identity(person, "kk", "address"),
    )
    steps = []
    for status, moment in (("proposed", record.at), (record.status, record.changed_at)):
        ended = record.end_on if moment == record.changed_at else None
        state = rng.choice(("PINDAH?", "cek lagi")) if defect == "unmapped_status" else STATES[status]
        member = {
            "IdAnggota": record.record_id,
            "Nik": nik,
            "Nama": person.name,
            "JenisKelamin": "LAKI-LAKI" if person.sex == "L" else "PEREMPUAN",
            "TanggalLahir": person.born.isoformat(),
            "HubunganKeluarga": ROLES[record.role],
            "KodeKegiatan": record.programme,
            "BerkebutuhanKhusus": record.disability,
            "StatusBinaan": state,
            "TanggalDaftar": None if defect == "missing_start" else record.start_on.isoformat(),
            "TanggalKeluar": None if ended is None else ended.isoformat(),
        }
        truth = {}
        if moment < record.changed_at:
            truth = {"status": status, "end_on": None, "changed_at": moment.isoformat()}
        steps.append(Stage(moment.date(), (household, member), moment, truth))
    return stages(record.record_id, steps, defect, planted, record.left_on)


def _grouped(rows: Sequence[Told]) -> list[tuple[datetime, dict[str, Any]]]:
    """Cards with the moment of their last change, in the order of their numbers."""
    held: dict[str, list[Told]] = {}
    for row in rows:
        held.setdefault(row.body[0], []).append(row)
    found = []
    for card, told in held.items():
        changed = max(row.order for row in told)
        household = told[0].body[2][0]
        body = {
            "IdKartu": card,
            **household,
            "DiubahPada": changed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Anggota": [row.body[2][1] for row in told],
        }
        found.append((changed.replace(microsecond=0), body))
    return found


SERVICES = (Geoportal, Dasawisma)
