"""What waits: its entries and how each of them stands, what was decided about them, and their counts. No Dagster here.

An entry is one refusal of one record (or of one of its values). How it stands is worked out from the slices and decisions of
the lake: repaired when a later slice holds the record, dismissed when somebody said so, else open.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import orjson

from opg_pipeline.defs.deployment import Deployment, DeploymentError, dataset_key
from opg_pipeline.defs.refused import RULES
from opg_pipeline.defs.replay import EVERYTHING, Chosen
from opg_pipeline.lake import DatasetKey, Decision, Lake
from opg_pipeline.load import Warehouse, note_waiting
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import SLICE_ROW, SliceManifest

State = Literal["open", "dismissed", "repaired"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One refusal. ``value_class`` is the shape of the value (`99-Aaa-9999`); ``file`` and ``row`` are where its payload lies.

    ``at``: when the newest slice that holds it was committed. ``decided``: why it was dismissed or opened again, and by whom.
    """

    id: str
    app: str
    dataset: str
    category: str
    scope: str
    reason: str
    rule: str
    field: str
    value_class: str
    at: datetime
    slice_id: str
    record_uid: str | None
    raw_sha256: str | None
    slice_row: int
    file: str
    row: int
    state: State = "open"
    decided: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are meant: those of the chosen slices, with one of these reasons, these ids and this state (all when empty)."""

    chosen: Chosen = EVERYTHING
    reasons: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    states: tuple[State, ...] = ("open",)

    def takes(self, entry: Entry, zone: str) -> bool:
        """Whether the entry is meant."""
        return (
            entry.state in (self.states or (entry.state,))
            and (not self.reasons or entry.reason in self.reasons)
            and (not self.ids or entry.id in self.ids)
            and self.chosen.covers(entry.at, zone)
        )


OPEN = Filter()
ALL = Filter(states=())


def entries(deployment: Deployment, wanted: Filter = OPEN) -> list[Entry]:
    """The entries that are meant, oldest first.

    Raises:
        DeploymentError: an app, dataset or id does not exist, or a date is none.
    """
    found = [entry for ref in wanted.chosen.refs(deployment) for entry in entries_of(deployment.lake, ref)]
    known = {entry.id for entry in found}
    if unknown := [name for name in wanted.ids if name not in known]:
        raise DeploymentError(f"There is no entry {unknown[0]} in the quarantine. See `opg quarantine list --all`.")
    zone = deployment.city.city.timezone
    return sorted((entry for entry in found if wanted.takes(entry, zone)), key=lambda entry: (entry.at, entry.id))


def entries_of(lake: Lake, ref: DatasetRef) -> list[Entry]:
    """Every entry of a dataset, once, as it stands. What a later complete pull of a snapshot no longer refuses is left out."""
    key = dataset_key(ref)
    if not lake.quarantine_files(key):
        return []
    manifests = {slice_id: lake.manifest(key, slice_id) for slice_id in lake.slice_ids(key)}
    whole = [item.slice_id for item in manifests.values() if item.complete and item.nature != "event"]
    newest: dict[str, Entry] = {}
    for entry in _rows(lake, key, manifests):
        before = newest.get(entry.id)
        if entry.slice_id >= max(whole, default="") and (before is None or before.slice_id <= entry.slice_id):
            newest[entry.id] = entry
    repaired = _repaired(lake, manifests.values(), newest.values())
    decided = {name: decision for decision in lake.decisions(key) for name in decision.entries}
    return [_standing(entry, entry.id in repaired, decided.get(entry.id)) for entry in newest.values()]


def _standing(entry: Entry, repaired: bool, decision: Decision | None) -> Entry:
    told = "" if decision is None else f"{decision.why} ({decision.who}, {decision.at:%Y-%m-%d})"
    if repaired:
        return replace(entry, state="repaired", decided=told)
    dismissed = decision is not None and decision.action == "dismiss"
    return replace(entry, state="dismissed" if dismissed else "open", decided=told)


def _rows(lake: Lake, key: DatasetKey, manifests: dict[str, SliceManifest]) -> Iterator[Entry]:
    """The entries in the files of committed slices, and those that validation added to them."""
    for file, table in lake.quarantine_tables(key):
        name = file.rsplit("/", 1)[1]
        manifest = manifests.get(name.partition(".")[0])
        if manifest is None or (file not in manifest.quarantine and RULES not in name):
            continue
        for row, found in enumerate(table.to_pylist()):
            yield Entry(
                id=_entry_id(key, found), app=key.app, dataset=key.dataset, category=manifest.category, scope=found["scope"],
                reason=found["reason"], rule=found["rule"], field=found["field"], value_class=found["value_class"],
                at=manifest.committed_at, slice_id=manifest.slice_id, record_uid=found["record_uid"],
                raw_sha256=found["raw_sha256"], slice_row=found[SLICE_ROW], file=file, row=row,
            )  # fmt: skip


def _entry_id(key: DatasetKey, row: dict[str, Any]) -> str:
    """The same for the same refusal of the same record in every pull; a record without a key is known by its place."""
    who = row["record_uid"] or f"{row['raw_sha256']}:{row[SLICE_ROW]}"
    parts = (key.folder, who, row["scope"], row["reason"], row["rule"], row["field"])
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]


def _repaired(lake: Lake, manifests: Iterable[SliceManifest], every: Iterable[Entry]) -> set[str]:
    """Entries whose record a later slice holds, or that a later slice says to repair."""
    waiting: dict[str, list[Entry]] = defaultdict(list)
    by_id = {entry.id: entry for entry in every}
    for entry in by_id.values():
        if entry.record_uid is not None:
            waiting[entry.record_uid].append(entry)
    oldest = min((entry.slice_id for entry in by_id.values()), default="")
    found: set[str] = set()
    for manifest in manifests:
        if manifest.slice_id <= oldest:
            continue
        found |= {name for name in manifest.repairs if name in by_id and by_id[name].slice_id < manifest.slice_id}
        for uid in lake.record_uids(manifest) if waiting else ():
            found |= {entry.id for entry in waiting.get(uid, ()) if entry.slice_id < manifest.slice_id}
    return found


def record_of(deployment: Deployment, entry: Entry, why: str) -> Any:
    """The source record of an entry; the look is noted first. Raises LakeError where the archive key does not open it."""
    deployment.lake.log_access(f"quarantine entry {entry.id} of {entry.app}/{entry.dataset}", why)
    payload = deployment.lake.read_quarantine(entry.file).column("payload")[entry.row].as_py()
    return orjson.loads(payload)


def decide(deployment: Deployment, action: Literal["dismiss", "reopen"], chosen: Sequence[Entry], why: str) -> None:
    """Dismiss entries, or open them again. Raises DeploymentError without a reason."""
    if not why.strip():
        raise DeploymentError("Say why: the reason stands in the record of decisions.")
    grouped: dict[tuple[str, str], list[str]] = defaultdict(list)
    for entry in chosen:
        grouped[(entry.app, entry.dataset)].append(entry.id)
    for (app, dataset), ids in grouped.items():
        deployment.lake.decide(DatasetKey(deployment.city.city.id, app, dataset), action, ids, why.strip())


def note_counts(deployment: Deployment, warehouse: Warehouse) -> list[dict[str, Any]]:
    """Write ops.quarantine anew for the city; returns its rows."""
    city = deployment.city.city.id
    rows = [{"city": city, **row} for row in counts(entries(deployment, Filter(states=())))]
    note_waiting(warehouse, city, rows)
    return rows


def counts(every: Iterable[Entry]) -> list[dict[str, Any]]:
    """Entries by dataset and cause: how many are open, dismissed and repaired, and since when the oldest open one waits."""
    numbers: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    oldest: dict[tuple[str, ...], datetime] = {}
    names = ("app", "dataset", "category", "scope", "reason", "rule", "field")
    for entry in every:
        cause = tuple(getattr(entry, name) for name in names)
        numbers[cause][entry.state] += 1
        if entry.state == "open":
            oldest[cause] = min(entry.at, oldest.get(cause, entry.at))
    return [
        dict(zip(names, cause, strict=True))
        | {state: counted[state] for state in ("open", "dismissed", "repaired")}
        | {"oldest_at": oldest.get(cause)}
        for cause, counted in sorted(numbers.items())
    ]
