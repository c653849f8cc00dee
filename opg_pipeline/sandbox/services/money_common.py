"""What the apps of money, staff and poverty share: ETags of whole lists, signed requests, workbooks, what is kept built.

No app belongs here.
"""

from __future__ import annotations

import io
import re
import time
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from random import Random
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from opg_pipeline.sandbox.ledger import Ledger
from opg_pipeline.sandbox.services.base import Service, Told, fault_of, flaws

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SIGNATURE_SECONDS = 300
T = TypeVar("T")
_kept: dict[tuple[str, Ledger, date, str | None, str], Any] = {}


def kept(service: Service, request: Request, topic: str, make: Callable[[], T]) -> T:
    """What `make` gives, built once for each app, city, day, fault and topic."""
    key = (service.app_id, service.city.ledger, service.city.today, fault_of(request), topic)
    if key not in _kept:
        while len(_kept) > 400:
            _kept.pop(next(iter(_kept)))
        _kept[key] = make()
    found: T = _kept[key]
    return found


def tag_of(service: Service, request: Request, rows: Sequence[Told], topic: str = "") -> str:
    """An ETag of the whole list as it stands, whatever page of it is asked for."""

    def digest() -> str:
        ledger = service.city.ledger
        text = f"{ledger.seed}:{ledger.scale}:" + "|".join(f"{row.record_id}@{row.known_on}" for row in rows)
        return f'"{sha256(text.encode()).hexdigest()[:32]}"'

    return kept(service, request, f"tag:{topic}", digest)


def tagged(request: Request, etag: str, answer: Callable[[], Response]) -> Response:
    """The answer with its ETag, or 304 where the client has it already."""
    known = request.headers.get("if-none-match", "")
    if etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]:
        return Response(status_code=304, headers={"ETag": etag, "Cache-Control": "no-cache"})
    found = answer()
    found.headers["ETag"] = etag
    found.headers["Cache-Control"] = "no-cache"
    return found


def is_recent(stamp: str | None, per_second: int = 1) -> bool:
    """Whether a Unix time (in parts of a second) lies within five minutes of now."""
    if stamp is None or not re.fullmatch(r"[0-9]{1,16}", stamp):
        return False
    return abs(time.time() - int(stamp) / per_second) <= SIGNATURE_SECONDS


def flaws_among(rng: Random, numbers: Sequence[int], counts: dict[str, int]) -> dict[int, str]:
    """Which of these rows get which planted defect: for lists in which other rows change or vanish."""
    return {numbers[place]: kind for place, kind in flaws(rng, len(numbers), counts).items()}


def day_in(text: str | None, pattern: str = "%Y-%m-%d") -> date | None:
    """A day from the query; the first of all days where there is none, None where it is no day."""
    if not text:
        return date.min
    try:
        return datetime.strptime(text, pattern).date()
    except ValueError:
        return None


def refused(message: str, status: int = 401, scheme: str = "Bearer") -> Response:
    """A refusal as Laravel words it."""
    headers = {"WWW-Authenticate": scheme} if status == 401 else None
    return JSONResponse({"message": message}, status, headers)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One worksheet: its rows of cells and the spans that are merged."""

    title: str
    rows: Sequence[Sequence[Any]]
    merged: Sequence[str] = ()


def workbook(sheets: Iterable[Sheet]) -> bytes:
    """The sheets as XLSX; equal sheets give equal bytes."""
    import openpyxl  # type: ignore[import-untyped,unused-ignore]  # slow to import and needed for workbooks alone

    book: Any = openpyxl.Workbook()
    book.remove(book.active)
    for sheet in sheets:
        page = book.create_sheet(sheet.title)
        for row in sheet.rows:
            page.append(list(row))
        for span in sheet.merged:
            page.merge_cells(span)
    out, clean = io.BytesIO(), io.BytesIO()
    book.save(out)
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(clean, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2026-01-01T00:00:00Z", content)
            new.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return clean.getvalue()
