"""Turns pydantic's findings into sentences for the person who edits the file. No rule of our own is decided here."""

from __future__ import annotations

import re
import types
from difflib import get_close_matches
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from opg_pipeline.model.problems import Problem
from opg_pipeline.model.yaml_source import YamlSource


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Every model an annotation may hold, through unions, tuples and dicts."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, types.UnionType, tuple, dict, list) or get_origin(annotation) is not None:
        return [model for part in get_args(annotation) for model in _models(part)]
    return []


def _keys_at(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """The keys that may stand at ``location`` of a declaration of ``model``."""
    models = [model]
    for part in location:
        following: list[type[BaseModel]] = []
        for candidate in models:
            for name, field in candidate.model_fields.items():
                if part in (name, field.alias):
                    following += _models(field.annotation)
        tagged = [m for m in models if isinstance(part, str) and _tag(m) == part]
        if following:
            models = following
        elif tagged:
            models = tagged
    return sorted({field.alias or name for candidate in models for name, field in candidate.model_fields.items()})


def _tag(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("type")
    values = get_args(field.annotation) if field is not None else ()
    return values[0] if len(values) == 1 else None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _members(listing: Any) -> list[str]:
    """The members of pydantic's `'a', 'b' or 'c'`."""
    return re.findall(r"'([^']*)'", str(listing))


def explain(source: YamlSource, model: type[BaseModel], error: ValidationError) -> list[Problem]:
    """One Problem per finding, each with line, key and fix."""
    problems: list[Problem] = []
    found = error.errors(include_url=False)
    for item in found:
        location = tuple(item["loc"])
        if item["type"] == "too_short" and any(
            other["loc"][: len(location)] == location and other is not item for other in found
        ):
            continue  # the list is short only because a member of it was refused
        kind, context, value = item["type"], item.get("ctx", {}), item.get("input")
        key = str(location[-1]) if location else ""
        if kind == "extra_forbidden":
            known = _keys_at(model, location[:-1])
            near = get_close_matches(key, known, n=1)
            what = f"There is no key {key!r} here."
            fix = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}."
        elif kind == "missing":
            what, fix = f"The key {key!r} is missing.", f"add `{key}: ...` here."
        elif kind in {"literal_error", "enum"}:
            near = get_close_matches(str(value), _members(context.get("expected")), n=1)
            what = f"{_shown(value)} is not one of {context.get('expected')}."
            fix = f"did you mean {near[0]!r}?" if near else "use one of them."
        elif kind == "union_tag_invalid":
            near = get_close_matches(str(context.get("tag")), _members(context.get("expected_tags")), n=1)
            what = f"type {context.get('tag')!r} is not one of {context.get('expected_tags')}."
            fix = f"did you mean {near[0]!r}?" if near else "use one of them."
        elif kind == "union_tag_not_found":
            what, fix = "The key 'type' is missing.", "add `type: ...` here."
        elif kind == "string_pattern_mismatch":
            what, fix = f"{_shown(value)} does not have the required form.", f"it must match {context.get('pattern')}"
        elif kind == "string_type":
            what, fix = f"{_shown(value)} is not a text.", "put it in quotes."
        elif kind == "value_error":
            what, fix = str(context.get("error", item["msg"])).strip().rstrip(".") + ".", "see the message."
            head, separator, tail = what.partition(" -> ")
            if separator:
                what, fix = f"{head}.", tail
        else:
            what, fix = f"{_shown(value)}: {item['msg']}.", "correct the value."
        absent = key if kind == "missing" else "type" if kind == "union_tag_not_found" else ""
        problems.append(source.problem(location, what[0].upper() + what[1:], fix, absent=absent))
    return _without_echoes(problems)


def _without_echoes(problems: list[Problem]) -> list[Problem]:
    """A union of plain types reports each of its members: keep one finding per line and key."""
    kept: dict[tuple[int, str], Problem] = {}
    for problem in problems:
        kept.setdefault((problem.line, problem.what), problem)
    return list(kept.values())
