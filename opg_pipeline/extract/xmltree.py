"""XML to plain values: elements by local name, attributes `@name`, text beside them `#text`, repeats lists. No entities, no network."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline.model.paths import follow

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_CODE = re.compile(r"[A-Za-z][A-Za-z_.]{0,59}")


def read_xml(body: bytes) -> dict[str, Any]:
    """`{root: content}`. An element with neither attributes nor elements is its text, or None without any; texts have no outer blanks.

    An element that says xsi:nil is None. Raises PullError MALFORMED for what is not well-formed, declares or uses entities
    of its own, or passes libxml2's limits (256 levels, 10 MB a text).
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        line = error.position[0] if error.position else 0
        if "entit" in str(error.msg).lower():
            raise _entities() from None
        raise PullError(
            Outcome.MALFORMED,
            f"the answer is not well-formed XML (line {line})",
            "look at the archived answer; it may have been cut off.",
        ) from None
    declared: Any = root.getroottree().docinfo.internalDTD
    if declared is not None and declared.entities():
        raise _entities()
    return {_local(str(root.tag)): _content(root)}


def refusal(document: Any) -> PullError | None:
    """What the document says instead of an answer: a SOAP fault (1.1, 1.2) or an OGC exception report; None for any other.

    Of the source's own words only its code is told, and no more than a name of it.
    """
    if not isinstance(document, dict) or len(document) != 1:
        return None
    ((root, content),) = document.items()
    if root == "Envelope":
        fault = follow(content, ("Body", "Fault"))
        if fault is None and not (isinstance(body := follow(content, ("Body",)), dict) and "Fault" in body):
            return None
        code = follow(fault, ("faultcode",)) or follow(fault, ("Code", "Value"))
        what = "the answer is a SOAP fault"
    elif root in {"ExceptionReport", "ServiceExceptionReport"}:
        report = follow(content, ("Exception",)) or follow(content, ("ServiceException",))
        report = report[0] if isinstance(report, list) else report
        code = follow(report, ("@exceptionCode",)) or follow(report, ("@code",))
        what = "the answer is an exception report of the service"
    else:
        return None
    if isinstance(code, dict):
        code = code.get("#text")
    name = code.rpartition(":")[2] if isinstance(code, str) else ""
    shown = f" ({name})" if _CODE.fullmatch(name) else ""
    return PullError(
        Outcome.UNSUCCESSFUL,
        what + shown,
        "the source refuses the request: check its body and the credentials; the archived answer says why.",
    )


def _content(element: Any) -> Any:
    """The value of one element; libxml2 holds the depth to 256."""
    result: dict[str, Any] = {}
    for name, value in element.attrib.items():
        if name == _NIL and value in {"true", "1"}:
            return None
        _put(result, "@" + _local(name), value)
    text = element.text or ""
    for child in element:
        tag = child.tag
        if not isinstance(tag, str):
            raise _entities()
        _put(result, _local(tag), _content(child))
        if child.tail:
            text += child.tail
    text = text.strip()
    if not result:
        return text or None
    if text:
        result["#text"] = text
    return result


def _put(result: dict[str, Any], key: str, value: Any) -> None:
    if key not in result:
        result[key] = value
    elif isinstance(result[key], list):
        result[key].append(value)
    else:
        result[key] = [result[key], value]


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _entities() -> PullError:
    return PullError(
        Outcome.MALFORMED,
        "the answer declares or uses XML entities of its own, which are refused",
        "ask the operator for XML without a DTD.",
    )
