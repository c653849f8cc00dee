"""What was loaded is what happened: every true record of the sandbox's ledger against the standard slice and the quarantine."""

from __future__ import annotations

import csv
import io
import json
import re
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from opg_pipeline.defs.deployment import dataset_key
from opg_pipeline_tests.integration.conftest import TWELVE, City, Loaded, Sandbox
from opg_pipeline_tests.integration.expectations import APPS, App, Held, Kept, Truth, unplaced

every_app = pytest.mark.parametrize("app", APPS)


def by_record(app: str, city: City) -> tuple[dict[str, list[dict[str, Any]]], dict[str, list[dict[str, Any]]]]:
    """Standard rows and quarantine rows by the source's identifier."""
    loaded = city.loaded[app]
    standard: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in loaded.rows:
        standard[row["source_record_id"]].append(row)
    waiting: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in loaded.waiting:
        waiting[waiting_id(app, row["payload"])].append(row)
    return standard, waiting


def waiting_id(app: str, payload: str) -> str:
    """The identifier in a quarantined payload, which may be a piece of a broken line."""
    try:
        record = json.loads(payload)
    except json.JSONDecodeError:
        record = payload
    if isinstance(record, str):
        found = re.search(r'"id": ?"([^"]+)"', record)
        assert found is not None, "a quarantined line names no record"
        return found[1]
    if app == "sispan_sismon":
        return f"{record['Tahun']}|{record['Periode']}|{record['Indikator / Kode']}"
    value = record[APPS[app].key]
    return str(value["#text"] if isinstance(value, dict) else value)


def standard_id(app: str, truth: Truth, city: City) -> str:
    """The identifier of a true record in the standard: a token where the identifier is personal."""
    if app == "e_puskesmas":
        return city.deployment.tokens.token(f"identifier:{app}", truth["record_id"])
    return APPS[app].uid(truth)


