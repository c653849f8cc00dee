"""Asks one app a few times and settles how its lists are read: format, records, paging, confirmed by what comes.

What the columns mean, and the draft, is survey.py's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import ValidationError

from opg_pipeline.extract.decode import Decoded
from opg_pipeline.extract.scout import Look, Scout
from opg_pipeline.model.app import Dataset
from opg_pipeline.model.formats import Unpack
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.probe import paging as pages
from opg_pipeline.probe.records import candidates
from opg_pipeline.probe.sniff import Shape, sniff

_UNSURE = {"nature": "snapshot", "category": "unknown", "key": ["unknown"], "fields": {"unknown": "unknown"}}
"""What a dataset needs and a probe does not yet know."""


@dataclass(slots=True)
class Discovery:
    """The state of one probe: the dataset as it is known so far, and the longest answer."""

    scout: Scout
    known: dict[str, Any]
    params: Sequence[str] = ()
    """Names of parameters that a description gives."""
    notes: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    alternatives: list[str] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)
    document: Any = None
    total: int | None = None

    def dataset(self, **more: Any) -> Dataset:
        return Dataset.model_validate({**self.known, **_UNSURE, **more})

    async def run(self) -> Discovery:
        look = await self.scout.first(self.dataset())
        shape = self._shape(look)
        if shape.format is None:
            why = shape.notes[-1] if shape.notes else "it is in no format that is known"
            raise PullError(
                Outcome.MALFORMED, f"the answer cannot be read: {why}", "check the address and what it asks for."
            )
        if shape.format != {"type": "json"}:
            self.known["format"] = shape.format["type"] if len(shape.format) == 1 else shape.format
        self.notes += shape.notes
        first = self._records(look)
        if "ETag" in look.answer.headers or "etag" in look.answer.headers:
            self.notes.append("the answer has an ETag: see `conditional` for what it speaks for")
        if first is not None:
            self.document, self.records = first.document, first.records
            await self._paging(look, first)
        return self

    def _shape(self, look: Look) -> Shape:
        shape = sniff(look.answer.body, look.answer.headers.get("content-type", ""))
        if shape.unpack is not None:
            self.known["unpack"] = shape.unpack if len(shape.unpack) > 1 else shape.unpack["type"]
            self.notes += shape.notes
            shape = sniff(self.scout.opened(look, Unpack.model_validate(shape.unpack)))
        return shape

    def _records(self, look: Look) -> Decoded | None:
        """The records of an answer; settles where they are."""
        kind = self.known.get("format", "json")
        name = kind["type"] if isinstance(kind, dict) else kind
        if name in {"csv", "html", "xlsx", "bps_cube", "sdmx_json", "geojson", "ndjson"}:
            return self.scout.read(look, self.dataset())
        document = self.scout.document(look, self.dataset())
        lists = candidates(document, xml=name == "xml")
        if not lists:
            self.notes.append("the answer has no list of records: is it a description, or an error")
            return None
        if lists[0].path:
            self.known["records"] = lists[0].path
            self.reasons["records"] = f"{lists[0].count} records of {lists[0].leaves} values"
        self.alternatives = [str(item) for item in lists[1:4]]
        return self.scout.read(look, self.dataset())

    async def _paging(self, look: Look, first: Decoded) -> None:
        document = first.document if isinstance(first.document, dict) else {}
        count = first.elements
        said = pages.envelope(document, count)
        self.total = said.total_value
        for guess in pages.standards(document, look.answer.headers, count):
            if await self._confirmed(guess.paginate, look, first, guess.why):
                if guess.paginate["type"] == "postgrest":
                    self.known["paginate"]["size"] = max(count, 100)
                elif (limit := pages.LIMITS.get(guess.paginate["type"])) is not None:
                    await self._enlarge(limit, "limit", "")
                return
        query = list(self.known.get("query", {}))
        hints = [*query, *self.params, *pages.names_in(document)]
        if not pages.worth_trying(count, said, hints) or count < 2:
            self.reasons["paginate"] = "Everything seems to be in one answer: nothing in it speaks of more."
            return
        size = await self._size_param(hints, first)
        if said.cursor is not None:
            for param in pages.ordered([*self.params, *query], pages.CURSOR_PARAMS):
                paginate: dict[str, Any] = {"type": "cursor", "param": param, "next": said.cursor}
                if said.more is not None:
                    paginate["more"] = said.more
                if await self._confirmed(paginate, look, first, f"{said.cursor} asks for the next page"):
                    await self._enlarge(size, "size")
                    return
        if await self._numbered(hints, size, said, first):
            return
        self.notes.append(
            f"the answer has {count:,} records" + (f" of {said.total_value:,}" if said.total_value else "")
            + " and no way to a second page was found: see `paginate`"
        )  # fmt: skip

    async def _confirmed(self, paginate: dict[str, Any], look: Look, first: Decoded, why: str) -> bool:
        """Whether `paginate` leads to a second page with other records; it is kept then."""
        try:
            dataset = self.dataset(paginate=paginate)
            begin = look if paginate["type"] not in _RESTART else await self.scout.first(dataset)
            following = await self.scout.following(dataset, begin)
            if following is None:
                if begin is look or paginate["type"] in {"next_link", "relay"}:
                    return False
                self._keep(paginate, f"{why}; there was one page, so it is not confirmed")
                return True
            before = first.records if begin is look else self.scout.read(begin, dataset).records
            second = self.scout.read(following, dataset)
        except (PullError, ValidationError):
            return False
        if not second.records or _marks(second.records) <= _marks(before):
            return False
        self._keep(paginate, f"{why}; the second page was asked and has other records")
        if begin is look:
            self.records = [*self.records, *second.records]
        elif len(before) > len(self.records):
            self.records = before
        return True

    def _keep(self, paginate: dict[str, Any], why: str) -> None:
        self.known["paginate"] = paginate
        self.reasons["paginate"] = why

    async def _ask(self, **params: Any) -> Decoded | None:
        """The records with other parameters; None where the app refuses them."""
        try:
            dataset = self.dataset(paginate={"type": "none"})
            return self.scout.read(await self.scout.first(dataset, params), dataset)
        except (PullError, ValidationError) as error:
            if isinstance(error, PullError) and error.outcome in {Outcome.PUT_OFF, Outcome.RATE_LIMITED}:
                raise
            return None

    async def _size_param(self, hints: Sequence[str], first: Decoded) -> str | None:
        few = 2 if first.elements > 2 else 1
        for name in pages.ordered(hints, pages.SIZE_PARAMS):
            answer = await self._ask(**{name: few})
            if answer is not None and answer.elements == few:
                return name
        return None

    async def _numbered(self, hints: Sequence[str], size: str | None, said: pages.Envelope, first: Decoded) -> bool:
        """Pages by number or offset: the part of the first answer that a small second page must be."""
        few = max(1, min(5, first.elements // 2))
        own = {size: few} if size is not None else {}
        wanted = _ordered_marks(first.records[few : 2 * few]) if size is not None else []
        for name in pages.ordered(hints, pages.PAGE_PARAMS):
            answer = await self._ask(**{name: 2, **own})
            if answer is None or not answer.records:
                continue
            got = _ordered_marks(answer.records)
            start = 1
            if size is not None and got == _ordered_marks(first.records[2 * few : 3 * few]) != wanted:
                start = 0
            elif got == _ordered_marks(first.records[: len(got)]):
                continue
            elif size is not None and got != wanted:
                self.notes.append("the order of the records is not the same from answer to answer")
            paginate: dict[str, Any] = {"type": "page", "param": name, **({"start": 0} if start == 0 else {})}
            await self._finish(paginate, size, said, first, f"page 2 by `{name}` was asked and has other records")
            return True
        if size is None:
            return False
        for name in pages.ordered(hints, pages.OFFSET_PARAMS):
            answer = await self._ask(**{name: few, **own})
            if answer is not None and _ordered_marks(answer.records) == wanted:
                why = f"`{name}` was asked for the second page and has other records"
                await self._finish({"type": "offset", "param": name}, size, said, first, why)
                return True
        return False

    async def _finish(
        self, paginate: dict[str, Any], size: str | None, said: pages.Envelope, first: Decoded, why: str
    ) -> None:
        offset = paginate["type"] == "offset"
        stop = said.stop if not (offset and "pages" in said.stop) else {}
        if size is None and not stop:
            stop = {"stop": "empty"}
        self._keep({**paginate, **(stop or {"stop": "short"})}, why)
        if size is not None:
            await self._enlarge(size, "limit" if offset else "size", "limit_param" if offset else "size_param")
        if not stop or "stop" in stop:
            await self._look_behind(str(paginate["param"]))

    async def _goes_on(self, sized: Mapping[str, Any], page: Decoded) -> bool:
        """Whether records seem to follow a page that is shorter than it was asked to be."""
        paginate = self.known["paginate"]
        if paginate["type"] not in {"page", "offset"}:
            return page.elements in pages.ROUND
        at = page.elements if paginate["type"] == "offset" else paginate.get("start", 1) + 1
        behind = await self._ask(**sized, **{paginate["param"]: at})
        return behind is not None and not _marks(behind.records) <= _marks(page.records)

    async def _look_behind(self, param: str) -> None:
        """How the app answers behind its last page: some refuse to."""
        try:
            await self.scout.first(self.dataset(paginate={"type": "none"}), {param: _FAR_BEHIND})
        except PullError as error:
            if error.outcome in {Outcome.PUT_OFF, Outcome.RATE_LIMITED}:
                raise
            if error.outcome in {Outcome.VANISHED, Outcome.REFUSED} and error.status is not None:
                self.known["paginate"]["end_on"] = [error.status]

    async def _enlarge(self, size: str | None, key: str, name: str = "size_param") -> None:
        """The largest page the app gives, which saves requests."""
        if size is None:
            return
        paginate = self.known["paginate"]
        for wanted in pages.SIZES:
            answer = await self._ask(**{size: wanted})
            if answer is None or not answer.records:
                continue
            whole = answer.elements >= wanted or (self.total is not None and answer.elements >= self.total)
            capped = not whole and (self.total is not None or await self._goes_on({size: wanted}, answer))
            paginate[key] = answer.elements if capped else wanted
            if name:
                paginate[name] = size
            if len(answer.records) > len(self.records):
                self.records, self.document = answer.records, answer.document
            self.known["query"] = {
                k: v for k, v in self.known.get("query", {}).items() if k not in {size, paginate.get("param")}
            }
            if not self.known["query"]:
                del self.known["query"]
            return


_FAR_BEHIND = 1_000_000
"""A page or offset that no list of a city reaches."""
_RESTART = {"postgrest", "arcgis", "datatables", "ckan", "relay"}
"""Ways whose first request differs from a bare one."""


def _ordered_marks(records: Sequence[Any]) -> list[str]:
    return [
        hashlib.sha256(orjson.dumps(item, default=str, option=orjson.OPT_NON_STR_KEYS)).hexdigest() for item in records
    ]


def _marks(records: Sequence[Any]) -> set[str]:
    return set(_ordered_marks(records))
