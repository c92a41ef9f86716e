"""The migrations: every step has a way back, and a database that is not at ours says so."""

import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from pizza_assets.errors import WarehouseError
from pizza_assets.settings import Settings
from pizza_assets.warehouse import migrations
from pizza_assets.warehouse.connection import Connection, connect, warehouse
from pizza_assets.warehouse.loader import load_day
from pizza_assets.warehouse.migrations import HEAD, check, current, migrate
from pizza_assets_tests.warehouse.shops import DAY, RETAILER, facts, one, sales

REVISIONS = ["0001", "0002", "0003", "0004", "0005"]


_SCHEMA = {
    "columns": """
        SELECT n.nspname, c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               a.attidentity, col_description(c.oid, a.attnum)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint
        WHERE connamespace::regnamespace::text = ANY(%s)""",
    "indexes": "SELECT schemaname, indexname, indexdef FROM pg_indexes WHERE schemaname = ANY(%s)",
    "views": "SELECT schemaname, viewname, definition FROM pg_views WHERE schemaname = ANY(%s)",
    "materialized": "SELECT matviewname, definition FROM pg_matviews WHERE schemaname = ANY(%s)",
    "functions": "SELECT proname, prosrc FROM pg_proc WHERE pronamespace::regnamespace::text = ANY(%s)",
    "comments": """
        SELECT c.relname, obj_description(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(%s)""",
}
_GRANTS = """
    SELECT n.nspname, n.nspacl::text, c.relname, c.relacl::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY(%s)
    UNION ALL
    SELECT 'function', NULL, proname, proacl::text FROM pg_proc WHERE pronamespace::regnamespace::text = ANY(%s)
"""


def schema(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that makes our schemas, but for the grants."""
    ours = [["sales", "marts", "merchants", "ops"]]
    return {name: sorted(connection.execute(query, ours), key=repr) for name, query in _SCHEMA.items()}


def grants(connection: Connection) -> list[tuple[Any, ...]]:
    """Return who may do what in our schemas."""
    ours = ["sales", "marts", "merchants", "ops"]
    return sorted(connection.execute(_GRANTS, [ours, ours]), key=repr)


@pytest.fixture
def empty(empty_database: str) -> Any:
    with connect(empty_database) as connection:
        yield connection


def test_all_up_all_down_all_up_gives_the_same_schema(empty: Connection) -> None:
    migrate(empty)
    first = schema(empty), grants(empty)
    members = one(empty, "SELECT count(*) FROM sales.dim_date")
    migrate(empty, "base")
    left = {name: rows for name, rows in schema(empty).items() if rows}
    assert {row[1] for row in left["columns"]} == {"alembic_version", "alembic_version_pkc"}
    migrate(empty)
    assert (schema(empty), grants(empty)) == first
    assert one(empty, "SELECT count(*) FROM sales.dim_date") == members


@pytest.mark.parametrize(("older", "newer"), [("base", REVISIONS[0]), *pairwise(REVISIONS)])
def test_each_migration_undoes_just_what_it_does(empty: Connection, older: str, newer: str) -> None:
    if older != "base":
        migrate(empty, older)
    before = schema(empty)
    migrate(empty, newer)
    assert schema(empty) != before
    migrate(empty, older)
    after = schema(empty)
    if older != "base":
        assert after == before


def test_facts_survive_the_marts_way_back(connection: Connection) -> None:
    load_day(connection, sales({}), retailer_id=RETAILER, source_day=DAY)
    kept = facts(connection)
    migrate(connection, "0002")
    migrate(connection)
    assert facts(connection) == kept
    assert one(connection, "SELECT count(*) FROM ops.stale_day") == 1


def test_the_package_works_with_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "pizza_assets.warehouse:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD] == REVISIONS[-1:]


def test_migrating_twice_changes_nothing(connection: Connection) -> None:
    before = schema(connection), grants(connection)
    migrate(connection)
    assert (schema(connection), grants(connection)) == before


def test_two_processes_that_migrate_at_once_wait_for_each_other(empty_database: str) -> None:
    code = (
        "import sys; from pizza_assets.warehouse.connection import connect; "
        "from pizza_assets.warehouse.migrations import check, migrate; "
        "own = connect(sys.argv[1]); migrate(own); check(own)"
    )
    workers = [subprocess.Popen([sys.executable, "-c", code, empty_database]) for _ in range(2)]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]


@pytest.mark.parametrize(
    ("revision", "sentence"),
    [
        (None, "has no warehouse yet.*run pizza-assets warehouse migrate"),
        ("0002", "is at revision 0002.*works with revision 0005.*run pizza-assets warehouse migrate"),
    ],
)
def test_a_database_that_is_behind_says_so(empty_database: str, revision: str | None, sentence: str) -> None:
    if revision:
        with connect(empty_database) as connection:
            migrate(connection, revision)
    settings = Settings.load(warehouse_url=empty_database)
    with pytest.raises(WarehouseError, match=sentence), warehouse(settings):
        pass


def test_a_database_that_is_ahead_says_so(connection: Connection) -> None:
    connection.execute("UPDATE ops.alembic_version SET version_num = '9999'")
    with pytest.raises(WarehouseError, match="9999.*update this package"):
        check(connection)


def test_a_failed_migration_leaves_the_database_as_it_was(empty: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(empty, "0001")
    before = schema(empty)
    monkeypatch.setattr(migrations, "HEAD", "0002")
    empty.execute("CREATE TABLE ops.stale_day ()")  # in the way of 0002
    with pytest.raises(Exception, match="stale_day"):
        migrate(empty)
    empty.execute("DROP TABLE ops.stale_day")
    assert current(empty) == "0001"
    assert schema(empty) == before


def test_without_the_right_to_make_roles_the_schema_is_made_and_the_missing_roles_are_told(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a managed server an administrator makes the roles; here two names that nobody made stand for them."""
    from psycopg.conninfo import make_conninfo

    from pizza_assets.warehouse import roles

    monkeypatch.setattr(roles, "ROLES", ("no_such_loader", "no_such_reader"))
    with connect(server) as admin:
        admin.execute("DROP DATABASE IF EXISTS modest WITH (FORCE)")
        admin.execute("DROP ROLE IF EXISTS modest")
        admin.execute("CREATE ROLE modest LOGIN")
        admin.execute("CREATE DATABASE modest OWNER modest")
    try:
        with connect(make_conninfo(server, dbname="modest", user="modest")) as connection:
            migrate(connection)
            check(connection)
            assert roles.missing_roles(connection) == ["no_such_loader", "no_such_reader"]
            load_day(connection, sales({}), retailer_id=RETAILER, source_day=DAY)
    finally:
        with connect(server) as admin:
            admin.execute("DROP DATABASE modest WITH (FORCE)")
            admin.execute("DROP ROLE modest")
