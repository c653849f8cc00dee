"""The race: our whole pipeline beside dlt and the floor, alternating in one run, measured and written down.

`python benchmarks/run.py --rows 2000 --rows 20000 --rounds 3`, with the interpreter of the project. README.md tells
what is measured and why it is fair. Standard library alone, so that this process weighs nothing in anyone's numbers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import queue
import shutil
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import catalog

HERE = Path(__file__).resolve().parent
BENCH = HERE.parent / ".bench"
LOCK = HERE / "requirements.lock"
CONTESTANTS = ("floor", "dlt_tuned", "dlt_dagster", "ours")
APPS, PAGE = 80, 1000
# Nothing of the caller's environment may tune a contestant by accident, except on purpose: dlt's own variables.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE", "LD_LIBRARY_PATH")
PASSED_ON_PREFIXES = ("EXTRACT__", "NORMALIZE__", "LOAD__", "DATA_WRITER__")


@dataclass
class Outcome:
    """One run of one contestant."""

    contestant: str
    rows_per_app: int
    round: int
    expected: int
    rows: int | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None
    imports_mb: float | None = None
    peak_mb: float | None = None
    peak_child_mb: float | None = None
    requests: int | None = None
    received_mb: float | None = None
    stages: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    error: str | None = None


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def peers_python(given: str | None) -> str:
    """The interpreter of the peers' environment, made from the lock when it is missing or the lock has changed."""
    if given:
        return given
    home, stamp = BENCH / "peers", BENCH / "peers.sha256"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest() + f" {sys.version_info.major}.{sys.version_info.minor}"
    if python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return str(python)
    note("peers: making their environment from requirements.lock ...")
    shutil.rmtree(home, ignore_errors=True)
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv:
        made = [uv, "venv", "--quiet", "--python", sys.executable, str(home)]
        filled = [uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(LOCK)]
    else:
        made = [sys.executable, "-m", "venv", str(home)]
        filled = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(LOCK)]
    for command in (made, filled):
        subprocess.run(command, check=True)
    stamp.write_text(wanted, encoding="utf-8")
    return str(python)


