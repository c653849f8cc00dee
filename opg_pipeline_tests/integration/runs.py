"""`opg` in a process of its own against a sandbox of its own, and what it left in the warehouse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from opg_pipeline_tests.integration.conftest import TWELVE, Sandbox

KEY = "5a" * 32
ONLY = tuple(word for app in TWELVE for word in ("--app", app))
"""Arguments that keep a run to the twelve apps."""
VOLATILE = {
    "ingested_at",
    "lineage_batch_id",
    "raw_sha256",
    "first_seen_at",
    "last_changed_at",
    "version_from",
    "version_to",
}


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON document of `--json`."""
        return dict(json.loads(self.out))

    @property
    def outcomes(self) -> dict[str, str]:
        """Outcome by app."""
        return {item["app"]: item["outcome"] for item in self.report["outcomes"]}


@dataclass
class Runner:
    """A sandbox and the environment that points at it."""

    sandbox: Sandbox
    env: dict[str, str] = field(repr=False)

    def opg(self, home: Path, *arguments: str, timeout: float = 240, **extra: str) -> Ended:
        return self._run([sys.executable, "-m", "opg_pipeline.cli", *arguments], home, timeout, extra)

    def here(self, home: Path, *arguments: str, typed: str | None = None, **extra: str) -> Ended:
        """`opg` in this process, where what it imports is there already; an empty value of ``extra`` unsets a variable."""
        from opg_pipeline.cli import app

        given = {**self.env, "OPG_HOME": str(home), **extra}
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith(("OPG_", "DAGSTER_"))]:
                patch.delenv(name)
            patch.setenv("DAGSTER_HOME", str(home / "dagster"))
            for name, value in given.items():
                patch.setenv(name, value) if value else patch.delenv(name, raising=False)
            done = CliRunner().invoke(app, list(arguments), input=typed, catch_exceptions=False)
        return Ended(done.exit_code, done.stdout, done.stderr)

    def script(self, home: Path, text: str, timeout: float = 240, **extra: str) -> Ended:
        """Python in a process of its own, in the same surroundings."""
        return self._run([sys.executable, "-c", text], home, timeout, extra)

    def _run(self, command: Sequence[str], home: Path, timeout: float, extra: dict[str, str]) -> Ended:
        env = {**self.env, "OPG_HOME": str(home), **extra}
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=timeout, cwd=home.parent, check=False
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def fault(self, **faults: str | None) -> None:
        """Lay faults over apps; None takes one away."""
        self._tell("/__control/faults", faults)

    def clock(self, today: date) -> None:
        """Move the city to another day."""
        self._tell("/__control/clock", {"today": today.isoformat()})

    def log(self) -> list[dict[str, Any]]:
        """Requests since the last reset."""
        return list(self.sandbox.ask("/__log"))

    def reset(self) -> None:
        self._tell("/__reset", {})

    def _tell(self, path: str, body: Mapping[str, Any]) -> None:
        request = urllib.request.Request(
            f"{self.sandbox.url}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=30).read()


@contextmanager
def running(*arguments: str) -> Iterator[Runner]:
    """A sandbox of its own; ``arguments`` are further ones of its command line."""
    command = [sys.executable, "-m", "opg_pipeline.sandbox", "--seed", "1", *arguments]
    keys = dict(line.split("=", 1) for line in subprocess.check_output([*command, "--credentials"], text=True).split())
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            sandbox = Sandbox(process.stdout.readline().strip(), keys)
            env = {name: value for name, value in os.environ.items() if not name.startswith(("OPG_", "DAGSTER_"))}
            told = {"OPG_SANDBOX_URL": sandbox.url, "OPG_PSEUDONYM_KEY": KEY, "COLUMNS": "200"}
            yield Runner(sandbox, {**env, **keys, **told})
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    """A city of a tenth of its size."""
    with running("--scale", "0.1") as made:
        yield made


def contents(
    url: str, schemas: Sequence[str] = ("core",), leave_out: set[str] | None = None
) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table as sorted texts, without the columns that differ from run to run."""
    volatile = VOLATILE | (leave_out or set())
    engine = sa.create_engine(url)
    found: dict[str, list[tuple[Any, ...]]] = {}
    try:
        with engine.connect() as connection:
            for schema in schemas:
                tables = connection.execute(
                    sa.text("select table_name from information_schema.tables where table_schema = :s order by 1"),
                    {"s": schema},
                ).scalars()
                for table in [name for name in tables if not name.endswith("_counted")]:  # drawn from the others
                    columns = connection.execute(
                        sa.text(
                            "select column_name from information_schema.columns where table_schema = :s and table_name = :t order by 1"
                        ),
                        {"s": schema, "t": table},
                    ).scalars()
                    chosen = [name for name in columns if name not in volatile]
                    rows = connection.execute(
                        sa.text(f"select {', '.join(chr(34) + c + chr(34) for c in chosen)} from {schema}.{table}")
                    )
                    found[f"{schema}.{table}"] = sorted(tuple(_text(value) for value in row) for row in rows)
    finally:
        engine.dispose()
    return found


def _text(value: Any) -> str:
    """A value as both engines give it: instants in UTC, numbers without trailing zeros."""
    from datetime import UTC, datetime
    from decimal import Decimal

    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, float):
        return f"{value:.9g}"
    return "NULL" if value is None else str(value)


def duck(home: Path) -> str:
    return f"duckdb:///{home / 'warehouse.duckdb'}"


def rows(home: Path, statement: str) -> list[tuple[Any, ...]]:
    """What a query on the embedded warehouse finds; its file is closed again, for the next process."""
    engine = sa.create_engine(duck(home))
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement))]
    finally:
        engine.dispose()
