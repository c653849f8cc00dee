"""Progress of a run, told to whoever listens in the same process (the terminal). Dagster keeps its own events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """``stage``: pull (records so far of one dataset), pulled (it ended), publish (a step of publish begins)."""

    stage: str
    name: str
    records: int = 0
    note: str = ""


_listeners: list[Callable[[Progress], None]] = []


def tell(progress: Progress) -> None:
    """Tell every listener."""
    for listener in list(_listeners):
        listener(progress)


@contextmanager
def listening(listener: Callable[[Progress], None]) -> Iterator[None]:
    """Listen while the block runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def unforeseen(error: BaseException, doing: str) -> str:
    """An unforeseen error in words: its kind and place. Its text is left out, for it may quote a record."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else "unknown place"
    return f"Unforeseen {type(error).__name__} at {place} while {doing}."
