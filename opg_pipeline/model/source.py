"""How to reach one city app: address, courtesy, what success is. Declarations only; extract acts on them.

Credentials are in auth.py, paging and position in paging.py, formats in formats.py.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from opg_pipeline.model.auth import Auth
from opg_pipeline.model.base import Declared, Duration, Path_


class Budget(Declared):
    """The most we ask of a host. Apps of one host share it: the strictest of their budgets counts."""

    requests_per_second: float = Field(5.0, gt=0, le=1000)
    concurrent: int = Field(2, ge=1, le=64)
    hours: str | None = Field(
        None,
        pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$",
        description="When we may ask, city time, such as '21:00-05:00'. A pull outside of it is put off.",
    )


class Breaker(Declared):
    """When to leave a broken source alone. Counted over runs."""

    failures: int = Field(5, ge=1, le=100, description="Pulls that failed one after the other.")
    pause: Duration = Field("1h", description="How long it is not asked then; one try follows. Doubles up to a day.")


class Success(Declared):
    """What a good answer says about itself, where HTTP 200 is not enough."""

    path: Path_ = Field(description="Where the answer states its outcome.")
    equals: Any = Field(None, description="The value, or list of values, that means success.")
    absent: bool = Field(False, description="Success is that nothing stands there (`errors` of GraphQL).")
    empty: Any = Field(None, description="The value, or list of values, that means: it went well and there is nothing.")

    @model_validator(mode="after")
    def _one_way(self) -> Success:
        if self.absent == ("equals" in self.model_fields_set):
            raise ValueError("say what success is with exactly one of `equals` or `absent: true`")
        return self


class Source(Declared):
    """One app's address and manners. A `sandbox://app` address is served by `opg sandbox`."""

    base_url: str = Field(pattern=r"^(https?|sandbox)://[^\s{}]+$")
    auth: tuple[Auth, ...] = Field((), description="One way to prove who asks, or a list of ways that go together.")
    headers: dict[str, str] = Field({}, description="Fixed request headers. Never a secret.")
    budget: Budget = Budget()
    breaker: Breaker = Breaker()
    success: tuple[Success, ...] = Field((), description="One condition, or a list of which all must hold.")
    timeout: Duration = "1m"
    time_limit: Duration = Field("2h", description="Most time one pull of a dataset may take.")
    retries: int = Field(
        4, ge=0, le=10, description="Tries after the first one, on 429, 5xx, time-outs and broken connections."
    )
    max_answer_mb: int = Field(64, ge=1, le=2048, description="Largest decompressed answer accepted, in MiB.")

    @field_validator("auth", "success", mode="before")
    @classmethod
    def _short_list(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return () if value == {"type": "none"} else (value,)
        return value

    @model_validator(mode="after")
    def _auth_goes_together(self) -> Source:
        if len([auth for auth in self.auth if _authorization(auth)]) > 1:
            raise ValueError("two entries of `auth` want the header Authorization, which takes one")
        if len([auth for auth in self.auth if auth.type == "mtls"]) > 1:
            raise ValueError("a connection has one client certificate: declare `mtls` once")
        return self

    @model_validator(mode="after")
    def _no_secret_in_headers(self) -> Source:
        for name in self.headers:
            if name.lower() in {"authorization", "cookie", "x-api-key", "apikey"}:
                raise ValueError(f"header {name!r} carries a secret -> declare it under `auth`")
        return self


def _authorization(auth: Auth) -> bool:
    """Whether what ``auth`` makes is shown in the header Authorization."""
    if auth.type == "api_key":
        return auth.in_ == "header" and auth.name.lower() == "authorization"
    if auth.type == "login":
        return auth.token is not None and (
            auth.show.in_ == "bearer"
            or (auth.show.in_ == "header" and (auth.show.name or "").lower() == "authorization")
        )
    if auth.type == "hmac":
        return any(name.lower() == "authorization" for name in auth.headers)
    return auth.type in {"bearer", "basic", "oauth2"}
