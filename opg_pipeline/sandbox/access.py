"""The keys, tokens and passwords of the city's services, derived from the seed.

Checking them belongs to each service.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from hmac import compare_digest
from hmac import new as new_hmac


def credential(name: str, seed: int = 1) -> str:
    """The value behind the name of an environment variable."""
    digest = sha256(f"sandbox access:{seed}:{name}".encode()).hexdigest()
    return f"opg-{digest[:6]}" if name.endswith("_USER") else digest[:40]


def same(given: str | None, wanted: str) -> bool:
    """Whether the two are equal, in constant time."""
    return given is not None and compare_digest(given.encode(), wanted.encode())


def bearer(token: str) -> str:
    """The Authorization header of a bearer token."""
    return f"Bearer {token}"


def basic(user: str, password: str) -> str:
    """The Authorization header of HTTP basic authentication."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def hmac_hex(secret: str, message: str) -> str:
    """HMAC-SHA256 of the message, hexadecimal."""
    return new_hmac(secret.encode(), message.encode(), sha256).hexdigest()


def hmac_base64(secret: str, message: str) -> str:
    """HMAC-SHA256 of the message, base64."""
    return b64encode(new_hmac(secret.encode(), message.encode(), sha256).digest()).decode()
