"""How services break: the kinds of fault and what each does to a request or an answer.

Faults are laid over every service alike, so nothing here knows one service from another; what a service must play
itself (`next_loop`, `no_records`, `shrunk`, `shuffled`, and `changed_type` in its files) it reads from the request's scope.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from random import Random

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

STATUSES: Mapping[str, str] = {
    "400": "Bad Request", "401": "Unauthorized", "403": "Forbidden", "404": "Not Found", "410": "Gone", "419": "Page Expired",
    "429": "Too Many Requests", "500": "Internal Server Error", "502": "Bad Gateway", "503": "Service Unavailable",
    "504": "Gateway Timeout",
}  # fmt: skip
BEFORE = (*STATUSES, "html_login", "error_200", "gzip_bomb", "bad_gzip", "cut_off", "redirect_loop", "redirect_away")
AFTER = (
    "empty",
    "garbage",
    "truncated",
    "wrong_charset",
    "changed_type",
    "renamed_field",
    "nulls",
    "entities",
    "same_page",
)
INSIDE = ("next_loop", "no_records", "shrunk", "shuffled")
WAITING = ("slow", "hang")
KINDS = (*BEFORE, *AFTER, *INSIDE, *WAITING)
SCOPE_KEY = "sandbox.fault"
BOMB_BYTES = 128 * 1024 * 1024
SPELLING = re.compile(r"(?P<kind>[a-z0-9_]+?)(?::(?P<value>[0-9.]+))?(?:x(?P<times>[0-9]+))?")
ENTITY = b'<!DOCTYPE data [<!ENTITY rahasia SYSTEM "file:///etc/hostname">]>'
LOGIN_PAGE = """<!DOCTYPE html><html lang="id"><head><title>Masuk - SSO Bojonegoro</title></head><body>
<form method="post" action="/login"><h1>Silakan masuk</h1><input name="username"><input name="password" type="password">
<button>Masuk</button></form></body></html>"""


@dataclass(slots=True)
class Fault:
    """One way to break.

    `value` is seconds (Retry-After, or the wait of `slow` and `hang`); `times` is how many calls are struck, None for all.
    """

    kind: str
    value: float = 1.0
    times: int | None = None
    kept: tuple[bytes, str] | None = None
    """The page that `same_page` gives again and again, and its media type."""


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


def instead(fault: Fault, address: str) -> Response:
    """The answer given in place of the service's own; `address` is what was asked."""
    seconds = str(max(1, round(fault.value)))
    if fault.kind in ("401", "419"):
        return JSONResponse({"message": "Unauthenticated."}, int(fault.kind))
    if fault.kind == "429":
        return JSONResponse({"message": "Terlalu banyak permintaan"}, 429, headers={"Retry-After": seconds})
    if fault.kind in STATUSES:
        headers = {"Retry-After": seconds} if fault.kind == "503" else None
        page = f"<h1>{fault.kind} {STATUSES[fault.kind]}</h1><pre>SQLSTATE[HY000] [2002] Connection refused</pre>"
        return HTMLResponse(page, int(fault.kind), headers)
    if fault.kind == "html_login":
        return HTMLResponse(LOGIN_PAGE, 200)
    if fault.kind == "error_200":
        return JSONResponse(
            {"status": "error", "success": False, "message": "Terjadi kesalahan pada server", "data": None}
        )
    if fault.kind == "redirect_loop":
        return RedirectResponse(address, 302)
    if fault.kind == "redirect_away":
        return RedirectResponse("http://parkir.example/domain-dijual", 302)
    if fault.kind == "bad_gzip":
        return Response(b'{"data": []}', 200, headers={"Content-Encoding": "gzip"}, media_type="application/json")
    if fault.kind == "cut_off":
        return StreamingResponse(_breaking_off(), 200, {"Content-Length": "4096"}, media_type="application/json")
    return Response(_bomb(), 200, headers={"Content-Encoding": "gzip"}, media_type="application/json")


