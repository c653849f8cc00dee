"""Places that records name and the resolver does not know, as a queue for people: names, how often, and what they may mean.

What is accepted becomes an alias of the catalogue; nothing is written here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.model.handover import Page
from opg_pipeline.normalise.columns import Batch
from opg_pipeline.normalise.evaluate import Evaluator, combinations_of
from opg_pipeline.normalise.plan import Planner
from opg_pipeline.normalise.regions import Candidate, RegionResolver, name_key

Named = tuple[str | None, str | None, str | None]
"""Code, district and village as a record writes them."""


@dataclass(frozen=True, slots=True)
class Unplaced:
    """One name that waits for somebody who knows it.

    ``level``: district, village or code. ``district``: the district a village was named in, as it resolved, else as it was
    written; '' where none was named. ``records``: rows of the archived answers that name it. ``datasets``: `app/dataset`.
    """

    name: str
    level: str
    district: str
    records: int
    datasets: tuple[str, ...]
    candidates: tuple[Candidate, ...]


def unplaced(ref: DatasetRef, page: Page, resolver: RegionResolver) -> Counter[Named]:
    """The places of one answer that do not resolve, or only to their district, with the number of records."""
    declared = ref.dataset.region
    if declared is None:
        return Counter()
    planner = Planner(ref)
    batch = Batch([page], ref.dataset.skip, ref.dataset.fill_down, declared.paths)
    code, district, village, _ = Evaluator(batch, planner.missing).place_names(declared)
    combinations, at = combinations_of(code, district, village)
    counted = Counter(at.tolist())
    found: Counter[Named] = Counter()
    for number, (written, above, name) in enumerate(combinations):
        place = resolver.resolve(written, above, name)
        if (written or above or name) and (place.code is None or place.partly):
            found[(written, above, name)] = counted[number]
    return found


def queue(found: Mapping[str, Counter[Named]], resolver: RegionResolver) -> list[Unplaced]:
    """What to review, the most frequent first.

    Args:
        found: what :func:`unplaced` gave, by `app/dataset`.
    """
    spellings: dict[tuple[str, str, str], Counter[tuple[str, str]]] = {}
    datasets: dict[tuple[str, str, str], set[str]] = {}
    for dataset, counted in found.items():
        for named, records in counted.items():
            level, name, district = _asked(named, resolver)
            key = (level, name_key(name), name_key(district))
            spellings.setdefault(key, Counter())[(name, district)] += records
            datasets.setdefault(key, set()).add(dataset)
    entries = []
    for key, written in spellings.items():
        [((name, district), _)] = written.most_common(1)
        level = key[0]
        near: list[Candidate] = []
        if level != "code":
            near = resolver.candidates(name, None) if level == "district" else resolver.candidates(district, name)
        entries.append(Unplaced(name, level, district, written.total(), tuple(sorted(datasets[key])), tuple(near)))
    return sorted(entries, key=lambda item: (-item.records, item.level, item.name, item.district))


def _asked(named: Named, resolver: RegionResolver) -> tuple[str, str, str]:
    """(level, name, district): which part of a place keeps it from being resolved."""
    code, district, village = named
    if district and name_key(district):
        above = resolver.resolve(None, district, None)
        if above.code is None or not village:
            return "district", district, ""
        return "village", village, resolver.name(above.code)
    if village and name_key(village):
        return "village", village, ""
    return "code", code or "", ""


def effect(resolver: RegionResolver, name: str, code: str) -> bool:
    """Whether, with the aliases that the resolver has, ``name`` leads to ``code`` somewhere: alone, or below what is above it."""
    above = resolver.above(code)
    ways: Iterable[Named] = ((name, None, None), (None, name, None), (None, None, name), (None, above, name))
    return any(resolver.resolve(*way).code == code for way in ways)
