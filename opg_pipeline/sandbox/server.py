"""The city as one HTTP application, and how to run it.

Services, faults and control paths are put together here and made elsewhere.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Mapping
from datetime import date

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opg_pipeline.sandbox.access import credential
from opg_pipeline.sandbox.city import City
from opg_pipeline.sandbox.control import Control, checked, is_local
from opg_pipeline.sandbox.faults import AFTER, BEFORE, SCOPE_KEY, WAITING, Fault, instead, spoiled
from opg_pipeline.sandbox.ledger import UNTIL
from opg_pipeline.sandbox.services.base import Service
from opg_pipeline.sandbox.services.register import SECRET_NAMES, SERVICES

CONDITIONAL = (b"if-none-match", b"if-modified-since")
SECRET_PARAMETERS = ("api_key", "token", "key", "apikey", "authenticityToken")

__all__ = ["create_app", "credentials", "serve"]


class Doorkeeper:
    """Stands before every service: keeps strangers from the control paths, lays faults over answers, writes the log."""

    def __init__(self, app: ASGIApp, city: City, services: Mapping[str, Service]) -> None:
        self.app = app
        self.city = city
        self.services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        name = request.url.path.split("/")[1]
        if name.startswith("__"):
            client = request.client
            if is_local(client.host if client else None):
                await self.app(scope, receive, send)
            else:
                await JSONResponse({"error": "only from this machine"}, 403)(scope, receive, send)
            return
        service = self.services.get(name)
        fault = self.city.take_fault(name) if service else None
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        if service is None or fault is None:
            await self.app(scope, receive, watched)
        else:
            await self._broken(fault, service, scope, receive, watched)
        query = {key: "***" if key in SECRET_PARAMETERS else value for key, value in request.query_params.items()}
        self.city.log.append(
            {
                "app": name,
                "method": request.method,
                "path": self._without_keys(request.url.path),
                "query": query,
                "status": status,
                "fault": fault.kind if fault else None,
            }
        )

    def _without_keys(self, path: str) -> str:
        """The path with a key that is part of it struck out."""
        return "/".join("***" if part in self.city.secret_values else part for part in path.split("/"))

    async def _broken(self, fault: Fault, service: Service, scope: Scope, receive: Receive, send: Send) -> None:
        scope = {
            **scope,
            "headers": [pair for pair in scope["headers"] if pair[0] not in CONDITIONAL],
            SCOPE_KEY: fault.kind,
        }
        if fault.kind in BEFORE:
            await instead(fault, str(Request(scope).url))(scope, receive, send)
        elif fault.kind in AFTER:
            await (await _spoil(self.app, fault, service, scope, receive))(scope, receive, send)
        else:
            if fault.kind in WAITING:
                await asyncio.sleep(fault.value)
            await self.app(scope, receive, send)


async def _spoil(app: ASGIApp, fault: Fault, service: Service, scope: Scope, receive: Receive) -> Response:
    """Let the service answer, and spoil a good answer; an error of its own passes unchanged."""
    parts: list[bytes] = []
    start: Message = {"status": 500, "headers": []}

    async def collect(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, collect)
    headers = {
        key.decode(): value.decode()
        for key, value in start["headers"]
        if key not in (b"content-length", b"etag", b"last-modified")
    }
    body = b"".join(parts)
    if start["status"] in (200, 206) and fault.kind == "same_page":
        fault.kept = fault.kept or (body, headers.get("content-type", ""))
        body, headers["content-type"] = fault.kept
    elif start["status"] in (200, 206):
        body = spoiled(fault, body, headers.get("content-type", ""), service.drift)
    return Response(body, start["status"], headers)


def credentials(seed: int = 1) -> dict[str, str]:
    """What a client must know, by the name of the environment variable it is read from."""
    return {name: credential(name, seed) for name in SECRET_NAMES}


def create_app(
    seed: int = 1, until: date = UNTIL, faults: Mapping[str, object] | None = None, scale: float | str = 1.0
) -> Starlette:
    """The city with all its services and the control paths. The same seed, day and scale give the same city."""
    city = City(seed, until, scale, SECRET_NAMES)
    services = {service.app_id: service(city) for service in SERVICES}
    city.start_with({app: fault for app, fault in checked(faults or {}, services).items() if fault is not None})
    app = Starlette(
        routes=[
            *(Mount(f"/{name}", routes=service.routes()) for name, service in services.items()),
            *Control(city, services).routes(),
        ]
    )
    app.add_middleware(Doorkeeper, city=city, services=services)
    return app


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    seed: int = 1,
    until: date = UNTIL,
    faults: Mapping[str, object] | None = None,
    scale: float | str = 1.0,
) -> None:
    """Run the city until interrupted. The last line printed at start is its address; port 0 takes a free one."""
    import uvicorn  # needed to serve, not to build the application

    app = create_app(seed, until, faults, scale)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        shown = f"[{host}]" if ":" in host else host
        sys.stdout.write(f"http://{shown}:{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")).run(
            sockets=[listener]
        )
