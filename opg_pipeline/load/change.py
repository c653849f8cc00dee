"""Changes of the warehouse that do not only add, as a plan that a person reads before it is carried out (docs/adr/0022-warehouse.md).

The comparison and everything additive is migrate.py's. A plan is text: what it was made of is found again when it is applied, and
nothing is done unless the same plan comes out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from alembic.operations import ops

from opg_pipeline.load.history import View
from opg_pipeline.load.migrate import differences, exclusive, migrate, refusal, said, stale_tables
from opg_pipeline.load.records import WarehouseError
from opg_pipeline.load.tables import CORE
from opg_pipeline.model.category import Category

_HEAD = "-- opg warehouse plan "
_RENAME = "-- rename: "


@dataclass(frozen=True, slots=True)
class Step:
    """One difference that does not only add. ``rows``: how many are touched; ``lost``: values that will not be there afterwards.

    ``blocked`` says what stands in the way, and is empty where ``statements`` do it; a step with neither only tells.
    """

    where: str
    what: str
    why: str
    rows: int
    lost: int
    statements: tuple[str, ...] = ()
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would bring the warehouse to the declarations. ``additive`` applies by itself at the next run."""

    dialect: str
    renames: Mapping[str, str]
    steps: tuple[Step, ...]
    additive: tuple[str, ...]
    tried: int = 0
    """How many of the first steps the transaction that made the plan has already taken: the new names."""

    @property
    def todo(self) -> bool:
        """Whether there is something that only :func:`apply_plan` does."""
        return any(step.statements or step.blocked for step in self.steps)

    @property
    def text(self) -> str:
        """The plan as a person reviews it: SQL, with comments; its first line tells whether it was altered."""
        lines = [f"-- for {self.dialect}; apply with: opg warehouse apply FILE"]
        lines += [f"{_RENAME}{old}={new}" for old, new in self.renames.items()]
        for step in self.steps:
            lines += [
                "",
                f"-- {step.where}: {step.what}",
                f"-- {step.why}",
                f"-- rows: {step.rows:,}; values lost: {step.lost:,}",
            ]
            lines += [f"-- BLOCKED: {step.blocked}"] if step.blocked else []
            lines += [f"{statement};" for statement in step.statements]
        if self.additive:
            lines += ["", "-- applied with it, and by any run:", *(f"--   {line}" for line in self.additive)]
        body = "\n".join(lines) + "\n"
        return f"{_HEAD}{hashlib.sha256(body.encode()).hexdigest()}\n{body}"


@dataclass(frozen=True)
class Shape:
    """What is declared: all tables, ops.schema_version, all views, and the categories."""

    tables: Sequence[sa.MetaData]
    versions: sa.Table
    views: Sequence[View]
    categories: Sequence[Category]


def make_plan(connection: sa.Connection, shape: Shape, renames: Mapping[str, str]) -> Plan:
    """Compare the declarations with the database. New names are given in the caller's transaction, to be rolled back.

    Args:
        renames: ``core.<category>.<old>`` to ``<new>``; values move with the name.

    Raises:
        WarehouseError: a rename does not fit.
    """
    stale = stale_tables(connection, shape.tables, shape.versions)
    steps = [_renamed(connection, *rename) for rename in _both(connection, stale, renames)]
    tried = len(steps)
    new, changes = differences(connection, stale)
    additive = [f"table {table.fullname}" for table in new]
    for schema, change in changes:
        if why := refusal(schema, change):
            steps.append(_step(connection, schema, change, why))
        else:
            additive.append(said(schema, change))
    steps += _unpermitted(connection, shape.categories)
    return Plan(connection.dialect.name, dict(renames), tuple(steps), tuple(additive), tried)


