"""Care for payloads: sealing what lies open, removing what is over its time, and who looked at them. Composition only; no Dagster here.

Payloads are the raw answers and the records that wait in quarantine. What is loaded of them is normalise's care.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from opg_pipeline.defs.deployment import Deployment, DeploymentError, archive_key, dataset_key
from opg_pipeline.lake import Access, DatasetKey, Erasure, Lake, LakeError, MissingFile, Purge
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import SliceManifest
from opg_pipeline.settings import SecretMissing

FORMER_KEY = "OPG_ARCHIVE_KEY_OLD"
"""Variable that names the key the archive was sealed with before, while it is sealed anew."""


ABANDONED = timedelta(hours=1)
"""After this long a half-written file is nobody's any more: no answer takes as long to write."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """Files of one dataset: how many were sealed now, and how many were so already. ``failed``: those that no key opens."""

    dataset: str
    raw: int
    quarantine: int
    already: int
    failed: int


@dataclass(frozen=True, slots=True)
class Expired:
    """What of one dataset is over its time: slices pulled before ``before`` whose payloads go, and answers of pulls that failed.

    ``raw``: files; those that a younger slice rests on stay, and are in ``held``. ``names``: the files themselves.
    """

    app: str
    dataset: str
    days: int
    before: datetime
    slices: int
    raw: tuple[str, ...]
    quarantine: tuple[str, ...]
    held: int
    bytes: int


def seal(deployment: Deployment) -> list[Sealing]:
    """Seal every payload of the city with OPG_ARCHIVE_KEY: what was archived before there was a key, and, where
    OPG_ARCHIVE_KEY_OLD is set, what was sealed with that one. Can be stopped and begun again.

    Raises DeploymentError: OPG_ARCHIVE_KEY is not set, or a key is no key.
    """
    lake = deployment.lake
    if not lake.has_key:
        raise DeploymentError("Set OPG_ARCHIVE_KEY to the key to seal with. Make one with: openssl rand -hex 32")
    former = _former(deployment)
    found = []
    for ref in _refs(deployment):
        key = dataset_key(ref)
        raw, raw_already, raw_failed = _sealed(lake, list(lake.raw_files(key).values()), former, raw=True)
        waiting, waiting_already, waiting_failed = _sealed(lake, lake.quarantine_files(key), former, raw=False)
        told = Sealing(ref.name, raw, waiting, raw_already + waiting_already, raw_failed + waiting_failed)
        if raw or waiting or told.already or told.failed:
            found.append(told)
    return found


def _former(deployment: Deployment) -> Lake | None:
    try:
        text = deployment.settings.secret(FORMER_KEY)
    except SecretMissing:
        return None
    return Lake(deployment.settings.lake, archive_key(text, FORMER_KEY))


def _sealed(lake: Lake, names: list[str], former: Lake | None, *, raw: bool) -> tuple[int, int, int]:
    """(sealed now, sealed before, not opened by any key)."""
    one = lake.reseal_raw if raw else lake.reseal_quarantine
    now = already = failed = 0
    for name in names:
        try:
            done = one(name, former)
        except MissingFile:  # purged meanwhile
            continue
        except LakeError:
            failed += 1
        else:
            now, already = now + done, already + (not done)
    return now, already, failed


def expired(deployment: Deployment, now: datetime | None = None) -> list[Expired]:
    """What is over the days that the city and its apps declare (`payload_days`), by dataset. Nothing is removed."""
    moment = now or datetime.now(UTC)
    found = []
    for ref in _refs(deployment):
        days = ref.app.payload_days or ref.city.payload_days
        if days is not None:
            told = _over(deployment.lake, ref, days, moment - timedelta(days=days))
            if told.raw or told.quarantine:
                found.append(told)
    return found


def _over(lake: Lake, ref: DatasetRef, days: int, before: datetime) -> Expired:
    key = dataset_key(ref)
    manifests = [lake.manifest(key, slice_id) for slice_id in lake.slice_ids(key)]
    old, young = ([item for item in manifests if (item.committed_at < before) == is_old] for is_old in (True, False))
    held = {raw.sha256 for item in young for raw in item.raw}
    known = {raw.sha256 for item in manifests for raw in item.raw}
    there = lake.raw_files(key)
    over = {raw.sha256 for item in old for raw in item.raw} - held
    over |= {digest for digest, name in there.items() if digest not in known and lake.written_at(name) < before}
    raw = tuple(name for digest, name in sorted(there.items()) if digest in over)
    gone = [item for item in old if _lost(item, over, there)]
    waiting = tuple(name for name in _quarantine_of(lake, key, manifests, gone, before) if not lake.is_emptied(name))
    size = sum(lake.size(name) for name in raw)
    return Expired(ref.app.id, ref.dataset.id, days, before, len(gone), raw, waiting, len(held & {
        item.sha256 for manifest in old for item in manifest.raw
    }), size)  # fmt: skip


def _lost(manifest: SliceManifest, over: set[str], there: dict[str, str]) -> bool:
    """Whether a slice cannot be made again, so that what waits of it need not be kept either."""
    return any(raw.sha256 in over or raw.sha256 not in there for raw in manifest.raw)


def _quarantine_of(
    lake: Lake, key: DatasetKey, manifests: list[SliceManifest], gone: list[SliceManifest], before: datetime
) -> Iterator[str]:
    """Files of the slices that are gone, with those that validation added, which bear the slice's name; and old ones of no slice."""
    known, over = {item.slice_id for item in manifests}, {item.slice_id for item in gone}
    for name in lake.quarantine_files(key):
        slice_id = name.rsplit("/", 1)[1].partition(".")[0]
        if slice_id in over or (slice_id not in known and lake.written_at(name) < before):
            yield name


def purge(deployment: Deployment, now: datetime | None = None) -> list[Expired]:
    """Remove what :func:`expired` finds, and note it. Raw files are removed; in quarantine reasons and counts stay. What killed writers
    left half-written goes too.

    What was loaded stays; a slice whose answers are gone cannot be made again, which replay tells.
    """
    found = expired(deployment, now)
    deployment.lake.sweep((now or datetime.now(UTC)) - ABANDONED)
    for item in found:
        key = DatasetKey(deployment.city.city.id, item.app, item.dataset)
        # Noted first: a purge that is cut off has then said more than it did, and the next one removes the rest.
        deployment.lake.note_purge(
            key, item.before, slices=item.slices, raw=len(item.raw), quarantine=len(item.quarantine), size=item.bytes
        )
        for name in item.raw:
            deployment.lake.remove(name)
        for name in item.quarantine:
            deployment.lake.empty_quarantine(name)
    return found


def log(deployment: Deployment) -> tuple[list[Access], list[Purge], list[Erasure]]:
    """Every look at payloads, everything removed and every erasure, oldest first. Of the whole deployment."""
    return deployment.lake.accesses(), deployment.lake.purges(), deployment.lake.erasures()


def _refs(deployment: Deployment) -> list[DatasetRef]:
    """Datasets of the city, of paused and retired apps too."""
    return list(deployment.catalog.datasets(deployment.city.city.id, active=False))
