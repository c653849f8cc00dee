"""The stage itself: batches of source records to standard tables and to what waits. Each step stands in a module of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import SLICE_ROW, Page
from opg_pipeline.normalise.columns import Batch
from opg_pipeline.normalise.coordinates import refuse_swapped
from opg_pipeline.normalise.cursor import Cursor
from opg_pipeline.normalise.digests import record_uids
from opg_pipeline.normalise.evaluate import Evaluator, first_of
from opg_pipeline.normalise.guard import Guard
from opg_pipeline.normalise.identity import birth_age_bands, nik_age_bands
from opg_pipeline.normalise.parsing import Parsed, flat, null_mask
from opg_pipeline.normalise.plan import FieldPlan, Planner
from opg_pipeline.normalise.quarantine import Waiting
from opg_pipeline.normalise.reasons import Mask, code
from opg_pipeline.normalise.regions import RegionResolver
from opg_pipeline.normalise.standard import StandardTable
from opg_pipeline.normalise.tokens import Pseudonymiser
from opg_pipeline.normalise.zones import DAY, zone

_TIMESTAMP = pa.timestamp("us", tz="UTC")


@dataclass(slots=True)
class Normalised:
    """What one batch became. records = accepted + records_rejected + flags["DUPLICATE_DROPPED"]; skipped rows are apart.

    ``accepted`` has the category's standard schema, ``rejected`` lake.QUARANTINE_SCHEMA with plain payloads. ``cursor``: newest
    value of `incremental.field` (a time in UTC, or a number), None without one. ``flags``: how many accepted records carry each quality flag, and
    DUPLICATE_DROPPED (`prefer: first`), CURSOR_UNREADABLE, CURSOR_IN_FUTURE, which count source records. ``sources``: the source
    records, in order of SLICE_ROW.
    """

    accepted: pa.Table
    rejected: pa.Table
    records: int
    skipped: int
    values_rejected: int
    records_rejected: int
    cursor: datetime | int | None
    flags: dict[str, int]
    sources: list[Any]


class Normaliser:
    """Normalises the batches of one slice, in order.

    Args:
        ref: the dataset.
        tokens: makes the tokens of identities.
        resolver: the city's regions; needed when the dataset declares `region`.
        slice_id: the slice the records come in.
        ingested_at: when they were pulled, with a time zone.

    Raises:
        PullError: the declaration would keep personal data.
        ValueError: a constant does not fit its field, the locale is not whole, there is no resolver, or ingested_at has no zone.
    """

    def __init__(
        self,
        ref: DatasetRef,
        *,
        tokens: Pseudonymiser,
        resolver: RegionResolver | None,
        slice_id: str,
        ingested_at: datetime,
    ) -> None:
        if ref.dataset.region is not None and resolver is None:
            raise ValueError(f"{ref.name} declares `region`, but its city has no regions")
        if ingested_at.tzinfo is None:
            raise ValueError("ingested_at needs a time zone")
        self.ref, self.tokens, self.resolver, self.slice_id, self.ingested_at = (
            ref,
            tokens,
            resolver,
            slice_id,
            ingested_at,
        )
        self._planner = planner = Planner(ref)
        self._plans = planner.fields()
        self._keys = planner.keys(self._plans)
        self._paths = planner.paths()
        self._zone = zone(ref.city.timezone)
        self._bounds = ref.city.regions.bounds if ref.city.regions is not None else None
        self._agencies = pa.array([agency.id for agency in ref.city.agencies], pa.string())
        self._needed_for_event = "event_at" if "event_at" in ref.dataset.fields else ref.category.event_time
        self._cursor = Cursor(ref, planner)
        self._guard = Guard(ref, planner, self._plans, tokens)
        own_agency = any(plan.name == "agency_id" for plan in self._plans)
        self._standard = StandardTable(ref, slice_id, ingested_at, own_agency=own_agency)
        self._next_row = 0
        self._seen: set[str] = set()

    def normalise(self, pages: Sequence[Page]) -> Normalised:
        """Normalise one batch of pages. Raises PullError (undeclared_personal_data); the slice is lost then."""
        dataset = self.ref.dataset
        batch = Batch(pages, dataset.skip, dataset.fill_down, self._paths)
        self._guard.gate(batch)
        evaluator = Evaluator(batch, self._planner.missing)
        slice_rows = np.arange(self._next_row, self._next_row + batch.rows)
        self._next_row += batch.rows
        flags: dict[str, int] = {}

        parsed = {plan.name: evaluator.field(plan) for plan in self._plans}
        refuse_swapped(parsed, self._plans, evaluator, self._bounds)
        self._agency(parsed)
        event = self._event(parsed, batch.rows)
        for plan in self._plans:
            if plan.needs_event:
                bands = nik_age_bands if plan.mapping.parse == "nik_age_band" else birth_age_bands
                parsed[plan.name] = bands(parsed[plan.name], event["event_on"])
        ids, key_reasons = self._source_ids(evaluator)
        uids = record_uids(self.ref.name.replace("/", "|"), ids)
        raw = pa.array(batch.raw_sha256, pa.string()).take(pa.array(batch.page))

        waiting = Waiting(batch.records, uids, raw, slice_rows)
        lost, marks = self._refusals(batch, parsed, key_reasons, waiting)
        keep = np.flatnonzero(~lost)
        if dataset.prefer == "first":
            keep, flags["DUPLICATE_DROPPED"] = self._first_ones(keep, uids)
        for plan in self._plans:
            self._wait_for_values(plan, parsed[plan.name], keep, marks, batch, waiting)

        columns: dict[str, Any] = {name: item.values for name, item in parsed.items()}
        columns.update(event)
        columns.update(
            {"record_uid": uids, "source_record_id": ids, "raw_sha256": raw, SLICE_ROW: pa.array(slice_rows)}
        )
        columns.update(self._region(evaluator, marks))
        del parsed, evaluator, event, ids, uids, raw  # the columns alone hold what they read
        whole = len(keep) == batch.rows
        taken = pa.array(keep)
        for name in columns:
            columns[name] = flat(columns[name]) if whole else flat(columns[name]).take(taken)
        marks = {name: mask[keep] for name, mask in marks.items()}
        self._guard.protect(columns, marks, batch, keep)
        accepted = self._standard.build(columns, marks, len(keep))

        flags.update({name: int(mask.sum()) for name, mask in marks.items() if mask.any()})
        rejected = waiting.table()
        values_rejected = pc.sum(pc.equal(rejected["scope"], "value")).as_py() or 0 if rejected.num_rows else 0
        cursor = self._cursor.newest(batch, self.ingested_at, flags)
        return Normalised(
            accepted,
            rejected,
            batch.rows,
            batch.skipped,
            values_rejected,
            int(lost.sum()),
            cursor,
            flags,
            batch.records,
        )

    # -- what a record is ----------------------------------------------------------------------------------------------

    def _source_ids(self, evaluator: Evaluator) -> tuple[Any, list[tuple[tuple[str, ...], Any]]]:
        """source_record_id per record, null where the key cannot be read, and the paths of each part of the key with its reasons."""
        parts, reasons = [], []
        for plan in self._keys:
            read = evaluator.key(plan)
            refused = read.reasons.copy()
            refused[null_mask(read.values) & (refused == 0)] = code("key_missing")
            values = pc.if_else(pa.array(refused > 0), pa.scalar(None, pa.string()), read.values)
            if plan.token is not None:
                values = self.tokens.column(plan.token, flat(values))
            else:
                values = self._guard.key_part(flat(values))
                if len(self._keys) > 1 and pc.any(pc.match_substring_regex(values, r"[|\\]")).as_py():
                    values = pc.replace_substring_regex(values, r"([|\\])", r"\\\1")
            parts.append(values)
            reasons.append((plan.paths, refused))
        ids = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, "|")
        return flat(ids), reasons

    def _agency(self, parsed: dict[str, Parsed]) -> None:
        """agency_id, where a record names it: it must be an agency of the city. Without a name it is the app's."""
        if "agency_id" not in parsed:
            return
        read = parsed["agency_id"]
        own = pa.scalar(self.ref.app.agency, pa.string())
        unknown = ~np.asarray(pc.is_in(read.values, value_set=self._agencies)) & ~null_mask(read.values)
        read.reasons[unknown] = code("not_permitted")
        read.values = pc.if_else(
            pa.array(read.reasons > 0), pa.scalar(None, pa.string()), pc.coalesce(read.values, own)
        )

    def _event(self, parsed: dict[str, Parsed], rows: int) -> dict[str, Any]:
        """event_at and event_on. A date happens at the midnight that begins it, in the city's zone."""
        assert self._needed_for_event is not None, "the catalogue was checked"
        values = flat(parsed[self._needed_for_event].values)
        absent = null_mask(values)
        if pa.types.is_date(values.type):
            days = np.asarray(values.view(pa.int32()).fill_null(0)).astype(np.int64)
            utc, _ = self._zone.to_utc(days * DAY)
            return {"event_at": pa.array(utc, _TIMESTAMP, mask=absent), "event_on": values}
        utc = np.asarray(values.view(pa.int64()).fill_null(0))
        days = (self._zone.to_local(utc) // DAY).astype(np.int32)
        return {"event_at": values, "event_on": pa.array(days, pa.int32(), mask=absent).view(pa.date32())}

    def _region(self, evaluator: Evaluator, marks: dict[str, Mask]) -> dict[str, Any]:
        """Region columns; marks what is doubtful about them."""
        rows = evaluator.batch.rows
        if self.ref.dataset.region is None or self.resolver is None:
            nothing = {name: pa.nulls(rows, pa.string()) for name in ("region_code", "region_level")}
            return {
                **nothing,
                "region_match": pa.repeat(pa.scalar("none"), rows),
                "region_score": pa.nulls(rows, pa.decimal128(5, 2)),
            }
        columns, fuzzy, lost, partly = evaluator.region(self.ref.dataset.region, self.resolver)
        marks.update({"REGION_FUZZY": fuzzy, "REGION_UNRESOLVED": lost, "REGION_VILLAGE_UNRESOLVED": partly})
        return columns

    # -- what is refused -----------------------------------------------------------------------------------------------

    def _refusals(
        self, batch: Batch, parsed: dict[str, Parsed], keys: list[tuple[tuple[str, ...], Any]], waiting: Waiting
    ) -> tuple[Mask, dict[str, Mask]]:
        """Which records wait, and an empty set of marks. Puts every reason of theirs into quarantine."""
        lost = batch.malformed.copy()
        waiting.add(
            "record",
            np.full(batch.rows, code("bad_record"), np.uint8),
            batch.malformed,
            rule="record",
            field="",
            values=batch.records,
        )
        sound = ~batch.malformed
        costs: list[tuple[FieldPlan, Any, Mask]] = []
        key_paths = set(self.ref.dataset.key_paths)
        told: dict[str, Mask] = {}
        for plan in self._plans:
            item = parsed[plan.name]
            needed = self._needed(plan, parsed, batch.rows)
            reasons = item.reasons.copy()
            if plan.name != "agency_id":
                reasons[needed & null_mask(item.values) & (reasons == 0)] = code("required_missing")
            of_key = key_paths & set(plan.mapping.paths)
            where = sound & (reasons > 0) & (needed | bool(of_key))
            for path in of_key:
                told[path] = told.get(path, np.zeros(batch.rows, bool)) | (
                    where & (reasons != code("required_missing"))
                )
            costs.append((plan, reasons, where))
            lost |= where
        for paths, reasons in keys:
            where = sound & (reasons > 0)
            lost |= where
            untold = where
            for path in paths:
                untold = untold & ~told.get(path, np.zeros(batch.rows, bool))
            if untold.any():
                delivered = first_of(batch, paths, self._planner.missing)
                waiting.add("record", reasons, untold, rule="key", field=", ".join(paths), values=delivered)
        event = self._needed_for_event
        for plan, reasons, where in costs:
            if where.any():
                values = self._source_values(plan, batch)
                waiting.add("record", reasons, where, rule=plan.parser.name, field=plan.name, values=values)
        if event is not None and event not in {plan.name for plan in self._plans}:
            raise ValueError(f"{self.ref.name}: nothing maps {event!r}, from which event_at is taken")
        return lost, {}

    def _needed(self, plan: FieldPlan, parsed: dict[str, Parsed], rows: int) -> Mask:
        """Where a record cannot do without the field."""
        field = plan.field
        if plan.name in {self._needed_for_event, "agency_id"} or (
            field is not None and field.required and not field.required_unless
        ):
            return np.ones(rows, bool)
        if field is None or not field.required_unless:
            return np.zeros(rows, bool)
        spared = np.zeros(rows, bool)
        for name, values in field.required_unless.items():
            if name in parsed:
                spared |= parsed[name].reasons > 0
                spared |= np.asarray(pc.is_in(pc.cast(parsed[name].values, pa.string()), value_set=pa.array(values)))
        return ~spared

    @staticmethod
    def _source_values(plan: FieldPlan, batch: Batch) -> list[Any] | None:
        """What a field was read from: of aliases the value that counts, of joined paths the first."""
        if plan.mapping.first_of is not None:
            return first_of(batch, plan.mapping.first_of, plan.missing)
        return batch.column(plan.mapping.paths[0]) if plan.mapping.paths else None

    def _wait_for_values(
        self, plan: FieldPlan, item: Parsed, keep: Any, marks: dict[str, Mask], batch: Batch, waiting: Waiting
    ) -> None:
        """Values that wait while their record is loaded without them."""
        refused = item.reasons > 0
        if not refused.any():
            return
        kept = np.zeros(batch.rows, bool)
        kept[keep] = True
        refused &= kept
        waiting.add(
            "value",
            item.reasons,
            refused,
            rule=plan.parser.name,
            field=plan.name,
            values=self._source_values(plan, batch),
        )
        marks[f"REJECTED_{plan.name.upper()}"] = refused
        item.values = pc.if_else(pa.array(item.reasons > 0), pa.scalar(None, item.values.type), item.values)

    def _first_ones(self, keep: Any, uids: Any) -> tuple[Any, int]:
        """Records whose key was not accepted before in this slice, and how many were."""
        kept = []
        for row, uid in zip(keep.tolist(), uids.take(pa.array(keep)).to_pylist(), strict=True):
            if uid not in self._seen:
                self._seen.add(uid)
                kept.append(row)
        return np.array(kept, np.int64), len(keep) - len(kept)
