"""How tests of formats read a body, and have one refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from opg_pipeline.extract import Decoded, decode
from opg_pipeline.model.handover import Outcome, PullError
from opg_pipeline_tests.extract.conftest import make_dataset


def read(body: bytes | str | dict[str, Any], format: Any, content_type: str = "", **dataset: Any) -> Decoded:
    raw = body if isinstance(body, bytes) else orjson.dumps(body) if isinstance(body, dict) else body.encode()
    return decode(raw, make_dataset(format=format, **dataset), content_type)


def refused(
    body: bytes | str | dict[str, Any], format: Any, outcome: Outcome = Outcome.MALFORMED, **more: Any
) -> PullError:
    with pytest.raises(PullError) as caught:
        read(body, format, **more)
    assert caught.value.outcome is outcome
    assert caught.value.hint
    assert "Budi" not in caught.value.what
    return caught.value
