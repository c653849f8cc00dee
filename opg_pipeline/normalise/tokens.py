"""Keyed tokens of identities: HMAC-SHA256, one key per kind of identity. What is tokenised, and when, is decided elsewhere."""

from __future__ import annotations

import hashlib
import hmac
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from opg_pipeline.normalise.columns import text_bytes

VERSION = "t1"
"""First part of every token; changes when the way tokens are made does."""
_ALPHABET = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)
_PREFIX = np.frombuffer(f"{VERSION}_".encode(), np.uint8)
_LENGTH = 26
_BLOCK = 64


class Pseudonymiser:
    """Makes the same token of the same identity, and nothing of it can be told without the key.

    Args:
        key: secret, 16 bytes or more. Raises ValueError for a shorter one.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("the key of the pseudonyms is shorter than 16 bytes")
        self._key = key
        self._pads: dict[str, tuple[Any, Any]] = {}

    def __repr__(self) -> str:
        return "Pseudonymiser(key=***)"

    def token(self, kind: str, canonical: str) -> str:
        """`t1_` and 26 base-32 characters (130 bits) of one identity."""
        made = self.tokens(kind, [canonical])[0]
        assert made is not None
        return made

    def tokens(self, kind: str, values: list[str | None]) -> list[str | None]:
        """Tokens of many identities; None stays None. Equal values are worked out once."""
        distinct = list({value for value in values if value is not None})
        listed = self._made(kind, [value.encode() for value in distinct]).to_pylist()
        made: dict[str | None, str] = dict(zip(distinct, listed, strict=True))
        return [made.get(value) for value in values]

    def column(self, kind: str, values: Any) -> Any:
        """Tokens of an Arrow array of texts."""
        encoded = values.dictionary_encode()
        places, data = text_bytes(encoded.dictionary)
        content, ends = data.tobytes(), places.tolist()
        return self._made(kind, [content[start:end] for start, end in pairwise(ends)]).take(encoded.indices)

    def _made(self, kind: str, values: list[bytes]) -> Any:
        """Tokens of distinct identities (UTF-8), as an Arrow array."""
        if not values:
            return pa.array([], pa.string())
        inner, outer = self._padded(kind)
        digests = []
        for value in values:
            first, second = inner.copy(), outer.copy()
            first.update(value)
            second.update(first.digest())
            digests.append(second.digest())
        table = np.frombuffer(b"".join(digests), np.uint8).reshape(len(values), 32).T
        text = np.empty((len(values), len(_PREFIX) + _LENGTH), np.uint8)
        text[:, : len(_PREFIX)] = _PREFIX
        for place in range(_LENGTH):  # five bits each, the first ones first
            byte, bit = divmod(5 * place, 8)
            five = table[byte] << bit if bit <= 3 else (table[byte] << bit) | (table[byte + 1] >> (8 - bit))
            text[:, len(_PREFIX) + place] = _ALPHABET[five >> 3]
        ends = np.arange(0, text.size + 1, text.shape[1], dtype=np.int32)
        return pa.Array.from_buffers(pa.string(), len(values), [None, pa.py_buffer(ends), pa.py_buffer(text)])

    def _padded(self, kind: str) -> tuple[Any, Any]:
        """SHA-256 states after the inner and the outer pad of the kind's own key (RFC 2104)."""
        if kind not in self._pads:
            own = hmac.digest(self._key, f"opg|{VERSION}|{kind}".encode(), "sha256").ljust(_BLOCK, b"\0")
            self._pads[kind] = (
                hashlib.sha256(bytes(byte ^ 0x36 for byte in own)),
                hashlib.sha256(bytes(byte ^ 0x5C for byte in own)),
            )
        return self._pads[kind]
