"""Brings in what waited, after its declaration was repaired: reads the archived answers again and takes the repaired records alone.

What is taken becomes a slice of its own for each pull it came in, so nothing else changes. Composition only; no Dagster here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.defs.deployment import Deployment, dataset_key, declaration_hash
from opg_pipeline.defs.quarantine import Entry
from opg_pipeline.defs.refused import RULE_FAILED
from opg_pipeline.defs.replay import batches, normaliser_for, pages_again, pulled_at, unreadable
from opg_pipeline.lake import QUARANTINE_SCHEMA, LakeError, standard_schema
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import SLICE_ROW, Outcome, PullError, SliceManifest
from opg_pipeline.normalise.quarantine import payload
from opg_pipeline.settings import SecretMissing
from opg_pipeline.validate import validate


@dataclass
class Mended:
    """What became of the waiting entries of one slice.

    ``still``: entries that are refused as before, counted by their present reason; ``not_found``: entries whose record the answers
    no longer hold as the declaration reads them now. ``message`` and ``hint`` say why nothing of the slice could be read.
    """

    app: str
    dataset: str
    slice_id: str
    tried: int
    repaired: list[str] = field(default_factory=list)
    records: int = 0
    still: dict[str, int] = field(default_factory=dict)
    not_found: int = 0
    new_slice: str | None = None
    message: str = ""
    hint: str = ""

    def refused(self, reason: str, n: int = 1) -> None:
        """Count what waits on."""
        self.still[reason] = self.still.get(reason, 0) + n


def mend(deployment: Deployment, waiting: Sequence[Entry], run_id: str) -> list[Mended]:
    """Take in what the present declarations accept of the entries; the rest waits on. Slices are committed, not yet loaded."""
    grouped: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for entry in waiting:
        grouped[(entry.app, entry.dataset, entry.slice_id)].append(entry)
    refs = {
        (ref.app.id, ref.dataset.id): ref for ref in deployment.catalog.datasets(deployment.city.city.id, active=False)
    }
    result = []
    for (app, dataset, slice_id), own in sorted(grouped.items()):
        told = Mended(app, dataset, slice_id, len(own))
        result.append(told)
        ref = refs[(app, dataset)]
        manifest = deployment.lake.manifest(dataset_key(ref), slice_id)
        if manifest.category != ref.category.id:
            told.message = f"it was loaded as {manifest.category}, and the dataset is declared as {ref.category.id} now"
            told.hint = "pull the dataset again: `opg run --full`."
            continue
        deployment.lake.log_access(f"{len(own)} quarantine entries of {ref.name}", "repair after a changed declaration")
        try:
            _mend_slice(deployment, ref, manifest, own, run_id, told)
        except (PullError, LakeError, SecretMissing) as error:
            told.message, told.hint = unreadable(error)
    return result


@dataclass
class _Found:
    """What the answers hold of the entries: accepted rows with the entries each would repair, and what is refused of them still."""

    accepted: list[pa.Table] = field(default_factory=list)
    rejected: list[pa.Table] = field(default_factory=list)
    entries: dict[int, list[Entry]] = field(default_factory=dict)


def _mend_slice(
    deployment: Deployment, ref: DatasetRef, manifest: SliceManifest, own: Sequence[Entry], run_id: str, told: Mended
) -> None:
    lake, key = deployment.lake, dataset_key(ref)
    wanted = {entry.raw_sha256 for entry in own}
    source = replace(manifest, raw=[raw for raw in manifest.raw if raw.sha256 in wanted and not raw.lists])
    writer = lake.new_slice(key, standard_schema(ref.category))
    found = _search(deployment, ref, source, own, writer.slice_id)
    told.not_found = len({entry.id for entry in own} - {entry.id for some in found.entries.values() for entry in some})
    rows = _passing(ref, found, told)
    refused = _refused(found, rows)
    done = {row: [entry.id for entry in found.entries[row] if _is_repaired(entry, refused[row], told)] for row in rows}
    rows = {row for row in rows if done[row]}
    if not rows:
        return
    # A record that a later pull has brought already is not to be taken back to what it was.
    since = _later(deployment, ref, manifest, found.accepted)
    accepted = _chosen(found.accepted, rows)
    accepted = accepted.filter(
        pc.invert(pc.is_in(accepted.column("record_uid"), value_set=pa.array(sorted(since), pa.string())))
    )
    if not accepted.num_rows:
        return
    taken = set(accepted.column(SLICE_ROW).to_pylist())
    waits = _chosen(found.rejected, taken)
    writer.add(accepted)
    writer.add_quarantine(waits)
    standard, quarantine = writer.flush()
    told.repaired = sorted(name for row in taken for name in done[row])
    told.records, told.new_slice = accepted.num_rows, writer.slice_id
    counted = Counter(
        zip(*(waits.column(name).to_pylist() for name in ("scope", "reason", "rule", "field")), strict=True)
    )
    writer.commit(
        replace(
            source, slice_id=writer.slice_id, run_id=run_id, committed_at=datetime.now(UTC), outcome=Outcome.NEW_RECORDS,
            records=accepted.num_rows, accepted=accepted.num_rows, quarantined=0, values_quarantined=waits.num_rows, skipped=0,
            waiting=[(*cause, n) for cause, n in sorted(counted.items())], standard=standard, quarantine=quarantine,
            cursor=None, validators={}, part_validators={}, complete=False, declaration_hash=declaration_hash(ref),
            repairs=told.repaired, revision=0,
        )
    )  # fmt: skip


def _search(
    deployment: Deployment, ref: DatasetRef, source: SliceManifest, own: Sequence[Entry], slice_id: str
) -> _Found:
    """Normalise the answers again and find the entries' records in them."""
    by_payload, by_uid = _sought(deployment, own)
    normaliser = normaliser_for(deployment, ref, slice_id, pulled_at(deployment.lake, source))
    found, first = _Found(), 0
    for batch in batches(pages_again(deployment, ref, source)):
        result = normaliser.normalise(batch)
        for place, record in enumerate(result.sources, start=first):
            if some := by_payload.get(payload(record)):
                found.entries.setdefault(place, []).extend(some)
        uids = zip(
            result.accepted.column(SLICE_ROW).to_pylist(), result.accepted.column("record_uid").to_pylist(), strict=True
        )
        for place, uid in uids if by_uid else ():
            if some := by_uid.get(uid):
                found.entries.setdefault(place, []).extend(some)
        places = pa.array(sorted(found.entries), pa.int64())
        found.accepted.append(result.accepted.filter(pc.is_in(result.accepted.column(SLICE_ROW), value_set=places)))
        found.rejected.append(result.rejected.filter(pc.is_in(result.rejected.column(SLICE_ROW), value_set=places)))
        first += len(result.sources)
    return found


