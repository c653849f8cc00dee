"""Hidden cells stay hidden from someone who subtracts, and who knows the threshold and the order of hiding."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opg_pipeline.publish import rebuild_measures
from opg_pipeline.publish.suppress import Counts, Decision, Reason, suppress

from .world import AS_OF, D1, D2, D3, World, app, catalog, category, measure


@pytest.mark.parametrize(
    ("total", "districts", "hidden", "total_hidden", "share_hidden"),
    [
        pytest.param(30, {"a": 10, "b": 20}, {}, "", False, id="nothing small"),
        pytest.param(
            4, {"a": 1, "b": 3}, {"a": "primary", "b": "primary"}, "primary", True, id="the total is small itself"
        ),
        pytest.param(
            33,
            {"a": 3, "b": 10, "c": 20},
            {"a": "primary", "b": "complementary"},
            "",
            False,
            id="a single one takes the next with it",
        ),
        pytest.param(
            31,
            {"a": 1, "b": 2, "c": 8, "d": 20},
            {"a": "primary", "b": "primary", "c": "complementary"},
            "",
            False,
            id="two that are few together",
        ),
        pytest.param(
            27,
            {"a": 3, "b": 4, "c": 20},
            {"a": "primary", "b": "primary", "c": "complementary"},
            "",
            False,
            id="3 + 4 leaves 3 and 4 alone",
        ),
        pytest.param(
            28,
            {"a": 4, "b": 4, "c": 20},
            {"a": "primary", "b": "primary", "c": "complementary"},
            "",
            False,
            id="4 + 4 has one solution below 5",
        ),
        pytest.param(
            34,
            {"a": 1, "b": 5, "c": 8, "d": 20},
            {"a": "primary", "b": "complementary", "c": "complementary"},
            "",
            False,
            id="6 = 1 + at least 5",
        ),
        pytest.param(53, {"a": 3}, {"a": "primary"}, "", True, id="alone beside records without a district"),
        pytest.param(3 + 50, {"a": 3, "b": 50}, {"a": "primary", "b": "complementary"}, "", False, id="two districts"),
        pytest.param(6, {"a": 1, "b": 5}, {"a": "primary"}, "complementary", True, id="only the total is left to hide"),
    ],
)
def test_by_hand(
    total: int, districts: dict[str, int], hidden: dict[str, Reason], total_hidden: Reason, share_hidden: bool
) -> None:
    assert suppress(Counts(total, districts), 5) == Decision(
        total_hidden, {code: hidden.get(code, "") for code in districts}, share_hidden
    )


def test_ties_are_broken_by_code() -> None:
    assert suppress(Counts(41, {"c": 20, "b": 20, "a": 1}), 5).districts == {
        "a": "primary",
        "b": "complementary",
        "c": "",
    }


def test_a_cell_of_one_is_published_where_one_is_enough() -> None:
    assert suppress(Counts(1, {"a": 1}), 1) == Decision("", {"a": ""}, False)


def sums(ranges: list[range]) -> set[int]:
    found = {0}
    for one in ranges:
        found = {known + value for known in found for value in one}
    return found


def feasible(total: int, districts: dict[str, int], min_cell: int, decision: Decision) -> dict[str, set[int]]:
    """What each small cell may be, for someone who sees everything that is published."""
    published = [districts[code] for code, reason in decision.districts.items() if not reason]
    rest = total - sum(districts.values())
    ranges = {
        code: range(1, min_cell) if reason == "primary" else range(min_cell, min([*published, total]) + 1)
        for code, reason in decision.districts.items()
        if reason
    }
    found = {}
    for code, mine in ranges.items():
        others = sums([one for other, one in ranges.items() if other != code])
        if decision.total:
            found[code] = set(mine)
            continue
        left = total - sum(published) - (0 if decision.hide_share else rest)
        found[code] = {
            n
            for n in mine
            if any(n + other <= left - 1 if decision.hide_share else n + other == left for other in others)
        }
    return {code: values for code, values in found.items() if decision.districts[code] == "primary"}


@settings(max_examples=1500, deadline=None)
@given(st.lists(st.integers(1, 14), min_size=1, max_size=6), st.integers(0, 6), st.integers(3, 6))
def test_no_small_cell_can_be_found_by_subtraction(counts: list[int], rest: int, min_cell: int) -> None:
    districts = {f"d{number}": n for number, n in enumerate(counts)}
    total = sum(counts) + rest
    decision = suppress(Counts(total, districts), min_cell)
    for code, n in districts.items():
        assert (decision.districts[code] == "primary") == (n < min_cell)
    for code, values in feasible(total, districts, min_cell, decision).items():
        assert districts[code] in values, "the attack is sound"
        assert values == set(range(1, min_cell)), (
            f"{code} must be {values}: {districts} + {rest} of {total}, {decision}"
        )
    if not decision.total and any(decision.districts.values()):
        hidden = [districts[code] for code, reason in decision.districts.items() if reason]
        assert sum(hidden) + (rest if decision.hide_share else 0) >= min_cell


@settings(max_examples=500, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(0, 5))
def test_a_total_is_hidden_only_when_nothing_else_helps(counts: list[int], rest: int) -> None:
    districts = {f"d{number}": n for number, n in enumerate(counts)}
    total = sum(counts) + rest
    if suppress(Counts(total, districts), 5).total != "complementary":
        return
    small: dict[str, Reason] = {code: "primary" for code, n in districts.items() if n < 5}
    large = sorted((code for code, n in districts.items() if n >= 5), key=lambda code: (districts[code], code))
    for size in range(len(large) + 1):
        extra: dict[str, Reason] = {code: "complementary" for code in large[:size]}
        reasons = small | extra
        tried = Decision("", {code: reasons.get(code, "") for code in districts}, False)
        exposed = min(len(values) for values in feasible(total, districts, 5, tried).values()) < 4
        assert exposed or sum(districts[code] for code in reasons) < 5, f"{reasons} would have done"


def test_the_mart_hides_numbers_and_what_tells_of_them(world: World) -> None:
    """Districts 3 + 40 + 60, ten records without a region: the second district goes with the first."""
    world.build("visit")
    for place, count in ((D1, 3), (D2, 40), (D3, 60), (None, 10)):
        world.crowd(place, count, level=7)
    world.crowd(D1, 4, event_on=date(2026, 2, 1), level=7)
    world.crowd(None, 20, event_on=date(2026, 2, 1), level=7)
    world.fresh("one")
    declared = catalog(
        [
            category(
                measure("visits", "count", min_cell=5), measure("size", "mean", value={"field": "level"}, min_cell=5)
            )
        ],
        [app("one")],
    )
    with world.engine.begin() as connection:
        report = rebuild_measures(connection, declared, as_of=AS_OF)
    rows = {(row["measure_id"], row["period_start"].month, row["region_code"]): row for row in world.read("measure")}
    for name in ("visits", "size"):
        hidden = {key[2]: row["suppressed"] for key, row in rows.items() if key[:2] == (name, 1)}
        assert hidden == {"35.22": False, D1: True, D2: True, D3: False}
        for row in rows.values():
            if row["suppressed"]:
                assert [row[key] for key in ("n", "value", "median", "p10", "p90")] == [None] * 5
                assert "SMALL_N" not in row["caveats"], "it would tell whether n is below 30"
        assert rows[(name, 1, "35.22")]["n"] == 113
        assert rows[(name, 1, D3)]["n"] == 60
        assert rows[(name, 1, D3)]["share_without_region"] == pytest.approx(10 / 113)
        assert rows[(name, 2, "35.22")]["n"] == 24
        assert {rows[(name, 2, code)]["share_without_region"] for code in ("35.22", D1)} == {None}, (
            "24 less 20 would be the district"
        )
    assert report.suppressed == 6
