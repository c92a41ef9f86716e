"""Retention: old months of facts move from the warehouse to the lake, as Parquet.

Belongs here: archiving, verifying what was archived, then deleting. Does not belong here: when that happens. A month
of a retailer goes in one transaction: its object is written, read back and compared before anything is deleted, and
the deletion must remove just what was archived. A killed archiving leaves the facts, and at most an object that
``ops.archive`` does not name. The views no longer show what is archived; dimensions and audits stay.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from psycopg.sql import SQL, Literal

from pizza_assets.errors import WarehouseError
from pizza_assets.lake import layout
from pizza_assets.lake.store import Store, checksum
from pizza_assets.warehouse.connection import Connection
from pizza_assets.warehouse.loader import lock

_MONTHS = """
SELECT r.retailer_id, r.retailer_key, make_date(d.year, d.month, 1) AS month, count(*)
FROM sales.fact_sales f JOIN sales.dim_date d USING (date_key) JOIN sales.dim_retailer r USING (retailer_key)
WHERE d.calendar_date < %s
GROUP BY 1, 2, 3
ORDER BY 3, 2
"""
#: Facts with names instead of keys: an archive can be read without the warehouse.
_SELECT = """
COPY (
    SELECT r.retailer_id, f.transaction_id, f.sold_at AT TIME ZONE 'UTC' AS sold_at, d.calendar_date AS sale_date,
           p.product_sku, p.product_name, p.category, c.customer_id, s.store_id, s.city AS store_city,
           f.quantity, f.unit_price, f.discount, f.total_amount, f.is_return, f.currency, f.data_source, f.line,
           f.source_day, f.is_superseded
    FROM (
        SELECT *, false AS is_superseded FROM sales.fact_sales
        UNION ALL SELECT *, true FROM sales.fact_sales_superseded
    ) f
    JOIN sales.dim_retailer r USING (retailer_key) JOIN sales.dim_date d USING (date_key)
    JOIN sales.dim_product p USING (product_key) JOIN sales.dim_customer c USING (customer_key)
    JOIN sales.dim_store s USING (store_key)
    WHERE f.retailer_key = {retailer} AND d.calendar_date >= {month} AND d.calendar_date < {month} + interval '1 month'
    ORDER BY f.sold_at, f.transaction_id, f.line, f.is_superseded, f.source_day
) TO STDOUT (FORMAT csv, HEADER)
"""
#: What the archive's columns are; all others are text.
_TYPES = {
    "sold_at": pa.timestamp("us"),
    "sale_date": pa.date32(),
    "quantity": pa.decimal128(16, 4),
    "unit_price": pa.decimal128(16, 4),
    "discount": pa.decimal128(18, 4),
    "total_amount": pa.decimal128(18, 4),
    "is_return": pa.bool_(),
    "line": pa.int64(),
    "source_day": pa.date32(),
    "is_superseded": pa.bool_(),
}
_DELETE = (
    """
    DELETE FROM sales.fact_sales f USING sales.dim_date d
    WHERE d.date_key = f.date_key AND f.retailer_key = %(retailer)s
    AND d.calendar_date >= %(month)s AND d.calendar_date < %(month)s::date + interval '1 month'
    """,
    """
    DELETE FROM sales.fact_sales_superseded f USING sales.dim_date d
    WHERE d.date_key = f.date_key AND f.retailer_key = %(retailer)s
    AND d.calendar_date >= %(month)s AND d.calendar_date < %(month)s::date + interval '1 month'
    """,
)
_STALE = """
INSERT INTO ops.stale_day
SELECT %(retailer)s, date_key FROM sales.dim_date
WHERE calendar_date >= %(month)s AND calendar_date < %(month)s::date + interval '1 month'
"""
_NOTE = """
INSERT INTO ops.archive (object_key, retailer_key, month, facts, total_amount)
VALUES (%(key)s, %(retailer)s, %(month)s, %(facts)s, %(total)s)
"""


@dataclass(frozen=True)
class Archived:
    """One month of one retailer in the lake; ``facts`` without the superseded ones."""

    retailer_id: str
    month: date
    facts: int
    key: str


def cutoff(today: date, months: int) -> date:
    """Return the first day that is kept when `months` whole months before today's month are."""
    count = today.year * 12 + today.month - 1 - months
    return date(count // 12, count % 12 + 1, 1)


def due(connection: Connection, before: date) -> list[tuple[str, int, date, int]]:
    """Return what is to be archived: retailer's id and key, month, and facts. `before` is the first of a month."""
    return connection.execute(_MONTHS, [before]).fetchall()


def archive(connection: Connection, store: Store, before: date) -> Iterator[Archived]:
    """Move the facts of all months before `before` (the first of a month) to the lake, month by month.

    Raises
    ------
    WarehouseError
        When the lake does not give back what was written, or the facts changed meanwhile; nothing is deleted then.
    """
    for retailer_id, retailer, month, _ in due(connection, before):
        yield _archive_month(connection, store, retailer_id, retailer, month)


def _archive_month(connection: Connection, store: Store, retailer_id: str, retailer: int, month: date) -> Archived:
    with connection.transaction():
        lock(connection, retailer)
        table = _read(connection, retailer, month)
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        key = layout.archive_key(retailer_id, month, checksum(sink.getvalue()))
        is_fact = pc.invert(table["is_superseded"])
        facts = pc.sum(is_fact).as_py()
        total = pc.sum(table.filter(is_fact)["total_amount"]).as_py() or Decimal(0)
        store.write(key, sink.getvalue(), {"facts": str(facts), "total-amount": str(total)})
        if not pq.read_table(io.BytesIO(store.read(key))).equals(table):
            raise WarehouseError(f"{store.uri(key)} is not what was written. Nothing was deleted; run again.")
        values = {"retailer": retailer, "month": month, "key": key, "facts": facts, "total": total}
        deleted = sum(connection.execute(statement, values).rowcount for statement in _DELETE)
        if deleted != table.num_rows:
            raise WarehouseError(
                f"{retailer_id} {month:%Y-%m}: {table.num_rows} rows were archived, but {deleted} found to delete. "
                "Something else changes the facts. Nothing was deleted; run again."
            )
        connection.execute(_STALE, values)
        connection.execute(_NOTE, values)
    return Archived(retailer_id, month, facts, key)


def _read(connection: Connection, retailer: int, month: date) -> pa.Table:
    query = SQL(_SELECT).format(retailer=Literal(retailer), month=Literal(month))
    data = io.BytesIO()
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        for block in copy:
            data.write(block)
    names = data.getvalue().split(b"\n", 1)[0].decode().split(",")
    types = {name: _TYPES.get(name, pa.string()) for name in names}
    options = pyarrow.csv.ConvertOptions(column_types=types, true_values=["t"], false_values=["f"])
    table = pyarrow.csv.read_csv(io.BytesIO(data.getvalue()), convert_options=options)
    return table.set_column(
        names.index("sold_at"), "sold_at", pc.assume_timezone(table["sold_at"], "UTC")
    ).combine_chunks()
