"""One chart of a dashboard in Superset's words: its form data, by which people edit it, and the queries it sends.

A chart of a measure shows the number of records beside the value and says in its description what the measure means and leaves
out. Every chart of a measure is of the whole city, but for those by district.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.category import Category, Measure
from opg_pipeline.publish.bi.dashboards import Chart, find_measure

Language = Literal["en", "id"]

_NUMBERS = """select d.label_{language} as measure, d.category_label_{language} as category,
  replace(replace(replace(m.caveats, '[', ''), ']', ''), '"', '') as caveats_told, m.*
from mart.measure m
join mart.measure_definition d on d.category_id = m.category_id and d.measure_id = m.measure_id"""
DATASETS: dict[str, dict[str, str] | None] = {
    "measure": None,
    "app_scorecard": None,
    "measure_definition": None,
    "context_note": None,
    "numbers": {language: _NUMBERS.format(language=language) for language in ("en", "id")},
}
"""Datasets by name, with the SQL of those that are no table of schema mart, by language."""
_SHOWN = ("period_start", "measure", "value", "unit", "n", "p10", "p90", "apps_reporting", "apps_expected", "suppressed", "caveats_told")  # fmt: skip
_APPS = ("app_id", "name", "agency_name", "status", "interface", "last_outcome", "last_good_at", "overdue", "records_core", "quarantine_share", "quarantine_open", "region_resolved_share", "drifted_at", "drifted", "newest_event_on")  # fmt: skip
_ROWS, _BARS = 10_000, 15
_COVERAGE = "MAX(apps_reporting * 1.0 / NULLIF(apps_expected, 0))"
_TEXTS = {
    "records": {"en": "Records behind it", "id": "Rekaman yang mendasari"},
    "coverage": {"en": "Apps reporting of those expected", "id": "Aplikasi melapor dari yang diharapkan"},
    "by_district": {"en": "by district", "id": "per kecamatan"},
    "with_spread": {"en": "median and tenths", "id": "median dan persepuluhan"},
    "numbers": {"en": "The numbers with what they rest on", "id": "Angka-angka beserta dasarnya"},
    "apps": {"en": "The apps one by one", "id": "Aplikasi satu per satu"},
    "median": {"en": "Median", "id": "Median"},
    "p10": {"en": "A tenth lies below", "id": "Sepersepuluh di bawah"},
    "p90": {"en": "A tenth lies above", "id": "Sepersepuluh di atas"},
    "not_counted": {"en": "Not counted:", "id": "Tidak dihitung:"},
    "caveat": {
        "en": "Coverage and caveats of each period stand in the table of numbers.",
        "id": "Cakupan dan catatan tiap periode ada pada tabel angka.",
    },
}

GROUNDS = [text for word in ("records", "coverage") for text in _TEXTS[word].values()]
"""Names of what a number rests on, drawn pale behind it."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart ready to be written. ``dataset`` is a name in DATASETS."""

    id: str
    title: str
    description: str
    dataset: str
    params: dict[str, Any]
    queries: list[dict[str, Any]]


def draw(chart: Chart, catalog: Catalog, city: str, language: Language) -> Drawn | None:
    """The chart; None where no app feeds what it would show. Raises PublishError for a measure that is not declared."""
    if chart.kind == "apps":
        return _table(
            "apps", _say("apps", language), "", "app_scorecard", _APPS, [_equals("city_id", city)], ("app_id", True)
        )
    if chart.kind in {"figure", "bars"}:
        return _aggregate(chart, city, language)
    if chart.kind == "numbers":
        known = [name for name in chart.measures if find_measure(catalog, name)]
        if not known:
            return None
        pairs = [name.partition(".")[::2] for name in known]
        filters = [
            _equals("city_id", city),
            _equals("region_level", "regency"),
            _within("category_id", sorted({category for category, _ in pairs})),
            _within("measure_id", sorted({measure for _, measure in pairs})),
        ]
        return _table("numbers", _say("numbers", language), "", "numbers", _SHOWN, filters, ("period_start", False))
    assert chart.measure is not None
    found = find_measure(catalog, chart.measure)
    if found is None:
        return None
    category, measure = found
    filters = [
        _equals("city_id", city),
        _equals("category_id", category.id),
        _equals("measure_id", measure.id),
        _equals("region_level", "district" if chart.kind == "regions" else "regency"),
    ]
    if chart.breakdown is not None:
        filters.append(_equals("breakdown", chart.breakdown))
    if chart.kind == "regions":
        return _regions(category, measure, filters, language)
    if chart.kind == "spread" and measure.value is not None:
        return _spread(category, measure, filters, language)
    return _trend(category, measure, chart, filters, language)


