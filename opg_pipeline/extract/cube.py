"""Statistical tables whose cells stand apart from their dimensions, to one record per cell: BPS dynamic tables. SDMX is in sdmx.py."""

from __future__ import annotations

from typing import Any

from opg_pipeline.model.handover import Outcome, PullError

DIMENSIONS = ("vervar", "var", "turvar", "tahun", "turtahun")
"""In the order in which their numbers make the key of a cell."""


def read_bps_cube(document: Any) -> list[Any]:
    """A record per cell: each dimension's member as delivered (`val`, `label`), and `value`. None where nothing is available.

    Keys are taken apart by the members that the answer lists, since their numbers differ in length. Raises PullError
    UNSUCCESSFUL where the answer says so itself; MALFORMED for what is no such table, for a cell that belongs to no member,
    and for one that could belong to several.
    """
    if not isinstance(document, dict):
        raise _malformed("it is no object")
    if document.get("status", "OK") != "OK":
        raise PullError(
            Outcome.UNSUCCESSFUL,
            "the answer's `status` is not OK",
            "check the key, the domain and the variable; the archived answer says more.",
        )
    if document.get("data-availability", "available") != "available":
        return []
    cells = document.get("datacontent")
    if cells == []:  # PHP writes an empty object so
        return []
    if not isinstance(cells, dict):
        raise _malformed("it has no `datacontent`")
    members = [_members(document, name) for name in DIMENSIONS]
    lengths = [sorted({len(number) for number in listed}) for listed in members]
    records = []
    lost = 0
    for key, value in cells.items():
        found = _taken_apart(key, members, lengths)
        if len(found) > 1:
            raise _malformed(
                "a key of `datacontent` can be taken apart in several ways", "ask for fewer members at once."
            )
        if not found:
            lost += 1
            continue
        records.append({**dict(zip(DIMENSIONS, found[0], strict=True)), "value": value})
    if lost:
        raise _malformed(f"{lost:,} of {len(cells):,} keys of `datacontent` belong to no listed member")
    return records


def _members(document: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    listed = document.get(name)
    if not isinstance(listed, list) or not all(isinstance(item, dict) and "val" in item for item in listed):
        raise _malformed(f"its dimension {name!r} lists no members")
    return {str(item["val"]): item for item in listed}


def _taken_apart(
    key: str, members: list[dict[str, dict[str, Any]]], lengths: list[list[int]]
) -> list[tuple[dict[str, Any], ...]]:
    """Every way to read a key as one number of each dimension."""
    ways: list[tuple[int, tuple[dict[str, Any], ...]]] = [(0, ())]
    for listed, sizes in zip(members, lengths, strict=True):
        ways = [
            (at + size, (*chosen, member))
            for at, chosen in ways
            for size in sizes
            if (member := listed.get(key[at : at + size])) is not None and len(key) >= at + size
        ]
    return [chosen for at, chosen in ways if at == len(key)]


def _malformed(what: str, hint: str = "compare the archived answer with BPS's dynamic data.") -> PullError:
    return PullError(Outcome.MALFORMED, what, hint)