async def _breaking_off() -> AsyncIterator[bytes]:
    """The beginning of a body whose rest never comes."""
    yield b'{"data": ['
    raise ConnectionAbortedError("the fault `cut_off` breaks the answer off")


def spoiled(fault: Fault, body: bytes, media_type: str, fields: Collection[str]) -> bytes:
    """The service's own answer, spoiled. `fields` are those whose type changes under `changed_type`."""
    if fault.kind == "garbage":
        return Random(len(body)).randbytes(max(64, min(len(body), 65_536)))
    if fault.kind == "empty":
        return b""
    if fault.kind == "truncated":
        return body[: len(body) // 2]
    if fault.kind == "wrong_charset":
        return body.decode("utf-8", "replace").encode("utf-16") if _is_text(media_type) else body[::-1]
    if fault.kind == "entities" and "xml" not in media_type:
        return b'<?xml version="1.0"?>' + ENTITY + b"<data>&rahasia;</data>"
    if fault.kind == "entities":
        return re.sub(rb"(<\?xml[^>]*\?>)?", lambda found: (found[0] or b"") + ENTITY, body, count=1)
    change = {"renamed_field": _renamed, "nulls": _nulls}.get(fault.kind, _changed)
    if "ndjson" in media_type:
        lines = body.decode().splitlines()
        return "".join(f"{_drift_text(line, fields, change)}\n" for line in lines).encode()
    if "json" in media_type:
        return _drift_text(body.decode(), fields, change).encode()
    if "xml" in media_type and "openxml" not in media_type:
        return _drift_xml(body.decode(), fields, change).encode()
    if change is _renamed and "csv" in media_type:
        head, line_end, rest = body.partition(b"\n")
        return re.sub(rb"[A-Za-z]+", lambda found: found[0] + b"_baru", head) + line_end + rest
    return body


Change = Callable[[str, object], tuple[str, object]]
"""(name, value) of a struck field to its new name and value."""


def _renamed(name: str, value: object) -> tuple[str, object]:
    return f"{name}_baru", value


def _nulls(name: str, value: object) -> tuple[str, object]:
    return name, None


def _changed(name: str, value: object) -> tuple[str, object]:
    return name, _other_type(value)


def _is_text(media_type: str) -> bool:
    return any(part in media_type for part in ("json", "csv", "text", "xml")) and "openxml" not in media_type


def _drift_text(text: str, fields: Collection[str], change: Change) -> str:
    try:
        return json.dumps(_drift(json.loads(text), fields, change), ensure_ascii=False)
    except ValueError:
        return text


def _drift(value: object, fields: Collection[str], change: Change) -> object:
    if isinstance(value, list):
        return [_drift(item, fields, change) for item in value]
    if isinstance(value, dict):
        return dict(
            change(name, item) if name in fields else (name, _drift(item, fields, change))
            for name, item in value.items()
        )
    return value


def _other_type(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "dua belas juta lima ratus ribu"
    return {"nilai": value, "format": "baru"}


def _drift_xml(text: str, fields: Collection[str], change: Change) -> str:
    for name in fields:
        if change is not _changed:
            new = f"<{name}_baru>\\2</{name}_baru>" if change is _renamed else f"<{name}/>"
            text = re.sub(rf"<({name})(?:\s[^>]*)?>([^<]*)</{name}>", new, text)
            continue
        text = re.sub(rf"(<{name}(?:\s[^>]*)?>)([^<]*)(</{name}>)", r"\1<nilai>\2</nilai><format>baru</format>\3", text)
    return text


@cache
def _bomb() -> bytes:
    """A small gzip body that unpacks to 128 MiB."""
    packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    block = b" " * (1024 * 1024)
    parts = [packer.compress(block) for _ in range(BOMB_BYTES // len(block))]
    return b"".join((*parts, packer.flush()))
