"""The way of a number: cell, records, pull, raw answer, request, app, line of its declaration. Composition only; no Dagster here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from opg_pipeline.defs.deployment import Deployment, DeploymentError
from opg_pipeline.defs.status import warehouse_exists
from opg_pipeline.defs.warehouse import migrate
from opg_pipeline.lake import DatasetKey
from opg_pipeline.load import WarehouseError
from opg_pipeline.model.catalog import Loader, shipped_catalog
from opg_pipeline.model.yaml_source import read_yaml
from opg_pipeline.publish import PublishError, trace


def trace_measure(
    deployment: Deployment, name: str, region: str | None, period: str | None, limit: int
) -> list[dict[str, Any]]:
    """The cells of a measure, each with its first records and the whole way of each. Raises DeploymentError."""
    _ready(deployment)
    try:
        category, measure = trace.named_measure(deployment.catalog, name)
        with deployment.warehouse() as warehouse:
            migrate(deployment, warehouse)
            with warehouse.engine.connect() as connection:
                city = deployment.city.city.id
                cells = trace.published_cells(connection, city, category, measure, region, period)
                told = []
                for cell in cells:
                    records = trace.counted_records(connection, category, cell, limit)
                    ways = [_way(deployment, record, trace.pull_of(connection, record["lineage_batch_id"], record["raw_sha256"])) for record in records]  # fmt: skip
                    told.append({"cell": cell, "records": ways})
    except (PublishError, WarehouseError) as error:
        raise DeploymentError(str(error)) from None
    if not told:
        raise DeploymentError(
            f"{name} has no cell there. Leave --region and --period out for the newest period of the whole city."
        )
    return told


def trace_record(deployment: Deployment, uid: str) -> dict[str, Any]:
    """The whole way of one record, and the cells that count it. Raises DeploymentError."""
    _ready(deployment)
    try:
        with deployment.warehouse() as warehouse:
            migrate(deployment, warehouse)
            with warehouse.engine.connect() as connection:
                record = trace.core_record(connection, deployment.catalog, uid)
                if record is None:
                    raise DeploymentError(
                        f"No table of core has a record {uid!r}. A record that was refused is in quarantine: opg quarantine list"
                    )
                way = _way(
                    deployment, record, trace.pull_of(connection, record["lineage_batch_id"], record["raw_sha256"])
                )
                return {**way, "cells": trace.cells_of(connection, record)}
    except WarehouseError as error:
        raise DeploymentError(str(error)) from None


def _ready(deployment: Deployment) -> None:
    if not warehouse_exists(deployment):
        raise DeploymentError("There is no warehouse yet. Run `opg run` first.")


def _way(deployment: Deployment, record: dict[str, Any], pull: dict[str, Any]) -> dict[str, Any]:
    """A record with its pull, its raw answer and where its app is declared."""
    city, app, dataset = deployment.city.city.id, record["source_app"], record["source_dataset"]
    folder = DatasetKey(city, app, dataset).folder
    return {
        "record": record,
        **pull,
        "raw": f"raw/{folder}/{record['raw_sha256']}.zst",
        "declared": _declared(deployment, city, app, dataset),
    }


def _declared(deployment: Deployment, city: str, app: str, dataset: str) -> str:
    """File and line of a dataset's declaration; '' where the catalogue no longer has it."""
    folders: list[Path] = [shipped_catalog(), *([deployment.settings.catalog] if deployment.settings.catalog else [])]
    for path in Loader(folders).find(f"cities/{city}/apps/{app}.yaml"):
        source = read_yaml(path)
        for place, item in enumerate(source.data.get("datasets", [])):
            if item.get("id") == dataset:
                return f"{path}:{source.line(('datasets', place))}"
    return ""
