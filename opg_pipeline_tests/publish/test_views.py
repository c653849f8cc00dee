"""The wide views say what mart.measure says, in words, on both engines, and hide what it hides."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from opg_pipeline.load import View
from opg_pipeline.model.catalog import Catalog, load_catalog
from opg_pipeline.model.city import ContextNote
from opg_pipeline.publish import (
    PublishError,
    mart_views,
    publish_copy,
    rebuild_measures,
    rebuild_notes_and_definitions,
)
from opg_pipeline.publish.measures import CAVEATS
from opg_pipeline.publish.views import CAVEATS_ID

from .world import AS_OF, D1, D2, D3, World, app, catalog, category, measure

DECLARED = catalog(
    [
        category(
            measure("visits", "count", min_cell=3),
            measure("share_urgent", "share", numerator={"urgent": [True]}, min_cell=3),
            measure("size", "median", value={"field": "amount"}, min_cell=3),
        )
    ],
    [app("one"), app("two")],
)
MIXED = catalog(
    [category(measure("visits", "count"), measure("per_day", "sum", value={"field": "level"}, by=["status", "note"], unit="note", period="day"))],
    [app("one")],
)  # fmt: skip


def made(world: World, declared: Catalog) -> list[dict[str, Any]]:
    """Compute the measures, make the views, and read the wide one of `visit`."""
    views = [View(*view) for view in mart_views(declared)]
    with world.engine.begin() as connection:
        rebuild_measures(connection, declared, as_of=AS_OF)
        for view in views:
            view.drop(connection)
            view.create(connection)
    with world.engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.text("select * from mart.wide_visit")).mappings()]


def test_every_cell_stands_in_the_wide_view_and_nothing_else_does(world: World) -> None:
    world.build("visit")
    for district, count in ((D1, 7), (D2, 2), (D3, 5)):
        world.crowd(district, count, amount=10)
        world.crowd(district, count, event_on=date(2026, 3, 2), event_at=datetime(2026, 3, 2, tzinfo=UTC), urgent=True)
    world.fresh("one", "two")
    wide = made(world, DECLARED)
    cells = world.read("measure")
    assert {row["measure_id"] for row in cells if row["suppressed"]} == {"visits", "share_urgent", "size"}
    seen = 0
    for row in wide:
        for name in ("visits", "share_urgent", "size"):
            mine = [
                cell
                for cell in cells
                if (cell["measure_id"], cell["period_start"], cell["region_code"]) == (name, row["period_start"], row["region_code"])
            ]  # fmt: skip
            told = tuple(row[f"{name}{part}"] for part in ("", "_n", "_suppressed"))
            assert told == (
                tuple(mine[0][part] for part in ("value", "n", "suppressed")) if mine else (None, None, None)
            )
            seen += len(mine)
    assert seen == len(cells)
    keys = [(row["city_id"], row["period_start"], row["region_code"]) for row in wide]
    assert len(set(keys)) == len(keys)
    march = next(row for row in wide if (row["period"], row["region_level"]) == ("2026-03", "regency"))
    assert (march["region_name"], march["provisional"], march["period_end"]) == (
        "Kabupaten Uji",
        True,
        date(2026, 3, 31),
    )
    assert march["visits_caveats_en"] == f"{CAVEATS['LOW_COVERAGE']} {CAVEATS['PROVISIONAL']}"
    assert march["visits_caveats_id"] == f"{CAVEATS_ID['LOW_COVERAGE']} {CAVEATS_ID['PROVISIONAL']}"
    assert march["size"] is None, "no record of March has an amount"
    assert march["size_suppressed"] is None
    january = next(row for row in wide if (row["period"], row["region_code"]) == ("2026-01", D2))
    assert (january["visits"], january["visits_n"], january["visits_suppressed"]) == (None, None, True)
    assert january["provisional"] is False


def test_measures_of_unlike_periods_and_breakdowns_stand_in_rows_of_their_own(world: World) -> None:
    world.build("visit")
    world.visits({"level": 2, "note": "kg"}, {"level": 3, "note": "kg"}, {"level": 5, "note": "litre | jar"})
    wide = [row for row in made(world, MIXED) if row["region_level"] == "regency"]
    found = {(row["period"], row["breakdown_fields"], row["breakdown"]): (row["visits"], row["per_day"], row["per_day_unit"]) for row in wide}  # fmt: skip
    assert found == {
        ("2026-01", "", ""): (3.0, None, None),
        ("2026-01-15", "status, note", "open | kg"): (None, 5.0, "kg"),
        ("2026-01-15", "status, note", "open | litre | jar"): (None, 5.0, "litre | jar"),
    }


@pytest.mark.parametrize(("grain", "label"), [("day", "2026-01-15"), ("quarter", "2026-Q1"), ("year", "2026")])
def test_periods_have_a_short_name(duck: World, grain: str, label: str) -> None:
    duck.build("visit")
    duck.crowd(D1, 1)
    wide = made(duck, catalog([category(measure("visits", "count", period=grain))], [app("one")]))
    assert {row["period"] for row in wide} == {label}


def test_every_column_is_explained_in_two_languages_also_in_the_copy(duck: World, tmp_path: Path) -> None:
    duck.build("visit")
    duck.crowd(D1, 3)
    made(duck, MIXED)
    publish_copy(duck.engine, tmp_path / "bi.duckdb")
    with duckdb.connect(tmp_path / "bi.duckdb", read_only=True) as copy:
        columns = copy.execute("select column_name, comment from duckdb_columns() where table_name = 'wide_visit'").fetchall()  # fmt: skip
        rows = copy.execute("select count(*) from mart.wide_visit").fetchone()
    assert len(columns) == 22
    assert all(re.fullmatch(r".+ \| .+", comment or "") for _, comment in columns)
    assert rows == (2,), "the city and one district"


def test_views_of_the_shipped_catalogue_have_a_comment_per_column_and_caveats_in_both_languages() -> None:
    declared = load_catalog()
    views = mart_views(declared)
    assert {view.name for view in views} == {"measure_note", *(f"wide_{item.id}" for item in declared.used_categories)}
    for view in views:
        assert list(view.comments) == list(view.select.selected_columns.keys())
        assert all(re.fullmatch(r"[^|]+ \| [^|]+", text) for text in view.comments.values())
    assert CAVEATS_ID.keys() == CAVEATS.keys()


def test_a_note_stands_beside_the_cells_it_speaks_of_and_no_others(world: World) -> None:
    world.build("visit")
    for district in (D1, D2):
        world.crowd(district, 3)
        world.crowd(district, 3, event_on=date(2026, 3, 2))
    told = {"title": "A note", "author": "LSM Uji"}
    notes = [
        {"id": "all", **told},
        {"id": "march", "from": "2026-02-20", "measures": ["visits"], **told},
        {"id": "place", "regions": [D1], "to": "2026-01-01", **told},
        {"id": "other", "measures": ["visit"], **told},
    ]
    declared = catalog(
        [category(measure("visits", "count"))],
        [app("one")],
        tuple((ContextNote.model_validate(note), "text") for note in notes),
    )
    with world.engine.begin() as connection:
        rebuild_notes_and_definitions(connection, declared)
    made(world, declared)
    with world.engine.connect() as connection:
        rows = connection.execute(sa.text("select note_id, period_start, region_code from mart.measure_note")).all()
    cells = {(row["period_start"], row["region_code"]) for row in world.read("measure")}
    beside = {name: {(start, code) for note, start, code in rows if note == name} for name in ("all", "march", "place")}
    assert beside == {
        "all": cells,
        "march": {(start, code) for start, code in cells if start == date(2026, 3, 1)},
        "place": {(date(2026, 1, 1), D1)},
    }
    assert {note for note, _, _ in rows} == set(beside)


def test_a_measure_named_like_a_column_is_refused() -> None:
    with pytest.raises(PublishError, match=r"the column provisional of mart\.wide_visit would be there twice"):
        mart_views(catalog([category(measure("provisional", "count"))], [app("one")]))
