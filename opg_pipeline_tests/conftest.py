"""How the tests are named and handed out to workers; fixtures belong beside the tests that use them."""

from __future__ import annotations

from typing import Any

import pytest

SHARED_RUNS = ("opg_pipeline_tests/integration/days/",)
"""Folders whose files share a run of minutes, so one worker takes them all."""


LONG = (
    "opg_pipeline_tests/integration/",
    "opg_pipeline_tests/recorded/",
    "opg_pipeline_tests/probe/test_categories.py",
    "opg_pipeline_tests/defs/test_nothing_new.py",
    "opg_pipeline_tests/cli/test_onboarding.py",
)
"""What takes minutes is begun first, so that no worker is left alone with it at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are numbered: packed ones hold the second they were packed in, and every worker must find the same names."""
    return argname if isinstance(val, bytes) else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A worker takes a file whole (`--dist loadfile`), or a folder whose files share a run."""
    from xdist.scheduler import LoadFileScheduling

    class ByRun(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            folder = next((name for name in SHARED_RUNS if nodeid.startswith(name)), None)
            return folder or str(super()._split_scope(nodeid))

    return ByRun(config, log)
