"""When a broken source is left alone: a state machine that knows neither clock nor storage; the caller keeps the state.

Closed: pulls go out, and those that fail one after the other are counted. Open: after `failures` of them the source is not
asked for `pause`. Half open: then one pull may try (`half_open`), best without retries; where it fails the pause doubles, up to
a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from opg_pipeline.model.base import duration_seconds
from opg_pipeline.model.handover import Outcome
from opg_pipeline.model.source import Breaker

DOWN = frozenset({Outcome.UNREACHABLE, Outcome.SERVER_ERROR, Outcome.RATE_LIMITED, Outcome.TIMED_OUT})
"""Outcomes that speak of a source that is down or overloaded: leaving it alone helps."""
SILENT = frozenset(
    {Outcome.MISSING_SECRET, Outcome.CIRCUIT_OPEN, Outcome.PUT_OFF, Outcome.INTERNAL_ERROR, Outcome.MALFORMED}
)
"""Outcomes that say nothing about it: it was not asked, or the fault is ours. MALFORMED is among them because it may be either
a source in trouble (a maintenance page, an answer cut off) or a declaration that no longer fits, which is tried again as soon
as it is corrected. All others are answers of a source that works, and end the count."""
_LONGEST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class BreakerState:
    """How a source has fared over the runs. ``opened_at`` is when the present pause began, ``pauses`` how many ran on end."""

    failures: int = 0
    opened_at: datetime | None = None
    pauses: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "opened_at": self.opened_at.isoformat() if self.opened_at is not None else None}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> BreakerState:
        """The state that :meth:`to_dict` wrote; a mapping without its keys is a source never seen to fail.

        Raises ValueError or TypeError for values that are none.
        """
        opened = stored.get("opened_at")
        return cls(
            int(stored.get("failures", 0)),
            datetime.fromisoformat(opened) if opened is not None else None,
            int(stored.get("pauses", 0)),
        )


def may_try(state: BreakerState, declared: Breaker, now: datetime) -> datetime | None:
    """None where the source may be asked at ``now``; else when the pause ends."""
    if state.opened_at is None:
        return None
    end = _end(state.opened_at, state.pauses, declared)
    return None if now >= end else end


def half_open(state: BreakerState, declared: Breaker, now: datetime) -> bool:
    """Whether a pull at ``now`` is the one try after a pause: to be made alone, and without retries."""
    return state.opened_at is not None and may_try(state, declared, now) is None


def after(state: BreakerState, declared: Breaker, outcome: Outcome, now: datetime) -> BreakerState:
    """The state after a pull that ended at ``now`` with ``outcome``."""
    if outcome in SILENT:
        return state
    if outcome not in DOWN:
        return BreakerState()
    failures = state.failures + 1
    if state.opened_at is not None and may_try(state, declared, now) is not None:
        return BreakerState(failures, state.opened_at, state.pauses)  # began before the pause did: no second one
    if state.opened_at is None and failures < declared.failures:
        return BreakerState(failures)
    return BreakerState(failures, now, state.pauses + 1)


def _end(opened_at: datetime, pauses: int, declared: Breaker) -> datetime:
    pause = timedelta(seconds=duration_seconds(declared.pause))
    longest = max(_LONGEST, pause)
    for _ in range(1, pauses):
        pause = min(longest, pause * 2)
        if pause == longest:
            break
    return opened_at + pause
