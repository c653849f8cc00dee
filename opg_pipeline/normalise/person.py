"""One person by one identity: its tokens, and where it stands in what a source sent. What is done about a find is the caller's."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator

from opg_pipeline.normalise.columns import source
from opg_pipeline.normalise.identity import IdentityParser
from opg_pipeline.normalise.tokens import Pseudonymiser

KINDS = ("nik", "no_kk", "npwp", "nip", "nisn", "nop", "plate", "phone", "email", "account", "identifier")
"""Identities that are one person's (or household's, or object's) alone. A name is not: others have it too."""
_ALIKE = {"nik": ("npwp",), "npwp": ("nik",)}
"""Since PMK 112/2022 a person's NIK is the NPWP."""
_BETWEEN = r"[\s.\-/()]{0,2}"
_NO_LETTER_BEFORE, _NO_LETTER_AFTER = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"
_DEEP = 3
_BOMS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class Person:
    """A person by one identity.

    Args:
        kind: one of KINDS.
        value: the identity, written in any way its parser reads.

    Raises:
        ValueError: the value is none of that kind. The message does not repeat it.
    """

    def __init__(self, kind: str, value: str) -> None:
        self.kind = kind
        canonical = _canonical(kind, value)
        if canonical is None:
            raise ValueError(f"What was given is no {kind}.")
        self._canonical = canonical
        self._written = {value.strip(), *_spellings(kind, canonical)}
        self._shape = re.compile(_shape(kind, canonical).encode(), re.IGNORECASE)

    def __repr__(self) -> str:
        return f"Person(kind={self.kind!r}, ***)"

    def tokens(self, pseudonyms: Pseudonymiser, app: str) -> set[str]:
        """Every token that stands for the identity in records of an app, also where it is the record's identifier."""
        found = {pseudonyms.token(f"identifier:{app}", text) for text in self._written}
        for kind in (self.kind, *_ALIKE.get(self.kind, ())):
            canonical = None if kind == "identifier" else _canonical(kind, self._canonical)
            if canonical is not None:
                found.add(pseudonyms.token(kind, canonical))
        return found

    def stands_in(self, body: bytes) -> bool | None:
        """Whether the identity stands in an answer or a record, also packed or in a workbook; None where it cannot be opened."""
        closed = False
        for part in _parts(body, _DEEP):
            if part is None:
                closed = True
            elif self._shape.search(part):
                return True
        return None if closed else False


def _canonical(kind: str, value: str) -> str | None:
    parsed = IdentityParser(kind).parse(source([value.strip()], frozenset()))
    found: str | None = parsed.values[0].as_py() if not parsed.reasons.any() else None
    return found


def _spellings(kind: str, canonical: str) -> list[str]:
    if kind == "phone":
        return [canonical, canonical[1:], f"0{canonical[3:]}"]
    return [canonical, canonical.replace(" ", "")]


def _shape(kind: str, canonical: str) -> str:
    """A regular expression for the identity however it is written."""
    if kind == "phone":
        return rf"(?<!\d)(?:\+?62|0)?{_BETWEEN}{_BETWEEN.join(canonical[3:])}(?!\d)"
    if kind == "email":
        return _NO_LETTER_BEFORE + re.escape(canonical).replace("@", "(?:@|%40|\\\\u0040)") + _NO_LETTER_AFTER
    if kind == "identifier":
        return _NO_LETTER_BEFORE + re.escape(canonical) + _NO_LETTER_AFTER
    spaced = _BETWEEN.join(re.escape(sign) for sign in canonical if sign != " ")
    if kind == "npwp" and canonical.startswith("0"):
        spaced = f"0?{_BETWEEN}{_BETWEEN.join(canonical[1:])}"
    return _NO_LETTER_BEFORE + spaced + _NO_LETTER_AFTER


def _parts(body: bytes, deep: int) -> Iterator[bytes | None]:
    """A body and what is packed in it, as text in an encoding that holds ASCII; None for what cannot be opened."""
    if not deep:
        yield None
        return
    if body.startswith(b"\x1f\x8b"):
        try:
            yield from _parts(gzip.decompress(body), deep - 1)
        except (OSError, EOFError, zlib.error):
            yield None
        return
    if body.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                for member in archive.infolist():
                    yield from (None,) if member.flag_bits & 1 else _parts(archive.read(member), deep - 1)
        except (zipfile.BadZipFile, NotImplementedError, zlib.error, EOFError):
            yield None
        return
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            yield body.decode(encoding, "replace").encode()
            return
    yield body
