"""Packed files: the right member, its password, damage, and files that unpack without measure."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from starlette.responses import Response

from opg_pipeline.extract import Decoded, decode
from opg_pipeline.extract.packed import unpack
from opg_pipeline.model.formats import Unpack
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull

CSV = b"id;nama\n1;Budi\n"
SECRET = "s3cret-of-the-zip"
PASSWORDS = {"ZIP_PASSWORD": SECRET}
LOCKED = {"type": "zip", "password": "ZIP_PASSWORD"}


def packed(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def _crc(value: int, byte: int) -> int:
    return (zlib.crc32(bytes([byte]), value ^ 0xFFFFFFFF) ^ 0xFFFFFFFF) & 0xFFFFFFFF


def crypto(content: bytes, password: bytes, name: str = "data.csv") -> bytes:
    """A ZIP file of one stored member, encrypted the old way (PKWARE), written by hand as the standard library cannot."""
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte: int) -> None:
        keys[0] = _crc(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = _crc(keys[2], keys[1] >> 24)

    for byte in password:
        update(byte)
    checksum = zlib.crc32(content)
    locked = bytearray()
    for byte in bytes(range(11)) + bytes([checksum >> 24]) + content:
        stream = (keys[2] | 2) & 0xFFFF
        locked.append(byte ^ ((stream * (stream ^ 1)) >> 8 & 0xFF))
        update(byte)
    return _archive(name, bytes(locked), 1, 0, checksum, len(content), b"")


def aes(content: bytes, password: bytes, *, bits: int = 256, deflate: bool = True) -> bytes:
    """A ZIP file of one member encrypted as WinZip does (AE-2)."""
    key_bytes, strength = bits // 8, {128: 1, 192: 2, 256: 3}[bits]
    packer = zlib.compressobj(wbits=-15)
    plain = packer.compress(content) + packer.flush() if deflate else content
    salt = bytes(range(key_bytes // 2))
    keys = hashlib.pbkdf2_hmac("sha1", password, salt, 1000, 2 * key_bytes + 2)
    cipher = Cipher(algorithms.AES(keys[:key_bytes]), modes.ECB()).encryptor()
    locked = bytearray()
    for number, start in enumerate(range(0, len(plain), 16), start=1):
        stream = cipher.update(number.to_bytes(16, "little"))
        locked += bytes(a ^ b for a, b in zip(plain[start : start + 16], stream, strict=False))
    seal = hmac.digest(keys[key_bytes : 2 * key_bytes], bytes(locked), "sha1")[:10]
    extra = struct.pack("<HHH2sBH", 0x9901, 7, 2, b"AE", strength, 8 if deflate else 0)
    return _archive("data.csv", salt + keys[-2:] + bytes(locked) + seal, 1, 99, 0, len(content), extra)


def _archive(name: str, data: bytes, flags: int, method: int, checksum: int, size: int, extra: bytes) -> bytes:
    facts = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 33, checksum, len(data), size, len(name), len(extra))
    local = b"PK\x03\x04" + facts + name.encode() + extra
    central = (
        b"PK\x01\x02" + struct.pack("<H", 20) + facts + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name.encode() + extra
    )
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local) + len(data), 0)
    return local + data + central + end


def read(body: bytes, unpacked: Any, passwords: Mapping[str, str] = PASSWORDS) -> Decoded:
    return decode(body, make_dataset(format={"type": "csv", "delimiter": ";"}, unpack=unpacked), "", passwords)


def refused(
    body: bytes, unpacked: Any, outcome: Outcome = Outcome.MALFORMED, passwords: Mapping[str, str] = PASSWORDS
) -> PullError:
    with pytest.raises(PullError) as caught:
        read(body, unpacked, passwords)
    assert caught.value.outcome is outcome
    assert caught.value.hint
    assert "Budi" not in caught.value.what
    assert SECRET not in caught.value.what + caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("body", "unpacked"),
    [
        (packed(("isi.csv", CSV)), "zip"),
        (packed(("map/", b""), ("map/isi.csv", CSV)), "zip"),
        (packed(("baca.txt", b"x"), ("desil_2026-05.csv", CSV)), {"type": "zip", "member": "desil_*.csv"}),
        (packed(("a.csv", CSV), ("a*.csv", b"id;nama\n")), {"type": "zip", "member": "a.csv"}),
        (packed(("../../etc/passwd", CSV)), {"type": "zip", "member": "*passwd"}),
        (packed(("isi.csv", CSV)), LOCKED),
        (crypto(CSV, SECRET.encode()), LOCKED),
        (aes(CSV, SECRET.encode()), LOCKED),
        (aes(CSV, SECRET.encode(), bits=128, deflate=False), LOCKED),
        (aes(CSV, SECRET.encode(), bits=192), LOCKED),
        (gzip.compress(CSV), "gzip"),
        (gzip.compress(CSV[:9]) + gzip.compress(CSV[9:]), "gzip"),
    ],
)
def test_packed(body: bytes, unpacked: Any) -> None:
    assert read(body, unpacked).records == [{"id": "1", "nama": "Budi"}]


def test_long_aes_member() -> None:
    content = random.Random(1).randbytes(3_000_000)
    assert unpack(aes(content, b"x", deflate=False), Unpack.model_validate(LOCKED), {"ZIP_PASSWORD": "x"}) == content


@pytest.mark.parametrize(
    ("body", "unpacked", "words"),
    [
        (packed(("a", CSV), ("b", CSV)), "zip", "holds 2 files"),
        (packed(), "zip", "holds 0 files"),
        (packed(("a.csv", CSV), ("b.csv", CSV)), {"type": "zip", "member": "*.csv"}, "of which 2 fit"),
        (packed(("Budi.csv", CSV)), {"type": "zip", "member": "a.csv"}, "of which 0 fit"),
        (packed(("a.csv", CSV))[:-30], "zip", "no ZIP file"),
        (packed(("a.csv", CSV)), "gzip", "no gzip file"),
        (b"<html><title>Masuk</title><input type='password'></html>", "zip", "an HTML page titled 'Masuk'"),
        (CSV, "zip", "no ZIP file"),
        (b"", "zip", "no ZIP file"),
        (crypto(CSV, b"x"), "zip", "is encrypted"),
        (packed(("a.csv", CSV), method=zipfile.ZIP_STORED).replace(b"Budi", b"Badi"), "zip", "is damaged"),
        (gzip.compress(CSV)[:-4], "gzip", "breaks off"),
        (gzip.compress(CSV)[:-8] + b"\0" * 8, "gzip", "no gzip file"),
        (packed(("a.csv", b"")), "zip", "the answer is empty"),
    ],
)
def test_packed_that_does_not_fit(body: bytes, unpacked: Any, words: str) -> None:
    assert words in refused(body, unpacked).what


@pytest.mark.parametrize("body", [crypto(CSV, b"other"), aes(CSV, b"other"), aes(CSV, b"other", deflate=False)])
def test_wrong_password(body: bytes) -> None:
    assert "ZIP_PASSWORD does not open" in refused(body, LOCKED, Outcome.AUTH_FAILED).what
    assert "ZIP_PASSWORD is not set" in refused(body, LOCKED, Outcome.MISSING_SECRET, {}).what


def test_aes_that_was_tampered_with() -> None:
    body = bytearray(aes(CSV, SECRET.encode(), deflate=False))
    body[body.index(b"AE") + 30] ^= 1
    refused(bytes(body), LOCKED, Outcome.AUTH_FAILED)


def test_bombs() -> None:
    zeros = b"\0" * 3_000_000
    many = {"ZIP_PASSWORD": SECRET}
    for body, unpacked in (
        (packed(("a", zeros)), {"type": "zip"}),
        (gzip.compress(zeros), {"type": "gzip"}),
        (aes(zeros, SECRET.encode()), LOCKED),
    ):
        with pytest.raises(PullError) as caught:
            unpack(body, Unpack.model_validate(unpacked), many, limit=1_000_000)
        assert caught.value.outcome is Outcome.TOO_LARGE


def test_a_zip_that_lies_about_its_size() -> None:
    body = packed(("a", b"\0" * 3_000_000))
    lie = body.replace(struct.pack("<I", 3_000_000), struct.pack("<I", 10))
    assert lie != body
    with pytest.raises(PullError):
        unpack(lie, Unpack(type="zip"), {}, limit=1_000_000)


async def test_through_the_wire(server: Server) -> None:
    server.handler = lambda request: Response(crypto(CSV, SECRET.encode()), media_type="application/zip")
    dataset = make_dataset(format={"type": "csv", "delimiter": ";"}, unpack=LOCKED)
    result = await pull(server.url, dataset, secrets=PASSWORDS)
    assert result.records == [{"id": "1", "nama": "Budi"}]
