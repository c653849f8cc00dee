"""The three days, lived once for all files of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from opg_pipeline_tests.integration.days.lived import DAYS, Days
from opg_pipeline_tests.integration.runs import running


@pytest.fixture(scope="session")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    with running("--scale", "0.1") as runner:
        made = Days(runner, tmp_path_factory.mktemp("days") / "opg")
        for day in DAYS:
            made.live(day)
        made.judge()
        yield made
