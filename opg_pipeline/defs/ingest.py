"""One dataset from its app to a committed slice: extract, archive, normalise. Composition only; Dagster is in ingest_assets."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

import pyarrow as pa

from opg_pipeline.defs.deployment import Deployment, dataset_key, declaration_hash
from opg_pipeline.defs.known import Told, nothing_new
from opg_pipeline.defs.plausible import has_shrunk, how_lost, lost_fields, refusals, values_of
from opg_pipeline.defs.reporting import Progress, tell, unforeseen
from opg_pipeline.defs.span import WHOLE, Span
from opg_pipeline.extract import (
    Access,
    BreakerState,
    Puller,
    after,
    dataset_secret_names,
    half_open,
    may_ask,
    may_try,
    secret_names,
)
from opg_pipeline.lake import SliceWriter, standard_schema
from opg_pipeline.model.base import Locale
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import Outcome, OutcomeRecord, Page, PullError, PullFacts, RawRef, SliceManifest
from opg_pipeline.normalise import Normaliser
from opg_pipeline.normalise.drift import Seen, changes, contract
from opg_pipeline.settings import SecretMissing

BATCH_RECORDS = 10_000
"""Records normalised at once: enough for vectorised work, small enough for a weak server's memory."""

EAGER_RECORDS = 1_000
"""Records normalised at once where the processor would else be idle while a slow source is waited for."""

_at_work: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def _processor() -> asyncio.Semaphore:
    """One place per core for work that needs the processor: more at once would only wait for each other, each with its batch."""
    return _at_work.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(os.cpu_count() or 1))


@dataclass(slots=True)
class Tally:
    """What the batches of one pull added up to."""

    records: int = 0
    accepted: int = 0
    rejected: int = 0
    values: int = 0
    skipped: int = 0
    cursor: datetime | int | None = None
    waiting: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    sample: Page | None = None
    """The newest page that had records."""
    told: Told = field(default_factory=Told)
    seen: Seen = field(default_factory=Seen)


async def ingest_dataset(deployment: Deployment, ref: DatasetRef, run_id: str, span: Span = WHOLE) -> OutcomeRecord:
    """Pull one dataset into the lake and say how it ended. Never raises for what a source does; the outcome is stored."""
    record = OutcomeRecord(
        run_id, ref.city.id, ref.app.id, ref.dataset.id, ref.category.id, Outcome.INTERNAL_ERROR,
        started_at=datetime.now(UTC), finished_at=datetime.now(UTC),
    )  # fmt: skip
    facts = PullFacts()
    try:
        if not await _put_off(deployment, ref, record, span):
            await _pull(deployment, ref, record, facts, span)
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
    await asyncio.to_thread(_remember, deployment, ref, record.outcome)
    record.requests, record.retries, record.bytes = facts.requests, facts.retries, facts.bytes
    await asyncio.to_thread(deployment.lake.put_outcome, record)
    tell(Progress("pulled", ref.name, record.records, record.outcome.value))
    return record


async def _put_off(deployment: Deployment, ref: DatasetRef, record: OutcomeRecord, span: Span) -> bool:
    """Whether the app is not asked now: outside its hours, or left alone after failures. The record says which and until when."""
    source, now = ref.app.source, datetime.now(UTC)
    opens = may_ask(source.budget, now, ref.city.timezone)
    state = BreakerState.from_dict(await asyncio.to_thread(deployment.lake.app_state, ref.city.id, ref.app.id))
    rests = may_try(state, source.breaker, now)
    if span.force or (opens is None and rests is None):
        return False
    if opens is not None:
        record.outcome = Outcome.PUT_OFF
        record.message = f"{ref.app.id} may be asked from {opens:%H:%M} only (`budget.hours: {source.budget.hours}`)."
        record.hint = "run it in its hours, or with --force."
    elif rests is not None:
        record.outcome = Outcome.CIRCUIT_OPEN
        local = rests.astimezone(ZoneInfo(ref.city.timezone))
        record.message = (
            f"{ref.app.id} failed {state.failures} times running and is left alone until {local:%Y-%m-%d %H:%M} "
            "(`source.breaker`); it was not asked."
        )
        record.hint = f"tell the operator of the app; `opg run --app {ref.app.id} --force` tries at once."
    return True


