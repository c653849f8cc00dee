"""What every contestant does alike: import first, say so, wait for the word, work against the clock, be counted.

A contestant is a script that imports all it needs and then calls `compete`. It talks with `run.py` in lines of JSON;
whatever libraries print goes to standard error, which `run.py` keeps in a log.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Task:
    """What is to be loaded, from where, and the empty folder to do it in."""

    url: str
    apps: int
    rows: int
    page: int
    folder: Path


# What Dagster imports when it first opens an instance with its log on disk, and runs a job in process.
DAGSTER_LATE = (
    "alembic.command",
    "alembic.runtime.migration",
    "dagster._core.execution.execute_in_process",
    "dagster._core.execution.stats",
    "dagster._core.executor.in_process",
    "dagster._core.instance.factory",
    "dagster._core.secrets.env_file",
    "dagster._core.storage.event_log",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._core.storage.runs",
    "dagster._core.storage.schedules",
    "dagster._core.storage.sqlite_storage",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "upath.implementations.local",
)


def preload(modules: tuple[str, ...]) -> None:
    """Import what a library would import in the middle of its first work: imports are nobody's measured time."""
    for module in modules:
        importlib.import_module(module)


def app_names(task: Task) -> list[str]:
    return [f"app{number:03d}" for number in range(task.apps)]


def _peak_mb(who: int) -> float:
    return round(resource.getrusage(who).ru_maxrss * _MAXRSS_UNIT / 1e6, 1)


def _cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def compete(
    work: Callable[[Task], dict[str, float]],
    count: Callable[[Task], int],
    versions: Callable[[], dict[str, str]],
) -> None:
    """Run `work` (which may return its stages in seconds) on the clock, then `count` the rows in the warehouse."""
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(**facts: Any) -> None:
        lines.write(json.dumps(facts) + "\n")

    given = json.loads(sys.argv[1])
    profile = given.pop("profile", None)
    task = Task(**{**given, "folder": Path(given["folder"])})
    os.chdir(task.folder)
    say(event="ready", versions=versions(), imports_mb=_peak_mb(resource.RUSAGE_SELF))
    if sys.stdin.readline().strip() != "go":
        return
    sampler = None
    if profile:
        sys.path.append(str(Path(__file__).resolve().parent.parent))
        from profiler import Sampler

        sampler = Sampler()
        sampler.start()
    cpu, start = _cpu_seconds(), time.perf_counter()
    try:
        stages = work(task)
        seconds = time.perf_counter() - start
        if sampler:
            sampler.stop()
            sampler.write(Path(profile))
        say(
            event="done",
            seconds=round(seconds, 4),
            cpu_seconds=round(_cpu_seconds() - cpu, 3),
            peak_mb=_peak_mb(resource.RUSAGE_SELF),
            peak_child_mb=_peak_mb(resource.RUSAGE_CHILDREN),
            stages={name: round(value, 3) for name, value in stages.items()},
        )
        say(event="counted", rows=count(task))
    except BaseException as error:
        traceback.print_exc()
        say(event="failed", error=f"{type(error).__name__}: {error}"[:500])
        raise SystemExit(1) from error
