"""Category -> tables of the warehouse; merge, dimensions, ops, migrations. DuckDB and PostgreSQL alike."""

from opg_pipeline.load.merge import Merge
from opg_pipeline.load.records import MergeReport, QuarantineCounts, SliceCounts, ValidationRow, WarehouseError
from opg_pipeline.load.warehouse import Warehouse

__all__ = ["Merge", "MergeReport", "QuarantineCounts", "SliceCounts", "ValidationRow", "Warehouse", "WarehouseError"]
