"""How large and how packed an answer may be."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest
from starlette.responses import Response, StreamingResponse

from opg_pipeline.model.handover import Outcome
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull


def packed(body: bytes, coding: str = "gzip") -> Response:
    return Response(body, headers={"Content-Encoding": coding}, media_type="application/json")


async def test_gzip_bomb_stops_early(server: Server) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    bomb = b"".join([packer.compress(b" " * 2**20) for _ in range(256)]) + packer.flush()
    server.handler = lambda request: packed(bomb)
    result = await pull(server.url, source={"max_answer_mb": 1})
    assert result.failure.outcome is Outcome.TOO_LARGE
    assert result.failure.attempts == 1
    assert "1 MiB allowed" in result.failure.what
    assert result.archive == []


@pytest.mark.parametrize("announced", [True, False])
async def test_size_limit(server: Server, announced: bool) -> None:
    body = b"[" + b" " * (3 * 2**20) + b"]"
    sent = [0]

    async def stream() -> Any:
        for start in range(0, len(body), 65_536):
            sent[0] += 65_536
            yield body[start : start + 65_536]

    server.handler = lambda request: Response(body) if announced else StreamingResponse(stream())
    result = await pull(server.url, source={"max_answer_mb": 1})
    assert result.failure.outcome is Outcome.TOO_LARGE
    server.handler = lambda request: Response(body)
    assert (await pull(server.url, source={"max_answer_mb": 4})).error is None


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "raw", "members"])
async def test_packings(server: Server, coding: str) -> None:
    body = b'[{"id": 1}]' + b" " * 5000
    packings = {
        "gzip": gzip.compress(body), "x-gzip": gzip.compress(body), "deflate": zlib.compress(body),
        "raw": zlib.compress(body)[2:-4], "members": gzip.compress(body[:7]) + gzip.compress(body[7:]),
    }  # fmt: skip
    server.handler = lambda request: packed(packings[coding], {"raw": "deflate", "members": "gzip"}.get(coding, coding))
    result = await pull(server.url)
    assert result.error is None
    assert result.records == [{"id": 1}]
    assert result.archive == [body], "the archive holds the unpacked body"
    assert server.asked[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"id,title\n1,a\n2,b\n")[:-12], b"no gzip", b"\x1f\x8b\x08\x00 spoiled" * 9],
    ids=["breaks off", "no gzip", "spoiled"],
)
async def test_damaged_packing(server: Server, body: bytes) -> None:
    """A CSV that breaks off inside its packing must not pass for a short CSV."""
    server.handler = lambda request: packed(body)
    result = await pull(server.url, make_dataset(format="csv"))
    assert result.failure.outcome is Outcome.MALFORMED
    assert "gzip packing" in result.failure.what


async def test_packing_nobody_asked_for(server: Server) -> None:
    server.handler = lambda request: packed(b"x", "br")
    result = await pull(server.url)
    assert result.failure.outcome is Outcome.MALFORMED
    assert "'br'" in result.failure.what
