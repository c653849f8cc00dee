"""`opg`: the pipeline from the terminal. Parses arguments and prints; what a command does is in the rooms and in defs.

Heavy packages are imported by the commands that need them, so that `opg check` answers in about a second.
Exit codes: 0 all well, 1 something failed and was reported, 2 wrong use.
"""

from __future__ import annotations

import typer

from opg_pipeline.cli import (
    bi,
    declarations,
    onboarding,
    privacy,
    quarantine,
    regions,
    results,
    serve,
    trace,
    warehouse,
)
from opg_pipeline.cli import replay as replaying
from opg_pipeline.cli import run as running
from opg_pipeline.cli.terminal import err
from opg_pipeline.model.problems import DeclarationError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__.split("\n")[0]
)
for command in (
    declarations.check,
    running.run,
    replaying.replay,
    serve.sandbox,
    results.status,
    trace.trace,
    results.export,
    serve.ui,
    declarations.docs,
):
    app.command()(command)
app.add_typer(
    onboarding.app_group, name="app", help="Bring an app into the catalogue: probe it, draft its manifest, try it."
)
app.add_typer(regions.app_group, name="regions", help="Places: which names did not resolve, and what they mean.")
app.add_typer(quarantine.app_group, name="quarantine", help="What waits: why, and what becomes of it.")
app.add_typer(
    privacy.app_group, name="privacy", help="Raw answers and what waits: their seal, their end, and who looked at them."
)
app.add_typer(
    warehouse.app_group, name="warehouse", help="Change what is in the warehouse by a reviewed plan; who may read it."
)
app.add_typer(bi.app_group, name="bi", help="Files for BI tools: Superset's dashboards.")


def main() -> None:
    """Entry point. A user's mistake ends in one message, never in a traceback."""
    try:
        app()
    except DeclarationError as error:
        for problem in error.problems:
            err.print(str(problem), style="red", highlight=False, markup=False)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        err.print("Stopped.")
        raise SystemExit(1) from None
