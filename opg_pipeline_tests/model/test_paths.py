"""The path language: what each form means, and what is no path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opg_pipeline.model.paths import PathError, follow, iterate, lookup, parse_path

DOCUMENT: dict[str, Any] = {
    "meta": {"total": 3, "a.b": 7},
    "data": [{"x": 1}, {"x": 2}],
    "grid": [[1, 2], [3]],
    "@id": "9",
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("meta.total", 3),
        ("meta.'a.b'", 7),
        ("data[0].x", 1),
        ("data[-1].x", 2),
        ("@id", "9"),
        ("data[5].x", None),
        ("meta.none.deep", None),
        ("data.x", None),
    ],
)
def test_lookup(path: str, value: Any) -> None:
    assert lookup(DOCUMENT, path) == value


def test_positional_row() -> None:
    assert follow(["a", "b"], parse_path("[1]").steps) == "b"


def test_parent_and_document_are_told_apart() -> None:
    assert parse_path("^^.name").up == 2
    assert parse_path("^.name").steps == ("name",)
    assert parse_path("/last").absolute


@pytest.mark.parametrize("text", ["", "  ", "a[", "a[x]", "a[*]", "'open"])
def test_no_path(text: str) -> None:
    with pytest.raises(PathError):
        parse_path(text)


def test_records_with_parents() -> None:
    found = list(iterate({"s": [{"n": 1, "r": [10, 11]}, {"n": 2, "r": []}]}, parse_path("s[*].r", every=True)))
    assert [(record, parents[0]["n"]) for record, parents in found] == [(10, 1), (11, 1)]


def test_nested_lists() -> None:
    assert [record for record, _ in iterate(DOCUMENT, parse_path("grid[*][*]", every=True))] == [1, 2, 3]


@pytest.mark.parametrize(
    ("document", "path", "message"),
    [
        ({"items": []}, "data", "leads nowhere at 'data' in an object; keys here: items"),
        ({"data": {"x": 1}}, "data", "must lead to a list but leads to an object"),
        ({"data": None}, "data", "leads to nothing"),
        ({"data": 5}, "data[*].x", "expects a list at [*] but found a number"),
        ([1], "data", "leads nowhere at 'data' in a list"),
    ],
)
def test_wrong_records_path_says_what_is_there(document: Any, path: str, message: str) -> None:
    with pytest.raises(PathError) as caught:
        list(iterate(document, parse_path(path, every=True)))
    assert message in str(caught.value)


def test_xml_has_no_lists() -> None:
    one = parse_path("root.item", every=True)
    assert [record for record, _ in iterate({"root": {"item": {"a": "1"}}}, one, xml=True)] == [{"a": "1"}]
    assert list(iterate({"root": None}, one, xml=True)) == []
    with pytest.raises(PathError, match="root element, which is 'html'"):
        list(iterate({"html": {}}, one, xml=True))


@given(
    st.lists(
        st.one_of(
            st.text(st.characters(exclude_characters=".[]'^/ \t\n\r\x1f\x1c\x1d\x1e\x85\x0b\x0c"), min_size=1),
            st.integers(-5, 5),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_key_can_be_written(steps: list[str | int]) -> None:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".'{step}'" for step in steps).removeprefix(".")
    assert parse_path(text).steps == tuple(steps)