def apply_plan(connection: sa.Connection, shape: Shape, text: str) -> list[str]:
    """Carry out a reviewed plan in the caller's transaction, and what is additive with it; returns a line per change.

    Raises:
        WarehouseError: the text is no plan or was altered, is not what is to be done now, or cannot be done.
    """
    head, _, body = text.partition("\n")
    if not head.startswith(_HEAD):
        raise WarehouseError("The file is no plan. Make one: opg warehouse plan --out FILE")
    if head.removeprefix(_HEAD).strip() != hashlib.sha256(body.encode()).hexdigest():
        raise WarehouseError(
            "The plan was altered after it was made, so nothing was done. Change the declarations or --rename, and make it again."
        )
    renames = dict(line.removeprefix(_RENAME).split("=", 1) for line in body.splitlines() if line.startswith(_RENAME))
    if connection.dialect.name == "postgresql":
        exclusive(connection)
        for table in stale_tables(connection, shape.tables, shape.versions):
            if sa.inspect(connection).has_table(table.name, schema=table.schema):
                connection.exec_driver_sql(f"LOCK TABLE {table.fullname} IN ACCESS EXCLUSIVE MODE")
    plan = make_plan(connection, shape, renames)
    if plan.text != text:
        raise WarehouseError(
            "The warehouse or the declarations have changed since the plan was made, so nothing was done. Make and review it again: opg warehouse plan"
        )
    blocked = [f"{step.where}: {step.blocked}" for step in plan.steps if step.blocked]
    if blocked:
        raise WarehouseError(
            "The plan cannot be carried out, and nothing was done:\n" + "\n".join(f"  - {line}" for line in blocked)
        )
    touched = {step.where.rpartition(".")[0] for step in plan.steps if step.statements}
    for view in shape.views:
        if touched & set(view.reads):
            view.drop(connection)
    for step in plan.steps[plan.tried :]:
        for statement in step.statements:
            connection.exec_driver_sql(statement)
    done = [statement for step in plan.steps for statement in step.statements]
    return [*done, *migrate(connection, shape.tables, shape.versions, shape.views)]


Rename = tuple[str, str, str]
"""Table with its schema, former and new name of the column."""


def _both(connection: sa.Connection, stale: Sequence[sa.Table], renames: Mapping[str, str]) -> Iterator[Rename]:
    """The renames, also of the past versions of a category's records. Raises WarehouseError for one that does not fit."""
    declared = {table.fullname: table for table in stale}
    for old, new in renames.items():
        where, _, name = old.rpartition(".")
        if where not in declared or not sa.inspect(connection).has_table(declared[where].name, declared[where].schema):
            raise WarehouseError(
                f"--rename {old}={new}: there is no table {where!r} that differs from its declaration. Write core.<category>.<old>=<new>."
            )
        for table in (where, f"{where}_past"):
            if table not in declared:
                continue
            present = _columns(connection, declared[table])
            if name not in present or name in declared[table].c:
                raise WarehouseError(f"--rename {old}={new}: {name!r} must be in {table} and no longer declared.")
            if new in present or new not in declared[table].c:
                raise WarehouseError(f"--rename {old}={new}: {new!r} must be declared and not yet in {table}.")
            yield table, name, new


def _columns(connection: sa.Connection, table: sa.Table) -> set[str]:
    return {item["name"] for item in sa.inspect(connection).get_columns(table.name, schema=table.schema)}


def _renamed(connection: sa.Connection, where: str, old: str, new: str) -> Step:
    quote = connection.dialect.identifier_preparer.quote
    statement = f"ALTER TABLE {where} RENAME COLUMN {quote(old)} TO {quote(new)}"
    rows = _count(connection, where, sa.column(old).is_not(None))
    connection.exec_driver_sql(statement)
    return Step(
        f"{where}.{old}", f"renamed to {new}", "You said so with --rename; the values stay.", rows, 0, (statement,)
    )


def _count(connection: sa.Connection, where: str, condition: sa.ColumnElement[bool]) -> int:
    schema, _, name = where.partition(".")
    table = sa.table(name, schema=schema)
    return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(condition)).scalar_one())


