"""JSON Schemas of the YAML files, for editors and for the generated docs. Generated from the models, never edited."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from opg_pipeline.model.app import App
from opg_pipeline.model.category import Category
from opg_pipeline.model.city import City

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
    return schema
