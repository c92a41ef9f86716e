"""Sales as each retailer's API writes them: the other way round of ``retail``.

Belongs here: one line or receipt in each dialect. Does not belong here: pages, signatures, tokens
(``retailer_apis.py``).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow

from pizza_assets.retail import retailer_2, retailer_3
from pizza_assets.retail.contract import UNKNOWN
from pizza_assets.retail.money import exponent
from pizza_assets.retail.reading import Dialect

#: Where the simulated retailers are.
_LONDON = ZoneInfo("Europe/London")

Row = Mapping[str, Any]
Record = dict[str, Any]


def retailer_1_lines(table: pyarrow.Table) -> list[Record]:
    """Return sales (schema ``contracts.sales_schema()``) as retailer 1's lines."""
    return [
        {
            "receipt": row["transaction_id"],
            "line_no": row["line"],
            "sold": row["sold_at"].astimezone(_LONDON).replace(tzinfo=None).isoformat(),
            "sku": row["product_sku"],
            "description": row["product_name"],
            "dept": row["category"].title(),
            "member": row["customer_id"],
            "branch": _known(row["store_id"]),
            "town": _known(row["store_city"]),
            "qty": _number(row["quantity"]),
            "price_p": int(row["unit_price"].scaleb(exponent(row["currency"]))),
            **_stated("discount_p", row, lambda amount, places: int(amount.scaleb(places))),
            "total_p": int(row["total_amount"].scaleb(exponent(row["currency"]))),
            "ccy": row["currency"],
        }
        for row in table.to_pylist()
    ]


def retailer_2_transactions(table: pyarrow.Table) -> list[Record]:
    """Return sales as retailer 2's transactions; the lines of one must stand together, and in their order."""
    category = _categories(retailer_2.DIALECT)
    return [
        _transaction(list(rows), category) for _, rows in groupby(table.to_pylist(), key=itemgetter("transaction_id"))
    ]


def _transaction(rows: Sequence[Row], category: Callable[[str], str]) -> Record:
    head = rows[0]
    return {
        "id": head["transaction_id"],
        "created": int(head["sold_at"].timestamp()),
        "currency": head["currency"],
        "shop": {"id": _known(head["store_id"]), "city": _known(head["store_city"])},
        "customer": {"id": head["customer_id"]} if head["customer_id"] else None,
        "items": [
            {
                "sku": row["product_sku"],
                "title": row["product_name"],
                "category": category(row["category"]).upper(),
                "count": _number(row["quantity"]),
                "unit": f"{row['unit_price']:.{exponent(row['currency'])}f}",
                **_stated("discount", row, lambda amount, places: f"{amount:.{places}f}"),
                "amount": f"{row['total_amount']:.{exponent(row['currency'])}f}",
            }
            for row in rows
        ],
    }


def retailer_3_rows(table: pyarrow.Table) -> list[Record]:
    """Return sales as retailer 3's rows."""
    category = _categories(retailer_3.DIALECT)
    return [
        {
            "saleRef": row["transaction_id"],
            "pos": row["line"],
            "soldAt": _with_offset(row["sold_at"]),
            "item": {"code": row["product_sku"], "name": row["product_name"], "group": category(row["category"])},
            "store": {"number": _known(row["store_id"]), "city": _known(row["store_city"])},
            "loyaltyId": row["customer_id"],
            "units": _number(row["quantity"]),
            "unitPrice": float(row["unit_price"]),
            **_stated("lineDiscount", row, lambda amount, _: float(amount)),
            "lineTotal": float(row["total_amount"]),
            "currency": row["currency"],
        }
        for row in table.to_pylist()
    ]


def _number(quantity: Decimal) -> float:
    return int(quantity) if quantity == int(quantity) else float(quantity)


def _stated(name: str, row: Row, written: Callable[[Decimal, int], object]) -> Record:
    """Return the discount of a line under its name where it has one; it is written without a sign."""
    return {name: written(abs(row["discount"]), exponent(row["currency"]))} if row["discount"] else {}


def _categories(dialect: Dialect) -> Callable[[str], str]:
    names = {ours: theirs for theirs, ours in dialect.categories.items()}
    return lambda category: names.get(category, category)


def _known(name: str) -> str | None:
    return None if name == UNKNOWN else name


def _with_offset(instant: datetime) -> str:
    return instant.astimezone(_LONDON).isoformat()
