"""The migrations: every step has a way back, and a database that is not at ours says so."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
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
from pizza_assets_tests.warehouse.shops import DAY, NEXT_DAY, RETAILER, column, facts, one, sales

REVISIONS = ["0001", "0002", "0003", "0004", "0005", "0006", "0007"]


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
    kept = old_facts(connection)
    migrate(connection, "0002")
    migrate(connection)
    assert old_facts(connection) == kept
    assert one(connection, "SELECT count(DISTINCT (retailer_key, date_key)) FROM ops.stale_day") == 1


_OLD_FACTS = """
INSERT INTO sales.dim_product (product_key, retailer_key, product_sku, product_name, category, as_of)
VALUES (7, 1, 'P1', 'Margherita', 'frozen pizza', '2025-03-03'), (8, 1, 'P2', 'Cola', 'drinks', '2025-03-03');
INSERT INTO sales.fact_sales VALUES
    (1, 'T1', 7, 20250303, 0, 0, '2025-03-03 12:00+00', 3, 1.3333, 4.00, 'GBP', 'mock', 2, '2025-03-04'),
    (1, 'T1', 8, 20250303, 0, 0, '2025-03-03 12:00+00', 1, 2.5, 2.50, 'GBP', 'mock', 1, '2025-03-03');
INSERT INTO sales.fact_sales_superseded VALUES
    (1, 'T1', 7, 20250303, 0, 0, '2025-03-03 12:00+00', 1, 1, 1.00, 'GBP', 'mock', 1, '2025-03-03');
INSERT INTO ops.load_audit (retailer_key, source_day, outcome, mode, data_source, received, merged, inserted)
VALUES (1, '2025-03-03', 'loaded', 'add', 'mock', 2, 0, 2), (1, '2025-03-04', 'loaded', 'add', 'mock', 2, 1, 1);
"""


def old_facts(connection: Connection, table: str = "fact_sales") -> list[tuple[Any, ...]]:
    columns = "transaction_id, product_key, date_key, quantity, unit_price, total_amount, currency, source_day"
    query = f"SELECT {columns} FROM sales.{table} ORDER BY 1, 2, 3"  # noqa: S608 names of this test
    return connection.execute(query.encode()).fetchall()


def test_facts_by_product_survive_the_step_to_lines_and_back(empty: Connection) -> None:
    migrate(empty, "0005")
    for statement in _OLD_FACTS.split(";\n"):
        empty.execute(statement.encode())
    facts_before, superseded = old_facts(empty), old_facts(empty, "fact_sales_superseded")
    migrate(empty)
    assert (old_facts(empty), old_facts(empty, "fact_sales_superseded")) == (facts_before, superseded)
    assert one(empty, "SELECT count(*) FROM sales.fact_sales WHERE line <= 0") == 2
    migrate(empty, "0005")
    assert (old_facts(empty), old_facts(empty, "fact_sales_superseded")) == (facts_before, superseded)


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("newest_first", [False, True])
def test_a_day_of_facts_by_product_is_loaded_again_by_line(
    empty: Connection, *, replace: bool, newest_first: bool
) -> None:
    migrate(empty, "0005")
    for statement in _OLD_FACTS.split(";\n"):
        empty.execute(statement.encode())
    migrate(empty)
    sold = {"sold_at": datetime(2025, 3, 3, 12, tzinfo=UTC)}
    feeds = [
        (DAY, sales({"unit_price": "1.00"}, {"product_sku": "P2"})),
        (NEXT_DAY, sales({"unit_price": "1.00", "quantity": 2, **sold}, {"line": 3, "unit_price": "2.00", **sold})),
    ]
    for day, lines in reversed(feeds) if newest_first else feeds:
        load_day(empty, lines, retailer_id=RETAILER, source_day=day, replace=replace)
    assert column(facts(empty), "line", "product_sku", "quantity", "source_day") == [
        (1, "P1", 2, NEXT_DAY), (2, "P2", 1, DAY), (3, "P1", 1, NEXT_DAY)
    ]  # fmt: skip


def test_lines_are_summed_by_product_on_the_way_back_and_no_day_or_currency_is_mixed(connection: Connection) -> None:
    load_day(
        connection,
        sales({"unit_price": "1.00"}, {"unit_price": "2.00", "quantity": 2}, {"currency": "EUR"}),
        retailer_id=RETAILER,
        source_day=DAY,
    )
    load_day(connection, sales({}, day=NEXT_DAY), retailer_id=RETAILER, source_day=NEXT_DAY)
    migrate(connection, "0005")
    assert [(row[0], row[2], row[3], row[4], row[5], row[6]) for row in old_facts(connection)] == [
        ("T1", 20250303, 1, Decimal("2.5"), Decimal("2.5"), "EUR"),
        ("T1#2", 20250303, 3, Decimal("1.6667"), Decimal(5), "GBP"),
        ("T1#3", 20250304, 1, Decimal("2.5"), Decimal("2.5"), "GBP"),
    ]


def test_facts_that_an_older_schema_cannot_hold_are_set_aside_and_come_back(connection: Connection) -> None:
    lines = sales(
        {},
        {"quantity": -1},
        {"quantity": "1.25", "total_amount": "3.12"},
        {"quantity": 3, "discount": "2.50"},
        {"quantity": 3, "unit_price": "0.33", "total_amount": "1.00"},
    )
    load_day(connection, lines, retailer_id=RETAILER, source_day=DAY)
    corrected = sales({"quantity": -2, "line": 2, "sold_at": lines["sold_at"][0]}, day=NEXT_DAY)
    load_day(connection, corrected, retailer_id=RETAILER, source_day=NEXT_DAY)
    before = facts(connection), old_facts(connection, "fact_sales_superseded")
    migrate(connection, "0006")
    assert [row[:1] + row[3:6] for row in old_facts(connection)] == [("T1", 1, Decimal("2.5"), Decimal("2.5"))]
    migrate(connection)
    assert (facts(connection), old_facts(connection, "fact_sales_superseded")) == before
    assert one(connection, "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'set_aside%'") == 0


def test_what_was_set_aside_does_not_undo_what_was_loaded_since(connection: Connection) -> None:
    load_day(connection, sales({"quantity": -1}), retailer_id=RETAILER, source_day=DAY)
    migrate(connection, "0006")
    connection.execute("""
        INSERT INTO sales.fact_sales
        SELECT retailer_key, transaction_id, product_key, date_key, customer_key, store_key, sold_at, 4, unit_price, 10,
               currency, data_source, line, source_day FROM ops.set_aside_0007
    """)
    migrate(connection)
    assert column(facts(connection), "quantity", "total_amount") == [(4, 10)]


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
        ("0002", "is at revision 0002.*works with revision 0007.*run pizza-assets warehouse migrate"),
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