@contextmanager
def mock_city(rows: int) -> Iterator[str]:
    """The server in its own process, and its URL."""
    command = [sys.executable, str(HERE / "server.py"), "--rows", str(rows), "--apps", str(APPS)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        facts = json.loads(process.stdout.readline())
        note(f"server: {APPS} apps x {rows} rows, {facts['bytes'] / 1e6:.0f} MB of answers")
        yield f"http://127.0.0.1:{facts['port']}"
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def asked_for(url: str) -> dict[str, int]:
    """How many requests the server has answered since it was last asked, and with how many bytes."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/_stats", timeout=10) as answer:
        found: dict[str, int] = json.load(answer)
    return found


def child_environment(name: str, folder: Path, url: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key in PASSED_ON or key.startswith(PASSED_ON_PREFIXES)}
    if name == "ours":
        catalog.write(folder / "catalog", url=url, apps=APPS, page=PAGE)
        (folder / "home").mkdir()
        kept |= catalog.environment(folder / "home", folder / "catalog")
        kept["PYTHONPATH"] = str(HERE.parent)
    return kept


def race(outcome: Outcome, python: str, url: str, folder: Path, timeout: float, profile: Path | None) -> None:
    """Let one contestant run in a fresh process, and write what it says into `outcome`."""
    task: dict[str, Any] = {"url": url, "apps": APPS, "rows": outcome.rows_per_app, "page": PAGE, "folder": str(folder)}
    if profile:
        task["profile"] = str(profile)
    command = [python, str(HERE / "contestants" / f"{outcome.contestant}.py"), json.dumps(task)]
    log = folder / "log.txt"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=child_environment(outcome.contestant, folder, url),
            start_new_session=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    said: queue.Queue[str] = queue.Queue()

    def listen(lines: Any) -> None:
        for line in lines:
            said.put(line)
        said.put("")

    threading.Thread(target=listen, args=(process.stdout,), daemon=True).start()
    deadline = time.monotonic() + timeout
    try:
        while True:
            line = said.get(timeout=max(deadline - time.monotonic(), 0.01))
            if not line:
                break
            facts = json.loads(line)
            event = facts.pop("event")
            if event == "ready":
                asked_for(url)
                process.stdin.write("go\n")
                process.stdin.flush()
            elif event == "done":
                stats = asked_for(url)
                outcome.requests, outcome.received_mb = stats["requests"], round(stats["bytes"] / 1e6, 1)
            for key, value in facts.items():
                setattr(outcome, key, value)
    except queue.Empty:
        outcome.error = f"took longer than {timeout:.0f} s"
        process.kill()
    finally:
        process.stdin.close()
        code = process.wait()
    if not outcome.error and code != 0:
        outcome.error = f"exit code {code}"
    if not outcome.error and outcome.rows != outcome.expected:
        outcome.error = f"{outcome.rows} rows in the warehouse, {outcome.expected} expected"
    if outcome.error:
        tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-12:]
        note("\n".join(f"    | {line}" for line in tail))


def memory(outcome: Outcome) -> float:
    """The biggest process of a contestant. Its processes added up would be more, and unfair to whoever forks."""
    return max(outcome.peak_mb or 0.0, outcome.peak_child_mb or 0.0)


def summarise(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """Medians of the runs that went well, for each contestant and size."""
    found: list[dict[str, Any]] = []
    for rows in sorted({outcome.rows_per_app for outcome in outcomes}):
        for name in CONTESTANTS:
            runs = [run for run in outcomes if run.contestant == name and run.rows_per_app == rows]
            good = [run for run in runs if not run.error and run.seconds]
            if not runs:
                continue
            entry: dict[str, Any] = {"contestant": name, "rows_per_app": rows, "runs": len(runs)}
            entry["failed"] = len(runs) - len(good)
            if good:
                seconds = [run.seconds or 0.0 for run in good]
                middle = statistics.median(seconds)
                names = {stage for run in good for stage in run.stages}
                entry |= {
                    "seconds": round(middle, 3),
                    "seconds_min": min(seconds),
                    "seconds_max": max(seconds),
                    "cpu_seconds": round(statistics.median(run.cpu_seconds or 0.0 for run in good), 2),
                    "rows_per_second": round(good[0].expected / middle),
                    "peak_mb": round(statistics.median(memory(run) for run in good), 1),
                    "imports_mb": round(statistics.median(run.imports_mb or 0.0 for run in good), 1),
                    "requests": good[0].requests,
                    "stages": {
                        stage: round(statistics.median(run.stages.get(stage, 0.0) for run in good), 3)
                        for stage in sorted(names)
                    },
                }
            found.append(entry)
        for entry in found:
            for other in ("floor", "dlt_tuned"):
                base = next((e for e in found if e["contestant"] == other and e["rows_per_app"] == rows), None)
                if entry["rows_per_app"] == rows and base and "seconds" in base and "seconds" in entry:
                    entry[f"times_{other}"] = round(entry["seconds"] / base["seconds"], 2)
    return found


def table(summary: list[dict[str, Any]]) -> str:
    head = ("rows/app", "contestant", "median s", "min-max s", "CPU s", "rows/s", "x floor", "x dlt_tuned", "peak MB")
    lines = [head]
    for entry in summary:
        if "seconds" not in entry:
            lines.append((str(entry["rows_per_app"]), entry["contestant"], "FAILED", *[""] * 6))
            continue
        failed = f" ({entry['failed']} failed)" if entry["failed"] else ""
        lines.append(
            (
                str(entry["rows_per_app"]),
                entry["contestant"] + failed,
                f"{entry['seconds']:.2f}",
                f"{entry['seconds_min']:.2f}-{entry['seconds_max']:.2f}",
                f"{entry['cpu_seconds']:.1f}",
                f"{entry['rows_per_second']:,}",
                f"{entry['times_floor']:.2f}" if "times_floor" in entry else "-",
                f"{entry['times_dlt_tuned']:.2f}" if "times_dlt_tuned" in entry else "-",
                f"{entry['peak_mb']:.0f}",
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    drawn = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    drawn.insert(1, "  ".join("-" * width for width in widths))
    spent = [
        f"{entry['rows_per_app']} {entry['contestant']}: "
        + ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in entry["stages"].items())
        for entry in summary
        if entry.get("stages")
    ]
    return "\n".join(
        [*drawn, *(["", "Where the time goes, as each tells it (stages may overlap):"] if spent else []), *spent]
    )


def machine() -> dict[str, Any]:
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return {
        "cores": usable,
        "cpu": model,
        "memory_gb": round(total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_before": [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, action="append", help="rows of each app, repeatable (2000 and 20000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="contestants, comma separated: " + ",".join(CONTESTANTS))
    parser.add_argument("--json", type=Path, default=BENCH / "results.json", help="where the results are written")
    parser.add_argument("--timeout", type=float, default=900, help="seconds a contestant may take")
    parser.add_argument("--profile", choices=CONTESTANTS, help="one run of it under the sampler instead of a race")
    parser.add_argument("--peers-python", help="an interpreter that has the peers already")
    parser.add_argument("--keep", action="store_true", help="keep the folders the contestants worked in")
    arguments = parser.parse_args()
    chosen = [arguments.profile] if arguments.profile else (arguments.only or ",".join(CONTESTANTS)).split(",")
    for name in chosen:
        if name not in CONTESTANTS:
            parser.error(f"{name} is not one of {', '.join(CONTESTANTS)}")
    rounds = 1 if arguments.profile else arguments.rounds
    BENCH.mkdir(exist_ok=True)
    (BENCH / ".gitignore").write_text("*\n", encoding="utf-8")
    facts = {"started": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine()}
    peers = peers_python(arguments.peers_python) if set(chosen) - {"ours"} else ""
    outcomes: list[Outcome] = []
    for rows in arguments.rows or [2000, 20000]:
        with mock_city(rows) as url:
            for turn in range(rounds):
                first = turn % len(chosen)  # nobody is always the first, or always after the same
                for name in chosen[first:] + chosen[:first]:
                    folder = BENCH / "work" / f"{name}-{rows}-{turn}"
                    shutil.rmtree(folder, ignore_errors=True)
                    folder.mkdir(parents=True)
                    profile = BENCH / f"profile-{name}-{rows}.txt" if arguments.profile else None
                    outcome = Outcome(name, rows, turn + 1, expected=APPS * rows)
                    race(outcome, sys.executable if name == "ours" else peers, url, folder, arguments.timeout, profile)
                    outcomes.append(outcome)
                    told = f"FAILED: {outcome.error}" if outcome.error else f"{outcome.seconds:.2f} s"
                    note(f"{rows} rows, round {turn + 1} of {rounds}: {name} {told}, {memory(outcome):.0f} MB")
                    if profile and profile.exists():
                        print(profile.read_text(encoding="utf-8"))
                        note(f"written: {profile.name} and {profile.stem}.folded in {BENCH.name}/")
                    if not arguments.keep:
                        shutil.rmtree(folder, ignore_errors=True)
    if arguments.profile:
        return int(any(outcome.error for outcome in outcomes))
    summary = summarise(outcomes)
    print(table(summary))
    whole = {
        **facts,
        "apps": APPS,
        "page": PAGE,
        "rounds": rounds,
        "summary": summary,
        "runs": [vars(outcome) for outcome in outcomes],
    }
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    note(f"written: {arguments.json}")
    return int(any(outcome.error for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
