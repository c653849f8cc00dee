"""How a secret becomes part of a request. Declarations only; extract acts on them.

A secret is always the NAME of an environment variable. What an `auth` entry makes goes to a place: a header, the query, or
wherever `{name}` stands in the path, the query, the form, the JSON or the literal body.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from opg_pipeline.model.base import Declared, Duration, EnvName, Path_


class ApiKeyAuth(Declared):
    """A key in a header, in the query, in the path or in the body."""

    type: Literal["api_key"]
    in_: Literal["header", "query", "path", "body"] = Field(
        alias="in", description="path, body: it stands where `{name}` is; a form or JSON body without it gets a field."
    )
    name: str = Field(description="Name of the header, parameter, field or placeholder.")
    secret: EnvName = Field(description="NAME of the environment variable that holds the key.")


class BearerAuth(Declared):
    """`Authorization: Bearer <token>`."""

    type: Literal["bearer"]
    secret: EnvName = Field(description="NAME of the environment variable that holds the token.")


class BasicAuth(Declared):
    """HTTP basic (RFC 7617)."""

    type: Literal["basic"]
    username: EnvName = Field(description="NAME of the environment variable that holds the user name.")
    password: EnvName = Field(description="NAME of the environment variable that holds the password.")


class OAuth2Auth(Declared):
    """OAuth 2.0 client credentials (RFC 6749, 4.4). The token is renewed before it expires and once after a 401."""

    type: Literal["oauth2"]
    token_path: str = Field(pattern=r"^/[^\s]*$", description="Below base_url.")
    client_id: EnvName
    client_secret: EnvName
    scope: str | None = None
    client_in: Literal["header", "body"] = Field("header", description="header: HTTP basic; body: form fields.")


class TokenPlace(Declared):
    """Where a token that a login gave is shown."""

    in_: Literal["bearer", "header", "query", "body"] = Field("bearer", alias="in")
    name: str | None = Field(None, description="Name of the header, parameter, field or placeholder; not for bearer.")
    prefix: str = Field("", description="Text before the token, such as 'Token '.")

    @model_validator(mode="after")
    def _named(self) -> TokenPlace:
        if (self.in_ == "bearer") != (self.name is None):
            raise ValueError("`name` belongs to `in: header`, `query` or `body`, and is needed there")
        return self


class LoginAuth(Declared):
    """A call that opens the door: it gives a token, a session cookie, or both. Repeated once when the door has closed again.

    With `page`, that page is asked first and the hidden inputs (or meta tags) named in `carry` are sent with the login, as a
    CSRF token is. Without `path` the page itself opens the door.
    """

    type: Literal["login"]
    page: str | None = Field(None, pattern=r"^/[^\s]*$", description="Page with the login form, below base_url.")
    carry: tuple[str, ...] = Field((), description="Hidden inputs or meta tags of `page` that go with the login.")
    path: str | None = Field(None, pattern=r"^/[^\s]*$", description="Where the login goes (POST), below base_url.")
    form: dict[str, str] | None = Field(None, description="Form fields; `{name}` takes a secret.")
    json_: dict[str, Any] | None = Field(None, alias="json", description="JSON body; `{name}` takes a secret.")
    body: str | None = Field(None, description="Literal body (SOAP); `{name}` takes a secret. Needs `content_type`.")
    content_type: str | None = None
    secrets: dict[str, EnvName] = Field({}, description="Placeholder to NAME of an environment variable.")
    token: Path_ | None = Field(
        None,
        description="Where the token stands in the (JSON or XML) answer; an input or meta tag of an HTML page. Without it: the cookie.",
    )
    show: TokenPlace = Field(TokenPlace(), description="Where the token is shown.")
    lasts: Duration | None = Field(None, description="How long the door stays open, where that is known.")
    closed_on: tuple[int, ...] = Field((401, 419), description="HTTP statuses that say the door has closed.")

    @model_validator(mode="after")
    def _whole(self) -> LoginAuth:
        bodies = [item for item in (self.form, self.json_, self.body) if item is not None]
        if self.path is None and (self.page is None or bodies):
            raise ValueError("a login needs `path` with `form`, `json` or `body`, or a `page` alone")
        if self.path is not None and len(bodies) != 1:
            raise ValueError("a login sends exactly one of `form`, `json` or `body`")
        if (self.body is None) != (self.content_type is None):
            raise ValueError("`body` and `content_type` belong together")
        if self.carry and self.page is None:
            raise ValueError("`carry` takes its values from `page`")
        return self


class HmacAuth(Declared):
    """A signature over each request. Templates may hold `{key}` `{timestamp}` `{nonce}` `{method}` `{path}` `{query}` `{body}`
    `{body_sha256}` and, in `headers`, `{signature}`."""

    type: Literal["hmac"]
    secret: EnvName = Field(description="NAME of the environment variable that holds the signing secret.")
    key: EnvName | None = Field(None, description="NAME of the variable with the public part, `{key}` (consumer id).")
    message: str = Field(description="What is signed, such as '{key}&{timestamp}'. \\n is a line feed.")
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    timestamp: Literal["epoch_s", "epoch_ms", "iso"] = "epoch_s"
    headers: dict[str, str] = Field(min_length=1, description="Headers to send, such as {X-Signature: '{signature}'}.")

    @model_validator(mode="after")
    def _known_places(self) -> HmacAuth:
        known = {"timestamp", "nonce", "method", "path", "query", "body", "body_sha256"}
        known |= {"key"} if self.key is not None else set()
        for text, more in ((self.message, set[str]()), *((text, {"signature"}) for text in self.headers.values())):
            for name in re.findall(r"\{([^{}]*)\}", text):
                if name not in known | more:
                    raise ValueError(f"nothing fills {{{name}}} in {text!r}; known: {', '.join(sorted(known | more))}")
        if not any("{signature}" in text for text in self.headers.values()):
            raise ValueError("no header holds {signature}")
        return self


class MutualTlsAuth(Declared):
    """A client certificate (mutual TLS). The variables hold PATHS of PEM files."""

    type: Literal["mtls"]
    certificate: EnvName
    private_key: EnvName
    authority: EnvName | None = Field(None, description="PEM file of the source's own authority, where it has one.")


Auth = Annotated[
    ApiKeyAuth | BearerAuth | BasicAuth | OAuth2Auth | LoginAuth | HmacAuth | MutualTlsAuth, Field(discriminator="type")
]
