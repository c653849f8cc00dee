"""Asks one call and reads its answer: within the time limit, archived before it is read, judged before its records are looked for.

Which calls there are is chain.py's and fanout.py's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any

from opg_pipeline.extract.access import Credentials
from opg_pipeline.extract.address import Call
from opg_pipeline.extract.answers import is_empty
from opg_pipeline.extract.decode import Decoded, parse, select
from opg_pipeline.extract.transport import Answer, Transport
from opg_pipeline.model.app import Dataset
from opg_pipeline.model.formats import GeoJsonFormat, JsonFormat, XmlFormat
from opg_pipeline.model.handover import Outcome, PullError, PullFacts, RawRef
from opg_pipeline.model.quoting import media_type, shown_address
from opg_pipeline.model.source import Success

StoreRaw = Callable[..., RawRef]
"""`(body: bytes, *, url, method, status, content_type) -> RawRef`: `Lake.store_raw` bound to a dataset."""

_THREAD_FROM = 64 * 1024


@dataclass(slots=True)
class Reading:
    """What all calls of one pull share.

    ``deadline`` is a time of the event loop; ``size`` is the size pages have shrunk to; ``longest`` counts the elements of the
    longest page so far.
    """

    dataset: Dataset
    success: tuple[Success, ...]
    transport: Transport
    credentials: Credentials
    store: StoreRaw
    facts: PullFacts
    deadline: float
    time_limit: str
    passwords: Mapping[str, str]
    """Of packed files, by the NAME of their variable."""
    spawn: Callable[[Coroutine[Any, Any, Answer]], asyncio.Task[Answer]]
    size: int | None = None
    longest: int = 0

    async def send(self, call: Call, conditional: Mapping[str, str] | None = None) -> Answer:
        """The answer to ``call``, or a 304. Raises PullError, TIMED_OUT at the time limit of the pull."""
        try:
            async with asyncio.timeout_at(self.deadline):
                return await self.transport.send(call, self.facts, conditional)
        except TimeoutError:
            raise PullError(
                Outcome.TIMED_OUT,
                f"the pull takes longer than `time_limit: {self.time_limit}`; it came to {self.facts.pages:,} pages with "
                f"{self.facts.records:,} records",
                "raise `source.time_limit` or `source.budget`, or ask for less with `incremental`.",
            ) from None

    async def archive(
        self, answer: Answer, call: Call, *, asked: Call, params: Mapping[str, str | int] | None = None, lists: str = ""
    ) -> RawRef:
        """Keep the answer as it came, with the ``params`` its records read as `$name`, or the parameter it ``lists``.

        ``asked``: the call as we made it, before links and tokens of the source changed its address.
        """
        raw = await asyncio.to_thread(
            self.store,
            answer.body,
            url=self.credentials.redact(shown_address(answer.url, asked.url)),
            method=call.method,
            status=answer.status,
            content_type=media_type(answer.headers.get("content-type", "")),
        )
        self.facts.bytes += len(answer.body)
        return replace(raw, params={name: self._harmless(value) for name, value in (params or {}).items()}, lists=lists)

    def _harmless(self, value: str | int) -> str | int | None:
        return value if self.credentials.redact(str(value)) == str(value) else None

    async def decode(self, answer: Answer) -> Decoded | None:
        """The content of an answer; None where it says that it went well and there is nothing."""
        return await self._decode(answer, self.dataset)

    async def listed(self, name: str, call: Call, records: str, raws: list[RawRef]) -> list[Any]:
        """The values for the parameter ``name``: elements of a plain JSON list that ``call`` gives, archived into ``raws``."""
        answer = await self.send(call)
        raws.append(await self.archive(answer, call, asked=call, lists=name))
        plain = {"format": JsonFormat(), "records": records, "unpack": None, "unpivot": None}
        decoded = await self._decode(answer, self.dataset.model_copy(update=plain))
        return [] if decoded is None else decoded.records

    async def _decode(self, answer: Answer, dataset: Dataset) -> Decoded | None:
        """Success is judged before the records are looked for, as a refusal has none."""
        arguments = (answer.body, dataset, answer.headers.get("content-type", ""), self.passwords)
        quick = isinstance(dataset.format, JsonFormat | GeoJsonFormat) and dataset.unpack is None
        try:
            if quick or (len(answer.body) < _THREAD_FROM and dataset.unpack is None):
                document = parse(*arguments)
            else:
                document = await asyncio.to_thread(parse, *arguments)
            bare = dataset is not self.dataset and isinstance(document, list)  # a list of values cannot say how it went
            if not bare and is_empty(self.success, document, xml=isinstance(dataset.format, XmlFormat)):
                return None
            return select(document, dataset)
        except PullError as error:
            error.status, error.attempts = answer.status, answer.attempts
            raise
