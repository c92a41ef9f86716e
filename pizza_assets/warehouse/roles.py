"""Who may do what: the group roles ``loader`` and ``bi_reader``, least privilege, without a log-in of their own.

Belongs here: grants, set again after every migration, and the embedded server's one login that only reads. Does not
belong here: other logins and passwords; an administrator makes those and grants them one of the roles. Roles belong
to the whole server, so removing the warehouse leaves them.
"""

from typing import Any

import psycopg

ROLES = ("loader", "bi_reader")
#: The embedded server's login for queries.
READER_LOGIN = "warehouse_reader"

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
GRANT INSERT ON ops.load_audit, ops.archive, ops.stale_day TO loader;
GRANT UPDATE (broken) ON ops.load_audit TO loader;
GRANT DELETE ON ops.stale_day TO loader;
REVOKE INSERT, UPDATE, DELETE ON sales.dim_retailer FROM loader;
GRANT EXECUTE ON FUNCTION marts.refresh_views() TO loader;

GRANT USAGE ON SCHEMA sales, marts, merchants TO bi_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA sales, marts, merchants TO bi_reader;
-- A customer's number is a person's: readers tell customers apart by their key, and cannot look a person up.
REVOKE SELECT ON sales.dim_customer FROM bi_reader;
GRANT SELECT (customer_key, retailer_key) ON sales.dim_customer TO bi_reader;
-- What 'warehouse status' counts; not the reasons why loads failed.
GRANT USAGE ON SCHEMA ops TO bi_reader;
GRANT SELECT ON ops.alembic_version, ops.stale_day TO bi_reader;
GRANT SELECT (audit_id, retailer_key, source_day, outcome, duplicate, corrected) ON ops.load_audit TO bi_reader;
GRANT SELECT (retailer_key, source_day, data_source, rejected, loaded_at) ON ops.loaded_day TO bi_reader;
"""
#: False where the grants are those of an older version.
_MAY_READ_STATUS = "SELECT has_table_privilege('bi_reader', 'ops.stale_day', 'SELECT')"
_BECOME_READER = """
SELECT set_config('role', 'bi_reader', false) FROM pg_roles
WHERE rolname = 'bi_reader' AND pg_has_role(session_user, oid, 'MEMBER')
"""
_CREATE_LOGIN = """
DO $$
BEGIN
    CREATE ROLE warehouse_reader LOGIN IN ROLE bi_reader;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
"""
#: Names without a schema find the tables in any tool. ``public`` stays first: it is where objects are made by default.
_SEARCH_PATH = """
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET search_path = "$user", public, sales, marts, merchants', current_database());
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$;
"""
#: What a login may do besides reading, in words; null when nothing.
_MORE = """
SELECT CASE
    WHEN rolsuper THEN 'is a superuser'
    WHEN rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
        THEN 'may create roles or databases, or replicate'
    WHEN EXISTS (
        SELECT FROM pg_shdepend
        WHERE refclassid = 'pg_authid'::regclass AND refobjid = u.oid AND deptype = 'o'
    ) THEN 'owns objects'
    ELSE (
        SELECT 'is a member of ' || string_agg(r.rolname, ', ' ORDER BY r.rolname) FROM pg_roles r
        WHERE r.oid <> u.oid AND r.rolname <> 'bi_reader' AND pg_has_role(u.oid, r.oid, 'MEMBER')
    )
END
FROM pg_roles u WHERE rolname = session_user
"""


def set_roles(connection: psycopg.Connection[Any]) -> None:
    """Create the roles where they are missing and the user may, and set what each may do. Repeatable."""
    may_create = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    if missing_roles(connection) and connection.execute(may_create).fetchone() == (True,):
        connection.execute(_CREATE)
    if not missing_roles(connection):
        connection.execute(_GRANTS)
    connection.execute(_SEARCH_PATH)


def missing_roles(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the roles that the server does not have; an administrator creates them, then ``migrate`` grants."""
    there = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [[*ROLES]])}
    return [role for role in ROLES if role not in there]


def set_reader_login(connection: psycopg.Connection[Any]) -> None:
    """Create the embedded server's login that only reads, where it is missing, and grant what it reads."""
    if connection.execute(_MAY_READ_STATUS).fetchone() != (True,):
        connection.execute(_GRANTS)
    if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [READER_LOGIN]).rowcount:
        connection.execute(_CREATE_LOGIN)


def become_reader(connection: psycopg.Connection[Any]) -> None:
    """Take the role ``bi_reader`` for the session, where the login has it: our own queries do not leave it again."""
    connection.execute(_BECOME_READER)


def more_than_reading(connection: psycopg.Connection[Any]) -> str | None:
    """Return what this connection's login may do besides reading as ``bi_reader``, for a sentence; None: nothing."""
    row = connection.execute(_MORE).fetchone()
    return row[0] if row else None
