"""The running city that every service shares: its ledger, its keys, its clock, its faults and what was asked of it.

Drawing records and answering requests belong elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import date

from opg_pipeline.sandbox.access import credential
from opg_pipeline.sandbox.doors import Doors
from opg_pipeline.sandbox.faults import Fault
from opg_pipeline.sandbox.ledger import shared_ledger


class City:
    """State of one running sandbox."""

    def __init__(self, seed: int, until: date, scale: float | str = 1.0, secrets: Sequence[str] = ()) -> None:
        self.ledger = shared_ledger(seed, until, scale)
        self.access = {name: credential(name, seed) for name in secrets}
        self.secret_values = frozenset(self.access.values())
        self.doors = Doors(seed)
        self.log: deque[dict[str, object]] = deque(maxlen=20_000)
        self.today = until
        self.faults: dict[str, Fault] = {}
        self._initial: dict[str, Fault] = {}

    def start_with(self, faults: Mapping[str, Fault]) -> None:
        """The faults the city has from the start and after every reset."""
        self._initial = dict(faults)
        self.reset()

    def reset(self) -> None:
        """Back to the state at start."""
        self.today = self.ledger.until
        self.faults = {app: Fault(fault.kind, fault.value, fault.times) for app, fault in self._initial.items()}
        self.log.clear()
        self.doors.forget()

    def take_fault(self, app: str) -> Fault | None:
        """The fault that strikes the next call of an app, if any; counts it where the fault passes after some calls."""
        fault = self.faults.get(app)
        if fault is None or fault.times == 0:
            return None
        if fault.times is not None:
            fault.times -= 1
        return fault
