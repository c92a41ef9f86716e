"""The checks of what was loaded: each one fails on the fault that it is for, and their history is kept."""

from datetime import timedelta
from typing import Any

import pytest

from pizza_assets.platform.quality.results import DayResult
from pizza_assets.warehouse.connection import Connection
from pizza_assets.warehouse.loader import load_day
from pizza_assets.warehouse.quality import DAY_CHECKS, broken_days, check_day, check_retailers
from pizza_assets_tests.warehouse.shops import DAY, RETAILER, sales


def load(connection: Connection, *lines: dict[str, Any], day: Any = DAY, **options: Any) -> None:
    load_day(connection, sales(*lines, day=day), retailer_id=RETAILER, source_day=day, **options)


def failed(connection: Connection, day: Any = DAY) -> dict[str, DayResult]:
    return {name: found for name, found in check_day(connection, RETAILER, day).items() if found.status != "passed"}


def test_a_good_day_passes_every_check(connection: Connection) -> None:
    load(connection, {}, {"product_sku": "P2"}, {"product_sku": "P2"}, rejected=1)
    results = check_day(connection, RETAILER, DAY)
    assert list(results) == list(DAY_CHECKS)
    assert {result.status for result in results.values()} == {"passed"}, results


def test_a_replaced_and_a_repeated_day_reconcile(connection: Connection) -> None:
    load(connection, {}, {"transaction_id": "T2"})
    load(connection, {})
    assert failed(connection) == {}
    load(connection, {"transaction_id": "T3"}, replace=True)
    assert failed(connection) == {}


def test_statements_that_a_newer_feed_superseded_count(connection: Connection) -> None:
    load(connection, {})
    load(connection, {"quantity": 2}, day=DAY + timedelta(days=1))
    assert failed(connection) == {}


def test_facts_that_vanished_are_found(connection: Connection) -> None:
    load(connection, {}, {"transaction_id": "T2"})
    connection.execute("DELETE FROM sales.fact_sales WHERE transaction_id = 'T2'")
    assert failed(connection)["counts_reconcile"].figures["found"] == "1 statements kept"


def test_a_day_that_was_never_loaded_does_not_reconcile(connection: Connection) -> None:
    assert failed(connection)["counts_reconcile"].message == "expected a load of the day, found 0 statements kept"


def test_unknown_stores_are_told(connection: Connection) -> None:
    load(connection, {"store_id": "unknown", "store_city": "unknown"}, {"transaction_id": "T2"})
    assert failed(connection)["completeness"].figures["found"] == "50.0% of 2 facts know their product and store"


def test_half_a_day_is_told(connection: Connection) -> None:
    many = [{"transaction_id": f"T{number}"} for number in range(5)]
    for number in range(7):
        load(connection, *[{**line, "customer_id": str(number)} for line in many], day=DAY - timedelta(days=7 - number))
    load(connection, *[{"transaction_id": f"U{number}"} for number in range(2)])
    assert failed(connection)["volume"].message == "expected half to double the usual 5, found 2 facts stated"


def test_a_day_is_compared_with_its_weekday(connection: Connection) -> None:
    for before in range(28, -1, -1):
        is_weekday = before % 7 == 0
        lines = [{"transaction_id": f"{before}-{number}"} for number in range(9 if is_weekday else 3)]
        load(connection, *lines, day=DAY - timedelta(days=before))
    assert "volume" not in failed(connection), "thrice the median of all days, and usual on this one"
    load(connection, *[{"transaction_id": f"N{number}"} for number in range(9)], day=DAY + timedelta(days=1))
    assert failed(connection, DAY + timedelta(days=1))["volume"].message.startswith(
        "expected half to double the usual 3"
    )


@pytest.mark.parametrize("constraint", ["fact_sales_total_check", "fact_sales_product_fkey"])
def test_what_the_constraints_hold_is_checked_all_the_same(connection: Connection, constraint: str) -> None:
    load(connection, {})
    connection.execute(f"ALTER TABLE sales.fact_sales DROP CONSTRAINT {constraint}".encode())
    if constraint == "fact_sales_total_check":
        connection.execute("UPDATE sales.fact_sales SET total_amount = 9.99")
        assert failed(connection)["totals"].message.startswith("expected none, found 1 facts")
    else:
        connection.execute("UPDATE sales.fact_sales SET product_key = 99")
        found = failed(connection)["referential_integrity"].figures["found"]
        assert found == "1 facts without a member of a dimension, 4 foreign keys in force"


def test_a_feed_without_sales_of_its_day_is_not_fresh(connection: Connection) -> None:
    load_day(connection, sales({}, day=DAY - timedelta(days=3)), retailer_id=RETAILER, source_day=DAY)
    assert failed(connection)["freshness"].figures["found"] == f"the newest sale is of {DAY - timedelta(days=3)}"
    assert failed(connection, DAY + timedelta(days=1))["freshness"].figures["found"] == "no sale"


def test_missing_retailers_are_named(connection: Connection) -> None:
    load(connection, {})
    missing = "retailer_2 retailer_3 dominos"
    message = f"expected every retailer, found nothing of {missing}"
    assert check_retailers(connection, DAY) == DayResult(DAY, "error", message, {"missing": missing})


def test_a_day_is_broken_until_its_newest_load_passes(connection: Connection) -> None:
    load(connection, {}, {"transaction_id": "T2", "store_id": "unknown", "store_city": "unknown"})
    check_day(connection, RETAILER, DAY)
    assert broken_days(connection) == [], "a warning breaks nothing"
    connection.execute("DELETE FROM sales.fact_sales")
    check_day(connection, RETAILER, DAY)
    assert broken_days(connection) == [f"{RETAILER} {DAY} (counts_reconcile)"]
    load(connection, {}, replace=True)
    check_day(connection, RETAILER, DAY)
    assert broken_days(connection) == []


def test_the_loader_role_may_check(connection: Connection) -> None:
    connection.execute("SET ROLE loader")
    load(connection, {})
    assert failed(connection) == {}
    assert check_retailers(connection, DAY).status == "error"
