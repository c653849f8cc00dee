"""Whether places lie in degrees of longitude and latitude, as GeoJSON wants them (RFC 7946). What is read as a place is geometry.py's."""

from __future__ import annotations

from typing import Any

Position = tuple[float, float]
_DEPTHS = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
"""How many lists stand around a position in `coordinates` (RFC 7946, 3.1)."""


def in_degrees(value: Any) -> bool:
    """Whether a value is a GeoJSON object of which every position is a longitude and a latitude; a height may follow."""
    if not isinstance(value, dict):
        return False
    kind = value.get("type")
    if kind == "Feature":
        return value.get("geometry") is None or in_degrees(value["geometry"])
    if kind in ("FeatureCollection", "GeometryCollection"):
        parts = value.get("features" if kind == "FeatureCollection" else "geometries")
        return isinstance(parts, list) and all(in_degrees(part) for part in parts)
    return kind in _DEPTHS and _lie_in_degrees(value.get("coordinates"), _DEPTHS[kind])


def _lie_in_degrees(coordinates: Any, depth: int) -> bool:
    if depth:
        return isinstance(coordinates, list | tuple) and all(_lie_in_degrees(part, depth - 1) for part in coordinates)
    try:
        position(coordinates)
    except (TypeError, KeyError, ValueError, IndexError):
        return False
    return True


def position(value: Any) -> Position:
    """A longitude and a latitude. Raises ValueError."""
    longitude, latitude = value[0], value[1]
    for number, limit in ((longitude, 180), (latitude, 90)):
        if isinstance(number, bool) or not isinstance(number, int | float) or not -limit <= number <= limit:
            raise ValueError("no degrees")
    return longitude, latitude
