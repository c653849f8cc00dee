"""What a rebuild asks of the warehouse: which slices it has, what stands of a dataset, and to take a dataset out so that all of its
slices can be merged again. What is rebuilt is decided by who calls.
"""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import sqlalchemy as sa

from opg_pipeline.load.connect import reason
from opg_pipeline.load.records import WarehouseError
from opg_pipeline.load.tables import CORE, OPS

if TYPE_CHECKING:
    from opg_pipeline.load.earlier import DatasetName
    from opg_pipeline.load.warehouse import Warehouse


_ROWS = 20_000


def merged_revisions(warehouse: Warehouse, category_id: str) -> dict[str, int]:
    """Slices of a category that were merged or blocked, with the revision the warehouse has of each."""
    c = warehouse.ops("slice").c
    statement = sa.select(c.slice_id, sa.func.coalesce(c.revision, 0)).where(c.category == category_id)
    with warehouse.engine.connect() as connection:
        return {slice_id: int(revision) for slice_id, revision in connection.execute(statement)}


def core_records(warehouse: Warehouse, category_id: str, dataset: DatasetName) -> pa.Table:
    """Every column of core.<category> of one dataset, in order of record_uid; times in UTC. Raises WarehouseError."""
    table = warehouse.core(category_id)
    city, app, name = dataset
    c = table.c
    statement = (
        sa.select(table).where(c.city_id == city, c.source_app == app, c.source_dataset == name).order_by(c.record_uid)
    )
    schema = pa.schema([pa.field(column.name, _arrow(column.type)) for column in table.columns])
    batches = []
    try:
        with warehouse.engine.connect() as connection:
            for rows in connection.execution_options(stream_results=True).execute(statement).partitions(_ROWS):
                columns = zip(*rows, strict=True)
                arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
                batches.append(pa.record_batch(arrays, schema=schema))
    except sa.exc.SQLAlchemyError as error:
        raise WarehouseError(f"{table.fullname} cannot be read: {reason(error)}.") from None
    return pa.Table.from_batches(batches, schema)


def _arrow(kind: sa.types.TypeEngine[Any]) -> pa.DataType:
    if isinstance(kind, sa.Numeric) and kind.precision is not None:
        return pa.decimal128(kind.precision, kind.scale or 0)
    plain = (
        (sa.DateTime, pa.timestamp("us", tz="UTC")),
        (sa.Date, pa.date32()),
        (sa.Boolean, pa.bool_()),
        (sa.BigInteger, pa.int64()),
    )
    return next((arrow for sql, arrow in plain if isinstance(kind, sql)), pa.string())


def forget(
    connection: sa.Connection, metadata: sa.MetaData, category_id: str, dataset: DatasetName, again: Set[str]
) -> None:
    """Delete the records of a dataset, their history and its slices, in the caller's transaction.

    Raises:
        WarehouseError: a slice that was merged is not among those that are merged ``again``; its records would be lost.
    """
    city, app, name = dataset
    slices = metadata.tables[f"{OPS}.slice"]
    own = (slices.c.city == city, slices.c.app == app, slices.c.dataset == name, slices.c.category == category_id)
    known = set(connection.execute(sa.select(slices.c.slice_id).where(*own)).scalars())
    if lost := sorted(known - again):
        raise WarehouseError(
            f"{app}/{name} cannot be loaded anew: the lake no longer has {len(lost)} of its slices (first {lost[0]}), whose records "
            "would be lost. Nothing was changed. Bring the slices back from a backup of the lake."
        )
    counts = metadata.tables[f"{OPS}.quarantine_count"]
    connection.execute(sa.delete(counts).where(counts.c.slice_id.in_(sa.select(slices.c.slice_id).where(*own))))
    connection.execute(sa.delete(slices).where(*own))
    for table in (metadata.tables.get(f"{CORE}.{category_id}{kind}") for kind in ("", "_past")):
        if table is not None:
            c = table.c
            connection.execute(sa.delete(table).where(c.city_id == city, c.source_app == app, c.source_dataset == name))
