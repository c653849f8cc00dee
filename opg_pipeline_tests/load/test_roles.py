"""What each role can read on a real server, also of tables made later."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from opg_pipeline.load import View, Warehouse, WarehouseError
from opg_pipeline.model.category import Category
from opg_pipeline_tests.load.build import catalog
from opg_pipeline_tests.load.conftest import new_database


def mart(*names: str) -> sa.MetaData:
    metadata = sa.MetaData(schema="mart")
    for name in names:
        sa.Table(name, metadata, sa.Column("id", sa.Text), comment="A | B")
    return metadata


def shown(name: str = "shown") -> View:
    return View(name, sa.select(sa.literal_column("id")).select_from(sa.table("measure", schema="mart")), "A | B", {"id": "A | B"}, ("mart.measure",), schema="mart")  # fmt: skip


@pytest.fixture
def served(server: str, reports: Category) -> Iterator[Warehouse]:
    warehouse = Warehouse.open(new_database(server), catalog(reports))
    warehouse.migrate(mart("measure"), views=[shown()])
    yield warehouse
    warehouse.close()


def refused(warehouse: Warehouse, role: str, statement: str) -> bool:
    """Whether the server does not permit the statement to the role."""
    with warehouse.engine.connect() as connection:
        connection.exec_driver_sql(f"SET ROLE {role}")
        try:
            connection.exec_driver_sql(statement)
        except sa.exc.ProgrammingError as error:
            if "permission denied" not in str(error):
                raise
            return True
    return False


def readable(warehouse: Warehouse, role: str) -> dict[str, set[bool]]:
    """By schema, whether the role could read its tables and views, tried one by one."""
    inspector = sa.inspect(warehouse.engine)
    found: dict[str, set[bool]] = {}
    for schema in ("core", "mart", "ops"):
        for table in [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]:
            found.setdefault(schema, set()).add(
                not refused(warehouse, role, f'SELECT count(*) FROM {schema}."{table}"')
            )
    return found


def test_bi_reads_mart_alone_and_the_steward_core_and_ops_too(served: Warehouse) -> None:
    before = served.roles(dry_run=True)
    served.roles(dry_run=False)
    served.migrate(mart("measure", "later"), views=[shown(), shown("shown_later")])
    assert readable(served, "opg_bi") == {"core": {False}, "mart": {True}, "ops": {False}}
    assert readable(served, "opg_steward") == {"core": {True}, "mart": {True}, "ops": {True}}
    assert refused(served, "opg_steward", "DELETE FROM mart.measure")
    assert refused(served, "opg_steward", "CREATE TABLE mart.own (a int)")
    assert any("GRANT SELECT ON ALL TABLES IN SCHEMA mart TO opg_bi" in line for line in before)


def test_what_bi_was_given_too_much_is_taken_away_and_running_again_changes_nothing(served: Warehouse) -> None:
    served.roles(dry_run=False)
    with served.engine.begin() as connection:
        connection.exec_driver_sql("GRANT USAGE ON SCHEMA core TO opg_bi")
        connection.exec_driver_sql("GRANT SELECT ON ALL TABLES IN SCHEMA core TO opg_bi")
    assert readable(served, "opg_bi")["core"] == {True}
    again = served.roles(dry_run=False)
    assert not any("CREATE ROLE" in line for line in again)
    assert readable(served, "opg_bi")["core"] == {False}


def test_a_file_knows_no_roles(tmp_path: object, reports: Category) -> None:
    warehouse = Warehouse.open(f"duckdb:///{tmp_path}/w.duckdb", catalog(reports))
    with pytest.raises(WarehouseError, match="knows no roles"):
        warehouse.roles(dry_run=True)
    warehouse.close()
