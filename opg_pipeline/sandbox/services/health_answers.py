"""What several of these apps do alike: parts of a list with an ETag for the whole part, stories of changed rows, fresh stamps.

No app and no wire format belongs here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, fault_of, visible

STAMP = "%Y-%m-%d %H:%M:%S"
SIGNATURE_SECONDS = 300


@lru_cache(maxsize=256)
def _part(service: type[Service], ledger: Ledger, today: date, part: str | None) -> tuple[Told, ...]:
    rows = visible(service, ledger, today)
    return rows if part is None else tuple(row for row in rows if row.order == part)


@lru_cache(maxsize=256)
def _tag(service: type[Service], ledger: Ledger, today: date, part: str | None) -> str:
    digest = sha256(f"{service.app_id}:{part}".encode())
    for row in _part(service, ledger, today, part):
        digest.update((row.body if isinstance(row.body, str) else json.dumps(row.body, default=str)).encode())
    return f'"{digest.hexdigest()[:32]}"'


def part_of(service: Service, request: Request, part: str | None = None) -> tuple[Sequence[Told], str | None]:
    """The rows whose `order` is that part (all where None) and the ETag of all of them; no ETag while a fault plays."""
    if fault_of(request) is not None:
        return [row for row in service.rows(request) if part in (None, row.order)], None
    key = (type(service), service.city.ledger, service.city.today, part)
    return _part(*key), _tag(*key)


def unchanged(request: Request, tag: str | None) -> Response | None:
    """304 where the client has this state of the list already."""
    known = request.headers.get("if-none-match")
    if tag is None or known is None or tag not in [one.strip().removeprefix("W/") for one in known.split(",")]:
        return None
    return Response(status_code=304, headers={"ETag": tag})


def tagged(tag: str | None) -> dict[str, str]:
    """The headers of an answer about that state of the list."""
    return {} if tag is None else {"ETag": tag, "Cache-Control": "no-cache"}


def story(told: Told, changed_on: date, earlier: Any, order: Any, truth: Mapping[str, Any]) -> Iterator[Told]:
    """A row and, where its record changed on a later day, the row that stood before: its body, order and truth."""
    if changed_on <= told.known_on:
        yield told
        return
    yield Told(told.record_id, told.known_on, earlier, order, told.defect, told.planted, changed_on, truth)
    yield Told(told.record_id, changed_on, told.body, told.order, told.defect, told.planted, told.gone_on)


def is_stamp(text: str, form: str = STAMP) -> bool:
    """Whether the text is empty or a moment of that form."""
    try:
        return text == "" or bool(datetime.strptime(text, form))
    except ValueError:
        return False


def in_time(stamp: str | None) -> bool:
    """Whether the seconds since 1970 that a client signed are at most five minutes away."""
    return stamp is not None and stamp.isdigit() and abs(time.time() - int(stamp)) <= SIGNATURE_SECONDS
