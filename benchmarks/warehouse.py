"""What does loading a million lines cost? ``python -m benchmarks.warehouse`` (minutes). Exits 1 below a bar.

The same lines go to the same schema, with all keys and constraints on at the end, in one run:

- the loader: cold, the days again, one day replaced;
- pandas ``to_sql`` into a table, and from there by plain SQL into dimensions and facts;
- a row at a time, five look-ups and an insert for each, on a sample: the seconds for all are extrapolated.

Then the views: recomputed from the facts, against a refresh after one day changed. ``--lines`` makes it larger or
smaller; BENCH_WAREHOUSE_URL names a server instead of the embedded one.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil
import psycopg
import pyarrow as pa
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Numeric, create_engine
from sqlalchemy.pool import StaticPool

from pizza_assets.football.mock import mock_matches
from pizza_assets.retail.mock import mock_sales
from pizza_assets.settings import Settings
from pizza_assets.warehouse import embedded
from pizza_assets.warehouse.connection import Connection, connect
from pizza_assets.warehouse.feeds import Feed
from pizza_assets.warehouse.loader import load_day, load_days
from pizza_assets.warehouse.marts import refresh
from pizza_assets.warehouse.migrations import migrate

RETAILER, FIRST, DAYS = "retailer_1", date(2025, 3, 3), 30
LINES_PER_SECOND, TIMES_TO_SQL = 100_000, 10
SAMPLE = 5_000
COLD_LOADS = 3

#: What people write after to_sql: dimensions, then facts, in sets. All constraints are on.
_SETS = """
INSERT INTO sales.dim_product (retailer_key, product_sku, product_name, category, as_of)
SELECT DISTINCT ON (product_sku) 1, product_sku, product_name, category, source_day FROM staging
ORDER BY product_sku, source_day DESC
ON CONFLICT (retailer_key, product_sku) DO UPDATE SET product_name = excluded.product_name;
INSERT INTO sales.dim_store (retailer_key, store_id, city, as_of)
SELECT DISTINCT ON (store_id) 1, store_id, store_city, source_day FROM staging ORDER BY store_id, source_day DESC
ON CONFLICT (retailer_key, store_id) DO UPDATE SET city = excluded.city;
INSERT INTO sales.dim_customer (retailer_key, customer_id)
SELECT DISTINCT 1, customer_id FROM staging WHERE customer_id IS NOT NULL ON CONFLICT DO NOTHING;
INSERT INTO sales.fact_sales
SELECT 1, transaction_id, product_key, to_char(sold_at AT TIME ZONE 'Europe/London', 'YYYYMMDD')::integer,
       coalesce(customer_key, 0), store_key, sold_at, quantity, unit_price, total_amount, currency, data_source, line,
       source_day, discount, quantity < 0
FROM staging
JOIN sales.dim_product p USING (product_sku) JOIN sales.dim_store s USING (store_id)
LEFT JOIN sales.dim_customer c USING (customer_id)
ON CONFLICT DO NOTHING;
"""
_LOOK_UPS = (
    ("SELECT product_key FROM sales.dim_product WHERE retailer_key = 1 AND product_sku = %s", "product_sku"),
    ("SELECT store_key FROM sales.dim_store WHERE retailer_key = 1 AND store_id = %s", "store_id"),
    ("SELECT customer_key FROM sales.dim_customer WHERE retailer_key = 1 AND customer_id = %s", "customer_id"),
    ("SELECT date_key FROM sales.dim_date WHERE calendar_date = %s::date", "sold_at"),
    ("SELECT retailer_key FROM sales.dim_retailer WHERE retailer_id = %s", "retailer_id"),
)
#: The measures of the roll-ups, by the names of their columns.
_SUMS = """sum(quantity) AS net_quantity,
               -coalesce(sum(quantity) FILTER (WHERE is_return), 0) AS returned_quantity,
               coalesce(sum(total_amount + discount) FILTER (WHERE NOT is_return), 0) AS gross_revenue,
               coalesce(sum(discount) FILTER (WHERE NOT is_return), 0) AS discounts,
               -coalesce(sum(total_amount) FILTER (WHERE is_return), 0) AS returns, sum(total_amount) AS net_revenue"""
_INSERT = """
INSERT INTO sales.fact_sales VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""


@contextmanager
def server() -> Iterator[str]:
    """Yield the address of a server for the benchmark alone."""
    if url := os.environ.get("BENCH_WAREHOUSE_URL"):
        yield url
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o755)
        try:
            yield embedded.start(Path(place, "warehouse"))
        finally:
            embedded.stop(Path(place, "warehouse"))


@contextmanager
def fresh(address: str, name: str) -> Iterator[Connection]:
    """Yield a connection to a database with an empty warehouse."""
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        admin.execute(f"CREATE DATABASE {name}".encode())
    with connect(make_conninfo(address, dbname=name)) as connection:
        migrate(connection)
        yield connection