_state_lock = threading.Lock()


def _remember(deployment: Deployment, ref: DatasetRef, outcome: Outcome) -> None:
    """Count the outcome in the app's breaker. Datasets of one app share it."""
    with _state_lock:
        before = BreakerState.from_dict(deployment.lake.app_state(ref.city.id, ref.app.id))
        state = after(before, ref.app.source.breaker, outcome, datetime.now(UTC))
        if state != before:
            deployment.lake.put_app_state(ref.city.id, ref.app.id, state.to_dict())


async def _pull(deployment: Deployment, ref: DatasetRef, record: OutcomeRecord, facts: PullFacts, span: Span) -> None:
    lake, key = deployment.lake, dataset_key(ref)
    last = await asyncio.to_thread(lake.latest, key)
    meaning = declaration_hash(ref)
    since, until = span.bounds(ZoneInfo(ref.city.timezone))
    everything = span.full or since is not None or until is not None
    same_meaning = last is not None and last.declaration_hash == meaning and not everything
    names = (*secret_names(ref.app.source), *dataset_secret_names(ref.dataset))
    access = Access(
        deployment.settings.source_url(ref.app.id, ref.app.source.base_url),
        {name: deployment.settings.secret(name) for name in names},
    )
    in_sandbox = access.base_url != ref.app.source.base_url and ref.app.source.base_url.startswith("sandbox://")
    writer = lake.new_slice(key, standard_schema(ref.category))
    normaliser = Normaliser(
        ref,
        tokens=deployment.tokens,
        resolver=deployment.resolver,
        slice_id=writer.slice_id,
        ingested_at=datetime.now(UTC),
    )
    tally = Tally()

    def store(body: bytes, *, url: str, method: str, status: int, content_type: str) -> RawRef:
        return lake.store_raw(key, body, url=url, method=method, status=status, content_type=content_type)

    position = read_cursor(ref, last.cursor) if last and last.cursor and not span.full else None
    pages: list[Page] = []
    waiting = 0
    locale = ref.app.locale.over(ref.city.locale).over(Locale(timezone=ref.city.timezone))
    known = last if same_meaning and last is not None and last.outcome.good else None
    state = BreakerState.from_dict(await asyncio.to_thread(lake.app_state, ref.city.id, ref.app.id))
    source = ref.app.source
    if half_open(state, source.breaker, datetime.now(UTC)):
        source = source.model_copy(update={"retries": 0})
    app = ref.app.model_copy(update={"source": source})
    async with Puller(app, access, locale=locale, host=ref.app.source.base_url if in_sandbox else None) as puller:
        async for page in puller.pages(
            ref.dataset, store=store, facts=facts, position=position, since=since, until=until,
            regions=deployment.region_codes,
            validators=known.validators if known else None,
            part_validators=known.part_validators if known else None,
        ):  # fmt: skip
            pages.append(page)
            waiting += len(page.records)
            if waiting >= BATCH_RECORDS or (waiting >= EAGER_RECORDS and not _processor().locked()):
                async with _processor():
                    await asyncio.to_thread(take, normaliser, writer, tally, pages)
                pages, waiting = [], 0
                tell(Progress("pull", ref.name, tally.records))
    repeated = (
        same_meaning and last is not None and [ref.sha256 for ref in facts.raw] == [ref.sha256 for ref in last.raw]
    )
    unread = repeated and not tally.records and last is not None and last.outcome.good
    if unread:
        tally.records = facts.records  # the same bytes under the same declaration: nothing is to be read in them
    elif pages:
        async with _processor():
            await asyncio.to_thread(take, normaliser, writer, tally, pages)
    record.records, record.accepted, record.skipped = tally.records, tally.accepted, tally.skipped
    record.quarantined, record.values_quarantined = tally.rejected, tally.values
    record.outcome = Outcome.NOT_MODIFIED if unread and tally.records else _outcome(ref, facts, tally, last)
    if same_meaning and record.outcome is Outcome.NEW_RECORDS and last is not None and last.outcome.good:
        told = tally.told, writer.quarantine_so_far(), facts
        as_before = not changes(ref, last.contract, tally.seen, tally.waiting, held_back=False)
        if repeated or (as_before and await asyncio.to_thread(nothing_new, lake, key, ref, last, *told)):
            record.outcome = Outcome.NOT_MODIFIED
    if facts.failed_parts and record.outcome.good:
        record.message = (
            f"{len(facts.failed_parts):,} of {facts.parts:,} values of `for_each` did not answer and are missing, such as: "
            f"{facts.failed_parts[0]}"
        )
        record.hint = "nothing was removed for them; the next run asks again. `for_each.may_fail` says how many may."
    if record.outcome in {Outcome.NOT_MODIFIED, Outcome.ZERO_RECORDS}:
        writer.abandon()
        record.accepted = record.quarantined = record.values_quarantined = 0
        return
    if same_meaning and last is not None and record.outcome is Outcome.NEW_RECORDS and not facts.failed_parts:
        _compare(ref, record, tally, last)
    elif record.outcome is Outcome.VOLUME_COLLAPSED and last is not None:
        record.message = f"{ref.name} delivered no records; its last pull had {last.records}. Nothing was removed."
        record.hint = "ask the owner of the app; if the source is truly empty, declare the app `status: paused`."
    if same_meaning and last is not None and record.outcome is not Outcome.VOLUME_COLLAPSED:
        held_back = record.outcome is Outcome.FIELDS_LOST
        record.drift = changes(ref, last.contract, tally.seen, tally.waiting, held_back=held_back)
        record.compared = bool(last.contract)
    if record.outcome in {Outcome.VOLUME_COLLAPSED, Outcome.FIELDS_LOST}:
        writer.abandon()
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
    manifest = await asyncio.to_thread(_commit, deployment, ref, record, facts, tally, last, writer, meaning, span.full)
    record.slice_id = manifest.slice_id


