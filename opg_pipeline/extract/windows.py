"""From which moment to which a dataset is asked: the bounds of a request, and their division into windows. Pure; asks nothing.

Bounds lie on the grid of what their pattern can say. Where it says days, months or years, both bounds are asked for whole (from
the 1st to the 31st), and the next window begins with the day after: no day is asked twice or missed. Where it says hours or less, a bound is
a moment that two windows share, as nothing tells whether the source counts it in: a record on it may come twice, with one key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from opg_pipeline.extract.position import (
    EPOCHS,
    UTC_ISO,
    asked_from,
    number_param,
    undeclared,
    written,
    written_by,
)
from opg_pipeline.model.base import Locale, duration_seconds
from opg_pipeline.model.datepattern import DatePatternError, compile_pattern, pieces
from opg_pipeline.model.paging import Incremental

Grain = Literal["year", "month", "day", "hour", "minute", "second"]
_SECONDS = {"year": 365 * 86400, "month": 30 * 86400, "day": 86400, "hour": 3600, "minute": 60, "second": 1}


@dataclass(frozen=True, slots=True)
class Window:
    """From grain ``first`` to grain ``last`` of the zone: both inclusive for days and longer grains, else moments."""

    first: int
    last: int
    grain: Grain
    zone: str

    @property
    def whole(self) -> bool:
        """Whether a bound stands for all of its day, month or year."""
        return self.grain in {"day", "month", "year"}

    def halves(self) -> tuple[Window, Window] | None:
        """This window in two that meet as consecutive windows do; None where it has but one grain."""
        if self.last - self.first < (1 if self.whole else 2):
            return None
        middle = (self.first + self.last) // 2
        return replace(self, last=middle), replace(self, first=middle + self.whole)

    def bounds(self, pattern: str) -> tuple[str, str]:
        """Both bounds, written by ``pattern``."""
        return tuple(
            written(_moment(index, self.grain, self.zone), pattern, self.zone) for index in (self.first, self.last)
        )  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one request asks for: its parameters, and the window they stand for where it can be halved."""

    params: dict[str, str]
    window: Window | None = None
    pattern: str = ""


def stretches(
    incremental: Incremental | None,
    position: datetime | int | None,
    locale: Locale,
    *,
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Stretch]:
    """What to ask for, in order: one stretch, or one for each window.

    ``since`` is asked from as it is, instead of ``position`` (with ``until`` alone: the declared start). ``until`` is the first
    moment that is not asked for any more; it stands instead of ``now``.

    Raises PullError MALFORMED where the declaration does not suffice.
    """
    if incremental is None:
        return [Stretch({})]
    if incremental.kind == "number":
        return [Stretch(number_param(incremental, position if since is None and until is None else since or until))]
    if since is None and until is None and position is None and incremental.start is None:
        return [Stretch({})]
    pattern, zone = written_by(incremental, locale)
    start = since or asked_from(incremental, position if until is None else None, zone)
    if incremental.until_param is None:
        return [Stretch({} if start is None else {incremental.param: written(start, pattern, zone)})]
    grain = _grain(pattern)
    last = _ceiling(until or now, grain, zone)
    if incremental.window is None or start is None:
        params = {} if start is None else {incremental.param: written(start, pattern, zone)}
        return [Stretch({**params, incremental.until_param: written(_moment(last, grain, zone), pattern, zone)})]
    first = _index(start, grain, zone)
    length = max(1, duration_seconds(incremental.window) // _SECONDS[grain])
    whole = Window(first, max(first, last), grain, zone)
    return [_stretch(window, incremental, pattern) for window in _divided(whole, length)]


def halves(stretch: Stretch, incremental: Incremental | None) -> list[Stretch]:
    """The two halves of ``stretch``; none where it is no window or cannot be halved."""
    parts = stretch.window.halves() if stretch.window is not None else None
    if parts is None or incremental is None:
        return []
    return [_stretch(window, incremental, stretch.pattern) for window in parts]


def _stretch(window: Window, incremental: Incremental, pattern: str) -> Stretch:
    assert incremental.until_param is not None
    first, last = window.bounds(pattern)
    return Stretch({incremental.param: first, incremental.until_param: last}, window, pattern)


def _divided(whole: Window, length: int) -> list[Window]:
    if whole.whole:
        starts = range(whole.first, whole.last + 1, length)
        return [replace(whole, first=start, last=min(start + length - 1, whole.last)) for start in starts]
    starts = range(whole.first, max(whole.last, whole.first + 1), length)
    return [replace(whole, first=start, last=min(start + length, whole.last)) for start in starts]


def _grain(pattern: str) -> Grain:
    """The smallest part of a date or time that ``pattern`` writes."""
    if pattern in ("iso", UTC_ISO) or pattern in EPOCHS:
        return "second"
    try:
        compile_pattern(pattern)
    except DatePatternError as error:
        raise undeclared(f"the position cannot be written: {error}", "correct `incremental.format`.") from None
    tokens = {text for kind, text in pieces(pattern) if kind == "token"}
    by_token: tuple[tuple[set[str], Grain], ...] = (
        ({"SS"}, "second"), ({"MM"}, "minute"), ({"HH", "H"}, "hour"), ({"dd", "d"}, "day"), ({"mmm", "mm", "m"}, "month"),
    )  # fmt: skip
    return next((grain for found, grain in by_token if found & tokens), "year")


def _index(value: datetime, grain: Grain, zone: str) -> int:
    """The number of the grain that holds ``value``; a value without offset is in ``zone``."""
    local = value.astimezone(ZoneInfo(zone)) if value.tzinfo is not None else value.replace(tzinfo=ZoneInfo(zone))
    if grain == "year":
        return local.year
    if grain == "month":
        return local.year * 12 + local.month - 1
    if grain == "day":
        return local.toordinal()
    return int(local.timestamp() // _SECONDS[grain])


def _ceiling(value: datetime, grain: Grain, zone: str) -> int:
    """The grain to end with: the last that begins before ``value``, or for moments the first that is not before it."""
    if grain in {"day", "month", "year"}:
        return _index(value - timedelta(microseconds=1), grain, zone)
    index = _index(value, grain, zone)
    aware = value if value.tzinfo is not None else value.replace(tzinfo=ZoneInfo(zone))
    return index + (_moment(index, grain, zone) < aware)


def _moment(index: int, grain: Grain, zone: str) -> datetime:
    if grain == "year":
        return datetime(index, 1, 1, tzinfo=ZoneInfo(zone))
    if grain == "month":
        return datetime(index // 12, index % 12 + 1, 1, tzinfo=ZoneInfo(zone))
    if grain == "day":
        return datetime.fromordinal(index).replace(tzinfo=ZoneInfo(zone))
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=index * _SECONDS[grain])
