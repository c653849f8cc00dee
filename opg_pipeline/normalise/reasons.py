"""Why a value or a record is refused: the closed list of codes, and what a refused value looked like. No parsing here."""

from __future__ import annotations

import re
from datetime import date, datetime, time
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
)  # fmt: skip
"""Codes are stored and shown; a released code keeps its meaning."""

_CODE = {name: place for place, name in enumerate(REASONS)}


def code(name: str) -> int:
    """The place of a reason in REASONS. Raises KeyError."""
    return _CODE[name]


def fine(rows: int) -> Codes:
    """Codes of a column in which nothing is refused."""
    return np.zeros(rows, np.uint8)


_LOOKS = (
    (re.compile(r"\s*"), "empty"),
    (re.compile(r"\s*\d{16}\s*"), "digits16"),
    (re.compile(r"\s*\d+\s*"), "digits"),
    (re.compile(r"\s*[+-]?\d[\d., ]*(?:[Ee][+-]?\d+)?\s*"), "number"),
    (re.compile(r"\s*\d{1,4}[-/. ][\w]{1,9}[-/. ]\d{1,4}(?:[ T].*)?\s*"), "date_like"),
    (re.compile(r"[^@\s]+@[^@\s]+"), "email_like"),
    (re.compile(r"\s*[\[{<].*", re.DOTALL), "markup"),
)


def value_class(value: Any) -> str:
    """What a value looks like, in a word that holds nothing of it."""
    if value is None:
        return "empty"
    if isinstance(value, str):
        return next((name for pattern, name in _LOOKS if pattern.fullmatch(value)), "text")
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, date | datetime | time):
        return "moment"
    return "object" if isinstance(value, dict) else "list" if isinstance(value, list | tuple) else "other"
