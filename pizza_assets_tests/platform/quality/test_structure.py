from datetime import UTC, date, datetime

import pytest

from pizza_assets.contracts import DOMINOS_ORDERS, ORDER_VOLUME
from pizza_assets.errors import ContractError
from pizza_assets.lake.tables import Day
from pizza_assets.platform.quality.structure import Agrees, CountsReconcile, Schema
from pizza_assets_tests.frames import orders_frame

DAY = date(2025, 9, 6)
ORDERS = orders_frame([datetime(2025, 9, 6, 18, tzinfo=UTC)] * 3, ["Leeds"] * 3)


def test_the_schema_check_says_what_the_contract_asks_for() -> None:
    check = Schema(DOMINOS_ORDERS)
    assert check.is_blocking
    assert "9 columns" in check.description
    assert "unique by order_id" in check.description
    assert "unique by bin_start, city, currency" in Schema(ORDER_VOLUME).description
    assert check.measure(DAY, Day(ORDERS, "real")) == {"rows": 3, "columns": 9}


def test_counts_that_add_up_pass() -> None:
    rejected = [{"reason": "no total", "record": {}}]
    assert CountsReconcile().measure(DAY, Day(ORDERS, "real", 4, rejected)) == {"rows": 3, "received": 4, "rejected": 1}


@pytest.mark.parametrize("received", [2, 5])
def test_a_day_that_loses_or_invents_records_is_rejected(received: int) -> None:
    with pytest.raises(
        ContractError, match=rf"2025-09-06: expected received = .* found {received} received, 3 to store"
    ):
        CountsReconcile().measure(DAY, Day(ORDERS, "real", received))


def test_two_counts_of_one_thing_are_equal_or_the_day_is_rejected() -> None:
    check = Agrees("pizzas", "All pizzas are there.", lambda day: (3, int(day.frame["quantity"].sum())))
    assert check.measure(DAY, Day(ORDERS, "real")) == {"expected": 3, "found": 3}
    with pytest.raises(ContractError, match=r"All pizzas are there\. Expected 3, found 2\. Run the day again\."):
        check.measure(DAY, Day(ORDERS.iloc[:2], "real"))
