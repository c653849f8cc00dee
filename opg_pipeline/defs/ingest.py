"""One dataset from its app to a committed slice: extract, archive, normalise. Composition only; Dagster is in ingest_assets."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from weakref import WeakKeyDictionary

import pyarrow as pa

from opg_pipeline.defs.deployment import Deployment, dataset_key, declaration_hash
from opg_pipeline.defs.reporting import Progress, tell, unforeseen
from opg_pipeline.extract import Access, Puller, secret_names
from opg_pipeline.lake import SliceWriter, standard_schema
from opg_pipeline.model.base import Locale
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import Outcome, OutcomeRecord, Page, PullError, PullFacts, RawRef, SliceManifest
from opg_pipeline.normalise import Normaliser
from opg_pipeline.settings import SecretMissing

BATCH_RECORDS = 10_000
"""Records normalised at once: enough for vectorised work, small enough for a weak server's memory."""

_at_work: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def _processor() -> asyncio.Semaphore:
    """One place per core for work that needs the processor: more at once would only wait for each other, each with its batch."""
    return _at_work.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(os.cpu_count() or 1))


@dataclass(slots=True)
class _Tally:
    """What the batches of one pull added up to."""

    records: int = 0
    accepted: int = 0
    rejected: int = 0
    values: int = 0
    skipped: int = 0
    cursor: datetime | None = None
    waiting: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)


async def ingest_dataset(deployment: Deployment, ref: DatasetRef, run_id: str, *, full: bool = False) -> OutcomeRecord:
    """Pull one dataset into the lake and say how it ended. Never raises for what a source does; the outcome is stored.

    ``full`` ignores the position and the validators of the last pull.
    """
    record = OutcomeRecord(
        run_id, ref.city.id, ref.app.id, ref.dataset.id, ref.category.id, Outcome.INTERNAL_ERROR,
        started_at=datetime.now(UTC), finished_at=datetime.now(UTC),
    )  # fmt: skip
    facts = PullFacts()
    try:
        await _pull(deployment, ref, record, facts, full)
    except PullError as error:
        record.outcome, record.message, record.hint = error.outcome, error.what, error.hint
        record.http_status, record.attempts = error.status, error.attempts
    except SecretMissing as error:
        record.outcome = Outcome.MISSING_SECRET
        record.message = f"App {ref.app.id} needs {error.name}, which is not set."
        record.hint = (
            "start the sandbox (`opg run --sandbox`), or set OPG_SOURCE_URL__" + ref.app.id.upper() + "."
            if error.name == "OPG_SANDBOX_URL"
            else f"set {error.name} in the environment or in $OPG_HOME/secrets.env."
        )
    except Exception as error:
        record.message = unforeseen(error, f"reading {ref.name}")
        record.hint = "nothing was stored from this pull; please report it with the app's manifest."
    record.finished_at = datetime.now(UTC)
    record.requests, record.retries, record.bytes = facts.requests, facts.retries, facts.bytes
    await asyncio.to_thread(deployment.lake.put_outcome, record)
    tell(Progress("pulled", ref.name, record.records, record.outcome.value))
    return record


