"""How a record that changes is told in time, and how a list says that it has not changed. No wire format belongs here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, fault_of, visible
from opg_pipeline.sandbox.truth.records import Record, neutral

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Phase(Generic[R]):
    """The record as it stood from `known_on` until the day before `gone_on`; `truth` is what differs from its last state."""

    state: R
    known_on: date
    gone_on: date | None
    truth: Mapping[str, Any]


def phases(
    record: R, changed_at: datetime, first: Mapping[str, Any], removed_on: date | None = None
) -> Iterator[Phase[R]]:
    """The record as it was at first, where it changed on a later day than it began, and as it is now."""
    began, turned = record.at.date(), changed_at.date()
    if turned > began:
        before = replace(record, **first)
        told = neutral(before)
        yield Phase(before, began, turned, {name: told[name] for name in first})
    yield Phase(record, max(began, turned), removed_on, {})


@lru_cache(maxsize=64)
def _digest(service: type[Service], ledger: Ledger, today: date) -> str:
    digest = sha256()
    for row in visible(service, ledger, today):
        digest.update(repr((row.record_id, row.body)).encode())
    return f'"{digest.hexdigest()[:32]}"'


def list_tag(request: Request, service: Service) -> dict[str, str]:
    """The ETag header of the whole list as it stands. Under a fault the list is not as it stands, so there is none."""
    if fault_of(request) is not None:
        return {}
    return {"ETag": _digest(type(service), service.city.ledger, service.city.today), "Cache-Control": "no-cache"}


def unchanged(request: Request, headers: Mapping[str, str]) -> Response | None:
    """304 where the client has the list already."""
    known = request.headers.get("if-none-match")
    if known is None or "ETag" not in headers:
        return None
    tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
    return Response(status_code=304, headers=dict(headers)) if headers["ETag"] in tags or known.strip() == "*" else None
