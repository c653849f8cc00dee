"""A town of one app for tests: its catalogue in a folder, a server of its own that answers, and a deployment that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs.ingest import ingest_dataset
from opg_pipeline.defs.span import Span
from opg_pipeline.model.handover import OutcomeRecord
from opg_pipeline.settings import Settings

CITY = """
id: town
name: Town
label: {en: Town, id: Kota}
timezone: Asia/Jakarta
locale: {decimal: ",", thousands: ".", date: yyyy-mm-dd, datetime: "yyyy-mm-dd HH:MM", missing: [""]}
agencies: [{id: office, name: Office}]
"""
DATASET: dict[str, Any] = {
    "id": "requests",
    "path": "/requests",
    "nature": "event",
    "category": "service_request",
    "key": ["id"],
    "fields": {
        "service_request_id": "id",
        "service_code": "kind",
        "status": {"from": "status", "map": {"Baru": "open", "Selesai": "closed"}},
        "requested_datetime": "at",
        "description": "text",
        "service_name": "jenis",
    },
}
STEP = "town__kios__requests"


def record(number: int, day: int = 1, **changes: Any) -> dict[str, Any]:
    """One request, made on that day of January."""
    at = f"2026-01-{day:02d} 08:00"
    usual = {"id": str(number), "kind": "jalan", "status": "Baru", "at": at, "text": "lubang", "jenis": "Jalan rusak"}
    return {**usual, **changes}


def settle(
    folder: Path, url: str, dataset: Mapping[str, Any] | None = None, source: Mapping[str, Any] | None = None
) -> Path:
    """Write the catalogue of the town; returns its folder."""
    manners = {"budget": {"requests_per_second": 1000, "concurrent": 4}, "retries": 0}
    app = {
        "id": "kios", "name": "Kios", "agency": "office", "urusan": "2.16", "cadence": "daily",
        "evidence": {"interface": "assumed"}, "source": {"base_url": url, **manners, **(source or {})},
        "datasets": [{**DATASET, **(dataset or {})}],
    }  # fmt: skip
    apps = folder / "catalog" / "cities" / "town" / "apps"
    apps.mkdir(parents=True, exist_ok=True)
    apps.joinpath("kios.yaml").write_text(yaml.safe_dump(app, sort_keys=False), encoding="utf-8")
    apps.parent.joinpath("city.yaml").write_text(CITY, encoding="utf-8")
    return folder / "catalog"


def deploy(folder: Path) -> Deployment:
    """The deployment of the town, as a new process would see it."""
    return Deployment(Settings(home=folder / "home", city="town", catalog=folder / "catalog"))


async def pull(folder: Path, **span: Any) -> OutcomeRecord:
    """One pull, by a deployment of its own: what it knows of earlier ones stands in the lake."""
    deployment = deploy(folder)
    return await ingest_dataset(deployment, deployment.datasets()[0], "run", Span(**span))
