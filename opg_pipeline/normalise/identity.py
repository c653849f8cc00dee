"""Identities (NIK, KK, NPWP, NIP, NISN, NOP, plate, phone, e-mail, name, account) in one canonical form each, and what is
derived from them.

Canonical forms make one token of every way to write the same identity. Nothing here is stored: see tokens.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.normalise.parsing import Parsed, Parser, Refused, null_mask, true_mask, without_nul
from opg_pipeline.normalise.reasons import code, fine

_LEAP = r"(?:[02468][048]|[13579][26])"


def _days(*, women: bool = False) -> str:
    """ddmmyy of a day that there is; a woman's day of birth in a NIK is 40 more."""
    to_28, to_30, last, leap = r"0[1-9]|1\d|2[0-8]", "29|30", "31", "29"
    if women:
        to_28, to_30, last, leap = rf"{to_28}|4[1-9]|5\d|6[0-8]", "29|30|69|70", "31|71", "29|69"
    return rf"(?:(?:(?:{to_28})(?:0[1-9]|1[0-2])|(?:{to_30})(?:0[13-9]|1[0-2])|(?:{last})(?:0[13578]|1[02]))\d\d|(?:{leap})02{_LEAP})"


_BIRTH = r"(?:0[1-9]|[12]\d|3[01]|4[1-9]|[56]\d|7[01])(?:0[1-9]|1[0-2])\d\d"
_PROVINCE = r"(?:1[1-9]|2[01]|3[1-6]|5[1-3]|6[1-5]|7[1-6]|8[12]|9[1-6])"
NIK_SHAPE = rf"{_PROVINCE}\d{{4}}{_days(women=True)}\d{{4}}"
"""A NIK: six digits of place (Kemendagri), day (+40 for women), month, year of birth, four digits. The day exists (PP 37/2007)."""
NIK_STRICT = rf"(?:1[1-9]|[2-8]\d|9[0-6])\d{{4}}{_BIRTH}\d{{4}}"
"""What may be a NIK where none is declared: its province exists (11 to 96), its day need not."""
_BORN = (
    r"(?:(?:19|20)\d\d(?:(?:0[1-9]|1[0-2])(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])(?:29|30)|(?:0[13578]|1[02])31)"
    rf"|(?:19(?:0[48]|[2468][048]|[13579][26])|20{_LEAP})0229)"
)
_NIP_SHAPE = rf"{_BORN}(?:19|20)\d\d(?:0[1-9]|1[0-2]|2[1-9])[12]\d{{3}}"
"""A NIP: day of birth yyyymmdd, month of appointment yyyymm (of a PPPK the year and 21 for the first contract, 22 for the next),
1 for a man or 2 for a woman, serial (Perka BKN 22/2007 and 1/2019)."""
EMAIL_SHAPE = r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"

_FORMS: dict[str, tuple[str, str]] = {
    "nik": (r"[\s.\-]", rf"^{NIK_SHAPE}$"),
    "no_kk": (r"[\s.\-]", rf"^{_PROVINCE}\d{{4}}{_days()}\d{{4}}$"),
    "npwp": (r"[\s.\-/]", rf"^(?:\d{{15}}|0\d{{15}}|{NIK_SHAPE})$"),
    "nip": (r"[\s.\-]", rf"^{_NIP_SHAPE}$"),
    "nisn": (r"\s", r"^[09]\d{9}$"),
    "nop": (r"[\s.\-]", r"^[1-9]\d{17}$"),
    "plate": (r"[\s.\-]", r"^[A-Za-z]{1,2}[1-9]\d{0,3}[A-Za-z]{0,3}$"),
    "phone": (r"[\s.\-()]", r"^(?:\+62|62|0)8\d{7,11}$"),
    "email": (r"\s", rf"^{EMAIL_SHAPE}$"),
    "account": (r"[\s.\-]", r"^[0-9A-Za-z]{4,34}$"),
}
"""Per identity: what is removed, and the shape of the rest.

no_kk: six digits of place, day of issue ddmmyy, four digits. npwp: the 15 digits of old, or the 16 of PMK 112/2022, which are 0
and those, or a NIK. nisn: three last digits of the year of birth, seven digits. nop: place (ten digits), block, number, kind of
object (SISMIOP). phone: a mobile number of Indonesia.
"""

AGE_BANDS = ("0-4", "5-14", "15-24", "25-34", "35-44", "45-54", "55-64", "65+")
_EDGES = np.array([5, 15, 25, 35, 45, 55, 65])
OLDEST = 130
_SHORTENED = r"^[+-]?\d+(?:[.,]\d+)?[Ee]\+?\d+$"


