"""`opg privacy`: the seal, the time and the log of payloads. The work is in defs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from opg_pipeline.cli.terminal import Json, fail, out, print_json, settings

app_group = typer.Typer(no_args_is_help=True)


@app_group.command()
def seal(json: Json = False) -> None:
    """Encrypt raw answers and quarantined records that lie open, with OPG_ARCHIVE_KEY; with OPG_ARCHIVE_KEY_OLD also what was sealed with that key."""
    settings()
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.privacy import FORMER_KEY
    from opg_pipeline.defs.privacy import seal as sealed

    try:
        found = sealed(current_deployment())
    except DeploymentError as error:
        fail(str(error), 2)
    failed = sum(item.failed for item in found)
    if json:
        print_json([asdict(item) for item in found])
    else:
        table = Table("Dataset", title="Sealed", title_justify="left")
        for name in ("Raw", "Quarantine", "Sealed before", "No key opens"):
            table.add_column(name, justify="right")
        for item in found:
            numbers = (item.raw, item.quarantine, item.already, item.failed)
            table.add_row(item.dataset, *(f"{n:,}" for n in numbers), style="red" if item.failed else "")
        out.print(table)
    if failed:
        fail(f"{failed:,} files are sealed with another key. Set {FORMER_KEY} to it and seal again.")


@app_group.command()
def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what is over its time.")] = False,
    json: Json = False,
) -> None:
    """Remove raw answers and quarantined records older than `payload_days` of the city or app. What was loaded stays; the purge is noted."""
    settings()
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.privacy import expired
    from opg_pipeline.defs.privacy import purge as purged
    from opg_pipeline.lake import LakeError

    try:
        found = (expired if dry_run else purged)(current_deployment())
    except DeploymentError as error:
        fail(str(error), 2)
    except LakeError as error:
        fail(str(error))
    if json:
        print_json({"removed": not dry_run, "datasets": [asdict(item) for item in found]})
        return
    if not found:
        out.print("Nothing is over its time.")
        return
    table = Table("Dataset", "Pulled before", title="Would be removed" if dry_run else "Removed", title_justify="left")
    for name in ("Slices", "Raw files", "Quarantine files", "Bytes", "Still needed"):
        table.add_column(name, justify="right")
    for item in found:
        numbers = (item.slices, len(item.raw), len(item.quarantine), item.bytes, item.held)
        table.add_row(f"{item.app}/{item.dataset}", f"{item.before:%Y-%m-%d}", *(f"{n:,}" for n in numbers))
    out.print(table)


@app_group.command()
def log(json: Json = False) -> None:
    """Who looked at raw answers and quarantined records, when and why; and what was removed because its time was over."""
    settings()
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.privacy import log as logged

    try:
        looks, purges = logged(current_deployment())
    except DeploymentError as error:
        fail(str(error), 2)
    if json:
        print_json({"accesses": [asdict(item) for item in looks], "purges": [asdict(item) for item in purges]})
        return
    told = [(item.at, item.who, item.what, item.why) for item in looks]
    told += [
        (item.at, item.who, f"removed {item.raw:,} raw files and the payloads of {item.quarantine:,} quarantine files of {item.dataset}", f"pulled before {item.before:%Y-%m-%d}")
        for item in purges
    ]  # fmt: skip
    if not told:
        out.print("Nobody has looked at a payload, and none was removed.")
        return
    table = Table("When", "Who", "What", "Why", title="Looks at payloads, and their end", title_justify="left")
    for at, who, what, why in sorted(told):
        table.add_row(f"{at.astimezone():%Y-%m-%d %H:%M}", who, what, why)
    out.print(table)
