"""Positions and Esri geometries as GeoJSON (RFC 7946). Nothing is projected: what does not lie in degrees is refused."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import orjson
import pyarrow as pa

from opg_pipeline.normalise.columns import Source
from opg_pipeline.normalise.degrees import Position, position
from opg_pipeline.normalise.numbers import NumberParser
from opg_pipeline.normalise.parsing import Parsed, Parser, Refused
from opg_pipeline.normalise.reasons import code, fine

Ring = list[Position]
_WIDE = pa.decimal128(30, 15)
_DEGREES = frozenset({4326, 4269, 9518})
"""Well-known ids of longitude and latitude on the ellipsoids in use."""


class GeometryParser(Parser):
    """Structures, or JSON text of them, as the JSON text of a GeoJSON geometry. Refuses with bad_geojson."""

    refusal = "bad_geojson"

    def __init__(self) -> None:
        super().__init__(pa.string())

    def geometry(self, value: Any) -> tuple[str, Any]:
        """Type and coordinates. Raises Refused."""
        raise NotImplementedError

    def _written(self, value: Any) -> str:
        try:
            kind, coordinates = self.geometry(value)
        except (TypeError, KeyError, ValueError, IndexError):
            raise Refused(self.refusal) from None
        return orjson.dumps({"coordinates": coordinates, "type": kind}).decode()

    def text(self, values: Any) -> Parsed:
        return self.each(values, self._read)

    def _read(self, text: str) -> str:
        try:
            return self._written(orjson.loads(text))
        except orjson.JSONDecodeError:
            raise Refused(self.refusal) from None

    def structure(self, values: list[Any]) -> Parsed:
        reasons = fine(len(values))
        texts: list[str | None] = []
        for row, value in enumerate(values):
            try:
                texts.append(self._written(value))
            except Refused as refused:
                texts.append(None)
                reasons[row] = code(refused.reason)
        return Parsed(pa.array(texts, pa.string()), reasons)


class PointParser(GeometryParser):
    """[longitude, latitude] as a Point.

    Args:
        decimal: the sign of the numbers where the two stand at paths of their own and are texts.
    """

    name = "point"

    def __init__(self, decimal: str) -> None:
        super().__init__()
        self._number = NumberParser(_WIDE, decimal, "", round_=True)

    def geometry(self, value: Any) -> tuple[str, Any]:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise Refused(self.refusal)
        return "Point", position(value)

    def of_two(self, longitudes: Source, latitudes: Source) -> Parsed:
        """Points of longitudes and latitudes that stand apart. One without the other is refused."""
        read = [self._number.parse(column) for column in (longitudes, latitudes)]
        pairs = list(zip(*(item.values.to_pylist() for item in read), strict=True))
        texts: list[str | None] = []
        reasons = fine(len(pairs))
        for row, pair in enumerate(pairs):
            try:
                texts.append(None if pair == (None, None) else self._written([float(part) for part in pair]))
            except (Refused, TypeError):
                texts.append(None)
                reasons[row] = code(self.refusal)
        for item in read:
            reasons[item.reasons > 0] = item.reasons[item.reasons > 0]
        return Parsed(
            pa.array([None if bad else text for text, bad in zip(texts, reasons > 0, strict=True)], pa.string()),
            reasons,
        )


class EsriParser(GeometryParser):
    """Esri's JSON of a point, multipoint, polyline or polygon, by longitude and latitude alone: heights and measures are left out.

    Outer rings of a polygon turn clockwise, holes the other way; a hole that lies in no outer ring is an outer ring itself.
    Curves, empty geometries and other reference systems than degrees are refused.
    """

    name = "esri"

    def geometry(self, value: Any) -> tuple[str, Any]:
        if not isinstance(value, dict) or "curveRings" in value or "curvePaths" in value:
            raise Refused(self.refusal)
        system = value.get("spatialReference") or {}
        if (system.get("latestWkid") or system.get("wkid") or 4326) not in _DEGREES:
            raise Refused(self.refusal)
        if "x" in value:
            return "Point", position((value["x"], value["y"]))
        if "points" in value:
            return "MultiPoint", _filled(_line(value["points"]))
        if "paths" in value:
            lines = [_filled(_line(path), 2) for path in value["paths"]]
            return ("LineString", lines[0]) if len(lines) == 1 else ("MultiLineString", _filled(lines))
        polygons = _polygons([_ring(ring) for ring in value["rings"]])
        return ("Polygon", polygons[0]) if len(polygons) == 1 else ("MultiPolygon", _filled(polygons))


def _line(values: Iterable[Any]) -> Ring:
    return [position(value) for value in values]


def _filled(values: list[Any], least: int = 1) -> list[Any]:
    if len(values) < least:
        raise ValueError("too few")
    return values


def _ring(values: Iterable[Any]) -> Ring:
    """A closed ring."""
    ring = _line(values)
    if ring and ring[0] != ring[-1]:
        ring.append(ring[0])
    return _filled(ring, 4)


def _area(ring: Ring) -> float:
    """Twice the area, below 0 where the ring turns clockwise. Taken from its first corner, so that no digits are lost."""
    x0, y0 = ring[0]
    return sum((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0) for (x1, y1), (x2, y2) in pairwise(ring))


def _polygons(rings: list[Ring]) -> list[list[Ring]]:
    """Polygons as GeoJSON has them: an outer ring that turns counterclockwise, then its holes, clockwise."""
    outer = [ring for ring in rings if _area(ring) < 0]
    polygons = [[ring[::-1]] for ring in outer]
    for hole in (ring for ring in rings if _area(ring) >= 0):
        around = [place for place, ring in enumerate(outer) if _within(hole, ring)]
        if around:
            smallest = min(around, key=lambda place: abs(_area(outer[place])))
            polygons[smallest].append(hole[::-1])
        else:
            polygons.append([hole])
    return polygons


def _within(hole: Ring, ring: Ring) -> bool:
    """Whether the hole lies in the ring: by its first corner that is none of the ring's."""
    corners = set(ring)
    x, y = next((corner for corner in hole if corner not in corners), hole[0])
    inside = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside
