"""Which cells of one measure and period are hidden so that no small group can be read off or found by subtraction. Pure arithmetic.

What is published is a set of tables that add up: the districts and the records without one make the city; of a share, both sides
do. The attacker sees all of it, knows the threshold, which cells are small and which are hidden along, and that those hidden along
are the next larger ones. A hidden set is safe when this tells no more of a small cell than that it is small: every number from 1
to the threshold less one stays possible (the protection interval). Which periods hide what of each other is decided in protect.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Reason = Literal["", "primary", "complementary"]
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Counts:
    """Records of a city, and by district code; those without a district are in the total alone."""

    total: int
    districts: Mapping[str, int]

    @property
    def rest(self) -> int:
        return self.total - sum(self.districts.values())


@dataclass(frozen=True, slots=True)
class Decision:
    """Why the total and each district are hidden ('' = published), and whether the share without a region is."""

    total: Reason
    districts: dict[str, Reason]
    hide_share: bool


def suppress(records: Counts, min_cell: int, numerator: Mapping[str, int] | None = None, hits: int = 0) -> Decision:
    """Decide for one measure, city and period.

    Args:
        records: only districts with records.
        min_cell: smallest number of records that a published cell rests on.
        numerator: for a share, the records that fit it by district. Each side of a share rests on ``min_cell`` records or on none.
        hits: for a share, the records of the city that fit it.

    Small cells are hidden first, then the next larger districts, then the share without a region, at last the total.
    """
    n = records.districts
    sides = [] if numerator is None else list(_sides(records, Counts(hits, numerator)))

    def small(code: str | None) -> bool:
        parts = [side.total if code is None else side.districts[code] for side in sides]
        whole = records.total if code is None else n[code]
        return whole < min_cell or any(0 < part < min_cell for part in parts)

    primary: dict[str, Reason] = {code: "primary" if small(code) else "" for code in n}
    if small(None):
        return Decision("primary", primary, True)
    if not any(primary.values()):
        return Decision("", primary, False)
    larger = sorted((code for code, reason in primary.items() if not reason), key=lambda code: (n[code], code))
    for hide_rest in (False, True):
        if hide_rest and not records.rest:
            break
        for extra in range(len(larger) + 1) if not hide_rest else [len(larger)]:
            hidden: dict[str, Reason] = primary | dict.fromkeys(larger[:extra], "complementary")
            if _safe(records, sides, hidden, min_cell, hide_rest):
                return Decision("", hidden, hide_rest)
    return Decision("complementary", primary, True)


def _sides(records: Counts, fits: Counts) -> Iterator[Counts]:
    """The records that fit the numerator, and those that do not."""
    yield fits
    yield Counts(
        records.total - fits.total, {code: n - fits.districts.get(code, 0) for code, n in records.districts.items()}
    )


def _safe(
    records: Counts, sides: Sequence[Counts], hidden: Mapping[str, Reason], min_cell: int, hide_rest: bool
) -> bool:
    """Whether the sum of the hidden cells gives none of the small ones away, in any of the tables."""
    n = records.districts
    published = [n[code] for code, reason in hidden.items() if not reason]
    away = [code for code, reason in hidden.items() if reason]
    known = sum(n[code] for code in away) + (records.rest if hide_rest else 0)
    if known < min_cell:
        return False
    ceiling = min([*published, known])
    # A share may be hidden for the sake of a side; of its records no more is known then than that there are some.
    ranges: dict[str | None, Range] = {
        code: (1, min_cell - 1) if n[code] < min_cell else (1 if sides else min_cell, max(ceiling, n[code]))
        for code in away
    }
    if hide_rest:
        ranges[None] = (1, known)
    if not _open(ranges, known, {code for code in away if n[code] < min_cell}, min_cell):
        return False
    for side in sides:
        part: dict[str | None, Range] = {code: (0, n[code]) for code in away}
        total = side.total - sum(side.districts[code] for code in n if code not in away)
        if hide_rest:
            part[None] = (0, records.rest)
        else:
            total -= side.rest  # another measure may tell it
        if not _open(part, total, {code for code in away if 0 < side.districts[code] < min_cell}, min_cell):
            return False
    return True


def _open(ranges: Mapping[str | None, Range], total: int, small: set[str], min_cell: int) -> bool:
    """Whether each small cell may still be anything from 1 to ``min_cell - 1`` that its own range allows, given their sum."""
    lowest, highest = sum(low for low, _ in ranges.values()), sum(high for _, high in ranges.values())
    for code in small:
        low, high = ranges[code]
        least = max(low, total - (highest - high))
        most = min(high, total - (lowest - low))
        if least > max(low, 1) or most < min(high, min_cell - 1):
            return False
    return True
