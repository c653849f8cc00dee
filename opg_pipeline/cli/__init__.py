"""`opg`: the pipeline from the terminal. Parses arguments and prints; what a command does is in the rooms and in defs.

Heavy packages are imported by the commands that need them, so that `opg check` answers in about a second.
Exit codes: 0 all well, 1 something failed and was reported, 2 wrong use.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console
from rich.table import Table

from opg_pipeline.model.catalog import check_catalog
from opg_pipeline.model.problems import DeclarationError
from opg_pipeline.settings import Settings

if TYPE_CHECKING:
    from opg_pipeline.defs.run import RunResult
    from opg_pipeline.model.handover import OutcomeRecord

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__.split("\n")[0]
)
WIDTH = None if sys.stdout.isatty() else 140
out = Console(width=WIDTH)
err = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
SandboxFlag = Annotated[bool, typer.Option("--sandbox", help="Start the sandbox city for this command and use it.")]


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


def _fail(message: str, code: int = 1) -> NoReturn:
    err.print(message, style="red", highlight=False, markup=False)
    raise typer.Exit(code)


def _settings() -> Settings:
    from pydantic import ValidationError

    try:
        return Settings()
    except ValidationError as error:
        lines = [f"OPG_{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}" for item in error.errors()]
        _fail("The environment is set wrongly. " + "; ".join(lines), 2)


def _print_json(value: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str) + b"\n")
    sys.stdout.flush()


@app.command()
def check(json: Json = False) -> None:
    """Check every declaration, without the network: file, line, key and fix of each problem."""
    settings = _settings()
    catalog, problems = check_catalog(*([settings.catalog] if settings.catalog else []))
    if json:
        _print_json({"problems": [problem.as_dict() for problem in problems]})
    else:
        for problem in problems:
            out.print(str(problem), style="red", highlight=False, markup=False, soft_wrap=True)
        if catalog is not None:
            apps = sum(len(city.apps) for city in catalog.cities.values())
            measures = sum(len(category.measures) for category in catalog.categories.values())
            out.print(
                f"All well: {len(catalog.cities)} city, {apps} apps, {len(catalog.categories)} categories, {measures} measures."
                if len(catalog.cities) == 1
                else f"All well: {len(catalog.cities)} cities, {apps} apps, {len(catalog.categories)} categories, {measures} measures."
            )
    if problems:
        raise typer.Exit(1)


@contextmanager
def _sandbox(wanted: bool, faults: list[str] | None = None) -> Iterator[None]:
    """A sandbox city in a process of its own while the block runs, with its address and credentials in the environment."""
    if not wanted:
        yield
        return
    from opg_pipeline.sandbox import credentials

    command = [sys.executable, "-m", "opg_pipeline.sandbox", "--port", "0"]
    for fault in faults or []:
        command += ["--fault", fault]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        address = next((word for line in process.stdout for word in line.split() if word.startswith("http://")), "")
        if not address:
            _fail("The sandbox did not start. Try `opg sandbox` to see why.")
        os.environ["OPG_SANDBOX_URL"] = address.rstrip("/")
        for name, value in credentials(1).items():
            os.environ.setdefault(name, value)
        yield
    finally:
        process.terminate()
        process.wait(10)


@app.command()
def run(
    apps: Annotated[list[str] | None, typer.Option("--app", help="Only this app; may be given several times.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Pull everything again, as if for the first time.")] = False,
    publish: Annotated[bool, typer.Option("--publish/--no-publish", help="Load and publish what was pulled.")] = True,
    sandbox: SandboxFlag = False,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="With --sandbox: APP=KIND, such as e_pbb=500.")
    ] = None,
    json: Json = False,
) -> None:
    """Pull the city's apps into the lake, load the warehouse, publish the numbers."""
    settings = _settings()
    if fault and not sandbox:
        _fail("--fault needs --sandbox.", 2)
    with _sandbox(sandbox, fault):
        from opg_pipeline.defs.deployment import DeploymentError
        from opg_pipeline.defs.run import run_city

        try:
            with _progress(quiet=json):
                result = run_city(apps=apps or (), full=full, publish=publish)
        except DeploymentError as error:
            _fail(str(error), 2)
    if json:
        _print_json({
            "city": result.city, "exit_code": result.exit_code, "seconds": result.seconds,
            "outcomes": [asdict(item) for item in result.outcomes],
            "publish": asdict(result.publish) if result.publish else None,
        })  # fmt: skip
    else:
        _show_run(result, settings)
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
        if not item.outcome.good:
            out.print(
                f"{item.app}: {item.message} Fix: {item.hint}",
                style="red",
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
        f"({', '.join(f'{name} {value:.1f} s' for name, value in result.seconds.items())}).",
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


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 8750,
    seed: Annotated[int, typer.Option(help="Another seed is another city.")] = 1,
    fault: Annotated[list[str] | None, typer.Option("--fault", help="APP=KIND, such as e_pbb=500.")] = None,
    show_credentials: Annotated[
        bool, typer.Option("--credentials", help="Print the sandbox's credentials as NAME=value, and stop.")
    ] = False,
) -> None:
    """Serve the sandbox city on loopback until Ctrl-C."""
    from opg_pipeline.sandbox import credentials
    from opg_pipeline.sandbox.server import serve

    if show_credentials:
        for name, value in credentials(seed).items():
            typer.echo(f"{name}={value}")
        return
    err.print(
        f"The sandbox needs credentials: opg sandbox --credentials --seed {seed} >> {_settings().home}/secrets.env\n"
        f"Then: OPG_SANDBOX_URL=http://127.0.0.1:{port} opg run",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    faults: dict[str, str] = {}
    for item in fault or []:
        name, _, kind = item.partition("=")
        if not kind:
            _fail(f"--fault {item}: write APP=KIND, such as e_pbb=500.", 2)
        faults[name] = kind
    try:
        serve(port=port, seed=seed, faults=faults)
    except ValueError as error:
        _fail(str(error), 2)


@app.command()
def status(json: Json = False) -> None:
    """How each app fared last time, from the lake; works while a run is going on."""
    from opg_pipeline.defs.deployment import DeploymentError
    from opg_pipeline.defs.status import last_outcomes

    _settings()
    try:
        rows = last_outcomes()
    except DeploymentError as error:
        _fail(str(error), 2)
    if json:
        _print_json([{"dataset": name, "last": asdict(record) if record else None} for name, record in rows])
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


@app.command()
def export(
    to: Annotated[Path | None, typer.Option("--to", help="Folder; default $OPG_HOME/open_data.")] = None,
    json: Json = False,
) -> None:
    """Write the open data: CSV, Parquet, dictionary and method page of every measure."""
    _settings()
    from opg_pipeline.defs.deployment import DeploymentError, current_deployment
    from opg_pipeline.defs.publish import open_data
    from opg_pipeline.defs.status import warehouse_exists

    try:
        deployment = current_deployment()
        if not warehouse_exists(deployment):
            _fail("There is no warehouse yet. Run `opg run` first.")
        with deployment.warehouse() as warehouse:
            files = open_data(deployment, warehouse, to)
    except DeploymentError as error:
        _fail(str(error), 2)
    if json:
        _print_json({"files": [str(path) for path in files]})
    else:
        for path in files:
            out.print(str(path), highlight=False, markup=False, soft_wrap=True)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
    sandbox: SandboxFlag = False,
) -> None:
    """The Dagster UI with its daemon, on loopback."""
    from opg_pipeline.defs.run import dagster_home

    settings = _settings()
    dagster_home(settings.home)
    os.environ["OPG_HOME"] = str(settings.home)
    command = [
        sys.executable, "-m", "dagster", "dev", "-m", "opg_pipeline.definitions", "-a", "defs", "-h", "127.0.0.1", "-p", str(port),
    ]  # fmt: skip
    with _sandbox(sandbox):
        out.print(f"http://127.0.0.1:{port}", highlight=False)
        raise typer.Exit(subprocess.call(command))


