"""Which cells of one measure and period are hidden so that no small group can be read off or found by subtraction. Pure arithmetic.

The city's total is published, and so is the share of records without a region. What is hidden can therefore be known in sum,
and anyone may know the threshold and that the next smallest cells are hidden along. A hidden set is safe when the sum rests on enough records and every small
cell could still hold at least two different numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Reason = Literal["", "primary", "complementary"]


@dataclass(frozen=True, slots=True)
class Decision:
    """Why the total and each district are hidden ('' = published), and whether the share without a region is."""

    total: Reason
    districts: dict[str, Reason]
    hide_share: bool


def suppress(total: int, districts: Mapping[str, int], min_cell: int) -> Decision:
    """Decide for one measure, city and period.

    Args:
        total: records of the city, those without a district included.
        districts: records by district code; only districts with records.
        min_cell: smallest number of records a published cell rests on.

    Small cells are hidden first, then the next larger districts, then the share without a region, at last the total.
    """
    small: dict[str, Reason] = {code: "primary" if n < min_cell else "" for code, n in districts.items()}
    if total < min_cell:
        return Decision("primary", small, True)
    primary = [n for n in districts.values() if n < min_cell]
    if not primary:
        return Decision("", small, False)
    candidates = sorted((n, code) for code, n in districts.items() if n >= min_cell)
    rest = total - sum(districts.values())
    for extra in range(len(candidates) + 1):
        hidden = [n for n, _ in candidates[:extra]]
        ceiling = candidates[extra][0] if extra < len(candidates) else None
        if _safe(primary, hidden, 0, min_cell, ceiling):
            chosen: dict[str, Reason] = {code: "complementary" for _, code in candidates[:extra]}
            return Decision("", small | chosen, False)
    everyone: dict[str, Reason] = {code: "complementary" for _, code in candidates}
    if rest and _safe(primary, [n for n, _ in candidates], rest, min_cell, None):
        return Decision("", small | everyone, True)
    return Decision("complementary", small, True)


def _safe(primary: list[int], hidden: list[int], rest: int, min_cell: int, ceiling: int | None) -> bool:
    """Whether the sum of the hidden cells gives no small cell away.

    ``hidden`` are complementary cells, known to be at least ``min_cell`` and at most ``ceiling`` (the smallest published
    one). ``rest`` are hidden records without a district, 0 where their number is public.
    """
    known_sum = sum(primary) + sum(hidden) + rest
    if len(primary) + len(hidden) + bool(rest) < 2 or known_sum < min_cell:
        return False
    if min_cell <= 2:
        return True
    top = known_sum if ceiling is None else ceiling
    least_others = (len(primary) - 1) + min_cell * len(hidden) + bool(rest)
    most_others = (len(primary) - 1) * (min_cell - 1) + top * len(hidden) + (known_sum if rest else 0)
    low = max(1, known_sum - most_others)
    high = min(min_cell - 1, known_sum - least_others)
    return high > low
