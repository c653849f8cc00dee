"""The only reader of environment variables. Where things live, and the secrets by name; no defaults for secrets."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class SecretMissing(Exception):
    """A declared secret is not set. ``name`` is the variable's name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The environment variable {name} is not set.")
        self.name = name


class Settings(BaseSettings):
    """Deployment settings, each from the environment variable OPG_<NAME>, but for those of OpenLineage, which have their standard names."""

    model_config = SettingsConfigDict(env_prefix="OPG_", extra="ignore")

    home: Path = Field(Path(".opg"), description="Where the pipeline keeps its files.")
    catalog: Path | None = Field(None, description="A catalogue folder of your own, laid over the shipped one.")
    packs: Path | None = Field(None, description="A folder of partners' packs: measures and notes of their own.")
    city: str = Field("bojonegoro", description="City to run.")
    warehouse_url: str | None = Field(None, description="SQLAlchemy URL; default $OPG_HOME/warehouse.duckdb.")
    lake_url: str | None = Field(
        None, description="fsspec URL of raw, standard and quarantine; default $OPG_HOME/lake."
    )
    pseudonym_key: SecretStr | None = Field(
        None, description="Key of the pseudonyms, 32 bytes or more as hex; made on first use if unset."
    )
    archive_key: SecretStr | None = Field(None, description="Key that encrypts raw and quarantine, 32 bytes as hex.")
    sandbox_url: str | None = Field(None, description="Address that serves sandbox:// sources.")
    executor: str = Field(
        "async", pattern="^(async|in_process)$", description="Dagster executor of ingest and publish."
    )
    max_concurrent: int = Field(8, ge=1, le=256, description="Steps at once with the async executor.")

    openlineage_url: str | None = Field(
        None, validation_alias="OPENLINEAGE_URL", description="Where OpenLineage events are sent; none if unset."
    )
    openlineage_api_key: SecretStr | None = Field(
        None, validation_alias="OPENLINEAGE_API_KEY", description="Key of that place, sent as bearer token."
    )
    openlineage_namespace: str = Field(
        "opg", validation_alias="OPENLINEAGE_NAMESPACE", description="Namespace of jobs and datasets in the events."
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @property
    def warehouse(self) -> str:
        """SQLAlchemy URL of the warehouse."""
        return self.warehouse_url or f"duckdb:///{self.home / 'warehouse.duckdb'}"

    @property
    def lake(self) -> str:
        """fsspec URL of the lake."""
        return self.lake_url or str(self.home / "lake")

    @staticmethod
    def fingerprint() -> str:
        """Digest of everything the settings are read from; equal when a new Settings() would be equal."""
        named = sorted(
            (name, value) for name, value in os.environ.items() if name.upper().startswith(("OPG_", "OPENLINEAGE_"))
        )
        return hashlib.sha256(repr((named, str(Path.cwd()))).encode()).hexdigest()

    def source_url(self, app_id: str, declared: str) -> str:
        """Address of an app: OPG_SOURCE_URL__<APP> if set, else the declared one; sandbox:// becomes the sandbox's.

        Raises:
            SecretMissing: the source is in the sandbox and OPG_SANDBOX_URL is not set.
        """
        override = os.environ.get(f"OPG_SOURCE_URL__{app_id.upper()}")
        url = override or declared
        if url.startswith("sandbox://"):
            if not self.sandbox_url:
                raise SecretMissing("OPG_SANDBOX_URL")
            return f"{self.sandbox_url.rstrip('/')}/{url.removeprefix('sandbox://')}"
        return url

    def secret(self, name: str) -> str:
        """The value of a declared secret, from the environment or $OPG_HOME/secrets.env. Raises SecretMissing."""
        value = os.environ.get(name) or self._secrets_file().get(name)
        if not value:
            raise SecretMissing(name)
        return value

    def _secrets_file(self) -> dict[str, str]:
        path = self.home / "secrets.env"
        if not path.is_file():
            return {}
        pairs = re.findall(r"^\s*([A-Z][A-Z0-9_]*)\s*=\s*(.*?)\s*$", path.read_text(encoding="utf-8"), re.MULTILINE)
        return {name: value.strip("'\"") for name, value in pairs}
