"""The export is whole or not there, says what it hides, and runs nothing in a spreadsheet."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import threading
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opg_pipeline.model.catalog import Catalog
from opg_pipeline.model.city import ContextNote
from opg_pipeline.publish import PublishError, export_open_data, mart_metadata, open_data, rebuild_measures

from .world import AS_OF, D1, D2, D3, World, app, catalog, category, measure

NOTE = (
    ContextNote(id="flood", title="The flood", author="Universitas Uji", measures=("visits",), kind="caveat"),
    "Roads were closed.",
)
DECLARED = catalog(
    [
        category(
            measure("visits", "count", min_cell=5),
            measure("debt", "sum", value={"field": "amount"}, unit="=1+1"),
            id_="visit",
        ),
        category(id_="unused"),
    ],
    [app("one")],
    (NOTE,),
)


def fill(world: World, declared: Catalog = DECLARED) -> None:
    world.build("visit")
    for place, count in ((D1, 3), (D2, 40), (D3, 60)):
        world.crowd(place, count, amount=-2)
    world.fresh("one")
    with world.engine.begin() as connection:
        rebuild_measures(connection, declared, as_of=AS_OF)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_files_and_package(world: World, tmp_path: Path) -> None:
    fill(world)
    target = tmp_path / "open data"
    files = export_open_data(world.engine, DECLARED, target, as_of=AS_OF)
    names = [str(path.relative_to(target)) for path in files if path.suffix not in {".html", ".css"}]
    assert names == [
        "DATA_DICTIONARY.md", "datapackage.json", "dcat.jsonld", *(f"visit/{name}{end}" for name in ("debt", "visits") for end in (".csv", ".md", ".parquet"))
    ]  # fmt: skip
    assert all(path.is_file() for path in files)
    package = json.loads((target / "datapackage.json").read_text())
    assert package["licenses"] == [{"name": "notspecified", "title": "licence: to be declared by the city"}]
    assert package["created"] == "2026-03-10T05:00:00Z"
    assert "ODbL" in package["sources"][0]["title"]
    for resource in package["resources"]:
        content = (target / resource["path"]).read_bytes()
        assert (resource["bytes"], resource["hash"]) == (len(content), f"sha256:{hashlib.sha256(content).hexdigest()}")
        assert (target / resource["method"]).is_file()
    [visits] = [resource for resource in package["resources"] if resource["name"] == "visit.visits"]
    columns = list(mart_metadata().tables["mart.measure"].columns)
    assert [item["name"] for item in visits["schema"]["fields"]] == [column.name for column in columns]
    kinds = {item["name"]: item["type"] for item in visits["schema"]["fields"]}
    assert (kinds["n"], kinds["value"], kinds["period_start"], kinds["oldest_data_at"], kinds["suppressed"]) == (
        "integer",
        "number",
        "date",
        "datetime",
        "boolean",
    )


def test_csv_and_parquet_say_what_the_mart_says(world: World, tmp_path: Path) -> None:
    fill(world)
    export_open_data(world.engine, DECLARED, tmp_path / "out", as_of=AS_OF)
    mart = [row for row in world.read("measure") if row["measure_id"] == "visits"]
    parquet = pq.read_table(tmp_path / "out" / "visit" / "visits.parquet").to_pylist()
    assert sorted(parquet, key=lambda row: row["region_code"]) == sorted(mart, key=lambda row: row["region_code"])
    rows = {row["region_code"]: row for row in read_csv(tmp_path / "out" / "visit" / "visits.csv")}
    assert (rows["35.22"]["n"], rows["35.22"]["value"], rows["35.22"]["suppressed"]) == ("103", "103.0", "false")
    assert rows["35.22"]["period_start"] == "2026-01-01"
    assert rows["35.22"]["oldest_data_at"] == "2026-03-10T04:00:00Z"
    for code in (D1, D2):
        shown = [rows[code][name] for name in ("n", "value", "median", "p10", "p90", "suppressed")]
        assert shown == ["", "", "", "", "", "true"]
        assert "3" not in {rows[code]["n"], rows[code]["value"]}


def test_the_same_mart_gives_the_same_bytes(duck: World, pg: World, tmp_path: Path) -> None:
    contents = []
    for number, world in enumerate((duck, pg, pg)):
        world.serial = 0
        fill(world)
        files = export_open_data(world.engine, DECLARED, tmp_path / str(number), as_of=AS_OF)
        contents.append([(path.name, path.read_bytes()) for path in files])
    assert contents[0] == contents[1] == contents[2]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t=1"), ("\r=1", "'\r=1"), ("\n=1", "'\n=1"),
        ("a=1", "a=1"), ("", ""), (-1.5, "-1.5"), (-3, "-3"), (1e15, "1000000000000000.0"), (None, ""), (True, "true"), (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00Z"),
    ],
)  # fmt: skip
def test_cells(value: Any, told: str) -> None:
    assert open_data.csv_cell(value) == told


def test_formulas_in_the_file_are_text_and_numbers_stay_numbers(duck: World, tmp_path: Path) -> None:
    fill(duck)
    export_open_data(duck.engine, DECLARED, tmp_path / "out", as_of=AS_OF)
    rows = read_csv(tmp_path / "out" / "visit" / "debt.csv")
    assert {row["unit"] for row in rows} == {"'=1+1"}
    assert float(next(row["value"] for row in rows if row["region_code"] == "35.22")) == -206.0


def test_method_page(duck: World, tmp_path: Path) -> None:
    fill(duck)
    export_open_data(duck.engine, DECLARED, tmp_path / "out", as_of=AS_OF)
    page = (tmp_path / "out" / "visit" / "visits.md").read_text()
    for told in ("Something people want to know.", "Computed from the visits", "More is not always better.", "Visits nobody wrote down.",
                 "Steward: Dinas Kominfo", "2027-06-30", "`STALE_SOURCE`", "fewer than 5 records", "Roads were closed.", "Universitas Uji"):  # fmt: skip
        assert told in page
    assert "Roads were closed." not in (tmp_path / "out" / "visit" / "debt.md").read_text()


def test_a_measure_without_cells_has_a_file_with_a_header(duck: World, tmp_path: Path) -> None:
    duck.build("visit")
    export_open_data(duck.engine, DECLARED, tmp_path / "out", as_of=AS_OF)
    assert read_csv(tmp_path / "out" / "visit" / "visits.csv") == []
    assert (tmp_path / "out" / "visit" / "visits.csv").read_text().startswith("city_id,category_id,")
    assert pq.read_table(tmp_path / "out" / "visit" / "visits.parquet").num_rows == 0


def test_readers_never_see_half(duck: World, tmp_path: Path) -> None:
    fill(duck)
    target = tmp_path / "out"
    export_open_data(duck.engine, DECLARED, target, as_of=AS_OF)
    stop, faults, reads = threading.Event(), [], [0]

    def read() -> None:
        while not stop.is_set():
            try:
                folder = target.resolve(strict=True)  # a reader in one export stays in it
                for resource in json.loads((folder / "datapackage.json").read_text())["resources"]:
                    content = (folder / resource["path"]).read_bytes()
                    assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
                json.loads((target / "datapackage.json").read_text())
                reads[0] += 1
            except Exception as error:
                faults.append(repr(error))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(12):
        export_open_data(duck.engine, DECLARED, target, as_of=AS_OF.replace(minute=number))
    stop.set()
    reader.join()
    assert faults == []
    assert reads[0] > 5
    assert json.loads((target / "datapackage.json").read_text())["created"] == "2026-03-10T05:11:00Z"


def test_a_failed_export_leaves_the_former_one(duck: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(duck)
    target = tmp_path / "out"
    export_open_data(duck.engine, DECLARED, target, as_of=AS_OF)
    before = sorted(path.name for path in tmp_path.iterdir())

    def full(*_: object) -> str:
        raise OSError("No space left on device")

    monkeypatch.setattr(open_data, "data_dictionary", full)
    with pytest.raises(OSError, match="No space"):
        export_open_data(duck.engine, DECLARED, target, as_of=AS_OF.replace(hour=6))
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert json.loads((target / "datapackage.json").read_text())["created"] == "2026-03-10T05:00:00Z"


def test_the_former_export_stays_for_its_readers_and_older_ones_go(duck: World, tmp_path: Path) -> None:
    fill(duck)
    target = tmp_path / "out"
    folders = []
    for number in range(3):
        export_open_data(duck.engine, DECLARED, target, as_of=AS_OF.replace(minute=number))
        folders.append(target.resolve())
        for path in tmp_path.glob(".out.*"):
            os.utime(path, (time.time() - 7200, time.time() - 7200))
    assert [folder.exists() for folder in folders] == [False, True, True]


def test_it_does_not_take_the_place_of_other_peoples_files(duck: World, tmp_path: Path) -> None:
    fill(duck)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    (tmp_path / "file").write_text("x")
    for name in ("mine", "file"):
        with pytest.raises(PublishError, match=name):
            export_open_data(duck.engine, DECLARED, tmp_path / name, as_of=AS_OF)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "all of it"
    (tmp_path / "empty").mkdir()
    assert export_open_data(duck.engine, DECLARED, tmp_path / "empty", as_of=AS_OF)


@given(
    st.lists(
        st.one_of(
            st.builds(
                "{}{}".format,
                st.sampled_from(
                    [
                        "=",
                        "+",
                        "-",
                        "@",
                        "\t",
                        "\r",
                        "\n",
                        "\uff1d",
                        "\uff0b",
                        "\uff0d",
                        "\uff20",
                        "'",
                        '"',
                        ",",
                        ";",
                        " ",
                    ]
                ),
                st.text(max_size=20),
            ),
            st.text(max_size=20),
            st.integers(),
            st.floats(allow_nan=False, allow_infinity=False),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_no_text_is_a_formula_in_a_spreadsheet_and_numbers_stay_numbers(values: list[Any]) -> None:
    sink = io.StringIO(newline="")
    csv.writer(sink).writerow([open_data.csv_cell(value) for value in values])
    (read,) = csv.reader(io.StringIO(sink.getvalue(), newline=""))
    assert len(read) == len(values), "no text ends its cell"
    for cell, value in zip(read, values, strict=True):
        if isinstance(value, str):
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
            assert cell in {value, f"'{value}"}, "nothing else is changed"
        else:
            assert type(value)(cell) == value
