"""Reads HAR files, which browsers save: the calls that gave lists, with every secret replaced by the name of a variable."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson

from opg_pipeline.probe.openapi import variable
from opg_pipeline.probe.records import candidates

SECRET_NAME = re.compile(
    r"(^|[-_.])(api[-_]?key|app[-_]?key|key|token|secret|password|passwd|signature|sig|session(id)?|sid|auth|jwt)$|apikey|accesstoken|api_key",
    re.IGNORECASE,
)
_PLAIN_HEADERS = re.compile(
    r"^(:.*|accept.*|cache-control|pragma|connection|host|origin|referer|user-agent|sec-.*|dnt|content-.*|if-.*|upgrade-.*|priority|te|x-requested-with|cookie)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class HarCall:
    """One call. Nothing in it is a secret: ``auth`` names variables."""

    url: str
    method: str = "GET"
    auth: tuple[dict[str, str], ...] = ()
    form: dict[str, str] | None = None
    json: dict[str, Any] | None = field(default=None)
    records: int = 0


def har_calls(document: Any) -> list[HarCall]:
    """The calls whose answer holds a list of records, the longest first, each address once. Raises ValueError for no HAR."""
    try:
        entries = document["log"]["entries"]
    except (TypeError, KeyError):
        raise ValueError("no HAR") from None
    found: dict[tuple[str, str], HarCall] = {}
    for entry in entries:
        request, response = entry.get("request", {}), entry.get("response", {})
        count = _records(response)
        if request.get("method") not in {"GET", "POST"} or not count:
            continue
        call = _call(request, count)
        key = (call.method, call.url.partition("?")[0])
        if key not in found or found[key].records < count:
            found[key] = call
    return sorted(found.values(), key=lambda call: -call.records)


def _records(response: Any) -> int:
    content = response.get("content", {})
    text = content.get("text") or ""
    if response.get("status") != 200 or not text:
        return 0
    try:
        body = base64.b64decode(text) if content.get("encoding") == "base64" else text.encode()
        lists = candidates(orjson.loads(body))
    except (ValueError, orjson.JSONDecodeError):
        return 0
    return lists[0].count if lists else 0


def _call(request: dict[str, Any], count: int) -> HarCall:
    auth: list[dict[str, str]] = []
    parts = urlsplit(request["url"])
    query = []
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if SECRET_NAME.search(name):
            auth.append({"type": "api_key", "in": "query", "name": name, "secret": variable(name)})
        else:
            query.append((name, value))
    host = parts.hostname or ""
    netloc = f"{host}:{parts.port}" if parts.port else host
    url = urlunsplit((parts.scheme, netloc, parts.path, urlencode(query), ""))
    for header in request.get("headers", ()):
        name, value = str(header.get("name", "")), str(header.get("value", ""))
        if name.lower() == "authorization":
            scheme = value.partition(" ")[0].lower()
            if scheme == "basic":
                auth.append({"type": "basic", "username": "APP_USER", "password": "APP_PASSWORD"})
            elif scheme == "bearer":
                auth.append({"type": "bearer", "secret": "APP_TOKEN"})
            else:
                auth.append({"type": "api_key", "in": "header", "name": name, "secret": "APP_TOKEN"})
        elif not _PLAIN_HEADERS.match(name) and SECRET_NAME.search(name):
            auth.append({"type": "api_key", "in": "header", "name": name, "secret": variable(name)})
    form, json = _body(request, auth)
    return HarCall(url, request["method"], tuple(auth), form, json, count)


def _body(request: dict[str, Any], auth: list[dict[str, str]]) -> tuple[dict[str, str] | None, dict[str, Any] | None]:
    posted = request.get("postData") or {}
    kind, text = str(posted.get("mimeType", "")), posted.get("text") or ""
    if "json" in kind:
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None, None
        return None, _without_secrets(document, auth) if isinstance(document, dict) else None
    pairs = [(item["name"], item.get("value", "")) for item in posted.get("params") or ()] or parse_qsl(
        text, keep_blank_values=True
    )
    return (_without_secrets(dict(pairs), auth) if pairs else None), None


def _without_secrets(fields: dict[str, Any], auth: list[dict[str, str]]) -> dict[str, Any]:
    for name in [name for name in fields if SECRET_NAME.search(name)]:
        del fields[name]
        auth.append({"type": "api_key", "in": "body", "name": name, "secret": variable(name)})
    return fields
