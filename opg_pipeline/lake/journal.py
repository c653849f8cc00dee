"""What people did with what the lake keeps: who looked at source records, and what was decided about what waits. Plain data."""

from __future__ import annotations

import getpass
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

import orjson


@dataclass(frozen=True, slots=True)
class Access:
    """One look at source records. ``what`` names files and entries, never a value of a record."""

    at: datetime
    who: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided about entries of the quarantine of one dataset. The last one about an entry counts."""

    at: datetime
    who: str
    action: Literal["dismiss", "reopen"]
    why: str
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Purge:
    """What was removed of one dataset because its time was over: pulled before ``before``, by number of files and bytes."""

    at: datetime
    who: str
    dataset: str
    before: datetime
    slices: int
    raw: int
    quarantine: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased of one person in these datasets: rows of standard files, entries of the quarantine, raw answers. Never whom."""

    at: datetime
    who: str
    why: str
    datasets: tuple[str, ...]
    records: int
    waiting: int
    raw: int


def user() -> str:
    """The user of the operating system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return f"uid {os.getuid()}"


def stamp(at: datetime) -> str:
    """A name that sorts by time and never comes twice."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}"


def dumped(item: Access | Decision | Purge | Erasure) -> bytes:
    return orjson.dumps(asdict(item))


def read_access(data: bytes) -> Access:
    found = orjson.loads(data)
    return Access(datetime.fromisoformat(found["at"]), found["who"], found["what"], found["why"])


def read_decision(data: bytes) -> Decision:
    found = orjson.loads(data)
    return Decision(
        datetime.fromisoformat(found["at"]), found["who"], found["action"], found["why"], tuple(found["entries"])
    )


def read_purge(data: bytes) -> Purge:
    found = orjson.loads(data)
    return Purge(**{**found, **{name: datetime.fromisoformat(found[name]) for name in ("at", "before")}})


def read_erasure(data: bytes) -> Erasure:
    found = orjson.loads(data)
    return Erasure(**{**found, "at": datetime.fromisoformat(found["at"]), "datasets": tuple(found["datasets"])})
