"""Bad answers that real systems gave are told apart, and what was loaded before stays."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opg_pipeline.defs.deployment import Deployment, dataset_key
from opg_pipeline.defs.ingest import ingest_dataset
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import Outcome, OutcomeRecord

from .conftest import Replay, standard, waiting
from .recordings import ROOT, read_xml, text_of

BUDGETS = "id_inaproc_struktur_anggaran_pd/budgets"
MOVE = "OPG_SOURCE_URL__"


@contextlib.contextmanager
def serving(body: bytes, content_type: str) -> Iterator[str]:
    """A server on this machine that answers every call with HTTP 200 and ``body``."""

    async def answer(_: Request) -> Response:
        return Response(body, media_type=content_type)

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


def changed(ref: DatasetRef, **dataset: object) -> DatasetRef:
    """A reference whose dataset is declared differently in those keys."""
    return replace(
        ref,
        dataset=type(ref.dataset).model_validate(
            {**ref.dataset.model_dump(by_alias=True, exclude_unset=True), **dataset}
        ),
    )


async def _bad_day(
    city: Deployment, dataset: DatasetRef, replay: Replay, monkeypatch: pytest.MonkeyPatch, step: int
) -> OutcomeRecord:
    """A good full pull, then the same call on a bad day; the good records must still be there."""
    good = await ingest_dataset(city, dataset, "good")
    assert (good.outcome, good.accepted) == (Outcome.NEW_RECORDS, 58)
    replay.advance("id_inaproc_failures", step)
    monkeypatch.setenv(f"{MOVE}ID_INAPROC_STRUKTUR_ANGGARAN_PD", f"{replay.url}/id_inaproc_failures")
    bad = await ingest_dataset(city, dataset, "bad")
    assert bad.slice_id is None
    assert bad.hint
    assert len(city.lake.slice_ids(dataset_key(dataset))) == 1
    assert len(standard(city, dataset)) == 58
    return bad


async def test_a_challenge_page_with_http_403(
    city: Deployment, ref: Callable[[str], DatasetRef], replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = await _bad_day(city, ref(BUDGETS), replay, monkeypatch, 0)
    assert (bad.outcome, bad.http_status) == (Outcome.AUTH_FAILED, 403)


async def test_an_empty_list_after_a_full_pull(
    city: Deployment, ref: Callable[[str], DatasetRef], replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = await _bad_day(city, ref(BUDGETS), replay, monkeypatch, 1)
    assert bad.outcome is Outcome.VOLUME_COLLAPSED
    assert "58" in bad.message


async def test_merge_markers_in_json(
    city: Deployment, ref: Callable[[str], DatasetRef], replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = await _bad_day(city, ref(BUDGETS), replay, monkeypatch, 2)
    assert bad.outcome is Outcome.MALFORMED
    assert "JSON" in bad.message


async def test_a_challenge_page_where_json_is_due(
    city: Deployment, ref: Callable[[str], DatasetRef], replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "id_inaproc_failures/cloudflare_challenge.html").read_bytes()
    with serving(page, "text/html; charset=utf-8") as url:
        monkeypatch.setenv(f"{MOVE}ID_INAPROC_STRUKTUR_ANGGARAN_PD", url)
        bad = await ingest_dataset(city, ref(BUDGETS), "bad")
    assert bad.outcome is Outcome.MALFORMED
    assert "Just a moment" in bad.message
    assert bad.accepted == 0


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("http200_list_not_available.json", "list-not-available"),
        ("http200_not_available.json", "not-available"),
        ("http200_error.json", "nothing (null)"),
    ],
)
async def test_http_200_is_not_success(
    file: str, says: str, city: Deployment, ref: Callable[[str], DatasetRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving((ROOT / "id_bps_error_bodies" / file).read_bytes(), "application/json") as url:
        monkeypatch.setenv(f"{MOVE}ID_BPS_NEWS", url)
        bad = await ingest_dataset(city, ref("id_bps_news/news"), "bad")
    assert bad.outcome is Outcome.UNSUCCESSFUL
    assert says in bad.message
    assert "k-for-replay" not in bad.message + bad.hint


async def test_the_system_itself_says_that_a_list_is_not_available(
    city: Deployment, ref: Callable[[str], DatasetRef], replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{MOVE}ID_BPS_STATIC_TABLE", f"{replay.url}/id_bps_error_bodies")
    bad = await ingest_dataset(city, ref("id_bps_static_table/tables"), "bad")
    assert bad.outcome is Outcome.UNSUCCESSFUL


async def test_a_request_that_is_not_there(city: Deployment, ref: Callable[[str], DatasetRef]) -> None:
    gone = changed(ref("us_sf_open311/requests"), path="/dev/Open311/v2/requests/not-an-id.xml")
    bad = await ingest_dataset(city, gone, "bad")
    assert (bad.outcome, bad.http_status) == (Outcome.VANISHED, 404)


async def test_a_key_that_is_refused(city: Deployment, ref: Callable[[str], DatasetRef]) -> None:
    wrong = changed(ref("us_sf_open311/requests"), method="POST", form={"api_key": "wrong"})
    bad = await ingest_dataset(city, wrong, "bad")
    assert (bad.outcome, bad.http_status) == (Outcome.AUTH_FAILED, 403)


async def test_a_missing_token(city: Deployment, ref: Callable[[str], DatasetRef], replay: Replay) -> None:
    (city.settings.home / "secrets.env").unlink()
    bad = await ingest_dataset(city, ref(BUDGETS), "bad")
    assert bad.outcome is Outcome.MISSING_SECRET
    assert "INAPROC_TOKEN" in bad.message + bad.hint
    assert replay.log() == []


async def test_no_requests_since_a_day_to_come(city: Deployment, ref: Callable[[str], DatasetRef]) -> None:
    none = changed(ref("us_sf_open311/requests"), query={"start_date": "2030-01-01T00:00:00Z"})
    empty = await ingest_dataset(city, none, "empty")
    assert (empty.outcome, empty.records, empty.message) == (Outcome.ZERO_RECORDS, 0, "")


async def test_requests_that_this_standard_cannot_take_all_wait(
    city: Deployment, ref: Callable[[str], DatasetRef]
) -> None:
    declared = ref("us_sf_open311/requests")
    fields = declared.dataset.model_dump(by_alias=True, exclude_unset=True)["fields"]
    dataset = changed(declared, fields={**fields, "description": "description"})
    requests = list(read_xml("us_sf_open311/requests.xml").iter("request"))
    assert [text_of(item, "description") for item in requests] == [None, None]
    outcome = await ingest_dataset(city, dataset, "first")
    assert (outcome.outcome, outcome.records, outcome.accepted) == (Outcome.ALL_REJECTED, len(requests), 0)
    assert waiting(city, dataset) == {("record", "required_missing", "description"): len(requests)}
    for item in requests:
        assert str(text_of(item, "address")) not in outcome.message + outcome.hint
