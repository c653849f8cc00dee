"""Digests of records: the identity (record_uid) and the content (row_hash). Stable across batches, runs and machines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opg_pipeline.normalise.columns import text_bytes
from opg_pipeline.normalise.parsing import flat, null_mask

_BYTES = 16
_MARK = "\x1f"
_CHUNK = 2_048
"""Rows hashed at a time: few enough to stay in the processor's cache."""


def record_uids(identity: str, source_ids: Any) -> Any:
    """First 32 hex digits of sha256("city|app|dataset|source_record_id"); null where the id is."""
    return _hex(source_ids, hashlib.sha256(f"{identity}|".encode()))


def row_hashes(columns: Iterable[tuple[str, Any]], rows: int) -> Any:
    """32 hex digits (BLAKE2b) of each row's values, by column name; a null counts as if the column were not there.

    So a column that is added to a category, and is null, changes no digest. A column is an array, or a scalar of text that
    every row has.
    """
    named = [item for item in columns if isinstance(item[1], pa.Scalar) or item[1].null_count < rows]
    empty = hashlib.blake2b(digest_size=_BYTES)
    chunks = []
    for start in range(0, rows, _CHUNK):
        texts: dict[int, Any] = {}  # two names may stand for one column
        parts: list[Any] = []
        same = ""  # what stands in every row before the next value
        for name, column in named:
            tag = f"{_MARK}{name}={_MARK}"
            if isinstance(column, pa.Scalar):
                same += tag + column.as_py()
                continue
            values = texts.get(id(column))
            if values is None:
                values = texts[id(column)] = _text(column[start : start + _CHUNK])
            if values.null_count:
                parts += [same, pc.binary_join_element_wise(tag, values, "")]
            else:
                parts += [same + tag, values]
            same = ""
        parts.append(same)  # never null: Arrow's join leaves out rows in which every part is
        content = pc.binary_join_element_wise(*parts, "", null_handling="skip")
        if isinstance(content, pa.Scalar):
            content = pa.repeat(content, min(_CHUNK, rows - start))
        chunks.append(_hex(flat(content), empty))
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


def _hex(texts: Any, begun: Any) -> Any:
    """Digests of an array of texts, each added to what ``begun`` has hashed, as hex texts of equal width."""
    count = len(texts)
    if texts.null_count == count:
        return pa.nulls(count, pa.string())
    places, data = text_bytes(texts)
    content = memoryview(data)
    digests = []
    for start, end in pairwise(places.tolist()):
        state = begun.copy()
        state.update(content[start:end])
        digests.append(state.digest())
    table = np.frombuffer(b"".join(digests), np.uint8).reshape(count, begun.digest_size)
    ends = np.arange(0, (count + 1) * 2 * _BYTES, 2 * _BYTES, dtype=np.int32)
    validity = None
    if texts.null_count:
        validity = pa.py_buffer(np.packbits(~null_mask(texts), bitorder="little"))
    hexed = table[:, :_BYTES].tobytes().hex().encode()
    return pa.Array.from_buffers(pa.string(), count, [validity, pa.py_buffer(ends), pa.py_buffer(hexed)])
