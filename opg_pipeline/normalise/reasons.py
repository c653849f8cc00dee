"""Why a value or a record is refused: the closed list of codes, and what a refused value looked like. No parsing here."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint8]
"""One reason per row, as its place in REASONS; 0 where the value is fine or absent."""
Rows = npt.NDArray[np.int64]
"""Positions in a column."""
Mask = npt.NDArray[np.bool_]

REASONS: Final = (
    "",
    "bad_type",            # an object or list where a plain value belongs, or the other way round
    "bad_number",          # no number in the declared notation
    "bad_grouping",        # digits and signs, but not grouped as declared (1.25 where '.' groups)
    "ambiguous_number",    # two readings are possible (46.676 miliar)
    "too_precise",         # more decimals than the field holds
    "out_of_range",        # beyond min, max or the digits the field holds
    "digits_lost",         # an identifier that a spreadsheet has turned into a rounded number
    "bad_boolean",
    "bad_date",            # not in the declared pattern, or no such day
    "ambiguous_time",      # an hour that clocks repeat or leave out
    "bad_period",
    "bad_json",
    "bad_list",
    "bad_geojson",
    "bad_nik", "bad_no_kk", "bad_npwp", "bad_nip", "bad_phone", "bad_email", "bad_name", "bad_account",
    "bad_sex",
    "bad_age",
    "unmapped_value",      # not among the keys of `map`
    "bad_pick",            # does not fit `pick`
    "unmapped_factor",     # not among the keys of `scale`
    "not_permitted",       # no permitted value of the field
    "bad_pattern",         # does not match the field's pattern
    "required_missing",
    "key_missing",
    "bad_record",          # neither an object nor a positional row
    "ambiguous_date",      # fits several declared patterns that mean different days
    "bad_nisn", "bad_nop", "bad_plate",
    "bad_duration",        # not in the declared form, or such as 75 minutes after an hour
    "bad_unit",            # no unit of measure that is known
    "bad_range",           # a range that ends below its start
    "swapped_coordinates", # latitude and longitude stand in each other's place
    "in_future",           # more than a day after the answer that tells it
)  # fmt: skip
"""Codes are stored and shown; a released code keeps its meaning."""

_CODE = {name: place for place, name in enumerate(REASONS)}


def code(name: str) -> int:
    """The place of a reason in REASONS. Raises KeyError."""
    return _CODE[name]


def fine(rows: int) -> Codes:
    """Codes of a column in which nothing is refused."""
    return np.zeros(rows, np.uint8)


_DIGIT, _LETTER = re.compile(r"\d"), re.compile(r"[^\W\d_]")
_LONG_WORD, _MUCH = re.compile(r"([Aa]{3})[Aa]+"), re.compile(r"9{17,}")
_OTHER = re.compile(r"[^\x20-\x7e…]")
_LONGEST = 40


def value_class(value: Any) -> str:
    """The shape of a value, which holds nothing of it: digits as 9, letters as A and a, signs as they are (`99-Aaa-9999`).

    Words are cut after three letters, since their length tells names apart; other texts than plain values are told by their kind.
    """
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list | tuple):
        return "list"
    if isinstance(value, date | datetime | time):
        value = value.isoformat()
    return _shape(str(value)) if isinstance(value, str | int | float) else "other"


@lru_cache(maxsize=4096)
def _shape(text: str) -> str:
    text = " ".join(text[: 4 * _LONGEST].split())
    if not text:
        return "empty"
    shown = _LETTER.sub(lambda found: "A" if found[0].isupper() else "a", _DIGIT.sub("9", text))
    shown = _OTHER.sub("?", _MUCH.sub("9999…", _LONG_WORD.sub(r"\1…", shown)))
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"
