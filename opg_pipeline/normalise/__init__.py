"""Normalise: source records and a declaration to standard tables and to what waits. No I/O beyond what is handed in."""

from opg_pipeline.normalise.normaliser import Normalised, Normaliser
from opg_pipeline.normalise.reasons import REASONS
from opg_pipeline.normalise.regions import Candidate, Place, RegionResolver
from opg_pipeline.normalise.tokens import Pseudonymiser
from opg_pipeline.normalise.unplaced import Named, Unplaced, effect, queue, unplaced

__all__ = [
    "REASONS",
    "Candidate",
    "Named",
    "Normalised",
    "Normaliser",
    "Place",
    "Pseudonymiser",
    "RegionResolver",
    "Unplaced",
    "effect",
    "queue",
    "unplaced",
]
