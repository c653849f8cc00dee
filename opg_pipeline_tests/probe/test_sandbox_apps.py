"""What a probe finds of apps of the sandbox, beside what their vendors' pages say."""

from __future__ import annotations

import pytest
import yaml

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs.survey import Target, survey
from opg_pipeline.defs.trial import datasets_of, rows_of, try_dataset
from opg_pipeline.model.handover import PullError
from opg_pipeline.probe.draft import draft
from opg_pipeline_tests.probe.expected import APPS


@pytest.mark.parametrize("app", APPS)
async def test_finds_format_records_paging_key_and_personal_data(deployment: Deployment, app: str) -> None:
    expected = APPS[app]
    found = await survey(deployment, Target(expected.url, auth=expected.auth, requests_per_second=200))
    declared = found.dataset.get("format", "json")
    name, keys = (declared, {}) if isinstance(declared, str) else (declared["type"], declared)
    assert name == expected.format
    assert expected.format_keys.items() <= keys.items()
    assert found.dataset.get("records", "") == expected.records
    paginate = found.dataset.get("paginate")
    assert (paginate is None) == (expected.paginate is None)
    assert (expected.paginate or {}).items() <= (paginate or {}).items()
    if expected.key is not None:
        assert [column.path for column in found.key] == [expected.key]
    assert set(expected.personal) <= {column.path for column in found.columns if column.personal}
    text = draft(found)
    assert yaml.safe_load(text)["status"] == "paused"
    for column in found.columns:
        if column.personal:
            assert not [value for value in column.values[:50] if len(str(value)) > 6 and str(value) in text]
    for auth in expected.auth:
        for key in ("secret", "password"):
            assert key not in auth or deployment.settings.secret(auth[key]) not in text


async def test_a_wrong_key_is_told_without_a_draft(deployment: Deployment) -> None:
    auth = ({"type": "bearer", "secret": "E_PUSKESMAS_TOKEN"},)
    with pytest.raises(PullError, match="401"):
        await survey(deployment, Target("sandbox://si_nduk/api/permohonan", auth=auth))


@pytest.mark.parametrize("app", ["si_nduk", "wizztara", "e_bphtb"])
async def test_one_page_goes_through_every_stage(deployment: Deployment, app: str) -> None:
    (ref,) = datasets_of(deployment, app)
    trial = await try_dataset(deployment, ref)
    assert trial.good, trial.steps
    assert trial.page is not None
    assert [step.name for step in trial.steps][-3:] == ["gate", "mapped", "rules"]
    rows = rows_of(ref, trial, 20, {})
    assert len(rows) == 20
    assert all(row.standard or row.rejects for row in rows)
    assert "[REDACTED]" in str(rows[0].raw)
    personal = [str(value) for record in trial.page.records[:20] if isinstance(record, dict) for key, value in record.items() if key in {"nik", "no_hp", "dari"}]  # fmt: skip
    assert not [value for value in personal if value in str(rows)]
    assert not (deployment.settings.home / "lake").exists()
    assert not (deployment.settings.home / "pseudonym.key").exists()
