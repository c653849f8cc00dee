"""Compares how two published measures moved, and says so in words that claim no cause. Reads mart.measure; fills mart.association.

Series of the whole city, published and not provisional, are taken as changes from one period to the next: two series that only
grow would else always agree (Yule 1926). Ranks are correlated (Spearman); the interval is Fisher's z with the variance of Fieller,
Hartley and Pearson (1957), for as many independent periods as Bartlett (1935) leaves where both series are serially correlated.
All pairs and lags together are corrected after Benjamini and Yekutieli (2001), which holds however they depend on each other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist
from typing import Any

import sqlalchemy as sa

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.publish.rows import replace_rows
from opg_pipeline.publish.tables import mart_table

LABELS = {
    "too few periods": "Fewer than ten pairs of changes: nothing is said.",
    "no association seen": "The changes do not go together more than chance would have it.",
    "moved together": "Where one rose from one period to the next, the other tended to rise.",
    "moved oppositely": "Where one rose from one period to the next, the other tended to fall.",
}
"""The closed list of what is said of a pair, and what each means."""
SIGNIFICANCE = 0.05
LEAST_PAIRS = 10
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Correlation:
    """Of ``n`` pairs of changes: rank correlation, its 95 % interval, and the probability of such a one by chance."""

    n: int
    rho: float
    low: float
    high: float
    p: float


def rebuild_associations(connection: sa.Connection, catalog: Catalog) -> int:
    """Compare every declared pair in every city, in the caller's transaction, after the measures. Returns the number of rows."""
    series = _series(connection, {name for pair in catalog.pairs for name in (pair.association.a, pair.association.b)})
    rows: list[dict[str, Any]] = []
    found: list[Correlation | None] = []
    for city in sorted(catalog.cities):
        for pair in catalog.pairs:
            first, second = (series.get((city, name), {}) for name in (pair.association.a, pair.association.b))
            calendar = sorted(first.keys() | second.keys())
            for lag in range(pair.association.max_lag + 1):
                known = correlate(*changes(first, second, calendar, lag))
                found.append(known)
                rows.append(
                    {
                        "city_id": city, "pack_id": pair.pack, "measure_a": pair.association.a, "measure_b": pair.association.b,
                        "lag": lag, "context": pair.association.context,
                        "confounders": json.dumps(pair.association.confounders, ensure_ascii=False),
                        "n": 0 if known is None else known.n, "rho": None if known is None else known.rho,
                        "low": None if known is None else known.low, "high": None if known is None else known.high,
                        "p": None if known is None else known.p,
                    }
                )  # fmt: skip
    corrected = iter(corrected_for_many([item.p for item in found if item is not None]))
    for row, known in zip(rows, found, strict=True):
        row["p_corrected"] = None if known is None else next(corrected)
        row["pairs_compared"] = len(rows)
        row["label"] = label(known, row["p_corrected"])
    return replace_rows(connection, mart_table("association"), rows)


def _series(connection: sa.Connection, names: set[str]) -> dict[tuple[str, str], dict[date, float]]:
    """The value of each period, by city and <category>.<measure>."""
    c = mart_table("measure").c
    statement = sa.select(c.city_id, c.category_id, c.measure_id, c.period_start, c.value, c.caveats).where(
        c.region_level == "regency", c.value.is_not(None), c.measure_id.in_([name.partition(".")[2] for name in names])
    )
    found: dict[tuple[str, str], dict[date, float]] = {}
    for city, category, measure, start, value, caveats in connection.execute(statement):
        if f"{category}.{measure}" in names and "PROVISIONAL" not in json.loads(caveats):
            found.setdefault((city, f"{category}.{measure}"), {})[start] = value
    return found


def changes(
    first: dict[date, float], second: dict[date, float], calendar: Sequence[date], lag: int
) -> tuple[list[float], list[float]]:
    """Changes from one period to the next where both series have them, the second taken ``lag`` periods later."""
    mine, other = [], []
    for place in range(1, len(calendar) - lag):
        before, after = calendar[place - 1], calendar[place]
        later = calendar[place - 1 + lag], calendar[place + lag]
        if before in first and after in first and later[0] in second and later[1] in second:
            mine.append(first[after] - first[before])
            other.append(second[later[1]] - second[later[0]])
    return mine, other


def correlate(first: Sequence[float], second: Sequence[float]) -> Correlation | None:
    """The rank correlation; None for fewer than LEAST_PAIRS pairs, or where a series does not move."""
    n = len(first)
    if n < LEAST_PAIRS:
        return None
    ranks = _ranks(first), _ranks(second)
    rho = _pearson(*ranks)
    if rho is None:
        return None
    echo = [_pearson(rank[:-1], rank[1:]) or 0.0 for rank in ranks]
    independent = max(5.0, min(float(n), n * (1 - echo[0] * echo[1]) / (1 + echo[0] * echo[1])))
    z = math.atanh(max(-0.999999, min(0.999999, rho)))
    error = math.sqrt(1.06 / (independent - 3))
    p = 2 * (1 - _NORMAL.cdf(abs(z) / error))
    reach = _NORMAL.inv_cdf(0.975) * error
    return Correlation(n, rho, math.tanh(z - reach), math.tanh(z + reach), p)


def corrected_for_many(p: Sequence[float]) -> list[float]:
    """Probabilities corrected for their number (Benjamini and Yekutieli 2001), in the order given."""
    order = sorted(range(len(p)), key=p.__getitem__, reverse=True)
    harmonic = math.fsum(1 / rank for rank in range(1, len(p) + 1))
    result, least = [1.0] * len(p), 1.0
    for passed, place in enumerate(order):
        least = min(least, p[place] * len(p) * harmonic / (len(p) - passed))
        result[place] = least
    return result


def label(known: Correlation | None, p: float | None) -> str:
    """One of LABELS."""
    if known is None or p is None:
        return "too few periods"
    if p > SIGNIFICANCE:
        return "no association seen"
    return "moved together" if known.rho > 0 else "moved oppositely"


def _ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the middle of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    for first, last in _runs(order, values):
        for place in order[first:last]:
            ranks[place] = (first + last + 1) / 2
    return ranks


def _runs(order: Sequence[int], values: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Stretches of equal values in sorted order."""
    first = 0
    for last in range(1, len(order) + 1):
        if last == len(order) or values[order[last]] != values[order[first]]:
            yield first, last
            first = last


def _pearson(first: Sequence[float], second: Sequence[float]) -> float | None:
    means = math.fsum(first) / len(first), math.fsum(second) / len(second)
    both = math.fsum((x - means[0]) * (y - means[1]) for x, y in zip(first, second, strict=True))
    squares = math.fsum((x - means[0]) ** 2 for x in first), math.fsum((y - means[1]) ** 2 for y in second)
    return None if 0 in squares else both / math.sqrt(squares[0] * squares[1])
