"""The warehouse as a whole: what every room declares of it, plans of change, roles. Composition only; no Dagster here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from opg_pipeline.defs.deployment import Deployment, DeploymentError
from opg_pipeline.defs.status import warehouse_exists
from opg_pipeline.load import Plan, View, Warehouse, WarehouseError
from opg_pipeline.publish import (
    PublishError,
    counted_views,
    crosswalk_metadata,
    lineage_metadata,
    mart_metadata,
    mart_views,
    publication_metadata,
)

T = TypeVar("T")


def migrate(deployment: Deployment, warehouse: Warehouse) -> None:
    """Bring the warehouse to what all rooms declare. Raises WarehouseError for what does not only add."""
    tables, views = _declared(deployment)
    warehouse.migrate(*tables, views=views)


def plan(deployment: Deployment, renames: Mapping[str, str]) -> Plan:
    """What differs and does not only add; changes nothing. Raises DeploymentError where it cannot be told."""

    def made(warehouse: Warehouse) -> Plan:
        tables, views = _declared(deployment)
        return warehouse.plan(*tables, views=views, renames=renames)

    return _in(deployment, made)


def apply(deployment: Deployment, text: str) -> list[str]:
    """Carry out a reviewed plan; returns a line per change. Raises DeploymentError, and then nothing was changed."""

    def done(warehouse: Warehouse) -> list[str]:
        tables, views = _declared(deployment)
        return warehouse.apply(text, *tables, views=views)

    return _in(deployment, done)


def roles(deployment: Deployment, *, dry_run: bool) -> list[str]:
    """The SQL of the reading roles, carried out unless ``dry_run``. Raises DeploymentError."""
    return _in(deployment, lambda warehouse: warehouse.roles(dry_run=dry_run))


def _declared(deployment: Deployment) -> tuple[list[Any], list[View]]:
    """The tables that publish declares, as SQLAlchemy's metadata, and its views."""
    try:
        views = [View(*view) for view in (*mart_views(deployment.catalog), *counted_views(deployment.catalog))]
    except PublishError as error:
        raise WarehouseError(str(error)) from None
    return [mart_metadata(), crosswalk_metadata(), publication_metadata(), lineage_metadata()], views


def _in(deployment: Deployment, work: Callable[[Warehouse], T]) -> T:
    if not warehouse_exists(deployment):
        raise DeploymentError("There is no warehouse yet. Run `opg run` first.")
    try:
        with deployment.warehouse() as warehouse:
            return work(warehouse)
    except WarehouseError as error:
        raise DeploymentError(str(error)) from None
