"""What the servers refuse is told apart, says what to do, and leaves what was loaded before as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from opg_pipeline.defs.deployment import Deployment, dataset_key
from opg_pipeline.defs.ingest import ingest_dataset
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import Outcome

from .cases import CASES
from .conftest import changed, standard
from .running import USER

STALE = "token-of-yesterday-1b2c3d"


@dataclass(frozen=True)
class Refusal:
    """What is declared wrongly of a dataset, and how the pull ends. ``says`` stands in the message."""

    name: str
    outcome: Outcome
    status: int | None
    says: str
    dataset: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)


def _stale(name: str) -> dict[str, Any]:
    return {"auth": {"type": "api_key", "in": "header", "name": name, "secret": "STALE"}}


REFUSALS = {
    "a_page_too_large": Refusal(
        "datasette/prices", Outcome.REFUSED, 400, "HTTP 400",
        {"paginate": {"type": "cursor", "param": "_next", "next": "next", "size": 1000, "size_param": "_size"}},
    ),
    "a_page_too_large_with_http_200": Refusal(
        "strawberry/incidents", Outcome.UNSUCCESSFUL, 200, "success.path: errors",
        {"paginate": {"type": "relay", "connection": "data.incidents", "size": 1000}},
    ),
    "a_page_that_is_not_there": Refusal(
        "drf/incidents", Outcome.VANISHED, 404, "page 6",
        {"paginate": {"type": "page", "size": 50, "size_param": "page_size", "stop": "empty"}},
    ),
    "a_token_of_yesterday": Refusal("drf/incidents", Outcome.AUTH_FAILED, 401, "HTTP 401", source=_stale("Authorization")),
    "no_token": Refusal("drf/requests", Outcome.AUTH_FAILED, 401, "HTTP 401", source={"auth": {"type": "none"}}),
    "a_table_that_is_not_there": Refusal("datasette/prices", Outcome.VANISHED, 404, "HTTP 404", {"path": "/pasar/hargaa.json"}),
    "a_sort_that_breaks_the_server": Refusal(
        "datasette/prices", Outcome.SERVER_ERROR, 500, "HTTP 500", {"query": {"_shape": "objects", "_sort": "tgl"}}
    ),
    "a_filter_that_is_not_understood": Refusal(
        "cds/readings", Outcome.REFUSED, 400, "HTTP 400", {"query": {"$filter": "tgl gt 1"}, "incremental": None}
    ),
    "records_elsewhere": Refusal("drf/incidents", Outcome.MALFORMED, 200, "keys here: count, next, previous, results", {"records": "hasil"}),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
async def test_a_refusal_is_told_and_keeps_what_was_loaded(
    case: str, city: Deployment, ref: Callable[[str], DatasetRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = REFUSALS[case]
    declared = ref(expected.name)
    await ingest_dataset(city, declared, "good")
    before = standard(city, declared)
    assert len(before) == len(CASES[expected.name].expect())
    monkeypatch.setenv("STALE", STALE)
    bad = await ingest_dataset(city, changed(declared, expected.source, **expected.dataset), "bad")
    assert (bad.outcome, bad.http_status) == (expected.outcome, expected.status)
    assert expected.says in bad.message
    assert bad.hint
    assert (bad.slice_id, bad.accepted) == (None, 0)
    assert STALE not in bad.message + bad.hint
    assert len(city.lake.slice_ids(dataset_key(declared))) == 1
    assert standard(city, declared) == before


async def test_a_login_that_is_refused(city: Deployment, ref: Callable[[str], DatasetRef]) -> None:
    wrong = "bukan-sandinya"
    (city.settings.home / "secrets.env").write_text(f"DRF_USER={USER['username']}\nDRF_PASSWORD={wrong}\n", "utf-8")
    bad = await ingest_dataset(city, ref("drf/incidents"), "bad")
    assert (bad.outcome, bad.http_status, bad.requests) == (Outcome.AUTH_FAILED, 400, 1)
    assert "the login failed" in bad.message
    assert wrong not in bad.message + bad.hint