def make_feeds(lines: int) -> list[Feed]:
    """Return thirty mock days of a retailer that hold about so many lines together."""
    settings = Settings.load(retail_mock_lines_per_day=lines / DAYS)
    days = [FIRST + timedelta(days=number) for number in range(DAYS)]
    return [Feed(day, mock_sales(RETAILER, day, mock_matches(day, settings), settings)) for day in days]


class Stopwatch:
    """Measures wall seconds and, of an embedded server and this process, CPU seconds: other work does not count."""

    def __init__(self, address: str) -> None:
        server = embedded.process(Path(str(conninfo_to_dict(address).get("host") or "/nowhere")).parent)
        self.processes = [psutil.Process(), *([server] if server else [])]

    def cpu(self) -> float:
        """Return the CPU seconds so far, those of ended children included."""
        used = 0.0
        for process in self.processes:
            for one in [process, *process.children(recursive=True)]:
                with suppress(psutil.Error):
                    times = one.cpu_times()
                    used += times.user + times.system + times.children_user + times.children_system
        return used

    def __call__(self, work: Callable[[], Any]) -> tuple[float, float, Any]:
        """Return the wall and CPU seconds that work took, and what it returned."""
        cpu, start = self.cpu(), perf_counter()
        result = work()
        return perf_counter() - start, self.cpu() - cpu, result


def count(connection: Connection) -> int:
    """Return the number of facts."""
    row = connection.execute("SELECT count(*) FROM sales.fact_sales").fetchone()
    return int(row[0]) if row else 0


def to_staging(connection: Connection, feeds: list[Feed]) -> None:
    """Put the lines into a table with pandas."""
    frame = pa.concat_tables([feed.sales for feed in feeds]).to_pandas()
    frame["source_day"] = [day for feed in feeds for day in [feed.source_day] * feed.sales.num_rows]
    connection.autocommit = False
    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
    money = {"quantity": Numeric(16, 4), "unit_price": Numeric(16, 4)}
    money |= {"discount": Numeric(18, 4), "total_amount": Numeric(18, 4)}
    frame.to_sql("staging", engine, index=False, chunksize=10_000, dtype=money)
    connection.commit()
    connection.autocommit = True


def to_facts(connection: Connection) -> None:
    """Make dimensions and facts of that table."""
    for statement in _SETS.split(";\n"):
        if statement.strip():
            connection.execute(statement.encode())


def prepare_rows(connection: Connection, feeds: list[Feed]) -> list[dict[str, Any]]:
    """Make the dimensions of a sample, and return the sample."""
    load_days(connection, feeds[:1], retailer_id=RETAILER)
    connection.execute("TRUNCATE sales.fact_sales")
    return feeds[0].sales.slice(0, SAMPLE).to_pylist()


