"""A city to run against: eighty unlike services that tell one ledger of what happened.

Nothing of the pipeline belongs here. The names below are loaded when first used, so that importing
the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opg_pipeline.sandbox.ledger import Ledger
    from opg_pipeline.sandbox.server import create_app, credentials, serve

_HOMES = {"Ledger": "ledger", "credentials": "server", "create_app": "server", "serve": "server"}

__all__ = ["Ledger", "create_app", "credentials", "serve"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
