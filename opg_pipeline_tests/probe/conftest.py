"""A sandbox city in a process of its own, and a deployment that asks it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.sandbox import credentials
from opg_pipeline.settings import Settings


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    home: Path = tmp_path_factory.mktemp("home")
    command = [sys.executable, "-m", "opg_pipeline.sandbox", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        url = next(word for line in process.stdout for word in line.split() if word.startswith("http://"))
        (home / "secrets.env").write_text("\n".join(f"{name}={value}" for name, value in credentials(1).items()))
        yield Deployment(Settings(home=home, sandbox_url=url))
    finally:
        process.kill()  # it holds nothing, and would wait for connections that are still open
        process.wait()
        os.environ.pop("OPG_SANDBOX_URL", None)
