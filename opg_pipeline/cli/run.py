"""`opg run`: the whole street from the terminal, and how its result is shown. The work is in defs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from opg_pipeline.cli.terminal import Json, SandboxFlag, err, fail, out, print_json, sandbox_city, settings
from opg_pipeline.settings import Settings

if TYPE_CHECKING:
    from opg_pipeline.defs.run import RunResult


def run(
    apps: Annotated[list[str] | None, typer.Option("--app", help="Only this app; may be given several times.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Pull everything again, as if for the first time.")] = False,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Backfill from this date or time (ISO 8601), instead of the last position."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Backfill up to here, where the app takes an end.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Ask apps also outside their hours, and those left alone after failures.")
    ] = False,
    publish: Annotated[bool, typer.Option("--publish/--no-publish", help="Load and publish what was pulled.")] = True,
    sandbox: SandboxFlag = False,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="With --sandbox: APP=KIND, such as e_pbb=500.")
    ] = None,
    json: Json = False,
) -> None:
    """Pull the city's apps into the lake, load the warehouse, publish the numbers."""
    chosen = settings()
    if fault and not sandbox:
        fail("--fault needs --sandbox.", 2)
    with sandbox_city(sandbox, fault):
        from opg_pipeline.defs.deployment import DeploymentError
        from opg_pipeline.defs.run import run_city
        from opg_pipeline.defs.span import Span

        try:
            span = Span.read(since, until, full=full, force=force)
            with _progress(quiet=json):
                result = run_city(apps=apps or (), span=span, publish=publish)
        except DeploymentError as error:
            fail(str(error), 2)
    if json:
        print_json({
            "city": result.city, "exit_code": result.exit_code, "seconds": result.seconds,
            "outcomes": [asdict(item) for item in result.outcomes],
            "publish": asdict(result.publish) if result.publish else None,
        })  # fmt: skip
    else:
        _show_run(result, chosen)
    raise typer.Exit(result.exit_code)


@contextmanager
def _progress(quiet: bool) -> Iterator[None]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from opg_pipeline.defs.deployment import current_deployment
    from opg_pipeline.defs.reporting import Progress as Step
    from opg_pipeline.defs.reporting import listening

    if quiet:
        yield
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        total = len(current_deployment().datasets())
        task = bar.add_task("Pulling apps", total=total)
        publishing: list[Any] = []

        def hear(step: Step) -> None:
            if step.stage == "pulled":
                bar.update(task, advance=1, description=f"Pulled {step.name.split('/')[1]}")
            elif step.stage == "publish":
                if not publishing:
                    publishing.append(bar.add_task("Publishing", total=None))
                bar.update(publishing[0], advance=1, description=f"Publishing {step.name}"[:28])

        with listening(hear):
            yield


def _show_run(result: RunResult, settings: Settings) -> None:
    table = Table("App", "Category", "Outcome", title=f"Pulled from {result.city}", title_justify="left")
    for name in ("Records", "Accepted", "Quarantined"):
        table.add_column(name, justify="right")
    for item in result.outcomes:
        style = "" if item.outcome.good else "red"
        table.add_row(
            item.app, item.category, item.outcome.value.replace("_", " "), f"{item.records:,}", f"{item.accepted:,}",
            f"{item.quarantined:,}", style=style,
        )  # fmt: skip
    out.print(table)
    if result.publish is not None:
        _show_publish(result, settings)
    for item in result.outcomes:
        if item.message:
            out.print(
                f"{item.app}: {item.message} Fix: {item.hint}",
                style="yellow" if item.outcome.good else "red",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
    for text in result.publish.problems if result.publish is not None else []:
        out.print(text, style="red", highlight=False, markup=False, soft_wrap=True)
    for text in result.announcements:
        out.print(text, style="yellow", highlight=False, markup=False, soft_wrap=True)
    total = sum(item.records for item in result.outcomes)
    seconds = sum(result.seconds.values())
    good = sum(item.outcome.good for item in result.outcomes)
    out.print(
        f"{good} of {len(result.outcomes)} datasets well, {total:,} records in {seconds:.1f} s "
        f"({', '.join(f'{name} {value:.1f} s' for name, value in result.seconds.items())}), "
        f"{total / max(seconds, 0.001):,.0f} a second.",
        highlight=False,
    )
    if result.publish is not None:
        where = result.publish.copy or settings.warehouse
        out.print(f"Warehouse: {settings.warehouse}", highlight=False, soft_wrap=True)
        out.print(f"For BI:    {where}  (schema mart: measure, app_scorecard)", highlight=False, soft_wrap=True)
        out.print("Next:      make ui  to see the lineage; docs/how-to/connect-bi.md to query it.", highlight=False)


def _show_publish(result: RunResult, settings: Settings) -> None:
    assert result.publish is not None
    table = Table("Category", title="Loaded into the warehouse", title_justify="left")
    for name in (
        "Slices",
        "Inserted",
        "Updated",
        "Unchanged",
        "Duplicates",
        "Vanished",
        "Quarantined",
        "Rules failing",
    ):
        table.add_column(name, justify="right")
    for summary in result.publish.categories.values():
        merged = summary.merged
        if merged is None:
            table.add_row(summary.category, *["-"] * 8)
            continue
        failing = sum(not item.success for item in summary.results.values())
        table.add_row(
            summary.category, str(summary.slices), f"{merged.inserted:,}", f"{merged.updated:,}", f"{merged.unchanged:,}",
            f"{merged.duplicates:,}", f"{merged.vanished:,}", f"{summary.quarantined:,}", str(failing),
        )  # fmt: skip
    out.print(table)
    if not any(summary.slices for summary in result.publish.categories.values()):
        out.print("Nothing new: the warehouse already holds every slice.")
    if result.publish.measures is not None:
        from opg_pipeline.defs.deployment import current_deployment

        measures = result.publish.measures
        number = sum(len(category.measures) for category in current_deployment().catalog.used_categories)
        out.print(
            f"Measures: {number} measures in {measures.cells:,} cells of region and period, {measures.suppressed:,} of them suppressed.",
            highlight=False,
        )
