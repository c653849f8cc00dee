"""What a message may repeat of what a source wrote: addresses without what links put in, types, names, tags."""

from __future__ import annotations

import pytest

from opg_pipeline.model.quoting import is_validator, listed, media_type, shown_address

ASKED = "https://host/api/35.22/data?limit=50&q=jalan+rusak"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (ASKED, ASKED),
        ("https://host/api/35.22/data?limit=50&q=jalan+rusak&page=2", "https://host/api/35.22/data?limit=50&q=jalan+rusak&page=2"),
        ("https://host/api/35.22/data?since=2026-11-01T07%3A00%3A00%2B07%3A00", "https://host/api/35.22/data?since=2026-11-01T07%3A00%3A00%2B07%3A00"),
        ("https://host/api/35.22/data?limit=50&q=Budi+Santoso&nik=3522150101900001", "https://host/api/35.22/data?limit=50&q=***&nik=***"),
        ("https://host/api/Budi%20Santoso/2#Budi", "https://host/api/***/2"),
        ("https://host/api?Budi+Santoso=1&Budi", "https://host/api?***=1&***"),
    ],
)  # fmt: skip
def test_an_address_shows_what_we_asked(url: str, shown: str) -> None:
    assert shown_address(url, ASKED) == shown


def test_a_type_has_its_charset_and_nothing_else() -> None:
    assert media_type('text/csv; name="Budi Santoso.csv"; charset="windows-1252"') == "text/csv; charset=windows-1252"
    assert media_type("application/vnd.sdmx.data+json;version=1.0.0") == "application/vnd.sdmx.data+json"
    assert not media_type("Budi Santoso")
    assert not media_type("Budi Santoso/x")


def test_one_name_that_may_be_data_hides_its_neighbours() -> None:
    assert listed(["Rekap", "2026"]) == "Rekap, 2026"
    assert listed(["Budi Santoso", "3522150101900001"]) == "2 names that are not shown, as they may hold personal data"


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ('"5d8c72a5edda8d6a5c2d3b4a"', True), ('W/"1731500000-8123"', True), ("abc", True), ("Tue, 24 Nov 2026 04:45:13 GMT", True),
        ('"5f0812345678901-1a"', True), ('"d9f7baf9c1dcef083523388e911dbbb0"', True), ('"3522150101900001"', False), ('"62812345678"', False), ('"Budi Santoso"', False), ('"budi@surat.example"', False), ('"081234567890"', False), ("Budi Santoso", False), ("", False),
    ],
)  # fmt: skip
def test_a_validator_is_a_tag_or_a_date(value: str, good: bool) -> None:
    assert is_validator(value) is good
