"""The ledger: every true record of the city, drawn when first asked for and the same for the same seed and day.

How records are drawn belongs in `truth`; how they are told, and where the telling is wrong, in `services`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cached_property, lru_cache
from random import Random
from typing import TypeVar

from opg_pipeline.sandbox.truth import field, offices, residents, revenue
from opg_pipeline.sandbox.truth.geography import Geography, geography
from opg_pipeline.sandbox.truth.people import Population
from opg_pipeline.sandbox.truth.records import Record

UNTIL = date(2026, 6, 30)
COUNTS: Mapping[str, int] = {
    "e_pbb": 6000,
    "e_bphtb": 600,
    "si_nduk": 3000,
    "e_puskesmas": 4000,
    "tma_bengawan_solo": 1500,
    "gis_cctv": 1500,
    "ekatalog_v6": 800,
    "portal_berita": 300,
    "sispan_sismon": 300,
    "sapa_bupati": 60,
    "wizztara": 1500,
    "damkar": 150,
}
R = TypeVar("R", bound=Record)


class Ledger:
    """What truly happened in the twelve months up to `until`."""

    def __init__(self, seed: int = 1, until: date = UNTIL) -> None:
        self.seed = seed
        self.until = until
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

    def records(self, app: str) -> tuple[Record, ...]:
        """The true records of one app, in the order in which they happened."""
        if app not in self._records:
            self._records[app] = tuple(self._draw(app))
        return self._records[app]

    def of(self, app: str, kind: type[R]) -> list[R]:
        """The same, known to be of one kind."""
        return [record for record in self.records(app) if isinstance(record, kind)]

    def _draw(self, app: str) -> Sequence[Record]:
        rng, until, n = self.rng(app), self.until, COUNTS[app]
        draws: Mapping[str, Callable[[], Sequence[Record]]] = {
            "e_pbb": lambda: revenue.land_tax(rng, until, n, self.places, self.people),
            "e_bphtb": lambda: revenue.land_transfers(rng, until, n, self.places, self.people),
            "si_nduk": lambda: residents.document_cases(rng, until, n, self.places, self.people),
            "e_puskesmas": lambda: residents.clinic_visits(rng, until, n, self.places, self.people),
            "tma_bengawan_solo": lambda: field.water_levels(rng, until, n),
            "gis_cctv": lambda: field.camera_readings(rng, until, n, self.places),
            "ekatalog_v6": lambda: offices.purchases(rng, until, n),
            "portal_berita": lambda: offices.articles(rng, until, n, self.places),
            "sispan_sismon": lambda: offices.checkpoints(rng, until, n),
            "sapa_bupati": lambda: offices.forum_statements(rng, until, n, self.places, self.people),
            "wizztara": lambda: revenue.tax_questions(rng, until, n, self.places, self.people),
            "damkar": lambda: field.callouts(rng, until, n, self.places, self.people),
        }
        return draws[app]()


@lru_cache(maxsize=8)
def shared_ledger(seed: int, until: date) -> Ledger:
    """One ledger per seed and day in a process: records do not change, so every application may read the same."""
    return Ledger(seed, until)
