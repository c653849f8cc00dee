"""Reads OpenAPI 3 and Swagger 2: which calls give lists, how one is let in, and which parameters they take."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class ListCall:
    """A call that gives a list and needs nothing more to be filled in. ``auth`` as a manifest has it, ``params`` names of its query."""

    path: str
    auth: tuple[dict[str, str], ...] = ()
    params: tuple[str, ...] = ()
    query: dict[str, str] = field(default_factory=dict)
    """Required parameters that the document itself fills (`default`, `example`, a single `enum`)."""


def list_calls(document: dict[str, Any]) -> list[ListCall]:
    """The calls of a document whose good answer holds a list of objects, those with parameters of paging first."""
    found = []
    for path, item in document.get("paths", {}).items():
        operation = _resolved(document, item.get("get")) if isinstance(item, dict) else None
        if not isinstance(operation, dict) or "{" in path or not _gives_list(document, operation):
            continue
        own = [_resolved(document, part) for part in (*item.get("parameters", ()), *operation.get("parameters", ()))]
        query = [part for part in own if isinstance(part, dict) and part.get("in") == "query"]
        required = {str(part["name"]): _filled(part) for part in query if part.get("required")}
        if None in required.values():
            continue
        security = operation.get("security", document.get("security", []))
        known = {name: str(value) for name, value in required.items()}
        found.append(ListCall(path, _auth(document, security), tuple(str(part["name"]) for part in query), known))
    return sorted(
        found,
        key=lambda call: (
            -sum(bool(re.search(r"page|limit|offset|halaman|cursor", name, re.IGNORECASE)) for name in call.params)
        ),
    )


def _filled(parameter: dict[str, Any]) -> Any:
    schema = parameter.get("schema", parameter)
    enum = schema.get("enum") or [None]
    return schema.get("default", parameter.get("example", schema.get("example", enum[0] if len(enum) == 1 else None)))


def _resolved(document: dict[str, Any], part: Any) -> Any:
    """``part``, or what its `$ref` in this document leads to."""
    for _ in range(_DEEPEST):
        if not isinstance(part, dict) or not isinstance(part.get("$ref"), str):
            return part
        target: Any = document
        for key in part["$ref"].removeprefix("#/").split("/"):
            target = target.get(key.replace("~1", "/").replace("~0", "~")) if isinstance(target, dict) else None
        part = target
    return None


def _gives_list(document: dict[str, Any], operation: dict[str, Any]) -> bool:
    answers = operation.get("responses", {})
    good = _resolved(document, answers.get("200", answers.get(200, answers.get("default"))))
    if not isinstance(good, dict):
        return False
    schemas = [
        good.get("schema"),
        *(media.get("schema") for media in good.get("content", {}).values() if isinstance(media, dict)),
    ]
    return any(_has_list(document, schema, 0) for schema in schemas)


def _has_list(document: dict[str, Any], schema: Any, depth: int) -> bool:
    schema = _resolved(document, schema)
    if not isinstance(schema, dict) or depth > 3:
        return False
    if schema.get("type") == "array":
        items = _resolved(document, schema.get("items", {}))
        return isinstance(items, dict) and items.get("type", "object") == "object"
    parts = [*schema.get("allOf", ()), *schema.get("properties", {}).values()]
    return any(_has_list(document, part, depth + 1) for part in parts)


def _auth(document: dict[str, Any], security: Any) -> tuple[dict[str, str], ...]:
    """The first way in, with names of variables made from those of the schemes."""
    schemes = document.get("components", {}).get("securitySchemes", document.get("securityDefinitions", {}))
    for option in security if isinstance(security, list) else []:
        made = [_scheme(_resolved(document, schemes.get(name)), name) for name in option]
        if made and all(item is not None for item in made):
            return tuple(item for item in made if item is not None)
    return ()


def _scheme(scheme: Any, name: str) -> dict[str, str] | None:
    if not isinstance(scheme, dict):
        return None
    env = variable(name)
    kind, way = scheme.get("type"), str(scheme.get("scheme", "")).lower()
    if kind == "apiKey" and scheme.get("in") in {"header", "query"}:
        return {"type": "api_key", "in": str(scheme["in"]), "name": str(scheme.get("name", "")), "secret": env}
    if kind == "http" and way == "bearer":
        return {"type": "bearer", "secret": env}
    if kind == "basic" or (kind == "http" and way == "basic"):
        return {"type": "basic", "username": f"{env}_USER", "password": f"{env}_PASSWORD"}
    return None


def variable(name: str) -> str:
    """A name of an environment variable made from another name."""
    plain = re.sub(r"[^A-Z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()).strip("_")
    return plain if re.match(r"[A-Z]", plain) else f"KEY_{plain}"
