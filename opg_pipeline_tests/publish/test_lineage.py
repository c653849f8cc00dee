"""ops.column_lineage holds the walk, on both engines, and is replaced, not added to."""

from __future__ import annotations

import sqlalchemy as sa

from opg_pipeline.model.lineage import column_lineage
from opg_pipeline.publish import lineage_metadata, rebuild_lineage

from .world import World, app, catalog, category, measure


def test_the_table_is_the_walk(world: World) -> None:
    world.build("visit")
    declared = catalog([category(measure("size", "sum", value={"field": "amount"}))], [app("one"), app("two")])
    metadata = lineage_metadata()
    with world.engine.begin() as connection:
        metadata.create_all(connection)
        for _ in range(2):
            assert rebuild_lineage(connection, declared) == len(list(column_lineage(declared)))
        rows = connection.execute(sa.select(metadata.tables["ops.column_lineage"])).mappings().all()
    assert len(rows) == len(list(column_lineage(declared)))
    way = {(row["source"], row["source_column"], row["target"], row["target_column"], row["how"], row["measure_id"]) for row in rows}  # fmt: skip
    assert ("core/visit", "amount", "mart/measure", "value", "sum of", "size") in way
    assert ("raw/uji/one/visits", "at", "standard/uji/one/visits", "opened_at", "read", "") in way
