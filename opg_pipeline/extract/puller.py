"""Pulls the datasets of one app: holds the connection, begins and ends each pull, and says where and why one cannot go on.

Which lists a pull is made of is lists.py's. It knows neither the lake nor the shape the records are brought to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from opg_pipeline.extract.access import Access, Credentials, credentials
from opg_pipeline.extract.lists import Lists, Located
from opg_pipeline.extract.reading import Reading, StoreRaw
from opg_pipeline.extract.transport import LONGEST_WAIT, Transport
from opg_pipeline.extract.windows import stretches
from opg_pipeline.model.app import App, Dataset
from opg_pipeline.model.base import Locale, duration_seconds
from opg_pipeline.model.handover import Outcome, Page, PullError, PullFacts

__all__ = ["PAGE_LIMIT", "Puller", "StoreRaw"]

PAGE_LIMIT = 100_000
_Result = TypeVar("_Result")


class Puller:
    """The datasets of one app. An async context manager with one client; datasets may be pulled at the same time.

    Args:
        app: its declaration.
        access: its resolved address and secrets.
        locale: the app's locale over the city's, for the position of incremental pulls; needs date and timezone there.
        base_delay: seconds of the first back-off.
        longest_wait: most seconds between two tries.
        timeout_seconds: instead of the declared time-out of one request.
        time_limit_seconds: instead of the declared time limit of one pull.
        page_limit: pages after which a list counts as endless.
        host: whose budget this is; without it name and port of the address.
        clock: what tells the time windows end at.

    Entering raises PullError: MISSING_SECRET, AUTH_FAILED for a secret that cannot be sent, or UNREACHABLE for an address
    that is none.
    """

    def __init__(
        self,
        app: App,
        access: Access,
        *,
        locale: Locale,
        base_delay: float = 0.5,
        longest_wait: float = LONGEST_WAIT,
        timeout_seconds: float | None = None,
        time_limit_seconds: float | None = None,
        page_limit: int = PAGE_LIMIT,
        host: str | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._app, self._access, self._locale, self._page_limit = app, access, locale, page_limit
        self._base_delay, self._longest_wait, self._timeout_seconds = base_delay, longest_wait, timeout_seconds
        declared = float(duration_seconds(app.source.time_limit))
        self._time_limit = declared if time_limit_seconds is None else time_limit_seconds
        self._host, self._clock = host, clock
        self._credentials = Credentials()
        self._transport: Transport | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Puller:
        app, access = self._app, self._access
        try:
            _check_address(access.base_url)
            self._credentials = credentials(app.source, access)
        except PullError as error:
            raise PullError(error.outcome, f"{app.id}: {error.what}.", error.hint) from None
        self._transport = Transport(
            app.source,
            access.base_url,
            self._credentials,
            name=app.id,
            base_delay=self._base_delay,
            longest_wait=self._longest_wait,
            timeout_seconds=self._timeout_seconds,
            host=self._host,
        )
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.__aexit__(kind, error, trace)

    async def pages(
        self,
        dataset: Dataset,
        *,
        store: StoreRaw,
        facts: PullFacts,
        position: datetime | int | None = None,
        validators: Mapping[str, str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        regions: Mapping[str, Sequence[str]] | None = None,
        part_validators: Mapping[str, Mapping[str, str]] | None = None,
    ) -> AsyncGenerator[Page, None]:
        """The pages of one pull, each stored before it is read; ``facts`` fills up on the way, also when the pull fails.

        Args:
            position: newest value of the incremental field that is safely stored; None for the first pull.
            validators: `etag` and `last_modified` of the last good pull. On 304 nothing is yielded and
                ``facts.not_modified`` is set. For datasets without fan-out and windows alone.
            part_validators: the same for each value of a fan-out, by its name, as ``facts`` of that pull held them.
            since: asked from instead of ``position``, for a backfill; without offset in the locale's zone.
            until: the end of what is asked for, itself not included, instead of now. Where the source cannot be told an
                end, what comes after it is delivered too.
            regions: dotted codes of the city by level (`district`, `village`), for `for_each`.

        Raises PullError whose message names app, dataset, value, page and address.
        """
        if self._transport is None:
            raise RuntimeError("use Puller as `async with Puller(...) as puller`")
        reading = Reading(
            dataset, self._app.source.success, self._transport, self._credentials, store, facts,
            deadline=asyncio.get_running_loop().time() + self._time_limit, time_limit=self._app.source.time_limit,
            passwords=self._access.secrets, spawn=self._spawn,
        )  # fmt: skip
        zone = ZoneInfo(self._locale.timezone) if self._locale.timezone is not None else UTC
        now = self._clock().astimezone(zone)
        lists = Lists(
            reading, self._access.base_url, concurrent=self._app.source.budget.concurrent, zone=zone,
            page_limit=self._page_limit, spawn=self._spawn,
        )  # fmt: skip
        try:
            asked = stretches(dataset.incremental, position, self._locale, now=now, since=since, until=until)
            async with aclosing(
                lists.pages(asked, now, validators or {}, regions or {}, part_validators or {})
            ) as pages:
                async for page in pages:
                    yield page
        except PullError as error:
            where = error.where if isinstance(error, Located) else ""
            what = self._credentials.redact(f"{self._app.id}/{dataset.id}{where}: {error.what}.")
            hint = self._credentials.redact(error.hint)
            raise PullError(error.outcome, what, hint, attempts=error.attempts, status=error.status) from None

    def _spawn(self, work: Coroutine[Any, Any, _Result]) -> asyncio.Task[_Result]:
        """A task that ends with this puller at the latest, and whose error is never missed."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()


def _check_address(base_url: str) -> None:
    try:
        parts = urlsplit(base_url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, good = None, False
    if parts is None or not good:
        raise PullError(
            Outcome.UNREACHABLE,
            "its address is no http or https address",
            "correct `base_url`, or the variable that overrides it.",
        )
    if parts.username is not None:
        raise PullError(
            Outcome.UNREACHABLE,
            "its address holds a user name, which is not used",
            "declare `auth: {type: basic, ...}` with names of variables.",
        )
