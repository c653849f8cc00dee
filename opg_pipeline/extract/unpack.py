"""Collects the body of one answer and unpacks its content coding, never holding more than the limit. No network here."""

from __future__ import annotations

import zlib

from opg_pipeline.model.handover import Outcome, PullError

ACCEPTED = "gzip, deflate"
"""Content codings we ask for: those that can be unpacked in bounded steps."""

_GZIP_MAGIC = b"\x1f\x8b"


class Body:
    """Takes chunks as they came and gives the unpacked body.

    Args:
        coding: the answer's Content-Encoding.
        limit: most bytes the unpacked body may have.

    Raises PullError: TOO_LARGE as soon as the limit is passed, MALFORMED for a coding that is damaged or was not asked for.
    """

    def __init__(self, coding: str, limit: int) -> None:
        self._coding = {"x-gzip": "gzip", "identity": ""}.get(name := coding.strip().lower(), name)
        if self._coding not in {"", "gzip", "deflate"}:
            raise PullError(
                Outcome.MALFORMED,
                f"the answer is packed as {self._coding[:20]!r}, which was not asked for",
                "tell the source's operator.",
            )
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._received = 0
        self._unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16 if self._coding == "gzip" else zlib.MAX_WBITS)
        self._done = False

    def expect(self, length: str) -> None:
        """Refuse at once what says itself that it is too large (Content-Length)."""
        if not self._coding and length.isdigit() and int(length) > self._limit:
            raise self._too_large()

    def feed(self, chunk: bytes) -> None:
        """Take the next chunk."""
        self._received += len(chunk)
        if not self._coding:
            self._keep(chunk)
            return
        try:
            self._inflate(chunk)
        except zlib.error:
            raise self._damaged("is damaged") from None

    def finish(self) -> bytes:
        """The whole body. An answer packed in several gzip members is joined."""
        if self._coding and self._received and not self._done:
            raise self._damaged("breaks off")
        return b"".join(self._parts)

    def _inflate(self, data: bytes) -> None:
        while data and not self._done:
            try:
                out = self._unpacker.decompress(data, self._limit - self._size + 1)
            except zlib.error:
                if self._coding != "deflate" or self._size:
                    raise
                self._unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
                out = self._unpacker.decompress(data, self._limit - self._size + 1)
            self._keep(out)
            if not self._unpacker.eof:
                data = self._unpacker.unconsumed_tail
                continue
            data = self._unpacker.unused_data
            if self._coding == "gzip" and data.startswith(_GZIP_MAGIC):
                self._unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            else:
                self._done = True

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            raise self._too_large()
        if part:
            self._parts.append(part)

    def _too_large(self) -> PullError:
        packed = f", unpacked from {self._received:,} bytes so far" if self._coding else ""
        return PullError(
            Outcome.TOO_LARGE,
            f"the answer is larger than the {self._limit / 2**20:g} MiB allowed{packed}",
            "ask for smaller pages, or raise `source.max_answer_mb` if the source is trusted.",
        )

    def _damaged(self, how: str) -> PullError:
        return PullError(
            Outcome.MALFORMED,
            f"the {self._coding} packing of the answer {how}",
            "try again later; if it stays, tell the operator.",
        )
