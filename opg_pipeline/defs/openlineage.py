"""OpenLineage run events (openlineage.io, specification 2-0-2), sent where OPENLINEAGE_URL is set. No run fails or waits long for them.

Events hold names of apps, datasets and columns, never a value. The columns are those of model/lineage.py.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.model.lineage import DECLARED, Edge, Place

_SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_COLUMNS = "https://openlineage.io/spec/facets/1-0-1/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet"
_PRODUCER = "https://github.com/opg-pipeline"
_SECONDS = 5.0

State = Literal["START", "COMPLETE", "FAIL"]


class _Stay(HTTPRedirectHandler):
    """The key goes to the address that was given, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def run_event(
    namespace: str, state: State, run_id: str, job: str, edges: Iterable[Edge] = (), at: datetime | None = None
) -> dict[str, Any]:
    """One event. Inputs, outputs and their columns are those of ``edges``.

    Args:
        run_id: Dagster's run; with the job it makes the run of OpenLineage, the same for all events of the step.
    """
    fields: dict[Place, dict[str, list[dict[str, str]]]] = {}
    inputs: dict[Place, None] = {}
    for edge in edges:
        if edge.source[0] == DECLARED:
            continue
        inputs[edge.source] = None
        found = fields.setdefault(edge.target, {}).setdefault(edge.target_column, [])
        origin = {"namespace": namespace, "name": "/".join(edge.source), "field": edge.source_column}
        if origin not in found:
            found.append(origin)
    return {
        "eventType": state,
        "eventTime": (at or datetime.now(UTC)).isoformat(),
        "run": {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{run_id}/{job}"))},
        "job": {"namespace": namespace, "name": job},
        "inputs": [{"namespace": namespace, "name": "/".join(place)} for place in inputs],
        "outputs": [
            {
                "namespace": namespace,
                "name": "/".join(place),
                "facets": {"columnLineage": {"_producer": _PRODUCER, "_schemaURL": _COLUMNS, "fields": {
                    name: {"inputFields": origins} for name, origins in columns.items()
                }}},
            }
            for place, columns in fields.items()
        ],
        "producer": _PRODUCER,
        "schemaURL": _SPEC,
    }  # fmt: skip


def emit(deployment: Deployment, state: State, run_id: str, job: str, edges: Iterable[Edge] = ()) -> None:
    """Send an event, where an address is set. The first failure is told, and nothing more is sent by this deployment."""
    url, key = deployment.settings.openlineage_url, deployment.settings.openlineage_api_key
    if url is None or deployment.lineage_unheard:
        return
    event = run_event(deployment.settings.openlineage_namespace, state, run_id, job, edges)
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key.get_secret_value()}"
    try:
        request = Request(f"{url.rstrip('/')}/api/v1/lineage", json.dumps(event).encode(), headers)
        build_opener(_Stay).open(request, timeout=_SECONDS).close()
    except (URLError, OSError, ValueError) as error:
        deployment.lineage_unheard = True
        status = getattr(error, "code", None)
        why = f"it answered HTTP {status}" if status else "it did not answer"
        deployment.announcements.append(
            f"The lineage could not be told: {why}. The run went on without. See that OPENLINEAGE_URL is right and reachable."
        )
