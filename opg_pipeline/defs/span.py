"""Which part of what an app holds one pull asks for, as people and the launchpad say it. Nothing is pulled here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from opg_pipeline.defs.deployment import DeploymentError


@dataclass(frozen=True, slots=True)
class Span:
    """Which part of what an app holds one pull asks for; by default what is new since the last one.

    ``full`` ignores position and validators; ``since`` and ``until`` are a backfill; ``force`` asks even outside the app's
    hours and while it is left alone after failures.
    """

    full: bool = False
    since: str | None = None
    until: str | None = None
    force: bool = False

    @classmethod
    def read(cls, since: str | None, until: str | None, *, full: bool = False, force: bool = False) -> Span:
        """A span from texts. Raises DeploymentError for what is no ISO 8601 date or time, or ends before it begins."""
        span = cls(full, since or None, until or None, force)
        begin, end = span.bounds(UTC)
        if begin is not None and end is not None and end <= begin:
            raise DeploymentError(f"The backfill ends ({until}) before it begins ({since}).")
        return span

    def bounds(self, zone: tzinfo) -> tuple[datetime | None, datetime | None]:
        """``since`` and ``until`` as instants; a text without offset is in ``zone``, a date as `until` includes its day."""
        return _instant(self.since, zone), _instant(self.until, zone, whole_day=True)

    def config(self) -> dict[str, Any]:
        """The same as configuration of a step."""
        return {name: value for name, value in asdict(self).items() if value}


WHOLE = Span()


def _instant(text: str | None, zone: tzinfo, *, whole_day: bool = False) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DeploymentError(f"{text!r} is no date or time. Write such as 2026-01-31 or 2026-01-31T08:00.") from None
    if whole_day and len(text) == len("2026-01-31"):
        moment += timedelta(days=1)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
