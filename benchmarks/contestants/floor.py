"""The floor: httpx, orjson, Arrow and DuckDB and nothing else. No typing, archive, privacy, checks, merge or events.

It is what the machine can do with these libraries; whoever does more takes longer.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import duckdb
import httpx
import orjson
import pyarrow as pa
from _child import Task, app_names, compete

AT_ONCE = 16
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "jenis", "status", "tanggal", "tanggal_selesai", "uraian", "hp")),
        *((name, pa.string()) for name in ("kecamatan", "desa", "biaya")),
        *((name, pa.float64()) for name in ("lat", "long")),
    ]
)
SQL_TYPES = {pa.string(): "VARCHAR", pa.float64(): "DOUBLE"}


def warehouse(task: Task) -> Path:
    return task.folder / "warehouse.duckdb"


async def fetch(task: Task, app: str) -> list[pa.RecordBatch]:
    batches, offset, total = [], 0, 1
    async with httpx.AsyncClient(base_url=task.url, trust_env=False, verify=False, timeout=60) as client:
        while offset < total:
            answer = await client.get(f"/{app}/records?offset={offset}&limit={task.page}")
            answer.raise_for_status()
            body = orjson.loads(answer.content)
            batches.append(pa.RecordBatch.from_pylist(body["data"], schema=SCHEMA))
            total = body["meta"]["total"]
            offset += task.page
    return batches


async def load(task: Task) -> None:
    gate, writing = asyncio.Semaphore(AT_ONCE), asyncio.Lock()
    with duckdb.connect(warehouse(task)) as connection:

        def insert(app: str, answers: pa.Table) -> None:
            connection.register("answers", answers)
            connection.execute("INSERT INTO records SELECT ?, * FROM answers", [app])
            connection.unregister("answers")

        async def one(app: str) -> None:
            async with gate:
                answers = pa.Table.from_batches(await fetch(task, app))
                async with writing:
                    await asyncio.to_thread(insert, app, answers)

        columns = ", ".join(f"{field.name} {SQL_TYPES[field.type]}" for field in SCHEMA)
        connection.execute(f"CREATE TABLE records (app VARCHAR, {columns})")
        connection.execute("BEGIN")  # one transaction: half the time of a commit for each app
        await asyncio.gather(*(one(app) for app in app_names(task)))
        connection.execute("COMMIT")


def work(task: Task) -> dict[str, float]:
    asyncio.run(load(task))
    return {}


def count(task: Task) -> int:
    with duckdb.connect(warehouse(task), read_only=True) as connection:
        found = connection.execute("SELECT count(DISTINCT (app, id)) FROM records").fetchone()
    return int(found[0]) if found else 0


def versions() -> dict[str, str]:
    return {
        "httpx": httpx.__version__,
        "orjson": orjson.__version__,
        "pyarrow": pa.__version__,
        "duckdb": duckdb.__version__,
    }


if __name__ == "__main__":
    compete(work, count, versions)
