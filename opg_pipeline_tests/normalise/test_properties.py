"""What holds for every value: what is written in the declared notation is read back, anything else is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from opg_pipeline.normalise.columns import source
from opg_pipeline.normalise.moments import MomentParser
from opg_pipeline.normalise.numbers import NumberParser
from opg_pipeline.normalise.parsing import Parser
from opg_pipeline.normalise.zones import zone

MONEY = pa.decimal128(18, 2)
TIME = pa.timestamp("us", tz="UTC")
JAKARTA = zone("Asia/Jakarta")
amounts = st.decimals(
    min_value=Decimal("-9999999999999999"), max_value=Decimal("9999999999999999"), places=2, allow_nan=False
)
notations = st.sampled_from([(",", "."), (".", ","), (",", " "), (".", ""), (",", "")])


def read(parser: Parser, values: list[Any]) -> tuple[list[Any], list[int]]:
    parsed = parser.parse(source(values, frozenset()))
    return parsed.values.to_pylist(), parsed.reasons.tolist()


def written(amount: Decimal, decimal: str, thousands: str) -> str:
    return f"{amount:,.2f}".replace(",", "\0").replace(".", decimal).replace("\0", thousands)


@given(st.lists(amounts, min_size=1, max_size=20), notations)
def test_numbers_come_back(values: list[Decimal], notation: tuple[str, str]) -> None:
    assert read(NumberParser(MONEY, *notation), [written(value, *notation) for value in values]) == (
        values,
        [0] * len(values),
    )


@given(
    st.lists(amounts.filter(lambda value: value >= 0), min_size=1, max_size=20),
    st.sampled_from(["Rp {}", "Rp{}", "Rp. {}", "IDR {}", " {} "]),
)
def test_rupiah_come_back(values: list[Decimal], form: str) -> None:
    texts = [form.format(written(value, ",", ".")) for value in values]
    assert read(NumberParser(MONEY, ",", ".", "rupiah"), texts) == (values, [0] * len(values))


@given(
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12).map(
            lambda value: round(value, 2)
        ),
        min_size=1,
        max_size=20,
    )
)
def test_json_numbers_are_taken_as_they_are(values: list[float]) -> None:
    assert read(NumberParser(MONEY, ",", "."), values) == (
        [Decimal(repr(value)).quantize(Decimal("0.01")) for value in values],
        [0] * len(values),
    )


@given(st.lists(st.text(alphabet="0123456789.,-+ RpEe%x\u0663", max_size=12), min_size=1, max_size=20), notations)
@settings(max_examples=300)
def test_a_text_is_read_only_when_it_is_the_notation_of_its_value(texts: list[str], notation: tuple[str, str]) -> None:
    decimal, thousands = notation
    values, reasons = read(NumberParser(MONEY, decimal, thousands), texts)
    for text, value, reason in zip(texts, values, reasons, strict=True):
        if value is None:
            assert reason or not text.strip()
            continue
        assert not reason
        plain = text.strip().lstrip("+")
        sign, plain = ("-", plain[1:]) if plain.startswith("-") else ("", plain)
        whole, _, fraction = plain.partition(decimal)
        digits = whole.replace(thousands, "") if thousands else whole
        assert Decimal(f"{sign}{digits}.{fraction or 0}") == value
        assert whole == digits or whole == f"{int(digits):,}".replace(",", thousands)


moments = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1))
patterns = st.sampled_from(
    [
        ("dd/mm/yyyy HH:MM", "%d/%m/%Y %H:%M"), ("yyyy-mm-dd HH:MM:SS", "%Y-%m-%d %H:%M:%S"), ("yyyymmddHHMM", "%Y%m%d%H%M"),
        ("d mmm yyyy HH:MM", "%d %B %Y %H:%M"), ("ddd, dd mmm yyyy HH:MM AM", "%A, %d %b %Y %I:%M %p"), ("iso", "%Y-%m-%dT%H:%M:%S"),
    ]
)  # fmt: skip


@given(st.lists(moments, min_size=1, max_size=20), patterns)
def test_times_come_back(values: list[datetime], pattern: tuple[str, str]) -> None:
    texts = [f"{value:{pattern[1]}}" for value in values]
    expected = [datetime.strptime(text, pattern[1]) for text in texts]
    found, reasons = read(MomentParser(TIME, pattern[0], zone("UTC")), texts)
    assert [value.replace(tzinfo=None) for value in found] == expected
    assert not any(reasons)


@given(st.lists(st.tuples(st.integers(0, 39), st.integers(0, 19), st.integers(0, 9999)), min_size=1, max_size=30))
def test_only_real_days_are_days(parts: list[tuple[int, int, int]]) -> None:
    values, reasons = read(
        MomentParser(pa.date32(), "dd/mm/yyyy", JAKARTA), [f"{d:02d}/{m:02d}/{y:04d}" for d, m, y in parts]
    )
    for (day, month, year), value, reason in zip(parts, values, reasons, strict=True):
        try:
            assert value == date(year, month, day)
            assert not reason
        except ValueError:
            assert value is None
            assert reason


@given(
    st.lists(moments, min_size=1, max_size=20),
    st.sampled_from(["Asia/Jakarta", "Europe/Berlin", "America/New_York", "UTC"]),
)
def test_local_times_agree_with_zoneinfo(values: list[datetime], name: str) -> None:
    from zoneinfo import ZoneInfo

    here = ZoneInfo(name)
    aware = [value.replace(tzinfo=UTC) for value in values]
    found, _ = read(MomentParser(pa.date32(), "iso", zone(name)), [value.isoformat() for value in aware])
    assert found == [value.astimezone(here).date() for value in aware]
    utc, reasons = read(MomentParser(TIME, "iso", zone(name)), [value.isoformat() for value in values])
    for value, moment, reason in zip(values, utc, reasons, strict=True):
        first, second = (value.replace(tzinfo=here, fold=fold).utcoffset() for fold in (0, 1))
        assert bool(reason) == (first != second)
        if first == second:
            assert moment == value.replace(tzinfo=UTC) - (first or timedelta())
