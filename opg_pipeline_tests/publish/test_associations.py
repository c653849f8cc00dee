"""Pairs of measures: what moved together is said so, what did not is not, and no word names a cause."""

from __future__ import annotations

import json
import random
import re
from datetime import date
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
import yaml

from opg_pipeline.model.catalog import Catalog, load_catalog, shipped_catalog
from opg_pipeline.model.pack import Association
from opg_pipeline.model.packs import Pair
from opg_pipeline.publish import mart_metadata, rebuild_measures
from opg_pipeline.publish.associations import LABELS, changes, corrected_for_many, correlate, label

from .world import AS_OF, D1, World, app, catalog, category, measure

CAUSES = re.compile(
    r"\b(caus\w*|because|effect\w*|affect\w*|leads? to|led to|impact\w*|due to|drives?|driven|result\w*|influenc\w*|explain\w*|reduc\w+|increases?)\b",
    re.IGNORECASE,
)


def test_no_label_names_a_cause() -> None:
    table = mart_metadata().tables["mart.association"]
    texts = [*LABELS, *LABELS.values(), str(table.comment).replace("why", "")]
    texts += [str(column.comment) for column in table.columns if column.name != "label"]
    assert [text for text in texts if CAUSES.search(text)] == []
    assert CAUSES.search("rain causes requests"), "the test can fail"


@pytest.mark.parametrize("pair", load_catalog().pairs, ids=lambda pair: f"{pair.association.a}-{pair.association.b}")
def test_no_shipped_pair_is_put_as_a_cause(pair: Pair) -> None:
    told = [pair.association.context, *pair.association.confounders]
    assert [text for text in told if CAUSES.search(text)] == []


def walk(chance: random.Random, steps: int = 36) -> list[float]:
    return list(accumulate(chance.gauss(0, 1) for _ in range(steps)))


def differences(values: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(values)]


def test_random_walks_are_rarely_taken_for_an_association() -> None:
    """One family of forty pairs is compared, two hundred times over; a family with any finding is a false alarm."""
    alarms = 0
    for seed in range(200):
        chance = random.Random(seed)
        found = [correlate(differences(walk(chance)), differences(walk(chance))) for _ in range(40)]
        known = [item for item in found if item is not None]
        assert len(known) == 40
        p = corrected_for_many([item.p for item in known])
        alarms += any(label(item, value).startswith("moved") for item, value in zip(known, p, strict=True))
    assert alarms <= 10


@pytest.mark.parametrize(("sign", "told"), [(1, "moved together"), (-1, "moved oppositely")])
def test_an_association_among_many_pairs_is_found(sign: int, told: str) -> None:
    chance = random.Random(7)
    first = [chance.gauss(0, 1) for _ in range(35)]
    second = [sign * value + chance.gauss(0, 0.5) for value in first]
    planted = correlate(first, second)
    others = [correlate(differences(walk(chance)), differences(walk(chance))) for _ in range(39)]
    p = corrected_for_many([item.p for item in (planted, *others) if item is not None])
    assert planted is not None
    assert label(planted, p[0]) == told
    assert planted.low < planted.rho < planted.high
    assert planted.low * planted.high > 0


def test_ranks_not_sizes_count_and_ties_share_theirs() -> None:
    first = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
    known = correlate(first, [value**9 for value in first])
    assert known is not None
    assert known.rho == pytest.approx(1.0)
    tied = correlate(first, [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0])
    assert tied is not None
    assert tied.rho == pytest.approx(0.9847, abs=1e-3)
    assert correlate(first, [3.0] * 10) is None, "what does not move has no rank"
    assert correlate(first[:9], first[:9]) is None, "too few"


def test_correction_by_hand() -> None:
    """Three probabilities: times 3 x (1 + 1/2 + 1/3) / rank, and never less than a smaller one's."""
    factor = 3 * (1 + 1 / 2 + 1 / 3)
    assert corrected_for_many([0.03, 0.001, 0.02]) == pytest.approx(
        [min(1, 0.03 * factor / 3), 0.001 * factor, 0.02 * factor / 2]
    )
    assert corrected_for_many([]) == []


def test_a_lag_takes_the_second_later_and_a_gap_is_no_change() -> None:
    months = [date(2026, month, 1) for month in range(1, 7)]
    first = {month: float(place) for place, month in enumerate(months)}
    second = {month: float(place**2) for place, month in enumerate(months) if month.month != 3}
    assert changes(first, second, months, 0) == ([1.0, 1.0, 1.0], [1.0, 7.0, 9.0])
    assert changes(first, second, months, 1) == ([1.0, 1.0], [7.0, 9.0])


def test_the_table_says_it_with_context_and_without_provisional_periods(world: World) -> None:
    world.build("visit")
    chance = random.Random(1)
    for month in range(14):
        size = chance.randint(10, 60)
        day = date(2025 + month // 12, month % 12 + 1, 5)
        world.crowd(D1, size, event_on=day, status="closed" if size % 2 else "open", level=size)
        world.crowd(None, 100 - size, event_on=day, urgent=True)
    declared = catalog(
        [
            category(
                measure("calm", "count", where={"urgent": [False]}),
                measure("urgent", "count", where={"urgent": [True]}),
                measure("visits", "count"),
            )
        ],
        [app("one")],
    )
    pair = {"context": "They share the same hundred visits.", "confounders": ["the counter's size"]}
    asked = [
        Pair("", Association.model_validate({"a": "visit.calm", "b": "visit.urgent", **pair})),
        Pair("demo", Association.model_validate({"a": "visit.calm", "b": "visit.visits", **pair})),
    ]
    with world.engine.begin() as connection:
        rebuild_measures(connection, Catalog(declared.categories, declared.cities, (), (), tuple(asked)), as_of=AS_OF)
    rows = {row["measure_b"]: row for row in world.read("association")}
    opposite, still = rows["visit.urgent"], rows["visit.visits"]
    assert (opposite["label"], opposite["n"], opposite["pairs_compared"]) == ("moved oppositely", 13, 2)
    assert opposite["rho"] == pytest.approx(-1.0)
    assert json.loads(opposite["confounders"]) == ["the counter's size"]
    assert (still["label"], still["rho"], still["pack_id"]) == ("too few periods", None, "demo")


def test_the_shipped_pairs_are_read() -> None:
    text = (Path(shipped_catalog()) / "associations.yaml").read_text(encoding="utf-8")
    assert len(load_catalog().pairs) == len(yaml.safe_load(text)["associations"])
