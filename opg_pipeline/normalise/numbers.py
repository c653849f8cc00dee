"""Numbers: plain, whole, rupiah, percent, in the declared notation and exact. No notation is guessed.

Nothing is rounded but what a declaration says to `round`: half to even, on the decimal digits as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.normalise.columns import plain_text
from opg_pipeline.normalise.parsing import Parsed, Parser, Refused, flat, null_mask, true_mask
from opg_pipeline.normalise.reasons import REASONS, code, fine
from opg_pipeline.normalise.texts import MapParser

Style = Literal["number", "rupiah", "percent"]
RangeEnd = Literal["low", "high", "middle"]

_WORDS = {
    **dict.fromkeys(("rb", "ribu"), 3), **dict.fromkeys(("jt", "juta"), 6),
    **dict.fromkeys(("m", "miliar", "milyar"), 9), **dict.fromkeys(("t", "triliun", "trilyun"), 12),
}  # fmt: skip
_MONEY = r"(?:(?:rp\.?|idr)\s*)?"
_WORDED = re.compile(
    rf"(?i)([+-]?)\s*{_MONEY}([+-]?)(\d[\d.,]*)\s*({'|'.join(sorted(_WORDS, key=len, reverse=True))})\.?"
)
_RANGE = re.compile(r"(?i)(.*[^\s,])\s*(?:[-\u2013]|s/d|s\.d\.?|sd|sampai(?:\s+dengan)?|hingga)\s*([^-].*)")
_LAST_WORD = re.compile(rf"(?i)\d\s*({'|'.join(sorted(_WORDS, key=len, reverse=True))})\.?$")
_GROUPED_LIKE = re.compile(r"[+-]?\d[\d., \u00a0\u202f]*")
_SAFE = 2.0**50


class NumberParser(Parser):
    """Numbers of the type ``out`` (decimal128, int64, or string: canonical digits with a decimal point).

    Args:
        decimal, thousands: the notation of texts; JSON numbers are taken as they are.
        style: rupiah also reads Rp and IDR, the endings `,-` and `,00`, and rb/jt/M/T words; percent also a % sign.
        whole: only whole numbers (for a string field read with `parse: integer`).
        round_: round to the decimals of ``out`` (a decimal) instead of refusing with too_precise.
        range_: which number of a range (5 - 7, 1-2 juta, 1 s/d 2 juta) is taken; without it a range is refused. A word at its end
            speaks for both ends; where that would turn the range round the range is ambiguous.

    Refuses with bad_range, bad_number, bad_grouping, ambiguous_number, too_precise, out_of_range.
    """

    refusal = "bad_number"

    def __init__(
        self,
        out: Any,
        decimal: str,
        thousands: str,
        style: Style = "number",
        whole: bool = False,
        round_: bool = False,
        range_: RangeEnd | None = None,
    ) -> None:
        super().__init__(out)
        self.round, self._range = round_, range_
        self._end = NumberParser(WIDE, decimal, thousands, style, whole) if range_ is not None else None
        self.decimal, self.thousands, self.style, self.name = decimal, thousands, style, style
        if pa.types.is_decimal(out):
            digits = (out.precision - out.scale, 0) if whole else (out.precision, out.scale)
        else:
            digits = (18, 0) if whole or pa.types.is_integer(out) else (30, 15)
        self.precision: int = digits[0]
        self.scale: int = digits[1]
        mark, group = re.escape(decimal), re.escape(thousands)
        grouped = rf"|[1-9]\d{{0,2}}(?:{group}\d{{3}})+" if thousands else ""
        number = rf"(?P<n>(?:\d+{grouped})(?:{mark}\d+)?)"
        if style == "rupiah":
            ending = ",-" if decimal == "," else ",-|,00"
            self._shape = rf"(?i)^(?P<s>[+-]?)\s*{_MONEY}(?P<t>[+-]?){number}(?:{ending})?$"
        elif style == "percent":
            self._shape = rf"^(?P<s>[+-]?)(?P<t>){number}\s*%?$"
        else:
            self._shape = rf"^(?P<s>[+-]?)(?P<t>){number}$"
        self._grouped = re.compile(rf"[1-9]\d{{0,2}}(?:{group}\d{{3}})+") if thousands else None
        self._plain = rf"^[+-]?\d+(?:{mark}\d+)?$"

    def text(self, values: Any) -> Parsed:
        if self.thousands == " ":
            values = pc.replace_substring_regex(values, "[\u00a0\u202f]", " ")
        reasons = fine(len(values))
        present = ~null_mask(values)
        simple = pc.match_substring_regex(values, self._plain)
        digits = values
        if not (true_mask(simple) == present).all():
            found = pc.extract_regex(values, self._shape)
            sign = pc.binary_join_element_wise(found.field("s"), found.field("t"), "")
            digits = found.field("n")
            if self.thousands:
                digits = pc.replace_substring(digits, self.thousands, "")
            digits = pc.binary_join_element_wise(sign, digits, "")
            shaped = ~null_mask(found) & true_mask(pc.less_equal(pc.binary_length(sign), 1))
            digits = pc.if_else(pa.array(shaped), digits, pa.scalar(None, pa.string()))
        else:
            shaped = present
        if self.decimal != ".":
            digits = pc.replace_substring(digits, self.decimal, ".")
        missed = np.flatnonzero(present & ~shaped)
        if len(missed):
            rescued: dict[int, str] = {}
            for row, value in zip(missed.tolist(), values.take(pa.array(missed)).to_pylist(), strict=True):
                try:
                    rescued[row] = self._ranged(value) or self._worded(value)
                except Refused as refused:
                    reasons[row] = code(refused.reason)
            if rescued:
                listed = digits.to_pylist()
                for row, plain in rescued.items():
                    listed[row] = plain
                digits = pa.array(listed, pa.string())
        return self._exact(digits, reasons)

    def _ranged(self, value: str) -> str | None:
        """A plain number of a range, None of what is none. Raises Refused."""
        match = _RANGE.fullmatch(value) if self._end is not None else None
        if match is None or self._end is None:
            return None
        low, high = match[1], match[2]
        word = _LAST_WORD.search(high) if self.style == "rupiah" else None
        shared = word is not None and _LAST_WORD.search(low) is None
        if word is not None and shared:
            low = f"{low} {word[1]}"
        ends = self._end.text(pa.array([low, high], pa.string()))
        for reason in ends.reasons.tolist():
            if reason:
                raise Refused(REASONS[reason])
        first, last = ends.values.to_pylist()
        if first > last:
            raise Refused("ambiguous_number" if shared else "bad_range")
        taken = {"low": first, "high": last}.get(str(self._range), _EXACT.divide(first + last, Decimal(2)))
        return f"{taken:f}"

    def _worded(self, value: str) -> str:
        """A plain number of an amount with a word, such as 1,2 M; else the reason why the text is no number."""
        match = _WORDED.fullmatch(value) if self.style == "rupiah" else None
        if match is None or (match[1] and match[2]):
            stripped = (
                re.sub(rf"(?i)^\s*([+-]?)\s*{_MONEY}", r"\1", value) if self.style == "rupiah" else value.rstrip("% ")
            )
            raise Refused(
                "bad_grouping"
                if _GROUPED_LIKE.fullmatch(stripped) and re.search(r"[.,\s]\d", stripped)
                else "bad_number"
            )
        number, exponent = match[3], _WORDS[match[4].casefold()]
        whole, mark, rest = number.partition(self.decimal)
        if self._grouped is not None and self._grouped.fullmatch(whole):
            if not mark:  # 46.676 miliar: grouped as declared, and yet its writer meant 46 thousand million
                raise Refused("ambiguous_number")
            whole = whole.replace(self.thousands, "")
        if not whole.isdecimal() or bool(mark) != rest.isdecimal():
            raise Refused("bad_grouping")
        rest = rest.ljust(exponent, "0")
        return f"{match[1] or match[2]}{whole}{rest[:exponent]}.{rest[exponent:] or '0'}"

    def _exact(self, digits: Any, reasons: Any) -> Parsed:
        """Typed values of plain digits with a decimal point."""
        long = true_mask(
            pc.match_substring_regex(digits, rf"^[+-]?0*[1-9]\d{{{self.precision - self.scale},}}(?:\.|$)")
        )
        fine_part = rf"\.\d{{{self.scale}}}\d*[1-9]\d*$" if self.scale else r"\.\d*[1-9]"
        precise = true_mask(pc.match_substring_regex(digits, fine_part))
        if self.round and precise.any():
            return self._rounded(digits, long, reasons)
        bad = long | precise
        if bad.any():
            reasons[precise] = code("too_precise")
            reasons[long] = code("out_of_range")
            digits = pc.if_else(pa.array(bad), pa.scalar(None, pa.string()), digits)
        if pa.types.is_string(self.out):
            digits = pc.replace_substring_regex(digits, r"^\+", "")
            return Parsed(pc.replace_substring_regex(digits, r"^(-?)0+(\d)", r"\1\2"), reasons)
        if true_mask(pc.match_substring_regex(digits, rf"\.\d{{{self.scale}}}0")).any() or self.scale == 0:
            digits = pc.replace_substring_regex(digits, rf"(\.\d{{{self.scale}}})0+$", r"\1")
            digits = pc.replace_substring_regex(digits, r"\.$", "")
        values = pc.cast(digits, pa.decimal128(38, self.scale))
        return Parsed(flat(pc.cast(values, self.out)), reasons)

    def _rounded(self, digits: Any, long: Any, reasons: Any) -> Parsed:
        """Typed values of plain digits, of which those at ``long`` are refused, half to even.

        One digit is kept beyond the last one, and a 1 for whatever follows it: that decides every half.
        """
        kept = self.scale + 1
        digits = pc.if_else(pa.array(long), pa.scalar(None, pa.string()), digits)
        digits = pc.replace_substring_regex(digits, rf"(\.\d{{{kept}}})\d*[1-9]\d*$", r"\11")
        digits = pc.replace_substring_regex(digits, rf"(\.\d{{{kept}}})0+$", r"\1")
        wide = pa.decimal256(self.precision + 3, kept + 1)
        values = pc.round(pc.cast(digits, wide), self.scale, round_mode="half_to_even")
        limit = pa.scalar(Decimal(10) ** (self.precision - self.scale), wide)
        grown = true_mask(pc.greater_equal(pc.abs(values), limit))  # 9.99 has become 10.0
        if grown.any():
            values = pc.if_else(pa.array(grown), pa.scalar(None, wide), values)
        reasons[long | grown] = code("out_of_range")
        return Parsed(flat(pc.cast(values, self.out)), reasons)

    def integer(self, values: Any) -> Parsed:
        if pa.types.is_string(self.out):
            return Parsed(pc.cast(values, pa.string()), fine(len(values)))
        if pa.types.is_integer(self.out):
            return Parsed(values, fine(len(values)))
        reasons = fine(len(values))
        whole_digits = self.precision - self.scale
        if whole_digits < 19:
            limit = 10**whole_digits
            long = true_mask(pc.or_(pc.greater_equal(values, limit), pc.less_equal(values, -limit)))
            if long.any():
                reasons[long] = code("out_of_range")
                values = pc.if_else(pa.array(long), pa.scalar(None, pa.int64()), values)
        return Parsed(flat(pc.cast(pc.cast(values, pa.decimal128(38, self.scale)), self.out)), reasons)

    def number(self, values: Any) -> Parsed:
        """JSON or spreadsheet numbers: exact at the field's scale but for the last bits that binary fractions carry."""
        reasons = fine(len(values))
        absent = null_mask(values)
        numbers = np.asarray(values.fill_null(0.0))
        odd = ~np.isfinite(numbers)
        reasons[odd & ~absent] = code("bad_number")
        numbers = np.where(odd, 0.0, numbers)
        if pa.types.is_string(self.out):
            texts = [
                None if gone else plain_text(value)
                for value, gone in zip(numbers.tolist(), (absent | odd).tolist(), strict=True)
            ]
            parsed = NumberParser(self.out, ".", "", whole=self.scale == 0).text(_without_exponent(texts))
            parsed.reasons[odd & ~absent] = code("bad_number")
            return parsed
        unit = 10.0**self.scale
        scaled = numbers * unit
        safe = np.abs(scaled) < _SAFE
        units = np.rint(np.where(safe, scaled, 0.0))
        precise = safe & (np.abs(units / unit - numbers) > np.abs(numbers) * 2.0**-50)
        long = safe & (np.abs(units) >= 10.0**self.precision)
        result = _decimals(units.astype(np.int64), absent | odd | precise | long | ~safe, pa.decimal128(38, self.scale))
        reasons[precise] = code("too_precise")
        reasons[long] = code("out_of_range")
        in_digits = ((precise & self.round) | ~safe) & ~absent & ~odd
        result = flat(pc.cast(result, self.out))
        if in_digits.any():
            parsed = self._exact(_without_exponent(list(map(repr, numbers[in_digits].tolist()))), fine(in_digits.sum()))
            reasons[in_digits] = parsed.reasons
            result = pc.replace_with_mask(result, pa.array(in_digits), parsed.values)
        return Parsed(result, reasons)


