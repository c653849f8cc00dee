"""Category -> Great Expectations suite; run -> report and failing records.

Great Expectations is imported when first used, or by :func:`warm_up`. What becomes of a failing record or dataset is
decided by who calls, not here.
"""

from opg_pipeline.validate.data_docs import Judged, write_data_docs
from opg_pipeline.validate.engine import warm_up
from opg_pipeline.validate.report import Report, RuleResult
from opg_pipeline.validate.run import validate
from opg_pipeline.validate.suite import Check, DatasetCheck, Suite, build_suite

__all__ = [
    "Check",
    "DatasetCheck",
    "Judged",
    "Report",
    "RuleResult",
    "Suite",
    "build_suite",
    "validate",
    "warm_up",
    "write_data_docs",
]
