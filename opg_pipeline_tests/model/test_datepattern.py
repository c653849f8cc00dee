"""The pattern language of dates: what it reads and what it refuses to mean."""

from __future__ import annotations

import pytest

from opg_pipeline.model.datepattern import DatePatternError, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("dd/mm/yyyy", "04/03/2026"), ("d mmm yyyy", "12 Agt 2024"), ("ddd, d mmm yyyy", "Senin, 12 Agustus 2024"),
        ("yyyy-mm-ddTHH:MM:SSZ", "2026-03-04T13:05:00+07:00"), ("yyyymmddHHMM", "202404040000"), ("dd-mm-yyyy HH.MM", "06-03-2026 24.00"),
        ("yyyy-'W'ww", "2026-W53"), ("'M'w/yyyy", "M3/2025"), ("yyyy-'W'eww", "2025-W53"), ("ew yyyy", "7 2025"), ("yyyy-'S'sem", "2025-S1"),
        ("'Triwulan' q yyyy", "Triwulan 1 2022"), ("yyyy 'T'q", "2026 T4"), ("yyyy 'B'mm", "2026 B03"), ("d mmm yyyy HH:MM:SS WIB", "12 Jul 2023 15:39:35 WIB"), ("mmm d yyyy HH:MMAM", "Dec 10 2015  02:10PM"),
    ],
)  # fmt: skip
def test_reads(pattern: str, text: str) -> None:
    assert compile_pattern(pattern).regex.fullmatch(text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("dd/mm/yyyy", "4/3/2026"),
        ("dd/mm/yyyy", "04-03-2026"),
        ("d mmm yyyy", "12 08 2024"),
        ("yyyy-'S'sem", "2025-S3"),
        ("'TW'q-yyyy", "TW5-2025"),
        ("'TW'q-yyyy", "TW0-2025"),
        ("yyyy-'W'ww", "2025-W3"),
        ("yyyy-'W'eww", "2025-w03"),
    ],
)
def test_does_not_bend(pattern: str, text: str) -> None:
    assert not compile_pattern(pattern).regex.fullmatch(text)


@pytest.mark.parametrize(
    "pattern",
    [
        "", "dd/mm", "DD/MM/YYYY", "yyyy yyyy", "dd/mm/yyyy mm", "dd yyyy", "auto", "yyyy-Www", "yyyy-Qq", "HH:MM:ss yyyy", "q", "yyyy q mm", "yyyy ww eww",
        "yyyy sem q", "yyyy ww w", "yyyy q d", "ddd yyyy-'W'ww", "yyyy-'W'ww HH:MM",
    ],
)  # fmt: skip
def test_refused(pattern: str) -> None:
    with pytest.raises(DatePatternError):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "period"),
    [("yyyy-mm", None), ("yyyy", None), ("yyyy q", "quarter"), ("yyyy sem", "half-year"), ("yyyy w", "week"), ("eww yyyy", "epidemiological week")],
)  # fmt: skip
def test_what_stands_for_the_month(pattern: str, period: str | None) -> None:
    compiled = compile_pattern(pattern)
    assert (compiled.period, compiled.has_day) == (period, False)
