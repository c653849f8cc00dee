"""The ledger: every true record of the city, drawn when first asked for and the same for the same seed, day and scale.

How records are drawn belongs in `truth`; how they are told, and where the telling is wrong, in `services`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property, lru_cache
from random import Random
from typing import TypeVar

from opg_pipeline.sandbox.truth.geography import Geography, geography
from opg_pipeline.sandbox.truth.people import Population
from opg_pipeline.sandbox.truth.records import Record
from opg_pipeline.sandbox.truth.register import collected
from opg_pipeline.sandbox.truth.volumes import VOLUMES

UNTIL = date(2026, 6, 30)
MONTHLY = "monthly"
"""The scale at which every app holds what its real counterpart is thought to gain in a month."""
R = TypeVar("R", bound=Record)


class Ledger:
    """What truly happened in the twelve months up to `until`. `scale` multiplies the number of records, or is MONTHLY."""

    def __init__(self, seed: int = 1, until: date = UNTIL, scale: float | str = 1.0) -> None:
        self.seed = seed
        self.until = until
        self.scale = scale
        self._records: dict[str, tuple[Record, ...]] = {}

    @cached_property
    def places(self) -> Geography:
        return geography()

    @cached_property
    def people(self) -> Population:
        return Population(self.rng("people"), self.places, self.until)

    def rng(self, *topic: str) -> Random:
        """A generator of its own for each topic, so that one app's draws never move another's."""
        return Random(":".join((str(self.seed), *topic)))

    def count(self, app: str) -> int:
        """How many true records the app has at this scale."""
        default, monthly = VOLUMES[app]
        return monthly if self.scale == MONTHLY else max(1, round(default * float(self.scale)))

    def records(self, app: str) -> tuple[Record, ...]:
        """The true records of one app, in the order in which they happened."""
        if app not in self._records:
            self._records[app] = tuple(self._draw(app))
        return self._records[app]

    def of(self, app: str, kind: type[R]) -> list[R]:
        """The same, known to be of one kind."""
        return [record for record in self.records(app) if isinstance(record, kind)]

    def _draw(self, app: str) -> Sequence[Record]:
        return _draws()[app](self, self.rng(app), self.count(app))


_draws = lru_cache(maxsize=1)(collected)


@lru_cache(maxsize=8)
def shared_ledger(seed: int, until: date, scale: float | str = 1.0) -> Ledger:
    """One ledger per seed, day and scale in a process: records do not change, so every application may read the same."""
    return Ledger(seed, until, scale)
