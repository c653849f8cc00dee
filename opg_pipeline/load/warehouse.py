"""The warehouse as the rest of the pipeline sees it: open, migrate, dimensions, merge, outcomes. The work is done in the modules beside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pyarrow as pa
import sqlalchemy as sa

from opg_pipeline.load.agencies import NAME as AGENCY_HISTORY
from opg_pipeline.load.agencies import agency_history_table, note_agencies
from opg_pipeline.load.bulk import remove_leftovers, rows_of, upsert
from opg_pipeline.load.change import Plan, Shape, apply_plan, make_plan
from opg_pipeline.load.connect import database_file, open_engine, reason
from opg_pipeline.load.dimensions import DIMENSIONS, dimension_rows, dimension_tables
from opg_pipeline.load.history import View, history_view
from opg_pipeline.load.merge import Merge
from opg_pipeline.load.migrate import migrate
from opg_pipeline.load.ops_tables import ops_tables
from opg_pipeline.load.records import MergeReport, QuarantineCounts, ValidationRow, WarehouseError
from opg_pipeline.load.roles import role_statements
from opg_pipeline.load.tables import CORE, OPS, core_table, past_table
from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.category import Category
from opg_pipeline.model.handover import OutcomeRecord, SliceManifest


class Warehouse:
    """One open warehouse. Safe to use from several threads; close it so that others may open the file."""

    driver_error = psycopg.Error
    """What the bulk path of a server raises past SQLAlchemy."""

    def __init__(self, engine: sa.Engine, catalog: Catalog) -> None:
        self.engine, self.catalog = engine, catalog
        self.dialect = engine.dialect.name
        self.metadata = sa.MetaData()
        self.views: list[View] = []
        keyed = self.dialect != "duckdb"
        for category in catalog.used_categories:
            core = core_table(category, self.metadata, keyed=keyed)
            past = past_table(category, self.metadata, keyed=keyed)
            self.views.append(history_view(category, core, past))
        dimension_tables(self.metadata)
        agency_history_table(self.metadata)
        ops_tables(self.metadata)

    @classmethod
    def open(cls, url: str, catalog: Catalog, *, lock_timeout: float = 30.0) -> Warehouse:
        """Open a warehouse; the folder of a DuckDB file is made. Waits up to ``lock_timeout`` seconds while the file is locked.

        Args:
            url: SQLAlchemy URL, duckdb:///path or postgresql://...
            catalog: the categories that some dataset feeds get tables.

        Raises:
            WarehouseError: the warehouse cannot be opened; the message says why and what to do.
        """
        warehouse = cls(open_engine(url, lock_timeout), catalog)
        if warehouse.dialect == "duckdb":
            remove_leftovers(warehouse.staging_folder)
        return warehouse

    @property
    def url(self) -> str:
        """The URL without its password."""
        return self.engine.url.render_as_string(hide_password=True)

    @property
    def staging_folder(self) -> Path:
        """Where rows wait on their way into a DuckDB file."""
        path = database_file(self.engine.url)
        return path.with_name(f"{path.name}.staging")

    def close(self) -> None:
        """Close every connection; a DuckDB file is free for others then."""
        self.engine.dispose()

    def core(self, category_id: str) -> sa.Table:
        """core.<category>. Raises WarehouseError if no dataset feeds the category."""
        table = self.metadata.tables.get(f"{CORE}.{category_id}")
        if table is None:
            raise WarehouseError(
                f"No dataset of the catalogue feeds category {category_id}, so the warehouse has no table for it."
            )
        return table

    def past(self, category_id: str) -> sa.Table:
        """core.<category>_past, for a category that :meth:`core` has."""
        return self.metadata.tables[f"{CORE}.{category_id}_past"]

    def ops(self, name: str) -> sa.Table:
        """A table of schema ops."""
        return self.metadata.tables[f"{OPS}.{name}"]

    # -- shape ---------------------------------------------------------------------------------------------------------

    def migrate(self, *extra: sa.MetaData, views: Sequence[View] = ()) -> list[str]:
        """Bring schemas, tables and views to the declarations, in one transaction; returns a line per change.

        ``extra`` and ``views`` are what other rooms declare. New tables, new columns that may be empty, wider decimals, comments
        and indexes are applied. Tables that nobody declares any more are left alone.

        Raises:
            WarehouseError: a change does not only add; the message is a plan, and nothing was changed.
        """
        try:
            with self.engine.begin() as connection:
                return migrate(connection, [self.metadata, *extra], self.ops("schema_version"), [*self.views, *views])
        except sa.exc.SQLAlchemyError as error:
            raise WarehouseError(
                f"The warehouse {self.url} could not be brought to the declarations: {reason(error)}."
            ) from None

    def plan(self, *extra: sa.MetaData, views: Sequence[View] = (), renames: Mapping[str, str] | None = None) -> Plan:
        """What brings the warehouse to the declarations and does not only add. Changes nothing.

        Raises:
            WarehouseError: a rename does not fit, or the database refuses.
        """
        with self.engine.connect() as connection:
            try:
                return make_plan(connection, self._shape(extra, views), renames or {})
            except sa.exc.SQLAlchemyError as error:
                raise WarehouseError(f"The plan could not be made: {reason(error)}.") from None
            finally:
                connection.rollback()

    def apply(self, text: str, *extra: sa.MetaData, views: Sequence[View] = ()) -> list[str]:
        """Carry out a plan of :meth:`plan` by its text, in one transaction; returns a line per change.

        Raises:
            WarehouseError: the plan is not what is to be done now, or cannot be done; nothing was changed.
        """
        try:
            with self.engine.begin() as connection:
                return apply_plan(connection, self._shape(extra, views), text)
        except sa.exc.SQLAlchemyError as error:
            raise WarehouseError(f"The plan could not be carried out, and nothing was done: {reason(error)}.") from None

    def roles(self, *, dry_run: bool) -> list[str]:
        """The SQL of the roles that read the warehouse, carried out unless ``dry_run``.

        Raises:
            WarehouseError: the database knows no roles, or does not let this one make them.
        """
        try:
            with self.engine.begin() as connection:
                statements = role_statements(connection)
                for statement in [] if dry_run else statements:
                    connection.exec_driver_sql(statement)
                return statements
        except sa.exc.SQLAlchemyError as error:
            raise WarehouseError(f"The roles could not be made: {reason(error)}.") from None

    def _shape(self, extra: Sequence[sa.MetaData], views: Sequence[View]) -> Shape:
        tables, categories = [self.metadata, *extra], sorted(self.catalog.used_categories, key=lambda item: item.id)
        return Shape(tables, self.ops("schema_version"), [*self.views, *views], categories)

    def refresh_dimensions(self, at: datetime | None = None) -> dict[str, int]:
        """Write the catalogue's dimensions where they differ; returns changed rows per dimension.

        ``at``, with time zone, is when a changed agency begins to be what it is; now if not given.

        What the catalogue no longer has stays, with in_catalog false, because facts refer to it; cities of other catalogues
        are not touched.
        """
        changed: dict[str, int] = {}
        try:
            with self.engine.begin() as connection:
                for name, rows in dimension_rows(self.catalog).items():
                    changed[name] = upsert(connection, self.metadata.tables[f"{CORE}.{name}"], rows)
                    if name != "dim_date":
                        changed[name] += self._unlist(connection, name, rows)
                history = self.metadata.tables[f"{CORE}.{AGENCY_HISTORY}"]
                changed[AGENCY_HISTORY] = note_agencies(connection, history, self.catalog, at or datetime.now(UTC))
        except sa.exc.SQLAlchemyError as error:
            raise WarehouseError(f"The dimensions could not be written: {reason(error)}.") from None
        return changed

    def _unlist(self, connection: sa.Connection, name: str, rows: pa.Table) -> int:
        table = self.metadata.tables[f"{CORE}.{name}"]
        keys = [table.c[item] for item, *_ in DIMENSIONS[name][2][: DIMENSIONS[name][1]]]
        listed = connection.execute(sa.select(*keys).where(table.c.in_catalog))
        present = set(zip(*(rows.column(key.name).to_pylist() for key in keys), strict=True))
        gone = [
            tuple(row)
            for row in listed
            if tuple(row) not in present and (len(keys) == 1 or row[0] in self.catalog.cities)
        ]
        for key in gone:
            same = [column == value for column, value in zip(keys, key, strict=True)]
            connection.execute(sa.update(table).where(*same).values(in_catalog=False))
        return len(gone)

    # -- records -------------------------------------------------------------------------------------------------------

    def merged_slices(self, category_id: str) -> set[str]:
        """Ids of the slices of a category that were merged or blocked."""
        c = self.ops("slice").c
        with self.engine.connect() as connection:
            return set(connection.execute(sa.select(c.slice_id).where(c.category == category_id)).scalars())

    @contextmanager
    def merging(self, category: Category) -> Iterator[Merge]:
        """Collect slices of a category; at a clean end they are merged and committed, at an exception nothing has happened.

        Readers see the old state until the end, then the new one. ``report`` of what is yielded says what was done.

        Raises:
            WarehouseError: the rows do not fit or do not add up, or the database refuses; nothing was merged.
        """
        merge = Merge(self, category)
        try:
            yield merge
            merge.finish()
        finally:
            merge.close()

    def merge(
        self,
        category: Category,
        batches: Iterable[tuple[SliceManifest, Iterable[pa.Table]]],
        *,
        validation: Sequence[ValidationRow] = (),
        quarantine_counts: Mapping[str, QuarantineCounts] | None = None,
    ) -> MergeReport:
        """Merge slices that are at hand, by :meth:`merging`. ``quarantine_counts`` by slice id."""
        with self.merging(category) as merge:
            for manifest, tables in batches:
                merge.add(manifest, pa.table({}))
                for rows in tables:
                    merge.add(manifest, rows)
                merge.quarantined(manifest, (quarantine_counts or {}).get(manifest.slice_id, {}))
            merge.validation(validation)
        return merge.report

    # -- outcomes ------------------------------------------------------------------------------------------------------

    def record_outcomes(self, records: Sequence[OutcomeRecord]) -> int:
        """Write how pulls ended, by run, city, app and dataset, and the drift they found.

        Returns:
            How many outcomes were new or differ from what stood there.
        """
        table = self.ops("run_outcome")
        rows = rows_of(table, [{**asdict(record), "outcome": record.outcome.value} for record in records])
        if not rows.num_rows:
            return 0
        changes = [
            {**asdict(record), **asdict(item), "found_at": record.finished_at}
            for record in records
            for item in record.drift
        ]
        drift = self.ops("drift")
        try:
            with self.engine.begin() as connection:
                if changes:
                    upsert(connection, drift, rows_of(drift, changes))
                return upsert(connection, table, rows)
        except sa.exc.SQLAlchemyError as error:
            raise WarehouseError(f"The outcomes of the run could not be written: {reason(error)}.") from None

    def outcome_runs(self, city: str) -> set[str]:
        """Runs of a city whose outcomes are in ops."""
        c = self.ops("run_outcome").c
        with self.engine.connect() as connection:
            return set(connection.execute(sa.select(c.run_id).where(c.city == city).distinct()).scalars())
