"""Whether a pull is plausible beside those before it: records, or the values of a whole field, that are suddenly gone.

Says so in words; what follows from it is ingest.py's. It compares counts, and looks at no value.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import Page, SliceManifest
from opg_pipeline.model.paths import FieldPath, follow, parse_path

LEAST_RECORDS = 40
"""Records of the last pull from which on less than a twentieth of them is told from chance."""
LEAST_VALUES = 10
"""Values that are expected of a field from which on a tenth of them is told from chance."""
_ENVELOPE = ("region_code", "reported_at")
"""Columns of the envelope that may be empty, and are read from fields of the source."""


def values_of(ref: DatasetRef, accepted: pa.Table) -> Counter[str]:
    """How many records have a value, by field of the category that the dataset declares."""
    names = [name for name in (*_ENVELOPE, *ref.dataset.fields) if name in accepted.schema.names]
    return Counter({name: accepted.num_rows - accepted.column(name).null_count for name in names})


def has_shrunk(ref: DatasetRef, records: int, last: SliceManifest) -> bool:
    """Whether a snapshot that is whole holds less than a twentieth of the last one."""
    whole = ref.dataset.nature == "snapshot" and ref.dataset.incremental is None and last.complete
    return whole and last.records >= LEAST_RECORDS and records * 20 < last.records


def lost_fields(filled: Mapping[str, int], records: int, last: SliceManifest) -> list[str]:
    """Fields that hardly any of the ``records`` has, though by the earlier pulls ten times as many should."""
    lost = []
    for name, before in last.filled.items():
        expected = records * before / last.counted
        if expected >= LEAST_VALUES and filled.get(name, 0) * 10 < expected:
            lost.append(name)
    return sorted(lost)


def refusals(names: Sequence[str], waiting: Mapping[tuple[str, str, str, str], int], records: int) -> dict[str, str]:
    """Those of the lost fields whose values came, but could not be read in half of the ``records`` or more, with the reasons."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for (_, reason, _, name), n in waiting.items():
        if name in names and reason != "required_missing":
            counted[name][reason] += n
    return {
        name: ", ".join(f"{reason} {n:,} times" for reason, n in found.most_common())
        for name, found in counted.items()
        if found.total() * 2 >= records
    }


def how_lost(ref: DatasetRef, name: str, page: Page) -> str:
    """How a lost field is absent: not sent under its name any more, or sent empty. ``page`` is one with records."""
    mapping = ref.dataset.fields.get(name)
    paths = mapping.paths if mapping is not None else ref.dataset.region.paths if ref.dataset.region is not None else ()
    read = [parse_path(path) for path in paths]
    own = all(path.steps and not path.up and not path.absolute for path in read)
    if read and own and not any(_stands(record, path) for record in page.records for path in read):
        return f"no record has {' or '.join(repr(path.text) for path in read)}"
    return "sent empty"


def _stands(record: Any, path: FieldPath) -> bool:
    parent = follow(record, path.steps[:-1])
    return isinstance(parent, dict) and path.steps[-1] in parent
