"""Opens the warehouse's engine, DuckDB or PostgreSQL, in UTC, and says in plain words why it cannot. No table is known here."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm  # whole, before Great Expectations imports it in a thread beside Dagster's use of SQLAlchemy

from opg_pipeline.load.records import WarehouseError

DUCKDB_MEMORY = "1GB"
"""Memory DuckDB may take before it spills to disk; `?memory_limit=4GB` in the URL sets another."""
_RETRY_SECONDS = 0.2
_LOCKED = re.compile(r"could not set lock|conflicting lock|being used by another process", re.IGNORECASE)


def open_engine(url: str, lock_timeout: float) -> sa.Engine:
    """An engine whose sessions are in UTC, tried once. Waits up to ``lock_timeout`` seconds for a locked DuckDB file.

    Raises:
        WarehouseError: the URL is not usable, the file is locked or no DuckDB file, the server cannot be reached.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "duckdb":
        return _open_duckdb(parsed, lock_timeout)
    engine = sa.create_engine(parsed, hide_parameters=True, connect_args={"options": "-c timezone=UTC"})
    try:
        engine.connect().close()
    except sa.exc.DBAPIError as error:
        engine.dispose()
        raise WarehouseError(
            f"The warehouse {parsed.render_as_string(hide_password=True)} cannot be reached: {reason(error)}. "
            "Check OPG_WAREHOUSE_URL and that the server runs."
        ) from None
    return engine


def database_file(url: sa.URL) -> Path:
    """The file of a DuckDB URL."""
    return Path(str(url.database)).absolute()


def reason(error: sa.exc.SQLAlchemyError) -> str:
    """The first line of what the database said, without the parts that can hold values of records."""
    original = getattr(error, "orig", None)
    primary = getattr(getattr(original, "diag", None), "message_primary", None)
    lines = str(primary or original or type(error).__name__).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise WarehouseError(
            "OPG_WAREHOUSE_URL is no SQLAlchemy URL. Write duckdb:///path/warehouse.duckdb or postgresql://user@host/database."
        ) from None
    if parsed.drivername in {"postgresql", "postgres", "postgresql+psycopg2"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in {"duckdb", "postgresql"}:
        raise WarehouseError(
            f"The warehouse is DuckDB or PostgreSQL; {parsed.drivername} is neither. Check OPG_WAREHOUSE_URL."
        )
    return parsed


def _open_duckdb(url: sa.URL, lock_timeout: float) -> sa.Engine:
    if not url.database or url.database.startswith(":memory:"):
        raise WarehouseError("The warehouse needs a file: write duckdb:///path/warehouse.duckdb in OPG_WAREHOUSE_URL.")
    path = database_file(url)
    if path.stem.lower() in {"core", "mart", "ops"}:
        raise WarehouseError(
            f"The warehouse file {path} has the name of a schema, and DuckDB could not tell core.x of the file from core.x of the "
            "schema. Name the file otherwise, such as warehouse.duckdb."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, hide_parameters=True)
    limited = "memory_limit" in url.query

    @sa.event.listens_for(engine, "connect")
    def _session(connection: Any, _record: Any) -> None:
        connection.execute("SET TimeZone = 'UTC'")
        if not limited:
            connection.execute(f"SET memory_limit = '{DUCKDB_MEMORY}'")

    deadline = time.monotonic() + lock_timeout
    while True:
        try:
            engine.connect().close()
            return engine
        except sa.exc.DBAPIError as error:
            said = str(error.orig)
            if _LOCKED.search(said) and time.monotonic() < deadline:
                time.sleep(_RETRY_SECONDS)
                continue
            engine.dispose()
            raise WarehouseError(_why_not(path, said, lock_timeout)) from None


def _why_not(path: Path, said: str, waited: float) -> str:
    if _LOCKED.search(said):
        holder = re.search(r"PID (\d+)", said)
        who = f"process {holder[1]}" if holder else "another process"
        return (
            f"The warehouse file {path} is locked: another run or tool has it open ({who}; waited {waited:g} s). "
            "Wait for that run to end, or close the tool; BI tools open the published copy instead."
        )
    return f"The warehouse file {path} cannot be opened: {said.strip().splitlines()[0]}. Check that it is a DuckDB file and readable."
