"""Probes one app: asks it a few times, lets the probe say what the answers are, and confirms its paging. Composition only."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import yaml
from pydantic import ValidationError

from opg_pipeline.defs.deployment import Deployment, DeploymentError
from opg_pipeline.extract import Access, secret_names
from opg_pipeline.extract.decode import Decoded
from opg_pipeline.extract.scout import Look, Scout
from opg_pipeline.model.app import Dataset
from opg_pipeline.model.catalog import shipped_catalog
from opg_pipeline.model.formats import Unpack
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.model.source import Source
from opg_pipeline.normalise.gate import find_undeclared
from opg_pipeline.probe import paging as pages
from opg_pipeline.probe.columns import columns
from opg_pipeline.probe.draft import Survey
from opg_pipeline.probe.matching import Synonyms, proposals
from opg_pipeline.probe.personal import mark_personal
from opg_pipeline.probe.places import mark_places
from opg_pipeline.probe.records import candidates
from opg_pipeline.probe.sniff import Shape, sniff

_UNSURE = {"nature": "snapshot", "category": "unknown", "key": ["unknown"], "fields": {"unknown": "unknown"}}
"""What a dataset needs and a probe does not yet know."""


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
        found = await _Probe(scout, dataset, target).run()
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


@dataclass(slots=True)
class _Probe:
    """The state of one probe: the dataset as it is known so far, and the longest answer."""

    scout: Scout
    known: dict[str, Any]
    target: Target
    notes: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    alternatives: list[str] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)
    document: Any = None
    total: int | None = None

    def dataset(self, **more: Any) -> Dataset:
        return Dataset.model_validate({**self.known, **_UNSURE, **more})

    async def run(self) -> _Probe:
        look = await self.scout.first(self.dataset())
        shape = self._shape(look)
        if shape.format is None:
            why = shape.notes[-1] if shape.notes else "it is in no format that is known"
            raise PullError(
                Outcome.MALFORMED, f"the answer cannot be read: {why}", "check the address and what it asks for."
            )
        if shape.format != {"type": "json"}:
            self.known["format"] = shape.format["type"] if len(shape.format) == 1 else shape.format
        self.notes += shape.notes
        first = self._records(look)
        if "ETag" in look.answer.headers or "etag" in look.answer.headers:
            self.notes.append("the answer has an ETag: see `conditional` for what it speaks for")
        if first is not None:
            self.document, self.records = first.document, first.records
            await self._paging(look, first)
        return self

    def _shape(self, look: Look) -> Shape:
        shape = sniff(look.answer.body, look.answer.headers.get("content-type", ""))
        if shape.unpack is not None:
            self.known["unpack"] = shape.unpack if len(shape.unpack) > 1 else shape.unpack["type"]
            self.notes += shape.notes
            shape = sniff(self.scout.opened(look, Unpack.model_validate(shape.unpack)))
        return shape

    def _records(self, look: Look) -> Decoded | None:
        """The records of an answer; settles where they are."""
        kind = self.known.get("format", "json")
        name = kind["type"] if isinstance(kind, dict) else kind
        if name in {"csv", "html", "xlsx", "bps_cube", "sdmx_json", "geojson", "ndjson"}:
            return self.scout.read(look, self.dataset())
        document = self.scout.document(look, self.dataset())
        lists = candidates(document, xml=name == "xml")
        if not lists:
            self.notes.append("the answer has no list of records: is it a description, or an error")
            return None
        if lists[0].path:
            self.known["records"] = lists[0].path
            self.reasons["records"] = f"{lists[0].count} records of {lists[0].leaves} values"
        self.alternatives = [str(item) for item in lists[1:4]]
        return self.scout.read(look, self.dataset())

    async def _paging(self, look: Look, first: Decoded) -> None:
        document = first.document if isinstance(first.document, dict) else {}
        count = first.elements
        said = pages.envelope(document, count)
        self.total = said.total_value
        for guess in pages.standards(document, look.answer.headers, count):
            if await self._confirmed(guess.paginate, look, first, guess.why):
                if guess.paginate["type"] == "postgrest":
                    self.known["paginate"]["size"] = max(count, 100)
                elif (limit := pages.LIMITS.get(guess.paginate["type"])) is not None:
                    await self._enlarge(limit, "limit", "")
                return
        query = list(self.known.get("query", {}))
        hints = [*query, *self.target.params, *pages.names_in(document)]
        if not pages.worth_trying(count, said, hints) or count < 2:
            self.reasons["paginate"] = "Everything seems to be in one answer: nothing in it speaks of more."
            return
        size = await self._size_param(hints, first)
        if said.cursor is not None:
            for param in pages.ordered([*self.target.params, *query], pages.CURSOR_PARAMS):
                paginate: dict[str, Any] = {"type": "cursor", "param": param, "next": said.cursor}
                if said.more is not None:
                    paginate["more"] = said.more
                if await self._confirmed(paginate, look, first, f"{said.cursor} asks for the next page"):
                    await self._enlarge(size, "size")
                    return
        if await self._numbered(hints, size, said, first):
            return
        self.notes.append(
            f"the answer has {count:,} records" + (f" of {said.total_value:,}" if said.total_value else "")
            + " and no way to a second page was found: see `paginate`"
        )  # fmt: skip

    async def _confirmed(self, paginate: dict[str, Any], look: Look, first: Decoded, why: str) -> bool:
        """Whether `paginate` leads to a second page with other records; it is kept then."""
        try:
            dataset = self.dataset(paginate=paginate)
            begin = look if paginate["type"] not in _RESTART else await self.scout.first(dataset)
            following = await self.scout.following(dataset, begin)
            if following is None:
                if begin is look or paginate["type"] in {"next_link", "relay"}:
                    return False
                self._keep(paginate, f"{why}; there was one page, so it is not confirmed")
                return True
            before = first.records if begin is look else self.scout.read(begin, dataset).records
            second = self.scout.read(following, dataset)
        except (PullError, ValidationError):
            return False
        if not second.records or _marks(second.records) <= _marks(before):
            return False
        self._keep(paginate, f"{why}; the second page was asked and has other records")
        if begin is look:
            self.records = [*self.records, *second.records]
        elif len(before) > len(self.records):
            self.records = before
        return True

    def _keep(self, paginate: dict[str, Any], why: str) -> None:
        self.known["paginate"] = paginate
        self.reasons["paginate"] = why

    async def _ask(self, **params: Any) -> Decoded | None:
        """The records with other parameters; None where the app refuses them."""
        try:
            dataset = self.dataset(paginate={"type": "none"})
            return self.scout.read(await self.scout.first(dataset, params), dataset)
        except (PullError, ValidationError) as error:
            if isinstance(error, PullError) and error.outcome in {Outcome.PUT_OFF, Outcome.RATE_LIMITED}:
                raise
            return None

    async def _size_param(self, hints: Sequence[str], first: Decoded) -> str | None:
        few = 2 if first.elements > 2 else 1
        for name in pages.ordered(hints, pages.SIZE_PARAMS):
            answer = await self._ask(**{name: few})
            if answer is not None and answer.elements == few:
                return name
        return None

    async def _numbered(self, hints: Sequence[str], size: str | None, said: pages.Envelope, first: Decoded) -> bool:
        """Pages by number or offset: the part of the first answer that a small second page must be."""
        few = max(1, min(5, first.elements // 2))
        own = {size: few} if size is not None else {}
        wanted = _ordered_marks(first.records[few : 2 * few]) if size is not None else []
        for name in pages.ordered(hints, pages.PAGE_PARAMS):
            answer = await self._ask(**{name: 2, **own})
            if answer is None or not answer.records:
                continue
            got = _ordered_marks(answer.records)
            start = 1
            if size is not None and got == _ordered_marks(first.records[2 * few : 3 * few]) != wanted:
                start = 0
            elif got == _ordered_marks(first.records[: len(got)]):
                continue
            elif size is not None and got != wanted:
                self.notes.append("the order of the records is not the same from answer to answer")
            paginate: dict[str, Any] = {"type": "page", "param": name, **({"start": 0} if start == 0 else {})}
            await self._finish(paginate, size, said, first, f"page 2 by `{name}` was asked and has other records")
            return True
        if size is None:
            return False
        for name in pages.ordered(hints, pages.OFFSET_PARAMS):
            answer = await self._ask(**{name: few, **own})
            if answer is not None and _ordered_marks(answer.records) == wanted:
                why = f"`{name}` was asked for the second page and has other records"
                await self._finish({"type": "offset", "param": name}, size, said, first, why)
                return True
        return False

    async def _finish(
        self, paginate: dict[str, Any], size: str | None, said: pages.Envelope, first: Decoded, why: str
    ) -> None:
        offset = paginate["type"] == "offset"
        stop = said.stop if not (offset and "pages" in said.stop) else {}
        if size is None and not stop:
            stop = {"stop": "empty"}
        self._keep({**paginate, **(stop or {"stop": "short"})}, why)
        if size is not None:
            await self._enlarge(size, "limit" if offset else "size", "limit_param" if offset else "size_param")

    async def _enlarge(self, size: str | None, key: str, name: str = "size_param") -> None:
        """The largest page the app gives, which saves requests."""
        if size is None:
            return
        paginate = self.known["paginate"]
        for wanted in pages.SIZES:
            answer = await self._ask(**{size: wanted})
            if answer is None or not answer.records:
                continue
            whole = answer.elements >= wanted or (self.total is not None and answer.elements >= self.total)
            capped = not whole and (self.total is not None or answer.elements in pages.ROUND)
            paginate[key] = answer.elements if capped else wanted
            if name:
                paginate[name] = size
            if len(answer.records) > len(self.records):
                self.records, self.document = answer.records, answer.document
            self.known["query"] = {
                k: v for k, v in self.known.get("query", {}).items() if k not in {size, paginate.get("param")}
            }
            if not self.known["query"]:
                del self.known["query"]
            return


_RESTART = {"postgrest", "arcgis", "datatables", "ckan", "relay"}
"""Ways whose first request differs from a bare one."""


def _ordered_marks(records: Sequence[Any]) -> list[str]:
    return [
        hashlib.sha256(orjson.dumps(item, default=str, option=orjson.OPT_NON_STR_KEYS)).hexdigest() for item in records
    ]


def _marks(records: Sequence[Any]) -> set[str]:
    return set(_ordered_marks(records))


def read_synonyms(deployment: Deployment) -> Synonyms:
    """The shipped table, under that of the deployment's own catalogue where it has one."""
    own = deployment.settings.catalog
    for folder in (*([own] if own else []), shipped_catalog()):
        path = folder / "reference" / "probe_synonyms.yaml"
        if path.is_file():
            return Synonyms.of(yaml.safe_load(path.read_text(encoding="utf-8")))
    return Synonyms()


def _told(deployment: Deployment, target: Target, source: Source, found: _Probe, requests: int) -> Survey:
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
