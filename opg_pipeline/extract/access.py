"""The secrets of one source: which are needed, whether they can be used, and how they are kept out of every text.

The values come from the caller; nothing here reads the environment or sends anything. What a request carries of them is
doors.py's and signing.py's.
"""

from __future__ import annotations

import re
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

from opg_pipeline.model.app import Dataset
from opg_pipeline.model.auth import (
    ApiKeyAuth,
    Auth,
    BasicAuth,
    BearerAuth,
    HmacAuth,
    LoginAuth,
    MutualTlsAuth,
    OAuth2Auth,
)
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.model.source import Source

_NAMED = re.compile(
    r"([?&;](?:api_?key|app_?key|access_?token|auth_?token|token|_token|sig|signature|password|passwd|secret"
    r"|client_secret|j?session_?id|phpsessid|sid)=)[^&#\s\"')]*",
    re.IGNORECASE,
)
_USER = re.compile(r"//[^/@\s]+@")
_PERSONAL = re.compile(
    r"\d{16,}|(?<!\d)(?:(?:\+|%2B)?62|0)8\d{7,11}(?!\d)|(?<![\w.+-])[\w.+-]+(?:@|%40)[\w-]+\.[\w.]+", re.IGNORECASE
)
_SHORT = 4
_OBTAINED = 64
"""How many of the tokens and cookies obtained are remembered; a source that changes them with every answer gives thousands."""


@dataclass(frozen=True)
class Access:
    """The resolved address of one app, and its secrets by the NAMES its declaration gives."""

    base_url: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class ClientCertificate:
    """Paths of the PEM files of mutual TLS."""

    certificate: str
    private_key: str
    authority: str | None


def secret_names(source: Source) -> tuple[str, ...]:
    """The environment variables that the source's `auth` needs, each once."""
    return tuple(dict.fromkeys(name for auth in source.auth for name in _names(auth)))


def dataset_secret_names(dataset: Dataset) -> tuple[str, ...]:
    """The environment variables that the dataset needs over those of its source: the password of a packed file."""
    unpack = dataset.unpack
    return (unpack.password,) if unpack is not None and unpack.password is not None else ()


def _names(auth: Auth) -> Iterator[str]:
    if isinstance(auth, ApiKeyAuth | BearerAuth):
        yield auth.secret
    elif isinstance(auth, BasicAuth):
        yield from (auth.username, auth.password)
    elif isinstance(auth, OAuth2Auth):
        yield from (auth.client_id, auth.client_secret)
    elif isinstance(auth, LoginAuth):
        yield from auth.secrets.values()
    elif isinstance(auth, HmacAuth):
        yield from (auth.secret, *filter(None, (auth.key,)))
    else:
        yield from (auth.certificate, auth.private_key, *filter(None, (auth.authority,)))


def basic_pair(username: str, password: str) -> str:
    """What follows `Basic` (RFC 7617)."""
    return b64encode(f"{username}:{password}".encode()).decode()


