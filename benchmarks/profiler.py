"""Where a contestant's time goes: a sampler that sees every thread, in the standard library alone.

cProfile sees one thread and slows small functions most; a pipeline that works in threads and an event loop needs
something that looks at all of them now and then. A sample counts for a thread when its innermost frame is not waiting.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

INTERVAL = 0.005
# Innermost frames that mean a thread has nothing to do: (end of file name, function).
WAITING = {
    ("threading.py", "wait"),
    ("threading.py", "acquire"),
    ("threading.py", "_wait_for_tstate_lock"),
    ("threading.py", "join"),
    ("selectors.py", "select"),
    ("queue.py", "get"),
    ("thread.py", "_worker"),
    ("connection.py", "wait"),
    ("popen_fork.py", "poll"),
    ("socket.py", "readinto"),
    ("sync.py", "read"),
}
Place = tuple[str, str]


def _short(filename: str) -> str:
    """A file by its name inside its library or project: no path of the machine."""
    for mark in ("/site-packages/", "/lib/python"):
        _, found, rest = filename.rpartition(mark)
        if found:
            return rest if mark == "/site-packages/" else rest.partition("/")[2]
    parts = Path(filename).parts
    for root in ("opg_pipeline", "benchmarks"):
        if root in parts:
            return "/".join(parts[len(parts) - 1 - parts[::-1].index(root) :])
    return Path(filename).name


def _room(file: str) -> str:
    """What a file belongs to: a room of ours, or a library."""
    parts = file.split("/")
    if parts[0] in ("opg_pipeline", "benchmarks"):
        return "/".join(parts[:2])
    return parts[0] if len(parts) > 1 else "(standard library)"


class Sampler:
    """Counts what every thread is doing, every few milliseconds, until stopped."""

    def __init__(self) -> None:
        self.stacks: Counter[tuple[Place, ...]] = Counter()
        self.ticks = 0
        self._names: dict[str, str] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sampler", daemon=True)
        self._seconds = 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _loop(self) -> None:
        me, start = threading.get_ident(), time.perf_counter()
        usual = sys.getswitchinterval()
        sys.setswitchinterval(INTERVAL / 10)  # or a look waits for the others to let go, and sees them only there
        while not self._stopped.wait(INTERVAL):
            self.ticks += 1
            for thread, frame in sys._current_frames().items():
                if thread != me:
                    self._take(frame)
        sys.setswitchinterval(usual)
        self._seconds = time.perf_counter() - start

    def _take(self, frame: FrameType) -> None:
        stack: list[Place] = []
        walk: FrameType | None = frame
        while walk is not None:
            stack.append((walk.f_code.co_filename, walk.f_code.co_name))
            walk = walk.f_back
        if (stack[0][0].rpartition("/")[2], stack[0][1]) not in WAITING:
            self.stacks[tuple(stack)] += 1

    def _name(self, filename: str) -> str:
        if filename not in self._names:
            self._names[filename] = _short(filename)
        return self._names[filename]

    def report(self, top: int = 40) -> str:
        own: Counter[str] = Counter()
        inclusive: Counter[str] = Counter()
        rooms: Counter[str] = Counter()
        callers: Counter[str] = Counter()
        for stack, times in self.stacks.items():
            named = [(self._name(filename), function) for filename, function in stack]
            own[" ".join(named[0])] += times
            rooms[_room(named[0][0])] += times
            ours = next((_room(file) for file, _ in named if file.startswith("opg_pipeline")), "(none)")
            callers[ours] += times
            for place in {" ".join(place) for place in named}:
                inclusive[place] += times
        total = sum(self.stacks.values()) or 1
        lines = [
            f"{self._seconds:.1f} s watched, {self.ticks} looks, {total} of them found a thread at work.",
            "Shares are of the work of all threads; a thread that waits for the interpreter's lock counts as working.",
        ]
        for title, counter in (
            ("Nearest room of the project", callers),
            ("Library of the innermost frame", rooms),
            ("Functions, themselves", own),
            ("Functions, with what they call", inclusive),
        ):
            lines += ["", title]
            lines += [f"{times / total:7.1%}  {name}" for name, times in counter.most_common(top)]
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        """The report, and beside it the folded stacks that flame graph viewers read."""
        path.write_text(self.report(), encoding="utf-8")
        folded = (
            ";".join(f"{self._name(file)}:{function}" for file, function in reversed(stack)) + f" {times}"
            for stack, times in self.stacks.items()
        )
        path.with_suffix(".folded").write_text("\n".join(folded) + "\n", encoding="utf-8")
