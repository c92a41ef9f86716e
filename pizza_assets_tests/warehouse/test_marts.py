"""The views: what they say, that real and mock stay apart, and that a refresh of what changed equals a full one."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizza_assets.warehouse.calendar import MatchDate, mark_match_dates
from pizza_assets.warehouse.connection import Connection, connect
from pizza_assets.warehouse.loader import load_day
from pizza_assets.warehouse.marts import refresh
from pizza_assets_tests.warehouse.shops import DAY, NEXT_DAY, RETAILER, one, sales

MEASURES = "net_quantity, returned_quantity, gross_revenue, discounts, returns, net_revenue"
#: The same of facts; net is what was paid, and what came back what was paid for it.
SAID = """
    sum(quantity), sum(greatest(-quantity, 0)), sum(greatest(total_amount + discount, 0)), sum(greatest(discount, 0)),
    sum(greatest(-total_amount, 0)), sum(total_amount)
"""
VIEWS = (
    "mv_daily_sales_by_product",
    "mv_daily_sales_summary",
    "mv_monthly_sales_by_category",
    "mv_quarterly_sales_summary",
    "mv_top_products_by_revenue",
    "mv_weekly_sales_trends",
)


def view(connection: Connection, name: str, columns: str = "*") -> list[tuple[Any, ...]]:
    return connection.execute(f"SELECT {columns} FROM marts.{name} ORDER BY 1, 2, 3, 4, 5".encode()).fetchall()  # noqa: S608 names of this test


def all_views(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    return {name: sorted(view(connection, name), key=repr) for name in VIEWS}


def load(
    connection: Connection, *lines: dict[str, Any], day: date = DAY, retailer: str = RETAILER, **options: Any
) -> None:
    lines = tuple({"retailer_id": retailer, **line} for line in lines)
    load_day(connection, sales(*lines, day=day), retailer_id=retailer, source_day=day, **options)


def test_the_six_views_are_there_each_with_a_unique_index(connection: Connection) -> None:
    found = connection.execute(
        b"""
        SELECT c.relname, count(*) FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid AND i.indisunique
        WHERE c.relkind = 'm' AND c.relnamespace = 'marts'::regnamespace GROUP BY 1 ORDER BY 1
    """
    ).fetchall()
    assert found == [(name, 1) for name in VIEWS]


def test_a_day_is_summed(connection: Connection) -> None:
    load(
        connection,
        {"quantity": 2},
        {"product_sku": "P2", "unit_price": "4.00"},
        {"transaction_id": "T2", "customer_id": None},
    )
    refresh(connection)
    assert view(
        connection,
        "mv_daily_sales_summary",
        "sale_date, retailer_id, transactions, customers, facts, net_quantity, net_revenue, revenue_per_transaction",
    ) == [(DAY, RETAILER, 2, 1, 3, 4, Decimal("11.50"), Decimal("5.75"))]
    assert view(
        connection, "mv_daily_sales_by_product", "product_sku, transactions, net_quantity, net_revenue, data_source"
    ) == [
        ("P1", 2, 3, Decimal("7.50"), "mock"),
        ("P2", 1, 1, Decimal("4.00"), "mock"),
    ]


def test_gross_discounts_returns_and_net_stand_apart(connection: Connection) -> None:
    """Sold: 3 x 2.50 less 2.50, and 1.25 kg for 3.12. Came back: one of three that were bought for two, and a sale
    that is not there.
    """
    load(
        connection,
        {"quantity": 3, "discount": "2.50"},
        {"quantity": "1.25", "total_amount": "3.12"},
        {"transaction_id": "R1", "quantity": -1, "discount": "-0.83"},
        {"transaction_id": "R2", "quantity": -2},
    )
    refresh(connection)
    sums = (Decimal("1.25"), Decimal(3), Decimal("10.62"), Decimal("2.50"), Decimal("6.67"), Decimal("1.45"))
    for name in VIEWS:
        assert view(connection, name, MEASURES) == [sums]
    assert view(connection, "mv_daily_sales_summary", "transactions, revenue_per_transaction, 0, 0, 0") == [
        (3, Decimal("0.48"), 0, 0, 0)
    ]


def test_where_more_came_back_than_was_sold_there_is_no_share_and_no_change(connection: Connection) -> None:
    for number in range(14):
        quantity = -1 if number < 7 else 1
        load(connection, {"transaction_id": f"T{number}", "quantity": quantity}, day=DAY + timedelta(days=number))
    load(connection, {"quantity": -5}, day=date(2025, 5, 1))
    refresh(connection)
    assert view(connection, "mv_monthly_sales_by_category", "month_start, net_revenue, share_of_month, 0, 0") == [
        (date(2025, 3, 1), 0, None, 0, 0), (date(2025, 5, 1), Decimal("-12.5"), None, 0, 0)
    ]  # fmt: skip
    assert view(connection, "mv_weekly_sales_trends", "iso_week, previous_revenue, change, 0, 0") == [
        (10, None, None, 0, 0), (11, Decimal("-17.5"), None, 0, 0), (18, None, None, 0, 0)
    ]  # fmt: skip


def test_real_and_mock_sales_and_currencies_never_stand_in_one_figure(connection: Connection) -> None:
    load(connection, {"data_source": "real"})
    load(connection, {"transaction_id": "T2", "data_source": "mock"}, day=NEXT_DAY)
    load(connection, {"transaction_id": "T3", "data_source": "mock", "currency": "EUR"}, day=NEXT_DAY + timedelta(1))
    refresh(connection)
    for name in VIEWS:
        found = view(connection, name, "data_source, currency, net_revenue, 0, 0")
        assert found == [("mock", "EUR", Decimal("2.50"), 0, 0), ("mock", "GBP", Decimal("2.50"), 0, 0),
                         ("real", "GBP", Decimal("2.50"), 0, 0)]  # fmt: skip


def test_shares_of_a_month_add_up_to_one(connection: Connection) -> None:
    load(connection, {}, {"product_sku": "P2", "category": "drinks", "unit_price": "7.50"})
    refresh(connection)
    assert view(
        connection, "mv_monthly_sales_by_category", "month_start, category, net_revenue, share_of_month, 0"
    ) == [
        (date(2025, 3, 1), "drinks", Decimal("7.50"), Decimal("0.75"), 0),
        (date(2025, 3, 1), "frozen pizza", Decimal("2.50"), Decimal("0.25"), 0),
    ]


def test_products_are_ranked_by_revenue_within_their_retailer(connection: Connection) -> None:
    load(connection, {}, {"product_sku": "P2", "unit_price": "9.00"}, {"product_sku": "P0"})
    load(connection, {"product_sku": "D1"}, retailer="dominos")
    refresh(connection)
    assert view(connection, "mv_top_products_by_revenue", "retailer_id, revenue_rank, product_sku, 0, 0") == [
        ("dominos", 1, "D1", 0, 0), (RETAILER, 1, "P2", 0, 0), (RETAILER, 2, "P0", 0, 0), (RETAILER, 3, "P1", 0, 0)
    ]  # fmt: skip


def test_weeks_are_iso_weeks_and_a_change_needs_two_whole_ones(connection: Connection) -> None:
    """2024-12-30 is the Monday of the first week of 2025."""
    monday = date(2024, 12, 30)
    for number in range(15):
        price = "1.00" if number < 7 else "1.50"
        load(connection, {"transaction_id": f"T{number}", "unit_price": price}, day=monday + timedelta(days=number))
    refresh(connection)
    columns = "iso_year, iso_week, week_start, days, net_revenue, previous_revenue, change"
    assert view(connection, "mv_weekly_sales_trends", columns) == [
        (2025, 1, monday, 7, Decimal("7.00"), None, None),
        (2025, 2, date(2025, 1, 6), 7, Decimal("10.50"), Decimal("7.00"), Decimal("0.5")),
        (2025, 3, date(2025, 1, 13), 1, Decimal("1.50"), None, None),
    ]


def test_quarters(connection: Connection) -> None:
    load(connection, {})
    load(connection, {"transaction_id": "T2"}, {"transaction_id": "T3"}, day=date(2025, 4, 1))
    refresh(connection)
    columns = "year, quarter, days, transactions, net_revenue"
    assert view(connection, "mv_quarterly_sales_summary", columns) == [
        (2025, 1, 1, 1, Decimal("2.50")), (2025, 2, 1, 2, Decimal("5.00"))
    ]  # fmt: skip


def test_match_dates_say_where_they_are_known_from(connection: Connection) -> None:
    dates = [MatchDate(DAY, 3, "mock"), MatchDate(NEXT_DAY, 0, "real")]
    assert mark_match_dates(connection, dates) == 2
    assert mark_match_dates(connection, dates) == 0
    for number in range(3):
        load(connection, {"transaction_id": f"T{number}"}, day=DAY + timedelta(days=number))
    refresh(connection)
    assert view(connection, "mv_daily_sales_summary", "sale_date, is_match_date, matches_source, 0, 0") == [
        (DAY, True, "mock", 0, 0), (NEXT_DAY, False, "real", 0, 0), (DAY + timedelta(days=2), None, None, 0, 0)
    ]  # fmt: skip


def test_a_refresh_takes_only_what_changed(connection: Connection) -> None:
    load(connection, {})
    assert refresh(connection).days == 1
    assert refresh(connection).days == 0
    load(connection, {})  # nothing new
    assert refresh(connection).days == 0
    load(connection, {"transaction_id": "T2"}, day=NEXT_DAY)
    assert refresh(connection).days == 1
    changed = all_views(connection)
    assert refresh(connection, full=True).days == 2
    assert all_views(connection) == changed


def test_what_is_loaded_during_a_refresh_stays_stale(connection: Connection, database: str) -> None:
    load(connection, {})
    with connect(database) as refreshing:
        with refreshing.transaction():
            refreshing.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            refreshing.execute("DELETE FROM ops.stale_day")  # as a refresh begins
            load(connection, {"transaction_id": "T2"})
        refresh(refreshing)
    assert one(connection, "SELECT sum(facts) FROM marts.mv_daily_sales_summary") == 2


def test_all_views_tell_of_one_moment(connection: Connection, database: str) -> None:
    """A load that commits between the two roll-ups is in neither. A trigger stops the refresh between them."""
    connection.execute("""
        CREATE FUNCTION marts.wait() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END $$;
        CREATE TRIGGER wait AFTER INSERT ON marts.rollup_daily_retailer EXECUTE FUNCTION marts.wait();
        SELECT pg_advisory_lock(7);
    """)
    load(connection, {})
    with connect(database) as refreshing:
        worker = threading.Thread(target=refresh, args=[refreshing])
        worker.start()
        waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while one(connection, waits) == 0:
            assert worker.is_alive()
        load(connection, {"transaction_id": "T2"})
        connection.execute("SELECT pg_advisory_unlock(7)")
        worker.join()
    assert one(connection, "SELECT sum(facts) FROM marts.mv_daily_sales_summary") == 1
    assert one(connection, "SELECT sum(transactions) FROM marts.mv_daily_sales_by_product") == 1


def test_a_refresh_that_dies_leaves_the_views_and_what_is_stale(connection: Connection, database: str) -> None:
    load(connection, {})
    with connect(database) as dying, connection.transaction():
        connection.execute("LOCK TABLE sales.dim_product")  # in the way of a view, when all is rolled up
        dying.execute("SET lock_timeout = 200")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            refresh(dying)
    assert one(connection, "SELECT count(*) FROM marts.mv_daily_sales_summary") == 0
    assert refresh(connection).days == 1
    assert one(connection, "SELECT sum(facts) FROM marts.mv_daily_sales_summary") == 1


def test_the_loader_role_may_refresh_and_the_reader_may_read(connection: Connection) -> None:
    load(connection, {})
    connection.execute("SET ROLE loader")
    assert refresh(connection).days == 1
    connection.execute("SET ROLE bi_reader")
    assert all(view(connection, name) for name in VIEWS)
    assert view(connection, "load_status", "retailer_id, days, missing_days, 0, 0") == [(RETAILER, 1, 0, 0, 0)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        refresh(connection)


line = st.fixed_dictionaries(
    {
        "transaction_id": st.sampled_from(["T1", "T2"]),
        "product_sku": st.sampled_from(["P1", "P2"]),
        "customer_id": st.sampled_from(["C1", None]),
        "quantity": st.sampled_from([1, 2, -1, "0.75"]),
        "sold_at": st.sampled_from([datetime(2025, 3, day, 12, tzinfo=UTC) for day in (3, 4)]),
        "data_source": st.just("mock"),
    }
)


@given(steps=st.lists(st.tuples(st.integers(0, 40), st.lists(line, max_size=3), st.booleans()), min_size=2, max_size=3))
def test_the_views_tell_what_the_facts_say_after_any_loads(
    shared: Connection, steps: list[tuple[int, list[dict[str, Any]], bool]]
) -> None:
    for number, (offset, lines, replace) in enumerate(steps):
        load(shared, *lines, day=DAY + timedelta(days=offset), replace=replace)
        if number in {0, len(steps) - 1}:
            refresh(shared)
    told = view(shared, "mv_daily_sales_summary", f"sale_date, transactions, customers, {MEASURES}")
    products = view(shared, "mv_daily_sales_by_product", f"sale_date, product_sku, transactions, {MEASURES}")
    said = shared.execute(
        f"""
        SELECT calendar_date, count(DISTINCT transaction_id), count(DISTINCT nullif(customer_key, 0)), {SAID}
        FROM sales.fact_sales JOIN sales.dim_date USING (date_key) GROUP BY 1 ORDER BY 1
    """.encode()  # noqa: S608 names of this test
    ).fetchall()
    said_of_products = shared.execute(
        f"""
        SELECT calendar_date, product_sku, count(DISTINCT transaction_id), {SAID}
        FROM sales.fact_sales JOIN sales.dim_date USING (date_key) JOIN sales.dim_product USING (product_key)
        GROUP BY 1, 2 ORDER BY 1, 2
    """.encode()  # noqa: S608 names of this test
    ).fetchall()
    for table in ("sales.fact_sales", "sales.fact_sales_superseded", "marts.rollup_daily_retailer"):
        shared.execute(f"DELETE FROM {table}".encode())  # noqa: S608 names of this test
    shared.execute("DELETE FROM marts.rollup_daily_product")
    assert (told, products) == (said, said_of_products)


@pytest.fixture
def shared(connection: Connection) -> Connection:
    """The test's warehouse, which every example of a property uses and empties."""
    return connection
