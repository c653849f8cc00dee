"""Runs the suite of a category over a batch of standard records and reports. GX judges; here its input is laid out."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.lake import standard_schema
from opg_pipeline.model.category import Category
from opg_pipeline.validate.columns import given
from opg_pipeline.validate.engine import Question, Verdict, judge
from opg_pipeline.validate.report import Positions, Report, RuleResult
from opg_pipeline.validate.suite import NOT_BEFORE, Check, DatasetCheck, Suite, build_suite

if TYPE_CHECKING:
    import pandas as pd

_GROUP = ("source_app", "source_dataset")


def validate(category: Category, table: pa.Table) -> Report:
    """Judge the new records of a category, of one city, in its standard shape (see lake.standard_schema).

    Row rules speak of records, dataset rules of each app and dataset in the batch. A rule that cannot be judged, such
    as one whose column is absent or of another type, is reported as an error and fails no record.
    """
    started = time.perf_counter()
    suite = build_suite(category)
    wrong = _wrong_columns(table, standard_schema(category))
    results: list[RuleResult] = []
    failing: dict[str, Positions] = {}
    for check, verdict in _judge_rows(suite, table, wrong):
        if verdict.positions.size:
            failing[check.rule] = verdict.positions
        results.append(_result(check, "row", verdict))
    results += _judge_datasets(suite, table, wrong)
    return Report(category.id, table.num_rows, tuple(results), failing, time.perf_counter() - started)


def _wrong_columns(table: pa.Table, schema: pa.Schema) -> dict[str, str]:
    """What is wrong with the columns of ``table``, by name; every column that is as the schema says is left out."""
    wrong = {}
    for field in schema:
        count = table.schema.names.count(field.name)
        if count != 1:
            wrong[field.name] = f"The records have {count or 'no'} column{'s' if count else ''} {field.name!r}."
        elif (held := table.schema.field(field.name).type) != field.type:
            wrong[field.name] = f"Column {field.name!r} holds {held}, but the category says {field.type}."
    return wrong


def _unjudged(why: str) -> Verdict:
    return Verdict(False, 0, np.empty(0, np.int64), why)


def _unfit(wrong: dict[str, str], sources: tuple[str, ...]) -> str:
    return " ".join(wrong[name] for name in sources if name in wrong)


def _judge_rows(suite: Suite, table: pa.Table, wrong: dict[str, str]) -> list[tuple[Check, Verdict]]:
    import pandas as pd

    verdicts: dict[str, Verdict] = {}
    columns: dict[str, pd.Series] = {}
    questions = []
    for check in suite.rows:
        unfit = _unfit(wrong, tuple(name for column in check.columns for name in column.sources))
        if unfit:
            verdicts[check.rule] = _unjudged(unfit)
            continue
        try:
            made = {column.name: column.series(table) for column in check.columns if column.name not in columns}
        except re.error as error:
            verdicts[check.rule] = _unjudged(f"The regular expression of this rule is none: {error}.")
            continue
        columns |= made
        slots = ("column_A", "column_B") if check.expectation == NOT_BEFORE else ("column",)
        where = {slot: column.name for slot, column in zip(slots, check.columns, strict=True)}
        questions.append(_question(check, where | check.arguments))
    verdicts |= judge(pd.DataFrame(columns), questions)
    return [(check, verdicts[check.rule]) for check in suite.rows]


def _judge_datasets(suite: Suite, table: pa.Table, wrong: dict[str, str]) -> list[RuleResult]:
    """GX judges one frame with a line per dataset and a column per rule, so its cost does not grow with the datasets."""
    if not suite.datasets:
        return []
    import pandas as pd

    verdicts: dict[str, Verdict] = {}
    questions = []
    columns: dict[str, Any] = {}
    names: list[str] = []
    blind = _unfit(wrong, _GROUP)
    if not blind:
        group, names = _groups(table)
        rows = np.bincount(group, minlength=len(names))
    for check in suite.datasets:
        unfit = blind or _unfit(wrong, (check.field,) if check.field else ())
        if unfit:
            verdicts[check.rule] = _unjudged(unfit)
            continue
        if check.field is None:
            columns[check.rule] = rows
        else:
            columns[check.rule] = np.bincount(group, weights=given(table, check.field), minlength=len(names)) / rows
        questions.append(_question(check, {"column": check.rule, "min_value": check.minimum}))
    verdicts |= judge(pd.DataFrame(columns, dtype=np.float64), questions)
    results = []
    for check in suite.datasets:
        verdict = verdicts[check.rule]
        results.append(_result(check, "dataset", verdict, tuple(names[at] for at in verdict.positions)))
    return results


def _groups(table: pa.Table) -> tuple[Any, list[str]]:
    """Per record the number of its dataset; and the names of the datasets, sorted."""
    joined = pc.binary_join_element_wise(*(table.column(name).cast(pa.string()) for name in _GROUP), "/")
    encoded = pc.fill_null(joined, "unknown").combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    return rank[encoded.indices.to_numpy(zero_copy_only=False)], [names[at] for at in order]


def _question(check: Check | DatasetCheck, arguments: dict[str, Any]) -> Question:
    return Question(check.rule, check.severity, check.description, check.expectation, arguments)


def _result(check: Check | DatasetCheck, kind: Any, verdict: Verdict, groups: tuple[str, ...] = ()) -> RuleResult:
    return RuleResult(
        check.rule, kind, check.severity, check.description, check.expectation,
        verdict.success, verdict.evaluated, int(verdict.positions.size), verdict.error, groups,
    )  # fmt: skip
