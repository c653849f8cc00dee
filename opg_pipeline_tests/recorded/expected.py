"""All that is expected of the recordings in one table, and the folders that hold no system to bring, with why that is right."""

from __future__ import annotations

from .expected_elsewhere import ELSEWHERE
from .expected_indonesia import INDONESIA
from .expected_java import JAVA

CASES = {**INDONESIA, **JAVA, **ELSEWHERE}

CANNOT: dict[str, str] = {
    "id_bps_error_bodies": (
        "No records: three bodies by which the BPS web API says, with HTTP 200, that there is nothing or that it failed. "
        "Each must end as an outcome of its own and never as records; test_failures.py holds that against the declarations of "
        "id_bps_news and id_bps_static_table."
    ),
    "id_inaproc_failures": (
        "No records: what the call of id_inaproc_struktur_anggaran_pd gave on three bad days, a challenge page, an empty list and "
        "a file with merge markers. Records from them would overwrite good ones; test_failures.py lets them follow a good day."
    ),
}
"""Folder to why nothing of it may become a record."""
