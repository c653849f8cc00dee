"""The crosswalk: how each dataset fills each field by the declarations, and what the loaded records say, on both engines."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from opg_pipeline.model.app import App
from opg_pipeline.model.catalog import load_catalog
from opg_pipeline.publish import crosswalk_metadata, crosswalk_page, rebuild_crosswalk
from opg_pipeline.publish.crosswalk import HOW, crossings

from .world import AS_OF, World, app, catalog, category

TABLE = crosswalk_metadata().tables["ops.crosswalk"]
VISIT = category()


def mapped(**dataset: Any) -> App:
    """App `one`, whose only dataset says a little of everything."""
    plain = app("one").model_dump(mode="json", by_alias=True, exclude_unset=True)
    plain["datasets"][0] |= {
        "fields": {
            "opened_at": "at",
            "closed_at": {"first_of": ["done", "ended"], "format": "dd/mm/yyyy"},
            "status": {"const": "open"},
            "level": {"from": "birth", "parse": "birth_age_band"},
            "note": {"from": ["title", "text"], "map": {"a | b": "c"}, "otherwise": None},
        },
        "region": {"district": "kec", "village": "desa"},
        **dataset,
    }
    return App.model_validate(plain)


def lines(world: World, declared: Any) -> dict[tuple[str, str], dict[str, Any]]:
    with world.engine.begin() as connection:
        TABLE.create(connection, checkfirst=True)
        count = rebuild_crosswalk(connection, declared)
        found = [dict(row) for row in connection.execute(sa.select(TABLE)).mappings()]
    assert count == len(found)
    return {(row["app_id"], row["field"]): row for row in found}


def test_how_each_field_is_filled_and_how_often(world: World) -> None:
    world.build("visit")
    world.visits(*({"status": "open", "note": text, "opened_at": AS_OF} for text in ("x", "y", None, None)))
    world.visits({"status": "open", "note": "gone", "closed_at": AS_OF, "vanished_at": AS_OF})
    found = lines(world, catalog([VISIT], [mapped(), app("two", status="retired")]))

    def told(app_id: str, field: str) -> tuple[Any, ...]:
        row = found[(app_id, field)]
        names = ("how", "source", "reading", "records", "filled", "filled_share", "never_filled")
        return tuple(row[name] for name in names)

    assert told("one", "opened_at") == ("mapped", "at", "timestamp", 4, 4, 1.0, False)
    assert told("one", "closed_at") == ("mapped", "done or ended", "timestamp, dd/mm/yyyy", 4, 0, 0.0, True)
    assert told("one", "status") == ("const", '"open"', "", 4, 4, 1.0, False)
    assert told("one", "level") == ("derived", "birth", "birth_age_band", 4, 0, 0.0, True)
    assert told("one", "note") == ("mapped", "title + text", "string, map", 4, 2, 0.5, False)
    assert told("one", "amount") == ("absent", "", "", 4, 0, 0.0, False)
    assert told("one", "region_code")[:3] == ("mapped", "kec, desa", "region")
    assert told("one", "event_at")[:2] == ("derived", "opened_at")
    assert told("one", "agency_id")[:2] == ("const", '"kominfo"')
    assert told("one", "reported_at") == ("absent", "", "", 4, 0, 0.0, False)
    assert told("two", "opened_at") == ("mapped", "at", "timestamp", 0, 0, None, False)
    assert ("one", "address") not in found, "what is never stored has no line"


def test_a_rebuild_takes_the_place_of_the_former(world: World) -> None:
    world.build("visit")
    world.visits({"note": "x"})
    before = lines(world, catalog([VISIT], [mapped(), app("two")]))
    assert {name for name, _ in before} == {"one", "two"}
    world.visits({"note": None})
    after = lines(world, catalog([VISIT], [mapped()]))
    assert {name for name, _ in after} == {"one"}
    assert after[("one", "note")]["filled_share"] == 0.5


def test_the_page_shows_sign_path_and_what_is_absent() -> None:
    page = crosswalk_page(catalog([VISIT], [mapped(), app("two")]), VISIT)
    assert "| field | one/visits | two/visits |" in page
    assert f"| status | {HOW['const'][0]} | {HOW['absent'][0]} |" in page
    assert "| closed_at | mapped | `done or ended` | `timestamp, dd/mm/yyyy` |" in page
    assert "Absent: reported_at, urgent, amount, opened_on, closed_on." in page
    assert "Never stored, whatever an app sends: address." in page


def test_a_page_of_a_category_that_nobody_feeds_says_so() -> None:
    assert "No app feeds this category yet." in crosswalk_page(catalog([VISIT], []), VISIT)


@pytest.mark.parametrize("category_id", sorted(load_catalog().categories))
def test_every_declared_mapping_of_the_shipped_catalogue_is_on_its_page(category_id: str) -> None:
    declared = load_catalog()
    page = crosswalk_page(declared, declared.categories[category_id])
    for ref in declared.datasets("bojonegoro", active=False):
        if ref.category.id != category_id:
            continue
        assert f"### {ref.app.id}/{ref.dataset.id}" in page
        kinds = {item.field: item.how for item in crossings(ref)}
        stored = {field.name for field in ref.category.stored_fields}
        for name, mapping in ref.dataset.fields.items():
            if name in stored or name in kinds:
                assert kinds[name] != "absent", f"{ref.name}: {name}"
                assert (kinds[name] == "const") == ("const" in mapping.model_fields_set)
