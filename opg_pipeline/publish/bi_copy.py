"""Writes the copy of schema mart that BI tools open: a DuckDB file of its own, readable by older DuckDB, replaced in one step.

While the pipeline holds the warehouse file open, no other process can open it; the copy is for them.
"""

from __future__ import annotations

import secrets
import time
from glob import escape
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from opg_pipeline.publish.tables import SCHEMA, PublishError

PUBLISHED = Path("published") / "opg.duckdb"
"""Where the copy stands, below $OPG_HOME."""
STORAGE_VERSION = "v1.2.0"
"""Oldest DuckDB that opens the copy; BI tools still ship 1.4."""

_ABANDONED = 3600
"""Seconds after which an unfinished copy, of a process that was killed, is removed."""


def publish_copy(engine: sa.Engine, target: Path) -> None:
    """Copy schema mart, as one state, with its comments, into the DuckDB file ``target``; its views become tables there.

    A reader sees the former copy or the new one; one that has the former open keeps it.

    Raises:
        PublishError: the warehouse is not DuckDB (BI connects to a server warehouse itself), or the file is named as the schema.
    """
    if engine.dialect.name != "duckdb":
        raise PublishError(
            f"A copy is made of a DuckDB warehouse; this one is {engine.dialect.name}. Let BI tools connect to it as a read-only role."
        )
    target = Path(target).absolute()
    if target.stem == SCHEMA:
        raise PublishError(
            f"{target} would be the database {SCHEMA!r}, and `{SCHEMA}.measure` then be ambiguous in DuckDB. Name the file otherwise, such as bi.duckdb."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    for abandoned in target.parent.glob(f".{escape(target.name)}.*.partial*"):
        if time.time() - abandoned.stat().st_mtime > _ABANDONED:
            abandoned.unlink(missing_ok=True)
    mark = secrets.token_hex(4)
    partial, alias = target.with_name(f".{target.name}.{mark}.partial"), f"opg_copy_{mark}"
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(
                f"attach {_text(str(partial))} as {alias} (storage_version {_text(STORAGE_VERSION)})"
            )
            connection.commit()
            try:
                with connection.begin():
                    _copy(connection, alias)
            finally:
                connection.exec_driver_sql(f"detach {alias}")
                connection.commit()
        partial.replace(target)
    finally:
        for leftover in (partial, partial.with_name(f"{partial.name}.wal")):
            leftover.unlink(missing_ok=True)


def _copy(connection: sa.Connection, alias: str) -> None:
    def run(statement: str) -> sa.CursorResult[Any]:
        return connection.exec_driver_sql(statement)

    here = f"database_name = current_database() and schema_name = {_text(SCHEMA)}"
    tables = run(
        f"select table_name, comment from duckdb_tables() where {here} "
        f"union all select view_name, comment from duckdb_views() where {here} order by 1"
    ).all()
    columns = run(
        f"select table_name, column_name, comment from duckdb_columns() where {here} and comment is not null order by 1, column_index"
    ).all()
    run(f"create schema {alias}.{_name(SCHEMA)}")
    names = {name: f"{_name(SCHEMA)}.{_name(name)}" for name, _ in tables}
    for name, comment in tables:
        run(f"create table {alias}.{names[name]} as select * from {names[name]}")
        if comment is not None:
            run(f"comment on table {alias}.{names[name]} is {_text(comment)}")
    for name, column, comment in columns:
        if name in names:
            run(f"comment on column {alias}.{names[name]}.{_name(column)} is {_text(comment)}")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
