"""How a thing that changes is told: one row for each state, one after the other. No wire format belongs here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from opg_pipeline.sandbox.truth.village_calendar import History


def told_states(history: History, gone_on: date | None = None) -> Iterator[tuple[date, date | None, str, datetime]]:
    """First day, day it is gone (None: it stands), state, and when it began, for each state of a history; of several
    states of one day the last alone."""
    for number, (state, at) in enumerate(history):
        following = history[number + 1][1].date() if number + 1 < len(history) else gone_on
        if following is None or following > at.date():
            yield at.date(), following, state, at


def state_truth(history: History, state: str, at: datetime) -> dict[str, object]:
    """What is true of a thing while it is in a state that is not its last."""
    if (state, at) == history[-1]:
        return {}
    past = [[known, moment.isoformat()] for known, moment in history if moment <= at]
    return {"status": state, "changed_at": at.isoformat(), "history": past}
