"""Brings the database to the declared tables. What only adds is applied; anything else is refused with a plan.

The comparison is alembic's. No table is declared here. Views are made anew when they or a table they read has changed.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from alembic.operations import Operations, ops
from duckdb_sqlalchemy.alembic_impl import DuckDBImpl
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.schema import CreateIndex, CreateSchema, CreateTable

from opg_pipeline.load.history import View
from opg_pipeline.load.records import WarehouseError
from opg_pipeline.load.tables import CORE, MART, OPS

_LOCK = 0x6F7067  # "opg"; one migration at a time on a server
_ADDITIVE = (
    ops.AddColumnOp,
    ops.AlterColumnOp,
    ops.CreateTableCommentOp,
    ops.DropTableCommentOp,
    ops.CreateIndexOp,
    ops.DropIndexOp,
)


class DuckImpl(DuckDBImpl):
    """DuckDB reads TEXT back as VARCHAR; they are one type."""

    __dialect__ = "duckdb"
    type_synonyms = (*DuckDBImpl.type_synonyms, {"TEXT", "VARCHAR"})


def migrate(
    connection: sa.Connection, wanted: Sequence[sa.MetaData], versions: sa.Table, views: Sequence[View] = ()
) -> list[str]:
    """Create what is missing and apply additive changes, in the caller's transaction; tables nobody declares are left alone.

    Args:
        wanted: all declared tables, ``versions`` (ops.schema_version) among them.

    Returns:
        One line per change.

    Raises:
        WarehouseError: some change is not additive; nothing is applied then.
    """
    known = _known(connection, versions)
    digests = _digests(wanted, connection.dialect)
    stale = stale_tables(connection, wanted, versions)
    digests |= {(view.schema, view.name): view.digest(connection.dialect) for view in views}
    remade = [
        view
        for view in views
        if known.get((view.schema, view.name)) != digests[(view.schema, view.name)]
        or any(table.fullname in view.reads for table in stale)
    ]
    if not stale and not remade:
        return []
    if connection.dialect.name == "postgresql":
        exclusive(connection)
    applied = [f"schema {name}" for name in (CORE, MART, OPS) if not sa.inspect(connection).has_schema(name)]
    for name in (CORE, MART, OPS):
        connection.execute(CreateSchema(name, if_not_exists=True))
    for view in remade:  # before the tables: a column that a view reads cannot change its type on a server
        view.drop(connection)
    applied += _apply(connection, stale)
    for view in remade:
        view.create(connection)
        applied.append(f"view {view.schema}.{view.name}")
    done = [(str(table.schema), table.name) for table in stale] + [(view.schema, view.name) for view in remade]
    _remember(connection, versions, {name: digests[name] for name in done})
    return applied


def exclusive(connection: sa.Connection) -> None:
    """Wait until no other migration is at work on the server, until the transaction ends."""
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def stale_tables(connection: sa.Connection, wanted: Sequence[sa.MetaData], versions: sa.Table) -> list[sa.Table]:
    """The declared tables that the database was not yet brought to."""
    known, digests = _known(connection, versions), _digests(wanted, connection.dialect)
    declared = (table for metadata in wanted for table in metadata.sorted_tables)
    return [table for table in declared if known.get(_named(table)) != digests[_named(table)]]


def _named(table: sa.Table) -> tuple[str, str]:
    return str(table.schema), table.name


def _digests(wanted: Sequence[sa.MetaData], dialect: sa.Dialect) -> dict[tuple[str, str], str]:
    return {_named(table): _digest(table, dialect) for metadata in wanted for table in metadata.sorted_tables}


def _digest(table: sa.Table, dialect: sa.Dialect) -> str:
    parts = [str(CreateTable(table).compile(dialect=dialect)), str(table.comment)]
    parts += [f"{column.name}: {column.comment}" for column in table.columns]
    parts += sorted(str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _known(connection: sa.Connection, versions: sa.Table) -> Mapping[tuple[str, str], str]:
    if not sa.inspect(connection).has_table(versions.name, schema=versions.schema):
        return {}
    rows = connection.execute(sa.select(versions.c.table_schema, versions.c.table_name, versions.c.digest))
    return {(schema, name): digest for schema, name, digest in rows}


def _remember(connection: sa.Connection, versions: sa.Table, digests: Mapping[tuple[str, str], str]) -> None:
    statement = insert(versions)
    statement = statement.on_conflict_do_update(
        index_elements=[versions.c.table_schema, versions.c.table_name],
        set_={"digest": statement.excluded.digest, "applied_at": statement.excluded.applied_at},
    )
    now = datetime.now(UTC)
    connection.execute(
        statement,
        [
            {"table_schema": schema, "table_name": name, "digest": digest, "applied_at": now}
            for (schema, name), digest in digests.items()
        ],
    )


def _apply(connection: sa.Connection, tables: Sequence[sa.Table]) -> list[str]:
    new, changes = differences(connection, tables)
    refused = [plan for schema, change in changes if (plan := refusal(schema, change))]
    if refused:
        listed = "\n".join(f"  - {plan}" for plan in refused)
        raise WarehouseError(
            "The declarations and the warehouse differ in ways that do not only add, so nothing was changed:\n"
            f"{listed}\nSet the declaration back, or see `opg warehouse plan` for what would be lost, then run again."
        )
    for table in new:
        table.create(connection)
    context = Operations(MigrationContext.configure(connection))
    applied = [f"table {table.schema}.{table.name}" for table in new]
    for schema, change in changes:
        change.schema = schema
        context.invoke(change)
        applied.append(said(schema, change))
    return applied


def differences(connection: sa.Connection, tables: Sequence[sa.Table]) -> tuple[list[sa.Table], list[tuple[str, Any]]]:
    """Which of the tables are not there, and (schema, alembic operation) for each difference of those that are."""
    inspector = sa.inspect(connection)
    present = {schema: set(inspector.get_table_names(schema=schema)) for schema in {str(t.schema) for t in tables}}
    old = [table for table in tables if table.name in present[str(table.schema)]]
    return [table for table in tables if table not in old], list(_changes(connection, old)) if old else []


def _changes(connection: sa.Connection, tables: Sequence[sa.Table]) -> Iterable[tuple[str, Any]]:
    """(schema, alembic operation) for every difference of tables that exist."""
    metadata = sa.MetaData()
    schemas: dict[str, str] = {}
    for table in tables:
        schema = qualified = str(table.schema)
        if connection.dialect.name == "duckdb":  # its inspector names schemas with their database
            database = connection.exec_driver_sql("SELECT current_database()").scalar_one()
            qualified = f"{connection.dialect.identifier_preparer.quote(database)}.{schema}"
        schemas[qualified] = schema
        table.to_metadata(metadata, schema=qualified)
    names = {(table.schema, table.name) for table in metadata.tables.values()}

    def include(name: str | None, kind: str, parents: Any) -> bool:
        if kind == "schema":
            return name in schemas
        return kind != "table" or (parents["schema_name"], name) in names

    logging.getLogger("alembic").setLevel(logging.WARNING)
    context = MigrationContext.configure(
        connection,
        opts={"include_schemas": True, "compare_type": True, "target_metadata": metadata, "include_name": include},
    )
    script = produce_migrations(context, metadata)
    assert script.upgrade_ops is not None
    for operation in script.upgrade_ops.ops:
        for change in operation.ops if isinstance(operation, ops.ModifyTableOps) else [operation]:
            yield schemas[str(getattr(change, "schema", ""))], change


def refusal(schema: str, change: Any) -> str:
    """What to do about a change that is not additive; '' for one that is."""
    where = f"{schema}.{getattr(change, 'table_name', '?')}"
    if isinstance(change, ops.DropColumnOp):
        return (
            f"{where}.{change.column_name} is in the warehouse and no longer declared. Renamed? Keep the old name, or add the new one "
            f"beside it. Not needed? Export it, then: ALTER TABLE {where} DROP COLUMN {change.column_name}"
        )
    if isinstance(change, ops.AddColumnOp) and not change.column.nullable:
        return f"{where}.{change.column.name} is new and must not be empty, which older records cannot meet. Declare it optional."
    if isinstance(change, ops.AlterColumnOp):
        column = f"{where}.{change.column_name}"
        if change.modify_type is not None and not _widens(change.existing_type, change.modify_type):
            return (
                f"{column} is {change.existing_type!r} in the warehouse and declared {change.modify_type!r}. Declare a field of another "
                "name with the new type and keep the old one, or export the table, drop it and replay its slices."
            )
        if change.modify_nullable is False:
            return f"{column} may be empty in the warehouse and is declared never to be. Declare it optional, or fill it by hand first."
        return ""
    return (
        ""
        if isinstance(change, _ADDITIVE)
        else f"{where}: {type(change).__name__} is not applied by itself. Change the table by hand."
    )


def _widens(present: Any, declared: Any) -> bool:
    if not (isinstance(present, sa.Numeric) and isinstance(declared, sa.Numeric)):
        return False
    p1, s1, p2, s2 = present.precision, present.scale, declared.precision, declared.scale
    if p1 is None or s1 is None or p2 is None or s2 is None:
        return False
    return s2 >= s1 and p2 - s2 >= p1 - s1


def said(schema: str, change: Any) -> str:
    """An additive change in words."""
    where = f"{schema}.{change.table_name}"
    if isinstance(change, ops.AddColumnOp):
        return f"column {where}.{change.column.name}"
    if isinstance(change, ops.AlterColumnOp):
        parts = [f"type {change.modify_type!r}"] if change.modify_type is not None else []
        parts += ["comment"] if change.modify_comment is not False else []
        parts += ["may be empty"] if change.modify_nullable else []
        return f"column {where}.{change.column_name}: {', '.join(parts)}"
    if isinstance(change, ops.CreateIndexOp | ops.DropIndexOp):
        return f"index {schema}.{change.index_name}"
    return f"comment of {where}"
