"""What several of these services share: records told in stages, lists kept ready, an ETag for a whole list.

No app and no wire format belongs here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from opg_pipeline.sandbox.city import City
from opg_pipeline.sandbox.services.base import Service, Told

STAMP = "%Y-%m-%d %H:%M:%S"
KEPT = 200
T = TypeVar("T")


class Stage(NamedTuple):
    """How a record is told from a day on: its wire row, what the date filter compares, what is not yet final in it."""

    day: date
    body: Any
    order: Any = None
    truth: Mapping[str, Any] = {}


def stages(
    record_id: str,
    steps: Sequence[Stage],
    defect: str | None = None,
    planted: tuple[tuple[str, str], ...] = (),
    gone_on: date | None = None,
) -> Iterator[Told]:
    """The rows of one record, one after the other in time; of several stages on one day the last is told."""
    for number, step in enumerate(steps):
        end = steps[number + 1].day if number + 1 < len(steps) else gone_on
        if end is None or end > step.day:
            yield Told(record_id, step.day, step.body, step.order, defect, planted, end, step.truth)


def stamp(moment: datetime | None) -> str | None:
    """City time without offset."""
    return None if moment is None else f"{moment:{STAMP}}"


def is_stamp(text: str, form: str = STAMP) -> bool:
    """Whether it is empty or a time of that form."""
    try:
        return text == "" or bool(datetime.strptime(text, form))
    except ValueError:
        return False


def dotted(value: Any) -> str:
    """1234.50 as 1.234,50."""
    return f"{value:,}".replace(",", "_").replace(".", ",").replace("_", ".")


class Keeper(Service):
    """A service that keeps what it made of its rows."""

    def __init__(self, city: City) -> None:
        super().__init__(city)
        self._kept: dict[Hashable, Any] = {}

    def kept(self, rows: Sequence[Told], what: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made once for these rows (told apart by day and number) and this purpose."""
        key = (self.city.today, len(rows), what)
        if key not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = make()
        found: T = self._kept[key]
        return found

    def tagged(
        self, request: Request, rows: Sequence[Told], what: Hashable, answer: Callable[[], Response]
    ) -> Response:
        """The answer with the ETag of all these rows, or 304 where the client knows them all."""
        tag = self.kept(rows, ("etag", what), lambda: _digest(rows))
        known = request.headers.get("if-none-match", "")
        if tag in [item.strip().removeprefix("W/") for item in known.split(",")]:
            return Response(status_code=304, headers={"ETag": tag})
        response = answer()
        response.headers["ETag"] = tag
        return response


def _digest(rows: Sequence[Told]) -> str:
    digest = sha256()
    for row in rows:
        digest.update(f"{row.record_id}\x1f{row.body!r}\x1e".encode())
    return f'"{digest.hexdigest()[:32]}"'