@app.command()
def docs(
    to: Annotated[Path, typer.Option("--to", help="Folder of the generated pages.")] = Path("docs/generated"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a page is not up to date.")] = False,
) -> None:
    """Generate the data dictionary, the app register, the CLI help and the JSON Schemas."""
    from opg_pipeline.defs.docs import generated_pages

    stale = []
    for name, text in {**generated_pages(), "cli.md": _cli_page()}.items():
        target = to / name
        if check:
            if not target.is_file() or target.read_text(encoding="utf-8") != text:
                stale.append(str(target))
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    if stale:
        _fail(f"Not up to date: {', '.join(stale)}. Fix: run `opg docs`.")


def _cli_page() -> str:
    """Markdown of every command with its options, from the commands themselves."""
    group = typer.main.get_command(app)
    lines = ["<!-- Generated by `opg docs`; do not edit. -->", "# `opg`", ""]
    for name, command in sorted(getattr(group, "commands", {}).items()):
        lines += [
            f"## opg {name}",
            "",
            str(command.help or "").strip(),
            "",
            "| Option | Default | Meaning |",
            "|---|---|---|",
        ]
        for option in command.params:
            flags = ", ".join(f"`{flag}`" for flag in [*option.opts, *option.secondary_opts])
            default = "" if option.default in (None, False, ()) else f"`{option.default}`"
            lines.append(f"| {flags} | {default} | {getattr(option, 'help', '') or ''} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
