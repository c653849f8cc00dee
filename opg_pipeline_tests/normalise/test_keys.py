"""Keys whose parts have aliases: the first path that holds a value, and what of them becomes a token."""

from __future__ import annotations

from typing import Any

import pytest

from opg_pipeline_tests.normalise.build import EVENT, TOKENS, category, field, reference, run

THING = category(field("xx"), field("who", privacy="pseudonym"), field("hidden", privacy="direct"), field("sex", "enum", "quasi", values=["L", "P"]),
                 field("age", privacy="quasi"))  # fmt: skip
NIK, KK = "3522154501900001", "3522151203100007"


def ids(key: list[Any], rows: list[dict[str, Any]], fields: dict[str, Any] | None = None, **more: Any) -> Any:
    return run(reference(THING, {**EVENT, "xx": "x", **(fields or {})}, key=key, **more), rows)


def test_the_first_alias_that_holds_a_value() -> None:
    rows = [
        {"a": "1", "c": "x"},
        {"b": 2, "c": "y"},
        {"a": " ", "b": "3", "c": "z"},
        {"a": "-", "b": "4", "c": "z"},
        {"a": "5", "b": "6", "c": 7.0},
    ]
    assert ids([["a", "b"], "c"], rows).accepted["source_record_id"].to_pylist() == ["1|x", "2|y", "3|z", "4|z", "5|7"]
    assert ids([["a"]], rows[:1]).accepted["source_record_id"].to_pylist() == ["1"]


def test_a_renamed_column_keeps_the_records_identity() -> None:
    plain = ids(["a"], [{"a": "7"}]).accepted["record_uid"].to_pylist()
    assert ids([["a", "b"]], [{"b": "7"}]).accepted["record_uid"].to_pylist() == plain


def test_a_key_with_no_value_at_any_alias() -> None:
    done = ids([["a", "b"], "c"], [{"c": "x"}, {"a": [1], "c": "y"}, {"b": "1", "c": "z"}])
    assert done.accepted["source_record_id"].to_pylist() == ["1|z"]
    told = [done.rejected[name].to_pylist() for name in ("reason", "rule", "field", "value_class")]
    assert told == [["key_missing", "bad_type"], ["key", "key"], ["a, b", "a, b"], ["empty", "list"]]


def test_a_refused_field_of_an_alias_is_told_once() -> None:
    thing = category(field("number", "integer"))
    done = run(
        reference(thing, {**EVENT, "number": {"first_of": ["a", "b"]}}, key=[["a", "b"]]),
        [{"a": "x"}, {"b": {}}, {"b": "2"}],
    )
    told = [done.rejected[name].to_pylist() for name in ("scope", "reason", "field", "value_class")]
    assert told == [["record"] * 2, ["bad_number"] * 2, ["number"] * 2, ["a", "object"]]
    assert done.accepted["number"].to_pylist() == [2]


@pytest.mark.parametrize(
    ("fields", "more", "kind"),
    [
        ({"who": {"first_of": ["kode_a", "kode_b"], "parse": "nik"}}, {}, "nik"),
        ({"who": {"from": "kode_b", "parse": "nik"}}, {"personal": ["kode_a"]}, "identifier:demo"),
        ({}, {"personal": ["kode_a", "kode_b"]}, "identifier:demo"),
        ({}, {"personal": ["kode_b"]}, "identifier:demo"),
        ({"hidden": "kode_a"}, {}, "identifier:demo"),
        ({"sex": {"first_of": ["kode_a", "kode_b"], "parse": "nik_sex"}}, {}, "nik"),
        ({"age": {"first_of": ["kode_a", "kode_b"], "parse": "nik_age_band"}}, {}, "nik"),
        ({"who": {"first_of": ["kode_a", "kode_b"]}}, {}, "identifier:demo"),
        ({"who": {"from": ["kode_a", "kode_b"]}}, {}, "identifier:demo"),
    ],
)  # fmt: skip
def test_personal_aliases_become_tokens(fields: dict[str, Any], more: dict[str, Any], kind: str) -> None:
    done = ids([["kode_a", "kode_b"]], [{"kode_a": NIK}, {"kode_b": KK.replace("12031", "12111")}], fields, **more)
    assert done.accepted["source_record_id"].to_pylist() == [
        TOKENS.token(kind, NIK),
        TOKENS.token(kind, "3522151211100007"),
    ]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"who": {"first_of": ["kode_a", "kode_b"], "parse": "nik"}}, "nik"), ({"who": {"first_of": ["kode_a", "kode_b"]}}, "identifier:demo"),
        ({"who": {"from": ["kode_a", "x"]}}, "identifier:demo"),
    ],
)  # fmt: skip
def test_a_path_of_a_key_is_personal_by_any_field_that_reads_it(fields: dict[str, Any], kind: str) -> None:
    done = ids(["kode_a"], [{"kode_a": NIK}], fields)
    assert done.accepted["source_record_id"].to_pylist() == [TOKENS.token(kind, NIK)]


def test_properties_of_the_key() -> None:
    dataset = reference(THING, {**EVENT, "xx": "x"}, key=[["a", "b"], "c"]).dataset
    assert dataset.key_parts == (("a", "b"), ("c",))
    assert dataset.key_paths == ("a", "b", "c")
