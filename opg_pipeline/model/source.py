"""How to reach one city app: address, credentials by name, courtesy, paging, format. Declarations only; extract acts on them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from opg_pipeline.model.base import Declared, Duration, EnvName, Path_


class NoAuth(Declared):
    """The source is open."""

    type: Literal["none"] = "none"


class ApiKeyAuth(Declared):
    """A key in a header or in the query."""

    type: Literal["api_key"]
    in_: Literal["header", "query"] = Field(alias="in")
    name: str = Field(description="Name of the header or query parameter.")
    secret: EnvName = Field(description="NAME of the environment variable that holds the key.")


class BearerAuth(Declared):
    """`Authorization: Bearer <token>`."""

    type: Literal["bearer"]
    secret: EnvName = Field(description="NAME of the environment variable that holds the token.")


class BasicAuth(Declared):
    """HTTP basic."""

    type: Literal["basic"]
    username: EnvName = Field(description="NAME of the environment variable that holds the user name.")
    password: EnvName = Field(description="NAME of the environment variable that holds the password.")


Auth = Annotated[NoAuth | ApiKeyAuth | BearerAuth | BasicAuth, Field(discriminator="type")]


class Budget(Declared):
    """The most we ask of a host."""

    requests_per_second: float = Field(5.0, gt=0, le=1000)
    concurrent: int = Field(2, ge=1, le=64)


class Success(Declared):
    """What a good answer says about itself, where HTTP 200 is not enough."""

    path: Path_ = Field(description="Where the answer states its outcome.")
    equals: Any = Field(description="The value, or list of values, that means success.")


class Source(Declared):
    """One app's address and manners. A `sandbox://app` address is served by `opg sandbox`."""

    base_url: str = Field(pattern=r"^(https?|sandbox)://[^\s{}]+$")
    auth: Auth = NoAuth()
    headers: dict[str, str] = Field({}, description="Fixed request headers. Never a secret.")
    budget: Budget = Budget()
    success: Success | None = None
    timeout: Duration = "1m"
    retries: int = Field(
        4, ge=0, le=10, description="Tries after the first one, on 429, 5xx, time-outs and broken connections."
    )
    max_answer_mb: int = Field(64, ge=1, le=2048, description="Largest decompressed answer accepted, in MiB.")

    @model_validator(mode="after")
    def _no_secret_in_headers(self) -> Source:
        for name in self.headers:
            if name.lower() in {"authorization", "cookie", "x-api-key", "apikey"}:
                raise ValueError(f"header {name!r} carries a secret -> declare it under `auth`")
        return self


class SinglePage(Declared):
    """Everything in one answer."""

    type: Literal["none"] = "none"


class _Stops(Declared):
    total: Path_ | None = Field(None, description="Where the number of all records stands.")
    pages: Path_ | None = Field(None, description="Where the number of pages stands.")
    stop: Literal["empty", "short"] | None = Field(
        None, description="Without total or pages: stop at an empty, or at a short page."
    )

    @model_validator(mode="after")
    def _one_stop(self) -> _Stops:
        if sum(value is not None for value in (self.total, self.pages, self.stop)) != 1:
            raise ValueError("say when to stop with exactly one of `total`, `pages` or `stop`")
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
            raise ValueError("offset paging counts records: use `total` or `stop`")
        return self


class CursorPagination(Declared):
    """A token in each answer that asks for the next one. Ends where it is absent, null or empty."""

    type: Literal["cursor"]
    param: str = Field(description="Request parameter that takes the token.")
    next: Path_ = Field(description="Where the token stands in the answer.")
    more: Path_ | None = Field(None, description="Where a boolean says that more follows.")
    size: int | None = Field(None, ge=1)
    size_param: str | None = None
    alone: bool = Field(False, description="The token replaces the dataset's own query (OAI-PMH).")
    keep: tuple[str, ...] = Field((), description="With `alone`: query parameters that stay.")


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


class LinkHeaderPagination(Declared):
    """RFC 8288: `Link: <…>; rel="next"`."""

    type: Literal["link_header"]


Pagination = Annotated[
    SinglePage
    | PagePagination
    | OffsetPagination
    | CursorPagination
    | NextLinkPagination
    | NextRelPagination
    | LinkHeaderPagination,
    Field(discriminator="type"),
]


class JsonFormat(Declared):
    """JSON (RFC 8259); a byte order mark is accepted."""

    type: Literal["json"] = "json"


class NdjsonFormat(Declared):
    """One JSON object a line."""

    type: Literal["ndjson"]


class GeoJsonFormat(Declared):
    """GeoJSON (RFC 7946); `records` is `features` unless said otherwise."""

    type: Literal["geojson"]


class CsvFormat(Declared):
    """Delimited text. Nothing is sniffed: what is not the default is declared."""

    type: Literal["csv"]
    delimiter: str = Field(",", min_length=1, max_length=1)
    quote: str = Field('"', min_length=1, max_length=1)
    encoding: str = Field("utf-8", description="A byte order mark is accepted with the utf encodings.")
    skip_rows: int = Field(0, ge=0, description="Lines before the header.")
    header_rows: int = Field(
        1, ge=0, le=5, description="Header lines; several are joined with ' / '. 0: rows are positional."
    )


class XlsxFormat(Declared):
    """An Excel workbook. Merged header cells are filled to the right, then header rows joined with ' / '."""

    type: Literal["xlsx"]
    sheet: str | None = Field(None, description="Sheet name; without it the workbook must have one sheet.")
    skip_rows: int = Field(0, ge=0)
    header_rows: int = Field(1, ge=1, le=5)


class XmlFormat(Declared):
    """XML. Elements become keys by local name, attributes `@name`, text beside attributes or elements `#text`, repeats lists."""

    type: Literal["xml"]


Format = Annotated[
    JsonFormat | NdjsonFormat | GeoJsonFormat | CsvFormat | XlsxFormat | XmlFormat, Field(discriminator="type")
]


class Incremental(Declared):
    """Ask only for what is new. The position is the newest value of `field` among the records that are safely stored."""

    field: Path_ = Field(description="Path, in the source's record, of the date or time to follow.")
    param: str = Field(description="Request parameter that takes the position.")
    format: str | None = Field(None, description="Pattern of `field` and `param`; default: the locale's date.")
    lookback: Duration = Field("0d", description="How far before the position to ask again, for late records.")
    start: str | None = Field(
        None, description="Position of the first pull, ISO 8601; without it the first pull takes everything."
    )
