"""As much of GraphQL as one query service needs: a query's text to fields and arguments, and rows cut to what was asked.

No fragments, directives, mutations or introspection beyond `__typename`; no app belongs here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TOKEN = re.compile(
    r'\s*(?:#[^\n]*|,|("(?:[^"\\\n]|\\.)*")|(-?\d+(?:\.\d+)?)|([_A-Za-z]\w*)|(\.\.\.|[{}()\[\]:$!=@|&]))'
)
DEEP = 12


class GraphqlError(ValueError):
    """What is wrong with a query, for people."""


@dataclass(slots=True)
class Field:
    """One field asked for: under which name, with which arguments, and what of it (None: it has no parts)."""

    name: str
    alias: str
    arguments: dict[str, Any] = field(default_factory=dict)
    parts: list[Field] | None = None


class _Reader:
    def __init__(self, text: str, variables: Mapping[str, Any]) -> None:
        self.variables = dict(variables)
        self.tokens: list[str] = []
        place = 0
        while place < len(text.rstrip()):
            match = TOKEN.match(text, place)
            if match is None or match.end() == place:
                raise GraphqlError(f"Syntax Error: Cannot parse the unexpected character {text[place : place + 1]!r}.")
            place = match.end()
            if match.lastindex:
                self.tokens.append(match[match.lastindex])
        self.place = 0

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else "<EOF>"

    def take(self, wanted: str | None = None) -> str:
        found = self.peek()
        if found == "<EOF>" or (wanted is not None and found != wanted):
            raise GraphqlError(f'Syntax Error: Expected {wanted or "more"}, found "{found}".')
        self.place += 1
        return found

    def operation(self) -> list[Field]:
        if self.peek() == "query":
            self.take()
            if self.peek() not in ("(", "{"):
                self.take()
            if self.peek() == "(":
                self.declarations()
        return self.selection(0)

    def declarations(self) -> None:
        """Variables: only their defaults matter here."""
        self.take("(")
        while self.peek() != ")":
            self.take("$")
            name = self.take()
            self.take(":")
            while self.peek() not in ("$", ")", "="):
                self.take()
            if self.peek() == "=":
                self.take()
                self.variables.setdefault(name, self.value())
        self.take(")")

    def selection(self, depth: int) -> list[Field]:
        if depth > DEEP:
            raise GraphqlError("Query is too deep.")
        self.take("{")
        found = []
        while self.peek() != "}":
            alias = name = self.take()
            if not re.fullmatch(r"[_A-Za-z]\w*", name):
                raise GraphqlError(f'Syntax Error: Expected Name, found "{name}".')
            if self.peek() == ":":
                self.take()
                name = self.take()
            one = Field(name, alias)
            if self.peek() == "(":
                self.take()
                while self.peek() != ")":
                    key = self.take()
                    self.take(":")
                    one.arguments[key] = self.value()
                self.take(")")
            if self.peek() == "{":
                one.parts = self.selection(depth + 1)
            found.append(one)
        self.take("}")
        return found

    def value(self) -> Any:
        text = self.take()
        if text == "$":
            return self.variables.get(self.take())
        if text in ("true", "false", "null") or text[0] in '"-0123456789':
            return json.loads(text)
        raise GraphqlError(f'Syntax Error: Unexpected "{text}".')


def read(text: str, variables: Mapping[str, Any]) -> list[Field]:
    """The top fields of a query. Raises GraphqlError."""
    reader = _Reader(text, variables)
    found = reader.operation()
    if reader.peek() != "<EOF>":
        raise GraphqlError(f'Syntax Error: Unexpected "{reader.peek()}".')
    return found


def cut(value: Any, parts: list[Field] | None, kind: str) -> Any:
    """The value with what was asked of it and nothing else. Raises GraphqlError where there is no such field."""
    if isinstance(value, list):
        return [cut(item, parts, kind) for item in value]
    if not isinstance(value, dict):
        if parts is not None and value is not None:
            raise GraphqlError(f'Field "{kind}" must not have a selection since it has no subfields.')
        return value
    if parts is None:
        raise GraphqlError(f'Field "{kind}" must have a selection of subfields.')
    found = {}
    for part in parts:
        if part.name == "__typename":
            found[part.alias] = kind.title()
        elif part.name not in value:
            raise GraphqlError(f'Cannot query field "{part.name}" on type "{kind.title()}".')
        else:
            found[part.alias] = cut(value[part.name], part.parts, part.name)
    return found
