"""Personal data inside texts: finding it, and writing over it. Which fields are texts, and what stops a dataset, is the caller's.

Detection runs over whole columns (RE2); only texts with a find are rewritten one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.normalise.columns import text_bytes
from opg_pipeline.normalise.identity import EMAIL_SHAPE, NIK_STRICT
from opg_pipeline.normalise.parsing import true_mask
from opg_pipeline.normalise.reasons import Mask, Rows

_STRICT_SUSPECT = r"@|%40|\d(?:[ .\-]?\d){15}|(?:^|[^0-9A-Za-z.,])(?:\+62|62|0)[ \-]?8\d"
_FREE_SUSPECT = r"@|%40|\d(?:[ .\-]?\d){9}|(?:^|\D)(?:62|0)[ .\-]?8\d"
_STREET = r"(?i)\b(?:jl|jln|jalan|gg|gang)\b"
_SIXTEEN = re.compile(r"(?<!\d)\d{16}(?!\d)")
_SPACED = re.compile(r"(?<!\d)\d(?:[ .\-]?\d){15}(?!\d)")
_PHONE = re.compile(
    r"(?<![0-9A-Za-z.,])(?!0\d(?:0\d|1[0-2])(?:19|20)\d\d(?!\d))(?:\+62|62|0)[ \-]?(?!80|8\d0)8\d{1,2}[ \-]?\d{3,4}[ \-]?\d{3,5}(?![0-9A-Za-z])"
)
"""No operator has the prefixes 080x and 08x0, and eight digits that are a day, month and year are part of a letter's number."""
_PHONE_IN_TEXT = re.compile(r"(?<!\d)(?:\+?62|0)[ .\-]?8\d{1,2}(?:[ .\-]?\d{2,5}){2,4}(?!\d)")
_LONGEST_PHONE = 14
_SIXTEEN_SPACED = re.compile(r"\d(?:[ .\-]?\d){15}")
_NINE = re.compile(r"\d(?:[ .\-]?\d){8}")
"""Phone numbers have nine digits or more."""
_SEPARATOR = np.isin(np.arange(256), [ord(sign) for sign in " .-"])
_EMAIL = re.compile(EMAIL_SHAPE.replace("@", "(?:@|%40)"))
"""Also as it stands in an address."""
_LONG_NUMBER = re.compile(r"(?<![\d.,])\d(?:[ \-]?\d){9,17}(?![\d]|[.,]\d)")
"""In prose: account, customer and card numbers. Money is written with separators or is shorter."""
_ADDRESS = re.compile(
    r"\b(?:jl|jln|jalan|gg|gang)\b\.?\s+[^,;\n]{2,60}?\bno(?:mor)?\b\.?\s*\d+\w?(?:[\s,]*\b(?:rt|rw)\b[\s./:]*\d{1,3}){0,4}",
    re.IGNORECASE,
)
"""In prose: a street with a house number, and the RT and RW after it. A street alone is where a pothole is, not where somebody lives."""
_NIK = re.compile(NIK_STRICT)
_FAMILY_CARD = re.compile(r"(?i)(?:\bk\.?k\.?|kartu\s+keluarga)\W{0,3}(?:no(?:mor)?\W{0,3})?$")
STRUCK = "[REDACTED]"
SHARE, LEAST = 0.2, 3
"""From this share of a column's values, and this number, a find is no slip but an undeclared personal field."""


@dataclass(slots=True)
class Found:
    """What a look at a column found. ``rows``: texts to rewrite; ``counts``: kind of find to number of texts."""

    rows: Mask
    counts: dict[str, int]
    values: int


def scan(texts: Any) -> Found:
    """Texts that hold a NIK-like number, a phone number or an e-mail address."""
    count = len(texts) - texts.null_count
    rows = _suspects(texts, _STRICT_SUSPECT)
    hit = np.zeros(len(texts), bool)
    counts = {"NIK": 0, "phone": 0, "e-mail": 0}
    for row, text in zip(rows.tolist(), texts.take(pa.array(rows)).to_pylist(), strict=True):
        kinds = _kinds(text)
        hit[row] = bool(kinds)
        for kind in kinds:
            counts[kind] += 1
    return Found(hit, {kind: number for kind, number in counts.items() if number}, count)


