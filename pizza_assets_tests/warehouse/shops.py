"""Sales to load: lines as people write them, and what the warehouse made of them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from pizza_assets.retail.contract import sales_schema
from pizza_assets.warehouse.connection import Connection

DAY = date(2025, 3, 3)
NEXT_DAY = DAY + timedelta(days=1)
RETAILER = "retailer_1"

_DEFAULTS: Mapping[str, Any] = {
    "retailer_id": RETAILER,
    "transaction_id": "T1",
    "product_sku": "P1",
    "product_name": "Margherita",
    "category": "frozen pizza",
    "customer_id": "C1",
    "store_id": "S1",
    "store_city": "Leeds",
    "quantity": 1,
    "unit_price": "2.50",
    "discount": 0,
    "currency": "GBP",
    "data_source": "mock",
}


def sales(*lines: Mapping[str, Any], day: date = DAY) -> pa.Table:
    """Return lines as sales; what a line does not say is as in `_DEFAULTS`, and lines are numbered by transaction."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    numbers: dict[str, int] = {}
    rows = []
    for given in lines:
        row = {**_DEFAULTS, "sold_at": noon, **given}
        numbers[row["transaction_id"]] = numbers.get(row["transaction_id"], 0) + 1
        row.setdefault("line", numbers[row["transaction_id"]])
        for name in ("quantity", "unit_price", "discount"):
            row[name] = Decimal(row[name])
        gross = (row["unit_price"] * row["quantity"]).quantize(Decimal("0.01"))
        row["total_amount"] = Decimal(row.get("total_amount", gross - row["discount"]))
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=sales_schema())


def facts(connection: Connection) -> list[dict[str, Any]]:
    """Return the facts with names instead of keys, in the order of their natural key."""
    cursor = connection.execute("""
        SELECT r.retailer_id, f.transaction_id, p.product_sku, p.product_name, p.category, d.calendar_date,
               c.customer_id, s.store_id, s.city, f.sold_at, f.quantity, f.unit_price, f.discount, f.total_amount,
               f.is_return, f.currency, f.data_source, f.line, f.source_day
        FROM sales.fact_sales f
        JOIN sales.dim_retailer r USING (retailer_key) JOIN sales.dim_product p USING (product_key)
        JOIN sales.dim_date d USING (date_key) JOIN sales.dim_customer c USING (customer_key)
        JOIN sales.dim_store s USING (store_key)
        ORDER BY r.retailer_id, f.transaction_id, f.date_key, f.line
    """)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def column(rows: Iterable[Mapping[str, Any]], *names: str) -> list[Any]:
    """Return some columns of rows: values for one name, tuples for several."""
    return [row[names[0]] if len(names) == 1 else tuple(row[name] for name in names) for row in rows]


def one(connection: Connection, query: str) -> Any:
    """Return the single value that a query of the test answers."""
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]
