"""One person is erased everywhere and everybody else stays; and everything is made again with another pseudonym key."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from opg_pipeline.lake import DatasetKey, Lake
from opg_pipeline.normalise.person import Person
from opg_pipeline.normalise.tokens import Pseudonymiser
from opg_pipeline_tests.integration.runs import KEY, Ended, Runner, contents, duck, rows, runner

__all__ = ["runner"]
APPS = ("e_pbb", "si_bantu", "siks_ng")
NIK = re.compile(rb"(?<!\d)35\d{14}(?!\d)")
TOKEN = re.compile(r"t1_[a-z2-7]{26}")


@dataclass
class Town:
    """`opg` on a deployment of its own."""

    runner: Runner
    home: Path

    def opg(self, *arguments: str, typed: str | None = None, **extra: str) -> Ended:
        ended = self.runner.here(self.home, *arguments, typed=typed, **extra)
        assert "Traceback" not in ended.out + ended.err, ended.err[-3000:]
        return ended

    @property
    def lake(self) -> Lake:
        return Lake(str(self.home / "lake"))

    @property
    def keys(self) -> list[DatasetKey]:
        folder = self.home / "lake" / "raw"
        return [DatasetKey(*path.relative_to(folder).parts) for path in sorted(folder.glob("*/*/*"))]

    def bodies(self) -> list[bytes]:
        return [self.lake.raw(key, digest) for key in self.keys for digest in self.lake.raw_files(key)]

    def payloads(self) -> list[bytes]:
        names = [name for key in self.keys for name in self.lake.quarantine_files(key)]
        return [item for name in names for item in self.lake.read_quarantine(name).column("payload").to_pylist()]

    def tokens(self) -> Counter[str]:
        """Tokens of all standard files, with the number of rows that have them."""
        found: Counter[str] = Counter()
        for file in (self.home / "lake" / "standard").rglob("*.parquet"):
            for row in pq.read_table(file).to_pylist():
                found.update({value for value in row.values() if isinstance(value, str) and TOKEN.fullmatch(value)})
        return found

    def loaded(self) -> dict[str, list[tuple[Any, ...]]]:
        return {name: found for name, found in contents(duck(self.home)).items() if not name.startswith("core.dim_")}

    def without(self, token: str) -> dict[str, list[tuple[Any, ...]]]:
        return {name: [row for row in found if token not in row] for name, found in self.loaded().items()}


def _town(runner: Runner, home: Path, **extra: str) -> Town:
    made = Town(runner, home)
    ended = made.opg("run", *(word for app in APPS for word in ("--app", app)), **extra)
    assert ended.code in {0, 1}, ended.out + ended.err
    return made


@pytest.fixture(scope="module")
def town(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Town:
    return _town(runner, tmp_path_factory.mktemp("erase") / "opg")


def test_one_person_is_erased_and_nobody_else(town: Town) -> None:
    seen = Counter(nik for body in town.bodies() for nik in set(NIK.findall(body)))
    assert seen, "no NIK came in, so nothing is tested"
    before, tokens = town.loaded(), town.tokens()
    chosen = None
    for nik, _ in seen.most_common():
        told = json.loads(
            town.opg("privacy", "erase", "--kind", "nik", "--why", "try", "--dry-run", "--json", typed=nik.decode()).out
        )
        if any(item["records"] for item in told["datasets"]):
            chosen = nik
            break
    assert chosen is not None
    meant = {(item["app"], item["dataset"]): item for item in told["datasets"]}
    assert town.loaded() == before, "looking changes nothing"
    assert any(chosen in body for body in town.bodies())

    refused = town.opg("privacy", "erase", "--kind", "nik", "--why", "17/2026", typed=chosen.decode())
    assert refused.code == 1
    assert "--yes" in refused.err
    assert town.tokens() == tokens

    ended = town.opg("privacy", "erase", "--kind", "nik", "--why", "17/2026", "--yes", typed=f"{chosen.decode()}\n")
    assert ended.code == 0, ended.out + ended.err
    assert chosen.decode() not in ended.out + ended.err
    person = Person("nik", chosen.decode())
    theirs = set().union(*(person.tokens(Pseudonymiser(bytes.fromhex(KEY)), app) for app in APPS))
    assert theirs & set(tokens)
    assert not theirs & set(town.tokens())
    assert not any(chosen in body for body in town.bodies())
    assert not any(chosen in payload for payload in town.payloads())
    after = town.loaded()
    kept = {name: [row for row in found if not theirs & set(row)] for name, found in before.items()}
    assert after == kept, "everybody else stays as they were"
    assert sum(map(len, before.values())) > sum(map(len, after.values()))

    log = json.loads(town.opg("privacy", "log", "--json").out)["erasures"]
    assert [(item["why"], item["records"]) for item in log] == [
        ("17/2026", sum(item["records"] for item in meant.values()))
    ]
    assert "17/2026" in town.opg("privacy", "log").out
    for file in (town.home / "lake" / "erasures").iterdir():
        assert chosen not in file.read_bytes()
        assert not any(token.encode() in file.read_bytes() for token in theirs)
    again = town.opg("privacy", "erase", "--kind", "nik", "--why", "17/2026", "--yes", typed=chosen.decode())
    assert again.code == 0
    assert "Nothing of this person" in again.out
    replayed = json.loads(town.opg("replay", "--json").out)["slices"]
    stuck = {(item["app"], item["dataset"]) for item in replayed if item["verdict"] == "unreadable"}
    assert stuck == {name for name, item in meant.items() if item["raw"]}, (
        "what lost an answer says so, and nothing else"
    )
    assert {item["verdict"] for item in replayed} <= {"equal", "unreadable"}


def test_by_a_token_alone(town: Town) -> None:
    token = next(iter(town.tokens()))
    kept = town.without(token)
    ended = town.opg("privacy", "erase", "--token", token, "--why", "18/2026", "--yes")
    assert ended.code == 0, ended.out + ended.err
    assert token not in town.tokens()
    assert town.loaded() == kept


@pytest.mark.parametrize(
    ("arguments", "typed", "message"),
    [
        (("--kind", "name"), "Budi Santoso", "others would be erased with them"),
        (("--kind", "nikk"), "1", "no identity 'nikk'"),
        (("--kind", "nik"), "12345", "What was given is no nik."),
        ((), "", "Say either --kind or --token."),
        (("--kind", "nik", "--token", "t1_a"), "", "Say either --kind or --token."),
    ],
)
def test_what_cannot_be_meant_is_refused(town: Town, arguments: tuple[str, ...], typed: str, message: str) -> None:
    ended = town.opg("privacy", "erase", "--why", "x", "--yes", *arguments, typed=typed)
    assert ended.code == 2
    assert message in ended.err.replace("\n", " ")
    assert not typed or typed not in ended.err


def test_another_key_makes_other_tokens_of_the_same_people(runner: Runner, tmp_path: Path) -> None:
    own = {"OPG_PSEUDONYM_KEY": "", "OPG_ARCHIVE_KEY": "3c" * 32}
    town = _town(runner, tmp_path / "opg", **own)
    key = town.home / "pseudonym.key"
    former, before, tokens = key.read_text(), town.loaded(), town.tokens()
    assert tokens

    name = next(name for item in town.keys for name in town.lake.raw_files(item).values())
    body = town.lake.read(name)
    town.lake.remove(name)
    stuck = town.opg("privacy", "rotate-key", **own)
    assert stuck.code == 1
    assert "cannot be made again" in stuck.err
    assert (key.read_text(), town.tokens()) == (former, tokens), "nothing was changed"
    town.lake.write(name, body)

    ended = town.opg("privacy", "rotate-key", "--json", **own)
    assert ended.code == 0, ended.out + ended.err
    told = json.loads(ended.out)
    assert told["made_key"]
    assert told["replaced"]
    assert key.read_text() != former
    assert key.stat().st_mode & 0o077 == 0
    assert not (town.home / "pseudonym.key.next").exists()
    for file in (town.home / "lake" / "quarantine").rglob("*.parquet"):
        assert all(item.startswith(b"OPG1") for item in pq.read_table(file).column("payload").to_pylist()), (
            "what is made again is sealed"
        )
    after = town.tokens()
    assert not set(after) & set(tokens), "no token of the former key is left"
    assert sorted(after.values()) == sorted(tokens.values()), "as many people, each with as many records"
    loaded = town.loaded()
    assert {name: len(found) for name, found in loaded.items()} == {name: len(found) for name, found in before.items()}
    assert not set(tokens) & {value for found in loaded.values() for row in found for value in row}

    arguments = [word for app in APPS for word in ("--app", app)]
    pulled = town.opg("run", "--full", *arguments, **own)
    assert pulled.code in {0, 1}
    assert town.loaded() == loaded, "the next pull knows everybody by the new key"
    assert rows(town.home, "select sum(updated) from ops.slice where revision = 0")[0][0] in {0, None}
