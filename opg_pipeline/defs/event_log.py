"""Dagster's SQLite event log with connections that stay open. Everything but the connecting is Dagster's own.

The parent opens and closes a connection for each of the dozen events of a step and waits for the disk each time: with 80
datasets that was half of a run. Here each shard keeps one connection, used under the parent's lock, and SQLite's write-ahead
log is synchronised at checkpoints (`synchronous=NORMAL`, which cannot corrupt the file; a power cut may cost the last events
of the log, never data of the lake or the warehouse).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import StaticPool

OPEN_SHARDS = 8
"""Shards (one per run, and the index) whose connection is kept; the one unused for longest is closed for a further one."""


class SteadySqliteEventLogStorage(SqliteEventLogStorage):
    """The event log of one instance; ``base_dir`` as in the parent."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._open: dict[str, sa.Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> SteadySqliteEventLogStorage:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock:
            engine = self._open.pop(shard, None) or self._engine(shard)
            self._open[shard] = engine
            while len(self._open) > OPEN_SHARDS:
                self._open.pop(next(iter(self._open))).dispose()
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> sa.Engine:
        engine = sa.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        sa.event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=NORMAL"))
        return engine

    @cached_property
    def supports_asset_checks(self) -> bool:
        """Whether the log has the table of checks, for which the parent looks at each event of a check."""
        return bool(super().supports_asset_checks)

    def dispose(self) -> None:
        """Close every connection."""
        with self._db_lock:
            for engine in self._open.values():
                engine.dispose()
            self._open.clear()
        super().dispose()
