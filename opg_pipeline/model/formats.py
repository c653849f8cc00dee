"""What an answer is written in: the format, its wrapping, and the turning of a wide table. Declarations only; extract reads them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from opg_pipeline.model.base import Declared, EnvName, Path_


class JsonFormat(Declared):
    """JSON (RFC 8259); a byte order mark is accepted."""

    type: Literal["json"] = "json"
    jsonp: bool = Field(False, description="The answer is wrapped in a call: `callback({...})`.")
    duplicate_keys: Literal["last", "list"] = Field(
        "last", description="What becomes of a key an object holds twice: the last value, or the list of all."
    )


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
    header_with: str | None = Field(
        None, description="Instead of `skip_rows`: the header begins at the first row with this cell."
    )


class XlsxFormat(Declared):
    """An Excel workbook. Merged header cells are filled to the right, then header rows joined with ' / '."""

    type: Literal["xlsx"]
    sheet: str | None = Field(
        None,
        description="Sheet name, or a pattern with * that takes several; without it the workbook must have one sheet.",
    )
    skip_rows: int = Field(0, ge=0)
    header_rows: int = Field(1, ge=1, le=5)
    header_with: str | None = Field(
        None, description="Instead of `skip_rows`: the header begins at the first row with this cell."
    )
    whole_numbers: bool = Field(
        False,
        description="Whole numbers hold all of their digits below 2^53, as programs write them; Excel itself keeps 15.",
    )


class XmlFormat(Declared):
    """XML. Elements become keys by local name, attributes `@name`, text beside attributes or elements `#text`, repeats lists."""

    type: Literal["xml"]


class HtmlFormat(Declared):
    """The rows of an HTML table; of a whole page, a fragment, or a text inside a JSON answer. Cells are their texts.

    A record of a row with a header has the columns by name, with the attributes of the row as `@name` and the address of the
    first link of a cell as `<column>@href`; without a header it is a list of texts, unless `columns` gives the names. A cell
    over several rows stands in each.
    """

    type: Literal["html"]
    within: Path_ | None = Field(None, description="Where the HTML stands in a JSON answer.")
    table: int = Field(0, ge=0, description="Which of the tables, from 0.")
    skip_rows: int = Field(0, ge=0)
    header_rows: int = Field(1, ge=0, le=5, description="Header rows; 0: rows are positional.")
    header_with: str | None = Field(
        None, description="Instead of `skip_rows`: the header begins at the first row with this cell."
    )
    columns: tuple[str, ...] | None = Field(
        None, min_length=1, description="Names of the columns of a table without a header; needs `header_rows: 0`."
    )

    @model_validator(mode="after")
    def _one_header(self) -> HtmlFormat:
        if self.columns is not None and (self.header_rows or self.header_with is not None):
            raise ValueError("`columns` names the columns of a table that has no header: say `header_rows: 0`")
        return self


class FixedWidthFormat(Declared):
    """Lines of columns of fixed width."""

    type: Literal["fixed_width"]
    columns: dict[str, tuple[int, int]] = Field(min_length=1, description="Name to first and last sign, from 1.")
    encoding: str = "utf-8"
    skip_rows: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _places(self) -> FixedWidthFormat:
        for name, (first, last) in self.columns.items():
            if not 1 <= first <= last:
                raise ValueError(f"column {name!r} goes from {first} to {last} -> count signs from 1, first to last")
        return self


class BpsCubeFormat(Declared):
    """A dynamic table of the BPS web API: `datacontent` by joined dimension keys, to one record per cell.

    Each record has `vervar`, `var`, `turvar`, `tahun`, `turtahun` as `{val, label, ...}`, and `value`.
    """

    type: Literal["bps_cube"]


class SdmxJsonFormat(Declared):
    """SDMX-JSON 1.0 and 2.0 data messages, to one record per observation: dimensions and attributes as `{id, name}`, and `value`."""

    type: Literal["sdmx_json"]


Format = Annotated[
    JsonFormat
    | NdjsonFormat
    | GeoJsonFormat
    | CsvFormat
    | XlsxFormat
    | XmlFormat
    | HtmlFormat
    | FixedWidthFormat
    | BpsCubeFormat
    | SdmxJsonFormat,
    Field(discriminator="type"),
]


class Unpack(Declared):
    """The answer is a packed file."""

    type: Literal["zip", "gzip"]
    member: str | None = Field(
        None, description="Name, or pattern with *, of the one member to read; without it there must be one."
    )
    password: EnvName | None = Field(None, description="NAME of the environment variable that holds the password.")

    @model_validator(mode="after")
    def _zip_alone(self) -> Unpack:
        if self.type == "gzip" and (self.member or self.password):
            raise ValueError("`member` and `password` are for `type: zip`")
        return self


class Unpivot(Declared):
    """A wide table to a long one: each of the columns gives a record, with the column's name and its value."""

    columns: tuple[str, ...] | None = Field(
        None, min_length=1, description="The columns, written out; those that are absent give nothing."
    )
    matching: str | None = Field(
        None, description="Or: a regular expression that the names of the columns match as a whole."
    )
    name: str = Field("column", description="Key that takes the column's name.")
    value: str = Field(
        "value", description="Key that takes the column's value. A column that is empty still gives a record."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Unpivot:
        if (self.columns is None) == (self.matching is None):
            raise ValueError("name the columns with exactly one of `columns` or `matching`")
        if self.name == self.value:
            raise ValueError(f"`name` and `value` are both {self.name!r}: call them differently")
        try:
            re.compile(self.matching or "")
        except re.error as error:
            raise ValueError(f"`matching` is no regular expression: {error}") from None
        return self
