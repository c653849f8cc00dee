"""Payloads are sealed afterwards and anew, go when their time is over, and both and every look at them are on record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from opg_pipeline.defs.deployment import Deployment
from opg_pipeline.defs.privacy import expired, purge
from opg_pipeline.lake import DatasetKey, Lake, LakeError
from opg_pipeline.settings import Settings
from opg_pipeline_tests.integration.runs import Ended, Runner, contents, duck, runner

__all__ = ["runner"]
FIRST, SECOND = "1a" * 32, "2b" * 32
APPS = ("--app", "damkar", "--app", "e_pbb")


@dataclass
class Town:
    """`opg` on a deployment of its own."""

    runner: Runner
    home: Path

    def opg(self, *arguments: str, **extra: str) -> Ended:
        ended = self.runner.here(self.home, *arguments, **extra)
        assert "Traceback" not in ended.out + ended.err, ended.err[-3000:]
        return ended

    def lake(self, key: str = "") -> Lake:
        return Lake(str(self.home / "lake"), bytes.fromhex(key) if key else None)

    @property
    def keys(self) -> list[DatasetKey]:
        folder = self.home / "lake" / "raw"
        return [DatasetKey(*path.relative_to(folder).parts) for path in sorted(folder.glob("*/*/*"))]

    def payloads(self, lake: Lake) -> list[bytes]:
        """Every raw answer and every quarantined record, opened by ``lake``."""
        found = [lake.raw(key, digest) for key in self.keys for digest in lake.raw_files(key)]
        waiting = [name for key in self.keys for name in lake.quarantine_files(key)]
        assert found
        assert waiting, "nothing waits, so nothing is tested"
        return found + [item for name in waiting for item in lake.read_quarantine(name).column("payload").to_pylist()]

    def sealed(self, **extra: str) -> dict[str, int]:
        ended = self.opg("privacy", "seal", "--json", **extra)
        assert ended.code == 0, ended.err
        told = json.loads(ended.out)
        return {name: sum(item[name] for item in told) for name in ("raw", "quarantine", "already", "failed")}


@pytest.fixture(scope="module")
def town(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Two apps run without a key for the archive."""
    made = Town(runner, tmp_path_factory.mktemp("payloads") / "opg")
    ended = made.opg("run", *APPS)
    assert ended.code == 0, ended.out + ended.err
    return made


def test_what_lay_open_is_sealed_and_sealed_anew(town: Town) -> None:
    before = town.payloads(town.lake())
    raw = sum(len(town.lake().raw_files(key)) for key in town.keys)
    waiting = sum(len(town.lake().quarantine_files(key)) for key in town.keys)

    no_key = town.opg("privacy", "seal")
    assert no_key.code == 2
    assert "OPG_ARCHIVE_KEY" in no_key.err
    assert town.sealed(OPG_ARCHIVE_KEY=FIRST) == {"raw": raw, "quarantine": waiting, "already": 0, "failed": 0}
    assert town.payloads(town.lake(FIRST)) == before
    with pytest.raises(LakeError, match="encrypted"):
        town.payloads(town.lake())
    assert town.sealed(OPG_ARCHIVE_KEY=FIRST) == {"raw": 0, "quarantine": 0, "already": raw + waiting, "failed": 0}

    unknown = town.opg("privacy", "seal", OPG_ARCHIVE_KEY=SECOND)
    assert unknown.code == 1
    assert f"{raw + waiting} files" in unknown.err
    assert "OPG_ARCHIVE_KEY_OLD" in unknown.err
    assert town.payloads(town.lake(FIRST)) == before, "nothing is lost by a wrong key"

    again = town.sealed(OPG_ARCHIVE_KEY=SECOND, OPG_ARCHIVE_KEY_OLD=FIRST)
    assert again == {"raw": raw, "quarantine": waiting, "already": 0, "failed": 0}
    assert town.payloads(town.lake(SECOND)) == before
    with pytest.raises(LakeError, match="another key"):
        town.payloads(town.lake(FIRST))
    replayed = town.opg("replay", "--app", "damkar", "--json", OPG_ARCHIVE_KEY=SECOND)
    assert replayed.code == 0, replayed.err
    assert {item["verdict"] for item in json.loads(replayed.out)["slices"]} == {"equal"}


def test_what_is_over_its_time_goes_and_what_was_loaded_stays(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**town.runner.env, "OPG_ARCHIVE_KEY": SECOND}.items():
        monkeypatch.setenv(name, value)
    deployment = Deployment(Settings(home=town.home))
    days = deployment.city.city.payload_days
    assert days is not None
    lake = deployment.lake
    loaded = contents(duck(town.home))

    early = town.opg("privacy", "purge", "--dry-run", OPG_ARCHIVE_KEY=SECOND)
    assert early.code == 0
    assert "Nothing is over its time." in early.out

    # The same answers once more: what a younger slice rests on is held.
    assert town.opg("run", "--app", "damkar", "--full", "--no-publish", OPG_ARCHIVE_KEY=SECOND).code == 0
    damkar = next(key for key in town.keys if key.app == "damkar")
    older, younger = (lake.manifest(damkar, slice_id) for slice_id in lake.slice_ids(damkar))
    shared = {item.sha256 for item in older.raw} & {item.sha256 for item in younger.raw}
    assert shared
    between = younger.committed_at - timedelta(microseconds=1) + timedelta(days=days)
    told = {item.app: item for item in expired(deployment, between)}
    assert "damkar" not in told or not {name for name in told["damkar"].raw if any(digest in name for digest in shared)}
    assert "e_pbb" in told

    later = datetime.now(UTC) + timedelta(days=days + 1)
    meant = expired(deployment, later)
    assert {item.app for item in meant} == {"damkar", "e_pbb"}
    assert town.payloads(lake), "looking removes nothing"
    assert purge(deployment, later) == meant
    assert not any(lake.raw_files(key) for key in town.keys)
    assert not expired(deployment, later), "a second purge finds nothing"

    names = [name for key in town.keys for name in lake.quarantine_files(key)]
    assert names, "reasons and counts stay"
    for name in names:
        table = lake.read_quarantine(name)
        assert set(table.column("payload").to_pylist()) == {b'{"payload":"removed, as its time was over"}'}
        assert all(table.column("reason").to_pylist())
    assert contents(duck(town.home)) == loaded

    replayed = json.loads(town.opg("replay", "--json", *APPS, OPG_ARCHIVE_KEY=SECOND).out)
    assert {item["verdict"] for item in replayed["slices"]} == {"unreadable"}
    assert all("expired" in item["message"] for item in replayed["slices"])
    log = json.loads(town.opg("privacy", "log", "--json").out)
    assert {item["dataset"].split("/")[1] for item in log["purges"]} == {"damkar", "e_pbb"}
    assert sum(item["raw"] for item in log["purges"]) == sum(len(item.raw) for item in meant)
    assert any(item["why"] == "replay" for item in log["accesses"])
    shown = town.opg("privacy", "log")
    assert "pulled before" in shown.out
    assert town.opg("run", "--app", "damkar", "--no-publish", OPG_ARCHIVE_KEY=SECOND).code == 0, "the next pull goes on"
