"""The list of the city's services. A module of this package adds its own under `SERVICES`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from opg_pipeline.sandbox import services
from opg_pipeline.sandbox.services.base import Service
from opg_pipeline.sandbox.truth.volumes import VOLUMES

SERVICES: tuple[type[Service], ...] = tuple(
    sorted(
        (
            service
            for module in iter_modules(services.__path__)
            if module.name not in ("base", "register")
            for service in getattr(import_module(f"{services.__name__}.{module.name}"), "SERVICES", ())
        ),
        key=lambda service: list(VOLUMES).index(service.app_id),
    )
)
SECRET_NAMES: tuple[str, ...] = tuple(name for service in SERVICES for name in service.secrets)
