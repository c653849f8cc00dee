"""Writes the position of an incremental pull the way the source reads dates. Reading dates is normalise's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from opg_pipeline.model.base import Locale, duration_seconds
from opg_pipeline.model.datepattern import DatePatternError, compile_pattern, pieces
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.model.source import Incremental

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des")
_DAYS = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu")
_ZONES = {7: "WIB", 8: "WITA", 9: "WIT"}


def format_position(value: datetime, pattern: str, timezone: str) -> str:
    """``value`` written by ``pattern`` (model/datepattern.py; `iso` is ISO 8601 with offset) in the IANA zone ``timezone``.

    What the pattern does not hold is cut off, so the text never lies after the value. Month and day names are
    Indonesian. A value without offset is taken as being in ``timezone``.

    Raises:
        DatePatternError: the pattern is none, or asks for WIB, WITA or WIT in a zone that is none of them.
    """
    zone = ZoneInfo(timezone)
    local = value.astimezone(zone) if value.tzinfo is not None else value.replace(tzinfo=zone)
    if pattern == "iso":
        return local.isoformat()
    compile_pattern(pattern)
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


def position_params(incremental: Incremental | None, position: datetime | None, locale: Locale) -> dict[str, str]:
    """The request parameter that asks for what is new, or none where everything is asked for.

    ``lookback`` is taken off a position, not off the declared ``start``. Raises PullError MALFORMED where the declaration
    does not suffice.
    """
    if incremental is None or (position is None and incremental.start is None):
        return {}
    if locale.timezone is None:
        raise _undeclared(
            "no time zone is declared for its position", "add `timezone` to the locale of the app or city."
        )
    pattern = incremental.format or ("yyyy-mm-dd" if locale.date == "iso" else locale.date)
    if pattern is None:
        raise _undeclared(
            "no date pattern is declared for its position", "add `incremental.format` or the locale's `date`."
        )
    if position is not None:
        aware = position if position.tzinfo is not None else position.replace(tzinfo=ZoneInfo(locale.timezone))
        value = aware.astimezone(UTC) - timedelta(seconds=duration_seconds(incremental.lookback))
    else:
        try:
            value = datetime.fromisoformat(str(incremental.start))
        except ValueError:
            raise _undeclared("`incremental.start` is no ISO 8601 date or time", "write such as 2024-01-01.") from None
    try:
        return {incremental.param: format_position(value, pattern, locale.timezone)}
    except DatePatternError as error:
        raise _undeclared(f"the position cannot be written: {error}", "correct `incremental.format`.") from None


def _undeclared(what: str, hint: str) -> PullError:
    return PullError(Outcome.MALFORMED, what, hint)
