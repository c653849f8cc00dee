"""What BI and the public read: measures with what they rest on, scorecards, definitions, the BI copy, open data; and the
crosswalk. Writes schema mart, ops.crosswalk and ops.publication, nothing else."""

from opg_pipeline.publish.basis import (
    MEASURES,
    OPEN_DATA,
    basis,
    note_published,
    publication_metadata,
    published,
    renew_confirmed,
)
from opg_pipeline.publish.bi_copy import PUBLISHED, publish_copy
from opg_pipeline.publish.counted import counted_views
from opg_pipeline.publish.crosswalk import crosswalk_metadata, crosswalk_page, rebuild_crosswalk
from opg_pipeline.publish.definitions import rebuild_notes_and_definitions
from opg_pipeline.publish.dictionary import data_dictionary
from opg_pipeline.publish.lineage import lineage_metadata, rebuild_lineage
from opg_pipeline.publish.measures import MeasureReport, rebuild_measures
from opg_pipeline.publish.open_data import export_open_data
from opg_pipeline.publish.scorecard import rebuild_scorecard
from opg_pipeline.publish.tables import SCHEMA, PublishError, mart_metadata
from opg_pipeline.publish.views import mart_views

__all__ = [
    "MEASURES",
    "OPEN_DATA",
    "PUBLISHED",
    "SCHEMA",
    "MeasureReport",
    "PublishError",
    "basis",
    "counted_views",
    "crosswalk_metadata",
    "crosswalk_page",
    "data_dictionary",
    "export_open_data",
    "lineage_metadata",
    "mart_metadata",
    "mart_views",
    "note_published",
    "publication_metadata",
    "publish_copy",
    "published",
    "rebuild_crosswalk",
    "rebuild_lineage",
    "rebuild_measures",
    "rebuild_notes_and_definitions",
    "rebuild_scorecard",
    "renew_confirmed",
]
