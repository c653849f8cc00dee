"""What waits in quarantine now, as table ops.quarantine. What is open and what is not is decided by who calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from opg_pipeline.load.connect import reason
from opg_pipeline.load.records import WarehouseError
from opg_pipeline.load.warehouse import Warehouse


def note_waiting(warehouse: Warehouse, city: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put ``rows`` (columns of ops.quarantine) in place of what stood there of a city. Raises WarehouseError."""
    table = warehouse.ops("quarantine")
    try:
        with warehouse.engine.begin() as connection:
            connection.execute(sa.delete(table).where(table.c.city == city))
            if rows:
                connection.execute(table.insert(), [dict(row) for row in rows])
    except sa.exc.SQLAlchemyError as error:
        raise WarehouseError(f"What waits in quarantine could not be written: {reason(error)}.") from None
