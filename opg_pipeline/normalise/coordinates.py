"""Tells latitude and longitude that a source gives in each other's place. They are refused, never exchanged: the manifest says which is which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.normalise.evaluate import Evaluator
from opg_pipeline.normalise.parsing import Parsed
from opg_pipeline.normalise.plan import FieldPlan
from opg_pipeline.normalise.reasons import Mask, code

LATITUDE, LONGITUDE = "lat", "long"
"""The names of the two in every category."""


def refuse_swapped(
    parsed: Mapping[str, Parsed],
    plans: Sequence[FieldPlan],
    evaluator: Evaluator,
    bounds: tuple[float, float, float, float] | None,
) -> None:
    """Refuse both where the latitude is one of the city's longitudes and the longitude one of its latitudes.

    Args:
        bounds: west, south, east and north of the city in degrees; without them nothing can be told.
    """
    by_name = {plan.name: plan for plan in plans if plan.name in {LATITUDE, LONGITUDE} and not plan.is_const}
    if bounds is None or len(by_name) < 2:
        return
    west, south, east, north = bounds
    swapped = _within(parsed[LONGITUDE].values, south, north)
    if swapped.any():  # a longitude is no latitude, so it was refused and is read again without the field's own bounds
        swapped &= _within(evaluator.field(by_name[LATITUDE], bounded=False).values, west, east)
    for name in by_name:
        parsed[name].reasons[swapped] = code("swapped_coordinates")


def _within(values: pa.Array, low: float, high: float) -> Mask:
    numbers = pc.cast(values, pa.float64()).fill_null(float("nan")).to_numpy(zero_copy_only=False)
    inside: Mask = np.asarray((numbers >= low) & (numbers <= high), dtype=bool)
    return inside
