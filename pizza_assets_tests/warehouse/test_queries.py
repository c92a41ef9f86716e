"""The twelve questions, each asked as a reader of a small load whose answers a person can work out."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

import pizza_assets
from pizza_assets.analysis.categories import sales_uplift
from pizza_assets.analysis.contract import TIME_WINDOWS
from pizza_assets.errors import WarehouseError
from pizza_assets.merchants.from_warehouse import export
from pizza_assets.settings import Settings
from pizza_assets.warehouse import roles
from pizza_assets.warehouse.calendar import MatchDate, mark_match_dates
from pizza_assets.warehouse.connection import Connection, explained, reader, warehouse
from pizza_assets.warehouse.connection import reading as read_only
from pizza_assets.warehouse.loader import load_day
from pizza_assets.warehouse.marts import refresh
from pizza_assets.warehouse.pizza_vs_football import replace_results, sales_by_category
from pizza_assets.warehouse.queries import QUESTIONS
from pizza_assets.warehouse.retention import due
from pizza_assets.warehouse.status import ask, retailers, stale_days
from pizza_assets_tests.frames import match_row, matches_frame
from pizza_assets_tests.warehouse.shops import one, sales

MONDAY = date(2025, 3, 3)
DOCUMENT = Path(pizza_assets.__file__).parents[1] / "docs" / "warehouse.md"


MATCHES = matches_frame([match_row("m", datetime(2025, 3, 3, 13, tzinfo=UTC), ("Leeds", "York"), data_source="mock")])


def money(amount: str) -> Decimal:
    return Decimal(amount)


@pytest.fixture
def shop(connection: Connection) -> Connection:
    """Three weeks of two retailers.

    Retailer 1, mock: a pizza of 2.50 a day in the first week, two a day in the second, and one on the Monday after;
    every day's customer is C1, but C2 on the first day. On the first Tuesday also a drink of 4.00 in York. The
    correction of the first Wednesday makes it three pizzas. Domino's, real: one pizza of 12.00, without a customer,
    on the first Monday. One pizza comes back on the last Monday.
    Matches on the first Monday (mock) and none on the other days: too few to say what they do.
    """
    for number in range(15):
        day = MONDAY + timedelta(days=number)
        quantity = 2 if 7 <= number < 14 else 1
        lines: list[dict[str, Any]] = [
            {"transaction_id": f"T{number}", "quantity": quantity, "customer_id": "C2" if number == 0 else "C1"}
        ]
        if number == 1:
            lines.append(
                {"transaction_id": "T-drink", "product_sku": "P2", "product_name": "Cola", "category": "drinks",
                 "unit_price": "4.00", "store_id": "S2", "store_city": "York"}
            )  # fmt: skip
        if number == 14:
            lines.append({"transaction_id": "T-return", "quantity": -1, "customer_id": None})
        if number == 3:
            lines.append(
                {"transaction_id": "T2", "quantity": 3, "sold_at": sales({}, day=day - timedelta(1))["sold_at"][0]}
            )
        load_day(connection, sales(*lines, day=day), retailer_id="retailer_1", source_day=day)
    delivered = {
        "retailer_id": "dominos",
        "category": "delivered pizza",
        "product_name": "Pepperoni",
        "unit_price": "12",
        "customer_id": None,
        "data_source": "real",
    }
    load_day(connection, sales(delivered, day=MONDAY), retailer_id="dominos", source_day=MONDAY)
    days = [MONDAY + timedelta(days=number) for number in range(15)]
    mark_match_dates(connection, [MatchDate(day, int(day == MONDAY), "mock") for day in days])
    refresh(connection)
    replace_results(connection, sales_uplift(sales_by_category(connection, days[0], days[-1]), MATCHES, days[-1]))
    return connection


ANSWERS: dict[str, list[tuple[Any, ...]]] = {
    "sales_by_day": [
        ("dominos", "real", MONDAY, 1, 1, money("12.00"), 0, 0, money("12.00"), "GBP"),
        *(
            ("retailer_1", "mock", MONDAY + timedelta(days=number), 1, 2, money("5.00"), 0, 0, money("5.00"), "GBP")
            for number in range(8, 14)
        ),
        ("retailer_1", "mock", MONDAY + timedelta(days=14), 2, 0, money("2.50"), 0, money("2.50"), 0, "GBP"),
    ],
    "monthly_categories": [
        (date(2025, 3, 1), "dominos", "real", "delivered pizza", money("12.00"), "GBP", money("100.0")),
        (date(2025, 3, 1), "retailer_1", "mock", "frozen pizza", money("57.50"), "GBP", money("93.5")),
        (date(2025, 3, 1), "retailer_1", "mock", "drinks", money("4.00"), "GBP", money("6.5")),
    ],
    "top_products": [
        ("dominos", "real", 1, "Pepperoni", "delivered pizza", 1, money("12.00"), 0, "GBP"),
        ("retailer_1", "mock", 1, "Margherita", "frozen pizza", 23, money("57.50"), money("2.50"), "GBP"),
        ("retailer_1", "mock", 2, "Cola", "drinks", 1, money("4.00"), 0, "GBP"),
    ],
    "weekly_trend": [
        (2025, 10, MONDAY, "retailer_1", "mock", money("26.50"), None, "GBP", None),
        (2025, 11, date(2025, 3, 10), "retailer_1", "mock", money("35.00"), money("26.50"), "GBP", money("32.1")),
    ],
    "quarters": [
        (2025, 1, "dominos", "real", 1, 1, money("12.00"), 0, 0, money("12.00"), money("12.00"), "GBP"),
        (2025, 1, "retailer_1", "mock", 15, 17, money("64.00"), 0, money("2.50"), money("61.50"), money("3.62"), "GBP"),
    ],
    "match_days": [
        ("dominos", "real", "mock", True, 1, money("1.0")),
        ("retailer_1", "mock", "mock", True, 1, money("1.0")),
        ("retailer_1", "mock", "mock", False, 14, money("1.6")),
    ],
    "football": [
        (category, source, window, 0, money("0.0"), None, None, None, 0, "insufficient", date(2025, 3, 17))
        for category, source in (("drinks", "mock"), ("frozen pizza", "mock"), ("delivered pizza", "real"))
        for window in TIME_WINDOWS
    ],
    "cities": [
        ("Leeds", "mock", 23, money("57.50"), "GBP"),
        ("Leeds", "real", 1, money("12.00"), "GBP"),
    ],
    "customers": [("retailer_1", "mock", 2, 1, money("96.1"), "GBP")],
    "corrections": [
        ("retailer_1", "mock", "T2", 1, "Margherita", date(2025, 3, 5), date(2025, 3, 6), money("2.50"), money("7.50"),
         "GBP")
    ],
    "returns": [
        ("dominos", "real", "delivered pizza", money("12.00"), 0, 0, 0, "GBP"),
        ("retailer_1", "mock", "frozen pizza", money("60.00"), 0, money("2.50"), money("4.17"), "GBP"),
        ("retailer_1", "mock", "drinks", money("4.00"), 0, 0, 0, "GBP"),
    ],
    "freshness": [
        ("dominos", 1, 1, 0, MONDAY, MONDAY, 0),
        ("retailer_1", 15, 0, 15, MONDAY, date(2025, 3, 17), 0),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_answer_is_right(shop: Connection, reading: Connection, name: str) -> None:
    names, rows = ask(reading, QUESTIONS[name].sql)
    found = [tuple(row) for row in rows]
    if name == "freshness":
        assert names.pop() == "loaded_at"
        found = [row[:-1] for row in found]
    assert found == ANSWERS[name]
    assert name == "freshness" or "data_source" in names


def test_there_are_twelve_questions_and_the_document_shows_each() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert len(QUESTIONS) == 12
    for name, question in QUESTIONS.items():
        assert f"**{question.asks}** (`{name}`)\n\n```sql\n{question.sql}\n```\n" in document


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM sales.fact_sales",
        "CREATE TABLE sales.mine (a integer)",
        "SELECT * FROM ops.load_audit",
        "SELECT reason FROM ops.load_audit",
        "SELECT * FROM ops.quality_result",
        "SELECT 1; DELETE FROM sales.fact_sales",
        "SELEC 1",
        "SELECT * FROM nowhere",
        "REFRESH MATERIALIZED VIEW marts.mv_daily_sales_summary",
        "DROP TABLE sales.fact_sales",
        "COPY sales.dim_retailer TO PROGRAM 'cat'",
        "DO $$ BEGIN RESET ROLE; COPY (SELECT 1) TO PROGRAM 'cat'; END $$",
        "DO $$ BEGIN SET TRANSACTION READ WRITE; DELETE FROM sales.fact_sales; END $$",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT set_config('role', 'postgres', true), query_to_xml('DELETE FROM sales.fact_sales', true, true, '')",
        "SELECT set_config('session_authorization', 'postgres', true)",
        "SET SESSION AUTHORIZATION postgres",
        "CREATE TEMPORARY TABLE mine (a integer)",
    ],
)
def test_a_reader_may_only_read(shop: Connection, reading: Connection, query: str) -> None:
    facts = one(shop, "SELECT count(*) FROM sales.fact_sales")
    with pytest.raises(WarehouseError):
        ask(reading, query)
    assert one(shop, "SELECT count(*) FROM sales.fact_sales") == facts
    assert one(reading, "SELECT current_user = session_user")


def test_a_query_of_a_reader_ends_in_time(reading: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pizza_assets.warehouse.status._QUERY_SECONDS", 0.1)
    with pytest.raises(WarehouseError, match="took too long"):
        ask(reading, "SELECT pg_sleep(600)")
    with pytest.raises(WarehouseError, match="took too long"):
        ask(reading, "SELECT set_config('statement_timeout', '0', true), pg_sleep(600)")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        ("CREATE ROLE {} LOGIN SUPERUSER", "is a superuser"),
        ("CREATE ROLE {} LOGIN CREATEROLE", "may create roles"),
        ("CREATE ROLE {} LOGIN IN ROLE loader", "is a member of loader"),
        ("CREATE ROLE {} LOGIN IN ROLE bi_reader, pg_read_server_files", "is a member of pg_read_server_files"),
        ("CREATE ROLE {0} LOGIN IN ROLE bi_reader; CREATE SCHEMA mine AUTHORIZATION {0}", "owns objects"),
    ],
)
def test_a_login_that_may_do_more_than_read_is_rejected(
    settings: Settings, connection: Connection, make: str, what: str
) -> None:
    name = f"more_{uuid4().hex}"
    connection.execute(make.format(name).encode())
    try:
        url = make_conninfo(connection.info.dsn, user=name)
        with (
            pytest.raises(WarehouseError, match=f"{name} {what}.*WAREHOUSE_READER_URL"),
            reader(settings.model_copy(update={"warehouse_reader_url": SecretStr(url)})),
        ):
            pass
    finally:
        connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}".encode())


@pytest.mark.parametrize("has_reader_url", [True, False])
def test_commands_that_only_read_ask_as_a_role_that_owns_nothing(
    settings: Settings, shop: Connection, tmp_path: Path, *, has_reader_url: bool
) -> None:
    """With the reader's login, and with the owner's alone: status, what is due, the merchants' export."""
    expected = retailers(shop), stale_days(shop), due(shop, date(2026, 1, 1))
    asked = settings if has_reader_url else settings.model_copy(update={"warehouse_reader_url": None})
    with read_only(asked) as connection:
        assert (retailers(connection), stale_days(connection), due(connection, date(2026, 1, 1))) == expected
        assert export(connection, tmp_path / "sold.parquet", None, "mock").stores.num_rows
        assert one(connection, "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole") == 0
        assert one(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        assert one(connection, "SELECT current_setting('transaction_read_only')") == "on"
        with pytest.raises(WarehouseError), explained():
            connection.execute("DELETE FROM sales.fact_sales")


def test_an_embedded_warehouse_of_an_older_version_grants_what_its_reader_needs(warehouse_folder: Path) -> None:
    embedded_settings = Settings.load(warehouse_dir=str(warehouse_folder))
    with warehouse(embedded_settings) as owner:
        owner.execute("REVOKE ALL ON ALL TABLES IN SCHEMA ops FROM bi_reader; REVOKE ALL ON SCHEMA ops FROM bi_reader")
    with read_only(embedded_settings) as connection:
        assert one(connection, "SELECT session_user::text") == roles.READER_LOGIN
        assert len(retailers(connection)) == 4


def test_names_need_no_schema(reading: Connection) -> None:
    assert ask(reading, "SELECT count(*) FROM dim_retailer")[1] == [(5,)]
    assert ask(reading, "SELECT count(*) FROM mv_daily_sales_summary")[1] == [(0,)]


def test_a_percent_sign_is_no_parameter(reading: Connection) -> None:
    assert ask(reading, "SELECT count(*) FROM sales.dim_retailer WHERE retailer_id LIKE 'retailer_%'")[1] == [(3,)]