async def _pull(deployment: Deployment, ref: DatasetRef, record: OutcomeRecord, facts: PullFacts, full: bool) -> None:
    lake, key = deployment.lake, dataset_key(ref)
    last = await asyncio.to_thread(lake.latest, key)
    meaning = declaration_hash(ref)
    same_meaning = last is not None and last.declaration_hash == meaning and not full
    access = Access(
        deployment.settings.source_url(ref.app.id, ref.app.source.base_url),
        {name: deployment.settings.secret(name) for name in secret_names(ref.app.source)},
    )
    writer = lake.new_slice(key, standard_schema(ref.category))
    normaliser = Normaliser(
        ref,
        tokens=deployment.tokens,
        resolver=deployment.resolver,
        slice_id=writer.slice_id,
        ingested_at=datetime.now(UTC),
    )
    tally = _Tally()

    def store(body: bytes, *, url: str, method: str, status: int, content_type: str) -> RawRef:
        return lake.store_raw(key, body, url=url, method=method, status=status, content_type=content_type)

    position = datetime.fromisoformat(last.cursor) if last and last.cursor and not full else None
    pages: list[Page] = []
    waiting = 0
    locale = ref.app.locale.over(ref.city.locale).over(Locale(timezone=ref.city.timezone))
    async with Puller(ref.app, access, locale=locale) as puller:
        async for page in puller.pages(
            ref.dataset, store=store, facts=facts, position=position,
            validators=last.validators if same_meaning and last and last.outcome.good else None,
        ):  # fmt: skip
            pages.append(page)
            waiting += len(page.records)
            if waiting >= BATCH_RECORDS:
                async with _processor():
                    await asyncio.to_thread(_take, normaliser, writer, tally, pages)
                pages, waiting = [], 0
                tell(Progress("pull", ref.name, tally.records))
    if pages:
        async with _processor():
            await asyncio.to_thread(_take, normaliser, writer, tally, pages)
    record.records, record.accepted, record.skipped = tally.records, tally.accepted, tally.skipped
    record.quarantined, record.values_quarantined = tally.rejected, tally.values
    record.outcome = _outcome(ref, facts, tally, last)
    repeated = (
        same_meaning and last is not None and [ref.sha256 for ref in facts.raw] == [ref.sha256 for ref in last.raw]
    )
    if repeated and record.outcome is Outcome.NEW_RECORDS and last is not None and last.outcome.good:
        record.outcome = Outcome.NOT_MODIFIED
    if record.outcome in {Outcome.NOT_MODIFIED, Outcome.ZERO_RECORDS}:
        writer.abandon()
        record.accepted = record.quarantined = record.values_quarantined = 0
        return
    if record.outcome is Outcome.VOLUME_COLLAPSED and last is not None:
        writer.abandon()
        record.message = f"{ref.name} delivered no records; its last pull had {last.records}. Nothing was removed."
        record.hint = "ask the owner of the app; if the source is truly empty, declare the app `status: paused`."
        return
    if record.outcome is Outcome.ALL_REJECTED:
        reasons = ", ".join(
            f"{reason} in {name or 'the key'} ({n})" for (_, reason, _, name), n in tally.waiting.most_common(3)
        )
        record.message = f"None of the {tally.records} records of {ref.name} fits its declaration: {reasons}."
        record.hint = (
            "compare the manifest's fields with the source; the records wait in quarantine and the raw archive."
        )
        if repeated and last is not None and last.outcome is Outcome.ALL_REJECTED:
            writer.abandon()
            record.slice_id = last.slice_id
            return
    manifest = await asyncio.to_thread(_commit, deployment, ref, record, facts, tally, last, writer, meaning)
    record.slice_id = manifest.slice_id


def _take(normaliser: Normaliser, writer: SliceWriter, tally: _Tally, pages: list[Page]) -> None:
    result = normaliser.normalise(pages)
    writer.add(result.accepted)
    writer.add_quarantine(result.rejected)
    tally.records += result.records
    tally.accepted += result.accepted.num_rows
    tally.rejected += result.records_rejected
    tally.values += result.values_rejected
    tally.skipped += result.skipped
    if result.cursor is not None and (tally.cursor is None or result.cursor > tally.cursor):
        tally.cursor = result.cursor
    tally.waiting.update(_counted(result.rejected))


def _counted(rejected: pa.Table) -> Counter[tuple[str, str, str, str]]:
    columns = [rejected.column(name).to_pylist() for name in ("scope", "reason", "rule", "field")]
    return Counter(zip(*columns, strict=True))


def _outcome(ref: DatasetRef, facts: PullFacts, tally: _Tally, last: SliceManifest | None) -> Outcome:
    if facts.not_modified:
        return Outcome.NOT_MODIFIED
    everything = ref.dataset.incremental is None
    if not tally.records:
        return Outcome.VOLUME_COLLAPSED if everything and last is not None and last.records else Outcome.ZERO_RECORDS
    return Outcome.NEW_RECORDS if tally.accepted else Outcome.ALL_REJECTED


def _commit(
    deployment: Deployment, ref: DatasetRef, record: OutcomeRecord, facts: PullFacts, tally: _Tally,
    last: SliceManifest | None, writer: SliceWriter, meaning: str,
) -> SliceManifest:  # fmt: skip
    standard, quarantine = writer.flush()
    before = last.cursor if last else None
    # A date in the future (a typing error of the source) must not carry the position past what is still to come.
    moved = min(tally.cursor, datetime.now(UTC)).isoformat() if tally.cursor is not None and tally.accepted else None
    manifest = SliceManifest(
        slice_id=writer.slice_id,
        run_id=record.run_id,
        city=ref.city.id,
        app=ref.app.id,
        dataset=ref.dataset.id,
        category=ref.category.id,
        nature=ref.dataset.nature,
        committed_at=datetime.now(UTC),
        outcome=record.outcome,
        records=tally.records,
        accepted=tally.accepted,
        quarantined=tally.rejected,
        values_quarantined=tally.values,
        skipped=tally.skipped,
        waiting=[(*key, n) for key, n in sorted(tally.waiting.items())],
        standard=standard,
        quarantine=quarantine,
        raw=facts.raw,
        cursor=max(filter(None, (before, moved)), default=None, key=datetime.fromisoformat),
        validators=facts.validators,
        complete=ref.dataset.incremental is None,
        declaration_hash=meaning,
    )
    writer.commit(manifest)
    return manifest
