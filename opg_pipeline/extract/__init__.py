"""Pulls what city apps hold: transport, credentials, paging, decoding. The only room that uses httpx.

What a value means is normalise's; where files live is the lake's.
"""

from opg_pipeline.extract.access import Access, dataset_secret_names, secret_names
from opg_pipeline.extract.archived import read_again
from opg_pipeline.extract.breaker import BreakerState, after, half_open, may_try
from opg_pipeline.extract.decode import Decoded, decode
from opg_pipeline.extract.pace import may_ask
from opg_pipeline.extract.position import format_position
from opg_pipeline.extract.puller import Puller, StoreRaw

__all__ = [
    "Access",
    "BreakerState",
    "Decoded",
    "Puller",
    "StoreRaw",
    "after",
    "dataset_secret_names",
    "decode",
    "format_position",
    "half_open",
    "may_ask",
    "may_try",
    "read_again",
    "secret_names",
]
