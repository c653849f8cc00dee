"""Targets of a probe from descriptions: OpenAPI documents and HAR files. Reads the file or asks the address; finds nothing itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
import yaml

from opg_pipeline.defs.deployment import Deployment, DeploymentError
from opg_pipeline.defs.survey import Target
from opg_pipeline.extract import Access
from opg_pipeline.extract.scout import Scout
from opg_pipeline.model.app import Dataset
from opg_pipeline.model.source import Source
from opg_pipeline.probe.har import har_calls
from opg_pipeline.probe.openapi import list_calls


async def from_openapi(deployment: Deployment, where: str, url: str | None) -> list[Target]:
    """The lists of an OpenAPI 3 or Swagger 2 document, a file or an address. ``url``: where the app is, over what it says itself.

    Raises DeploymentError for a document that is none or names no list, PullError for an address that does not answer.
    """
    if where.startswith(("http://", "https://", "sandbox://")):
        text = await _fetched(deployment, where)
    else:
        text = _file(Path(where))
    try:
        document: Any = yaml.safe_load(text)  # JSON is YAML
    except yaml.YAMLError:
        raise DeploymentError(f"{where} is neither JSON nor YAML.") from None
    if not isinstance(document, dict) or not ({"openapi", "swagger"} & document.keys()):
        raise DeploymentError(f"{where} is no OpenAPI document: it has neither `openapi` nor `swagger`.")
    at = where if "://" in where else ""
    base = (
        url or urljoin(at, server)
        if (server := _server(document))
        else url or (f"{urlsplit(at).scheme}://{urlsplit(at).netloc}" if at else "")
    )
    if "://" not in (base or ""):
        raise DeploymentError(
            "The document does not say where the app is: give its address too, `opg app probe URL --openapi FILE`."
        )
    found = [
        Target(base.rstrip("/") + call.path + ("?" + "&".join(f"{k}={v}" for k, v in call.query.items()) if call.query else ""), auth=call.auth, params=call.params)
        for call in list_calls(document)
    ]  # fmt: skip
    if not found:
        raise DeploymentError(f"{where} describes no call that gives a list without more to fill in.")
    return found


def _server(document: dict[str, Any]) -> str:
    servers = document.get("servers")
    if isinstance(servers, list) and servers and isinstance(servers[0], dict):
        return str(servers[0].get("url", ""))
    host = document.get("host")
    return f"{(document.get('schemes') or ['https'])[0]}://{host}{document.get('basePath', '')}" if host else ""


async def _fetched(deployment: Deployment, where: str) -> str:
    parts = urlsplit(where)
    base = f"{parts.scheme}://{parts.netloc}"
    access = Access(deployment.settings.source_url(parts.netloc, base))
    dataset = Dataset.model_validate(
        {
            "id": "description",
            "path": parts.path,
            "nature": "snapshot",
            "category": "none",
            "key": ["x"],
            "fields": {"x": "x"},
        }
    )
    async with Scout(Source(base_url=base, retries=1), access, name="probe") as scout:
        return (await scout.first(dataset)).answer.body.decode("utf-8", "replace")


def _file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise DeploymentError(f"{path} cannot be read.") from None


def from_har(path: Path, url: str | None) -> list[Target]:
    """The calls of a HAR file that gave a list, the longest first; of ``url`` alone where it is given. Raises DeploymentError."""
    try:
        document = orjson.loads(_file(path))
        calls = har_calls(document)
    except (orjson.JSONDecodeError, ValueError):
        raise DeploymentError(f"{path} is no HAR file.") from None
    found = [
        Target(call.url, auth=call.auth, method=call.method, form=call.form, json=call.json)
        for call in calls
        if url is None or call.url.partition("?")[0].startswith(url.partition("?")[0])
    ]
    if not found:
        raise DeploymentError(f"{path} holds no call whose answer is a list.")
    return found
