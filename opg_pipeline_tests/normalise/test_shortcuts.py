"""What the quick looks over whole columns find is what the slow ones would: nothing is let through to save time."""

from __future__ import annotations

import hashlib
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import product
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from opg_pipeline.normalise import privacy
from opg_pipeline.normalise.columns import source
from opg_pipeline.normalise.digests import record_uids, row_hashes
from opg_pipeline.normalise.gate import find_undeclared
from opg_pipeline.normalise.numbers import NumberParser

PIECES = (
    "0812",
    "62",
    "+62",
    "8",
    "0",
    "34567890",
    "3522010101900001",
    "1",
    " ",
    "-",
    ".",
    ",",
    "/",
    "a",
    "é",
    "@",
    "a@b.id",
    "",
)
prose = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)
columns = st.lists(prose | st.none(), max_size=12)


@given(columns, st.integers(0, 3))
@settings(max_examples=400)
def test_suspects_are_those_of_the_expression(texts: list[str | None], start: int) -> None:
    column = pa.array(texts, pa.string())[start:]
    shapes = (privacy._FREE_SUSPECT, privacy._STREET)
    found = [pc.match_substring_regex(column, shape).fill_null(False) for shape in shapes]
    expected = pc.or_(*found).to_pylist()
    assert privacy.suspects(column).tolist() == expected
    kinds = [text is not None and bool(privacy._kinds(text)) for text in column.to_pylist()]
    assert privacy.scan(column).rows.tolist() == kinds


@given(st.lists(prose, min_size=1, max_size=8))
def test_no_text_that_is_personal_is_ruled_out(texts: list[str]) -> None:
    if any(privacy.personal_kind(text) for text in texts):
        assert privacy.may_be_personal(texts)


@given(
    st.lists(
        st.tuples(prose, st.sampled_from(["081234567890", "62812999", "1234", "12", "", "A-12 ", "a1b2"])), max_size=10
    )
)
@settings(max_examples=300)
def test_numbers_of_a_record_are_struck_wherever_they_stand(rows: list[tuple[str, str]]) -> None:
    texts = [f"{text} {number} {text}" for text, number in rows]
    needles = privacy.Needles([[number for _, number in rows]], range(len(rows)))
    struck, changed = privacy.strike(pa.array(texts, pa.string()), needles)
    for (_, number), before, after, told in zip(rows, texts, struck.to_pylist(), changed.tolist(), strict=True):
        assert told == (before != after) == (len(number.strip()) >= 4)
        assert (privacy.STRUCK in after) == told


@given(
    st.lists(
        st.sampled_from(
            ["081234567890", "3522015010900001", "SR-1", "a@b.id", " ", "", 5, 2.5, None, True, 81234567890]
        ),
        min_size=1,
    )
)
def test_flat_records_are_judged_as_nested_ones(values: list[Any]) -> None:
    flat = [{"x": value, "kode": "7"} for value in values]
    uneven = [*flat, {"x": None, "kode": "7", "more": "1"}]  # not all have the same keys
    assert find_undeclared(flat, []) == find_undeclared(uneven, [])


@given(
    st.lists(
        st.sampled_from(["", " ", "\t", "a", "-", "n/a", "\u00a0", "é", "\x1f"]).flatmap(
            lambda a: st.text("ab -\u00a0", max_size=3).map(lambda b: a + b)
        )
    )
)
def test_trimming_and_absence(texts: list[str]) -> None:
    (part,) = source(texts, frozenset({"-", "n/a"})).parts
    trimmed = pc.utf8_trim_whitespace(pa.array(texts, pa.string())).to_pylist()
    assert part.values.to_pylist() == [None if text in {"", "-", "n/a"} else text for text in trimmed]


@given(
    st.lists(
        st.tuples(st.text(max_size=5) | st.none(), st.integers(-5, 5) | st.none(), st.text(max_size=3)), max_size=6
    ),
    st.booleans(),
)
def test_a_row_hash_is_blake2b_of_its_named_values(rows: list[tuple[str | None, int | None, str]], same: bool) -> None:
    texts, numbers, plain = ([row[place] for row in rows] for place in range(3))
    arrays = [
        ("t", pa.array(texts, pa.string())),
        ("n", pa.array(numbers, pa.int64())),
        ("p", pa.array(plain, pa.string())),
    ]
    arrays.insert(1, ("c", pa.scalar("x") if same else pa.array(["x"] * len(rows), pa.string())))
    expected = []
    for text, number, other in rows:
        values = {"t": text, "c": "x", "n": number, "p": other}
        content = "".join(f"\x1f{name}=\x1f{value}" for name, value in values.items() if value is not None)
        expected.append(hashlib.blake2b(content.encode(), digest_size=16).hexdigest())
    assert row_hashes(arrays, len(rows)).to_pylist() == expected
    uids = [None if text is None else hashlib.sha256(f"a|b|c|{text}".encode()).hexdigest()[:32] for text in texts]
    assert record_uids("a|b|c", pa.array(texts, pa.string())).to_pylist() == uids


def test_a_row_hash_of_many_rows_is_that_of_each() -> None:
    ids = pa.array([f"{first}-{second}" for first, second in product(range(100), range(50))])
    whole = row_hashes([("id", ids)], len(ids)).to_pylist()
    assert whole[4_321] == row_hashes([("id", ids[4_321:4_322])], 1).to_pylist()[0]
    assert len(set(whole)) == len(ids)


@given(
    st.lists(
        st.decimals(-999, 999, allow_nan=False, places=5) | st.floats(-999, 999).map(lambda x: Decimal(repr(x))),
        max_size=10,
    )
)
@settings(max_examples=300)
def test_rounding_is_half_to_even_of_what_is_written(values: list[Decimal]) -> None:
    expected = [value.quantize(Decimal("0.01"), ROUND_HALF_EVEN) for value in values]
    parser = NumberParser(pa.decimal128(9, 2), ".", "", round_=True)
    assert parser.parse(source([f"{value:f}" for value in values], frozenset())).values.to_pylist() == expected
    fractions = parser.parse(source([float(value) for value in values], frozenset()))
    assert fractions.values.to_pylist() == expected