def _say(word: str, language: Language) -> str:
    return _TEXTS[word][language]


def _described(measure: Measure, language: Language) -> str:
    """What a measure means; definitions are written in English alone."""
    left_out = f"{_say('not_counted', language)} {measure.not_counted}"
    return f"{measure.definition} {measure.interpretation} {left_out} {_say('caveat', language)}"


def _titled(measure: Measure, language: Language, more: str = "") -> str:
    plain = measure.unit in measure.by or measure.aggregation in {"share", "count"}
    unit = "" if plain else f" ({measure.unit})"
    return f"{getattr(measure.label, language)}{unit}{f', {more}' if more else ''}"


def _trend(
    category: Category, measure: Measure, chart: Chart, filters: list[dict[str, Any]], language: Language
) -> Drawn:
    value = _metric("MAX(value)", getattr(measure.label, language))
    time = _axis(measure)
    name = f"trend_{category.id}_{measure.id}"
    title, told = _titled(measure, language, chart.breakdown or ""), _described(measure, language)
    if measure.by and chart.breakdown is None:  # many lines: one set of bars would stand for none of them
        return Drawn(
            name, title, told, "measure", _lines([value], filters, measure, ["breakdown"]), [_query(filters, [value], time, ["breakdown"])]
        )  # fmt: skip
    counts = measure.aggregation == "count"
    ground = _metric(_COVERAGE, _say("coverage", language)) if counts else _metric("MAX(n)", _say("records", language))
    params = {
        **_common("mixed_timeseries", measure),
        "metrics": [value], "adhoc_filters": _adhoc(filters), "groupby": [], "seriesType": "line", "markerEnabled": True,
        "metrics_b": [ground], "adhoc_filters_b": _adhoc(filters), "groupby_b": [], "seriesTypeB": "bar",
        "yAxisIndex": 0, "yAxisIndexB": 1, "y_axis_format_secondary": ".0%" if counts else "SMART_NUMBER",
        "y_axis_bounds_secondary": [0, 1] if counts else [0, None], "row_limit": _ROWS, "row_limit_b": _ROWS,
    }  # fmt: skip
    return Drawn(
        name, title, told, "measure", params, [_query(filters, [value], time, []), _query(filters, [ground], time, [])]
    )


def _spread(category: Category, measure: Measure, filters: list[dict[str, Any]], language: Language) -> Drawn:
    metrics = [_metric(f"MAX({name})", _say(name, language)) for name in ("median", "p10", "p90")]
    return Drawn(
        f"spread_{category.id}_{measure.id}",
        _titled(measure, language, _say("with_spread", language)),
        _described(measure, language),
        "measure",
        _lines(metrics, filters, measure, []),
        [_query(filters, metrics, _axis(measure), [])],
    )


def _lines(
    metrics: list[dict[str, Any]], filters: list[dict[str, Any]], measure: Measure, groups: list[str]
) -> dict[str, Any]:
    return {
        **_common("echarts_timeseries_line", measure),
        "metrics": metrics,
        "adhoc_filters": _adhoc(filters),
        "groupby": groups,
        "seriesType": "line",
        "row_limit": _ROWS,
        "truncate_metric": True,
        "x_axis_sort_asc": True,
        "markerEnabled": True,
        "connectNulls": False,
    }


def _regions(category: Category, measure: Measure, filters: list[dict[str, Any]], language: Language) -> Drawn:
    value = _metric("MAX(value)", getattr(measure.label, language))
    params = {
        **_common("heatmap_v2", measure),
        "groupby": "region_name",
        "metric": value,
        "adhoc_filters": _adhoc(filters),
        "row_limit": _ROWS,
        "linear_color_scheme": "schemeYlGnBu",
        "normalize_across": "heatmap",
        "show_legend": True,
        "show_percentage": False,
        "sort_x_axis": "alpha_asc",
        "sort_y_axis": "alpha_desc",
        "legendType": "continuous",
        "value_bounds": [None, None],
        "left_margin": 100,
        "bottom_margin": 50,
        "xscale_interval": -1,
        "yscale_interval": 1,
    }
    return Drawn(
        f"regions_{category.id}_{measure.id}",
        _titled(measure, language, _say("by_district", language)),
        _described(measure, language),
        "measure",
        params,
        [_query(filters, [value], _axis(measure), ["region_name"])],
    )


