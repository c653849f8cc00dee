"""Writes the draft of a manifest: what was found, how sure each line is, and what a person must answer.

A draft is paused: nothing is loaded by it before somebody has read it. What cannot be told stands there as a comment with every
reading. It holds no value of a record but those of enumerations that may be shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import yaml

from opg_pipeline.probe.columns import Column, words_of
from opg_pipeline.probe.matching import SURE, Match, Proposal, is_clear
from opg_pipeline.probe.personal import token_parse

SCHEMA = "app.schema.json"
"""Name of the JSON Schema that is written beside a draft."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person must say. ``choices``: what can be answered to what it means; ``names``: the same to what people call it."""

    key: str
    text: str
    choices: Mapping[str, Any]
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Survey:
    """Everything that was found out of one list of an app. ``source`` and ``dataset`` are keys as a manifest has them."""

    id: str
    name: str
    city: str
    source: dict[str, Any]
    dataset: dict[str, Any]
    columns: list[Column]
    proposals: list[Proposal]
    records: int = 0
    total: int | None = None
    requests: int = 0
    notes: list[str] = field(default_factory=list)
    """What is not sure, for people; stands above the dataset."""
    alternatives: list[str] = field(default_factory=list)
    """Other lists of the answer."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Key of the dataset to why it is so."""
    since: list[str] = field(default_factory=list)
    """Parameters that a description names and that may ask for what is new."""

    @property
    def key(self) -> list[Column]:
        """What probably identifies a record: one column, or else the fewest that do together; empty where nothing does."""
        fit = [column for column in self.columns if column.unique and column.kind in {"text", "integer"}]
        if fit:
            return [max(fit, key=lambda column: (*_key_rank(column), -self.columns.index(column)))]
        return _together([column for column in self.columns if column.present == column.rows > 1])


def _key_rank(column: Column) -> tuple[int, bool]:
    """How much speaks for a column as (part of) a key: its name, and that it is of nobody."""
    named = bool(set(words_of(column.name)) & _OF_KEYS)
    return 2 * named - (len(str(column.values[0])) > 60), not column.personal


_OF_KEYS = frozenset(
    ["id", "no", "nomor", "kode", "uuid", "key", "number", "ocid", "code", "identifier", "nip", "nipbaru"]
)


def _together(columns: Sequence[Column]) -> list[Column]:
    """Two or three columns whose values together are nowhere the same; no measured number and nothing personal among them."""
    fit = [column for column in columns if column.kind in {"text", "integer", "date"} and not column.personal]
    fit = sorted(fit, key=lambda column: (_key_rank(column), column.kind == "date", column.distinct), reverse=True)[:12]
    for size in (2, 3):
        for chosen in combinations(fit, size):
            rows = zip(*(map(str, column.values) for column in chosen), strict=True)
            if len(set(rows)) == chosen[0].rows:
                return sorted(chosen, key=columns.index)
    return []


def questions(survey: Survey, agencies: Mapping[str, str], urusan: Mapping[str, str]) -> list[Question]:
    """What must be asked, in the order of the manifest."""
    found = [
        Question("agency", "Which agency runs the app?", dict.fromkeys(agencies), agencies),
        Question("urusan", "Which government function (urusan) does it serve?", dict.fromkeys(urusan), urusan),
    ]
    if survey.proposals and not is_clear(survey.proposals):
        likely = [item for item in survey.proposals[:4] if item.score] or survey.proposals
        names = {item.category.id: item.category.label.en for item in likely}
        found.append(Question("category", "What is one record?", dict.fromkeys(names), names))
    for column in survey.columns:
        if column.ambiguous:
            what = "number" if column.kind != "date" else "date"
            choices = {f"{reading.name} ({reading.example})": reading.keys for reading in column.readings}
            found.append(
                Question(f"column:{column.path}", f"How is the {what} in {column.path!r} to be read?", choices)
            )
    return found


def draft(survey: Survey, answers: Mapping[str, Any] | None = None, *, schema: str | None = SCHEMA) -> str:
    """The YAML of the manifest, with comments. ``answers`` by the keys of :func:`questions`; ``schema`` is beside it for editors, or None."""
    said = answers or {}
    return "\n".join([*_head(survey, said, schema), *_source(survey), *_dataset(survey, said), ""])


