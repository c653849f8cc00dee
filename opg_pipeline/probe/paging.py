"""How a list seems to be paged: what the first answer says of it, as declarations to be confirmed by asking the second page.

Asks nothing itself. The names of parameters are those that are in use, in both languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from opg_pipeline.probe.records import scalars

PAGE_PARAMS = ("page", "halaman", "hal", "page_number", "pageNumber", "pageNo", "p", "page[number]")
OFFSET_PARAMS = ("offset", "start", "skip", "mulai", "$skip", "startIndex")
SIZE_PARAMS = (
    "per_page", "limit", "size", "page_size", "pageSize", "perPage", "per_halaman", "ukuran", "jumlah", "length", "rows", "count", "page[size]",
    "$top", "baris", "jml",
)  # fmt: skip
CURSOR_PARAMS = (
    "cursor",
    "page_token",
    "pageToken",
    "after",
    "next_token",
    "token",
    "starting_after",
    "next_cursor",
    "kursor",
)
SIZES = (1000, 500, 200, 100, 50)
"""Page sizes to try, the largest first."""
ROUND = frozenset({10, 12, 15, 20, 24, 25, 30, 40, 50, 60, 75, 80, 100, 120, 150, 200, 250, 500, 1000, 2000, 5000})
"""Lengths that pages have and whole lists seldom do."""
_TOTAL = re.compile(
    r"^(@?total(_?(records?|count|data|items|elements|hits|results|rows|baris))?|records_?(total|filtered)|count|jumlah(_?(data|total|baris|record))?"
    r"|number_?matched|x_total|total_?baris|@?total_?count|banyak_?data|jml)$",
    re.IGNORECASE,
)  # fmt: skip
_PAGES = re.compile(
    r"^@?(total_?pages?|pages|page_?count|last_?page|jumlah_?halaman|total_?halaman|jml_?halaman)$", re.IGNORECASE
)
_MORE = re.compile(r"^(has_?more|has_?next(_?page)?|more|masih_?ada|ada_?lagi)$", re.IGNORECASE)
_TOKEN = re.compile(
    r"(next|berikut|lanjut).*(cursor|token|id|key|kursor)?|^(cursor|kursor|continuation|scroll_?id)", re.IGNORECASE
)
_NEXT = re.compile(r"next|berikut|selanjutnya|lanjut", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Guess:
    """A `paginate` to be confirmed. ``why`` is what speaks for it."""

    paginate: dict[str, Any]
    why: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the first answer says of its list, by paths; None where it does not."""

    total: str | None = None
    total_value: int | None = None
    pages: str | None = None
    more: str | None = None
    cursor: str | None = None

    @property
    def stop(self) -> dict[str, str]:
        """When to stop, as `paginate` says it; empty where the answer says nothing."""
        for name in ("total", "pages", "more"):
            if (path := getattr(self, name)) is not None:
                return {name: path}
        return {}


def envelope(document: Any, count: int) -> Envelope:
    """Total, pages, more and cursor that stand beside ``count`` records."""
    found: dict[str, Any] = {}
    for path, value in scalars(document):
        name = path.rpartition(".")[2].strip("'")
        number = _number(value)
        if number is not None and number >= count and _TOTAL.match(name) and (number > count or "total" not in found):
            found["total"], found["total_value"] = path, number
        elif number is not None and number >= 1 and _PAGES.match(name):
            found.setdefault("pages", path)
        elif isinstance(value, bool) and _MORE.match(name):
            found.setdefault("more", path)
        elif (
            _TOKEN.search(name)
            and isinstance(value, str | int)
            and not isinstance(value, bool)
            and not _is_link(value)
            and value != ""
        ):
            found.setdefault("cursor", path)
    return Envelope(**found)


def _number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and re.fullmatch(r"\d{1,12}", value):
        return int(value)
    return value if isinstance(value, int) else None


def _is_link(value: Any) -> bool:
    return isinstance(value, str) and (re.match(r"https?://|/[\w/]|\?", value) is not None)


