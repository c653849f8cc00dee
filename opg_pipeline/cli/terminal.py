"""What every command shares: the two consoles, the settings, messages that end a command, a sandbox for its duration."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console

from opg_pipeline.settings import Settings

WIDTH = None if sys.stdout.isatty() else 140
out = Console(width=WIDTH)
err = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
SandboxFlag = Annotated[bool, typer.Option("--sandbox", help="Start the sandbox city for this command and use it.")]


def fail(message: str, code: int = 1) -> NoReturn:
    err.print(message, style="red", highlight=False, markup=False)
    raise typer.Exit(code)


def settings() -> Settings:
    from pydantic import ValidationError

    try:
        return Settings()
    except ValidationError as error:
        lines = [f"OPG_{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}" for item in error.errors()]
        fail("The environment is set wrongly. " + "; ".join(lines), 2)


def print_json(value: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str) + b"\n")
    sys.stdout.flush()


@contextmanager
def sandbox_city(wanted: bool, faults: list[str] | None = None) -> Iterator[None]:
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
            fail("The sandbox did not start. Try `opg sandbox` to see why.")
        os.environ["OPG_SANDBOX_URL"] = address.rstrip("/")
        for name, value in credentials(1).items():
            os.environ.setdefault(name, value)
        yield
    finally:
        process.terminate()
        process.wait(10)
