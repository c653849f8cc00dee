"""Runs `opg` as a person does: in a shell, in an empty folder, with what is typed given beforehand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def shell(tmp_path: Path, command: str, typed: str = "", **extra: str) -> subprocess.CompletedProcess[str]:
    """``command`` in ``tmp_path``, with ``typed`` on its keyboard. Never ends in a traceback."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OPG_", "DAGSTER_"))}
    env |= {"OPG_HOME": str(tmp_path / "opg"), "COLUMNS": "200", **extra}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", command], env=env, capture_output=True, text=True, timeout=180, cwd=tmp_path, check=False, input=typed
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr
    return done
