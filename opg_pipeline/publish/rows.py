"""Replaces the content of one mart table inside the caller's transaction: Arrow into DuckDB, COPY into PostgreSQL. Makes no numbers."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class EpochMicroseconds(FunctionElement[int]):
    """Microseconds since 1970 of a timestamp with zone, as an exact 64 bit integer, whatever the session's zone."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(EpochMicroseconds)
def _epoch_standard(element: EpochMicroseconds, compiler: SQLCompiler, **options: Any) -> str:
    return f"cast(extract(epoch from {compiler.process(element.clauses, **options)}) * 1000000 as bigint)"


@compiles(EpochMicroseconds, "duckdb")
def _epoch_duckdb(element: EpochMicroseconds, compiler: SQLCompiler, **options: Any) -> str:
    return f"epoch_us({compiler.process(element.clauses, **options)})"


def arrow_schema(table: sa.Table) -> pa.Schema:
    """The Arrow schema of a mart table, comments as field metadata."""
    kinds: dict[type[Any], pa.DataType] = {
        sa.Text: pa.string(),
        sa.BigInteger: pa.int64(),
        sa.Double: pa.float64(),
        sa.Boolean: pa.bool_(),
        sa.Date: pa.date32(),
        sa.DateTime: pa.timestamp("us", tz="UTC"),
    }
    return pa.schema(
        [
            pa.field(
                column.name,
                kinds[type(column.type)],
                nullable=bool(column.nullable),
                metadata={"comment": column.comment or ""},
            )
            for column in table.columns
        ]
    )


def replace_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> int:
    """Put ``rows`` (dicts by column name) in the place of everything in ``table``; returns how many there are."""
    connection.execute(sa.delete(table))
    if not rows:
        return 0
    arrow = pa.Table.from_pylist(list(rows), schema=arrow_schema(table))
    preparer = connection.dialect.identifier_preparer
    target = preparer.format_table(table)
    names = ", ".join(preparer.quote(column.name) for column in table.columns)
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "duckdb":
        view = f"opg_rows_{secrets.token_hex(6)}"
        driver.register(view, arrow)
        try:
            connection.exec_driver_sql(f"insert into {target} ({names}) select {names} from {view}")
        finally:
            driver.unregister(view)
    else:
        sink = pa.BufferOutputStream()
        pa_csv.write_csv(arrow, sink, pa_csv.WriteOptions(include_header=False))
        with driver.cursor() as cursor, cursor.copy(f"copy {target} ({names}) from stdin (format csv)") as copy:
            copy.write(sink.getvalue().to_pybytes())
    return len(rows)
