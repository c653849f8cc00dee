"""`opg replay`: what was loaded, made again from the archived answers. The work is in defs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from opg_pipeline.cli.terminal import Json, fail, out, print_json, settings

if TYPE_CHECKING:
    from opg_pipeline.defs.restore import Restoration

Apps = Annotated[list[str] | None, typer.Option("--app", help="Only this app; may be given several times.")]
Datasets = Annotated[
    list[str] | None, typer.Option("--dataset", help="Only this dataset of the apps; may be given several times.")
]
Since = Annotated[
    str | None, typer.Option("--since", help="Only what was pulled from this date or time on (ISO 8601).")
]
Until = Annotated[
    str | None, typer.Option("--until", help="Only what was pulled up to here, a date with all of its day.")
]


def replay(
    apps: Apps = None,
    datasets: Datasets = None,
    since: Since = None,
    until: Until = None,
    into: Annotated[
        str | None,
        typer.Option(
            "--into", help="Rebuild core in this new warehouse (SQLAlchemy URL) and keep it; else aside, removed after."
        ),
    ] = None,
    load: Annotated[
        bool, typer.Option("--load", help="Put what differs in place of what was loaded, and publish.")
    ] = False,
    json: Json = False,
) -> None:
    """Make standard and core again from the archived answers, without the network, and tell whether they are what was loaded."""
    settings()
    from opg_pipeline.defs.deployment import DeploymentError
    from opg_pipeline.defs.repair import run_replay
    from opg_pipeline.defs.replay import Chosen

    try:
        found, good = run_replay(Chosen(tuple(apps or ()), tuple(datasets or ()), since, until), into=into, load=load)
    except DeploymentError as error:
        fail(str(error), 2)
    if json:
        print_json({**asdict(found), "told": found.told, "good": good})
    else:
        _show(found)
    raise typer.Exit(0 if good else 1)


def _show(found: Restoration) -> None:
    table = Table("Dataset", "Slice", "Standard", title="Made again from raw", title_justify="left")
    for name in ("Records", "Waiting"):
        table.add_column(name, justify="right")
    table.add_column("Digest")
    for item in found.slices:
        verdict = f"{item.verdict}, declared otherwise since" if item.redeclared else item.verdict
        table.add_row(
            f"{item.app}/{item.dataset}", item.slice_id, verdict, _changed(item.records_before, item.records),
            _changed(item.waiting_before, item.waiting), item.after[:12], style="" if item.verdict == "equal" else "yellow",
        )  # fmt: skip
    out.print(table)
    for item in found.slices:
        name = f"{item.app}/{item.dataset} {item.slice_id}"
        if item.message:
            _say(f"{name} cannot be made again: {item.message.rstrip('.')}. Fix: {item.hint}", "red")
        for part in item.differences:
            _say(
                f"{name}: {part.where} differs in {part.column}, {part.records:,} records, such as {', '.join(part.examples)}"
            )
    for core in found.core:
        told = f"core.{core.category} of {core.app}/{core.dataset}: {core.verdict.replace('_', ' ')}, {core.records:,} records"
        _say(f"{told}{': ' + core.message if core.message else ''}", "" if core.verdict == "equal" else "yellow")
        for part in core.differences:
            _say(f"  differs in {part.column}, {part.records:,} records, such as {', '.join(part.examples)}")
    _say(found.told)
    if any(item.verdict == "differs" for item in found.slices) and not found.loaded:
        _say("Nothing that was loaded was changed. `opg replay --load` puts what differs in its place.")


def _changed(before: int, after: int) -> str:
    return f"{after:,}" if before == after else f"{before:,} -> {after:,}"


def _say(text: str, style: str = "") -> None:
    out.print(text, style=style, highlight=False, markup=False, soft_wrap=True)
