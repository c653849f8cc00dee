"""The lake: whole files or none, slices that exist by their manifest, and what is sealed with a key."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from opg_pipeline.lake import QUARANTINE_SCHEMA, DatasetKey, Lake, LakeError, standard_schema
from opg_pipeline.model.catalog import load_catalog
from opg_pipeline.model.category import Category
from opg_pipeline.model.handover import Outcome, OutcomeRecord, RawRef, SliceManifest

KEY = DatasetKey("town", "kios", "requests")
SCHEMA = pa.schema([pa.field("record_uid", pa.string()), pa.field("n", pa.int64())])
ROWS = pa.table({"record_uid": ["a", "b"], "n": [1, 2]}, schema=SCHEMA)
WAITING = pa.Table.from_pylist(
    [{"record_uid": "c", "scope": "record", "reason": "bad_date", "rule": "", "field": "on", "value_class": "text",
      "raw_sha256": "x", "slice_row": 2, "payload": b'{"nama": "Budi"}'}],
    schema=QUARANTINE_SCHEMA,
)  # fmt: skip


def manifest(slice_id: str, standard: list[str], quarantine: list[str]) -> SliceManifest:
    return SliceManifest(
        slice_id=slice_id, run_id="r", city="town", app="kios", dataset="requests", category="service_request", nature="event",
        committed_at=datetime.now(UTC), outcome=Outcome.NEW_RECORDS, records=3, accepted=2, quarantined=1, values_quarantined=0, skipped=0,
        waiting=[("record", "bad_date", "", "on", 1)], standard=standard, quarantine=quarantine, raw=[], cursor="2026-01-01T00:00:00+00:00",
        validators={"etag": "x"}, complete=True, declaration_hash="h",
    )  # fmt: skip


def store(lake: Lake, body: bytes) -> str:
    return lake.store_raw(KEY, body, url="http://x/y", method="GET", status=200, content_type="text/plain").sha256


def test_raw_comes_back_byte_for_byte_and_is_kept_once(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    body = bytes(range(256)) * 100
    digest = store(lake, body)
    assert store(lake, body) == digest
    assert lake.raw(KEY, digest) == body
    assert len(list(tmp_path.rglob("*.zst"))) == 1


def test_damaged_raw_is_told(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    digest = store(lake, b"first")
    other = store(lake, b"second")
    files = {path.stem: path for path in tmp_path.rglob("*.zst")}
    files[digest].write_bytes(files[other].read_bytes())
    with pytest.raises(LakeError, match="damaged"):
        lake.raw(KEY, digest)


def test_a_slice_exists_from_its_commit_on(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    writer = lake.new_slice(KEY, SCHEMA)
    writer.add(ROWS)
    writer.add_quarantine(WAITING)
    standard, quarantine = writer.flush()
    assert lake.slice_ids(KEY) == [], "files alone are no slice"
    assert lake.latest(KEY) is None
    made = manifest(writer.slice_id, standard, quarantine)
    writer.commit(made)
    assert lake.slice_ids(KEY) == [writer.slice_id]
    assert lake.latest(KEY) == made
    assert pa.concat_tables(lake.read_standard(made)).to_pylist() == ROWS.to_pylist()
    assert lake.waiting_uids(made) == ["c"]
    assert not list(tmp_path.rglob("*.partial"))


def test_the_parameters_of_a_request_come_back_with_its_answer(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    writer = lake.new_slice(KEY, SCHEMA)
    at = datetime.now(UTC)
    made = manifest(writer.slice_id, [], [])
    made.raw = [
        RawRef("a" * 64, 1, "http://x/y", "GET", 200, at, lists="kode"),
        RawRef("b" * 64, 1, "http://x/y", "GET", 200, at, params={"kode": "35.22", "tahun": 2024, "nik": None}),
    ]
    writer.commit(made)
    assert lake.manifest(KEY, writer.slice_id) == made


def test_slices_are_in_order_of_time(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    ids = []
    for _ in range(5):
        writer = lake.new_slice(KEY, SCHEMA)
        writer.commit(manifest(writer.slice_id, [], []))
        ids.append(writer.slice_id)
    assert lake.slice_ids(KEY) == ids
    assert lake.latest(KEY) is not None


def test_an_abandoned_slice_leaves_nothing(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    writer = lake.new_slice(KEY, SCHEMA)
    writer.add(ROWS)
    writer.abandon()
    assert writer.flush() == ([], [])
    assert not list(tmp_path.rglob("*.parquet"))


def test_raw_and_quarantine_are_sealed_with_a_key(tmp_path: Path) -> None:
    key = bytes(range(32))
    lake = Lake(str(tmp_path), key)
    digest = store(lake, b"nama: Budi Santoso")
    name = lake.write_quarantine(KEY, "q", WAITING)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"Budi" in path.read_bytes()]
    assert lake.raw(KEY, digest) == b"nama: Budi Santoso"
    assert lake.read_quarantine(name).column("payload").to_pylist() == [b'{"nama": "Budi"}']
    with pytest.raises(LakeError, match="Set OPG_ARCHIVE_KEY"):
        Lake(str(tmp_path)).raw(KEY, digest)
    with pytest.raises(LakeError, match="another key"):
        Lake(str(tmp_path), bytes(32)).read_quarantine(name)


def test_files_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    store(lake, b"x")
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.rglob("*.zst")} == {"0o600"}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    with pytest.raises(LakeError, match=r"no file slices/town/kios/requests/x\.json"):
        lake.manifest(KEY, "x")
    assert lake.outcome_runs("town") == []
    assert lake.quarantine_files(KEY) == []


def test_outcomes_come_back(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    record = OutcomeRecord(
        "run1",
        "town",
        "kios",
        "requests",
        "service_request",
        Outcome.MALFORMED,
        datetime.now(UTC),
        datetime.now(UTC),
        "what",
        "fix",
    )
    lake.put_outcome(record)
    assert lake.outcome_runs("town") == ["run1"]
    assert lake.outcomes("town", "run1") == [record]


def test_an_object_store_works_alike() -> None:
    lake = Lake("memory://opg-test")
    digest = store(lake, b"x" * 1000)
    assert lake.raw(KEY, digest) == b"x" * 1000
    writer = lake.new_slice(KEY, SCHEMA)
    writer.add(ROWS)
    standard, quarantine = writer.flush()
    made = manifest(writer.slice_id, standard, quarantine)
    writer.commit(made)
    assert lake.latest(KEY) == made
    assert pa.concat_tables(lake.read_standard(made)).num_rows == 2


@pytest.mark.parametrize("category", load_catalog().categories.values(), ids=lambda item: item.id)
def test_standard_schema_holds_what_is_stored(category: Category) -> None:
    names = standard_schema(category).names
    assert len(names) == len(set(names))
    assert not {item.name for item in category.fields if item.privacy == "direct"} & set(names)
    assert {item.name for item in category.stored_fields} <= set(names)


def test_a_look_at_source_records_is_noted_and_notes_are_only_added(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    first = lake.log_access("entry 1 of town/kios/requests", "a citizen asked", who="rina")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    second = lake.log_access("entry 2 of town/kios/requests", "the same")
    assert lake.accesses() == [first, second]
    assert (first.who, first.why) == ("rina", "a citizen asked")
    assert second.who, "the user of the operating system"
    assert {path: path.read_bytes() for path in before} == before


def test_the_last_decision_about_an_entry_is_kept_with_those_before(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.decide(KEY, "dismiss", ["e1", "e2"], "test data of the vendor")
    lake.decide(KEY, "reopen", ["e2"], "it was none")
    assert [(item.action, item.entries, item.why) for item in lake.decisions(KEY)] == [
        ("dismiss", ("e1", "e2"), "test data of the vendor"),
        ("reopen", ("e2",), "it was none"),
    ]
    assert lake.decisions(DatasetKey("town", "kios", "other")) == []


def test_a_repair_is_not_the_latest_pull(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    pull, repair = lake.new_slice(KEY, SCHEMA), lake.new_slice(KEY, SCHEMA)
    pull.commit(manifest(pull.slice_id, [], []))
    repair.commit(replace(manifest(repair.slice_id, [], []), repairs=["e1"], cursor=None))
    latest = lake.latest(KEY)
    assert latest is not None
    assert latest.slice_id == pull.slice_id, "its position is where the next pull goes on"
    assert lake.slice_ids(KEY) == [pull.slice_id, repair.slice_id]


def test_a_manifest_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    writer = lake.new_slice(KEY, SCHEMA)
    writer.commit(manifest(writer.slice_id, [], []))
    path = next(tmp_path.rglob("slices/**/*.json"))
    old = {name: value for name, value in json.loads(path.read_text()).items() if name not in {"repairs", "revision"}}
    path.write_text(json.dumps(old))
    assert lake.manifest(KEY, writer.slice_id).revision == 0


def test_a_removed_file_is_gone_and_may_be_removed_again(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    name = lake.write_quarantine(KEY, "q", WAITING)
    assert [found for found, _ in lake.quarantine_tables(KEY)] == [name]
    lake.remove(name)
    lake.remove(name)
    assert lake.quarantine_files(KEY) == []


def test_what_killed_writers_left_is_swept_when_it_is_old_and_nothing_else(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    digest = store(lake, b"whole")
    folder = Path(lake.path(lake.raw_files(KEY)[digest])).parent
    old, young = folder / "x.zst.00000000.partial", folder / "y.zst.11111111.partial"
    for file in (old, young):
        file.write_bytes(b"nama: Budi")
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    os.utime(old, (0, 0))
    os.utime(lake.path(lake.raw_files(KEY)[digest]), (0, 0))
    assert lake.sweep(an_hour_ago) == 1
    assert not old.exists()
    assert young.exists(), "somebody may be writing it"
    assert lake.raw(KEY, digest) == b"whole"
    assert lake.sweep(an_hour_ago) == 0
