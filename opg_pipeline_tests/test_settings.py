"""Settings: where values come from, and that secrets are never defaulted, printed or guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from opg_pipeline.defs.deployment import Deployment, DeploymentError
from opg_pipeline.settings import SecretMissing, Settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("OPG_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults_live_below_home(tmp_path: Path) -> None:
    settings = Settings()
    assert settings.home == tmp_path / ".opg"
    assert settings.warehouse == f"duckdb:///{tmp_path}/.opg/warehouse.duckdb"
    assert settings.lake == f"{tmp_path}/.opg/lake"


def test_a_secret_comes_from_the_environment_then_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(SecretMissing, match="KIOS_KEY is not set"):
        settings.secret("KIOS_KEY")
    (tmp_path / "secrets.env").write_text("# comment\nKIOS_KEY='from file'\nOTHER=2\n", encoding="utf-8")
    assert settings.secret("KIOS_KEY") == "from file"
    monkeypatch.setenv("KIOS_KEY", "from environment")
    assert settings.secret("KIOS_KEY") == "from environment"


def test_source_url_override_and_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().source_url("kios", "https://kios.example") == "https://kios.example"
    with pytest.raises(SecretMissing, match="OPG_SANDBOX_URL"):
        Settings().source_url("kios", "sandbox://kios")
    assert Settings(sandbox_url="http://127.0.0.1:1/").source_url("kios", "sandbox://kios") == "http://127.0.0.1:1/kios"
    monkeypatch.setenv("OPG_SOURCE_URL__KIOS", "http://127.0.0.1:2")
    assert Settings().source_url("kios", "sandbox://kios") == "http://127.0.0.1:2"


def test_keys_do_not_show() -> None:
    settings = Settings(pseudonym_key="ab" * 32, archive_key="cd" * 32)  # type: ignore[arg-type]
    assert "abab" not in repr(settings) + settings.model_dump_json()
    assert "cdcd" not in repr(settings) + settings.model_dump_json()


def test_fingerprint_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Settings.fingerprint()
    assert Settings.fingerprint() == before
    monkeypatch.setenv("OPG_CITY", "elsewhere")
    assert Settings.fingerprint() != before


def test_a_pseudonym_key_is_made_once_kept_private_and_announced(tmp_path: Path) -> None:
    first = Deployment(Settings(home=tmp_path))
    token = first.tokens.token("nik", "3522010101900001")
    path = tmp_path / "pseudonym.key"
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    assert "pseudonym key was made" in first.announcements[0]
    assert path.read_text().strip() not in first.announcements[0]
    second = Deployment(Settings(home=tmp_path))
    assert second.tokens.token("nik", "3522010101900001") == token
    assert second.announcements == []
    assert Deployment(Settings(home=tmp_path / "other")).tokens.token("nik", "3522010101900001") != token


@pytest.mark.parametrize(("key", "message"), [("zz" * 32, "not hexadecimal"), ("ab" * 8, "at least 32 bytes")])
def test_a_bad_pseudonym_key_is_refused(key: str, message: str) -> None:
    with pytest.raises(DeploymentError, match=message):
        _ = Deployment(Settings(pseudonym_key=key)).tokens  # type: ignore[arg-type]


def test_a_bad_archive_key_is_refused() -> None:
    with pytest.raises(DeploymentError, match="exactly 32 bytes"):
        _ = Deployment(Settings(archive_key="ab" * 33)).lake  # type: ignore[arg-type]


def test_an_unknown_city_names_the_known_ones() -> None:
    with pytest.raises(DeploymentError, match="Set OPG_CITY to one of: bojonegoro"):
        _ = Deployment(Settings(city="nowhere")).city
