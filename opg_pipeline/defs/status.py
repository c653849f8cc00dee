"""What is known of a deployment without running anything: the last outcome of each dataset. Reads the lake, changes nothing."""

from __future__ import annotations

from opg_pipeline.defs.deployment import Deployment, current_deployment
from opg_pipeline.model.handover import OutcomeRecord


def last_outcomes() -> list[tuple[str, OutcomeRecord | None]]:
    """Every active dataset's name with its newest outcome, or None. Raises DeclarationError, DeploymentError."""
    deployment = current_deployment()
    city = deployment.city.city.id
    newest: dict[str, OutcomeRecord] = {}
    for run_id in deployment.lake.outcome_runs(city):
        for record in deployment.lake.outcomes(city, run_id):
            name = f"{record.city}/{record.app}/{record.dataset}"
            if name not in newest or newest[name].finished_at < record.finished_at:
                newest[name] = record
    return [(ref.name, newest.get(ref.name)) for ref in deployment.datasets()]


def warehouse_exists(deployment: Deployment) -> bool:
    """Whether there is something to read: a server counts as there."""
    if not deployment.settings.warehouse.startswith("duckdb:///"):
        return True
    from pathlib import Path

    return Path(deployment.settings.warehouse.removeprefix("duckdb:///")).is_file()
