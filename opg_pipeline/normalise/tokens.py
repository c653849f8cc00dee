"""Keyed tokens of identities: HMAC-SHA256, one key per kind of identity. What is tokenised, and when, is decided elsewhere."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import numpy as np
import pyarrow as pa

VERSION = "t1"
"""First part of every token; changes when the way tokens are made does."""
_ALPHABET = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)
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
        made: dict[str | None, str] = dict(zip(distinct, self._made(kind, distinct), strict=True))
        return [made.get(value) for value in values]

    def column(self, kind: str, values: Any) -> Any:
        """Tokens of an Arrow array of texts."""
        encoded = values.dictionary_encode()
        made = pa.array(self._made(kind, encoded.dictionary.to_pylist()), pa.string())
        return made.take(encoded.indices)

    def _made(self, kind: str, values: list[str]) -> list[str]:
        if not values:
            return []
        inner, outer = self._padded(kind)
        digests = []
        for value in values:
            first, second = inner.copy(), outer.copy()
            first.update(value.encode())
            second.update(first.digest())
            digests.append(second.digest())
        bits = np.unpackbits(np.frombuffer(b"".join(digests), np.uint8).reshape(len(values), 32), axis=1)[
            :, : 5 * _LENGTH
        ]
        places = bits.reshape(len(values), _LENGTH, 5) @ np.array([16, 8, 4, 2, 1], np.uint8)
        text = _ALPHABET[places].tobytes().decode("ascii")
        return [f"{VERSION}_{text[start : start + _LENGTH]}" for start in range(0, len(text), _LENGTH)]

    def _padded(self, kind: str) -> tuple[Any, Any]:
        """SHA-256 states after the inner and the outer pad of the kind's own key (RFC 2104)."""
        if kind not in self._pads:
            own = hmac.digest(self._key, f"opg|{VERSION}|{kind}".encode(), "sha256").ljust(_BLOCK, b"\0")
            self._pads[kind] = (
                hashlib.sha256(bytes(byte ^ 0x36 for byte in own)),
                hashlib.sha256(bytes(byte ^ 0x5C for byte in own)),
            )
        return self._pads[kind]
