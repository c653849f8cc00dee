"""Slices made again from archived answers, without the network, and compared with what was loaded. Composition only; no Dagster here.

What is made again lies in a lake of its own (``Replay.made``) until somebody decides to put it in place of what was loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.defs.compare import Difference, compare, digest
from opg_pipeline.defs.deployment import Deployment, DeploymentError, dataset_key, declaration_hash
from opg_pipeline.defs.ingest import BATCH_RECORDS, Tally, take
from opg_pipeline.defs.reporting import Progress, tell
from opg_pipeline.defs.span import Span
from opg_pipeline.extract import dataset_secret_names, read_again
from opg_pipeline.lake import QUARANTINE_SCHEMA, DatasetKey, Lake, LakeError, MissingFile, SliceWriter, standard_schema
from opg_pipeline.model.base import Locale
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import SLICE_ROW, Outcome, Page, PullError, SliceManifest
from opg_pipeline.normalise import Normaliser
from opg_pipeline.settings import SecretMissing

Verdict = Literal["equal", "differs", "unreadable"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which slices are meant: of these apps and datasets (all when empty), pulled from ``since`` to ``until``."""

    apps: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None

    @property
    def whole(self) -> bool:
        """Whether every slice of each dataset is meant."""
        return self.since is None and self.until is None

    def refs(self, deployment: Deployment) -> list[DatasetRef]:
        """The datasets, of paused and retired apps too. Raises DeploymentError for one that is not declared."""
        every = list(deployment.catalog.datasets(deployment.city.city.id, active=False))
        for app in self.apps:
            if app not in deployment.city.apps:
                known = ", ".join(sorted(deployment.city.apps))
                raise DeploymentError(f"There is no app {app!r} in {deployment.settings.city}. Known: {known}.")
        found = [ref for ref in every if not self.apps or ref.app.id in self.apps]
        for dataset in self.datasets:
            if all(ref.dataset.id != dataset for ref in found):
                known = ", ".join(sorted({ref.dataset.id for ref in found}))
                raise DeploymentError(f"There is no dataset {dataset!r} among the chosen apps. Known: {known}.")
        return [ref for ref in found if not self.datasets or ref.dataset.id in self.datasets]

    def check(self, deployment: Deployment) -> None:
        """Raises DeploymentError where :meth:`refs` or :meth:`covers` would."""
        self.refs(deployment)
        Span.read(self.since, self.until)

    def covers(self, at: datetime, zone: str) -> bool:
        """Whether a moment lies in the period; dates are the city's. Raises DeploymentError for what is no date."""
        begin, end = Span(since=self.since, until=self.until).bounds(ZoneInfo(zone))
        return (begin is None or at >= begin) and (end is None or at < end)


EVERYTHING = Chosen()


@dataclass(frozen=True, slots=True)
class SliceReplay:
    """How one slice fared. Digests speak of every standard record and of all that waits; equal ones mean equal contents.

    ``redeclared``: the declaration is another than the slice was made by. ``message`` and ``hint`` say why it is unreadable.
    """

    app: str
    dataset: str
    slice_id: str
    committed_at: datetime
    verdict: Verdict
    redeclared: bool = False
    before: str = ""
    after: str = ""
    records: int = 0
    records_before: int = 0
    waiting: int = 0
    waiting_before: int = 0
    differences: tuple[Difference, ...] = ()
    message: str = ""
    hint: str = ""


@dataclass
class Replay:
    """What was made again: per dataset the slices with their new manifests, whose files lie in ``made``."""

    made: Lake
    slices: list[SliceReplay] = field(default_factory=list)
    manifests: dict[DatasetKey, list[SliceManifest]] = field(default_factory=dict)


def replay(deployment: Deployment, chosen: Chosen, made: Lake) -> Replay:
    """Make the chosen slices again into the lake ``made``. What cannot be read again is told and leaves the others alone.

    Raises:
        DeploymentError: an app or dataset is not declared, or a date is none.
    """
    result = Replay(made)
    for ref in chosen.refs(deployment):
        key = dataset_key(ref)
        manifests = [deployment.lake.manifest(key, slice_id) for slice_id in deployment.lake.slice_ids(key)]
        meant = [item for item in manifests if chosen.covers(item.committed_at, ref.city.timezone)]
        if meant:
            deployment.lake.log_access(f"raw answers of {ref.name}, {len(meant)} slices", "replay")
        for manifest in meant:
            told, again = replay_slice(deployment, ref, manifest, made)
            result.slices.append(told)
            if again is not None:
                result.manifests.setdefault(key, []).append(again)
            tell(Progress("replayed", ref.name, told.records, told.verdict))
    return result


def replay_slice(
    deployment: Deployment, ref: DatasetRef, manifest: SliceManifest, made: Lake
) -> tuple[SliceReplay, SliceManifest | None]:
    """One slice made again, compared with what was loaded; no manifest where it cannot be."""
    meaning = declaration_hash(ref)
    told = SliceReplay(
        ref.app.id, ref.dataset.id, manifest.slice_id, manifest.committed_at, "unreadable",
        redeclared=manifest.declaration_hash != meaning, records_before=manifest.accepted, waiting_before=manifest.quarantined,
    )  # fmt: skip
    if manifest.category != ref.category.id:
        message = f"it was loaded as {manifest.category}, and the dataset is declared as {ref.category.id} now"
        return replace(told, message=message, hint="pull the dataset again: `opg run --full`."), None
    try:
        again = _made_again(deployment, ref, manifest, made, meaning)
    except (PullError, LakeError, SecretMissing) as error:
        message, hint = unreadable(error)
        return replace(told, message=message, hint=hint), None
    return _compared(deployment.lake, made, manifest, again, told), again


