"""Who may do what: the group roles ``loader`` and ``bi_reader``, least privilege, without a log-in of their own.

Belongs here: grants, set again after every migration. Does not belong here: log-ins and passwords; an
administrator makes those and grants them one of the roles. Roles belong to the whole server, so removing the
warehouse leaves them.
"""

from typing import Any

import psycopg

ROLES = ("loader", "bi_reader")

#: Two processes may make a role at once: the second one finds it there.
_CREATE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'loader') THEN CREATE ROLE loader NOLOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bi_reader') THEN CREATE ROLE bi_reader NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
"""
_GRANTS = """
REVOKE ALL ON SCHEMA sales, marts, merchants, ops FROM PUBLIC;

GRANT USAGE ON SCHEMA sales, marts, merchants, ops TO loader;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sales, marts TO loader;
GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA merchants TO loader;
GRANT SELECT ON ALL TABLES IN SCHEMA ops TO loader;
GRANT INSERT ON ops.load_audit, ops.quality_result, ops.archive, ops.stale_day TO loader;
GRANT DELETE ON ops.stale_day TO loader;
REVOKE INSERT, UPDATE, DELETE ON sales.dim_retailer FROM loader;
GRANT EXECUTE ON FUNCTION marts.refresh_views() TO loader;

GRANT USAGE ON SCHEMA sales, marts, merchants TO bi_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA sales, marts, merchants TO bi_reader;
"""
#: So that the user who migrates can answer a query as bi_reader; where that is not allowed an administrator can.
_MEMBERSHIP = """
DO $$
BEGIN
    EXECUTE format('GRANT bi_reader TO %I', current_user);
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$;
"""


def set_roles(connection: psycopg.Connection[Any]) -> None:
    """Create the roles where they are missing and the user may, and set what each may do. Repeatable."""
    may_create = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    if missing_roles(connection) and connection.execute(may_create).fetchone() == (True,):
        connection.execute(_CREATE)
    if not missing_roles(connection):
        connection.execute(_GRANTS)
        connection.execute(_MEMBERSHIP)


def missing_roles(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the roles that the server does not have; an administrator creates them, then ``migrate`` grants."""
    there = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [[*ROLES]])}
    return [role for role in ROLES if role not in there]
