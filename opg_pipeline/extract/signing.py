"""Signs one request with a shared secret (HMAC). Pure: time and nonce come from the caller."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256

from opg_pipeline.model.auth import HmacAuth

_PLACE = re.compile(r"\{(key|timestamp|nonce|method|path|query|body|body_sha256|signature)\}")


def signed_headers(
    auth: HmacAuth, secret: str, key: str, *, method: str, target: bytes, body: bytes, now: datetime, nonce: str
) -> dict[str, str]:
    """The headers that `auth` declares, with their values.

    Args:
        key: the public part; '' where there is none.
        target: path and query exactly as they are sent, such as ``b"/a%20b?x=1"``.
        body: exactly as it is sent.
        now: an instant with offset.
    """
    path, _, query = target.partition(b"?")
    values = {
        "key": key.encode(),
        "timestamp": _timestamp(auth, now).encode(),
        "nonce": nonce.encode(),
        "method": method.encode(),
        "path": path,
        "query": query,
        "body": body,
        "body_sha256": sha256(body).hexdigest().encode(),
    }
    digest = hmac.digest(secret.encode(), _filled(auth.message.replace("\\n", "\n"), values), auth.algorithm)
    values["signature"] = b64encode(digest) if auth.encoding == "base64" else digest.hex().encode()
    return {name: _filled(text, values).decode("utf-8", "replace") for name, text in auth.headers.items()}


def _filled(template: str, values: dict[str, bytes]) -> bytes:
    pieces = _PLACE.split(template)
    return b"".join(values.get(piece, b"") if number % 2 else piece.encode() for number, piece in enumerate(pieces))


def _timestamp(auth: HmacAuth, now: datetime) -> str:
    if auth.timestamp == "iso":
        return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    scale = 1000 if auth.timestamp == "epoch_ms" else 1
    return str(int(now.timestamp() * scale))