def unreadable(error: PullError | LakeError | SecretMissing) -> tuple[str, str]:
    """Why archived answers cannot be read again, and what to do."""
    if isinstance(error, PullError):
        return error.what, error.hint
    if isinstance(error, SecretMissing):
        hint = f"set {error.name} in the environment or in $OPG_HOME/secrets.env."
        return f"the answers are packed with {error.name}, which is not set", hint
    if isinstance(error, MissingFile):
        message = "a raw answer it was made from is not in the lake any more: it has expired or was removed"
        return message, "what was loaded of it stays; it cannot be made again."
    return str(error), "what was loaded of it stays."


def pages_again(deployment: Deployment, ref: DatasetRef, manifest: SliceManifest) -> Iterator[Page]:
    """The pages a slice was made from, read again. Raises PullError, LakeError (MissingFile), SecretMissing."""
    key, dataset = dataset_key(ref), ref.dataset
    passwords = {name: deployment.settings.secret(name) for name in dataset_secret_names(dataset)}
    locale = ref.app.locale.over(ref.city.locale).over(Locale(timezone=ref.city.timezone))
    zone = ZoneInfo(locale.timezone or "UTC")
    spared = dataset.for_each is not None and dataset.for_each.may_fail > 0 and not manifest.complete
    number = 0
    for raw in manifest.raw:
        if raw.lists:
            continue
        body = deployment.lake.raw(key, raw.sha256)
        try:
            page = read_again(raw, body, ref.app, dataset, number=number, zone=zone, passwords=passwords)
        except PullError:
            if spared:  # the pull was told the same, and went on without this value
                continue
            raise
        yield page
        number += 1


def normaliser_for(deployment: Deployment, ref: DatasetRef, slice_id: str, pulled_at: datetime) -> Normaliser:
    """The normaliser of a slice, as the pull had it."""
    return Normaliser(
        ref, tokens=deployment.tokens, resolver=deployment.resolver, slice_id=slice_id, ingested_at=pulled_at
    )


def batches(pages: Iterator[Page]) -> Iterator[list[Page]]:
    """Pages in groups of about BATCH_RECORDS records."""
    batch: list[Page] = []
    waiting = 0
    for page in pages:
        batch.append(page)
        waiting += len(page.records)
        if waiting >= BATCH_RECORDS:
            yield batch
            batch, waiting = [], 0
    if batch:
        yield batch


def pulled_at(lake: Lake, manifest: SliceManifest) -> datetime:
    """When a slice's records were pulled, as they say themselves; of a slice without records when its first answer came."""
    for table in lake.read_standard(manifest, 1):
        found: datetime = table.column("ingested_at")[0].as_py()
        return found.astimezone(UTC)
    return min((raw.fetched_at for raw in manifest.raw), default=manifest.committed_at)


def _made_again(
    deployment: Deployment, ref: DatasetRef, manifest: SliceManifest, made: Lake, meaning: str
) -> SliceManifest:
    writer = made.new_slice(dataset_key(ref), standard_schema(ref.category), manifest.slice_id)
    normaliser = normaliser_for(deployment, ref, manifest.slice_id, pulled_at(deployment.lake, manifest))
    tally, rows = Tally(), slice_rows(deployment.lake, manifest)
    for batch in batches(pages_again(deployment, ref, manifest)):
        if manifest.repairs:
            take_rows(normaliser, writer, tally, batch, rows)
        else:
            take(normaliser, writer, tally, batch)
    standard, quarantine = writer.flush()
    return replace(
        manifest,
        outcome=Outcome.NEW_RECORDS if tally.accepted else Outcome.ALL_REJECTED,
        records=tally.records,
        accepted=tally.accepted,
        quarantined=tally.rejected,
        values_quarantined=tally.values,
        skipped=tally.skipped,
        waiting=[(*key, n) for key, n in sorted(tally.waiting.items())],
        standard=standard,
        quarantine=quarantine,
        declaration_hash=meaning,
    )


def slice_rows(lake: Lake, manifest: SliceManifest) -> set[int]:
    """The rows of its answers that a repair took; empty for a pull, which took all."""
    if not manifest.repairs:
        return set()
    return {row for table in lake.read_standard(manifest) for row in table.column(SLICE_ROW).to_pylist()}


def take_rows(normaliser: Normaliser, writer: SliceWriter, tally: Tally, pages: list[Page], rows: Set[int]) -> None:
    """Normalise a batch and keep these rows of it alone."""
    accepted = normaliser.normalise(pages).accepted
    kept = accepted.filter(pc.is_in(accepted.column(SLICE_ROW), value_set=pa.array(sorted(rows), pa.int64())))
    writer.add(kept)
    tally.records += kept.num_rows
    tally.accepted += kept.num_rows


def _compared(lake: Lake, made: Lake, before: SliceManifest, after: SliceManifest, told: SliceReplay) -> SliceReplay:
    told = replace(told, records=after.accepted, waiting=after.quarantined)
    old = digest([*lake.read_standard(before), waiting_table(lake, before)])
    new = digest([*made.read_standard(after), waiting_table(made, after)])
    if old == new:
        return replace(told, verdict="equal", before=old, after=new)
    differences = [
        *compare(
            "standard", pa.concat_tables([*lake.read_standard(before)]), pa.concat_tables([*made.read_standard(after)])
        ),
        *compare("quarantine", waiting_table(lake, before), waiting_table(made, after)),
    ]
    return replace(told, verdict="differs", before=old, after=new, differences=tuple(differences))


def waiting_table(lake: Lake, manifest: SliceManifest) -> pa.Table:
    """What waits since a slice was normalised, payloads opened. Raises LakeError."""
    return pa.concat_tables(
        [QUARANTINE_SCHEMA.empty_table(), *(lake.read_quarantine(name) for name in manifest.quarantine)]
    )
