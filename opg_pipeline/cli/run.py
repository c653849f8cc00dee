"""`opg run`: the whole street from the terminal. The work is in defs, how its result is shown in report.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer

from opg_pipeline.cli.report import show_run
from opg_pipeline.cli.terminal import Json, SandboxFlag, err, fail, print_json, sandbox_city, settings


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
    each: Annotated[bool, typer.Option("--each", help="A line for every dataset, not only sums by category.")] = False,
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
        show_run(result, chosen, each=each)
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
