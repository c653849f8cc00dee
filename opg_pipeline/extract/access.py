"""Credentials of one source: which are needed, how they are shown to the source, and how they are kept out of every text.

The values come from the caller; nothing here reads the environment or sends anything.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.model.source import ApiKeyAuth, BasicAuth, BearerAuth, Source

_NAMED = re.compile(
    r"([?&;](?:api_?key|app_?key|access_?token|auth_?token|token|sig|signature|password|passwd|secret)=)[^&#\s\"')]*",
    re.IGNORECASE,
)
_USER = re.compile(r"//[^/@\s]+@")
_PERSONAL = re.compile(
    r"\d{16,}|(?<!\d)(?:(?:\+|%2B)?62|0)8\d{7,11}(?!\d)|(?<![\w.+-])[\w.+-]+(?:@|%40)[\w-]+\.[\w.]+", re.IGNORECASE
)
_SHORT = 4


@dataclass(frozen=True)
class Access:
    """The resolved address of one app, and its secrets by the NAMES its `auth` declares."""

    base_url: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def secret_names(source: Source) -> tuple[str, ...]:
    """The environment variables the source's `auth` needs."""
    auth = source.auth
    if isinstance(auth, ApiKeyAuth | BearerAuth):
        return (auth.secret,)
    if isinstance(auth, BasicAuth):
        return (auth.username, auth.password)
    return ()


@dataclass(frozen=True)
class Credentials:
    """What a request carries to prove who asks."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)
    """Spellings that no text may hold, longest first."""

    def redact(self, text: str) -> str:
        """``text`` without secrets, user names in addresses, and what looks like personal data."""
        for value in self.hidden:
            text = text.replace(value, "***")
        for name in self.query:
            text = re.sub(rf"([?&]{re.escape(quote(name))}=)[^&#\s\"')]*", r"\1***", text)
        text = _USER.sub("//***@", _NAMED.sub(r"\1***", text))
        return _PERSONAL.sub("***", text)


def credentials(source: Source, access: Access) -> Credentials:
    """The declared credentials with their values. Raises PullError MISSING_SECRET, or AUTH_FAILED for an unusable value."""
    values: dict[str, str] = {}
    for name in secret_names(source):
        value = access.secrets.get(name, "")
        if not value:
            raise PullError(
                Outcome.MISSING_SECRET, f"the secret {name} is not set", f"set the environment variable {name}."
            )
        if any(ord(sign) < 32 or ord(sign) == 127 for sign in value):
            raise PullError(
                Outcome.AUTH_FAILED,
                f"the secret {name} holds a control character",
                f"set {name} anew, without line breaks.",
            )
        values[name] = value
    auth = source.auth
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    hidden = set(values.values())
    if isinstance(auth, ApiKeyAuth):
        (headers if auth.in_ == "header" else query)[auth.name] = values[auth.secret]
    elif isinstance(auth, BearerAuth):
        headers["Authorization"] = f"Bearer {values[auth.secret]}"
    elif isinstance(auth, BasicAuth):
        hidden -= {values[auth.username]} if len(values[auth.username]) < _SHORT else set()
        pair = b64encode(f"{values[auth.username]}:{values[auth.password]}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
        hidden.add(pair)
    spellings = {form for value in hidden for form in (value, quote(value), quote(value, safe=""), quote_plus(value))}
    return Credentials(
        headers, query, tuple(sorted((item for item in spellings if len(item) >= _SHORT), key=len, reverse=True))
    )
