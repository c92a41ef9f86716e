"""One pandera schema per data set; the Parquet, Dagster and dictionary forms derive from it.

Belongs here: columns, types, units, keys, grain, and what follows from them mechanically. Does not belong
here: how a value is computed.
"""

from pizza_assets.analysis.contract import ANOMALIES, CORRELATION_RESULTS, MERGED_ORDERS, ORDER_VOLUME, UNIT_UPLIFT
from pizza_assets.football.contract import FOOTBALL_MATCHES, MATCH_EVENTS
from pizza_assets.forecast.contract import ORDER_FORECAST, POOLED_EFFECTS
from pizza_assets.merchants.contract import ANSWERS, MERCHANT_TRANSACTIONS, MERCHANTS
from pizza_assets.orders.contract import DOMINOS_ORDERS
from pizza_assets.platform.quality.contract import QUALITY_RESULTS
from pizza_assets.platform.schemas import (
    arrow_schema,
    conform,
    data_dictionary,
    empty,
    from_arrow,
    split_valid,
    to_arrow,
    valid_tables,
    validate,
)
from pizza_assets.retail.contract import RETAILER_IDS, SALES, sales_schema

#: Every contract by the name of its data set, in the order that data flows.
CONTRACTS = {
    schema.name: schema
    for schema in (
        FOOTBALL_MATCHES,
        MATCH_EVENTS,
        DOMINOS_ORDERS,
        ORDER_VOLUME,
        MERGED_ORDERS,
        UNIT_UPLIFT,
        CORRELATION_RESULTS,
        ANOMALIES,
        ORDER_FORECAST,
        POOLED_EFFECTS,
        QUALITY_RESULTS,
        SALES,
        MERCHANT_TRANSACTIONS,
        MERCHANTS,
        *ANSWERS.values(),
    )
}

#: Names of columns that hold personal data, of any data set; previews leave them out.
PERSONAL_COLUMNS = frozenset(
    str(name)
    for schema in CONTRACTS.values()
    for name, column in schema.columns.items()
    if (column.metadata or {}).get("personal")
)

__all__ = [
    "ANOMALIES",
    "CONTRACTS",
    "CORRELATION_RESULTS",
    "DOMINOS_ORDERS",
    "FOOTBALL_MATCHES",
    "MATCH_EVENTS",
    "MERCHANTS",
    "MERCHANT_TRANSACTIONS",
    "MERGED_ORDERS",
    "ORDER_FORECAST",
    "ORDER_VOLUME",
    "PERSONAL_COLUMNS",
    "POOLED_EFFECTS",
    "QUALITY_RESULTS",
    "RETAILER_IDS",
    "SALES",
    "UNIT_UPLIFT",
    "arrow_schema",
    "conform",
    "data_dictionary",
    "empty",
    "from_arrow",
    "sales_schema",
    "split_valid",
    "to_arrow",
    "valid_tables",
    "validate",
]