def delivered(app: str, sandbox: Sandbox) -> dict[str, Mapping[str, Any]]:
    """What the source delivered of the apps whose deliveries do not always say where, by identifier."""
    if app == "wizztara":
        request = urllib.request.Request(
            f"{sandbox.url}/wizztara/export.ndjson", headers={"X-Wizztara-Key": sandbox.keys["WIZZTARA_KEY"]}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        return {record["id"]: record for record in (json.loads(line) for line in lines if line.endswith("}"))}
    if app == "sapa_bupati":
        with urllib.request.urlopen(f"{sandbox.url}/sapa_bupati/pub?output=csv", timeout=60) as answer:
            rows = list(csv.reader(io.StringIO(answer.read().decode(), newline="")))
        return {row["No"]: row for row in (dict(zip(rows[1], row, strict=True)) for row in rows[2:])}
    return {}


def expected(declared: App, truth: Truth) -> Held | Kept:
    if truth["defect"] is not None:
        return declared.defects[truth["defect"]]
    return declared.waits(truth) or Kept()


@pytest.fixture
def pulled(app: str, city: City) -> Loaded:
    loaded = city.loaded[app]
    outcome = loaded.outcome
    assert outcome.outcome.good, f"{app}: {outcome.outcome.value}. {outcome.message} {outcome.hint}"
    return loaded


def test_every_app_of_the_sandbox_is_compared(city: City) -> None:
    assert set(APPS) == set(TWELVE) == {ref.app.id for ref in city.refs} == set(city.loaded)


@every_app
def test_nothing_is_lost(app: str, pulled: Loaded, city: City, sandbox: Sandbox) -> None:
    """Every delivered row is a standard row or a quarantined record, once, and the manifest's counts are those of its files."""
    truths = sandbox.ledger(app)
    assert pulled.manifest is not None
    refused = {row["slice_row"] for row in pulled.waiting if row["scope"] == "record"}
    taken = [row["slice_row"] for row in pulled.rows]
    rows = sum(truth["delivered"] for truth in truths)
    assert len(taken) == len(set(taken))
    assert not refused & set(taken)
    assert len(taken) + len(refused) == rows
    assert sorted(refused | set(taken)) == list(range(rows))
    manifest, outcome = pulled.manifest, pulled.outcome
    assert (manifest.records, manifest.accepted, manifest.quarantined, manifest.skipped) == (
        rows,
        len(taken),
        len(refused),
        APPS[app].skipped,
    )
    assert (outcome.records, outcome.accepted, outcome.quarantined, outcome.skipped) == (
        rows,
        len(taken),
        len(refused),
        APPS[app].skipped,
    )
    assert (
        manifest.values_quarantined
        == outcome.values_quarantined
        == sum(row["scope"] == "value" for row in pulled.waiting)
    )
    counted = Counter((row["scope"], row["reason"], row["rule"], row["field"]) for row in pulled.waiting)
    assert {tuple(item[:4]): item[4] for item in manifest.waiting} == counted


@every_app
def test_every_record_is_where_it_belongs(app: str, pulled: Loaded, city: City, sandbox: Sandbox) -> None:
    """Record by record: as many rows as were delivered, in the standard or in quarantine with a fitting reason, and no others."""
    standard, waiting = by_record(app, city)
    declared = APPS[app]
    wrong: list[str] = []
    known = set()
    for truth in sandbox.ledger(app):
        uid = standard_id(app, truth, city)
        known.add(uid)
        rows, reasons = standard.get(uid, []), waiting.get(declared.uid(truth), [])
        want = expected(declared, truth)
        told = f"{truth['record_id']} ({truth['defect']})"
        if isinstance(want, Held):
            found = {(row["reason"], row["field"]) for row in reasons if row["scope"] == "record"}
            places = {row["slice_row"] for row in reasons if row["scope"] == "record"}
            if rows or len(places) != truth["delivered"] or not found & want.reasons:
                wrong.append(
                    f"{told} should wait for {sorted(want.reasons)}: {len(rows)} rows, waits for {sorted(found)}"
                )
            continue
        if len(rows) != truth["delivered"] or any(row["scope"] == "record" for row in reasons):
            wrong.append(
                f"{told} should be loaded {truth['delivered']} times: {len(rows)} rows, waits for {[row['reason'] for row in reasons]}"
            )
        values = {(row["field"], row["reason"]) for row in reasons if row["scope"] == "value"}
        if {name for name, _ in values} != set(want.without) or not {reason for _, reason in values} <= want.reasons:
            wrong.append(f"{told} should be loaded without {want.without}: {sorted(values)}")
    assert not wrong, _several(wrong)
    assert set(standard) <= known


@every_app
def test_every_value_is_the_true_one(app: str, pulled: Loaded, city: City, sandbox: Sandbox) -> None:
    """Amounts, instants, states, places, sexes: equal to the ledger; what the declaration cannot know is null and flagged."""
    standard, _ = by_record(app, city)
    declared, shown = APPS[app], delivered(app, sandbox)
    wrong: list[str] = []
    compared = 0
    for truth in sandbox.ledger(app):
        want = expected(declared, truth)
        if isinstance(want, Held):
            continue
        for row in standard[standard_id(app, truth, city)][-1:]:
            flags = set(json.loads(row["quality_flags"]))
            missing = (
                unplaced(app, truth, shown.get(truth["record_id"], {})) if shown and truth["defect"] is None else None
            )
            allowed = set(want.flags) | ({missing} if missing else set())
            if (want.flags and not flags & want.flags) or not flags - {"PERSONAL_DATA_REDACTED"} <= allowed:
                wrong.append(f"{truth['record_id']} ({truth['defect']}): flags {sorted(flags)}, not {sorted(allowed)}")
            for column, true in declared.values.items():
                if column in want.unlike:
                    continue
                value = true(truth) if not (column == "region_code" and missing is not None) else None
                compared += 1
                if row[column] != value:
                    wrong.append(
                        f"{truth['record_id']} ({truth['defect']}): {column} is {row[column]!r}, not {value!r}"
                    )
            wrong += [
                f"{truth['record_id']}: {column} is not null" for column in want.without if row[column] is not None
            ]
    assert not wrong, _several(wrong)
    assert compared > 0


@every_app
def test_a_doubtful_place_is_never_another_place(app: str, pulled: Loaded, city: City, sandbox: Sandbox) -> None:
    """Where a name is misspelt or unknown, the place is the true village, its district, or none."""
    standard, _ = by_record(app, city)
    for truth in sandbox.ledger(app):
        for row in standard.get(standard_id(app, truth, city), []):
            flags = json.loads(row["quality_flags"])
            assert row["region_code"] in {truth["village"], truth["district"], None, "35.22"}, truth["record_id"]
            if "REGION_VILLAGE_UNRESOLVED" in flags:
                assert (row["region_code"], row["region_level"]) == (truth["district"], "district")
            if "REGION_UNRESOLVED" in flags:
                assert (row["region_code"], row["region_match"]) == (None, "none")
            if "REGION_FUZZY" in flags:
                assert row["region_match"] == "fuzzy"
                assert 0 < row["region_score"] < 100


@pytest.mark.parametrize("app", [app for app, declared in APPS.items() if declared.tokens])
def test_tokens_tell_identities_apart(app: str, pulled: Loaded, city: City, sandbox: Sandbox) -> None:
    """One identity, one token, whatever way it is written; two identities, two tokens."""
    standard, _ = by_record(app, city)
    declared = APPS[app]
    for column, identity in declared.tokens.items():
        pairs = set()
        for truth in sandbox.ledger(app):
            want = expected(declared, truth)
            if isinstance(want, Kept) and column not in want.unlike:
                pairs |= {(identity(truth), row[column]) for row in standard[standard_id(app, truth, city)]}
        assert len(pairs) > 10
        assert all(re.fullmatch(r"t1_[a-z2-7]{26}", token or "") for _, token in pairs), column
        assert len({identity for identity, _ in pairs}) == len({token for _, token in pairs}) == len(pairs), column


def test_one_person_has_one_token_in_every_app(city: City, sandbox: Sandbox) -> None:
    tokens: dict[str, set[str]] = defaultdict(set)
    apps: dict[str, set[str]] = defaultdict(set)
    for app, column, who in (
        ("e_pbb", "payer_key", "payer"), ("e_bphtb", "payer_key", "payer"), ("si_nduk", "applicant_key", "applicant"),
        ("e_puskesmas", "patient_key", "patient"),
    ):  # fmt: skip
        standard, _ = by_record(app, city)
        for truth in sandbox.ledger(app):
            for row in standard.get(standard_id(app, truth, city), []):
                if row[column] is not None:
                    tokens[truth[who]["nik"]].add(row[column])
                    apps[truth[who]["nik"]].add(app)
    assert sum(len(found) > 1 for found in apps.values()) > 100
    assert {len(found) for found in tokens.values()} == {1}


def test_a_payment_delivered_twice_is_the_same_record_twice(city: City, sandbox: Sandbox) -> None:
    """The key makes one of the two in the warehouse: same identity, same content."""
    standard, _ = by_record("e_pbb", city)
    twice = [truth for truth in sandbox.ledger("e_pbb") if truth["delivered"] == 2]
    assert len(twice) == 12
    for truth in twice:
        assert len({(row["record_uid"], row["row_hash"]) for row in standard[truth["record_id"]]}) == 1


def test_the_later_article_of_a_guid_is_the_edited_one(city: City, sandbox: Sandbox) -> None:
    standard, _ = by_record("portal_berita", city)
    edited = [truth for truth in sandbox.ledger("portal_berita") if truth["edited"]]
    assert len(edited) == 12
    for truth in edited:
        first, last = standard[truth["record_id"]]
        assert (first["title"], last["title"]) == (truth["first_title"], truth["title"])
        assert first["record_uid"] == last["record_uid"]
        assert first["slice_row"] < last["slice_row"]


@pytest.mark.parametrize(("app", "who"), [("wizztara", "sender"), ("sapa_bupati", "speaker")])
def test_words_that_are_not_personal_stay(app: str, who: str, pulled: Loaded, city: City, sandbox: Sandbox) -> None:
    """A text in which nobody names anybody is loaded as it was written."""
    standard, _ = by_record(app, city)
    untouched = 0
    for truth in sandbox.ledger(app):
        for row in standard.get(standard_id(app, truth, city), []):
            own = {part for part in truth[who]["name"].casefold().split() if len(part) >= 4}
            if not truth["mentions"] and not own & set(re.findall(r"\w+", truth["text"].casefold())):
                assert row["description"] == truth["text"].strip(), truth["record_id"]
                untouched += 1
    assert untouched > 10


@pytest.mark.parametrize("app", ["wizztara", "sapa_bupati"])
def test_what_people_say_of_themselves_is_gone(app: str, pulled: Loaded, city: City, sandbox: Sandbox) -> None:
    """No NIK, phone, name, address, account or e-mail that a speaker mentions is left in the text."""
    standard, _ = by_record(app, city)
    left: Counter[str] = Counter()
    mentioned = 0
    for truth in sandbox.ledger(app):
        for row in standard.get(standard_id(app, truth, city), []):
            mentioned += len(truth["mentions"])
            left.update(kind for kind, value in truth["mentions"] if value.casefold() in row["description"].casefold())
    assert mentioned > 5
    assert not left


def test_the_raw_archive_holds_every_answer(city: City, sandbox: Sandbox) -> None:
    """Each archived body is the one its digest says, and a slice names all of its pages."""
    for ref in city.refs:
        manifest = city.loaded[ref.app.id].manifest
        assert manifest is not None, ref.name
        bodies = [city.lake.raw(dataset_key(ref), raw.sha256) for raw in manifest.raw]
        assert bodies
        assert [len(body) for body in bodies] == [raw.bytes for raw in manifest.raw]
        assert {row["raw_sha256"] for row in city.loaded[ref.app.id].rows} <= {raw.sha256 for raw in manifest.raw}
        for raw in manifest.raw:
            assert not any(secret in raw.url for secret in sandbox.keys.values())


def _several(wrong: Iterable[str]) -> str:
    told = list(wrong)
    return f"{len(told)} differences:\n" + "\n".join(told[:12])
