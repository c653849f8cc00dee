"""What is made from the declarations alone: mart tables, definitions, notes, data dictionary."""

from __future__ import annotations

import json
from datetime import date

from opg_pipeline.model.catalog import Catalog, shipped_catalog
from opg_pipeline.model.category import Category
from opg_pipeline.model.city import ContextNote
from opg_pipeline.model.yaml_source import read_yaml
from opg_pipeline.publish import data_dictionary, mart_metadata, rebuild_notes_and_definitions

from .world import World, app, catalog, category, measure


def test_every_table_and_column_has_a_comment_in_both_languages() -> None:
    tables = mart_metadata().tables
    assert sorted(tables) == [
        "mart.app_scorecard",
        "mart.association",
        "mart.context_note",
        "mart.measure",
        "mart.measure_definition",
        "mart.measure_reversal",
        "mart.series_break",
    ]
    for table in tables.values():
        for comment in (table.comment, *(column.comment for column in table.columns)):
            english, _, indonesian = str(comment).partition(" | ")
            assert english
            assert indonesian
            assert " | " not in indonesian


def test_definitions_and_notes(world: World) -> None:
    world.build("visit")
    note = ContextNote.model_validate(
        {"id": "flood", "title": 'He said "no"', "author": "LSM Uji", "measures": ["visits"], "from": "2026-01-01"}
    )
    declared = catalog(
        [
            category(
                measure("visits", "count"),
                measure("closed", "share", numerator={"status": ["closed"]}, where={"urgent": [True]}, min_cell=5),
            )
        ],
        [app("one")],
        ((note, "Line one,\nline two; \"quoted\", 'too', \\ é 县."), (ContextNote(id="all", title="", author="A"), "")),
    )
    for _ in range(2):
        with world.engine.begin() as connection:
            assert rebuild_notes_and_definitions(connection, declared) == 4
    closed, visits = world.read("measure_definition")
    assert (closed["measure_id"], closed["aggregation"], closed["min_cell"], closed["review_by"]) == (
        "closed",
        "share",
        5,
        date(2027, 6, 30),
    )
    assert (json.loads(closed["numerator"]), json.loads(closed["conditions"])) == (
        {"status": ["closed"]},
        {"urgent": [True]},
    )
    assert (visits["numerator"], visits["value_rule"], visits["label_id"]) == (None, None, "visits (id)")
    blank, flood = world.read("context_note")
    assert (blank["title"], blank["body"], blank["valid_from"]) == ("", "", None), "an empty text is no null"
    assert flood["title"] == 'He said "no"'
    assert flood["body"] == "Line one,\nline two; \"quoted\", 'too', \\ é 县."
    assert (json.loads(flood["measure_ids"]), flood["valid_from"], flood["valid_to"]) == (
        ["visits"],
        date(2026, 1, 1),
        None,
    )


def test_the_dictionary_names_everything_and_is_deterministic() -> None:
    def shipped() -> Catalog:
        read = [
            Category.model_validate(read_yaml(path).data) for path in (shipped_catalog() / "categories").glob("*.yaml")
        ]
        return Catalog({item.id: item for item in read}, {}, ())

    declared = shipped()
    text = data_dictionary(declared)
    assert len(declared.categories) > 10
    assert text == data_dictionary(shipped())
    for entry in declared.categories.values():
        section = text.split(f"## core.{entry.id}\n")[1].split("\n## ")[0]
        assert [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("| ")][2:] == [
            item.name for item in entry.stored_fields
        ]
        assert all(f"| {item.id} | {entry.id} |" in text for item in entry.measures)
    for table in mart_metadata().tables.values():
        assert all(f"| {column.name} |" in text for column in table.columns)


def test_a_direct_field_is_not_in_the_dictionary_and_a_pipe_breaks_no_table() -> None:
    text = data_dictionary(catalog([category()], [app("one")]))
    assert "address" not in text
    assert "One visit | of a resident." in text
    widths = {
        line.count("|") - line.count("\\|")
        for line in text.split("## core.visit")[1].split("\n## ")[0].splitlines()
        if line.startswith("| ")
    }
    assert widths == {9}
