"""What is made for BI tools: the Superset bundle of dashboards and the semantic description. Reads declarations, never a record."""

from opg_pipeline.publish.bi.bundle import published_url, superset_bundle
from opg_pipeline.publish.bi.dashboards import Dashboard, load_dashboards
from opg_pipeline.publish.bi.semantic import semantic_description

__all__ = ["Dashboard", "load_dashboards", "published_url", "semantic_description", "superset_bundle"]
