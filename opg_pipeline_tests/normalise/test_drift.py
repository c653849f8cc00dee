"""What a source's contract holds, and which changes are told: by pulls of made-up records through the real normaliser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from opg_pipeline.model.catalog import DatasetRef
from opg_pipeline.normalise.drift import Seen, changes, contract
from opg_pipeline_tests.normalise.build import EVENT, category, field, reference, run

AT = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
THING = category(
    field("status", "enum", values=["open", "closed", "lost"]),
    field("amount", "decimal(18,2)"),
    field("sick", "enum", "sensitive_health", values=["yes", "no"]),
    field("title", "string"),
)
REF = reference(
    THING,
    {
        **EVENT,
        "status": {"from": "st", "map": {"Buka": "open", "Tutup": "closed"}},
        "amount": {"from": "uang.nilai", "parse": "number"},
        "sick": {"from": "sakit", "map": {"ya": "yes", "tidak": "no"}},
        "title": "judul",
    },
)


def record(number: int, **more: Any) -> dict[str, Any]:
    own = {"id": str(number), "st": "Buka" if number % 2 else "Tutup", "uang": {"nilai": "1.000", "mata": "IDR"}}
    return {**own, "sakit": "ya", "judul": f"Nama {number}", "catatan": "" if number % 3 else "ada", **more}


class Source:
    """A source that is pulled again and again, its contract carried on as ingest does it."""

    def __init__(self, ref: DatasetRef = REF) -> None:
        self.ref, self.contract, self.day = ref, dict[str, Any](), 0

    def pull(self, records: Sequence[Any], *, held_back: bool = False) -> list[tuple[str, str, str]]:
        """(place, kind, action) of every change."""
        seen, waiting = Seen(), Counter[tuple[str, str, str, str]]()
        done = run(self.ref, list(records))
        seen.take(self.ref, records, done.accepted)
        columns = [done.rejected.column(name).to_pylist() for name in ("scope", "reason", "rule", "field")]
        waiting.update(zip(*columns, strict=True))
        found = changes(self.ref, self.contract, seen, waiting, held_back=held_back)
        self.told = found
        if not held_back:
            self.contract = contract(self.contract, seen, waiting, AT + self.day * DAY)
        self.day += 1
        return [(item.place, item.kind, item.action) for item in found]


@pytest.fixture
def source() -> Source:
    made = Source()
    assert made.pull([record(number) for number in range(300)]) == []
    return made


def test_the_contract_holds_fields_kinds_and_permitted_values(source: Source) -> None:
    fields = source.contract["fields"]
    assert {path: item["kinds"] for path, item in fields.items()} == {
        "id": ["text"], "st": ["text"], "uang": ["object"], "uang.nilai": ["text"], "uang.mata": ["text"], "sakit": ["text"],
        "judul": ["text"], "catatan": ["text"],
    }  # fmt: skip
    assert (fields["catatan"]["filled"], fields["id"]["filled"], source.contract["looked_at"]) == (100, 300, 300)
    assert source.contract["values"] == {"status": {"open": 150, "closed": 150}}, "what is sensitive is not counted"


def test_the_same_again_is_no_drift(source: Source) -> None:
    first = source.contract["fields"]["st"]["since"]
    assert source.pull([record(number) for number in range(500, 900)]) == []
    assert source.pull([record(1)]) == []
    assert source.contract["fields"]["st"]["since"] == first == AT.isoformat()


def test_a_new_field_is_noted_once(source: Source) -> None:
    more = [record(number, baru=1) for number in range(300)]
    assert source.pull(more) == [("baru", "new_field", "note")]
    assert source.told[0].now == "number"
    assert source.pull(more) == []


def test_a_missing_field_is_noted_or_blocks_where_it_is_read(source: Source) -> None:
    without = [{key: value for key, value in record(number).items() if key != "catatan"} for number in range(300)]
    assert source.pull(without) == [("catatan", "missing_field", "note")]
    assert source.pull(without) == []
    emptied = [record(number, judul=None) for number in range(300)]
    assert source.pull(emptied, held_back=True) == [
        ("judul", "missing_field", "block"),
        ("catatan", "new_field", "note"),
    ]
    assert source.told[0].since == AT
    assert "0 of 300" in source.told[0].now


def test_a_missing_required_field_makes_records_wait() -> None:
    source = Source(reference(category(field("title", "string", required=True)), {**EVENT, "title": "judul"}))
    source.pull([record(number) for number in range(50)])
    assert source.pull([record(number, judul="") for number in range(50)]) == [("judul", "missing_field", "quarantine")]


def test_a_field_of_another_kind_waits_where_it_cannot_be_read(source: Source) -> None:
    wrapped = [record(number, uang={"nilai": {"rp": 1}, "mata": "IDR"}) for number in range(300)]
    assert source.pull(wrapped) == [("uang.nilai", "retyped", "quarantine"), ("uang.nilai.rp", "new_field", "note")]
    assert (source.told[0].before, source.told[0].now) == ("text", "object")
    assert Source.pull(source, [record(number, catatan=number) for number in range(300)])[:1] == [
        ("catatan", "retyped", "note")
    ]


def test_values_that_can_no_longer_be_read_are_told_though_their_kind_is_the_same(source: Source) -> None:
    spelled = [record(number, uang={"nilai": "seribu", "mata": "IDR"}) for number in range(300)]
    assert source.pull(spelled) == [("amount", "retyped", "quarantine")]
    assert source.pull(spelled) == [], "told once, until it changes again"


def test_a_value_that_is_not_permitted_is_told_when_it_is_new_and_when_it_becomes_common(source: Source) -> None:
    one = [record(number, **({"st": "Rahasia 081234567890"} if number == 7 else {})) for number in range(300)]
    assert source.pull(one) == [("status", "re_enumerated", "quarantine")]
    assert source.pull(one) == []
    many = [record(number, **({"st": "Selesai"} if number % 4 == 0 else {})) for number in range(300)]
    assert source.pull(many) == [("status", "re_enumerated", "quarantine")]


def test_a_permitted_value_that_no_longer_comes_is_noted(source: Source) -> None:
    assert source.pull([record(number, st="Buka") for number in range(300)]) == [("status", "re_enumerated", "note")]
    assert source.told[0].now == "closed no longer comes"


def test_small_pulls_are_added_up_and_tell_nothing_too_soon() -> None:
    source = Source()
    for day in range(6):
        assert source.pull([record(day * 10 + number) for number in range(5)]) == []
    assert source.contract["looked_at"] == 30
    assert source.pull([record(1, judul=None)]) == [], "one record proves nothing"
    assert source.pull([record(number, judul=None) for number in range(12)]) == [("judul", "missing_field", "note")]


def test_a_contract_holds_no_value_of_a_record(source: Source) -> None:
    nik, phone = "3522010101900001", "081234567890"
    told: list[Any] = []
    for _ in range(3):
        odd = {f"Budi {n}": {"x": 1} for n in range(300)}
        hidden = [record(n, **{nik: 1, f"telp {phone}": 2, "budi@contoh.id": 3}, peta=odd) for n in range(300)]
        hidden += [record(n, **{f"Siti {n}": n}) for n in range(5)]
        hidden[0]["st"] = phone
        source.pull(hidden)
        told += source.told
    text = orjson.dumps([source.contract, [repr(item) for item in told]]).decode()
    for value in (nik, phone, "budi@", "Budi", "Siti", "Nama 1"):
        assert value not in text


def test_positional_rows_and_broken_records_have_a_contract_too() -> None:
    ref = reference(category(field("title", "string")), {**EVENT, "title": "[1]"}, key=["[0]"])
    source = Source(ref)
    source.pull([[str(number), "judul", number] for number in range(40)])
    assert {path: item["kinds"] for path, item in source.contract["fields"].items()} == {
        "[0]": ["text"], "[1]": ["text"], "[2]": ["number"],
    }  # fmt: skip
    assert source.pull([[str(number), None, number] for number in range(40)], held_back=True) == [
        ("[1]", "missing_field", "block")
    ]
