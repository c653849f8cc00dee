"""What one pull remembers of those before it: failures that leave an app alone, hours, parts that failed or did not change, drift."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from opg_pipeline.defs.deployment import dataset_key
from opg_pipeline.defs.publish import load_category, prepare
from opg_pipeline.model.handover import Outcome, SliceManifest
from opg_pipeline_tests.defs.town import deploy, pull, record, settle
from opg_pipeline_tests.extract.conftest import Server

PARTS = {"params": {"desa": {"values": ["a", "b", "c"]}}, "may_fail": 0.5}


def latest(folder: Path) -> SliceManifest:
    deployment = deploy(folder)
    found = deployment.lake.latest(dataset_key(deployment.datasets()[0]))
    assert found is not None
    return found


# -- left alone ----------------------------------------------------------------------------------------------------------


async def test_an_app_that_fails_run_after_run_is_left_alone_until_it_is_forced(tmp_path: Path, server: Server) -> None:
    settle(tmp_path, server.url, source={"breaker": {"failures": 2, "pause": "1h"}})
    server.handler = lambda request: Response("down", 503)
    assert [(await pull(tmp_path)).outcome for _ in range(2)] == [Outcome.SERVER_ERROR] * 2
    asked = len(server.asked)
    alone = await pull(tmp_path)
    assert (alone.outcome, alone.requests, alone.slice_id) == (Outcome.CIRCUIT_OPEN, 0, None)
    assert "kios failed 2 times running and is left alone until " in alone.message
    assert "opg run --app kios --force" in alone.hint
    assert len(server.asked) == asked

    assert (await pull(tmp_path, force=True)).outcome is Outcome.SERVER_ERROR
    assert len(server.asked) == asked + 1
    assert (await pull(tmp_path)).outcome is Outcome.CIRCUIT_OPEN, "a forced pull that fails does not end the pause"

    server.handler = lambda request: [record(1)]
    assert (await pull(tmp_path, force=True)).outcome is Outcome.NEW_RECORDS
    assert (await pull(tmp_path)).outcome is Outcome.NOT_MODIFIED, (
        "a success closes the breaker: the app is asked as before"
    )


async def test_after_the_pause_one_try_is_made_without_retries(tmp_path: Path, server: Server) -> None:
    settle(tmp_path, server.url, source={"breaker": {"failures": 1, "pause": "1s"}, "retries": 1})
    server.handler = lambda request: Response("down", 500)
    first = await pull(tmp_path)
    assert (first.outcome, first.requests) == (Outcome.SERVER_ERROR, 2)
    time.sleep(1.1)
    again = await pull(tmp_path)
    assert (again.outcome, again.requests) == (Outcome.SERVER_ERROR, 1)
    assert (await pull(tmp_path)).outcome is Outcome.CIRCUIT_OPEN


async def test_an_app_is_not_asked_outside_its_hours_unless_it_is_forced(tmp_path: Path, server: Server) -> None:
    now = datetime.now(ZoneInfo("Asia/Jakarta"))
    begin, end = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (2, 3))
    settle(tmp_path, server.url, source={"budget": {"hours": f"{begin}-{end}"}})
    server.handler = lambda request: [record(1)]
    late = await pull(tmp_path)
    assert (late.outcome, late.outcome.good, late.slice_id) == (Outcome.PUT_OFF, True, None)
    assert late.message == f"kios may be asked from {begin} only (`budget.hours: {begin}-{end}`)."
    assert server.asked == []
    assert (await pull(tmp_path, force=True)).outcome is Outcome.NEW_RECORDS


# -- some values of a fan-out --------------------------------------------------------------------------------------------


async def test_what_a_value_that_failed_would_have_brought_is_not_taken_for_gone(
    tmp_path: Path, server: Server
) -> None:
    """b answers, then fails, then has lost a record: only the last tells that it is gone."""
    settle(tmp_path, server.url, {"for_each": PARTS, "nature": "snapshot"})
    rows = {"a": [record(1), record(2)], "b": [record(3), record(4)], "c": [record(5), record(6)]}
    down: set[str] = set()

    def answer(request: Request) -> Any:
        part = request.query_params["desa"]
        return Response("down", 500) if part in down else rows[part]

    server.handler = answer
    assert (await pull(tmp_path)).accepted == 6
    assert _gone(tmp_path) == {}

    down.add("b")
    rows["a"].pop()
    partly = await pull(tmp_path)
    assert (partly.outcome, partly.accepted) == (Outcome.NEW_RECORDS, 3)
    assert partly.message.startswith("1 of 3 values of `for_each` did not answer and are missing, such as: desa=b:")
    assert "nothing was removed" in partly.hint
    assert not latest(tmp_path).complete
    assert _gone(tmp_path) == {}, "neither those of b nor the one that a does not give any more"

    down.clear()
    rows["b"].pop()
    whole = await pull(tmp_path)
    assert (whole.accepted, whole.message) == (4, "")
    assert latest(tmp_path).complete
    assert set(_gone(tmp_path)) == {"2", "4"}


def _gone(folder: Path) -> dict[str, Any]:
    """Load what is new; the records of core that are marked as vanished."""
    deployment = deploy(folder)
    category = deployment.catalog.categories["service_request"]
    with deployment.warehouse() as warehouse:
        prepare(deployment, warehouse)
        load_category(deployment, warehouse, category)
        with warehouse.engine.connect() as connection:
            found = connection.exec_driver_sql(
                "select service_request_id, vanished_at from core.service_request where vanished_at is not null"
            )
            return {row[0]: row[1] for row in found}


async def test_values_that_did_not_change_are_asked_on_their_own_condition(tmp_path: Path, server: Server) -> None:
    """Each value's ETag outlives the run; where all say 304 there is no slice, where one changed it alone is read."""
    settle(tmp_path, server.url, {"for_each": PARTS})
    rows = {"a": [record(1)], "b": [record(2)], "c": [record(3)]}

    def answer(request: Request) -> Response:
        part = request.query_params["desa"]
        tag = f'"{part}{len(rows[part])}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        return JSONResponse(rows[part], headers={"ETag": tag})

    server.handler = answer
    assert (await pull(tmp_path)).accepted == 3
    first = latest(tmp_path)
    assert first.part_validators == {f"desa={part}": {"etag": f'"{part}1"'} for part in "abc"}

    server.asked.clear()
    same = await pull(tmp_path)
    assert (same.outcome, same.bytes) == (Outcome.NOT_MODIFIED, 0)
    assert [item.headers["if-none-match"] for item in server.asked] == ['"a1"', '"b1"', '"c1"']
    assert latest(tmp_path).slice_id == first.slice_id

    rows["b"].append(record(4))
    changed = await pull(tmp_path)
    assert (changed.outcome, changed.records) == (Outcome.NEW_RECORDS, 2)
    assert latest(tmp_path).part_validators["desa=b"] == {"etag": '"b2"'}
    assert latest(tmp_path).part_validators["desa=a"] == {"etag": '"a1"'}
    assert (await pull(tmp_path)).outcome is Outcome.NOT_MODIFIED

    server.asked.clear()
    assert (await pull(tmp_path, full=True)).records == 4
    assert not [item for item in server.asked if "if-none-match" in item.headers], "a full pull sets no condition"


