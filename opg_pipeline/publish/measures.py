"""Fills mart.measure: every cell with what it rests on, its caveats, and small groups hidden. The SQL is in aggregate.py."""

from __future__ import annotations

import json
from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.category import Category, Measure
from opg_pipeline.publish.aggregate import Cell, cells, reporting_apps
from opg_pipeline.publish.associations import rebuild_associations
from opg_pipeline.publish.breaks import Break, series_breaks
from opg_pipeline.publish.protect import WHOLE, Shield, protect
from opg_pipeline.publish.reversal import Period, Sample, compare, reversals
from opg_pipeline.publish.rows import replace_rows
from opg_pipeline.publish.sources import Coverage, aware, coverage, dataset_states
from opg_pipeline.publish.suppress import Counts, suppress
from opg_pipeline.publish.tables import mart_table

SMALL_N = 30
"""Below this many records a mean, median or share is marked."""
BREAKDOWN = " | "
"""Between the values of a breakdown."""
UNRESOLVED_SHARE = 0.05
"""Above this share of records without a region the numbers of a period are marked."""
_MONTHS = {"month": 1, "quarter": 3, "year": 12}

CAVEATS: dict[str, str] = {
    "BREAK_IN_SERIES": "From this period on values may not compare with those before: see mart.series_break for why.",
    "LOW_COVERAGE": "Not every app that feeds the category has records in the period.",
    "PROVISIONAL": "The period is not over, or ended so recently that records may still come.",
    "QUARANTINE": "Records of the category wait in quarantine and are not counted.",
    "SMALL_N": f"A mean, median or share of fewer than {SMALL_N} records.",
    "STALE_SOURCE": "An app's last good delivery is older than three times its cadence, or its last pull went wrong.",
    "SUBGROUP_REVERSAL": "The city's number moved one way and its districts the other, see mart.measure_reversal.",
    "UNRESOLVED_REGION": f"More than {UNRESOLVED_SHARE:.0%} of the period's records have no region.",
}
"""What each caveat says."""


@dataclass(frozen=True, slots=True)
class MeasureReport:
    """What a rebuild wrote: cells, how many of them are hidden, cells by category, and how often each caveat stands."""

    cells: int
    suppressed: int
    by_category: dict[str, int]
    caveats: dict[str, int]


def rebuild_measures(connection: sa.Connection, catalog: Catalog, *, as_of: datetime) -> MeasureReport:
    """Compute every measure of every used category anew, in the caller's transaction.

    Args:
        as_of: the moment that freshness and provisional periods are judged at; with time zone.

    Raises:
        ValueError: ``as_of`` has no time zone.
        PublishError: a measure cannot be computed as declared.
    """
    as_of = aware(as_of)
    sources = coverage(catalog, dataset_states(connection), as_of)
    breaks = series_breaks(connection, catalog)
    days: dict[tuple[str, str], set[date]] = {}
    for item in breaks:
        days.setdefault((item.city, item.category), set()).add(item.day)
    cities = sorted(catalog.cities)
    rows: list[dict[str, Any]] = []
    turned: list[dict[str, Any]] = []
    for category in sorted(catalog.used_categories, key=lambda item: item.id):
        tables = [_measured(connection, catalog, category, measure) for measure in _sorted(category)]
        protect([table.shield for table in tables])
        reporting = {
            grain: reporting_apps(connection, category, grain, cities)
            for grain in {measure.period for measure in category.measures}
        }
        for table in tables:
            told = list(_measure_rows(catalog, category, table, sources, reporting[table.measure.period], days, as_of))
            turned += _mark_reversals(table.measure, told)
            rows += told
    replace_rows(connection, mart_table("measure"), rows)
    replace_rows(connection, mart_table("measure_reversal"), turned)
    replace_rows(connection, mart_table("series_break"), [_told(item) for item in breaks])
    rebuild_associations(connection, catalog)
    return MeasureReport(
        cells=len(rows),
        suppressed=sum(row["suppressed"] for row in rows),
        by_category=dict(Counter(row["category_id"] for row in rows)),
        caveats=dict(sorted(Counter(caveat for row in rows for caveat in json.loads(row["caveats"])).items())),
    )


def _sorted(category: Category) -> list[Measure]:
    return sorted(category.measures, key=lambda item: item.id)


@dataclass(frozen=True, slots=True)
class _Table:
    """The cells of one measure, by city, period and breakdown: the whole city, then its districts; and what of them is hidden."""

    measure: Measure
    cells: dict[tuple[str, date, tuple[str, ...]], tuple[Cell, list[Cell]]]
    shield: Shield


def _measured(connection: sa.Connection, catalog: Catalog, category: Category, measure: Measure) -> _Table:
    zones = {city: entry.city.timezone for city, entry in sorted(catalog.cities.items())}
    found = sorted(
        cells(connection, category, measure, zones),
        key=lambda cell: (cell.city, cell.start, cell.breakdown, cell.district or ""),
    )
    table = _Table(measure, {}, Shield(measure))
    for (*_, breakdown), group in groupby(found, key=lambda cell: (cell.city, cell.start, cell.breakdown)):
        whole, *districts = group
        slot = (whole.city, whole.start)
        table.cells[(*slot, breakdown)] = whole, districts
        if measure.by:  # min_cell is 1 throughout the category: there is nothing to hide
            continue
        records = Counts(whole.n, {cell.district or "": cell.n for cell in districts})
        numerator = {cell.district or "": cell.hits for cell in districts} if measure.numerator is not None else None
        table.shield.decide(slot, suppress(records, measure.min_cell, numerator, whole.hits))
    return table


