"""What readers find in the warehouse: facts, match dates, the six views and pizza against football, column by column.

Belongs here: the meaning of columns, for the catalog and the data dictionary. Does not belong here: the schema
itself, which the database holds (``warehouse/migrations``; a test holds the two equal), dimensions and operations.
"""

from decimal import Decimal

import pandas as pd
import pandera.pandas as pa
import pyarrow

from pizza_assets.analysis.contract import TIME_WINDOWS, VERDICTS
from pizza_assets.platform.columns import SOURCES, data_set, decimal, flag, instant, integer, number, source, text
from pizza_assets.retail.contract import RETAILER_IDS

_DAY = pd.ArrowDtype(pyarrow.date32())
_PRICE, _MONEY, _SHARE = (pyarrow.decimal128(*digits) for digits in ((16, 4), (18, 4), (38, 20)))
_AMOUNT = _PRICE


def _day(description: str) -> pa.Column:
    return pa.Column(_DAY, description=description, metadata={"unit": "calendar day"})


def _or_null(dtype: pyarrow.DataType, description: str, unit: str) -> pa.Column:
    return pa.Column(pd.ArrowDtype(dtype), nullable=True, description=description, metadata={"unit": unit})


def _key(description: str) -> pa.Column:
    return integer(f"{description} 0 is the unknown one.", "key", ge=0)


_FLAG = pa.Column(
    pd.ArrowDtype(pyarrow.bool_()), nullable=True, description="A match kicks off that day (UTC); null: not known."
)
_MATCHES_SOURCE = text("Where these matches come from: real or mock.", isin=SOURCES, nullable=True)
_RETAILER = text("Who sold it.", isin=RETAILER_IDS)
_CURRENCY = text("Currency of the money.", pattern=r"^[A-Z]{3}$")
_SOURCE = source("Where the sales come from: real or mock. Never in one figure.")
_PRODUCT = {
    "product_sku": text("The retailer's own number of the product."),
    "product_name": text("The product, as its newest feed names it."),
    "category": text("Its category, as its newest feed names it."),
}
_LABELS = {"currency": _CURRENCY, "data_source": _SOURCE}
_SOLD = {
    "net_quantity": decimal(_AMOUNT, "Items, or kilograms, that were sold less those that came back.", "items or kg"),
    "returned_quantity": decimal(_AMOUNT, "Items, or kilograms, that came back.", "items or kg", ge=Decimal(0)),
    "gross_revenue": decimal(_MONEY, "Sales before discounts and returns.", "currency", ge=Decimal(0)),
    "discounts": decimal(_MONEY, "What was taken off these sales.", "currency", ge=Decimal(0)),
    "returns": decimal(_MONEY, "What was paid back for returns.", "currency", ge=Decimal(0)),
    "net_revenue": decimal(_MONEY, "gross_revenue - discounts - returns.", "currency"),
}
_TRANSACTIONS = integer("Receipts, those of returns too.", "receipts", ge=1)
_PER_TRANSACTION = decimal(_MONEY, "Net revenue per receipt.", "currency")
_DAYS = integer("Days with sales.", "days", ge=1)

FACT_SALES = data_set(
    "fact_sales",
    "Sales in the warehouse, as the newest feed states them; the dimensions have the names behind the keys.",
    grain="one row per retailer, day of the sale, transaction and line",
    key=["retailer_key", "date_key", "transaction_id", "line"],
    columns={
        "retailer_key": _key("The retailer."),
        "transaction_id": text("The retailer's own number of the receipt; another day may use it again."),
        "product_key": _key("The product."),
        "date_key": _key("The day of sold_at at the store, YYYYMMDD."),
        "customer_key": _key("The customer."),
        "store_key": _key("The store."),
        "sold_at": instant("When it was sold."),
        "quantity": decimal(_AMOUNT, "Items, or kilograms; negative on a return.", "items or kg"),
        "unit_price": decimal(_PRICE, "Price of one item, or kilogram.", "currency", ge=Decimal(0)),
        "total_amount": decimal(
            _MONEY, "What was paid: quantity x unit_price, rounded, less the discount.", "currency"
        ),
        "currency": _CURRENCY,
        "data_source": _SOURCE,
        "line": integer("Line of the receipt, from 1; below 1: a product's lines, summed by an older version.", "1"),
        "source_day": _day("The day of the feed that states this row; late rows have an older date_key."),
        "discount": decimal(_MONEY, "What was taken off; negative on a return.", "currency"),
        "is_return": flag("Whether the line gives money back."),
    },
)

MATCH_DATES = data_set(
    "match_dates",
    "The columns of the warehouse's calendar (dim_date) that tell which days have football.",
    grain="one row per calendar day",
    key=["date_key"],
    columns={
        "date_key": integer("The day, YYYYMMDD.", "key", ge=0),
        "calendar_date": _day("The day."),
        "is_match_date": _FLAG,
        "match_count": integer("Matches that kick off on it.", "matches", ge=0, nullable=True),
        "matches_source": _MATCHES_SOURCE,
    },
)

