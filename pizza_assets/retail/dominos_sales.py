"""Domino's orders as sales of a fourth retailer.

One order is one line: an item "Pizza order" at the order's total. The sources name the pizzas of an order but no price
of any of them, so that a line for each pizza would make prices up; which pizzas they are stays in ``raw_orders``.

Belongs here: that form. Does not belong here: orders as such (``order_records.py``).
"""

import numpy as np
import pandas as pd
import pyarrow

from pizza_assets.contracts import sales_schema
from pizza_assets.platform.records import Rejected, jsonable
from pizza_assets.retail.contract import QUANTITY_TYPE, TOTAL_AMOUNT_TYPE, UNIT_PRICE_TYPE
from pizza_assets.retail.money import exponent, float_money

RETAILER_ID = "dominos"
PRODUCT_SKU, PRODUCT_NAME, CATEGORY = "pizza-order", "Pizza order", "delivered pizza"


def sales_of_orders(orders: pd.DataFrame) -> tuple[pyarrow.Table, list[Rejected]]:
    """Return the orders of a UTC day (contract DOMINOS_ORDERS) as sales; one order is one line.

    An order whose total has more decimals than its currency, or is too large for a price, is rejected.
    """
    places = [exponent(currency) for currency in orders["currency"].tolist()]
    amounts = pd.Series(list(map(float_money, orders["order_total"].tolist(), places)), dtype=object)
    is_price = (amounts.notna() & (orders["order_total"].to_numpy() < 10**10)).to_numpy(dtype=bool)
    good = orders[is_price]
    count = len(good)
    price = pyarrow.array(amounts[is_price].tolist(), UNIT_PRICE_TYPE)
    columns = {
        "retailer_id": pyarrow.repeat(RETAILER_ID, count),
        "transaction_id": pyarrow.array(good["order_id"], pyarrow.string()),
        "line": np.ones(count, dtype="int32"),
        "sold_at": pyarrow.array(good["timestamp"]),
        "product_sku": pyarrow.repeat(PRODUCT_SKU, count),
        "product_name": pyarrow.repeat(PRODUCT_NAME, count),
        "category": pyarrow.repeat(CATEGORY, count),
        "customer_id": pyarrow.nulls(count, pyarrow.string()),
        "store_id": pyarrow.array(good["location"], pyarrow.string()),
        "store_city": pyarrow.array(good["city"], pyarrow.string()),
        "quantity": pyarrow.repeat(1, count).cast(pyarrow.decimal128(19)).cast(QUANTITY_TYPE),
        "unit_price": price,
        "discount": pyarrow.repeat(0, count).cast(pyarrow.decimal128(19)).cast(TOTAL_AMOUNT_TYPE),
        "total_amount": price.cast(TOTAL_AMOUNT_TYPE),
        "currency": pyarrow.array(good["currency"], pyarrow.string()),
        "data_source": pyarrow.array(good["data_source"], pyarrow.string()),
    }
    schema = sales_schema()
    table = pyarrow.table([columns[name] for name in schema.names], schema=schema)
    rejected = orders[~is_price]
    reason = "order_total = {}: expected at most the decimals of {} ({}), below 10,000,000,000"
    return table, [
        Rejected(
            jsonable({str(name): value for name, value in order.items()}),
            reason.format(order["order_total"], order["currency"], exponent(order["currency"])),
        )
        for order in rejected.to_dict("records")
    ]