def _measure_rows(
    catalog: Catalog,
    category: Category,
    table: _Table,
    sources: dict[tuple[str, str], Coverage],
    reporting: dict[tuple[str, date], set[str]],
    breaks: dict[tuple[str, str], set[date]],
    as_of: datetime,
) -> Iterable[dict[str, Any]]:
    measure = table.measure
    for (city, start, breakdown), (whole, districts) in table.cells.items():
        entry = catalog.cities[city]
        reasons = table.shield.reasons.get((city, start), {})
        unit = dict(zip(measure.by, breakdown, strict=True)).get(measure.unit, measure.unit)
        source = sources.get((city, category.id)) or Coverage(frozenset(), None, None, False, 0)
        names = {region.code: region.name for region in entry.regions}
        end = last_day(start, measure.period)
        apps = len(source.apps & reporting.get((city, start), set()))
        share = None if (city, start) in table.shield.shares else whole.unplaced / whole.n
        shared = {
            "LOW_COVERAGE": apps < len(source.apps),
            "STALE_SOURCE": source.stale,
            "PROVISIONAL": is_provisional(end, entry.city.timezone, source.longest_cadence, as_of),
            "UNRESOLVED_REGION": share is not None and share > UNRESOLVED_SHARE,
            "QUARANTINE": source.quarantined > 0,
            "BREAK_IN_SERIES": any(start <= day <= end for day in breaks.get((city, category.id), ())),
        }
        for cell in (whole, *districts):
            reason = reasons.get(WHOLE if cell.district is None else cell.district, "")
            code = cell.district or (entry.city.regions.root if entry.city.regions else "")
            few = not reason and cell.n < SMALL_N and measure.aggregation in {"mean", "median", "share"}
            yield {
                "city_id": city,
                "category_id": category.id,
                "measure_id": measure.id,
                "breakdown": BREAKDOWN.join(breakdown),
                "unit": unit,
                "period_grain": measure.period,
                "period_start": start,
                "period_end": end,
                "region_code": code,
                "region_name": names.get(code, entry.city.name if cell.district is None else ""),
                "region_level": "regency" if cell.district is None else "district",
                **_numbers(cell, hidden=bool(reason)),
                "apps_expected": len(source.apps),
                "apps_reporting": apps,
                "records_quarantined": source.quarantined,
                "share_without_region": share,
                "oldest_data_at": source.oldest_data_at,
                "caveats": json.dumps(sorted(name for name, holds in {**shared, "SMALL_N": few}.items() if holds)),
                "suppressed": bool(reason),
            }


def _mark_reversals(measure: Measure, rows: Sequence[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """The caveat of reversal on the city's cells among the rows of a measure, and what mart.measure_reversal says of each."""
    if measure.aggregation not in {"share", "mean"} or measure.by:
        return
    shown = [row for row in rows if not row["suppressed"]]
    whole = {(row["city_id"], row["period_start"]): row for row in shown if row["region_level"] == "regency"}
    parts: dict[tuple[str, date], dict[str, Sample]] = {slot: {} for slot in whole}
    for row in shown:
        slot = (row["city_id"], row["period_start"])
        if row["region_level"] == "district" and slot in parts:
            parts[slot][row["region_code"]] = _sample(measure, row)
    periods = {slot: Period(_sample(measure, row), parts[slot]) for slot, row in whole.items()}
    for city in sorted({city for city, _ in periods}):
        starts = sorted(start for name, start in periods if name == city)
        pairs = [
            (before, after, change)
            for before, after in pairwise(starts)
            if last_day(before, measure.period) + timedelta(days=1) == after
            and (change := compare(periods[city, before], periods[city, after])) is not None
        ]
        for place in reversals([change for _, _, change in pairs]):
            before, after, change = pairs[place]
            row = whole[city, after]
            row["caveats"] = json.dumps(sorted([*json.loads(row["caveats"]), "SUBGROUP_REVERSAL"]))
            yield {
                "city_id": city,
                "category_id": row["category_id"],
                "measure_id": measure.id,
                "period_start": after,
                "previous_start": before,
                "subgroups": "district",
                "change": change.whole,
                "change_at_fixed_weights": change.parts,
                "rising": change.rising,
                "falling": change.falling,
                "covered": change.covered,
                "p": change.p,
            }


def _told(item: Break) -> dict[str, Any]:
    return {
        "city_id": item.city,
        "category_id": item.category,
        "break_on": item.day,
        "kind": item.kind,
        "app_id": item.app,
        "dataset": item.dataset or None,
        "what": item.what or None,
    }


def _sample(measure: Measure, row: dict[str, Any]) -> Sample:
    if measure.aggregation == "share":
        return Sample.of_share(row["n"], row["value"])
    return Sample.of_mean(row["n"], row["value"], row["p10"], row["p90"])


def _numbers(cell: Cell, *, hidden: bool) -> dict[str, float | int | None]:
    if hidden:
        return dict.fromkeys(("n", "value", "median", "p10", "p90"))
    return {"n": cell.n, "value": cell.value, "median": cell.median, "p10": cell.p10, "p90": cell.p90}


def last_day(start: date, grain: str) -> date:
    """Last day of the period that begins at ``start``."""
    if grain == "day":
        return start
    month = start.month + _MONTHS[grain] - 1
    return start.replace(month=month, day=monthrange(start.year, month)[1])


def is_provisional(end: date, zone: str, cadence: timedelta | None, as_of: datetime) -> bool:
    """Whether the period is not over at ``as_of``, or ended less than one cadence before."""
    return as_of - (cadence or timedelta()) <= datetime.combine(end, time.max, ZoneInfo(zone))
