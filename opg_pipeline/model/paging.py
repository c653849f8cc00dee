"""Where the position in a list goes, where the next one comes from, when to stop; and the position from pull to pull.

Declarations only; extract acts on them. A parameter stands where `{param}` is in path, query, form or body; where it stands
nowhere it becomes a parameter of the query, a field of the form, or a member of the JSON body (`param: variables.after`).
The names of products and standards are presets over the few kinds here, never kinds of their own.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from opg_pipeline.model.base import Declared, Duration, Identifier, Path_


class SinglePage(Declared):
    """Everything in one answer."""

    type: Literal["none"] = "none"


class _Stops(Declared):
    total: Path_ | None = Field(None, description="Where the number of all records stands.")
    pages: Path_ | None = Field(None, description="Where the number of pages stands.")
    more: Path_ | None = Field(None, description="Where a boolean says that more follows; absent means no.")
    stop: Literal["empty", "short"] | None = Field(
        None, description="Without total, pages or more: stop at an empty, or at a short page."
    )
    end_on: tuple[Annotated[int, Field(ge=400, le=599)], ...] = Field(
        (), description="With `stop`: HTTP statuses that mean: there is no such page, the one before was the last."
    )

    @model_validator(mode="after")
    def _one_stop(self) -> _Stops:
        if sum(value is not None for value in (self.total, self.pages, self.more, self.stop)) != 1:
            raise ValueError("say when to stop with exactly one of `total`, `pages`, `more` or `stop`")
        if self.end_on and self.stop is None:
            raise ValueError("`end_on` needs `stop`: the source says by itself where its pages end")
        return self


class PagePagination(_Stops):
    """Numbered pages."""

    type: Literal["page"]
    param: str = "page"
    start: int = Field(1, ge=0, le=1)
    size: int | None = Field(None, ge=1, description="Records to ask for; needs `size_param`.")
    size_param: str | None = None

    @model_validator(mode="after")
    def _size_pair(self) -> PagePagination:
        if (self.size is None) != (self.size_param is None) and not (self.stop == "short" and self.size is not None):
            raise ValueError("`size` and `size_param` belong together")
        if self.stop == "short" and self.size is None:
            raise ValueError("`stop: short` needs `size`")
        return self


class OffsetPagination(_Stops):
    """Offset and limit."""

    type: Literal["offset"]
    param: str = "offset"
    limit: int = Field(ge=1)
    limit_param: str = "limit"

    @model_validator(mode="after")
    def _no_pages(self) -> OffsetPagination:
        if self.pages is not None:
            raise ValueError("offset paging counts records: use `total`, `more` or `stop`")
        return self


class CursorPagination(Declared):
    """A token in each answer that asks for the next one. Ends where it is absent, null or empty."""

    type: Literal["cursor"]
    param: str = Field(description="Request parameter that takes the token.")
    next: Path_ | None = Field(None, description="Where the token stands in the answer.")
    last: Path_ | None = Field(
        None, description="Or: where it stands in the last record of the page (since_id, keyset)."
    )
    more: Path_ | None = Field(None, description="Where a boolean says that more follows.")
    size: int | None = Field(None, ge=1)
    size_param: str | None = None
    alone: bool = Field(False, description="The token replaces the dataset's own query (OAI-PMH).")
    keep: tuple[str, ...] = Field((), description="With `alone`: query parameters that stay.")

    @model_validator(mode="after")
    def _one_token(self) -> CursorPagination:
        if (self.next is None) == (self.last is None):
            raise ValueError("say where the token stands with exactly one of `next` or `last`")
        return self


class NextLinkPagination(Declared):
    """The address of the next page stands in the answer. It may not leave the declared host."""

    type: Literal["next_link"]
    next: Path_ = Field(description="Where the address stands.")


class NextRelPagination(Declared):
    """A list of links in the answer, of which the one with rel=next leads on (OGC API, HAL-like lists, FHIR)."""

    type: Literal["next_rel"]
    links: Path_ = Field("links", description="Where the list of links stands.")
    rel: str = Field("rel", description="Key that names the relation.")
    href: str = Field("href", description="Key that holds the address.")


class RangePagination(Declared):
    """`Range: 0-499` in the request, `Content-Range: 0-499/3500` in the answer (PostgREST)."""

    type: Literal["range"]
    size: int = Field(ge=1)
    unit: str = "items"


class LinkHeaderPagination(Declared):
    """RFC 8288: `Link: <…>; rel="next"`."""

    type: Literal["link_header"]


PRESETS: dict[str, dict[str, Any]] = {
    "odata": {"type": "next_link", "next": "'@odata.nextLink'"},
    "odata_v2": {"type": "next_link", "next": "d.__next"},
    "sensorthings": {"type": "next_link", "next": "'@iot.nextLink'"},
    "json_api": {"type": "next_link", "next": "links.next"},
    "fhir": {"type": "next_rel", "links": "link", "rel": "relation", "href": "url"},
    "ogc_api": {"type": "next_rel"},
    "relay": {
        "type": "cursor",
        "param": "variables.after",
        "size_param": "variables.first",
        "next": "{connection}.pageInfo.endCursor",
        "more": "{connection}.pageInfo.hasNextPage",
    },
    "oai_pmh": {
        "type": "cursor",
        "param": "resumptionToken",
        "next": "OAI-PMH.{verb}.resumptionToken.#text",
        "alone": True,
        "keep": ("verb",),
    },
    "arcgis": {
        "type": "offset",
        "param": "resultOffset",
        "limit_param": "resultRecordCount",
        "more": "exceededTransferLimit",
    },
    "datatables": {"type": "offset", "param": "start", "limit_param": "length", "total": "recordsFiltered"},
    "ckan": {"type": "offset", "total": "result.total"},
    "postgrest": {"type": "range"},
}
"""Name to the keys it stands for. What a manifest adds goes over them; `{connection}`, `{verb}` are keys of the preset alone."""
PRESET_KEYS = {"relay": {"connection": ""}, "oai_pmh": {"verb": "ListRecords"}}


def _expanded(value: Any) -> Any:
    """A preset by its primitive. Raises ValueError where a key of the preset is missing."""
    if not isinstance(value, dict) or value.get("type") not in PRESETS:
        return value
    name = str(value["type"])
    given = {key: item for key, item in value.items() if key != "type"}
    filled = {key: given.pop(key, default) for key, default in PRESET_KEYS.get(name, {}).items()}
    for key, item in filled.items():
        if not item:
            raise ValueError(f"paging `{name}` needs `{key}`")
    fixed = {
        key: item.format(**filled) if isinstance(item, str) and filled else item for key, item in PRESETS[name].items()
    }
    return {**fixed, **given}


PRIMITIVES = (
    SinglePage
    | PagePagination
    | OffsetPagination
    | CursorPagination
    | NextLinkPagination
    | NextRelPagination
    | RangePagination
    | LinkHeaderPagination
)
Pagination = Annotated[PRIMITIVES, Field(discriminator="type"), BeforeValidator(_expanded)]


class Each(Declared):
    """The values a request parameter takes one after the other: exactly one of the ways."""

    values: tuple[str | int, ...] | None = Field(None, min_length=1, description="Written out.")
    years: tuple[int, int | Literal["now"]] | None = Field(None, description="First and last year.")
    regions: Literal["district", "village"] | None = Field(
        None, description="Every region code of the city at that level."
    )
    dotted: bool = Field(True, description="With `regions`: 35.22.01.2001 or 3522012001.")
    path: str | None = Field(
        None, pattern=r"^/[^\s]*$", description="A call that lists them, below base_url (GET, JSON)."
    )
    records: str = Field("", description="With `path`: where the list is.")
    value: Path_ | None = Field(
        None, description="With `path`: where the value stands in each element; a bare list needs none."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Each:
        given = [item for item in (self.values, self.years, self.regions, self.path) if item is not None]
        if len(given) != 1:
            raise ValueError(
                "say where the values come from with exactly one of `values`, `years`, `regions` or `path`"
            )
        return self


class ForEach(Declared):
    """Fan-out: the dataset is asked once for each value, or each combination. A record reads the value as `$name`."""

    params: dict[Identifier, Each] = Field(min_length=1)
    absent_on: tuple[int, ...] = Field((), description="HTTP statuses that mean: there is nothing for this value.")
    may_fail: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the values that may fail; the rest is loaded, and the outcome names how many failed.",
    )


class Incremental(Declared):
    """Ask only for what is new. The position is the newest value of `field` among the records that are safely stored."""

    field: Path_ | tuple[Path_, ...] = Field(description="Path, or aliases, in the source's record, of what to follow.")
    kind: Literal["time", "number"] = Field("time", description="number: an identifier that grows (since_id).")
    param: str = Field(description="Request parameter that takes the position.")
    until_param: str | None = Field(None, description="Request parameter that takes the end of a window.")
    window: Duration | None = Field(
        None,
        description="Ask for no more than this at once; halved where the server fails. Needs `until_param` and `start`.",
    )
    format: str | None = Field(
        None, description="Pattern of `field` and of the parameters; default: the locale's date."
    )
    param_format: str | None = Field(
        None,
        description="Pattern of the parameters, where it is another than that of `field`; or iso_utc (with Z), epoch_s, epoch_ms.",
    )
    lookback: Duration = Field("0d", description="How far before the position to ask again, for late records.")
    start: str | None = Field(
        None,
        description="Position of the first pull, ISO 8601 or a number; without it the first pull takes everything.",
    )

    @model_validator(mode="after")
    def _windows(self) -> Incremental:
        if self.window is not None and (self.until_param is None or self.start is None):
            raise ValueError("`window` needs `until_param` and `start`")
        if self.kind == "number" and (
            self.window is not None or self.lookback != "0d" or self.format or self.param_format
        ):
            raise ValueError("a position that is a number has no window, lookback or format")
        return self

    @property
    def fields(self) -> tuple[str, ...]:
        """Every path the position is read from; the first that holds a value counts."""
        return (self.field,) if isinstance(self.field, str) else self.field
