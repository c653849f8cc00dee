"""Asks an app that has no manifest yet: the one place where a probe sends requests, over the same line as a pull.

What an answer means is the probe's. A scout asks seldom, follows one declared way to the next page, and counts what it asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from opg_pipeline.extract.access import Access, credentials
from opg_pipeline.extract.address import Value, first_call
from opg_pipeline.extract.decode import Decoded, decode, parse
from opg_pipeline.extract.packed import unpack
from opg_pipeline.extract.paging import Spot, Turn, first_spot, next_spot
from opg_pipeline.extract.transport import Answer, Transport
from opg_pipeline.model.app import Dataset
from opg_pipeline.model.formats import Unpack
from opg_pipeline.model.handover import Outcome, PullError, PullFacts
from opg_pipeline.model.source import Source

MOST = 60
"""Most requests one scout makes."""


@dataclass(frozen=True, slots=True)
class Look:
    """One answer and where it stands in its list."""

    answer: Answer
    spot: Spot


class Scout:
    """A look at one source. An async context manager.

    Args:
        source: its address, access and manners.
        access: the resolved address and the secrets.
        name: what it is called in messages.

    Entering raises PullError as a pull does; each request may. Messages hold neither secrets nor personal data.
    """

    def __init__(self, source: Source, access: Access, *, name: str) -> None:
        self._access, self._credentials = access, credentials(source, access)
        self._transport = Transport(
            source, access.base_url, self._credentials, name=name, base_delay=0.2, longest_wait=5.0
        )
        self.facts = PullFacts()

    async def __aenter__(self) -> Scout:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    def redact(self, text: str) -> str:
        """``text`` without secrets and what looks like personal data."""
        return self._credentials.redact(text)

    async def first(self, dataset: Dataset, params: Mapping[str, Value] | None = None) -> Look:
        """The first answer to the dataset's call, with ``params`` set in it."""
        template = first_call(self._access.base_url, dataset)
        if params:
            template = template.with_params(dict(params))
        return await self._send(first_spot(dataset.paginate, template))

    async def following(self, dataset: Dataset, look: Look) -> Look | None:
        """The page that the dataset's `paginate` says follows ``look``; None where it says that there is none.

        Raises PullError where the answer does not have what `paginate` names.
        """
        decoded = self.read(look, dataset)
        last = decoded.records[-1] if decoded.records else None
        turn = Turn(decoded.document, decoded.elements, last, look.answer.url, look.answer.headers)
        template = first_call(self._access.base_url, dataset)
        spot = next_spot(dataset.paginate, template, look.spot, turn, self._access.base_url)
        return None if spot is None else await self._send(spot)

    async def _send(self, spot: Spot) -> Look:
        if self.facts.requests >= MOST:
            raise PullError(
                Outcome.PUT_OFF,
                f"the probe has asked {MOST} times and stops",
                "write the rest of the manifest by hand.",
            )
        try:
            return Look(await self._transport.send(spot.call, self.facts), spot)
        except PullError as error:
            raise PullError(
                error.outcome,
                self.redact(error.what),
                self.redact(error.hint),
                attempts=error.attempts,
                status=error.status,
            ) from None

    def read(self, look: Look, dataset: Dataset) -> Decoded:
        """The records of an answer by the dataset's format and `records`. Raises PullError."""
        answer = look.answer
        return decode(answer.body, dataset, answer.headers.get("content-type", ""), self._access.secrets)

    def document(self, look: Look, dataset: Dataset) -> Any:
        """The whole answer, wherever its records are. Raises PullError."""
        answer = look.answer
        return parse(answer.body, dataset, answer.headers.get("content-type", ""), self._access.secrets)

    def opened(self, look: Look, declared: Unpack) -> bytes:
        """What is inside a packed answer. Raises PullError."""
        return unpack(look.answer.body, declared, self._access.secrets)
