"""Requests as plain data: what fills a placeholder where, and where a parameter goes that has none."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import orjson
import pytest

from opg_pipeline.extract.address import Call, below, first_call
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull

HOME = "http://h/api"


def call(**changes: Any) -> Call:
    return first_call(HOME, make_dataset(**changes))


def test_path_takes_a_quoted_value() -> None:
    made = call(path="/desa/{kode}/data").filled({"kode": "a/b c?{x}"})
    assert made.url == "http://h/api/desa/a%2Fb%20c%3F%7Bx%7D/data"


def test_query_takes_a_value_or_is_left_out() -> None:
    made = call(query={"filter": "tgl ge {since} and x", "page": "{page}", "a": 1})
    assert unquote(made.filled({"since": "2024-01-01", "page": 2}).url) == (
        "http://h/api/things?filter=tgl ge 2024-01-01 and x&page=2&a=1"
    )
    assert unquote(made.filled({"since": None, "page": None}).url) == "http://h/api/things?a=1"


def test_form_takes_a_value_or_is_left_out() -> None:
    made = call(method="POST", form={"kode": "{kode}", "until": "s/d {until}", "b": "x&{y}"})
    assert made.filled({"kode": 7, "until": None}).content() == (
        b"kode=7&b=x%26%7By%7D",
        "application/x-www-form-urlencoded",
    )


def test_json_takes_values_with_their_type() -> None:
    text = "query($after: String) { items(after: $after) { id nama {desa} } }"
    made = call(
        method="POST", json={"query": text, "n": "{n}", "list": ["{n}", "to {n}"], "gone": "{gone}", "part": "x{gone}"}
    )
    content, content_type = made.filled({"n": 3, "gone": None}).content()
    assert content_type == "application/json"
    assert orjson.loads(content or b"") == {"query": text, "n": 3, "list": [3, "to 3"], "gone": None, "part": None}


def test_literal_body_is_escaped() -> None:
    made = call(method="POST", body="<k>{kode}</k><u a='{u}'/>{x}", content_type="text/xml")
    assert made.filled({"kode": "<&>'\"", "u": None}).content() == (
        b"<k>&lt;&amp;&gt;&apos;&quot;</k><u a=''/>{x}",
        "text/xml",
    )


def test_places_of_secrets_survive() -> None:
    made = call(path="/{key}/x", query={"k": "{key}", "p": "{page}"}).with_params({"page": 1})
    assert made.stands("key")
    assert not made.stands("page")
    assert made.filled({"key": "a&b"}).url == "http://h/api/a%26b/x?k=a%26b&p=1"


def test_names_with_signs() -> None:
    made = call(query={"a": "{page[number]}", "b": "{$skip}"})
    assert made.filled({"page[number]": 2, "$skip": 4}).url == "http://h/api/things?a=2&b=4"


def test_filling_nothing_changes_nothing() -> None:
    made = call(query={"q": "{a} { b }"})
    assert made.filled({}) == made.filled({"other": 1}) == made


@pytest.mark.parametrize(
    ("changes", "url", "content"),
    [
        ({}, "http://h/api/things?page=2", None),
        ({"query": {"page": 1}}, "http://h/api/things?page=2", None),
        ({"path": "/things/{page}"}, "http://h/api/things/2", None),
        ({"query": {"p": "n{page}"}}, "http://h/api/things?p=n2", None),
        ({"method": "POST", "form": {"a": 1}}, "http://h/api/things", b"a=1&page=2"),
        ({"method": "POST", "form": {"a": 1}, "path": "/{page}"}, "http://h/api/2", b"a=1"),
        ({"method": "POST", "json": {"a": 1}}, "http://h/api/things", b'{"a":1,"page":2}'),
        ({"method": "POST", "json": {"a": 1}, "query": {"p": "{page}"}}, "http://h/api/things?p=2", b'{"a":1}'),
    ],
)
def test_where_a_parameter_goes(changes: dict[str, Any], url: str, content: bytes | None) -> None:
    made = call(**changes).with_params({"page": 2})
    assert (made.url, made.content()[0]) == (url, content)


def test_dotted_parameter_goes_into_json() -> None:
    made = call(method="POST", json={"variables": {"first": 1}})
    made = made.with_params({"variables.after": "x", "variables.first": 5, "sort.by.key": 1, "none": None})
    assert orjson.loads(made.content()[0] or b"") == {
        "variables": {"first": 5, "after": "x"},
        "sort": {"by": {"key": 1}},
    }


def test_dotted_parameter_through_a_text_is_told() -> None:
    with pytest.raises(PullError) as caught:
        call(method="POST", json={"variables": "{}"}).with_params({"variables.after": 1})
    assert caught.value.outcome is Outcome.MALFORMED
    assert "'variables', which is no object" in caught.value.what


def test_address_below_the_base() -> None:
    assert below("http://h/api/?v=1", "/x/{y}?a=2") == "http://h/api/x/%7By%7D?v=1&a=2"
    assert below("http://h", "") == "http://h/"


async def test_calls_on_the_wire(server: Server) -> None:
    """What is not filled is sent as a valid address, not with bare braces."""
    server.handler = lambda request: []
    query = {"q": "{ items { id } }", "since": "{since}"}
    dataset = make_dataset(query=query, incremental={"field": "t", "param": "since"})
    result = await pull(server.url, dataset)
    assert result.error is None
    assert server.asked[0].query == {"q": "{ items { id } }"}
    assert "{" not in server.asked[0].raw_query
