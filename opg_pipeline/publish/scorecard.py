"""Fills mart.app_scorecard: how well each app of the catalogue feeds the city's numbers. Computes no measure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import sqlalchemy as sa

from opg_pipeline.model.app import App
from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.city import City
from opg_pipeline.model.handover import Outcome
from opg_pipeline.publish.rows import EpochMicroseconds, replace_rows
from opg_pipeline.publish.sources import DatasetState, app_state, aware, dataset_states, instant
from opg_pipeline.publish.tables import core_table, mart_table, ops_drift, ops_quarantine, ops_run_outcome

AppId = tuple[str, str]
"""City and app."""


@dataclass(slots=True)
class _Records:
    records: int = 0
    placed: int = 0
    oldest: date | None = None
    newest: date | None = None

    def add(self, records: int, placed: int, oldest: date, newest: date) -> None:
        self.records += records
        self.placed += placed
        self.oldest = oldest if self.oldest is None else min(self.oldest, oldest)
        self.newest = newest if self.newest is None else max(self.newest, newest)


def rebuild_scorecard(connection: sa.Connection, catalog: Catalog, *, as_of: datetime) -> int:
    """Write one row for every app of every city, paused and retired ones too; returns how many.

    Raises:
        ValueError: ``as_of`` has no time zone.
    """
    as_of = aware(as_of)
    states, runs, records = dataset_states(connection), _runs(connection), _records(connection, catalog)
    waiting, drift = _waiting(connection), _drift(connection)
    rows = [
        _row(
            entry.city,
            app,
            app_state(app, city, states),
            runs.get((city, app.id), (0, 0)),
            records.get((city, app.id), _Records()),
            waiting.get((city, app.id), (0, 0)),
            as_of,
        )
        | drift.get((city, app.id), {"drifted_at": None, "drifted": None})
        for city, entry in sorted(catalog.cities.items())
        for app in sorted(entry.apps.values(), key=lambda item: item.id)
    ]
    return replace_rows(connection, mart_table("app_scorecard"), rows)


def _runs(connection: sa.Connection) -> dict[AppId, tuple[int, int]]:
    """Runs of each app, and those in which every dataset went well."""
    c = ops_run_outcome().c
    good = sa.case((c.outcome.in_(sorted(item.value for item in Outcome if item.good)), 1), else_=0)
    by_run = sa.select(c.city, c.app, sa.func.min(good).label("good")).group_by(c.city, c.app, c.run_id).subquery()
    statement = sa.select(by_run.c.city, by_run.c.app, sa.func.count(), sa.func.sum(by_run.c.good)).group_by(
        by_run.c.city, by_run.c.app
    )
    return {(city, app): (int(total), int(well)) for city, app, total, well in connection.execute(statement)}


def _waiting(connection: sa.Connection) -> dict[AppId, tuple[int, int]]:
    """Entries in quarantine of each app: open and dismissed."""
    c = ops_quarantine().c
    statement = sa.select(c.city, c.app, sa.func.sum(c.open), sa.func.sum(c.dismissed)).group_by(c.city, c.app)
    return {(city, app): (int(still), int(gone)) for city, app, still, gone in connection.execute(statement)}


def _drift(connection: sa.Connection) -> dict[AppId, dict[str, Any]]:
    """The columns on drift of each app that had some: what the newest run that found any found."""
    c = ops_drift().c
    at = EpochMicroseconds(sa.func.max(c.found_at))
    runs = sa.select(c.city, c.app, c.run_id, at).group_by(c.city, c.app, c.run_id)
    newest: dict[AppId, tuple[int, str]] = {}
    for city, app, run, found_at in connection.execute(runs):
        newest[(city, app)] = max(newest.get((city, app), (0, "")), (int(found_at), run))
    told: dict[AppId, list[str]] = {}
    rows = sa.select(c.city, c.app, c.run_id, c.dataset, c.place, c.kind, c.action).distinct()
    for city, app, run, *what in connection.execute(rows):
        if newest[(city, app)][1] == run:
            told.setdefault((city, app), []).append("{}.{}: {} ({})".format(*what))
    return {
        key: {"drifted_at": instant(found_at), "drifted": json.dumps(sorted(told[key]), ensure_ascii=False)}
        for key, (found_at, _) in newest.items()
    }


def _records(connection: sa.Connection, catalog: Catalog) -> dict[AppId, _Records]:
    found: dict[AppId, _Records] = {}
    for category in catalog.used_categories:
        c = core_table(category).c
        placed = sa.func.sum(sa.case((c.region_match == "none", 0), else_=1))
        statement = (
            sa.select(
                c.city_id, c.source_app, sa.func.count(), placed, sa.func.min(c.event_on), sa.func.max(c.event_on)
            )
            .where(c.vanished_at.is_(None))
            .group_by(c.city_id, c.source_app)
        )
        for city, app, count, with_region, oldest, newest in connection.execute(statement):
            found.setdefault((city, app), _Records()).add(int(count), int(with_region), oldest, newest)
    return found


def _share(part: int, whole: int) -> float | None:
    return float(Fraction(part, whole)) if whole else None


def _row(
    city: City, app: App, states: Iterable[DatasetState], runs: tuple[int, int], records: _Records, waiting: tuple[int, int],
    as_of: datetime,
) -> dict[str, Any]:  # fmt: skip
    states = list(states)
    tried = [(state.bad, state.last_outcome_at, state) for state in states if state.last_outcome_at is not None]
    last = max(tried, key=lambda item: item[:2])[2] if tried else DatasetState()
    good_at = min((state.last_good_at for state in states if state.last_good_at is not None), default=None)
    quarantined, delivered = (
        sum(state.quarantined_last for state in states),
        sum(state.records_last for state in states),
    )
    return {
        "city_id": city.id,
        "app_id": app.id,
        "name": app.name,
        "agency_id": app.agency,
        "agency_name": city.agency(app.agency).name,
        "status": app.status,
        "categories": json.dumps(sorted({dataset.category for dataset in app.datasets})),
        "datasets": json.dumps([dataset.id for dataset in app.datasets]),
        "cadence": app.cadence,
        "interface": app.evidence.interface,
        "last_outcome": last.last_outcome,
        "last_outcome_at": last.last_outcome_at,
        "last_message": last.last_message,
        "last_good_at": good_at,
        "hours_since_good": None if good_at is None else (as_of - good_at).total_seconds() / 3600,
        "overdue": app.status == "active" and any(state.stale(app.cadence, as_of) for state in states),
        "runs_total": runs[0],
        "runs_good_share": _share(runs[1], runs[0]),
        "records_core": records.records,
        "accepted_last": sum(state.accepted_last for state in states),
        "quarantined_last": quarantined,
        "quarantine_share": _share(quarantined, delivered),
        "quarantine_open": waiting[0],
        "quarantine_dismissed": waiting[1],
        "region_resolved_share": (records.placed * 100 // records.records) / 100 if records.records else None,
        "oldest_event_on": records.oldest,
        "newest_event_on": records.newest,
    }
