"""Finds where the whole moved one way and its parts the other (Simpson's paradox), in numbers that are published anyway. Pure arithmetic.

Between two periods a share or mean of the city can rise though it fell in the districts, because the districts' weights moved. The
change is therefore also taken at fixed weights (direct standardisation, after Rothman, Modern Epidemiology): each district weighs what
it has of the records of both periods. Where the two changes have opposite signs and neither is plausibly chance, the number is marked.
Only cells that are not hidden are used, so nothing is told that was not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

LEAST_COVERED = 0.5
"""Share of the records of either period that must lie in parts with published numbers; else there is no verdict."""
SIGNIFICANCE = 0.05
_LEAST_PARTS = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """A mean over records: how many, the mean, and the variance of one record's value."""

    n: int
    mean: float
    variance: float

    @classmethod
    def of_share(cls, n: int, share: float) -> Sample:
        """A share; its variance is taken half a record from 0 and 1 (Agresti and Coull), so that no share is beyond doubt."""
        near = (share * n + 1) / (n + 2)
        return cls(n, share, near * (1 - near))

    @classmethod
    def of_mean(cls, n: int, mean: float, p10: float, p90: float) -> Sample:
        """A mean, its spread by the tenths as if the values were normal: 2.563 standard deviations lie between them."""
        return cls(n, mean, ((p90 - p10) / 2.563) ** 2)


@dataclass(frozen=True, slots=True)
class Change:
    """From one period to the next: of the whole as published, and of the parts at fixed weights; ``p`` that either is chance."""

    whole: float
    parts: float
    p: float
    rising: int
    falling: int
    covered: float


@dataclass(frozen=True, slots=True)
class Period:
    """The whole of one period, and its parts by code."""

    whole: Sample
    parts: Mapping[str, Sample]


def compare(before: Period, after: Period) -> Change | None:
    """The change between two periods; None where too few parts are published to tell."""
    both = sorted(before.parts.keys() & after.parts.keys())
    covered = min(
        sum(period.parts[code].n for code in both) / period.whole.n for period in (before, after) if period.whole.n
    )
    if len(both) < _LEAST_PARTS or covered < LEAST_COVERED:
        return None
    pairs = [(before.parts[code], after.parts[code]) for code in both]
    total = sum(first.n + second.n for first, second in pairs)
    weights = [(first.n + second.n) / total for first, second in pairs]
    moves = [second.mean - first.mean for first, second in pairs]
    standardised = math.fsum(weight * move for weight, move in zip(weights, moves, strict=True))
    doubt = math.fsum(
        weight**2 * (_doubt(first) + _doubt(second)) for weight, (first, second) in zip(weights, pairs, strict=True)
    )
    whole = after.whole.mean - before.whole.mean
    p = max(_chance(whole, _doubt(before.whole) + _doubt(after.whole)), _chance(standardised, doubt))
    rising, falling = sum(move > 0 for move in moves), sum(move < 0 for move in moves)
    return Change(whole, standardised, p, rising, falling, covered)


def reversals(changes: Sequence[Change]) -> Iterator[int]:
    """Places of the changes that are reversals, at a family-wise error of SIGNIFICANCE over all of them (Holm 1979)."""
    order = sorted(range(len(changes)), key=lambda place: changes[place].p)
    for rank, place in enumerate(order):
        change = changes[place]
        if change.p * (len(changes) - rank) > SIGNIFICANCE:
            return
        most = change.rising > change.falling if change.parts > 0 else change.falling > change.rising
        if change.whole * change.parts < 0 and most:
            yield place


def _doubt(sample: Sample) -> float:
    return sample.variance / sample.n


def _chance(difference: float, variance: float) -> float:
    """Two-sided probability of such a difference were there none (z test)."""
    if variance <= 0:
        return 0.0 if difference else 1.0
    return math.erfc(abs(difference) / math.sqrt(2 * variance))
