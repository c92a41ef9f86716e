"""Is a load right after kill -9? ``python -m benchmarks.warehouse_kill`` (minutes). Exits 1 when it is not.

Thirty days of four retailers lie in a lake. A process loads them and refreshes the views; it is killed at a random
moment, started again to go on, killed again ... until it ends; then the facts, the dimensions, the views and the
constraints must be those of a load that nobody disturbed, and loading everything again must insert nothing. Rounds
go on, with the days one by one and in bulk by turns, until there were 50 kills. Every fifth kill hits the
database's own process, so that the server crashes and recovers.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pyarrow as pa

from benchmarks.warehouse import fresh
from pizza_assets.football.mock import mock_matches
from pizza_assets.lake import layout, open_lake
from pizza_assets.lake.sales import SalesDay, SalesTable
from pizza_assets.lake.store import Store
from pizza_assets.retail.contract import RETAILER_IDS
from pizza_assets.retail.mock import mock_sales
from pizza_assets.settings import Settings
from pizza_assets.warehouse import bulk, embedded, intake
from pizza_assets.warehouse.connection import Connection, connect
from pizza_assets.warehouse.loader import DayLoad
from pizza_assets.warehouse.marts import refresh

KILLS, SERVER_KILL_EVERY = 50, 5
FIRST, DAYS = date(2025, 3, 3), 30
DATABASE = "killed"
_WAYS = {False: "day by day", True: "in bulk"}

#: All that a load makes, without surrogate keys and clocks: they may differ.
_CONTENT = {
    "facts": """
        SELECT r.retailer_id, f.transaction_id, p.product_sku, d.calendar_date, c.customer_id, s.store_id, f.sold_at,
               f.quantity, f.unit_price, f.total_amount, f.currency, f.data_source, f.line, f.source_day
        FROM (SELECT * FROM sales.fact_sales UNION ALL SELECT * FROM sales.fact_sales_superseded) f
        JOIN sales.dim_retailer r USING (retailer_key) JOIN sales.dim_product p USING (product_key)
        JOIN sales.dim_date d USING (date_key) JOIN sales.dim_customer c USING (customer_key)
        JOIN sales.dim_store s USING (store_key)""",
    "products": "SELECT retailer_key, product_sku, product_name, category, as_of FROM sales.dim_product",
    "customers": "SELECT retailer_key, customer_id FROM sales.dim_customer",
    "stores": "SELECT retailer_key, store_id, city, as_of FROM sales.dim_store",
    "loads": "SELECT retailer_key, source_day, received, rejected, inserted, corrected FROM ops.loaded_day",
    "daily view": "SELECT * FROM marts.mv_daily_sales_summary",
    "product view": "SELECT * FROM marts.mv_daily_sales_by_product",
    "constraints": """
        SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint
        WHERE conrelid = 'sales.fact_sales'::regclass
        UNION ALL SELECT indexname, indexdef, true FROM pg_indexes WHERE tablename = 'fact_sales'""",
}


def fill(store: Store) -> None:
    """Put thirty mock days of every retailer into the lake; each day's feed restates some of the day before."""
    settings = Settings.load()
    for where in layout.SALES_TABLES.values():
        source = where.retailer_id if where.retailer_id != "dominos" else "retailer_3"
        table = SalesTable(store, where)
        before: pa.Table | None = None
        for day in (FIRST + timedelta(days=number) for number in range(DAYS)):
            sales = mock_sales(source, day, mock_matches(day, settings), settings)
            names = pa.array([where.retailer_id] * sales.num_rows)
            sales = sales.set_column(0, sales.schema.field(0), names)
            restated = [] if before is None else [before.slice(0, 50)]
            table.put(day, SalesDay(pa.concat_tables([sales, *restated]), "mock"), "benchmark")
            before = sales


def load(connection: Connection, store: Store) -> Iterator[DayLoad]:
    """Load what the warehouse lacks, then refresh the views: what `pizza-assets warehouse load` does."""
    last = FIRST + timedelta(days=DAYS - 1)
    for retailer in RETAILER_IDS:
        days = intake.days_to_load(connection, store, retailer, FIRST, last)
        yield from intake.load_from_lake(connection, store, retailer, days)
    refresh(connection)


def content(connection: Connection) -> dict[str, str]:
    """Return a digest of each part of what a load makes."""
    digests = {}
    connection.execute("SET search_path = pg_catalog")  # constraints name tables relative to it
    for name, query in _CONTENT.items():
        digest = f"SELECT count(*) || ' ' || md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM ({query}) AS t"  # noqa: S608 queries of this file
        row = connection.execute(digest.encode()).fetchone()
        digests[name] = str(row[0]) if row else ""
    return digests


