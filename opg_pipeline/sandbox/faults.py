"""How services break: the kinds of fault and what each does to a request or an answer.

Faults are laid over every service alike, so nothing here knows one service from another; what a service must play
itself (`next_loop`, `no_records`, `shrunk`, and `changed_type` in its files) it reads from the request's scope.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from random import Random

from starlette.responses import HTMLResponse, JSONResponse, Response

BEFORE = ("500", "503", "429", "401", "404", "html_login", "gzip_bomb")
AFTER = ("empty", "garbage", "truncated", "changed_type")
INSIDE = ("next_loop", "no_records", "shrunk")
KINDS = (*BEFORE, *AFTER, *INSIDE, "slow")
SCOPE_KEY = "sandbox.fault"
BOMB_BYTES = 128 * 1024 * 1024
SPELLING = re.compile(r"(?P<kind>[a-z0-9_]+?)(?::(?P<value>[0-9.]+))?(?:x(?P<times>[0-9]+))?")
LOGIN_PAGE = """<!DOCTYPE html><html lang="id"><head><title>Masuk - SSO Bojonegoro</title></head><body>
<form method="post" action="/login"><h1>Silakan masuk</h1><input name="username"><input name="password" type="password">
<button>Masuk</button></form></body></html>"""


@dataclass(slots=True)
class Fault:
    """One way to break.

    `value` is seconds (Retry-After, or the wait of `slow`); `times` is how many calls are struck, None for all.
    """

    kind: str
    value: float = 1.0
    times: int | None = None


def parse(spec: object) -> Fault:
    """A fault from `kind`, `kind:seconds`, `kindxN`, `kind:secondsxN`, or {"kind": …, "value": …, "times": …}."""
    if isinstance(spec, Mapping):
        kind, value, times = str(spec.get("kind")), spec.get("value"), spec.get("times")
    else:
        match = SPELLING.fullmatch(str(spec))
        if match is None:
            raise ValueError(f"not a fault: {spec!r}")
        kind, value, times = match["kind"], match["value"], match["times"]
    if kind not in KINDS:
        raise ValueError(f"unknown fault {kind!r}; known: {', '.join(KINDS)}")
    if times is None and kind == "429":
        times = 2
    return Fault(kind, 1.0 if value is None else float(str(value)), None if times is None else int(str(times)))


def instead(fault: Fault) -> Response:
    """The answer given in place of the service's own."""
    seconds = str(max(1, round(fault.value)))
    if fault.kind == "500":
        return HTMLResponse(
            "<h1>500 Internal Server Error</h1><pre>SQLSTATE[HY000] [2002] Connection refused</pre>", 500
        )
    if fault.kind == "503":
        return HTMLResponse("<h1>Sedang dalam pemeliharaan</h1>", 503, headers={"Retry-After": seconds})
    if fault.kind == "429":
        return JSONResponse({"message": "Terlalu banyak permintaan"}, 429, headers={"Retry-After": seconds})
    if fault.kind == "401":
        return JSONResponse({"message": "Unauthenticated."}, 401)
    if fault.kind == "404":
        return HTMLResponse("<h1>Not Found</h1><p>The requested URL was not found on this server.</p>", 404)
    if fault.kind == "html_login":
        return HTMLResponse(LOGIN_PAGE, 200)
    return Response(_bomb(), 200, headers={"Content-Encoding": "gzip"}, media_type="application/json")


def spoiled(fault: Fault, body: bytes, media_type: str, fields: Collection[str]) -> bytes:
    """The service's own answer, spoiled. `fields` are those whose type changes under `changed_type`."""
    if fault.kind == "garbage":
        return Random(len(body)).randbytes(max(64, min(len(body), 65_536)))
    if fault.kind == "empty":
        return b""
    if fault.kind == "truncated":
        return body[: len(body) // 2]
    if "ndjson" in media_type:
        lines = body.decode().splitlines()
        return "".join(f"{_drift_text(line, fields)}\n" for line in lines).encode()
    if "json" in media_type:
        return _drift_text(body.decode(), fields).encode()
    if "xml" in media_type and "openxml" not in media_type:
        return _drift_xml(body.decode(), fields).encode()
    return body


def _drift_text(text: str, fields: Collection[str]) -> str:
    try:
        return json.dumps(_drift(json.loads(text), fields), ensure_ascii=False)
    except ValueError:
        return text


def _drift(value: object, fields: Collection[str]) -> object:
    if isinstance(value, list):
        return [_drift(item, fields) for item in value]
    if isinstance(value, dict):
        return {name: _other_type(item) if name in fields else _drift(item, fields) for name, item in value.items()}
    return value


def _other_type(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "dua belas juta lima ratus ribu"
    return {"nilai": value, "format": "baru"}


def _drift_xml(text: str, fields: Collection[str]) -> str:
    for name in fields:
        text = re.sub(rf"(<{name}(?:\s[^>]*)?>)([^<]*)(</{name}>)", r"\1<nilai>\2</nilai><format>baru</format>\3", text)
    return text


@cache
def _bomb() -> bytes:
    """A small gzip body that unpacks to 128 MiB."""
    packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    block = b" " * (1024 * 1024)
    parts = [packer.compress(block) for _ in range(BOMB_BYTES // len(block))]
    return b"".join((*parts, packer.flush()))
