"""JSON as text to plain values: JSON, JSONP, JSON lines, keys that stand twice. Which values are the records is said elsewhere."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from opg_pipeline.model.formats import JsonFormat
from opg_pipeline.model.handover import Outcome, PullError

BOM = b"\xef\xbb\xbf"
_CALL = re.compile(rb"\s*(?:/\*\*/\s*)?[A-Za-z_$][\w$.\[\]'\"]{0,200}\s*\(")
_CALL_END = re.compile(rb"\)\s*;?\s*\Z")


def read_json(body: bytes, declared: JsonFormat) -> Any:
    """The value of one JSON text. Raises json.JSONDecodeError, and PullError MALFORMED where the declared call is not there."""
    text = body.removeprefix(BOM)
    if declared.jsonp:
        text = _inside_call(text)
    return orjson.loads(text) if declared.duplicate_keys == "last" else _with_lists(text)


def _inside_call(text: bytes) -> bytes:
    begin = _CALL.match(text)
    if begin is None:
        raise _malformed("it is not wrapped in a call", "take `jsonp` away if the source gives plain JSON.")
    end = _CALL_END.search(text, max(begin.end(), len(text) - 64))
    if end is None:
        raise _malformed(
            f"its call is not closed: it breaks off after {len(text):,} bytes",
            "try again later; if it stays, look at the archived answer.",
        )
    return text[begin.end() : end.start()]


def _with_lists(text: bytes) -> Any:
    """As orjson reads it, but a key that an object holds twice has the list of all its values."""
    orjson.loads(text)  # the one judge of what is JSON: the standard library reads more (NaN, lone surrogates)
    return json.loads(text, object_pairs_hook=_members)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    collected: dict[str, list[Any]] = {}
    for key, value in pairs:
        collected.setdefault(key, []).append(value)
    return {key: values if len(values) > 1 else values[0] for key, values in collected.items()}


def read_json_lines(body: bytes) -> list[Any]:
    """One record a line. A line that is no JSON object becomes a record that is a text, which normalise sends to quarantine;
    a file that breaks off in its last line, or most of which cannot be read, is MALFORMED."""
    lines = body.removeprefix(BOM).split(b"\n")
    records: list[Any] = []
    unread = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = orjson.loads(line)
            broken = not isinstance(record, dict)
        except orjson.JSONDecodeError as error:
            if number == len(lines):
                raise _malformed(f"it breaks off in line {number}: {error.msg} at column {error.colno}") from None
            broken = True
        if broken:
            unread += 1
            record = line.decode("utf-8", "replace")
        records.append(record)
    if unread * 10 > len(records):
        raise _malformed(f"{unread:,} of {len(records):,} lines hold no JSON object")
    return records


def _malformed(
    what: str, hint: str = "look at the archived answer; if the source has changed, change `format` or `records`."
) -> PullError:
    return PullError(Outcome.MALFORMED, what, hint)
