"""Erasure of one person: every record, waiting entry and raw answer that holds them. Composition only; no Dagster here.

Slices are written anew without the person and get a new revision, so the next publish takes their datasets out of core, with
their history, and loads what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.defs.deployment import Deployment, dataset_key
from opg_pipeline.defs.privacy import ABANDONED
from opg_pipeline.defs.refused import RULES
from opg_pipeline.lake import DatasetKey, Lake
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import SLICE_ROW, SliceManifest
from opg_pipeline.normalise.person import Person


@dataclass(frozen=True, slots=True)
class Found:
    """What of one dataset holds the person. ``records``: rows of standard files, so versions of records; ``waiting``: entries of the
    quarantine; ``raw``: archived answers; ``closed``: answers that could not be opened, so were not looked through."""

    app: str
    dataset: str
    slices: tuple[str, ...] = ()
    records: int = 0
    waiting: int = 0
    raw: tuple[str, ...] = ()
    closed: int = 0

    def __bool__(self) -> bool:
        return bool(self.records or self.waiting or self.raw)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a search is for: a person by an identity, or a token alone, by which answers are found through their records only."""

    person: Person | None
    token: str | None = None

    def tokens(self, deployment: Deployment, app: str) -> set[str]:
        """The tokens that stand for them in records of an app."""
        found = {self.token} if self.token else set()
        return found | (self.person.tokens(deployment.tokens, app) if self.person is not None else set())

    def stands_in(self, body: bytes) -> bool | None:
        """As :meth:`Person.stands_in`; of a token nothing is known."""
        return self.person.stands_in(body) if self.person is not None else False


def find(deployment: Deployment, subject: Subject, why: str) -> list[Found]:
    """Everything of the city that holds the person, by dataset; of paused and retired apps too. The look is logged.

    Raises LakeError: a file cannot be opened.
    """
    refs = list(deployment.catalog.datasets(deployment.city.city.id, active=False))
    deployment.lake.log_access(f"raw answers and quarantine of {len(refs)} datasets", f"erase: {why}")
    return [found for ref in refs if (found := _found(deployment, ref, subject)) or found.closed]


def erase(deployment: Deployment, subject: Subject, found: Collection[Found], why: str) -> None:
    """Erase what :func:`find` found. Can be stopped and begun again; core follows with the next publish.

    Raises LakeError: a file cannot be opened or written.
    """
    lake, city = deployment.lake, deployment.city.city.id
    lake.sweep(datetime.now(UTC) - ABANDONED)
    meant = [item for item in found if item]
    if not meant:
        return
    # Noted first: an erasure that is cut off has then said more than it did, and the next one does the rest.
    lake.note_erasure(
        why, [f"{item.app}/{item.dataset}" for item in meant], records=sum(item.records for item in meant),
        waiting=sum(item.waiting for item in meant), raw=sum(len(item.raw) for item in meant),
    )  # fmt: skip
    for item in meant:
        key = DatasetKey(city, item.app, item.dataset)
        tokens = subject.tokens(deployment, item.app)
        uids = _uids(lake, key, tokens)
        manifests = [lake.manifest(key, slice_id) for slice_id in item.slices]
        lake.put_revisions(key, {manifest.slice_id: manifest.revision + 1 for manifest in manifests})
        for manifest in manifests:
            _rewrite(lake, key, manifest, subject, tokens, uids)
        for name in lake.quarantine_files(key):
            if RULES in name:
                _refused_without(lake, key, name, subject, uids)
        for name in item.raw:
            lake.remove(name)


def _found(deployment: Deployment, ref: DatasetRef, subject: Subject) -> Found:
    lake, key = deployment.lake, dataset_key(ref)
    tokens = subject.tokens(deployment, ref.app.id)
    uids = _uids(lake, key, tokens)
    slices, digests, records, waiting = [], set[str](), 0, 0
    for slice_id in lake.slice_ids(key):
        manifest = lake.manifest(key, slice_id)
        theirs = [table.filter(pa.array(_holds(table, tokens))) for table in lake.read_standard(manifest)]
        entries = [_entries(lake.read_quarantine(name), subject, uids)[0] for name in manifest.quarantine]
        held, open_ = (sum(table.num_rows for table in tables) for tables in (theirs, entries))
        if held or open_:
            slices.append(slice_id)
            records, waiting = records + held, waiting + open_
            digests |= {digest for table in (*theirs, *entries) for digest in table.column("raw_sha256").to_pylist()}
    for name in lake.quarantine_files(key):
        if RULES in name:
            entry = _entries(lake.read_quarantine(name), subject, uids)[0]
            waiting += entry.num_rows
            digests |= set(entry.column("raw_sha256").to_pylist())
    raw, closed = [], 0
    for digest, name in sorted(lake.raw_files(key).items()):
        stands = True if digest in digests else subject.stands_in(lake.raw(key, digest))
        raw += [name] if stands else []
        closed += stands is None
    return Found(ref.app.id, ref.dataset.id, tuple(slices), records, waiting, tuple(raw), closed)