class Credentials:
    """The secrets of one source by name, and all that no text may hold: they, and what was obtained with them.

    Args:
        values: secrets by the names of their variables.
        hidden: texts to strike out.
        query: names of query parameters whose values are struck out.
        certificate: of mutual TLS.
    """

    def __init__(
        self,
        values: Mapping[str, str] | None = None,
        hidden: frozenset[str] = frozenset(),
        query: frozenset[str] = frozenset(),
        certificate: ClientCertificate | None = None,
    ) -> None:
        self.values: Mapping[str, str] = dict(values or {})
        self.certificate = certificate
        self._hidden = _longest_first({form for value in hidden for form in _spellings(value)})
        self._query = [re.compile(rf"([?&]{re.escape(quote(name))}=)[^&#\s\"')]*") for name in sorted(query)]
        self._obtained: dict[str, tuple[str, ...]] = {}

    def __repr__(self) -> str:
        return f"Credentials({', '.join(self.values)})"

    def learn(self, value: str, *, shortest: int = _SHORT) -> None:
        """Strike ``value``, a token or cookie just obtained, out of every text from now on, unless it is too short to tell."""
        self._obtained.pop(value, None)
        if len(value) >= shortest:
            self._obtained[value] = _longest_first(_spellings(value))
        while len(self._obtained) > _OBTAINED:
            del self._obtained[next(iter(self._obtained))]

    def redact(self, text: str) -> str:
        """``text`` without secrets, user names in addresses, and what looks like personal data."""
        return _PERSONAL.sub("***", self.without_secrets(text))

    def without_secrets(self, text: str) -> str:
        """``text`` without secrets and user names in addresses."""
        for value in self._hidden:
            text = text.replace(value, "***")
        for forms in self._obtained.values():
            for form in forms:
                text = text.replace(form, "***")
        for pattern in self._query:
            text = pattern.sub(r"\1***", text)
        return _USER.sub("//***@", _NAMED.sub(r"\1***", text))


def _spellings(value: str) -> set[str]:
    """How a text may stand in an address or a form."""
    return {value, quote(value), quote(value, safe=""), quote(value, safe="$:,/@*"), quote_plus(value)}


def _longest_first(forms: set[str]) -> tuple[str, ...]:
    return tuple(sorted((form for form in forms if len(form) >= _SHORT), key=len, reverse=True))


def credentials(source: Source, access: Access) -> Credentials:
    """The source's secrets with their values. Raises PullError MISSING_SECRET, or AUTH_FAILED for what cannot be used."""
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
    certificates = [auth for auth in source.auth if isinstance(auth, MutualTlsAuth)]
    paths = {name for auth in certificates for name in _names(auth)}
    hidden = {value for name, value in {**access.secrets, **values}.items() if name not in paths}
    query: set[str] = set()
    for auth in source.auth:
        if isinstance(auth, BasicAuth):
            hidden.add(basic_pair(values[auth.username], values[auth.password]))
        elif isinstance(auth, OAuth2Auth):
            pair = (quote_plus(values[auth.client_id]), quote_plus(values[auth.client_secret]))
            hidden.add(basic_pair(*pair))
        elif isinstance(auth, ApiKeyAuth) and auth.in_ == "query":
            query.add(auth.name)
        elif isinstance(auth, LoginAuth) and auth.show.in_ == "query" and auth.show.name is not None:
            query.add(auth.show.name)
    certificate = _certificate(certificates[0], values) if certificates else None
    return Credentials(values, frozenset(hidden), frozenset(query), certificate)


def _certificate(auth: MutualTlsAuth, values: Mapping[str, str]) -> ClientCertificate:
    """The declared files, once they have been seen to be what they should."""
    for name in _names(auth):
        try:
            with Path(values[name]).open("rb"):
                pass
        except OSError:
            raise PullError(
                Outcome.MISSING_SECRET,
                f"the file that {name} names cannot be opened",
                f"set {name} to the path of a PEM file that may be read.",
            ) from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_cert_chain(values[auth.certificate], values[auth.private_key], password=lambda: "")
    except (ssl.SSLError, OSError):
        raise PullError(
            Outcome.AUTH_FAILED,
            f"the certificate of {auth.certificate} and the private key of {auth.private_key} cannot be used",
            "both must be PEM files, belong to each other, and the key must have no password.",
        ) from None
    if auth.authority is not None:
        try:
            context.load_verify_locations(cafile=values[auth.authority])
        except (ssl.SSLError, OSError):
            raise PullError(
                Outcome.AUTH_FAILED,
                f"the file that {auth.authority} names holds no certificate",
                f"set {auth.authority} to the PEM file of the source's authority.",
            ) from None
    return ClientCertificate(
        values[auth.certificate], values[auth.private_key], values[auth.authority] if auth.authority else None
    )
