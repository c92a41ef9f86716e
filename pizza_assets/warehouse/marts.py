"""The marts: bringing the roll-ups and the views up to date with the facts.

Belongs here: what a refresh recomputes. Does not belong here: what the views say (``migrations``). A refresh
recomputes the days whose facts changed since the last one and then the views, which read the roll-ups, never the
facts: its time does not grow with the facts. Readers of the views are not blocked. A refresh that is killed changes
nothing, and what was stale stays stale.
"""

from dataclasses import dataclass
from time import perf_counter

from pizza_assets.warehouse.connection import Connection

#: Advisory lock of refreshes ('mart'): one at a time.
_LOCK = 0x6D617274

_STALE = "CREATE TEMPORARY TABLE stale (retailer_key smallint, date_key integer) ON COMMIT DROP"
_TAKE_STALE = """
WITH taken AS (DELETE FROM ops.stale_day RETURNING retailer_key, date_key)
INSERT INTO stale SELECT DISTINCT retailer_key, date_key FROM taken
"""
_TAKE_ALL = """
INSERT INTO stale
SELECT retailer_key, date_key FROM sales.fact_sales
UNION SELECT retailer_key, date_key FROM marts.rollup_daily_retailer
"""
#: Gross is before discounts and returns; net = gross - discounts - returns. Discounts are those of sales: what comes
#: back is what was paid.
_SUMS = """sum(quantity) AS quantity, -coalesce(sum(quantity) FILTER (WHERE is_return), 0) AS returned,
           coalesce(sum(total_amount + discount) FILTER (WHERE NOT is_return), 0) AS gross,
           coalesce(sum(discount) FILTER (WHERE NOT is_return), 0) AS discounts,
           -coalesce(sum(total_amount) FILTER (WHERE is_return), 0) AS returns, sum(total_amount) AS net"""
_ROLL_UPS = (
    """
    DELETE FROM marts.rollup_daily_retailer AS r USING stale AS s
    WHERE (r.date_key, r.retailer_key) = (s.date_key, s.retailer_key)
    """,
    """
    DELETE FROM marts.rollup_daily_product AS r USING stale AS s
    WHERE (r.date_key, r.retailer_key) = (s.date_key, s.retailer_key)
    """,
    f"""
    INSERT INTO marts.rollup_daily_retailer
    SELECT date_key, retailer_key, currency, data_source, count(DISTINCT transaction_id),
           count(DISTINCT customer_key) FILTER (WHERE customer_key <> 0), count(*), {_SUMS}
    FROM sales.fact_sales JOIN stale USING (date_key, retailer_key)
    GROUP BY date_key, retailer_key, currency, data_source
    """,
    # Receipts first: twice as quick as count(DISTINCT).
    f"""
    INSERT INTO marts.rollup_daily_product
    SELECT date_key, retailer_key, product_key, currency, data_source, count(*), sum(quantity), sum(returned),
           sum(gross), sum(discounts), sum(returns), sum(net)
    FROM (
        SELECT date_key, retailer_key, product_key, currency, data_source, {_SUMS}
        FROM sales.fact_sales JOIN stale USING (date_key, retailer_key)
        GROUP BY date_key, retailer_key, product_key, currency, data_source, transaction_id
    ) AS receipts
    GROUP BY date_key, retailer_key, product_key, currency, data_source
    """,
)


@dataclass(frozen=True)
class Refresh:
    """What a refresh did: retailer-days rolled up again, and seconds for these and for the views."""

    days: int
    roll_up_seconds: float
    view_seconds: float


def refresh(connection: Connection, *, full: bool = False) -> Refresh:
    """Bring roll-ups and views up to date in one transaction.

    Parameters
    ----------
    full
        Recompute every day from the facts, whatever is known to be stale. The result is the same.
    """
    connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        # One snapshot for all: what commits meanwhile stays stale, and no two views tell of different moments.
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            start = perf_counter()
            days = _roll_up(connection, full=full)
            rolled_up = perf_counter()
            connection.execute("SELECT marts.refresh_views()")
        return Refresh(days, rolled_up - start, perf_counter() - rolled_up)
    finally:
        if not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _roll_up(connection: Connection, *, full: bool) -> int:
    connection.execute(_STALE)
    connection.execute(_TAKE_STALE)
    if full:
        connection.execute("DELETE FROM stale")
        connection.execute(_TAKE_ALL)
    connection.execute("ANALYZE stale")
    days = connection.execute("SELECT count(*) FROM stale").fetchone()
    for statement in _ROLL_UPS:
        connection.execute(statement)
    return int(days[0]) if days else 0