def _head(survey: Survey, said: Mapping[str, Any], schema: str | None) -> Iterator[str]:
    if schema is not None:
        yield f"# yaml-language-server: $schema={schema}"
    yield "# Draft by `opg app probe`. Read it, answer each ASK, then set `status: active`: while it is paused nothing is loaded."
    yield f"id: {survey.id}"
    yield f"name: {_flow(survey.name)}"
    if "agency" in said:
        yield f"agency: {said['agency']}"
    else:
        yield "# ASK: which agency of city.yaml runs the app?"
        yield "# agency:"
    if "urusan" in said:
        yield f"urusan: {_quoted(said['urusan'])}"
    else:
        yield '# ASK: which government function does it serve? Codes are in reference/urusan.csv, such as "2.16".'
        yield "# urusan:"
    yield "status: paused"
    yield f"cadence: {said.get('cadence', 'daily')}"
    yield "evidence: {interface: recorded}"


def _source(survey: Survey) -> Iterator[str]:
    yield "source:"
    for key, value in survey.source.items():
        yield f"  {key}: {_flow(value)}"


def _dataset(survey: Survey, said: Mapping[str, Any]) -> Iterator[str]:
    chosen = chosen_proposal(survey, said)
    yield "datasets:"
    for note in survey.notes:
        yield f"# UNSURE: {note}."
    yield f"- id: {survey.dataset.get('id', 'records')}"
    for key, value in survey.dataset.items():
        if key == "id":
            continue
        if key == "records" and survey.alternatives:
            yield f"  # Other lists in the answer: {'; '.join(survey.alternatives)}."
        why = f"  # {survey.reasons[key]}" if key in survey.reasons else ""
        yield f"  {key}: {_flow(value)}{why}"
    if "paginate" in survey.reasons and "paginate" not in survey.dataset:
        yield f"  # {survey.reasons['paginate']}"
    yield from _since(survey)
    yield "  # event: records come once; snapshot: each pull is all there is; cumulative: values grow."
    yield f"  nature: {said.get('nature', 'event')}  # ASK: is that so?"
    if chosen is None:
        yield "  # ASK: which category? See docs/generated/data-dictionary.md."
        yield "  # category:"
    else:
        others = ", ".join(f"{item.category.id} {item.score:.2f}" for item in survey.proposals if item is not chosen)[
            :90
        ]
        yield f"  category: {chosen.category.id}  # confidence {min(0.99, chosen.score):.2f}; others: {others.rpartition(', ')[0] or others}"
    yield from _key(survey)
    tokens = {match.column.path for match in chosen.matches if match.field.token} if chosen else set()
    yield from _personal(survey, tokens)
    yield from _region(survey)
    yield "  fields:"
    yield from _fields(survey, chosen, said)


def chosen_proposal(survey: Survey, said: Mapping[str, Any]) -> Proposal | None:
    """The category a person has named, or the one that is clear."""
    wanted = said.get("category")
    if wanted is not None:
        return next((item for item in survey.proposals if item.category.id == wanted), None)
    return survey.proposals[0] if survey.proposals and is_clear(survey.proposals) else None


def _since(survey: Survey) -> Iterator[str]:
    moved = [column for column in survey.columns if column.of_change]
    for column in moved[:2]:
        param = survey.since[0] if survey.since else "<parameter>"
        yield f"  # To ask for what is new alone, if the app has a parameter for it: incremental: {{field: {column.path}, param: {param}}}"
    if not moved and survey.since:
        yield f"  # The app takes {', '.join(survey.since)}: see `incremental`."


def _key(survey: Survey) -> Iterator[str]:
    found = survey.key
    if not found:
        yield "  # ASK: nothing is in every record and nowhere the same: which columns together identify a record?"
        yield "  # key: []"
        return
    if len(found) > 1:
        yield f"  # UNSURE: no column alone identifies a record; these together do in the {found[0].rows:,} that were seen."
        yield f"  key: {_flow([column.path for column in found])}"
        return
    others = [
        column.path for column in survey.columns if column.unique and column not in found and not column.personal
    ][:4]
    also = f"; so {'is' if len(others) == 1 else 'are'} {', '.join(others)}" if others else ""
    yield f"  key: {_flow([found[0].path])}  # in every record and nowhere the same{also}"


def _personal(survey: Survey, tokens: set[str]) -> Iterator[str]:
    paths = {column.path: column.personal for column in survey.columns if column.personal and column.path not in tokens}
    if paths:
        yield "  personal:  # never kept"
        for path, why in paths.items():
            yield f"  - {_flow(path)}  # {why}"