class IdentityParser(Parser):
    """One kind of identity in its canonical form. `identifier` is taken as it is.

    Refuses with bad_<kind>, and with digits_lost where a spreadsheet has rounded the digits away.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(pa.string())
        self.kind = self.name = kind
        self.refusal = "bad_type" if kind == "identifier" else f"bad_{kind}"

    def text(self, values: Any) -> Parsed:
        reasons = fine(len(values))
        if self.kind in {"name", "identifier"}:
            values, reasons = without_nul(values)
        present = ~null_mask(values)
        if self.kind in {"name", "identifier"}:
            clean, good = values, present
            if self.kind == "name":
                clean = pc.replace_substring_regex(pc.utf8_normalize(pc.utf8_lower(values), form="NFC"), r"\s+", " ")
                good = true_mask(pc.match_substring_regex(clean, r"\pL"))
        else:
            removed, shape = _FORMS[self.kind]
            good = true_mask(pc.match_substring_regex(values, shape))
            clean = values
            if not (good == present).all():
                clean = pc.replace_substring_regex(values, removed, "")
                good = true_mask(pc.match_substring_regex(clean, shape))
            if self.kind == "nip":
                born, appointed = (pc.utf8_slice_codeunits(clean, start, start + 4) for start in (0, 8))
                good &= true_mask(pc.greater(appointed, born))
        if not (good == present).all() or self.kind == "identifier":
            shortened = true_mask(pc.match_substring_regex(values, _SHORTENED)) & (self.kind not in {"name", "email"})
            reasons[present & ~good] = code(self.refusal)
            reasons[shortened] = code("digits_lost")
            clean = pc.if_else(pa.array(good & ~shortened), clean, pa.scalar(None, pa.string()))
        if self.kind == "npwp":
            clean = pc.utf8_lpad(clean, 16, "0")
        elif self.kind == "phone":
            clean = pc.replace_substring_regex(clean, r"^(?:\+62|62|0)", "+62")
        elif self.kind == "plate":
            clean = pc.replace_substring_regex(pc.utf8_upper(clean), r"^([A-Z]+)(\d+)([A-Z]*)$", r"\1 \2 \3")
            clean = pc.utf8_rtrim_whitespace(clean)
        elif self.kind in {"email", "account"}:
            clean = pc.utf8_lower(clean)
        return Parsed(clean, reasons)

    def integer(self, values: Any) -> Parsed:
        return self.text(pc.cast(values, pa.string()))

    def number(self, values: Any) -> Parsed:
        """Fractions of a spreadsheet: whole and short enough to be exact, or lost."""
        numbers = values.to_pylist()
        texts = [
            str(int(value)) if value is not None and value.is_integer() and abs(value) < 1e15 else None
            for value in numbers
        ]
        parsed = self.text(pa.array(texts, pa.string()))
        for row, value in enumerate(numbers):
            if value is not None and texts[row] is None:
                parsed.reasons[row] = code("digits_lost")
        return parsed


class SexParser(Parser):
    """L or P from the letters or the words (Laki-laki, Perempuan, Pria, Wanita, Male, Female). Refuses with bad_sex."""

    refusal = "bad_sex"
    name = "sex"
    _WORDS: ClassVar = {
        **dict.fromkeys(("l", "lk", "laki-laki", "laki - laki", "laki laki", "laki", "pria", "male"), "L"),
        **dict.fromkeys(("p", "pr", "perempuan", "wanita", "female"), "P"),
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__(pa.string())

    def text(self, values: Any) -> Parsed:
        return self.each(values, self._read)

    def _read(self, text: str) -> str:
        try:
            return self._WORDS[text.casefold().rstrip(".")]
        except KeyError:
            raise Refused(self.refusal) from None


class AgeBandParser(Parser):
    """Age bands from ages in years or months: 34, "34", "34 Th 2 Bl", "8 Bl", "12 hari". Refuses with bad_age."""

    refusal = "bad_age"
    name = "age_band"
    _AGE = re.compile(
        r"(?i)(?:(?P<y>\d{1,3})\s*(?:th|thn|tahun|tahun,|years?|y)?\.?,?)?\s*(?:(?P<m>\d{1,2})\s*(?:bl|bln|bulan|months?|m)\.?,?)?\s*(?:(?P<d>\d{1,3})\s*(?:hr|hari|days?|d)\.?)?"
    )

    def __init__(self) -> None:
        super().__init__(pa.string())

    def text(self, values: Any) -> Parsed:
        return self.each(values, self._read)

    def _read(self, text: str) -> str:
        if text in AGE_BANDS:
            return text
        match = self._AGE.fullmatch(text)
        if match is None or not any(match.groups()) or int(match["y"] or 0) > OLDEST:
            raise Refused(self.refusal)
        years = int(match["y"] or 0) + int(match["m"] or 0) // 12
        return AGE_BANDS[int(np.searchsorted(_EDGES, years, "right"))]

    def integer(self, values: Any) -> Parsed:
        return self.number(pc.cast(values, pa.float64(), safe=False))

    def number(self, values: Any) -> Parsed:
        present = ~null_mask(values)
        years = np.asarray(values.fill_null(0.0))
        good = (years >= 0) & (years <= OLDEST) & np.isfinite(years)
        reasons = fine(len(values))
        reasons[present & ~good] = code(self.refusal)
        return Parsed(_bands(np.where(good, years, 0).astype(np.int64), present & good), reasons)


def _bands(years: Any, known: Any) -> Any:
    place = np.searchsorted(_EDGES, years, "right")
    return pa.array(AGE_BANDS).take(pa.array(place, mask=~known))


class NikSexParser(IdentityParser):
    """L or P from the day of birth in a NIK. Refuses as a NIK does."""

    def __init__(self) -> None:
        super().__init__("nik")
        self.name = "nik_sex"

    def text(self, values: Any) -> Parsed:
        nik = super().text(values)
        woman = pc.greater(pc.utf8_slice_codeunits(nik.values, 6, 7), "3")
        return Parsed(pc.if_else(woman, "P", "L"), nik.reasons)


class NipSexParser(IdentityParser):
    """L or P from the fifteenth digit of a NIP. Refuses as a NIP does."""

    def __init__(self) -> None:
        super().__init__("nip")
        self.name = "nip_sex"

    def text(self, values: Any) -> Parsed:
        nip = super().text(values)
        man = pc.equal(pc.utf8_slice_codeunits(nip.values, 14, 15), "1")
        return Parsed(pc.if_else(man, "L", "P"), nip.reasons)


class NipBirthParser(IdentityParser):
    """The day of birth (date32) in a NIP, from which the age at the event is told. Refuses as a NIP does."""

    def __init__(self) -> None:
        super().__init__("nip")
        self.name, self.out = "nip_age_band", pa.date32()

    def text(self, values: Any) -> Parsed:
        nip = super().text(values)
        days = pc.cast(pc.strptime(pc.utf8_slice_codeunits(nip.values, 0, 8), "%Y%m%d", "s"), pa.date32())
        return Parsed(days, nip.reasons)


def nik_age_bands(nik: Parsed, event_days: Any) -> Parsed:
    """Age bands, at the day of the event (date32), of canonical NIKs. Refuses with bad_age an age beyond the possible.

    A year of birth that would lie after the event is of the century before. Where the event's day is unknown there is no age.
    """
    known = ~null_mask(nik.values) & ~null_mask(event_days)
    reasons = nik.reasons.copy()
    if not known.any():
        return Parsed(pa.nulls(len(reasons), pa.string()), reasons)

    def part(start: int) -> Any:
        digits = pc.utf8_slice_codeunits(nik.values, start, start + 2)
        return np.asarray(pc.cast(digits, pa.int64()).fill_null(1))

    day, month, year = part(6), part(8), part(10)
    day = np.where(day > 40, day - 40, day)
    event_year, month_of_event, day_of_event = _date_parts(event_days)
    before = (month_of_event < month) | ((month_of_event == month) & (day_of_event < day))
    born = event_year // 100 * 100 + year
    born = np.where((born > event_year) | ((born == event_year) & before), born - 100, born)
    age = event_year - born - before
    return Parsed(_bands(age, known), reasons)


def birth_age_bands(birth: Parsed, event_days: Any) -> Parsed:
    """Age bands, at the day of the event, of days of birth (both date32). Refuses with bad_age who was born after it, and ages
    beyond the possible. Where the event's day is unknown there is no age.
    """
    known = ~null_mask(birth.values) & ~null_mask(event_days)
    year, month, day = _date_parts(birth.values)
    event_year, event_month, event_day = _date_parts(event_days)
    before = (event_month < month) | ((event_month == month) & (event_day < day))
    age = event_year - year - before
    reasons = birth.reasons.copy()
    possible = (age >= 0) & (age <= OLDEST)
    reasons[known & ~possible] = code("bad_age")
    return Parsed(_bands(age, known & possible), reasons)


def _date_parts(days: Any) -> tuple[Any, Any, Any]:
    """(year, month, day) of a column of date32; of null those of 1 January 1970."""
    exact = np.asarray(days.cast(pa.int32()).fill_null(0)).astype("datetime64[D]")
    months = exact.astype("datetime64[M]")
    day = (exact - months.astype("datetime64[D]")).astype(np.int64) + 1
    return exact.astype("datetime64[Y]").astype(np.int64) + 1970, months.astype(np.int64) % 12 + 1, day
