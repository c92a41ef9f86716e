"""What the warehouse has: days, facts, duplicates, rejects and freshness of each retailer.

Belongs here: counting, and asking as a reader. Does not belong here: printing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pizza_assets.warehouse.connection import Connection, explained

_STATUS = """
WITH days AS (
    SELECT retailer_key, count(*) AS days, count(*) FILTER (WHERE data_source = 'real') AS real_days,
           min(source_day) AS first_day, max(source_day) AS last_day,
           sum(rejected)::bigint AS rejected, max(loaded_at) AS loaded_at
    FROM ops.loaded_day GROUP BY retailer_key
), loads AS (
    SELECT retailer_key, coalesce(sum(duplicate), 0)::bigint AS duplicates,
           coalesce(sum(corrected), 0)::bigint AS corrected
    FROM ops.load_audit WHERE outcome = 'loaded' GROUP BY retailer_key
), failures AS (
    SELECT a.retailer_key, count(*) AS failed FROM ops.load_audit a
    WHERE a.outcome = 'failed' AND NOT EXISTS (
        SELECT FROM ops.load_audit b
        WHERE (b.retailer_key, b.source_day) = (a.retailer_key, a.source_day)
        AND b.outcome = 'loaded' AND b.audit_id > a.audit_id
    )
    GROUP BY a.retailer_key
), facts AS (
    SELECT retailer_key, count(*) AS facts FROM sales.fact_sales GROUP BY retailer_key
)
SELECT r.retailer_id, coalesce(d.days, 0), coalesce(d.real_days, 0), coalesce(f.facts, 0),
       coalesce(l.duplicates, 0), coalesce(l.corrected, 0), coalesce(d.rejected, 0), coalesce(x.failed, 0),
       d.first_day, d.last_day, d.loaded_at
FROM sales.dim_retailer r
LEFT JOIN days d USING (retailer_key) LEFT JOIN loads l USING (retailer_key)
LEFT JOIN failures x USING (retailer_key) LEFT JOIN facts f USING (retailer_key)
WHERE r.retailer_key <> 0
ORDER BY r.retailer_key
"""
_STALE = "SELECT count(*) FROM (SELECT DISTINCT retailer_key, date_key FROM ops.stale_day) AS stale"
#: A reader's query may take this long.
_QUERY_SECONDS = 300


@dataclass(frozen=True)
class RetailerStatus:
    """What a retailer has.

    ``rejected`` counts lines of the newest load of each day, ``duplicates`` and ``corrected`` facts of all loads,
    ``failed`` loads of days that have not been loaded since.
    """

    retailer_id: str
    days: int
    real_days: int
    facts: int
    duplicates: int
    corrected: int
    rejected: int
    failed: int
    first_day: date | None
    last_day: date | None
    loaded_at: datetime | None

    @property
    def missing_days(self) -> int:
        """Days that are missing between the first and the last one."""
        return (self.last_day - self.first_day).days + 1 - self.days if self.first_day and self.last_day else 0


def retailers(connection: Connection) -> list[RetailerStatus]:
    """Return the status of every retailer, in the order of their keys."""
    return [RetailerStatus(*row) for row in connection.execute(_STATUS)]


def stale_days(connection: Connection) -> int:
    """Return how many retailer-days the views have yet to take in."""
    row = connection.execute(_STALE).fetchone()
    return int(row[0]) if row else 0


def ask(connection: Connection, query: str) -> tuple[list[str], Sequence[Sequence[Any]]]:
    """Answer a query on a reader's connection, in a transaction that only reads; return column names and rows.

    Raises
    ------
    WarehouseError
        When the query is wrong, takes too long or wants more than a reader may.
    """
    with explained(), connection.transaction():
        connection.execute("SET TRANSACTION READ ONLY")
        connection.execute("SET LOCAL search_path = sales, marts, merchants")
        connection.execute(f"SET LOCAL statement_timeout = '{_QUERY_SECONDS}s'".encode())
        # Binary parameters make it one statement: a second one after a semicolon is rejected.
        cursor = connection.execute(query.encode(), prepare=True)
        rows = cursor.fetchall() if cursor.description else []
        return [column.name for column in cursor.description or ()], rows
