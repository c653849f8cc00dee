"""Digests of records: the identity (record_uid) and the content (row_hash). Stable across batches, runs and machines."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.normalise.parsing import flat, null_mask

_BYTES = 16
_MARK = "\x1f"
_CHUNK = 8_192
"""Rows hashed at a time: few enough to stay in the processor's cache."""


def record_uids(identity: str, source_ids: Any) -> Any:
    """First 32 hex digits of sha256("city|app|dataset|source_record_id"); null where the id is."""
    prefix = f"{identity}|".encode()
    sha256 = hashlib.sha256
    return _hex(source_ids, lambda text: sha256(prefix + text).digest()[:_BYTES])


def row_hashes(columns: Iterable[tuple[str, Any]], rows: int) -> Any:
    """32 hex digits (BLAKE2b) of each row's values, by column name; a null counts as if the column were not there.

    So a column that is added to a category, and is null, changes no digest.
    """
    named = [(pa.scalar(f"{name}="), values) for name, values in columns]
    blake2b = hashlib.blake2b
    chunks = []
    for start in range(0, rows, _CHUNK):
        parts: list[Any] = [pa.scalar("")]  # never null: Arrow's join leaves out rows in which every part is
        for tag, column in named:
            values = column[start : start + _CHUNK]
            if not values.null_count:
                parts += [tag, _text(values)]
            elif values.null_count < len(values):
                parts.append(pc.binary_join_element_wise(tag, _text(values), _MARK))
        content = pc.binary_join_element_wise(*parts, _MARK, null_handling="skip")
        chunks.append(_hex(flat(content), lambda text: blake2b(text, digest_size=_BYTES).digest()))
    return pa.concat_arrays(chunks) if chunks else pa.array([], pa.string())


def _text(values: Any) -> Any:
    """Values in one spelling each: times in microseconds and days in days since 1970, the rest as Arrow writes it."""
    if pa.types.is_string(values.type):
        return values
    if pa.types.is_timestamp(values.type):
        values = values.view(pa.int64())
    elif pa.types.is_date(values.type):
        values = values.view(pa.int32())
    return pc.cast(values, pa.string())


def _hex(texts: Any, digest: Callable[[bytes], bytes]) -> Any:
    """Digests of an array of texts as hex texts of equal width."""
    count = len(texts)
    absent = null_mask(texts)
    _, offsets, data = texts.buffers()
    if offsets is None:
        return pa.nulls(count, pa.string())
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + count + 1].tolist()
    content = data.to_pybytes() if data is not None else b""
    digests = b"".join([digest(content[start:end]) for start, end in pairwise(ends)])
    places = pa.py_buffer(np.arange(0, (count + 1) * 2 * _BYTES, 2 * _BYTES, dtype=np.int32).tobytes())
    validity = pa.py_buffer(np.packbits(~absent, bitorder="little").tobytes()) if absent.any() else None
    return pa.Array.from_buffers(pa.string(), count, [validity, places, pa.py_buffer(digests.hex().encode())])
