"""What the measures of one category must hide of each other, so that no hidden cell follows from another measure or another period.

Each measure and period alone is suppress.py's part. Hiding more than that is always safe; so this only adds. A known limit: the
difference of two published counts, one of which is a part of the other, is hidden only where it is a side of a share.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from opg_pipeline.model.category import Measure
from opg_pipeline.publish.suppress import Decision, Reason

Slot = tuple[str, date]
"""City, and first day of the period."""
GRAINS = ("day", "month", "quarter", "year")
WHOLE = ""
"""Stands for the city among the codes of its districts."""


@dataclass(slots=True)
class Shield:
    """What one measure hides. ``reasons``: by slot, the code of a district or WHOLE, and why; ``shares``: slots whose share without a
    region is hidden too."""

    measure: Measure
    reasons: dict[Slot, dict[str, Reason]] = field(default_factory=dict)
    shares: set[Slot] = field(default_factory=set)

    def decide(self, slot: Slot, decision: Decision) -> None:
        """Take over what was decided for a slot on its own."""
        self.reasons[slot] = {WHOLE: decision.total, **decision.districts}
        if decision.hide_share:
            self.shares.add(slot)

    def add(self, slot: Slot, codes: Iterable[str], *, share: bool) -> bool:
        """Hide cells that are published so far. Returns whether there were any."""
        known = self.reasons.get(slot)
        if known is None:
            return False
        fresh = [code for code in codes if known.get(code) == ""]
        known.update(dict.fromkeys(fresh, "complementary"))
        hides_share = share and slot not in self.shares
        if hides_share:
            self.shares.add(slot)
        return bool(fresh) or hides_share

    def hidden(self, slot: Slot) -> set[str]:
        return {code for code, reason in self.reasons.get(slot, {}).items() if reason}


def protect(shields: Sequence[Shield]) -> None:
    """Let the measures of one category hide along what another one of them hides, where one would give the other away.

    - Shares of the same records, and measures of just the records that such a share counts, hide the same cells.
    - A longer period hides the districts that a shorter one within it hides, where both count the same records.
    """
    while any([_same(one, other) for one, other in _alike(shields)] + [_longer(*pair) for pair in _nested(shields)]):
        pass


def records_of(measure: Measure) -> str:
    """Tells apart which records a measure rests on."""
    return _records(measure.where, measure)


def _counted(measure: Measure) -> str:
    """Tells apart which records the numerator of a share counts."""
    both = dict(measure.where)
    for name, values in (measure.numerator or {}).items():
        both[name] = tuple(value for value in values if value in both[name]) if name in both else values
    return _records(both, measure)


def _records(where: dict[str, tuple[object, ...]], measure: Measure) -> str:
    conditions = {name: sorted(map(str, values)) for name, values in where.items()}
    return json.dumps([conditions, measure.value.model_dump() if measure.value else None], sort_keys=True)


def _alike(shields: Sequence[Shield]) -> Iterator[tuple[Shield, Shield]]:
    for one in shields:
        if one.measure.numerator is None:
            continue
        for other in shields:
            if other is one or other.measure.period != one.measure.period:
                continue
            rival = other.measure.numerator is not None and records_of(other.measure) == records_of(one.measure)
            if rival or records_of(other.measure) == _counted(one.measure):
                yield one, other


def _same(one: Shield, other: Shield) -> bool:
    """Let both hide what either hides. Returns whether something was added."""
    changed = False
    for slot in one.reasons.keys() & other.reasons.keys():
        share = slot in one.shares or slot in other.shares
        together = one.hidden(slot) | other.hidden(slot)
        changed |= one.add(slot, together, share=share) | other.add(slot, together, share=share)
    return changed


def _nested(shields: Sequence[Shield]) -> Iterator[tuple[Shield, Shield]]:
    """Pairs of a longer and a shorter period over the same records."""
    for long in shields:
        for short in shields:
            later = GRAINS.index(long.measure.period) > GRAINS.index(short.measure.period)
            if later and _table(long.measure) == _table(short.measure):
                yield long, short


def _table(measure: Measure) -> tuple[str, str]:
    return records_of(measure), _counted(measure) if measure.numerator is not None else ""


def _longer(long: Shield, short: Shield) -> bool:
    changed = False
    for city, start in short.reasons:
        slot = (city, first_day(start, long.measure.period))
        changed |= long.add(slot, short.hidden((city, start)), share=(city, start) in short.shares)
    return changed


def first_day(day: date, grain: str) -> date:
    """First day of the period that a day lies in."""
    if grain == "day":
        return day
    month = {"month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1, "year": 1}[grain]
    return day.replace(month=month, day=1)