def by_rows(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Load a row at a time."""
    for row in rows:
        found = [connection.execute(query.encode(), [row[name]]).fetchone() for query, name in _LOOK_UPS]
        product, store, customer, day, retailer = (key[0] if key else 0 for key in found)
        values = [retailer, row["transaction_id"], product, day, customer, store, row["sold_at"], row["quantity"],
                  row["unit_price"], row["total_amount"], row["currency"], row["data_source"], row["line"],
                  FIRST, row["discount"], row["quantity"] < 0]  # fmt: skip
        connection.execute(_INSERT, values)


def views_over_facts(connection: Connection) -> None:
    """Make the six views once more in the schema ``direct``, over the facts instead of the roll-ups."""
    connection.execute(
        """
        CREATE SCHEMA direct;
        CREATE VIEW direct.rollup_daily_retailer AS
        SELECT date_key, retailer_key, currency, data_source, count(DISTINCT transaction_id) AS transactions,
               count(DISTINCT customer_key) FILTER (WHERE customer_key <> 0) AS customers, count(*) AS facts,
               %(sums)s
        FROM sales.fact_sales GROUP BY 1, 2, 3, 4;
        CREATE VIEW direct.rollup_daily_product AS
        SELECT date_key, retailer_key, product_key, currency, data_source,
               count(DISTINCT transaction_id) AS transactions, %(sums)s
        FROM sales.fact_sales GROUP BY 1, 2, 3, 4, 5;
    """.replace("%(sums)s", _SUMS)
    )
    for name, definition, index in connection.execute("""
        SELECT matviewname, definition, (SELECT indexdef FROM pg_indexes i WHERE i.tablename = matviewname)
        FROM pg_matviews WHERE schemaname = 'marts'
    """).fetchall():
        over_facts = definition.replace("marts.rollup_", "direct.rollup_")
        connection.execute(f"CREATE MATERIALIZED VIEW direct.{name} AS {over_facts}".encode())
        connection.execute(index.replace("marts.", "direct.").encode())


def refresh_over_facts(connection: Connection) -> None:
    """Refresh the views over the facts as the marts' are refreshed."""
    for (name,) in connection.execute("SELECT matviewname FROM pg_matviews WHERE schemaname = 'direct'").fetchall():
        connection.execute(f"REFRESH MATERIALIZED VIEW CONCURRENTLY direct.{name}".encode())


def main(arguments: list[str]) -> int:
    """Print the tables; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000, help="lines of thirty days together")
    feeds = make_feeds(parser.parse_args(arguments).lines)
    lines = sum(feed.sales.num_rows for feed in feeds)
    print(f"{lines:,} lines of one retailer in {DAYS} days\n")
    print(f"{'':<46}{'seconds':>9}{'CPU s':>9}{'lines/s':>10}")

    def show(name: str, seconds: float, cpu: float, number: int = lines) -> None:
        print(f"{name:<46}{seconds:>9.2f}{cpu:>9.2f}{number / seconds:>10,.0f}", flush=True)

    with server() as address:
        timed = Stopwatch(address)
        runs = [cold_load(address, timed, feeds) for _ in range(COLD_LOADS - 1)]
        with fresh(address, "bench_loader") as connection:
            runs.append(timed(lambda: load_days(connection, feeds, retailer_id=RETAILER))[:2])
            cold, cold_cpu = sorted(runs)[COLD_LOADS // 2]
            show(f"loader, cold (median of {', '.join(f'{run[0]:.1f}' for run in runs)})", cold, cold_cpu)
            facts = count(connection)
            again, cpu, loads = timed(lambda: load_days(connection, feeds, retailer_id=RETAILER))
            show("loader, all again: inserts 0", again, cpu)
            inserted = sum(load.inserted for load in loads)
            replaced, cpu, _ = timed(lambda: replace(connection, feeds[DAYS // 2]))
            show("loader, one day replaced", replaced, cpu, feeds[DAYS // 2].sales.num_rows)
            views = measure_views(connection, timed, feeds[DAYS // 2])
        with fresh(address, "bench_sets") as connection:
            staging, staging_cpu, _ = timed(lambda: to_staging(connection, feeds))
            show("pandas to_sql into a bare table", staging, staging_cpu)
            sets, sets_cpu, _ = timed(lambda: to_facts(connection))
            show("the same, then plain SQL to the facts", staging + sets, staging_cpu + sets_cpu)
            is_same = count(connection) == facts
        with fresh(address, "bench_rows") as connection:
            rows = prepare_rows(connection, feeds)
            each, each_cpu, _ = timed(lambda: by_rows(connection, rows))
            many = lines / len(rows)
            show(f"a row at a time ({SAMPLE:,} rows, extrapolated)", many * each, many * each_cpu)
    print(f"\n{views}\n")
    times = (staging + sets) / cold
    print(
        f"cold load: {lines / cold:,.0f} lines/s, bar {LINES_PER_SECOND:,}; {lines / cold_cpu:,.0f} lines a CPU-second"
    )
    print(f"cold load: {times:.1f} times as fast as to_sql to the facts, bar {TIMES_TO_SQL}")
    print(f"{facts:,} facts, the same by both ways: {is_same}; inserted by loading again: {inserted}")
    return int(lines / cold < LINES_PER_SECOND or times < TIMES_TO_SQL or not is_same or inserted > 0)


def cold_load(address: str, timed: Stopwatch, feeds: list[Feed]) -> tuple[float, float]:
    """Load everything into a warehouse of its own and return the wall and CPU seconds."""
    with fresh(address, "bench_cold") as connection:
        return timed(lambda: load_days(connection, feeds, retailer_id=RETAILER))[:2]


def replace(connection: Connection, feed: Feed) -> None:
    """Replace a day."""
    load_day(connection, feed.sales, retailer_id=RETAILER, source_day=feed.source_day, replace=True)


def measure_views(connection: Connection, timed: Stopwatch, day: Feed) -> str:
    """Return a table of what refreshes cost, and check that they say the same."""
    views_over_facts(connection)
    over_facts = timed(lambda: refresh_over_facts(connection))
    full = timed(lambda: refresh(connection, full=True))
    replace(connection, day)
    one_day = timed(lambda: refresh(connection))
    different = 0
    for (name,) in connection.execute("SELECT matviewname FROM pg_matviews WHERE schemaname = 'direct'").fetchall():
        query = f"SELECT count(*) FROM (SELECT * FROM direct.{name} EXCEPT SELECT * FROM marts.{name}) AS d"  # noqa: S608 names from the catalogue
        row = connection.execute(query.encode()).fetchone()
        different += row[0] if row else 0
    rows = [
        ("all from the facts, without roll-ups", over_facts),
        ("all days rolled up again", full),
        (f"after {one_day[2].days} retailer-day was replaced", one_day),
    ]
    return "\n".join(
        [
            f"{'six views, refreshed concurrently':<46}{'seconds':>9}{'CPU s':>9}",
            *(f"{name:<46}{seconds:>9.2f}{cpu:>9.2f}" for name, (seconds, cpu, _) in rows),
            f"rows that differ between the first and the last: {different}",
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
