"""One measure as SQL: the records of a core table added up by city, period and region. Set-based; exact until the last division.

Caveats and suppression are decided elsewhere. Sums, counts and durations are exact integers or decimals in SQL; percentiles are
interpolated in double precision and kept to 15 significant digits, so that every engine gives the same number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import sqlalchemy as sa

from opg_pipeline.model.category import Category, CategoryField, Measure
from opg_pipeline.publish.rows import EpochMicroseconds
from opg_pipeline.publish.tables import PublishError, core_table, dim_region

_DAY_US, _MINUTE_US = 86_400_000_000, 60_000_000
_PERCENTILES: sa.ColumnClause[Any] = sa.literal_column("array[0.1, 0.5, 0.9]")


@dataclass(frozen=True, slots=True)
class Cell:
    """One aggregate. ``district`` is None for the whole city, ``breakdown`` the values of the fields in ``by``; ``n`` counts the records used, ``unplaced`` those without a region,
    ``hits`` those that fit the numerator of a share."""

    city: str
    start: date
    district: str | None
    breakdown: tuple[str, ...]
    n: int
    unplaced: int
    hits: int
    value: float
    median: float | None
    p10: float | None
    p90: float | None


def cells(connection: sa.Connection, category: Category, measure: Measure, zones: dict[str, str]) -> Iterator[Cell]:
    """The cells of a measure in the cities of ``zones`` (city to IANA zone): each city as a whole, then its districts.

    Only alive records count, and only those with a value where the measure takes one. A period or district without such a
    record has no cell.

    Raises:
        PublishError: a condition does not fit its field's type, or a number is not finite.
    """
    for districts in (False, True):
        statement, divisor = _statement(category, measure, zones, districts=districts)
        for row in connection.execute(statement).mappings():
            try:
                yield _cell(row, measure, divisor)
            except (ValueError, OverflowError):
                raise PublishError(
                    f"Measure {measure.id!r} of {category.id} is not a finite number for city {row['city_id']} from {row['period']}. "
                    f"Look for NaN or Infinity in core.{category.id}."
                ) from None


def reporting_apps(
    connection: sa.Connection, category: Category, grain: str, cities: list[str]
) -> dict[tuple[str, date], set[str]]:
    """Apps with alive records of the category, by city and first day of the period."""
    table = core_table(category)
    statement = (
        sa.select(table.c.city_id, _period(table, grain).label("period"), table.c.source_app)
        .where(table.c.vanished_at.is_(None), table.c.city_id.in_(cities))
        .distinct()
    )
    found: dict[tuple[str, date], set[str]] = {}
    for city, start, app in connection.execute(statement):
        found.setdefault((city, start), set()).add(app)
    return found


def _period(table: sa.TableClause, grain: str) -> sa.ColumnElement[date]:
    return sa.cast(
        sa.func.date_trunc(sa.literal_column(f"'{grain}'"), sa.cast(table.c.event_on, sa.DateTime())), sa.Date()
    )


def counted(
    category: Category, measure: Measure, zones: dict[str, str], *, districts: bool, also: Sequence[str] = ()
) -> tuple[sa.Subquery, int]:
    """The records a measure counts, a row each, and what to divide a sum of their values by to get the unit.

    Columns: city_id, period, unplaced, hit, by_<place> for each field of ``by``, v where the measure takes a value, district
    where only records of some district are asked for, and the columns of core that ``also`` names.
    """
    table = core_table(category)
    value, divisor = _value(table, category, measure, zones)
    hit = (
        sa.literal_column("0")
        if measure.numerator is None
        else sa.case((_fits(table, category, measure, "numerator"), 1), else_=0)
    )
    columns = [
        table.c.city_id,
        _period(table, measure.period).label("period"),
        sa.case((table.c.region_match == "none", 1), else_=0).label("unplaced"),
        hit.label("hit"),
        *(table.c[name] for name in also),
    ]
    conditions = [
        table.c.vanished_at.is_(None),
        table.c.city_id.in_(list(zones)),
        _fits(table, category, measure, "where"),
    ]
    parts = [f"by_{place}" for place in range(len(measure.by))]
    columns += [
        sa.func.coalesce(sa.cast(table.c[name], sa.Text()), "").label(part)
        for part, name in zip(parts, measure.by, strict=True)
    ]
    if value is not None:
        columns.append(value.label("v"))
        conditions.append(value.is_not(None))
    source: sa.FromClause = table
    if districts:
        region = dim_region()
        columns.append(
            sa.case((region.c.level == "district", region.c.code), else_=region.c.parent_code).label("district")
        )
        source = table.join(region, sa.and_(region.c.city_id == table.c.city_id, region.c.code == table.c.region_code))
        conditions.append(region.c.level.in_(["district", "village"]))
    return sa.select(*columns).select_from(source).where(*conditions).subquery(), divisor


def _statement(
    category: Category, measure: Measure, zones: dict[str, str], *, districts: bool
) -> tuple[sa.Select[Any], int]:
    base, divisor = counted(category, measure, zones, districts=districts)
    parts = [f"by_{place}" for place in range(len(measure.by))]
    keys = [base.c.city_id, base.c.period, *([base.c.district] if districts else []), *(base.c[part] for part in parts)]
    result = [
        *keys,
        sa.func.count().label("n"),
        sa.func.sum(base.c.unplaced).label("unplaced"),
        sa.func.sum(base.c.hit).label("hits"),
    ]
    if measure.value is not None:
        percentiles = sa.func.percentile_cont(_PERCENTILES).within_group(sa.cast(base.c.v, sa.Double()))
        result += [
            sa.func.sum(base.c.v).label("total"),
            sa.type_coerce(percentiles, sa.types.NULLTYPE).label("percentiles"),
        ]
    return sa.select(*result).group_by(*keys), divisor


def _value(
    table: sa.TableClause, category: Category, measure: Measure, zones: dict[str, str]
) -> tuple[sa.ColumnElement[Any] | None, int]:
    """The exact number of one record, and what to divide by to get the unit.

    A duration between two timestamps is exact; where one end is a date, both are taken as days of the city's time zone.
    """
    if measure.value is None:
        return None, 1
    if measure.value.field is not None:
        return table.c[measure.value.field], 1
    ends = measure.value.days_between or measure.value.minutes_between
    assert ends is not None
    kinds = {category.field(name).type for name in ends}
    if kinds == {"timestamp"}:
        first, second = (EpochMicroseconds(table.c[name]) for name in ends)
        return second - first, _DAY_US if measure.value.days_between else _MINUTE_US
    first_day, second_day = (_day(table, category.field(name), zones) for name in ends)
    return sa.type_coerce(second_day - first_day, sa.BigInteger()), 1


def _day(table: sa.TableClause, field: CategoryField, zones: dict[str, str]) -> sa.ColumnElement[Any]:
    column = table.c[field.name]
    if field.type == "date":
        return column
    local = {zone: sa.cast(sa.func.timezone(zone, column), sa.Date()) for zone in zones.values()}
    return sa.case(*((table.c.city_id == city, local[zone]) for city, zone in zones.items()))


def _fits(table: sa.TableClause, category: Category, measure: Measure, part: str) -> sa.ColumnElement[bool]:
    """Whether a record has, in every named field, one of the listed values; null in a list means "has none"."""
    tests: list[sa.ColumnElement[bool]] = []
    for name, listed in (getattr(measure, part) or {}).items():
        column, field = table.c[name], category.field(name)
        given = [
            _typed(item, field, f"`{part}` of measure {measure.id!r} of {category.id}")
            for item in listed
            if item is not None
        ]
        test = column.in_(given)
        tests.append(sa.or_(test, column.is_(None)) if None in listed else test)
    return sa.and_(sa.true(), *tests)


def _typed(given: Any, field: CategoryField, place: str) -> Any:
    """A declared value as the field's type. Raises PublishError where it is of another kind."""
    try:
        if field.type == "boolean" and isinstance(given, bool):
            return given
        if field.type == "integer" and isinstance(given, int) and not isinstance(given, bool):
            return given
        if field.is_decimal and isinstance(given, int | float | str) and not isinstance(given, bool):
            return Decimal(str(given))
        if field.type == "date" and isinstance(given, str):
            return date.fromisoformat(given)
        if (
            field.type == "timestamp"
            and isinstance(given, str)
            and (at := datetime.fromisoformat(given)).tzinfo is not None
        ):
            return at
        if field.type in {"string", "text", "enum", "list", "map", "geojson"} and isinstance(given, str):
            return given
    except (ValueError, ArithmeticError):
        pass
    raise PublishError(
        f"{place} compares {field.name} with {given!r}, which is no {field.type}. Write a value of that type."
    )


def _cell(row: sa.RowMapping, measure: Measure, divisor: int) -> Cell:
    """Raises ValueError or OverflowError for a number that is not finite."""
    n = int(row["n"])
    p10 = median = p90 = None
    if measure.value is not None:
        p10, median, p90 = (float(Fraction(f"{item:.15g}") / divisor) for item in row["percentiles"])
    value: float | None = float(n)
    if measure.aggregation == "share":
        value = float(Fraction(int(row["hits"]), n))
    elif measure.aggregation == "median":
        value = median
    elif measure.aggregation in {"sum", "mean"}:
        total = Fraction(row["total"]) / divisor
        value = float(total if measure.aggregation == "sum" else total / n)
    assert value is not None
    return Cell(
        row["city_id"],
        row["period"],
        row.get("district"),
        tuple(row[f"by_{place}"] for place in range(len(measure.by))),
        n,
        int(row["unplaced"]),
        int(row["hits"]),
        value,
        median,
        p10,
        p90,
    )
