"""Changes that do not only add: told with what would be lost, and carried out exactly as reviewed, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from opg_pipeline.load import Plan, Warehouse, WarehouseError
from opg_pipeline.model.category import Category
from opg_pipeline_tests.load.build import catalog, category, contents, core, pull

Opening = Callable[[Category], Warehouse]


def field(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "label": {"en": name, "id": name}, "privacy": "none", **more}


STATE = field("state", "enum", values=["open", "closed", "lost"])


@pytest.fixture
def again(url: str) -> Opening:
    """Open a warehouse that holds two records of the former declaration (and a past version) by another one."""
    former = category(STATE)
    warehouse = Warehouse.open(url, catalog(former))
    warehouse.migrate()
    first = [
        {"id": "a", "title": "12", "amount_idr": Decimal("1234567.89"), "visitors": 3, "state": "open"},
        {"id": "b", "title": "many", "amount_idr": Decimal("10.00"), "visitors": None, "state": "lost"},
    ]
    warehouse.merge(former, [pull(1, former, *first)])
    warehouse.merge(former, [pull(2, former, {**first[0], "visitors": 4}, first[1])])
    warehouse.close()
    return lambda changed: Warehouse.open(url, catalog(changed))


def steps(plan: Plan) -> dict[str, tuple[str, int, int]]:
    return {step.where: (step.what, step.rows, step.lost) for step in plan.steps}


def test_another_type_tells_which_values_do_not_fit_and_keeps_those_that_do(again: Opening) -> None:
    changed = category(STATE, field("title", "integer"), field("amount_idr", "decimal(6,1)", unit="IDR"))
    warehouse = again(changed)
    before = contents(warehouse, "core.report")
    plan = warehouse.plan()
    assert contents(warehouse, "core.report") == before, "a plan changes nothing"
    found = steps(plan)
    assert {where: counts[1:] for where, counts in found.items()} == {
        "core.report.title": (2, 1),
        "core.report.amount_idr": (2, 1),
        "core.report_past.title": (1, 0),
        "core.report_past.amount_idr": (1, 1),
    }
    assert "-- core.report.title: " in plan.text
    assert "values lost: 1" in plan.text
    with pytest.raises(WarehouseError, match="nothing was changed"):
        warehouse.migrate()
    said = warehouse.apply(plan.text)
    assert any("ALTER TABLE core.report ALTER COLUMN title" in line for line in said)
    records = core(warehouse, changed)
    assert (records["a"]["title"], records["b"]["title"]) == (12, None)
    assert (records["a"]["amount_idr"], records["b"]["amount_idr"]) == (None, Decimal("10.0"))
    assert warehouse.migrate() == []
    assert not warehouse.plan().todo
    with warehouse.engine.connect() as connection:
        versions = connection.execute(sa.text("select count(*) from core.report_history")).scalar_one()
    assert versions == 3, "the view is there again, past version and all"
    warehouse.close()


def test_a_dropped_field_is_counted_and_goes_from_the_past_too(again: Opening) -> None:
    changed = category(STATE, without="visitors")
    warehouse = again(changed)
    plan = warehouse.plan()
    assert steps(plan) == {
        "core.report.visitors": ("dropped", 1, 1),
        "core.report_past.visitors": ("dropped", 1, 1),
    }
    warehouse.apply(plan.text)
    for table in ("report", "report_past", "report_history"):
        assert "visitors" not in {c["name"] for c in sa.inspect(warehouse.engine).get_columns(table, schema="core")}
    assert warehouse.merge(changed, [pull(3, changed, {"id": "c", "title": "t"})]).inserted == 1
    warehouse.close()


def test_a_renamed_field_keeps_its_values(again: Opening) -> None:
    changed = category(STATE, field("guests", "integer"), without="visitors")
    warehouse = again(changed)
    plan = warehouse.plan(renames={"core.report.visitors": "guests"})
    assert [(step.where, step.what, step.lost) for step in plan.steps] == [
        ("core.report.visitors", "renamed to guests", 0),
        ("core.report_past.visitors", "renamed to guests", 0),
    ]
    assert "visitors" in {c["name"] for c in sa.inspect(warehouse.engine).get_columns("report", schema="core")}
    warehouse.apply(plan.text)
    assert core(warehouse, changed)["a"]["guests"] == 4
    with warehouse.engine.connect() as connection:
        assert sorted(connection.execute(sa.text("select guests from core.report_history where guests > 0")).scalars()) == [3, 4]  # fmt: skip
    assert warehouse.migrate() == []
    warehouse.close()


def test_a_renamed_field_may_change_its_type_as_well(again: Opening) -> None:
    changed = category(STATE, field("heading", "integer"), without="title")
    warehouse = again(changed)
    plan = warehouse.plan(renames={"core.report.title": "heading"})
    assert steps(plan)["core.report.heading"][1:] == (2, 1)
    warehouse.apply(plan.text)
    assert core(warehouse, changed)["a"]["heading"] == 12
    warehouse.close()


def test_values_that_an_enumeration_no_longer_has_are_told_and_left(again: Opening) -> None:
    changed = category({**STATE, "values": ["open", "closed"]})
    warehouse = again(changed)
    plan = warehouse.plan()
    assert steps(plan) == {"core.report.state": ("values that are no longer permitted", 1, 0)}
    assert "lost (1)" in plan.text
    assert "opg replay --load" in plan.text
    assert not plan.todo
    assert core(warehouse, changed)["b"]["state"] == "lost"
    warehouse.close()


def test_a_plan_of_another_state_or_by_another_hand_is_refused(again: Opening) -> None:
    changed = category(STATE, without="visitors")
    warehouse = again(changed)
    plan = warehouse.plan()
    with pytest.raises(WarehouseError, match="was altered after it was made"):
        warehouse.apply(plan.text.replace("DROP COLUMN visitors", "DROP COLUMN due_on"))
    with pytest.raises(WarehouseError, match="is no plan"):
        warehouse.apply("DROP TABLE core.report;\n")
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text("update core.report set visitors = 7 where source_record_id = 'b'"))
    with pytest.raises(WarehouseError, match="have changed since the plan was made"):
        warehouse.apply(plan.text)
    assert {c["name"] for c in sa.inspect(warehouse.engine).get_columns("report", schema="core")} > {
        "visitors",
        "due_on",
    }
    assert steps(warehouse.plan())["core.report.visitors"] == ("dropped", 2, 2)
    warehouse.close()


def test_nothing_is_done_where_one_step_cannot(again: Opening) -> None:
    warehouse = again(category(STATE, without="visitors"))
    strict = sa.MetaData(schema="mart")
    table = sa.Table("note", strict, sa.Column("id", sa.Text), sa.Column("body", sa.Text), comment="A | B")
    with warehouse.engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert().values(id="1", body=None))
    strict = sa.MetaData(schema="mart")
    sa.Table("note", strict, sa.Column("id", sa.Text), sa.Column("body", sa.Text, nullable=False), comment="A | B")
    plan = warehouse.plan(strict)
    assert [step.blocked[:24] for step in plan.steps if step.blocked] == ["1 rows have no value. De"]
    before = contents(warehouse, "core.report")
    with pytest.raises(WarehouseError, match=r"cannot be carried out[^-]*- mart\.note\.body"):
        warehouse.apply(plan.text, strict)
    assert contents(warehouse, "core.report") == before
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text("update mart.note set body = 'x'"))
    warehouse.apply(warehouse.plan(strict).text, strict)
    with pytest.raises(sa.exc.SQLAlchemyError), warehouse.engine.begin() as connection:
        connection.execute(sa.text("insert into mart.note values ('2', null)"))
    warehouse.close()


@pytest.mark.parametrize(
    ("renames", "message"),
    [
        ({"core.nothing.a": "b"}, "there is no table 'core.nothing'"),
        ({"core.report.title": "guests"}, "'title' must be in core.report and no longer declared"),
        ({"core.report.visitors": "amount_idr"}, "'amount_idr' must be declared and not yet in core.report"),
    ],
    ids=["table", "old", "new"],
)
def test_a_rename_that_does_not_fit_is_refused(again: Opening, renames: dict[str, str], message: str) -> None:
    warehouse = again(category(STATE, field("guests", "integer"), without="visitors"))
    with pytest.raises(WarehouseError, match=message):
        warehouse.plan(renames=renames)
    warehouse.close()


def test_the_same_state_gives_the_same_plan(again: Opening) -> None:
    warehouse = again(category(field("risk", "integer"), without="visitors"))
    plan = warehouse.plan()
    assert plan.text == warehouse.plan().text
    assert plan.additive == ("column core.report.risk", "column core.report_past.risk")
    assert plan.text.startswith("-- opg warehouse plan ")
    assert datetime.now(UTC).strftime("%Y-%m") not in plan.text, "no clock in it"
    warehouse.close()
