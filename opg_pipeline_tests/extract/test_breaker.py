"""When a broken source is left alone, and when it is asked again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from opg_pipeline.extract.breaker import DOWN, SILENT, BreakerState, after, half_open, may_try
from opg_pipeline.model.handover import Outcome
from opg_pipeline.model.source import Breaker

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DECLARED = Breaker(failures=3, pause="1h")
BAD = Outcome.SERVER_ERROR


def after_all(outcomes: list[Outcome], state: BreakerState | None = None) -> BreakerState:
    state = state or BreakerState()
    for outcome in outcomes:
        state = after(state, DECLARED, outcome, NOW)
    return state


@pytest.mark.parametrize("outcome", list(Outcome))
def test_what_each_outcome_says(outcome: Outcome) -> None:
    state = after(BreakerState(failures=1), DECLARED, outcome, NOW)
    assert state.failures == (2 if outcome in DOWN else 1 if outcome in SILENT else 0)


def test_sorts_of_outcomes() -> None:
    assert not DOWN & SILENT
    assert {Outcome.UNREACHABLE, Outcome.SERVER_ERROR, Outcome.RATE_LIMITED, Outcome.TIMED_OUT} == DOWN
    assert not any(outcome.good for outcome in DOWN)
    assert Outcome.AUTH_FAILED not in DOWN | SILENT


@pytest.mark.parametrize(
    ("outcomes", "failures", "is_open"),
    [
        ([], 0, False), ([BAD, BAD], 2, False), ([BAD, BAD, BAD], 3, True), ([BAD, Outcome.NEW_RECORDS, BAD, BAD], 2, False),
        ([BAD, Outcome.NOT_MODIFIED], 0, False), ([BAD, BAD, Outcome.AUTH_FAILED, BAD], 1, False),
        ([BAD, BAD, Outcome.MISSING_SECRET, Outcome.MALFORMED, Outcome.TIMED_OUT], 3, True),
    ],
)  # fmt: skip
def test_failures_on_end_open_it(outcomes: list[Outcome], failures: int, is_open: bool) -> None:
    state = after_all(outcomes)
    assert state.failures == failures
    assert (may_try(state, DECLARED, NOW) is not None) == is_open


def test_pause_then_one_try() -> None:
    state = after_all([BAD] * 3)
    end = NOW + timedelta(hours=1)
    assert may_try(state, DECLARED, NOW) == end
    assert may_try(state, DECLARED, end - timedelta(seconds=1)) == end
    assert not half_open(state, DECLARED, NOW)
    assert may_try(state, DECLARED, end) is None
    assert half_open(state, DECLARED, end)
    assert after(state, DECLARED, Outcome.NEW_RECORDS, end) == BreakerState()
    assert not half_open(BreakerState(), DECLARED, end)
    assert after(state, DECLARED, Outcome.MALFORMED, end) == state, "says nothing: the next pull tries again"


def test_pause_doubles_up_to_a_day() -> None:
    state, now, hours = after_all([BAD] * 3), NOW, []
    for _ in range(8):
        end = may_try(state, DECLARED, now)
        assert end is not None
        hours.append((end - now) // timedelta(hours=1))
        now = end
        state = after(state, DECLARED, BAD, now)
    assert hours == [1, 2, 4, 8, 16, 24, 24, 24]


def test_pause_that_is_longer_than_a_day_stays() -> None:
    declared = Breaker(failures=1, pause="3d")
    state = after(after(BreakerState(), declared, BAD, NOW), declared, BAD, NOW + timedelta(days=3))
    assert may_try(state, declared, NOW + timedelta(days=3)) == NOW + timedelta(days=6)


def test_pulls_that_began_before_the_pause_do_not_lengthen_it() -> None:
    """The datasets of an app are pulled at the same time, and fail at the same time."""
    state = after_all([BAD] * 6)
    assert state == BreakerState(6, NOW, 1)
    assert after(state, DECLARED, Outcome.NEW_RECORDS, NOW) == BreakerState()


def test_state_is_stored_as_plain_values() -> None:
    for state in (BreakerState(), BreakerState(7, NOW, 2)):
        assert BreakerState.from_dict(json.loads(json.dumps(state.to_dict()))) == state
    assert BreakerState.from_dict({}) == BreakerState()
    with pytest.raises(ValueError, match="isoformat"):
        BreakerState.from_dict({"opened_at": "yesterday"})
