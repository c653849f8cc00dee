"""ops.column_lineage: the walk of model/lineage.py as a table. Reads no record."""

from __future__ import annotations

import sqlalchemy as sa

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.lineage import column_lineage
from opg_pipeline.publish.rows import replace_rows
from opg_pipeline.publish.tables import column


def lineage_metadata() -> sa.MetaData:
    """ops.column_lineage, with comments (English | Indonesian). The load room creates it."""
    metadata = sa.MetaData(schema="ops")
    c = column
    sa.Table(
        "column_lineage",
        metadata,
        c("source", sa.Text, "Where the column comes from: raw/<city>/<app>/<dataset> (declared/… for a constant), standard/<city>/<app>/<dataset>, core/<category> or mart/measure", "Asal kolom: raw/<kota>/<aplikasi>/<dataset> (declared/… untuk nilai tetap), standard/<kota>/<aplikasi>/<dataset>, core/<kategori>, atau mart/measure"),
        c("source_column", sa.Text, "Column there; in raw, the path in the app's answer", "Kolom asal; pada raw, jalur dalam jawaban aplikasi"),
        c("target", sa.Text, "What it goes into", "Tujuan"),
        c("target_column", sa.Text, "Column there", "Kolom tujuan"),
        c("how", sa.Text, "What is done on the way", "Apa yang dilakukan di antaranya"),
        c("measure_id", sa.Text, "Measure it is so for; empty where for all", "Ukuran yang dimaksud; kosong bila untuk semua"),
        comment="Which column comes from which, by the declarations, from the app's answer to mart. | Asal setiap kolom menurut deklarasi, dari jawaban aplikasi sampai mart.",
    )  # fmt: skip
    return metadata


def rebuild_lineage(connection: sa.Connection, catalog: Catalog) -> int:
    """Write ops.column_lineage anew, in the caller's transaction; returns how many rows."""
    rows = [
        {
            "source": "/".join(edge.source),
            "source_column": edge.source_column,
            "target": "/".join(edge.target),
            "target_column": edge.target_column,
            "how": edge.how,
            "measure_id": edge.measure,
        }
        for edge in column_lineage(catalog)
    ]
    return replace_rows(connection, lineage_metadata().tables["ops.column_lineage"], rows)
