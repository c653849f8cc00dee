"""The pages of an export, opened from their folder in headless Chromium on a phone and on a desk, and judged by axe."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .running import NODE_MODULES

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    BROWSER is None or not (NODE_MODULES / "axe-core").is_dir(),
    reason="Chromium or axe-core is not installed: install chromium and run `make test-servers`",
)
SERIOUS = {"serious", "critical"}


def judged(*pages: Path) -> list[dict[str, Any]]:
    assert BROWSER is not None
    command = ["node", str(Path(__file__).parent / "node" / "axe.js"), BROWSER, *(page.as_uri() for page in pages)]
    env = {**os.environ, "NODE_MODULES": str(NODE_MODULES)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    return list(json.loads(done.stdout))


def test_no_serious_finding_on_any_kind_of_page_and_no_other_host(exported: Path) -> None:
    names = ["index.html"]
    for language in ("id", "en"):
        below = [
            "index.html",
            "apps.html",
            "service_request/requests.html",
            "fiscal_entry/payment_size.html",
            "price_observation/price.html",
        ]
        names += [f"{language}/{name}" for name in below if (exported / language / name).is_file()]
    assert len(names) >= 9
    found = judged(*(exported / name for name in names))
    assert len(found) == 4 * len(names)
    for page in found:
        assert page["passes"] > 10
        assert [item for item in page["findings"] if item[0] in SERIOUS] == [], page["address"]
        assert page["elsewhere"] == []
        assert page["wide"] <= 0, f"{page['address']} is wider than {page['width']} pixels"


def test_a_page_that_cannot_be_read_by_ear_would_be_told(exported: Path, tmp_path: Path) -> None:
    text = (exported / "id" / "index.html").read_text(encoding="utf-8")
    bad = tmp_path / "bad.html"
    bad.write_text(
        text.replace('<html lang="id">', "<html>").replace("</h1>", '</h1><img src="x.png">'), encoding="utf-8"
    )
    told = {item[1] for page in judged(bad) for item in page["findings"]}
    assert {"html-has-lang", "image-alt"} <= told