def _compare(ref: DatasetRef, record: OutcomeRecord, tally: Tally, last: SliceManifest) -> None:
    """Refuse a pull that lost most records of a snapshot, or a field, since the last one. Where the values of a field came
    but could not be read, the records are loaded without them, as ever, and the position stays, so that they are asked for again."""
    accept = f"if it is right so, `opg run --app {ref.app.id} --full` takes it as it is."
    if has_shrunk(ref, tally.records, last):
        record.outcome = Outcome.VOLUME_COLLAPSED
        record.message = f"{ref.name} delivered {tally.records:,} where its last pull had {last.records:,} records. Nothing was removed."
        record.hint = f"ask the owner of the app; {accept}"
        return
    lost = lost_fields(tally.filled, tally.records, last)
    refused = refusals(lost, tally.waiting, tally.records)
    gone = [name for name in lost if name not in refused]
    if gone and tally.sample is not None:
        record.outcome = Outcome.FIELDS_LOST
        told = ", ".join(f"{name} ({how_lost(ref, name, tally.sample)})" for name in gone)
        record.message = f"Hardly any record of {ref.name} has what nearly all had before: {told}. Nothing was loaded from this pull."
        record.hint = f"compare `fields` with the source, which may have renamed them; {accept}"
    elif refused:
        told = ", ".join(f"{name} ({why})" for name, why in refused.items())
        record.message = f"Hardly any value of {ref.name} can be read where nearly all could before: {told}. The records were loaded without them."
        record.hint = (
            "compare `fields` with the source, which may have changed them; the next run asks for these records again."
        )
        tally.cursor = None