@contextmanager
def worker(address: str, lake: Path, *, is_bulk: bool) -> Iterator["subprocess.Popen[str]"]:
    """Start a process that loads, and wait until it has all that it needs to begin."""
    code = [sys.executable, "-m", "benchmarks.warehouse_kill", "--work", address, "--lake", str(lake)]
    with subprocess.Popen(  # noqa: S603 this file
        [*code, *(["--bulk"] if is_bulk else [])], stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is not None:
            process.stdout.readline()
        yield process


def work(address: str, lake: Path) -> int:
    """Load, as the process that is killed."""
    with connect(address) as connection:
        print("ready", flush=True)
        loads = list(load(connection, open_lake(str(lake))))
        print(len(loads))
    return 0


def kill_backend(address: str) -> bool:
    """Kill the database's process that serves the load; the server then crashes and recovers. False: there was none."""
    try:
        with psycopg.connect(address, autocommit=True) as admin:
            row = admin.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
                "AND application_name = 'pizza-assets'"
            ).fetchone()
    except psycopg.OperationalError:
        return False
    if row is None:
        return False
    os.kill(row[0], signal.SIGKILL)
    return True


def reachable(address: str) -> Connection:
    """Return a connection as soon as the server has recovered."""
    for _ in range(600):
        try:
            return psycopg.connect(address, autocommit=True)
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise TimeoutError("The server did not recover within a minute.")


def disturbed(address: str, lake: Path, kills: range, seconds: float, *, is_bulk: bool) -> int:
    """Load with kills at random moments until it is done, and return how many of the `kills` there were."""
    done = 0
    while True:
        reachable(address).close()
        with worker(address, lake, is_bulk=is_bulk) as process:
            try:
                process.wait(random.uniform(0, seconds) if done < len(kills) else None)
            except subprocess.TimeoutExpired:
                if kills[done] % SERVER_KILL_EVERY or not kill_backend(address):
                    process.kill()
                process.wait()
                done += 1
                continue
        if process.returncode == 0:
            return done


def main(arguments: list[str]) -> int:
    """Run rounds until there were enough kills; return 1 when anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--lake", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--bulk", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    bulk._FEWEST_LINES = 0 if options.bulk else 10**9
    if options.work:
        return work(options.work, options.lake)
    random.seed(options.seed)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o755)
        try:
            return rounds(embedded.start(Path(place, "warehouse")), Path(place, "lake"), options.kills)
        finally:
            embedded.stop(Path(place, "warehouse"))


def rounds(address: str, lake: Path, kills: int) -> int:
    """Run the rounds on this server and print them."""
    fill(open_lake(str(lake)))
    expected, seconds = {}, {}
    for is_bulk in (False, True):
        bulk._FEWEST_LINES = 0 if is_bulk else 10**9
        with fresh(address, "reference") as connection:
            start = time.perf_counter()
            facts = sum(day.inserted for day in load(connection, open_lake(str(lake))))
            seconds[is_bulk] = time.perf_counter() - start
            expected[is_bulk] = content(connection)
        print(f"undisturbed, {_WAYS[is_bulk]}: {facts:,} facts of {len(RETAILER_IDS)} retailers and {DAYS} days in "
              f"{seconds[is_bulk]:.1f} s", flush=True)  # fmt: skip
    if expected[False] != expected[True]:
        print("The two ways make different facts.")
        return 1
    killed, wrong, number = 0, 0, 0
    while killed < kills:
        is_bulk = number % 2 == 1
        with fresh(address, DATABASE) as connection:
            there = connection.info.dsn
        most = range(killed + 1, min(kills, killed + kills // 5 + 1) + 1)
        found = disturbed(there, lake, most, seconds[is_bulk], is_bulk=is_bulk)
        with reachable(there) as connection:
            differs = [name for name, digest in content(connection).items() if digest != expected[is_bulk][name]]
            again = sum(day.inserted + day.corrected for day in reload(connection, open_lake(str(lake))))
        killed, number, wrong = killed + found, number + 1, wrong + len(differs) + again
        print(f"round {number}, {_WAYS[is_bulk]}: {found} kills; differs: {', '.join(differs) or 'nothing'}; "
              f"loading all again inserts {again}", flush=True)  # fmt: skip
    print(f"{killed} kills in {number} rounds, {wrong} differences")
    return int(wrong > 0)


def reload(connection: Connection, store: Store) -> Iterator[DayLoad]:
    """Load every day once more, whatever the audit says."""
    for where in layout.SALES_TABLES.values():
        days = SalesTable(store, where).stored
        yield from intake.load_from_lake(connection, store, where.retailer_id, days)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
