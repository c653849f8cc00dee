"""`opg sandbox` and `opg ui`: what runs until it is stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Annotated

import typer

from opg_pipeline.cli.terminal import SandboxFlag, err, fail, out, sandbox_city, settings


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
        f"The sandbox needs credentials: opg sandbox --credentials --seed {seed} >> {settings().home}/secrets.env\n"
        f"Then: OPG_SANDBOX_URL=http://127.0.0.1:{port} opg run",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    faults: dict[str, str] = {}
    for item in fault or []:
        name, _, kind = item.partition("=")
        if not kind:
            fail(f"--fault {item}: write APP=KIND, such as e_pbb=500.", 2)
        faults[name] = kind
    try:
        serve(port=port, seed=seed, faults=faults)
    except ValueError as error:
        fail(str(error), 2)


def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
    sandbox: SandboxFlag = False,
) -> None:
    """The Dagster UI with its daemon, on loopback."""
    from opg_pipeline.defs.run import dagster_home

    chosen = settings()
    dagster_home(chosen.home)
    os.environ["OPG_HOME"] = str(chosen.home)
    command = [
        sys.executable, "-m", "dagster", "dev", "-m", "opg_pipeline.definitions", "-a", "defs", "-h", "127.0.0.1", "-p", str(port),
    ]  # fmt: skip
    with sandbox_city(sandbox):
        out.print(f"http://127.0.0.1:{port}", highlight=False)
        raise typer.Exit(subprocess.call(command))
