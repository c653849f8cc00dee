"""A person is found however an identity is written, and nobody else is."""

from __future__ import annotations

import gzip
import io
import zipfile

import openpyxl
import pytest

from opg_pipeline.normalise.person import KINDS, Person
from opg_pipeline.normalise.tokens import Pseudonymiser

PSEUDONYMS = Pseudonymiser(b"k" * 32)
GIVEN = {
    "nik": "3522015708900001", "no_kk": "3522011504100002", "npwp": "09.254.294.3-407.000", "nip": "19850817 201001 1 003",
    "nisn": "0012345678", "nop": "35.22.010.001.002-0003.0", "plate": "S 1234 AB", "phone": "0812-3456-7890",
    "email": "Siti@Contoh.go.id", "account": "0012-34-567890", "identifier": "REG/2024/17",
}  # fmt: skip
WRITTEN = [
    ("nik", "3522015708900001", True), ("nik", "3522 0157 0890 0001", True), ("nik", "35.22.01.570890.0001", True),
    ("nik", "13522015708900001", False), ("nik", "35220157089000010", False), ("nik", "3522015708900002", False),
    ("nik", '{"nik":3522015708900001}', True),
    ("npwp", "092542943407000", True), ("npwp", "0092542943407000", True), ("npwp", "09.254.294.3-407.001", False),
    ("phone", "+62 812 3456 7890", True), ("phone", "6281234567890", True), ("phone", "81234567890", True),
    ("phone", "081234567891", False), ("phone", "0812345678901", False),
    ("email", "siti@contoh.go.id", True), ("email", "siti%40contoh.go.id", True), ("email", "tuti.siti@contoh.go.ids", False),
    ("plate", "s1234ab", True), ("plate", "S 1234 ABC", False), ("plate", "BS 1234 AB", False),
    ("account", "001234567890", True), ("account", "0012345678901", False),
    ("identifier", "reg/2024/17", True), ("identifier", "REG/2024/170", False),
    ("nip", "198508172010011003", True), ("nisn", "0012345678", True), ("nisn", "00123456789", False),
    ("nop", "352201000100200030", True), ("no_kk", "3522011504100002", True),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "found"), WRITTEN)
def test_however_it_is_written(kind: str, text: str, found: bool) -> None:
    assert Person(kind, GIVEN[kind]).stands_in(f"a {text}, b".encode()) is found


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_and_not_shown(kind: str) -> None:
    person = Person(kind, GIVEN[kind])
    assert GIVEN[kind] not in repr(person)
    canonical = Person(kind, GIVEN[kind].strip())
    assert person.tokens(PSEUDONYMS, "app") == canonical.tokens(PSEUDONYMS, "app")
    assert person.tokens(PSEUDONYMS, "app") & person.tokens(PSEUDONYMS, "other") == (
        set()
        if kind == "identifier"
        else {token for token in person.tokens(PSEUDONYMS, "app") if token in person.tokens(PSEUDONYMS, "other")}
    )


def test_a_nik_is_a_taxpayer_too() -> None:
    assert PSEUDONYMS.token("npwp", GIVEN["nik"]) in Person("nik", GIVEN["nik"]).tokens(PSEUDONYMS, "app")
    assert PSEUDONYMS.token("nik", GIVEN["nik"]) in Person("npwp", GIVEN["nik"]).tokens(PSEUDONYMS, "app")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "identifier"])
def test_what_is_no_identity_is_refused_and_not_repeated(kind: str) -> None:
    with pytest.raises(ValueError, match=f"no {kind}") as refused:
        Person(kind, "Rahasia, Jl. Mawar!")
    assert "Rahasia" not in str(refused.value)


def _zip(body: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("isi.csv", body)
    return sink.getvalue()


def _workbook(text: str) -> bytes:
    sink = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["nik", text])
    book.save(sink)
    return sink.getvalue()


def test_also_packed_and_in_a_workbook() -> None:
    person = Person("nik", GIVEN["nik"])
    plain = f"nik;{GIVEN['nik']}".encode()
    packed = (
        gzip.compress(plain),
        _zip(plain),
        _zip(gzip.compress(plain)),
        _workbook(GIVEN["nik"]),
        plain.decode().encode("utf-16"),
    )
    assert [person.stands_in(body) for body in packed] == [True] * 5
    other = plain.replace(b"0001", b"0002")
    assert [person.stands_in(body) for body in (gzip.compress(other), _zip(other), _workbook("x"))] == [False] * 3


def test_what_cannot_be_opened_is_said_to_be_so() -> None:
    person = Person("nik", GIVEN["nik"])
    assert person.stands_in(b"\x1f\x8b broken") is None
    assert person.stands_in(b"PK\x03\x04 broken") is None
    locked = bytearray(_zip(b"x"))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(mark) + place] |= 1
    assert person.stands_in(bytes(locked)) is None
