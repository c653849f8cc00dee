"""A pull that brings nothing but what the lake holds already ends as not modified: nothing downstream has to run."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from opg_pipeline.defs import ingest, known
from opg_pipeline.defs.deployment import dataset_key, declaration_hash
from opg_pipeline.model.handover import Outcome
from opg_pipeline_tests.defs.town import deploy, pull, record, settle
from opg_pipeline_tests.extract.conftest import Server

SINCE = {"incremental": {"field": "at", "param": "since", "format": "yyyy-mm-dd HH:MM", "lookback": "1d"}}
NEW, SAME = Outcome.NEW_RECORDS, Outcome.NOT_MODIFIED


async def told(folder: Path, server: Server, *rows: dict[str, Any], **span: Any) -> Outcome:
    server.handler = lambda request: list(rows)
    return (await pull(folder, **span)).outcome


def slices(folder: Path) -> int:
    deployment = deploy(folder)
    return len(deployment.lake.slice_ids(dataset_key(deployment.datasets()[0])))


async def test_what_a_look_back_delivers_again_is_nothing_new(tmp_path: Path, server: Server) -> None:
    settle(tmp_path, server.url, SINCE)
    one, two, three, four = (record(number, number) for number in range(1, 5))
    assert await told(tmp_path, server, one, two, three) is NEW
    assert await told(tmp_path, server, two, three) is SAME
    assert await told(tmp_path, server, three, four) is NEW
    assert await told(tmp_path, server, two, three, four) is SAME, "they stand in two slices"
    assert slices(tmp_path) == 2
    assert await told(tmp_path, server, three, four, full=True) is NEW, "who asks for everything gets it"


async def test_a_record_that_is_as_it_once_was_is_new(tmp_path: Path, server: Server) -> None:
    settle(tmp_path, server.url, SINCE)
    opened, closed, other = record(1), record(1, status="Selesai"), record(2)
    assert await told(tmp_path, server, opened, other) is NEW
    assert await told(tmp_path, server, closed) is NEW
    assert await told(tmp_path, server, opened) is NEW
    assert await told(tmp_path, server, other, opened) is SAME


async def test_what_was_refused_is_compared_too(tmp_path: Path, server: Server) -> None:
    settle(tmp_path, server.url, SINCE)
    good, bad = record(1), record(2, at="kemarin")
    assert await told(tmp_path, server, good, bad) is NEW
    assert await told(tmp_path, server, bad, good) is SAME
    assert await told(tmp_path, server, good, {**bad, "text": "lubang besar"}) is NEW


async def test_a_whole_list_is_compared_both_ways(tmp_path: Path, server: Server) -> None:
    """Its answers are never the same bytes: they hold the time."""
    settle(tmp_path, server.url, {"nature": "snapshot", "records": "data"})
    clock = count()

    async def listed(*rows: dict[str, Any]) -> Outcome:
        server.handler = lambda request: {"at": next(clock), "data": list(rows)}
        return (await pull(tmp_path)).outcome

    rows = [record(number) for number in (1, 2, 3)]
    assert await listed(*rows) is NEW
    assert await listed(*reversed(rows)) is SAME
    assert await listed(*rows[:2]) is NEW
    assert await listed(*rows) is NEW, "what came back stands in an older slice alone"
    bad = record(4, at="kemarin")
    assert await listed(*rows, bad) is NEW
    assert await listed(*rows, bad) is SAME
    assert await listed(*rows) is NEW, "what was refused is gone"


async def test_the_same_bytes_are_not_read_again(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(tmp_path, server.url)
    assert await told(tmp_path, server, record(1), record(2)) is NEW
    read: list[int] = []
    monkeypatch.setattr(ingest, "take", lambda *_: read.append(1))
    again = await pull(tmp_path)
    assert (again.outcome, again.records, again.accepted, read) == (SAME, 2, 0, [])


async def test_the_same_bytes_that_nothing_was_accepted_of_fail_again(tmp_path: Path, server: Server) -> None:
    settle(tmp_path, server.url)
    assert await told(tmp_path, server, record(1, at="kemarin")) is Outcome.ALL_REJECTED
    assert (await pull(tmp_path)).outcome is Outcome.ALL_REJECTED
    assert slices(tmp_path) == 1


async def test_it_does_not_take_what_has_expired_for_known(tmp_path: Path, server: Server) -> None:
    settle(tmp_path, server.url, SINCE)
    assert await told(tmp_path, server, record(1), record(2)) is NEW
    for file in (tmp_path / "home" / "lake" / "standard").rglob("*.parquet"):
        file.unlink()
    assert await told(tmp_path, server, record(2)) is NEW


async def test_it_compares_no_more_than_it_may_remember(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(tmp_path, server.url, SINCE)
    assert await told(tmp_path, server, record(1), record(2), record(3)) is NEW
    monkeypatch.setattr(known, "MOST", 1)
    assert await told(tmp_path, server, record(1), record(2)) is NEW
    assert await told(tmp_path, server, record(3)) is SAME


async def test_a_change_of_the_source_that_no_record_shows_is_kept(tmp_path: Path, server: Server) -> None:
    """A field that no declaration names makes no record another one, and yet is to be told once."""
    settle(tmp_path, server.url)
    rows = [record(number) for number in range(20)]
    assert await told(tmp_path, server, *rows) is NEW
    wider = [{**row, "kanal": "web"} for row in rows]
    server.handler = lambda request: wider
    outcome = await pull(tmp_path)
    assert (outcome.outcome, [(item.place, item.kind) for item in outcome.drift]) == (NEW, [("kanal", "new_field")])
    assert await told(tmp_path, server, *reversed(wider)) is SAME


def test_a_declaration_means_the_same_with_its_defaults_written_out(tmp_path: Path, server: Server) -> None:
    def meaning(**dataset: Any) -> str:
        settle(tmp_path, server.url, dataset)
        return declaration_hash(deploy(tmp_path).datasets()[0])

    plain = meaning()
    assert meaning(method="GET", for_each=None, paginate={"type": "none"}) == plain
    assert meaning(method="POST") != plain
