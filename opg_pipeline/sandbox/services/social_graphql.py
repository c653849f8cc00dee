"""As much of GraphQL as a small server needs: one query operation with variables, arguments, aliases and selections.

No fragments, directives, mutations or introspection. What can be asked for belongs to the service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TOKEN = re.compile(
    r'[\s,\ufeff]+|#[^\n]*|(?P<name>[_A-Za-z]\w*)|(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)'
    r"|(?P<sign>\.\.\.|[{}()\[\]:$!=@|])"
)
WORDS: dict[str, object] = {"true": True, "false": False, "null": None}


class QueryError(Exception):
    """The query is not understood; the text says why."""


@dataclass(slots=True)
class Field:
    """One selected field with its arguments and what is selected below it."""

    name: str
    alias: str
    arguments: dict[str, Any] = field(default_factory=dict)
    below: list[Field] = field(default_factory=list)


class Parser:
    """Reads a document; variables are put in at once."""

    def __init__(self, text: str, variables: Mapping[str, Any]) -> None:
        self.tokens: list[str] = []
        at = 0
        while at < len(text):
            match = TOKEN.match(text, at)
            if match is None:
                raise QueryError(f'Syntax Error: Unexpected character "{text[at]}".')
            if match.lastgroup:
                self.tokens.append(match[0])
            at = match.end()
        self.variables = dict(variables)

    def document(self) -> list[Field]:
        """The fields the operation selects."""
        if self._peek() == "query":
            self._take()
            if self._peek() not in ("{", "("):
                self._take()
            if self._peek() == "(":
                self._declarations()
        found = self._selection()
        if self.tokens:
            raise QueryError(f'Syntax Error: Unexpected "{self.tokens[0]}".')
        return found

    def _peek(self) -> str:
        return self.tokens[0] if self.tokens else "<EOF>"

    def _take(self, wanted: str | None = None) -> str:
        found = self._peek()
        if not self.tokens or (wanted is not None and found != wanted):
            raise QueryError(f'Syntax Error: Expected "{wanted or "Name"}", found {found}.')
        return self.tokens.pop(0)

    def _declarations(self) -> None:
        self._take("(")
        while self._peek() != ")":
            self._take("$")
            name = self._take()
            self._take(":")
            while self._peek() not in ("$", ")", "="):
                self._take()
            if self._peek() == "=":
                self._take()
                default = self._value()
                self.variables.setdefault(name, default)
            else:
                self.variables.setdefault(name, None)
        self._take(")")

    def _selection(self) -> list[Field]:
        self._take("{")
        found = []
        while self._peek() != "}":
            name = alias = self._take()
            if not re.fullmatch(r"[_A-Za-z]\w*", name):
                raise QueryError(f'Syntax Error: Expected Name, found "{name}".')
            if self._peek() == ":":
                self._take()
                name = self._take()
            chosen = Field(name, alias)
            if self._peek() == "(":
                self._take()
                while self._peek() != ")":
                    argument = self._take()
                    self._take(":")
                    chosen.arguments[argument] = self._value()
                self._take()
            if self._peek() == "{":
                chosen.below = self._selection()
            found.append(chosen)
        self._take("}")
        return found

    def _value(self) -> Any:
        token = self._take()
        if token == "$":
            name = self._take()
            if name not in self.variables:
                raise QueryError(f'Variable "${name}" is not defined.')
            return self.variables[name]
        if token.startswith('"'):
            return token[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        if token in WORDS:
            return WORDS[token]
        if re.fullmatch(r"-?\d+", token):
            return int(token)
        raise QueryError(f'Syntax Error: Unexpected "{token}".')


def picked(value: Any, below: list[Field], kind: str) -> Any:
    """What the selection takes out of a value."""
    if isinstance(value, list):
        return [picked(item, below, kind) for item in value]
    if value is None or not isinstance(value, dict):
        if below:
            raise QueryError(f'Field "{kind}" must not have a selection since it has no subfields.')
        return value
    if not below:
        raise QueryError(f'Field "{kind}" must have a selection of subfields.')
    found = {}
    for chosen in below:
        if chosen.name not in value:
            raise QueryError(f'Cannot query field "{chosen.name}" on "{kind}".')
        found[chosen.alias] = picked(value[chosen.name], chosen.below, chosen.name)
    return found
