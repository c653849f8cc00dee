"""The keyed tokens: the published construction, and what the key and the kind change."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opg_pipeline.normalise import Pseudonymiser
from opg_pipeline_tests.normalise.build import KEY


@given(
    st.binary(min_size=16, max_size=100),
    st.sampled_from(["nik", "phone", "identifier:demo"]),
    st.text(max_size=40).filter(lambda t: t.isprintable()),
)
def test_it_is_hmac_sha256_with_a_key_for_each_kind(key: bytes, kind: str, canonical: str) -> None:
    own = hmac.new(key, f"opg|t1|{kind}".encode(), hashlib.sha256).digest()
    expected = base64.b32encode(hmac.new(own, canonical.encode(), hashlib.sha256).digest()).decode().lower()[:26]
    assert Pseudonymiser(key).token(kind, canonical) == f"t1_{expected}"


def test_many_at_once() -> None:
    tokens = Pseudonymiser(KEY)
    values = ["a", None, "b", "a"]
    made = tokens.tokens("nik", values)
    assert made == [tokens.token("nik", "a"), None, tokens.token("nik", "b"), tokens.token("nik", "a")]
    assert tokens.column("nik", pa.array(values)).to_pylist() == made
    assert tokens.tokens("nik", [None]) == [None]
    assert tokens.column("nik", pa.array([None, None], pa.string())).to_pylist() == [None, None]


def test_key_and_kind_matter_and_the_key_stays_inside() -> None:
    one, other = Pseudonymiser(KEY), Pseudonymiser(KEY[::-1])
    assert len({one.token("nik", "1"), one.token("no_kk", "1"), other.token("nik", "1")}) == 3
    assert KEY.decode() not in repr(one)
    with pytest.raises(ValueError, match="16 bytes"):
        Pseudonymiser(b"short")
