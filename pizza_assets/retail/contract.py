"""The contract of retail sales: three retailers and Domino's in one form. Money is Decimal all the way.

Belongs here: what a line of a receipt is. Does not belong here: any retailer's own form (``retailer_1`` and so on).
"""

from decimal import Decimal

import pandas as pd
import pandera.pandas as pa
import pyarrow
import pyarrow.compute as pc

from pizza_assets.platform.columns import data_set, decimal, instant, integer, source, text
from pizza_assets.platform.schemas import arrow_schema
from pizza_assets.platform.upgrades import Added, Widened
from pizza_assets.retail.totals import unexplained

#: Who sells, in the order of their numbers; Domino's orders are the fourth.
RETAILER_IDS = ("retailer_1", "retailer_2", "retailer_3", "dominos")
#: The categories that football is asked about; all others are as the retailer names them.
PIZZA_CATEGORIES = ("fresh pizza", "frozen pizza", "delivered pizza")
#: The store, and the city, of a line whose source does not tell it.
UNKNOWN = "unknown"

#: Four decimal places are the most that a currency of ISO 4217 has.
UNIT_PRICE_TYPE, TOTAL_AMOUNT_TYPE = pyarrow.decimal128(16, 4), pyarrow.decimal128(18, 4)
#: Items, or what was weighed to a tenth of a gram.
QUANTITY_TYPE = pyarrow.decimal128(16, 4)

_AMOUNTS = ("quantity", "unit_price", "discount", "total_amount", "currency")


def _are_explained(rows: pd.DataFrame) -> pd.Series:
    """Tell which rows have a total that follows from their quantity, price and discount."""
    lines = pyarrow.table({name: pyarrow.chunked_array([pyarrow.array(rows[name])]) for name in _AMOUNTS})
    return pd.Series(pc.invert(unexplained(lines)).to_numpy(), rows.index)


SALES = data_set(
    "sales",
    "Retail sales of three retailers and Domino's. A day is the source's business day, as its API delivers it; "
    "late lines were sold on another date, and sold_at says when. Two lines of a receipt may have one product. Returns "
    "are lines with a negative quantity and total.",
    grain="one row per line of a receipt",
    key=["retailer_id", "transaction_id", "line", "sold_at"],
    columns={
        "retailer_id": text("Who sold it.", isin=RETAILER_IDS),
        "transaction_id": text("The retailer's own number of the receipt; another retailer, or day, may use it too."),
        "line": integer("Position on the receipt, from 1.", "1", ge=1, dtype="int32"),
        "sold_at": instant("When it was sold."),
        "product_sku": text("The retailer's own number of the product."),
        "product_name": text("The product, as the retailer names it."),
        "category": text(f"Category; pizza is one of {', '.join(PIZZA_CATEGORIES)}."),
        "customer_id": text(
            "The retailer's own number of the customer; null where it does not know.", nullable=True, is_personal=True
        ),
        "store_id": text(f"The retailer's own number of the store, or '{UNKNOWN}'."),
        "store_city": text(f"City of the store, or '{UNKNOWN}'."),
        "quantity": pa.Column(
            pd.ArrowDtype(QUANTITY_TYPE),
            pa.Check.ne(Decimal(0)),
            description="Items, or kilograms where the product is weighed; negative on a return.",
            metadata={"unit": "items or kg"},
        ),
        "unit_price": decimal(UNIT_PRICE_TYPE, "Price of one item, or kilogram.", "currency", ge=Decimal(0)),
        "discount": decimal(
            TOTAL_AMOUNT_TYPE, "What was taken off: 0 where nothing was, negative on a return.", "currency"
        ),
        "total_amount": decimal(
            TOTAL_AMOUNT_TYPE, "What was paid: quantity x unit_price, rounded, less the discount.", "currency"
        ),
        "currency": text("Currency of the prices.", pattern=r"^[A-Z]{3}$"),
        "data_source": source("Where the line comes from: real or mock. A day of a retailer has one."),
    },
    checks=[
        pa.Check(_are_explained, name="total", error="total_amount = quantity x unit_price, rounded, less the discount")
    ],
    upgrades=[[Widened("quantity", pyarrow.int32()), Added("discount", Decimal(0))]],
)


def sales_schema() -> pyarrow.Schema:
    """Return the Arrow schema in which a day of sales travels."""
    return arrow_schema(SALES)
