"""The position of the next incremental pull: the newest value of `incremental.field`, a time or a number that grows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.normalise.columns import Batch, source
from opg_pipeline.normalise.evaluate import first_of
from opg_pipeline.normalise.moments import EpochParser, MomentParser
from opg_pipeline.normalise.numbers import NumberParser
from opg_pipeline.normalise.parsing import Parser
from opg_pipeline.normalise.plan import Planner

_TIMESTAMP = pa.timestamp("us", tz="UTC")
_CLOCK_SKEW = timedelta(days=1)
_EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000}


class Cursor:
    """Reads the position of each batch. Raises ValueError where no pattern of its dates is declared."""

    def __init__(self, ref: DatasetRef, planner: Planner) -> None:
        self._declared = declared = ref.dataset.incremental
        self._missing = planner.missing
        self._parser: Parser | None = None
        if declared is None:
            return
        pattern = declared.format or planner.locale.date
        if declared.kind == "number":
            self._parser = NumberParser(pa.int64(), ".", "")
        elif pattern is None:
            raise ValueError(f"{ref.name}: `incremental` needs a `format`, or a `date` in the locale")
        elif pattern in _EPOCHS:
            self._parser = EpochParser(_TIMESTAMP, _EPOCHS[pattern], planner.zone())
        else:
            self._parser = MomentParser(_TIMESTAMP, pattern, planner.zone())

    def newest(self, batch: Batch, pulled_at: datetime, flags: dict[str, int]) -> datetime | int | None:
        """The newest value; times of the future would skip what comes until then: they do not count. Adds to ``flags``."""
        if self._parser is None or self._declared is None or not batch.rows:
            return None
        paths = self._declared.fields
        column = batch.column(paths[0]) if len(paths) == 1 else first_of(batch, paths, self._missing)
        read = self._parser.parse(source(column, self._missing))
        if unreadable := int((read.reasons > 0).sum()):
            flags["CURSOR_UNREADABLE"] = unreadable
        values: Any = read.values
        if self._declared.kind == "time":
            past = pc.less_equal(values, pa.scalar(pulled_at + _CLOCK_SKEW, _TIMESTAMP))
            if future := len(values) - values.null_count - (pc.sum(past).as_py() or 0):
                flags["CURSOR_IN_FUTURE"] = future
            values = values.filter(past)
        newest: datetime | int | None = pc.max(values).as_py()
        return newest
