"""The Data Docs of a deployment, from what the warehouse says of each category's newest batch. Composition only; no Dagster here."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs.publish import PublishReport
from opg_pipeline.load import ValidationRow, Warehouse, last_validations
from opg_pipeline.validate import Judged, RuleResult, write_data_docs

FOLDER = "data_docs"
"""Below $OPG_HOME."""


def renew_data_docs(deployment: Deployment, warehouse: Warehouse, report: PublishReport) -> Path | None:
    """Write the Data Docs anew and return their index; None where no rule was asked in this publish and they are there."""
    target = deployment.settings.home / FOLDER
    if not any(summary.results for summary in report.categories.values()) and target.exists():
        return None
    said = last_validations(warehouse)
    judged = [
        Judged(category, said[category.id][0], [_result(row) for row in said[category.id][1]])
        for category in deployment.catalog.used_categories
        if category.id in said
    ]
    write_data_docs(target, judged)
    return target / "index.html"


def _result(row: ValidationRow) -> RuleResult:
    return RuleResult(**{item.name: getattr(row, item.name) for item in fields(RuleResult)})
