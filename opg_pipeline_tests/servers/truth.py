"""What is put into the servers: typed records made by counting, and the shape in which each server stores them.

The pipeline's result is compared with the records here. Imports nothing of the pipeline.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

Record = dict[str, Any]

START = datetime(2026, 3, 1, 1, 0, tzinfo=UTC)
STATUS = {"baru": "open", "diproses": "in_progress", "selesai": "closed", "ditolak": "rejected"}
SEVERITY = {"ringan": "minor", "sedang": "moderate", "berat": "severe"}


def _pick(words: Any, number: int) -> Any:
    return list(words)[number * 7 % len(words)]


def prices(count: int = 413) -> list[Record]:
    """Prices of goods; every eleventh has no price of the week before."""
    return [
        {
            "commodity_code": f"K{n % 23:02}", "variant_name": f"Beras jenis {n % 23}", "market_id": f"PSR-{n % 6}",
            "price_level": "consumer", "price_idr": Decimal(9_500 + n * 37) + Decimal(n % 4) / 4, "unit": "kg",
            "prev_price_idr": None if n % 11 == 0 else Decimal(9_400 + n * 37), "is_forward_filled": n % 5 == 0,
            "event_on": (START + timedelta(days=n // 12)).date(),
        }
        for n in range(count)
    ]  # fmt: skip


def places(count: int = 307) -> list[Record]:
    """Public places."""
    return [
        {
            "entity_id": f"F-{n:04}", "entity_class": "facility", "name": f"Balai “Mekar” {n}",
            "status": "active" if n % 3 else "inactive", "classification": _pick(("sekolah", "puskesmas", "pasar"), n),
            "capacity": Decimal(n * 5) / 2, "capacity_unit": "orang", "valid_from": (START - timedelta(days=n)).date(),
            "long": 111.5 + n / 1000, "lat": -7.1 - n / 2000,
        }
        for n in range(count)
    ]  # fmt: skip


def requests(count: int = 251) -> list[Record]:
    """Requests of residents; those that are closed say when."""
    return [
        {
            "service_request_id": str(1000 + n), "service_code": f"S{n % 7}",
            "status": (status := list(STATUS.values())[n % 4]), "requested_datetime": START + timedelta(hours=n),
            "updated_datetime": START + timedelta(hours=n, minutes=30, seconds=n % 60),
            "closed_datetime": START + timedelta(hours=n, minutes=30) if status == "closed" else None,
            "description": f"Lampu jalan nomor {n} padam; warga menunggu \u2026", "anonymous": n % 2 == 0,
        }
        for n in range(count)
    ]  # fmt: skip


def incidents(count: int = 231) -> list[Record]:
    """Incidents; every ninth has no known loss."""
    return [
        {
            "incident_id": f"B/{n:03}", "hazard_type": _pick(("banjir", "kebakaran", "longsor"), n),
            "severity": _pick(SEVERITY.values(), n), "onset_at": START + timedelta(hours=3 * n),
            "response_at": START + timedelta(hours=3 * n, minutes=20), "houses_damaged": n % 13,
            "loss_idr": None if n % 9 == 0 else Decimal(n * 1_250_000) + Decimal("0.50"),
        }
        for n in range(count)
    ]  # fmt: skip


def readings(count: int = 367) -> list[Record]:
    """Readings of rain gauges; every seventeenth is missing."""
    return [
        {
            "datastream_id": f"ARR-{n % 5}", "thing_id": f"ARR-{n % 5}", "observed_property": "curah hujan",
            "phenomenon_time": START + timedelta(minutes=10 * n), "uom": "mm", "is_forecast": False,
            "result": None if n % 17 == 0 else Decimal(n) / 8, "result_quality": "missing" if n % 17 == 0 else "good",
        }
        for n in range(count)
    ]  # fmt: skip


def _source(words: dict[str, str], meaning: str) -> str:
    return next(word for word, standard in words.items() if standard == meaning)


def _zulu(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def indonesian(amount: Decimal | None) -> str | None:
    """A number as Indonesians write it: 1.250,50."""
    return None if amount is None else f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


def datasette_row(record: Record) -> tuple[Any, ...]:
    """A row of the table `harga` (komoditas, nama, pasar, harga, harga_lalu, satuan, tersalin, tanggal); numbers are texts."""
    return (
        record["commodity_code"], record["variant_name"], record["market_id"], indonesian(record["price_idr"]),
        indonesian(record["prev_price_idr"]) or "-", record["unit"], int(record["is_forward_filled"]), str(record["event_on"]),
    )  # fmt: skip


def pygeoapi_feature(record: Record) -> Record:
    return {
        "type": "Feature",
        "id": record["entity_id"],
        "geometry": {"type": "Point", "coordinates": [record["long"], record["lat"]]},
        "properties": {
            "nama": record["name"], "jenis": record["classification"], "aktif": record["status"] == "active",
            "daya_tampung": float(record["capacity"]), "sejak": record["valid_from"].strftime("%d-%m-%Y"),
        },
    }  # fmt: skip


def json_server_item(record: Record) -> Record:
    """Times of a request in the zone of Jakarta, without saying so."""
    local = {name: record[name] and (record[name] + timedelta(hours=7)).strftime("%Y-%m-%d %H:%M:%S")
             for name in ("requested_datetime", "updated_datetime", "closed_datetime")}  # fmt: skip
    return {
        "id": int(record["service_request_id"]), "layanan": {"kode": record["service_code"]},
        "status": _source(STATUS, record["status"]), "waktu": {"lapor": local["requested_datetime"], "tutup": local["closed_datetime"]},
        "diubah": local["updated_datetime"], "isi": record["description"], "anonim": "ya" if record["anonymous"] else "tidak",
    }  # fmt: skip


def django_request(record: Record) -> Record:
    return {
        "number": int(record["service_request_id"]), "service": record["service_code"], "status": record["status"],
        "requested": _zulu(record["requested_datetime"]), "updated": _zulu(record["updated_datetime"]),
        "closed": _zulu(record["closed_datetime"]), "text": record["description"], "anonymous": record["anonymous"],
    }  # fmt: skip


def django_incident(record: Record) -> Record:
    """An incident as Django stores it for the REST view and for GraphQL."""
    return {
        "number": record["incident_id"], "hazard": record["hazard_type"], "severity": _source(SEVERITY, record["severity"]),
        "onset": _zulu(record["onset_at"]), "response": _zulu(record["response_at"]), "houses": record["houses_damaged"],
        "loss": None if record["loss_idr"] is None else str(record["loss_idr"]),
    }  # fmt: skip


def cds_reading(record: Record) -> Record:
    return {
        "station": record["datastream_id"], "at": _zulu(record["phenomenon_time"]),
        "rain": None if record["result"] is None else str(record["result"]), "quality": record["result_quality"],
    }  # fmt: skip
