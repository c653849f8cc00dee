"""Time zones over whole columns: local time to UTC and back, by the IANA rules of `zoneinfo`. No text is parsed here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from opg_pipeline.normalise.reasons import Mask

Micros = npt.NDArray[np.int64]
"""Microseconds since 1970-01-01T00:00, local or UTC as the name says."""

DAY = 86_400_000_000
_CHANGES = 1 << 62
_UNKNOWN = -_CHANGES
_FIRST_KEPT, _LAST_KEPT = -36_525, 73_050
"""Days of 1870 to 2169."""
_EPOCH = datetime(1970, 1, 1)
FIRST, LAST = (
    (datetime(1, 1, 1) - _EPOCH) // timedelta(microseconds=1),
    (datetime.max - _EPOCH) // timedelta(microseconds=1),
)
"""Earliest and latest moment that Python, Arrow and the warehouses all hold."""


class Zone:
    """One IANA zone. Offsets are looked up once per day that occurs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._zone = ZoneInfo(name)
        self._local_days, self._utc_days = _DayTable(self._offset), _DayTable(self._offset_around)

    def to_utc(self, local: Micros) -> tuple[Micros, Mask]:
        """UTC of local times, and where the local time is one that clocks repeat or leave out."""
        offsets = self._local_days.of(local)
        doubtful = np.zeros(len(local), bool)
        for row in np.flatnonzero(offsets == _CHANGES).tolist():
            moment = _EPOCH + timedelta(microseconds=int(local[row]))
            first, second = (self._utcoffset(moment.replace(fold=fold)) for fold in (0, 1))
            offsets[row] = first
            doubtful[row] = first != second
        return local - offsets, doubtful

    def to_local(self, utc: Micros) -> Micros:
        """Local time of UTC moments."""
        offsets = self._utc_days.of(utc)
        for row in np.flatnonzero(offsets == _CHANGES).tolist():
            moment = (_EPOCH + timedelta(microseconds=int(utc[row]))).replace(tzinfo=UTC)
            offsets[row] = self._utcoffset(moment.astimezone(self._zone))
        return utc + offsets

    def _offset_around(self, day: int) -> int:
        """The offset during a UTC day, _CHANGES when it is not the same in the local days about it."""
        around = {self._offset(day + step) for step in (-1, 0, 1)}
        return around.pop() if len(around) == 1 else _CHANGES

    def _offset(self, day: int) -> int:
        """Microseconds east of UTC during a local day, _CHANGES when they change in it."""
        try:
            start = _EPOCH + timedelta(days=day)
            edges = {
                self._utcoffset((start + timedelta(hours=hours)).replace(fold=fold))
                for hours in (0, 24)
                for fold in (0, 1)
            }
        except OverflowError:
            edges = {self._utcoffset(datetime(9998, 12, 31) if day > 0 else datetime(2, 1, 1))}
        return edges.pop() if len(edges) == 1 else _CHANGES

    def _utcoffset(self, moment: datetime) -> int:
        offset = self._zone.utcoffset(moment)
        assert offset is not None
        return offset // timedelta(microseconds=1)


@lru_cache(maxsize=64)
def zone(name: str) -> Zone:
    """The zone of that name, shared."""
    return Zone(name)


class _DayTable:
    """What ``look`` says of a day, asked once for each day that ever occurs. Days far from ours are not kept."""

    def __init__(self, look: Callable[[int], int]) -> None:
        self._look = look
        self._known = np.full(_LAST_KEPT - _FIRST_KEPT, _UNKNOWN, np.int64)

    def of(self, moments: Micros) -> Micros:
        """The answer for the day of each moment."""
        days = moments // DAY
        if not len(days):
            return days
        if days.min() < _FIRST_KEPT or days.max() >= _LAST_KEPT:
            present, place = np.unique(days, return_inverse=True)
            return np.array([self._look(day) for day in present.tolist()], np.int64)[place]
        days -= _FIRST_KEPT
        found: Micros = self._known[days]
        unknown = days[found == _UNKNOWN]
        if len(unknown):
            for day in np.unique(unknown).tolist():
                self._known[day] = self._look(day + _FIRST_KEPT)
            found = self._known[days]
        return found


def micros(moment: datetime) -> int:
    """Microseconds of a datetime without zone."""
    return (moment.replace(tzinfo=None) - _EPOCH) // timedelta(microseconds=1)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - 719_163
