"""A whole replay: standard made again, core rebuilt of it in a warehouse aside, both compared with what was loaded; and loading it.

Composition only; no Dagster here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.defs.compare import Difference, compare, digest
from opg_pipeline.defs.deployment import Deployment, DeploymentError, dataset_key
from opg_pipeline.defs.publish import load_category
from opg_pipeline.defs.replay import Chosen, Replay, SliceReplay, replay
from opg_pipeline.defs.status import warehouse_exists
from opg_pipeline.lake import DatasetKey, Lake
from opg_pipeline.load import Warehouse, core_records, merged_revisions
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import SliceManifest
from opg_pipeline.settings import Settings

_SINCE_BEFORE = ["first_seen_at", "last_changed_at", "vanished_at", "version_from", "version_change"]
"""Columns of core that also depend on slices from before a period."""


@dataclass(frozen=True, slots=True)
class CoreReplay:
    """How core stands for one dataset, rebuilt of its slices. ``message`` says why it was not compared, where it was not."""

    app: str
    dataset: str
    category: str
    verdict: Literal["equal", "differs", "not_compared"]
    records: int = 0
    before: str = ""
    after: str = ""
    differences: tuple[Difference, ...] = ()
    message: str = ""


@dataclass
class Restoration:
    """What a replay found and did. ``loaded``: slices put in place of the former ones, which the next publish takes in."""

    slices: list[SliceReplay] = field(default_factory=list)
    core: list[CoreReplay] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    into: str | None = None

    @property
    def good(self) -> bool:
        """Whether everything could be made again and is what was loaded, or has been put in its place."""
        verdicts = [item.verdict for item in self.slices]
        if "unreadable" in verdicts:
            return False
        differ = "differs" in verdicts or any(item.verdict == "differs" for item in self.core)
        return bool(self.loaded) or not differ

    @property
    def told(self) -> str:
        """The result in a sentence."""
        if not self.slices:
            return "There is no slice to make again."
        counted = {
            name: sum(item.verdict == name for item in self.slices) for name in ("equal", "differs", "unreadable")
        }
        parts = [f"{n} {words}" for n, words in (
            (counted["equal"], "equal to what was loaded"), (counted["differs"], "different"), (counted["unreadable"], "cannot be made again"),
        ) if n]  # fmt: skip
        return f"{len(self.slices)} slices: {', '.join(parts)}." + (
            f" {len(self.loaded)} put in place." if self.loaded else ""
        )


restorations: dict[str, Restoration] = {}
"""Results of replays of this process by run id, for the caller that started them."""


def restore(deployment: Deployment, chosen: Chosen, *, into: str | None = None, load: bool = False) -> Restoration:
    """Make the chosen slices again, rebuild core of them aside, compare both, and put what differs in place when asked.

    Args:
        into: SQLAlchemy URL of a warehouse to rebuild core in and keep; without it one is made and removed.
        load: put the slices that differ in place of the former ones. The next publish loads their datasets anew.

    Raises:
        DeploymentError: an app or dataset is not declared, a date is none, or ``into`` holds records of these categories already.
        WarehouseError: a warehouse cannot be opened.
    """
    deployment.settings.home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=deployment.settings.home, prefix="replay-") as folder:
        aside = Deployment(aside_settings(deployment.settings, folder, into))
        made = replay(deployment, chosen, aside.lake)
        result = Restoration(made.slices, into=into)
        if made.slices:
            result.core = _core(deployment, aside, chosen, made)
        if load:
            result.loaded = put_in_place(deployment, made)
    return result


def aside_settings(settings: Settings, folder: str, into: str | None = None) -> Settings:
    """The settings of a deployment in a folder of its own, with the same keys."""
    return settings.model_copy(update={"home": Path(folder), "lake_url": None, "warehouse_url": into})


def _core(deployment: Deployment, aside: Deployment, chosen: Chosen, made: Replay) -> list[CoreReplay]:
    """Load what was made into the warehouse aside as it was loaded at first, one slice of each dataset after the other."""
    refs = [ref for ref in chosen.refs(deployment) if dataset_key(ref) in made.manifests]
    unread = {(item.app, item.dataset) for item in made.slices if item.verdict == "unreadable"}
    categories = [
        item for item in deployment.catalog.used_categories if any(ref.category.id == item.id for ref in refs)
    ]
    with aside.warehouse() as rebuilt:
        rebuilt.migrate()
        if any(merged_revisions(rebuilt, category.id) for category in categories):
            raise DeploymentError(f"The warehouse {rebuilt.url} holds records already. Name one that is not there yet.")
        rebuilt.refresh_dimensions()
        for turn in range(max((len(items) for items in made.manifests.values()), default=0)):
            for key, items in made.manifests.items():
                if turn < len(items):
                    made.made.put_manifest(key, items[turn])
            for category in categories:
                load_category(aside, rebuilt, category)
        if not warehouse_exists(deployment):
            return [_not_compared(ref, "there is no warehouse yet") for ref in refs]
        with deployment.warehouse() as loaded:
            loaded.migrate()
            return [
                _not_compared(ref, "some of its slices cannot be made again")
                if (ref.app.id, ref.dataset.id) in unread
                else _compared(ref, made.manifests[dataset_key(ref)], loaded, rebuilt, whole=chosen.whole)
                for ref in refs
            ]


def _not_compared(ref: DatasetRef, why: str) -> CoreReplay:
    return CoreReplay(ref.app.id, ref.dataset.id, ref.category.id, "not_compared", message=why)


def _compared(
    ref: DatasetRef, manifests: Sequence[SliceManifest], loaded: Warehouse, rebuilt: Warehouse, *, whole: bool
) -> CoreReplay:
    key = dataset_key(ref)
    merged = merged_revisions(loaded, ref.category.id)
    if missing := sum(item.slice_id not in merged for item in manifests):
        return _not_compared(ref, f"{missing} of its slices are not loaded yet: run publish")
    before, after = (
        core_records(warehouse, ref.category.id, (key.city, key.app, key.dataset)) for warehouse in (loaded, rebuilt)
    )
    if not whole:  # what a period brought: its records as they stand, without what other slices tell of them
        slices = pa.array([item.slice_id for item in manifests])
        before = before.filter(pc.is_in(before.column("lineage_batch_id"), value_set=slices)).drop_columns(
            _SINCE_BEFORE
        )
        after = after.filter(pc.is_in(after.column("record_uid"), value_set=before.column("record_uid"))).drop_columns(
            _SINCE_BEFORE
        )
    told = CoreReplay(key.app, key.dataset, ref.category.id, "equal", after.num_rows, digest([before]), digest([after]))
    if told.before == told.after:
        return told
    return replace(told, verdict="differs", differences=tuple(compare(f"core.{ref.category.id}", before, after)))


def put_in_place(deployment: Deployment, made: Replay) -> list[str]:
    """Put slices that differ in place of the former ones; returns their ids. A reader sees each as it was or as it is now."""
    different = {item.slice_id for item in made.slices if item.verdict == "differs"}
    lake = deployment.lake
    done: list[str] = []
    for key, items in made.manifests.items():
        again = [(lake.manifest(key, item.slice_id), item) for item in items if item.slice_id in different]
        if again:
            lake.put_revisions(key, {before.slice_id: before.revision + 1 for before, _ in again})
        for before, after in again:
            _replace(lake, made.made, key, before, after)
            done.append(before.slice_id)
    return done


def _replace(lake: Lake, made: Lake, key: DatasetKey, before: SliceManifest, after: SliceManifest) -> None:
    revision = before.revision + 1
    name = f"{before.slice_id}.r{revision}"
    standard, quarantine = (
        [_copied(lake, made, f"{kind}/{key.folder}/{name}.parquet", source) for source in sources]
        for kind, sources in (("standard", after.standard), ("quarantine", after.quarantine))
    )
    lake.put_manifest(key, replace(after, revision=revision, standard=standard, quarantine=quarantine))
    for former in (*before.standard, *before.quarantine):
        lake.remove(former)


def _copied(lake: Lake, made: Lake, target: str, source: str) -> str:
    lake.write(target, made.read(source), durable=True)
    return target
