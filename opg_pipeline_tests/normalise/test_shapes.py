"""The shape of a refused value: enough to see what is wrong with it, nothing of what it says."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opg_pipeline.normalise.reasons import value_class


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("12-Jan-2024", "99-Aaa-9999"),
        (" Rp1.250,50 ", "Aa9.999,99"),
        ("3522150101900001", "9999999999999999"),
        ("1" * 30, "9999…"),
        ("Budi Santoso", "Aaa… Aaa…"),
        ("budi.santoso@kota.go.id", "aaa….aaa…@aaa….aa.aa"),
        ("JALAN\tPEMUDA\n12", "AAA… AAA… 99"),
        ("Renée Ørsted", "Aaa… Aaa…"),
        ("日本", "aa"),
        ("x\x00y", "a?a"),
        ("   ", "empty"),
        (None, "empty"),
        (True, "boolean"),
        (-12.5, "-99.9"),
        (date(2024, 1, 31), "9999-99-99"),
        ({"nama": "Budi"}, "object"),
        (["Budi"], "list"),
        (object(), "other"),
    ],
)
def test_the_shape_of_a_value(value: Any, shape: str) -> None:
    assert value_class(value) == shape


@given(st.text())
def test_a_shape_holds_no_letter_and_no_digit_of_the_text(text: str) -> None:
    shape = value_class(text)
    assert shape == "empty" or set(filter(str.isalnum, shape)) <= set("Aa9")
    assert len(shape) <= 41


@given(st.from_regex(r"[A-Z][a-z]{3,12} [A-Z][a-z]{3,12}", fullmatch=True))
def test_names_look_alike(name: str) -> None:
    assert value_class(name) == "Aaa… Aaa…"