class ListedNumberParser(Parser):
    """Numbers, and beside them the texts that a table lists, which mean its targets. Refuses as ``numbers`` does.

    Args:
        numbers: reads what is not listed.
        listed: the table, to the same type. A JSON number is in it by its digits.
    """

    def __init__(self, numbers: NumberParser, listed: MapParser) -> None:
        super().__init__(numbers.out)
        self._numbers, self._listed = numbers, listed
        self.name, self.refusal = numbers.name, numbers.refusal

    def text(self, values: Any) -> Parsed:
        return self._beside(self._listed.text(values), values, self._numbers.text)

    def integer(self, values: Any) -> Parsed:
        return self._beside(self._listed.integer(values), values, self._numbers.integer)

    def number(self, values: Any) -> Parsed:
        return self._beside(self._listed.number(values), values, self._numbers.number)

    def boolean(self, values: Any) -> Parsed:
        return self._beside(self._listed.boolean(values), values, self._numbers.boolean)

    @staticmethod
    def _beside(found: Parsed, values: Any, read: Callable[[Any], Parsed]) -> Parsed:
        listed = (found.reasons == 0) & ~null_mask(values)
        if not listed.any():
            return read(values)
        where = pa.array(listed)
        parsed = read(pc.if_else(where, pa.scalar(None, values.type), values))
        return Parsed(pc.if_else(where, found.values, parsed.values), parsed.reasons)


