"""What the rules said last, read from ops.validation."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import sqlalchemy as sa

from opg_pipeline.load.records import ValidationRow
from opg_pipeline.load.warehouse import Warehouse


def last_validations(warehouse: Warehouse) -> dict[str, tuple[datetime, list[ValidationRow]]]:
    """By category: when its newest batch was judged (UTC), and the result of each rule."""
    table = warehouse.ops("validation")
    c = table.c
    newest = sa.select(c.category, sa.func.max(c.at).label("at")).group_by(c.category).subquery()
    statement = (
        sa.select(table, sa.extract("epoch", c.at).label("epoch"))
        .join(newest, sa.and_(newest.c.category == c.category, newest.c.at == c.at))
        .order_by(c.category, c.rule)
    )
    found: dict[str, tuple[datetime, list[ValidationRow]]] = {}
    names = list(ValidationRow.__dataclass_fields__)
    with warehouse.engine.connect() as connection:
        for row in connection.execute(statement).mappings():
            told = {name: row[name] for name in names} | {"groups": tuple(orjson.loads(row["groups"]))}
            at = datetime.fromtimestamp(float(row["epoch"]), UTC)
            found.setdefault(row["category"], (at, []))[1].append(ValidationRow(**told))
    return found