# -- drift ---------------------------------------------------------------------------------------------------------------


async def test_a_snapshot_that_shrinks_to_a_fortieth_is_held_back_until_it_is_accepted(
    tmp_path: Path, server: Server
) -> None:
    settle(tmp_path, server.url, {"nature": "snapshot"})
    server.handler = lambda request: [record(number) for number in range(40)]
    await pull(tmp_path)
    before = latest(tmp_path)
    server.handler = lambda request: [record(1)]
    held = await pull(tmp_path)
    assert held.outcome is Outcome.VOLUME_COLLAPSED
    assert "delivered 1 where its last pull had 40 records" in held.message
    assert "opg run --app kios --full" in held.hint
    assert latest(tmp_path).slice_id == before.slice_id
    assert (await pull(tmp_path, full=True)).outcome is Outcome.NEW_RECORDS
    assert (await pull(tmp_path)).outcome is Outcome.NOT_MODIFIED, "what was accepted is the new measure"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (lambda row: {**row, "jenis": None}, "service_name (sent empty)"),
        (lambda row: {key: value for key, value in row.items() if key != "jenis"}, "service_name (no record has 'jenis')"),
    ],
    ids=["empty", "renamed"],
)  # fmt: skip
async def test_a_field_that_hardly_any_record_has_any_more_is_held_back(
    tmp_path: Path, server: Server, changed: Any, says: str
) -> None:
    settle(tmp_path, server.url)
    server.handler = lambda request: [record(number) for number in range(12)]
    await pull(tmp_path)
    before = latest(tmp_path)
    assert (before.counted, before.filled["service_name"]) == (12, 12)

    server.handler = lambda request: [changed(record(number)) for number in range(9)]
    assert (await pull(tmp_path)).outcome is Outcome.NEW_RECORDS, "nine records are too few to tell"
    server.handler = lambda request: [changed(record(number)) for number in range(40)]
    held = await pull(tmp_path)
    assert held.outcome is Outcome.FIELDS_LOST
    assert says in held.message
    assert latest(tmp_path).records == 9, "nothing is kept of it but the raw answer"
    assert (await pull(tmp_path, full=True)).outcome is Outcome.NEW_RECORDS
    server.handler = lambda request: [changed(record(number)) for number in range(50)]
    assert (await pull(tmp_path)).outcome is Outcome.NEW_RECORDS, "what was accepted is the new measure"


async def test_values_that_cannot_be_read_any_more_cost_themselves_and_are_asked_for_again(
    tmp_path: Path, server: Server
) -> None:
    """The records are loaded without them, but the position of an incremental pull stays where it was."""
    asked_by = {"incremental": {"field": "at", "param": "since", "format": "yyyy-mm-dd HH:MM"}}
    settle(tmp_path, server.url, asked_by)
    server.handler = lambda request: [record(number, day=1) for number in range(20)]
    await pull(tmp_path)
    position = latest(tmp_path).cursor
    server.handler = lambda request: [record(number, day=2, jenis={"jalan": "x"}) for number in range(20, 40)]
    odd = await pull(tmp_path)
    assert (odd.outcome, odd.accepted, odd.values_quarantined) == (Outcome.NEW_RECORDS, 20, 20)
    assert (
        "Hardly any value of town/kios/requests can be read where nearly all could before: service_name" in odd.message
    )
    assert latest(tmp_path).cursor == position
    server.handler = lambda request: [record(number, day=2) for number in range(20, 40)]
    assert (await pull(tmp_path)).message == ""
    assert latest(tmp_path).cursor != position
