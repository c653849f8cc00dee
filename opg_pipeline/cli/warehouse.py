"""`opg warehouse plan | apply | roles`: changes that do not only add, and who may read. The work is in defs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from opg_pipeline.cli.terminal import Json, fail, out, print_json, settings

if TYPE_CHECKING:
    from opg_pipeline.load import Plan

app_group = typer.Typer(no_args_is_help=True, add_completion=False)


@app_group.command()
def plan(
    to: Annotated[Path | None, typer.Option("--out", help="Write the plan here, for review and `apply`.")] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            "--rename",
            metavar="core.CATEGORY.OLD=NEW",
            help="The column OLD is now called NEW and keeps its values; may be repeated.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show what of the declarations the warehouse cannot follow by itself, why, and what would be lost. Changes nothing."""
    settings()
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.warehouse import plan as make

    try:
        found = make(current_deployment(), dict(_rename(text) for text in rename or []))
    except DeploymentError as error:
        fail(str(error))
    if to is not None:
        to.write_text(found.text, encoding="utf-8")
    if json:
        print_json({**asdict(found), "todo": found.todo, "text": found.text})
    else:
        _show(found, to)


def _rename(text: str) -> tuple[str, str]:
    old, sign, new = text.partition("=")
    if not sign or old.count(".") != 2 or not new:
        fail(f"{text!r} is no rename. Write core.CATEGORY.OLD=NEW.", 2)
    return old.strip(), new.strip()


def _show(found: Plan, to: Path | None) -> None:
    if found.steps:
        table = Table("Where", "What", "Why")
        table.add_column("Rows", justify="right")
        table.add_column("Values lost", justify="right")
        for step in found.steps:
            why = f"{step.why} BLOCKED: {step.blocked}" if step.blocked else step.why
            table.add_row(*map(escape, (step.where, step.what, why, f"{step.rows:,}", f"{step.lost:,}")))
        out.print(table)
    if found.additive:
        out.print(f"{len(found.additive):,} changes that only add are made by the next run.")
    if not found.todo:
        out.print("There is nothing to apply.")
    elif to is None:
        out.print("Write it with --out FILE, review it, make a backup, and carry it out: opg warehouse apply FILE")
    else:
        out.print(
            f"Written to {to}. After review and a backup: opg warehouse apply {to}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


@app_group.command()
def apply(
    file: Annotated[
        Path, typer.Argument(help="A plan of `opg warehouse plan --out FILE`.", exists=True, dir_okay=False)
    ],
    json: Json = False,
) -> None:
    """Carry out a reviewed plan, in one transaction. Refuses when it was altered, or when the warehouse has moved since."""
    settings()
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.warehouse import apply as carry_out

    try:
        done = carry_out(current_deployment(), file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        fail(f"{file} is no plan: it is not UTF-8 text.", 2)
    except DeploymentError as error:
        fail(str(error))
    _told(done, json)


@app_group.command()
def roles(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the SQL and change nothing.")] = False,
    json: Json = False,
) -> None:
    """Make the roles that read a PostgreSQL warehouse: opg_bi (mart) and opg_steward (mart, core, ops)."""
    settings()
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.warehouse import roles as make

    try:
        statements = make(current_deployment(), dry_run=dry_run)
    except DeploymentError as error:
        fail(str(error))
    _told([f"{statement};" for statement in statements], json)


def _told(lines: list[str], json: bool) -> None:
    if json:
        print_json({"done": lines})
        return
    for line in lines:
        out.print(line, highlight=False, markup=False, soft_wrap=True)
