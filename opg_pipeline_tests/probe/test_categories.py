"""How often the probe names the category that the manifest has, over every dataset of the sandbox city.

The words of the table were written with these apps in sight; of systems that nobody had in sight it knows fewer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs.survey import read_synonyms
from opg_pipeline.defs.trial import try_dataset
from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.normalise.gate import find_undeclared
from opg_pipeline.probe.columns import columns
from opg_pipeline.probe.matching import Proposal, is_clear, proposals
from opg_pipeline.probe.personal import mark_personal
from opg_pipeline.probe.places import mark_places

TOP_1, TOP_2, WRONG = 0.9, 0.92, 1
"""Least shares of datasets whose category comes first, and first or second; most that are wrong and would not be asked."""


@dataclass(frozen=True)
class Guess:
    """What was proposed for one dataset, the most probable first, and its place there from 1."""

    name: str
    wanted: str
    ranked: Sequence[Proposal]

    @property
    def rank(self) -> int:
        return [item.category.id for item in self.ranked].index(self.wanted) + 1


def _guess(deployment: Deployment, ref: DatasetRef, records: Sequence[Any]) -> Guess:
    found, synonyms = columns(records), read_synonyms(deployment)
    mark_personal(found, {item.path: item.why for item in find_undeclared(list(records), ())}, synonyms.personal)
    mark_places(found, deployment.city.regions)
    hints = f"{ref.app.id} {ref.dataset.path}"
    return Guess(ref.name, ref.category.id, proposals(found, deployment.catalog.categories.values(), synonyms, hints))


@pytest.fixture(scope="module")
def guesses(deployment: Deployment) -> list[Guess]:
    """One page of each dataset, as its manifest pulls it, and what its columns alone say."""

    async def page(ref: DatasetRef) -> Guess | None:
        trial = await try_dataset(deployment, ref, suite=False)
        records = trial.page.records if trial.page is not None else []
        return await asyncio.to_thread(_guess, deployment, ref, records) if records else None

    async def every() -> list[Guess]:
        refs = list(deployment.catalog.datasets(deployment.city.city.id, active=False))
        return [guess for guess in await asyncio.gather(*map(page, refs)) if guess is not None]

    return asyncio.run(every())


def test_most_categories_are_found(guesses: list[Guess]) -> None:
    assert len(guesses) >= 80
    missed = [f"{guess.name}: {guess.wanted} is {guess.rank}." for guess in guesses if guess.rank > 1]
    assert sum(guess.rank == 1 for guess in guesses) >= TOP_1 * len(guesses), missed
    assert sum(guess.rank <= 2 for guess in guesses) >= TOP_2 * len(guesses), missed


def test_what_is_written_without_asking_is_right(guesses: list[Guess]) -> None:
    written = [guess for guess in guesses if is_clear(guess.ranked)]
    assert len(written) >= 0.5 * len(guesses)
    wrong = [guess.name for guess in written if guess.rank > 1]
    assert len(wrong) <= WRONG, wrong
