"""The stage itself: batches of source records to standard tables and to what waits. Each step stands in a module of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.lake import standard_schema
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import ENVELOPE, SLICE_ROW, Outcome, Page, PullError
from opg_pipeline.normalise import privacy
from opg_pipeline.normalise.columns import Batch, source
from opg_pipeline.normalise.digests import record_uids, row_hashes
from opg_pipeline.normalise.evaluate import Evaluator
from opg_pipeline.normalise.gate import find_undeclared
from opg_pipeline.normalise.identity import nik_age_bands
from opg_pipeline.normalise.moments import MomentParser
from opg_pipeline.normalise.parsing import Parsed, flat, null_mask
from opg_pipeline.normalise.plan import FieldPlan, Planner
from opg_pipeline.normalise.quarantine import Waiting
from opg_pipeline.normalise.reasons import Mask, code
from opg_pipeline.normalise.regions import RegionResolver
from opg_pipeline.normalise.tokens import Pseudonymiser
from opg_pipeline.normalise.zones import DAY, zone

_TIMESTAMP = pa.timestamp("us", tz="UTC")
_IDENTITY_COLUMNS = frozenset({"record_uid", "city_id", "source_app", "source_dataset"})
_CIRCUMSTANCE = frozenset({"ingested_at", "lineage_batch_id", "raw_sha256", "row_hash", SLICE_ROW})
_CLOCK_SKEW = timedelta(days=1)


@dataclass(slots=True)
class Normalised:
    """What one batch became. records = accepted + records_rejected + flags["DUPLICATE_DROPPED"]; skipped rows are apart.

    ``accepted`` has the category's standard schema, ``rejected`` lake.QUARANTINE_SCHEMA with plain payloads. ``cursor``: newest
    value of `incremental.field` (UTC), None without one. ``flags``: how many accepted records carry each quality flag, and
    DUPLICATE_DROPPED (`prefer: first`), CURSOR_UNREADABLE, CURSOR_IN_FUTURE, which count source records.
    """

    accepted: pa.Table
    rejected: pa.Table
    records: int
    skipped: int
    values_rejected: int
    records_rejected: int
    cursor: datetime | None
    flags: dict[str, int]


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
        self._struck = planner.identity_paths()
        self._paths = planner.paths()
        self._zone = zone(ref.city.timezone)
        self._schema = standard_schema(ref.category)
        self._agencies = pa.array([agency.id for agency in ref.city.agencies], pa.string())
        self._needed_for_event = "event_at" if "event_at" in ref.dataset.fields else ref.category.event_time
        self._cursor: MomentParser | None = None
        if ref.dataset.incremental is not None:
            pattern = ref.dataset.incremental.format or planner.locale.date
            if pattern is None:
                raise ValueError(f"{ref.name}: `incremental` needs a `format`, or a `date` in the locale")
            self._cursor = MomentParser(_TIMESTAMP, pattern, planner.zone())
        self._same = self._same_in_every_record()
        self._next_row = 0
        self._seen: set[str] = set()
        self._gated = False

    def normalise(self, pages: Sequence[Page]) -> Normalised:
        """Normalise one batch of pages. Raises PullError (undeclared_personal_data); the slice is lost then."""
        dataset = self.ref.dataset
        batch = Batch(pages, dataset.skip, dataset.fill_down, self._paths)
        self._gate(batch)
        evaluator = Evaluator(batch, self._planner.missing)
        slice_rows = np.arange(self._next_row, self._next_row + batch.rows)
        self._next_row += batch.rows
        flags: dict[str, int] = {}

        parsed = {plan.name: evaluator.field(plan) for plan in self._plans}
        self._agency(parsed)
        event = self._event(parsed, batch.rows)
        for plan in self._plans:
            if plan.needs_event:
                parsed[plan.name] = nik_age_bands(parsed[plan.name], event["event_on"])
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
        self._protect(columns, marks, batch, keep)
        accepted = self._table(columns, marks, len(keep))

        flags.update({name: int(mask.sum()) for name, mask in marks.items() if mask.any()})
        rejected = waiting.table()
        values_rejected = pc.sum(pc.equal(rejected["scope"], "value")).as_py() or 0 if rejected.num_rows else 0
        cursor = self._newest(batch, flags)
        return Normalised(
            accepted, rejected, batch.rows, batch.skipped, values_rejected, int(lost.sum()), cursor, flags
        )

    # -- what a record is ----------------------------------------------------------------------------------------------

    def _source_ids(self, evaluator: Evaluator) -> tuple[Any, list[tuple[str, Any]]]:
        """source_record_id per record, null where the key cannot be read, and per key path the reasons."""
        parts, reasons = [], []
        for plan in self._keys:
            read = evaluator.key(plan)
            refused = read.reasons.copy()
            refused[null_mask(read.values) & (refused == 0)] = code("key_missing")
            values = pc.if_else(pa.array(refused > 0), pa.scalar(None, pa.string()), read.values)
            if plan.token is not None:
                values = self.tokens.column(plan.token, flat(values))
            elif len(self._keys) > 1 and pc.any(pc.match_substring_regex(values, r"[|\\]")).as_py():
                values = pc.replace_substring_regex(values, r"([|\\])", r"\\\1")
            parts.append(values)
            reasons.append((plan.path, refused))
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
        self, batch: Batch, parsed: dict[str, Parsed], keys: list[tuple[str, Any]], waiting: Waiting
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
        key_paths = {path for path, _ in keys}
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
        for path, reasons in keys:
            where = sound & (reasons > 0)
            lost |= where
            untold = where & ~told.get(path, np.zeros(batch.rows, bool))
            waiting.add("record", reasons, untold, rule="key", field=path, values=batch.column(path))
        event = self._needed_for_event
        for plan, reasons, where in costs:
            waiting.add(
                "record", reasons, where, rule=plan.parser.name, field=plan.name, values=self._first_values(plan, batch)
            )
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
    def _first_values(plan: FieldPlan, batch: Batch) -> list[Any] | None:
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
            values=self._first_values(plan, batch),
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

    # -- personal data -------------------------------------------------------------------------------------------------

    def _gate(self, batch: Batch) -> None:
        """Stops the dataset when its first records hold personal data that nobody declared."""
        if self._gated or not batch.rows:
            return
        self._gated = True
        findings = find_undeclared(batch.records, self._planner.declared_personal())
        if findings:
            listed = "; ".join(f"{finding.path} ({finding.why})" for finding in findings)
            raise PullError(
                Outcome.PERSONAL_DATA,
                f"{self.ref.name} sends personal data that its declaration does not name: {listed}.",
                "Add the paths to `personal`, or map them with their parse (such as `parse: phone`) to a field of privacy pseudonym.",
            )

    def _protect(self, columns: dict[str, Any], marks: dict[str, Mask], batch: Batch, keep: Any) -> None:
        """Tokens for identities; texts redacted, in place."""
        wanted = self._needles(batch, keep) if any(plan.scan for plan in self._plans) else None
        touched = np.zeros(len(keep), bool)
        for plan in self._plans:
            values = columns[plan.name]
            if plan.token is not None:
                columns[plan.name] = self.tokens.column(plan.token, values)
            elif plan.scan and plan.field is not None and values.null_count < len(values):
                structured = plan.kind in {"list", "map"}
                if plan.field.privacy == "sensitive_text":
                    values = privacy.redact_column(values, privacy.suspects(values), free=True)
                else:
                    values, found = self._redacted(plan, values, structured)
                    touched |= found
                if wanted is not None:
                    values, struck = privacy.strike(values, wanted, structured=structured)
                    if plan.field.privacy != "sensitive_text":
                        touched |= struck
                columns[plan.name] = values
        marks["PERSONAL_DATA_REDACTED"] = touched

    def _redacted(self, plan: FieldPlan, values: Any, structured: bool) -> tuple[Any, Mask]:
        """A column that should hold no personal data, without what slipped in. Raises PullError when it is no slip."""
        found = privacy.scan(values)
        hits = int(found.rows.sum())
        if hits >= privacy.LEAST and hits >= privacy.SHARE * found.values and plan.field is not None:
            kinds = ", ".join(f"{kind} in {number}" for kind, number in found.counts.items())
            raise PullError(
                Outcome.PERSONAL_DATA,
                f"{self.ref.name}: field {plan.name!r} (from {', '.join(plan.mapping.paths)}, privacy {plan.field.privacy}) "
                f"holds personal data in {hits} of {found.values} values: {kinds}.",
                "Map the path with its parse to a field of privacy pseudonym, or to one of privacy sensitive_text, or list it under `personal`.",
            )
        return privacy.redact_column(values, found.rows, free=False, structured=structured), found.rows

    def _needles(self, batch: Batch, keep: Any) -> privacy.Needles | None:
        """Per accepted record what of its own personal values is struck out of its texts."""
        if not self._struck:
            return None
        return privacy.Needles([batch.column(path) for path in self._struck], keep.tolist())

    # -- the table -----------------------------------------------------------------------------------------------------

    def _same_in_every_record(self) -> dict[str, Any]:
        """Columns whose one value is known before any record is."""
        ref = self.ref
        same = {
            "city_id": ref.city.id,
            "source_app": ref.app.id,
            "source_dataset": ref.dataset.id,
            "agency_id": ref.app.agency,
            "urusan_code": ref.app.urusan,
            "lineage_batch_id": self.slice_id,
        }
        scalars = {name: pa.scalar(value, pa.string()) for name, value in same.items()}
        scalars["ingested_at"] = pa.scalar(self.ingested_at, _TIMESTAMP)
        if any(plan.name == "agency_id" for plan in self._plans):
            del scalars["agency_id"]
        return scalars

    def _table(self, columns: dict[str, Any], marks: dict[str, Mask], rows: int) -> pa.Table:
        """The standard table of the accepted records. Empties ``columns``."""
        columns.update(self._same)
        columns["quality_flags"] = _flag_lists(marks, rows)
        own = {name for name, _, _ in ENVELOPE} | {SLICE_ROW}
        for field in self._schema:
            if field.name not in columns and (field.name not in own or field.nullable):
                columns[field.name] = pa.nulls(rows, field.type)
        content = [
            (name, columns[name])
            for name in self._schema.names
            if name not in _IDENTITY_COLUMNS and name not in _CIRCUMSTANCE
        ]
        columns["row_hash"] = row_hashes(content, rows)
        del content
        arrays = []
        for name in self._schema.names:
            values = columns.pop(name)
            arrays.append(pa.repeat(values, rows) if isinstance(values, pa.Scalar) else values)
        return pa.table(arrays, schema=self._schema)

    def _newest(self, batch: Batch, flags: dict[str, int]) -> datetime | None:
        """The newest value of `incremental.field`. Values of the future would skip what comes until then: they do not count."""
        if self._cursor is None or self.ref.dataset.incremental is None or not batch.rows:
            return None
        read = self._cursor.parse(source(batch.column(self.ref.dataset.incremental.field), self._planner.missing))
        if unreadable := int((read.reasons > 0).sum()):
            flags["CURSOR_UNREADABLE"] = unreadable
        past = pc.less_equal(read.values, pa.scalar(self.ingested_at + _CLOCK_SKEW, _TIMESTAMP))
        if future := len(read.values) - read.values.null_count - (pc.sum(past).as_py() or 0):
            flags["CURSOR_IN_FUTURE"] = future
        newest: datetime | None = pc.max(read.values.filter(past)).as_py()
        return newest


def _flag_lists(marks: dict[str, Mask], rows: int) -> Any:
    """Per record the JSON list of its flags, sorted; one scalar where no record has any."""
    names = sorted(name for name, mask in marks.items() if mask.any())
    if not names:
        return pa.scalar("[]")
    patterns: dict[tuple[str, ...], int] = {(): 0}
    place = np.zeros(rows, np.int64)
    flagged = np.flatnonzero(np.logical_or.reduce([marks[name] for name in names]))
    rows_of = [marks[name][flagged].tolist() for name in names]
    place[flagged] = [
        patterns.setdefault(tuple(name for name, on in zip(names, row, strict=True) if on), len(patterns))
        for row in zip(*rows_of, strict=True)
    ]
    return pa.array([orjson.dumps(pattern).decode() for pattern in patterns], pa.string()).take(pa.array(place))
