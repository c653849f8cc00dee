"""What each dataset of Bandung's and Jakarta's own systems must become, as in expected_indonesia.py."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from .expected_indonesia import WIB, Case, Expected
from .recordings import read_csv, read_json, read_member, utc

_MONTHS = [
    "januari", "februari", "maret", "april", "mei", "juni", "juli", "agustus", "september", "oktober", "november", "desember",
]  # fmt: skip


def _point(longitude: Any, latitude: Any) -> str:
    return json.dumps({"coordinates": [float(longitude), float(latitude)], "type": "Point"}, separators=(",", ":"))


def _population() -> Expected:
    sexes = {"pop": "{}", "pop_pria": '{"sex":"L"}', "pop_wanita": '{"sex":"P"}'}
    return [
        {
            "ref_area": str(item["id_kec"]),
            "dims": sexes[column[:-5]],
            "obs_value": Decimal(value),
            "time_period": column[-4:],
            "event_at": utc(column[-4:], "%Y", WIB),
        }
        for item in read_json("id_bandung_population_wide/page1.json")
        for column, value in item.items()
        if column[:-5] in sexes
    ]


def _areas() -> Expected:
    return [
        {
            "ref_area": item["wilayah"],
            "time_period": column[-4:],
            "obs_value": Decimal(value) or None,
            "obs_status": "A" if value else "M",
        }
        for item in read_json("id_bandung_population_wide/related_wilayah.json")
        for column, value in item.items()
        if column.startswith("tahun_")
    ]


def _school_age() -> Expected:
    ages = {"umur_7_12": "7-12", "umur_13_15": "13-15", "umur_16_18": "16-18"}
    return [
        {"ref_area": item["url"], "dims": f'{{"age":"{age}"}}', "obs_value": Decimal(item[column])}
        for item in read_json("id_bandung_population_wide/related_school_age.json")
        for column, age in ages.items()
    ]


def _permits() -> Expected:
    return [
        {
            "entity_id": item["id"],
            "entity_class": "asset" if kind in {"imb", "ipr"} else "business",
            "name": (item["nama_perusahaan"] or "").strip() or item["nomor_izin"],
            "classification": item["jenis_izin"],
            "valid_from": date(item["tahun_terbit"], _MONTHS.index(item["bulan_terbit"].lower()) + 1, 1),
            "valid_to": datetime.strptime(item["tgl_akhir"], "%d/%m/%Y").date(),
            "geometry": _point(item["longitude"], item["latitude"]) if abs(item["latitude"]) <= 90 else None,
        }
        for kind in ("imb", "iup", "tdp", "ig", "ipr")
        for item in read_json(f"id_bandung_permits/{kind}.json")["rows"]
    ]


def turns(ring: Iterable[Any]) -> Decimal:
    """Twice the area of a ring, exact: below 0 where it turns clockwise."""
    corners = list(ring)
    return sum(((x1 * y2 - x2 * y1) for (x1, y1), (x2, y2) in pairwise(corners)), Decimal(0))


def _villages() -> Expected:
    """The geometry of the village of eleven rings is looked at in test_recorded.py."""
    found: Expected = []
    for item in read_json("id_pusdalisbang_esri/page1.json")["features"]:
        attributes, rings = item["attributes"], item["geometry"]["rings"]
        village = {
            "entity_id": attributes["ID_DESA"],
            "name": attributes["DESA"],
            "classification": attributes["ID_KEC"],
            "capacity": Decimal(attributes["Luas_Km_"]).quantize(Decimal("0.01")),
        }
        if len(rings) == 1:
            corners = rings[0] if turns(rings[0]) > 0 else rings[0][::-1]
            outer = [[float(x), float(y)] for x, y in corners]
            village["geometry"] = json.dumps({"coordinates": [outer], "type": "Polygon"}, separators=(",", ":"))
        found.append(village)
    return found


def _rupiah(text: str) -> Decimal:
    """Such as 325 Jt, 22,1 M and Rp 6.970.000.136,00."""
    number, _, word = text.removeprefix("Rp ").partition(" ")
    return Decimal(number.replace(".", "").replace(",", ".")) * {"": 1, "Jt": 10**6, "M": 10**9}[word]


def _tenders() -> Expected:
    kinds = {"Pengadaan Barang": "goods", "Pekerjaan Konstruksi": "works", "Jasa Lainnya": "services"}
    return [
        {
            "ocid": row[0],
            "title": " ".join(row[1].split("<span")[0].split()),
            "buyer_id": row[2],
            "release_date": utc(row[8][-4:], "%Y", WIB),
            "main_category": kinds.get(row[8].split(" - ")[0], "consultingServices"),
            "procurement_method": "selective" if row[6] in {"Tender Cepat", "Lelang Terbatas"} else "open",
            "estimate_idr": None if re.fullmatch(r"\d+\.\d{3} Jt", row[4]) else _rupiah(row[4]),
            "contract_idr": None if row[10].startswith("Nilai") else _rupiah(row[10]),
        }
        for row in read_json("id_spse_dt_bandung/page1.json")["data"]
    ]


def _stops() -> Expected:
    return [
        {
            "entity_id": row["stop_id"],
            "name": row["stop_name"].strip(),
            "geometry": _point(row["stop_lon"], row["stop_lat"]),
        }
        for row in read_csv("id_transjakarta_gtfs/stops.csv")
    ]


def _lines() -> Expected:
    return [
        {
            "entity_id": row["route_id"],
            "name": row["route_long_name"].strip(),
            "alt_names": f'["{row["route_short_name"]}"]',
            "classification": "bus line",
        }
        for row in read_csv("id_transjakarta_gtfs/routes.csv")
    ]


def _fares() -> Expected:
    return [
        {"variant_name": row["fare_id"], "market_id": row["agency_id"], "price_idr": Decimal(row["price"])}
        for row in read_member("id_transjakarta_gtfs/feed.zip", "fare_attributes.txt")
        if row["price"]
    ]


JAVA: dict[str, Case] = {
    # 9 years of 3 groups.
    "id_bandung_population_wide/population": Case(_population, 810, "agregasi", each=27),
    "id_bandung_population_wide/population_by_area": Case(_areas, 49, "wilayah", each=7),
    "id_bandung_population_wide/school_age": Case(_school_age, 90, "usia_sekolah", each=3),
    # Latitudes of 107 degrees.
    "id_bandung_permits/permits": Case(_permits, 1842, "izin", {("value", "bad_geojson", "geometry"): 7}),
    "id_pusdalisbang_esri/villages": Case(_villages, 146, "query"),
    # 1.000 Jt: a thousand millions, or one.
    "id_spse_dt_bandung/tenders": Case(_tenders, 3952, "lelang", {("value", "ambiguous_number", "estimate_idr"): 1}),
    "id_transjakarta_gtfs/stops": Case(_stops, 5365, "feed"),
    "id_transjakarta_gtfs/lines": Case(_lines, 155, "routes"),
    # Two fares have no price.
    "id_transjakarta_gtfs/fares": Case(_fares, 6, None, {("record", "required_missing", "price_idr"): 2}),
}
