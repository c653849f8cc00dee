"""Opens an answer that is a packed file (ZIP, gzip), never beyond a limit and never onto disk. Content codings of HTTP are in unpack.py."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from opg_pipeline.model.formats import Unpack
from opg_pipeline.model.handover import Outcome, PullError

UNPACKED_LIMIT: Final = 512 * 2**20
"""Most bytes a packed answer may unpack to."""

_ENCRYPTED = 0x1
_AES = 99
_AES_EXTRA = 0x9901
_AES_KEY_BYTES = {1: 16, 2: 24, 3: 32}
_AES_ROUNDS = 1000
_CHECK, _SEAL = 2, 10
_BLOCKS = 65_536
_LOCAL_HEADER = 30


def unpack(body: bytes, declared: Unpack, passwords: Mapping[str, str], limit: int = UNPACKED_LIMIT) -> bytes:
    """The bytes of the one declared member, or of the gzip file. Names inside an archive are compared, never used as paths.

    Args:
        passwords: passwords by the NAME of their variable.

    Raises PullError: MALFORMED for what is no such file, is damaged, or has not exactly one member that fits; TOO_LARGE beyond
    ``limit``; MISSING_SECRET without the declared password; AUTH_FAILED with one that does not open the member.
    """
    return _gunzip(body, limit) if declared.type == "gzip" else _unzip(body, declared, passwords, limit)


def named_like(names: list[str], wanted: str) -> list[str]:
    """The names that are ``wanted``, or else fit it as a pattern in which * stands for anything."""
    if wanted in names:
        return [wanted]
    shape = re.compile(".*".join(map(re.escape, wanted.split("*"))), re.DOTALL)
    return [name for name in names if shape.fullmatch(name)] if "*" in wanted else []


def _gunzip(body: bytes, limit: int) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
            content = stream.read(limit + 1)
    except EOFError:
        raise _malformed("the gzip file breaks off", "try again later; if it stays, tell the operator.") from None
    except (OSError, zlib.error):
        raise _malformed("it is no gzip file that can be read", "look at the archived answer.") from None
    if len(content) > limit:
        raise _too_large(limit)
    return content


def _unzip(body: bytes, declared: Unpack, passwords: Mapping[str, str], limit: int) -> bytes:
    try:
        archive = zipfile.ZipFile(io.BytesIO(body))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError):
        raise _malformed("it is no ZIP file that can be read, or breaks off", "look at the archived answer.") from None
    with archive:
        item = _member(archive, declared.member)
        if item.file_size > limit:
            raise _too_large(limit)
        locked = bool(item.flag_bits & _ENCRYPTED)
        password = _password(declared, passwords) if locked else None
        try:
            if password is not None and item.compress_type == _AES:
                content = _open_aes(body, item, password, limit)
            else:
                with archive.open(item, pwd=password) as stream:
                    content = stream.read(limit + 1)
        except NotImplementedError:
            raise _malformed(
                "the member is packed in a way that is not supported",
                "ask for deflate, encrypted with AES or ZipCrypto.",
            ) from None
        except (RuntimeError, zipfile.BadZipFile, EOFError, zlib.error, struct.error, OSError, ValueError):
            if locked:
                raise PullError(
                    Outcome.AUTH_FAILED,
                    f"the password in {declared.password} does not open the ZIP file, or the file is damaged",
                    f"set {declared.password} to the current password.",
                ) from None
            raise _malformed("the ZIP file is damaged", "try again later; if it stays, tell the operator.") from None
    if len(content) > limit:
        raise _too_large(limit)
    return content


def _member(archive: zipfile.ZipFile, wanted: str | None) -> zipfile.ZipInfo:
    files = [item for item in archive.infolist() if not item.is_dir()]
    names = [item.filename for item in files]
    fitting = names if wanted is None else named_like(list(dict.fromkeys(names)), wanted)
    if len(fitting) == 1:
        return archive.getinfo(fitting[0])
    held = f"the ZIP file holds {len(files)} files"
    if wanted is None:
        raise _malformed(held, "say which one with `unpack.member`.")
    raise _malformed(f"{held}, of which {len(fitting)} fit `member: {wanted}`", "correct `unpack.member`.")


def _password(declared: Unpack, passwords: Mapping[str, str]) -> bytes:
    if declared.password is None:
        raise _malformed("the ZIP file is encrypted", "declare `unpack.password`, the NAME of a variable.")
    value = passwords.get(declared.password, "")
    if not value:
        raise PullError(
            Outcome.MISSING_SECRET,
            f"the secret {declared.password} is not set",
            f"set the environment variable {declared.password}.",
        )
    return value.encode()


def _open_aes(body: bytes, item: zipfile.ZipInfo, password: bytes, limit: int) -> bytes:
    """A member encrypted as WinZip does (AE-1 and AE-2: PBKDF2, AES in counter mode, HMAC-SHA1). Raises ValueError, zlib.error."""
    strength, method = _aes_facts(item.extra)
    key_bytes = _AES_KEY_BYTES[strength]
    name_bytes, extra_bytes = struct.unpack_from("<HH", body, item.header_offset + 26)
    start = item.header_offset + _LOCAL_HEADER + name_bytes + extra_bytes
    packed = body[start : start + item.compress_size]
    salt_bytes = key_bytes // 2
    salt, check = packed[:salt_bytes], packed[salt_bytes : salt_bytes + _CHECK]
    locked, seal = packed[salt_bytes + _CHECK : -_SEAL], packed[-_SEAL:]
    keys = hashlib.pbkdf2_hmac("sha1", password, salt, _AES_ROUNDS, 2 * key_bytes + _CHECK)
    if not hmac.compare_digest(keys[-_CHECK:], check):
        raise ValueError("wrong password")
    if not hmac.compare_digest(hmac.digest(keys[key_bytes : 2 * key_bytes], locked, "sha1")[:_SEAL], seal):
        raise ValueError("wrong seal")
    plain = _count_off(keys[:key_bytes], locked)
    if method == zipfile.ZIP_STORED:
        return plain
    if method != zipfile.ZIP_DEFLATED:
        raise NotImplementedError
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    content = unpacker.decompress(plain, limit + 1)
    if not unpacker.eof and len(content) <= limit:
        raise ValueError("breaks off")
    return content


def _aes_facts(extra: bytes) -> tuple[int, int]:
    """(strength, method of packing) of an AES member."""
    position = 0
    while position + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, position)
        if kind == _AES_EXTRA and size >= 7 and extra[position + 8] in _AES_KEY_BYTES:
            return extra[position + 8], struct.unpack_from("<H", extra, position + 9)[0]
        position += 4 + size
    raise ValueError("no AES facts")


def _count_off(key: bytes, locked: bytes) -> bytes:
    """AES in counter mode with a little-endian counter from 1, which no cipher mode of the library has."""
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # blocks of a counter, not of the content
    parts = []
    for first in range(0, -(-len(locked) // 16), _BLOCKS):
        some = locked[first * 16 : (first + _BLOCKS) * 16]
        counters = b"".join(
            number.to_bytes(16, "little") for number in range(first + 1, first + 1 + -(-len(some) // 16))
        )
        stream = cipher.update(counters)[: len(some)]
        parts.append((int.from_bytes(some, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(some), "big"))
    return b"".join(parts)


def _too_large(limit: int) -> PullError:
    return PullError(
        Outcome.TOO_LARGE,
        f"the packed file unpacks to more than {limit / 2**20:g} MiB",
        "ask for a smaller extract.",
    )


def _malformed(what: str, hint: str) -> PullError:
    return PullError(Outcome.MALFORMED, what, hint)
