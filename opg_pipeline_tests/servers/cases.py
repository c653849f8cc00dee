"""What each dataset must give, how much it is asked, and how a record is put into its server and taken out again."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx

from . import truth
from .running import USER, Running, put_prices
from .truth import Record


@dataclass(frozen=True)
class Case:
    """One dataset. ``identity`` names the fields that tell its records apart; ``requests`` counts a first pull, with a login."""

    expect: Callable[[], list[Record]]
    identity: tuple[str, ...]
    requests: int


def _places() -> list[Record]:
    """Places with their geometry as the standard has it, without the numbers it is made of."""
    return [{name: value for name, value in place.items() if name not in {"long", "lat"}} for place in truth.places()]


CASES = {
    "datasette/prices": Case(truth.prices, ("commodity_code", "market_id", "event_on"), 5),
    "pygeoapi/places": Case(_places, ("entity_id",), 7),
    "json_server/requests": Case(truth.requests, ("service_request_id",), 7),
    "json_server/changes": Case(truth.requests, ("service_request_id",), 7),
    "drf/incidents": Case(truth.incidents, ("incident_id",), 6),
    "drf/requests": Case(truth.requests, ("service_request_id",), 7),
    "cds/readings": Case(truth.readings, ("datastream_id", "phenomenon_time"), 6),
    "strawberry/incidents": Case(truth.incidents, ("incident_id",), 4),
}


@contextlib.contextmanager
def price(running: Running, new: Record) -> Iterator[None]:
    """A row in the file that Datasette serves."""
    with contextlib.closing(sqlite3.connect(running.folder / "pasar.db")) as base:
        with base:
            put_prices(base, [new])
        try:
            yield
        finally:
            with base:
                base.execute("DELETE FROM harga WHERE rowid = (SELECT max(rowid) FROM harga)")


@contextlib.contextmanager
def _posted(url: str, body: Record, one: str, headers: dict[str, str] | None = None) -> Iterator[None]:
    httpx.post(url, json=body, headers=headers).raise_for_status()
    try:
        yield
    finally:
        httpx.delete(one, headers=headers).raise_for_status()


def json_request(running: Running, new: Record) -> contextlib.AbstractContextManager[None]:
    url = f"{running.url}/laporan"
    return _posted(url, truth.json_server_item(new), f"{url}/{new['service_request_id']}")


def django_request(running: Running, new: Record) -> contextlib.AbstractContextManager[None]:
    token = httpx.post(f"{running.url}/token/", json=USER).json()["token"]
    url = f"{running.url}/requests/"
    headers = {"Authorization": f"Token {token}"}
    return _posted(url, truth.django_request(new), f"{url}{new['service_request_id']}/", headers)


def reading(running: Running, new: Record) -> contextlib.AbstractContextManager[None]:
    url = f"{running.url}/odata/v4/hydrology/Readings"
    body = truth.cds_reading(new)
    sent = {**body, "rain": float(body["rain"])}
    return _posted(url, sent, f"{url}(station='{body['station']}',at={body['at']})")


ADDED: dict[str, tuple[Callable[[Running, Record], contextlib.AbstractContextManager[None]], Record]] = {
    "datasette/prices": (price, truth.prices(414)[-1]),
    "json_server/changes": (json_request, truth.requests(252)[-1]),
    "drf/requests": (django_request, truth.requests(252)[-1]),
    "cds/readings": (reading, truth.readings(368)[-1]),
}
"""Incremental datasets: how a later record is put in, and the record."""