#: The six materialized views, by name.
VIEWS = {
    schema.name: schema
    for schema in (
        data_set(
            "mv_daily_sales_summary",
            "Sales of each day.",
            grain="one row per day, retailer, currency and data source",
            key=["sale_date", "retailer_id", "currency", "data_source"],
            columns={
                "sale_date": _day("The day at the store."),
                "iso_day_of_week": integer("1 is Monday.", "day of the week", ge=1),
                "is_match_date": _FLAG,
                "matches_source": _MATCHES_SOURCE,
                "retailer_id": _RETAILER,
                **_LABELS,
                "transactions": _TRANSACTIONS,
                "customers": integer("Customers that are known.", "customers", ge=0),
                "facts": integer("Facts: lines of receipts.", "facts", ge=1),
                **_SOLD,
                "revenue_per_transaction": _PER_TRANSACTION,
            },
        ),
        data_set(
            "mv_monthly_sales_by_category",
            "Sales of each month by category.",
            grain="one row per month, retailer, category, currency and data source",
            key=["month_start", "retailer_id", "category", "currency", "data_source"],
            columns={
                "month_start": _day("First day of the month."),
                "retailer_id": _RETAILER,
                "category": _PRODUCT["category"],
                **_LABELS,
                **_SOLD,
                "share_of_month": _or_null(
                    _SHARE, "Share of the retailer's net revenue of the month; null where that is not above 0.", "share"
                ),
            },
        ),
        data_set(
            "mv_top_products_by_revenue",
            "Products by net revenue over all days.",
            grain="one row per retailer, product, currency and data source",
            key=["retailer_id", "product_sku", "currency", "data_source"],
            columns={
                "retailer_id": _RETAILER,
                **_PRODUCT,
                **_LABELS,
                "transactions": _TRANSACTIONS,
                **_SOLD,
                "revenue_rank": integer("1 brings the most.", "rank", ge=1),
            },
        ),
        data_set(
            "mv_weekly_sales_trends",
            "Sales of each ISO week, against the week before.",
            grain="one row per ISO week, retailer, currency and data source",
            key=["iso_year", "iso_week", "retailer_id", "currency", "data_source"],
            columns={
                "iso_year": integer("Year of the ISO week.", "year"),
                "iso_week": integer("ISO week.", "week", ge=1),
                "week_start": _day("Its Monday."),
                "retailer_id": _RETAILER,
                **_LABELS,
                "days": _DAYS,
                "transactions": _TRANSACTIONS,
                **_SOLD,
                "previous_revenue": _or_null(
                    _MONEY, "Net revenue of the week before, where both are whole.", "currency"
                ),
                "change": _or_null(_SHARE, "Change against it, where both weeks have seven days.", "share"),
            },
        ),
        data_set(
            "mv_quarterly_sales_summary",
            "Sales of each quarter.",
            grain="one row per quarter, retailer, currency and data source",
            key=["year", "quarter", "retailer_id", "currency", "data_source"],
            columns={
                "year": integer("Calendar year.", "year"),
                "quarter": integer("Quarter of the year.", "quarter", ge=1),
                "retailer_id": _RETAILER,
                **_LABELS,
                "days": _DAYS,
                "transactions": _TRANSACTIONS,
                **_SOLD,
                "revenue_per_transaction": _PER_TRANSACTION,
            },
        ),
        data_set(
            "mv_daily_sales_by_product",
            "Sales of each day by product.",
            grain="one row per day, retailer, product, currency and data source",
            key=["sale_date", "retailer_id", "product_sku", "currency", "data_source"],
            columns={
                "sale_date": _day("The day at the store."),
                "is_match_date": _FLAG,
                "matches_source": _MATCHES_SOURCE,
                "retailer_id": _RETAILER,
                **_PRODUCT,
                **_LABELS,
                "transactions": _TRANSACTIONS,
                **_SOLD,
            },
        ),
    )
}

#: What the city of a result over all cities is called.
ALL_CITIES = "all"

PIZZA_VS_FOOTBALL = data_set(
    "pizza_vs_football",
    "Retail sales around kick-off against those expected without a match, by category and city, over the trailing "
    "window: found as the orders' results are, with one adjustment of p for all results of a source.",
    grain="one row per category, city ('all' for all of them), time window and data source",
    key=["category", "city", "time_window", "data_source"],
    columns={
        "as_of": _day("Last day of the trailing window (UTC)."),
        "category": text("Category of the products, as their newest feed names it."),
        "city": text(f"City of the shops whose teams play, or '{ALL_CITIES}'."),
        "time_window": text("pre_match, during_match, post_match or day.", isin=TIME_WINDOWS),
        "data_source": source("real where sales and matches are real; mock where the sales are. Never pooled."),
        "retailers": text("Whose sales count, separated by blanks."),
        "days": integer("Days on which all of them are loaded; all others are not observed.", "days", ge=0),
        "items": integer("Items sold in the windows, without returns; a weighed line is one.", "items", ge=0),
        "expected": number("Items expected in them without a match.", "items", ge=0, nullable=True),
        "uplift_pct": number("Items sold against expected; null where insufficient.", "%", nullable=True),
        "ci_low": number("Lower end of the 95 % interval.", "%", nullable=True),
        "ci_high": number("Upper end of the 95 % interval.", "%", nullable=True),
        "p_value": number("Two-sided p-value.", "1", ge=0, le=1, nullable=True),
        "q_value": number("p adjusted by Benjamini-Hochberg over the source.", "1", ge=0, le=1, nullable=True),
        "n_matches": integer("Units (city and kick-off) that count.", "units", ge=0),
        "n_weeks": integer("Weeks that they fall in.", "weeks", ge=0),
        "verdict": text("higher, lower, no effect found or insufficient.", isin=VERDICTS),
        "reason": text("Why this verdict."),
    },
)
