"""Writes the position of an incremental pull the way the source reads dates. Reading dates is normalise's."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from opg_pipeline.model.base import Locale, duration_seconds
from opg_pipeline.model.datepattern import DatePatternError, compile_pattern, pieces
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.model.paging import Incremental

EPOCHS = {"epoch_s": 1, "epoch_ms": 1000}
"""Patterns that are a count since 1970, to how many a second has."""
UTC_ISO = "iso_utc"
"""Pattern of ISO 8601 in UTC with Z, to the second, as OAI-PMH and OData write it."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des")
_DAYS = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu")
_ZONES = {7: "WIB", 8: "WITA", 9: "WIT"}


def format_position(value: datetime, pattern: str, timezone: str) -> str:
    """``value`` written by ``pattern`` in the IANA zone ``timezone``.

    The pattern is one of model/datepattern.py, `iso` (ISO 8601 with offset), `epoch_s` or `epoch_ms`.

    What the pattern does not hold is cut off, so the text never lies after the value. Month and day names are
    Indonesian. A value without offset is taken as being in ``timezone``.

    Raises:
        DatePatternError: the pattern is none, has a quarter, half-year or week, or asks for WIB, WITA or WIT in a zone that is
            none of them.
    """
    zone = ZoneInfo(timezone)
    local = value.astimezone(zone) if value.tzinfo is not None else value.replace(tzinfo=zone)
    if pattern == "iso":
        return local.isoformat()
    if pattern == UTC_ISO:
        return local.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if pattern in EPOCHS:
        return str(math.floor(local.timestamp() * EPOCHS[pattern]))
    if (period := compile_pattern(pattern).period) is not None:
        raise DatePatternError(f"the date pattern {pattern!r} has a {period}, in which no position is written")
    twelve = any(kind == "token" and text == "AM" for kind, text in pieces(pattern))
    return "".join(_written(local, text, twelve) if kind == "token" else text for kind, text in pieces(pattern))


def _written(local: datetime, token: str, twelve: bool) -> str:
    hour = (local.hour - 1) % 12 + 1 if twelve else local.hour
    offset = local.utcoffset() or timedelta(0)
    if token == "WIB":
        zone = _ZONES.get(offset // timedelta(hours=1)) if not offset % timedelta(hours=1) else None
        if zone is None:
            raise DatePatternError("the zone of the position is none of WIB, WITA and WIT")
        return zone
    return {
        "yyyy": f"{local.year:04}", "yy": f"{local.year % 100:02}", "mmm": _MONTHS[local.month - 1], "mm": f"{local.month:02}",
        "m": str(local.month), "ddd": _DAYS[local.weekday()], "dd": f"{local.day:02}", "d": str(local.day), "HH": f"{hour:02}",
        "H": str(hour), "MM": f"{local.minute:02}", "SS": f"{local.second:02}", "AM": "AM" if local.hour < 12 else "PM",
        "Z": local.strftime("%z")[:3] + ":" + local.strftime("%z")[3:5],
    }[token]  # fmt: skip


def written_by(incremental: Incremental, locale: Locale) -> tuple[str, str]:
    """Pattern and IANA zone in which the request's dates are written. Raises PullError MALFORMED where they are not declared."""
    if locale.timezone is None:
        raise undeclared(
            "no time zone is declared for its position", "add `timezone` to the locale of the app or city."
        )
    pattern = incremental.param_format or incremental.format or ("yyyy-mm-dd" if locale.date == "iso" else locale.date)
    if pattern is None:
        raise undeclared(
            "no date pattern is declared for its position", "add `incremental.format` or the locale's `date`."
        )
    return pattern, locale.timezone


def asked_from(incremental: Incremental, position: datetime | int | None, zone: str) -> datetime | None:
    """The moment to ask from: the position less `lookback`, or the declared `start` as it is; None for everything.

    Raises PullError MALFORMED for a position that is a number, or a `start` that is no time.
    """
    if isinstance(position, int):
        raise undeclared("its position is a number where a time is declared", "pull it once with `--full`.")
    if position is not None:
        aware = position if position.tzinfo is not None else position.replace(tzinfo=ZoneInfo(zone))
        return aware.astimezone(UTC) - timedelta(seconds=duration_seconds(incremental.lookback))
    if incremental.start is None:
        return None
    try:
        return datetime.fromisoformat(incremental.start)
    except ValueError:
        raise undeclared("`incremental.start` is no ISO 8601 date or time", "write such as 2024-01-01.") from None


def written(value: datetime, pattern: str, zone: str) -> str:
    """As :func:`format_position`; PullError MALFORMED for a pattern that cannot be written."""
    try:
        return format_position(value, pattern, zone)
    except DatePatternError as error:
        raise undeclared(f"the position cannot be written: {error}", "correct `incremental.format`.") from None


def number_param(incremental: Incremental, position: datetime | int | None) -> dict[str, str]:
    """The request parameter of a position that is a number, or none where everything is asked for."""
    if isinstance(position, datetime):
        raise undeclared(
            "its position is a time where a number is declared",
            "pull it once with `--full`; a range of time cannot be asked of it.",
        )
    value = str(position) if position is not None else incremental.start
    if value is None:
        return {}
    if not value.strip().removeprefix("-").isdecimal():
        raise undeclared("`incremental.start` is no whole number", "write such as '0'.")
    return {incremental.param: value.strip()}


def undeclared(what: str, hint: str) -> PullError:
    """The error for a declaration that does not suffice to write the position."""
    return PullError(Outcome.MALFORMED, what, hint)
