"""core.<category>_history: every version of every record, as a view over what stands and what was replaced (docs/adr/0018-history.md).

The tables are declared in tables.py and written by reconcile.py and late.py; here is the view, and making it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from opg_pipeline.load.tables import CORE, PAST, standard_columns, table_comment
from opg_pipeline.model.category import Category


@dataclass(frozen=True)
class View:
    """A view with its comments. ``reads`` are the tables it reads, with their schema."""

    name: str
    select: sa.SelectBase
    comment: str
    comments: dict[str, str]
    reads: tuple[str, ...]
    schema: str = CORE

    def digest(self, dialect: sa.Dialect) -> str:
        """Digest of the view's declaration."""
        parts = [self._sql(dialect), self.comment, *(f"{name}: {text}" for name, text in self.comments.items())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def create(self, connection: sa.Connection) -> None:
        """Make the view with its comments; it must not be there."""
        view, dialect = f"{self.schema}.{self.name}", connection.dialect
        connection.exec_driver_sql(f"CREATE VIEW {view} AS {self._sql(dialect)}")
        connection.exec_driver_sql(f"COMMENT ON VIEW {view} IS {_text(self.comment, dialect)}")
        for name, comment in self.comments.items():
            column = dialect.identifier_preparer.quote(name)
            connection.exec_driver_sql(f"COMMENT ON COLUMN {view}.{column} IS {_text(comment, dialect)}")

    def drop(self, connection: sa.Connection) -> None:
        """Take the view away, if it is there."""
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {self.schema}.{self.name}")

    def _sql(self, dialect: sa.Dialect) -> str:
        return str(self.select.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def history_view(category: Category, core: sa.Table, past: sa.Table) -> View:
    """core.<category>_history over ``core`` and ``past``."""
    records = standard_columns(category)
    names = [*records, *(item[0] for item in PAST)]
    # A late version can take the whole of what stood until a record vanished: then nothing of it stands in core.
    stood = sa.or_(core.c.vanished_at.is_(None), core.c.vanished_at > version_from(core))
    select = sa.union_all(
        sa.select(*(past.c[name] for name in names)),
        sa.select(*(core.c[name] for name in records), *standing(core)).where(stood),
    )
    comments = {name: str((past if name in past.c else core).c[name].comment) for name in names}
    label = table_comment(category)
    return View(
        f"{category.id}_history",
        select,
        f"All versions of: {label} One row per version of a record; version_to is empty on those that stand. "
        "| Semua versi rekaman; version_to kosong pada versi yang masih berlaku.",
        comments,
        (core.fullname, past.fullname),
    )


def standing(core: sa.Table) -> list[sa.ColumnElement[Any]]:
    """The columns of PAST for the versions in core, which stand or end with the record."""
    c = core.c
    return [
        c.first_seen_at,
        version_from(core).label("version_from"),
        c.vanished_at.label("version_to"),
        version_change(core).label("version_change"),
        sa.case((c.vanished_at.is_not(None), sa.literal("vanished", sa.Text()))).label("version_end"),
    ]


def version_from(core: sa.Table) -> sa.ColumnElement[Any]:
    """Since when the version in core stands; of a record from before versions were kept, since its content came."""
    return sa.func.coalesce(core.c.version_from, core.c.last_changed_at)


def version_change(core: sa.Table) -> sa.ColumnElement[Any]:
    """What began the version in core, likewise."""
    c = core.c
    return sa.func.coalesce(
        c.version_change, sa.case((c.first_seen_at == c.last_changed_at, sa.literal("new", sa.Text())), else_=sa.literal("changed", sa.Text()))
    )  # fmt: skip


def _text(value: str, dialect: sa.Dialect) -> str:
    return str(sa.literal(value, sa.Text()).compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