def _uids(lake: Lake, key: DatasetKey, tokens: Collection[str]) -> set[str]:
    """record_uid of every record that bears one of the tokens in any slice."""
    found: set[str] = set()
    for slice_id in lake.slice_ids(key):
        for table in lake.read_standard(lake.manifest(key, slice_id)):
            found.update(table.column("record_uid").filter(pa.array(_holds(table, tokens))).to_pylist())
    return found


def _holds(table: pa.Table, tokens: Collection[str]) -> np.ndarray:
    """Rows that bear one of the tokens in any column of texts."""
    wanted = pa.array(sorted(tokens), pa.string())
    rows = np.zeros(table.num_rows, bool)
    for column in table.columns:
        if column.type == pa.string():
            rows |= pc.is_in(column, value_set=wanted).to_numpy()
    return rows


def _entries(table: pa.Table, subject: Subject, uids: Collection[str]) -> tuple[pa.Table, pa.Table]:
    """Entries of a quarantine file that hold the person, and the others."""
    columns = (table.column(name).to_pylist() for name in ("record_uid", "payload"))
    mask = pa.array([uid in uids or bool(subject.stands_in(payload)) for uid, payload in zip(*columns, strict=True)])
    mask = mask.cast(pa.bool_())
    return table.filter(mask), table.filter(pc.invert(mask))


def _rewrite(
    lake: Lake, key: DatasetKey, manifest: SliceManifest, subject: Subject, tokens: Collection[str], uids: set[str]
) -> None:
    """Write one slice without the person, as its next revision."""
    revision = manifest.revision + 1
    parts = [lake.read_quarantine(name) for name in manifest.quarantine]
    split = [_entries(table, subject, uids) for table in parts]
    rows = (
        pa.concat_tables(table.filter(pa.array(~_holds(table, tokens))) for table in lake.read_standard(manifest))
        if manifest.standard
        else pa.table({})
    )
    writer = lake.new_slice(key, rows.schema, f"{manifest.slice_id}.r{revision}")
    writer.add(rows)
    kept = writer.rows
    for _, rest in split:
        writer.add_quarantine(rest)
    standard, quarantine = writer.flush()
    gone = [entry for theirs, _ in split for entry in theirs.drop_columns(["payload"]).to_pylist()]
    counted = Counter((entry["scope"], entry["reason"], entry["rule"], entry["field"]) for entry in gone)
    waiting = [(*item[:4], item[4] - counted[item[:4]]) for item in manifest.waiting]
    records = len({entry[SLICE_ROW] for entry in gone if entry["scope"] == "record"})
    lake.put_manifest(key, replace(
        manifest, revision=revision, standard=standard, quarantine=quarantine, accepted=kept,
        records=manifest.records - (manifest.accepted - kept) - records, quarantined=manifest.quarantined - records,
        values_quarantined=manifest.values_quarantined - sum(entry["scope"] == "value" for entry in gone),
        waiting=[item for item in waiting if item[4] > 0],
    ))  # fmt: skip
    for former in (*manifest.standard, *manifest.quarantine):
        lake.remove(former)


def _refused_without(lake: Lake, key: DatasetKey, name: str, subject: Subject, uids: Collection[str]) -> None:
    """Write a file of what rules refused without the person; publish judges the dataset again."""
    theirs, rest = _entries(lake.read_quarantine(name), subject, uids)
    if not theirs.num_rows:
        return
    if rest.num_rows:
        lake.write_quarantine(key, name.rsplit("/", 1)[1].removesuffix(".parquet"), rest)
    else:
        lake.remove(name)
