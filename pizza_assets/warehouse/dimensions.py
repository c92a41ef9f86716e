"""Dimensions: the products, stores and customers that a feed names, added or updated in place (SCD 1).

Belongs here: the upserts, and the keys that facts refer to. Does not belong here: facts. Rows go in sorted, so
that two loads wait for each other instead of dead-locking; an older day loaded later does not undo newer names.
"""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from pizza_assets.retail.contract import UNKNOWN
from pizza_assets.warehouse.connection import Connection
from pizza_assets.warehouse.feeds import newest_attributes

_PRODUCTS = """
INSERT INTO sales.dim_product AS d (retailer_key, product_sku, product_name, category, as_of)
SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::text[], %s::date[]) AS new (sku, name, category, as_of)
ORDER BY sku
ON CONFLICT (retailer_key, product_sku) DO UPDATE
SET product_name = excluded.product_name, category = excluded.category, as_of = excluded.as_of
WHERE d.as_of <= excluded.as_of
AND (d.product_name, d.category, d.as_of) IS DISTINCT FROM (excluded.product_name, excluded.category, excluded.as_of)
"""
#: An unknown city is older than any known one: a feed that does not tell the city does not take it away.
_STORES = """
INSERT INTO sales.dim_store AS d (retailer_key, store_id, city, as_of)
SELECT %s, store_id, city, CASE WHEN city = 'unknown' THEN '-infinity' ELSE as_of END
FROM unnest(%s::text[], %s::text[], %s::date[]) AS new (store_id, city, as_of)
ORDER BY store_id
ON CONFLICT (retailer_key, store_id) DO UPDATE SET city = excluded.city, as_of = excluded.as_of
WHERE d.as_of <= excluded.as_of AND (d.city, d.as_of) IS DISTINCT FROM (excluded.city, excluded.as_of)
"""
_CUSTOMERS = """
INSERT INTO sales.dim_customer (retailer_key, customer_id)
SELECT %(retailer)s, customer_id FROM unnest(%(ids)s::text[]) AS new (customer_id)
WHERE NOT EXISTS (
    SELECT FROM sales.dim_customer AS d WHERE d.retailer_key = %(retailer)s AND d.customer_id = new.customer_id
)
ORDER BY customer_id
ON CONFLICT (retailer_key, customer_id) DO NOTHING
"""
_PRODUCT_KEYS = (
    "SELECT product_sku, product_key FROM sales.dim_product WHERE retailer_key = %s AND product_sku = ANY(%s)"
)
_STORE_KEYS = "SELECT store_id, store_key FROM sales.dim_store WHERE retailer_key = %s AND store_id = ANY(%s)"
_CUSTOMER_KEYS = """
SELECT customer_id, customer_key FROM sales.dim_customer WHERE retailer_key = %s AND customer_id = ANY(%s)
"""


def keys(connection: Connection, lines: pa.Table, retailer: int) -> Mapping[str, Mapping[str, int]]:
    """Add or update what the lines name, and return the key of each product, store and customer by its id."""
    products = _known(newest_attributes(lines, "product_sku", ["product_name", "category"]), "product_sku")
    stores = _known(newest_attributes(lines, "store_id", ["store_city"]), "store_id")
    customers = pc.unique(lines["customer_id"]).drop_null().to_pylist()
    connection.execute(_PRODUCTS, [retailer, *(column.to_pylist() for column in products.columns)])
    connection.execute(_STORES, [retailer, *(column.to_pylist() for column in stores.columns)])
    connection.execute(_CUSTOMERS, {"retailer": retailer, "ids": customers})
    skus, ids = products["product_sku"].to_pylist(), stores["store_id"].to_pylist()
    return {
        "product_sku": dict(connection.execute(_PRODUCT_KEYS, [retailer, skus]).fetchall()),
        "store_id": dict(connection.execute(_STORE_KEYS, [retailer, ids]).fetchall()),
        "customer_id": dict(connection.execute(_CUSTOMER_KEYS, [retailer, customers]).fetchall()),
    }


def _known(rows: pa.Table, key: str) -> pa.Table:
    """Return the rows that are not the unknown member, which is there already."""
    return rows.filter(pc.not_equal(rows[key], UNKNOWN))