def _kinds(text: str) -> list[str]:
    """Kinds of personal data in one text, strictly told."""
    kinds = []
    if any(_NIK.fullmatch(_digits(match[0])) for shape in (_SIXTEEN, _SPACED) for match in shape.finditer(text)):
        kinds.append("NIK")
    if _PHONE.search(text):
        kinds.append("phone")
    if _has_at(text) and _EMAIL.search(text):
        kinds.append("e-mail")
    return kinds


def may_be_personal(texts: Sequence[str]) -> bool:
    """Whether any of the texts can be one of which :func:`personal_kind` says what it is."""
    joined = "\n".join(texts)
    if "@" in joined:
        return True
    if not joined.isascii():
        return _NINE.search(joined) is not None
    data = np.frombuffer(joined.encode(), np.uint8)
    return len(_in_runs(np.flatnonzero(data - np.uint8(ord("0")) < 10), 9, data)) > 0


def personal_kind(text: str) -> str | None:
    """NIK, phone or e-mail where the whole text is one."""
    plain = text.strip()
    if not (plain[:1].isdecimal() or plain[:1] == "+" or "@" in plain):
        return None
    if _SIXTEEN_SPACED.fullmatch(plain) and _NIK.fullmatch(_digits(plain)):
        return "NIK"
    if _PHONE.fullmatch(plain):
        return "phone"
    return "e-mail" if _EMAIL.fullmatch(plain) else None


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _sixteen(every: bool) -> Callable[[re.Match[str]], str]:
    def replaced(match: re.Match[str]) -> str:
        if _FAMILY_CARD.search(match.string, max(0, match.start() - 24), match.start()):
            return "[KK]"
        if _NIK.fullmatch(_digits(match[0])):
            return "[NIK]"
        return "[DIGITS16]" if every else match[0]

    return replaced


def _phone(match: re.Match[str]) -> str:
    return "[PHONE]" if len(_digits(match[0])) <= _LONGEST_PHONE else match[0]


def redact(text: str, *, free: bool) -> str:
    """A text with its personal data written over. ``free``: prose, where every run of 10 to 18 digits and every house address goes
    and phones may be spaced."""
    text = _SPACED.sub(_sixteen(free), _SIXTEEN.sub(_sixteen(free), text))
    text = (_PHONE_IN_TEXT if free else _PHONE).sub(_phone, text)
    if free:
        text = _ADDRESS.sub("[ADDRESS]", _LONG_NUMBER.sub("[NUMBER]", text))
    return _EMAIL.sub("[EMAIL]", text) if _has_at(text) else text


def _has_at(text: str) -> bool:
    return "@" in text or "%40" in text


def redact_column(texts: Any, rows: Mask, *, free: bool, structured: bool = False) -> Any:
    """The column with the texts at ``rows`` redacted; ``structured``: they are JSON and stay JSON."""
    if not rows.any():
        return texts
    found = texts.filter(pa.array(rows)).to_pylist()
    return _put(
        texts, rows, [_in_json(text, _redact_strictly) if structured else redact(text, free=free) for text in found]
    )


def _put(texts: Any, rows: Mask, rewritten: list[str]) -> Any:
    """The column with other texts at ``rows``."""
    return pc.replace_with_mask(texts, pa.array(rows), pa.array(rewritten, pa.string()))


def _redact_strictly(text: str) -> str:
    return redact(text, free=False)


def suspects(texts: Any) -> Mask:
    """Texts of prose that may hold anything :func:`redact` writes over."""
    found = np.zeros(len(texts), bool)
    found[_suspects(texts, _FREE_SUSPECT)] = True
    streets: Mask = true_mask(pc.match_substring_regex(texts, _STREET))
    return found | streets


def _suspects(texts: Any, shape: str) -> Rows:
    """Rows of the texts in which one of the two shapes of suspects stands. Their bytes are looked through first."""
    rows = _suspect_bytes(texts)
    if not len(rows):
        return rows
    found: Rows = rows[true_mask(pc.match_substring_regex(texts.take(pa.array(rows)), shape))]
    return found


