"""Sales for tests: lines that keep the contract, and strategies that draw them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow
from hypothesis import strategies as st

from pizza_assets.contracts import RETAILER_IDS, sales_schema
from pizza_assets.retail.contract import PIZZA_CATEGORIES
from pizza_assets_tests.strategies import DAYS

#: Names and numbers that files, JSON and SQL must quote or keep as they are.
NAMES = st.sampled_from(["Frozen Margherita", 'The "Big One"', "Crème\\Fraîche / Jalapeño", "a\nb", "🍕", "007"])


def sale(**changes: object) -> dict[str, Any]:
    """Return a line of a receipt."""
    return {
        "retailer_id": "retailer_1",
        "transaction_id": "t-1",
        "line": 1,
        "sold_at": datetime(2024, 5, 1, 12, 0, 5, tzinfo=UTC),
        "product_sku": "sku-1",
        "product_name": "Frozen Margherita",
        "category": "frozen pizza",
        "customer_id": None,
        "store_id": "store-1",
        "store_city": "Leeds",
        "quantity": Decimal(3),
        "unit_price": Decimal("2.10"),
        "discount": Decimal(0),
        "total_amount": Decimal("6.30"),
        "currency": "GBP",
        "data_source": "real",
        **changes,
    }


def sales(rows: Sequence[dict[str, Any]]) -> pyarrow.Table:
    """Return lines as a table of the contract's schema."""
    return pyarrow.Table.from_pylist(list(rows), schema=sales_schema())


@st.composite
def amounts(draw: st.DrawFn) -> tuple[Decimal, Decimal, Decimal]:
    """Quantity, price and discount of a line: items or kilograms, sold or returned, with or without a discount."""
    price = Decimal(draw(st.integers(0, 10**7))).scaleb(-2)
    quantity = Decimal(draw(st.integers(1, 2_000)))
    if draw(st.booleans()):
        quantity = Decimal(draw(st.integers(1, 9_999))).scaleb(-3)
    gross = (quantity * price).quantize(Decimal("0.01"))
    discount = Decimal(draw(st.integers(0, int(gross * 100)))).scaleb(-2) if draw(st.booleans()) else Decimal(0)
    sign = draw(st.sampled_from([1, -1]))
    return sign * quantity, price, sign * discount


AMOUNTS = amounts()


@st.composite
def sales_of_day(
    draw: st.DrawFn, retailer_id: str | None = None, day: date | None = None, most: int = 6
) -> pyarrow.Table:
    """Receipts of one business day of one retailer, to the second, from the day before to the day after it."""
    retailer_id, day = retailer_id or draw(st.sampled_from(RETAILER_IDS)), day or draw(DAYS)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    source = draw(st.sampled_from(["real", "mock"]))
    rows = []
    for number in range(draw(st.integers(0, most))):
        receipt = {
            "retailer_id": retailer_id,
            "transaction_id": f"t-{number}",
            "sold_at": midnight + timedelta(seconds=draw(st.integers(-86_400, 2 * 86_400))),
            "customer_id": draw(st.none() | NAMES),
            "store_id": draw(st.sampled_from(["s1", "007", "unknown"])),
            "store_city": draw(st.sampled_from(["Leeds", "Newcastle upon Tyne", "Atlantis", "unknown"])),
            "currency": draw(st.sampled_from(["GBP", "EUR"])),
            "data_source": source,
        }
        for line in range(1, draw(st.integers(1, 4)) + 1):
            quantity, price, discount = draw(AMOUNTS)
            product = {
                "line": line,
                "product_sku": draw(st.sampled_from(["1", "2", "sku-3"])),
                "product_name": draw(NAMES),
                "category": draw(st.sampled_from([*PIZZA_CATEGORIES, "soft drinks", "fruit and vegetables", "new"])),
            }
            amounts = {"quantity": quantity, "unit_price": price, "discount": discount}
            paid = (quantity * price).quantize(Decimal("0.01")) - discount
            rows.append(sale(**receipt, **product, **amounts, total_amount=paid))
    return sales(rows)
