"""Records as a whole: keys, required and optional values, paths, skipped and repeated rows, the envelope, nothing lost."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opg_pipeline.lake import QUARANTINE_SCHEMA, standard_schema
from opg_pipeline.normalise import REASONS, Normaliser
from opg_pipeline_tests.normalise.build import EVENT, PULLED, TOKENS, category, field, normaliser, page, reference, run

THING = category(
    field("title", required=True),
    field("status", "enum", values=["open", "closed"], required=True),
    field("happened", "timestamp", required=True),
    field("closed_at", "timestamp", required_unless={"status": ["open"]}),
    field("cost", "decimal(18,2)"),
    field("lat", "decimal(9,6)", "quasi", min=-11, max=6),
    event_time="happened",
)
FIELDS: dict[str, Any] = {
    "title": "judul", "status": {"from": "st", "map": {"B": "open", "S": "closed"}}, "happened": "tgl", "closed_at": "selesai",
    "cost": {"from": "biaya", "parse": "rupiah"}, "lat": "lat",
}  # fmt: skip
GOOD = {
    "id": "7",
    "judul": "Jalan",
    "st": "B",
    "tgl": "31/01/2024 23:30",
    "selesai": None,
    "biaya": "Rp 1.000",
    "lat": -7.1,
}


def reasons_of(done: Any) -> list[tuple[Any, ...]]:
    names = ("slice_row", "scope", "field", "reason")
    return list(zip(*(done.rejected[name].to_pylist() for name in names), strict=True))


def test_a_good_record_and_its_envelope() -> None:
    done = run(reference(THING, FIELDS), [GOOD])
    assert done.accepted.schema == standard_schema(THING)
    assert done.rejected.schema == QUARANTINE_SCHEMA
    done.accepted.validate(full=True)
    record = done.accepted.to_pylist()[0]
    assert len(record.pop("row_hash")) == 32
    assert record == {
        "record_uid": hashlib.sha256(b"bojonegoro|demo|things|7").hexdigest()[:32], "city_id": "bojonegoro", "source_app": "demo",
        "source_dataset": "things", "source_record_id": "7", "agency_id": "diskominfo", "urusan_code": "2.16", "region_code": None,
        "region_level": None, "region_match": "none", "region_score": None, "event_at": datetime(2024, 1, 31, 16, 30, tzinfo=UTC),
        "event_on": date(2024, 1, 31), "reported_at": None, "ingested_at": PULLED, "quality_flags": "[]", "lineage_batch_id": "s1",
        "raw_sha256": "0" * 64, "title": "Jalan", "status": "open", "happened": datetime(2024, 1, 31, 16, 30, tzinfo=UTC), "closed_at": None,
        "cost": Decimal("1000.00"), "lat": Decimal("-7.100000"), "slice_row": 0,
    }  # fmt: skip


def test_a_bad_value_costs_the_record_where_it_is_needed_and_only_itself_where_not() -> None:
    done = run(
        reference(THING, FIELDS),
        [
            {**GOOD, "id": "1", "tgl": "31/02/2024 00:00"},
            {**GOOD, "id": "2", "biaya": "banyak", "lat": 111.9},
            {**GOOD, "id": "3", "judul": "  "},
            {**GOOD, "id": "4", "st": "?", "judul": None},
            {**GOOD, "id": "5"},
            {**GOOD, "id": " "},
            {**GOOD, "id": "8", "st": "S"},
            {**GOOD, "id": "9", "st": "S", "selesai": "kapan"},
            {**GOOD, "id": "10", "selesai": "kapan"},
            "no record",
            None,
        ],
    )
    assert reasons_of(done) == [
        (0, "record", "happened", "bad_date"),
        (1, "value", "cost", "bad_number"),
        (1, "value", "lat", "out_of_range"),
        (2, "record", "title", "required_missing"),
        (3, "record", "title", "required_missing"),
        (3, "record", "status", "unmapped_value"),
        (5, "record", "id", "key_missing"),
        (6, "record", "closed_at", "required_missing"),
        (7, "record", "closed_at", "bad_date"),
        (8, "value", "closed_at", "bad_date"),
        (9, "record", "", "bad_record"),
        (10, "record", "", "bad_record"),
    ]
    assert (done.records, done.records_rejected, done.values_rejected) == (11, 8, 3)
    assert done.accepted["source_record_id"].to_pylist() == ["2", "5", "10"]
    assert done.accepted["cost"].to_pylist()[0] is None
    assert done.accepted["lat"].to_pylist()[0] is None
    assert done.accepted["quality_flags"].to_pylist() == [
        '["REJECTED_COST","REJECTED_LAT"]',
        "[]",
        '["REJECTED_CLOSED_AT"]',
    ]
    assert done.flags == {"REJECTED_COST": 1, "REJECTED_LAT": 1, "REJECTED_CLOSED_AT": 1}
    payloads = [orjson.loads(item) for item in done.rejected["payload"].to_pylist()]
    assert payloads[0]["tgl"] == "31/02/2024 00:00"
    assert payloads[-2:] == ["no record", None]
    uids = done.rejected["record_uid"].to_pylist()
    assert uids[0] == hashlib.sha256(b"bojonegoro|demo|things|1").hexdigest()[:32]
    assert uids[6] is None
    assert done.rejected["value_class"].to_pylist()[:4] == ["99/99/9999 99:99", "aaa…", "999.9", "empty"]
    assert done.rejected["rule"].to_pylist()[:4] == ["date", "rupiah", "number", "required"]
    assert set(done.rejected["reason"].to_pylist()) <= set(REASONS)


def test_a_bad_value_in_a_field_of_the_key_costs_the_record() -> None:
    thing = category(field("year", "integer"), field("number", "integer"))
    ref = reference(thing, {**EVENT, "year": "th", "number": "no"}, key=["th", "no"])
    done = run(
        ref,
        [
            {"th": "2024", "no": "1"},
            {"th": "2024", "no": "x"},
            {"th": None, "no": 2},
            {"th": "2024|1", "no": 2.0},
            {"th": 2024, "no": [1]},
        ],
    )
    assert done.accepted["source_record_id"].to_pylist() == ["2024|1"]
    assert [row[1:] for row in reasons_of(done)] == [
        ("record", "number", "bad_number"),
        ("record", "th", "key_missing"),
        ("record", "year", "bad_number"),
        ("record", "number", "bad_number"),
    ]


def test_parts_of_a_key_cannot_be_confused() -> None:
    thing = category(field("name"))
    done = run(
        reference(thing, {**EVENT, "name": "a"}, key=["a", "b"]),
        [{"a": "x|y", "b": "z"}, {"a": "x", "b": "y|z"}, {"a": "x\\", "b": "z"}],
    )
    assert done.accepted["source_record_id"].to_pylist() == ["x\\|y|z", "x|y\\|z", "x\\\\|z"]
    assert len(set(done.accepted["record_uid"].to_pylist())) == 3


def test_paths_of_every_kind() -> None:
    thing = category(
        field("deep"),
        field("first"),
        field("last"),
        field("above"),
        field("higher"),
        field("whole"),
        field("attribute"),
        field("dotted"),
    )
    ref = reference(
        thing,
        {
            **EVENT,
            "deep": "a.b.c",
            "first": "l[0]",
            "last": "l[-1]",
            "above": "^.n",
            "higher": "^^.n",
            "whole": "/meta.v",
            "attribute": "@id",
            "dotted": "'x.y'",
        },
    )
    records = [
        {"id": 1, "a": {"b": {"c": "C"}}, "l": ["f", "m", "z"], "@id": "A", "x.y": "D"},
        {"id": 2, "a": {"b": "text"}, "l": []},
        {"id": 3, "a": None, "l": "zz"},
    ]
    done = run(
        ref,
        page(records[:2], 0, [({"n": "up"}, {"n": "top"}), ({"n": "up2"},)], {"meta": {"v": "doc"}}),
        page(records[2:], 1, None, {"meta": {"v": "other"}}),
    )
    rows = [
        tuple(
            done.accepted[name][row].as_py()
            for name in ("deep", "first", "last", "above", "higher", "whole", "attribute", "dotted")
        )
        for row in range(3)
    ]
    assert rows == [
        ("C", "f", "z", "up", "top", "doc", "A", "D"),
        (None, None, None, "up2", None, "doc", None, None),
        (None,) * 5 + ("other", None, None),
    ]
    assert done.accepted["raw_sha256"].to_pylist() == ["0" * 64, "0" * 64, f"{1:064x}"]


def test_positional_rows_joined_first_of_and_constants() -> None:
    thing = category(
        field("name"),
        field("other"),
        field("kind", "enum", values=["k"]),
        field("when", "timestamp"),
        field("count", "integer"),
    )
    fields = {
        **EVENT, "name": {"from": ["[1]", "[2]"]}, "other": {"first_of": ["[2]", "[1]"]}, "kind": {"const": "k"},
        "when": {"from": ["[3]", "[4]"]}, "count": {"const": 3},
    }  # fmt: skip
    done = run(
        reference(thing, fields, key=["[0]"]), [[1, "a", "-", "31/01/2024", "07:30"], [2, " ", "b", None, None], [3]]
    )
    assert done.accepted["name"].to_pylist() == ["a", "b", None]
    assert done.accepted["other"].to_pylist() == ["a", "b", None]
    assert done.accepted["kind"].to_pylist() == ["k"] * 3
    assert done.accepted["count"].to_pylist() == [3] * 3
    assert done.accepted["when"].to_pylist() == [datetime(2024, 1, 31, 0, 30, tzinfo=UTC), None, None]


def test_scale_skip_and_fill_down() -> None:
    thing = category(field("amount", "decimal(18,2)"), field("district"))
    ref = reference(
        thing, {**EVENT, "amount": {"from": "n", "scale": {"from": "satuan", "map": {"ribu": 1000, "rupiah": 1, "sen": 0.01}}}, "district": "kec"},
        skip={"id": ["Jumlah", "99"]}, fill_down=["kec"],
    )  # fmt: skip
    done = run(
        ref,
        [
            {"id": "1", "kec": "Dander", "n": "1,5", "satuan": "ribu"},
            {"id": " Jumlah ", "kec": "Semua", "n": "9"},
            {"id": "2", "kec": " ", "n": 250, "satuan": "sen"},
            {"id": "3", "kec": None, "n": 5, "satuan": "gros"},
            {"id": 99},
            {"id": "4", "kec": "Kapas", "n": None},
        ],
        [{"id": "5", "kec": "", "n": "1", "satuan": "rupiah"}],
    )
    assert done.skipped == 2
    assert done.records == 5
    assert done.accepted["amount"].to_pylist() == [Decimal(1500), Decimal("2.5"), None, None, Decimal(1)]
    assert done.accepted["district"].to_pylist() == ["Dander", "Dander", "Dander", "Kapas", None]
    assert [row[1:] for row in reasons_of(done)] == [("value", "amount", "unmapped_factor")]


def test_agency_event_and_report_from_the_record() -> None:
    thing = category(field("name"))
    fields = {
        "name": "id", "event_at": {"from": "d", "parse": "date"}, "reported_at": {"from": "r", "format": "iso"},
        "agency_id": {"from": "opd", "map": {"BAPENDA": "bapenda"}},
    }  # fmt: skip
    rows = [
        {"id": 1, "d": "31/01/2024", "r": "2024-02-01T00:00:00Z", "opd": "BAPENDA"},
        {"id": 2, "d": "31/01/2024"},
        {"id": 3, "d": "31/01/2024", "opd": "X"},
        {"id": 4},
    ]
    done = run(reference(thing, fields), rows)
    assert done.accepted["agency_id"].to_pylist() == ["bapenda", "diskominfo"]
    assert done.accepted["event_at"][0].as_py() == datetime(2024, 1, 30, 17, tzinfo=UTC)
    assert done.accepted["event_on"][0].as_py() == date(2024, 1, 31)
    assert done.accepted["reported_at"].to_pylist() == [datetime(2024, 2, 1, tzinfo=UTC), None]
    assert [row[1:] for row in reasons_of(done)] == [
        ("record", "agency_id", "unmapped_value"),
        ("record", "event_at", "required_missing"),
    ]
    unknown = run(reference(thing, {**fields, "agency_id": "opd"}), [{**rows[0], "opd": "bappeda"}])
    assert reasons_of(unknown) == [(0, "record", "agency_id", "not_permitted")]


def test_a_date_field_as_event_time() -> None:
    thing = category(field("posted_on", "date", required=True), event_time="posted_on")
    done = run(reference(thing, {"posted_on": "tgl"}), [{"id": 1, "tgl": "01/03/2024"}])
    assert done.accepted["event_at"][0].as_py() == datetime(2024, 2, 29, 17, tzinfo=UTC)
    assert done.accepted["event_on"][0].as_py() == date(2024, 3, 1)


def test_prefer_first_keeps_the_first_good_one_over_all_batches() -> None:
    ref = reference(THING, FIELDS, prefer="first")
    worker = normaliser(ref)
    first = worker.normalise([page([{**GOOD, "judul": None}, {**GOOD, "judul": "A"}, {**GOOD, "judul": "B"}])])
    second = worker.normalise([page([{**GOOD, "judul": "C"}, {**GOOD, "id": "8"}])])
    assert first.accepted["title"].to_pylist() == ["A"]
    assert first.flags["DUPLICATE_DROPPED"] == 1
    assert first.records_rejected == 1
    assert second.accepted["source_record_id"].to_pylist() == ["8"]
    assert second.flags["DUPLICATE_DROPPED"] == 1
    assert second.accepted["slice_row"].to_pylist() == [4]
    assert first.accepted["slice_row"].to_pylist() == [1]
    last = run(reference(THING, FIELDS), [{**GOOD, "judul": "A"}, {**GOOD, "judul": "B"}])
    assert last.accepted["title"].to_pylist() == ["A", "B"]
    assert last.accepted["slice_row"].to_pylist() == [0, 1]


def test_cursor() -> None:
    ref = reference(THING, FIELDS, incremental={"field": "tgl", "param": "since", "format": "dd/mm/yyyy HH:MM"})
    ahead = f"{PULLED + timedelta(days=400):%d/%m/%Y %H:%M}"
    done = run(
        ref, [GOOD, {**GOOD, "tgl": "01/02/2024 00:00", "judul": None}, {**GOOD, "tgl": "?"}, {**GOOD, "tgl": ahead}]
    )
    assert done.cursor == datetime(2024, 1, 31, 17, tzinfo=UTC)
    assert isinstance(done.cursor, datetime)
    assert done.cursor.tzinfo is not None
    assert done.flags["CURSOR_UNREADABLE"] == 1
    assert done.flags["CURSOR_IN_FUTURE"] == 1
    assert run(reference(THING, FIELDS), [GOOD]).cursor is None
    assert run(ref, []).cursor is None


def test_an_empty_batch() -> None:
    done = run(reference(THING, FIELDS), [])
    assert done.accepted.schema == standard_schema(THING)
    assert done.accepted.num_rows == 0
    assert done.rejected.num_rows == 0
    assert normaliser(reference(THING, FIELDS)).normalise([]).records == 0


def test_digests_do_not_depend_on_the_batch_the_run_or_new_columns() -> None:
    ref = reference(THING, FIELDS)
    records = [
        {**GOOD, "id": str(number), "biaya": None if number % 2 else "Rp 5", "lat": -number} for number in range(6)
    ]
    whole = run(ref, records).accepted
    later = Normaliser(ref, tokens=TOKENS, resolver=None, slice_id="another", ingested_at=PULLED + timedelta(days=1))
    parts = [later.normalise([page([record], 9)]).accepted for record in reversed(records)]
    for name in ("row_hash", "record_uid"):
        assert [part[name][0].as_py() for part in reversed(parts)] == whole[name].to_pylist()
        assert len(set(whole[name].to_pylist())) == 6
    grown = category(
        *(item.model_dump(exclude_none=True) for item in THING.fields), field("extra"), event_time="happened"
    )
    assert run(reference(grown, FIELDS), records).accepted["row_hash"].to_pylist() == whole["row_hash"].to_pylist()
    assert run(ref, records).accepted.equals(whole)
    for name, value in {
        "judul": "Jalam",
        "st": "S",
        "tgl": "31/01/2024 23:31",
        "selesai": "01/02/2024 00:00",
        "biaya": "Rp 1.001",
        "lat": -7.2,
    }.items():
        changed = run(ref, [{**GOOD, "selesai": "05/02/2024 00:00", name: value}]).accepted
        base = run(ref, [{**GOOD, "selesai": "05/02/2024 00:00"}]).accepted
        assert changed["row_hash"] != base["row_hash"]
        assert changed["record_uid"] == base["record_uid"]


def test_a_constant_that_does_not_fit_and_an_absent_region_file_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="does not fit its integer field"):
        normaliser(reference(category(field("count", "integer")), {**EVENT, "count": {"const": "many"}}))
    ref = reference(category(field("name")), {**EVENT, "name": "id"}, region={"district": "kec"})
    with pytest.raises(ValueError, match="has no regions"):
        Normaliser(ref, tokens=TOKENS, resolver=None, slice_id="s", ingested_at=PULLED)


def test_numbers_beyond_64_bit_and_spreadsheet_values_reach_quarantine() -> None:
    done = run(
        reference(THING, FIELDS),
        [{**GOOD, "tgl": 2**90}, {**GOOD, "tgl": datetime(2024, 1, 31), "st": date(2024, 1, 1)}],
    )
    assert orjson.loads(done.rejected["payload"][1].as_py())["st"] == "2024-01-01"
    assert str(2**90).encode() in done.rejected["payload"][0].as_py()


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(list(GOOD.values()))
    | st.datetimes(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b.c", ""]), inner, max_size=2),
    max_leaves=4,
)
records = st.one_of(st.fixed_dictionaries({}, optional={name: anything for name in GOOD}), st.just(GOOD), anything)


@given(st.lists(st.lists(records, max_size=6), max_size=3))
@settings(max_examples=150, deadline=None)
def test_nothing_is_lost_whatever_comes(pages: list[list[Any]]) -> None:
    for prefer in ("last", "first"):
        done = run(reference(THING, FIELDS, prefer=prefer, skip={"st": ["JML"]}, fill_down=["judul"]), *pages)
        done.accepted.validate(full=True)
        places = done.accepted["slice_row"].to_pylist() + [
            row for row, scope, *_ in reasons_of(done) if scope == "record"
        ]
        assert len(set(places)) == done.records - done.flags.get("DUPLICATE_DROPPED", 0)
