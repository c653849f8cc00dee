"""`opg quarantine`: what waits, why, and what becomes of it. The work is in defs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal, cast

import orjson
import typer
from rich.table import Table

from opg_pipeline.cli.replay import Apps, Datasets, Since, Until
from opg_pipeline.cli.terminal import Json, fail, out, print_json, settings

if TYPE_CHECKING:
    from opg_pipeline.defs.quarantine import Entry, State

app_group = typer.Typer(no_args_is_help=True)
Reasons = Annotated[
    list[str] | None, typer.Option("--reason", help="Only refusals with this reason; may be given several times.")
]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ENTRY]...", help="Ids of entries, as `list` shows them.")]
Why = Annotated[str, typer.Option("--why", help="The reason; it is kept with the decision.")]


def _entries(
    apps: list[str] | None, datasets: list[str] | None, reasons: list[str] | None, since: str | None, until: str | None,
    *, ids: Sequence[str] = (), states: tuple[State, ...] = ("open",),
) -> list[Entry]:  # fmt: skip
    settings()
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.quarantine import Filter, entries
    from opg_pipeline.defs.replay import Chosen

    chosen = Chosen(tuple(apps or ()), tuple(datasets or ()), since, until)
    try:
        chosen.check(current_deployment())
        return entries(current_deployment(), Filter(chosen, tuple(reasons or ()), tuple(ids), states))
    except DeploymentError as error:
        fail(str(error), 2)


@app_group.command(name="list")
def list_(
    apps: Apps = None,
    datasets: Datasets = None,
    reasons: Reasons = None,
    since: Since = None,
    until: Until = None,
    state: Annotated[str, typer.Option("--state", help="open, dismissed or repaired.")] = "open",
    all_: Annotated[bool, typer.Option("--all", help="In every state.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Most entries shown in the table.")] = 50,
    json: Json = False,
) -> None:
    """What waits: by cause, and one by one. No value of a record is shown, only its shape."""
    if state not in {"open", "dismissed", "repaired"}:
        fail(f"There is no state {state!r}. Known: open, dismissed, repaired.", 2)
    found = _entries(apps, datasets, reasons, since, until, states=() if all_ else (cast("State", state),))
    if json:
        print_json([asdict(entry) for entry in found])
        return
    if not found:
        out.print("Nothing waits.")
        return
    from opg_pipeline.defs.quarantine import counts

    causes = Table("Dataset", "Scope", "Reason", "Rule", "Field", title="By cause", title_justify="left")
    for name in ("Open", "Dismissed", "Repaired"):
        causes.add_column(name, justify="right")
    for row in counts(found):
        causes.add_row(
            f"{row['app']}/{row['dataset']}", row["scope"], row["reason"], row["rule"], row["field"],
            *(f"{row[name]:,}" for name in ("open", "dismissed", "repaired")),
        )  # fmt: skip
    out.print(causes)
    table = Table("Entry", "Dataset", "Pulled", "Reason", "Field", "Looks like", "State")
    for entry in found[:limit]:
        table.add_row(
            entry.id, f"{entry.app}/{entry.dataset}", f"{entry.at.astimezone():%Y-%m-%d %H:%M}", entry.reason, entry.field,
            entry.value_class, f"{entry.state}: {entry.decided}" if entry.decided else entry.state,
        )  # fmt: skip
    out.print(table)
    if len(found) > limit:
        out.print(f"{len(found) - limit:,} more: raise --limit, or use --json.", highlight=False)


@app_group.command()
def show(
    entry: Annotated[str, typer.Argument(metavar="ENTRY", help="Id of the entry, as `list` shows it.")],
    why: Annotated[
        str, typer.Option("--why", help="Show the source record too; the look is noted with this reason.")
    ] = "",
    json: Json = False,
) -> None:
    """One entry: what was refused, where it came from and, with --why, the source record itself, where OPG_ARCHIVE_KEY opens it."""
    found = _entries(None, None, None, None, None, ids=(entry,), states=())[0]
    told = {**asdict(found), "payload": f"{found.file}#{found.row}"}
    if why.strip():
        from opg_pipeline.defs.deployment import current_deployment
        from opg_pipeline.defs.quarantine import record_of
        from opg_pipeline.lake import LakeError

        try:
            told["record"] = record_of(current_deployment(), found, why.strip())
        except LakeError as error:
            fail(str(error))
    if json:
        print_json(told)
        return
    for name, value in told.items():
        if name == "record":
            value = "\n" + orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()
        if name not in {"file", "row"} and value not in (None, ""):
            out.print(f"{name:12} {value}", highlight=False, markup=False, soft_wrap=True)


@app_group.command()
def replay(
    ids: Ids = None,
    apps: Apps = None,
    datasets: Datasets = None,
    reasons: Reasons = None,
    since: Since = None,
    until: Until = None,
    publish: Annotated[bool, typer.Option("--publish/--no-publish", help="Load and publish what was repaired.")] = True,
    json: Json = False,
) -> None:
    """After a manifest was repaired: bring in the open entries that it accepts now, and nothing else."""
    found = _entries(apps, datasets, reasons, since, until, ids=ids or ())
    from opg_pipeline.defs.repair import run_repair

    done = run_repair(found, publish=publish)
    if json:
        print_json({**asdict(done), "entries": done.entries, "good": done.good})
        raise typer.Exit(0 if done.good else 1)
    for item in done.slices:
        told = f"{item.app}/{item.dataset} {item.slice_id}: {len(item.repaired):,} of {item.tried:,} entries repaired, {item.records:,} records"
        still = ", ".join(f"{reason} ({n:,})" for reason, n in sorted(item.still.items()))
        told += f"; still refused: {still}" if still else ""
        told += f"; {item.not_found:,} not found in the answers as they are read now" if item.not_found else ""
        told += f"; {item.message.rstrip('.')}. Fix: {item.hint}" if item.message else ""
        out.print(told, style="red" if item.message else "", highlight=False, markup=False, soft_wrap=True)
    for problem in done.publish.problems if done.publish is not None else []:
        out.print(problem, style="red", highlight=False, markup=False, soft_wrap=True)
    out.print(f"{done.entries:,} entries repaired." if found else "Nothing waits.", highlight=False)
    raise typer.Exit(0 if done.good else 1)


@app_group.command()
def dismiss(
    why: Why,
    ids: Ids = None,
    apps: Apps = None,
    datasets: Datasets = None,
    reasons: Reasons = None,
    since: Since = None,
    until: Until = None,
    undo: Annotated[bool, typer.Option("--undo", help="Open entries again that were dismissed.")] = False,
    json: Json = False,
) -> None:
    """Set open entries aside, with a reason; --undo opens them again. Nothing is removed, and both are recorded."""
    if not (ids or apps or datasets or reasons):
        fail("Say which entries: their ids, or --app, --dataset or --reason.", 2)
    before: State = "dismissed" if undo else "open"
    found = _entries(apps, datasets, reasons, since, until, ids=ids or (), states=(before,))
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.quarantine import decide

    action: Literal["dismiss", "reopen"] = "reopen" if undo else "dismiss"
    try:
        decide(current_deployment(), action, found, why)
    except DeploymentError as error:
        fail(str(error), 2)
    if json:
        print_json({"action": action, "entries": [entry.id for entry in found], "why": why})
    else:
        done = "opened again" if undo else "dismissed"
        out.print(f"{len(found):,} entries {done}. Counts follow with the next publish.", highlight=False)
