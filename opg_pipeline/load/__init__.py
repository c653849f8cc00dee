"""Category -> tables of the warehouse; merge, dimensions, ops, migrations. DuckDB and PostgreSQL alike."""

from opg_pipeline.load.anew import core_records, merged_revisions
from opg_pipeline.load.change import Plan
from opg_pipeline.load.history import View
from opg_pipeline.load.judged import last_validations
from opg_pipeline.load.merge import Merge
from opg_pipeline.load.records import MergeReport, QuarantineCounts, SliceCounts, ValidationRow, WarehouseError
from opg_pipeline.load.waiting import note_waiting
from opg_pipeline.load.warehouse import Warehouse

__all__ = [
    "Merge", "MergeReport", "Plan", "QuarantineCounts", "SliceCounts", "ValidationRow", "View", "Warehouse", "WarehouseError", "core_records",
    "last_validations", "merged_revisions", "note_waiting",
]  # fmt: skip
