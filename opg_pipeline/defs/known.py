"""Whether a pull brought anything that is not in the lake yet. A source that is asked for the last days again delivers what it has
delivered; then nothing downstream has to run. Compares only; what comes of it is ingest.py's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from opg_pipeline.lake import DatasetKey, Lake, LakeError
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import PullFacts, SliceManifest

MOST = 50_000
"""Records of a pull up to which it is compared; bounds the memory it takes."""
SLICES = 8
"""Slices looked back through. What is asked for again was delivered in the last few."""
_ENTRY = ("record_uid", "scope", "reason", "rule", "field", "payload")


@dataclass(slots=True)
class Told:
    """Identity and content of the records that a pull brought, by record_uid; the last of a record counts, as in the merge.

    ``many``: there were more than MOST, which are not remembered.
    """

    hashes: dict[str, str] = field(default_factory=dict)
    many: bool = False

    def take(self, accepted: pa.Table) -> None:
        """Add a table of standard records."""
        self.many = self.many or len(self.hashes) + accepted.num_rows > MOST
        if self.many:
            self.hashes.clear()
        else:
            columns = (accepted.column(name).to_pylist() for name in ("record_uid", "row_hash"))
            self.hashes.update(zip(*columns, strict=True))


def nothing_new(
    lake: Lake, key: DatasetKey, ref: DatasetRef, last: SliceManifest, told: Told, rejected: pa.Table, facts: PullFacts
) -> bool:
    """Whether every record of a good pull stands in the lake as it came, those that were refused too.

    Args:
        last: the newest pull, of the same declaration. A list that is pulled whole is compared with it alone, both ways; one
            that is asked for what is new, with the newest version of each record in the last slices.
        rejected: what the pull put into quarantine.
    """
    if told.many or facts.failed_parts or facts.unmodified_parts:
        return False
    whole = ref.dataset.incremental is None
    if whole and not last.complete:
        return False
    try:
        slices = [last] if whole else list(_same_meaning(lake, key, last))
        known: dict[str, str] = {}
        for manifest in slices:
            known = {**lake.record_hashes(manifest), **known}
            if told.hashes.items() <= known.items():
                break
        else:
            return False
        if whole and known.keys() != told.hashes.keys():
            return False
        waiting = {
            entry for item in slices for name in item.quarantine for entry in _entries(lake.read_quarantine(name))
        }
    except LakeError:
        return False  # files expire
    mine = set(_entries(rejected))
    return mine == waiting if whole else mine <= waiting


def _same_meaning(lake: Lake, key: DatasetKey, last: SliceManifest) -> Iterator[SliceManifest]:
    """The last slices, newest first, back to where the declaration was another."""
    for slice_id in lake.slice_ids(key)[: -SLICES - 1 : -1]:
        manifest = lake.manifest(key, slice_id)
        if manifest.declaration_hash != last.declaration_hash:
            return
        yield manifest


def _entries(table: pa.Table) -> Iterator[tuple[str | bytes | None, ...]]:
    return zip(*(table.column(name).to_pylist() for name in _ENTRY), strict=True)
