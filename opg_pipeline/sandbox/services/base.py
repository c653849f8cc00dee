"""What every service has: rows told from the truth, a door, and answers by page or as a file.

No wire format belongs here.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from hashlib import sha256
from random import Random
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opg_pipeline.sandbox.city import City
from opg_pipeline.sandbox.faults import SCOPE_KEY
from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.truth.people import Person
from opg_pipeline.sandbox.truth.timeline import end_of


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """One wire row: the true record it speaks of, since when it is known, how it is written, what is wrong with it.

    `order` is what the service's own date filter compares. `planted` is the personal data exactly as written. A row
    stands from `known_on` until the day before `gone_on`: a record that changes is told in several rows, one after the
    other in time, one that vanishes has no row after its last. `truth` holds the neutral values of the record that are
    different while this row stands.
    """

    record_id: str
    known_on: date
    body: Any
    order: Any = None
    defect: str | None = None
    planted: tuple[tuple[str, str], ...] = ()
    gone_on: date | None = None
    truth: Mapping[str, Any] = field(default_factory=dict)

    def stands(self, today: date) -> bool:
        """Whether the app tells this row on that day."""
        return self.known_on <= today and (self.gone_on is None or today < self.gone_on)


class Service(ABC):
    """One city app. `secrets` are the names of what a client must know; `drift` the fields that `changed_type` strikes."""

    app_id: ClassVar[str]
    secrets: ClassVar[tuple[str, ...]] = ()
    drift: ClassVar[tuple[str, ...]] = ()
    paged: ClassVar[bool] = True

    def __init__(self, city: City) -> None:
        self.city = city

    @classmethod
    @abstractmethod
    def tell(cls, ledger: Ledger) -> Iterable[Told]:
        """Every wire row of the app, in the order in which it gives them."""

    @abstractmethod
    def routes(self) -> list[Route]:
        """The app's paths."""

    def rows(self, request: Request | None = None) -> Sequence[Told]:
        """The rows the app gives now."""
        rows = visible(type(self), self.city.ledger, self.city.today)
        fault = fault_of(request)
        if fault == "no_records":
            return ()
        if fault == "shuffled":
            return shuffled(rows)
        return rows[: max(1, len(rows) // 40)] if fault == "shrunk" else rows


@lru_cache(maxsize=256)
def all_rows(service: type[Service], ledger: Ledger) -> tuple[Told, ...]:
    """What the app tells of the whole ledger; told once, since neither changes."""
    return tuple(service.tell(ledger))


@lru_cache(maxsize=256)
def visible(service: type[Service], ledger: Ledger, today: date) -> tuple[Told, ...]:
    """What the app knows by the end of that day."""
    return tuple(row for row in all_rows(service, ledger) if row.stands(today))


@lru_cache(maxsize=4)
def shuffled(rows: tuple[Told, ...]) -> tuple[Told, ...]:
    """The same rows in another order, the same one for every page."""
    return tuple(Random(len(rows)).sample(rows, len(rows)))


def fault_of(request: Request | None) -> str | None:
    """The fault the service itself has to play in this answer."""
    found = request.scope.get(SCOPE_KEY) if request is not None else None
    return found if isinstance(found, str) else None


def loops(request: Request) -> bool:
    """Whether paging never ends in this answer."""
    return fault_of(request) == "next_loop"


def flaws(rng: Random, n: int, counts: dict[str, int]) -> dict[int, str]:
    """Which of `n` rows get which planted defect; fewer of them where there are few rows."""
    kinds = [kind for kind, times in counts.items() for _ in range(times)][: n // 2]
    return dict(zip(rng.sample(range(n), len(kinds)), kinds, strict=True))


def whole(text: str | None, default: int, low: int, high: int) -> int | None:
    """A number from the query, None where it is none or out of bounds."""
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,12}", text):
        return None
    return int(text) if low <= int(text) <= high else None


def page_of(rows: Sequence[Told], start: int, size: int, endless: bool) -> list[Any]:
    """The bodies of one page; an endless service begins again at the end."""
    if endless and rows:
        return [rows[number % len(rows)].body for number in range(start, start + size)]
    return [row.body for row in rows[start : start + size]]


def file_answer(request: Request, body: bytes, media_type: str, today: date) -> Response:
    """A whole file with ETag and Last-Modified, or 304 where the client has it already."""
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    changed = end_of(today).astimezone(UTC).replace(microsecond=0)
    headers = {"ETag": etag, "Last-Modified": format_datetime(changed, usegmt=True), "Cache-Control": "no-cache"}
    known, since = request.headers.get("if-none-match"), request.headers.get("if-modified-since")
    if known is not None:
        fresh = known.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]
    else:
        fresh = since is not None and _not_after(changed, since)
    return (
        Response(status_code=304, headers=headers) if fresh else Response(body, headers=headers, media_type=media_type)
    )


def _not_after(changed: datetime, since: str) -> bool:
    try:
        return changed <= parsedate_to_datetime(since)
    except (TypeError, ValueError):
        return False


def identity(person: Person, *kinds: str) -> tuple[tuple[str, str], ...]:
    """Personal data of a person as it stands in the ledger, for the list of planted values."""
    values = {
        "nik": person.nik,
        "kk": person.household.no_kk,
        "phone": person.phone,
        "email": person.email,
        "name": person.name,
        "account": person.account,
        "address": person.household.address,
    }
    return tuple((kind, values[kind]) for kind in kinds)