def _without_exponent(texts: list[str | None] | list[str]) -> Any:
    """Number texts written out in digits."""
    return pa.array([f"{Decimal(text):f}" if text is not None and "e" in text else text for text in texts], pa.string())


def _decimals(units: Any, absent: Any, kind: Any) -> Any:
    """Decimal values from their unscaled whole numbers."""
    words = np.empty((len(units), 2), np.int64)
    words[:, 0] = units
    words[:, 1] = units >> 63
    validity = pa.py_buffer(np.packbits(~absent, bitorder="little").tobytes())
    return pa.Array.from_buffers(kind, len(units), [validity, pa.py_buffer(words.tobytes())])


_EXACT = Context(prec=100)
WIDE = pa.decimal128(38, 12)
"""Numbers that are still to be multiplied."""
_WIDEST_FACTOR = 36
"""Most digits of a factor with which the product stays within the 76 of a decimal256."""


def multiplied(number: Parsed, factor: Decimal, out: Any, *, round_: bool) -> Parsed:
    """Numbers (of type WIDE) times one factor, exact or rounded half to even, in the type ``out``."""
    _, digits, exponent = factor.as_tuple()
    decimals = max(0, -int(exponent))
    width = max(len(digits) + max(0, int(exponent)), decimals)
    if pa.types.is_string(out) or width > _WIDEST_FACTOR:
        return scaled(number, [factor] * len(number.values), out, round_=round_)
    plain = NumberParser(out, ".", "")
    exact = pc.multiply(
        pc.cast(number.values, pa.decimal256(38, 12)), pa.scalar(factor, pa.decimal256(width, decimals))
    )
    result = pc.round(exact, plain.scale, round_mode="half_to_even")
    reasons = number.reasons.copy()
    if not round_:
        reasons[true_mask(pc.not_equal(exact, result)) & (reasons == 0)] = code("too_precise")
    limit = pa.scalar(Decimal(10) ** (plain.precision - plain.scale))
    reasons[true_mask(pc.greater_equal(pc.abs(result), limit)) & (reasons == 0)] = code("out_of_range")
    result = pc.if_else(pa.array(reasons > 0), pa.scalar(None, result.type), result)
    return Parsed(flat(pc.cast(pc.cast(result, pa.decimal128(38, plain.scale)), out)), reasons)


def scaled(number: Parsed, factors: list[Decimal | None], out: Any, *, round_: bool) -> Parsed:
    """Numbers (of type WIDE) times the factor of their row, exact or rounded, in the type ``out``. Without a factor: refused."""
    texts: list[str | None] = []
    reasons = number.reasons.copy()
    made: dict[tuple[Decimal, Decimal], str] = {}
    for row, (value, factor) in enumerate(zip(number.values.to_pylist(), factors, strict=True)):
        if value is not None and factor is None:
            reasons[row] = code("unmapped_factor")
        if value is None or factor is None:
            texts.append(None)
            continue
        text = made.get((value, factor))
        if text is None:
            text = made[value, factor] = f"{_EXACT.multiply(value, factor):f}"
        texts.append(text)
    parsed = NumberParser(out, ".", "", round_=round_).text(pa.array(texts, pa.string()))
    return Parsed(parsed.values, np.where(reasons > 0, reasons, parsed.reasons))
