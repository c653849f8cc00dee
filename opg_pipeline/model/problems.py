"""What is wrong with a declaration, said for people: file, line, key, what happened, what to do.

Holds the message type and the error that carries it. Nothing here reads files or knows a rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in one declaration file. ``line`` counts from 1; 0 means the file as a whole."""

    file: Path
    line: int
    key: str
    what: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else f"{self.file}"
        key = f" {self.key}:" if self.key else ""
        return f"{place}:{key} {self.what} Fix: {self.fix}"

    def as_dict(self) -> dict[str, str | int]:
        return {"file": str(self.file), "line": self.line, "key": self.key, "what": self.what, "fix": self.fix}


class DeclarationError(Exception):
    """The catalogue cannot be used; ``problems`` says why, one entry per finding."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))
