"""Latitude and longitude in each other's place are refused by the city's bounds; the manifest may say which is which."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from opg_pipeline_tests.normalise.build import CITY, EVENT, category, field, normaliser, page, reference, run

PLACE = category(
    field("lat", "decimal(9,6)", "quasi", min=-90, max=90),
    field("long", "decimal(9,6)", "quasi", min=-180, max=180),
)
STYLE = {"decimal": ".", "thousands": ""}
RIGHT = {"lat": {"from": "lat", **STYLE}, "long": {"from": "long", **STYLE}}
HERE = ("-7.150000", "111.880000")


def read(
    *places: tuple[Any, Any], fields: dict[str, Any] = RIGHT
) -> list[tuple[Decimal | None, Decimal | None, str, list[tuple[str, str]]]]:
    """Per record latitude, longitude, flags, and what waits as (field, reason)."""
    records = [{"id": str(number), "lat": lat, "long": long} for number, (lat, long) in enumerate(places)]
    done = run(reference(PLACE, {**EVENT, **fields}), records)
    waiting: dict[int, list[tuple[str, str]]] = {}
    for row, name, reason in zip(
        *(done.rejected[key].to_pylist() for key in ("slice_row", "field", "reason")), strict=True
    ):
        waiting.setdefault(row, []).append((name, reason))
    columns = (done.accepted[name].to_pylist() for name in ("lat", "long", "quality_flags"))
    return [(*row, waiting.get(number, [])) for number, row in enumerate(zip(*columns, strict=True))]


def test_a_swapped_position_waits_whole_and_its_neighbours_are_loaded() -> None:
    lat, long = HERE
    found = read((lat, long), (long, lat), (float(lat), float(long)), (float(long), float(lat)))
    kept = (Decimal(lat), Decimal(long), "[]", [])
    refused = (
        None,
        None,
        '["REJECTED_LAT","REJECTED_LONG"]',
        [("lat", "swapped_coordinates"), ("long", "swapped_coordinates")],
    )
    assert found == [kept, refused, kept, refused]


@pytest.mark.parametrize(
    ("lat", "long", "waiting"),
    [
        ("-6.2", "106.8", []),                                # elsewhere in the country, in its place
        ("-7.15", "-7.15", []),                               # odd, but not swapped
        ("111.88", "111.88", [("lat", "out_of_range")]),
        ("106.8", "-6.2", [("lat", "out_of_range")]),         # not this city's, so only what is out of range is refused
        (None, "-7.15", []),
        ("x", "-7.15", [("lat", "bad_number")]),
    ],
)  # fmt: skip
def test_only_the_city_s_own_positions_are_told(lat: Any, long: Any, waiting: list[tuple[str, str]]) -> None:
    [(_, _, _, found)] = read((lat, long))
    assert found == waiting


def test_the_manifest_may_say_that_the_source_swaps_them() -> None:
    lat, long = HERE
    declared = {"lat": {"from": "long", **STYLE}, "long": {"from": "lat", **STYLE}}
    assert read((long, lat), fields=declared) == [(Decimal(lat), Decimal(long), "[]", [])]
    [(*_, waiting)] = read((lat, long), fields=declared)
    assert {reason for _, reason in waiting} == {"swapped_coordinates"}


def test_without_bounds_nothing_is_told() -> None:
    ref = reference(PLACE, {**EVENT, **RIGHT})
    assert CITY.regions is not None
    plain = CITY.model_copy(update={"regions": CITY.regions.model_copy(update={"bounds": None})})
    done = normaliser(replace(ref, city=plain)).normalise([page([{"id": "1", "lat": HERE[1], "long": HERE[0]}])])
    assert done.rejected["reason"].to_pylist() == ["out_of_range"]


def test_a_swapped_point_is_refused_as_no_point_on_earth() -> None:
    thing = category(field("geometry", "geojson"))
    ref = reference(thing, {**EVENT, "geometry": {"from": "at", "parse": "point"}})
    done = run(ref, [{"id": "1", "at": [111.88, -7.15]}, {"id": "2", "at": [-7.15, 111.88]}])
    assert done.accepted["geometry"].to_pylist() == ['{"coordinates":[111.88,-7.15],"type":"Point"}', None]
    assert done.rejected["reason"].to_pylist() == ["bad_geojson"]
