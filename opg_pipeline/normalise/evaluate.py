"""One planned field over one batch: reads its paths, parses, multiplies, and checks the field's own bounds.

Whether a refusal costs the record or the value alone is decided in normaliser.py.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.model.app import RegionMap
from opg_pipeline.model.category import CategoryField
from opg_pipeline.model.paths import FieldPath
from opg_pipeline.normalise.columns import Batch, Part, Source, parsed_path, plain_text, source
from opg_pipeline.normalise.geometry import PointParser
from opg_pipeline.normalise.numbers import multiplied, scaled
from opg_pipeline.normalise.parsing import Parsed, flat, null_mask, true_mask
from opg_pipeline.normalise.plan import FieldPlan, KeyPlan, without
from opg_pipeline.normalise.reasons import Codes, Mask, code, fine
from opg_pipeline.normalise.regions import RegionResolver, first_fit, region_pattern
from opg_pipeline.normalise.texts import MapParser, TextParser, as_text
from opg_pipeline.normalise.zones import DAY

_TEXT = TextParser()


class Evaluator:
    """Reads the columns of one batch; each path is sorted by kind once.

    Args:
        batch: the records.
        missing: texts that mean absence where a field does not say otherwise.
    """

    def __init__(self, batch: Batch, missing: frozenset[str]) -> None:
        self.batch, self.missing = batch, missing
        self._sources: dict[tuple[str | tuple[str, ...], frozenset[str]], Source] = {}

    def source(self, path: str | tuple[str, ...], missing: frozenset[str]) -> Source:
        """The values at one path, or at the first of several that holds one."""
        key = (path, missing)
        if key not in self._sources:
            column = self.batch.column(path) if isinstance(path, str) else first_of(self.batch, path, missing)
            self._sources[key] = source(column, missing)
        return self._sources[key]

    def texts(self, path: str) -> Parsed:
        """The values at one path as texts."""
        return _TEXT.parse(self.source(path, self.missing))

    def field(self, plan: FieldPlan, *, bounded: bool = True) -> Parsed:
        """Typed values of a field, held to its bounds unless they are not wanted. Ages from a NIK are still the NIK here."""
        rows = self.batch.rows
        if plan.is_const:
            values = (
                pa.nulls(rows, plan.out) if plan.const is None else pa.repeat(pa.scalar(plan.const, plan.out), rows)
            )
            return Parsed(values, fine(rows))
        if isinstance(plan.parser, PointParser) and len(plan.mapping.paths) == 2 and plan.mapping.first_of is None:
            parsed = plan.parser.of_two(*(self.source(path, plan.missing) for path in plan.mapping.paths))
            return parsed if plan.default is None else _filled(parsed, plan, None)
        origin, reasons = self._origin(plan)
        if plan.pick is not None:
            origin, reasons = _picked(origin, reasons, plan)
        parsed = plan.parser.parse(origin)
        if plan.factor is not None:
            parsed = multiplied(parsed, plan.factor, plan.out, round_=plan.mapping.round)
        elif plan.factors is not None and plan.mapping.scale is not None and plan.mapping.scale.from_ is not None:
            texts = as_text(self.texts(plan.mapping.scale.from_)).to_pylist()
            parsed = scaled(parsed, [plan.factors.get(text) for text in texts], plan.out, round_=plan.mapping.round)
        if reasons is not None:
            parsed.reasons = np.where(reasons > 0, reasons, parsed.reasons)
        if plan.default is not None:
            parsed = _filled(parsed, plan, origin)
        if bounded and plan.field is not None and not plan.needs_event:
            parsed = _checked(parsed, plan.field, plan)
        if bounded and (plan.field.past if plan.field is not None else plan.name == "reported_at"):
            parsed = self._told_before(parsed)
        return parsed

    def _told_before(self, parsed: Parsed) -> Parsed:
        """Refuses what lies more than a day, for the sake of zones, after the answer that tells it."""
        moments = pc.cast(parsed.values, pa.timestamp("us", "UTC")).view(pa.int64()).fill_null(0)
        late = np.asarray(moments) > self.batch.asked_at() + DAY
        return _refused(parsed, late, "in_future") if late.any() else parsed

    def _origin(self, plan: FieldPlan) -> tuple[Source, Any]:
        """The source values of a field, and reasons that were found on the way."""
        mapping = plan.mapping
        if mapping.first_of is not None:
            return self.source(mapping.first_of, plan.missing), None
        paths = mapping.paths
        if len(paths) > 1:
            return self._joined(paths, plan.missing)
        if plan.prune:
            return source(_pruned(self.batch.column(paths[0]), paths[0], plan.prune), plan.missing), None
        return self.source(paths[0], plan.missing), None

    def _joined(self, paths: tuple[str, ...], missing: frozenset[str]) -> tuple[Source, Any]:
        """Values joined with a blank, without those that are absent."""
        read = [_TEXT.parse(self.source(path, missing)) for path in paths]
        texts = [as_text(item) for item in read]
        nothing = pc.is_null(pc.coalesce(*texts))  # Arrow's join leaves out rows in which every part is null
        texts[0] = pc.if_else(nothing, "", texts[0])
        joined = pc.binary_join_element_wise(*texts, " ", null_handling="skip")
        joined = pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)
        reasons = fine(self.batch.rows)
        for item in read:
            reasons = np.where(reasons > 0, reasons, item.reasons)
        return Source(self.batch.rows, [Part("text", None, joined)]), reasons

    def key(self, plan: KeyPlan) -> Parsed:
        """One part of the key, before it becomes a token."""
        return plan.parser.parse(self.source(plan.paths if len(plan.paths) > 1 else plan.paths[0], self.missing))

    def region(self, declared: RegionMap, resolver: RegionResolver) -> tuple[dict[str, Any], Mask, Mask, Mask]:
        """Region columns, and where the match is fuzzy, where a place is named but unresolved, where only its village is."""
        rows = self.batch.rows
        code_, district, village, bad = self.place_names(declared)
        combinations, at = combinations_of(code_, district, village)
        places = [resolver.resolve(*parts) for parts in combinations]
        named = [any(parts) for parts in combinations]

        def spread(values: list[Any], kind: Any) -> Any:
            return pa.array(values, kind).take(rows_of)

        rows_of = pa.array(at)
        columns = {
            "region_code": spread([place.code for place in places], pa.string()),
            "region_level": spread([place.level for place in places], pa.string()),
            "region_match": spread([place.match for place in places], pa.string()),
            "region_score": flat(
                pc.cast(pa.array([place.score for place in places], pa.float64()), pa.decimal128(5, 2))
            ).take(rows_of),
        }
        fuzzy = np.array([place.match == "fuzzy" for place in places], bool)[at]
        lost = np.array([name and place.code is None for name, place in zip(named, places, strict=True)], bool)[at]
        partly = np.array([place.partly for place in places], bool)[at]
        return (
            columns,
            fuzzy,
            lost | (bad & ~np.asarray(columns["region_code"].is_valid())),
            partly & np.ones(rows, bool),
        )

    def place_names(self, declared: RegionMap) -> tuple[Any, Any, Any, Mask]:
        """(code, district, village, unreadable) per record, as the source writes them."""
        rows = self.batch.rows
        bad = np.zeros(rows, bool)
        nothing = pa.nulls(rows, pa.string())

        def read(path: str | None) -> Any:
            nonlocal bad
            if path is None:
                return nothing
            parsed = self.texts(path)
            bad |= parsed.reasons > 0
            return as_text(parsed)

        code_ = read(declared.code) if declared.const is None else pa.repeat(pa.scalar(declared.const), rows)
        district = read(declared.district)
        aliases = (declared.village,) if isinstance(declared.village, str) else declared.village or (None,)
        village = pc.coalesce(*(read(path) for path in aliases))
        if declared.text is not None and declared.pattern is not None:
            patterns = (declared.pattern,) if isinstance(declared.pattern, str) else declared.pattern
            shapes = [region_pattern(pattern) for pattern in patterns]
            encoded = pc.dictionary_encode(read(declared.text))
            found = [first_fit(shapes, text) for text in encoded.dictionary.to_pylist()]
            unreadable = np.array([*(match is None for match in found), False])[
                encoded.indices.fill_null(len(found)).to_numpy()
            ]
            bad |= unreadable

            def part(name: str) -> Any:
                texts = [match.groupdict().get(name) if match is not None else None for match in found]
                return pa.array(texts, pa.string()).take(encoded.indices)

            district, village = pc.coalesce(district, part("district")), pc.coalesce(village, part("village"))
        return code_, district, village, bad


def first_of(batch: Batch, paths: tuple[str, ...], missing: frozenset[str]) -> list[Any]:
    """Per record the first value that is there."""
    absent = missing | {"", None}
    chosen = list(batch.column(paths[0]))
    for path in paths[1:]:
        other = batch.column(path)
        for row, value in enumerate(chosen):
            if value is None or (not isinstance(value, dict | list) and plain_text(value) in absent):
                chosen[row] = other[row]
    return chosen


def _picked(origin: Source, before: Codes | None, plan: FieldPlan) -> tuple[Source, Codes]:
    """The part of each value that `pick` finds, and reasons: a value it does not fit, or finds nothing in, is refused."""
    assert plan.pick is not None
    read = _TEXT.parse(origin)
    encoded = flat(pc.dictionary_encode(read.values))
    parts: list[str | None] = []
    for text in encoded.dictionary.to_pylist():
        match = plan.pick.search(text)
        parts.append(((match[1] or "").strip() or None) if match is not None else None)
    at = encoded.indices.fill_null(len(parts)).to_numpy()
    reasons = read.reasons.copy()
    unfit = np.array([*(part is None for part in parts), False])[at]
    reasons[unfit & (reasons == 0)] = code("bad_pick")
    if before is not None:
        reasons = np.where(before > 0, before, reasons)
    kept = pa.array([None if part in plan.missing else part for part in parts], pa.string())
    return Source(origin.rows, [Part("text", None, kept.take(encoded.indices))]), reasons


def _filled(parsed: Parsed, plan: FieldPlan, origin: Source | None) -> Parsed:
    """With the default where the source has nothing. What `map` turns to no value is not nothing."""
    nothing = null_mask(parsed.values) & (parsed.reasons == 0)
    if plan.mapping.map is not None and origin is not None:
        nothing &= _absent(origin)
    if not nothing.any():
        return parsed
    return Parsed(pc.if_else(pa.array(nothing), pa.scalar(plan.default, plan.out), parsed.values), parsed.reasons)


def _absent(origin: Source) -> Mask:
    """Where a column has no value."""
    absent = np.ones(origin.rows, bool)
    for part in origin.parts:
        here = np.zeros(len(part.values), bool) if isinstance(part.values, list) else null_mask(part.values)
        absent[slice(None) if part.rows is None else part.rows] = here
    return absent


def combinations_of(*columns: Any) -> tuple[list[tuple[str | None, ...]], Any]:
    """The distinct rows of columns of texts, in the order in which they first occur, and the place in it of each row."""
    key: Any = 0
    known: list[list[str | None]] = []
    for column in columns:
        encoded = flat(pc.dictionary_encode(column))
        known.append([*encoded.dictionary.to_pylist(), None])
        key = key * len(known[-1]) + encoded.indices.fill_null(len(known[-1]) - 1).to_numpy().astype(np.int64)
    encoded = pa.array(key).dictionary_encode()
    places = np.unravel_index(encoded.dictionary.to_numpy(), [len(texts) for texts in known])
    texts_at = [[texts[place] for place in at.tolist()] for texts, at in zip(known, places, strict=True)]
    return list(zip(*texts_at, strict=True)), encoded.indices.to_numpy()


def _pruned(column: list[Any], root: str, prune: tuple[FieldPath, ...]) -> list[Any]:
    """Structures without their personal parts."""
    depth = len(parsed_path(root).steps)
    steps = [path.steps[depth:] for path in prune]
    return [without(value, steps) if isinstance(value, dict | list) else value for value in column]


def _checked(parsed: Parsed, field: CategoryField, plan: FieldPlan) -> Parsed:
    """Refuses what lies beyond the field's bounds: min and max, pattern (of texts stored as they are), permitted values."""
    values = parsed.values
    wrong = np.zeros(len(values), bool)
    reason = ""
    if field.min is not None or field.max is not None:
        numbers = pc.cast(values, pa.float64())
        if field.min is not None:
            wrong |= true_mask(pc.less(numbers, field.min))
        if field.max is not None:
            wrong |= true_mask(pc.greater(numbers, field.max))
        reason = "out_of_range"
    elif field.pattern is not None and plan.token is None:
        wrong, reason = ~_matches(values, field.pattern) & ~null_mask(values), "bad_pattern"
    elif field.values is not None and not isinstance(plan.parser, MapParser):
        wrong = ~np.asarray(pc.is_in(values, value_set=pa.array(field.values))) & ~null_mask(values)
        reason = "not_permitted"
    if not wrong.any():
        return parsed
    return _refused(parsed, wrong, reason)


def _refused(parsed: Parsed, wrong: Mask, reason: str) -> Parsed:
    reasons = parsed.reasons.copy()
    reasons[wrong] = code(reason)
    return Parsed(pc.if_else(pa.array(wrong), pa.scalar(None, parsed.values.type), parsed.values), reasons)


def _matches(values: Any, pattern: str) -> Mask:
    """Where the whole text matches; by RE2, or by Python where the pattern uses what RE2 has not."""
    try:
        found: Mask = true_mask(pc.match_substring_regex(values, rf"\A(?:{pattern})\z"))
        return found
    except pa.ArrowInvalid:
        compiled = re.compile(pattern)
        return np.fromiter(
            (text is not None and compiled.fullmatch(text) is not None for text in values.to_pylist()),
            bool,
            len(values),
        )