def _region(survey: Survey) -> Iterator[str]:
    places = {
        level: [column for column in survey.columns if column.place == level]
        for level in ("code", "district", "village")
    }
    found = {level: columns[0].path for level, columns in places.items() if columns}
    if "code" in found:
        found = {"code": found["code"]}
    if found.keys() == {"village"}:
        yield "  # UNSURE: a village without its district: names of villages repeat."
    if found:
        yield f"  region: {_flow(found)}  # its values are places of {survey.city}"


def _fields(survey: Survey, chosen: Proposal | None, said: Mapping[str, Any]) -> Iterator[str]:
    used: set[str] = set()
    written = 0
    for match in chosen.matches if chosen else ():
        used.add(match.column.path)
        for line in _field(match, said):
            written += not line.lstrip().startswith("#")
            yield line
    for item in chosen.open if chosen else ():
        values = f"; one of {', '.join(item.values)}" if item.values else ""
        yield f"    # ASK: {item.name} is required and no column seems to hold it ({item.label.en}: {item.type}{values})."
        yield f"    # {item.name}: {{const: }}" if item.values else f"    # {item.name}:"
    rest = [column for column in survey.columns if column.path not in used and not column.place and not column.personal]
    if not written:
        yield "    {}"
    if rest:
        yield "    # Not used: " + ", ".join(f"{column.path} ({column.kind})" for column in rest[:40])


def _field(match: Match, said: Mapping[str, Any]) -> Iterator[str]:
    column, item = match.column, match.field
    sure = f"confidence {match.confidence:.2f}" + ("" if match.confidence >= SURE else ", please look")
    line: dict[str, Any] = {"from": column.path}
    keys = said.get(f"column:{column.path}")
    timed_or_number = item.type in {"date", "timestamp", "integer"} or item.is_decimal
    if column.ambiguous and keys is None and timed_or_number:
        readings = "; or ".join(f"{reading.name}: {reading.example}" for reading in column.readings)
        yield f"    # ASK: {column.path} can be read in {len(column.readings)} ways, and no value tells which: {readings}."
        for reading in column.readings:
            yield f"    # {item.name}: {_flow({**line, **reading.keys})}"
        return
    if timed_or_number:
        line |= keys if keys is not None else column.readings[0].keys if column.readings else {}
        if item.type in {"date", "timestamp"} and column.readings and column.readings[0].name == "cells":
            line.pop("parse", None)
        if item.type == "integer" and line.get("parse") == "percent":
            line.pop("parse")
    if item.token:
        parse = token_parse(column)
        if parse is None and column.personal:
            yield f"    # ASK: whose number or name is {column.path}? Write parse: nik, no_kk, npwp, nip, phone, email, name or account."
            yield f"    # {item.name}: {_flow(line)}"
            return
        if parse is not None:
            line["parse"] = parse
    if column.odd:
        yield f"    # {column.odd} of {column.present} values of {column.path} are written in another way and will wait in quarantine."
    if item.type == "enum":
        yield from _enumeration(match, line, sure)
        return
    bare = line == {"from": column.path}
    yield f"    {item.name}: {_flow(column.path if bare else line)}  # {sure}"


def _enumeration(match: Match, line: dict[str, Any], sure: str) -> Iterator[str]:
    folded = {" ".join(value.lower().split()) for value in match.map}
    fold = len(folded) < len(match.map)
    seen: set[str] = set()
    once = {}
    for value, to in match.map.items():
        name = " ".join(value.lower().split()) if fold else value
        if name not in seen:
            seen.add(name)
            once[name] = to
    known = {value: to for value, to in once.items() if to is not None}
    unknown = [value for value, to in once.items() if to is None]
    values = ", ".join(match.field.values or ())
    if not known:
        yield f"    # ASK: what do the values of {match.column.path} mean? One of {values}."
        yield f"    # {match.field.name}: {_flow({**line, 'map': dict.fromkeys(unknown[:12], '?')})}"
        return
    yield f"    {match.field.name}:  # {sure}"
    yield f"      from: {_flow(match.column.path)}"
    if fold:
        yield "      fold: true  # the same words come in small and capital letters"
    yield "      map:"
    for value, to in known.items():
        yield f"        {_quoted(value)}: {to}"
    for value in unknown[:20]:
        yield f"        # ASK: {_quoted(value)}: one of {values}"


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False).strip()
    return re.sub(r"\n\.\.\.$", "", text)


def _quoted(value: Any) -> str:
    return yaml.safe_dump(str(value), default_style='"', width=10_000, allow_unicode=True).strip()
