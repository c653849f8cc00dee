"""No planted NIK, family card, phone, e-mail, name, account or address is found behind the raw archive and the quarantine."""

from __future__ import annotations

import html
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from opg_pipeline.defs.deployment import dataset_key
from opg_pipeline.lake import Lake, LakeError
from opg_pipeline_tests.integration.conftest import ARCHIVE_KEY, TWELVE, City, Published, Sandbox
from opg_pipeline_tests.integration.planted import Scanner, files, texts_in, texts_of, told

SEALED = ("lake/raw/", "lake/quarantine/")
"""Where payloads lie, by design; without a key they can be read."""


@pytest.fixture(scope="session")
def scanner(sandbox: Sandbox) -> Scanner:
    return Scanner(sandbox.planted(TWELVE))


def test_the_scanner_finds_every_planted_value_in_the_raw_archive(
    city: City, sandbox: Sandbox, scanner: Scanner
) -> None:
    """Positive control: what the apps said is found, all of it, so that finding nothing elsewhere means something."""
    texts = []
    for ref in city.refs:
        key = dataset_key(ref)
        folder = Path(city.lake.root) / "raw" / key.folder
        for path in folder.glob("*.zst"):
            body = city.lake.raw(key, path.name.removesuffix(".zst"))
            texts += [(place, html.unescape(text)) for place, text in texts_in(body, ref.name)]
    found = scanner.scan(texts)
    missed = Counter(kind for kind, _ in scanner.wanted - set(found))
    assert not missed
    assert {kind for kind, _ in found} == {"nik", "kk", "phone", "email", "name", "account", "address"}


def test_the_scanner_finds_other_spellings(sandbox: Sandbox, scanner: Scanner) -> None:
    """A phone number abroad, a NIK in groups, a name in capitals, an address over two lines."""
    one = {item["kind"]: item["value"] for item in sandbox.planted(TWELVE)}
    digits = "".join(sign for sign in one["nik"] if sign.isdigit())
    end = "".join(sign for sign in one["phone"] if sign.isdigit())[-9:]
    for kind, text in (
        ("nik", f"{digits[:4]} {digits[4:8]}-{digits[8:12]}.{digits[12:]}"), ("phone", f"tel {end[:3]}-{end[3:6]} {end[6:]},"),
        ("name", f"({one['name'].upper()})"), ("address", one["address"].replace(" ", "  ", 1).lower()), ("email", f"<{one['email'].upper()}>"),
        ("account", ".".join(one["account"])),
    ):  # fmt: skip
        assert kind in {found for found, _ in scanner.scan([("here", text)])}, kind
    assert not scanner.scan([("here", digits[:-1]), ("here", one["name"].split()[0]), ("here", end[1:])])


def test_quarantine_without_a_key_is_where_payloads_are(city: City, scanner: Scanner) -> None:
    """Second control: the scan reads Parquet, so what is clean below is not clean for being packed."""
    home = Path(city.lake.root)
    texts = [item for name, path in files(home) if name.startswith("quarantine/") for item in texts_of(path, name)]
    assert {"nik", "name"} <= {kind for kind, _ in scanner.scan(texts)}


def test_nothing_personal_in_the_lake_or_the_log(city: City, scanner: Scanner) -> None:
    """Standard files, manifests, outcomes and what was logged at the most talkative level."""
    assert city.log, "the pull logged nothing, so nothing was looked at"
    home = city.deployment.settings.home
    looked = [(name, path) for name, path in files(home) if not name.startswith(SEALED)]
    assert {name.split("/")[1] for name, _ in looked if name.startswith("lake/")} >= {"standard", "outcomes", "slices"}
    texts = [("log", line) for line in city.log]
    texts += [item for name, path in looked for item in texts_of(path, name)]
    found = scanner.scan(texts)
    assert not told(found)


def test_nothing_personal_but_the_keys_beside_quarantined_payloads(city: City, scanner: Scanner) -> None:
    """What quarantine says of a value beside the payload (reason, field, what it looked like) holds nothing of it."""
    home = Path(city.lake.root)
    texts = []
    for name, path in files(home):
        if name.startswith("quarantine/"):
            table = pq.read_table(pa.BufferReader(path.read_bytes())).drop_columns(["payload"])
            texts += [
                (f"{name}:{column}", str(value)) for column in table.column_names for value in table[column].to_pylist()
            ]
    assert texts
    found = scanner.scan(texts)
    assert not told(found)


def test_the_whole_run_went_well(published: Published) -> None:
    assert published.returncode == 0, published.output[-2000:]
    assert len(published.datasets) == 12


def test_nothing_personal_anywhere_after_publish(published: Published, scanner: Scanner) -> None:
    """Every file of a whole run with a sealed archive: warehouse, published copy, open data, Dagster's storage, lake."""
    names = [name for name, _ in files(published.home)]
    assert "warehouse.duckdb" in names
    assert any(name.startswith("dagster/") and name.endswith(".db") for name in names)
    assert any("open_data" in name and name.endswith(".csv") for name in names)
    assert any(name.startswith("published/") and name.endswith(".duckdb") for name in names)
    texts = [("output", line) for line in published.output.split("\n")]
    texts += [item for name, path in files(published.home) for item in texts_of(path, name)]
    found = scanner.scan(texts)
    assert not told(found)


def test_the_warehouse_that_was_looked_at_is_filled(published: Published) -> None:
    """The scan of the warehouse looked at records: every category's table has some."""
    with duckdb.connect(str(published.home / "warehouse.duckdb"), read_only=True) as connection:
        tables = [
            row[0]
            for row in connection.execute(
                "select table_name from information_schema.tables where table_schema = 'core'"
            ).fetchall()
        ]
        facts = ("fiscal_entry", "service_case", "care_encounter", "sensor_reading", "contract_process", "document_record",
                 "indicator_observation", "service_request", "incident_event")  # fmt: skip
        assert set(facts) <= set(tables)
        for table in facts:
            row = connection.execute(f'select count(*) from core."{table}"').fetchone()
            assert row is not None
            assert row[0] > 50, table


def test_payloads_cannot_be_read_without_the_key(published: Published, scanner: Scanner) -> None:
    """Raw answers and quarantined payloads are sealed; with the key they are what they were."""
    root = str(published.home / "lake")
    locked, wrong, opened = Lake(root), Lake(root, bytes(32)), Lake(root, bytes.fromhex(ARCHIVE_KEY))
    texts = []
    for key in published.datasets:
        digests = [
            path.name.removesuffix(".zst") for path in (published.home / "lake" / "raw" / key.folder).glob("*.zst")
        ]
        assert digests
        for digest in digests:
            for shut in (locked, wrong):
                with pytest.raises(LakeError, match="OPG_ARCHIVE_KEY"):
                    shut.raw(key, digest)
            texts += list(texts_in(opened.raw(key, digest), key.folder))
        for name in opened.quarantine_files(key):
            for shut in (locked, wrong):
                with pytest.raises(LakeError, match="OPG_ARCHIVE_KEY"):
                    shut.read_quarantine(name)
            payloads = opened.read_quarantine(name)["payload"].to_pylist()
            assert all(payload[:1] in b'{"[' for payload in payloads), name
    assert len(scanner.scan(texts)) > 0.9 * len(scanner.wanted)
