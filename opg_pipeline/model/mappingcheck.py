"""Rules within one field's mapping: patterns that mean something, and words that go together. No other file is looked at."""

from __future__ import annotations

from typing import Any

from opg_pipeline.model.app import FieldMap
from opg_pipeline.model.datepattern import SPELLINGS, DatePatternError, compile_duration, compile_pattern
from opg_pipeline.model.problems import Problem
from opg_pipeline.model.yaml_source import YamlSource

AGES_AT_EVENT = frozenset({"nik_age_band", "nip_age_band", "birth_age_band"})
"""Parses whose result depends on the day of the event."""


def check_formats(mapping: FieldMap, kind: str, source: YamlSource, at: tuple[str | int, ...]) -> list[Problem]:
    """Each pattern of the field means something, and goes with its parse. A list's `format` is a separator."""
    if kind == "list":
        return []
    if mapping.parse == "duration":
        return _check_duration(mapping, source, at)
    problems = []
    for pattern in mapping.formats:
        if pattern == "iso":
            if mapping.parse in {"period", "year"}:
                what = f"`iso` is no pattern of a {mapping.parse}."
                problems.append(source.problem((*at, "format"), what, "take it away, or write such as yyyy-mm."))
            continue
        try:
            compiled = compile_pattern(pattern)
        except DatePatternError as error:
            problems.append(source.problem((*at, "format"), f"{error}.", f"use {SPELLINGS}."))
            continue
        if mapping.parse == "birth_age_band" and not compiled.has_day:
            what = f"A date of birth needs its day, which the pattern {pattern!r} has not."
            problems.append(source.problem((*at, "format"), what, "read the age instead, with `parse: age_band`."))
    return problems


def _check_duration(mapping: FieldMap, source: YamlSource, at: tuple[str | int, ...]) -> list[Problem]:
    """The form of a duration is said, and means something."""
    if not mapping.formats:
        what = "`parse: duration` needs a `format`: 00:12 may be hours and minutes, or minutes and seconds."
        return [source.problem(at, what, "add `format`, such as H:MM, MM:SS, words or iso.")]
    problems = []
    for pattern in mapping.formats:
        try:
            compile_duration(pattern)
        except DatePatternError as error:
            problems.append(source.problem((*at, "format"), f"{error}.", "use H:MM, MM:SS, words or iso."))
    return problems


def check_words(mapping: FieldMap, source: YamlSource, at: tuple[str | int, ...]) -> list[Problem]:
    """Words that go with some parses, formats or maps alone."""
    problems = []
    if "edge" in mapping.model_fields_set and not any(map(_lacks_day, mapping.formats)):
        problems.append(
            source.problem(
                (*at, "edge"), "`edge` is for dates whose `format` has no day.",
                "give a `format` such as mmm yyyy, or take `edge` away.",
            )
        )  # fmt: skip
    if mapping.parse in AGES_AT_EVENT:
        for word in ("default", "map", "scale"):
            if getattr(mapping, word) is not None:
                what = f"`{word}` does not go with `parse: {mapping.parse}`."
                problems.append(source.problem((*at, word), what, "take it away."))
    if isinstance(mapping.from_, tuple) and (
        mapping.parse == "esri" or (mapping.parse == "point" and len(mapping.from_) != 2)
    ):
        problems.append(
            source.problem(
                (*at, "from"), f"`parse: {mapping.parse}` does not read {len(mapping.from_)} paths.",
                "a point takes a path, or two: longitude and latitude; esri takes one.",
            )
        )  # fmt: skip
    if mapping.parse == "point" and mapping.pick is not None:
        problems.append(source.problem((*at, "pick"), "`pick` does not go with `parse: point`.", "take it away."))
    if mapping.fold:
        kept: dict[str, tuple[str, Any]] = {}
        for key, target in (mapping.map or {}).items():
            first, before = kept.setdefault(" ".join(key.split()).casefold(), (key, target))
            if before != target:
                problems.append(
                    source.problem(
                        (*at, "map"), f"{first!r} and {key!r} are one when folded, but mean different values.",
                        "keep one of them, or take `fold` away.",
                    )
                )  # fmt: skip
    return problems


def _lacks_day(pattern: str) -> bool:
    if pattern == "iso":
        return False
    try:
        return not compile_pattern(pattern).has_day
    except DatePatternError:
        return True  # told already
