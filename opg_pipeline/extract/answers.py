"""What an answer says about itself: counts, tokens and links of its list, and whether it went well. Reads only; decides nothing.

Where the records are is decode.py's; what follows from a count or a link is paging.py's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.model.paging import NextRelPagination
from opg_pipeline.model.paths import follow, kind, parse_path
from opg_pipeline.model.quoting import harmless
from opg_pipeline.model.source import Success

_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[^\s=;,]+\s*(?:=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s;,\"]+))?)*)")
_LINK_PARAM = re.compile(r";\s*([^\s=;,]+)\s*(?:=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]+)))?")
_RANGE = re.compile(r"(?:[\w-]+\s+)?(?:(\d{1,15})-(\d{1,15})|\*)/(\d{1,15}|\*)")


class TokenExpired(PullError):
    """The source no longer knows the token it gave (OAI-PMH badResumptionToken); the list can be asked from its beginning."""


def text_at(document: Any, path: str) -> Any:
    """The value at ``path``. The text of an XML element is found with and without `#text`, as it may have attributes or not."""
    steps = parse_path(path).steps
    value = follow(document, steps)
    if isinstance(value, dict) and "#text" in value:
        return value["#text"]
    if value is None and steps and steps[-1] == "#text":
        element = follow(document, steps[:-1])
        return element if isinstance(element, str) else None
    return value


def count_at(document: Any, path: str, key: str) -> int:
    """A whole number at ``path``. Raises PullError MALFORMED for anything else."""
    value = text_at(document, path)
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,15}\s*", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise malformed(
        f"`paginate.{key}: {path}` must lead to a whole number but leads to {kind(value)}", f"correct `paginate.{key}`."
    )


def more_at(document: Any, path: str, *, absent: bool | None = None) -> bool:
    """The boolean at ``path``, ``absent`` where nothing stands there. Raises PullError MALFORMED for anything else."""
    value = text_at(document, path)
    value = {"true": True, "false": False}.get(value.strip().lower(), value) if isinstance(value, str) else value
    if value is None and absent is not None:
        return absent
    if not isinstance(value, bool):
        raise malformed(
            f"`paginate.more: {path}` must lead to true or false but leads to {kind(value)}",
            "correct `paginate.more`.",
        )
    return value


def token_at(document: Any, path: str, key: str, what: str = "the token of the next page") -> str | int | None:
    """A text or whole number at ``path``; None where it is absent, null or empty. Raises PullError MALFORMED for anything else."""
    value = text_at(document, path)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if not isinstance(value, str):
        raise malformed(f"`{key}: {path}` must lead to {what} but leads to {kind(value)}", f"correct `{key}`.")
    return value.strip() or None


def link_at(document: Any, path: str) -> str | None:
    """The address at ``path``, also where it is an object with `href` (JSON:API, HAL); None where there is none."""
    value = follow(document, parse_path(path).steps)
    if isinstance(value, dict) and isinstance(value.get("href"), str):
        return str(value["href"]) or None
    link = token_at(document, path, "paginate.next", "the address of the next page")
    return None if link is None else str(link)


def related_link(paging: NextRelPagination, document: Any, elements: int) -> str | None:
    """The address of the link that leads on, of a list of links. Raises PullError MALFORMED where there is no such list."""
    links = follow(document, parse_path(paging.links).steps)
    if isinstance(links, dict):
        links = [links]  # a lone XML element
    if not isinstance(links, list):
        if links is None and not elements:
            return None
        raise malformed(
            f"`paginate.links: {paging.links}` must lead to a list of links but leads to {kind(links)}",
            "correct `paginate.links`.",
        )
    for link in links:
        if isinstance(link, dict) and link.get(paging.rel) == "next":
            href = link.get(paging.href)
            if not isinstance(href, str) or not href:
                raise malformed(
                    f"the link with {paging.rel}=next has no address at {paging.href!r}", "correct `paginate.href`."
                )
            return href
    return None


def header_link(value: str, relation: str) -> str | None:
    """The address of ``relation`` in a Link header (RFC 8288), or None."""
    for target, params in _LINK.findall(" ".join(value.split())):
        relations = next(
            (found[2] or found[3] for found in _LINK_PARAM.finditer(params) if found[1].lower() == "rel"), ""
        )
        if relation in (relations or "").lower().split():
            return str(target)
    return None


def content_range(headers: Mapping[str, str], start: int, elements: int) -> int | None:
    """The total in `Content-Range`, None where the source does not know it.

    Raises PullError MALFORMED where the header is absent, or speaks of another range than ``elements`` from ``start``.
    """
    value = headers.get("content-range", "").strip()
    found = _RANGE.fullmatch(value)
    if found is None:
        raise malformed(
            "the answer has no `Content-Range` header that can be read"
            if value
            else "the answer has no `Content-Range`",
            "the source may not read `Range`: check `paginate`.",
        )
    if elements and (found[1] is None or (int(found[1]), int(found[2])) != (start, start + elements - 1)):
        raise malformed(
            f"the answer holds {elements:,} records from {start:,} on, but its `Content-Range` says otherwise",
            "check `records` and `paginate`; the source may not read `Range`.",
        )
    return None if found[3] == "*" else int(found[3])


def is_empty(conditions: Sequence[Success], document: Any, *, xml: bool) -> bool:
    """Whether the answer says it went well and there is nothing; False where it went well.

    Raises PullError: UNSUCCESSFUL where a condition does not hold, or for an error that OAI-PMH tells with HTTP 200;
    TokenExpired.
    """
    empty = _oai_error(document) if xml else False
    for success in conditions:
        value = text_at(document, success.path)
        if "empty" in success.model_fields_set and _among(value, success.empty, xml):
            empty = True
        elif success.absent:
            if value not in (None, "", [], {}):
                raise PullError(
                    Outcome.UNSUCCESSFUL,
                    f"HTTP says it went well, but `success.path: {success.path}` holds {kind(value)}",
                    "the source refuses: look at the archived answer.",
                )
        elif not _among(value, success.equals, xml):
            shown = repr(value) if isinstance(value, str | int | float) and harmless(str(value)) else kind(value)
            wanted = " or ".join(repr(item) for item in _listed(success.equals))
            raise PullError(
                Outcome.UNSUCCESSFUL,
                f"HTTP says it went well, but `success.path: {success.path}` says {shown} instead of {wanted}",
                "the source refuses or has no data: look at the archived answer.",
            )
    return empty


def _oai_error(document: Any) -> bool:
    """Whether OAI-PMH says that no record matches. Raises for its other errors, which would look like an empty list."""
    error = follow(document, ("OAI-PMH", "error"))
    if error is None:
        return False
    first = error[0] if isinstance(error, list) else error
    code = first.get("@code") if isinstance(first, dict) else None
    if code == "noRecordsMatch":
        return True
    if code == "badResumptionToken":
        raise TokenExpired(
            Outcome.MALFORMED,
            "the source no longer knows the `resumptionToken` it gave (badResumptionToken)",
            "try again; if it stays, the source is slower than its tokens live: ask for smaller sets or windows.",
        )
    shown = code if isinstance(code, str) and re.fullmatch(r"[A-Za-z]{1,40}", code) else "no known code"
    raise PullError(
        Outcome.UNSUCCESSFUL, f"the source answers with an OAI-PMH error ({shown})", "check `query` and `paginate`."
    )


def _listed(expected: Any) -> list[Any]:
    return expected if isinstance(expected, list) else [expected]


def _among(value: Any, expected: Any, xml: bool) -> bool:
    return any(_equal(value, item, xml) for item in _listed(expected))


def _equal(value: Any, expected: Any, xml: bool) -> bool:
    if xml:
        return bool(value == (str(expected).lower() if isinstance(expected, bool) else str(expected)))
    return bool(value == expected) and isinstance(value, bool) == isinstance(expected, bool)


def malformed(what: str, hint: str) -> PullError:
    """The error for an answer that does not say what was declared."""
    return PullError(Outcome.MALFORMED, what, hint)
