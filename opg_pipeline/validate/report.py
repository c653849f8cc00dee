"""What a validation says: one result per rule, and which records fail which rule. No judging here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.int64]
Kind = Literal["row", "dataset"]
Severity = Literal["quarantine", "warn", "block"]


@dataclass(frozen=True, slots=True)
class RuleResult:
    """How one rule fared.

    ``evaluated`` and ``unexpected`` count records for a row rule, datasets for a dataset rule. ``groups`` names the
    ``app/dataset`` that fail a dataset rule. ``expectation`` is the type of the Great Expectations expectation. A
    non-empty ``error`` says why the rule could not be judged: then ``success`` is false, and nothing is known of the
    records. It never holds a value of a record.
    """

    rule: str
    kind: Kind
    severity: Severity
    description: str
    expectation: str
    success: bool
    evaluated: int
    unexpected: int
    error: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Results of one batch, in the order of the suite. ``failing``: rule id to positions in the table, ascending."""

    category: str
    rows: int
    results: tuple[RuleResult, ...]
    failing: dict[str, Positions] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def quarantined(self) -> Positions:
        """Positions of the records that fail a rule of severity quarantine, ascending, each once."""
        severe = {result.rule for result in self.results if result.severity == "quarantine"}
        found = [positions for rule, positions in self.failing.items() if rule in severe]
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)

    @property
    def blocked(self) -> tuple[RuleResult, ...]:
        """Failed dataset rules of severity block; their ``groups`` are not to be loaded."""
        return tuple(item for item in self.results if item.severity == "block" and not item.success and not item.error)

    @property
    def errors(self) -> tuple[RuleResult, ...]:
        """Rules that could not be judged."""
        return tuple(item for item in self.results if item.error)