def _suspect_bytes(texts: Any) -> Rows:
    """Rows with an @ or %, or 10 digits near each other, or an 8 after 0 or 62 and before a digit: every suspect has one of these.

    Texts lie end to end, so there can be rows too many, never too few.
    """
    places, data, digit, digits = _digits_in(texts)
    eights = np.flatnonzero(data == ord("8"))
    eights = eights[(eights > 0) & (eights < len(data) - 1)]
    before = data[eights - 1]
    before = np.where(_SEPARATOR[before], data[np.maximum(eights - 2, 0)], before)
    eights = eights[((before == ord("0")) | (before == ord("2"))) & digit[eights + 1]]
    signs = np.flatnonzero((data == ord("@")) | (data == ord("%")))
    found = np.concatenate([signs, eights, _in_runs(digits, 10, data)])
    return _rows_at(places, found)


def _digits_in(texts: Any) -> tuple[Any, Any, Mask, Rows]:
    """(where each text begins, bytes of all texts, which are digits, where these stand)."""
    places, data = text_bytes(texts)
    data = data[places[0] : places[-1]]
    digit = (data - np.uint8(ord("0"))) < 10  # what is less than 0 is large here
    return places - places[0], data, digit, np.flatnonzero(digit)


def _in_runs(digits: Rows, count: int, data: Any = None) -> Rows:
    """The digits that stand in runs of ``count`` or more; with ``data``, a blank, dot or hyphen may stand between two."""
    if len(digits) < count:
        return digits[:0]
    gaps = np.diff(digits)
    apart = gaps > 1 if data is None else (gaps > 2) | ((gaps == 2) & ~_SEPARATOR[data[digits[:-1] + 1]])
    ends = np.append(np.flatnonzero(apart), len(digits) - 1)
    lengths = np.diff(ends, prepend=-1)
    return digits[np.repeat(lengths >= count, lengths)]


def _rows_at(places: Any, found: Rows) -> Rows:
    """Rows of the bytes at ``found``, in order."""
    return np.unique(np.searchsorted(places, found, "right") - 1)


def _in_json(text: str, rewrite: Callable[[str], str]) -> str:
    """JSON text with its texts, keys and whole numbers rewritten."""

    def leaf(value: Any) -> Any:
        if isinstance(value, dict):
            return {rewrite(key): leaf(item) for key, item in value.items()}
        if isinstance(value, list):
            return [leaf(item) for item in value]
        if isinstance(value, str):
            return rewrite(value)
        if isinstance(value, int) and not isinstance(value, bool):
            rewritten = rewrite(str(value))
            return value if rewritten == str(value) else rewritten
        return value

    return orjson.dumps(leaf(orjson.loads(text)), option=orjson.OPT_SORT_KEYS).decode()


# -- the record's own personal values in its texts ---------------------------------------------------------------------

_PART = re.compile(r"[^\W\d_][\w'\u2019.-]*")
_NO_NAME = re.compile(r"(?i)\d|^(?:jl|jln|jalan|gg|gang|desa|ds|dsn|dusun|rt|rw|kec|kel|perum)\b")
_EDGE = ".-'\u2019"
_LETTERS, _WORDS = 4, 6
_BETWEEN = r"(?:[\s_+.-]|%20)+"
"""What stands between words, also of addresses and file names."""