def _step(connection: sa.Connection, schema: str, change: Any, why: str) -> Step:
    """The step for a difference that is not additive."""
    table = f"{schema}.{getattr(change, 'table_name', '?')}"
    if isinstance(change, ops.DropColumnOp):
        name = change.column_name
        lost = _count(connection, table, sa.column(name).is_not(None))
        quoted = connection.dialect.identifier_preparer.quote(name)
        told = "It is no longer declared. Was it renamed? Then make the plan with --rename, which keeps the values."
        return Step(f"{table}.{name}", "dropped", told, lost, lost, (f"ALTER TABLE {table} DROP COLUMN {quoted}",))
    if isinstance(change, ops.AlterColumnOp) and change.modify_type is not None:
        return _retyped(connection, table, change)
    if isinstance(change, ops.AlterColumnOp):
        empty = _count(connection, table, sa.column(change.column_name).is_(None))
        quoted = connection.dialect.identifier_preparer.quote(change.column_name)
        statements = (f"ALTER TABLE {table} ALTER COLUMN {quoted} SET NOT NULL",)
        where = f"{table}.{change.column_name}"
        if empty:
            return Step(
                where,
                "never empty",
                why,
                empty,
                0,
                blocked=f"{empty:,} rows have no value. Declare it optional, or fill them first.",
            )
        return Step(where, "never empty", "It may be empty in the warehouse, and is nowhere.", 0, 0, statements)
    name = change.column.name if isinstance(change, ops.AddColumnOp) else type(change).__name__
    return Step(f"{table}.{name}", "cannot be done by itself", why, 0, 0, blocked=why)


def _retyped(connection: sa.Connection, table: str, change: Any) -> Step:
    """Another type: what does not fit it becomes empty, and is counted."""
    name, old, new = change.column_name, change.existing_type, change.modify_type
    preparer, duck = connection.dialect.identifier_preparer, connection.dialect.name == "duckdb"
    quoted, kind = preparer.quote(name), new.compile(connection.dialect)
    numbers = isinstance(old, sa.Numeric | sa.Integer) and isinstance(new, sa.Numeric | sa.Integer)
    source = f"round({quoted})" if numbers and isinstance(new, sa.Integer) else quoted
    fitted = (
        f"TRY_CAST({source} AS {kind})"
        if duck
        else f"CASE WHEN pg_input_is_valid(({source})::text, '{kind}') THEN ({source})::text::{kind} END"
    )
    text = f"ALTER TABLE {table} ALTER COLUMN {quoted} {'SET DATA ' if duck else ''}TYPE {kind} USING {fitted}"
    value: sa.ColumnClause[Any] = sa.literal_column(fitted)
    same: sa.ColumnElement[Any] = value if numbers else sa.cast(value, sa.Text)
    before: sa.ColumnElement[Any] = (
        sa.literal_column(quoted) if numbers else sa.cast(sa.literal_column(quoted), sa.Text)
    )
    lost = _count(connection, table, sa.and_(sa.literal_column(quoted).is_not(None), value.is_(None)))
    rows = _count(connection, table, sa.literal_column(quoted).is_not(None))
    altered = _count(connection, table, sa.and_(value.is_not(None), same != before))
    told = (
        f"Values that do not fit become empty; {altered:,} others are written otherwise, such as with fewer decimals."
    )
    return Step(f"{table}.{name}", f"{old.compile(connection.dialect)} becomes {kind}", told, rows, lost, (text,))


def _unpermitted(connection: sa.Connection, categories: Sequence[Category]) -> Iterator[Step]:
    """Values in core that their field no longer permits. Records are never changed for it: their source says so."""
    for category in categories:
        table = sa.table(category.id, schema=CORE)
        if not sa.inspect(connection).has_table(category.id, schema=CORE):
            continue
        present = {item["name"] for item in sa.inspect(connection).get_columns(category.id, schema=CORE)}
        for item in category.stored_fields:
            if item.type != "enum" or item.values is None or item.name not in present:
                continue
            column: sa.ColumnClause[str] = sa.column(item.name, sa.Text())
            other = column.not_in(list(item.values))
            found = connection.execute(
                sa.select(column, sa.func.count()).select_from(table).where(other).group_by(column).order_by(column)
            )
            counts = {value: int(n) for value, n in found}
            if counts:
                named = ", ".join(f"{value} ({n:,})" for value, n in counts.items())
                yield Step(
                    f"{CORE}.{category.id}.{item.name}", "values that are no longer permitted",
                    f"{named}. The records stay as they are; `opg replay --load` brings them in by the present declarations, or into quarantine.",
                    sum(counts.values()), 0,
                )  # fmt: skip
