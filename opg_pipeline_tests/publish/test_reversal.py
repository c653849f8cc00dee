"""Reversals that were planted are found, and noise is not taken for one."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from opg_pipeline.publish.reversal import Change, Period, Sample, compare, reversals

DISTRICTS = [f"35.22.{number:02}" for number in range(1, 13)]
MONTHS = 12


def counted(chance: random.Random, sizes: list[int], shares: list[float]) -> Period:
    """A month of records, each a hit with its district's share."""
    hits = [sum(chance.random() < share for _ in range(size)) for size, share in zip(sizes, shares, strict=True)]
    parts = {code: Sample.of_share(n, x / n) for code, n, x in zip(DISTRICTS, sizes, hits, strict=True)}
    return Period(Sample.of_share(sum(sizes), sum(hits) / sum(sizes)), parts)


def found(periods: list[Period]) -> list[tuple[int, Change]]:
    changes = [compare(before, after) for before, after in pairwise(periods)]
    known = [change for change in changes if change is not None]
    assert len(known) == len(changes)
    return [(place, known[place]) for place in reversals(known)]


@pytest.mark.parametrize("seed", range(20))
def test_a_planted_reversal_is_found(seed: int) -> None:
    """From one month to the next every district gets worse, but the good districts get most of the records."""
    chance = random.Random(seed)
    good = [chance.uniform(0.75, 0.9) for _ in DISTRICTS[:6]]
    poor = [chance.uniform(0.25, 0.4) for _ in DISTRICTS[6:]]
    turn = chance.randrange(1, MONTHS)
    periods = []
    for month in range(MONTHS):
        many, few = chance.randint(350, 450), chance.randint(120, 160)
        sizes = [few] * 6 + [many] * 6 if month < turn else [many] * 6 + [few] * 6
        worse = 0.12 if month >= turn else 0.0
        periods.append(counted(chance, sizes, [share - worse for share in (*good, *poor)]))
    [(place, change)] = found(periods)
    assert place == turn - 1
    assert change.whole > 0 > change.parts
    assert change.falling > change.rising


def test_false_alarms_on_random_panels_are_at_most_one_in_twenty() -> None:
    alarms = 0
    for seed in range(200):
        chance = random.Random(1000 + seed)
        shares = [chance.uniform(0.1, 0.9) for _ in DISTRICTS]
        sizes = [chance.randint(20, 400) for _ in DISTRICTS]
        periods = [
            counted(chance, [max(5, round(size * chance.uniform(0.7, 1.3))) for size in sizes], shares)
            for _ in range(MONTHS)
        ]
        alarms += bool(found(periods))
    assert alarms <= 10


def test_a_mean_reverses_as_a_share_does() -> None:
    def month(sizes: tuple[int, int], means: tuple[float, float]) -> Period:
        parts = {
            code: Sample.of_mean(n, mean, mean - 2, mean + 2) for code, n, mean in zip("ab", sizes, means, strict=True)
        }
        total = sum(sizes)
        whole = sum(n * mean for n, mean in zip(sizes, means, strict=True)) / total
        return Period(Sample.of_mean(total, whole, whole - 8, whole + 8), parts)

    [(_, change)] = found([month((900, 100), (3.0, 20.0)), month((100, 900), (2.0, 18.0))])
    assert (change.rising, change.falling) == (0, 2)
    assert change.whole == pytest.approx(16.4 - 4.7)
    assert change.parts == pytest.approx(-1.5)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # Every part and the whole fell: no reversal.
        ({"a": (400, 0.8), "b": (400, 0.4)}, {"a": (400, 0.6), "b": (400, 0.2)}),
        # Parts moved against each other and cancel out.
        ({"a": (400, 0.5), "b": (400, 0.5)}, {"a": (400, 0.7), "b": (400, 0.3)}),
        # A reversal in ten records is chance.
        ({"a": (8, 0.9), "b": (2, 0.3)}, {"a": (2, 1.0), "b": (8, 0.4)}),
    ],
)
def test_what_is_no_reversal(before: dict[str, tuple[int, float]], after: dict[str, tuple[int, float]]) -> None:
    def period(told: dict[str, tuple[int, float]]) -> Period:
        n = sum(size for size, _ in told.values())
        hits = sum(size * share for size, share in told.values())
        parts = {code: Sample.of_share(size, share) for code, (size, share) in told.items()}
        return Period(Sample.of_share(n, hits / n), parts)

    assert found([period(before), period(after)]) == []


def test_no_verdict_where_most_of_the_records_lie_in_hidden_parts() -> None:
    whole = Sample.of_share(1000, 0.5)
    shown = {"a": Sample.of_share(200, 0.5), "b": Sample.of_share(200, 0.5)}
    assert compare(Period(whole, shown), Period(whole, shown)) is None
    assert compare(Period(whole, {"a": whole}), Period(whole, {"a": whole})) is None
