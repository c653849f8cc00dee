"""Pulls one dataset: asks page by page, archives every answer before it is read, and says where and why a pull cannot go on.

Composes transport, paging and decoding. It knows neither the lake nor the shape the records are brought to.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import orjson

from opg_pipeline.extract.access import Access, Credentials, credentials
from opg_pipeline.extract.address import Call, first_call
from opg_pipeline.extract.decode import Decoded, harmless, parse, select
from opg_pipeline.extract.paging import Turn, first_page, next_page, text_at
from opg_pipeline.extract.position import position_params
from opg_pipeline.extract.transport import LONGEST_WAIT, Answer, Transport
from opg_pipeline.model.app import App, Dataset
from opg_pipeline.model.base import Locale
from opg_pipeline.model.handover import Outcome, Page, PullError, PullFacts, RawRef
from opg_pipeline.model.paths import kind
from opg_pipeline.model.source import GeoJsonFormat, JsonFormat, SinglePage, Success, XmlFormat

StoreRaw = Callable[..., RawRef]
"""`(body: bytes, *, url, method, status, content_type) -> RawRef`: `Lake.store_raw` bound to a dataset."""

PAGE_LIMIT = 100_000
_THREAD_FROM = 64 * 1024


class Puller:
    """The datasets of one app. An async context manager with one client; datasets may be pulled at the same time.

    Args:
        app: its declaration.
        access: its resolved address and secrets.
        locale: the app's locale over the city's, for the position of incremental pulls; needs date and timezone there.
        base_delay: seconds of the first back-off.
        longest_wait: most seconds between two tries.
        timeout_seconds: instead of the declared time-out of one request.
        page_limit: pages after which a pull counts as endless.

    Entering raises PullError: MISSING_SECRET, AUTH_FAILED for a secret that cannot be sent, or UNREACHABLE for an address
    that is none.
    """

    def __init__(
        self,
        app: App,
        access: Access,
        *,
        locale: Locale,
        base_delay: float = 0.5,
        longest_wait: float = LONGEST_WAIT,
        timeout_seconds: float | None = None,
        page_limit: int = PAGE_LIMIT,
    ) -> None:
        self._app, self._access, self._locale, self._page_limit = app, access, locale, page_limit
        self._base_delay, self._longest_wait, self._timeout_seconds = base_delay, longest_wait, timeout_seconds
        self._credentials = Credentials()
        self._transport: Transport | None = None

    async def __aenter__(self) -> Puller:
        app, access = self._app, self._access
        try:
            _check_address(access.base_url)
            self._credentials = credentials(app.source, access)
        except PullError as error:
            raise PullError(error.outcome, f"{app.id}: {error.what}.", error.hint) from None
        self._transport = Transport(
            app.source,
            access.base_url,
            self._credentials,
            name=app.id,
            base_delay=self._base_delay,
            longest_wait=self._longest_wait,
            timeout_seconds=self._timeout_seconds,
        )
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.__aexit__(kind, error, trace)

    async def pages(
        self,
        dataset: Dataset,
        *,
        store: StoreRaw,
        facts: PullFacts,
        position: datetime | None = None,
        validators: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Page]:
        """The pages of one pull, each stored before it is read; ``facts`` fills up on the way, also when the pull fails.

        Args:
            position: newest value of the incremental field that is safely stored; None for the first pull.
            validators: `etag` and `last_modified` of the last good pull. On 304 nothing is yielded and
                ``facts.not_modified`` is set. For datasets of one answer alone.

        Raises PullError whose message names app, dataset, page and address.
        """
        if self._transport is None:
            raise RuntimeError("use Puller as `async with Puller(...) as puller`")
        call: Call | None = None
        number = delivered = 0
        asked: set[Call] = set()
        digests: set[str] = set()
        previous: Decoded | None = None
        ends: dict[bytes, int] = {}
        repeated = -2
        try:
            call = first_call(self._access.base_url, dataset)
            call = first_page(
                dataset.paginate, call.with_params(position_params(dataset.incremental, position, self._locale))
            )
            single = isinstance(dataset.paginate, SinglePage)
            conditional = _conditional(validators) if single else {}
            while call is not None:
                if call in asked or number >= self._page_limit:
                    raise _loop(
                        "it has been asked already" if call in asked else f"{number:,} pages have not come to an end"
                    )
                asked.add(call)
                answer = await self._transport.send(call, facts, conditional)
                if answer.status == 304:
                    facts.not_modified = True
                    return
                raw = await self._archive(answer, call, store, facts)
                decoded = await self._decode(answer, dataset)
                if decoded.elements and not single:
                    same = (
                        previous is not None
                        and previous.records == decoded.records
                        and previous.parents == decoded.parents
                    )
                    if same or raw.sha256 in digests:
                        raise _loop("it holds the same records as an earlier page")
                    digests.add(raw.sha256)
                    previous = decoded
                    # A circle whose pages count on: two pages running that begin and end as two earlier ones did.
                    known = ends.setdefault(_ends(decoded.records), number)
                    if known != number and known == repeated + 1:
                        raise _loop("it and the page before it hold the same records as two earlier pages")
                    repeated = known if known != number else -2
                delivered += decoded.elements
                facts.pages += 1
                facts.records += len(decoded.records)
                turn = Turn(decoded.document, decoded.elements, delivered, number, answer.url, answer.headers)
                following = next_page(dataset.paginate, call, turn, self._access.base_url)
                if single:
                    facts.validators.update(_validators(answer))
                yield Page(decoded.records, decoded.parents, decoded.document, raw, number)
                call, number = following, number + 1
        except PullError as error:
            raise self._placed(error, dataset, call, number) from None

    async def _archive(self, answer: Answer, call: Call, store: StoreRaw, facts: PullFacts) -> RawRef:
        raw = await asyncio.to_thread(
            store,
            answer.body,
            url=self._credentials.redact(answer.url),
            method=call.method,
            status=answer.status,
            content_type=answer.headers.get("content-type", ""),
        )
        facts.raw.append(raw)
        facts.bytes += len(answer.body)
        return raw

    async def _decode(self, answer: Answer, dataset: Dataset) -> Decoded:
        """The content of one answer; success is judged before the records are looked for, as a refusal has none."""
        arguments = (answer.body, dataset, answer.headers.get("content-type", ""))
        try:
            if len(answer.body) < _THREAD_FROM or isinstance(dataset.format, JsonFormat | GeoJsonFormat):
                document = parse(*arguments)
            else:
                document = await asyncio.to_thread(parse, *arguments)
            if self._app.source.success is not None:
                _check_success(self._app.source.success, document, xml=isinstance(dataset.format, XmlFormat))
            return select(document, dataset)
        except PullError as error:
            error.status, error.attempts = answer.status, answer.attempts
            raise

    def _placed(self, error: PullError, dataset: Dataset, call: Call | None, number: int) -> PullError:
        address = f" ({call.method} {call.url})" if call is not None else ""
        what = self._credentials.redact(f"{self._app.id}/{dataset.id}, page {number + 1}{address}: {error.what}.")
        return PullError(
            error.outcome, what, self._credentials.redact(error.hint), attempts=error.attempts, status=error.status
        )


def _check_address(base_url: str) -> None:
    try:
        parts = urlsplit(base_url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, good = None, False
    if parts is None or not good:
        raise PullError(
            Outcome.UNREACHABLE,
            "its address is no http or https address",
            "correct `base_url`, or the variable that overrides it.",
        )
    if parts.username is not None:
        raise PullError(
            Outcome.UNREACHABLE,
            "its address holds a user name, which is not used",
            "declare `auth: {type: basic, ...}` with names of variables.",
        )


def _check_success(success: Success, document: Any, *, xml: bool) -> None:
    value = text_at(document, success.path)
    expected = success.equals if isinstance(success.equals, list) else [success.equals]
    if any(_equal(value, item, xml) for item in expected):
        return
    shown = repr(value) if isinstance(value, str | int | float) and harmless(str(value)) else kind(value)
    wanted = " or ".join(repr(item) for item in expected)
    raise PullError(
        Outcome.UNSUCCESSFUL,
        f"HTTP says it went well, but `success.path: {success.path}` says {shown} instead of {wanted}",
        "the source refuses or has no data: look at the archived answer.",
    )


def _equal(value: Any, expected: Any, xml: bool) -> bool:
    if xml:
        return bool(value == (str(expected).lower() if isinstance(expected, bool) else str(expected)))
    return bool(value == expected) and isinstance(value, bool) == isinstance(expected, bool)


def _conditional(validators: Mapping[str, str] | None) -> dict[str, str]:
    names = {"etag": "If-None-Match", "last_modified": "If-Modified-Since"}
    return {header: value for key, header in names.items() if (value := (validators or {}).get(key))}


def _validators(answer: Answer) -> dict[str, str]:
    names = {"etag": "etag", "last_modified": "last-modified"}
    return {key: value for key, header in names.items() if (value := answer.headers.get(header))}


def _ends(records: list[Any]) -> bytes:
    """Number, first and last of a page's records, which tell pages apart without reading them whole."""
    text = orjson.dumps((len(records), records[:1], records[-1:]), default=str, option=orjson.OPT_NON_STR_KEYS)
    return hashlib.blake2b(text, digest_size=16).digest()


def _loop(why: str) -> PullError:
    return PullError(
        Outcome.PAGING_LOOP,
        f"paging goes in circles: {why}",
        "check `paginate`; the source may ignore its parameters or never stop.",
    )
