"""JSON Schemas of the YAML files, for editors and for the generated docs. Generated from the models, never edited."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel

from opg_pipeline.model.app import App
from opg_pipeline.model.category import Category
from opg_pipeline.model.city import City
from opg_pipeline.model.paging import PRESET_KEYS, PRESETS, PRIMITIVES

KINDS: dict[str, type[BaseModel]] = {"app": App, "category": Category, "city": City}


def json_schema(kind: str) -> dict[str, Any]:
    """JSON Schema (2020-12) of one kind of file: app, category or city. Raises KeyError.

    Where a model accepts a short form (a field given as a text, a format given as its name), so does the schema.
    """
    schema = KINDS[kind].model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = f"opg-pipeline {kind}"
    definitions = schema.get("$defs", {})
    if "Dataset" in definitions:
        properties = definitions["Dataset"]["properties"]
        fields = properties["fields"]
        fields["additionalProperties"] = {"anyOf": [{"type": "string"}, fields["additionalProperties"]]}
        names = sorted(name for name in properties["format"]["discriminator"]["mapping"])
        properties["format"] = {
            "anyOf": [{"enum": names}, {"oneOf": properties["format"]["oneOf"]}],
            "default": "json",
        }
        packings = definitions["Unpack"]["properties"]["type"]["enum"]
        properties["unpack"] = {"anyOf": [{"enum": packings}, *properties["unpack"]["anyOf"]], "default": None}
        paging = properties["paginate"]
        properties["paginate"] = {"anyOf": [*(_preset(name) for name in PRESETS), {"oneOf": paging["oneOf"]}]}
        source = definitions["Source"]["properties"]
        for name in ("auth", "success"):
            several = source[name]
            source[name] = {"anyOf": [several["items"], several], "description": several["description"]}
        source["auth"]["anyOf"].append(_only({"type": {"const": "none"}}))
    return schema


def _preset(name: str) -> dict[str, Any]:
    """A preset of paging: its own keys, and those of the kind it stands for."""
    kind = next(
        model
        for model in get_args(PRIMITIVES)
        if model.model_fields["type"].annotation == Literal[PRESETS[name]["type"]]
    )
    keys = {key: value for key, value in kind.model_json_schema(by_alias=True)["properties"].items() if key != "type"}
    own = {key: {"type": "string"} for key in PRESET_KEYS.get(name, {})}
    return {
        **_only({"type": {"const": name}, **own, **keys}),
        "required": ["type", *(key for key, value in PRESET_KEYS.get(name, {}).items() if not value)],
    }


def _only(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}
