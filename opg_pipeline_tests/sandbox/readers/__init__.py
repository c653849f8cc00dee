"""Reads each service as its vendor page says and gives the text and the record identifiers of each answer.

A module per theme with `READERS`. Assertions belong in the tests.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules

import httpx

Answers = AsyncIterator[tuple[str, list[str]]]
Reader = Callable[[httpx.AsyncClient, Mapping[str, str]], Answers]
"""(client whose base is the city, credentials by name) to (text, identifiers) of every answer needed to read the app whole."""


def readers() -> dict[str, Reader]:
    """The reader of each app."""
    found: dict[str, Reader] = {}
    for module in sorted(iter_modules(__path__), key=lambda entry: entry.name):
        found.update(import_module(f"{__name__}.{module.name}").READERS)
    return found
