"""`opg status` and `opg export`: what the last runs left."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from opg_pipeline.cli.terminal import Json, fail, out, print_json, settings

if TYPE_CHECKING:
    from opg_pipeline.model.handover import OutcomeRecord


def status(json: Json = False) -> None:
    """How each app fared last time, from the lake; works while a run is going on."""
    from opg_pipeline.defs.deployment import DeploymentError
    from opg_pipeline.defs.status import last_outcomes

    settings()
    try:
        rows = last_outcomes()
    except DeploymentError as error:
        fail(str(error), 2)
    if json:
        print_json([{"dataset": name, "last": asdict(record) if record else None} for name, record in rows])
        return
    table = Table("Dataset", "Last pull", "Outcome", "Message")
    table.add_column("Records", justify="right")
    table.add_column("Quarantined", justify="right")
    for name, record in rows:
        table.add_row(*_status_row(name, record))
    out.print(table)


def _status_row(name: str, record: OutcomeRecord | None) -> tuple[str, ...]:
    if record is None:
        return (name, "never", "", "", "", "")
    when = record.finished_at.astimezone().strftime("%Y-%m-%d %H:%M")
    return (
        name,
        when,
        record.outcome.value.replace("_", " "),
        record.message,
        f"{record.records:,}",
        f"{record.quarantined:,}",
    )


def export(
    to: Annotated[Path | None, typer.Option("--to", help="Folder; default $OPG_HOME/open_data.")] = None,
    json: Json = False,
) -> None:
    """Write the open data: pages in Indonesian and English, CSV, Parquet and method page of every measure, datapackage.json, dcat.jsonld."""
    settings()
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.publish import open_data
    from opg_pipeline.defs.status import warehouse_exists

    try:
        deployment = current_deployment()
        if not warehouse_exists(deployment):
            fail("There is no warehouse yet. Run `opg run` first.")
        with deployment.warehouse() as warehouse:
            files = open_data(deployment, warehouse, to)
    except DeploymentError as error:
        fail(str(error), 2)
    if json:
        print_json({"files": [str(path) for path in files]})
    else:
        for path in files:
            out.print(str(path), highlight=False, markup=False, soft_wrap=True)