def _table(
    name: str, title: str, description: str, dataset: str, columns: Sequence[str], filters: list[dict[str, Any]], order: tuple[str, bool]
) -> Drawn:  # fmt: skip
    params = {
        "viz_type": "table",
        "query_mode": "raw",
        "all_columns": list(columns),
        "adhoc_filters": _adhoc(filters),
        "order_by_cols": [f'["{order[0]}", {str(order[1]).lower()}]'],
        "row_limit": 1000,
        "server_page_length": 25,
        "page_length": 25,
        "include_search": True,
        "table_timestamp_format": "%Y-%m-%d",
        "show_cell_bars": False,
        "column_config": {
            "value": {"d3NumberFormat": ",.2f"},
            "median": {"d3NumberFormat": ",.2f"},
            "p10": {"d3NumberFormat": ",.2f"},
            "p90": {"d3NumberFormat": ",.2f"},
            "n": {"d3NumberFormat": ",d"},
            "quarantine_share": {"d3NumberFormat": ".1%"},
            "region_resolved_share": {"d3NumberFormat": ".0%"},
        },
    }
    query = {"columns": list(columns), "filters": filters, "orderby": [list(order)], "row_limit": 1000}
    return Drawn(name, title, description, dataset, params, [query])


def _aggregate(chart: Chart, city: str, language: Language) -> Drawn:
    if not (chart.id and chart.title and chart.sql and chart.of):
        raise ValueError("the chart is not whole")
    title = getattr(chart.title, language)
    metric = _metric(chart.sql, title)
    filters = [_equals("city_id", city)]
    dataset = {"apps": "app_scorecard", "measure": "measure"}[chart.of]
    if chart.kind == "figure":
        params = {
            "viz_type": "big_number_total",
            "metric": metric,
            "adhoc_filters": _adhoc(filters),
            "y_axis_format": chart.format,
            "header_font_size": 0.4,
        }
        return Drawn(chart.id, title, "", dataset, params, [{"columns": [], "metrics": [metric], "filters": filters}])
    params = {
        "viz_type": "echarts_timeseries_bar",
        "x_axis": chart.by,
        "metrics": [metric],
        "groupby": [],
        "adhoc_filters": _adhoc(filters),
        "orientation": "horizontal",
        "x_axis_sort": metric["label"],
        "x_axis_sort_asc": False,
        "row_limit": _BARS,
        "order_desc": True,
        "y_axis_format": chart.format,
        "show_legend": False,
        "rich_tooltip": True,
        "show_value": True,
    }
    query = {
        "columns": [chart.by],
        "metrics": [metric],
        "filters": filters,
        "orderby": [[metric, False]],
        "row_limit": _BARS,
    }
    return Drawn(chart.id, title, "", dataset, params, [query])


def _common(kind: str, measure: Measure) -> dict[str, Any]:
    return {
        "viz_type": kind,
        "x_axis": "period_start",
        "time_grain_sqla": _GRAINS[measure.period],
        "x_axis_time_format": "%Y-%m-%d" if measure.period == "day" else "%b %Y",
        "y_axis_format": ".0%" if measure.aggregation == "share" else "SMART_NUMBER",
        "rich_tooltip": True,
        "show_legend": True,
        "legendType": "scroll",
        "legendOrientation": "top",
    }


_GRAINS = {"day": "P1D", "month": "P1M", "quarter": "P3M", "year": "P1Y"}


def _axis(measure: Measure) -> dict[str, Any]:
    return {
        "timeGrain": _GRAINS[measure.period],
        "columnType": "BASE_AXIS",
        "sqlExpression": "period_start",
        "label": "period_start",
        "expressionType": "SQL",
    }


def _query(
    filters: list[dict[str, Any]], metrics: list[dict[str, Any]], axis: dict[str, Any], groups: list[str]
) -> dict[str, Any]:
    return {
        "columns": [axis, *groups],
        "metrics": metrics,
        "filters": filters,
        "orderby": [],
        "row_limit": _ROWS,
        "series_columns": groups,
    }


def _metric(sql: str, label: str) -> dict[str, Any]:
    return {"expressionType": "SQL", "sqlExpression": sql, "label": label, "hasCustomLabel": True}


def _equals(column: str, value: str) -> dict[str, Any]:
    return {"col": column, "op": "==", "val": value}


def _within(column: str, values: list[str]) -> dict[str, Any]:
    return {"col": column, "op": "IN", "val": values}


def _adhoc(filters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same conditions in the words of the form."""
    return [
        {"expressionType": "SIMPLE", "clause": "WHERE", "subject": item["col"], "operator": item["op"], "comparator": item["val"]}
        for item in filters
    ]  # fmt: skip
