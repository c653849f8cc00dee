"""OAI-PMH 2.0 as a preset of paging: tokens, and the errors that its servers tell with HTTP 200."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from opg_pipeline.model.handover import Outcome
from opg_pipeline_tests.extract.conftest import Server, make_dataset, pull

OAI = {
    "format": "xml",
    "records": "OAI-PMH.ListRecords.record",
    "query": {"verb": "ListRecords", "metadataPrefix": "oai_dc"},
    "paginate": {"type": "oai_pmh"},
}


def oai(content: str) -> Response:
    body = (
        '<?xml version="1.0"?><OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
        f"<responseDate>2024-01-01T00:00:00Z</responseDate>{content}</OAI-PMH>"
    )
    return Response(body, media_type="text/xml")


def oai_page(start: int) -> Response:
    records = "".join(
        f"<record><header><identifier>{n}</identifier></header></record>" for n in range(start, start + 3)
    )
    token = f"<resumptionToken cursor='{start}'>t{start + 3}</resumptionToken>" if start < 6 else "<resumptionToken/>"
    return oai(f"<ListRecords>{records}{token}</ListRecords>")


def identifiers(records: list[Any]) -> list[str]:
    return [record["header"]["identifier"] for record in records]


async def test_oai_pmh(server: Server) -> None:
    server.handler = lambda request: oai_page(int(request.query_params.get("resumptionToken", "t0")[1:]))
    result = await pull(server.url, make_dataset(**OAI))
    assert result.error is None
    assert identifiers(result.records) == [str(n) for n in range(9)]
    assert [item.query for item in server.asked] == [
        {"verb": "ListRecords", "metadataPrefix": "oai_dc"},
        {"verb": "ListRecords", "resumptionToken": "t3"},
        {"verb": "ListRecords", "resumptionToken": "t6"},
    ]


async def test_oai_pmh_without_records(server: Server) -> None:
    server.handler = lambda request: oai('<error code="noRecordsMatch">none</error>')
    result = await pull(server.url, make_dataset(**OAI))
    assert result.error is None
    assert (result.facts.pages, result.facts.records) == (1, 0)


@pytest.mark.parametrize("times", [1, 9])
async def test_oai_pmh_token_that_has_expired(server: Server, times: int) -> None:
    """The list is asked once more from its beginning, as the protocol says; a token that expires again is an error."""
    expired = [times]

    def handler(request: Request) -> Response:
        token = request.query_params.get("resumptionToken")
        if token == "t3" and expired[0]:
            expired[0] -= 1
            return oai('<error code="badResumptionToken">expired</error>')
        return oai_page(int((token or "t0")[1:]))

    server.handler = handler
    result = await pull(server.url, make_dataset(**OAI))
    if times == 1:
        assert result.error is None
        assert identifiers(result.records) == ["0", "1", "2", *[str(n) for n in range(9)]]
    else:
        assert result.failure.outcome is Outcome.MALFORMED
        assert "badResumptionToken" in result.failure.what
        assert result.facts.requests == 4


async def test_oai_pmh_error_is_no_empty_list(server: Server) -> None:
    server.handler = lambda request: oai('<error code="badArgument">x</error>')
    result = await pull(server.url, make_dataset(**OAI))
    assert result.failure.outcome is Outcome.UNSUCCESSFUL
    assert "badArgument" in result.failure.what
