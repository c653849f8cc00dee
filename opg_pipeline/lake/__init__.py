"""Where files live (an fsspec URL): raw answers, standard slices, quarantine, outcomes. Atomic writes, encryption at rest.

A slice is one pull of one dataset. Its files are written first and its manifest last: the manifest is the commit, and the
position of the next pull stands in it, so a cursor cannot move before the data it covers is stored. Nothing here knows
how an answer is fetched, read or loaded.

    raw/<city>/<app>/<dataset>/<sha256>.zst            exact bodies
    standard/<city>/<app>/<dataset>/<slice>.parquet    records of the category's shape
    quarantine/<city>/<app>/<dataset>/<slice>*.parquet what waits, with reason and payload
    slices/<city>/<app>/<dataset>/<slice>.json         manifests (the commit)
    outcomes/<city>/<run>/<app>.<dataset>.json         how each pull of a run ended
    revisions/<city>/<app>/<dataset>.json              slices that were made again from raw
    decisions/<city>/<app>/<dataset>/<time>.json       what was decided about what waits
    access/<time>.json                                 who looked at source records, and why
    purges/<time>.json                                 what was removed because its time was over
    erasures/<time>.json                               how much was erased of a person, and why
"""

from opg_pipeline.lake.journal import Access, Decision, Erasure, Purge
from opg_pipeline.lake.lake import Lake
from opg_pipeline.lake.schemas import QUARANTINE_SCHEMA, arrow_type, standard_schema
from opg_pipeline.lake.slices import DatasetKey, SliceWriter
from opg_pipeline.lake.store import LakeError, MissingFile

__all__ = [
    "QUARANTINE_SCHEMA", "Access", "DatasetKey", "Decision", "Erasure", "Lake", "LakeError", "MissingFile", "Purge", "SliceWriter", "arrow_type",
    "standard_schema",
]  # fmt: skip
