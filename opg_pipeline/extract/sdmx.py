"""SDMX-JSON data messages (1.0, 2.0, and the draft before them) to one record per observation. SDMX-ML is XML like any other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opg_pipeline.model.handover import Outcome, PullError

Component = Mapping[str, Any]


def read_sdmx_json(document: Any) -> list[Any]:
    """A record per observation: dimensions and attributes by their id as the message gives their values (`id`, `name`), and `value`.

    A value that the message writes out is `{"value": ...}`. Further measures stand under their id. Raises PullError
    UNSUCCESSFUL for a message of errors; MALFORMED for what is no data message, for indexes that lead nowhere, and for a
    data set of deletions.
    """
    if not isinstance(document, dict):
        raise _malformed("it is no object")
    if document.get("errors"):
        raise PullError(
            Outcome.UNSUCCESSFUL,
            f"the answer holds {len(document['errors'])} errors of the service",
            "check the query; the archived answer says more.",
        )
    data = document["data"] if isinstance(document.get("data"), dict) else document
    sets = data.get("dataSets")
    structures = data.get("structures", data.get("structure", document.get("structure")))
    if not isinstance(sets, list) or not structures:
        raise _malformed("it has no `dataSets` with their structure")
    try:
        return [
            record
            for one in sets
            for record in _DataSet(
                one, structures[one.get("structure", 0)] if isinstance(structures, list) else structures
            )
        ]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise _malformed("its observations do not fit its structure") from None


class _DataSet:
    """One data set with its structure. Iterating gives the records."""

    def __init__(self, content: Mapping[str, Any], structure: Mapping[str, Any]) -> None:
        if content.get("action") == "Delete":
            raise _malformed("it holds deletions, not data")
        self._content = content
        dimensions, attributes = structure["dimensions"], structure.get("attributes", {})
        self._series: Sequence[Component] = dimensions.get("series") or ()
        self._observed: Sequence[Component] = dimensions.get("observation") or ()
        self._of_set: Sequence[Component] = attributes.get("dataSet") or attributes.get("dataset") or ()
        self._of_group: Sequence[Component] = attributes.get("dimensionGroup") or ()
        self._of_series: Sequence[Component] = attributes.get("series") or ()
        self._of_observation: Sequence[Component] = attributes.get("observation") or ()
        measures = structure.get("measures", {}).get("observation") or ()
        self._measures = [str(item["id"]) for item in measures[1:]]
        self._fixed: dict[str, Any] = {
            item["id"]: _only(item["values"]) for item in dimensions.get("dataSet") or dimensions.get("dataset") or ()
        }
        self._fixed.update(_written(self._of_set, content.get("attributes") or ()))
        self._groups = [
            (_pattern(key), _written(self._of_group, values))
            for key, values in (content.get("dimensionGroupAttributes") or {}).items()
        ]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        series = self._content.get("series")
        if series is None:
            yield from self._observations(self._content.get("observations") or {}, self._fixed, ())
            return
        for key, one in series.items():
            places = _places(key)
            same = {
                **self._fixed,
                **_named(self._series, places),
                **_written(self._of_series, one.get("attributes") or ()),
            }
            yield from self._observations(one.get("observations") or {}, same, places)

    def _observations(
        self, cells: Mapping[str, Any], same: Mapping[str, Any], before: tuple[int, ...]
    ) -> Iterator[dict[str, Any]]:
        count = 1 + len(self._measures)
        for key, cell in cells.items():
            places = _places(key)
            listed = cell if isinstance(cell, list) else [cell]
            record = {**same, **_named(self._observed, places)}
            for shape, attributes in self._groups:
                if _fits(shape, (*before, *places)):
                    record.update(attributes)
            record.update(_written(self._of_observation, listed[count:]))
            record.update(zip(self._measures, listed[1:count], strict=False))
            record["value"] = listed[0] if listed else None
            yield record


def _places(key: str) -> tuple[int, ...]:
    return tuple(map(int, key.split(":")))


def _pattern(key: str) -> tuple[int | None, ...]:
    return tuple(int(part) if part else None for part in key.split(":"))


def _fits(shape: tuple[int | None, ...], places: tuple[int, ...]) -> bool:
    if len(shape) != len(places):
        raise ValueError("a group of another number of dimensions")
    return all(wanted is None or wanted == place for wanted, place in zip(shape, places, strict=True))


def _named(dimensions: Sequence[Component], places: tuple[int, ...]) -> dict[str, Any]:
    if min(places, default=0) < 0:
        raise ValueError("an index below 0")
    return {item["id"]: item["values"][place] for item, place in zip(dimensions, places, strict=True)}


def _only(values: Sequence[Any]) -> Any:
    if len(values) != 1:
        raise ValueError("a dimension of the whole set has one value")
    return values[0]


def _written(attributes: Sequence[Component], given: Sequence[Any]) -> dict[str, Any]:
    """Attributes by their id. An attribute without listed values has its value written out; trailing ones may be left out."""
    if len(given) > len(attributes):
        raise ValueError("more attributes than declared")
    result: dict[str, Any] = {}
    for item, value in zip(attributes, given, strict=False):
        listed = item.get("values")
        if value is None:
            result[item["id"]] = None
        elif listed and isinstance(value, int) and not isinstance(value, bool):
            if value < 0:
                raise ValueError("an index below 0")
            result[item["id"]] = listed[value]
        else:
            result[item["id"]] = {"value": value}
    return result


def _malformed(what: str) -> PullError:
    return PullError(
        Outcome.MALFORMED, what, "look at the archived answer; ask for SDMX-JSON, such as `format=jsondata`."
    )
