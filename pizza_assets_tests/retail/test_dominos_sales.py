from datetime import UTC, datetime
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given

from pizza_assets import contracts
from pizza_assets.contracts import SALES, sales_schema
from pizza_assets.retail.dominos_sales import sales_of_orders
from pizza_assets_tests.frames import orders_frame
from pizza_assets_tests.strategies import orders_of_day

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@given(orders_of_day())
def test_every_order_is_one_line_at_its_total_or_rejected(orders: pd.DataFrame) -> None:
    table, rejected = sales_of_orders(orders)
    assert table.schema.equals(sales_schema())
    contracts.validate(contracts.from_arrow(table, SALES), SALES)
    assert len(table) + len(rejected) == len(orders)
    totals = dict(zip(orders["order_id"], orders["order_total"], strict=True))
    for row in table.to_pylist():
        assert (row["line"], row["quantity"], row["unit_price"]) == (1, 1, row["total_amount"])
        assert row["total_amount"] == Decimal(str(totals[row["transaction_id"]])).quantize(Decimal("0.01"))
        assert row["customer_id"] is None


def test_an_order_keeps_its_place_time_and_source() -> None:
    orders = orders_frame([NOON], ["Leeds"], source="real")
    (row,) = sales_of_orders(orders)[0].to_pylist()
    order = orders.iloc[0]
    assert (row["sold_at"], row["store_id"], row["store_city"]) == (NOON, order["location"], "Leeds")
    assert (row["product_name"], row["category"]) == ("Pizza order", "delivered pizza")
    assert (row["currency"], row["data_source"]) == (order["currency"], "real")


@pytest.mark.parametrize("total", [31.505, 1e10, 1e300])
def test_a_total_that_is_no_price_is_rejected_whole(total: float) -> None:
    orders = orders_frame([NOON, NOON], ["Leeds", "York"]).assign(order_total=[total, 12.5])
    table, (rejected,) = sales_of_orders(orders)
    assert table["total_amount"].to_pylist() == [Decimal("12.50")]
    assert rejected.record["order_id"] == orders["order_id"][0]
    assert isinstance(rejected.record["pizza_types"], list)
    assert rejected.reason == f"order_total = {total}: expected at most the decimals of GBP (2), below 10,000,000,000"