class Needles:
    """What of each record's personal values is looked for in its texts.

    Args:
        columns: source values of the personal paths.
        rows: the records that matter; places in the results count these.
    """

    def __init__(self, columns: Sequence[list[Any]], rows: Sequence[int]) -> None:
        self._numbers: list[tuple[list[str | None], int]] = []
        self._names: list[list[tuple[str, ...]]] = []
        self._looks: list[list[tuple[str, ...]]] = []
        for column in columns:
            chosen = column if len(column) == len(rows) else [column[row] for row in rows]
            numbers = _numbers(chosen)
            if numbers is not None:
                self._numbers.append(numbers)
            else:
                names = _names(chosen)
                looks = {parts: _looks(parts) for parts in set(names)}
                self._names.append(names)
                self._looks.append([looks[parts] for parts in names])

    def of(self, place: int) -> list[str]:
        """Lower-case needles of one record, the longest first."""
        found = {numbers[place] or "" for numbers, _ in self._numbers} | {
            part for names in self._names for part in names[place]
        }
        return sorted(found - {""}, key=len, reverse=True)

    def candidates(self, texts: Any) -> list[int]:
        """Places of texts that may hold a needle of their record."""
        found: set[int] = set()
        if self._numbers:
            starts, _, _, digits = _digits_in(texts)
            for numbers, run in self._numbers:
                rows = _rows_at(starts, _in_runs(digits, run))
                if not len(rows):
                    continue
                listed = pc.utf8_lower(texts.take(pa.array(rows))).to_pylist()
                found.update(
                    place
                    for place, text in zip(rows.tolist(), listed, strict=True)
                    if text is not None and (number := numbers[place]) and number in text
                )
        if self._names:
            listed = pc.utf8_lower(texts).to_pylist()
            for names in self._looks:
                found.update(
                    place
                    for place, (text, looks) in enumerate(zip(listed, names, strict=True))
                    if looks and text is not None and [look for look in looks if look in text]
                )
        return sorted(found)


def _numbers(column: list[Any]) -> tuple[list[str | None], int] | None:
    """The values, and how many digits they have in a row at least, where all are texts that end in a digit and hold no blank."""
    try:
        texts = pa.array(column, pa.string())
    except (pa.ArrowException, TypeError):
        return None
    places, _, digit, _ = _digits_in(texts)
    if digit.all():
        lengths = np.diff(places)
        if len(lengths) and lengths.min() >= _LETTERS:
            return column, int(lengths.min())
    else:
        texts = pc.utf8_lower(pc.utf8_trim_whitespace(texts))
        if pc.any(pc.invert(pc.match_substring_regex(texts, r"^\S*\d$"))).as_py():
            return None
    long = pc.greater_equal(pc.binary_length(texts), _LETTERS)
    return pc.if_else(long, texts, pa.scalar(None, pa.string())).to_pylist(), _LETTERS if digit.all() else 1


def _names(column: list[Any]) -> list[tuple[str, ...]]:
    known: dict[str, tuple[str, ...]] = {}
    found = []
    for value in column:
        if isinstance(value, str):
            if value not in known:
                known[value] = _parts(value)
            found.append(known[value])
        else:
            found.append(tuple(part for leaf in _leaves(value) for part in _parts(str(leaf))))
    return found


def _parts(value: str) -> tuple[str, ...]:
    """One personal value and, of a name, its longer parts."""
    text = value.strip().casefold()
    if len(text) < _LETTERS:
        return ()
    if _NO_NAME.search(text) or len(text.split()) > _WORDS:
        return (text,)
    parts = (part.strip(_EDGE) for part in _PART.findall(text))
    return (text, *(part for part in parts if len(part) >= _LETTERS and part != text))


def _looks(parts: tuple[str, ...]) -> tuple[str, ...]:
    """What stands in a lower-case text that holds one of the parts, however its blanks are: of several words the first."""
    looks = set()
    for part in parts:
        first = part.split()[0] if " " in part else part
        looks.add(first if first.isascii() or first == part else "")  # other letters may have another lower case
    return tuple(looks)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in _leaves(item)]
    return [] if value is None or isinstance(value, bool) else [value]


def strike(texts: Any, needles: Needles, *, structured: bool = False) -> tuple[Any, Mask]:
    """The column with each row's needles written over (whole words, any case), and which rows changed."""
    changed = np.zeros(len(texts), bool)
    candidates = needles.candidates(texts)
    if not candidates:
        return texts, changed
    rewritten = []
    for place, text in zip(candidates, texts.take(pa.array(candidates, pa.int64())).to_pylist(), strict=True):
        pattern = "|".join(_BETWEEN.join(map(re.escape, part.split())) for part in needles.of(place))
        write_over = partial(re.compile(rf"(?i)(?<![^\W_])(?:{pattern})(?![^\W_])").sub, STRUCK)
        struck = _in_json(text, write_over) if structured else write_over(text)
        if struck != text:
            rewritten.append(struck)
            changed[place] = True
    return (_put(texts, changed, rewritten) if rewritten else texts), changed
