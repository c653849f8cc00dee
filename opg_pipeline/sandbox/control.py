"""The tester's side door: the truth, the planted personal data, faults, the clock and the log.

No vendor's interface belongs here. It answers only to the machine itself and needs no key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from ipaddress import ip_address

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opg_pipeline.sandbox.city import City
from opg_pipeline.sandbox.faults import Fault, parse
from opg_pipeline.sandbox.services.base import Service
from opg_pipeline.sandbox.truth.records import neutral


class Control:
    """The control paths of one running city."""

    def __init__(self, city: City, services: Mapping[str, Service]) -> None:
        self.city = city
        self.services = services

    def routes(self) -> list[Route]:
        return [
            Route("/__apps", self.apps),
            Route("/__ledger/{app}", self.ledger),
            Route("/__planted", self.planted),
            Route("/__control/faults", self.faults, methods=["GET", "POST"]),
            Route("/__control/clock", self.clock, methods=["GET", "POST"]),
            Route("/__log", self.log),
            Route("/__reset", self.reset, methods=["POST"]),
        ]

    async def apps(self, request: Request) -> Response:
        found = []
        for app, service in self.services.items():
            rows = service.rows()
            found.append(
                {
                    "app": app,
                    "paths": [f"/{app}{route.path}" for route in service.routes()],
                    "paged": service.paged,
                    "records": len({row.record_id for row in rows}),
                    "rows": len(rows),
                }
            )
        return JSONResponse(
            {
                "seed": self.city.ledger.seed,
                "until": self.city.ledger.until.isoformat(),
                "today": self.city.today.isoformat(),
                "apps": found,
            }
        )

    async def ledger(self, request: Request) -> Response:
        service = self.services.get(request.path_params["app"])
        if service is None:
            return JSONResponse({"error": "no such app"}, 404)
        rows = service.rows()
        delivered = Counter(row.record_id for row in rows)
        defects = {row.record_id: row.defect for row in rows if row.defect}
        states = {row.record_id: row.truth for row in rows if row.truth}
        truth = [
            {
                **neutral(record),
                **states.get(record.record_id, {}),
                "delivered": delivered[record.record_id],
                "defect": defects.get(record.record_id),
            }
            for record in self.city.ledger.records(service.app_id)
            if record.record_id in delivered
        ]
        return JSONResponse(truth)

    async def planted(self, request: Request) -> Response:
        wanted = request.query_params.get("app")
        found = {
            (service.app_id, kind, value)
            for app, service in self.services.items()
            if wanted in (None, app)
            for row in service.rows()
            for kind, value in row.planted
        }
        return JSONResponse([{"kind": kind, "value": value, "app": app} for app, kind, value in sorted(found)])

    async def faults(self, request: Request) -> Response:
        if request.method == "POST":
            wanted = await _body(request)
            try:
                changes = checked(wanted, self.services)
            except ValueError as error:
                return JSONResponse({"error": str(error)}, 422)
            for app, fault in changes.items():
                if fault is None:
                    self.city.faults.pop(app, None)
                else:
                    self.city.faults[app] = fault
        return JSONResponse(
            {
                app: {"kind": fault.kind, "value": fault.value, "times": fault.times}
                for app, fault in self.city.faults.items()
            }
        )

    async def clock(self, request: Request) -> Response:
        if request.method == "POST":
            text = (await _body(request)).get("today")
            try:
                self.city.today = self.city.ledger.until if text is None else date.fromisoformat(str(text))
            except ValueError:
                return JSONResponse({"error": "today must be yyyy-mm-dd or null"}, 422)
        return JSONResponse({"today": self.city.today.isoformat(), "until": self.city.ledger.until.isoformat()})

    async def log(self, request: Request) -> Response:
        return JSONResponse(list(self.city.log))

    async def reset(self, request: Request) -> Response:
        self.city.reset()
        return JSONResponse({"reset": True})


async def _body(request: Request) -> dict[str, object]:
    try:
        found = await request.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def checked(wanted: Mapping[str, object], services: Mapping[str, Service]) -> dict[str, Fault | None]:
    """Faults by app, each understood and possible for its service; None takes the fault away."""
    changes: dict[str, Fault | None] = {}
    for app, spec in wanted.items():
        if app not in services:
            raise ValueError(f"no such app: {app}")
        fault = None if spec is None else parse(spec)
        if fault is not None and fault.kind == "next_loop" and not services[app].paged:
            raise ValueError(f"{app} answers with one file, so its paging cannot loop")
        changes[app] = fault
    return changes


def is_local(host: str | None) -> bool:
    """Whether a client is the machine itself. A test client has no address or calls itself `testclient`."""
    if host is None or host == "testclient":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
