"""The generated JSON Schemas accept what the models accept: every shipped file validates against its own."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from opg_pipeline.model.catalog import shipped_catalog
from opg_pipeline.model.schema import json_schema
from opg_pipeline.model.yaml_source import read_yaml

FILES = [
    *((path, "category") for path in sorted(shipped_catalog().glob("categories/*.yaml"))),
    *((path, "city") for path in sorted(shipped_catalog().glob("cities/*/city.yaml"))),
    *((path, "app") for path in sorted(shipped_catalog().glob("cities/*/apps/*.yaml"))),
]


@pytest.mark.parametrize(("path", "kind"), FILES, ids=lambda value: value.stem if isinstance(value, Path) else value)
def test_shipped_file_fits_its_schema(path: Path, kind: str) -> None:
    jsonschema.validate(read_yaml(path).data, json_schema(kind))


def test_an_unknown_key_does_not_fit() -> None:
    path, kind = FILES[0]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**read_yaml(path).data, "auto": True}, json_schema(kind))
