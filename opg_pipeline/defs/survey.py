"""Probes one app: lets it be asked, and the probe say what its columns are and mean. Composition only."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml
from pydantic import ValidationError

from opg_pipeline.defs.deployment import Deployment, DeploymentError
from opg_pipeline.defs.discovery import Discovery
from opg_pipeline.extract import Access, secret_names
from opg_pipeline.extract.scout import Scout
from opg_pipeline.model.catalog import shipped_catalog
from opg_pipeline.model.source import Source
from opg_pipeline.normalise.gate import find_undeclared
from opg_pipeline.probe.columns import columns
from opg_pipeline.probe.draft import Survey
from opg_pipeline.probe.matching import Synonyms, proposals
from opg_pipeline.probe.personal import mark_personal
from opg_pipeline.probe.places import mark_places


@dataclass(frozen=True, slots=True)
class Target:
    """What to probe. ``auth`` as a manifest has it; ``params`` names of parameters that a description gives."""

    url: str
    id: str = ""
    auth: Sequence[Mapping[str, Any]] = ()
    method: str = "GET"
    form: Mapping[str, str] | None = None
    json: Mapping[str, Any] | None = None
    params: Sequence[str] = ()
    requests_per_second: float = 5.0


async def survey(deployment: Deployment, target: Target) -> Survey:
    """What one call of an app gives. Raises PullError for what the app does, DeploymentError for an address that is none."""
    source, dataset = _declared(target)
    names = secret_names(source)
    base = deployment.settings.source_url(_app_id(target), source.base_url)
    access = Access(base, {name: deployment.settings.secret(name) for name in names})
    async with Scout(source, access, name="probe") as scout:
        found = await Discovery(scout, dataset, target.params).run()
    return await asyncio.to_thread(_told, deployment, target, source, found, scout.facts.requests)


def _declared(target: Target) -> tuple[Source, dict[str, Any]]:
    parts = urlsplit(target.url)
    if parts.scheme not in {"http", "https", "sandbox"} or not parts.netloc:
        raise DeploymentError(f"{target.url!r} is no address. Write such as https://host/path?x=1.")
    base = f"{parts.scheme}://{parts.netloc}"
    source: dict[str, Any] = {
        "base_url": base,
        "budget": {"requests_per_second": target.requests_per_second, "concurrent": 1},
    }
    if target.auth:
        source["auth"] = [dict(item) for item in target.auth]
    dataset: dict[str, Any] = {"id": "records", "path": parts.path if parts.path != "/" else ""}
    if target.method == "POST":
        dataset["method"] = "POST"
    if query := dict(parse_qsl(parts.query, keep_blank_values=True)):
        dataset["query"] = query
    if target.form is not None:
        dataset["form"] = dict(target.form)
    if target.json is not None:
        dataset["json"] = dict(target.json)
    try:
        return Source.model_validate({**source, "retries": 1}), dataset
    except ValidationError as error:
        raise DeploymentError(f"The source cannot be declared so: {error.errors()[0]['msg']}.") from None


def _app_id(target: Target) -> str:
    if target.id:
        return target.id
    parts = urlsplit(target.url)
    host = (parts.hostname or "app").removeprefix("www.")
    name = (
        host
        if not re.fullmatch(r"[\d.:]+|localhost", host)
        else (parts.path.strip("/").split("/") or ["app"])[0] or "app"
    )
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return plain if re.match(r"[a-z][a-z0-9_]", plain) else f"app_{plain}"


def read_synonyms(deployment: Deployment) -> Synonyms:
    """The shipped table, under that of the deployment's own catalogue where it has one."""
    own = deployment.settings.catalog
    for folder in (*([own] if own else []), shipped_catalog()):
        path = folder / "reference" / "probe_synonyms.yaml"
        if path.is_file():
            return Synonyms.of(yaml.safe_load(path.read_text(encoding="utf-8")))
    return Synonyms()


def _told(deployment: Deployment, target: Target, source: Source, found: Discovery, requests: int) -> Survey:
    synonyms = read_synonyms(deployment)
    own = columns(found.records)
    personal = {item.path: item.why for item in find_undeclared(found.records, ())}
    mark_personal(own, personal, synonyms.personal)
    mark_places(own, deployment.city.regions)
    app_id = _app_id(target)
    ranked = proposals(own, deployment.catalog.categories.values(), synonyms, f"{app_id} {urlsplit(target.url).path}")
    declared: dict[str, Any] = {"base_url": source.base_url}
    if target.auth:
        declared["auth"] = dict(target.auth[0]) if len(target.auth) == 1 else [dict(item) for item in target.auth]
    if (success := _success(found.document)) is not None:
        declared["success"] = success
    known = {key: value for key, value in found.known.items() if value not in ({}, None)}
    order = ("id", "path", "method", "query", "form", "json", "format", "unpack", "records", "paginate")
    since = [
        name
        for name in target.params
        if re.search(r"since|sejak|updated|modified|dari|from|after|start_date|tgl", name, re.IGNORECASE)
    ]
    return Survey(
        id=app_id, name=app_id, city=deployment.city.city.name, source=declared,
        dataset={key: known[key] for key in order if key in known}, columns=own, proposals=ranked, records=len(found.records),
        total=found.total, requests=requests, notes=found.notes, alternatives=found.alternatives, reasons=found.reasons, since=since,
    )  # fmt: skip


def _success(document: Any) -> dict[str, Any] | None:
    if isinstance(document, dict):
        for name in ("success", "ok", "sukses", "status", "error"):
            value = document.get(name)
            if value is True and name != "error":
                return {"path": name, "equals": True}
            if isinstance(value, str) and value.lower() in {"success", "ok", "sukses"}:
                return {"path": name, "equals": value}
            if value is False and name == "error":
                return {"path": name, "equals": False}
    return None


def unasked(deployment: Deployment, app_id: str, auth: Sequence[Mapping[str, Any]]) -> Survey:
    """What is known of an app that cannot be asked: nothing but its name."""
    source: dict[str, Any] = {"base_url": f"https://{app_id.replace('_', '-')}.invalid"}
    if auth:
        source["auth"] = dict(auth[0]) if len(auth) == 1 else [dict(item) for item in auth]
    ranked = proposals([], deployment.catalog.categories.values(), read_synonyms(deployment), app_id)
    notes = ["the app was not asked: write its address into base_url, and path, records and paginate as it has them"]
    return Survey(
        id=app_id, name=app_id, city=deployment.city.city.name, source=source, dataset={"id": "records", "path": ""}, columns=[],
        proposals=ranked, notes=notes,
    )  # fmt: skip
