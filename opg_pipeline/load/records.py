"""What goes into the warehouse beside records, and what a merge says it did. Plain data: no SQL, no judging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

QuarantineCounts = Mapping[tuple[str, str, str, str], int]
"""Entries in quarantine by (scope, reason, rule, field). scope is `record` or `value`."""


class WarehouseError(Exception):
    """The warehouse cannot do what was asked. The message is for people: what, where, what to do; never a value of a record."""


@dataclass(frozen=True, slots=True)
class ValidationRow:
    """How one rule of a category fared in one batch. Counts are records for a row rule, datasets for a dataset rule."""

    category: str
    rule: str
    kind: str
    severity: str
    description: str
    success: bool
    evaluated: int
    unexpected: int
    error: str = ""
    groups: tuple[str, ...] = ()
    expectation: str = ""


@dataclass(slots=True)
class SliceCounts:
    """What became of the records of one slice.

    ``rows`` = inserted + updated + unchanged + duplicates. ``duplicates``: rows that a newer row of the same record takes
    the place of. ``revived``: records, already counted as updated or unchanged, that had vanished before. ``vanished``:
    records of the dataset that this slice, being all the source has, no longer holds.
    """

    rows: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    vanished: int = 0
    revived: int = 0


@dataclass(slots=True)
class MergeReport(SliceCounts):
    """Sums over all slices of one merge, and the parts. ``per_slice`` by slice id. ``guarded``: app/dataset to the reason
    why nothing of it was held to have vanished."""

    per_slice: dict[str, SliceCounts] = field(default_factory=dict)
    guarded: dict[str, str] = field(default_factory=dict)

    def add(self, slice_id: str, counts: SliceCounts) -> None:
        """Take the counts of one slice in."""
        self.per_slice[slice_id] = counts
        for name in SliceCounts.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(counts, name))
