"""A real server on loopback whose answers each test writes, and the declarations that pull from it."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.extract import Access, Puller
from opg_pipeline.extract.access import credentials
from opg_pipeline.extract.transport import Transport
from opg_pipeline.model.app import App, Dataset
from opg_pipeline.model.base import Locale
from opg_pipeline.model.handover import Page, PullError, PullFacts, RawRef

Handler = Callable[[Request], Any]
LOCALE = Locale(decimal=",", thousands=".", date="dd/mm/yyyy", datetime="iso", timezone="Asia/Jakarta", missing=("-",))


@dataclass
class Asked:
    """One request as the server saw it."""

    method: str
    path: str
    query: dict[str, str]
    raw_query: str
    headers: dict[str, str]
    body: bytes
    at: float


class Server:
    """A Starlette server in a thread. ``handler`` answers everything; ``asked`` holds what came; ``tls`` are uvicorn's settings."""

    def __init__(self, **tls: Any) -> None:
        self.asked: list[Asked] = []
        self.handler: Handler = lambda request: JSONResponse([])
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(128)  # so that a call made before the server runs waits instead of being refused
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", access_log=False, **tls))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()

    async def _answer(self, request: Request) -> Response:
        body = await request.body()
        self.asked.append(
            Asked(
                request.method,
                request.url.path,
                dict(request.query_params),
                request.url.query,
                dict(request.headers),
                body,
                datetime.now(UTC).timestamp(),
            )
        )
        answer = self.handler(request)
        if isinstance(answer, Awaitable):
            answer = await answer
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(5)


@pytest.fixture(scope="session")
def _servers() -> Iterator[tuple[Server, Server]]:
    servers = Server(), Server()
    yield servers
    for server in servers:
        server.close()


@pytest.fixture
def server(_servers: tuple[Server, Server]) -> Server:
    """The declared host."""
    _servers[0].asked.clear()
    return _servers[0]


@pytest.fixture
def elsewhere(_servers: tuple[Server, Server]) -> Server:
    """Another host (another port is another host)."""
    _servers[1].asked.clear()
    _servers[1].handler = lambda request: []
    return _servers[1]


@dataclass
class Result:
    """What a pull gave: its pages, its facts, what was archived, and the error that ended it, if any."""

    pages: list[Page] = field(default_factory=list)
    facts: PullFacts = field(default_factory=PullFacts)
    archive: list[bytes] = field(default_factory=list)
    refs: list[RawRef] = field(default_factory=list)
    error: PullError | None = None

    @property
    def records(self) -> list[Any]:
        return [record for page in self.pages for record in page.records]

    @property
    def failure(self) -> PullError:
        assert self.error is not None, f"the pull succeeded with {len(self.records)} records"
        return self.error


def make_dataset(**changes: Any) -> Dataset:
    """A small dataset with some keys changed."""
    return Dataset.model_validate(
        {"id": "things", "path": "/things", "nature": "event", "category": "service_request", "key": ["id"],
         "fields": {"title": "title"}, **changes}
    )  # fmt: skip


def make_app(base_url: str, dataset: Dataset, source: Mapping[str, Any] | None = None) -> App:
    """An app of one dataset that asks as fast as it may."""
    settings = {"base_url": base_url, "budget": {"requests_per_second": 1000, "concurrent": 4}, **(source or {})}
    return App.model_validate(
        {"id": "e_test", "name": "e-Test", "agency": "dinas", "urusan": "2.16", "cadence": "daily",
         "evidence": {"interface": "assumed"}, "source": settings, "datasets": [dataset]}
    )  # fmt: skip


def archive_into(result: Result) -> Callable[..., RawRef]:
    def store(body: bytes, *, url: str, method: str, status: int, content_type: str) -> RawRef:
        ref = RawRef(hashlib.sha256(body).hexdigest(), len(body), url, method, status, datetime.now(UTC), content_type)
        result.archive.append(body)
        result.refs.append(ref)
        return ref

    return store


async def pull(
    base_url: str,
    dataset: Dataset | None = None,
    *,
    source: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    locale: Locale = LOCALE,
    position: datetime | int | None = None,
    validators: Mapping[str, str] | None = None,
    span: Mapping[str, Any] | None = None,
    base_delay: float = 0.001,
    **pace: Any,
) -> Result:
    """Pull one dataset to its end; an error is kept in the result. ``span``: since, until, regions."""
    chosen = dataset or make_dataset()
    app = make_app(base_url, chosen, source)
    result = Result()
    try:
        async with Puller(app, Access(base_url, secrets or {}), locale=locale, base_delay=base_delay, **pace) as puller:
            async for page in puller.pages(
                chosen, store=archive_into(result), facts=result.facts, position=position, validators=validators,
                **(span or {}),
            ):  # fmt: skip
                result.pages.append(page)
    except PullError as error:
        result.error = error
    return result


@asynccontextmanager
async def transport(
    base_url: str, source: Mapping[str, Any], secrets: Mapping[str, str] | None = None, **pace: Any
) -> AsyncIterator[Transport]:
    """The connection of an app that asks as fast as it may."""
    declared = make_app(base_url, make_dataset(), source).source
    known = credentials(declared, Access(base_url, secrets or {}))
    async with Transport(declared, base_url, known, name="e_test", **{"base_delay": 0.001, **pace}) as line:
        yield line


def rows(start: int, stop: int) -> list[dict[str, Any]]:
    return [{"id": number, "title": f"thing {number}"} for number in range(start, stop)]


def failing(status: int, times: int, **headers: str) -> Any:
    """Answers ``status`` that often, then well."""
    left = [times]

    def handler(request: Request) -> Response:
        if left[0]:
            left[0] -= 1
            return HTMLResponse(
                "<h1>no</h1>", status, headers={key.replace("_", "-"): value for key, value in headers.items()}
            )
        return JSONResponse(rows(0, 3))

    return handler
