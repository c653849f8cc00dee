"""Reads an archived answer again as the pull read it: no network, no secret of the source. Where it lies is the lake's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

from opg_pipeline.extract.answers import is_empty
from opg_pipeline.extract.decode import parse, select
from opg_pipeline.model.app import App, Dataset
from opg_pipeline.model.formats import XmlFormat
from opg_pipeline.model.handover import Outcome, Page, PullError, RawRef


def read_again(
    raw: RawRef, body: bytes, app: App, dataset: Dataset, *, number: int, zone: tzinfo, passwords: Mapping[str, str]
) -> Page:
    """The page that an archived answer is, by the present declaration.

    Args:
        raw: an answer with records, not one that lists values for `for_each`.
        body: its exact bytes.
        number: its place among the pages of its pull, from 0.
        zone: of `$pulled_at`, the locale's.
        passwords: of packed files, by the NAME of their variable.

    Raises PullError as the pull would, and MALFORMED where a parameter that the records read was withheld from the archive.
    """
    for name in sorted(_parameters(dataset)):
        if name in raw.params and raw.params[name] is None:
            raise PullError(
                Outcome.MALFORMED,
                f"its records read the parameter `${name}` of their request, which was withheld from the archive because it looks personal or secret",
                "pull the dataset again: `opg run --full`.",
            )
    params = {name: value for name, value in raw.params.items() if value is not None}
    params["pulled_at"] = raw.fetched_at.astimezone(zone).isoformat()
    document = parse(body, dataset, raw.content_type, passwords)
    if is_empty(app.source.success, document, xml=isinstance(dataset.format, XmlFormat)):
        return Page([], None, None, raw, number, params)
    decoded = select(document, dataset)
    return Page(decoded.records, decoded.parents, decoded.document, raw, number, params)


def _parameters(dataset: Dataset) -> set[str]:
    """Names of parameters that the dataset's records read as `$name`."""
    region = dataset.region.paths if dataset.region is not None else ()
    mapped = (path for mapping in dataset.fields.values() for path in mapping.paths)
    return {path[1:] for path in (*dataset.key_paths, *dataset.skip, *region, *mapped) if path.startswith("$")}
