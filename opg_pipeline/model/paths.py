"""The path language of manifests: where a value stands in an answer. Pure Python, no dependency.

    a.b          key b of key a                 a[0]      element 0 of list a; a[-1] counts from the end
    a[*].b       every element of list a        [3]       element 3 of a positional row
    'a.b'.c      a key that holds a dot         @name     an XML attribute; #text the text beside it
    ^.x          x of the record's parent       /x        x of the whole answer
    $x           the request's parameter x; $pulled_at is when it was asked

``[*]`` is for ``records`` alone, ``^``, ``/`` and ``$`` for fields. ``[*]`` over an object takes its members: each gets its key as
``@key``, and a member that is no object is ``@value``. A path that does not fit is an error with a position, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from opg_pipeline.model.quoting import listed

_TOKEN = re.compile(r"""\.?(?:'([^']*)'|\[(\*|-?\d+)\]|([^.\[\]']+))""")


class _Every:
    def __repr__(self) -> str:
        return "[*]"


EVERY: Final = _Every()
Step = str | int | _Every


class PathError(ValueError):
    """The text is no path; the message says where and why."""


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A parsed path. ``up`` is the number of ``^``; ``absolute`` means it starts at the whole answer."""

    text: str
    steps: tuple[Step, ...]
    up: int = 0
    absolute: bool = False
    param: str | None = None
    """Name of the request parameter, for ``$name``; there are no steps then."""

    @property
    def simple_key(self) -> str | None:
        """The key, when the path is one key of the record itself (the fast case)."""
        if (
            self.param is None
            and not self.up
            and not self.absolute
            and len(self.steps) == 1
            and isinstance(self.steps[0], str)
        ):
            return self.steps[0]
        return None


def parse_path(text: str, *, every: bool = False) -> FieldPath:
    """Parse one path. ``every`` allows ``[*]``. Raises PathError."""
    rest = text.strip()
    if not rest:
        raise PathError("the path is empty")
    if rest.startswith("$"):
        if not re.fullmatch(r"\$[A-Za-z_][A-Za-z0-9_.]*", rest):
            raise PathError(f"{text!r} names no request parameter -> write $name, or quote a key that begins with $")
        return FieldPath(text, (), param=rest[1:])
    absolute = rest.startswith("/")
    rest = rest.removeprefix("/")
    up = 0
    while rest.startswith("^"):
        up += 1
        rest = rest[1:].removeprefix(".") if not rest.startswith("^^") else rest[1:]
    steps: list[Step] = []
    position = 0
    while position < len(rest):
        match = _TOKEN.match(rest, position)
        if match is None:
            raise PathError(f"cannot read {rest[position:]!r} in path {text!r}")
        quoted, index, key = match.groups()
        if index == "*":
            if not every:
                raise PathError(f"[*] is for `records` alone, not for {text!r}")
            steps.append(EVERY)
        elif index is not None:
            steps.append(int(index))
        else:
            steps.append(quoted if quoted is not None else key)
        position = match.end()
    return FieldPath(text, tuple(steps), up, absolute)


def follow(value: Any, steps: tuple[Step, ...]) -> Any:
    """The value at ``steps`` below ``value``, or None where the way ends."""
    for step in steps:
        if isinstance(step, str):
            if not isinstance(value, dict):
                return None
            value = value.get(step)
        elif isinstance(step, int):
            if not isinstance(value, list | tuple) or not -len(value) <= step < len(value):
                return None
            value = value[step]
        if value is None:
            return None
    return value


def lookup(document: Any, path: str) -> Any:
    """The value at ``path`` in a whole answer, or None."""
    parsed = parse_path(path)
    return follow(document, parsed.steps)


def iterate(document: Any, path: FieldPath, *, xml: bool = False) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Every record at ``path`` with its parents, the nearest first.

    The last list is iterated without ``[*]``. ``xml``: the answer was XML, which has no lists: a lone element counts as
    a list of one and an element that is not there as an empty list, as long as the root element is the declared one.
    Raises PathError naming the part that is missing or no list.
    """
    if xml and not (isinstance(document, dict) and path.steps and path.steps[0] in document):
        root = next(iter(document), "nothing") if isinstance(document, dict) else kind(document)
        raise PathError(f"`records: {path.text}` does not begin with the root element, which is {root!r}")
    steps = path.steps[:-1] if path.steps and isinstance(path.steps[-1], _Every) else path.steps
    yield from _iterate(document, steps, (), path.text, xml, len(steps) < len(path.steps))


def _iterate(
    value: Any, steps: tuple[Step, ...], parents: tuple[Any, ...], text: str, xml: bool, every: bool
) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    for position, step in enumerate(steps):
        if isinstance(step, _Every):
            if xml and not isinstance(value, list):
                value = [value]
            if isinstance(value, dict) and not xml:
                value = members(value)
            if not isinstance(value, list):
                raise PathError(f"`records: {text}` expects a list at [*] but found {kind(value)}")
            for element in value:
                yield from _iterate(element, steps[position + 1 :], (element, *parents), text, xml, every)
            return
        if (isinstance(step, str) and isinstance(value, dict) and step in value) or (
            isinstance(step, int) and isinstance(value, list) and -len(value) <= step < len(value)
        ):
            value = value[step]  # type: ignore[index]  # the condition has paired them
        elif xml and not isinstance(value, list):
            if step in (0, -1):
                continue
            return
        else:
            keys = f"; keys here: {listed(list(value))}" if isinstance(value, dict) else ""
            raise PathError(f"`records: {text}` leads nowhere at {step!r} in {kind(value)}{keys}")
    if every and isinstance(value, dict) and not xml:
        value = members(value)
    if xml and not isinstance(value, list):
        value = [] if value is None else [value]
    if not isinstance(value, list):
        raise PathError(f"`records: {text}` must lead to a list but leads to {kind(value)}")
    for element in value:
        yield element, parents


def members(value: dict[str, Any]) -> list[dict[str, Any]]:
    """The members of an object as records, each with its key as ``@key``."""
    return [
        {"@key": key, **member} if isinstance(member, dict) else {"@key": key, "@value": member}
        for key, member in value.items()
    ]


def kind(value: Any) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "a boolean"
    return {dict: "an object", list: "a list", str: "a text", int: "a number", float: "a number"}.get(
        type(value), "a value"
    )
