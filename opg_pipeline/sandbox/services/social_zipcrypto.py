"""The traditional encryption of ZIP (PKWARE APPNOTE 6.1), which the standard library reads and does not write.

What is packed belongs to the service. This encryption is weak; it is what such apps use.
"""

from __future__ import annotations

import struct
import zlib

TABLE = tuple(zlib.crc32(bytes((byte ^ 0xFF,)), 0) ^ 0xFF000000 for byte in range(256))
CLOCK = (0, (46 << 9) | (1 << 5) | 1)
"""MS-DOS time and date of every member: 2026-01-01, so that equal content gives equal bytes."""


def encrypted_zip(name: str, content: bytes, password: str) -> bytes:
    """An archive with one deflated member that opens with the password."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(content) + packer.flush()
    check = zlib.crc32(content)
    salt = struct.pack(">QH", check * 0x9E3779B97F4A7C15 % 2**64, len(content) % 2**16) + bytes((0, check >> 24))
    data = _encrypt(salt + packed, password.encode())
    title = name.encode()
    common = struct.pack("<HHHHHIIIHH", 20, 1, 8, *CLOCK, check, len(data), len(content), len(title), 0)
    local = b"PK\x03\x04" + common + title + data
    central = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0o600 << 16, 0) + title
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def _encrypt(plain: bytes, password: bytes) -> bytes:
    first, second, third = 0x12345678, 0x23456789, 0x34567890
    table = TABLE
    for byte in password:
        first = (first >> 8) ^ table[(first ^ byte) & 0xFF]
        second = ((second + (first & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        third = (third >> 8) ^ table[(third ^ (second >> 24)) & 0xFF]
    out = bytearray(len(plain))
    for place, byte in enumerate(plain):
        mask = (third | 2) & 0xFFFF
        out[place] = byte ^ (((mask * (mask ^ 1)) >> 8) & 0xFF)
        first = (first >> 8) ^ table[(first ^ byte) & 0xFF]
        second = ((second + (first & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        third = (third >> 8) ^ table[(third ^ (second >> 24)) & 0xFF]
    return bytes(out)
