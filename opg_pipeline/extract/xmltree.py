"""XML to plain values: elements by local name, attributes `@name`, text beside them `#text`, repeats lists. No entities, no network."""

from __future__ import annotations

from typing import Any

from lxml import etree

from opg_pipeline.model.handover import Outcome, PullError

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


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
