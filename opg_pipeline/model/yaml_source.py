"""Reads a YAML file and remembers on which line every key stands. Knows nothing of what the keys mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from opg_pipeline.model.problems import DeclarationError, Problem

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BASE):  # type: ignore[misc]
    """YAML 1.2 scalars: yes/no/on/off, dates and 12:30 stay the texts they are."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?$", "-+0123456789."),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:merge", r"^(?:<<)$", "<"),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))


@dataclass(frozen=True, slots=True)
class YamlSource:
    """The content of one YAML file; ``lines`` maps the path of each key to its line, counted from 1."""

    path: Path
    data: dict[str, Any]
    lines: dict[tuple[str | int, ...], int]

    def line(self, location: tuple[str | int, ...]) -> int:
        """Line of the deepest part of ``location`` that stands in the file.

        Parts that are not in the file (such as the tags pydantic adds for a union) are passed over.
        """
        return self.lines.get(self._found(location), 1)

    def _found(self, location: tuple[str | int, ...]) -> tuple[str | int, ...]:
        found: tuple[str | int, ...] = ()
        for part in location:
            if (*found, part) in self.lines:
                found = (*found, part)
        return found

    def problem(self, location: tuple[str | int, ...], what: str, fix: str, *, absent: str = "") -> Problem:
        """A finding at ``location``; ``absent`` names a key that should stand there."""
        parts = [*self._found(location), *([absent] if absent else [])]
        return Problem(self.path, self.line(location), ".".join(str(part) for part in parts), what, fix)


def _walk(node: yaml.Node, path: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int], file: Path) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in seen:
                raise DeclarationError(
                    [Problem(file, line, key, f"The key {key!r} is given twice here.", "keep one of the two.")]
                )
            seen.add(key)
            lines[(*path, key)] = line
            _walk(value_node, (*path, key), lines, file)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*path, index), lines, file)


def parse_yaml(path: Path, text: str) -> YamlSource:
    """Parse ``text`` as the YAML mapping of ``path``.

    Raises:
        DeclarationError: the text is not YAML, is not a mapping, or gives a key twice.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            lines: dict[tuple[str | int, ...], int] = {}
            if node is not None:
                _walk(node, (), lines, path)  # before construction, which flattens `<<`
            data = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        reason = getattr(error, "problem", None) or "unreadable"
        raise DeclarationError(
            [Problem(path, line, "", f"This is not valid YAML: {reason}.", "check indentation, quotes and colons.")]
        ) from None
    if not isinstance(data, dict):
        raise DeclarationError(
            [Problem(path, 1, "", "The file must hold keys and values.", "start it with `id: <name>`.")]
        )
    return YamlSource(path, data, lines)


def read_yaml(path: Path) -> YamlSource:
    """Read and parse one file. Raises DeclarationError as :func:`parse_yaml`, also for bytes that are not UTF-8."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DeclarationError([Problem(path, 1, "", "The file is not UTF-8 text.", "save it as UTF-8.")]) from None
    return parse_yaml(path, text)


def front_matter(path: Path) -> tuple[YamlSource, str]:
    """The YAML front matter of a Markdown file and the text after it. Raises DeclarationError if there is none."""
    text = path.read_text(encoding="utf-8")
    parts = text.split("---\n", 2)
    if len(parts) < 3 or parts[0].strip():
        raise DeclarationError(
            [Problem(path, 1, "", "The note has no front matter.", "begin it with `---`, keys, and `---`.")]
        )
    return parse_yaml(path, parts[1]), parts[2].strip()
