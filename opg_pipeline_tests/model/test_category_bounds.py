"""Bounds and patterns of a category that could never be judged are refused when the file is read."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from opg_pipeline.model.category import CategoryField, Rule

FIELD = {"name": "wait", "label": {"en": "Wait", "id": "Tunggu"}, "type": "integer", "privacy": "none"}
RULE = {"id": "odd", "severity": "warn", "description": {"en": "It holds.", "id": "Berlaku."}, "field": "wait"}


def test_the_good_ones_are_good() -> None:
    CategoryField.model_validate({**FIELD, "min": 1, "max": 1})
    TypeAdapter(Rule).validate_python({**RULE, "type": "between", "min": "2026-01-01", "max": "2026-12-31"})
    TypeAdapter(Rule).validate_python({**RULE, "type": "match", "regex": "a+"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min": 9, "max": 1}, "`min` is greater than `max`"),
        ({"type": "string", "privacy": "pseudonym", "pattern": "a"}, "stored as a token"),
        ({"type": "string", "pattern": "("}, "no regular expression"),
        ({"type": "string", "min": 1}, "`min` and `max` are for integer and decimal"),
    ],
)
def test_field(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CategoryField.model_validate({**FIELD, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "between"}, "give `min`, `max` or both"),
        ({"type": "between", "min": 9, "max": 1}, "`min` is greater than `max`"),
        ({"type": "between", "min": "2026-01-01", "max": 5}, "different kinds"),
        ({"type": "match", "regex": "("}, "no regular expression"),
    ],
)
def test_rule(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(Rule).validate_python({**RULE, **change})