def standards(document: Any, headers: Mapping[str, str], count: int) -> list[Guess]:
    """Standards and links by what is unmistakable in the answer, the surest first."""
    found: list[Guess] = []
    half = max(1, count // 2)  # so that there is a second page to ask for, also where all fits in one
    if re.search(r"rel\s*=\s*\"?[^\"]*\bnext\b", headers.get("link", "")):
        found.append(Guess({"type": "link_header"}, 'the header Link has rel="next"'))
    if re.search(r"\d+-\d+/(\d+|\*)", headers.get("content-range", "")):
        found.append(Guess({"type": "postgrest", "size": half}, "the header Content-Range counts the records"))
    if not isinstance(document, dict):
        return found
    if "@odata.nextLink" in document:
        found.append(Guess({"type": "odata"}, "the answer has @odata.nextLink"))
    if "@iot.nextLink" in document:
        found.append(Guess({"type": "sensorthings"}, "the answer has @iot.nextLink"))
    if isinstance(document.get("d"), dict) and "__next" in document["d"]:
        found.append(Guess({"type": "odata_v2"}, "the answer has d.__next"))
    if document.get("resourceType") == "Bundle":
        found.append(Guess({"type": "fhir"}, "the answer is a FHIR Bundle"))
    links = document.get("links")
    if isinstance(links, list) and any(isinstance(item, dict) and item.get("rel") == "next" for item in links):
        found.append(Guess({"type": "ogc_api"}, "links has one with rel=next"))
    following = links.get("next") if isinstance(links, dict) else None
    if _is_link(following.get("href") if isinstance(following, dict) else following):
        found.append(Guess({"type": "json_api"}, "links.next leads on"))
    if "exceededTransferLimit" in document or {"objectIdFieldName", "features"} <= document.keys():
        found.append(Guess({"type": "arcgis", "limit": half}, "the answer is one of an ArcGIS layer"))
    if "recordsFiltered" in document:
        found.append(Guess({"type": "datatables", "limit": half}, "the answer is one of DataTables"))
    if isinstance(document.get("result"), dict) and "total" in document["result"] and "help" in document:
        found.append(Guess({"type": "ckan", "limit": half}, "the answer is one of CKAN"))
    verb = (
        next((key for key in document.get("OAI-PMH", {}) if key.startswith("List")), None)
        if "OAI-PMH" in document
        else None
    )
    if verb is not None and "resumptionToken" in document["OAI-PMH"][verb]:
        found.append(
            Guess(
                {"type": "oai_pmh", **({"verb": verb} if verb != "ListRecords" else {})}, "the answer is one of OAI-PMH"
            )
        )
    found += _page_infos(document, "")
    known = {guess.paginate.get("next") for guess in found}
    for path, value in scalars(document):
        name = path.strip("'")
        if (
            _is_link(value)
            and _NEXT.search(path)
            and not name.startswith("@")
            and path not in known
            and path not in {"links.next", "links.next.href"}
            and path != "d.__next"
        ):
            found.append(Guess({"type": "next_link", "next": path}, f"{path} is an address"))
    return found


def _page_infos(value: Any, path: str) -> list[Guess]:
    if not isinstance(value, dict):
        return []
    info = value.get("pageInfo")
    if isinstance(info, dict) and {"endCursor", "hasNextPage"} <= info.keys() and path:
        return [Guess({"type": "relay", "connection": path}, f"{path}.pageInfo has endCursor")]
    return [guess for key, item in value.items() for guess in _page_infos(item, f"{path}.{key}" if path else key)]


LIMITS = {"arcgis": "resultRecordCount", "datatables": "length", "ckan": "limit"}
"""Standards whose requests say how many records they want, and by which parameter."""


def ordered(known: Iterable[str], names: tuple[str, ...]) -> list[str]:
    """``names`` with those that the address, the answer or a description already uses first."""
    used = {_bare(name): name for name in known}
    first = [name for name in names if _bare(name) in used]
    return [*first, *[name for name in names if name not in first]]


def _bare(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def names_in(document: Any) -> list[str]:
    """Names of the plain values beside the records, which often are the names of the parameters."""
    return [path.rpartition(".")[2].lstrip("@").strip("'") for path, _ in scalars(document)]


def worth_trying(count: int, said: Envelope, known: Iterable[str]) -> bool:
    """Whether parameters of paging should be tried at all: something says that there may be more."""
    if said.total_value is not None and said.total_value > count:
        return True
    hints = {_bare(name) for name in (*PAGE_PARAMS, *OFFSET_PARAMS, *SIZE_PARAMS)} - {
        "p",
        "count",
        "jumlah",
        "rows",
        "length",
    }
    return (
        count in ROUND or said.pages is not None or said.more is not None or any(_bare(name) in hints for name in known)
    )
