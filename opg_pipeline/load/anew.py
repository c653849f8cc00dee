"""Takes a dataset out of the warehouse so that all of its slices can be merged again, and says which have been made anew since."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

import sqlalchemy as sa

from opg_pipeline.load.records import WarehouseError
from opg_pipeline.load.tables import CORE, OPS

if TYPE_CHECKING:
    from opg_pipeline.load.earlier import DatasetName
    from opg_pipeline.load.warehouse import Warehouse


def merged_revisions(warehouse: Warehouse, category_id: str) -> dict[str, int]:
    """Slices of a category that were merged or blocked, with the revision the warehouse has of each."""
    c = warehouse.ops("slice").c
    statement = sa.select(c.slice_id, sa.func.coalesce(c.revision, 0)).where(c.category == category_id)
    with warehouse.engine.connect() as connection:
        return {slice_id: int(revision) for slice_id, revision in connection.execute(statement)}


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
