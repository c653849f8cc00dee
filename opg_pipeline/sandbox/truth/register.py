"""The list of draws: how the true records of each app come about. A module of this package adds its own under `DRAWS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from random import Random
from typing import TYPE_CHECKING

from opg_pipeline.sandbox import truth
from opg_pipeline.sandbox.truth.records import Record

if TYPE_CHECKING:
    from opg_pipeline.sandbox.ledger import Ledger

Draw = Callable[["Ledger", Random, int], Sequence[Record]]
"""(ledger, generator of this app alone, number of records) to that many true records, in the order in which they happened."""


def collected() -> Mapping[str, Draw]:
    """Every app's draw, from every module of the package that has `DRAWS`."""
    found: dict[str, Draw] = {}
    for module in iter_modules(truth.__path__):
        found.update(getattr(import_module(f"{truth.__name__}.{module.name}"), "DRAWS", {}))
    return found
