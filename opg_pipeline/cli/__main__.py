"""`python -m opg_pipeline.cli`: the same as `opg`."""

from __future__ import annotations

from opg_pipeline.cli import main

main()