def read_cursor(ref: DatasetRef, stored: str) -> datetime | int | None:
    """A stored position as the dataset now declares it; None where it was of the other kind."""
    number = ref.dataset.incremental is not None and ref.dataset.incremental.kind == "number"
    if stored.isdigit() != number:
        return None
    return int(stored) if number else datetime.fromisoformat(stored)


def _order(position: datetime | int) -> float:
    return position.timestamp() if isinstance(position, datetime) else position


def take(normaliser: Normaliser, writer: SliceWriter, tally: Tally, pages: list[Page]) -> None:
    """Normalise one batch into a slice, and count it. Raises PullError (undeclared_personal_data)."""
    result = normaliser.normalise(pages)
    writer.add(result.accepted)
    writer.add_quarantine(result.rejected)
    tally.records += result.records
    tally.accepted += result.accepted.num_rows
    tally.rejected += result.records_rejected
    tally.values += result.values_rejected
    tally.skipped += result.skipped
    if result.cursor is not None:
        # One dataset's positions are all of one kind: times, or numbers.
        tally.cursor = max((tally.cursor, result.cursor), key=_order) if tally.cursor is not None else result.cursor
    tally.told.take(result.accepted)
    tally.waiting.update(_counted(result.rejected))
    tally.seen.take(normaliser.ref, [item for page in pages for item in page.records], result.accepted)
    tally.filled.update(values_of(normaliser.ref, result.accepted))
    tally.sample = next((page for page in reversed(pages) if page.records), tally.sample)


def _counted(rejected: pa.Table) -> Counter[tuple[str, str, str, str]]:
    columns = [rejected.column(name).to_pylist() for name in ("scope", "reason", "rule", "field")]
    return Counter(zip(*columns, strict=True))


def _outcome(ref: DatasetRef, facts: PullFacts, tally: Tally, last: SliceManifest | None) -> Outcome:
    if facts.not_modified:
        return Outcome.NOT_MODIFIED
    everything = ref.dataset.incremental is None and not facts.unmodified_parts
    if not tally.records:
        return Outcome.VOLUME_COLLAPSED if everything and last is not None and last.records else Outcome.ZERO_RECORDS
    return Outcome.NEW_RECORDS if tally.accepted else Outcome.ALL_REJECTED


def _commit(
    deployment: Deployment, ref: DatasetRef, record: OutcomeRecord, facts: PullFacts, tally: Tally,
    last: SliceManifest | None, writer: SliceWriter, meaning: str, anew: bool,
) -> SliceManifest:  # fmt: skip
    standard, quarantine = writer.flush()
    before = read_cursor(ref, last.cursor) if last and last.cursor else None
    moved = tally.cursor if tally.accepted else None
    if isinstance(moved, datetime):
        # A date in the future (a typing error of the source) must not carry the position past what is still to come.
        moved = min(moved, datetime.now(UTC))
    position = max((item for item in (before, moved) if item is not None), default=None, key=_order)
    counted, filled = (tally.records, tally.filled) if record.outcome is Outcome.NEW_RECORDS else (0, Counter[str]())
    if last is not None and last.declaration_hash == meaning and not anew:
        counted, filled = counted + last.counted, filled + Counter(last.filled)
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
        cursor=position.isoformat() if isinstance(position, datetime) else None if position is None else str(position),
        validators=facts.validators,
        complete=ref.dataset.incremental is None and not facts.failed_parts and not facts.unmodified_parts,
        part_validators=facts.part_validators,
        declaration_hash=meaning,
        counted=counted,
        filled=dict(filled),
        contract=_contract(
            record, tally, {} if last is None or last.declaration_hash != meaning or anew else last.contract
        ),
    )
    writer.commit(manifest)
    return manifest


def _contract(record: OutcomeRecord, tally: Tally, before: dict[str, Any]) -> dict[str, Any]:
    """The source's fields as last seen. A pull of which nothing was accepted does not tell what they should be."""
    if record.outcome is not Outcome.NEW_RECORDS:
        return before
    return contract(before, tally.seen, tally.waiting, datetime.now(UTC))
