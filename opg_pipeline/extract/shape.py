"""Turns wide records into long ones (`unpivot`). Reading bytes is decode's; what a value means is normalise's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from opg_pipeline.model.formats import Unpivot
from opg_pipeline.model.handover import Outcome, PullError

Parents = list[tuple[Any, ...]] | None


def unpivoted(records: list[Any], parents: Parents, declared: Unpivot) -> tuple[list[Any], Parents]:
    """Each declared column of a record as a record of its own, with what the other columns hold; parents go along.

    A record that is no object stays as it is. Raises PullError MALFORMED where no record has any of the columns, where they
    have one that is called as the new keys are, and for records by position.
    """
    named = _chooser(declared)
    known: dict[tuple[str, ...], tuple[list[str], list[str]]] = {}
    result: list[Any] = []
    sources: list[int] = []
    turned = 0
    for row, record in enumerate(records):
        if not isinstance(record, dict):
            if isinstance(record, list | tuple):
                raise _malformed("the records are lists, whose columns have no names to `unpivot` by")
            result.append(record)
            sources.append(row)
            continue
        keys = tuple(record)
        if keys not in known:
            known[keys] = _split(keys, named, declared)
        columns, rest = known[keys]
        turned += len(columns)
        same = {key: record[key] for key in rest}
        for column in columns:
            result.append({**same, declared.name: column, declared.value: record[column]})
            sources.append(row)
    if known and not turned:
        raise _malformed("no record has a column that `unpivot` names")
    return result, None if parents is None else [parents[row] for row in sources]


def _chooser(declared: Unpivot) -> Callable[[str], object]:
    if declared.columns is not None:
        return frozenset(declared.columns).__contains__
    return re.compile(declared.matching or "").fullmatch


def _split(keys: tuple[str, ...], named: Callable[[str], object], declared: Unpivot) -> tuple[list[str], list[str]]:
    columns = [key for key in keys if named(key)]
    rest = [key for key in keys if key not in columns]
    for new in (declared.name, declared.value):
        if new in rest:
            raise _malformed(f"the records have a column {new!r} of their own", f"call {new!r} otherwise in `unpivot`.")
    return columns, rest


def _malformed(what: str, hint: str = "compare `unpivot` with the archived answer.") -> PullError:
    return PullError(Outcome.MALFORMED, what, hint)
