"""How fresh and how whole the sources behind the numbers are, read from ops. No measure is computed here.

Data counts as delivered when its slice is in the warehouse and was not blocked, or when the source said that nothing changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from opg_pipeline.model.app import App
from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.handover import Outcome
from opg_pipeline.publish.rows import EpochMicroseconds
from opg_pipeline.publish.tables import ops_run_outcome, ops_slice

STALE_AFTER = 3
"""A source is stale when its last good delivery is older than this many times its cadence."""

CADENCES: dict[str, timedelta] = {
    "15min": timedelta(minutes=15),
    "hourly": timedelta(hours=1),
    "3h": timedelta(hours=3),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=31),
    "quarterly": timedelta(days=92),
    "semesterly": timedelta(days=184),
}
_GOOD = sorted(outcome.value for outcome in Outcome if outcome.good)

DatasetId = tuple[str, str, str]
"""City, app, dataset."""


@dataclass(slots=True)
class DatasetState:
    """What ops knows of one dataset. Times are UTC."""

    last_outcome: str | None = None
    last_outcome_at: datetime | None = None
    last_message: str | None = None
    last_good_at: datetime | None = None
    records_last: int = 0
    accepted_last: int = 0
    quarantined_last: int = 0
    quarantined_all: int = 0

    @property
    def bad(self) -> bool:
        """Whether the last pull went wrong."""
        return self.last_outcome is not None and self.last_outcome not in _GOOD

    def stale(self, cadence: str, as_of: datetime) -> bool:
        """Whether the last good delivery is too old for the cadence, or never came."""
        return self.last_good_at is None or as_of - self.last_good_at > STALE_AFTER * CADENCES[cadence]


@dataclass(frozen=True, slots=True)
class Coverage:
    """The sources of one category in one city. ``longest_cadence`` is None when no active app feeds it."""

    apps: frozenset[str]
    longest_cadence: timedelta | None
    oldest_data_at: datetime | None
    stale: bool
    quarantined: int


def instant(microseconds: int | None) -> datetime | None:
    """The UTC time of microseconds since 1970."""
    return (
        None if microseconds is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(microseconds))
    )


def dataset_states(connection: sa.Connection) -> dict[DatasetId, DatasetState]:
    """Everything ops knows, by dataset."""
    states: dict[DatasetId, DatasetState] = {}
    _read_slices(connection, states)
    _read_outcomes(connection, states)
    return states


def _read_slices(connection: sa.Connection, states: dict[DatasetId, DatasetState]) -> None:
    table = ops_slice()
    c = table.c
    waiting = sa.func.coalesce(c.quarantined, 0) + sa.func.coalesce(c.validation_quarantined, 0)
    loaded = sa.not_(sa.func.coalesce(c.blocked, sa.false()))
    pull = sa.func.coalesce(c.repairs, 0) == 0  # a repair says nothing of the source
    key = (c.city, c.app, c.dataset)
    totals = (
        sa.select(
            *key,
            sa.func.max(sa.case((loaded, EpochMicroseconds(c.committed_at)))),
            sa.func.sum(waiting),
        )
        .where(pull)
        .group_by(*key)
    )
    for city, app, dataset, good_at, quarantined in connection.execute(totals):
        states[(city, app, dataset)] = DatasetState(last_good_at=instant(good_at), quarantined_all=int(quarantined))
    place = (
        sa.func.row_number().over(partition_by=key, order_by=(c.committed_at.desc(), c.slice_id.desc())).label("place")
    )
    ranked = sa.select(
        *key, sa.func.coalesce(c.records, 0).label("records"),
        (sa.func.coalesce(c.accepted, 0) - sa.func.coalesce(c.validation_quarantined, 0)).label("accepted"),
        waiting.label("waiting"), place,
    ).where(pull).subquery()  # fmt: skip
    newest = sa.select(ranked).where(ranked.c.place == 1)
    for row in connection.execute(newest).mappings():
        state = states[(row["city"], row["app"], row["dataset"])]
        state.records_last, state.accepted_last = int(row["records"]), int(row["accepted"])
        state.quarantined_last = int(row["waiting"])


def _read_outcomes(connection: sa.Connection, states: dict[DatasetId, DatasetState]) -> None:
    outcomes, slices = ops_run_outcome(), ops_slice()
    c = outcomes.c
    key = (c.city, c.app, c.dataset)
    place = sa.func.row_number().over(partition_by=key, order_by=(c.finished_at.desc(), c.run_id.desc())).label("place")
    ranked = sa.select(*key, c.outcome, c.message, EpochMicroseconds(c.finished_at).label("at"), place).subquery()
    for row in connection.execute(sa.select(ranked).where(ranked.c.place == 1)).mappings():
        state = states.setdefault((row["city"], row["app"], row["dataset"]), DatasetState())
        state.last_outcome, state.last_message, state.last_outcome_at = (
            row["outcome"],
            row["message"],
            instant(row["at"]),
        )
    blocked_since = (
        sa.select(slices.c.city, slices.c.app, slices.c.dataset, sa.func.max(slices.c.committed_at).label("at"))
        .where(sa.func.coalesce(slices.c.blocked, sa.false()))
        .group_by(slices.c.city, slices.c.app, slices.c.dataset)
        .subquery()
    )
    loaded = sa.exists().where(slices.c.slice_id == c.slice_id, sa.not_(sa.func.coalesce(slices.c.blocked, sa.false())))
    good = (
        sa.select(
            *key, EpochMicroseconds(sa.func.max(c.finished_at)), EpochMicroseconds(sa.func.max(blocked_since.c.at))
        )
        .select_from(
            outcomes.outerjoin(
                blocked_since,
                sa.and_(
                    blocked_since.c.city == c.city, blocked_since.c.app == c.app, blocked_since.c.dataset == c.dataset
                ),
            )
        )
        .where(c.outcome.in_(_GOOD), sa.or_(c.slice_id.is_(None), loaded))
        .group_by(*key)
    )
    for city, app, dataset, good_at, blocked_at in connection.execute(good):
        state = states[(city, app, dataset)]
        found, blocked = instant(good_at), instant(blocked_at)
        if blocked is not None and (state.last_good_at is None or blocked > state.last_good_at):
            continue  # the newest data waits outside the warehouse: "nothing changed" since then is no delivery
        state.last_good_at = max(item for item in (found, state.last_good_at) if item is not None)


def coverage(
    catalog: Catalog, states: dict[DatasetId, DatasetState], as_of: datetime
) -> dict[tuple[str, str], Coverage]:
    """Coverage by (city, category), for every category that some app of the city declares, paused and retired ones included.

    Quarantine counts the newest pull of a dataset that is pulled whole, and all pulls of an incremental one.
    """
    result: dict[tuple[str, str], Coverage] = {}
    for city in catalog.cities:
        for category in sorted({ref.category.id for ref in catalog.datasets(city, active=False)}):
            every = [ref for ref in catalog.datasets(city, active=False) if ref.category.id == category]
            active = [ref for ref in every if ref.app.status == "active"]
            known = {ref.name: states.get((city, ref.app.id, ref.dataset.id), DatasetState()) for ref in every}
            delivered = [at for ref in active if (at := known[ref.name].last_good_at) is not None]
            result[(city, category)] = Coverage(
                apps=frozenset(ref.app.id for ref in active),
                longest_cadence=max((CADENCES[ref.app.cadence] for ref in active), default=None),
                oldest_data_at=min(delivered, default=None),
                stale=any(known[ref.name].bad or known[ref.name].stale(ref.app.cadence, as_of) for ref in active),
                quarantined=sum(
                    known[ref.name].quarantined_last
                    if ref.dataset.incremental is None
                    else known[ref.name].quarantined_all
                    for ref in every
                ),
            )
    return result


def app_state(app: App, city: str, states: dict[DatasetId, DatasetState]) -> list[DatasetState]:
    """The states of an app's datasets, in declared order; an unknown one is empty."""
    return [states.get((city, app.id, dataset.id), DatasetState()) for dataset in app.datasets]


def aware(as_of: datetime) -> datetime:
    """``as_of`` in UTC. Raises ValueError for a time without zone."""
    if as_of.tzinfo is None:
        raise ValueError("`as_of` needs a time zone, such as datetime.now(UTC)")
    return as_of.astimezone(UTC)