def _sought(deployment: Deployment, own: Iterable[Entry]) -> tuple[dict[bytes, list[Entry]], dict[str, list[Entry]]]:
    """Entries by their source record; those that a rule refused by their record_uid, as their payload is the standard record."""
    by_payload: dict[bytes, list[Entry]] = defaultdict(list)
    by_uid: dict[str, list[Entry]] = defaultdict(list)
    files: dict[str, list[Any]] = {}
    for entry in own:
        if entry.reason == RULE_FAILED:
            by_uid[entry.record_uid or ""].append(entry)
            continue
        if entry.file not in files:
            files[entry.file] = deployment.lake.read_quarantine(entry.file).column("payload").to_pylist()
        by_payload[files[entry.file][entry.row]].append(entry)
    return by_payload, by_uid


def _passing(ref: DatasetRef, found: _Found, told: Mended) -> set[int]:
    """Rows that are accepted and that the rules of the category pass; counts why the others wait on."""
    accepted = pa.concat_tables(found.accepted) if found.accepted else standard_schema(ref.category).empty_table()
    rows = accepted.column(SLICE_ROW).to_pylist()
    report = validate(ref.category, accepted) if rows else None
    bad = np.zeros(len(rows), bool)
    if report is not None:
        bad[report.quarantined] = True
        for item in report.results:
            if item.severity == "quarantine" and item.unexpected:
                told.refused(item.rule, item.unexpected)
    taken = {row for row, fails in zip(rows, bad.tolist(), strict=True) if not fails}
    for reason in {
        row: reason for table in found.rejected for row, scope, reason in _told(table) if scope == "record"
    }.values():
        told.refused(reason)
    return taken


def _told(table: pa.Table) -> Iterable[tuple[int, str, str]]:
    return zip(*(table.column(name).to_pylist() for name in (SLICE_ROW, "scope", "reason")), strict=True)


def _refused(found: _Found, rows: Iterable[int]) -> dict[int, dict[str, str]]:
    """Per row the fields whose value is refused still, with the reason."""
    refused: dict[int, dict[str, str]] = {row: {} for row in rows}
    for table in found.rejected:
        names = (SLICE_ROW, "field", "reason")
        for row, name, reason in zip(*(table.column(item).to_pylist() for item in names), strict=True):
            if row in refused:
                refused[row][name] = reason
    return refused


def _is_repaired(entry: Entry, refused: dict[str, str], told: Mended) -> bool:
    if entry.scope == "value" and entry.field in refused:
        told.refused(refused[entry.field])
        return False
    return True


def _later(deployment: Deployment, ref: DatasetRef, manifest: SliceManifest, accepted: Sequence[pa.Table]) -> set[str]:
    """Records of these that a later slice holds."""
    lake, key = deployment.lake, dataset_key(ref)
    uids = {uid for table in accepted for uid in table.column("record_uid").to_pylist()}
    later = (lake.manifest(key, slice_id) for slice_id in lake.slice_ids(key) if slice_id > manifest.slice_id)
    return {uid for item in later for uid in lake.record_uids(item) if uid in uids}


def _chosen(tables: Sequence[pa.Table], rows: Iterable[int]) -> pa.Table:
    table = pa.concat_tables(tables) if tables else QUARANTINE_SCHEMA.empty_table()
    return table.filter(pc.is_in(table.column(SLICE_ROW), value_set=pa.array(sorted(rows), pa.int64())))
