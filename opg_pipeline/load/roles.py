"""Who may read what on PostgreSQL: opg_bi reads mart, opg_steward reads mart, core and ops. Raw answers are in the lake, for neither.

DuckDB knows no roles; there, BI gets a copy of schema mart (publish/bi_copy.py).
"""

from __future__ import annotations

import sqlalchemy as sa

from opg_pipeline.load.records import WarehouseError
from opg_pipeline.load.tables import CORE, MART, OPS

ROLES: dict[str, tuple[str, ...]] = {"opg_bi": (MART,), "opg_steward": (MART, CORE, OPS)}
"""Role to the schemas it reads."""


def role_statements(connection: sa.Connection) -> list[str]:
    """The SQL that makes the roles what they should be; running it again changes nothing.

    The roles cannot log in: people's own roles become members. What the connected role makes later can be read too.

    Raises:
        WarehouseError: the database knows no roles.
    """
    if connection.dialect.name != "postgresql":
        raise WarehouseError(
            "This warehouse is a DuckDB file, which knows no roles. Give BI the copy in $OPG_HOME/published, which holds schema mart alone."
        )
    known = set(connection.execute(sa.text("SELECT rolname FROM pg_roles")).scalars())
    present = [schema for schema in (MART, CORE, OPS) if sa.inspect(connection).has_schema(schema)]
    statements = []
    for role, schemas in ROLES.items():
        if role not in known:
            statements.append(f"CREATE ROLE {role} NOLOGIN")
        for schema in present:
            if schema in schemas:
                statements += [
                    f"GRANT USAGE ON SCHEMA {schema} TO {role}",
                    f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
                    f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}",
                ]
            elif role in known:
                statements += [
                    f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}",
                    f"REVOKE ALL ON SCHEMA {schema} FROM {role}",
                ]
    return statements
