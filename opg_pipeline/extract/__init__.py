"""Pulls what city apps hold: transport, credentials, paging, decoding. The only room that uses httpx.

What a value means is normalise's; where files live is the lake's.
"""

from opg_pipeline.extract.access import Access, secret_names
from opg_pipeline.extract.decode import Decoded, decode
from opg_pipeline.extract.position import format_position
from opg_pipeline.extract.puller import Puller, StoreRaw

__all__ = ["Access", "Decoded", "Puller", "StoreRaw", "decode", "format_position", "secret_names"]
