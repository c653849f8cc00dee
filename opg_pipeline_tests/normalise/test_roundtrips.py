"""parse(format(x)) = x for the parsers of money in words, ranges, durations, serials, periods, identities and units; and no text
outside a declaration is read. Plain numbers and dates are in test_properties.py.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from opg_pipeline.model.crosscheck import IDENTITY_PARSES
from opg_pipeline.normalise.durations import DurationParser
from opg_pipeline.normalise.identity import IdentityParser, NikSexParser, NipBirthParser, NipSexParser
from opg_pipeline.normalise.moments import EpochParser, MomentParser
from opg_pipeline.normalise.numbers import NumberParser, RangeEnd
from opg_pipeline.normalise.parsing import Parser
from opg_pipeline.normalise.periods import PeriodParser
from opg_pipeline.normalise.serials import ExcelSerialParser
from opg_pipeline.normalise.units import UNITS, UnitParser
from opg_pipeline.normalise.zones import zone
from opg_pipeline_tests.normalise.test_properties import MONEY, TIME, read, written

UTC_ZONE = zone("UTC")
cents = st.decimals(min_value=0, max_value=10**9, places=2)


def same(parser: Parser, texts: list[Any], values: list[Any]) -> None:
    assert read(parser, texts) == (values, [0] * len(values))


@given(
    cents,
    st.sampled_from([("rb", 3), ("ribu", 3), ("jt", 6), ("juta", 6), ("M", 9), ("miliar", 9), ("T", 12)]),
    st.booleans(),
)
def test_money_in_words(amount: Decimal, word: tuple[str, int], currency: bool) -> None:
    text = f"{'Rp ' if currency else ''}{str(amount).replace('.', ',')} {word[0]}"
    found = amount.scaleb(word[1])
    same(NumberParser(pa.decimal128(38, 2), ",", ".", "rupiah"), [text], [found])


@given(
    cents,
    cents,
    st.sampled_from([" - ", "-", " \u2013 ", " s/d ", " sampai dengan ", " sd "]),
    st.sampled_from(["low", "high"]),
)
def test_ranges(one: Decimal, other: Decimal, sign: str, end: RangeEnd) -> None:
    low, high = sorted((one, other))
    texts = [sign.join(written(value, ",", ".") for value in ends) for ends in ((low, high), (high, low))]
    values, reasons = read(NumberParser(MONEY, ",", ".", "rupiah", range_=end), texts)
    assert values[0] == (low if end == "low" else high)
    assert (values[1] is None) == bool(reasons[1]) == (low != high)
    assert read(NumberParser(MONEY, ",", ".", "rupiah"), texts)[0] == [None, None]


@given(st.decimals(min_value=-9999, max_value=9999, places=2), st.sampled_from(["%", " %", ""]))
def test_percentages(value: Decimal, sign: str) -> None:
    same(NumberParser(pa.decimal128(6, 2), ",", ".", "percent"), [f"{value}".replace(".", ",") + sign], [value])


seconds = st.integers(0, 10**7)


@given(seconds)
def test_durations(total: int) -> None:
    minutes, second = divmod(total, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    words = " ".join(
        f"{part} {unit}"
        for part, unit in zip((days, hour, minute, second), ("hari", "jam", "menit", "detik"), strict=True)
        if part
    )
    forms = {
        "H:MM:SS": f"{hours}:{minute:02d}:{second:02d}", "MM:SS": f"{minutes:02d}:{second:02d}", "iso": f"P{days}DT{hour}H{minute}M{second}S",
        "words": words or "0 detik", "d 'hari' HH.MM.SS": f"{days} hari {hour:02d}.{minute:02d}.{second:02d}",
    }  # fmt: skip
    for form, text in forms.items():
        same(DurationParser(pa.int64(), [form], "s", ","), [text], [total])
        same(
            DurationParser(pa.decimal128(38, 10), [form], "min", ",", round_=True),
            [text],
            [round(Decimal(total) / 60, 10)],
        )


@given(st.text(alphabet="0123456789:PTHMSD jamenit,.-\u0663", max_size=14))
@settings(max_examples=400)
def test_no_other_text_is_a_duration(text: str) -> None:
    [value], [reason] = read(DurationParser(pa.int64(), ["H:MM"], "min", ","), [text])
    match = re.fullmatch(r"([0-9]{1,9}):([0-5][0-9])", text.strip())
    assert (value is not None) == (match is not None)
    assert bool(reason) == (match is None and bool(text.strip()))
    if match is not None:
        assert value == int(match[1]) * 60 + int(match[2])


@given(st.datetimes(datetime(1900, 3, 1), datetime(2199, 12, 31)).map(lambda moment: moment.replace(microsecond=0)))
def test_serials_and_epochs(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    since = moment - datetime(1899, 12, 30)
    serial = since.days + since.seconds / 86_400
    same(ExcelSerialParser(TIME, (), ",", UTC_ZONE), [serial], [aware])
    same(ExcelSerialParser(TIME, (), ",", UTC_ZONE), [f"{serial:.10f}".replace(".", ",")], [aware])
    same(EpochParser(TIME, 1_000_000, UTC_ZONE), [int(aware.timestamp())], [aware])
    same(EpochParser(TIME, 1_000, UTC_ZONE), [str(int(aware.timestamp()) * 1000)], [aware])


days = st.dates(date(1950, 1, 1), date(2060, 12, 31))


@given(days)
def test_periods(day: date) -> None:
    year, week, _ = day.isocalendar()
    sunday = day - timedelta(days=day.isoweekday() % 7)
    epi_year = (sunday + timedelta(days=3)).year
    first = date(epi_year, 1, 4)
    epi_week = (sunday - (first - timedelta(days=first.isoweekday() % 7))).days // 7 + 1
    forms = [
        ("'Triwulan' q yyyy", f"Triwulan {(day.month + 2) // 3} {day.year}", f"{day.year}-Q{(day.month + 2) // 3}"),
        ("yyyy-'S'sem", f"{day.year}-S{(day.month + 5) // 6}", f"{day.year}-S{(day.month + 5) // 6}"),
        ("yyyy 'M'ww", f"{year} M{week:02d}", f"{year}-W{week:02d}"), ("yyyy/eww", f"{epi_year}/{epi_week:02d}", f"{epi_year}-EW{epi_week:02d}"),
        ("mm.yyyy", f"{day:%m.%Y}", f"{day:%Y-%m}"), ("dd/mm/yyyy", f"{day:%d/%m/%Y}", day.isoformat()),
    ]  # fmt: skip
    for form, text, period in forms:
        same(PeriodParser([form]), [text], [period])
    same(MomentParser(pa.date32(), "yyyy/eww", UTC_ZONE), [forms[3][1]], [sunday])
    same(MomentParser(pa.date32(), "yyyy/eww", UTC_ZONE, last=True), [forms[3][1]], [sunday + timedelta(days=6)])


places = st.sampled_from(["352215", "110101", "317406", "960201", "210301"])
serials = st.integers(0, 9999)


def spaced(text: str, sign: str) -> str:
    return sign.join(re.findall(r".{1,4}", text))


@given(places, days, st.booleans(), serials, st.sampled_from(["", " ", ".", "-"]))
def test_identities_of_residents(place: str, day: date, woman: bool, serial: int, sign: str) -> None:
    nik = f"{place}{day.day + 40 * woman:02d}{day:%m%y}{serial:04d}"
    card = f"{place}{day:%d%m%y}{serial:04d}"
    same(IdentityParser("nik"), [spaced(nik, sign)], [nik])
    same(IdentityParser("npwp"), [spaced(nik, sign)], [nik])
    same(IdentityParser("no_kk"), [spaced(card, sign)], [card])
    same(NikSexParser(), [nik], ["P" if woman else "L"])


@given(days, days, st.booleans(), st.booleans(), st.integers(0, 999), st.sampled_from(["", " "]))
def test_identities_of_employees(
    born: date, appointed: date, woman: bool, contract: bool, serial: int, sign: str
) -> None:
    month = 21 if contract else appointed.month
    nip = f"{born:%Y%m%d}{appointed.year}{month:02d}{2 if woman else 1}{serial:03d}"
    text = f"{nip[:8]}{sign}{nip[8:14]}{sign}{nip[14]}{sign}{nip[15:]}"
    if appointed.year > born.year:
        same(IdentityParser("nip"), [text], [nip])
        same(NipSexParser(), [text], ["P" if woman else "L"])
        same(NipBirthParser(), [text], [born])
    else:
        assert read(IdentityParser("nip"), [text])[0] == [None]


@given(st.integers(0, 10**15 - 1), st.integers(10**17, 10**18 - 1), st.integers(0, 10**9 - 1))
def test_identities_of_payers_and_pupils(tax: int, thing: int, pupil: int) -> None:
    digits, nop = f"{tax:015d}", str(thing)
    old = f"{digits[:2]}.{digits[2:5]}.{digits[5:8]}.{digits[8]}-{digits[9:12]}.{digits[12:]}"
    same(IdentityParser("npwp"), [old, digits, f"0{digits}"], [f"0{digits}"] * 3)
    same(
        IdentityParser("nop"),
        [f"{nop[:2]}.{nop[2:4]}.{nop[4:7]}.{nop[7:10]}.{nop[10:13]}-{nop[13:17]}.{nop[17]}"],
        [nop],
    )
    same(IdentityParser("nisn"), [f"0{pupil:09d}"], [f"0{pupil:09d}"])


@given(
    st.from_regex(r"[A-Z]{1,2} [1-9][0-9]{0,3} [A-Z]{1,3}", fullmatch=True),
    st.sampled_from(["", " ", "-"]),
    st.booleans(),
)
def test_plates(plate: str, sign: str, small: bool) -> None:
    text = plate.replace(" ", sign)
    same(IdentityParser("plate"), [text.lower() if small else text], [plate])


@given(
    st.from_regex(r"8[1-9][0-9]{7,9}", fullmatch=True),
    st.sampled_from(["0", "62", "+62", "+62 "]),
    st.sampled_from(["", "-", " "]),
)
def test_phones(number: str, prefix: str, sign: str) -> None:
    same(IdentityParser("phone"), [prefix + spaced(number, sign)], [f"+62{number}"])


@given(st.sampled_from(sorted(UNITS)), st.booleans())
def test_units(word: str, loud: bool) -> None:
    same(UnitParser(), [word.capitalize() if loud else word], [UNITS[word]])


@given(
    st.sampled_from(sorted(IDENTITY_PARSES - {"name", "email"})),
    st.text(alphabet="0123456789.- /+SAB\u0663", max_size=22),
)
@settings(max_examples=600)
def test_an_identity_keeps_its_digits_or_is_refused(kind: str, text: str) -> None:
    """What is read says nothing but what was written, and is read again as itself."""
    [value], [reason] = read(IdentityParser(kind), [text])
    assert (value is None) == (bool(reason) or not text.strip())
    if value is None:
        return
    digits, kept = (re.sub(r"[^0-9A-Za-z]", "", one).upper() for one in (text, value))
    if kind == "npwp":
        assert kept == digits.rjust(16, "0")
    elif kind == "phone":
        assert kept == re.sub(r"^0", "62", digits)
    else:
        assert kept == digits
    same(IdentityParser(kind), [value], [value])
