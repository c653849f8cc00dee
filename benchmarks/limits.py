"""Two limits that are promised: memory with one large app, and time with slow apps. Nothing is asserted; figures are printed.

    python benchmarks/limits.py memory --rows 1000000            # one app: ingest alone, then the whole run; peak memory of each
    python benchmarks/limits.py city --latency 0.2               # the sandbox city, every answer late: ingest against the least
                                                                 # that the budgets of its manifests allow
    python benchmarks/limits.py latency --apps 80 --latency 0.2  # the same for made-up apps that all ask at once

The race against peers is run.py's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 5000
INGEST = """
import asyncio, json, os, resource, sys, time
from opg_pipeline.defs.deployment import current_deployment
from opg_pipeline.defs.ingest import ingest_dataset
deployment = current_deployment()
refs = deployment.datasets()
async def pull():
    return await asyncio.gather(*(ingest_dataset(deployment, ref, "limit") for ref in refs))
started = time.perf_counter()
outcomes = asyncio.run(pull())
by_app, seconds_by_app = {}, {}
for one in outcomes:
    seconds_by_app[one.app] = max(seconds_by_app.get(one.app, 0), (one.finished_at - one.started_at).total_seconds())
    by_app[one.app] = by_app.get(one.app, 0) + one.requests
print(json.dumps({"seconds": time.perf_counter() - started, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                  "accepted": sum(o.accepted for o in outcomes), "requests": sum(o.requests for o in outcomes), "requests_by_app": by_app, "seconds_by_app": seconds_by_app,
                  "bad": [o.message for o in outcomes if not o.outcome.good]}))
"""
WHOLE = """
import json, resource, time
from opg_pipeline.defs.run import run_city
started = time.perf_counter()
result = run_city()
print(json.dumps({"seconds": time.perf_counter() - started, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                  "accepted": sum(o.accepted for o in result.outcomes), "bad": [] if result.exit_code == 0 else ["it failed"]}))
"""


class Pages:
    """Pages of one template, each record with a number of its own, after a wait."""

    def __init__(self, rows: int, latency: float, page: int) -> None:
        from server import template

        self.rows, self.latency, self.page = rows, latency, page
        self.template = [json.loads(row) for row in template(0, min(page, rows))]
        self.body = lru_cache(maxsize=64)(self.made)  # every app tells the same: making it must not be measured

    def made(self, offset: int) -> bytes:
        """One answer."""
        records = []
        for number in range(offset, min(self.rows, offset + self.page)):
            record = self.template[number % len(self.template)]
            records.append({**record, "id": f"R-{number:09d}"})
        return json.dumps({"data": records, "meta": {"total": self.rows}}).encode()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            while (await reader.readline()).strip():
                pass
            query = parse_qs(urlsplit(line.decode().split(" ")[1]).query)
            await asyncio.sleep(self.latency)
            body = self.body(int(query.get("offset", ["0"])[0]))
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        writer.close()


async def serve(rows: int, latency: float, page: int) -> None:
    server = await asyncio.start_server(Pages(rows, latency, page).answer, "0.0.0.0", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


@contextmanager
def served(rows: int, latency: float, page: int) -> Iterator[str]:
    command = [sys.executable, __file__, "serve", "--rows", str(rows), "--latency", str(latency), "--page", str(page)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def measured(script: str, url: str, apps: int, page: int, budget: str) -> dict[str, object]:
    """A fresh process of the pipeline over a city of that many apps."""
    import catalog

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        catalog.write(root / "catalog", url=url, apps=apps, page=page, budget=budget, apart=True)
        environment = {**os.environ, **catalog.environment(root / "opg", root / "catalog")}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def memory(rows: int) -> None:
    with served(rows, 0.0, PAGE) as url:
        for name, script in (("ingest", INGEST), ("whole run", WHOLE)):
            found = measured(script, url, 1, PAGE, "{requests_per_second: 1000, concurrent: 2}")
            print(
                f"{name}: {rows:,} rows of one app, {found['seconds']:.1f} s, peak {found['mib']:.0f} MiB", found["bad"]
            )


def latency(apps: int, seconds: float, rows: int, page: int, rate: float) -> None:
    concurrent = 2
    requests = -(-rows // page)
    # The first page says how many there are; the others go out as the budget allows: `concurrent` at once, `rate` a second.
    ideal = seconds + max((requests - 1) * seconds / concurrent, (requests - 1) / rate)
    with served(rows, seconds, page) as url:
        found = measured(INGEST, url, apps, page, f"{{requests_per_second: {rate}, concurrent: {concurrent}}}")
    taken = float(str(found["seconds"]))
    print(
        f"{apps} apps of {rows:,} rows in {requests} requests each at {seconds * 1000:.0f} ms: {taken:.2f} s, "
        f"ideal {ideal:.2f} s ({taken / ideal:.2f}x), peak {found['mib']:.0f} MiB", found["bad"],
    )  # fmt: skip


def city(seconds: float) -> None:
    """The shipped city against its sandbox. The least: the app whose requests, at its own budget, take longest."""
    from opg_pipeline.model.catalog import load_catalog

    sandbox = [sys.executable, "-m", "opg_pipeline.sandbox"]
    keys = subprocess.run([*sandbox, "--credentials"], capture_output=True, text=True, check=True).stdout.split()
    apps = load_catalog().cities["bojonegoro"].apps
    slow = [word for app in apps for word in ("--fault", f"{app}=slow:{seconds}")]
    command = [*sandbox, "--port", "0", *slow]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
        tempfile.TemporaryDirectory() as home,
    ):
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            environment = {
                **os.environ,
                **dict(key.split("=", 1) for key in keys),
                "OPG_SANDBOX_URL": url,
                "OPG_HOME": home,
            }
            with urllib.request.urlopen(
                f"{url}/__apps"
            ) as answer:  # the city's records are drawn before the clock runs
                answer.read()
            done = subprocess.run(
                [sys.executable, "-c", INGEST], env=environment, capture_output=True, text=True, check=False
            )
        finally:
            process.terminate()
    found = json.loads(done.stdout.strip().splitlines()[-1])
    least = {
        name: max(n * seconds / apps[name].source.budget.concurrent, n / apps[name].source.budget.requests_per_second)
        for name, n in found["requests_by_app"].items()
    }
    longest = max(least, key=least.__getitem__)
    slowest = sorted(found["seconds_by_app"].items(), key=lambda item: -item[1])[:8]
    print("slowest apps:", ", ".join(f"{name} {taken:.1f} s ({least[name]:.1f})" for name, taken in slowest))
    print(
        f"{len(apps)} apps, {found['requests']:,} requests, {found['accepted']:,} records at {seconds * 1000:.0f} ms: "
        f"{found['seconds']:.1f} s, ideal {least[longest]:.1f} s ({longest}; {found['seconds'] / least[longest]:.2f}x), "
        f"peak {found['mib']:.0f} MiB", found["bad"],
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["memory", "city", "latency", "serve"])
    parser.add_argument("--rows", type=int)
    parser.add_argument("--apps", type=int, default=80)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--page", type=int, default=100)
    parser.add_argument("--rate", type=float, default=5.0, help="requests a second that the budget of each app allows")
    chosen = parser.parse_args()
    if chosen.what == "serve":
        asyncio.run(serve(chosen.rows, chosen.latency, chosen.page))
    elif chosen.what == "memory":
        memory(chosen.rows or 1_000_000)
    elif chosen.what == "city":
        city(chosen.latency)
    else:
        latency(chosen.apps, chosen.latency, chosen.rows or 2_000, chosen.page, chosen.rate)


if __name__ == "__main__":
    main()
