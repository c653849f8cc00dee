"""`opg regions review`: places that did not resolve, and people's answers to them. Asks and prints; the work is in defs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from opg_pipeline.cli.terminal import Json, err, fail, out, print_json, settings

if TYPE_CHECKING:
    from opg_pipeline.defs.deployment import Deployment
    from opg_pipeline.normalise import Unplaced

app_group = typer.Typer(no_args_is_help=True, add_completion=False)


@app_group.callback()
def _group() -> None:
    """Keeps `review` a word of its own while it is the only command."""


@app_group.command()
def review(
    app: Annotated[str | None, typer.Option("--app", help="Only this app.")] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept", metavar="NAME=CODE", help="Keep NAME as an alias of the region CODE; may be repeated."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many names to show or ask.")] = 50,
    json: Json = False,
) -> None:
    """List the names of places that did not resolve, and keep what they mean as aliases for the next run or replay."""
    settings()
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.regions import review as waiting

    try:
        deployment = current_deployment()
        if accept:
            _keep(deployment, [_answer(text) for text in accept], json)
            return
        found = waiting(deployment, app)
    except DeploymentError as error:
        fail(str(error), 2)
    for name, why in found.unread.items():
        err.print(f"{name} could not be looked at: {why}", style="red", highlight=False, markup=False)
    shown = found.entries[:limit]
    if json:
        print_json(
            {"unresolved": [asdict(item) for item in shown], "names": len(found.entries), "unread": found.unread}
        )
    elif not found.entries:
        out.print("Every place that a record names is known." if not found.unread else "No other name is unknown.")
    elif sys.stdin.isatty():
        _ask(deployment, shown)
    else:
        _print(shown)
        if len(shown) < len(found.entries):
            out.print(f"{len(found.entries) - len(shown):,} more; --limit shows them.")
        out.print("Answer with: opg regions review --accept 'NAME=CODE'", highlight=False, markup=False)
    if found.unread:
        raise typer.Exit(1)


def _answer(text: str) -> tuple[str, str]:
    name, sign, code = text.rpartition("=")
    if not sign:
        fail(f"{text!r} is no answer. Write NAME=CODE, such as 'Sumber Rejo=35.22.12'.", 2)
    return name.strip(), code.strip()


def _keep(deployment: Deployment, answers: Sequence[tuple[str, str]], json: bool) -> None:
    from opg_pipeline.defs.regions import accept as keep

    target, fresh = keep(deployment, answers)
    if json:
        print_json({"file": str(target), "accepted": [asdict(alias) for alias in fresh]})
        return
    for alias in fresh:
        out.print(f"{alias.name} now means {alias.code}.", highlight=False, markup=False)
    if not fresh:
        out.print("These aliases were there already.")
    out.print(f"Kept in {target}; the next run or replay uses them.", highlight=False, markup=False, soft_wrap=True)


def _print(entries: Sequence[Unplaced]) -> None:
    table = Table("Name", "Level", "In", "Datasets", "Candidates")
    table.add_column("Records", justify="right")
    for item in entries:
        cells = (item.name, item.level, item.district, ", ".join(item.datasets), _told(item), f"{item.records:,}")
        table.add_row(*map(escape, cells))
    out.print(table)


def _told(item: Unplaced) -> str:
    return "\n".join(f"{near.code} {_place(near.name, near.district)} ({near.score:.0f})" for near in item.candidates)


def _place(name: str, district: str) -> str:
    return f"{name}, {district}" if district else name


def _ask(deployment: Deployment, entries: Sequence[Unplaced]) -> None:
    """Go through the names; an answer is kept at once, so that stopping loses none."""
    from opg_pipeline.defs.deployment import DeploymentError

    for place, item in enumerate(entries, start=1):
        where = f" in {item.district}" if item.district else ""
        out.print(
            f"\n{place} of {len(entries)}: {item.level} {item.name!r}{where}, {item.records:,} records of {', '.join(item.datasets)}",
            highlight=False, markup=False,
        )  # fmt: skip
        for number, near in enumerate(item.candidates, start=1):
            out.print(
                f"  {number}  {near.code}  {_place(near.name, near.district)}  ({near.score:.0f})",
                highlight=False,
                markup=False,
            )
        said = typer.prompt("Number, or code; Enter leaves it, q stops", default="", show_default=False).strip()
        if said == "q":
            return
        if not said:
            continue
        picked = said.isdigit() and 1 <= int(said) <= len(item.candidates)
        code = item.candidates[int(said) - 1].code if picked else said
        try:
            _keep(deployment, [(item.name, code)], json=False)
        except DeploymentError as error:
            err.print(str(error), style="red", highlight=False, markup=False)
