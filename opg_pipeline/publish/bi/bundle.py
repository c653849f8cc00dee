"""Makes the ZIP that Superset imports: a database, datasets over schema mart, charts and dashboards, in its export format 1.0.0.

Identifiers follow from names and contents, so that a second import replaces the dashboards and brings what changed. No password is ever in it: Superset asks for it.
What a chart asks and how it looks is in charts.py.
"""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
import yaml

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.publish.bi.charts import DATASETS, GROUNDS, Drawn, draw
from opg_pipeline.publish.bi.dashboards import Chart, Dashboard, load_dashboards
from opg_pipeline.publish.bi_copy import PUBLISHED
from opg_pipeline.publish.sources import aware
from opg_pipeline.publish.tables import SCHEMA, PublishError, mart_table
from opg_pipeline.publish.views import mart_views

Language = Literal["en", "id"]
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://opg-pipeline.dev/superset")
_ROOT = "opg_superset"
_HEIGHT = {"figure": 16, "numbers": 60, "apps": 80, "regions": 70}
_COLUMNS = 12
Placed = tuple[Chart, Drawn, str]
"""A chart on a dashboard: declared, drawn, and its identifier."""
_PALE = "#C9D6E2"


def superset_bundle(catalog: Catalog, city: str, url: str, *, language: Language, as_of: datetime) -> bytes:
    """The bundle as bytes of a ZIP.

    Args:
        city: the city whose numbers are shown.
        url: SQLAlchemy URL by which Superset reaches the published numbers. A password in it is left out.
        as_of: written into the bundle's metadata; with time zone.

    Raises:
        ValueError: ``as_of`` has no time zone.
        PublishError: a dashboard names a measure that is not declared, or ``url`` is none.
    """
    names = {"metadata.yaml": {"version": "1.0.0", "type": "Dashboard", "timestamp": aware(as_of).isoformat()}}
    database = _database(url)
    datasets = _datasets(catalog, language, database["uuid"])
    files: dict[str, Any] = {**names, "databases/opg.yaml": database}
    files |= {f"datasets/opg/{name}.yaml": content for name, content in datasets.items()}
    for dashboard in load_dashboards():
        rows: list[list[Placed]] = []
        for row in dashboard.rows:
            rows.append([])
            for chart in row:
                drawn = draw(chart, catalog, city, language)
                if drawn is not None:
                    content = _chart(dashboard, drawn, datasets[drawn.dataset]["uuid"])
                    files[f"charts/{dashboard.id}_{drawn.id}.yaml"] = content
                    rows[-1].append((chart, drawn, content["uuid"]))
        files[f"dashboards/{dashboard.id}.yaml"] = _dashboard(dashboard, [row for row in rows if row], language)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(f"{_ROOT}/{name}", (1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, _text(content), zipfile.ZIP_DEFLATED)
    return target.getvalue()


class _Plain(yaml.SafeDumper):
    """Writes what occurs twice twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(content: Any) -> str:
    return yaml.dump(content, Dumper=_Plain, allow_unicode=True, sort_keys=False)


def published_url(warehouse: str, home: Path) -> str:
    """Where BI reads by default: the published copy of an embedded warehouse, or the server as user opg_bi, without password."""
    parsed = sa.make_url(warehouse)
    if parsed.get_backend_name() == "duckdb":
        return f"duckdb:///{home / PUBLISHED}"
    return sa.URL.create(
        "postgresql", "opg_bi", None, parsed.host, parsed.port, parsed.database, parsed.query
    ).render_as_string()


def _marked(content: dict[str, Any], *parts: str) -> dict[str, Any]:
    """With an identifier that follows from name and content: Superset leaves a chart alone whose identifier it knows."""
    return {**content, "uuid": _id(*parts, json.dumps(content, sort_keys=True, default=str))}


def _id(*parts: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


def _database(url: str) -> dict[str, Any]:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise PublishError(
            "The address of the database is no SQLAlchemy URL, such as duckdb:////var/lib/opg/published/opg.duckdb."
        ) from None
    embedded = parsed.get_backend_name() == "duckdb"
    if embedded:
        parsed = parsed.update_query_dict({"access_mode": "read_only"})
    elif parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg2")
    masked = parsed.password is not None
    told = (parsed.set(password="XXXXXXXXXX") if masked else parsed).render_as_string(hide_password=False)
    return {
        "database_name": "opg",
        "sqlalchemy_uri": told,
        "uuid": _id("database", told),
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "extra": {"allows_virtual_table_explore": True},
        "version": "1.0.0",
    }


def _datasets(catalog: Catalog, language: Language, database: str) -> dict[str, dict[str, Any]]:
    """By name: the tables of schema mart, what charts read, and the wide view of every category."""
    found = {}
    for name, sql in DATASETS.items():
        table = mart_table("measure" if sql else name)
        more = [sa.Column(item, sa.Text) for item in ("measure", "category", "caveats_told")] if sql else []
        shown = f"opg_{name}" if sql else name
        found[name] = _dataset(shown, [*more, *table.columns], table.comment, sql[language] if sql else None, database)
    for view in mart_views(catalog):
        types = {column.name: column.type for column in view.select.selected_columns}
        columns = [sa.Column(item, types[item], comment=comment) for item, comment in view.comments.items()]
        found[view.name] = _dataset(view.name, columns, view.comment, None, database)
    return found


def _dataset(
    name: str, columns: Sequence[sa.Column[Any]], comment: str | None, sql: str | None, database: str
) -> dict[str, Any]:
    content = {
        "table_name": name,
        "main_dttm_col": "period_start" if any(column.name == "period_start" for column in columns) else None,
        "description": (comment or "").partition(" | ")[0],
        "schema": SCHEMA,
        "sql": sql,
        "filter_select_enabled": True,
        "metrics": [{"metric_name": "count", "verbose_name": "Rows", "metric_type": "count", "expression": "COUNT(*)"}],
        "columns": [_column(column) for column in columns],
        "version": "1.0.0",
        "database_uuid": database,
    }
    return _marked(content, "dataset", name)


def _column(column: sa.Column[Any]) -> dict[str, Any]:
    return {
        "column_name": str(column.name),
        "type": str(column.type.compile()).upper(),
        "is_dttm": isinstance(column.type, sa.Date | sa.DateTime),
        "is_active": True,
        "groupby": True,
        "filterable": True,
        "description": (column.comment or "").partition(" | ")[0] or None,
    }


def _chart(dashboard: Dashboard, drawn: Drawn, dataset: str) -> dict[str, Any]:
    data = {
        "form_data": drawn.params,
        "queries": drawn.queries,
        "force": False,
        "result_format": "json",
        "result_type": "full",
    }
    content = {
        "slice_name": drawn.title,
        "description": drawn.description,
        "viz_type": drawn.params["viz_type"],
        "params": drawn.params,
        "query_context": json.dumps(data),
        "cache_timeout": None,
        "version": "1.0.0",
        "dataset_uuid": dataset,
    }
    return _marked(content, "chart", dashboard.id, drawn.id)


def _dashboard(dashboard: Dashboard, rows: list[list[Placed]], language: Language) -> dict[str, Any]:
    title = getattr(dashboard.title, language)
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": title}},
    }
    below = ["ROW-about"]
    position["ROW-about"] = _row("ROW-about", ["MARKDOWN-about"])
    about = {"code": getattr(dashboard.about, language), "width": _COLUMNS, "height": 9}
    position["MARKDOWN-about"] = {
        "type": "MARKDOWN", "id": "MARKDOWN-about", "children": [], "parents": ["ROOT_ID", "GRID_ID", "ROW-about"], "meta": about,
    }  # fmt: skip
    for number, row in enumerate(rows):
        key = f"ROW-{number}"
        below.append(key)
        position[key] = _row(key, [f"CHART-{drawn.id}" for _, drawn, _ in row])
        for chart, drawn, identifier in row:
            position[f"CHART-{drawn.id}"] = {
                "type": "CHART",
                "id": f"CHART-{drawn.id}",
                "children": [],
                "parents": ["ROOT_ID", "GRID_ID", key],
                "meta": {
                    "chartId": 0,
                    "uuid": identifier,
                    "sliceName": drawn.title,
                    "width": _COLUMNS // len(row),
                    "height": _HEIGHT.get(chart.kind, 48),
                },
            }
    position["GRID_ID"] = {"type": "GRID", "id": "GRID_ID", "children": below, "parents": ["ROOT_ID"]}
    return {
        "dashboard_title": title,
        "description": getattr(dashboard.about, language),
        "css": "",
        "slug": f"opg-{dashboard.id.replace('_', '-')}",
        "uuid": _id("dashboard", dashboard.id),
        "position": position,
        "metadata": {
            "native_filter_configuration": list(_filters(dashboard, language)),
            "cross_filters_enabled": False,
            "label_colors": dict.fromkeys(GROUNDS, _PALE),
        },
        "version": "1.0.0",
        "published": True,
    }


def _row(key: str, children: list[str]) -> dict[str, Any]:
    meta = {"background": "BACKGROUND_TRANSPARENT"}
    return {"type": "ROW", "id": key, "children": children, "parents": ["ROOT_ID", "GRID_ID"], "meta": meta}


def _filters(dashboard: Dashboard, language: Language) -> Iterator[dict[str, Any]]:
    """A filter of time over the whole dashboard; the scorecard has no periods."""
    yield {
        "id": f"NATIVE_FILTER-{dashboard.id}",
        "name": {"en": "Period", "id": "Periode"}[language],
        "filterType": "filter_time",
        "type": "NATIVE_FILTER",
        "targets": [{}],
        "defaultDataMask": {"extraFormData": {}, "filterState": {}, "ownState": {}},
        "cascadeParentIds": [],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
        "controlValues": {"enableEmptyFilter": False},
        "description": "",
    }
