"""Additive changes apply by themselves, others are refused with a plan; comments stand on every table and column."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from opg_pipeline.load import Warehouse, WarehouseError
from opg_pipeline.model.category import Category
from opg_pipeline_tests.load.build import catalog, category, contents, core, pull

RISK: dict[str, Any] = {
    "name": "risk",
    "type": "decimal(5,2)",
    "label": {"en": "Risk", "id": "Risiko"},
    "privacy": "none",
    "required": True,
}


def amount(kind: str) -> dict[str, Any]:
    return {
        "name": "amount_idr",
        "type": kind,
        "unit": "IDR",
        "label": {"en": "Amount", "id": "Jumlah"},
        "privacy": "none",
    }


def opened(url: str, *categories: Category) -> Warehouse:
    return Warehouse.open(url, catalog(*categories))


def mart(*columns: sa.Column[Any]) -> sa.MetaData:
    metadata = sa.MetaData(schema="mart")
    sa.Table(
        "measure",
        metadata,
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("value", sa.Double),
        *columns,
        comment="A | B",
    )
    return metadata


def test_everything_is_made_once_and_then_left_alone(url: str, reports: Category) -> None:
    warehouse = opened(url, reports)
    said = warehouse.migrate(mart())
    assert {
        "schema core",
        "schema mart",
        "schema ops",
        "table core.report",
        "table ops.slice",
        "table mart.measure",
    } <= set(said)
    assert warehouse.migrate(mart()) == []
    assert warehouse.migrate() == []
    assert warehouse.migrate(mart(sa.Column("caveats", sa.Text))) == ["column mart.measure.caveats"]
    warehouse.close()
    again = opened(url, reports)
    assert again.migrate(mart(sa.Column("caveats", sa.Text))) == []
    again.close()


def test_every_table_and_column_has_its_comment(warehouse: Warehouse) -> None:
    inspector = sa.inspect(warehouse.engine)
    for table in warehouse.metadata.sorted_tables:
        comment = inspector.get_table_comment(table.name, schema=table.schema)["text"]
        assert comment
        assert " | " in comment
        for column in inspector.get_columns(table.name, schema=table.schema):
            assert " | " in (column["comment"] or ""), f"{table}.{column['name']}"
    columns = {column["name"]: column for column in inspector.get_columns("report", schema="core")}
    assert columns["amount_idr"]["comment"] == "Amount | Jumlah (IDR)"
    assert columns["order"]["comment"] == "Order | Urutan. A reserved word of SQL."
    assert "reporter_nik" not in columns
    assert inspector.get_table_comment("report", schema="core")["text"].startswith("Citizen's report | Laporan warga")


def test_additive_changes_apply_and_keep_the_records(url: str, reports: Category) -> None:
    warehouse = opened(url, reports)
    warehouse.migrate()
    warehouse.merge(reports, [pull(1, reports, {"id": "a", "amount_idr": Decimal("12.34")})])
    warehouse.close()
    relabelled = {"name": "title", "type": "text", "label": {"en": "Heading", "id": "Judul"}, "privacy": "none"}
    grown, other = category(RISK, amount("decimal(24,4)"), relabelled), category(id="incident")
    warehouse = opened(url, grown, other)
    said = warehouse.migrate()
    assert "table core.incident" in said
    assert "column core.report.risk" in said
    assert any(line.startswith("column core.report.amount_idr: type") for line in said)
    assert "column core.report.title: comment" in said
    assert said.count("view core.report_history") == 1
    past = [line for line in said if "report_past" in line]
    assert len(past) == 3, "the past takes the same changes"
    assert len(said) == 4 + len(past) + len(["incident_past", "incident_history", "report_history"])
    assert warehouse.migrate() == []
    assert core(warehouse, grown)["a"]["amount_idr"] == Decimal("12.34")
    assert core(warehouse, grown)["a"]["risk"] is None
    comments = {
        item["name"]: item["comment"] for item in sa.inspect(warehouse.engine).get_columns("report", schema="core")
    }
    assert comments["title"] == "Heading | Judul"
    assert comments["risk"] == "Risk | Risiko"
    part = pull(2, grown, {"id": "a", "amount_idr": Decimal("99999999999999999999.9999"), "risk": Decimal("1.5")})
    assert warehouse.merge(grown, [part]).updated == 1
    assert core(warehouse, grown)["a"]["amount_idr"] == Decimal("99999999999999999999.9999")
    warehouse.close()


@pytest.mark.parametrize(
    ("changed", "messages"),
    [
        (
            category(without="visitors"),
            ["core.report.visitors is in the warehouse and no longer declared", "DROP COLUMN visitors"],
        ),
        (category(amount("decimal(12,2)")), ["core.report.amount_idr is", "keep the old one"]),
        (category(amount("decimal(18,4)")), ["core.report.amount_idr is"]),
        (category(amount("text")), ["core.report.amount_idr is"]),
        (
            category(RISK, amount("integer"), without="due_on"),
            ["core.report.amount_idr is", "core.report.due_on is in the warehouse"],
        ),
    ],
    ids=["dropped", "narrower", "fewer digits before the point", "retyped", "several"],
)
def test_other_changes_are_refused_with_a_plan_and_nothing_is_done(
    url: str, reports: Category, changed: Category, messages: list[str]
) -> None:
    warehouse = opened(url, reports)
    warehouse.migrate()
    warehouse.merge(reports, [pull(1, reports, "a")])
    before = contents(warehouse, "core.report")
    warehouse.close()
    other = opened(url, changed, category(id="incident"))
    for _ in range(2):
        with pytest.raises(WarehouseError, match="nothing was changed") as raised:
            other.migrate()
        for message in messages:
            assert message in str(raised.value)
    assert not sa.inspect(other.engine).has_table("incident", schema="core")
    other.close()
    back = opened(url, reports)
    assert back.migrate() == []
    assert contents(back, "core.report") == before
    back.close()


def test_new_column_that_must_not_be_empty_is_refused(url: str, reports: Category) -> None:
    warehouse = opened(url, reports)
    warehouse.migrate(mart())
    with pytest.raises(WarehouseError, match=r"mart.measure.n is new and must not be empty"):
        warehouse.migrate(mart(sa.Column("n", sa.BigInteger, nullable=False)))
    warehouse.close()


def test_table_of_a_category_that_is_no_longer_fed_is_left_alone(url: str, reports: Category) -> None:
    warehouse = opened(url, reports, category(id="incident"))
    warehouse.migrate()
    warehouse.close()
    fewer = opened(url, reports)
    assert fewer.migrate() == []
    assert sa.inspect(fewer.engine).has_table("incident", schema="core")
    fewer.close()


def test_file_with_a_name_that_needs_quotes(tmp_path: Any, reports: Category) -> None:
    url = f"duckdb:///{tmp_path / 'my ware-house.2026.duckdb'}"
    warehouse = opened(url, reports)
    warehouse.migrate()
    warehouse.close()
    warehouse = opened(url, category(RISK))
    assert set(warehouse.migrate()) == {
        "column core.report.risk",
        "column core.report_past.risk",
        "view core.report_history",
    }
    warehouse.close()


def test_field_with_the_name_of_an_envelope_column_is_refused(url: str) -> None:
    clash = category(
        {"name": "vanished_at", "type": "timestamp", "label": {"en": "Gone", "id": "Hilang"}, "privacy": "none"}
    )
    with pytest.raises(WarehouseError, match="field vanished_at has the name of a column"):
        opened(url, clash)


def test_shipped_categories_all_become_tables(url: str) -> None:
    from opg_pipeline.model.catalog import shipped_catalog
    from opg_pipeline.model.yaml_source import read_yaml

    shipped = [
        Category.model_validate(read_yaml(path).data)
        for path in sorted((shipped_catalog() / "categories").glob("*.yaml"))
    ]
    assert len(shipped) >= 14
    warehouse = opened(url, *shipped)
    warehouse.migrate()
    assert {item.id for item in shipped} <= set(sa.inspect(warehouse.engine).get_table_names(schema="core"))
    assert warehouse.migrate() == []
    with warehouse.engine.begin() as connection:  # the comparison itself finds nothing either
        connection.execute(sa.update(warehouse.ops("schema_version")).values(digest="forgotten"))
    assert set(warehouse.migrate()) == {f"view core.{item.id}_history" for item in shipped}, (
        "views are made, not compared"
    )
    warehouse.close()
