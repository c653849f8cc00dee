"""The keys, tokens and passwords of the city's services, derived from the seed.

Checking them belongs to each service.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from hmac import compare_digest

NAMES = (
    "E_PBB_KEY",
    "E_BPHTB_USER",
    "E_BPHTB_PASSWORD",
    "SI_NDUK_TOKEN",
    "E_PUSKESMAS_TOKEN",
    "EKATALOG_V6_KEY",
    "SISPAN_SISMON_USER",
    "SISPAN_SISMON_PASSWORD",
    "WIZZTARA_KEY",
    "DAMKAR_USER",
    "DAMKAR_PASSWORD",
)


def credentials(seed: int = 1) -> dict[str, str]:
    """What a client must know, by the name of the environment variable it is read from."""
    found = {}
    for name in NAMES:
        digest = sha256(f"sandbox access:{seed}:{name}".encode()).hexdigest()
        found[name] = f"opg-{digest[:6]}" if name.endswith("_USER") else digest[:40]
    return found


def same(given: str | None, wanted: str) -> bool:
    """Whether the two are equal, in constant time."""
    return given is not None and compare_digest(given.encode(), wanted.encode())


def bearer(token: str) -> str:
    """The Authorization header of a bearer token."""
    return f"Bearer {token}"


def basic(user: str, password: str) -> str:
    """The Authorization header of HTTP basic authentication."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
