"""Great Expectations as judge: a frame and expectations in, verdicts out. Knows no category."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from opg_pipeline.validate.report import Positions, Severity

if TYPE_CHECKING:
    import pandas as pd

_FORMAT = {"result_format": "COMPLETE", "return_unexpected_index_query": False}
_NONE: Positions = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Question:
    """One expectation to judge: GX type, its arguments, and what it is called."""

    rule: str
    severity: Severity
    description: str
    expectation: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What GX found: rows it looked at, positions that fail, or the error that kept it from judging."""

    success: bool
    evaluated: int
    positions: Positions
    error: str = ""


def warm_up() -> threading.Thread:
    """Start importing Great Expectations, which takes seconds, beside other work."""
    thread = threading.Thread(target=library, name="import-great-expectations", daemon=True)
    thread.start()
    return thread


def library() -> Any:
    """Great Expectations, imported when first asked for."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read once, when it is imported
    import great_expectations

    return great_expectations


def judge(frame: pd.DataFrame, questions: Sequence[Question]) -> dict[str, Verdict]:
    """Verdicts by rule. The frame's index counts from 0. An expectation that GX cannot run gives a verdict with an error."""
    gx = library()
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.expectations.metadata_types import FailureSeverity
    from great_expectations.expectations.registry import get_expectation_impl

    verdicts: dict[str, Verdict] = {}
    expectations = []
    for question in questions:
        told: dict[str, Any] = {
            "description": question.description,
            "severity": FailureSeverity.WARNING if question.severity == "warn" else FailureSeverity.CRITICAL,
            "meta": {"rule": question.rule, "severity": question.severity},
        }
        try:
            expectations.append(get_expectation_impl(question.expectation)(**question.arguments, **told))
        except ValueError as error:  # the arguments GX refuses come from the declaration
            verdicts[question.rule] = _error(type(error).__name__)
    if not expectations:
        return verdicts
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    asset = context.data_sources.add_pandas("records").add_dataframe_asset("batch")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite(name="category", expectations=expectations)
    for result in batch.validate(suite, result_format=_FORMAT).results:
        verdicts[result.expectation_config.meta["rule"]] = _verdict(result)
    return verdicts


def _verdict(result: Any) -> Verdict:
    if raised := _raised(result.exception_info or {}):
        return _error(raised)
    found = result.result
    if "element_count" not in found:
        return _error("no result")
    positions = np.sort(np.asarray(found.get("unexpected_index_list") or [], dtype=np.int64))
    if bool(result.success) != (positions.size == 0):
        return _error("it failed and named no record")
    return Verdict(bool(result.success), found["element_count"] - (found.get("missing_count") or 0), positions)


def _error(kind: str) -> Verdict:
    return Verdict(False, 0, _NONE, f"Great Expectations could not judge this rule ({kind}). Check its declaration.")


def _raised(info: dict[str, Any]) -> str:
    """Kind of the exception GX met first, or ''. Its message may quote a record's value and is left out."""
    entries = [info] if "raised_exception" in info else [entry for entry in info.values() if isinstance(entry, dict)]
    for entry in entries:
        if entry.get("raised_exception"):
            kinds = re.findall(r"^(?:\w+\.)*(\w+)(?::|$)", str(entry.get("exception_traceback") or ""), re.MULTILINE)
            return str(kinds[0]) if kinds else "exception"
    return ""
